"""Test the pixels that a live plot sends."""

import numpy as np
from matplotlib.patches import Rectangle
from pictures import pixels_of

from cnnlab.widgets.web.live_plot import LivePlot, run_lengths

_LAYERS = ((0.0, "#ff0000"), (0.4, "#00ff00"), (0.8, "#0000ff"))


def test_the_runs_of_a_picture_are_its_colours_and_their_lengths_row_by_row():
    red, blue = [255, 0, 0, 255], [0, 0, 255, 255]
    pixels = np.array([[red, red, blue], [blue, blue, blue]], dtype=np.uint8)
    assert run_lengths(pixels) == bytes([*red, *blue, *blue, 2, 0, 1, 0, 3, 0])
    wide = np.zeros((1, 300, 4), dtype=np.uint8)
    assert run_lengths(wide)[4:] == bytes([44, 1])  # 300 = 44 + 256


def test_a_live_plot_sends_what_matplotlib_has_drawn_pixel_for_pixel():
    plot = LivePlot(2, 1, label="a line")
    moving = plot.figure.subplots().plot([0, 1, 0.5])
    plot.freeze(moving)
    plot.show()
    assert (pixels_of(plot) == np.asarray(plot.figure.canvas.buffer_rgba())).all()
    assert len(np.unique(pixels_of(plot).reshape(-1, 4), axis=0)) > 10


def test_a_live_plot_draws_what_moves_on_words_that_change_now_and_then_on_what_stands():
    plot = LivePlot(2, 1, label="three layers")
    stands, words, moves = (Rectangle((left, 0.25), 0.2, 0.5, color=color) for left, color in _LAYERS)
    for part in (stands, words, moves):
        plot.figure.add_artist(part)
    words.set_animated(True)
    plot.freeze([moves])

    def colours():
        plot.show()
        return [tuple(pixels_of(plot)[50, x, :3].tolist()) for x in (20, 100, 180)]

    red, green, blue, white = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
    assert colours() == [red, white, blue]
    plot.freeze_on_top([words])
    moves.set_visible(False)
    assert colours() == [red, green, white]
    words.set_facecolor("blue")
    assert colours() == [red, green, white]  # they stand
    words.set_x(0.8)
    words.set_edgecolor("blue")
    plot.freeze_on_top([words])
    assert colours() == [red, white, blue]  # and leave nothing behind
