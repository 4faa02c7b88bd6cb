"""calls native code with what it must refuse; or a function of several types, whose one has to be found"""
params = {"given": ("the argument", ("wrong-type", "wrong-count", "too-big", "int", "float", "str"))}
REFUSED = {"wrong-type": ("text",), "wrong-count": (), "too-big": (1 << 70,)}
STATEMENT = "try:\n\tnative(*args)\nexcept errors:\n\tk += 1"
RESOLVED = "k = native(k)"
TEXT = "four"


def needs(axes):
    return "i64_1" if axes["given"] in REFUSED else "overload"


def native_calls(axes):
    return 0 if axes["given"] in REFUSED else 1


class State:
    def __init__(self, cell):
        self.given, self.native = cell.axes["given"], cell.binding[needs(cell.axes)]
        self.args = REFUSED.get(self.given)
        if self.args is not None and not self.refuses():
            raise cell.Unsupported("the binding takes this argument", "")

    def refuses(self):
        """A binding that lets its numbers wrap, or asks nobody for their types, has nothing to refuse."""
        try:
            self.native(*self.args)
        except Exception as error:
            self.error = type(error)
            return True
        return False


def setup(cell):
    return State(cell)


def first(state, start):
    return {"float": float(start), "str": TEXT}.get(state.given, start)


def loop(state):
    if state.args is not None:
        return STATEMENT, {"native": state.native, "args": state.args, "errors": state.error}
    if state.given == "str":
        return "k = native(text)", {"native": state.native, "text": TEXT}
    return RESOLVED, {"native": state.native}


def verify(state, result, operations, start):
    if state.given == "str":
        return result == len(TEXT)
    if state.given == "float":
        return type(result) is float and result == start + operations
    return result == (start + operations & 0x3fffffff if state.given == "int" else start + operations)
