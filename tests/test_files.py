"""The folders that cnnlab uses, and files that are written completely or not at all."""

import errno
import os

import filelock
import pytest

from cnnlab import Experiment, commit_guess, files, load_runs, show_guesses, sweep


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


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "open", refuse, raising=False)
    with pytest.raises(OSError, match=r"file was not saved \(Permission denied\); the earlier file, if any, is intact"):
        files.atomic_write(tmp_path / "file", b"content")


def test_the_cache_folder_follows_its_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path / "x"))
    assert files.cache_folder() == tmp_path / "x"
    monkeypatch.delenv("CNNLAB_CACHE")
    assert files.cache_folder().parts[-2:] == (".cache", "cnnlab")


def test_a_missing_folder_is_named_and_not_made(tmp_path):
    path = tmp_path / "nowhere" / "file"
    with pytest.raises(FileNotFoundError) as caught:
        files.atomic_write(path, b"content")
    assert str(caught.value) == f"{path} can't be saved: the folder {path.parent} does not exist; make it first"
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_file_has_the_permissions_that_open_gives(tmp_path):
    before = os.umask(0o027)
    try:
        (tmp_path / "plain").write_bytes(b"")
        files.atomic_write(tmp_path / "file", b"content")
        assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode
    finally:
        assert os.umask(before) == 0o027


def test_the_process_keeps_its_mask_of_permissions_meanwhile(tmp_path, monkeypatch):
    """Another thread may make a file at any moment."""
    masks = []
    monkeypatch.setattr(os, "umask", masks.append)
    files.atomic_write(tmp_path / "file", b"content")
    assert masks == []


def test_the_data_folder_holds_mnist_with_its_checksums():
    assert (files.data_folder() / "checksums.txt").is_file()
    assert len(list((files.data_folder() / "MNIST" / "raw").glob("*.gz"))) == 4


def test_the_version_of_a_folder_counts_its_entries_and_has_the_latest_change_at_any_depth(tmp_path):
    assert files.folder_version(None) == (0, 0)
    assert files.folder_version(tmp_path) == (0, 0)
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").write_bytes(b"")
    os.utime(tmp_path / "cat" / "1.png", ns=(10**18, 10**18))
    os.utime(tmp_path / "cat", ns=(10**17, 10**17))
    assert files.folder_version(tmp_path) == (2, 10**18)
    os.utime(tmp_path / "cat", ns=(2 * 10**18, 2 * 10**18))
    assert files.folder_version(str(tmp_path)) == (2, 2 * 10**18)


def test_the_course_folder_is_where_the_person_wants_it(monkeypatch):
    monkeypatch.setenv("CNNLAB_COURSE", "~/ai")
    assert files.course_folder() == files.Path.home() / "ai"


def test_the_course_folder_is_beside_the_notebook_and_is_not_made(monkeypatch, tmp_path):
    monkeypatch.delenv("CNNLAB_COURSE")
    monkeypatch.chdir(tmp_path)
    assert files.course_folder() == tmp_path / "my_course"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("there", [False, True], ids=["the notebook's folder", "its my_course"])
def test_where_the_disk_is_read_only_the_course_folder_is_at_home(monkeypatch, tmp_path, there):
    def refuse(*, dir):
        assert dir == (tmp_path / "my_course" if there else tmp_path)
        raise OSError(30, "Read-only file system")

    if there:
        (tmp_path / "my_course").mkdir()
    monkeypatch.delenv("CNNLAB_COURSE")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files.tempfile, "TemporaryFile", refuse)
    assert files.course_folder() == files.Path.home() / "my_course"


def test_one_process_at_a_time_holds_a_lock(tmp_path):
    path = tmp_path / "new" / "edit.lock"
    with files.file_lock(path), pytest.raises(filelock.Timeout):
        files.file_lock(path).acquire(blocking=False)
    files.file_lock(path).acquire(blocking=False).lock.release()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_a_folder_without_locks_is_used_all_the_same_and_said_once(tmp_path, monkeypatch, code):
    """As mounted cloud drives do; the predictions and the store write as ever."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setenv("CNNLAB_COURSE", str(tmp_path / "drive"))
    with pytest.warns(UserWarning, match=r"drive can't lock files \(.+\), so use it from one notebook at a time"):
        commit_guess("01-kernels", 3.0)
    commit_guess("01-pooling", 2.0)  # without a warning: here every warning is an error
    assert list(show_guesses().predictions) == ["01-kernels", "01-pooling"]
    tiny = Experiment(train_size=40, validation_size=20, batch_size=20, channels=(2,), hidden=4, epochs=1)
    with pytest.warns(UserWarning, match="can't lock files"):
        assert len(sweep([tiny], tmp_path / "drive" / "runs", workers=1, progress=False)) == 1
    assert len(load_runs(tmp_path / "drive" / "runs")) == 1
