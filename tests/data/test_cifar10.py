"""CIFAR-10's archive: read as it was published, and refused in words where it is another one or hostile."""

import gzip
import io
import os
import pickle
import struct
import tarfile
import tracemalloc

import numpy as np
import pytest
import torch
from cifar10_archives import CLASSES, FOLDER, as_python2, cifar10_files, pack

from cnnlab.data import cifar10
from cnnlab.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (120, 3072), np.uint8)
FILES = cifar10_files(IMAGES)


@pytest.fixture
def read(tmp_path):
    """Write an archive and read it."""

    def read(content):
        path = tmp_path / cifar10.ARCHIVE
        path.write_bytes(content)
        try:
            return cifar10.read_archive(path)
        finally:
            assert [entry.name for entry in tmp_path.iterdir()] == [path.name]  # nothing is ever unpacked

    return read


@pytest.mark.parametrize("dump", [as_python2, *(lambda value, n=n: pickle.dumps(value, n) for n in (2, 3, 4))])
def test_the_real_format_and_newer_pickles_of_it_are_read_to_the_byte(read, dump):
    (images, labels), (test_images, test_labels), classes = read(pack(cifar10_files(IMAGES, dump)))
    assert images.dtype == torch.uint8
    assert labels.dtype == torch.int64
    assert np.array_equal(images.numpy().reshape(100, 3072), IMAGES[:100])
    assert np.array_equal(test_images.numpy().reshape(20, 3072), IMAGES[100:])
    assert labels.tolist() == [*range(10)] * 10
    assert test_labels.tolist() == [*range(10)] * 2
    assert classes == tuple(CLASSES)


def member(name, kind=tarfile.REGTYPE, target=""):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


@pytest.mark.parametrize(
    "entry",
    [
        member("../outside"), member(f"{FOLDER}/../../outside"), member("/etc/outside"), member("other/file"),
        member(f"{FOLDER}/link", tarfile.SYMTYPE, "/etc/passwd"),
        member(f"{FOLDER}/hard", tarfile.LNKTYPE, "/etc/passwd"),
        member(f"{FOLDER}/data_batch_1", tarfile.SYMTYPE, "/etc/passwd"), member(f"{FOLDER}/pipe", tarfile.FIFOTYPE),
        member(f"{FOLDER}/disk", tarfile.BLKTYPE), member(f"{FOLDER}/null", tarfile.CHRTYPE), member(FOLDER + "x/file"),
    ],
    ids=lambda entry: f"{entry.name} {entry.type.decode()}",
)  # fmt: skip
def test_what_is_no_plain_file_in_its_folder_is_refused(read, entry):
    with pytest.raises(DataError, match=r"^holds '.*', which is no plain file in cifar-10-batches-py/$"):
        read(pack(FILES, [(entry, b"")]))


class Call:
    """Pickled as the call of a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


CALLED = []
HOSTILE = {
    "system": Call(os.system, "touch called"),
    "eval": Call(eval, "CALLED.append(1)"),
    "numpy's own loader": Call(np.load, "x.npy"),
    "builtin": Call(getattr, 1, "real"),
    "deep in a dict": {"data": [1, {"x": (Call(CALLED.append, 1),)}]},
    "an array of objects": np.array([Call(CALLED.append, 1)], dtype=object),
}


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_pickle_that_calls_is_refused_and_calls_nothing(read, kind, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"^has a file {name} that is not read: it would call [a-z_]+[.]"):
        read(pack(FILES | {name: pickle.dumps(HOSTILE[kind], 2)}))
    assert not CALLED


def test_the_attack_works_where_nobody_stops_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(HOSTILE["system"], 2))
    assert (tmp_path / "called").exists()


def bomb(members):
    """Return a small archive that unpacks to much: members of 60 MB of zeros."""
    file, zeros = io.BytesIO(), bytes(60_000_000)
    with (
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        for entry in members:
            entry.size = len(zeros)
            tar.addfile(entry, io.BytesIO(zeros))
    return file.getvalue()


def test_a_bomb_is_refused_before_it_fills_the_memory(read):
    content = bomb([member(f"{FOLDER}/{name}") for name in ("a", "b", "c", "d", "e")])
    assert len(content) < 3_000_000
    tracemalloc.start()
    with pytest.raises(DataError, match=r"^unpacks to more than 250 MB, and CIFAR-10 has 186$"):
        read(content)
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()


def test_many_files_are_refused(read):
    with pytest.raises(DataError, match=r"^holds more than 20 files"):
        read(pack(FILES, [(member(f"{FOLDER}/{number}"), b"") for number in range(30)]))


DAMAGED = {
    "a batch is missing": pack({name: content for name, content in FILES.items() if name != "data_batch_2"}),
    "nothing": b"",
    "no archive": gzip.compress(b"hello"),
    "not packed": b"hello" * 1000,
    "cut": pack(FILES)[:-2000],
    "a cut pickle": pack(FILES | {"test_batch": FILES["test_batch"][:-500]}),
    "a wrong byte in a pickle": pack(FILES | {"test_batch": b"\xff" + FILES["test_batch"]}),
    "other shapes": pack(FILES | {"test_batch": as_python2({"data": IMAGES[:3, :100].copy(), "labels": [1, 2, 3]})}),
    "fewer labels": pack(FILES | {"test_batch": as_python2({"data": IMAGES[:3], "labels": [1, 2]})}),
    "labels out of range": pack(FILES | {"test_batch": as_python2({"data": IMAGES[:2], "labels": [1, 10]})}),
    "labels that are none": pack(FILES | {"test_batch": as_python2({"data": IMAGES[:2], "labels": [True, 1.0]})}),
    "other numbers": pack(FILES | {"test_batch": as_python2({"data": IMAGES[:2].astype("i1"), "labels": [1, 2]})}),
    "no dict": pack(FILES | {"test_batch": as_python2([1])}),
    "no names": pack(FILES | {"batches.meta": as_python2({"label_names": [1, 2]})}),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_what_is_damaged_is_refused_in_words(read, kind):
    with pytest.raises(DataError, match=r"^(has|is damaged)"):
        read(DAMAGED[kind])


# A pickle that calls nothing, and gives an object the number 20 million: 20 bytes make a table of 160 MB and more.
TABLE_BOMB = b"\x80\x02}r" + struct.pack("<I", 20_000_000) + b"."


@pytest.mark.parametrize(
    "content", [DAMAGED["no dict"], DAMAGED["nothing"], pack(FILES | {"batches.meta": TABLE_BOMB})]
)
def test_the_person_learns_which_folder_to_delete_and_nothing_is_unpickled(content, monkeypatch, tmp_path):
    from cnnlab.data.loading import load_data

    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path))
    folder = tmp_path / "cifar10"
    folder.mkdir()
    (folder / cifar10.ARCHIVE).write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            load_data("cifar10")
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    assert str(caught.value) == (
        f"{folder / cifar10.ARCHIVE} does not have its checksum; delete the folder {folder} to download it again"
    )


def test_a_missing_archive_names_the_folder_to_delete(monkeypatch, tmp_path):
    from cnnlab.data.loading import load_data

    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path))
    folder = tmp_path / "cifar10"
    folder.mkdir()
    with pytest.raises(DataError) as caught:
        load_data("cifar10")
    assert str(caught.value) == (
        f"{folder / cifar10.ARCHIVE} can't be read (No such file or directory); "
        f"delete the folder {folder} to download it again"
    )
