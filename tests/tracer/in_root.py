"""in_root.py ROOT FROM TO COMMAND…: runs the command in a root folder of its own, FROM here being TO in there, with nothing left
of this root; in a mount namespace that is its own already."""
import ctypes
import os
import sys

root, there, here = sys.argv[1:4]
BIND, DETACH, PIVOT_ROOT = 4096, 2, 155
libc = ctypes.CDLL(None, use_errno=True)


def do(name, *args):
    args = [os.fsencode(a) if isinstance(a, str) else a for a in args]
    if getattr(libc, name)(*args) != 0:
        sys.exit(f"{name}{args}: {os.strerror(ctypes.get_errno())}")


do("mount", root, root, None, ctypes.c_ulong(BIND), None)
do("mount", there, root + here, None, ctypes.c_ulong(BIND), None)
do("mount", "proc", root + "/proc", "proc", ctypes.c_ulong(0), None)
os.chdir(root)
do("syscall", ctypes.c_long(PIVOT_ROOT), ".", ".")
do("umount2", ".", DETACH)
os.chdir("/")
os.execve(sys.argv[4], sys.argv[4:], {"LD_LIBRARY_PATH": "/opt/it/lib", "PYTHONHOME": "/opt/it"})
