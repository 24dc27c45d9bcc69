"""Runs trained as stacks by a sweep: the same records, memory that runs out, interrupts, and other processes."""

import pytest
import torch
from small_replicas import TINY, assert_alike

import cnnlab.experiments.device_work
import cnnlab.experiments.replica
import cnnlab.experiments.replicas
import cnnlab.experiments.stacks
import cnnlab.experiments.sweep
from cnnlab.cli.sweep import main
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.replicas import most_replicas, train_replicas
from cnnlab.experiments.run import run
from cnnlab.experiments.runs import load_runs
from cnnlab.experiments.store import Store
from cnnlab.experiments.sweep import grid, sweep
from cnnlab.experiments.sweep_progress import SweepProgress
from cnnlab.experiments.task_queue import TaskQueue


def columns(each):
    return {name: values for name, values in each.history.to_dict()["columns"].items() if name != "seconds"}


def test_a_sweep_stores_and_goes_on(tmp_path):
    experiments = grid(TINY, kernel_size=[3, 5], epochs=[1, 3], seed=range(3))
    runs = sweep(experiments[:6], tmp_path, replicas=2, snapshots=[0, 3], progress=False)
    runs = sweep(experiments, tmp_path, replicas=2, snapshots=[0, 3], progress=False)
    assert [each.experiment for each in runs] == experiments
    assert len(list(tmp_path.glob("*.json"))) == 6
    assert len(load_runs(tmp_path)) == 12
    for each in runs:
        separate = run(each.experiment, snapshots=[0, 3], progress=False)
        assert_alike(each.history, separate.history, tolerance=1e-4)
        assert each.history.environment == separate.history.environment
        assert each.snapshots == separate.snapshots
        for epoch in each.snapshots:
            pairs = zip(each.model(epoch).parameters(), separate.model(epoch).parameters(), strict=True)
            assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in pairs)
        assert 0 < sum(each.history["seconds"]) <= each.seconds or each.experiment.epochs == 1
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    assert len(sweep(experiments, tmp_path, workers=1, progress=False)) == 12  # nothing is left to do
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")} == before


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_what_goes_on_inside_is_recorded(optimizer):
    momentum = 0.0 if optimizer == "adam" else 0.9
    base = TINY.replace(optimizer=optimizer, learning_rate=0.001, momentum=momentum, dropout=0.2)
    runs = sweep(grid(base, seed=range(3)), replicas=3, insides=True, progress=False)
    for each in runs:
        separate = run(each.experiment, insides=True, progress=False)
        assert columns(each).keys() == columns(separate).keys()
        for name, values in columns(separate).items():
            assert each.history[name] == pytest.approx(values, rel=2e-3, abs=1e-6) if name != "epoch" else True, name
    plain = sweep(grid(base, seed=range(3)), replicas=3, progress=False)
    assert [each.history["train_loss"] for each in plain] == [each.history["train_loss"] for each in runs]


def test_a_number_from_inside_that_is_not_finite_is_left_out(tmp_path, monkeypatch):
    import cnnlab.interpret.recorder

    monkeypatch.setattr(cnnlab.interpret.recorder, "concentration", lambda _maps: torch.tensor([float("nan")]))
    (replica,) = sweep([TINY], tmp_path, replicas=2, insides=True, progress=False)
    assert "dead_share" in replica.history.metrics
    assert "saliency_concentration" not in replica.history.metrics
    assert len(load_runs(tmp_path)) == 1


@pytest.fixture
def stacked(monkeypatch):
    """The numbers of replicas that were trained as one network."""
    counts = []

    def train(payloads, device):
        counts.append(len(payloads))
        return train_replicas(payloads, device)

    monkeypatch.setattr(cnnlab.experiments.stacks, "train_replicas", train)
    return counts


def test_stacks_are_no_larger_than_asked_for_and_than_memory_allows(stacked, monkeypatch):
    five = grid(TINY.replace(epochs=1), seed=range(5))
    sweep(five, replicas=2, progress=False)
    assert stacked == [2, 2, 1]
    stacked.clear()
    sweep(five, replicas=9, progress=False)
    assert stacked == [5]
    cpu = torch.device("cpu")
    large = Experiment(train_size=5000, channels=(64, 128), kernel_size=7)
    monkeypatch.setattr(cnnlab.experiments.replicas, "free_memory", lambda: 4_000_000_000)
    assert most_replicas(TINY, cpu) == 128
    few = most_replicas(large, cpu)
    assert 1 <= few < 10
    monkeypatch.setattr(cnnlab.experiments.replicas, "free_memory", lambda: 1000)
    assert most_replicas(TINY, cpu) == 1
    stacked.clear()
    sweep(five, replicas=9, progress=False)
    assert stacked == [1] * 5
    # A GPU with 3 GB free beside 5 GB that torch keeps, 4 GB of them in use: 4 GB can be had.
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (3_000_000_000, 80_000_000_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 5_000_000_000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: 4_000_000_000)
    assert most_replicas(large, torch.device("cuda")) == few


def test_each_data_set_of_a_stack_is_loaded_once(monkeypatch):
    loaded = []
    load = cnnlab.experiments.replicas.load_once

    def counted(experiment):
        loaded.append(experiment.data_seed)
        return load(experiment)

    monkeypatch.setattr(cnnlab.experiments.replicas, "load_once", counted)
    settings = grid(TINY.replace(epochs=1), learning_rate=[0.01, 0.02], data_seed=range(3))
    sweep(settings, replicas=6, progress=False)
    assert sorted(loaded) == [0, 1, 2]


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_out_of_memory_splits_the_stack(stacked, monkeypatch, tmp_path, error):
    work = cnnlab.experiments.device_work.TrainingStep.work

    def too_much(step):
        if step.network.count > 2:
            raise error
        work(step)

    monkeypatch.setattr(cnnlab.experiments.device_work.TrainingStep, "work", too_much)
    runs = sweep(grid(TINY.replace(epochs=1), seed=range(5)), tmp_path, replicas=5, progress=False)
    assert stacked == [5, 2, 3, 1, 2]
    assert [each.experiment.seed for each in runs] == [0, 1, 2, 3, 4]


@pytest.mark.filterwarnings("ignore:1 of 3 runs failed")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory"),
            "MemoryError: out of memory with batch_size=32; try batch_size=16",
        ),
        (ValueError("no such image"), "ValueError: no such image"),
    ],
)
def test_one_that_cannot_be_trained_fails_alone(monkeypatch, tmp_path, error, reason):
    begin = cnnlab.experiments.replica.Replica.__init__

    def refuse(replica, place, experiment, *rest):
        if experiment.seed == 1:
            raise error
        begin(replica, place, experiment, *rest)

    monkeypatch.setattr(cnnlab.experiments.replica.Replica, "__init__", refuse)
    runs = sweep(grid(TINY.replace(epochs=1), seed=range(3)), tmp_path, replicas=5, progress=False)
    assert [each.experiment.seed for each in runs] == [0, 2]
    assert runs.failures[0].reason == reason
    assert load_runs(tmp_path).failures[0].experiment.seed == 1


def test_the_line_of_progress_counts_each_epoch_once(monkeypatch):
    boards = []

    class Board(SweepProgress):
        def show(self, *_):
            boards.append((self.line.n, self.line.total, self.finished))

        __exit__ = show

    monkeypatch.setattr(cnnlab.experiments.sweep, "SweepProgress", Board)
    sweep([TINY.replace(seed=seed, epochs=epochs) for seed, epochs in enumerate([2, 4, 0])], replicas=3, progress=False)
    whole = 70 * (2 + 4 + 1)  # no epoch at all counts as one
    steps = [(0, 0), (70 + 140, 1), (350, 2), (420, 2), (490, 3)]
    assert boards == [(done, whole, runs) for done, runs in steps]


def test_the_line_of_progress_takes_back_what_is_trained_anew(monkeypatch, stacked):
    lines = []

    class Board(SweepProgress):
        def __exit__(self, *_):
            lines.append((self.line.n, self.line.total))

    work, steps = cnnlab.experiments.device_work.TrainingStep.work, []

    def too_much(step):
        steps.append(step.network.count)
        if step.network.count > 2 and len(steps) > 4:  # in the second epoch or later
            raise MemoryError
        work(step)

    monkeypatch.setattr(cnnlab.experiments.device_work.TrainingStep, "work", too_much)
    monkeypatch.setattr(cnnlab.experiments.sweep, "SweepProgress", Board)
    runs = sweep(grid(TINY.replace(epochs=3), seed=range(4)), replicas=4, progress=False)
    assert (len(runs), stacked) == (4, [4, 2, 2])
    assert lines == [(4 * 3 * 70, 4 * 3 * 70)]


def test_an_interrupt_keeps_what_is_finished(monkeypatch, tmp_path, capsys):
    finish = cnnlab.experiments.replica.Replica.finish_epoch

    def interrupt(replica, *rest):
        if len(replica.history) == 2:
            raise KeyboardInterrupt
        finish(replica, *rest)

    monkeypatch.setattr(cnnlab.experiments.replica.Replica, "finish_epoch", interrupt)
    experiments = [TINY.replace(seed=seed, epochs=epochs) for seed, epochs in enumerate([1, 2, 3])]
    runs = sweep(experiments, tmp_path, replicas=3, progress=False)
    assert [each.experiment.seed for each in runs] == [0, 1]
    assert "stopped: 2 of 3 runs are done" in capsys.readouterr().out
    monkeypatch.undo()
    assert len(sweep(experiments, tmp_path, replicas=3, progress=False)) == 3


def test_an_interrupt_while_storing_loses_nothing(monkeypatch, tmp_path):
    store_record, calls = TaskQueue.store_record, []

    def interrupt(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        store_record(*arguments)

    monkeypatch.setattr(TaskQueue, "store_record", interrupt)
    assert len(sweep(grid(TINY, seed=range(4)), tmp_path, replicas=4, progress=False)) == 4


def test_a_store_that_cannot_be_written_ends_the_sweep(stacked, monkeypatch):
    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(TaskQueue, "store_record", full)
    with pytest.raises(OSError, match="No space left"):
        sweep(grid(TINY, seed=range(4)), replicas=4, progress=False)
    assert stacked == [4]


def test_what_another_process_trains_is_waited_for(stacked, monkeypatch, tmp_path):
    experiments = grid(TINY.replace(epochs=1), seed=range(2))
    sweep(experiments[:1], tmp_path / "other", replicas=1, progress=False)
    other = Store(tmp_path / "mine")
    other.prepare()
    claim = other.claim(experiments[0].trajectory)

    def finish(_seconds):  # what the other process does meanwhile
        for path in (tmp_path / "other").glob("*.json"):
            path.rename(tmp_path / "mine" / path.name)
        claim.close()

    monkeypatch.setattr(cnnlab.experiments.stacks.time, "sleep", finish)
    runs = sweep(experiments, tmp_path / "mine", replicas=2, progress=False)
    assert [each.experiment.seed for each in runs] == [0, 1]
    assert stacked == [1, 1]  # that of the other store, and the one that nobody else was at


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"replicas": 0}, "replicas must be a whole number of 1 or more, got 0"),
        ({"device": "gpu"}, "unknown device 'gpu'; choose 'cpu' or 'cuda'"),
        ({"replicas": 2, "workers": 2}, "leave executor and workers out"),
    ],
)
def test_what_cannot_be_is_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        sweep([TINY], progress=False, **settings)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu_is_one_sentence(capsys):
    assert main(["--train-size", "100", "--device", "cuda"]) == 2
    assert "torch sees no GPU here" in capsys.readouterr().err


def test_the_command_stacks_too(stacked, capsys):
    arguments = "--dataset patterns --size 12 --train-size 64 --validation-size 32 --channels 2 --hidden 8 --epochs 1"
    assert main([*arguments.split(), "--batch-size", "32", "--seeds", "3", "--device", "cpu", "--replicas", "3"]) == 0
    assert stacked == [3]
    assert "3 runs" in capsys.readouterr().out
