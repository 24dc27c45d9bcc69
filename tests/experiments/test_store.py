"""The store: records whole or not at all, damaged files, a full disk, a .zip, and claims."""

import errno
import json
import os
import subprocess
import sys
import warnings
import zipfile

import pytest
import torch

from cnnlab import Experiment, load_runs, sweep
from cnnlab.errors import ConfigError, DataError
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
    assert store.read(ONE) == store.read(TWO) == {"format": FORMAT} | RECORD
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
    assert store.read(ONE) == {"format": FORMAT} | RECORD
    assert sorted(path.name for path in store.path.iterdir()) == [".locks", f"{ONE}.json", f"{ONE}.safetensors"]
    store.write(ONE, RECORD | {"more": 1})  # the lock was given back
    assert store.read(ONE)["more"] == 1


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
        packed.writestr(f"{TWO}.json", encode(RECORD))
    with pytest.raises(DataError, match=r"is damaged.*get the file again"):
        Store(path).read(ONE)
    path.write_bytes(path.read_bytes().replace(b'"seed":1}', b'"seed":2}'))
    with pytest.raises(DataError, match=r"is damaged.*get the file again"):
        Store(path).read(TWO)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ConfigError, match=r"is a file"):
        Store(path)


# --- Claims


def test_a_claim_excludes_others_until_it_is_closed(store):
    claim = store.claim(ONE)
    again = Store(store.path)
    assert again.claim(ONE) is None
    other = again.claim(TWO)
    assert other is not None
    code = f"from cnnlab.experiments.store import Store; print(Store({str(store.path)!r}).claim({ONE!r}) is None)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "True\n"
    claim.close()
    claim.close()
    third = again.claim(ONE)
    assert third is not None
    for one in (third, other):
        one.close()
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


TINY = Experiment(train_size=100, validation_size=50, channels=(4,), hidden=8, epochs=2)


def test_a_run_is_loaded_once_however_often_it_was_asked_for(tmp_path):
    quiet = {"workers": 1, "progress": False}
    sweep([TINY], store=tmp_path / "a", **quiet)
    sweep([TINY.replace(min_delta=0.01)], store=tmp_path / "a", **quiet)
    assert len(load_runs(tmp_path / "a")) == 1
    for patience in (2, None, 2):
        sweep([TINY.replace(patience=patience)], store=tmp_path / "b", **quiet)
    assert sorted(str(one.experiment.patience) for one in load_runs(tmp_path / "b")) == ["2", "None"]
