"""Sweeps: trained once each, side by side, never lost (faults 20 to 24); and the tables that come of them."""

import concurrent.futures
import errno
import importlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pytest
import torch

import cnnlab.experiments.sweep
import cnnlab.experiments.task_queue
import cnnlab.training.progress
from cnnlab import machine
from cnnlab.data import loading
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import FIELDS, Experiment
from cnnlab.experiments.run import run
from cnnlab.experiments.runs import Runs, load_runs
from cnnlab.experiments.store import Store, encode
from cnnlab.experiments.sweep import grid, sweep, train_record
from cnnlab.experiments.workers import InThisProcess, LocalWorkers, WorkerDied
from cnnlab.training.history import METRICS

TINY = Experiment(
    dataset="patterns", size=12, classes=2, train_size=64, validation_size=32, channels=(2,), hidden=8, epochs=2,
    batch_size=32, learning_rate=0.01,
)  # fmt: skip
MISSING_PICTURES = Experiment(dataset="images", folder="nowhere at all")


def children() -> set[psutil.Process]:
    """Return this process's children and theirs, but for what belongs to the browser that the tests share."""
    own = psutil.Process().children()
    browsers = {child for child in own if "playwright" in " ".join(child.cmdline())}
    return set(own).union(*(child.children(recursive=True) for child in set(own) - browsers))


@pytest.fixture(autouse=True)
def _no_process_is_left():
    before = children()
    yield
    left = children() - before
    assert {process for process in left if "resource_tracker" not in " ".join(process.cmdline())} == set()


@pytest.fixture
def trained(monkeypatch):
    """The experiments that were really trained in this process, in order."""
    done = []

    def train(payload):
        done.append(Experiment(**payload["experiment"]))
        return train_record(payload)

    monkeypatch.setattr(cnnlab.experiments.sweep, "train_record", train)
    return done


def quiet(experiments, store=None, **settings):
    return sweep(experiments, store, **{"workers": 1, "progress": False} | settings)


def numbers(history):
    """Return all of a history but its seconds."""
    plain = history.to_dict()
    plain["columns"].pop("seconds", None)
    return plain


def records(folder):
    """Return the name of each record with the time of its last change."""
    return {path.name: path.stat().st_mtime_ns for path in Path(folder).glob("*.json")}


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


# --- Which experiments


def test_a_grid_changes_its_last_field_fastest():
    made = grid(TINY, pooling=["max", "avg"], seed=range(2))
    assert [(one.pooling, one.seed) for one in made] == [("max", 0), ("max", 1), ("avg", 0), ("avg", 1)]
    assert made[3] == TINY.replace(pooling="avg", seed=1)
    assert grid(TINY) == [TINY]
    assert grid(TINY, channels=[(2,), (4,)])[1].channels == (4,)
    with pytest.raises(ConfigError, match=r"grid: seed wants a list of values, got 3; write \[3\]"):
        grid(TINY, seed=3)
    with pytest.raises(ConfigError, match=r"pooling wants a list of values, got 'max'"):
        grid(TINY, pooling="max")
    with pytest.raises(ConfigError, match="did you mean 'pooling'"):
        grid(TINY, poling=["max"])


def test_runs_come_in_order_and_equals_are_trained_once(trained, capsys):
    wanted = [TINY.replace(seed=2), TINY.replace(epochs=1), TINY, TINY.replace(seed=2), TINY.replace(min_delta=0.5)]
    runs = sweep(wanted, workers=1)
    assert [one.experiment for one in runs] == [wanted[0], wanted[1], wanted[2]]
    assert [(one.seed, one.epochs) for one in trained] == [(2, 2), (0, 2)]
    assert capsys.readouterr().out.splitlines()[-1].split("\r")[-1].strip() == "3 runs"
    assert numbers(runs[2].history) == numbers(run(TINY, progress=False).history)
    assert len(quiet([])) == 0
    assert quiet(TINY)[0].experiment == TINY


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"experiments": [3]}, "sweep wants experiments"),
        ({"workers": 0}, "workers must be a whole number of 1 or more, got 0"),
        ({"retries": -1}, "retries must be a whole number of 0 or more, got -1"),
        ({"snapshots": 5}, "snapshots wants the epochs"),
        ({"executor": 4}, "executor wants one of concurrent.futures' kind"),
    ],
)
def test_what_cannot_be_swept_is_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        quiet(**{"experiments": [TINY]} | settings)


@pytest.fixture
def counts(monkeypatch):
    """How many workers each sweep asked for; their work is done in this process."""
    asked = []

    def workers(count):
        asked.append(count)
        return InThisProcess()

    monkeypatch.setattr(cnnlab.experiments.sweep, "LocalWorkers", workers)
    return asked


def test_the_number_of_workers_may_be_set_from_outside(counts, monkeypatch):
    monkeypatch.setattr(cnnlab.experiments.sweep, "SMALL_SWEEP", 0)
    monkeypatch.setattr(machine, "processors", lambda: 1)
    four = grid(TINY, seed=range(4))
    monkeypatch.setenv("CNNLAB_WORKERS", "3")
    quiet(four, workers=None)
    assert counts == [3]
    quiet(four, workers=2)
    assert counts == [3, 2]
    for wrong in ("0", "many", "-1", "1.5"):
        monkeypatch.setenv("CNNLAB_WORKERS", wrong)
        with pytest.raises(ConfigError, match=f"CNNLAB_WORKERS must be a whole number of 1 or more, got '?{wrong}"):
            sweep([TINY])
    monkeypatch.setenv("CNNLAB_WORKERS", "")
    quiet(four, workers=None)
    assert counts == [3, 2]  # one processor, one worker: this process


def test_a_small_sweep_is_trained_in_this_process(counts, monkeypatch):
    monkeypatch.setattr(cnnlab.experiments.sweep, "worker_count", lambda: (2, ""))
    monkeypatch.delenv("CNNLAB_WORKERS", raising=False)
    two = grid(TINY, seed=range(2))
    images = 2 * TINY.train_size * TINY.epochs
    monkeypatch.setattr(cnnlab.experiments.sweep, "SMALL_SWEEP", images)
    quiet(two, workers=None)
    assert counts == []
    monkeypatch.setattr(cnnlab.experiments.sweep, "SMALL_SWEEP", images - 1)
    quiet(two, workers=None)
    assert counts == [2]
    monkeypatch.setattr(cnnlab.experiments.sweep, "SMALL_SWEEP", images)
    monkeypatch.setenv("CNNLAB_WORKERS", "2")
    quiet(two, workers=None)
    assert counts == [2, 2]  # a wish is obeyed


def test_a_worker_keeps_no_published_images_beside_its_own():
    """They are 55 MB each time; the images of its runs are kept."""
    with LocalWorkers(1) as workers:
        assert workers.submit(size_of_the_cache, {}).result() == {"published": 0}
    assert loading._read_mnist.cache_info().maxsize == 1


def size_of_the_cache(_payload):
    """Return how many published sets this process keeps."""
    loading.load_data("mnist", train=10, validation=10, test=10)
    return {"published": loading._read_mnist.cache_info().currsize}


# --- Resuming


@pytest.mark.parametrize("folder", ["runs", "a folder ü/deep/er"])
def test_a_sweep_goes_on_where_it_was(trained, tmp_path, folder):
    store = tmp_path / folder
    first = quiet(grid(TINY, seed=range(2)), store)
    before = records(store)
    assert sorted(before) == sorted(f"{one.experiment.trajectory}.json" for one in first)
    runs = quiet(grid(TINY, seed=range(4)), store)
    assert [one.seed for one in trained] == [0, 1, 2, 3]
    assert {name: records(store)[name] for name in before} == before
    assert [numbers(one.history) for one in runs[:2]] == [numbers(one.history) for one in first]
    assert len(records(store)) == 4


def test_lengths_are_trained_once_and_equal_separate_runs(trained, tmp_path):
    lengths = [1, 3, 5]
    runs = quiet(grid(TINY.replace(dropout=0.2), epochs=lengths), tmp_path, snapshots=[0, 1, 3, 5])
    assert [one.epochs for one in trained] == [5]
    assert len(records(tmp_path)) == 1
    for one, epochs in zip(runs, lengths, strict=True):
        alone = run(one.experiment, snapshots=[0, epochs], progress=False)
        assert numbers(one.history) == numbers(alone.history)
        assert one.snapshots == tuple(epoch for epoch in (0, 1, 3, 5) if epoch <= epochs)
        pairs = zip(one.model(epochs).state_dict().values(), alone.model(epochs).state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    assert runs[0].seconds == pytest.approx(runs[2].seconds / 5)


def test_a_longer_wish_trains_again_and_keeps_what_was_asked_before(trained, tmp_path):
    quiet(grid(TINY, epochs=[1, 3]), tmp_path, snapshots=[3])
    quiet(TINY.replace(epochs=2), tmp_path)
    assert [one.epochs for one in trained] == [3]
    assert sorted(one.experiment.epochs for one in load_runs(tmp_path)) == [1, 2, 3]
    quiet(TINY.replace(epochs=4), tmp_path)
    assert [one.epochs for one in trained] == [3, 4]
    runs = load_runs(tmp_path)
    assert sorted(one.experiment.epochs for one in runs) == [1, 2, 3, 4]
    assert runs.one(epochs=4).snapshots == (3,)  # the weights, too
    assert runs.one(epochs=4).model(3) is not None
    quiet(TINY.replace(epochs=1), tmp_path, snapshots=[0])  # a shorter one with other weights loses nothing
    runs = load_runs(tmp_path)
    assert sorted(one.experiment.epochs for one in runs) == [1, 2, 3, 4]
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
    assert {one.experiment.patience for one in load_runs(tmp_path)} == {None, patience}
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
    for one in runs:
        assert numbers(one.history)["columns"] == numbers(alone.history)["columns"]
        assert (one.history.stopped_by, one.history.diverged_in_batch) == ("diverged", alone.history.diverged_in_batch)
    quiet([wild], tmp_path)
    assert len(trained) == 1
    assert len(load_runs(tmp_path)) == 3
    assert set(runs.to_frame()["stopped_by"]) == {"diverged"}


def run_quietly(experiment):
    with pytest.warns(UserWarning, match="diverged"):
        return run(experiment, progress=False)


# --- Loading and tables


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    quiet(grid(TINY, kernel_size=[5, 3], channels=[(2,), (3,)], epochs=[1, 2], seed=range(2)), place, snapshots=[1])
    return place


def test_runs_are_loaded_from_a_folder_and_from_a_zip_of_it(folder, tmp_path):
    runs = load_runs(folder)
    assert len(runs) == 16
    packed = load_runs(shutil.make_archive(str(tmp_path / "packed"), "zip", folder.parent, folder.name))
    assert [one.experiment for one in packed] == [one.experiment for one in runs]
    assert [numbers(one.history) for one in packed] == [numbers(one.history) for one in runs]
    one, other = packed[3].model(1).state_dict(), runs[3].model(1).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in other)
    assert packed[3].experiment.key == run(runs[3].experiment, progress=False).experiment.key
    with pytest.raises(ConfigError, match=r"nowhere does not exist; sweep\(…, store='.*nowhere'\) makes it"):
        load_runs(tmp_path / "nowhere")


def test_a_zip_can_be_swept_for_what_it_holds(folder, tmp_path, trained):
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    assert len(quiet(grid(TINY, kernel_size=[3, 5], epochs=[1, 2]), packed)) == 4
    assert trained == []
    both = quiet(grid(TINY, kernel_size=[3, 7]), packed)  # what the zip lacks is trained, and not kept
    assert [one.experiment.kernel_size for one in both] == [3, 7]
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
    told = runs.summary()
    assert told.columns.tolist() == [
        "kernel_size", "channels", "epochs", "seeds", "validation_accuracy", "std", "trained_epochs", "seconds"
    ]  # fmt: skip
    assert len(told) == 8
    assert set(told["seeds"]) == {2}
    mine = [one.history.last("validation_accuracy") for one in runs.filter(kernel_size=3, channels=(3,), epochs=2)]
    line = told[(told["kernel_size"] == 3) & (told["channels"] == "(3,)") & (told["epochs"] == 2)].iloc[0]
    assert line["validation_accuracy"] == pytest.approx(sum(mine) / 2)
    assert line["std"] == pytest.approx(abs(mine[0] - mine[1]) / 2**0.5)
    with pytest.raises(ConfigError, match="unknown metric 'seconds'"):
        runs.summary("seconds")
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


# --- Fault 22: what fails


def test_a_failing_configuration_is_recorded_and_the_others_run(tmp_path):
    wanted = [TINY, MISSING_PICTURES, TINY.replace(seed=1)]
    with pytest.warns(
        UserWarning, match=r"1 of 3 runs failed, the others are here; .*: DataError: nowhere at all is no"
    ):
        runs = quiet(wanted, tmp_path)
    assert [one.experiment.seed for one in runs] == [0, 1]
    (failure,) = runs.failures
    assert failure.experiment == MISSING_PICTURES
    assert "nowhere at all is no folder" in failure.reason
    told = json.loads((tmp_path / f"{MISSING_PICTURES.trajectory}.failed").read_text())
    assert (Experiment(**told["experiment"]), told["reason"]) == (MISSING_PICTURES, failure.reason)
    assert [one.reason for one in load_runs(tmp_path).failures] == [failure.reason]
    assert "1 failed" in repr(runs)


def test_a_failure_is_forgotten_when_the_run_succeeds(monkeypatch, tmp_path):
    monkeypatch.setattr(cnnlab.experiments.sweep, "train_record", lambda _: {"failed": "too hot"})
    with pytest.warns(UserWarning, match="too hot"):
        assert len(quiet([TINY], tmp_path).failures) == 1
    monkeypatch.undo()
    assert quiet([TINY], tmp_path).failures == []
    assert list(tmp_path.glob("*.failed")) == []
    assert load_runs(tmp_path).failures == []


@pytest.fixture
def trainer(monkeypatch, tmp_path):
    """A stand-in for train_record that workers can import: it dies, sleeps or answers as its plan says."""
    place = tmp_path / "trainer"
    place.mkdir()
    name = f"trainer_{abs(hash(str(tmp_path)))}"
    record = train_record({"experiment": TINY.to_dict(), "snapshots": []})
    (place / "record").write_text(json.dumps(record))
    (place / f"{name}.py").write_text(
        textwrap.dedent("""
        import json, os, signal, sys, time
        from pathlib import Path
        HERE = Path(__file__).parent

        def train(payload):
            seed = payload["experiment"]["seed"]
            with open(HERE / "log", "a") as log:
                log.write(f"{seed}\\n")
            times = (HERE / "log").read_text().split().count(str(seed))
            plan = json.loads((HERE / "plan").read_text()).get(str(seed))
            if plan == "die" or (plan == "die once" and times == 1):
                os.kill(os.getpid(), signal.SIGKILL)
            if plan == "exit":
                sys.exit("so long")
            if plan == "sleep":
                (HERE / "asleep").touch()
                time.sleep(60)
            if plan == "real":
                from cnnlab.experiments.sweep import train_record
                return train_record(payload)
            return json.loads((HERE / "record").read_text()) | {"experiment": payload["experiment"]}
    """)
    )
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setattr(cnnlab.experiments.sweep, "train_record", importlib.import_module(name).train)

    class Trainer:
        asleep = place / "asleep"

        def plan(self, **seeds):
            (place / "plan").write_text(json.dumps({name.removeprefix("seed"): does for name, does in seeds.items()}))

        @property
        def log(self):
            return [int(seed) for seed in (place / "log").read_text().split()]

    return Trainer()


def test_a_run_whose_worker_dies_is_tried_again_and_others_go_on(trainer, tmp_path):
    trainer.plan(seed1="die once", seed3="die", seed4="exit")
    store = tmp_path / "runs"
    with pytest.warns(UserWarning, match="2 of 8 runs failed"):
        runs = quiet(grid(TINY, seed=range(8)), store, workers=2, retries=1)
    assert [one.experiment.seed for one in runs] == [0, 1, 2, 5, 6, 7]
    reasons = {one.experiment.seed: one.reason for one in runs.failures}
    assert set(reasons) == {3, 4}
    assert "the worker process was killed (signal 9), often because memory ran out" in reasons[3]
    assert reasons[3].endswith("(tried 2 times)")
    assert "ended with status 1: so long (tried 2 times)" in reasons[4]
    assert sorted(trainer.log) == [0, 1, 1, 2, 3, 3, 4, 4, 5, 6, 7]
    assert len(records(store)) == 6


def test_without_retries_a_death_is_a_failure(trainer):
    trainer.plan(seed0="die")
    with pytest.warns(UserWarning, match="tried once"):
        runs = quiet(grid(TINY, seed=range(2)), workers=2, retries=0)
    assert [one.experiment.seed for one in runs] == [1]


def test_workers_say_when_they_were_ended():
    workers = LocalWorkers(1)
    workers.shutdown(cancel_futures=True)
    with pytest.raises(WorkerDied, match="shut down"):
        workers._ask("a:b", {})
    with pytest.raises(RuntimeError):
        workers.submit(train_record, {})


# --- Interrupts


def test_an_interrupt_keeps_what_is_done(monkeypatch, tmp_path, capsys):
    def train(payload):
        if payload["experiment"]["seed"] == 2:
            signal.raise_signal(signal.SIGINT)
        return train_record(payload)

    with monkeypatch.context() as patch:
        patch.setattr(cnnlab.experiments.sweep, "train_record", train)
        runs = sweep(grid(TINY, seed=range(5)), tmp_path, workers=1)
    assert [one.experiment.seed for one in runs] == [0, 1]
    last = capsys.readouterr().out.splitlines()[-1].split("\r")[-1].strip()
    assert last == f"stopped: 2 of 5 runs are done; {tmp_path} keeps them, and the same call goes on"
    claims = [Store(tmp_path).claim(one.trajectory) for one in grid(TINY, seed=range(5))]
    assert None not in claims  # given back
    for claim in claims:
        claim.close()
    assert len(quiet(grid(TINY, seed=range(5)), tmp_path)) == 5


def test_an_interrupt_inside_fit_keeps_what_is_done(monkeypatch, tmp_path):
    whole = cnnlab.experiments.sweep.run

    def interrupted(experiment, **settings):
        stopping = (lambda _: signal.raise_signal(signal.SIGINT)) if experiment.seed == 1 else None
        return whole(experiment, on_epoch=stopping, **settings)

    monkeypatch.setattr(cnnlab.experiments.sweep, "run", interrupted)
    assert [one.experiment.seed for one in quiet(grid(TINY, seed=range(3)), tmp_path)] == [0]


def test_an_interrupt_ends_the_workers(trainer, tmp_path, capsys):
    trainer.plan(seed1="sleep", seed2="sleep")
    store = tmp_path / "runs"
    threading.Thread(
        target=lambda: (
            wait_for(trainer.asleep.exists) or wait_for(lambda: records(store)) or os.kill(os.getpid(), signal.SIGINT)
        )
    ).start()
    start = time.monotonic()
    runs = quiet(grid(TINY, seed=range(4)), store, workers=2)
    assert time.monotonic() - start < 50  # they would have slept for longer
    assert [one.experiment.seed for one in runs] == [0]
    assert "stopped: 1 of 4 runs are done" in capsys.readouterr().out


SCRIPT = """
import sys
from cnnlab import Experiment, grid, sweep
runs = sweep(grid(Experiment(**{settings}), seed=range(4)), store={store!r}, workers=2)
print(*(one.history.last("train_loss") for one in runs))
"""


def start_script(folder, experiment):
    script = folder / "my script.py"
    script.write_text(SCRIPT.format(settings=experiment.to_dict(), store=str(folder / "runs")))
    return subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )  # fmt: skip


def finish(process):
    out, errors = process.communicate(timeout=100)
    return [
        line.strip()
        for line in re.split(r"[\r\n]+", out)
        if line.strip() and not line.startswith("sweep |") and " left" not in line
    ], errors


def test_a_plain_script_sweeps_with_workers_and_gets_the_same_bits(tmp_path):
    lines, errors = finish(start_script(tmp_path, TINY))
    assert errors == ""
    assert lines[0] == "4 runs"
    assert [float(word) for word in lines[1].split()] == [
        one.history.last("train_loss") for one in quiet(grid(TINY, seed=range(4)))
    ]
    assert load_runs(tmp_path / "runs")[0].history.environment["threads"] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal's Ctrl-C and kill -9 are sent otherwise there")
@pytest.mark.parametrize("sent", ["SIGINT", "SIGKILL"])
def test_a_script_that_is_ended_leaves_its_finished_runs_and_no_process(tmp_path, sent):
    store = tmp_path / "runs"
    quiet([TINY], store)
    before = records(store)
    process = start_script(tmp_path, TINY.replace(epochs=100_000))
    try:
        family = psutil.Process(process.pid)
        wait_for(lambda: len(family.children()) == 2 and sum(one.cpu_times().user for one in family.children()) > 3)
        workers = family.children()
        if sent == "SIGINT":
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it, too
            lines, errors = finish(process)
            assert errors == ""
            assert lines[0] == f"stopped: 0 of 4 runs are done; {store} keeps them, and the same call goes on"
        else:
            process.kill()
        psutil.wait_procs(workers, timeout=20)
        assert [one for one in workers if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
    finally:
        process.kill()
        process.communicate()
    assert records(store) == before


# --- Faults 20 and 21: killed at any moment; several processes on one store

FORKING = """
import json, os, signal, sys, threading, time
from pathlib import Path
from tqdm import tqdm
import cnnlab.training.progress
import cnnlab.experiments.sweep
import cnnlab.experiments.task_queue
from cnnlab import Experiment, grid, sweep

# tqdm's own lock is one for all that are forked here: whoever is killed while he has it would keep it for ever.
tqdm.set_lock(threading.RLock())
store, log = Path({store!r}), Path({log!r})
wanted = grid(Experiment(**{settings}), seed=range({count}), epochs=[1, 2])

def train(payload):
    with open(log, "a") as file:
        file.write(f"{{payload['experiment']['seed']}}\\n")
    return original(payload)

original, cnnlab.experiments.sweep.train_record = cnnlab.experiments.sweep.train_record, train
original(dict(experiment=wanted[0].to_dict(), snapshots=[]))  # so that each child starts at once

def begin():
    pid = os.fork()  # torch has one thread here, so this is safe
    if pid == 0:
        sys.stdout = open(os.devnull, "w")
        runs = sweep(wanted, store, workers=1, snapshots=[1])
        os._exit(0 if len(runs) == len(wanted) else 1)
    return pid

def records():
    return {{path.name: path.stat().st_mtime_ns for path in store.glob("*.json")}}
"""


def in_fork(tmp_path, count, code):
    settings = {
        "store": str(tmp_path / "runs"),
        "log": str(tmp_path / "log"),
        "settings": TINY.to_dict(),
        "count": count,
    }
    told = subprocess.run(
        [sys.executable, "-c", FORKING.format(**settings) + textwrap.dedent(code)],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout), [int(seed) for seed in (tmp_path / "log").read_text().split()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork makes the many starts cheap")
def test_kill_9_at_any_moment_loses_no_finished_run(tmp_path):
    code = """
    touched, kills = [], 0
    for moment in range(12):
        before = records()
        pid = begin()
        wanted_now = min(len(before) + moment % 3, len(wanted) // 2)  # on a busy machine the child runs far ahead
        deadline = time.monotonic() + 60
        while len(records()) < wanted_now:
            assert time.monotonic() < deadline, (moment, len(before), len(records()))
            time.sleep(0.0005)
        time.sleep(0.0017 * moment)
        os.kill(pid, signal.SIGKILL)
        kills += os.waitpid(pid, 0)[1] == signal.SIGKILL
        now = records()
        touched += [name for name in before if now.get(name) != before[name]]
    before = records()
    status = os.waitpid(begin(), 0)[1]
    touched += [name for name in before if records()[name] != before[name]]
    print(json.dumps([touched, kills, len(before), status]))
    """
    (touched, kills, early, status), log = in_fork(tmp_path, 250, code)
    assert (touched, status) == ([], 0)
    assert kills >= 10
    assert 8 <= early < 250  # killed in the middle, not before and not after
    assert set(log) == set(range(250))
    assert len(log) <= 250 + kills  # only what was running is repeated
    runs = load_runs(tmp_path / "runs")
    assert sorted((one.experiment.seed, one.experiment.epochs) for one in runs) == [
        (s, e) for s in range(250) for e in (1, 2)
    ]
    left = {re.sub(r"^[0-9a-f]{16}\.", "", path.name) for path in (tmp_path / "runs").iterdir()}
    assert left == {"json", "safetensors", ".locks"}  # nothing half written


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork makes the many starts cheap")
def test_three_processes_on_one_store_train_each_run_once(tmp_path):
    code = """
    pids = [begin() for _ in range(3)]
    print(json.dumps([os.waitpid(pid, 0)[1] for pid in pids]))
    """
    statuses, log = in_fork(tmp_path, 40, code)
    assert statuses == [0, 0, 0]  # each has all runs in the end
    assert sorted(log) == list(range(40))
    assert len(records(tmp_path / "runs")) == 40


def test_two_sweeps_of_one_process_share_a_store(trained, tmp_path):
    told = []

    def go(epochs):
        told.append(len(quiet(grid(TINY, seed=range(6), epochs=epochs), tmp_path)))

    threads = [threading.Thread(target=go, args=(epochs,)) for epochs in ([2], [1, 2])]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        load_runs(tmp_path)  # may be read while it is filled
    assert sorted(told) == [6, 12]
    assert sorted(one.seed for one in trained) == list(range(6))
    assert len(load_runs(tmp_path)) == 12


def test_a_length_that_is_there_is_noted_while_another_process_trains(trained, tmp_path):
    quiet(TINY, tmp_path)
    claim = Store(tmp_path).claim(TINY.trajectory)  # another notebook trains this longer, for hours
    assert len(quiet([TINY.replace(epochs=1)], tmp_path)) == 1
    claim.close()
    assert sorted(one.experiment.epochs for one in load_runs(tmp_path)) == [1, 2]
    assert len(trained) == 1


# --- Faults 23 and 24: damage, formats, the disk


@pytest.mark.parametrize("damage", ["empty", "half", "last byte", "flipped", "renamed"])
def test_a_damaged_record_is_set_aside_and_run_again(trained, tmp_path, damage):
    runs = quiet(grid(TINY, seed=range(3)), tmp_path)
    path = tmp_path / f"{runs[1].experiment.trajectory}.json"
    whole = path.read_bytes()
    if damage == "renamed":
        shutil.copy(tmp_path / f"{runs[2].experiment.trajectory}.json", path)
    else:
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        path.write_bytes({"empty": b"", "half": whole[:middle], "last byte": whole[:-1], "flipped": flipped}[damage])
    reason = "renamed" if damage == "renamed" else "checksum"
    with pytest.warns(UserWarning, match=rf"{path.name} is no use \(.*{reason}.*\): set aside as {path.name}\.bad"):
        again = quiet(grid(TINY, seed=range(3)), tmp_path)
    assert [one.seed for one in trained] == [0, 1, 2, 1]
    assert numbers(again[1].history) == numbers(runs[1].history)
    assert Path(f"{path}.bad").exists()
    assert len(load_runs(tmp_path)) == 3


@pytest.mark.parametrize("changed", [{"format": 0}, {"format": 2}, {"experiment": {"invented_later": 3}}])
def test_a_record_of_another_version_is_refused_in_words(tmp_path, changed):
    quiet([TINY], tmp_path)
    record = Store(tmp_path).read(TINY.trajectory)
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(
        encode(record | {name: record[name] | v if isinstance(v, dict) else v for name, v in changed.items()})
    )
    for what in (lambda: quiet([TINY], tmp_path), lambda: load_runs(tmp_path)):
        with pytest.raises(DataError, match=rf"{path.name} .*version.* or another folder"):
            what()
    assert path.exists()


def test_a_stored_run_does_not_depend_on_todays_defaults(tmp_path, monkeypatch):
    quiet([TINY.replace(learning_rate=None)], tmp_path)
    monkeypatch.setitem(cnnlab.training.options.LEARNING_RATES, "adam", 0.5)
    assert load_runs(tmp_path)[0].experiment.learning_rate == 0.001


def test_a_full_disk_keeps_what_is_finished(trained, tmp_path, monkeypatch):
    real, left = os.fsync, [3]

    def fsync(handle):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(OSError, match=r"was not saved \(No space left on device\)"):
            quiet(grid(TINY, seed=range(6)), tmp_path)
    assert [one.experiment.seed for one in load_runs(tmp_path)] != []
    assert len(records(tmp_path)) == 3
    assert len(quiet(grid(TINY, seed=range(6)), tmp_path)) == 6  # the claim was given back
    assert len(trained) == 4 + 3


def test_a_store_that_cannot_be_written_is_refused_before_any_training(trained, tmp_path):
    (tmp_path / "file").write_text("mine")
    for store in (tmp_path / "file", tmp_path / "file" / "runs", tmp_path / ("x" * 300)):
        with pytest.raises(ConfigError, match="give a"):
            quiet([TINY], store)
    assert trained == []


# --- Other executors


def test_any_executor_will_do(trainer, tmp_path):
    trainer.plan(seed1="die once")
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        runs = quiet(grid(TINY, seed=[0, 2]), tmp_path / "a", executor=pool)
        assert [one.experiment.seed for one in runs] == [0, 2]
        with pytest.warns(UserWarning, match=r"failed, .* the executor takes no more work \(.*give a new one"):
            runs = quiet(grid(TINY, seed=[0, 1, 3]), tmp_path / "a", executor=pool)  # this kind does not recover
    assert [one.experiment.seed for one in runs] == [0]
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        assert len(quiet(grid(TINY, seed=range(4)), tmp_path / "a", executor=pool)) == 4
    assert sorted(set(trainer.log)) == [0, 1, 2, 3]


def test_threads_give_the_same_bits():
    wild = TINY.replace(optimizer="sgd", learning_rate=1e18)
    wanted = [*grid(TINY, seed=range(6), dropout=[0.2]), wild]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        runs = quiet(wanted, executor=pool, workers=None)
    assert [numbers(one.history) for one in runs] == [numbers(one.history) for one in quiet(wanted)]
    assert runs.failures == []


def test_what_was_cancelled_from_outside_is_a_failure_in_words():
    class Cancelling(concurrent.futures.Executor):
        def submit(self, _function, /, *_):
            future = concurrent.futures.Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with pytest.warns(UserWarning, match=r"cancelled \(tried 3 times\)"):
        assert len(quiet([TINY], executor=Cancelling()).failures) == 1


def test_an_interrupt_gives_back_every_claim(tmp_path, monkeypatch):
    kept, claim_of = [], Store.claim  # kept, so that no garbage collection can do it
    monkeypatch.setattr(Store, "claim", lambda store, name: kept.append(claim_of(store, name)) or kept[-1])
    monkeypatch.setattr(cnnlab.experiments.task_queue, "wait", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        quiet(grid(TINY, seed=range(3)), tmp_path, executor=pool, workers=None)
    assert len(kept) == 3
    claims = [Store(tmp_path).claim(one.trajectory) for one in grid(TINY, seed=range(3))]
    assert None not in claims
    for claim in claims:
        claim.close()


def test_progress_counts_what_is_done_and_what_failed(monkeypatch):
    told = []
    monkeypatch.setattr(cnnlab.training.progress.tqdm, "set_description_str", lambda _, text, **__: told.append(text))
    with pytest.warns(UserWarning, match="1 of 3"):
        sweep([TINY.replace(epochs=9), TINY, MISSING_PICTURES.replace(train_size=4, batch_size=4)], workers=1)
    seen = list(dict.fromkeys(told))
    assert seen[0] == "0 of 3 runs done, 1 running"
    assert "2 of 3 runs done, 1 running" in seen
    assert seen[-1] == "2 of 3 runs done, 0 running, 1 failed"


# --- Beyond one machine


def test_dask_with_a_worker_killed_in_the_middle_ends_with_every_run_once(trainer, tmp_path):
    import dask
    import distributed

    trainer.plan(seed2="die once", seed5="real")
    store = tmp_path / "runs"
    places = {"host": "127.0.0.1", "dashboard_address": None, "worker_dashboard_address": None}
    with (
        dask.config.set({"temporary-directory": str(tmp_path)}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **places) as cluster,
        distributed.Client(cluster) as client,
    ):
        first = set(client.run(os.getpid).values())
        with pytest.raises(ConfigError, match=r"executor wants .*, its \.get_executor\(\); got <Client"):
            quiet([TINY], store, executor=client)
        runs = quiet(grid(TINY, seed=range(6)), store, executor=client.get_executor(), workers=None)
        wait_for(lambda: len(set(client.run(os.getpid).values())) == 2)
        assert set(client.run(os.getpid).values()) != first  # one is new
    assert [one.experiment.seed for one in runs] == list(range(6))
    assert sorted(one.experiment.seed for one in load_runs(store)) == list(range(6))
    assert trainer.log.count(2) == 2
    assert set(trainer.log) == set(range(6))
    assert runs.failures == []
    assert numbers(runs[5].history) == numbers(run(TINY.replace(seed=5), progress=False).history)
