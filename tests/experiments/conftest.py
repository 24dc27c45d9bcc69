"""What the tests of sweeps share: what was really trained, a stand-in for training, and that no process is left."""

import importlib
import json
import textwrap

import psutil
import pytest
from tiny_sweeps import TINY

import cnnlab.experiments.sweep
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.sweep import train_record


def children() -> set[psutil.Process]:
    """Return this process's children and theirs, but for what belongs to the browser that the tests share."""
    own = psutil.Process().children()
    browsers = {child for child in own if "playwright" in " ".join(child.cmdline())}
    return set(own).union(*(child.children(recursive=True) for child in set(own) - browsers))


@pytest.fixture
def no_process_is_left():
    """Fail where the test leaves a process behind."""
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
                (HERE / "awake").touch()
            if plan == "real":
                from cnnlab.experiments.sweep import train_record
                return train_record(payload)
            return json.loads((HERE / "record").read_text()) | {"experiment": payload["experiment"]}
    """)
    )
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setattr(cnnlab.experiments.sweep, "train_record", importlib.import_module(name).train)

    class Trainer:
        asleep, awake = place / "asleep", place / "awake"

        def plan(self, **seeds):
            (place / "plan").write_text(json.dumps({name.removeprefix("seed"): does for name, does in seeds.items()}))

        @property
        def log(self):
            return [int(seed) for seed in (place / "log").read_text().split()]

    return Trainer()
