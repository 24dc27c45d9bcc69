"""The store: records whole or not at all, damaged files, a full disk, a .zip, and claims."""

import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
import zipfile
import zlib

import pytest
import torch

from cnnlab import Experiment, load_runs, sweep
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments import store_files
from cnnlab.experiments.store import FORMAT, Store, decode, encode
from cnnlab.model.weights import pack_tensors

ONE, TWO = "0123456789abcdef", "fedcba9876543210"
RECORD = {"experiment": {"seed": 1}, "history": {"é": [0.1, 2.0]}}
WEIGHTS = pack_tensors({"0.conv1.weight": torch.arange(3.0)}, {})


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "a folder ü" / "runs")
    made.prepare()
    return made


@pytest.mark.parametrize("on_disk", [True, False])
def test_what_is_written_is_read(on_disk, store):
    store = store if on_disk else Store()
    assert store.names() == []
    assert store.read(ONE) is None
    store.write(TWO, RECORD)
    store.write(ONE, RECORD, WEIGHTS)
    assert store.names() == [ONE, TWO]
    assert store.read(TWO) == {"format": FORMAT} | RECORD
    assert store.read(ONE) == store.read(TWO) | {"weights_sha256": hashlib.sha256(WEIGHTS).hexdigest()}
    assert store.weights(ONE) == WEIGHTS
    assert store.has_weights(ONE)
    assert not store.has_weights(TWO)
    with pytest.raises(DataError, match=rf"lacks {TWO}\.safetensors.*sweep it again"):
        store.weights(TWO)
    assert not store.read_only


def test_a_record_is_json_with_its_checksum_first(store):
    store.write(ONE, RECORD)
    content = (store.path / f"{ONE}.json").read_bytes()
    first, rest = content.split(b"\n", 1)
    import zlib

    assert json.loads(content) == {"crc32": f"{zlib.crc32(rest):08x}", "format": FORMAT} | RECORD
    assert b"crc32" in first
    with pytest.raises(ValueError, match=r"JSON compliant"):
        store.write(ONE, {"loss": float("nan")})
    assert (store.path / f"{ONE}.json").read_bytes() == content


def test_failures_are_noted_until_a_run_succeeds(store):
    store.note_failure(ONE, {"seed": 1}, "too hot")
    assert (store.names(), store.names("failed")) == ([], [ONE])
    assert store.failure(ONE) == {"experiment": {"seed": 1}, "reason": "too hot"}
    store.write(ONE, RECORD)
    assert (store.names(), store.names("failed"), store.failure(ONE)) == ([ONE], [], None)


# --- Damage, another format


def test_every_truncation_and_every_flipped_bit_is_noticed():
    content = encode({"format": FORMAT} | RECORD)
    assert decode(content)["history"] == RECORD["history"]
    for length in range(len(content)):
        with pytest.raises(ValueError, match=r"checksum"):
            decode(content[:length])
    for place in range(len(content)):
        for bit in range(8):
            broken = bytearray(content)
            broken[place] ^= 1 << bit
            with pytest.raises(ValueError, match=r"checksum"):
                decode(bytes(broken))
    with pytest.raises(ValueError, match=r"checksum"):
        decode(content + b" ")


def test_a_damaged_record_is_set_aside_and_named(store):
    store.write(ONE, RECORD)
    path = store.path / f"{ONE}.json"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match=rf"{ONE}\.json is no use \(it does not match its checksum\).*run again"):
        assert store.read(ONE) is None
    assert not path.exists()
    assert (store.path / f"{ONE}.json.bad").exists()
    assert store.names() == []
    assert store.read(ONE) is None  # without a second warning


def test_damaged_weights_are_set_aside_and_named(store):
    store.write(ONE, RECORD, WEIGHTS)
    path = store.path / f"{ONE}.safetensors"
    path.write_bytes(WEIGHTS[:-1] + b"\x07")
    with pytest.warns(UserWarning, match=rf"{ONE}\.safetensors is no use"):
        assert not store.has_weights(ONE)
    assert (store.path / f"{ONE}.safetensors.bad").exists()
    assert store.read(ONE) is not None


def test_a_record_that_was_mended_meanwhile_stays(store):
    store.write(ONE, RECORD)
    store.set_aside(f"{ONE}.json", b"what a reader saw before", "torn")
    assert store.names() == [ONE]
    store.set_aside(f"{TWO}.json", None, "gone already")
    assert os.listdir(store.path / ".locks") == ["edit.lock"]


@pytest.mark.parametrize("other", [FORMAT - 1, FORMAT + 1, None, "2"])
def test_another_format_is_refused_in_words_and_stays(store, other):
    (store.path / f"{ONE}.json").write_bytes(encode({"format": other} | RECORD))
    with pytest.raises(DataError, match=rf"{ONE}\.json has format {other!r}, and this cnnlab reads {FORMAT}; take"):
        store.read(ONE)
    assert store.names() == [ONE]


def test_other_peoples_files_are_left_alone(store):
    store.write(ONE, RECORD)
    others = [
        "package.json",
        "notes.txt",
        f"{ONE}.json.txt",
        f"copy of {ONE}.json",
        f"{ONE.upper()}.json",
        ".hidden.json",
    ]
    for name in others:
        (store.path / name).write_text("{}")
    assert store.names() == [ONE]
    store.prepare()
    assert {path.name for path in store.path.iterdir()} == {*others, f"{ONE}.json", ".locks"}


# --- A full disk, and folders that can't be


def test_a_full_disk_is_said_in_words_and_the_earlier_file_stays(store, monkeypatch):
    store.write(ONE, RECORD, WEIGHTS)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=rf"{ONE}\.json was not saved \(No space left on device\).*intact"):
            store.write(ONE, RECORD | {"more": 1})
    assert store.read(ONE).items() >= RECORD.items()
    assert sorted(path.name for path in store.path.iterdir()) == [".locks", f"{ONE}.json", f"{ONE}.safetensors"]
    store.write(ONE, RECORD | {"more": 1})  # the lock was given back
    assert store.read(ONE)["more"] == 1


def test_a_process_that_ends_between_two_files_leaves_no_record_without_its_weights(store, monkeypatch):
    write, files = store_files.atomic_write, []

    def end_before_the_second(path, content):
        files.append(path.suffix)
        if len(files) == 2:
            raise KeyboardInterrupt
        write(path, content)

    monkeypatch.setattr(store_files, "atomic_write", end_before_the_second)
    with pytest.raises(KeyboardInterrupt):
        store.write(ONE, RECORD, WEIGHTS)
    assert files == [".safetensors", ".json"]
    assert store.names() == []


def test_what_a_killed_process_left_half_written_is_cleared_away(store):
    store.write(ONE, RECORD)
    for name in (f".{ONE}.json.abc123", f".{TWO}.safetensors.x_y_z"):
        (store.path / name).write_text("half of")
    store.prepare()
    assert sorted(path.name for path in store.path.iterdir()) == [f"{ONE}.json", ".locks"][::-1]


def test_a_file_is_no_store(tmp_path):
    (tmp_path / "runs").write_text("mine")
    with pytest.raises(ConfigError, match=r"is a file; give a folder, or a .zip of one"):
        Store(tmp_path / "runs")


@pytest.mark.parametrize("name", ["file/below", "x" * 300, "nul\0"])
def test_a_folder_that_cannot_be_made_is_refused_in_words(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match=r"can't be read, written or locked .*; give another folder"):
        Store(tmp_path / name).prepare()
    assert (tmp_path / "file").read_text() == "mine"


# --- A zip of a folder


@pytest.mark.parametrize("inside", ["", "runs/kernel/"])
def test_a_zip_is_read_and_never_changed(store, tmp_path, inside):
    store.write(ONE, RECORD, WEIGHTS)
    with zipfile.ZipFile(tmp_path / "runs.zip", "w") as packed:
        for path in store.path.iterdir():
            packed.write(path, inside + path.name)
        packed.writestr(f"__MACOSX/{inside}._{ONE}.json", "rubbish")
    packed = Store(tmp_path / "runs.zip")
    assert packed.read_only
    assert packed.names() == [ONE]
    assert packed.read(ONE) == store.read(ONE)
    assert packed.read(TWO) is None
    assert packed.weights(ONE) == WEIGHTS
    before = packed.path.read_bytes()
    packed.prepare()
    packed.write(TWO, RECORD, WEIGHTS)
    packed.write(ONE, RECORD | {"new": 1})
    assert packed.names() == sorted([ONE, TWO])
    assert packed.weights(TWO) == WEIGHTS
    assert packed.read(ONE)["new"] == 1  # what is added lies before what is in the zip
    assert packed.claim(ONE) is not None
    assert packed.path.read_bytes() == before
    assert Store(packed.path).names() == [ONE]


def test_a_damaged_zip_is_said_in_words(tmp_path):
    path = tmp_path / "runs.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(f"{ONE}.json", encode(RECORD)[:-1])
        packed.writestr(f"{TWO}.json", encode({"format": FORMAT} | RECORD))
    with pytest.warns(UserWarning, match=rf"{ONE}.json is damaged .*checksum.*, so it is left out; get the file again"):
        assert Store(path).read(ONE) is None
    assert Store(path).read(TWO) is not None
    path.write_bytes(path.read_bytes().replace(b'"seed":1}', b'"seed":2}'))
    with pytest.raises(DataError, match=r"is damaged.*get the file again"):
        Store(path).read(TWO)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ConfigError, match=r"is a file"):
        Store(path)


# --- The weights of another run


def test_weights_of_another_run_are_refused_and_set_aside(store):
    others = pack_tensors({"0.conv1.weight": torch.arange(3.0) + 1}, {})
    store.write(ONE, RECORD, WEIGHTS)
    store.write(TWO, RECORD | {"more": 1}, others)
    (store.path / f"{ONE}.safetensors").write_bytes(others)
    with pytest.raises(
        DataError, match=rf"{ONE}.safetensors is damaged, or holds the weights of another run; sweep it"
    ):
        store.weights(ONE)
    assert store.weights(TWO) == others
    with pytest.warns(UserWarning, match=rf"{ONE}.safetensors is no use .*weights of another run"):
        assert not store.has_weights(ONE)
    assert store.has_weights(TWO)
    assert store.read(ONE) is not None


def test_a_record_that_is_written_again_without_weights_keeps_their_checksum(store):
    store.write(ONE, RECORD, WEIGHTS)
    store.write(ONE, store.read(ONE) | {"asked": [1]})
    assert store.has_weights(ONE)


def test_an_epoch_that_is_not_in_the_weights_is_said_in_words(tmp_path):
    sweep([TINY], tmp_path, snapshots=(1, 2), **QUIET)
    path = tmp_path / f"{TINY.trajectory}.json"
    path.write_bytes(encode(decode(path.read_bytes()) | {"snapshots": [0, 1, 2]}))
    (run,) = load_runs(tmp_path)
    assert run.model(1).training is False
    with pytest.raises(DataError, match="the weights of epoch 0 are not in the file of this run; sweep it again"):
        run.model(0)


def test_a_record_of_an_earlier_version_does_not_say_which_weights_it_has(store):
    store.write(ONE, RECORD)
    (store.path / f"{ONE}.safetensors").write_bytes(WEIGHTS)
    assert store.has_weights(ONE)
    assert store.weights(ONE) == WEIGHTS


# --- One bad file among others


QUIET = {"workers": 1, "progress": False}
TINY = Experiment(train_size=100, validation_size=50, channels=(4,), hidden=8, epochs=2)
THREE = [TINY.replace(seed=seed) for seed in range(3)]


def sealed(change):
    """Change a record, and give it the right checksum again."""

    def write(path):
        record = decode(path.read_bytes())
        change(record)
        path.write_bytes(encode(record))

    return write


def endless(path):
    """Write a number that JSON allows and that is read as infinite."""
    rest = re.sub(rb'"seconds":[0-9.e+-]+', b'"seconds":1e999', path.read_bytes().partition(b"\n")[2])
    path.write_bytes(b'{"crc32":"%08x",\n' % zlib.crc32(rest) + rest)


def as_folder(path):
    path.unlink()
    path.mkdir()


def as_pipe(path):
    path.unlink()
    os.mkfifo(path)


def as_sparse_file(path):
    with open(path, "ab") as file:
        file.truncate(200_000_000)


def as_broken_link(path):
    path.unlink()
    path.symlink_to("nowhere")


def with_content(content):
    return lambda path: path.write_bytes(content)


def deep(path):
    text = b'"format":1,"a":' + b"[" * 10**6 + b"]" * 10**6 + b"}"
    path.write_bytes(b'{"crc32":"%08x",\n' % zlib.crc32(text) + text)


DAMAGE = {
    "torn": lambda path: path.write_bytes(path.read_bytes()[:99]),
    "empty": with_content(b""),
    "nested too deep": deep,
    "a folder": as_folder,
    "a pipe": as_pipe,
    "200 MB of zeros": as_sparse_file,
    "a link to nothing": as_broken_link,
    "no format": sealed(lambda record: record.pop("format")),
    "a later format": sealed(lambda record: record.update(format=2)),
    "a new field": sealed(lambda record: record["experiment"].update(invented=1)),
    "a field of another kind": sealed(lambda record: record["experiment"].update(epochs="many")),
    "no experiment": sealed(lambda record: record.pop("experiment")),
    "an experiment that is a list": sealed(lambda record: record.update(experiment=[1])),
    "a history that is a text": sealed(lambda record: record.update(history="x")),
    "a new part of the history": sealed(lambda record: record["history"].update(invented=1)),
    "no columns": sealed(lambda record: record["history"].pop("columns")),
    "no losses": sealed(lambda record: record["history"]["columns"].pop("train_loss")),
    "a column that is shorter": sealed(lambda record: record["history"]["columns"]["train_loss"].pop()),
    "a loss in words": sealed(lambda record: record["history"]["columns"].update(train_loss=["low", "lower"])),
    "asked for nothing": sealed(lambda record: record.update(asked=None)),
    "asked in words": sealed(lambda record: record.update(asked=[["one", None, 0.0]])),
    "no time": sealed(lambda record: record.pop("seconds")),
    "seconds without an end": endless,
    "seconds below 0": sealed(lambda record: record.update(seconds=-1)),
    "a shape of nothing": sealed(lambda record: record.update(input_shape=[0, -3, 10**8])),
    "a snapshot before the start": sealed(lambda record: record.update(snapshots=[-1])),
    "no snapshots": sealed(lambda record: record.pop("snapshots")),
    "a shape in words": sealed(lambda record: record.update(input_shape="1x28x28")),
    "no classes": sealed(lambda record: record.update(class_names=None)),
    "renamed": sealed(lambda record: record.update(trajectory=ONE)),
}
if os.name != "posix":
    del DAMAGE["a pipe"], DAMAGE["a link to nothing"]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    folder = tmp_path_factory.mktemp("three")
    sweep(THREE, folder, **QUIET)
    return folder


@pytest.mark.parametrize("damage", DAMAGE)
def test_one_bad_record_is_named_once_and_all_others_load(three, tmp_path, damage):
    store = tmp_path / "runs"
    shutil.copytree(three, store, ignore=shutil.ignore_patterns(".locks"))
    bad = store / f"{THREE[1].trajectory}.json"
    DAMAGE[damage](bad)
    is_gone = damage == "a link to nothing"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runs = load_runs(store)
    assert [run.experiment.seed for run in runs] == [run.experiment.seed for run in load_runs(three)
                                                     if run.experiment.seed != 1]  # fmt: skip
    assert [bad.name in str(warning.message) for warning in caught] == [True] * (not is_gone)

    is_set_aside = not bad.exists() or is_gone
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runs = sweep(THREE, store, **QUIET)
    if is_set_aside:  # trained again
        assert [run.experiment.seed for run in runs] == [0, 1, 2]
        assert caught == []
    else:
        assert [run.experiment.seed for run in runs] == [0, 2]
        assert [failure.experiment.seed for failure in runs.failures] == [1]
        assert [bad.name in str(warning.message) for warning in caught] == [True]
        assert bad.exists()


NOTES = [b"", b"{", b"[]", b"null", b"\xff", b'{"experiment": 1, "reason": ""}', b'{"experiment": {}}', b"[" * 10**6,
         b'{"experiment": {"invented": 1}, "reason": "x"}']  # fmt: skip


@pytest.mark.parametrize("note", NOTES, ids=lambda note: repr(note[:30]))
def test_a_bad_note_of_a_failure_is_named_and_all_others_load(three, tmp_path, note):
    store = tmp_path / "runs"
    shutil.copytree(three, store, ignore=shutil.ignore_patterns(".locks"))
    (store / f"{TWO}.failed").write_bytes(note)
    with pytest.warns(UserWarning, match=rf"{TWO}.failed") as caught:
        runs = load_runs(store)
    assert len(caught) == 1
    assert len(runs) == 3
    assert runs.failures == []


def test_on_a_read_only_disk_a_damaged_record_is_left_out_and_stays(three, tmp_path, monkeypatch):
    store = tmp_path / "runs"
    shutil.copytree(three, store, ignore=shutil.ignore_patterns(".locks"))
    bad = store / f"{THREE[1].trajectory}.json"
    bad.write_bytes(b"torn")

    def read_only(_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("cnnlab.experiments.store.file_lock", read_only)
    with pytest.warns(UserWarning, match=rf"{bad.name} is no use .*and can't be renamed: it is left out") as caught:
        assert len(load_runs(store)) == 2
    assert len(caught) == 1
    assert bad.read_bytes() == b"torn"


def zip_of(three, path, change=None, method=zipfile.ZIP_DEFLATED):
    """Pack the three records, with other content for the second one."""
    with zipfile.ZipFile(path, "w") as packed:
        for seed, experiment in enumerate(THREE):
            name = f"{experiment.trajectory}.json"
            content = (three / name).read_bytes()
            packed.writestr(name, change(content) if change and seed == 1 else content,
                            method if seed == 1 else zipfile.ZIP_STORED)  # fmt: skip
    return f"{THREE[1].trajectory}.json"


def mark(path, name, **fields):
    """Change fields of a member's headers in a .zip: in its own and in the directory."""
    content = bytearray(path.read_bytes())
    for signature, places in ((b"PK\3\4", {"flag": 6, "method": 8, "at": 30}), (b"PK\1\2", {"flag": 8, "method": 10,
                                                                                         "at": 46})):  # fmt: skip
        place = -1
        while (place := content.find(signature, place + 1)) >= 0:
            if content[place + places["at"] :].startswith(name.encode()):
                for field, value in fields.items():
                    content[place + places[field]] = value
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["encrypted", "unknown method", "bomb", "bomb of lzma", "bad bytes", "lzma", "bzip2"])
def test_one_odd_file_in_a_zip_is_named_once_and_all_others_load(three, tmp_path, how):
    path = tmp_path / "runs.zip"
    if how.startswith("bomb"):
        name = zip_of(
            three, path, lambda _: b"0" * 99_000_000, zipfile.ZIP_LZMA if "lzma" in how else zipfile.ZIP_DEFLATED
        )
        assert path.stat().st_size < 500_000
    elif how in ("lzma", "bzip2"):
        name = zip_of(three, path, method=zipfile.ZIP_LZMA if how == "lzma" else zipfile.ZIP_BZIP2)
    else:
        name = zip_of(three, path)
    if how == "encrypted":
        mark(path, name, flag=1)
    if how == "unknown method":
        mark(path, name, method=99)
    if how == "bad bytes":
        content = bytearray(path.read_bytes())
        start = content.find(name.encode()) + len(name) + 40
        content[start : start + 40] = bytes(40)
        path.write_bytes(content)
    if how in ("lzma", "bzip2"):  # unusual, and readable
        assert len(load_runs(path)) == 3
        return
    with pytest.warns(UserWarning, match=name) as caught:
        assert [run.experiment.seed for run in load_runs(path)] == [
            run.experiment.seed for run in load_runs(three) if run.experiment.seed != 1
        ]
    assert len(caught) == 1
    if how.startswith("bomb"):  # it was not unpacked
        assert "it would be 99,000,000 bytes when it is unpacked" in str(caught[0].message)


WAYS = {
    name: getattr(zipfile, f"ZIP_{name}")
    for name in ("DEFLATED", "BZIP2", "LZMA", "ZSTANDARD")  # the last from Python 3.14 on
    if hasattr(zipfile, f"ZIP_{name}")
}


@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_entry_of_every_way_to_pack_leaves_the_others(three, tmp_path, way):
    path = tmp_path / "runs.zip"
    name = zip_of(three, path, method=WAYS[way])
    with zipfile.ZipFile(path) as packed:
        entry = packed.getinfo(name)
    start = entry.header_offset + 30 + len(name)
    sound = path.read_bytes()
    for share in (0.3, 0.5, 0.7):  # a change of the first or the last bytes may be none of the content
        content = bytearray(sound)
        content[start + int(share * entry.compress_size)] ^= 0xFF
        path.write_bytes(content)
        with pytest.warns(UserWarning, match=name) as caught:
            assert len(load_runs(path)) == 2
        assert len(caught) == 1


@pytest.mark.parametrize("error", [type("ZstdError", (Exception,), {})("unable to decompress"), MemoryError()])
def test_an_error_of_one_entrys_own_kind_leaves_the_others(three, tmp_path, monkeypatch, error):
    name, unpack = zip_of(three, tmp_path / "runs.zip"), zipfile.ZipFile.open

    def fail(packed, entry, *arguments, **options):
        if getattr(entry, "filename", entry) == name:
            raise error
        return unpack(packed, entry, *arguments, **options)

    monkeypatch.setattr(zipfile.ZipFile, "open", fail)
    words = rf"{name} is damaged or can't be read \({str(error) or 'MemoryError'}\)"
    with pytest.warns(UserWarning, match=words) as caught:
        assert len(load_runs(tmp_path / "runs.zip")) == 2
    assert len(caught) == 1


@pytest.mark.parametrize("path", ["runs.zip", "RUNS.ZIP", "none/runs.zip"])
def test_a_mistyped_zip_is_refused_and_no_folder_is_made(tmp_path, path):
    for use in (lambda store: sweep([TINY], store, **QUIET), load_runs):
        with pytest.raises(ConfigError, match=r"does not exist, and a .zip is only read; look at its name"):
            use(tmp_path / path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", ["", "/dev/null", 3, b"runs", "a\0b"])
def test_what_can_be_no_store_is_refused_in_words_before_training(path):
    with pytest.raises(ConfigError, match=r"^store"):
        sweep([TINY], path, **QUIET)


def test_another_users_lock_is_said_in_words(store, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    for use in (lambda: store.write(ONE, RECORD), lambda: store.claim(ONE), store.prepare):
        with pytest.raises(ConfigError, match=r"can't be read, written or locked \(Permission denied\); give another"):
            use()


# --- Claims


def test_a_claim_excludes_others_until_it_is_closed(store):
    claim = store.claim(ONE)
    again = Store(store.path)
    assert again.claim(ONE) is None
    other = again.claim(TWO)
    assert other is not None
    code = f"from cnnlab.experiments.store import Store; print(Store({str(store.path)!r}).claim({ONE!r}) is None)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "True\n"
    claim.close()
    claim.close()
    third = again.claim(ONE)
    assert third is not None
    for each in (third, other):
        each.close()
    again.write(ONE, RECORD)  # a claim does not keep anybody from writing
    assert Store().claim(ONE) is not None


def test_an_edit_inside_an_edit_does_not_wait_for_itself(store):
    with store.editing():
        store.write(ONE, RECORD)
    assert store.names() == [ONE]


def test_no_file_is_left_open(store):
    store.write(ONE, RECORD)
    store.claim(ONE).close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
        for _ in range(20):
            store.claim(ONE).close()
            store.read(ONE)
            store.write(ONE, RECORD)
        after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after == before


def test_a_run_is_loaded_once_however_often_it_was_asked_for(tmp_path):
    quiet = {"workers": 1, "progress": False}
    sweep([TINY], store=tmp_path / "a", **quiet)
    sweep([TINY.replace(min_delta=0.01)], store=tmp_path / "a", **quiet)
    assert len(load_runs(tmp_path / "a")) == 1
    for patience in (2, None, 2):
        sweep([TINY.replace(patience=patience)], store=tmp_path / "b", **quiet)
    assert sorted(str(each.experiment.patience) for each in load_runs(tmp_path / "b")) == ["2", "None"]
