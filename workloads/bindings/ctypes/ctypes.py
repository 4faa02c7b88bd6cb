"""Binding descriptor: ctypes. CDLL releases the GIL around the call, PyDLL holds it."""
summary = "ctypes from the standard library, with declared argument types"
variants = ("argtypes",)


def load(variant, host):
    import ctypes

    def spin(library):
        function = library(host.kernels).bd_kernel_call
        function.argtypes = (ctypes.c_uint64, ctypes.c_uint64)
        function.restype = ctypes.c_uint64
        return function

    add_up = ctypes.PyDLL(host.kernels).bd_kernel_sum
    add_up.argtypes = (ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64)
    add_up.restype = ctypes.c_uint64

    def sum_(k, data):
        n = len(data)
        return add_up(k, data if isinstance(data, bytes) else (ctypes.c_char * n).from_buffer(data), n)

    hold, release = spin(ctypes.PyDLL), spin(ctypes.CDLL)
    return {"spin_hold": hold, "spin_release": release, "sum": sum_,
            "native": [ctypes.cast(f, ctypes.c_void_p).value for f in (hold, release, add_up)]}
