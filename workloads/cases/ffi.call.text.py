"""hands a string to native code, which adds up its UTF-8: what the string keeps of it, or a copy"""
measures_memory = True
native_calls = 1
params = {"handover": ("what native code works on", ("borrow", "copy")),
          "text": ("the characters, one kind after the other", ("ascii", "latin1", "ucs2", "ucs4")),
          "length": ("characters", ("16", "0", "256", "4k", "64k", "1m"))}
LENGTHS = {"0": 0, "16": 16, "256": 256, "4k": 4096, "64k": 65536, "1m": 1 << 20}
LETTERS = {"ascii": "abcdefgh", "latin1": "abc\xe4\xf6\xfcgh", "ucs2": "abc\u20ac\u4e2d\u6587gh", "ucs4": "abc\U0001f600\u20ac\xe4gh"}
FUNCTIONS = {"borrow": "text", "copy": "text_copy"}


def needs(axes):
    return FUNCTIONS[axes["handover"]]


class State:
    def __init__(self, cell):
        n = LENGTHS[cell.axes["length"]]
        letters = LETTERS[cell.axes["text"]]
        self.text = (letters * (n // len(letters) + 1))[:n]
        utf8 = self.text.encode()
        self.sum = sum(int.from_bytes(utf8[i:i + 8], "little") for i in range(0, len(utf8), 8))
        self.native, self.k, self.copies = cell.binding[needs(cell.axes)], cell.k, cell.axes["handover"] == "copy"


def setup(cell):
    return State(cell)


def call(state):
    return state.native, (state.k, state.text)


def verify(state, result, operations, start):
    return result == start + operations * state.sum & 0x3fffffff


def exporter(state):  # of nothing there is no copy
    return state.text or None


def copies(state):
    return state.copies


def view(state, text):
    state.native(0, text)
