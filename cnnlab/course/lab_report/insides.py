"""Look inside the networks whose weights were kept: activations, pools, gradients, weights, saliency."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from torch import nn

from cnnlab.course.lab_report.blocks import Picture, Table
from cnnlab.course.lab_report.design import setting_words
from cnnlab.course.lab_report.pictures import Drawing, picture
from cnnlab.data import shipped
from cnnlab.data.dataset import Data
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.run import Run, load_once
from cnnlab.experiments.runs import Runs
from cnnlab.interpret.activations import POOLS, activation_statistics
from cnnlab.interpret.by_layer import ByLayer
from cnnlab.interpret.capture import capture
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.interpret.saliency import saliency
from cnnlab.interpret.weight_distributions import weight_distributions
from cnnlab.plots.flow import plot_gradient_flow
from cnnlab.plots.histograms import plot_activations, plot_weights
from cnnlab.plots.maps import plot_maps
from cnnlab.plots.saliency import plot_saliency

MOST_SETTINGS = 4  # whose insides are drawn; each may have several lengths
MOST_LENGTHS = 3
IMAGES = 500  # validation images for the activations
GRADIENT_IMAGES = 256
SALIENCY_IMAGES = 8
MAPS = 4
NO_SETTING = ("epochs", "patience", "min_delta", "seed", "data_seed")  # fields that do not tell networks apart


@dataclass(eq=False)
class Network:
    """A trained network, with the names of its setting and of its length."""

    setting: str
    length: str
    run: Run

    @functools.cached_property
    def model(self) -> nn.Sequential:
        """The network with the weights of the run's last snapshot; read when it is first asked for."""
        return self.run.model()

    @property
    def name(self) -> str:
        """The setting and the length."""
        return f"{self.setting}, {self.length}"


@dataclass(eq=False)
class Insides:
    """The networks whose insides are drawn, and their images.

    Parameters
    ----------
    networks : list of Network
        One seed of each setting.
    data : Data
        Their images.
    notes : list of str
        Which networks these are, and which were left out.
    """

    networks: list[Network]
    data: Data
    notes: list[str] = field(default_factory=list)

    def by_setting(self, measure: Callable[[Network], Any]) -> dict[str, dict[str, Any]]:
        """Return setting → length → what `measure` returns."""
        measured: dict[str, dict[str, Any]] = {}
        for network in self.networks:
            measured.setdefault(network.setting, {})[network.length] = measure(network)
        return measured

    @functools.cached_property
    def activity(self) -> dict[str, dict[str, ByLayer]]:
        """Setting → length → the activations of each ReLU and each pool."""
        images = self.images(IMAGES)
        return self.by_setting(
            lambda network: activation_statistics(network.model, images, layers=_kinds(network.model))
        )

    @property
    def longest(self) -> list[Network]:
        """The network of each setting that was trained longest."""
        return list({network.setting: network for network in self.networks}.values())

    def images(self, count: int) -> Any:
        """Return validation images, or training images where there are none."""
        split = self.data.validation if len(self.data.validation) else self.data.train
        return split[:count]


def _kinds(model: nn.Module) -> tuple[type[nn.Module], ...]:
    return tuple(kind for kind in (nn.ReLU, *POOLS) if any(isinstance(layer, kind) for layer in model.modules()))


def find_insides(runs: Runs) -> Insides | str:
    """Return the networks whose weights are there, with their images; or why there are none, in words."""
    with_weights = [run for run in runs if run.snapshots and run.snapshots[-1] > 0]
    if not with_weights:
        return (
            "No weights were kept: sweep(…, snapshots=(0, 5)) keeps those of the epochs that you name, 0 for the start."
        )
    first = with_weights[0]
    same = Runs(run for run in with_weights if run.experiment.of_data() == first.experiment.of_data())
    networks, settings = _choose(same)
    dataset = first.experiment.dataset
    if dataset in shipped.FOLDERS and dataset not in shipped.names():  # a report downloads nothing
        return f"Weights were kept, but the images of {dataset} are not here, so the networks can't be run."
    try:
        data = load_once(first.experiment)
        models = [network.model for network in networks]  # a damaged store says so here
    except (ConfigError, DataError, OSError) as error:
        return f"Weights were kept, but the networks can't be run here: {error}."
    shown = len({network.setting for network in networks})
    notes = [
        f"One network of each setting: the one with seed {networks[0].run.experiment.seed}, or the next one there is."
    ]
    if shown < settings:
        notes.append(f"{shown} of {settings} settings with weights are shown.")
    if len(same) < len(with_weights):
        notes.append(f"Only those on {dataset} are shown, so that all see the same images.")
    assert len(models) == len(networks)
    return Insides(networks, data, notes)


def _choose(runs: Runs) -> tuple[list[Network], int]:
    """Return a network of each setting and length, up to the most that are drawn, and the number of settings."""
    values = runs.values()
    fields = [name for name in FIELDS if len(values[name]) > 1 and name not in NO_SETTING]
    settings: dict[str, dict[int, Run]] = {}  # setting → length → the run with the lowest seed
    for run in sorted(runs, key=lambda run: run.experiment.seed):
        settings.setdefault(setting_words(run, fields), {}).setdefault(run.snapshots[-1], run)
    in_course_order = dict.fromkeys(setting_words(run, fields) for run in runs)
    networks = []
    for setting in list(in_course_order)[:MOST_SETTINGS]:
        lengths = sorted(settings[setting])
        shown = lengths if len(lengths) <= MOST_LENGTHS else [*lengths[: MOST_LENGTHS - 1], lengths[-1]]
        networks += [Network(setting, f"{length} epochs", settings[setting][length]) for length in shown]
    return networks, len(settings)


def _one_by_one(shown: Mapping[str, dict], draw: Callable) -> list[Drawing]:
    """Return a drawing of each setting; all have the same scales."""

    def of_setting(name: str) -> Axes:
        ax = draw(shown[name], beside=[values for other, values in shown.items() if other != name])
        ax.set_title(name, fontsize=10, parse_math=False)
        return ax

    return [functools.partial(of_setting, name) for name in shown]


def activations(insides: Insides) -> Picture:
    """Return the distribution of the activations of each ReLU and each pool."""
    return picture(
        "Activations after each ReLU and each pool, for validation images. Zeros are left out of the bars and counted "
        "at the right; a dead unit is zero for every image, at every place. A layer has one scale in all plots.",
        _one_by_one(insides.activity, plot_activations),
    )


def pools_table(insides: Insides) -> Table:
    """Return what each pool does to the scale and to the zeros of its input."""
    rows = []
    for setting, lengths in insides.activity.items():
        for length, layers in lengths.items():
            before = None
            for name, layer in layers.items():
                if layer.scale_before == layer.scale_before:  # not NaN: a pool
                    zeros = f"{before.zeros:.0%}" if before is not None else "–"
                    change = layer.scale / layer.scale_before if layer.scale_before else 0.0
                    rows.append([f"{setting}, {length}", name, layer.kind, f"{layer.scale_before:.3g}",
                                 f"{layer.scale:.3g}", f"{change:.2f}", zeros, f"{layer.zeros:.0%}"])  # fmt: skip
                before = layer
    headings = (
        "network",
        "pool",
        "kind",
        "scale before",
        "scale after",
        "after / before",
        "zeros before",
        "zeros after",
    )
    return Table("What each pool does to its input (scale: the root mean square of all values)", headings, rows)


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
                ax.set_title(f"{network.setting}: {name}", fontsize=8, parse_math=False)
        return axes[0, 0]

    return picture(
        f"The first {MAPS} feature maps of one validation image: left before the first pool, right after it, on "
        "one scale.",
        [draw],
    )


def flow(insides: Insides) -> Picture:
    """Return the gradient by layer of each network."""
    images = insides.data.train[:GRADIENT_IMAGES]
    flows = {network.name: gradient_flow(network.model, images) for network in insides.networks}
    return picture(
        "The norm of the loss's gradient by layer, from input to output, on training images. A line is the mean of the "
        "batches, and a pale dot one batch.",
        [lambda: _wide(plot_gradient_flow, flows, "gradient_norm")],
    )


def _wide(draw: Callable, *arguments: Any) -> Axes:
    _, ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
    return draw(*arguments, ax=ax)


def weights(insides: Insides) -> Picture:
    """Return the distribution of the weights of each layer."""
    measured = insides.by_setting(
        lambda network: weight_distributions(
            network.model, network.run.model(0) if 0 in network.run.snapshots else None
        )
    )
    return picture(
        "The weights of each layer. Where the weights before training were kept, the share at the right says how far "
        "they have moved since. A layer has one scale in all plots.",
        _one_by_one(measured, plot_weights),
    )


def saliency_maps(insides: Insides) -> Picture:
    """Return saliency maps of the same images for each network."""
    split = insides.images(SALIENCY_IMAGES)
    networks = insides.longest

    def draw() -> Axes:
        maps = {network.name.replace(", ", "\n"): saliency(network.model, split.images) for network in networks}
        return plot_saliency(split, maps, titles=[split.classes[label] for label in split.labels])

    return picture(
        "Where each network's answer depends on the pixels (the gradient of the largest logit): bright is strong. Each "
        "map is divided by its own maximum. A map shows what an answer depends on, not why it is right.",
        [draw],
    )
