"""Read IDX files, the format in which MNIST was published, directly from their .gz archives.

The format: two zero bytes, a type code (8 is uint8), the number of dimensions, each size as a big-endian 32-bit number,
then the values (Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", 1998).
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from cnnlab.errors import DataError

REMEDY = "fetch it again: `git checkout data`, or install cnnlab again"


def read_idx(path: str | Path, dimensions: int) -> np.ndarray:
    """Return the values of a gzipped IDX file as a uint8 array.

    dimensions is the number of dimensions that the file must have: 3 for images (N, H, W), 1 for labels (N,).
    Raises DataError for a file that is missing, damaged, of another kind, or shorter or longer than its header says.
    The message names the file, what was expected, what was found, and what to do.

    >>> read_idx("train-labels-idx1-ubyte.gz", dimensions=1).shape
    (60000,)
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} is missing; {REMEDY}")
    content = bytearray()  # grows in place; file.read() would hold the 47 MB twice for a moment
    try:
        with gzip.open(path) as file:
            while chunk := file.read(2**20):
                content += chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: expected a gzip archive, found a damaged one ({error}); {REMEDY}") from error
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise DataError(f"{path}: expected a header of {header} bytes, found {len(content)} bytes in all; {REMEDY}")
    magic, expected = bytes(content[:4]), bytes([0, 0, 8, dimensions])
    if magic != expected:
        raise DataError(f"{path}: expected the magic number {expected.hex()}, found {magic.hex()}; {REMEDY}")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4))
    values = len(content) - header
    if values != math.prod(shape):
        sizes = "×".join(map(str, shape))
        raise DataError(f"{path}: expected {sizes} = {math.prod(shape)} values, found {values}; {REMEDY}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def read_pair(folder: Path, prefix: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (N, H, W) and the labels (N,) of the training set (prefix "train") or the test set ("t10k")."""
    images_path, labels_path = (folder / f"{prefix}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1"))
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if len(images) != len(labels):
        raise DataError(f"{labels_path}: expected {len(images)} labels, one per image, found {len(labels)}; {REMEDY}")
    if len(labels) and labels.max() >= classes:
        raise DataError(f"{labels_path}: expected labels 0 to {classes - 1}, found {labels.max()}; {REMEDY}")
    return images, labels
