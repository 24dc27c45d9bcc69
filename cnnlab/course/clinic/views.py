"""The five views of a patient: curves, activations, gradients, weights, and pictures of the input."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import cast

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor, nn

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice
from cnnlab.course.clinic.patients import Patient
from cnnlab.course.clinic.recording import LAYERS
from cnnlab.errors import ConfigError
from cnnlab.interpret.by_layer import ByLayer
from cnnlab.plots.alt_text import describe
from cnnlab.plots.flow import plot_gradient_flow
from cnnlab.plots.histograms import plot_activations, plot_weights
from cnnlab.plots.history import plot_history
from cnnlab.plots.images import gap_of, montage
from cnnlab.plots.maps import plot_filters
from cnnlab.plots.names import name_ticks
from cnnlab.plots.style import LETTERS, PAGE, wrapped

SIZE = (8.2, 4.3)  # inches, in a panel
PICTURES = 8  # in a row
EPOCH_LINE = "epoch"  # names the lines at the epoch
SIDE_BY_SIDE = ("curves", "gradients", "weights")  # the views with two axes, left and right


def plot_patient(
    patient: Patient, view: str = "curves", *, epoch: int | None = None, figure: Figure | None = None
) -> Figure:
    """Draw one of the views of a patient.

    Parameters
    ----------
    patient : Patient
        One of `admit_patients`, treated or not.
    view : str
        "curves": loss and accuracy. "activations": a sample of what each activation function puts out, with its zeros
        and dead units. "gradients": the gradient norm by layer, of one batch and as the step uses it, and
        the step in relation to the weights. "weights": a sample of each layer's, and the kernels of conv1. "inputs":
        pictures as the network gets them, with the labels that it gets.
    epoch : int
        After which epoch, from 1; None: after the last one. The inputs are the same after all of them.
    figure : Figure
        Where to draw; None makes a new one.

    >>> plot_patient(admit_patients(seed=0)[3], "gradients")
    """
    check_choice("view", view, VIEWS)
    if not isinstance(patient, Patient):
        raise ConfigError(f"plot_patient wants a patient, such as admit_patients()[3], got {type(patient).__name__}")
    check_arguments(plot_patient, {"epoch": epoch, "figure": figure})
    epoch = patient.check_epoch(epoch)
    figure = plt.figure(figsize=(PAGE, SIZE[1]), layout="constrained") if figure is None else figure
    VIEWS[view](patient, epoch, figure)
    return figure


def draw_curves(patient: Patient, epoch: int, figure: Figure) -> None:
    """Draw loss and accuracy of training and validation images over the epochs, and a line at this epoch."""
    for ax, metric in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        plot_history(patient.history, metric, ax=ax)
        ax.axvline(epoch, color="0.6", linewidth=1, zorder=0, gid=EPOCH_LINE)
        highest = 1.0 if metric == "accuracy" else max(2.5, ax.get_ylim()[1])
        ax.set_ylim(0, highest)


def move_epoch_line(figure: Figure, epoch: int) -> None:
    """Move the lines of `draw_curves` to another epoch."""
    for line in figure.findobj(lambda artist: artist.get_gid() == EPOCH_LINE):
        cast(Line2D, line).set_xdata([epoch, epoch])


def draw_activations(patient: Patient, epoch: int, figure: Figure) -> None:
    """Draw the activations after each activation function."""
    plot_activations(patient.activations(epoch), ax=figure.subplots())


def draw_gradients(patient: Patient, epoch: int, figure: Figure) -> None:
    """Draw the gradient norms by layer, of one batch and as the step uses them; and the steps."""
    flows = patient.gradients(epoch)
    norms, steps = figure.subplots(1, 2)
    plot_gradient_flow(flows, "gradient_norm", ax=norms)
    plot_gradient_flow(flows["that the step uses"], "update_ratio", ax=steps)
    for ax, low, high in ((norms, 1e-6, 1e3), (steps, 1e-6, 1.0)):
        drawn = [line.get_ydata() for line in ax.lines]
        values = [float(value) for line in drawn for value in line if value > 0]
        ax.set_ylim(min([low, *values]) / 2, max([high, *values]) * 2)  # the same for most patients
        name_ticks(ax.xaxis, range(len(LAYERS)), LAYERS, size=8 if figure.get_figwidth() >= SIZE[0] else LETTERS)
        ax.set_xlim(-0.3, len(LAYERS) - 0.7)
        if any(np.isnan(line).any() for line in drawn):  # NaN: a logarithmic axis can't show zero
            ax.set_title(wrapped("a missing point means 0", 12 * figure.get_figwidth() / 3), fontsize=LETTERS)
    describe(norms, f"Gradient norm by layer, from conv1 to logits, {'; '.join(map(_ends, flows, flows.values()))}.")
    ratios = [f"{layer.update_ratio:.2g}" for layer in flows["that the step uses"].values()]
    describe(steps, f"Step / weights by layer: {', '.join(ratios)}.")


def draw_weights(patient: Patient, epoch: int, figure: Figure) -> None:
    """Draw the weights of each layer, now and before training, and the kernels of the first layer."""
    histograms, kernels = figure.subplots(1, 2, width_ratios=(3, 2))
    plot_weights(patient.weights(epoch), ax=histograms)
    conv1 = nn.Conv2d(1, 8, 3)
    conv1.weight = nn.Parameter(patient.recording.kernels(epoch))
    plot_filters(nn.Sequential(OrderedDict(conv1=conv1)), columns=3, ax=kernels)


def draw_inputs(patient: Patient, epoch: int, figure: Figure) -> None:  # noqa: ARG001 (as the other views)
    """Draw training and validation pictures as the network gets them, and the nearest training pictures."""
    train, validation = patient.images()
    distances, nearest = nearest_images(validation.images[:PICTURES], train.images)
    rows = {
        f"the first {PICTURES} of {len(train):,} training images, each with the label that the network gets": (
            train.images[:PICTURES], [train.classes[label] for label in train.labels[:PICTURES]]
        ),
        "validation images": (
            validation.images[:PICTURES], [train.classes[label] for label in validation.labels[:PICTURES]]
        ),
        "the training image that is nearest to the validation image above it, and the distance per pixel": (
            train.images[nearest], [f"{distance:.2g}" for distance in distances.tolist()]
        ),
    }  # fmt: skip
    low, high = float(train.images.min()), float(train.images.max())
    every = figure.subplots(len(rows), 1)
    for ax, (title, (images, labels)) in zip(every, rows.items(), strict=True):
        drawn = _draw_row(ax, images, labels, low, high)
        ax.set_title(wrapped(title, 11 * figure.get_figwidth()), fontsize=LETTERS)
    figure.colorbar(drawn, ax=list(every), label="what the network gets, per pixel", shrink=0.9)


def _ends(name: str, flow: ByLayer) -> str:
    """Say in words how the gradient norm goes from the first layer to the last."""
    norms = [layer.gradient_norm for layer in flow.values()]
    return f"{name}: from {norms[0]:.2g} to {norms[-1]:.2g}"


def nearest_images(images: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Return for each image the distance to the nearest of the others, and the place of that one.

    The distance is the root of the mean squared difference of the pixels: 0 for the same image.

    >>> nearest_images(validation.images[:8], train.images)[0].min()
    tensor(0.5)
    """
    pixels = images[0].numel()
    distances = torch.stack([(others - image).square().flatten(1).sum(1) for image in images])  # exact, unlike cdist
    squares, places = distances.min(1)
    return (squares / pixels).sqrt(), places


def _draw_row(ax: Axes, images: Tensor, titles: list[str], low: float, high: float):
    """Draw images side by side on one scale, with a title above each; return what imshow returns."""
    tiles = images.permute(0, 2, 3, 1).numpy()  # (N, H, W, 1)
    picture, corners = montage(tiles, PICTURES, gap=gap_of(tiles, 0.3), above=gap_of(tiles, 0.35))
    ax.set_axis_off()
    for title, (top, left) in zip(titles, corners, strict=True):
        ax.text(
            left + tiles.shape[2] / 2, top - 2.5, title, ha="center", va="baseline", fontsize=LETTERS, parse_math=False
        )
    return ax.imshow(picture.squeeze(-1), cmap="grey", vmin=low, vmax=high, interpolation="nearest")


VIEWS: dict[str, Callable[[Patient, int, Figure], None]] = {
    "curves": draw_curves,
    "activations": draw_activations,
    "gradients": draw_gradients,
    "weights": draw_weights,
    "inputs": draw_inputs,
}
