"""A training that continues from its checkpoint equals the one that never stopped, bit for bit."""

import dataclasses
import json
import threading
import zlib

import pytest
import safetensors.torch
import small_training
import torch
from small_training import quiet, same_weights, small
from torch.optim import lr_scheduler

import cnnlab.files
from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError, DataError
from cnnlab.model.weights import DIGEST, OLD_DIGEST, _digest, read_tensors, write_tensors
from cnnlab.training.checkpoint import fingerprint


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "momentum": 0.9, "patience": 1},
        {"optimizer": "rmsprop", "weight_decay": 0.01},
    ],
    ids=["adam", "sgd", "momentum and patience", "rmsprop"],
)
def test_a_continued_run_is_bit_identical(data, tmp_path, settings):
    whole, parts, path = small(dropout=0.4), small(dropout=0.4), tmp_path / "run.safetensors"
    expected = quiet(whole, data, epochs=5, **settings)

    stop = threading.Event()

    def stop_after_2(state):
        if state.epoch == 2:
            stop.set()

    quiet(parts, data, epochs=5, checkpoint=path, stop=stop, on_epoch=stop_after_2, **settings)
    fresh = small(dropout=0.4, seed=99)
    continued = quiet(fresh, data, epochs=5, checkpoint=path, **settings)
    assert same_weights(fresh, whole)
    for metric in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        assert continued[metric] == expected[metric]
    assert continued.best_epoch == expected.best_epoch
    assert (continued.stopped_by, continued.stopped_in) == (expected.stopped_by, expected.stopped_in)
    if "patience" not in settings:
        longer = quiet(small(dropout=0.4, seed=5), data, epochs=7, checkpoint=path, **settings)
        assert longer["train_loss"] == quiet(small(dropout=0.4), data, epochs=7, **settings)["train_loss"]


def test_a_checkpoint_of_something_else_is_refused(data, tmp_path):
    path = tmp_path / "run.safetensors"
    quiet(small(), data, epochs=2, checkpoint=path)
    remedy = f"; delete {path} or give another path"
    cases = [
        (small(), data, {"learning_rate": 0.1}, f"checkpoint was made with learning_rate=0.001, got 0.1{remedy}"),
        (small(), data, {"seed": 1}, f"checkpoint was made with seed=0, got 1{remedy}"),
        (small(), data, {"epochs": 1}, f"checkpoint already holds 2 epochs, got epochs=1{remedy}"),
        (small(hidden=8), data, {}, f"checkpoint was made with other images or another network{remedy}"),
        (small(pooling="avg"), data, {}, "with other images or another network"),
        (small(dropout=0.5), data, {}, "with other images or another network"),
        (small(), load_data("mnist", train=330, validation=100, seed=1), {}, "with other images or another network"),
    ]
    for model, images, settings, words in cases:
        with pytest.raises(ConfigError) as caught:
            quiet(model, images, checkpoint=path, **({"epochs": 3} | settings))
        assert words in str(caught.value)


def test_a_full_disk_is_said_in_words_and_the_earlier_file_is_intact(data, tmp_path, monkeypatch):
    path = tmp_path / "run.safetensors"
    quiet(small(), data, epochs=1, checkpoint=path)
    earlier = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    expected = quiet(small(), data, epochs=3)
    monkeypatch.setattr(cnnlab.files.os, "fsync", full)
    words = r"was not saved .No space left on device.; the earlier file, if any, is intact; the training goes on"
    with pytest.warns(UserWarning, match=words) as caught:
        history = quiet(small(), data, epochs=3, checkpoint=path)
    assert len(caught) == 1
    assert caught[0].filename == small_training.__file__
    assert history["train_loss"] == expected["train_loss"]
    assert path.read_bytes() == earlier
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "not enough memory to write it"),
        (safetensors.SafetensorError("no such dtype"), "no such dtype"),
        (TypeError("no number"), "no number"),
    ],
)
def test_whatever_fails_while_the_file_is_made_there_is_a_history(data, tmp_path, monkeypatch, error, words):
    def fail(*_):
        raise error

    monkeypatch.setattr("cnnlab.training.checkpoint.write_tensors", fail)
    with pytest.warns(UserWarning, match=rf"^checkpoint: {words}; the training goes on without it$") as caught:
        history = quiet(small(), data, epochs=2, checkpoint=tmp_path / "run")
    assert [warning.filename for warning in caught] == [small_training.__file__]
    assert history["train_loss"] == quiet(small(), data, epochs=2)["train_loss"]


def test_what_on_epoch_puts_into_the_optimizer_and_no_file_can_keep_is_said(data, tmp_path):
    def note(state):
        state.optimizer.param_groups[0]["note"] = [torch.nn.ReLU]

    words = r"the optimizer's settings hold <class '.*ReLU'>, which a file can't keep; keep numbers and texts there"
    with pytest.warns(UserWarning, match=rf"^checkpoint: {words}; the training goes on without it$"):
        assert len(quiet(small(), data, epochs=2, checkpoint=tmp_path / "run", on_epoch=note)) == 2
    assert not (tmp_path / "run").exists()


def test_a_rate_that_on_epoch_changed_is_continued(data, tmp_path):
    path, stop = tmp_path / "run", threading.Event()

    def halve(state):
        state.optimizer.param_groups[0]["lr"] /= 2
        if state.epoch == 2:
            stop.set()

    whole, parts = small(), small()
    expected = quiet(whole, data, epochs=4, on_epoch=halve)
    stop.clear()
    quiet(parts, data, epochs=4, on_epoch=halve, stop=stop, checkpoint=path)
    continued = quiet(small(seed=9), data, epochs=4, on_epoch=halve, checkpoint=path)
    assert continued["train_loss"] == expected["train_loss"]


SCHEDULERS = {
    "StepLR": lambda optimizer: lr_scheduler.StepLR(optimizer, 1, 0.5),
    # It changes the momentum, too, and notes six numbers beside the rate.
    "OneCycleLR": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=9),
    "LambdaLR": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step)),
}


def scheduled(model, data, make, saved=None, stop_after=None, **settings):
    """Train four epochs with a scheduler made after the first one; return the history and the scheduler's state."""
    schedulers, stop = [], threading.Event()

    def step(state):
        if not schedulers:
            schedulers.append(make(state.optimizer))
            if saved is not None:
                schedulers[0].load_state_dict(saved)
                schedulers[0].step()
        else:
            schedulers[0].step()
        if state.epoch == stop_after:
            stop.set()

    history = quiet(model, data, epochs=4, on_epoch=step, stop=stop, **settings)
    return history, schedulers[0].state_dict()


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
@pytest.mark.parametrize("kind", SCHEDULERS)
def test_a_scheduler_that_is_made_again_with_its_state_continues(data, tmp_path, kind, optimizer):
    whole, model, make = small(), small(seed=9), SCHEDULERS[kind]
    settings = {"optimizer": optimizer, "momentum": 0.5 if optimizer == "rmsprop" else 0.0}
    expected, _ = scheduled(whole, data, make, **settings)
    _, state = scheduled(small(), data, make, stop_after=2, checkpoint=tmp_path / "run", **settings)
    history, _ = scheduled(model, data, make, saved=state, checkpoint=tmp_path / "run", **settings)
    assert history["train_loss"] == expected["train_loss"]
    assert same_weights(model, whole)
    constant = quiet(small(), data, epochs=4, **settings)
    assert history["train_loss"][2:] != constant["train_loss"][2:]


@pytest.mark.parametrize(("first", "then"), [(0.0, 0.9), (0.9, 0.0), (0.9, 0.5)])
def test_a_momentum_that_on_epoch_changed_is_continued(data, tmp_path, first, then):
    stop = threading.Event()

    def change(state):
        if state.epoch == 2:
            state.optimizer.param_groups[0]["momentum"] = then
            stop.set()

    settings = {"epochs": 4, "optimizer": "sgd", "momentum": first, "on_epoch": change}
    whole, model = small(), small(seed=9)
    expected = quiet(whole, data, **settings)
    stop.clear()
    quiet(small(), data, stop=stop, checkpoint=tmp_path / "run", **settings)
    history = quiet(model, data, checkpoint=tmp_path / "run", **settings)
    assert history["train_loss"] == expected["train_loss"]
    assert same_weights(model, whole)


def test_a_group_of_parameters_that_on_epoch_added_is_refused_in_words(data, tmp_path):
    def add(state):
        state.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(2))]})

    quiet(small(), data, epochs=1, checkpoint=tmp_path / "run", on_epoch=add)
    words = (
        "checkpoint has an optimizer with 2 groups of parameters, and fit makes one with 1; add none in on_epoch; del"
    )
    with pytest.raises(ConfigError, match=words):
        quiet(small(), data, epochs=2, checkpoint=tmp_path / "run")


def test_a_checkpoint_of_a_torch_whose_optimizer_knew_fewer_settings_is_continued(data, tmp_path):
    path = tmp_path / "run"
    quiet(small(), data, epochs=2, checkpoint=path)
    tensors, metadata = read_tensors(path)
    (group,) = json.loads(metadata["groups"])
    del metadata[DIGEST], group["maximize"]
    write_tensors(path, tensors, metadata | {"groups": json.dumps([group])})
    assert quiet(small(), data, epochs=3, checkpoint=path)["train_loss"] == quiet(small(), data, epochs=3)["train_loss"]


def test_a_checkpoint_from_other_versions_warns(data, tmp_path, monkeypatch):
    quiet(small(), data, epochs=1, checkpoint=tmp_path / "run")
    monkeypatch.setattr("cnnlab.training.environment.platform.python_version", lambda: "3.99.0")
    with pytest.warns(UserWarning, match=r"these runs differ in python \(3.*, 3.99.0\)"):
        quiet(small(), data, epochs=2, checkpoint=tmp_path / "run")


# --- Damage


def untouched(path, data, **settings):
    """Try to continue from a checkpoint, which must be refused; return the words."""
    model = small(dropout=0.4, seed=9)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises((ConfigError, DataError)) as caught:
        quiet(model, data, epochs=4, checkpoint=path, **settings)
    assert all(bool((value == before[name]).all()) for name, value in model.state_dict().items())
    return str(caught.value)


@pytest.fixture(scope="module")
def sound(data, tmp_path_factory):
    """A checkpoint after two epochs, as bytes."""
    path = tmp_path_factory.mktemp("checkpoint") / "run"
    quiet(small(dropout=0.4), data, epochs=2, checkpoint=path)
    return path.read_bytes()


def test_every_changed_digit_of_the_header_is_refused_and_the_model_untouched(data, tmp_path, sound):
    """400 of them; benchmarks/attacks/mutations.py changes more, and everywhere."""
    header = 8 + int.from_bytes(sound[:8], "little")
    digits = [place for place in range(8, header) if chr(sound[place]).isalnum()]
    path, step = tmp_path / "run", max(1, len(digits) // 400)
    for place in digits[::step]:
        rotten = bytearray(sound)
        rotten[place] = ord("7") if sound[place] != ord("7") else ord("3")
        path.write_bytes(rotten)
        with pytest.raises(DataError, match=r"is damaged"):
            read_tensors(path)
    assert len(digits[::step]) >= 400
    assert "is damaged" in untouched(path, data)
    path.write_bytes(sound)
    quiet(small(dropout=0.4), data, epochs=3, checkpoint=path)


def test_a_checkpoint_whose_header_has_no_checksum_is_refused(data, tmp_path, sound):
    """The format before had one of the tensors alone: a changed digit of the history went unseen."""
    path = tmp_path / "run"
    path.write_bytes(sound)
    tensors, metadata = read_tensors(path)
    del metadata[DIGEST]
    metadata |= {"format": "cnnlab checkpoint 2", OLD_DIGEST: _digest(tensors)}
    path.write_bytes(safetensors.torch.save(tensors, metadata))
    assert untouched(path, data).endswith(
        f"is no checkpoint of this version of cnnlab; delete {path} or give another path"
    )


def test_a_checkpoint_can_be_no_folder_device_or_nothing_and_is_checked_first(data, tmp_path, monkeypatch):
    epochs = []
    for path in ("", 3, tmp_path, "/dev/null", tmp_path / "no" / "x"):
        with pytest.raises(ConfigError, match=r"^checkpoint wants"):
            quiet(small(), data, epochs=1, checkpoint=path, on_epoch=epochs.append)
    monkeypatch.setattr(cnnlab.files, "_can_write", lambda _: False)
    with pytest.raises(ConfigError, match=r"^checkpoint=.* can't be written; give another path"):
        quiet(small(), data, epochs=1, checkpoint=tmp_path / "run", on_epoch=epochs.append)
    assert epochs == []


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_a_state_of_the_optimizer_that_is_not_whole_is_refused(data, tmp_path, optimizer):
    """Its checksum is right: somebody wrote it so."""
    path = tmp_path / "run"
    quiet(small(dropout=0.4), data, epochs=2, optimizer=optimizer, checkpoint=path)
    tensors, metadata = read_tensors(path)
    del metadata[DIGEST]
    moment = "exp_avg" if optimizer == "adam" else "square_avg"
    for left_out in (
        f"optimizer.0.{moment}",
        f"optimizer.1.{moment}",
        "optimizer.",
        "generator.0",
        "best.conv1.weight",
    ):
        part = {name: value for name, value in tensors.items() if not name.startswith(left_out)}
        write_tensors(path, part, metadata)
        assert "is damaged" in untouched(path, data, optimizer=optimizer)
    write_tensors(path, tensors, metadata)
    assert len(quiet(small(dropout=0.4), data, epochs=3, optimizer=optimizer, checkpoint=path)) == 3


@pytest.mark.skipif(not hasattr(cnnlab.files.os, "symlink"), reason="links")
def test_whatever_happens_to_the_file_there_is_a_history(data, tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()

    def spoil(state):
        if state.epoch == 2:
            (folder / "run").unlink()
            (folder / "run").mkdir()

    with pytest.warns(UserWarning, match="no ordinary file.*; the training goes on without it"):
        history = quiet(small(), data, epochs=4, checkpoint=folder / "run", on_epoch=spoil)
    assert len(history) == 4


def test_numbers_that_are_not_finite_and_a_rate_in_a_tensor_do_not_stop_a_checkpoint(data, tmp_path):
    def numbers(state):
        state.optimizer.param_groups[0]["lr"] = torch.tensor(0.002)
        return {"a": float("nan"), "b": 10**400, "c": 0.5, "d": float("-inf")}

    path = tmp_path / "run"
    history = quiet(small(), data, epochs=2, optimizer="rmsprop", checkpoint=path, on_epoch=numbers)
    assert history["c"] == [0.5, 0.5]
    assert set(history.metrics).isdisjoint("abd")
    assert len(quiet(small(), data, epochs=3, optimizer="rmsprop", checkpoint=path)) == 3


# --- The code of the network and the images


def as_dtype(data, dtype):
    """Return data whose images and statistics are of this dtype."""
    splits = {
        name: dataclasses.replace(
            split, images=split.images.to(dtype), mean=split.mean.to(dtype), std=split.std.to(dtype)
        )
        for name, split in (("train", data.train), ("validation", data.validation), ("_test", data._test))
    }
    return dataclasses.replace(data, **splits)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_the_code_of_images_is_that_of_the_checkpoints_written_so_far(data, dtype):
    model, changed = small(), as_dtype(data, dtype)
    train, validation = changed.train, dataclasses.replace(changed.validation[:0])
    changed = dataclasses.replace(changed, train=train, validation=validation)
    parts = (train.images, train.labels, validation.images, validation.labels)
    code = zlib.crc32(repr(model).encode() + b"".join(part.numpy().tobytes() for part in parts))
    assert fingerprint(model, changed) == f"{code:08x}"
    turned = dataclasses.replace(train, images=train.images.transpose(2, 3).contiguous().transpose(2, 3))
    assert fingerprint(model, dataclasses.replace(changed, train=turned)) == f"{code:08x}"


def test_a_training_in_bfloat16_is_continued_from_its_checkpoint(data, tmp_path):
    data = as_dtype(data, torch.bfloat16)
    whole, parts = small(dropout=0.4).bfloat16(), small(dropout=0.4).bfloat16()
    history = quiet(whole, data, epochs=3)
    for epochs in (2, 3):
        continued = quiet(parts, data, epochs=epochs, checkpoint=tmp_path / "run")
    assert continued["train_loss"] == history["train_loss"]
    assert same_weights(whole, parts)
