"""Let a process change nothing but one folder, where the system can do that: Linux, by Landlock.

Landlock is a part of the kernel from version 5.13 on, and needs no rights. The numbers below are those of its
interface (https://docs.kernel.org/userspace-api/landlock.html). It holds for everything that the process starts, too,
and can't be undone. Reading is not limited.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # system calls, the same on all processors of today
SAY_VERSION, PATH_BENEATH, NO_NEW_RIGHTS = 1, 1, 38
WRITE_FILE, REFER, TRUNCATE = 1 << 1, 1 << 13, 1 << 14
MAKE_AND_REMOVE = sum(1 << bit for bit in range(4, 13))  # of files, folders, links and devices
ABSTRACT_SOCKETS, SIGNALS = 1, 2  # to processes outside
NOWHERE = Path("/dev/null")


@functools.cache
def landlock_version() -> int:
    """Return the version of Landlock in this system; 0 where there is none."""
    return max(0, _call(CREATE_RULESET, None, 0, SAY_VERSION)) if sys.platform == "linux" else 0


def write_only_in(*folders: Path) -> bool:
    """Let this thread, and all that it starts, change nothing outside of the folders; return whether that is in force.

    It can still change the rights and the dates of a file (see `cnnlab.course.marks.own_mounts`). From version 6 on
    (Linux 6.12) it can't signal other processes either, such as the one that started it.
    """
    version = landlock_version()
    if not version:
        return False
    changes = WRITE_FILE | MAKE_AND_REMOVE | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    scoped = ABSTRACT_SOCKETS | SIGNALS if version >= 6 else 0
    attributes = (ctypes.c_uint64 * 3)(changes, 0, scoped)  # files, network, scope
    rules = _call(CREATE_RULESET, attributes, ctypes.sizeof(attributes), 0)
    if rules < 0:
        return False
    for place in (*folders, NOWHERE):
        with contextlib.suppress(OSError):
            allowed = changes if place.is_dir() else changes & (WRITE_FILE | TRUNCATE)
            _allow(rules, place, allowed)
    is_shut = _libc().prctl(NO_NEW_RIGHTS, 1, 0, 0, 0) == 0 and _call(RESTRICT_SELF, rules, 0) == 0
    os.close(rules)
    return is_shut


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def _allow(rules: int, place: Path, allowed: int) -> None:
    opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
    try:
        _call(ADD_RULE, rules, PATH_BENEATH, ctypes.byref(_PathBeneath(allowed, opened)), 0)
    finally:
        os.close(opened)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: object) -> int:
    return _libc().syscall(ctypes.c_long(number), *arguments)
