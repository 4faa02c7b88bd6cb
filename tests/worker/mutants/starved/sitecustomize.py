"""A GIL that nobody is asked to let go, while the interpreter says it is after 5 ms: of several threads one runs. Where they
overlap cannot be seen then, and V4 must say that rather than that they do not."""
import sys

sys.setswitchinterval(1000)
sys.getswitchinterval = lambda: 0.005
