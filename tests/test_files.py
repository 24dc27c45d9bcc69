"""Whole files or none."""

import os

import pytest

from cnnlab import files


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "a file ü"
    files.atomic_write(path, b"one")
    files.atomic_write(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_earlier_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / "file"
    files.atomic_write(path, b"earlier")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, step, full)
    with pytest.raises(
        OSError, match=r"file was not saved \(No space left on device\); the earlier file, if any, is in"
    ):
        files.atomic_write(path, b"later")
    assert path.read_bytes() == b"earlier"
    assert os.listdir(tmp_path) == ["file"]


def test_the_cache_folder_follows_its_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path / "x"))
    assert files.cache_folder() == tmp_path / "x"
    monkeypatch.delenv("CNNLAB_CACHE")
    assert files.cache_folder().parts[-2:] == (".cache", "cnnlab")
