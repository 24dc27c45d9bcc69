"""Find pictures that are in a folder twice, so that a copy of a training picture can't be used for validation."""

from __future__ import annotations

import os

import numpy as np

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
    group_of = np.arange(len(pictures.files))
    first: dict[str, int] = {}
    for place, digest in enumerate(hash_pictures(pictures)):
        group_of[place] = first.setdefault(digest, place)
    if near:
        _join_alike(group_of, load_pixels(pictures, size=SIDE, grey=False).pixels)
    groups: dict[int, list[str]] = {}
    for path, group in zip(pictures.files, group_of.tolist(), strict=True):
        groups.setdefault(group, []).append(readable(path))
    return [tuple(paths) for paths in groups.values() if len(paths) > 1]


def _join_alike(group_of: np.ndarray, pixels: np.ndarray) -> None:
    """Put pictures, uint8 (N, C, H, W), into one group where two of them are near duplicates.

    group_of, (N,), has for each picture the place of the first one in its group; it is changed. No list of pairs is
    made: all 20,000 pictures of a camera that does not move are alike, and have 200 million.
    """
    rows = pixels.reshape(len(pixels), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > FLAT * rows.shape[1] ** 0.5, lengths, np.inf)  # one colour is like nothing else
    for start in range(0, len(rows), ROWS):
        for alike in rows[start : start + ROWS] @ rows[start:].T >= ALIKE:  # each is like itself, too
            groups = group_of[start:][alike]
            if len(groups) > 1 and (groups != groups[0]).any():
                group_of[np.isin(group_of, groups)] = groups.min()
