"""Test that the noise floor is drawn as a band of its size, within what the metric can be."""

import matplotlib

matplotlib.use("agg")

import pytest
from made_runs import levels_of

from cnnlab.errors import ConfigError
from cnnlab.plots.noise_floor import plot_noise_floor


def test_the_noise_floor_of_one_setting_is_a_band_round_its_mean():
    runs = levels_of("kernel_size", {3: [0.5, 0.6, 0.4]})
    ax = plot_noise_floor(runs)
    (band,) = ax.patches
    floor = 4.302653 * (2 * 0.01) ** 0.5  # Student's t(0.975, 2), and the variance of the seeds
    assert (band.get_y(), band.get_height()) == pytest.approx((0.5 - floor, 2 * floor))
    (dots,) = [line for line in ax.lines if line.get_linestyle() == "None"]
    assert list(dots.get_ydata()) == [0.5, 0.6, 0.4]
    words = "seed grey, the noise floor: two single runs of one setting differ by less than this 95 times in 100"
    assert (ax.get_xlabel().split(), ax.get_ylabel()) == (words.split(), "validation accuracy (0–1)")
    assert ax.get_legend() is None  # it would lie over the dots


def test_the_axis_of_the_noise_floor_ends_at_an_accuracy_of_1():
    ax = plot_noise_floor(levels_of("kernel_size", {3: [0.95, 0.99, 1.0]}))
    (band,) = ax.patches
    assert band.get_y() + band.get_height() > 1
    assert ax.get_ylim()[1] == 1
    assert ax.get_ylim()[0] < band.get_y()


def test_the_noise_floor_of_several_settings_is_refused():
    with pytest.raises(ConfigError, match="differ in the seed alone"):
        plot_noise_floor(levels_of("kernel_size", {3: [0.5, 0.6], 5: [0.4, 0.5]}))
