"""Worker processes: they die, are ended and interrupted; and a plain script that sweeps with them."""

import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import Executor, Future

import psutil
import pytest
from places import PATIENCE
from tiny_sweeps import TINY, quiet, records, wait_for

from cnnlab.data import loading, shipped
from cnnlab.experiments.runs import load_runs
from cnnlab.experiments.sweep import grid, train_record
from cnnlab.experiments.workers import LocalWorkers, WorkerDied

pytestmark = pytest.mark.usefixtures("no_process_is_left")


def test_a_worker_keeps_no_published_images_beside_its_own():
    """They are 55 MB each time; the images of its runs are kept."""
    with LocalWorkers(1) as workers:
        assert workers.submit(size_of_the_cache, {}).result() == {"published": 0}
    assert shipped._read_archives.cache_info().maxsize == 1


def size_of_the_cache(_payload):
    """Return how many published sets this process keeps."""
    loading.load_data("mnist", train=10, validation=10, test=10)
    return {"published": shipped._read_archives.cache_info().currsize}


def test_a_function_that_raises_ends_its_worker_and_the_next_call_has_another():
    with LocalWorkers(1) as workers:
        first = workers.submit(name_this_process, {}).result()
        with pytest.raises(WorkerDied, match=r"ended with status 1: ValueError: no such thing as -1$"):
            workers.submit(refuse, {"value": -1}).result()
        with pytest.raises(WorkerDied, match="AttributeError"):
            workers.submit(lambda payload: payload, {}).result()  # it has no name in its module
        assert workers.submit(name_this_process, {}).result() != first


def refuse(payload):
    """Raise an exception in the worker."""
    raise ValueError(f"no such thing as {payload['value']}")


def name_this_process(_payload):
    """Return the number of the process that computes this."""
    return {"process": os.getpid()}


def test_workers_say_when_they_were_ended():
    workers = LocalWorkers(1)
    workers.shutdown(cancel_futures=True)
    with pytest.raises(WorkerDied, match="shut down"):
        workers._ask("a:b", {})
    with pytest.raises(RuntimeError):
        workers.submit(train_record, {})


def test_a_run_whose_worker_dies_is_tried_again_and_others_go_on(trainer, tmp_path):
    trainer.plan(seed1="die once", seed3="die", seed4="exit")
    store = tmp_path / "runs"
    with pytest.warns(UserWarning, match="2 of 8 runs failed"):
        runs = quiet(grid(TINY, seed=range(8)), store, workers=2, retries=1)
    assert [each.experiment.seed for each in runs] == [0, 1, 2, 5, 6, 7]
    reasons = {each.experiment.seed: each.reason for each in runs.failures}
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
    assert [each.experiment.seed for each in runs] == [1]


def test_a_failure_without_words_is_named_by_its_class():
    class Broken(Executor):
        def submit(self, *_):
            future = Future()
            future.set_exception(TimeoutError())
            return future

    with pytest.warns(UserWarning, match=r"TimeoutError\(\) \(tried once\)"):
        quiet([TINY], executor=Broken(), retries=0)


def test_an_interrupt_ends_the_workers(trainer, tmp_path, capsys):
    trainer.plan(seed1="sleep", seed2="sleep")
    store = tmp_path / "runs"
    threading.Thread(
        target=lambda: (
            wait_for(trainer.asleep.exists) or wait_for(lambda: records(store)) or os.kill(os.getpid(), signal.SIGINT)
        )
    ).start()
    runs = quiet(grid(TINY, seed=range(4)), store, workers=2)
    assert not trainer.awake.exists()  # they were ended while they slept
    assert [each.experiment.seed for each in runs] == [0]
    assert "stopped: 1 of 4 runs are done" in capsys.readouterr().out


# --- In a script


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
        each.history.last("train_loss") for each in quiet(grid(TINY, seed=range(4)))
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
        wait_for(lambda: len(family.children()) == 2 and sum(each.cpu_times().user for each in family.children()) > 3)
        workers = family.children()
        if sent == "SIGINT":
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it, too
            lines, errors = finish(process)
            assert errors == ""
            assert lines[0] == f"stopped: 0 of 4 runs are done; {store} keeps them, and the same call goes on"
        else:
            process.kill()
        psutil.wait_procs(workers, timeout=PATIENCE)
        assert [each for each in workers if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
    finally:
        process.kill()
        process.communicate()
    assert records(store) == before
