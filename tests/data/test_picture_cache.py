"""Pictures known by their contents; pixels from the cache; and how much memory loading takes."""

import io
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from terminal import Terminal

from cnnlab.data import loading, picture_cache, picture_loading
from cnnlab.data.loading import load_images
from cnnlab.data.picture_cache import fingerprint
from cnnlab.errors import ConfigError, DataError
from cnnlab.files import cache_folder


@pytest.fixture
def pets(tmp_path):
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for place in range(10):
            noise = random.integers(0, 256, (12, 12, 3)).astype(np.uint8)
            Image.fromarray(noise).save(tmp_path / "pets" / name / f"{place}.bmp")  # all of one size in bytes
    return tmp_path / "pets"


@pytest.fixture
def decoded(monkeypatch):
    """The paths of the pictures that were decoded."""
    paths, decode = [], picture_loading._decode
    monkeypatch.setattr(
        picture_loading, "_decode", lambda found, path, *rest: paths.append(path) or decode(found, path, *rest)
    )
    return paths


def test_a_copy_is_the_same_and_every_change_another(pets, tmp_path):
    before = fingerprint(pets)
    copy = shutil.copytree(pets, tmp_path / "elsewhere" / "other name")
    (copy / "cat" / "notes.txt").write_text("no picture")
    (copy / ".ipynb_checkpoints").mkdir()
    assert fingerprint(copy) == before == fingerprint(str(pets))
    seen = [before]

    def changed():
        seen.append(fingerprint(pets))
        assert len(set(seen)) == len(seen)

    (pets / "cat" / "0.bmp").rename(pets / "cat" / "00.bmp")
    changed()
    shutil.copy(pets / "cat" / "1.bmp", pets / "cat" / "new.bmp")
    changed()
    (pets / "cat").rename(pets / "x")
    (pets / "dog").rename(pets / "cat")
    (pets / "x").rename(pets / "dog")
    changed()
    picture = pets / "dog" / "5.bmp"
    state = picture.stat()
    content = bytearray(picture.read_bytes())
    content[-1] ^= 1
    picture.write_bytes(content)
    os.utime(picture, ns=(state.st_atime_ns, state.st_mtime_ns))  # the old size, the old time
    changed()
    content[-2] ^= 1
    picture.write_bytes(content)
    os.utime(picture, ns=(0, 10**18))  # an older file over a newer one, as unzip and rsync do it
    changed()


def test_swapped_folders_whose_files_have_one_time_and_size(pets):
    for path in pets.rglob("*.bmp"):
        os.utime(path, ns=(10**18, 10**18))
    before = fingerprint(pets)
    for old, new in (("cat", "x"), ("dog", "cat"), ("x", "dog")):
        (pets / old).rename(pets / new)
    assert fingerprint(pets) != before


def test_an_unchanged_file_is_read_once(pets, monkeypatch):
    monkeypatch.setattr(picture_cache, "TICK", 0)
    hashes, read = [], picture_cache.hash_file
    monkeypatch.setattr(picture_cache, "hash_file", lambda content: hashes.append(1) or read(content))
    first = fingerprint(pets)
    assert len(hashes) == 20
    assert fingerprint(pets) == first
    assert len(hashes) == 20
    os.utime(pets / "cat" / "0.bmp")
    assert fingerprint(pets) == first  # the time has changed, the picture has not
    assert len(hashes) == 21
    for index in (cache_folder() / "pictures").glob("*.json"):
        index.write_text('{"cat/0.bmp": [1, 2]')
    assert fingerprint(pets) == first
    assert len(hashes) == 41


def test_the_second_loading_decodes_nothing_and_gives_the_same_bits(pets, decoded):
    first = load_images(pets, size=8, grey=False)
    assert len(decoded) == 20
    second = load_images(pets, size=8, grey=False)
    assert len(decoded) == 20
    for one, other in ((first.train, second.train), (first.open_test(), second.open_test())):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)
    load_images(pets, size=9, grey=False)
    load_images(pets, size=8, grey=True)
    assert len(decoded) == 60
    Image.new("RGB", (12, 12)).save(pets / "cat" / "0.bmp")
    load_images(pets, size=8)
    assert len(decoded) == 80


PICTURE = 28 * 28  # bytes; the file has 20 of them, 20 pairs of sums of 16 bytes, 20 switches and a hash


def swapped(content, first, second, size):
    """Return bytes in which two parts of this size have changed places."""
    one, other = content[first : first + size], content[second : second + size]
    return content[:first] + other + content[first + size : second] + one + content[second + size :]


DAMAGES = {
    "cut": lambda content: content[:5000],
    "cut at the end": lambda content: content[:-1],
    "longer": lambda content: content + b"\0",
    "emptied": lambda content: content[:0],
    "all zeros": lambda content: bytes(len(content)),
    "a bit of a pixel": lambda content: bytes([content[0] ^ 16]) + content[1:],
    "a bit of a sum": lambda content: content[:20 * PICTURE] + bytes([content[20 * PICTURE] ^ 1])
    + content[20 * PICTURE + 1 :],
    "a switch": lambda content: content[: 20 * (PICTURE + 16)] + b"\1" + content[20 * (PICTURE + 16) + 1 :],
    "two pictures swapped": lambda content: swapped(content, 0, 7 * PICTURE, PICTURE),
    "two numbers swapped": lambda content: swapped(content, 0, 8, 8),
    "parts of two rows swapped": lambda content: swapped(content, 0, 8192, 4096),
    "two pixels swapped": lambda content: swapped(content, 3, 4, 1),
    "the sums swapped": lambda content: swapped(content, 20 * PICTURE, 20 * PICTURE + 16, 16),
    "other arrays": lambda content: (npy_file() + content)[: len(content)],
}  # fmt: skip


def npy_file():
    file = io.BytesIO()
    for array in (np.zeros((20, 1, 28, 28), np.uint8), np.zeros(3), np.zeros(20, bool)):
        np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_anew(pets, decoded, damage):
    sound = load_images(pets).train.images
    (file,) = (cache_folder() / "pictures").glob("*.pixels")
    content = file.read_bytes()
    assert len(content) == 20 * (PICTURE + 16 + 1) + 32
    assert DAMAGES[damage](content) != content
    file.write_bytes(DAMAGES[damage](content))
    assert torch.equal(load_images(pets).train.images, sound)
    assert len(decoded) == 40
    assert file.read_bytes() == content


def test_the_pixels_of_other_pictures_under_this_name_are_not_taken(pets, decoded, tmp_path):
    other = shutil.copytree(pets, tmp_path / "other")
    Image.new("RGB", (12, 12)).save(other / "cat" / "0.bmp")
    load_images(other)
    (file,) = (cache_folder() / "pictures").glob("*.pixels")
    sound = load_images(pets).train.images
    (own,) = {*(cache_folder() / "pictures").glob("*.pixels")} - {file}
    shutil.copy(file, own)
    assert torch.equal(load_images(pets).train.images, sound)
    assert len(decoded) == 60


def test_a_folder_or_a_huge_file_in_the_place_of_the_pixels_is_no_harm(pets, decoded):
    sound = load_images(pets).train.images
    (file,) = (cache_folder() / "pictures").glob("*.pixels")
    os.truncate(file, 10**12)  # without blocks on the disk
    assert torch.equal(load_images(pets).train.images, sound)
    file.unlink()
    file.mkdir()
    assert torch.equal(load_images(pets).train.images, sound)
    assert len(decoded) == 60


def test_without_a_cache_folder_all_works(pets, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path / "file"))
    assert torch.equal(load_images(pets).train.images, load_images(pets).train.images)


def test_the_oldest_pixels_are_removed(pets, monkeypatch):
    monkeypatch.setattr(picture_cache, "MOST_BYTES", 3000)
    for size in (4, 8, 10):  # 20 pictures of 100 bytes, and of 64: more than 3,000 with their sums
        load_images(pets, size=size)
    (left,) = (cache_folder() / "pictures").glob("*.pixels")
    assert "-10-grey-" in left.name


PEAK = """
import json, re, sys
from pathlib import Path
from cnnlab import load_images

def kilobytes(name):
    return int(re.search(rf"{name}:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

load_images(sys.argv[1])  # now all modules are in memory
before = kilobytes("VmRSS")
data = load_images(sys.argv[2], size=224, grey=False)
kept = sum(split.images.nbytes for split in (data.train, data.validation, data.open_test()))
print(json.dumps([kept, 1024 * (kilobytes("VmHWM") - before)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says a process's own peak")
def test_at_its_peak_loading_takes_one_and_a_half_times_what_is_kept(pets, tmp_path):
    random = np.random.default_rng(0)
    for place in range(200):
        path = tmp_path / "many" / ("cat", "dog")[place % 2] / f"{place}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (32, 32, 3)).astype(np.uint8)).save(path)
    for _ in ("decoded", "from the cache"):
        answer = subprocess.run(
            [sys.executable, "-c", PEAK, pets, tmp_path / "many"], capture_output=True, text=True, check=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        kept, peak = json.loads(answer.stdout.splitlines()[-1])
        assert kept == 200 * 3 * 224 * 224 * 4  # 120 MB
        assert kept < peak < 1.5 * kept


def test_a_picture_that_changes_while_it_is_loaded_is_no_part_of_the_cache(pets, monkeypatch):
    hashed = picture_loading.hash_pictures

    def change_afterwards(found):
        digests = hashed(found)
        Image.new("RGB", (12, 12)).save(pets / "cat" / "0.bmp")
        return digests

    monkeypatch.setattr(picture_loading, "hash_pictures", change_afterwards)
    with pytest.raises(DataError, match=r"cat/0\.bmp was changed while it was loaded"):
        load_images(pets)


def test_what_does_not_fit_is_refused_before_loading(pets, decoded, monkeypatch):
    # 20 pictures of 3×100×100 bytes, and as float32 four times that: 3,000,000 bytes
    monkeypatch.setattr(loading, "free_memory", lambda: 2_999_999)
    with pytest.raises(DataError) as caught:
        load_images(pets, size=100, grey=False)
    assert str(caught.value) == (
        "20 pictures of 3×100×100 need 0.0 GB of memory, and 0.0 GB are free; size=99 would fit"
    )
    assert decoded == []
    monkeypatch.setattr(loading, "free_memory", lambda: 3_000_000)
    assert len(load_images(pets, size=100, grey=False).train) == 17
    monkeypatch.setattr(loading, "free_memory", lambda: 8 * 10**9)
    with pytest.raises(DataError, match=r"of 10000×10000 need 10.0 GB of memory, and 8.0 GB are free; size=8944 w"):
        load_images(pets, size=10_000)
    monkeypatch.setattr(loading, "free_memory", lambda: None)  # on macOS and Windows: 64 GB are allowed
    monkeypatch.setattr(loading, "UNKNOWN_FREE", 2_999_999)
    with pytest.raises(DataError, match="size=99 would fit"):
        load_images(pets, size=100, grey=False)
    with pytest.raises(ConfigError, match=r"^size goes up to 10,000, got 100000; try 10000 or less$"):
        load_images(pets, size=10**5)


LOADED = "pets: 20 pictures of 2 classes (cat 10, dog 10), each made 1×8×8"


class Clock:
    """A clock that is this many seconds later each time somebody looks at it."""

    def __init__(self, step):
        self.now, self.step = 0.0, step

    def __call__(self):
        self.now += self.step
        return self.now


def test_a_loading_of_more_than_a_second_shows_how_many_and_the_time_left(pets, monkeypatch):
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr("tqdm.std.time", Clock(0.5))
    load_images(pets, size=8)
    *lines, last = [line.strip() for line in sys.stdout.getvalue().split("\r") if line.strip()]
    counts = [int(re.search(r" (\d+) of 20 pictures in pets done, about \d+ s left$", line)[1]) for line in lines]
    assert counts == sorted(counts)
    assert 0 < counts[0] < counts[-1] <= 20
    assert last == LOADED  # in place of the line
    monkeypatch.setattr("sys.stdout", Terminal())
    load_images(pets, size=8)  # from the cache
    assert sys.stdout.getvalue().strip() == LOADED


def test_a_short_loading_shows_no_progress(pets, monkeypatch):
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr("tqdm.std.time", Clock(0.001))
    load_images(pets, size=8)
    assert sys.stdout.getvalue().strip() == LOADED
