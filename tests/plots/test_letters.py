"""Every new figure can be read in a small window, in which a cell is 365 pixels wide: no letter is below 9 pixels.

tests/notebooks/test_runs.py measures the pictures of the notebooks in the same way.
"""

import io
import itertools
import struct

import matplotlib.pyplot as plt
import pandas
import pytest
import torch
from made_runs import comparison, levels_of, made, recorded
from matplotlib.axes import Axes
from matplotlib.text import Text

import cnnlab
from cnnlab.data.dataset import Split
from cnnlab.model.cnn import build_cnn
from cnnlab.plots.interval import plot_interval

CELL, SMALLEST = 365, 9  # CSS pixels
METRICS = [
    "train_loss", "validation_loss", "train_accuracy", "validation_accuracy", "dead_share", "activation_scale",
    "update_ratio", "saliency_concentration",
]  # fmt: skip


def smallest_letters(figure) -> float:
    """Return the size of a figure's smallest letters, in CSS pixels, where a picture is CELL wide."""
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight")  # as Jupyter does
    (width,) = struct.unpack(">I", file.getvalue()[16:20])
    without_axis = [ax for ax in figure.findobj(Axes) if not ax.axison]
    hidden = {text for ax in without_axis for axis in (ax.xaxis, ax.yaxis) for text in axis.findobj(Text)}
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return min(text.get_fontsize() for text in texts if text not in hidden) * figure.dpi / 72 * min(1, CELL / width)


def digits(count):
    return Split(
        torch.rand(count, 1, 28, 28),
        torch.arange(count) % 10,
        tuple("0123456789"),
        torch.zeros(1, 1, 1),
        torch.ones(1, 1, 1),
    )


def grid():
    """Runs of 18 settings with three seeds each."""
    settings = itertools.product((3, 5, 7), ("max", "avg"), ("sgd", "rmsprop", "adam"), range(3))
    return [made([0.5, 0.5 + 0.1 * seed], kernel_size=size, pooling=pooling, optimizer=optimizer, seed=seed, epochs=2)
            for size, pooling, optimizer, seed in settings]  # fmt: skip


def batches(count):
    """Runs of so many settings, of which one diverged."""
    return [made([0.5, 0.6], batch_size=size, epochs=2, stopped_by="epochs" if size > 10 else "diverged")
            for size in range(10, 10 + count)]  # fmt: skip


def table():
    """A table as `Runs.summary` returns it, of two fields and eight metrics."""
    rows = {"kernel_size": [3, 5], "pooling": ["max", "avg"], "seeds": [5, 5]}
    for metric in METRICS:
        rows |= {metric: [0.0123, 0.0456], f"{metric}_std": [0.0011, 0.0021]}
    return pandas.DataFrame(rows)


def maps(count):
    return {
        name: torch.rand(count, 1, 28, 28) for name in ("gradient_times_input", "integrated_gradients", "occlusion")
    }


FIGURES = {
    "a comparison": lambda: cnnlab.plot_comparison(comparison()),
    "three comparisons": lambda: cnnlab.plot_comparisons({name: comparison() for name in ("a", "b", "c")})[0],
    "a guess": lambda: cnnlab.plot_guess(comparison(), cnnlab.Guess("5", 0.6)),
    "an interval": lambda: plot_interval(comparison()),
    "a gallery": lambda: cnnlab.plot_gallery(grid(), rows=("optimizer", "pooling"), columns="kernel_size")[0, 0],
    "a gallery of four columns": lambda: cnnlab.plot_gallery(batches(4), columns="batch_size")[0, 0],
    "a gallery of nine columns": lambda: cnnlab.plot_gallery(batches(9), columns="batch_size")[0, 0],
    "a heat map": lambda: cnnlab.plot_grid(grid(), rows=("optimizer", "pooling"), columns="kernel_size"),
    "a table": lambda: cnnlab.plot_summary(table()),
    "curves": lambda: cnnlab.plot_curves(grid(), by="optimizer", metric="validation_accuracy"),
    "a history": lambda: cnnlab.plot_history(recorded([1.0, 0.6, 0.5])),
    "early stopping": lambda: cnnlab.plot_stopping(recorded([1.0, 0.6, 0.5]), patience=1),
    "a noise floor": lambda: cnnlab.plot_noise_floor(levels_of("kernel_size", {3: [0.5, 0.6, 0.4]})),
    "images": lambda: cnnlab.plot_images(digits(16), titles=[f"{label}, is 3" for label in range(16)]),
    "mistakes": lambda: cnnlab.plot_mistakes(cnnlab.mistakes(build_cnn(), digits(40))),
    "a confusion matrix": lambda: cnnlab.plot_confusion(cnnlab.mistakes(build_cnn(), digits(40))),
    "maps": lambda: cnnlab.plot_maps(torch.rand(8, 14, 14)),
    "filters": lambda: cnnlab.plot_filters(build_cnn(kernel_size=7), "conv1"),
    "saliency maps": lambda: cnnlab.plot_saliency(digits(6), maps(6), titles=["says 4,\nis 9"] * 6),
    "what excites a unit": lambda: cnnlab.plot_top_images(cnnlab.top_images(build_cnn(), digits(9), "conv2", 0)),
    "activations": lambda: cnnlab.plot_activations(cnnlab.activation_statistics(build_cnn(), digits(9))),
    "weights": lambda: cnnlab.plot_weights(cnnlab.weight_distributions(build_cnn(), initial=build_cnn(seed=1))),
}


@pytest.mark.parametrize("name", FIGURES)
def test_the_letters_of_a_new_figure_can_be_read_in_a_small_window(name):
    torch.manual_seed(0)
    assert smallest_letters(FIGURES[name]().figure) >= SMALLEST
    plt.close("all")


def test_small_letters_are_found():
    figure, ax = plt.subplots(figsize=(9, 3), layout="constrained")
    ax.set_title("ten points in nine inches", fontsize=10)
    assert smallest_letters(figure) == pytest.approx(10 * 100 / 72 * 365 / 900, rel=0.03)
    plt.close(figure)
