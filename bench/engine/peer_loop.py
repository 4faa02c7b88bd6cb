"""peer_loop.py DIR FUNCTION N: a command for hyperfine, which times processes."""
import sys

sys.path.insert(0, sys.argv[1])
import bench  # noqa: E402


def loop(function, n):
    for _ in range(n):
        function()


loop(getattr(bench, sys.argv[2]), int(sys.argv[3]))
