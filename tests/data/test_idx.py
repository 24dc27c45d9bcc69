"""IDX files that are read, and damaged ones that are named with what to do."""

import gzip
import struct

import numpy as np
import pytest

from cnnlab.data.idx import read_idx, read_pair
from cnnlab.errors import DataError

REMEDY = "fetch it again: `git checkout data`, or install cnnlab again"


def idx_bytes(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


@pytest.fixture
def images():
    return np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def test_reads_what_was_written(tmp_path, images):
    path = tmp_path / "train images é.gz"
    path.write_bytes(gzip.compress(idx_bytes(images)))
    assert np.array_equal(read_idx(path, 3), images)


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (0, "expected a header of 16 bytes, found 0 bytes in all"),
        (3, "expected a header of 16 bytes, found 3 bytes in all"),
        (15, "expected a header of 16 bytes, found 15 bytes in all"),
        (16 + 59, "expected 3×4×5 = 60 values, found 59"),
    ],
)
def test_a_truncated_file_is_named(tmp_path, images, kept, words):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx_bytes(images)[:kept]))
    with pytest.raises(DataError) as caught:
        read_idx(path, 3)
    assert str(caught.value) == f"{path}: {words}; {REMEDY}"


def test_other_damage_is_named(tmp_path, images):
    path = tmp_path / "images.gz"
    sound = idx_bytes(images)
    faults = {
        "expected 3×4×5 = 60 values, found 61": gzip.compress(sound + b"\0"),
        "expected the magic number 00000803, found 00000d03": gzip.compress(sound[:2] + b"\x0d" + sound[3:]),
        "expected the magic number 00000803, found 00000801": gzip.compress(sound[:3] + b"\x01" + sound[4:]),
        "expected a gzip archive, found a damaged one": gzip.compress(sound)[:-12],
        "found a damaged one (Not a gzipped file": sound,
    }
    for words, content in faults.items():
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_idx(path, 3)
        assert words in str(caught.value)
        assert REMEDY in str(caught.value)
    flipped = bytearray(gzip.compress(sound))
    flipped[len(flipped) // 2] ^= 255
    path.write_bytes(flipped)
    with pytest.raises(DataError, match="found a damaged one"):
        read_idx(path, 3)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError) as caught:
        read_idx(tmp_path / "none.gz", 3)
    assert str(caught.value) == f"{tmp_path / 'none.gz'} is missing; {REMEDY}"


@pytest.mark.parametrize(
    ("labels", "words"),
    [([0, 1], "expected 3 labels, one per image, found 2"), ([0, 1, 7], "expected labels 0 to 6, found 7")],
)
def test_labels_that_do_not_fit_are_named(tmp_path, images, labels, words):
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.array(labels, dtype=np.uint8))))
    with pytest.raises(DataError) as caught:
        read_pair(tmp_path, "t10k", classes=7)
    assert str(caught.value) == f"{path}: {words}; {REMEDY}"
