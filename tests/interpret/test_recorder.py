"""The numbers that a Recorder measures, that the training stays the same, and that stores keep the numbers."""

import copy
import statistics
import time
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.comparison.compare import compare
from cnnlab.comparison.ranking import rank_stability
from cnnlab.comparison.verdicts import CANNOT_TELL, HIGHER, LOWER
from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.run import Run, run
from cnnlab.experiments.runs import load_runs
from cnnlab.experiments.sweep import grid, sweep
from cnnlab.interpret.activations import activation_statistics
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.interpret.recorder import Recorder
from cnnlab.interpret.saliency import concentration, saliency
from cnnlab.model.cnn import build_cnn
from cnnlab.training.fit import fit
from cnnlab.training.history import History

BASE = Experiment(train_size=200, validation_size=100, channels=(4, 6), hidden=8, epochs=2)
WHOLE = ["update_ratio", "dead_share", "activation_scale", "saliency_concentration"]


@pytest.fixture(scope="module")
def data():
    return load_data("mnist", train=200, validation=100, test=10)


def test_the_ratios_of_a_layer_of_zeros_are_left_out(data):
    model = build_cnn(seed=1)
    model.logits.weight = nn.Parameter(torch.zeros_like(model.logits.weight))
    with pytest.warns(UserWarning, match="nothing will be learnt"):
        row = fit(model, data, epochs=1, learning_rate=0.0, on_epoch=Recorder(), progress=False).rows[0]
    assert "logits.gradient_norm" in row
    assert "conv1.update_ratio" in row
    assert not {"logits.gradient_ratio", "logits.update_ratio"} & set(row)


def test_the_numbers_are_those_of_the_probes(data):
    seen = {}

    def by_hand(state):
        flow = gradient_flow(state.model, data.train[:128], optimizer=state.optimizer)
        activity = activation_statistics(state.model, data.validation)
        maps = saliency(state.model, data.validation.images[:100])
        seen[state.epoch] = flow, activity, concentration(maps).mean().item()
        return record(state)

    record = Recorder(activations=True, saliency=True)
    history = fit(build_cnn(seed=1), data, epochs=2, on_epoch=by_hand, progress=False)
    relus = ("relu1", "relu2", "relu_fc1")
    for epoch, (flow, activity, gini) in seen.items():
        row = history.rows[epoch - 1]
        for name, layer in flow.items():
            assert row[f"{name}.gradient_norm"] == pytest.approx(layer.gradient_norm, rel=1e-5)
            assert row[f"{name}.gradient_ratio"] == pytest.approx(layer.gradient_ratio, rel=1e-5)
            assert row[f"{name}.update_ratio"] == pytest.approx(layer.update_ratio, rel=1e-5)
        assert row["update_ratio"] == pytest.approx(
            np.exp(np.mean(np.log([layer.update_ratio for layer in flow.values()]))), rel=1e-5
        )
        for name in relus:
            assert row[f"{name}.dead_share"] == pytest.approx(activity[name].dead_share, rel=1e-5)
            assert row[f"{name}.activation_scale"] == pytest.approx(activity[name].scale, rel=1e-5)
        dead = sum(activity[name].dead for name in relus) / (16 + 32 + 64)
        assert row["dead_share"] == pytest.approx(dead, rel=1e-5)
        assert row["activation_scale"] == pytest.approx(
            statistics.fmean(activity[name].scale for name in relus), rel=1e-5
        )
        change = activity["pool1"].scale / activity["pool1"].scale_before
        assert row["pool1.scale_change"] == pytest.approx(change, rel=1e-5)
        assert change > 1  # max
        assert row["saliency_concentration"] == pytest.approx(gini, rel=1e-5)
    assert history["update_ratio"] == [row["update_ratio"] for row in history.rows]


def test_recording_changes_nothing_of_the_training(data):
    plain, recorded = build_cnn(seed=1, dropout=0.3), build_cnn(seed=1, dropout=0.3)
    before = fit(plain, data, epochs=3, optimizer="rmsprop", progress=False)
    record = Recorder(activations=True, saliency=True)
    after = fit(recorded, data, epochs=3, optimizer="rmsprop", on_epoch=record, progress=False)
    assert all(torch.equal(value, recorded.state_dict()[name]) for name, value in plain.state_dict().items())
    for metric in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy"):
        assert before[metric] == after[metric]


def test_every_third_epoch_and_what_it_leaves_out(data):
    history = fit(build_cnn(), data, epochs=7, on_epoch=Recorder(every=3), progress=False)
    assert ["conv1.gradient_norm" in row for row in history.rows] == [False, False, True, False, False, True, False]
    assert len(history["conv1.gradient_norm"]) == 2
    assert "dead_share" not in history.metrics
    again = History.from_json(history.to_json())
    assert again == history
    assert list(again.to_frame().columns) == ["epoch", *history.metrics]
    assert again.to_frame()["conv1.gradient_norm"].notna().tolist() == [False, False, True, False, False, True, False]


def test_a_recorder_changes_no_history_by_itself(data):
    states = []
    fit(build_cnn(), data, epochs=2, on_epoch=states.append, progress=False)
    before = copy.deepcopy(states[1].history)
    assert next(iter(Recorder(saliency=True)(states[1]))) == "conv1.gradient_norm"
    assert states[1].history == before
    assert Recorder(every=3)(states[1]) == {}


def test_an_on_epoch_of_ones_own_may_add_numbers(data):
    def own(state):
        return {"bias": state.model.conv1.bias.mean().item()}

    history = fit(build_cnn(), data, epochs=2, on_epoch=own, progress=False)
    assert len(history["bias"]) == 2
    assert History.from_json(history.to_json())["bias"] == history["bias"]
    watched = run(BASE, insides=True, on_epoch=own, progress=False).history
    assert len(watched["bias"]) == len(watched["dead_share"]) == 2
    with pytest.raises(ConfigError, match="on_epoch must return a dict of name → number, or None, got 3"):
        run(BASE, on_epoch=lambda _state: 3, progress=False)


def test_strangers_and_data_without_validation_images(data):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    record = Recorder(activations=True, saliency=True)
    history = fit(model, data, epochs=1, on_epoch=record, progress=False)
    assert "1.update_ratio" in history.metrics
    assert "dead_share" not in history.metrics  # there is no ReLU
    alone = load_data("mnist", train=100, validation=0, test=10)
    assert "dead_share" in fit(build_cnn(), alone, epochs=1, on_epoch=record, progress=False).metrics


def test_fine_tuning_of_batch_norm_alone_has_no_steps_to_tell(data):
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784), nn.Linear(784, 10).requires_grad_(False))
    history = fit(model, data, epochs=1, on_epoch=Recorder(), progress=False)
    assert "update_ratio" not in history.metrics


def test_the_seconds_of_a_run_are_those_of_its_training(monkeypatch):
    import cnnlab.experiments.run

    monkeypatch.setattr(cnnlab.experiments.run, "Recorder", lambda **_: lambda _state: time.sleep(1))
    begin = time.monotonic()
    seconds = run(BASE.replace(epochs=3), insides=True, progress=False).seconds
    assert seconds < time.monotonic() - begin - 3


def test_impossible_arguments_are_named():
    with pytest.raises(ConfigError, match="every must be a whole number of 1 or more, got 0"):
        Recorder(every=0)
    with pytest.raises(ConfigError, match="batches must be"):
        Recorder(batches=0)


def test_a_run_with_insides_is_the_run_without():
    plain, recorded = run(BASE, snapshots=[2], progress=False), run(BASE, snapshots=[2], insides=True, progress=False)
    assert plain.read_weights() == recorded.read_weights()
    assert set(WHOLE) <= set(recorded.history.metrics)
    assert set(WHOLE).isdisjoint(plain.history.metrics)


def test_a_sweep_keeps_them_and_trains_again_what_lacks_them(tmp_path):
    experiments = grid(BASE, pooling=["max", "avg"], epochs=[1, 2], seed=range(3))
    plain = sweep(experiments, tmp_path, snapshots=[1], progress=False)
    with pytest.raises(ConfigError, match="dead_share was not recorded"):
        compare(plain.filter(epochs=2), by="pooling", metric="dead_share")
    stamps = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    runs = sweep(experiments, tmp_path, insides=True, progress=False)
    assert all(path.stat().st_mtime_ns > stamps[path.name] for path in tmp_path.glob("*.json"))
    assert all(each.snapshots[0] == 1 for each in runs)  # what was kept before is kept again
    for before, after in zip(plain, runs, strict=True):
        assert before.history["train_loss"] == after.history["train_loss"]
        assert before.read_weights() == after.read_weights()
    stamps = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    for again in (sweep(experiments, tmp_path, insides=True, progress=False), load_runs(tmp_path)):
        assert {each.experiment.key: each.history["dead_share"] for each in again} == {
            each.experiment.key: each.history["dead_share"] for each in runs
        }
    assert len(sweep(experiments, tmp_path, progress=False)) == 12  # who does not ask for them takes what is there
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")} == stamps
    assert {len(each.history["update_ratio"]) for each in runs.filter(epochs=1)} == {1}  # a part of the recording
    frame = runs.filter(epochs=2).to_frame()
    assert frame["activation_scale"].tolist() == [
        each.history["activation_scale"][-1] for each in runs.filter(epochs=2)
    ]
    summary = runs.filter(epochs=2).summary("dead_share")
    assert summary["dead_share"].tolist() == pytest.approx(
        frame.groupby("pooling", sort=False)["dead_share"].mean().tolist()
    )
    mixed = [*runs.filter(epochs=2, pooling="max"), *plain.filter(epochs=2, pooling="avg")]
    with pytest.raises(
        ConfigError, match=r"pooling='avg' has dead_share at 'last': not recorded: sweep\(…, insides=True\)"
    ):
        compare(mixed, by="pooling", metric="dead_share")
    comparison = compare(runs.filter(epochs=2), by="pooling", metric="pool1.scale_change")
    assert comparison.verdicts["avg"] in (LOWER, CANNOT_TELL)


def with_number(values, pooling):
    """Return runs with these dead_share in their last row, one a seed."""
    made = []
    for seed, value in enumerate(values):
        experiment = BASE.replace(pooling=pooling, seed=seed, epochs=1)
        row = {"epoch": 1, "train_loss": 1.0, "dead_share": value}
        settings = {"epochs": 1, "patience": None}
        history = History(settings, {}, [row], stopped_by="epochs", stopped_in=1)
        made.append(Run(experiment, history, 1.0, (1, 28, 28), ("0", "1")))
    return made


def test_a_number_without_a_good_direction_is_higher_or_lower():
    low, high = with_number([0.1, 0.12, 0.11], "avg"), with_number([0.3, 0.33, 0.32], "max")
    assert compare(low + high, by="pooling", metric="dead_share", reference="avg").verdicts == {"max": HIGHER}
    assert compare(low + high, by="pooling", metric="dead_share", reference="max").verdicts == {"avg": LOWER}
    same = with_number([0.2, 0.1, 0.13], "max")
    assert compare(same + low, by="pooling", metric="dead_share", reference="max").verdicts == {"avg": CANNOT_TELL}
    with pytest.raises(ConfigError, match="dead_share has no best; rank by a loss or an accuracy"):
        rank_stability(low + high, metric="dead_share")


def test_numbers_that_are_not_finite_are_left_out(data, monkeypatch):
    import cnnlab.interpret.recorder

    monkeypatch.setattr(cnnlab.interpret.recorder, "concentration", lambda _maps: torch.tensor([float("inf")]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = fit(build_cnn(), data, epochs=1, on_epoch=Recorder(saliency=True), progress=False)
    assert "saliency_concentration" not in history.metrics
    history.to_json()
