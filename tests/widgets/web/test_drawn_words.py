"""Test that remembered words have the pixels that matplotlib draws."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from cnnlab.widgets.web import drawn_words
from cnnlab.widgets.web.drawn_words import DrawnWords

CHANGES = {
    "text": lambda text: text.set_text("another"),
    "place": lambda text: text.set_position((0.3, 0.6)),
    "a part of a pixel": lambda text: text.set_x(0.5012),
    "colour": lambda text: text.set_color("tab:red"),
    "alpha": lambda text: text.set_alpha(0.3),
    "size": lambda text: text.set_fontsize(7),
    "weight": lambda text: text.set_fontweight("bold"),
    "rotation": lambda text: text.set_rotation(90),
    "alignment": lambda text: text.set_ha("right"),
    "formula": lambda text: text.set_parse_math(True),
    "invisible": lambda text: text.set_visible(False),
    "a box": lambda text: text.set_bbox({"facecolor": "yellow"}),
    "clipped": lambda text: text.set_clip_box(Bbox([[0, 0], [100, 50]])),
    "ground": lambda text: text.figure.set_facecolor("lightblue"),
}


@pytest.fixture
def canvas():
    return FigureCanvasAgg(Figure((2, 1), dpi=100))


@pytest.fixture
def draws(monkeypatch):
    """Return a list that gets the text of each that matplotlib draws."""
    drawn, draw = [], Text.draw
    monkeypatch.setattr(Text, "draw", lambda text, renderer: (drawn.append(text.get_text()), draw(text, renderer))[1])
    return drawn


def pixels(canvas, draw, text):
    """Return the pixels of the figure's ground with the text on it, drawn by this function."""
    text.set_animated(True)  # not a part of the ground
    canvas.draw()
    draw(text)
    return np.asarray(canvas.buffer_rgba()).copy()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_words_have_matplotlibs_pixels_before_and_after_a_change_and_back(canvas, change):
    words, figure = DrawnWords(canvas), canvas.figure
    text = figure.text(0.5, 0.5, "cannot tell:\n$+0.0012$", fontsize=9, parse_math=False)
    for _ in range(2):
        assert (pixels(canvas, words.draw, text) == pixels(canvas, figure.draw_artist, text)).all()
    before = pixels(canvas, figure.draw_artist, text)
    change(text)
    for _ in range(2):
        assert (pixels(canvas, words.draw, text) == pixels(canvas, figure.draw_artist, text)).all()
    assert (pixels(canvas, words.draw, text) != before).any()  # the change is one that is seen


def test_words_are_drawn_once_and_then_put_there_again(canvas, draws):
    words, text = DrawnWords(canvas), canvas.figure.text(0.1, 0.1, "3×3")
    for _ in range(3):
        pixels(canvas, words.draw, text)
    assert draws == ["3×3"]
    text.set_text("5×5")
    pixels(canvas, words.draw, text)
    text.set_text("3×3")
    pixels(canvas, words.draw, text)
    assert draws == ["3×3", "5×5"]


def test_words_at_the_edge_and_outside_are_cut_as_matplotlib_cuts_them(canvas):
    for place in ((-0.05, 0.5), (0.95, 0.98), (0.2, -0.04), (3, 3)):
        words, text = DrawnWords(canvas), canvas.figure.text(*place, "at the edge")
        for _ in range(2):
            assert (pixels(canvas, words.draw, text) == pixels(canvas, canvas.figure.draw_artist, text)).all()
        text.remove()


def test_the_oldest_words_are_forgotten(canvas, draws, monkeypatch):
    monkeypatch.setattr(drawn_words, "MOST", 2)
    words, text = DrawnWords(canvas), canvas.figure.text(0.1, 0.1, "")
    for letters in ("a", "b", "a", "c", "a", "b"):  # b was forgotten, a was used since
        text.set_text(letters)
        pixels(canvas, words.draw, text)
    assert draws == ["a", "b", "c", "b"]
