"""The queue of a sweep: killed at any moment, interrupted, a full disk, and several processes on one store."""

import concurrent.futures
import errno
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from tiny_sweeps import TINY, quiet, records

import cnnlab.experiments.task_queue
from cnnlab.experiments.runs import load_runs
from cnnlab.experiments.store import Store
from cnnlab.experiments.sweep import grid

pytestmark = pytest.mark.usefixtures("no_process_is_left")


FORKING = """
import json, os, signal, sys, threading, time
from pathlib import Path
from tqdm import tqdm
import cnnlab.experiments.sweep
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
    answer = subprocess.run(
        [sys.executable, "-c", FORKING.format(**settings) + textwrap.dedent(code)],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout), [int(seed) for seed in (tmp_path / "log").read_text().split()]


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
    assert sorted((each.experiment.seed, each.experiment.epochs) for each in runs) == [
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
    counts = []

    def go(epochs):
        counts.append(len(quiet(grid(TINY, seed=range(6), epochs=epochs), tmp_path)))

    Store(tmp_path).prepare()  # load_runs warns of a folder in which no sweep has begun
    threads = [threading.Thread(target=go, args=(epochs,)) for epochs in ([2], [1, 2])]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        load_runs(tmp_path)  # may be read while it is filled
    assert sorted(counts) == [6, 12]
    assert sorted(each.seed for each in trained) == list(range(6))
    assert len(load_runs(tmp_path)) == 12


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
    assert [each.experiment.seed for each in load_runs(tmp_path)] != []
    assert len(records(tmp_path)) == 3
    assert len(quiet(grid(TINY, seed=range(6)), tmp_path)) == 6  # the claim was given back
    assert len(trained) == 4 + 3


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
    claims = [Store(tmp_path).claim(each.trajectory) for each in grid(TINY, seed=range(3))]
    assert None not in claims
    for claim in claims:
        claim.close()
