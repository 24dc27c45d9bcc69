"""Names of every kind on every plot: readable, whole or shortened, never a formula, never on top of each other."""

import matplotlib as mpl

mpl.use("agg")

import functools
import itertools

import numpy as np
import pytest
import torch
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from made_runs import recorded
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.legend import Legend
from plots_of_names import HARD, OF_CLASSES, OF_NUMBERS, OF_RUNS, histories, names_of

import cnnlab
from cnnlab.plots import fonts
from cnnlab.plots.evaluation import plot_probabilities
from cnnlab.plots.history import plot_history
from cnnlab.plots.images import plot_images
from cnnlab.plots.names import columns, label_text, legend_text, shorten

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
