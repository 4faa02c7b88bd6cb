"""What a process holds."""
import os

MIB = 1024 * 1024


def rss(pid, field="VmRSS"):
    """Bytes resident (or another field of /proc/PID/status that is in kB)."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise LookupError(field)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def mib(n):
    return f"{n / MIB:.1f} MiB"
