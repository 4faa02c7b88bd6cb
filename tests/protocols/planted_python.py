"""Exporters of __array_interface__ that break a rule each, and one that breaks none."""
import ctypes

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


class Raises(Honest):
    def memory_now(self):
        raise OSError("not today")


class Nothing:
    pass


def refuses():
    raise OSError("cannot be made")
