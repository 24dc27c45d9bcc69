"""What editors and type checkers see: the public names with their types, in a script as a student would write it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from places import REPOSITORY

SCRIPT = """
from cnnlab import Experiment, Recorder, bank, build_cnn, capture, compare, evaluate, fit, grid, load_data, load_runs
from cnnlab import plot_comparison, plot_curves, plot_history, plot_maps, saliency, sweep, top_images

data = load_data("mnist", train=2000, validation=1000, seed=0)
model = build_cnn(kernel_size=3, pooling="max", channels=(16, 32))
history = fit(model, data, epochs=5, optimizer="adam", learning_rate=1e-3, on_epoch=Recorder())
print(history.last("validation_accuracy"), evaluate(model, data.validation).accuracy)
plot_history(history).set_title("five epochs")
images = data.validation.images[:4]
with capture(model, ["relu1", "pool1"]) as seen:
    model(images)
plot_maps(seen["relu1"][0])
print(saliency(model, images, 3).shape, top_images(model, images, "relu2", 3).indices)
base = Experiment(dataset="mnist", train_size=2000, epochs=20)
runs = sweep(grid(base, kernel_size=[3, 5, 7], seed=range(5)), store="runs/kernel")
comparison = compare(runs, by="kernel_size")
plot_comparison(comparison)
plot_curves(load_runs(bank("pooling")).filter(dataset="mnist"), by="pooling")
print(comparison.verdicts, runs[0].history["validation_loss"], runs[0].model(), len(runs[:2]))
"""
MISTAKES = {
    'build_cnn(kernel="3")': "reportCallIssue",
    "Experiment(kernel_size='3')": "reportArgumentType",
    "history.lost('validation_loss')": "reportAttributeAccessIssue",
    "compare(runs, by=3)": "reportArgumentType",
}


def check(*arguments: str) -> list[dict]:
    """Return pyright's findings."""
    command = [sys.executable, "-m", "basedpyright", "--outputjson", *arguments]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, encoding="utf8")
    report = json.loads(answer.stdout)
    assert report["summary"]["filesAnalyzed"] > 0
    return report["generalDiagnostics"]


@pytest.fixture
def project(tmp_path):
    """A folder of a student's, with pyright's settings for beginners."""
    settings = {"typeCheckingMode": "basic", "extraPaths": [str(REPOSITORY)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    return tmp_path


def test_a_students_script_is_understood(project):
    (project / "script.py").write_text(SCRIPT + "\n".join(MISTAKES))
    findings = check("-p", str(project), "--pythonpath", sys.executable)
    lines = SCRIPT.count("\n")
    mistakes = [
        (item["range"]["start"]["line"] - lines, item["rule"]) for item in findings if item["severity"] == "error"
    ]
    assert mistakes == list(enumerate(MISTAKES.values()))


def test_the_package_has_no_finding_but_those_excused_in_pyproject():
    findings = check("--pythonpath", sys.executable)
    errors = [item for item in findings if item["severity"] == "error"]
    assert not errors, [(item["file"], item["range"]["start"]["line"] + 1, item["message"]) for item in errors]
