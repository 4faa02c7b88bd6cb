"""Touches a fresh mapping of 256 pages in every operation."""
import mmap


def run(ticks, state):
    done = 0
    for _ in ticks:
        with mmap.mmap(-1, 256 * mmap.PAGESIZE) as memory:
            if hasattr(memory, "madvise") and hasattr(mmap, "MADV_NOHUGEPAGE"):
                memory.madvise(mmap.MADV_NOHUGEPAGE)
            for at in range(0, len(memory), mmap.PAGESIZE):
                memory[at] = 1
        done += 1
    return done


def verify(state, result, operations):
    return result == operations
