"""`python -m cnnlab lab-report --exam`: the test images are opened once, for one setting, and their scores are kept."""

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from tiny_sweeps import TINY, quiet

from cnnlab.__main__ import main as program
from cnnlab.cli import exam as module
from cnnlab.experiments.exam import take_exam
from cnnlab.experiments.runs import load_runs
from cnnlab.experiments.sweep import grid


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Work in a folder with the store `runs`: two settings with two seeds each, and their weights."""
    monkeypatch.chdir(tmp_path)
    quiet(grid(TINY, kernel_size=[3, 5], seed=range(2)), store="runs", snapshots=(0, TINY.epochs))
    return tmp_path


@pytest.fixture
def openings(monkeypatch):
    """Count how often the exam is taken."""
    counted = []
    monkeypatch.setattr(module, "take_exam", lambda runs: counted.append(1) or take_exam(runs))
    return counted


def report(*options):
    return program(["lab-report", "runs", "--out", "mine.html", *options])


def scores():
    page = BeautifulSoup(Path("mine.html").read_text(encoding="utf-8"), "html.parser")
    rows = [row for table in page.find_all("table") if table.caption.text == "The exam" for row in table.tbody("tr")]
    return [[cell.text for cell in row(["th", "td"])] for row in rows]


@pytest.mark.usefixtures("store")
def test_it_is_opened_once_and_its_scores_stand_in_every_later_report(openings):
    exam = take_exam(load_runs("runs").filter(kernel_size=5))
    expected = [
        ["kernel_size=5", name, str(score.images), f"{score.loss:.3f} ± {score.loss_error:.3f}",
         f"{score.accuracy:.4f} ± {score.accuracy_error:.4f}"]
        for name, score in (("validation", exam.validation), ("test", exam.test))
    ]  # fmt: skip
    for _ in range(2):
        assert report("--exam", "kernel_size=5") == 0
        assert scores() == expected
    assert len(openings) == 1
    assert report() == 0
    assert scores() == []


@pytest.mark.usefixtures("store")
def test_another_setting_is_refused_after_it(openings, capsys):
    assert report("--exam", "kernel_size=5") == 0
    capsys.readouterr()
    assert report("--exam", "kernel_size=3") == 2
    assert capsys.readouterr().err == (
        "the exam was opened for kernel_size=5, and mine-exam.json has the scores. It opens once: whoever chooses "
        "again afterwards chooses by the exam\n"
    )
    assert len(openings) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--exam", "pooling=max"], "--exam pooling=max: 2 settings are like that, not one; name the field that tells "
                                    "them apart: kernel_size"),
        (["--exam", "kernel_size=7"], "--exam kernel_size=7: no run here has it; kernel_size is 3 or 5"),
        (["--exam", "best"], "--exam wants FIELD=VALUE, such as pooling=max, got 'best'"),
        (["--exam", "kernel_size=5", "--out", "mine.pdf"], "must end in .html"),
    ],
)  # fmt: skip
def test_it_stays_shut_where_something_is_wrong(store, openings, capsys, options, words):
    assert report(*options) == 2
    assert words in capsys.readouterr().err
    assert openings == []
    assert sorted(path.name for path in store.iterdir()) == ["runs"]


def test_runs_without_weights_and_a_damaged_file_are_named(store, capsys):
    quiet(grid(TINY, seed=range(2)), store="bare")
    assert program(["lab-report", "bare", "--exam", "kernel_size=3"]) == 2
    assert "in a terminal with --keep-weights" in capsys.readouterr().err
    assert not (store / "report-exam.json").exists()
    assert report("--exam", "kernel_size=5") == 0
    file = store / "mine-exam.json"
    whole = json.loads(file.read_text())
    capsys.readouterr()
    for content in ("{", "[]", json.dumps(whole | {"test": {}}), json.dumps(whole | {"is_stored": "no"})):
        file.write_text(content)
        assert report("--exam", "kernel_size=5") == 2
        assert capsys.readouterr().err.startswith("mine-exam.json is damaged: it had the scores of an exam")
