"""sweep: which experiments are trained, where, with how many workers; and what a sweep says at its end."""

import concurrent.futures
import json
import multiprocessing
import os
import signal
import warnings

import pytest
from tiny_sweeps import MISSING_PICTURES, TINY, numbers, quiet, records, wait_for

import cnnlab.experiments.sweep
from cnnlab import machine
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.run import run
from cnnlab.experiments.runs import load_runs
from cnnlab.experiments.store import Store
from cnnlab.experiments.sweep import grid, sweep, train_record
from cnnlab.experiments.workers import InThisProcess
from cnnlab.progress_line import ProgressLine
from cnnlab.training.progress import TrainingWarning

pytestmark = pytest.mark.usefixtures("no_process_is_left")


def test_a_grid_changes_its_last_field_fastest():
    made = grid(TINY, pooling=["max", "avg"], seed=range(2))
    assert [(each.pooling, each.seed) for each in made] == [("max", 0), ("max", 1), ("avg", 0), ("avg", 1)]
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
    assert [each.experiment for each in runs] == [wanted[0], wanted[1], wanted[2]]
    assert [(each.seed, each.epochs) for each in trained] == [(2, 2), (0, 2)]
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


# --- How many workers


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


def test_more_workers_than_the_computer_can_use_are_refused_but_not_those_of_an_executor(counts, monkeypatch):
    monkeypatch.setattr(machine, "visible_processors", lambda: 5)
    two = grid(TINY, seed=range(2))
    for workers in (21, 10**4, 2**64 - 1):
        with pytest.raises(
            ConfigError, match=rf"^workers={workers}: this computer has 5 processors.*try 5, 20 at most"
        ):
            quiet(two, workers=workers)
    assert len(quiet(two, workers=20)) == 2
    assert counts == [2]
    assert len(quiet(two, workers=10**4, executor=InThisProcess())) == 2


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


# --- The same call goes on


@pytest.mark.parametrize("folder", ["runs", "a folder ü/deep/er"])
def test_a_sweep_goes_on_where_it_was(trained, tmp_path, folder):
    store = tmp_path / folder
    first = quiet(grid(TINY, seed=range(2)), store)
    before = records(store)
    assert sorted(before) == sorted(f"{each.experiment.trajectory}.json" for each in first)
    runs = quiet(grid(TINY, seed=range(4)), store)
    assert [each.seed for each in trained] == [0, 1, 2, 3]
    assert {name: records(store)[name] for name in before} == before
    assert [numbers(each.history) for each in runs[:2]] == [numbers(each.history) for each in first]
    assert len(records(store)) == 4


def test_an_interrupt_keeps_what_is_done(monkeypatch, tmp_path, capsys):
    def train(payload):
        if payload["experiment"]["seed"] == 2:
            signal.raise_signal(signal.SIGINT)
        return train_record(payload)

    with monkeypatch.context() as patch:
        patch.setattr(cnnlab.experiments.sweep, "train_record", train)
        runs = sweep(grid(TINY, seed=range(5)), tmp_path, workers=1)
    assert [each.experiment.seed for each in runs] == [0, 1]
    last = capsys.readouterr().out.splitlines()[-1].split("\r")[-1].strip()
    assert last == f"stopped: 2 of 5 runs are done; {tmp_path} keeps them, and the same call goes on"
    claims = [Store(tmp_path).claim(each.trajectory) for each in grid(TINY, seed=range(5))]
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
    assert [each.experiment.seed for each in quiet(grid(TINY, seed=range(3)), tmp_path)] == [0]


def test_a_store_that_cannot_be_written_is_refused_before_any_training(trained, tmp_path):
    (tmp_path / "file").write_text("mine")
    for store in (tmp_path / "file", tmp_path / "file" / "runs", tmp_path / ("x" * 300)):
        with pytest.raises(ConfigError, match="give a"):
            quiet([TINY], store)
    assert trained == []


# --- Failures


def test_a_failing_configuration_is_recorded_and_the_others_run(tmp_path):
    wanted = [TINY, MISSING_PICTURES, TINY.replace(seed=1)]
    with pytest.warns(
        UserWarning, match=r"1 of 3 runs failed, the others are here; .*: DataError: nowhere at all is no"
    ):
        runs = quiet(wanted, tmp_path)
    assert [each.experiment.seed for each in runs] == [0, 1]
    (failure,) = runs.failures
    assert failure.experiment == MISSING_PICTURES
    assert "nowhere at all is not a folder" in failure.reason
    note = json.loads((tmp_path / f"{MISSING_PICTURES.trajectory}.failed").read_text())
    assert (Experiment(**note["experiment"]), note["reason"]) == (MISSING_PICTURES, failure.reason)
    assert [each.reason for each in load_runs(tmp_path).failures] == [failure.reason]
    assert "1 failed" in repr(runs)


def test_a_failure_is_forgotten_when_the_run_succeeds(monkeypatch, tmp_path):
    monkeypatch.setattr(cnnlab.experiments.sweep, "train_record", lambda _: {"failed": "too hot"})
    with pytest.warns(UserWarning, match="too hot"):
        assert len(quiet([TINY], tmp_path).failures) == 1
    monkeypatch.undo()
    assert quiet([TINY], tmp_path).failures == []
    assert list(tmp_path.glob("*.failed")) == []
    assert load_runs(tmp_path).failures == []


def test_progress_counts_what_is_done_and_what_failed(monkeypatch):
    texts = []
    monkeypatch.setattr(ProgressLine, "set_description_str", lambda _, text, **__: texts.append(text))
    with pytest.warns(UserWarning, match="1 of 3"):
        sweep([TINY.replace(epochs=9), TINY, MISSING_PICTURES.replace(train_size=4, batch_size=4)], workers=1)
    seen = list(dict.fromkeys(texts))
    assert seen[0] == "0 of 3 runs done, 1 running"
    assert "2 of 3 runs done, 1 running" in seen
    assert seen[-1] == "2 of 3 runs done, 0 running, 1 failed"


def test_a_sweep_ignores_the_warnings_of_its_trainings_and_no_other(monkeypatch):
    def train(payload):
        warnings.warn("diverged in epoch 1", TrainingWarning, stacklevel=1)
        warnings.warn("trained 0 epochs, says somebody else", UserWarning, stacklevel=1)
        return train_record(payload)

    monkeypatch.setattr(cnnlab.experiments.sweep, "train_record", train)
    with pytest.warns(UserWarning, match="says somebody else") as caught:
        quiet([TINY])
    assert len(caught) == 1


# --- Other executors


def test_any_executor_will_do(trainer, tmp_path):
    trainer.plan(seed1="die once")
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        runs = quiet(grid(TINY, seed=[0, 2]), tmp_path / "a", executor=pool)
        assert [each.experiment.seed for each in runs] == [0, 2]
        with pytest.warns(UserWarning, match=r"failed, .* the executor takes no more work \(.*give a new one"):
            runs = quiet(grid(TINY, seed=[0, 1, 3]), tmp_path / "a", executor=pool)  # this kind does not recover
    assert [each.experiment.seed for each in runs] == [0]
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        assert len(quiet(grid(TINY, seed=range(4)), tmp_path / "a", executor=pool)) == 4
    assert sorted(set(trainer.log)) == [0, 1, 2, 3]


def test_threads_give_the_same_bits():
    wild = TINY.replace(optimizer="sgd", learning_rate=1e18)
    wanted = [*grid(TINY, seed=range(6), dropout=[0.2]), wild]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        runs = quiet(wanted, executor=pool, workers=None)
    assert [numbers(each.history) for each in runs] == [numbers(each.history) for each in quiet(wanted)]
    assert runs.failures == []


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
    assert [each.experiment.seed for each in runs] == list(range(6))
    assert sorted(each.experiment.seed for each in load_runs(store)) == list(range(6))
    assert trainer.log.count(2) == 2
    assert set(trainer.log) == set(range(6))
    assert runs.failures == []
    assert numbers(runs[5].history) == numbers(run(TINY.replace(seed=5), progress=False).history)
