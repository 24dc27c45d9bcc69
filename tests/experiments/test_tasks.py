"""Tasks: what a store holds already, and what has yet to be trained."""

import pytest
import torch
from tiny_sweeps import TINY, numbers, quiet, records

from cnnlab.errors import DataError
from cnnlab.experiments.run import run
from cnnlab.experiments.runs import load_runs
from cnnlab.experiments.store import Store
from cnnlab.experiments.sweep import grid

pytestmark = pytest.mark.usefixtures("no_process_is_left")


def test_lengths_are_trained_once_and_equal_separate_runs(trained, tmp_path):
    lengths = [1, 3, 5]
    runs = quiet(grid(TINY.replace(dropout=0.2), epochs=lengths), tmp_path, snapshots=[0, 1, 3, 5])
    assert [each.epochs for each in trained] == [5]
    assert len(records(tmp_path)) == 1
    for each, epochs in zip(runs, lengths, strict=True):
        alone = run(each.experiment, snapshots=[0, epochs], progress=False)
        assert numbers(each.history) == numbers(alone.history)
        assert each.snapshots == tuple(epoch for epoch in (0, 1, 3, 5) if epoch <= epochs)
        pairs = zip(each.model(epochs).state_dict().values(), alone.model(epochs).state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    assert runs[0].seconds == pytest.approx(runs[2].seconds / 5)


def test_a_longer_wish_trains_again_and_keeps_what_was_asked_before(trained, tmp_path):
    quiet(grid(TINY, epochs=[1, 3]), tmp_path, snapshots=[3])
    quiet(TINY.replace(epochs=2), tmp_path)
    assert [each.epochs for each in trained] == [3]
    assert sorted(each.experiment.epochs for each in load_runs(tmp_path)) == [1, 2, 3]
    quiet(TINY.replace(epochs=4), tmp_path)
    assert [each.epochs for each in trained] == [3, 4]
    runs = load_runs(tmp_path)
    assert sorted(each.experiment.epochs for each in runs) == [1, 2, 3, 4]
    assert runs.one(epochs=4).snapshots == (3,)  # the weights, too
    assert runs.one(epochs=4).model(3) is not None
    quiet(TINY.replace(epochs=1), tmp_path, snapshots=[0])  # a shorter one with other weights loses nothing
    runs = load_runs(tmp_path)
    assert sorted(each.experiment.epochs for each in runs) == [1, 2, 3, 4]
    assert runs.one(epochs=4).snapshots == (0, 3)
    assert len(trained) == 3
    quiet(grid(TINY, epochs=[1, 2, 3, 4]), tmp_path, snapshots=[0, 3])
    assert len(trained) == 3


def test_weights_that_are_gone_or_damaged_are_trained_again(trained, tmp_path):
    quiet(TINY, tmp_path, snapshots=[2])
    (weights,) = tmp_path.glob("*.safetensors")
    whole = weights.read_bytes()
    weights.unlink()
    with pytest.raises(DataError, match="sweep it again"):
        load_runs(tmp_path)[0].model()
    quiet(TINY, tmp_path)  # nobody asks for them
    assert len(trained) == 1
    quiet(TINY, tmp_path, snapshots=[2])
    assert (len(trained), weights.read_bytes()) == (2, whole)
    weights.write_bytes(whole[:-9])
    with pytest.warns(UserWarning, match=r"safetensors is no use"):
        quiet(TINY, tmp_path, snapshots=[2])
    assert (len(trained), weights.read_bytes()) == (3, whole)


def test_a_length_that_is_there_is_noted_while_another_process_trains(trained, tmp_path):
    quiet(TINY, tmp_path)
    claim = Store(tmp_path).claim(TINY.trajectory)  # another notebook trains this longer, for hours
    assert len(quiet([TINY.replace(epochs=1)], tmp_path)) == 1
    claim.close()
    assert sorted(each.experiment.epochs for each in load_runs(tmp_path)) == [1, 2]
    assert len(trained) == 1


# --- Early stopping


@pytest.mark.parametrize(("patience", "min_delta"), [(0, 0.0), (1, 0.0), (2, 0.0), (1, 0.02), (3, 0.3), (30, 0.0)])
@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_early_stopping_is_read_off_a_trajectory_and_equals_fit(trained, tmp_path, patience, min_delta, rate):
    whole = TINY.replace(epochs=12, learning_rate=rate, seed=2)
    stopping = whole.replace(patience=patience, min_delta=min_delta)
    runs = quiet([stopping, whole], tmp_path)
    assert trained == [whole]
    alone = run(stopping, progress=False).history
    assert numbers(runs[0].history) == numbers(alone)
    assert runs[0].history.kept_epoch == alone.kept_epoch
    assert runs[0].history.message == alone.message
    assert {each.experiment.patience for each in load_runs(tmp_path)} == {None, patience}
    if patience == 0:
        assert alone.stopped_by == "patience"
    if patience == 30:
        assert alone.stopped_by == "epochs"


def test_early_stopping_alone_is_trained_once_and_kept(trained, tmp_path):
    stopping = TINY.replace(epochs=12, patience=1, learning_rate=0.3)
    first = quiet(stopping, tmp_path)
    assert first[0].history.stopped_by == "patience"
    again = quiet([stopping, stopping.replace(epochs=40)], tmp_path)  # it would have stopped there just so
    assert len(trained) == 1
    assert numbers(again[1].history)["columns"] == numbers(first[0].history)["columns"]
    assert len(load_runs(tmp_path)) == 2


def test_a_diverged_run_says_so_and_is_not_trained_again(trained, tmp_path):
    wild = TINY.replace(optimizer="sgd", learning_rate=1e18, epochs=4)
    runs = quiet([wild, wild.replace(epochs=3), wild.replace(patience=1)], tmp_path)
    assert len(trained) == 1
    alone = run_quietly(wild)
    assert alone.history.stopped_by == "diverged"
    for each in runs:
        assert numbers(each.history)["columns"] == numbers(alone.history)["columns"]
        assert (each.history.stopped_by, each.history.diverged_in_batch) == (
            "diverged",
            alone.history.diverged_in_batch,
        )
    quiet([wild], tmp_path)
    assert len(trained) == 1
    assert len(load_runs(tmp_path)) == 3
    assert set(runs.to_frame()["stopped_by"]) == {"diverged"}


def run_quietly(experiment):
    with pytest.warns(UserWarning, match="diverged"):
        return run(experiment, progress=False)
