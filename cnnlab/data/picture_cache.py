"""Know pictures by their contents, and keep their pixels in the cache folder, so that they are decoded once.

Times and sizes of files only decide whether a file must be read again. What counts is the hash of its contents.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
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

READER = 5  # raise it where cnnlab reads the same file as other pixels, or keeps them in another form
ROW, ROWS = 1024, 64  # numbers of eight bytes in a row, and rows that are summed at once
MOST_BYTES = 4_000_000_000  # of all pixels that are kept; the oldest are removed
# A file that is changed twice within one tick of the disk's clock keeps its time: two seconds on a USB stick.
TICK = 2_000_000_000  # nanoseconds
MOST_OF_A_FILE = 500_000_000  # bytes; a video with the suffix of a picture has more, and is not read
TOO_LARGE = "too large: "  # with its path, this stands for the hash of such a file, which is refused when it is decoded


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

    def digest(self, key: str) -> bytes:
        """Return 32 bytes that change if the key or a byte of an array changes, or if two parts change places.

        A hash of all bytes would take a second for a GB. This one is of sums: eight bytes are a number, ROW numbers are
        a row, and each row and each column has its sum.
        """
        hashed = hashlib.sha256(key.encode())
        for array in self:
            flat = array.reshape(-1).view(np.uint8)
            whole = len(flat) // (8 * ROW) * 8 * ROW
            rows, columns = flat[:whole].view(np.uint64).reshape(-1, ROW), np.zeros(ROW, np.uint64)
            for start in range(0, len(rows), ROWS):  # so many fit into the processor's cache, and are read once
                part = rows[start : start + ROWS]
                columns += part.sum(axis=0)
                hashed.update(part.sum(axis=1).data)
            hashed.update(columns.data)
            hashed.update(flat[whole:].data)
        return hashed.digest()


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
        file = f"{pictures.root}/{path}"  # a Path for each of thousands takes as long as the look at the disk
        try:
            state = os.stat(file)
            look = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
            *before, looked, digest = known.get(path, (0, ""))
            if before != look or max(look[1:3]) + TICK > looked:
                is_small = state.st_size <= MOST_OF_A_FILE
                looked, digest = time.time_ns(), hash_file(Path(file).read_bytes()) if is_small else TOO_LARGE + path
        except OSError as error:
            raise DataError(f"{readable(file)} can't be opened ({error.strerror}); "
                            "change its permissions, or remove it") from error  # fmt: skip
        now[path] = [*look, looked, digest]
    if now != known:
        _replace(index, lambda file: file.write(json.dumps(now).encode()))
    return [entry[-1] for entry in now.values()]


def hash_file(content: bytes) -> str:
    """Return the SHA-256 hash of a file's content, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def read_pixels(key: str, shape: tuple[int, int, int, int]) -> Pixels | None:
    """Return what `keep_pixels` kept under this key; None if there is nothing, it is damaged or has another shape.

    The file is mapped, not read: that takes no memory besides the system's own copy, and half the time. What is changed
    in the arrays does not reach the file.
    """
    path = _pixel_file(key)
    sizes = (math.prod(shape), 16 * math.prod(shape[:2]), shape[0])  # bytes of each array; then comes the digest
    try:
        if os.path.getsize(path) != sum(sizes) + hashlib.sha256().digest_size:
            return None
        content = np.asarray(np.memmap(path, mode="c"))
        os.utime(path)  # now the latest, which is removed last
    except (OSError, MemoryError):
        return None
    pixels, sums, more, digest = np.split(content, np.cumsum(sizes))
    kept = Pixels(pixels.reshape(shape), sums.view(np.int64).reshape(*shape[:2], 2), more.view(bool))
    return kept if digest.tobytes() == kept.digest(key) else None


def keep_pixels(key: str, kept: Pixels) -> None:
    """Keep pixels for `read_pixels`.

    Nothing happens where the cache folder can't be written: then pictures are decoded each time.
    """
    if kept.pixels.nbytes > MOST_BYTES:
        return

    def write(file: BinaryIO) -> None:
        for array in kept:
            file.write(array.data)
        file.write(kept.digest(key))

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
