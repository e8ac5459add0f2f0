"""How much memory a model may still take on this machine, or in this container."""

from __future__ import annotations

import os
import re
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")  # of a container, its own; version 2


def available_memory(meminfo: Path = MEMINFO, cgroup: Path = CGROUP) -> int | None:
    """Bytes that may be taken without the system's swapping; None where it can't be told.

    On Linux what the kernel estimates, or a container's limit less what it uses. Elsewhere all memory that is built in.
    """
    amounts = [amount for amount in (_of_kernel(meminfo), _of_cgroup(cgroup)) if amount is not None]
    if amounts:
        return min(amounts)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def gigabytes(size: int) -> str:
    """Bytes, for a message."""
    return f"{size / 1e9:.1f} GB"


def _of_kernel(meminfo: Path) -> int | None:
    found = re.search(r"MemAvailable:\s+(\d+) kB", _text(meminfo))
    return int(found[1]) * 1_024 if found else None


def _of_cgroup(cgroup: Path) -> int | None:
    """None without a limit. Cached files count as used there, but are given up for a program."""
    limit, used = _text(cgroup / "memory.max").strip(), _text(cgroup / "memory.current").strip()
    if not limit.isdigit() or not used.isdigit():
        return None
    cached = re.findall(r"^(?:in)?active_file (\d+)", _text(cgroup / "memory.stat"), re.MULTILINE)
    return max(0, int(limit) - int(used) + sum(map(int, cached)))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
