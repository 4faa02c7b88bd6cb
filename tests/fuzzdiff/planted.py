"""Binding descriptor: functions that do what they must, and for each variant one that does not."""
summary = "planted faults"
variants = ("right", "wrong", "refuses", "accepts", "twice", "never", "crashes", "hangs", "system", "swallows", "other", "corner",
            "unloadable", "unsupported")


def load(variant, host):
    import ctypes
    import operator
    import os
    import time

    if variant == "unloadable":
        raise OSError("planted: it cannot be loaded")
    if variant == "unsupported":
        raise host.Unsupported("planted: not here")
    kernel = ctypes.PyDLL(host.kernels).bd_kernel_i64_2
    kernel.argtypes, kernel.restype = (ctypes.c_int64, ctypes.c_int64), ctypes.c_int64
    fail = ctypes.PyDLL(host.kernels).bd_kernel_fail
    fail.argtypes = (ctypes.c_uint64,)

    def fits(x):
        if isinstance(x, float):
            raise TypeError("a float is no integer")
        x = operator.index(x)
        if not -2 ** 63 <= x < 2 ** 63 and variant != "accepts":
            raise SystemError("planted") if variant == "system" else OverflowError("beyond int64")
        return x

    def i64_2(a, b):
        if variant == "corner" and not isinstance(b, (int, float)) and getattr(b, "value", None) == 2 ** 63 - 1:
            raise TypeError("planted: a rare object")
        a, b = fits(a), fits(b)
        if variant == "refuses" and b > 5000:
            raise OverflowError("planted: more than 5000")
        if variant == "crashes" and a < -70:
            os.abort()
        if variant == "hangs" and a < -70:
            time.sleep(1000)
        if variant == "never":
            return (a + b) & 2 ** 30 - 1
        if variant == "twice":
            kernel(a, b)
        return kernel(a, b) + (variant == "wrong" and a > 1000)

    def callback(f, k, n):
        if not isinstance(k, int) or not callable(f):
            raise TypeError("expected (function, int, int)")
        for _ in range(n):
            try:
                got = f(k)
            except Exception:
                if variant == "swallows":
                    continue
                if variant == "other":
                    raise KeyError("planted") from None
                raise
            if not isinstance(got, int):
                raise TypeError("expected an int")
            k = got & 2 ** 30 - 1
        fail(0)
        return k

    return {"i64_2": i64_2, "callback": callback}
