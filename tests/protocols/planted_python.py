"""Exporters of __array_interface__ that break a rule each, and one that breaks none."""
import ctypes
import os
import sys

DATA = bytes(range(256)) * 16


def address(memory):
    return ctypes.addressof((ctypes.c_char * len(memory)).from_buffer(memory))


class Honest:
    def __init__(self):
        self.memory = bytearray(DATA)

    def memory_now(self):
        return self.memory

    @property
    def __array_interface__(self):
        memory = self.memory_now()
        return {"version": 3, "shape": (len(memory),), "typestr": "|u1", "data": (address(memory), False)}


class Copies(Honest):
    def __init__(self):
        super().__init__()
        self.copies = []

    def memory_now(self):
        self.copies.append(bytearray(self.memory))
        return self.copies[-1]


class Dangles(Honest):
    def memory_now(self):
        return bytearray(self.memory)  # gone when the address has been told


class Numbers(ctypes.c_double * 512):
    """A ctypes array has a buffer; this has an interface too."""
    shape, typestr, strides = (512,), "<f8", None

    @property
    def __array_interface__(self):
        return {"version": 3, "shape": self.shape, "typestr": self.typestr, "strides": self.strides,
                "data": (ctypes.addressof(self), False)}


class Alike(Numbers):
    pass


class Longer(Numbers):
    shape = (1024,)


class OtherNumbers(Numbers):
    typestr = "<i8"


class Strided(Numbers):
    shape, strides = (256,), (16,)


class Flat(Numbers):
    shape, typestr = (4096,), "|u1"  # bytes are what everything is


class Raises(Honest):
    def memory_now(self):
        raise OSError("not today")


class Nothing:
    pass


def refuses():
    raise OSError("cannot be made")


def prints():
    print("an object is made")
    os.write(1, b"an object is made\n")
    return bytearray(64)


def closes():
    sys.stdout.close()
    return bytearray(64)
