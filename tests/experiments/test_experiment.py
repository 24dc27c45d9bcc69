"""Experiment: what defines a run, as plain values (fault 25). run: the same bits as fit by hand, and snapshots."""

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import FIELDS, Experiment, knobs_of
from cnnlab.experiments.fields import Setting
from cnnlab.experiments.run import one_thread, run
from cnnlab.model.cnn import build_cnn
from cnnlab.training.fit import fit
from cnnlab.training.history import METRICS
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
    "train_size": (500, {}), "validation_size": (400, {}), "data_seed": (1, {}), "kernel_size": (5, {}),
    "pooling": ("avg", {}), "channels": ((4, 8, 16), {}), "convs_per_block": (2, {}), "hidden": (8, {}),
    "padding": ("valid", {}), "dropout": (0.25, {}), "epochs": (7, {}), "optimizer": ("sgd", {}),
    "learning_rate": (0.5, {}), "momentum": (0.9, {"optimizer": "sgd"}), "weight_decay": (0.1, {}),
    "batch_size": (8, {}), "patience": (2, {}), "min_delta": (0.1, {"patience": 2}), "seed": (3, {}),
}  # fmt: skip


def train(experiment, **settings):
    return run(experiment, progress=False, **settings)


def numbers(history):
    """Return the rows without their seconds."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows]


def same_weights(one, other):
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


# --- Experiment


def test_every_field_goes_into_json_and_back():
    assert set(OTHER) == set(FIELDS) == {one.name for one in dataclasses.fields(Experiment)}
    for name, (value, needs) in OTHER.items():
        without = Experiment(**({"folder": "others"} if name == "folder" else {}) | needs)
        experiment = without.replace(**{name: value})
        back = Experiment.from_json(experiment.to_json())
        assert back == experiment
        assert getattr(back, name) == value != getattr(without, name)
        assert type(getattr(back, name)) is type(value)
        assert back.key == experiment.key != without.key, name
        assert (back.trajectory == without.trajectory) == (name == "epochs"), name


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
    told = subprocess.run([sys.executable, "-c", code], env=other, capture_output=True, text=True, check=True)
    assert told.stdout.split() == [TINY.key, TINY.trajectory]
    for optimizer in OPTIMIZERS:
        one = TINY.replace(optimizer=optimizer)
        assert one.learning_rate is None
        assert one.key == one.replace(learning_rate=LEARNING_RATES[optimizer]).key
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
        invented = Setting(default=default, kind=int, group="Training", description="invented later")
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
        "grey": "True or False", "pooling": "choose from 'max'", "padding": "choose from 'same'",
        "optimizer": "choose from 'sgd'", "channels": r"one to four widths",
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
    with pytest.raises(ConfigError, match=rf"{knob}={value!r} is a knob of .*, not of '{dataset}'"):
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


# --- run


@pytest.mark.parametrize(
    "settings",
    [{}, {"optimizer": "sgd", "momentum": 0.5, "dropout": 0.3}, {"patience": 0, "epochs": 6, "learning_rate": 0.02}],
)
def test_run_equals_fit_by_hand_bit_for_bit(settings):
    experiment = TINY.replace(seed=3, data_seed=1, **settings)
    finished = train(experiment, snapshots=range(7))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        data = load_data("patterns", train=64, validation=32, test=0, seed=1, classes=2, size=12)
        model = build_cnn(
            channels=(2,), hidden=8, dropout=experiment.dropout, input_shape=(1, 12, 12), classes=2, seed=3
        )
        own = {"epochs": 2, "batch_size": 32} | {name: v for name, v in settings.items() if name != "dropout"}
        history = fit(model, data, **own, seed=3, device="cpu", progress=False)
    finally:
        torch.set_num_threads(threads)
    assert numbers(finished.history) == numbers(history)
    assert finished.history.settings == history.settings
    assert finished.history.environment == history.environment | {"threads": 1}
    assert (finished.history.stopped_by, finished.history.best_epoch) == (history.stopped_by, history.best_epoch)
    assert same_weights(finished.model(history.kept_epoch), model)
    assert finished.seconds > sum(finished.history["seconds"]) > 0
    assert finished.class_names == ("pattern 0", "pattern 1")
    if "patience" in settings:
        assert history.stopped_by == "patience"  # else this case says nothing


def test_snapshots_equal_the_weights_of_separate_runs():
    finished = train(TINY.replace(epochs=4), snapshots=(3, 0, 9))
    assert finished.snapshots == (0, 3)
    assert same_weights(finished.model(epoch=0), build_cnn(channels=(2,), hidden=8, input_shape=(1, 12, 12), classes=2))
    separate = train(TINY.replace(epochs=3), snapshots=[3])
    assert same_weights(finished.model(), separate.model(epoch=3))
    assert not same_weights(finished.model(0), finished.model(3))
    assert not finished.model().training
    with pytest.raises(ConfigError, match="epoch=2: weights were kept after epochs 0, 3"):
        finished.model(2)
    with pytest.raises(ConfigError, match="kept no weights"):
        train(TINY).model()


@pytest.mark.parametrize("snapshots", [5, "last", [-1], [1.5], [None]])
def test_snapshots_are_epochs(snapshots):
    with pytest.raises(ConfigError, match="snapshots"):
        train(TINY, snapshots=snapshots)


def test_run_wants_one_experiment():
    with pytest.raises(ConfigError, match="sweep takes several"):
        run([TINY])


def test_no_epoch_and_no_validation_images():
    with pytest.warns(UserWarning, match="untouched"):
        finished = train(TINY.replace(epochs=0), snapshots=[0])
    assert (len(finished.history), finished.history.stopped_by) == (0, "epochs")
    assert same_weights(finished.model(), TINY.build_cnn(TINY.load_data()))
    history = train(TINY.replace(validation_size=0)).history
    assert (history["validation_loss"], len(history["train_loss"])) == ([], 2)


def test_training_never_sees_a_test_image(monkeypatch, tmp_path):
    asked, seen = [], []

    def load(*arguments, **settings):
        asked.append(settings["test"])
        return load_data(*arguments, **settings)

    monkeypatch.setattr("cnnlab.experiments.experiment.load_data", load)
    train(TINY.replace(data_seed=77), on_epoch=lambda state: seen.append(state.data))
    assert asked == [0]
    assert [len(data._test) for data in seen] == [0, 0]
    assert [data.test_openings for data in seen] == [0, 0]
    assert len(TINY.load_data(test=None).open_test()) == 2000
    assert len(TINY.load_data(test=30).open_test()) == 30

    make_pictures(tmp_path)
    seen.clear()
    own = Experiment(
        dataset="images", folder=str(tmp_path), size=8, channels=(2,), hidden=8, epochs=1, batch_size=4, train_size=12
    )
    finished = train(own, on_epoch=lambda state: seen.append(state.data))
    assert finished.class_names == ("cat", "dog")
    (data,) = seen
    assert (len(data.train), len(data.validation), len(data._test), data.test_openings) == (12, 1, 2, 0)


def make_pictures(folder, count=10):
    from PIL import Image

    for name, shade in (("cat", 40), ("dog", 200)):
        (folder / name).mkdir(exist_ok=True)
        for index in range(count):
            Image.new("L", (8, 8), shade + index).save(folder / name / f"{index}.png")


def test_new_pictures_in_a_folder_are_seen(tmp_path):
    make_pictures(tmp_path)
    own = Experiment(dataset="images", folder=str(tmp_path), size=8, channels=(2,), hidden=8, epochs=1, batch_size=4)
    sizes = []
    train(own, on_epoch=lambda state: sizes.append(len(state.data.train)))
    make_pictures(tmp_path, count=20)
    train(own, on_epoch=lambda state: sizes.append(len(state.data.train)))
    assert sizes == [17, 33]  # 20 − 2 − 1, 40 − 4 − 3


def test_data_is_loaded_once_for_neighbours(monkeypatch):
    loads = []
    monkeypatch.setattr(
        "cnnlab.experiments.experiment.load_data", lambda *a, **k: loads.append(1) or load_data(*a, **k)
    )
    for seed in range(3):
        train(TINY.replace(seed=seed, data_seed=55, epochs=1))
    assert len(loads) == 1


def test_a_folder_that_is_not_there():
    with pytest.raises(DataError, match="nowhere is not a folder"):
        train(Experiment(dataset="images", folder="nowhere"))


def test_stop_and_interrupt_keep_what_is_finished():
    stop = threading.Event()
    finished = train(TINY.replace(epochs=50), stop=stop, snapshots=range(9), on_epoch=lambda _: stop.set())
    assert (finished.history.stopped_by, len(finished.history), finished.snapshots) == ("stop", 1, (0, 1))

    def interrupt(state):
        if state.epoch == 2:
            signal.raise_signal(signal.SIGINT)

    threads = torch.get_num_threads()
    finished = train(TINY.replace(epochs=50), on_epoch=interrupt)
    assert (finished.history.stopped_by, len(finished.history)) == ("interrupt", 2)
    assert numbers(finished.history) == numbers(train(TINY).history)
    assert torch.get_num_threads() == threads


# --- One thread, and the setting restored


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("four_threads")
def test_the_thread_setting_is_restored():
    seen = []
    assert train(TINY, on_epoch=lambda _: seen.append(torch.get_num_threads())).history.environment["threads"] == 1
    assert (seen, torch.get_num_threads()) == ([1, 1], 4)
    with pytest.raises(ZeroDivisionError):
        train(TINY, on_epoch=lambda _: 1 / 0)
    assert torch.get_num_threads() == 4
    with one_thread():
        train(TINY)  # a run inside
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 4


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("first_to_end", ["here", "there"])
def test_the_thread_setting_is_restored_where_two_runs_overlap(first_to_end):
    # torch keeps the number for each thread: each that has trained must have its own back, whichever ends first
    began, end, told = threading.Event(), threading.Event(), []

    def there():
        with one_thread():
            began.set()
            end.wait(10)
            told.append(torch.get_num_threads())
        told.append(torch.get_num_threads())

    thread = threading.Thread(target=there)
    with one_thread():
        thread.start()
        assert began.wait(10)
        if first_to_end == "there":
            end.set()
            thread.join()
            assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 4
    end.set()
    thread.join()
    later = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert (told, later, torch.get_num_threads()) == ([1, 4], [4], 4)


@pytest.mark.usefixtures("four_threads")
def test_runs_side_by_side_give_the_bits_of_runs_alone():
    alone = numbers(train(TINY.replace(dropout=0.2)).history)
    told = []
    threads = [
        threading.Thread(target=lambda: told.append(numbers(train(TINY.replace(dropout=0.2)).history)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [alone] * 3
    assert set(alone[0]) == {"epoch", *METRICS[:4]}
