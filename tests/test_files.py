"""The folders that cnnlab uses, and files that are written completely or not at all."""

import errno
import io
import os
import stat
import subprocess
import sys
from types import SimpleNamespace

import filelock
import pytest

import cnnlab
from cnnlab import (
    Experiment,
    build_cnn,
    commit_guess,
    files,
    load_runs,
    load_weights,
    save_weights,
    show_guesses,
    sweep,
)
from cnnlab.errors import ConfigError
from cnnlab.experiments.store import Store

TINY = Experiment(train_size=40, validation_size=20, batch_size=20, channels=(2,), hidden=4, epochs=1)


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


def test_both_languages_share_one_course_folder(monkeypatch, tmp_path):
    """Below the English notebooks `id` has the same ones in Indonesian; any other folder of that name is her own."""
    monkeypatch.delenv("CNNLAB_COURSE")
    (tmp_path / "notebooks" / "id").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "notebooks" / "id")
    (tmp_path / "notebooks" / "id" / "02_pooling.ipynb").touch()
    (tmp_path / "notebooks" / "mine.ipynb").touch()
    assert files.course_folder() == tmp_path / "notebooks" / "id" / "my_course"
    (tmp_path / "notebooks" / "02_pooling.ipynb").touch()
    commit_guess("02-pooling", 3.0)
    monkeypatch.chdir("..")
    assert list(show_guesses().predictions) == ["02-pooling"]
    assert sorted(os.listdir()) == ["02_pooling.ipynb", "id", "mine.ipynb", "my_course"]
    assert os.listdir("id") == ["02_pooling.ipynb"]
    (tmp_path / "02_pooling.ipynb").touch()  # and the English ones are in a folder of another name
    assert files.course_folder() == tmp_path / "notebooks" / "my_course"


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
    with pytest.warns(UserWarning, match="can't lock files"):
        assert len(sweep([TINY], tmp_path / "drive" / "runs", workers=1, progress=False)) == 1
    assert len(load_runs(tmp_path / "drive" / "runs")) == 1


# --- What is replaced keeps its permissions, and a link stays a link

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o666])
def test_a_file_that_is_replaced_keeps_its_permissions_at_every_moment(tmp_path, monkeypatch, mode):
    path = tmp_path / "file"
    path.write_bytes(b"private")
    path.chmod(mode)
    modes = []

    def look(_):
        modes.extend(stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.iterdir())

    monkeypatch.setattr(files.os, "fsync", look)
    files.atomic_write(path, b"later")
    assert path.read_bytes() == b"later"
    assert modes == [mode] * 2
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
def test_a_group_that_may_not_be_kept_loses_its_permissions(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"for the teachers")
    path.chmod(0o664)
    monkeypatch.setattr(files.os, "fchown", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no")))
    own = os.stat(path)
    other = os.stat_result([*own[:5], own.st_gid + 1, *own[6:]])
    monkeypatch.setattr(files, "_ordinary_file", lambda _: other)
    files.atomic_write(path, b"later")
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


@posix
@pytest.mark.parametrize("there", [True, False], ids=["to a file", "to nothing yet"])
def test_a_link_is_followed_and_stays(tmp_path, there):
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "target"
    if there:
        target.write_bytes(b"earlier")
    (tmp_path / "first").symlink_to(target)
    (tmp_path / "second").symlink_to("first")
    files.atomic_write(tmp_path / "second", b"later")
    assert target.read_bytes() == b"later"
    assert (tmp_path / "second").is_symlink()
    assert (tmp_path / "first").is_symlink()
    assert os.listdir(tmp_path / "elsewhere") == ["target"]


@posix
def test_a_device_a_folder_and_a_circle_of_links_are_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    for name in ("pipe", "folder", "circle"):
        with pytest.raises(OSError, match=rf"{name} was not saved"):
            files.atomic_write(tmp_path / name, b"")
        for save in (save_weights, lambda _, path: Store(path).prepare()):
            with pytest.raises(ConfigError):
                save(build_cnn(), tmp_path / "pipe")
    assert sorted(os.listdir(tmp_path)) == ["circle", "folder", "pipe"]


# --- Replacing that is refused for a moment


def test_replacing_is_tried_again_for_a_second(tmp_path, monkeypatch):
    replace, refusals = os.replace, [PermissionError(13, "in use")] * 3

    def busy(*arguments):
        if refusals:
            raise refusals.pop()
        replace(*arguments)

    monkeypatch.setattr(files.os, "replace", busy)
    files.atomic_write(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"

    refusals.extend([PermissionError(13, "in use")] * 1000)
    pauses = []
    monkeypatch.setattr(files, "time", SimpleNamespace(monotonic=lambda: sum(pauses), sleep=pauses.append))
    with pytest.raises(OSError, match=r"was not saved \(in use\)"):
        files.atomic_write(tmp_path / "file", b"later")
    assert sum(pauses) == pytest.approx(1, abs=0.05)
    assert (tmp_path / "file").read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["file"]


# --- Paths


@pytest.mark.parametrize("path", ["", "  ", 3, None, b"file", [3], 2.5], ids=repr)
def test_what_is_no_path_is_refused_in_words(path):
    doors = [lambda: save_weights(build_cnn(), path), lambda: load_weights(build_cnn(), path), lambda: load_runs(path)]
    if path is not None:
        doors.append(lambda: Store(path))
    for door in doors:
        with pytest.raises(
            ConfigError, match=r"(path|store) wants the path of a file or folder, such as 'my_runs', got"
        ):
            door()


def test_a_home_folder_is_expanded_everywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("CNNLAB_CACHE", "~/cache")
    assert files.cache_folder() == tmp_path / "cache"
    save_weights(build_cnn(), "~/weights")
    load_weights(build_cnn(), "~/weights")
    assert Store("~/runs").path == tmp_path / "runs"
    assert os.listdir(tmp_path) == ["weights"]
    with pytest.raises(ConfigError, match="the home folder is not known; write the whole path"):
        Store("~nobody at all/runs")


def test_a_file_to_write_is_checked_and_nothing_is_changed(tmp_path, monkeypatch):
    (tmp_path / "mine").write_bytes(b"mine")
    assert files.check_output_file("checkpoint", tmp_path / "mine") == tmp_path / "mine"
    assert files.check_output_file("checkpoint", str(tmp_path / "new")) == tmp_path / "new"
    for bad in (tmp_path, tmp_path / "no" / "x", tmp_path / "mine" / "x", os.devnull, tmp_path / ("x" * 300), "a\0b"):
        with pytest.raises(ConfigError, match=r"wants a file in a folder that exists|can't be a file"):
            files.check_output_file("checkpoint", bad)
    monkeypatch.setattr(files.tempfile, "TemporaryFile", lambda **_: (_ for _ in ()).throw(OSError(30, "read-only")))
    with pytest.raises(ConfigError, match=r"the folder .* can't be written; give another path"):
        files.check_output_file("checkpoint", tmp_path / "mine")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"mine": b"mine"}


@posix
def test_a_planted_link_in_the_place_of_a_lock_is_refused_and_its_target_kept(tmp_path):
    (tmp_path / "precious").write_bytes(b"do not empty me")
    (tmp_path / "runs" / ".locks").mkdir(parents=True)
    (tmp_path / "runs" / ".locks" / "edit.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(ConfigError, match=r"can't be read, written or locked .*; give another folder"):
        sweep([TINY], tmp_path / "runs", workers=1, progress=False)
    with pytest.raises(OSError, match="symbolic"):
        files.file_lock(tmp_path / "runs" / ".locks" / "edit.lock").acquire(timeout=1)
    assert (tmp_path / "precious").read_bytes() == b"do not empty me"


# --- Standard output


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252", "latin-1", "utf-8"])
def test_everything_is_printed_whatever_the_encoding(encoding):
    code = (
        "import cnnlab, sys; data = cnnlab.load_data('patterns', train=20, validation=10, size=12); print(data)\n"
        "print('0.5 ≈ 1 ± 2 – 3 − 4 … → ü')\n"
        "sys.stdout.reconfigure(errors='strict')\n"
        "from cnnlab.printing import write_line; write_line('3×3')"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=os.environ | {"PYTHONIOENCODING": encoding}, timeout=120
    )
    assert answer.returncode == 0, answer.stderr.decode()
    printed = answer.stdout.decode(encoding).splitlines()
    if encoding == "ascii":
        assert "images 1x12x12" in printed[0]
        assert printed[-2:] == ["0.5 ~ 1 +- 2 - 3 - 4 ... -> ?", "3x3"]
    if encoding == "utf-8":
        assert printed[-2:] == ["0.5 ≈ 1 ± 2 – 3 − 4 … → ü", "3×3"]


@pytest.mark.parametrize("encoding", ["shift_jis_2004", "euc_jisx0213"])
def test_a_name_is_printed_where_the_encoding_has_our_signs_but_not_its_letters(encoding, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    cnnlab._print_anywhere()
    sys.stdout.write("≈ 3, 猫, قطة\n")
    sys.stdout.flush()
    assert written.getvalue().decode(encoding) == "≈ 3, 猫, ???\n"


@pytest.mark.parametrize("gone", ["stdout", "stdout, sys.stderr"])
def test_a_program_without_standard_output_works(gone, tmp_path):
    """As pythonw on Windows."""
    code = (
        f"import sys; sys.{gone.replace(', ', ' = ')} = None\n"
        "import cnnlab; from cnnlab.printing import write_line; write_line('a line')\n"
        "data = cnnlab.load_data('patterns', train=64, validation=32, size=12, classes=2)\n"
        "cnnlab.fit(cnnlab.build_cnn(channels=(2,), hidden=4, input_shape=(1, 12, 12), classes=2), data, epochs=2)\n"
        "fields = {'dataset': 'patterns', 'size': 12, 'train_size': 64, 'validation_size': 32, 'epochs': 1}\n"
        "cnnlab.sweep([cnnlab.Experiment(**fields)], workers=1)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
