"""Test the file of recordings: what is written is read, damage is noticed, and it says nothing about diseases."""

import gzip
import re

import numpy as np
import pytest

from cnnlab import data_folder
from cnnlab.course.clinic.patients import SETTINGS
from cnnlab.course.clinic.recording import ACTIVATIONS, FILE, LAYERS, Recording, _read, read_recording, write_recordings
from cnnlab.course.clinic.settings import CAUSES, HEALTHY
from cnnlab.errors import DataError


def test_what_is_written_is_read(tmp_path):
    arrays = {"curve.train_loss": np.array([2.0, 1.0], dtype=np.float32), "x.sample": np.zeros((2, 3), np.float16)}
    write_recordings({"a" * 16: Recording(arrays), "b" * 16: Recording({"y": np.ones(1)})}, tmp_path / FILE)
    back = _read(tmp_path / FILE)
    assert sorted(back) == ["a" * 16 + "/curve.train_loss", "a" * 16 + "/x.sample", "b" * 16 + "/y"]
    np.testing.assert_array_equal(back["a" * 16 + "/curve.train_loss"], arrays["curve.train_loss"])
    first = (tmp_path / FILE).read_bytes()
    write_recordings({"b" * 16: Recording({"y": np.ones(1)}), "a" * 16: Recording(arrays)}, tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == first


def test_a_missing_or_damaged_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"clinic\.safetensors\.gz is missing; get the course again"):
        _read(tmp_path / FILE)
    (tmp_path / FILE).write_bytes(b"no gzip")
    with pytest.raises(DataError, match="is damaged"):
        _read(tmp_path / FILE)
    content = bytearray(gzip.decompress((data_folder() / "bank" / FILE).read_bytes()))
    content[-5] ^= 1
    (tmp_path / FILE).write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match="do not match its checksum"):
        _read(tmp_path / FILE)
    with pytest.raises(DataError, match="lacks a recording"):
        read_recording("0" * 16)


def test_the_bank_has_every_patient_whole_and_finite():
    arrays = _read(data_folder() / "bank" / FILE)
    assert {name.partition("/")[0] for name in arrays} == set(SETTINGS)
    assert len(SETTINGS) == 12
    assert all(np.isfinite(values).all() for values in arrays.values())
    assert {len(values) for values in arrays.values()} == {12}
    assert (data_folder() / "bank" / FILE).stat().st_size < 500_000


def test_no_name_of_a_disease_is_in_the_file():
    content = gzip.decompress((data_folder() / "bank" / FILE).read_bytes()).decode("latin1")
    words = {word for disease in CAUSES for word in re.findall(r"[a-z]{5,}", disease.lower())}
    words -= {"validation", "weights"}  # numbers that every patient has
    assert not [word for word in words if word in content.lower()]


def test_the_numbers_of_an_epoch_are_those_of_that_epoch():
    recording = read_recording(HEALTHY.key)
    assert len(recording.history) == recording.epochs == 12
    assert list(recording.activations(1)) == list(ACTIVATIONS)
    assert list(recording.weights(1)) == list(LAYERS)
    changes = [recording.weights(epoch)["fc1"].change for epoch in range(1, 13)]
    assert changes == sorted(changes)
    assert changes[0] < changes[-1]
    layer = recording.weights(12)["conv1"]
    now, start = layer.values, layer.initial  # all 72 weights of conv1
    assert len(now) == 72
    assert np.linalg.norm(now - start) / np.linalg.norm(start) == pytest.approx(layer.change, rel=0.01)
    sample = recording.activations(12)["act2"].sample
    assert float((sample == 0).mean()) == pytest.approx(recording.activations(12)["act2"].zeros, abs=0.12)
