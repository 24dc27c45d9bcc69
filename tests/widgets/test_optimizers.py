"""Test OptimizerExplorer without a browser: set controls from Python, and check the paths that it draws."""

import itertools

import ipywidgets
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from pictures import assert_all_within, pixels_of
from shown import texts_shown

from cnnlab.plots.style import PALETTE
from cnnlab.training.descent import descend, describe_descents
from cnnlab.training.surfaces import SURFACES
from cnnlab.widgets import OptimizerExplorer, optimizers

NAMES = {"SGD": "sgd", "momentum": "sgd", "RMSprop": "rmsprop", "Adam": "adam"}
NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def panel():
    panel = OptimizerExplorer()
    yield panel
    panel.close()


def drawn_path(panel, name):
    return panel._paths[name][0].get_xydata()


def has_colour(plot, colour) -> bool:
    """Return whether the picture in the page has pixels of this colour."""
    picture = (pixels_of(plot) / 255)[..., :3]
    return bool((np.abs(picture - to_rgb(colour)).max(axis=-1) < 0.004).any())


def expect_paths(panel, surface, rates, *, momentum=0.9, steps=80, start=None):
    """Check that the panel shows what `descend` returns for these settings."""
    assert panel.status.error is None
    descents = {}
    for name, rate in rates.items():
        options = {"momentum": momentum} if name == "momentum" else {}
        descents[name] = descend(surface, NAMES[name], learning_rate=rate, steps=steps, start=start, **options)
        assert (drawn_path(panel, name) == descents[name].places.numpy()).all()
        assert panel._paths[name][1].get_xydata().tolist() == descents[name].places[-1:].tolist()
        losses = panel._loss_lines[name].get_xydata()
        assert (losses[:, 1] == descents[name].shares.numpy()).all()
        assert (losses[:, 0] == np.arange(len(losses))).all()
    for name in NAMES.keys() - rates:
        assert drawn_path(panel, name).shape == panel._loss_lines[name].get_xydata().shape == (0, 2)
    for place, name in enumerate(NAMES):
        assert has_colour(panel.map, PALETTE[place]) == (name in rates)
    assert panel.status.value == describe_descents(descents)


def test_at_the_start_four_paths_with_one_rate_on_the_ravine(panel):
    expect_paths(panel, "ravine", dict.fromkeys(NAMES, 0.1))
    assert panel._start.get_xydata().tolist() == [[-9, 1.5]]


def test_one_rate_moves_all_four(panel):
    panel.rates["RMSprop"].value = 0.02
    assert [rate.value for rate in panel.rates.values()] == [0.02] * 4
    expect_paths(panel, "ravine", dict.fromkeys(NAMES, 0.02))


def test_each_its_own_rate_and_back_to_the_one_that_was_moved_last(panel):
    panel.one_rate.value = False
    panel.rates["SGD"].value = 1.5
    panel.rates["Adam"].value = 0.5
    expect_paths(panel, "ravine", {"SGD": 1.5, "momentum": 0.1, "RMSprop": 0.1, "Adam": 0.5})
    panel.one_rate.value = True
    expect_paths(panel, "ravine", dict.fromkeys(NAMES, 0.5))


def test_a_rate_reads_as_a_plain_number_and_a_few_presses_cross_a_decade(panel):
    for rate in panel.rates.values():
        labels = list(rate._options_labels)
        assert [float(label) for label in labels] == list(optimizers.RATES)
        assert (labels[0], labels[-1]) == ("0.001", "10")
        assert all(low < high < 1.7 * low for low, high in itertools.pairwise(optimizers.RATES))
        assert labels.index("1") - labels.index("0.1") == 6


def test_momentum_steps_and_start_are_used(panel):
    panel.momentum.value = 0.5
    panel.steps.value = 33
    panel.start_x.value = -3
    panel.start_y.value = -1
    expect_paths(panel, "ravine", dict.fromkeys(NAMES, 0.1), momentum=0.5, steps=33, start=(-3, -1))
    assert panel._start.get_xydata().tolist() == [[-3, -1]]
    panel.momentum.value = 0
    assert (drawn_path(panel, "momentum") == drawn_path(panel, "SGD")).all()


def test_hidden_optimizers_are_neither_drawn_nor_told(panel):
    panel.shown["SGD"].value = panel.shown["Adam"].value = False
    expect_paths(panel, "ravine", {"momentum": 0.1, "RMSprop": 0.1})
    assert panel.map.label == "map of the ravine with paths: momentum, RMSprop"
    for shown in panel.shown.values():
        shown.value = False
    expect_paths(panel, "ravine", {})
    assert panel.map.label == "map of the ravine with paths: none"


def expect_equal_scales(panel, surface):
    """Check that a unit is as long on both axes, that the surface is whole, and that one of its sides is all of it."""
    box = panel._map_axes.bbox
    (left, right), (bottom, top) = panel._map_axes.get_xlim(), panel._map_axes.get_ylim()
    assert box.width / (right - left) == pytest.approx(box.height / (top - bottom))
    ranges = SURFACES[surface].x_range, SURFACES[surface].y_range
    rooms = [
        (low - first, last - high)
        for (first, last), (low, high) in zip(((left, right), (bottom, top)), ranges, strict=True)
    ]
    assert sorted(rooms)[0] == pytest.approx((0, 0), abs=1e-9)
    assert sorted(rooms)[1][0] >= 0


def test_the_ravine_is_drawn_on_equal_scales_four_times_as_long_as_wide(panel):
    expect_equal_scales(panel, "ravine")
    lines = panel._map_axes.collections[-1].get_paths()  # of equal loss: x²/40 + y²/2, axes as √20 to 1
    sizes = [line.get_extents().size for line in lines if len(line)]
    around = next(size for size in sizes if 0 < size[0] < 10)
    assert around[0] / around[1] == pytest.approx(20**0.5, rel=0.05)


@pytest.mark.parametrize("surface", SURFACES)
def test_a_key_moves_the_start_by_a_step_that_a_person_would_choose(panel, surface):
    panel.surface.value = surface
    assert (panel.start_x.step, panel.start_y.step) == (0.5, 0.05)  # the ravine: 28 keys to cross it
    for slider in (panel.start_x, panel.start_y):
        steps = (slider.value - slider.min) / slider.step
        assert steps == pytest.approx(round(steps))  # else the page would move it to a step


@pytest.mark.parametrize("surface", ["bowl", "saddle"])
def test_another_surface_brings_its_map_and_its_start(panel, surface):
    panel.start_x.value = 2
    panel.surface.value = surface
    expect_paths(panel, surface, dict.fromkeys(NAMES, 0.1))
    assert (panel.start_x.value, panel.start_y.value) == SURFACES[surface].start
    assert (panel.start_x.min, panel.start_x.max) == SURFACES[surface].x_range
    assert (panel.start_y.min, panel.start_y.max) == SURFACES[surface].y_range
    expect_equal_scales(panel, surface)
    panel.surface.value = "ravine"
    expect_paths(panel, "ravine", dict.fromkeys(NAMES, 0.1))


def test_who_diverged_is_said(panel):
    panel.rates["SGD"].value = 10
    assert "SGD diverged at step 3, momentum diverged at step 3" in panel.status.value
    expect_paths(panel, "ravine", dict.fromkeys(NAMES, 10))


def test_a_start_at_the_minimum_is_no_error(panel):
    panel.surface.value = "bowl"
    panel.start_x.value = panel.start_y.value = 0
    assert panel.status.error is None
    assert panel.status.value == "the start is a minimum: the loss is 0 there"
    assert (drawn_path(panel, "Adam") == 0).all()


def test_only_what_changed_is_walked_again(panel, monkeypatch):
    walked = []
    monkeypatch.setattr(
        optimizers, "descend", lambda *args, **kw: walked.append(kw["optimizer"]) or descend(*args, **kw)
    )
    panel.momentum.value = 0.5
    assert walked == ["sgd"]
    panel.one_rate.value = False
    panel.rates["Adam"].value = 0.3
    assert walked == ["sgd", "adam"]


def test_an_exception_in_a_callback_is_shown_escaped_and_the_last_good_picture_stays(panel, monkeypatch):
    before = panel.map.picture, panel.losses.picture

    def fail(*_, **__):
        raise RuntimeError(NASTY)

    monkeypatch.setattr(optimizers, "descend", fail)
    panel.steps.value = 20
    shown = '<span class="cnnlab-error">RuntimeError: &lt;img src=x onerror=alert(1)&gt;</span>'
    assert panel.status.value == shown
    assert (panel.map.picture, panel.losses.picture) == before
    monkeypatch.undo()
    panel.steps.value = 21
    expect_paths(panel, "ravine", dict.fromkeys(NAMES, 0.1), steps=21)


def test_every_control_and_picture_has_a_name_of_its_own(panel):
    controls = [panel.surface, panel.start_x, panel.start_y, panel.momentum, panel.steps, panel.one_rate]
    controls += [*panel.rates.values(), *panel.shown.values()]
    names = [control.description for control in controls]
    assert all(names)
    assert len(set(names)) == len(names) == 14
    assert panel.map.label == "map of the ravine with paths: SGD, momentum, RMSprop, Adam"
    assert panel.losses.label == "loss over 80 steps: SGD, momentum, RMSprop, Adam"


def test_closing_leaves_nothing():
    alive = getattr(ipywidgets.widgets.widget, "_instances", None)
    alive = ipywidgets.Widget.widgets if alive is None else alive  # ipywidgets 7
    before = set(alive)
    panel = OptimizerExplorer()
    panel.surface.value = "bowl"
    assert len(set(alive) - before) > 14
    panel.close()
    assert set(alive) - before == set()


def test_the_panel_shows_the_same_text_in_every_kernel(panel):
    text = "<OptimizerExplorer: a live panel; run this cell to use it>"
    assert texts_shown(panel) == [text] == [repr(panel)]


def test_the_plots_are_within_their_figures_on_every_surface(panel):
    assert_all_within(panel.losses)
    for surface in panel.surface.options:
        panel.surface.value = surface
        assert_all_within(panel.map)
