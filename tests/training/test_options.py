"""Settings that no training can have are refused in words; those of numpy become plain."""

import json
import math

import numpy as np
import pytest
import torch
from small_training import quiet, same_weights, small
from torch import nn

from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.model.cnn import build_cnn
from cnnlab.model.evaluation import evaluate, predict
from cnnlab.training.options import make_optimizer


def test_helpers_of_another_kind_are_named(data, tmp_path):
    cases = [
        ({"device": "gpu"}, "unknown device 'gpu'; choose 'cpu' or 'cuda', or leave it out"),
        ({"on_epoch": 3}, "on_epoch wants a function of one argument, got 3"),
        ({"stop": True}, "stop wants a threading.Event, got True"),
        ({"checkpoint": tmp_path}, "checkpoint wants a file in a folder that exists, such as 'run.safetensors'"),
        ({"checkpoint": tmp_path / "no" / "x"}, "checkpoint wants a file in a folder that exists"),
    ]
    for settings, words in cases:
        with pytest.raises(ConfigError) as caught:
            quiet(small(), data, epochs=1, **settings)
        assert words in str(caught.value)
    frozen = small().requires_grad_(False)
    for model in (build_cnn, None, nn.Flatten(), frozen):
        with pytest.raises(ConfigError, match=r"must be an nn.Module with parameters to train, such as build_cnn"):
            quiet(model, data, epochs=1)


def test_numbers_of_numpy_are_kept_as_plain_ones(data):
    history = quiet(
        small(), data, epochs=np.int64(1), batch_size=np.int64(64), patience=np.int64(2), seed=np.int64(3),
        learning_rate=np.float32(0.01),
    )  # fmt: skip
    assert json.loads(history.to_json())["settings"]["batch_size"] == 64


FAULTS = [
    ({"learning_rate": math.nan}, "learning_rate must be a finite number of 0 or more, got nan"),
    ({"learning_rate": math.inf}, "learning_rate must be a finite number of 0 or more, got inf"),
    ({"learning_rate": -0.1}, "learning_rate must be a finite number of 0 or more, got -0.1"),
    ({"learning_rate": "0.1"}, "learning_rate must be a finite number of 0 or more, got '0.1'"),
    ({"optimizer": "adm"}, "unknown optimizer 'adm'; did you mean 'adam'? choose from 'sgd', 'rmsprop', 'adam'"),
    ({"epochs": -1}, "epochs must be a whole number of 0 or more, got -1"),
    ({"epochs": 2.5}, "epochs must be a whole number of 0 or more, got 2.5"),
    ({"batch_size": 0}, "batch_size must be a whole number of 1 or more, got 0"),
    ({"batch_size": 500}, "batch_size=500 is larger than the 330 training images; try 64"),
    ({"patience": -1}, "patience must be a whole number of 0 or more, got -1"),
    ({"momentum": 1.0}, "momentum must be a finite number of 0 or more and below 1, got 1.0"),
    ({"momentum": 0.9}, "momentum=0.9 is for 'sgd' and 'rmsprop'; adam has its own, leave it out"),
    ({"weight_decay": -1.0}, "weight_decay must be a finite number of 0 or more, got -1.0"),
    ({"seed": -1}, "seed must be a whole number of 0 or more, got -1"),
]


@pytest.mark.parametrize(("settings", "words"), FAULTS, ids=[words[:40] for _, words in FAULTS])
def test_impossible_settings_are_named_with_a_remedy(data, settings, words):
    model = small()
    with pytest.raises(ConfigError) as caught:
        quiet(model, data, **({"epochs": 1} | settings))
    assert words in str(caught.value)
    assert same_weights(model, small())


def test_a_model_that_does_not_fit_the_data_is_told_what_does(data):
    remedy = "build_cnn(input_shape=(1, 28, 28), classes=10) fits"
    cases = [
        (small(input_shape=(3, 28, 28)), "the model can't take images of shape (1, 28, 28)"),
        (small(classes=4), "the model's output is (4,), but the data has 10 classes"),
        (nn.Sequential(nn.Conv2d(1, 2, 3)), "the model's output is (2, 26, 26), but the data has 10 classes"),
    ]
    for model, words in cases:
        with pytest.raises(ConfigError) as caught:
            quiet(model, data, epochs=1)
        assert words in str(caught.value)
        assert remedy in str(caught.value)


def test_wrong_kinds_of_data_are_named(data):
    with pytest.raises(ConfigError, match=r"fit wants Data from load_data or Data.from_tensors, got Split"):
        quiet(small(), data.train, epochs=1)
    with pytest.raises(
        ConfigError, match=r"must be a float tensor \(N, C, H, W\), got float32 \(1, 28, 28\); for a single"
    ):
        predict(small(), data.train.images[0])
    with pytest.raises(ConfigError, match=r"evaluate wants a Split with images in it, .* got Split\(0 images"):
        evaluate(small(), data.train[:0])
    without = load_data("mnist", train=100, validation=0)
    with pytest.raises(ConfigError, match="patience=3 needs validation images, got none; load some"):
        quiet(small(), without, epochs=1, patience=3)
    wrong = load_data("mnist", train=100, validation=0)
    wrong.train = wrong.train.__class__(wrong.train.images.int(), *list(vars(wrong.train).values())[1:])
    with pytest.raises(ConfigError, match=r"data.train.images must be a float tensor \(N, C, H, W\), got int32"):
        quiet(small(), wrong, epochs=1)


def test_optimizers_are_those_of_torch():
    settings = {"learning_rate": 0.1, "momentum": 0.5, "weight_decay": 0.01}
    for name, kind in (("sgd", torch.optim.SGD), ("rmsprop", torch.optim.RMSprop), ("adam", torch.optim.Adam)):
        optimizer = make_optimizer(small(), settings | {"optimizer": name})
        assert type(optimizer) is kind
        assert optimizer.defaults["lr"] == 0.1
        assert optimizer.defaults["weight_decay"] == 0.01
        assert optimizer.defaults.get("momentum") == (None if name == "adam" else 0.5)
