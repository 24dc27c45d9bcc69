"""Show a process all files but those of one folder as read-only, where it may have mounts of its own: Linux.

Landlock (`cnnlab.course.marks.own_folder`) still lets it change the rights and the dates of files; this does not. The
numbers below are those of Linux's interface (man 2 mount, mount_setattr, unshare, capset).
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from pathlib import Path

OWN_MOUNTS = 0x20000  # CLONE_NEWNS
BIND, ALSO_BELOW, PRIVATE = 1 << 12, 1 << 14, 1 << 18
MOUNT_SETATTR, ALL_BELOW, READ_ONLY, HERE = 442, 0x8000, 1, -100
CAPABILITIES, NO_NEW_RIGHTS = 0x20080522, 38
SHARED_MEMORY = "/dev/shm"
SHARED_SIZE = "size=256m,nr_inodes=10000"


def read_only_but(folder: Path) -> bool:
    """Let this process, and all that it starts, change nothing outside of a folder; return whether that is in force.

    It gets a folder for shared memory of its own, which ends with it. Afterwards it has no rights to undo this. Where
    it may not do that (`unshare --user --keep-caps` lets it), nothing changes.
    """
    libc, place = _libc(), os.fsencode(folder)
    if sys.platform != "linux" or libc.unshare(OWN_MOUNTS) != 0:
        return False
    is_shut = (
        _mount(None, b"/", None, ALSO_BELOW | PRIVATE) == 0  # whatever follows is seen in here alone
        and _mount(place, place, None, BIND) == 0
        and _set_read_only(b"/", ALL_BELOW, READ_ONLY, 0) == 0
        and _set_read_only(place, 0, 0, READ_ONLY) == 0
        and _mount(b"tmpfs", SHARED_MEMORY.encode(), b"tmpfs", 0, SHARED_SIZE.encode()) == 0
    )
    libc.prctl(NO_NEW_RIGHTS, 1, 0, 0, 0)
    libc.capset((ctypes.c_uint32 * 2)(CAPABILITIES, 0), (ctypes.c_uint32 * 6)())
    return is_shut


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _mount(source: bytes | None, place: bytes, kind: bytes | None, how: int, options: bytes | None = None) -> int:
    return _libc().mount(source, place, kind, ctypes.c_ulong(how), options)


def _set_read_only(place: bytes, how: int, added: int, removed: int) -> int:
    attributes = (ctypes.c_uint64 * 4)(added, removed, 0, 0)  # propagation, user namespace: as they are
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    return _libc().syscall(ctypes.c_long(MOUNT_SETATTR), HERE, place, ctypes.c_uint(how), attributes, size)
