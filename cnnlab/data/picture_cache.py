"""Know pictures by their contents, and keep their pixels in the cache folder, so that they are decoded once.

Times and sizes of files only decide whether a file must be read again. What counts is the hash of its contents.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import __version__ as pillow_version

from cnnlab.data.picture_folder import PictureFolder, find_pictures, portable, readable
from cnnlab.errors import DataError
from cnnlab.files import cache_folder

READER = 2  # raise it where cnnlab reads the same file as other pixels, or keeps them in another form
MOST_BYTES = 4_000_000_000  # of all pixels that are kept; the oldest are removed
# A file that is changed twice within one tick of the disk's clock keeps its time: two seconds on a USB stick.
TICK = 2_000_000_000  # nanoseconds


class Pixels(NamedTuple):
    """All pictures of a folder.

    Parameters
    ----------
    pixels : array
        uint8 (N, C, H, W).
    sums : array
        What `pixel_sums` returns for them, int64 (N, C, 2).
    more : array
        Which files hold more than one picture, bool (N,).
    """

    pixels: np.ndarray
    sums: np.ndarray
    more: np.ndarray

    def is_sound(self) -> bool:
        """Return whether these are arrays of one folder, so that `keep_pixels` may have kept them."""
        count, channels = self.pixels.shape[:2] if self.pixels.ndim == 4 else (-1, -1)
        kinds = [(array.dtype, array.shape) for array in self[1:]]
        return self.pixels.dtype == np.uint8 and kinds == [(np.int64, (count, channels, 2)), (bool, (count,))]

    def checksum(self) -> bytes:
        """Return 8 bytes that one changed byte changes: a sum, which is fast."""
        total = sum(_sum(array) for array in self)
        return (total % 2**64).to_bytes(8, "little")


def fingerprint(folder: str | os.PathLike) -> str:
    """Return 16 hexadecimal digits that stand for the pictures in a folder: for their contents, names and classes.

    A copy of the folder has the same ones. Raises what `find_pictures` raises, and DataError for a file that can't be
    opened.

    >>> fingerprint("my_pictures")
    '5f0c6a1b9e8d7c42'
    """
    pictures = find_pictures(folder)
    return combine(pictures, hash_pictures(pictures))


def combine(pictures: PictureFolder, digests: list[str]) -> str:
    """Return the fingerprint of pictures whose hashes are known."""
    text = json.dumps([[portable(path), digest] for path, digest in zip(pictures.files, digests, strict=True)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_pictures(pictures: PictureFolder) -> list[str]:
    """Return the SHA-256 hash of each picture; a file is read if its size, times or place on the disk have changed."""
    index = _folder() / f"{hashlib.sha256(os.fsencode(os.path.realpath(pictures.root))).hexdigest()[:16]}.json"
    known, now = _read_index(index), {}
    for path in pictures.files:
        try:
            state = os.stat(pictures.root / path)
            look = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
            *before, looked, digest = known.get(path, (0, ""))
            if before != look or max(look[1:3]) + TICK > looked:
                looked, digest = time.time_ns(), hash_file((pictures.root / path).read_bytes())
        except OSError as error:
            raise DataError(f"{readable(str(pictures.root / path))} can't be opened ({error.strerror}); "
                            "change its permissions, or remove it") from error  # fmt: skip
        now[path] = [*look, looked, digest]
    if now != known:
        _replace(index, lambda file: file.write(json.dumps(now).encode()))
    return [entry[-1] for entry in now.values()]


def hash_file(content: bytes) -> str:
    """Return the SHA-256 hash of a file's content, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def read_pixels(key: str) -> Pixels | None:
    """Return what `keep_pixels` kept under this key; None if there is nothing, or it is damaged."""
    try:
        with open(_pixel_file(key), "rb") as file:
            kept = Pixels(*(np.load(file) for _ in Pixels._fields))
            is_sound = kept.is_sound() and file.read() == kept.checksum()
        os.utime(_pixel_file(key))  # now the latest, which is removed last
    except (OSError, ValueError, EOFError, MemoryError):
        return None
    return kept if is_sound else None


def keep_pixels(key: str, kept: Pixels) -> None:
    """Keep pixels for `read_pixels`.

    Nothing happens where the cache folder can't be written: then pictures are decoded each time.
    """
    if kept.pixels.nbytes > MOST_BYTES:
        return

    def write(file: BinaryIO) -> None:
        for array in kept:
            np.save(file, array)
        file.write(kept.checksum())

    _replace(_pixel_file(key), write)
    with contextlib.suppress(OSError):
        files = sorted(_folder().glob("*.pixels"), key=lambda path: path.stat().st_mtime, reverse=True)
        sizes = np.cumsum([path.stat().st_size for path in files])
        for path in (path for path, size in zip(files, sizes, strict=True) if size > MOST_BYTES):
            path.unlink()


def _folder() -> Path:
    return cache_folder() / "pictures"


def _pixel_file(key: str) -> Path:
    return _folder() / f"{key}-{READER}-{pillow_version}.pixels"


def _sum(array: np.ndarray) -> int:
    """Return the sum of an array's bytes, eight of them taken as one number."""
    flat = array.reshape(-1).view(np.uint8)
    whole = len(flat) // 8 * 8
    return int(flat[:whole].view(np.uint64).sum()) + int(flat[whole:].sum())


def _read_index(index: Path) -> dict[str, list]:
    """Return path → [size, times, place, time of the look, hash]; empty if there is no sound index."""
    try:
        known = json.loads(index.read_bytes())
        return {path: entry for path, entry in known.items() if [type(value) for value in entry] == [int] * 5 + [str]}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _replace(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a new file in the place of `path`; nothing happens where that can't be written or the disk is full."""
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    with contextlib.suppress(OSError):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "xb") as file:
                write(file)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
