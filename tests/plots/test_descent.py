"""Test the maps of surfaces, and the plots of paths and losses."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cnnlab import SURFACES, descend, plot_losses, plot_paths, plot_surface
from cnnlab.errors import ConfigError
from cnnlab.plots.descent import NAMES, look_of
from cnnlab.plots.style import PALETTE

PATHS = {
    "Adam": descend("saddle", "adam", learning_rate=0.1, steps=30),
    "SGD": descend("saddle", "sgd", learning_rate=0.1, steps=30),
    "slow": descend("saddle", "sgd", learning_rate=0.01, steps=30),
}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def line_of(ax, label):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_a_map_shows_the_surface_with_its_minima(surface):
    ax = plot_surface(surface)
    assert ax.get_xlim() == surface.x_range
    assert ax.get_ylim() == surface.y_range
    ax.figure.canvas.draw()
    (left, below), (right, above) = ax.transData.transform([(0, 0), (1, 1)])
    assert right - left == pytest.approx(above - below)  # both directions have one scale
    (stars,) = ax.lines
    assert sorted(map(tuple, stars.get_xydata())) == sorted(surface.minima)
    assert surface.formula in ax.get_title()
    contours = ax.collections[-1]  # every point of a line has the loss of its level
    for level, segments in zip(contours.levels, contours.get_paths(), strict=True):
        if len(segments.vertices):
            np.testing.assert_allclose(surface.loss(*segments.vertices.T), level, atol=0.02)


def test_paths_are_drawn_from_the_start_to_the_end():
    ax = plot_paths(PATHS, "saddle")
    for name, descent in PATHS.items():
        assert (line_of(ax, name).get_xydata() == descent.places.numpy()).all()
    marks = [tuple(line.get_xydata()[0]) for line in ax.lines if len(line.get_xydata()) == 1]
    assert {tuple(descent.places[-1].tolist()) for descent in PATHS.values()} <= set(marks)
    assert marks.count((-2, 0.05)) == 3  # one cross for each start
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(PATHS)


def test_losses_are_drawn_as_shares_of_the_start():
    ax = plot_losses(PATHS)
    for name, descent in PATHS.items():
        expected = [float(loss / descent.losses[0]) for loss in descent.losses]
        np.testing.assert_allclose(line_of(ax, name).get_xydata(), list(enumerate(expected)))
    assert ax.get_yscale() == "log"
    assert ax.get_xlim() == (0, 30)
    assert ax.get_xlabel() == "step"
    assert ax.get_ylabel() == "loss / loss at the start"


def test_each_optimizer_looks_the_same_whoever_stands_beside_it():
    looks = [look_of(name) for name in NAMES]
    assert [look["color"] for look in looks] == PALETTE[:4]
    for key in ("color", "marker", "linestyle"):
        assert len({str(look[key]) for look in looks}) == 4
    for ax in (plot_paths(PATHS, "saddle"), plot_losses(PATHS)):
        assert line_of(ax, "Adam").get_color() == PALETTE[3]
        assert line_of(ax, "SGD").get_color() == PALETTE[0]
        assert line_of(ax, "slow").get_color() == PALETTE[4]


def test_names_of_their_own_look_different_from_each_other():
    names = ["a", "b"]
    assert look_of("a", names)["color"] == PALETTE[4]
    assert look_of("b", names)["color"] == PALETTE[5]


def test_a_loss_of_zero_and_a_path_that_diverged_are_drawn_without_a_warning():
    one_step = descend("bowl", learning_rate=1)  # exactly 0 from step 1 on
    gone = descend("bowl", learning_rate=1e9)
    assert float(one_step.losses[-1]) == 0
    for ax in (plot_losses({"SGD": one_step, "gone": gone}), plot_paths({"SGD": one_step, "gone": gone}, "bowl")):
        ax.figure.canvas.draw()


@pytest.mark.parametrize("wrong", [{}, {"SGD": 1}, [PATHS["SGD"]], PATHS["SGD"]])
def test_what_is_no_path_is_refused(wrong):
    with pytest.raises(
        ConfigError, match=f"plot_paths wants a dict of name: what descend gives, got {type(wrong).__name__}"
    ):
        plot_paths(wrong, "saddle")
    with pytest.raises(ConfigError, match="plot_losses wants a dict of name: what descend gives"):
        plot_losses(wrong)
