"""Experiment: what defines a run, as plain values; its JSON, its key, and what can't be trained."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS, Experiment, knobs_of
from cnnlab.experiments.fields import Field
from cnnlab.training.options import LEARNING_RATES, OPTIMIZERS

TINY = Experiment(
    dataset="patterns", size=12, classes=2, train_size=64, validation_size=32, channels=(2,), hidden=8, epochs=2,
    batch_size=32,
)  # fmt: skip
OTHER = {  # for each field, a value that is not its default, and what else it needs
    "dataset": ("fashion_mnist", {}), "structure": ("mark", {"dataset": "patterns"}),
    "scale": (4, {"dataset": "patterns"}), "noise": (0.25, {"dataset": "patterns"}),
    "classes": (3, {"dataset": "patterns"}), "size": (16, {"dataset": "patterns"}),
    "folder": ("pictures", {"dataset": "images"}), "grey": (False, {"dataset": "images", "folder": "pictures"}),
    "balanced": (True, {"dataset": "images", "folder": "pictures"}),
    "fingerprint": ("0123456789abcdef", {"dataset": "images", "folder": "pictures"}),
    "train_size": (500, {}), "validation_size": (400, {}), "data_seed": (1, {}), "kernel_size": (5, {}),
    "pooling": ("avg", {}), "channels": ((4, 8, 16), {}), "convs_per_block": (2, {}), "hidden": (8, {}),
    "padding": ("valid", {}), "dropout": (0.25, {}), "epochs": (7, {}), "optimizer": ("sgd", {}),
    "learning_rate": (0.5, {}), "momentum": (0.9, {"optimizer": "sgd"}), "weight_decay": (0.1, {}),
    "batch_size": (8, {}), "patience": (2, {}), "min_delta": (0.1, {"patience": 2}), "seed": (3, {}),
}  # fmt: skip


def test_every_field_goes_into_json_and_back():
    assert set(OTHER) == set(FIELDS) == {each.name for each in dataclasses.fields(Experiment)}
    for name, (value, needs) in OTHER.items():
        without = Experiment(**({"folder": "others"} if name == "folder" else {}) | needs)
        experiment = without.replace(**{name: value})
        back = Experiment.from_json(experiment.to_json())
        assert back == experiment
        assert getattr(back, name) == value != getattr(without, name)
        assert type(getattr(back, name)) is type(value)
        assert back.key == experiment.key != without.key, name
        assert (back.trajectory == without.trajectory) == (name == "epochs"), name
        assert (back.setting == without.setting) == (name == "seed"), name
        assert back.setting == back.replace(seed=0).key, name


@pytest.mark.parametrize("text", ["[1, 2]", "3", '{"epochs": ', ""])
def test_a_text_that_is_no_experiment_is_refused_in_words(text):
    with pytest.raises(ConfigError, match="JSON"):
        Experiment.from_json(text)


def test_fields_are_those_of_build_cnn_and_fit():
    assert TINY.replace(kernel_size=5, seed=4) == Experiment(**TINY.to_dict() | {"kernel_size": 5, "seed": 4})
    with pytest.raises(dataclasses.FrozenInstanceError):
        TINY.epochs = 3
    with pytest.raises(TypeError):
        Experiment("mnist")


def test_keys_are_what_they_were():
    # A change here makes every stored run of every course unfindable. Change a default only with a new FORMAT.
    assert Experiment().key == hashlib.sha256(b'{"learning_rate": 0.001}').hexdigest()[:16] == "98d7109bd3964426"
    base = Experiment(dataset="mnist", train_size=2000, epochs=20)
    assert base.replace(kernel_size=5).key == "4b674f30332579d8"  # the docstring's


def test_a_key_names_what_trains_the_same_in_any_process():
    code = f"from cnnlab import Experiment; e = Experiment(**{TINY.to_dict()}); print(e.key, e.trajectory)"
    other = os.environ | {"PYTHONHASHSEED": "7"}
    answer = subprocess.run([sys.executable, "-c", code], env=other, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == [TINY.key, TINY.trajectory]
    for optimizer in OPTIMIZERS:
        each = TINY.replace(optimizer=optimizer)
        assert each.learning_rate is None
        assert each.key == each.replace(learning_rate=LEARNING_RATES[optimizer]).key
    assert TINY.key == TINY.replace(structure="fine", scale=3, noise=0.1).key
    assert TINY.key == TINY.replace(min_delta=0.5).key  # without patience nothing is compared with it
    pictures = Experiment(dataset="images", folder="mine")
    assert pictures.key == pictures.replace(size=28, grey=True).key
    assert Experiment(learning_rate=1, momentum=0, dropout=0).key == Experiment(learning_rate=1.0).key


def test_a_field_at_its_default_changes_no_key(monkeypatch):
    from cnnlab.experiments import experiment

    before = TINY.key
    monkeypatch.setattr(Experiment, "invented_later", 4, raising=False)
    for default in (4, 5):
        invented = Field(default=default, kind=int, group="Training", description="invented later")
        monkeypatch.setitem(experiment.FIELDS, "invented_later", invented)
        assert (TINY.key == before) == (default == 4)


def test_an_unknown_field_names_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown field of Experiment 'kernal_size'; did you mean 'kernel_size'\?"):
        Experiment(kernal_size=3)
    with pytest.raises(ConfigError, match="did you mean 'epochs'"):
        TINY.replace(epoch=3)


NO_VALUES = [
    object(),
    {3},
    {"a": 1},
    np.arange(2),
    torch.arange(2),
    b"3",
    Path("mnist"),
    3j,
    print,
    float("nan"),
    [None],
]


@pytest.mark.parametrize("value", NO_VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("name", OTHER)
def test_what_is_no_plain_value_is_named_with_what_is_allowed(name, value):
    allowed = {
        "dataset": "choose from 'mnist'", "structure": "choose from 'fine'", "folder": "wants folder='…'",
        "grey": "True or False", "balanced": "True or False", "pooling": "choose from 'max'",
        "padding": "choose from 'same'", "optimizer": "choose from 'sgd'", "channels": r"one to four widths",
    }  # fmt: skip
    with pytest.raises(ConfigError) as raised:
        Experiment(**OTHER[name][1] | {name: value})
    assert name in str(raised.value)
    assert allowed.get(name, "must be a") in str(raised.value)


def test_numpys_numbers_become_plain():
    given = {
        "train_size": np.int32(64), "noise": np.float32(0.5), "channels": [np.int64(2)], "epochs": np.int64(2),
        "pooling": np.str_("avg"), "learning_rate": np.float64(0.1), "momentum": 0, "seed": np.uint8(3),
        "size": np.int64(12), "optimizer": "sgd", "patience": np.int64(1),
    }  # fmt: skip
    experiment = Experiment(dataset="patterns", batch_size=32, **given)
    kinds = {name: type(getattr(experiment, name)) for name in given}
    floats, words = {"noise", "learning_rate", "momentum"}, {"pooling", "optimizer"}
    for name, kind in kinds.items():
        assert kind is (float if name in floats else str if name in words else tuple if name == "channels" else int)
    assert type(experiment.channels[0]) is int
    assert json.loads(experiment.to_json())["noise"] == 0.5


@pytest.mark.parametrize("dataset", ["mnist", "patterns", "cifar10", "images"])
@pytest.mark.parametrize("knob", [name for name, known in FIELDS.items() if known.datasets])
def test_a_knob_of_another_data_set_is_refused(dataset, knob):
    value = OTHER[knob][0]
    needs = {"folder": "mine"} if dataset == "images" else {}
    if knob in knobs_of(dataset):
        assert getattr(Experiment(dataset=dataset, **needs | {knob: value}), knob) == value
        return
    with pytest.raises(ConfigError, match=rf"{knob}={value!r} is a setting of .*, not of '{dataset}'"):
        Experiment(dataset=dataset, **needs | {knob: value})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kernel_size": 4}, "kernel_size must be an odd"),
        ({"channels": (4, 4, 4, 4), "dataset": "patterns", "size": 8}, "pool4 meets a 1×1 map"),
        ({"kernel_size": 7, "padding": "valid", "channels": (2, 2, 2)}, "conv3 has a 7×7 kernel but meets a 2×2 map"),
        ({"batch_size": 65, "train_size": 64}, "batch_size=65 is larger than train_size=64; try 64"),
        ({"patience": 2, "validation_size": 0}, "patience=2 needs validation images"),
        ({"momentum": 0.9}, "momentum=0.9 is for 'sgd'"),
        ({"epochs": -1}, "epochs must be a whole number of 0 or more, got -1"),
        ({"learning_rate": float("inf")}, "learning_rate must be a finite number"),
        ({"dataset": "images"}, "wants folder='…'"),
        ({"dataset": "patterns", "classes": 99}, "classes must be 2 to 4"),
        ({"train_size": 0}, "train_size must be a whole number of 1 or more"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_trained_cannot_be_made(settings, words):
    with pytest.raises(ConfigError, match=words):
        Experiment(**settings)
