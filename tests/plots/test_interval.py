"""The picture of an interval: its numbers, and no verdict."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import pytest
from made_runs import levels_of

from cnnlab.comparison.compare import compare
from cnnlab.comparison.settings import compare_settings
from cnnlab.errors import ConfigError
from cnnlab.experiments.runs import Runs
from cnnlab.plots.alt_text import alt_text
from cnnlab.plots.interval import plot_interval

RUNS = Runs(levels_of("kernel_size", {3: [0.50, 0.60, 0.40], 5: [0.70, 0.81, 0.59]}))


def test_it_shows_each_seed_and_the_interval():
    comparison = compare(RUNS, by="kernel_size", metric="validation_accuracy")
    ax = plot_interval(comparison)
    zero, seeds, interval = ax.lines
    assert list(zero.get_xdata()) == [0, 0]
    assert list(seeds.get_xdata()) == pytest.approx([0.20, 0.21, 0.19])
    # by hand: mean 0.2, standard deviation 0.01, t of two degrees of freedom 4.303
    assert list(interval.get_xdata()) == pytest.approx(
        [0.2 - 0.01 * 4.303 / 3**0.5, 0.2 + 0.01 * 4.303 / 3**0.5], abs=1e-4
    )
    assert ax.get_xlim() == pytest.approx((-1.4 * 0.22484, 1.4 * 0.22484), abs=1e-4)
    assert ax.get_xlabel() == "validation accuracy (0–1):\n5 minus 3"


def test_neither_the_picture_nor_its_alt_text_says_the_verdict():
    ax = plot_interval(compare(RUNS, by="kernel_size", metric="validation_accuracy"))
    words = alt_text(ax.figure)
    assert words.startswith("validation accuracy (0–1): 5 minus 3: interval from +0.175 to +0.225; seeds +0.200")
    texts = [ax.get_xlabel(), ax.get_title(), words, *(text.get_text() for text in ax.texts)]
    assert not [text for text in texts for verdict in ("better", "worse", "cannot tell") if verdict in text]


@pytest.mark.parametrize(
    ("comparison", "words"),
    [
        (compare(RUNS[:2] + RUNS[3:5], by="kernel_size"), r"5 and 3 have no interval \(2 seeds: three or more are"),
        (compare_settings(RUNS[:3]), "this comparison has one level, and nothing to be better than"),
        (RUNS, "wanted a comparison, such as compare"),
    ],
)
def test_without_an_interval_nothing_is_drawn(comparison, words):
    before = plt.get_fignums()
    with pytest.raises(ConfigError, match=words):
        plot_interval(comparison)
    assert plt.get_fignums() == before
