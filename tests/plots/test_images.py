"""Plots draw the numbers that they are given."""

import re

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.model.cnn import build_cnn
from cnnlab.plots.images import (
    TRAIN,
    VALIDATION,
    log_scale,
    montage,
    plot_filters,
    plot_history,
    plot_images,
    plot_maps,
)
from cnnlab.training.history import History


@pytest.fixture(scope="module")
def data():
    return load_data("mnist", train=20, validation=10, test=10)


def made(losses, settings=None, environment=None):
    rows = [
        {"epoch": i + 1, "train_loss": v / 2, "validation_loss": v, "validation_accuracy": 1 - v}
        for i, v in enumerate(losses)
    ]
    return History(settings or {"epochs": 9, "patience": None}, environment or {}, rows)


def test_a_montage_puts_every_tile_where_it_says():
    tiles = np.arange(5 * 2 * 3, dtype=np.float32).reshape(5, 2, 3, 1)
    picture, corners = montage(tiles, columns=2, gap=1)
    assert picture.shape == (9, 7, 1)
    assert corners == [(1, 0), (1, 4), (4, 0), (4, 4), (7, 0)]
    for tile, (top, left) in zip(tiles, corners, strict=True):
        assert np.array_equal(picture[top : top + 2, left : left + 3], tile)
    assert np.isnan(picture).sum() == picture.size - tiles.size


def test_images_are_drawn_as_they_were_before_normalization_with_their_classes(data):
    ax = plot_images(data.train[:6], columns=3)
    drawn = ax.images[0].get_array()
    assert [text.get_text() for text in ax.texts] == [str(int(label)) for label in data.train.labels[:6]]
    assert np.nansum(drawn) == pytest.approx(data.train[:6].pixels.sum().item(), rel=1e-5)
    assert ax.images[0].get_clim() == (0, 1)


def test_titles_of_ones_own_are_shown_as_text_even_odd_ones(data):
    ax = plot_images(data.train[:2], titles=["<img onerror=x>", "$x^2"])
    assert [text.get_text() for text in ax.texts] == ["<img onerror=x>", "$x^2"]
    ax.figure.canvas.draw()


def test_colour_pictures_and_a_given_axes():
    fig, ax = plt.subplots()
    assert plot_images(torch.rand(3, 3, 8, 8), ax=ax) is ax
    assert ax.images[0].get_array().shape[2] == 3
    assert len(fig.axes) == 1


def test_maps_share_one_scale():
    maps = torch.stack([torch.full((4, 4), 1.0), torch.full((4, 4), 3.0)])
    assert plot_maps(maps).images[0].get_clim() == (0, 3)
    assert plot_maps(maps, limit=10).images[0].get_clim() == (0, 10)
    assert plot_maps(-maps).images[0].get_clim()[0] == -3


def test_filters_are_centred_on_zero():
    model = build_cnn(5)
    image = plot_filters(model).images[0]
    low, high = image.get_clim()
    assert low == -high == pytest.approx(-model.conv1.weight.abs().max().item())
    assert np.nansum(image.get_array()) == pytest.approx(model.conv1.weight.sum().item(), abs=1e-4)
    with pytest.raises(ConfigError, match=r"unknown layer 'con1'; did you mean 'conv1'\? choose from 'conv1', 'conv2'"):
        plot_filters(model, "con1")


def test_history_has_the_same_colour_for_the_same_thing():
    ax = plot_history(made([0.5, 0.25, 0.3]))
    train, validation = ax.lines
    assert train.get_ydata().tolist() == [0.25, 0.125, 0.15]
    assert validation.get_ydata().tolist() == [0.5, 0.25, 0.3]
    assert validation.get_xdata().tolist() == [1, 2, 3]
    for line, look in ((train, TRAIN), (validation, VALIDATION)):
        assert (line.get_color(), line.get_linestyle(), line.get_marker(), line.get_label()) == tuple(look.values())
    assert ax.get_ylabel() == "loss (nats)"


def test_several_histories_show_their_validation():
    ax = plot_history({"sgd": made([0.5, 0.4]), "adam": made([0.3, 0.2])}, "accuracy")
    assert [line.get_label() for line in ax.lines] == ["sgd", "adam"]
    assert ax.lines[1].get_ydata().tolist() == [0.7, 0.8]
    assert ax.lines[0].get_marker() != ax.lines[1].get_marker()
    assert ax.get_ylabel() == "validation accuracy (0–1)"


def test_what_can_not_be_drawn_is_said(data):
    cases = [
        (lambda: plot_images(data.train[:0]), "there is nothing to draw: got 0 pictures; take at least one"),
        (
            lambda: plot_images(torch.rand(2, 5, 4, 4)),
            "plot_images wants one or three channels, got 5; plot_maps draws",
        ),
        (lambda: plot_images(torch.rand(1, 4, 4)), "for a single image (C, H, W) write images[None]"),
        (lambda: plot_maps(torch.rand(1, 2, 4, 4)), "wants feature maps (C, H, W) of one image, got (1, 2, 4, 4)"),
        (lambda: plot_history(made([1]), "speed"), "unknown metric 'speed'; choose from 'loss', 'accuracy'"),
        (
            lambda: plot_images(data.train.images[:2]),
            "for normalized images give the Split itself, such as data.train[:8]",
        ),
        (lambda: plot_images(data.train[:2], columns=0), "columns must be a whole number of 1 or more, got 0"),
        (lambda: plot_history([made([1])]), "plot_history wants one History, or a dict of name: History; got list"),
    ]
    for call, words in cases:
        with pytest.raises(ConfigError) as caught:
            call()
        assert words in str(caught.value)


def test_a_comparison_across_threads_or_versions_warns():
    one, two = (made([0.5], environment={"threads": threads, "torch": "2.15.0"}) for threads in (1, 2))
    with pytest.warns(UserWarning, match=r"these runs differ in threads \(1, 2\): the same seed gives other bits"):
        plot_history({"a": one, "b": two})
    plot_history({"a": one, "b": one})  # a warning here would be an error


@pytest.mark.parametrize("limits", [(1e-6, 1e3), (0.03, 40), (0.11, 1.2), (0.2, 0.9), (1.1, 8), (1e-9, 1e-2)])
def test_a_logarithmic_axis_says_what_matplotlib_says_but_not_as_formulas(limits):
    ours, theirs = plt.subplots(1, 2)[1]
    log_scale(ours)
    theirs.set_yscale("log")
    found = []
    for ax in (ours, theirs):
        ax.set_ylim(limits)
        ax.figure.canvas.draw()
        ticks = {which: ax.get_yticks(minor=which == "minor") for which in ("major", "minor")}
        told = {which: [text.get_text() for text in ax.get_yticklabels(which=which)] for which in ticks}
        found.append({at: text for which in ticks for at, text in zip(ticks[which], told[which], strict=True) if text})
    assert found[0].keys() == found[1].keys()
    for at, text in found[0].items():
        power = re.fullmatch(r"\$\\mathdefault\{10\^\{(-?\d+)\}\}\$", found[1][at])
        assert text == (
            "10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(d)] if d != "-" else "⁻" for d in power[1]) if power else f"{at:.3g}"
        )
