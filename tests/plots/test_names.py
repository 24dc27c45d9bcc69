"""Names of every kind on every plot: readable, whole or shortened, never a formula, never on top of each other."""

import matplotlib as mpl

mpl.use("agg")

import dataclasses
import functools
import itertools

import numpy as np
import pytest
import torch
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from made_runs import comparison, made, recorded
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.legend import Legend
from torch import nn

import cnnlab
from cnnlab.comparison.compare import compare
from cnnlab.comparison.question import Guess
from cnnlab.comparison.settings import compare_settings
from cnnlab.data.dataset import Split
from cnnlab.experiments.runs import Runs
from cnnlab.interpret.activations import activation_statistics
from cnnlab.interpret.by_layer import ByLayer
from cnnlab.interpret.gradients import LayerGradient
from cnnlab.interpret.top_images import top_images
from cnnlab.interpret.weight_distributions import weight_distributions
from cnnlab.model.cnn import build_cnn
from cnnlab.model.evaluation import Mistakes
from cnnlab.plots import fonts
from cnnlab.plots.comparison import plot_comparison, plot_comparisons
from cnnlab.plots.curves import plot_curves
from cnnlab.plots.descent import plot_losses, plot_paths, plot_surface
from cnnlab.plots.evaluation import plot_confusion, plot_mistakes, plot_probabilities
from cnnlab.plots.flow import plot_gradient_flow, plot_insides
from cnnlab.plots.gallery import plot_gallery
from cnnlab.plots.grid import plot_grid
from cnnlab.plots.histograms import plot_activations, plot_distributions, plot_weights
from cnnlab.plots.history import plot_history
from cnnlab.plots.images import plot_images
from cnnlab.plots.maps import plot_filters
from cnnlab.plots.names import columns, label_text, legend_text, shorten
from cnnlab.plots.noise_floor import plot_noise_floor
from cnnlab.plots.predictions import plot_guess
from cnnlab.plots.saliency import plot_saliency, plot_top_images
from cnnlab.plots.summary import plot_summary
from cnnlab.training.descent import descend
from cnnlab.training.surfaces import SURFACES

# What a folder may be called. The last ones are in letters that the usual font lacks.
HARD = {
    "short": "{}",
    "long": "golden retriever of a very long name, number {}",
    "one long word": "Donaudampfschifffahrtsgesellschaft{}",
    "underscores": "_my_class_{}",
    "dollars": "${}_x^2$ or $\\alpha",
    "an odd formula": "$\\frac{{}}{}$",
    "markup": "<b>bold {}</b><br>&amp;",
    "lines": "two\nlines\t{}",
    "backslashes": "C:\\new\\table{}",
    "Arabic": "قطة كبيرة {}",
    "Hebrew": "חתול {}",
    "accents": "e\u0301\u0302\u0323 Ünïcödé {}",
    "turned around": "a\u202eb\u200b{}",
    "per cent": "100 % {{}} {}",
    "Chinese": "猫と犬の写真 {}",
    "emoji": "🐈\u200d⬛ {}",
}


def split(names):
    count = min(len(names), 24)
    images = torch.rand(count, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    mean, std = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
    return Split(images, torch.arange(count), tuple(names), mean, std)


def mistakes(names):
    images = split(names)
    answers = (images.labels + 1) % len(names)
    return Mistakes(torch.randint(0, 200, (len(names),) * 2), images, answers, torch.linspace(1, 0.5, len(answers)))


def histories(names):
    return {name: recorded([1.0, 0.5 + 0.01 * place]) for place, name in enumerate(names)}


def runs(names, **fields):
    return Runs(
        made([0.5, 0.6 + 0.001 * place + 0.01 * seed], dataset="images", folder=name, epochs=2, seed=seed, **fields)
        for place, name in enumerate(names)
        for seed in range(3)
    )


def flow():
    numbers = dict.fromkeys(("gradient_mean", "gradient_maximum", "gradient_norm", "gradient_ratio"), 0.1)
    return ByLayer({f"conv{n}": LayerGradient("Conv2d", update_ratio=0.1, each_batch={}, **numbers) for n in (1, 2)})


MODEL = build_cnn(channels=(2, 2), hidden=4)
ACTIVITY = activation_statistics(MODEL, torch.rand(4, 1, 28, 28))
WEIGHTS = weight_distributions(MODEL)
DESCENT = descend("bowl", learning_rate=0.1, steps=3)


def with_layers(names):
    """Return a network whose first convolutions have these names; torch allows any but those with a point."""
    model = nn.Sequential()
    for place, name in enumerate(names):
        model.add_module(name.replace(".", ""), nn.Conv2d(3, 3, 3, padding=1) if place < 2 else nn.ReLU())
    return model


def insides(names):
    history = recorded([1.0, 0.5])
    for row in history.rows:
        row |= {f"{name}.update_ratio": 0.01 * place + 0.01 for place, name in enumerate(names)}
    return history


def runs_with_number(name):
    """Return runs of four settings, with a number that an on_epoch of one's own has recorded under this name."""
    both = Runs(made([0.5, 0.6], pooling=pooling, kernel_size=size, epochs=2, seed=seed)
                for pooling in ("max", "avg") for size in (3, 5) for seed in range(2))  # fmt: skip
    for place, run in enumerate(both):
        for row in run.history.rows:
            row[name] = 0.1 * place + row["epoch"]
    return both


def top(names):
    model = with_layers(names[:3])
    return top_images(model, split(["a", "b", "c", "d"]), next(name for name, _ in model.named_children()), 0)


OF_CLASSES = {
    "plot_images": lambda names: plot_images(split(names)),
    "plot_images with titles": lambda names: plot_images(split(names).pixels, titles=names[:24], columns=5),
    "plot_confusion": lambda names: plot_confusion(mistakes(names)),
    "plot_mistakes": lambda names: plot_mistakes(mistakes(names)),
    "plot_probabilities": lambda names: plot_probabilities(
        torch.full((len(names),), 0.1), classes=names, title=names[0]
    ),
    "plot_saliency": lambda names: plot_saliency(
        split(names)[:8], {name: torch.rand(8 if len(names) > 8 else len(names), 3, 12, 12) for name in names[:4]},
        titles=names[:8],
    ),
    "plot_distributions": lambda names: plot_distributions({name: np.arange(9.0) for name in names[:24]}),
    "plot_gradient_flow": lambda names: plot_gradient_flow({name: flow() for name in names}),
    "plot_gradient_flow by layer": lambda names: plot_gradient_flow(
        ByLayer({name: flow()["conv1"] for name in names})
    ),
    "plot_activations": lambda names: plot_activations(dict.fromkeys(names[:12], ACTIVITY)),
    "plot_weights": lambda names: plot_weights(dict.fromkeys(names[:12], WEIGHTS)),
    "plot_history": lambda names: plot_history(histories(names)),
    "plot_losses": lambda names: plot_losses(dict.fromkeys(names[:10], DESCENT)),
    "plot_paths": lambda names: plot_paths(dict.fromkeys(names[:10], DESCENT), "bowl"),
    "plot_surface": lambda names: plot_surface(dataclasses.replace(SURFACES["bowl"], name=names[0], formula=names[-1])),
    "plot_insides": lambda names: plot_insides(insides(names)),
    "plot_filters": lambda names: plot_filters(with_layers(names), names[0].replace(".", "")),
    "plot_top_images": lambda names: plot_top_images(top(names)),
}  # fmt: skip
OF_RUNS = {
    "plot_curves": lambda names: plot_curves(runs(names), by="folder"),
    "plot_grid": lambda names: plot_grid(runs(names), rows="folder", columns="kernel_size"),
    "plot_grid, columns": lambda names: plot_grid(runs(names), rows="kernel_size", columns="folder"),
    "plot_gallery": lambda names: plot_gallery(runs(names), rows="kernel_size", columns="folder")[0, 0],
    "plot_gallery, rows": lambda names: plot_gallery(runs(names), rows="folder", columns="kernel_size")[0, 0],
    "plot_comparison": lambda names: plot_comparison(compare(runs(names), by="folder")),
    "plot_comparison of settings": lambda names: plot_comparison(compare_settings(runs(names))),
    "plot_comparisons": lambda names: plot_comparisons({name: comparison() for name in names[:3]})[0],
    "plot_summary": lambda names: plot_summary(runs(names).summary(["validation_loss", "validation_accuracy"])),
    "plot_guess": lambda names: plot_guess(compare(runs(names), by="folder"), Guess(names[0], 0.6)),
}
# A number of one's own, whose name stands at an axis.
OF_NUMBERS = {
    "plot_curves": lambda name: plot_curves(runs_with_number(name), by="pooling", metric=name),
    "plot_noise_floor": lambda name: plot_noise_floor(runs_with_number(name)[:2], metric=name),
    "plot_grid": lambda name: plot_grid(runs_with_number(name), "pooling", "kernel_size", metric=name),
    "plot_comparison": lambda name: plot_comparison(compare(runs_with_number(name), by="pooling", metric=name)),
    "plot_summary": lambda name: plot_summary(runs_with_number(name).summary([name, "validation_loss"])),
}  # fmt: skip
WITHOUT_NAMES = {
    "plot_maps": "numbers alone",
    "plot_stopping": "numbers, and words of cnnlab's own",
    "plot_calibration": "numbers, and words of cnnlab's own",
    "plot_patient": "layers and classes of cnnlab's own",
}


def test_every_plot_is_in_one_of_the_lists():
    tried = {plot.partition(" ")[0].rstrip(",") for plot in (*OF_CLASSES, *OF_RUNS, *OF_NUMBERS)}
    public = {name for name in cnnlab.__all__ if name.startswith("plot_")}
    assert public - tried == WITHOUT_NAMES.keys()
    assert tried <= public


def drawn_texts(artist):
    """Yield each text that is drawn in a figure: of an axis, the labels that its ticks have now."""
    if isinstance(artist, mpl.axis.Axis):
        for tick in artist._update_ticks():
            yield from (label for label in (tick.label1, tick.label2) if label.get_visible())
        yield from (artist.label, artist.offsetText)
    elif isinstance(artist, mpl.text.Text):
        yield artist
    elif isinstance(artist, Legend):
        yield from artist.get_texts()
    else:
        for child in artist.get_children():
            if child.get_visible() and not (isinstance(child, mpl.axis.Axis) and not artist.axison):
                yield from drawn_texts(child)


def faults(figure):
    """Return what is wrong with the texts of a figure: overlaps, formulas, tiny letters, letters outside."""
    figure.canvas.draw()
    texts = [text for text in drawn_texts(figure) if text.get_visible() and text.get_text().strip()]
    boxes = np.array([text.get_window_extent().extents for text in texts])
    found = [
        f"a formula: {text.get_text()!r}" for text in texts if text._preprocess_math(text.get_text())[1] is not False
    ]
    found += [f"tiny: {text.get_text()!r} {text.get_fontsize()}" for text in texts if text.get_fontsize() < 5]
    width, height = figure.bbox.size
    inside = (boxes[:, :2] >= -2).all(1) & (boxes[:, 2] <= width + 2) & (boxes[:, 3] <= height + 2)
    found += [f"outside: {texts[place].get_text()!r} {boxes[place]}" for place in np.flatnonzero(~inside)]
    low, high = np.maximum(boxes[:, None, :2], boxes[None, :, :2]), np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    meet = np.triu((high - low > 1.5).all(2), 1)  # pixels
    return found + [f"overlap: {texts[a].get_text()!r}, {texts[b].get_text()!r}" for a, b in np.argwhere(meet)]


def names_of(kind, count):
    """Return this many names of one kind; of "all", they take turns."""
    kinds = itertools.cycle(HARD.values() if kind == "all" else [HARD[kind]])
    return [pattern.format(number) for number, pattern in zip(range(count), kinds)]  # noqa: B905 (kinds never end)


@pytest.fixture
def _missing_letters_are_said():
    """The warning of letters that no font has is no fault; whether it comes depends on the fonts of the computer."""
    fonts._warned.update("".join(HARD.values()))


KINDS_AND_COUNTS = [("all", 2), ("all", 18), ("all", 100), ("short", 10), ("long", 3)]


@pytest.mark.usefixtures("_missing_letters_are_said")
@pytest.mark.parametrize(("kind", "count"), KINDS_AND_COUNTS)
@pytest.mark.parametrize("plot", OF_CLASSES)
def test_hard_names_of_classes_and_networks(plot, kind, count):
    assert faults(OF_CLASSES[plot](names_of(kind, count)).figure) == []


@pytest.mark.usefixtures("_missing_letters_are_said")
@pytest.mark.parametrize(("kind", "count"), [("all", 16), ("long", 2)])
@pytest.mark.parametrize("plot", OF_RUNS)
def test_hard_names_of_folders(plot, kind, count):
    figure = OF_RUNS[plot](names_of(kind, count)).figure
    assert faults(figure.figure if isinstance(figure, mpl.figure.SubFigure) else figure) == []


@pytest.mark.usefixtures("_missing_letters_are_said")
@pytest.mark.parametrize("kind", ["long", "one long word", "an odd formula", "lines", "Chinese", "emoji"])
@pytest.mark.parametrize("plot", OF_NUMBERS)
def test_hard_names_of_numbers(plot, kind):
    figure = OF_NUMBERS[plot](HARD[kind]).figure
    assert faults(figure.figure if isinstance(figure, mpl.figure.SubFigure) else figure) == []


def test_the_measure_finds_overlaps_formulas_and_what_is_outside():
    figure, ax = plt.subplots()
    ax.set(xticks=[], yticks=[])
    for x, words in ((0.1, "one two"), (0.11, "three"), (0.5, "$x^2$"), (0.97, "outside of it")):
        ax.text(x, 0.5, words)
    assert [fault.partition(":")[0] for fault in faults(figure)] == ["a formula", "outside", "overlap"]


@pytest.mark.parametrize(
    ("name", "longest", "words"),
    [
        ("a name\nof  two\tlines ", 30, "a name of two lines"), ("abcdefghij", 5, "ab…ij"), ("abc", 3, "abc"),
        ("a\u202eb", 30, "a b"), (" \n", 30, r"' \n'"), ("", 30, ""), (7, 30, "7"), (None, 30, "None"),
        ("x$y$", 30, "x$y$"), ("_x", 30, "_x"), ("e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
    ],
)  # fmt: skip
def test_a_name_is_on_one_line_visible_and_short(name, longest, words):
    assert label_text(name, longest) == words


def test_wide_letters_count_twice_and_the_middle_is_left_out():
    assert [columns(word) for word in ("cat", "猫", "ｃ", "e\u0301")] == [3, 2, 2, 1]
    assert shorten("猫猫猫猫猫猫", 7) == "猫…猫"
    assert all(columns(shorten("golden retriever", longest)) <= longest for longest in range(3, 20))


def test_a_name_with_an_underscore_is_in_the_legend():
    assert legend_text("_hidden") == " _hidden"
    ax = plot_history({"_hidden": recorded([1.0, 0.5]), "b": recorded([1.0, 0.6])})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [" _hidden", "b"]


def test_of_a_hundred_names_the_legend_shows_the_first_and_counts_the_others():
    ax = plot_history(histories(names_of("short", 100)))
    shown = [text.get_text() for text in ax.get_legend().get_texts()]
    assert shown == [*map(str, range(23)), "and 77 more"]


LACKING = "\U00013000\U00013001"  # hieroglyphs


def test_letters_that_no_font_has_become_codes_and_this_is_said_once(monkeypatch, recwarn):
    monkeypatch.setattr(fonts, "_known", {})
    monkeypatch.setattr(fonts, "_warned", set())
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    monkeypatch.setattr(fonts, "_new_fonts", functools.cache(fonts._new_fonts.__wrapped__))
    with pytest.warns(UserWarning, match=r"^no font on this computer has the letters \\U00013000, .*Noto Sans CJK"):
        assert label_text(f"a {LACKING[0]}") == r"a \U00013000"
    recwarn.clear()
    assert label_text(LACKING[0] * 9, longest=25) == r"\U00013000…\U00013000"  # no code is cut
    assert not recwarn


@pytest.fixture
def letter_font(tmp_path, monkeypatch):
    """The path of a font with one of LACKING; matplotlib knows its own font alone."""
    builder, pen = FontBuilder(1000), TTGlyphPen(None)
    for corner in ((0, 0), (0, 700), (500, 700), (500, 0)):
        (pen.lineTo if corner != (0, 0) else pen.moveTo)(corner)
    pen.closePath()
    glyphs = [".notdef", "box"]
    builder.setupGlyphOrder(glyphs)
    builder.setupCharacterMap({ord(LACKING[1]): "box"})
    builder.setupGlyf(dict.fromkeys(glyphs, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Only For This Test", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.save(tmp_path / "font.ttf")
    usual = [font for font in font_manager.fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", usual)
    monkeypatch.setattr(fonts, "_known", {})
    monkeypatch.setattr(fonts, "_new_fonts", functools.cache(fonts._new_fonts.__wrapped__))
    return tmp_path / "font.ttf"


def test_a_font_that_was_installed_after_matplotlib_made_its_list_is_used(letter_font, monkeypatch):
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(letter_font), str(letter_font.parent / "none")])
    assert label_text(LACKING[1]) == LACKING[1]
    assert fonts.other_families(LACKING[1]) == ["Only For This Test"]


def test_letters_come_from_any_font_of_the_computer_that_has_them(letter_font):
    font_manager.fontManager.addfont(letter_font)
    assert label_text(LACKING[1]) == LACKING[1]
    ax = plot_images(torch.rand(1, 1, 8, 8), titles=[LACKING[1]])
    (title,) = ax.texts
    assert title.get_fontfamily()[-1] == "Only For This Test"
    assert faults(ax.figure) == []  # matplotlib would warn of a missing letter


def test_all_ticks_with_room_are_named_and_others_skip_evenly():
    ax = plot_probabilities(torch.full((100,), 0.01))
    ax.figure.canvas.draw()
    places = ax.get_xticks()
    assert places[0] == 0
    assert {b - a for a, b in itertools.pairwise(places)} == {places[1]}
    few = plot_probabilities(torch.full((5,), 0.2), classes=["a", "b", "c", "d", "e"])
    few.figure.canvas.draw()
    assert [label.get_text() for label in few.get_xticklabels()] == ["a", "b", "c", "d", "e"]
