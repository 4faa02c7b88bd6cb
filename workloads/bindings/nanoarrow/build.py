"""nanoarrow, whose arrays and streams the cases of Arrow's C data interface exchange. Nothing is compiled."""


def unsupported(b):
    if b.free_threaded or b.debug:
        return "nanoarrow has no wheel for %s interpreters" % ("free-threaded" if b.free_threaded else "debug")
    return None
