"""Find pictures that are in a folder twice, so that a copy of a training picture can't be used for validation."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cnnlab.checks import shown
from cnnlab.data.picture_cache import hash_pictures
from cnnlab.data.picture_folder import find_pictures, readable
from cnnlab.data.picture_loading import load_pixels
from cnnlab.errors import ConfigError

SIDE = 24  # pixels; enough to tell pictures apart, and too few for the traces of JPEG
ALIKE = 0.99  # correlation of two pictures' numbers
FLAT = 1.0  # grey levels of 255: a picture with a smaller standard deviation is nothing but one colour
ROWS = 1000  # pictures that are compared with all others at once


def find_duplicates(folder: str | os.PathLike, *, near: bool = True) -> list[tuple[str, ...]]:
    """Return groups of pictures that are the same, each as the paths of its files below the folder.

    A copy is found where it was renamed, saved in another format or another quality, made smaller, brighter or darker:
    each picture is made 24×24 pixels, and two are near duplicates if their numbers have a correlation of 0.99 or more.
    A copy that was cropped, moved, turned or mirrored is not found. Different pictures of a few strokes, such as two
    handwritten ones, may be that alike, too: look at a group before you delete any of it.

    Parameters
    ----------
    folder : str or Path
        As in `load_images`.
    near : bool
        False: only files with the same contents, byte for byte.

    Raises
    ------
    ConfigError, DataError
        As `load_images` does.

    >>> find_duplicates("my_pictures")
    [('cat/1.png', 'cat/7.jpg'), ('cat/3.png', 'dog/2.png')]
    """
    if not isinstance(near, bool):
        raise ConfigError(f"near must be True or False, got {shown(near)}")
    pictures = find_pictures(folder)
    pairs = list(_same_bytes(hash_pictures(pictures)))
    if near:
        pairs += _alike(load_pixels(pictures, size=SIDE, grey=False)[0])
    first, second = np.array(pairs, int).reshape(-1, 2).T
    count = len(pictures.files)
    links = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    groups: dict[int, list[str]] = {}
    for path, group in zip(pictures.files, connected_components(links, directed=False)[1], strict=True):
        groups.setdefault(group, []).append(readable(path))
    return [tuple(paths) for paths in groups.values() if len(paths) > 1]


def _same_bytes(digests: list[str]) -> Iterator[tuple[int, int]]:
    """Yield the places of each picture and of the first one with the same hash."""
    first: dict[str, int] = {}
    for place, digest in enumerate(digests):
        if (other := first.setdefault(digest, place)) != place:
            yield other, place


def _alike(pixels: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield the places of each two pictures, uint8 (N, C, H, W), that are near duplicates."""
    rows = pixels.reshape(len(pixels), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > FLAT * rows.shape[1] ** 0.5, lengths, np.inf)  # one colour is like nothing else
    for start in range(0, len(rows), ROWS):
        likeness = rows[start : start + ROWS] @ rows[start:].T
        for first, second in np.argwhere(np.triu(likeness, 1) >= ALIKE):
            yield start + int(first), start + int(second)
