"""Draw what the networks of a lab report look like inside: activations, pools, gradients, weights, saliency."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.text import Text

from cnnlab.course.lab_report.blocks import Picture, Table
from cnnlab.course.lab_report.insides import Insides
from cnnlab.course.lab_report.pictures import Drawing, picture, plain_title
from cnnlab.course.sentences import say
from cnnlab.interpret.activations import POOLS
from cnnlab.interpret.capture import capture
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.interpret.saliency import saliency
from cnnlab.interpret.weight_distributions import weight_distributions
from cnnlab.plots.flow import plot_gradient_flow
from cnnlab.plots.histograms import plot_activations, plot_weights
from cnnlab.plots.maps import plot_maps
from cnnlab.plots.saliency import plot_saliency
from cnnlab.plots.style import LETTERS, whole_figure

GRADIENT_IMAGES = 256
SALIENCY_IMAGES = 8
MAPS = 4


def _one_by_one(shown: Mapping[str, dict], draw: Callable) -> list[Drawing]:
    """Return a drawing of each setting; all have the same scales."""

    def of_setting(name: str) -> Axes:
        ax = draw(shown[name], beside=[values for other, values in shown.items() if other != name])
        plain_title(ax, name)
        return ax

    return [functools.partial(of_setting, name) for name in shown]


def _in_plain_letters(ax: Axes) -> Axes:
    """Make a figure's letters as large as others on the page, where no wide figure is made smaller."""
    figure = whole_figure(ax)
    for each in figure.axes:
        each.tick_params(labelsize=LETTERS)
    for text in figure.findobj(Text):
        text.set_fontsize(min(text.get_fontsize(), LETTERS))
    return ax


def activations(insides: Insides) -> Picture:
    """Return the distribution of the activations of each ReLU and each pool."""
    return picture(
        say(
            "Activations after each ReLU and each pool, for validation images. Zeros are left out of the bars and "
            "counted at the right; a dead unit is zero for every image, at every place. A layer has one scale in all "
            "plots."
        ),
        _one_by_one(insides.activity, plot_activations),
    )


def pools_table(insides: Insides) -> Table:
    """Return what each pool does to the scale and to the zeros of its input."""
    rows = []
    for network in insides.networks:
        before = None
        for name, layer in insides.activity[network.setting][network.length].items():
            if layer.scale_before == layer.scale_before:  # not NaN: a pool
                zeros = f"{before.zeros:.0%}" if before is not None else "–"
                change = layer.scale / layer.scale_before if layer.scale_before else 0.0
                rows.append([network.words, name, layer.kind, f"{layer.scale_before:.3g}", f"{layer.scale:.3g}",
                             f"{change:.2f}", zeros, f"{layer.zeros:.0%}"])  # fmt: skip
            before = layer
    headings = [
        say("network"), say("pool"), say("kind"), say("scale before"), say("scale after"), say("after / before"),
        say("zeros before"), say("zeros after"),
    ]  # fmt: skip
    caption = say("What each pool does to its input (scale: the root mean square of all values)")
    return Table(caption, headings, rows)


def pools(insides: Insides) -> Picture:
    """Return feature maps of one image before and after the first pool."""
    networks = insides.longest
    image = insides.images(1).images

    def draw() -> Axes:
        _, axes = plt.subplots(
            len(networks), 2, figsize=(8, 0.3 + 1.5 * len(networks)), squeeze=False, layout="constrained"
        )
        for row, network in zip(axes, networks, strict=True):
            names = [name for name, _ in network.model.named_children()]
            pool = next(name for name, layer in network.model.named_children() if isinstance(layer, POOLS))
            before = names[names.index(pool) - 1]
            with capture(network.model, [before, pool]) as seen:
                network.model(image)
            limit = float(seen[before][0, :MAPS].max()) or 1.0
            for ax, name in zip(row, (before, pool), strict=True):
                plot_maps(seen[name][0, :MAPS], columns=MAPS, ax=ax, limit=limit)
                plain_title(ax, f"{network.name}: {name}", fontsize=8)
        return _in_plain_letters(axes[0, 0])

    return picture(
        say(
            "The first {count} feature maps of one validation image: left before the first pool, right after it, on "
            "one scale.",
            count=MAPS,
        ),
        [draw],
    )


def flow(insides: Insides) -> Picture:
    """Return the gradient by layer of each network: a plot for each setting, a line for each length."""
    images = insides.data.train[:GRADIENT_IMAGES]
    flows = insides.by_setting(lambda network: gradient_flow(network.model, images))

    def draw() -> Axes:
        columns, rows = min(2, len(flows)), -(-len(flows) // 2)
        size = (3.75 * columns, 0.2 + 2.9 * rows)
        _, axes = plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False, layout="constrained")
        for ax in axes.flat[len(flows) :]:
            ax.remove()
        for ax, (setting, lengths) in zip(axes.flat, flows.items(), strict=False):
            plot_gradient_flow(lengths, "gradient_norm", ax=ax)
            plain_title(ax, setting)
        return axes[0, 0]

    return picture(
        say(
            "The norm of the loss's gradient by layer, from input to output, on training images. A line is the mean of "
            "the batches, and a pale dot one batch. All plots share one scale."
        ),
        [draw],
    )


def weights(insides: Insides) -> Picture:
    """Return the distribution of the weights of each layer."""
    measured = insides.by_setting(
        lambda network: weight_distributions(
            network.model, network.run.model(0) if 0 in network.run.snapshots else None
        )
    )
    return picture(
        say(
            "The weights of each layer. Where the weights before training were kept, the share at the right says how "
            "far they have moved since. A layer has one scale in all plots."
        ),
        _one_by_one(measured, plot_weights),
    )


def saliency_maps(insides: Insides) -> Picture:
    """Return saliency maps of the same images for each network."""
    split = insides.images(SALIENCY_IMAGES)
    networks = insides.longest

    def draw() -> Axes:
        maps = {network.name.replace(", ", " "): saliency(network.model, split.images) for network in networks}
        size = (8, 0.3 + 0.55 * (1 + len(networks)))
        ax = plt.subplots(figsize=size, layout="constrained")[1]
        titles = [split.classes[label] for label in split.labels]
        return _in_plain_letters(plot_saliency(split, maps, titles=titles, ax=ax))

    return picture(
        say(
            "Where each network's answer depends on the pixels (the gradient of the largest logit): bright is strong. "
            "Each map is divided by its own maximum. A map shows what an answer depends on, not why it is right."
        ),
        [draw],
    )
