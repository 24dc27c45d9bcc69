"""The trainer against a bare PyTorch loop, worked examples, and what can go wrong (faults 6 to 9, 11, 14 to 19)."""

import copy
import json
import math
import signal
import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import cnnlab.files
from cnnlab.data.dataset import Data
from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.model.cnn import build_cnn
from cnnlab.model.evaluation import LossAndAccuracy, evaluate, predict
from cnnlab.training.fit import fit
from cnnlab.training.history import History
from cnnlab.training.options import LEARNING_RATES, make_optimizer


@pytest.fixture(scope="module")
def data():
    return load_data("mnist", train=330, validation=100, test=10)


def small(**settings):
    return build_cnn(**({"channels": (4, 8), "hidden": 16} | settings))


def same_weights(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def quiet(model, data, **settings):
    return fit(model, data, progress=False, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam", "learning_rate": 0.002, "weight_decay": 0.01},
        {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9},
        {"optimizer": "rmsprop", "momentum": 0.5},
    ],
    ids=lambda settings: settings["optimizer"],
)
def test_equals_a_bare_loop_weight_for_weight(data, settings):
    torch.manual_seed(3)
    bare = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 49, 16), nn.ReLU(), nn.Linear(16, 10),
    ).to(memory_format=torch.channels_last)  # fmt: skip
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop}[settings["optimizer"]]
    options = {"lr": 0.001} | {"lr" if k == "learning_rate" else k: v for k, v in settings.items() if k != "optimizer"}
    optimizer = kind(bare.parameters(), **options, **({} if kind is torch.optim.RMSprop else {"fused": True}))
    generator = torch.Generator().manual_seed(7)
    losses, right = [], []
    for _ in range(3):
        epoch_loss = epoch_right = 0
        for chosen in torch.randperm(330, generator=generator).split(64):
            logits = bare(data.train.images[chosen])
            loss = functional.cross_entropy(logits, data.train.labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() * len(chosen)
            epoch_right += (logits.argmax(1) == data.train.labels[chosen]).sum().item()
        losses.append(epoch_loss / 330)
        right.append(epoch_right / 330)
    with torch.no_grad():
        logits = bare(data.validation.images)
        validation_loss = functional.cross_entropy(logits, data.validation.labels).item()
        validation_accuracy = (logits.argmax(1) == data.validation.labels).float().mean().item()

    model = small(seed=3)
    history = quiet(model, data, epochs=3, seed=7, **settings)
    for own, other in zip(model.parameters(), bare.parameters(), strict=True):
        assert torch.equal(own, other)
    assert history["train_loss"] == pytest.approx(losses)
    assert history["train_accuracy"] == pytest.approx(right)
    assert history["validation_loss"][-1] == pytest.approx(validation_loss)
    assert history["validation_accuracy"][-1] == pytest.approx(validation_accuracy)


def test_learns_mnist_and_leaves_the_model_ready(data):
    model = small()
    history = quiet(model, data, epochs=15, learning_rate=0.005)
    assert evaluate(model, data.validation).accuracy > 0.75  # a tenth would be chance
    assert history["train_loss"][-1] < history["train_loss"][0] / 2
    assert not any(layer.training for layer in model.modules())
    assert model.conv2.weight.is_contiguous()
    assert (history.stopped_by, history.stopped_in, len(history)) == ("epochs", 15, 15)
    assert history.settings["learning_rate"] == 0.005
    best = min(range(15), key=history["validation_loss"].__getitem__) + 1
    assert history.best_epoch == best
    assert quiet(small(), data, epochs=1, optimizer="sgd").settings["learning_rate"] == LEARNING_RATES["sgd"]
    assert history.environment["torch"] == torch.__version__
    assert history.environment["threads"] == torch.get_num_threads()
    assert history.environment["device"] == "cpu"


def test_same_seed_same_bits_even_while_another_thread_draws(data):
    done, drawing = threading.Event(), threading.Event()

    def draw():
        while not done.is_set():
            torch.rand(100)
            drawing.set()

    models = [small(dropout=0.3)]
    first = quiet(models[0], data, epochs=2)
    thread = threading.Thread(target=draw)
    thread.start()
    try:
        assert drawing.wait(10)
        models.append(small(dropout=0.3))
        second = quiet(models[1], data, epochs=2)
    finally:
        done.set()
        thread.join()
    assert same_weights(*models)
    for metric in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        assert first[metric] == second[metric]
    other = small(dropout=0.3)
    quiet(other, data, epochs=2, seed=1)
    assert not same_weights(models[0], other)


def test_the_process_wide_generator_is_left_alone(data):
    before = torch.get_rng_state()
    quiet(small(dropout=0.5), data, epochs=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_run_of_350_epochs_begins_with_one_of_5():
    tiny = Data.from_tensors(torch.rand(24, 1, 8, 8), torch.arange(24) % 2, validation=6, test=0)
    kept, settings = {}, {"input_shape": (1, 8, 8), "classes": 2, "dropout": 0.2}
    short_model = small(**settings)
    short = quiet(short_model, tiny, epochs=5, batch_size=6)
    long = quiet(
        small(**settings), tiny, epochs=350, batch_size=6,
        on_epoch=lambda state: kept.update(copy.deepcopy(state.model.state_dict())) if state.epoch == 5 else None,
    )  # fmt: skip
    assert len(long) == 350
    for metric in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        assert long[metric][:5] == short[metric]
    assert all(torch.equal(value, kept[name]) for name, value in short_model.state_dict().items())


def test_fit_seeds_dropout_whatever_was_drawn_before(data):
    models = [small(dropout=0.5), small(dropout=0.5)]
    models[1].dropout.generator.manual_seed(12345)
    losses = [quiet(model, data, epochs=1)["train_loss"] for model in models]
    assert losses[0] == losses[1]
    other = quiet(small(dropout=0.5, seed=0), data, epochs=1, seed=1)
    assert other["train_loss"] != losses[0]


def test_validation_goes_through_in_batches():
    met = []
    model = small()
    model.register_forward_hook(lambda module, inputs, _: None if module.training else met.append(len(inputs[0])))
    many = Data.from_tensors(torch.rand(700, 1, 28, 28), torch.arange(700) % 10, train=64, validation=600, test=0)
    quiet(model, many, epochs=1)
    assert met[-3:] == [250, 250, 100]


def plateau(monkeypatch, losses):
    """Make `fit` see these validation losses, one an epoch."""
    values = iter(losses)
    monkeypatch.setattr("cnnlab.training.fit.evaluate", lambda *_: LossAndAccuracy(next(values), 0.5))


@pytest.mark.parametrize(
    ("patience", "min_delta", "trained", "best"),
    [(0, 0, 4, 3), (1, 0, 5, 3), (2, 0, 8, 6), (0, 0.15, 2, 1), (1, 0.15, 5, 3), (9, 0, 8, 6)],
)
def test_patience_by_hand(data, monkeypatch, patience, min_delta, trained, best):
    #                    1    2    3    4    5    6    7    8
    plateau(monkeypatch, [1.0, 0.9, 0.8, 0.8, 0.9, 0.7, 0.8, 0.9])
    weights = {}
    model = small()
    history = quiet(
        model, data, epochs=8, patience=patience, min_delta=min_delta,
        on_epoch=lambda state: weights.__setitem__(state.epoch, copy.deepcopy(state.model.state_dict())),
    )  # fmt: skip
    assert (len(history), history.best_epoch) == (trained, best)
    assert history.stopped_by == ("patience" if trained < 8 else "epochs")
    for name, value in model.state_dict().items():
        assert torch.equal(value, weights[best][name])
    assert history.message == f"trained {trained} epochs: kept the weights of epoch {best}, the best one"


def test_without_patience_the_last_epoch_is_kept(data, monkeypatch):
    plateau(monkeypatch, [1.0, 0.5, 0.9])
    last = {}
    model = small()
    history = quiet(model, data, epochs=3, on_epoch=lambda state: last.update(copy.deepcopy(state.model.state_dict())))
    assert history.best_epoch == 2
    assert all(torch.equal(value, last[name]) for name, value in model.state_dict().items())
    assert history.message == "trained 3 epochs"


def test_on_epoch_is_told_everything(data):
    seen = []
    model = small()
    quiet(model, data, epochs=2, on_epoch=seen.append)
    assert [state.epoch for state in seen] == [1, 2]
    assert seen[0].model is model
    assert seen[0].data is data
    assert isinstance(seen[0].optimizer, torch.optim.Adam)
    lengths = []
    quiet(small(), data, epochs=3, on_epoch=lambda state: lengths.append(len(state.history)))
    assert lengths == [1, 2, 3]


# Row 15
@pytest.mark.parametrize("how", ["stop", "interrupt"])
@pytest.mark.parametrize("patience", [None, 5])
def test_a_stop_in_mid_epoch_keeps_what_is_finished(data, monkeypatch, how, patience):
    plateau(monkeypatch, [0.7, 0.8, 0.9, 1.0])
    stop, kept, model = threading.Event(), {}, small(dropout=0.2)
    batches = 0

    def after_a_batch(*_):  # 6 batches an epoch: this is the third of epoch 3
        nonlocal batches
        batches += 1
        if batches == 15:
            stop.set() if how == "stop" else signal.raise_signal(signal.SIGINT)

    model.register_forward_hook(lambda module, *_: after_a_batch() if module.training else None)
    history = quiet(
        model, data, epochs=9, patience=patience, stop=stop,
        on_epoch=lambda state: kept.__setitem__(state.epoch, copy.deepcopy(state.model.state_dict())),
    )  # fmt: skip
    epoch = 2 if patience is None else 1
    assert history.message == f"stopped in epoch 3: kept the weights of epoch {epoch}"
    assert (history.stopped_by, len(history), batches) == (how, 2, 15)
    assert all(torch.equal(value, kept[epoch][name]) for name, value in model.state_dict().items())
    assert not model.training


def test_a_stop_before_the_first_batch_changes_nothing(data):
    stop, model = threading.Event(), small()
    stop.set()
    history = quiet(model, data, epochs=3, stop=stop)
    assert history.message == "stopped in epoch 1: the model is untouched"
    assert same_weights(model, small())


# Row 14
def test_a_loss_that_is_no_number_stops_and_nothing_of_it_is_kept(data):
    model, kept = small(), {}

    def explode_later(state):
        kept[state.epoch] = copy.deepcopy(state.model.state_dict())
        if state.epoch == 2:
            state.optimizer.param_groups[0]["lr"] = 1e30

    with pytest.warns(UserWarning, match="diverged in epoch 3") as caught:
        history = quiet(model, data, epochs=9, optimizer="sgd", learning_rate=0.05, on_epoch=explode_later)
    assert str(caught[0].message) == (
        "diverged in epoch 3, batch 2, at learning_rate=0.05: the loss is no finite number any more; "
        "kept the weights of epoch 2; try a smaller learning_rate"
    )
    assert (history.stopped_by, history.stopped_in, len(history)) == ("diverged", 3, 2)
    assert all(torch.equal(value, kept[2][name]) for name, value in model.state_dict().items())
    assert all(math.isfinite(value) for row in history.rows for value in row.values())


def test_with_patience_the_best_epoch_before_the_divergence_is_kept(data, monkeypatch):
    plateau(monkeypatch, [0.5, 0.9, math.inf])
    model, kept = small(), {}
    with pytest.warns(UserWarning, match="diverged in epoch 3, .*kept the weights of epoch 1"):
        history = quiet(
            model, data, epochs=5, patience=4,
            on_epoch=lambda state: kept.__setitem__(state.epoch, copy.deepcopy(state.model.state_dict())),
        )  # fmt: skip
    assert (history.stopped_by, history.best_epoch, history.kept_epoch, len(history)) == ("diverged", 1, 1, 2)
    assert all(torch.equal(value, kept[1][name]) for name, value in model.state_dict().items())


def test_divergence_in_the_first_epoch_leaves_the_model_untouched(data):
    model = small()
    with pytest.warns(UserWarning, match="the model is untouched; try a smaller learning_rate"):
        history = quiet(model, data, epochs=3, optimizer="sgd", learning_rate=1e30, patience=1)
    assert history.best_epoch == 0
    assert same_weights(model, small())


def test_a_validation_loss_that_is_no_number_never_becomes_the_best(data, monkeypatch):
    plateau(monkeypatch, [0.9, math.nan])
    with pytest.warns(UserWarning, match="diverged in epoch 2, batch 6"):
        history = quiet(small(), data, epochs=5, patience=3)
    assert (history.best_epoch, len(history)) == (1, 1)


def test_weights_that_break_in_the_last_step_are_not_kept():
    one_batch = Data.from_tensors(torch.rand(10, 1, 8, 8), torch.arange(10) % 2, validation=0, test=0)
    model = small(input_shape=(1, 8, 8), classes=2)
    start = copy.deepcopy(model.state_dict())
    with pytest.warns(UserWarning, match="diverged in epoch 1, batch 1"):
        quiet(model, one_batch, epochs=1, batch_size=10, optimizer="sgd", learning_rate=1e39)
    assert all(torch.equal(value, start[name]) for name, value in model.state_dict().items())


# Rows 16, 17
def test_an_exception_passes_through_and_leaves_a_whole_model(data, tmp_path):
    model, kept = small(), {}

    def fail(state):
        if state.epoch == 3:
            raise LookupError("the callback's own error")
        kept[state.epoch] = copy.deepcopy(state.model.state_dict())

    hook = model.register_forward_hook(
        lambda module, *_: (_ for _ in ()).throw(OSError("data gone")) if module.training and 2 in kept else None
    )
    with pytest.raises(OSError, match="data gone"):
        quiet(model, data, epochs=5, on_epoch=fail, checkpoint=tmp_path / "checkpoint")
    assert all(torch.equal(value, kept[2][name]) for name, value in model.state_dict().items())
    assert not model.training
    hook.remove()
    other = small()
    with pytest.raises(LookupError, match="the callback's own error"):
        quiet(other, data, epochs=5, on_epoch=fail, checkpoint=tmp_path / "checkpoint")
    whole = small()
    quiet(whole, data, epochs=3)
    assert same_weights(other, whole)  # epoch 3 was finished when the callback failed
    assert not other.training
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint"]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_out_of_memory_says_what_to_try(data, error):
    model = small()

    def fail(module, *_):
        if module.training:
            raise error

    model.register_forward_hook(fail)
    with pytest.raises(MemoryError) as caught:
        quiet(model, data, epochs=1, batch_size=64)
    assert str(caught.value) == "out of memory with batch_size=64; try batch_size=32"


def test_another_runtime_error_is_not_called_out_of_memory(data):
    model = small()

    def fail(module, *_):
        if module.training:
            raise RuntimeError("something else")

    model.register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="something else"):
        quiet(model, data, epochs=1)


# Row 19
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
    quiet(parts, data, epochs=5, checkpoint=path, stop=stop, on_epoch=lambda s: s.epoch == 2 and stop.set(), **settings)
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

    monkeypatch.setattr(cnnlab.files.os, "fsync", full)
    with pytest.raises(OSError, match=r"was not saved .No space left on device.; the earlier file, if any, is intact"):
        quiet(small(), data, epochs=2, checkpoint=path)
    assert path.read_bytes() == earlier
    assert len(list(tmp_path.iterdir())) == 1


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


def test_a_checkpoint_from_other_versions_warns(data, tmp_path, monkeypatch):
    quiet(small(), data, epochs=1, checkpoint=tmp_path / "run")
    monkeypatch.setattr("cnnlab.training.history.platform.python_version", lambda: "3.99.0")
    with pytest.warns(UserWarning, match=r"these runs differ in python \(3.*, 3.99.0\)"):
        quiet(small(), data, epochs=2, checkpoint=tmp_path / "run")


def test_a_second_interrupt_while_the_weights_are_put_back_breaks_nothing(data, monkeypatch):
    model, stop = small(), threading.Event()
    load, calls = model.load_state_dict, []

    def interrupted(weights):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return load(weights)

    monkeypatch.setattr(model, "load_state_dict", interrupted)
    stop.set()
    quiet(model, data, epochs=1, stop=stop)
    assert len(calls) == 2
    assert same_weights(model, small())


def test_a_buffer_that_was_never_finite_is_no_divergence(data):
    model = small()
    model.register_buffer("mask", torch.tensor([-torch.inf]))
    assert quiet(model, data, epochs=1).stopped_by == "epochs"


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
        with pytest.raises(ConfigError, match=r"want an nn.Module with parameters to train, such as build_cnn"):
            quiet(model, data, epochs=1)


def test_numbers_of_numpy_are_kept_as_plain_ones(data):
    history = quiet(
        small(), data, epochs=np.int64(1), batch_size=np.int64(64), patience=np.int64(2), seed=np.int64(3),
        learning_rate=np.float32(0.01),
    )  # fmt: skip
    assert json.loads(history.to_json())["settings"]["batch_size"] == 64


# Rows 6 to 9, 11
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


def test_a_learning_rate_of_zero_warns(data):
    model = small()
    with pytest.warns(UserWarning, match="learning_rate=0: nothing will be learnt"):
        quiet(model, data, epochs=1, learning_rate=0)
    assert same_weights(model, small())


def test_no_epochs_leave_the_model_untouched_and_say_so(data, capsys):
    model = small()
    history = fit(model, data, epochs=0)
    assert capsys.readouterr().out == "trained 0 epochs: the model is untouched\n"
    assert same_weights(model, small())
    assert len(history) == 0
    with pytest.warns(UserWarning, match="trained 0 epochs: the model is untouched"):
        quiet(model, data, epochs=0)


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
    with pytest.raises(ConfigError, match=r"want float \(N, C, H, W\), got torch.float32 \(1, 28, 28\); for a single"):
        predict(small(), data.train.images[0])
    with pytest.raises(ConfigError, match=r"evaluate wants a Split with images in it, .* got Split\(0 images"):
        evaluate(small(), data.train[:0])
    without = load_data("mnist", train=100, validation=0)
    with pytest.raises(ConfigError, match="patience=3 needs validation images, got none; load some"):
        quiet(small(), without, epochs=1, patience=3)
    wrong = load_data("mnist", train=100, validation=0)
    wrong.train = wrong.train.__class__(wrong.train.images.int(), *list(vars(wrong.train).values())[1:])
    with pytest.raises(ConfigError, match=r"data.train.images: want float \(N, C, H, W\), got torch.int32"):
        quiet(small(), wrong, epochs=1)


def test_fit_never_opens_the_vault():
    class Vault:
        def __getattribute__(self, name):
            raise AssertionError("somebody looked at the test set")

    guarded = load_data("mnist", train=100, validation=50)
    guarded._test = Vault()
    quiet(small(), guarded, epochs=1, patience=1)
    assert guarded.test_openings == 0


def test_training_without_validation():
    history = quiet(small(), load_data("mnist", train=100, validation=0), epochs=2)
    assert history["validation_loss"] == []
    assert history.best_epoch == 0
    assert len(history["train_loss"]) == 2


def test_history_goes_to_json_and_to_a_table(data):
    history = quiet(small(), data, epochs=2)
    again = History.from_json(history.to_json())
    assert again == history
    assert json.loads(history.to_json())["settings"]["optimizer"] == "adam"
    frame = history.to_frame()
    assert frame.columns.tolist() == [
        "epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds",
    ]  # fmt: skip
    assert frame["validation_loss"].tolist() == history["validation_loss"]
    assert frame["epoch"].tolist() == [1, 2]
    with pytest.raises(ConfigError, match=r"unknown metric 'validation_los'; did you mean 'validation_loss'?"):
        history["validation_los"]


def test_optimizers_are_those_of_torch():
    settings = {"learning_rate": 0.1, "momentum": 0.5, "weight_decay": 0.01}
    for name, kind in (("sgd", torch.optim.SGD), ("rmsprop", torch.optim.RMSprop), ("adam", torch.optim.Adam)):
        optimizer = make_optimizer(small(), settings | {"optimizer": name})
        assert type(optimizer) is kind
        assert optimizer.defaults["lr"] == 0.1
        assert optimizer.defaults["weight_decay"] == 0.01
        assert optimizer.defaults.get("momentum") == (None if name == "adam" else 0.5)


def test_progress_may_be_a_function_that_is_told_the_share_done(data, capsys):
    told = []
    batches = math.ceil(len(data.train) / 64)
    fit(small(), data, epochs=2, progress=told.append)
    assert told == pytest.approx([batch / (2 * batches) for batch in range(1, 2 * batches + 1)])
    assert capsys.readouterr() == ("", "")
