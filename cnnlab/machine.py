"""Find out how many processors and how much memory this process may use, and how many workers `sweep` starts.

A container (Docker, JupyterHub, Kubernetes) shows every processor and all memory of the computer that it runs on. Its
real limits are in the files of Linux's control groups: https://docs.kernel.org/admin-guide/cgroup-v2.html describes
cpu.max and memory.max. For version 1 of control groups, https://docs.kernel.org/scheduler/sched-bwc.html describes
cpu.cfs_quota_us, and https://docs.kernel.org/admin-guide/cgroup-v1/memory.html the limit on memory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cnnlab.checks import check_whole, counted, is_whole, shown
from cnnlab.errors import ConfigError

CONTROL_GROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")
# Measured by benchmarks/notebook_memory.py.
WORKER_BYTES = 500_000_000  # one worker
NOTEBOOK_BYTES = 300_000_000  # what a notebook itself may still take while a sweep runs
UNKNOWN_FREE = 64_000_000_000  # bytes that `check_memory` allows where the system does not say how many are free
FEW_WORKERS, WORKERS_OF_A_PROCESSOR = 16, 4  # that a person may ask for, whatever there is; and where there are more
MOST_WORKERS = 2  # by default: with three, every notebook that trains would need more than 1.8 GB


def visible_processors() -> int:
    """Return how many processors this process may run on; a container's limit on their time is not counted."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processors() -> int:
    """Return how many processors this process may use: at least 1, and no more than its container allows.

    A container that allows 2.5 processors counts as one with 2.

    >>> processors()
    2
    """
    count = visible_processors()
    for group in _groups("cpu"):
        limit = _numbers(group / "cpu.max")  # "50000 100000", or "max 100000" without a limit
        limit = limit or _numbers(group / "cpu.cfs_quota_us") + _numbers(group / "cpu.cfs_period_us")
        if len(limit) == 2 and limit[1] > 0:
            count = min(count, limit[0] // limit[1])
    return max(1, count)


def free_memory() -> int | None:
    """Return how many bytes this process may still take; None if the system (macOS, Windows) does not say.

    The smallest of the computer's free memory and what the container still allows. The copies of files that Linux
    keeps in memory and drops first (inactive_file) count as free.
    """
    free = [1024 * size for size in _numbers(PROC / "meminfo", "MemAvailable:")]
    for group in _groups("memory"):
        for limit, usage, droppable in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            most, used = _numbers(group / limit), _numbers(group / usage)
            if most and used:
                free.append(most[0] - used[0] + sum(_numbers(group / "memory.stat", droppable)))
    return max(0, min(free)) if free else None


def check_memory(what: str, needed: int, remedy: str) -> None:
    """Raise ConfigError unless as many bytes are free as `what` needs, as far as the system says.

    >>> check_memory("10 images", 10**20, "make fewer")
    Traceback (most recent call last):
    cnnlab.errors.ConfigError: 10 images: needs 100,000,000,000.0 GB of memory, and 12.0 GB are free; make fewer
    """
    free = free_memory()
    free = UNKNOWN_FREE if free is None else free
    if needed > free:
        raise ConfigError(f"{what}: needs {needed / 1e9:,.1f} GB of memory, and {free / 1e9:.1f} GB are free; {remedy}")


def worker_count() -> tuple[int, str]:
    """Return how many workers `sweep` starts by default, and the reason in words.

    $CNNLAB_WORKERS if that is set. Otherwise one for each processor, at most MOST_WORKERS, and no more than fit into
    the free memory. Raises ConfigError where $CNNLAB_WORKERS is no number of workers.

    >>> worker_count()
    (2, 'one for each processor')
    """
    setting = os.environ.get("CNNLAB_WORKERS", "")
    if setting:
        count = check_workers("CNNLAB_WORKERS", int(setting[:20]) if setting.isdecimal() else setting)
        return count, f"because CNNLAB_WORKERS={count} is set"
    count, visible, free = processors(), visible_processors(), free_memory()
    reason = "one for each processor"
    if count < visible:
        reason = f"because this container allows {counted(count, 'processor')} of the machine's {visible}"
    if count > MOST_WORKERS:
        reason = f"because more could need over 1.8 GB of memory; CNNLAB_WORKERS={count} uses all {count} processors"
        count = MOST_WORKERS
    if free is not None and (fitting := max(1, (free - NOTEBOOK_BYTES) // WORKER_BYTES)) < count:
        count, reason = fitting, f"because {free / 1e9:.1f} GB of memory are free"
    return count, reason


def check_workers(field: str, value: Any) -> int:
    """Return a number of workers; raise ConfigError unless it is whole, 1 or more, and not far above the processors."""
    count, most = visible_processors(), max(FEW_WORKERS, WORKERS_OF_A_PROCESSOR * visible_processors())
    if is_whole(value) and int(value) > most:
        raise ConfigError(
            f"{field}={shown(value)}: this computer has {counted(count, 'processor')}, and more workers only take "
            f"memory; try {count}, {most} at most"
        )
    return check_whole(field, value, 1)


def _groups(controller: str) -> Iterator[Path]:
    """Yield the folder of each control group that limits this process: its own group, the parents, and the root.

    Inside a container, /proc/self/cgroup may name the group by its path on the host. That folder does not exist in the
    container, which then has its limits at the root.
    """
    for line in _read(PROC / "self" / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):  # in version 2 the list is empty
            continue
        root = CONTROL_GROUPS / controller if controllers else CONTROL_GROUPS
        own = Path(path.strip("/"))
        yield from (root / group for group in (own, *own.parents))


def _numbers(path: Path, name: str = "") -> list[int]:
    """Return the numbers in the first line that consists of name and numbers; an empty list without such a line."""
    line = re.search(rf"^{name}([0-9 ]+)(?:kB)?$", _read(path), re.MULTILINE)
    return [int(number) for number in line[1].split()] if line else []


def _read(path: Path) -> str:
    """Return the file's text; "" where there is no such file: not on Linux, or hidden by the container."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
