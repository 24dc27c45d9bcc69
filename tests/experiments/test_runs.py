"""Runs: loaded from a folder or a .zip, filtered, and as tables."""

import shutil

import pytest
import torch
from made_runs import made
from tiny_sweeps import TINY, numbers, quiet

from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.run import run
from cnnlab.experiments.runs import Runs, load_runs
from cnnlab.experiments.sweep import grid
from cnnlab.training.history import METRICS

pytestmark = pytest.mark.usefixtures("no_process_is_left")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    quiet(grid(TINY, kernel_size=[5, 3], channels=[(2,), (3,)], epochs=[1, 2], seed=range(2)), place, snapshots=[1])
    return place


def test_runs_are_loaded_from_a_folder_and_from_a_zip_of_it(folder, tmp_path):
    runs = load_runs(folder)
    assert len(runs) == 16
    packed = load_runs(shutil.make_archive(str(tmp_path / "packed"), "zip", folder.parent, folder.name))
    assert [each.experiment for each in packed] == [each.experiment for each in runs]
    assert [numbers(each.history) for each in packed] == [numbers(each.history) for each in runs]
    each, other = packed[3].model(1).state_dict(), runs[3].model(1).state_dict()
    assert all(torch.equal(each[name], other[name]) for name in other)
    assert packed[3].experiment.key == run(runs[3].experiment, progress=False).experiment.key
    with pytest.raises(ConfigError, match=r"nowhere does not exist; sweep\(…, store='.*nowhere'\) makes it"):
        load_runs(tmp_path / "nowhere")


def test_a_zip_can_be_swept_for_what_it_holds(folder, tmp_path, trained):
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    assert len(quiet(grid(TINY, kernel_size=[3, 5], epochs=[1, 2]), packed)) == 4
    assert trained == []
    both = quiet(grid(TINY, kernel_size=[3, 7]), packed)  # what the zip lacks is trained, and not kept
    assert [each.experiment.kernel_size for each in both] == [3, 7]
    assert len(trained) == 1
    assert len(load_runs(packed)) == len(load_runs(folder))


def test_tables(folder):
    runs = load_runs(folder)
    frame = runs.to_frame()
    assert len(frame) == 16
    assert set(frame.columns) >= {*FIELDS, *METRICS, "key", "trained_epochs", "stopped_by", "threads", "torch"}
    row = frame[frame["key"] == TINY.replace(kernel_size=5, seed=1).key].iloc[0]
    alone = run(TINY.replace(kernel_size=5, seed=1), progress=False).history
    assert row["validation_loss"] == alone.last("validation_loss")
    assert (row["trained_epochs"], row["stopped_by"], row["noise"], row["threads"]) == (2, "epochs", 0.1, 1)
    curves = runs.curves()
    assert len(curves) == 8 * 1 + 8 * 2
    chosen = curves[(curves["epochs"] == 2) & (curves["kernel_size"] == 5) & (curves["seed"] == 1)]
    chosen = chosen[chosen["channels"] == (2,)]
    assert chosen["epoch"].tolist() == [1, 2]
    assert chosen["train_loss"].tolist() == alone["train_loss"]
    table = runs.summary()
    assert table.columns.tolist() == [
        "kernel_size", "channels", "epochs", "seeds", "validation_accuracy", "std", "trained_epochs", "seconds"
    ]  # fmt: skip
    assert len(table) == 8
    assert set(table["seeds"]) == {2}
    mine = [each.history.last("validation_accuracy") for each in runs.filter(kernel_size=3, channels=(3,), epochs=2)]
    line = table[(table["kernel_size"] == 3) & (table["channels"] == "(3,)") & (table["epochs"] == 2)].iloc[0]
    assert line["validation_accuracy"] == pytest.approx(sum(mine) / 2)
    assert line["std"] == pytest.approx(abs(mine[0] - mine[1]) / 2**0.5)
    with pytest.raises(ConfigError, match="unknown metric 'seconds'"):
        runs.summary("seconds")
    several = runs.summary(["train_loss", "validation_accuracy"])
    assert several.columns.tolist() == [
        "kernel_size", "channels", "epochs", "seeds", "train_loss", "train_loss_std", "validation_accuracy",
        "validation_accuracy_std", "trained_epochs", "seconds",
    ]  # fmt: skip
    assert several["validation_accuracy_std"].tolist() == table["std"].tolist()
    assert several["train_loss"].tolist() == runs.summary("train_loss")["train_loss"].tolist()
    with pytest.raises(ConfigError, match="unknown metric 'validation_los'"):
        runs.summary(["train_loss", "validation_los"])
    nothing = Runs([])
    assert (len(nothing.to_frame()), len(nothing.curves()), len(nothing.summary())) == (0, 0, 0)
    assert {"key", "stopped_by"} <= set(nothing.to_frame().columns)
    assert len(runs.one(kernel_size=3, channels=(2,), epochs=1, seed=0).history) == 1


def test_filters(folder):
    runs = load_runs(folder)
    count = {
        8: [{"seed": 1}, {"channels": (2,)}, {"channels": [2]}, {"epochs": [2]}, {"kernel_size": 3, "seed": range(9)}],
        16: [
            {},
            {"kernel_size": (3, 5)},
            {"channels": [(2,), [3]]},
            {"noise": 0.1},
            {"patience": None},
            {"seed": {0, 1}},
        ],
        0: [{"kernel_size": 7}, {"seed": []}, {"channels": []}],
    }
    for expected, filters in count.items():
        for fields in filters:
            assert len(runs.filter(**fields)) == expected, fields
    with pytest.raises(ConfigError, match="did you mean 'optimizer'"):
        runs.filter(optimiser="adam")
    with pytest.raises(ConfigError, match=r"one\(seed=1\): 8 runs are like that, not one; name more fields"):
        runs.one(seed=1)
    with pytest.raises(ConfigError, match="0 runs are like that"):
        runs.one(seed=9)
    assert repr(runs).splitlines() == [
        "16 runs",
        "  kernel_size: 3, 5",
        "  channels: (2,), (3,)",
        "  epochs: 1, 2",
        "  seed: 0, 1",
    ]
    assert len(runs[:3] + runs[3:]) == 16
    assert runs.values()["kernel_size"] == [3, 5]


def test_the_summary_knows_the_metrics_of_curves_and_counts_who_never_gets_there():
    accuracies = {(3, 0): [0.5, 0.9], (3, 1): [0.9, 0.9], (5, 0): [0.9, 0.8], (5, 1): [0.1, 0.2]}
    runs = Runs([made(rows, kernel_size=size, seed=seed, epochs=2) for (size, seed), rows in accuracies.items()])
    table = runs.summary(["epochs_to_reach:0.9", "validation_accuracy"]).set_index("kernel_size")
    assert table["epochs_to_reach:0.9"].to_dict() == {3: 1.5, 5: 1.0}
    assert table["epochs_to_reach:0.9_missing"].to_dict() == {3: 0, 5: 1}
    assert "epochs_to_reach:0.5_missing" not in runs.filter(kernel_size=3).summary("epochs_to_reach:0.5")


def test_operators_refuse_in_words_what_they_can_not_take(folder):
    finished = load_runs(folder)[0]
    runs = Runs([finished])
    for other in ([finished], None, "runs", 3):
        with pytest.raises(ConfigError, match=r"^runs \+ … wants other Runs, got .*; write runs \+ Runs\(\[run\]\)$"):
            runs + other
    for place in ("kernel_size", None, 0.0, True, [0]):
        with pytest.raises(ConfigError, match=r"^runs\[…\] wants a place or a slice, got "):
            runs[place]
    assert [len(runs + Runs([finished])), runs[-1] is finished] == [2, True]
