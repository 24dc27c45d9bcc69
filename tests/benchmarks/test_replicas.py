"""benchmarks/replicas.py runs from its first line to its last: in small, on the processor."""

import sys

from places import REPOSITORY
from scripts import load_script


def test_it_runs_in_small_on_the_processor(monkeypatch, capsys):
    replicas = load_script(REPOSITORY / "benchmarks" / "replicas.py")
    experiments, recorded = replicas.experiment_a(epochs=1)
    assert len(experiments) == 18 * 5
    nine = [
        experiment.replace(train_size=64, validation_size=50)
        for experiment in experiments
        if (experiment.seed, experiment.pooling) == (0, "max")
    ]
    monkeypatch.setattr(replicas, "experiment_a", lambda _: (nine, recorded))
    monkeypatch.setattr(
        replicas, "sample_workers", lambda *_: 4.0
    )  # seconds an epoch; two worker processes start slowly
    options = ["--device", "cpu", "--epochs", "1", "--sample", "1", "--steps", "1"]
    monkeypatch.setattr(sys, "argv", ["replicas.py", *options])
    replicas.main()
    lines = capsys.readouterr().out.splitlines()
    beginnings = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    assert beginnings[2] == "eager"
    assert "CUDA graph" not in beginnings
    (whole,) = (line for line in lines if line.startswith("as replicas: "))
    assert whole.endswith("; 9 runs")
    assert "mean difference" in lines[lines.index(whole) + 1]
    assert lines[lines.index(whole) + 1].endswith(" over 9 settings")
    (cores,) = (line for line in lines if line.startswith("| two processes"))
    assert cores.split("|")[2].strip() == "18"  # nine epochs of 4 s, by two processes
    assert lines[-1] == "target, under 60 s and 20 times two processor cores: NOT reached"  # one epoch proves nothing
