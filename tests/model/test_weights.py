"""Weights written to a file and read again; damaged files, pickles and other architectures are refused."""

import copy
import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from cnnlab.errors import DataError
from cnnlab.model.cnn import build_cnn
from cnnlab.model.weights import load_weights, read_tensors, save_weights, write_tensors


def test_weights_go_to_disk_and_back(tmp_path):
    model = build_cnn(seed=1).to(memory_format=torch.channels_last)
    path = tmp_path / "weights é.safetensors"
    save_weights(model, path)
    other = load_weights(build_cnn(seed=2), path)
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_weights_that_are_not_sound_are_refused_and_nothing_is_executed(tmp_path):
    model = build_cnn(seed=1)
    before = copy.deepcopy(model.state_dict())
    path = tmp_path / "weights.safetensors"

    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    for name, write in {"plain.pt": pickle.dumps(Bomb()), "torch.pt": None}.items():
        file = tmp_path / name
        file.write_bytes(write) if write else torch.save(model.state_dict(), file)
        with pytest.raises(DataError, match=r"is a pickle .* opening one can run code, so it was not; use safetensors"):
            load_weights(model, file)
    assert not (tmp_path / "executed").exists()

    save_weights(build_cnn(seed=2), path)
    sound = path.read_bytes()
    for flipped in range(len(sound) - 500_000, len(sound), 99_991):  # somewhere in the numbers
        rotten = bytearray(sound)
        rotten[flipped] ^= 4
        path.write_bytes(rotten)
        with pytest.raises(DataError, match="damaged: its numbers do not match its checksum"):
            load_weights(model, path)
    path.write_bytes(sound[:-7])
    with pytest.raises(DataError, match="is damaged or no safetensors file"):
        load_weights(model, path)
    path.write_bytes(b"hello")
    with pytest.raises(DataError, match="is damaged or no safetensors file"):
        load_weights(model, path)
    with pytest.raises(DataError, match="does not exist; save_weights"):
        load_weights(model, tmp_path / "none.safetensors")
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_huge_file_is_refused_before_it_is_read(tmp_path, monkeypatch):
    model, path = build_cnn(seed=1), tmp_path / "weights.safetensors"
    save_weights(model, path)
    os.truncate(path, 10**12)  # without blocks on the disk
    with pytest.raises(DataError, match=r"has 1,000,000,000,000 bytes, more than the free memory; copy it again"):
        load_weights(model, path)
    monkeypatch.setattr("cnnlab.model.weights.free_memory", lambda: None)  # where the system does not say
    monkeypatch.setattr(Path, "read_bytes", lambda _: bytes(10**18))
    with pytest.raises(DataError, match=r"more than the free memory"):
        load_weights(model, path)


def test_weights_of_another_architecture_are_named(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_weights(build_cnn(3), path)
    with pytest.raises(DataError) as caught:
        load_weights(build_cnn(5), path)
    assert "another architecture: conv1.weight is (16, 1, 5, 5) in this model and (16, 1, 3, 3) in the file" in str(
        caught.value
    )
    with pytest.raises(DataError, match=r"conv3.weight is \(8, 32, 3, 3\) in this model and missing in the file"):
        load_weights(build_cnn(3, channels=(16, 32, 8), hidden=64), path)


def test_no_damaged_file_is_taken_for_a_pickle(tmp_path):
    header = (
        b'{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'.ljust(127) + b"]"
    )  # 128 = 0x80 bytes, as a pickle begins
    (tmp_path / "a").write_bytes((128).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(DataError, match="is damaged or no safetensors file"):
        read_tensors(tmp_path / "a")


def test_no_sound_file_is_taken_for_a_pickle(tmp_path):
    """A safetensors file begins with its header's length, whose first byte may be that of a pickle."""
    path, starts = tmp_path / "tensors", set()
    for length in range(0, 300, 8):
        write_tensors(path, {"w": torch.ones(2)}, {"note": "x" * length})
        starts.add(path.read_bytes()[0])
        assert torch.equal(read_tensors(path)[0]["w"], torch.ones(2))
    assert 0x80 in starts


def test_tied_weights_can_be_saved(tmp_path):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    save_weights(model, tmp_path / "tied")
    assert torch.equal(read_tensors(tmp_path / "tied")[0]["1.weight"], model[0].weight)
