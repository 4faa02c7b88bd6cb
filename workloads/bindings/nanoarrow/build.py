"""nanoarrow, whose arrays and streams the cases of Arrow's C data interface exchange. Nothing is compiled."""


def unsupported(b):
    if b.debug:
        return "nanoarrow has no wheel for debug interpreters"
    if b.free_threaded and b.version < (3, 14):
        return "nanoarrow has wheels for free-threaded interpreters from 3.14 on"
    return None
