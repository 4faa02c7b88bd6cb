"""An interpreter that says its GIL is off: V4 must not accept that from a build that has one."""
import sys

sys._is_gil_enabled = lambda: False
