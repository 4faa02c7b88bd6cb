"""the call of ffi.call.scalar in a process that is watched: by faulthandler, by sys.monitoring, by trace functions

What is chosen before a process starts (-X dev, a debug build) is another side of an A/B: --b PYTHONDEVMODE=1, --b python=ID."""
import sys

process = True  # what watches, watches all of it
needs = ("i64_2",)
native_calls = 1
params = {"under": ("what watches", ("nothing", "faulthandler", "monitoring", "settrace", "setprofile"))}
ID = 5  # sys.monitoring has one for each tool: 0 to 2 have owners


class State:
    def __init__(self, cell):
        self.native, self.k, self.under = cell.binding["i64_2"], cell.k, cell.axes["under"]
        self.seen = 0
        # what C calls nobody sees; trace functions see none of a binding's own types of callable
        self.all_seen = self.under == "monitoring" and cell.axes.get("caller") != "c"

    def saw(self, *_):
        self.seen += 1
        return None


def setup(cell):
    if cell.axes["under"] == "monitoring" and not hasattr(sys, "monitoring"):
        raise cell.Unsupported("sys.monitoring came with Python 3.12", "see under=setprofile")
    return State(cell)


def enter(state):
    """Before each batch, on the thread that runs it; what is on already stays."""
    state.seen = 0
    if state.under == "faulthandler":
        import faulthandler
        faulthandler.enable()
    elif state.under == "monitoring" and sys.monitoring.get_tool(ID) is None:
        sys.monitoring.use_tool_id(ID, "benchd")
        sys.monitoring.register_callback(ID, sys.monitoring.events.CALL, state.saw)
        sys.monitoring.set_events(ID, sys.monitoring.events.CALL)
    elif state.under == "settrace":
        sys.settrace(state.saw)
    elif state.under == "setprofile":
        sys.setprofile(state.saw)


def call(state):
    return state.native, (state.k, 3)


def verify(state, result, operations, start):
    return (not state.all_seen or state.seen >= operations) and result == start + 3 * operations & 0x3fffffff


def teardown(state):
    if state.under == "faulthandler":
        import faulthandler
        faulthandler.disable()
    elif state.under == "monitoring" and sys.monitoring.get_tool(ID) == "benchd":
        sys.monitoring.set_events(ID, 0)
        sys.monitoring.free_tool_id(ID)
    elif state.under == "settrace":
        sys.settrace(None)
    elif state.under == "setprofile":
        sys.setprofile(None)
