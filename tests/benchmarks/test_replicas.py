"""benchmarks/replicas.py runs to its last line: in small on the processor, with torch and numpy alone."""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement
from places import REPOSITORY

# Three small experiments for 90; the workers' time is measured, then replaced by 4 seconds an epoch.
IN_SMALL = """
import sys

repository, packages = sys.argv[1:]
sys.path += [repository + "/benchmarks", repository, packages]
import replicas
experiments, recorded = replicas.experiment_a(epochs=1)
assert len(experiments) == 18 * 5
three = [
    experiment.replace(train_size=64, validation_size=50)
    for experiment in experiments
    if (experiment.seed, experiment.pooling, experiment.optimizer) == (0, "max", "adam")
]
replicas.experiment_a = lambda _: (three, recorded)
sample_workers = replicas.sample_workers
replicas.sample_workers = lambda *arguments: 4.0 if sample_workers(*arguments) > 0 else None
sys.argv = ["replicas.py", "--device", "cpu", "--epochs", "1", "--sample", "1", "--steps", "1"]
replicas.main()
print(*(name for name in ("lazy_loader", "PIL", "safetensors", "tqdm") if "stand_ins" in sys.modules[name].__file__))
"""


def packages_with_their_requirements(*names: str) -> set[str]:
    """Return the installed packages of these names, and all that they require, without what is optional."""
    packages: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        try:
            needs = [Requirement(text) for text in distribution(name).requires or []]
        except PackageNotFoundError:  # for other systems
            continue
        packages.add(name)
        waiting += [need.name for need in needs if need.name not in packages and "extra" not in str(need.marker)]
    return packages


@pytest.fixture
def torch_and_numpy(tmp_path):
    """Make a folder with torch, numpy and what they require, as links to what is installed here."""
    for name in packages_with_their_requirements("torch", "numpy"):
        package = distribution(name)
        for top in {file.parts[0] for file in package.files or [] if file.parts[0] != ".."}:
            if not (tmp_path / top).exists():
                (tmp_path / top).symlink_to(package.locate_file(top))
    return tmp_path


@pytest.mark.timeout(900)  # 25 s on two quiet cores
@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")
def test_it_runs_in_small_where_there_are_only_torch_and_numpy(torch_and_numpy):
    names = {path.name.lower() for path in torch_and_numpy.iterdir()}
    assert {"torch", "numpy", "filelock"} <= names
    assert not names & {"lazy_loader", "pil", "safetensors", "tqdm", "pandas", "matplotlib", "scipy", "ipython"}
    command = [sys.executable, "-I", "-S", "-c", IN_SMALL, str(REPOSITORY), str(torch_and_numpy)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # threads that wait for each other take long on a busy computer
    answer = subprocess.run(command, capture_output=True, text=True, cwd=torch_and_numpy, env=environment)
    assert answer.returncode == 0, answer.stderr
    *lines, stand_ins = answer.stdout.splitlines()
    assert stand_ins == "lazy_loader PIL safetensors tqdm"
    beginnings = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    assert beginnings[2] == "eager"
    assert "CUDA graph" not in beginnings
    (whole,) = (line for line in lines if line.startswith("as replicas: "))
    assert whole.endswith("; 3 runs")
    assert "mean difference" in lines[lines.index(whole) + 1]
    assert lines[lines.index(whole) + 1].endswith(" over 3 settings")
    (cores,) = (line for line in lines if line.startswith("| two processes"))
    assert cores.split("|")[2].strip() == "6"  # three epochs of 4 s, by two processes
    assert lines[-1] == "target, under 60 s and 20 times two processor cores: NOT reached"  # one epoch proves nothing
