"""Decode all pictures of a folder into one array, or take them from the cache."""

from __future__ import annotations

import numpy as np

from cnnlab.cell_display import display_of_the_cell
from cnnlab.data.picture_cache import (
    MOST_OF_A_FILE,
    TOO_LARGE,
    Pixels,
    combine,
    hash_file,
    hash_pictures,
    keep_pixels,
    read_pixels,
)
from cnnlab.data.picture_folder import MOST_NAMED, PictureFolder, picture_format, readable
from cnnlab.data.pictures import COMMON, has_more_pictures, open_picture, read_planes
from cnnlab.data.splitting import pixel_sums
from cnnlab.errors import DataError
from cnnlab.progress_line import in_steps


def load_pixels(pictures: PictureFolder, *, size: int, grey: bool, fingerprint: str | None = None) -> Pixels:
    """Return all pictures, each made size × size.

    Raises DataError, which names the first ten, for files that can't be read as pictures; and where the pictures do not
    have the fingerprint that is wanted (None: any).
    """
    display_of_the_cell()  # also where nothing is left to do: a cell leaves the same on every run
    digests = hash_pictures(pictures)
    present = combine(pictures, digests)
    if fingerprint not in (None, present):
        raise DataError(
            f"the pictures in {readable(str(pictures.root))} are not those of this experiment (their fingerprint is "
            f"{present}, not {fingerprint}): they have changed, or the folder is another one; bring them back, or use "
            "experiment.replace(fingerprint=None) for the pictures that are there now"
        )
    key = f"{present}-{size}-{'grey' if grey else 'colour'}"
    shape = (len(pictures.files), 1 if grey else 3, size, size)
    if (kept := read_pixels(key, shape)) is not None:
        return kept
    decoded = Pixels(np.empty(shape, np.uint8), np.empty((*shape[:2], 2), np.int64), np.zeros(shape[:1], bool))
    faults = []
    for place, path in enumerate(in_steps(pictures.files, f"pictures in {pictures.name}", delay=1)):
        try:
            decoded.pixels[place], decoded.more[place] = _decode(pictures, path, digests[place], size, grey)
            decoded.sums[place] = pixel_sums(decoded.pixels[place : place + 1])[0]
        except DataError as error:
            faults.append(f"{readable(str(pictures.root / path))} {error}")
    if faults:
        raise DataError(_in_words(faults))
    keep_pixels(key, decoded)
    return decoded


def _decode(pictures: PictureFolder, path: str, digest: str, size: int, grey: bool) -> tuple[np.ndarray, bool]:
    """Return a picture as uint8 (C, size, size), and whether its file holds more; DataError continues its path."""
    if digest.startswith(TOO_LARGE):
        raise DataError(f"has more than {MOST_OF_A_FILE // 10**6} MB")
    try:
        content = (pictures.root / path).read_bytes()
    except OSError as error:
        raise DataError(f"can't be opened ({error.strerror})") from error
    if hash_file(content) != digest:
        raise DataError("was changed while it was loaded")
    picture = open_picture(content, (*COMMON, str(picture_format(path))))
    more = has_more_pictures(picture)
    planes = read_planes(picture, grey=grey, size=size)
    return np.rint(planes * 255).astype(np.uint8), more


def _in_words(faults: list[str]) -> str:
    """Return one message for all files that can't be read."""
    if len(faults) == 1:
        return f"{faults[0]}; remove or replace it"
    more = f"\n  and {len(faults) - MOST_NAMED:,} more" if len(faults) > MOST_NAMED else ""
    return (
        f"{len(faults):,} files can't be loaded; remove or replace them:\n  " + "\n  ".join(faults[:MOST_NAMED]) + more
    )
