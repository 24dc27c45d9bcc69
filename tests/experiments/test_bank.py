"""The results bank that is shipped: all of it is there, it says what the notebooks say, and training again gives it."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from cnnlab import (
    History,
    Run,
    activation_statistics,
    bank,
    compare,
    concentration,
    gradient_flow,
    load_runs,
    rank_stability,
    run,
    saliency,
)
from cnnlab.data.dataset import Data
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import load_once
from cnnlab.files import data_folder
from cnnlab.training.environment import environment

LENGTHS = [5, 50, 100, 250, 350]
PARTS = sorted(path.stem for path in (data_folder() / "bank").glob("*.zip"))


@pytest.fixture(scope="module")
def banked():
    """Load each part once."""
    loaded = {}

    def load(name):
        if name not in loaded:
            loaded[name] = load_runs(bank(name))
        return loaded[name]

    return load


DATASETS = ["mnist", "fashion_mnist", "patterns"]


def test_it_is_small_and_an_unknown_part_is_named():
    sizes = {path.name: path.stat().st_size for path in (data_folder() / "bank").iterdir()}
    assert sizes.pop("clinic.safetensors.gz") < 400e3  # the patients of notebook 09: no runs
    assert sum(sizes.values()) < 16e6
    with pytest.raises(ConfigError, match=r"unknown part of the bank 'experiment_c'; did you mean 'experiment_"):
        bank("experiment_c")


@pytest.mark.parametrize("part", PARTS)
def test_only_trainings_that_really_diverged_are_called_so(banked, part):
    """Take each epoch as the last one: only trainings that classified no better than chance in it have diverged."""
    for each in banked(part):
        assert each.history.diverged == (each.history.stopped_by == "diverged"), each.history.message
        for end in range(1, len(each.history) + 1):
            shorter = dataclasses.replace(each.history, rows=each.history.rows[:end], stopped_by="epochs")
            if shorter.diverged:
                chance = 1 / len(each.class_names)
                assert shorter.last("train_accuracy") < 1.5 * chance
                assert shorter.last("validation_accuracy") < 1.5 * chance


@pytest.mark.parametrize("dataset", DATASETS)
def test_experiment_a_is_whole(banked, dataset):
    runs = banked(f"experiment_a_{dataset}")
    values = runs.values()
    assert (values["dataset"], values["momentum"]) == ([dataset], [0.0])
    assert values["kernel_size"] == [3, 5, 7]
    assert values["pooling"] == ["max", "avg"]
    assert values["optimizer"] == ["sgd", "rmsprop", "adam"]
    assert values["epochs"] == LENGTHS
    assert values["seed"] == [0, 1, 2, 3, 4]
    assert len(runs) == 3 * 2 * 3 * 5 * 5 == len({each.experiment.key for each in runs})
    assert {each.experiment.train_size for each in runs} == {each.experiment.validation_size for each in runs} == {500}
    for each in runs:
        assert each.history.environment["threads"] == 1
        assert len(each.history) == each.experiment.epochs or each.history.stopped_by == "diverged"


@pytest.mark.parametrize("dataset", ["mnist", "patterns"])
def test_momentum_has_a_part_of_its_own_and_agrees_in_all_else(banked, dataset):
    runs, sgd = banked(f"momentum_{dataset}"), banked(f"experiment_a_{dataset}").filter(optimizer="sgd")
    assert runs.values()["momentum"] == [0.9]
    assert len(runs) == 3 * 2 * 5 * 5
    without = {each.experiment.replace(momentum=0.0, learning_rate=None).key for each in runs}
    assert without == {each.experiment.replace(learning_rate=None).key for each in sgd}


@pytest.mark.parametrize("dataset", DATASETS)
def test_each_optimizer_has_the_rate_that_its_sweep_chose_with_seeds_of_its_own(banked, dataset):
    tried, runs = banked(f"rates_{dataset}"), banked(f"experiment_a_{dataset}")
    if dataset != "fashion_mnist":
        runs += banked(f"momentum_{dataset}")
    assert tried.values()["seed"] == [100, 101, 102]
    for optimizer, momentum in (("sgd", 0.0), ("sgd", 0.9), ("rmsprop", 0.0), ("adam", 0.0)):
        if (dataset, momentum) == ("fashion_mnist", 0.9):
            continue  # its grid has no momentum
        sweep = tried.filter(optimizer=optimizer, momentum=momentum)
        rates = sweep.values()["learning_rate"]
        assert (len(rates), len(sweep)) == (5, 15)
        (chosen,) = runs.filter(optimizer=optimizer, momentum=momentum).values()["learning_rate"]
        assert chosen == rank_stability(sweep, at="best").learning_rate[0]
        assert min(rates) < chosen < max(rates)


def test_experiment_b_is_whole_and_has_its_weights(banked):
    runs = banked("experiment_b")
    assert len(runs) == 2 * 2 * 3 * 5
    for each in runs.filter(epochs=100):
        wanted = {0, 5, 50, 100} if each.experiment.seed else {0, 1, 2, 3, 5, 8, 13, 20, 32, 50, 70, 100}
        assert set(each.snapshots) == wanted
        start = each.experiment.build_cnn(Data.from_tensors(torch.rand(30, 1, 28, 28), torch.arange(30) % 10))
        assert each.experiment.kernel_size == start.conv1.kernel_size[0]
        for name, value in each.model(0).state_dict().items():
            assert torch.allclose(value, start.state_dict()[name], atol=1e-6)


def test_its_weights_are_those_of_its_curves(banked):
    from cnnlab import evaluate

    chosen = banked("experiment_b").one(kernel_size=5, pooling="avg", epochs=50, seed=3)
    data = chosen.experiment.load_data()
    assert evaluate(chosen.model(50), data.validation).loss == pytest.approx(
        chosen.history.last("validation_loss"), rel=1e-4
    )


def test_its_insides_are_recorded_in_every_epoch_for_every_seed(banked):
    for each in banked("experiment_b"):
        for metric in ("dead_share", "activation_scale", "update_ratio", "saliency_concentration"):
            assert len(each.history[metric]) == each.experiment.epochs
        for layer in ("conv1", "conv2", "fc1", "logits"):
            assert len(each.history[f"{layer}.gradient_norm"]) == each.experiment.epochs


def test_its_insides_are_those_of_its_weights(banked):
    chosen = banked("experiment_b").one(kernel_size=3, pooling="avg", epochs=50, seed=2)
    data, model = chosen.experiment.load_data(), chosen.model(50)
    activity = activation_statistics(model, data.validation)
    for name in ("relu1", "relu2", "relu_fc1"):
        assert chosen.history[f"{name}.dead_share"][-1] == pytest.approx(activity[name].dead_share, abs=0.03)
        assert chosen.history[f"{name}.activation_scale"][-1] == pytest.approx(activity[name].scale, rel=1e-4)
    maps = saliency(model, data.validation.images[:100])
    assert chosen.history["saliency_concentration"][-1] == pytest.approx(float(concentration(maps).mean()), rel=1e-3)
    flow = gradient_flow(model, data.train[:128])
    assert chosen.history["conv1.gradient_norm"][-1] == pytest.approx(flow["conv1"].gradient_norm, rel=1e-3)


# Where a run was trained: with all of this equal, the same seed gives the same bits.
PLACE = ("torch", "processor", "onednn", "cpu_capability", "device", "threads")
LOSSES, ACCURACIES = ("train_loss", "validation_loss"), ("train_accuracy", "validation_accuracy")
AGAIN = {
    "a, digits, sgd": (
        "experiment_a_mnist",
        {"kernel_size": 3, "pooling": "max", "optimizer": "sgd", "seed": 0},
    ),
    "a, patterns, rmsprop": (
        "experiment_a_patterns",
        {"kernel_size": 7, "pooling": "avg", "optimizer": "rmsprop", "seed": 4},
    ),
    "a, clothes, sgd": (
        "experiment_a_fashion_mnist",
        {"kernel_size": 3, "pooling": "max", "optimizer": "sgd", "seed": 1},
    ),
    "a, digits, adam": ("experiment_a_mnist", {"kernel_size": 5, "pooling": "avg", "optimizer": "adam", "seed": 2}),
    "b": ("experiment_b", {"kernel_size": 5, "pooling": "max", "seed": 1}),
}
again = pytest.mark.parametrize(("part", "fields"), AGAIN.values(), ids=AGAIN)


def same_place(each: Run, other: Run) -> bool:
    return all(
        each.history.environment.get(name, "unknown") == other.history.environment.get(name, "other") for name in PLACE
    )


def differences(trained: Run, recorded: Run, of_all_seeds: list[Run]) -> list[str]:
    """Return how a run differs from the recorded one by more than another processor explains.

    An epoch of experiment A has 8 batches: a loss moves by less than 1e-4 of itself (seen: 1e-7 on Intel, 7e-6 with
    AMX; a rate that is wrong by 1 %: 1e-4 or more) and an accuracy by two images at most. Experiment B's has 79, and
    rare events grow in them (seen: 1e-4 in the mean loss of training, 1e-2 in validation; a rate that is wrong by
    1 %: 8e-3 in training): its training's loss is held to 1e-3. After more epochs two runs of one seed lie as
    close together as the two of different seeds that lie farthest apart; with RMSprop, three times as far.
    """
    short = recorded.experiment.train_size <= 500
    wrong = []
    for metric in (*LOSSES, *ACCURACIES):
        now, then = trained.history[metric], recorded.history[metric]
        images = trained.experiment.train_size if metric.startswith("train") else trained.experiment.validation_size
        allowed = (1e-4 if short else 1e-3) * then[0] if metric in LOSSES else 2 / images
        if (short or metric == "train_loss") and abs(now[0] - then[0]) > allowed * (1 + 1e-9):
            wrong.append(f"first {metric}: {now[0]}, recorded {then[0]}")
        scatter = [run.history[metric][len(now) - 1] for run in of_all_seeds]
        # RMSprop leaps: on an AMD processor one run ended 1.8 times as far away as five seeds lie apart.
        times = 3 if trained.experiment.optimizer == "rmsprop" else 1
        if abs(now[-1] - then[len(now) - 1]) > times * (max(scatter) - min(scatter)):
            wrong.append(f"last {metric}: {now[-1]}, recorded {then}, all seeds {min(scatter)} to {max(scatter)}")
        if same_place(trained, recorded) and now != then[: len(now)]:
            wrong.append(f"{metric}: other bits on the same processor")
    return wrong


def recorded_run(banked, part: str, fields: dict) -> tuple[Run, list[Run]]:
    """Return the bank's run of five epochs, and those that differ from it in the seed alone."""
    fields = fields | {"epochs": 5}
    seed = fields.pop("seed")
    all_seeds = banked(part).filter(**fields)
    return all_seeds.one(seed=seed), list(all_seeds)


@again
def test_training_again_gives_the_bank(banked, part, fields):
    recorded, all_seeds = recorded_run(banked, part, fields)
    assert len(recorded.history) == 5
    assert len(all_seeds) == 5
    assert differences(run(recorded.experiment, progress=False), recorded, all_seeds) == []


@again
def test_training_twice_here_gives_the_same_bits(banked, part, fields):
    experiment = recorded_run(banked, part, fields)[0].experiment.replace(epochs=1)
    first, second = (run(experiment, snapshots=[1], progress=False) for _ in range(2))
    for metric in (*LOSSES, *ACCURACIES):
        assert first.history[metric] == second.history[metric]
    weights = second.model(1).state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in first.model(1).state_dict().items())


@again
def test_a_wrong_rate_seed_or_order_of_images_is_noticed(banked, part, fields, monkeypatch):
    recorded, all_seeds = recorded_run(banked, part, fields)
    right = recorded.experiment.replace(epochs=1)
    for wrong in ({"learning_rate": right.resolved()["learning_rate"] * 1.1}, {"seed": right.seed + 1}):
        trained = run(right.replace(**wrong), progress=False)
        assert any("first train_loss" in words for words in differences(trained, recorded, all_seeds)), wrong

    def in_another_order(experiment):
        data = load_once(experiment)
        return dataclasses.replace(data, train=data.train[torch.arange(len(data.train)).roll(1)])

    monkeypatch.setattr("cnnlab.experiments.run.load_once", in_another_order)
    trained = run(right, progress=False)
    assert any("first train_loss" in words for words in differences(trained, recorded, all_seeds))


def test_only_a_record_of_the_same_processor_is_the_same_place(banked):
    recorded = banked("experiment_b")[0]
    here = dataclasses.replace(recorded, history=History({}, environment()))
    assert same_place(here, here)
    for name in ("processor", "onednn"):
        there = dataclasses.replace(here, history=History({}, environment() | {name: "another"}))
        before = dataclasses.replace(here, history=History({}, environment()))
        del before.history.environment[name]  # as records were before they named the processor
        assert not same_place(here, there)
        assert not same_place(here, before)


@pytest.mark.parametrize(
    ("part", "structure", "field", "reference", "winner"),
    [
        ("kernel_size", "fine", "kernel_size", 7, 3),
        ("kernel_size", "coarse", "kernel_size", 3, 7),
        ("pooling", "mark", "pooling", "avg", "max"),
        ("pooling", "texture", "pooling", "max", "avg"),
    ],
)
def test_patterns_have_a_setting_where_each_side_wins(banked, part, structure, field, reference, winner):
    runs = banked(part).filter(structure=structure, **{field: [reference, winner]})
    compared = compare(runs, by=field, reference=reference)
    assert compared.levels[1].seeds >= 5
    assert compared.verdicts == {winner: "better"}
