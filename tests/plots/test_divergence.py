"""Test that every table and every plot names the trainings that diverged with finite losses."""

import pytest
from made_runs import levels_of, made

from cnnlab.comparison.compare import compare
from cnnlab.comparison.ranking import rank_stability
from cnnlab.comparison.settings import compare_settings
from cnnlab.experiments.runs import Runs
from cnnlab.plots.comparison import plot_comparison
from cnnlab.plots.curves import plot_curves
from cnnlab.plots.flow import plot_insides
from cnnlab.plots.gallery import plot_gallery
from cnnlab.plots.grid import plot_grid
from cnnlab.plots.history import plot_history
from cnnlab.plots.interval import plot_interval
from cnnlab.plots.noise_floor import plot_noise_floor
from cnnlab.plots.summary import plot_summary


def blown(run):
    """Return the run with a training loss of a million nats at its end, finite."""
    run.history.rows[-1]["train_loss"] = 1e6
    return run


@pytest.fixture
def runs():
    """Return three seeds of two kernel sizes; two of the larger ones have diverged."""
    runs = levels_of("kernel_size", {3: [0.5, 0.6, 0.55], 5: [0.7, 0.72, 0.69]}, epochs=1)
    for run in runs[-2:]:
        blown(run)
    return Runs(runs)


def legend_of(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_table_of_runs_has_a_column(runs):
    frame = runs.to_frame()
    assert frame["diverged"].tolist() == [False] * 4 + [True] * 2
    assert set(frame["stopped_by"]) == {"epochs"}


def test_the_summary_counts_them_if_there_are_any(runs):
    assert runs.summary()["diverged"].tolist() == [0, 2]
    assert "diverged" not in runs.filter(kernel_size=3).summary()


@pytest.mark.parametrize("compared", [lambda runs: compare(runs, by="kernel_size"), compare_settings])
def test_a_comparison_says_in_which_levels_they_are_and_keeps_their_numbers(runs, compared):
    comparison = compared(runs)
    level = comparison.levels[1].level
    words = f"runs that diverged, with their finite numbers in the means: {level} (2)"
    assert comparison.diverged == {level: 2}
    assert repr(comparison).endswith(words)
    assert words in comparison._repr_html_()
    assert comparison.left_out == 0
    assert comparison.levels[1].mean == pytest.approx((0.7 + 0.72 + 0.69) / 3)
    assert "2 runs diverged" in plot_comparison(comparison).get_xlabel()
    sound = compared(runs.filter(kernel_size=3) + Runs(levels_of("kernel_size", {7: [0.5, 0.6, 0.7]}, epochs=1)))
    assert sound.diverged == {}
    assert "diverged" not in repr(sound) + plot_comparison(sound).get_xlabel()


def test_a_ranking_puts_them_last_in_their_seeds(runs):
    ranking = rank_stability(runs, metric="validation_accuracy")
    assert ranking["kernel_size"].tolist() == [3, 5]
    assert ranking["wins_alone"].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert ranking["diverged"].tolist() == [0, 2]
    assert "diverged" not in rank_stability(Runs(runs[:4]), metric="validation_accuracy")
    earlier = rank_stability(runs, metric="validation_accuracy", at="best")
    assert earlier["kernel_size"].tolist() == [5, 3]


def test_the_curves_of_one_training_and_of_several_say_it(runs):
    sound, diverged = runs[0].history, runs[5].history
    assert plot_history(diverged).get_title() == "this training diverged"
    assert plot_history(sound).get_title() == ""
    assert legend_of(plot_history({"a": sound, "b": diverged})) == ["a", "b (diverged)"]
    assert legend_of(plot_curves(runs, by="kernel_size")) == ["kernel_size 3", "kernel_size 5 (2 of 3 runs diverged)"]


def test_the_curves_of_numbers_from_inside_the_network_say_it(runs):
    titles = []
    for run in (runs[0], runs[5]):
        run.history.rows[-1]["conv1.update_ratio"] = 0.1
        titles.append(plot_insides(run.history).get_title())
    assert titles == ["", "this training diverged"]


def test_the_gallery_says_it_in_the_panel(runs):
    axes = plot_gallery(runs, columns="kernel_size")
    assert [[text.get_text() for text in ax.texts] for ax in axes[0]] == [[""], ["2 of 3 diverged"]]


def test_heat_map_noise_floor_and_picture_of_the_summary_say_it(runs):
    assert plot_grid(runs, rows="pooling", columns="kernel_size").get_xlabel() == "kernel_size\n2 of 6 runs diverged"
    assert plot_noise_floor(runs.filter(kernel_size=5)).get_title() == "diverged: seed 1, 2"
    assert plot_noise_floor(runs.filter(kernel_size=3)).get_title() == ""
    names = [label.get_text() for label in plot_summary(runs.summary()).get_yticklabels()]
    assert names == ["3", "5 (2 diverged)"]


def test_an_interval_says_how_many_of_its_runs_diverged(runs):
    words = "validation accuracy (0–1):\n5 minus 3"
    assert plot_interval(compare(runs, by="kernel_size")).get_xlabel() == f"{words}\n2 runs diverged"
    sound = levels_of("kernel_size", {3: [0.5, 0.6, 0.55], 5: [0.7, 0.72, 0.69]}, epochs=1)
    assert plot_interval(compare(Runs(sound), by="kernel_size")).get_xlabel() == words


def test_a_training_that_recovered_is_not_named():
    run = made(0.5)
    run.history.rows[-1] |= {"train_loss": 50.0, "validation_loss": 0.6}  # of two classes a guess costs 0.693
    assert not Runs([run]).to_frame()["diverged"].any()
