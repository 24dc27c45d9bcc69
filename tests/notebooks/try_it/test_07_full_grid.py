"""Notebook 07 in a student's hands: its *Try it*, another data set, a wheel without Fashion-MNIST."""

import pytest
from notebook_code import run_cells

from cnnlab import DataError, compare
from cnnlab.data import downloads, shipped

NAME = "07_full_grid"
GRID = ["choose", "rate", "rate-facts", "grid", "guess"]


@pytest.fixture(scope="module")
def page():
    return run_cells(NAME, only=[*GRID, "speed", "leap", "stop-guess", "stop"])


def test_1_another_data_set():
    changes = {"choose": [('my_dataset = "mnist"', 'my_dataset = "fashion_mnist"')]}
    page = run_cells(NAME, changes, only=[*GRID, "best-train", "best"])
    first = page.names["by_validation"].iloc[0]
    assert [first[name] for name in page.names["fields"]] == [3, "avg", "sgd", 50]
    assert (round(first["mean"], 3), first.wins_alone) == (0.788, 0.4)


def test_2_the_optimizer_that_fits_best_is_not_the_best_on_new_images(page):
    longest = page.names["longest"]
    verdicts = {
        metric: compare(longest, by="optimizer", along="learning_rate", metric=metric).verdicts
        for metric in ("train_loss", "validation_loss")
    }
    assert verdicts["train_loss"] == {"rmsprop": "better", "adam": "better"}
    assert verdicts["validation_loss"] == {"rmsprop": "worse", "adam": "worse"}


@pytest.mark.parametrize(
    ("patience", "saved", "points", "verdict"),
    [(3, "95 %", "-0.57", "worse"), (50, "81 %", "-0.31", "cannot tell")],
)
def test_3_more_patience_saves_less_and_costs_less(page, patience, saved, points, verdict):
    changes = {
        "stop": [("patience=10", f"patience={patience}")],
        "stop-all": [("verdicts[10]", f"verdicts[{patience}]")],
    }
    changed = run_cells(NAME, changes, only=["stop", "stop-all"], names=dict(page.names))
    assert f"epochs saved: {saved}" in changed.printed["stop-all"]
    assert f"{points} percentage points, {verdict}" in changed.printed["stop-all"]


def test_from_a_wheel_without_a_network_fashion_mnists_exam_comes_with_the_bank(monkeypatch):
    """In the wheel there is MNIST alone."""
    monkeypatch.setattr(shipped, "names", lambda: ["mnist"])

    def refuse(*_):
        raise DataError("no network")

    monkeypatch.setattr(downloads, "load_published", refuse)
    only = [
        *GRID,
        "best-train",
        "best",
        "best-score",
        "again",
        "exam-guess",
        "exam",
        "exam-error",
        "speed",
        "bet",
        "other",
    ]
    page = run_cells(NAME, only=only)
    assert "fashion_mnist: 3 · avg · sgd · 50" in page.printed["other"]
    assert page.printed["other"].count("stored with the bank") == 1
    assert "stored" not in page.printed["exam"]
    changes = {"choose": [('my_dataset = "mnist"', 'my_dataset = "fashion_mnist"')]}
    page = run_cells(NAME, changes, only=only)
    assert "stored with the bank" in page.printed["exam"]
    assert "stored" not in page.printed["other"]
