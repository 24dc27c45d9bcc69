"""Say how many processors and how much memory this process may use, and how many workers of `sweep` that makes.

A container (Docker, JupyterHub, Kubernetes) shows every processor and all memory of the computer that it runs on. What
it may use stands in Linux's control groups, https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max, memory.max);
for version 1 see scheduler/sched-bwc.html (cpu.cfs_quota_us) and admin-guide/cgroup-v1/memory.html there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from cnnlab.checks import check_whole

CONTROL_GROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")
# In bytes, measured by benchmarks/notebook_memory.py: a worker, and what a notebook itself may still take while a sweep
# runs. Then the most workers by default: with three, every notebook that trains would need more than 1.8 GB.
WORKER, NOTEBOOK, MOST_WORKERS = 500_000_000, 300_000_000, 2


def visible_processors() -> int:
    """Return how many processors this process may run on, whatever time its container allows on them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processors() -> int:
    """Return how many processors this process may use: in a container as many as it allows, rounded down, at least 1.

    >>> processors()
    2
    """
    count = visible_processors()
    for group in _groups("cpu"):
        limit = _numbers(group / "cpu.max")  # "50000 100000", or "max 100000" where there is none
        limit = limit or _numbers(group / "cpu.cfs_quota_us") + _numbers(group / "cpu.cfs_period_us")
        if len(limit) == 2 and limit[1] > 0:
            count = min(count, limit[0] // limit[1])
    return max(1, count)


def free_memory() -> int | None:
    """Return how many bytes this process may still take, of the computer and in its container; None: not known.

    What Linux keeps of files in memory and drops first (inactive_file) counts as free.
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


def worker_count() -> tuple[int, str]:
    """Return how many workers a sweep has that is not given a number, and the reason in words.

    It is $CNNLAB_WORKERS if that is set. Else it is one for each processor, but no more than there is free memory for,
    and at most MOST_WORKERS.

    >>> worker_count()
    (2, 'one for each processor')
    """
    wish = os.environ.get("CNNLAB_WORKERS", "")
    if wish:
        count = check_whole("CNNLAB_WORKERS", int(wish) if wish.isdecimal() else wish, 1)
        return count, f"because CNNLAB_WORKERS={count} is set"
    count, visible, free = processors(), visible_processors(), free_memory()
    reason = "one for each processor"
    if count < visible:
        allowed = "1 processor" if count == 1 else f"{count} processors"
        reason = f"because this container allows {allowed} of the machine's {visible}"
    if count > MOST_WORKERS:
        reason = f"because more could need over 1.8 GB of memory; CNNLAB_WORKERS={count} uses all {count} processors"
        count = MOST_WORKERS
    if free is not None and (fitting := max(1, (free - NOTEBOOK) // WORKER)) < count:
        count, reason = fitting, f"because {free / 1e9:.1f} GB of memory are free"
    return count, reason


def _groups(controller: str) -> Iterator[Path]:
    """Yield the folders of all control groups whose limits count here: the process's own, its parents', the root's.

    A container that can't see its parents has its own limits at the root. Its group's path may still be the host's
    one, and is then no folder.
    """
    for line in _read(PROC / "self" / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):  # version 2 names none
            continue
        root = CONTROL_GROUPS / controller if controllers else CONTROL_GROUPS
        own = Path(path.strip("/"))
        yield from (root / group for group in (own, *own.parents))


def _numbers(path: Path, name: str = "") -> list[int]:
    """Return the numbers of the first line that has nothing but name and numbers; none without such a line."""
    line = re.search(rf"^{name}([0-9 ]+)(?:kB)?$", _read(path), re.MULTILINE)
    return [int(number) for number in line[1].split()] if line else []


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # another system than Linux, or a container that hides it
        return ""
