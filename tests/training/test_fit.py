"""The trainer compared with a bare PyTorch loop and with worked examples; stops, interrupts, errors and divergence."""

import copy
import gc
import math
import signal
import threading
import weakref

import numpy as np
import pytest
import torch
from places import PATIENCE
from small_training import plateau, quiet, same_weights, small
from torch import nn
from torch.nn import functional

from cnnlab.data.dataset import Data
from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.model.evaluation import evaluate
from cnnlab.training.fit import fit
from cnnlab.training.options import LEARNING_RATES


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


@pytest.mark.parametrize("network", [{}, {"pooling": "avg", "dropout": 0.3}, {"convs_per_block": 2, "dropout": 0.3}])
@pytest.mark.parametrize("settings", [{"optimizer": "sgd", "momentum": 0.9}, {"optimizer": "rmsprop"}, {}], ids=str)
def test_a_hook_that_does_nothing_changes_no_bit(data, network, settings):
    """A network with hooks is called layer by layer; without them, fit computes the same in another order."""
    watched, quick = small(**network), small(**network)
    watched.register_forward_hook(lambda *_: None)
    histories = [quiet(model, data, epochs=3, **settings) for model in (watched, quick)]
    assert same_weights(watched, quick)
    for metric in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        assert histories[0][metric] == histories[1][metric]


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
        assert drawing.wait(PATIENCE)
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
    seen, modes = [], []
    model = small()
    quiet(model, data, epochs=2, on_epoch=lambda state: seen.append(state) or modes.append(state.model.training))
    assert [state.epoch for state in seen] == [1, 2]
    assert modes == [False, False]
    assert seen[0].model is model
    assert seen[0].data is data
    assert isinstance(seen[0].optimizer, torch.optim.Adam)
    lengths = []
    quiet(small(), data, epochs=3, on_epoch=lambda state: lengths.append(len(state.history)))
    assert lengths == [1, 2, 3]


def test_numbers_that_on_epoch_returns_join_the_row(data, tmp_path):
    path = tmp_path / "run"

    def measure(state):
        assert "bias" not in state.history.rows[-1]  # it is whole when on_epoch has returned
        assert len(state.history.metrics) == (5 if state.epoch == 1 else 7)
        if state.epoch == 2:
            return None
        return {"bias": state.model.conv1.bias[0].item(), "noise": math.nan, "half": np.float32(0.5)}

    bare, model = small(), small()
    expected = quiet(bare, data, epochs=3)
    history = quiet(model, data, epochs=3, on_epoch=measure, checkpoint=path)
    assert same_weights(model, bare)
    assert [list(row)[6:] for row in history.rows] == [["bias", "half"], [], ["bias", "half"]]
    assert history["bias"][-1] == model.conv1.bias[0].item()
    assert history["half"] == [0.5, 0.5]
    assert history["train_loss"] == expected["train_loss"]
    assert quiet(small(), data, epochs=3, checkpoint=path).rows == history.rows  # nothing is left to train


def test_what_on_epoch_sets_in_torch_ends_with_it(data):
    def careless(_):
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        torch.use_deterministic_algorithms(True)

    history = quiet(small(), data, epochs=2, on_epoch=careless)
    assert history["train_loss"] == quiet(small(), data, epochs=2)["train_loss"]
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() is torch.float32
    assert not torch.are_deterministic_algorithms_enabled()


def freeze(model):
    model.requires_grad_(False)


def test_an_on_epoch_that_freezes_all_is_named_unless_it_is_the_last(data):
    model = small()
    with pytest.raises(ConfigError, match="on_epoch has frozen every weight, so that nothing is left to train"):
        quiet(model, data, epochs=2, on_epoch=lambda state: freeze(state.model))
    expected = small()
    history = quiet(expected, data, epochs=1, on_epoch=lambda state: freeze(state.model))
    assert len(history) == 1
    assert same_weights(model, expected)


def test_on_epoch_gets_a_copy_of_the_history(data):
    def spoil(state):
        state.history.rows[-1]["train_loss"] = 0.0
        state.history.rows.append({"epoch": 99})
        state.history.settings["epochs"] = 99
        state.history.best_epoch = 99

    history = quiet(small(), data, epochs=2, on_epoch=spoil)
    expected = quiet(small(), data, epochs=2)
    assert history["train_loss"] == expected["train_loss"]
    assert (history.best_epoch, history.settings) == (expected.best_epoch, expected.settings)


def test_an_interrupt_in_on_epoch_keeps_the_epoch_without_its_numbers(data, tmp_path):
    path, kept = tmp_path / "run", {}

    def interrupted(state):
        kept.update(copy.deepcopy(state.model.state_dict()))
        if state.epoch == 2:
            signal.raise_signal(signal.SIGINT)
        return {"number": state.epoch, "other": 0.5}

    model = small()
    history = quiet(model, data, epochs=4, on_epoch=interrupted, checkpoint=path)
    assert history.message == "stopped in epoch 2: kept the weights of epoch 2"
    assert all(torch.equal(value, kept[name]) for name, value in model.state_dict().items())
    own = ["epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds"]
    assert [list(row) for row in history.rows] == [[*own, "number", "other"], own]
    # The checkpoint holds epoch 1. So epoch 2 is trained again, and gets its numbers.
    numbers = {"on_epoch": lambda state: {"number": state.epoch, "other": 0.5}}
    continued, whole = (quiet(small(), data, epochs=4, checkpoint=file, **numbers) for file in (path, None))
    assert continued["number"] == whole["number"] == [1, 2, 3, 4]
    assert continued["train_loss"] == whole["train_loss"]


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (3, "on_epoch must return a dict of name → number, or None, got 3"),
        (False, "on_epoch must return a dict of name → number, or None, got False"),
        ([("a", 1.0)], "on_epoch must return a dict of name → number, or None, got [('a', 1.0)]"),
        ({"a": "0.5"}, "on_epoch returned a='0.5', which is no number; try float(…)"),
        ({"a": torch.tensor(0.5)}, "on_epoch returned a=tensor(0.5000), which is no number; try float(…)"),
        ({3: 0.5}, "on_epoch returned a number named 3; choose a text that fit does not use"),
        ({"train_loss": 0.5}, "on_epoch returned a number named 'train_loss'; choose a text that fit does not use"),
        ({"epoch": 7}, "on_epoch returned a number named 'epoch'; choose a text that fit does not use"),
    ],
)
def test_what_on_epoch_may_not_return_is_named(data, returned, words):
    model, whole = small(), small()
    with pytest.raises(ConfigError) as caught:
        quiet(model, data, epochs=2, on_epoch=lambda _state: returned)
    assert str(caught.value) == words
    quiet(whole, data, epochs=1)
    assert same_weights(model, whole)  # the epoch was finished


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


def test_an_error_of_memory_lets_go_of_what_the_training_held(data):
    model, held = small(), []

    def fail(module, *_):
        if module.training:
            activations = torch.zeros(1000)  # as a layer's, when the memory for the next one is missing
            held.append(weakref.ref(activations))
            raise torch.OutOfMemoryError("CUDA out of memory")

    model.register_forward_hook(fail)
    with pytest.raises(MemoryError) as caught:
        quiet(model, data, epochs=1)
    gc.collect()
    assert held
    assert [reference() for reference in held] == [None] * len(held)
    assert caught.value.__context__ is None


def test_another_runtime_error_is_not_called_out_of_memory(data):
    model = small()

    def fail(module, *_):
        if module.training:
            raise RuntimeError("something else")

    model.register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="something else"):
        quiet(model, data, epochs=1)


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
