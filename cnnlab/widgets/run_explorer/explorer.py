"""RunExplorer: compare two trained runs from inside, with one slider for the epoch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import ipywidgets
import torch
from torch import Tensor

from cnnlab.comparison.comparable_runs import distinct
from cnnlab.comparison.settings import setting_names
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.model.convolution import format_number
from cnnlab.plots.images import montage
from cnnlab.widgets.base import (
    TWO_COLUMNS,
    ChoiceSlider,
    Panel,
    control_row,
    flowing_row,
    in_columns,
    offer,
    picture_row,
)
from cnnlab.widgets.examples import bank_runs
from cnnlab.widgets.run_explorer.curves import PLOT, WHICH, RunCurves
from cnnlab.widgets.run_explorer.side import Side
from cnnlab.widgets.web.canvas import PixelCanvas, grey_pixels, sequential_pixels
from cnnlab.widgets.web.live_plot import LivePlot

IMAGES = 30  # validation images to choose from
# The pictures of a run: its maps, twice as wide as high, and its saliency. The image stands at their right, or below.
FOUR_COLUMNS = "repeat(auto-fill, minmax(max(164px, calc((100% - 84px) / 4)), 1fr))"  # two on a narrow page
MAPS, SIDE = 330, 164  # CSS pixels, the width of the maps and of a single picture


class RunExplorer(Panel):
    """Show two runs after one epoch: loss, gradient flow, activations, weights, feature maps and saliency.

    `plot_history`, `plot_insides`, `capture`, `weight_distributions`, `plot_maps`, `saliency` and `receptive_field`
    compute and draw the same.

    Parameters
    ----------
    runs : iterable of Run
        What `sweep`, `load_runs` or `TrainingPanel.runs` returns; the runs that kept weights of two epochs or more can
        be chosen. None takes four runs of the results bank.

    Attributes
    ----------
    first, second, epoch, layer, image_index
        The controls.
    plot, distributions, input
        The curves, the histograms and the image.
    maps, saliency : tuple
        A picture for each run; `maps[0].cursor` is the [row, column] of the unit that is explained.
    status : StatusLine
        The answers and the unit in words.

    >>> panel = RunExplorer(sweep(grid(Experiment(), pooling=["max", "avg"]), snapshots=range(6), insides=True))
    >>> panel.epoch.value = 5
    """

    explained = ("nat", "gradient flow", "activation", "weight", "saliency map", "receptive field", "logits")

    def __init__(self, runs: Iterable[Run] | None = None) -> None:
        runs = distinct(bank_runs() if runs is None else runs)
        usable = [run for run in runs if len(run.snapshots) > 1]
        if len(usable) < 2:
            raise ConfigError(
                f"RunExplorer wants two runs that kept weights of two epochs or more, got {len(usable)} in "
                f"{len(runs)} runs; train them with sweep(…, snapshots=(0, 1, 5))"
            )
        super().__init__()
        self._sides = [Side(run, name) for run, name in zip(usable, _names(usable), strict=True)]
        self._cursors = [(0, 0), (0, 0)]  # (row, column) in the montage of each run
        self._pointed = (0, 3, 3)  # (unit, row, column), the same in both runs
        self._pointed_in = 0  # the place of the run that was pointed at last
        self.status.layout.min_height = "3em"  # two lines, so that the rows below do not move
        self._make_controls()
        self._make_pictures()
        self.first.value, self.second.value = self._first_pair()
        self._choose_pair()
        self._watch(self.first, self.second, then=self._choose_pair)
        self._watch(self.layer, then=self._choose_layer)
        self._watch(self.epoch, self.image_index)
        for place, canvas in enumerate(self.maps):
            self._watch(canvas, trait="cursor", then=lambda place=place: self._point(place))
        for canvas in self.maps:
            canvas.layout.grid_area = "auto / span 2"  # two columns; ipywidgets applies no grid_column
        (maps, saliency), (other_maps, other_saliency) = zip(self.maps, self.saliency, strict=True)
        # The controls stand between the curves and the pictures, so that both are in sight while a slider moves.
        self.children = [
            in_columns([self.first, self.second], TWO_COLUMNS),  # their names are long
            flowing_row(self.plot, self.distributions),
            control_row(self.layer, self.epoch, self.image_index),
            picture_row([maps, saliency, self.input, other_maps, other_saliency], FOUR_COLUMNS),
            self.status,
            self.glossary,
        ]

    def _make_controls(self) -> None:
        options = [(side.name, place) for place, side in enumerate(self._sides)]
        self.first = ipywidgets.Dropdown(options=options, value=0, description="first run")
        self.second = ipywidgets.Dropdown(options=options, value=1, description="second run")
        self.layer = ipywidgets.Dropdown(description="layer")
        self.epoch = ChoiceSlider(options=[0], description="after epoch")
        self.image_index = ipywidgets.IntSlider(0, 0, IMAGES - 1, description="image")

    def _make_pictures(self) -> None:
        self.plot = LivePlot(*PLOT, label="loss and gradient flow of both runs")
        self.distributions = LivePlot(*PLOT, label="activations and weights of both runs")
        self.input = PixelCanvas(title="Image", display_width=SIDE)
        self.maps = tuple(PixelCanvas(interactive=True, cursor=[0, 0], display_width=MAPS) for _ in range(2))
        hint = "yellow: moves the answer"
        self.saliency = tuple(PixelCanvas(caption=hint, display_width=SIDE) for _ in range(2))

    @property
    def _pair(self) -> tuple[Side, Side]:
        return self._sides[self.first.value], self._sides[self.second.value]

    def _choose_pair(self) -> None:
        """Offer the epochs and the layers that both runs have, keep the chosen ones if possible, and draw."""
        self._check_pair()
        first, second = self._pair
        epochs, layers = _in_common(first, second)
        if not epochs or not layers:
            raise ConfigError(f"{first.name} and {second.name} have no epoch with weights, or no layer, in common")
        self._images: Split = first.validation
        first_relu = next((name for name in layers if name.startswith("relu")), layers[0])
        offer(self.epoch, epochs, otherwise=epochs[-1])
        offer(self.layer, layers, otherwise=first_relu)
        self.image_index.max = min(IMAGES, len(self._images)) - 1
        self._choose_layer()

    def _first_pair(self) -> tuple[int, int]:
        """Return the places of two runs that can be compared, if possible with different settings; else (0, 1)."""
        settings = [side.run.experiment.setting for side in self._sides]
        pairs = itertools.combinations(range(len(settings)), 2)
        pairs = sorted(pairs, key=lambda pair: settings[pair[0]] == settings[pair[1]])  # different settings first
        return next((pair for pair in pairs if _can_be_compared(*(self._sides[place] for place in pair))), (0, 1))

    def _check_pair(self) -> None:
        """Raise ConfigError unless both runs were trained on the same data."""
        first, second = self._pair
        if not _same_data(first, second):
            names = f"{first.name} and {second.name}"
            raise ConfigError(f"{names} were trained on different data; choose two of one data set")

    def _choose_layer(self) -> None:
        """Draw the axes for this pair of runs and this layer, then the epoch on them."""
        self._check_pair()
        self._curves = RunCurves(self.plot, self.distributions, self._pair, self.layer.value)
        self._draw()

    def _point(self, place: int) -> None:
        """Explain the unit, and the place in its map, at the cursor of the picture of this run."""
        side, canvas = self._pair[place], self.maps[place]
        count, height, width = side.maps(self.epoch.value, self.layer.value, self._image()).shape
        columns = _columns(count)
        row, column = canvas.cursor
        # An arrow key may move the cursor into the gap between two maps: go on in the same direction.
        old_row, old_column = self._cursors[place]
        row += (row % (height + 1) == 0) * (1 if row > old_row else -1)
        column += (column % (width + 1) == width) * (1 if column > old_column else -1)
        across = min(max(column, 0) // (width + 1), columns - 1)
        down = max(row, 0) // (height + 1)
        unit = min(down * columns + across, count - 1)
        row = min(max(row - unit // columns * (height + 1) - 1, 0), height - 1)
        column = min(max(column - unit % columns * (width + 1), 0), width - 1)
        self._pointed, self._pointed_in = (unit, row, column), place
        self._draw()

    def _image(self) -> Split:
        """Return the chosen image, as a Split of one image."""
        return self._images[self.image_index.value]

    def _draw(self) -> None:
        self._check_pair()
        epoch, layer, image, pair = self.epoch.value, self.layer.value, self._image(), self._pair
        maps = [side.maps(epoch, layer, image) for side in pair]  # (C, H, W) each
        pointed = self._pointed_within(maps)
        fields = [side.field(layer, *pointed) for side in pair]  # a larger kernel has a larger field
        saliency = [side.saliency(epoch, image) for side in pair]
        words = self._in_words(maps, pointed, fields)

        self._curves.move_to(epoch)
        self._show_image(image, fields[self._pointed_in])
        self._show_maps(maps, pointed)
        self._show_saliency(saliency)
        self.status.say(words)

    def _pointed_within(self, maps: list[Tensor]) -> tuple[int, int, int]:
        """Return the (unit, row, column) that is explained, or the nearest one that the maps of both runs have."""
        sizes = zip(*(values.shape for values in maps), strict=True)
        unit, row, column = (
            min(place, *(size - 1 for size in pair)) for place, pair in zip(self._pointed, sizes, strict=True)
        )
        return unit, row, column

    def _in_words(self, maps: list[Tensor], pointed: tuple[int, int, int], fields: list[tuple]) -> str:
        """Describe the answers of both runs, and the values and the receptive fields of the unit that is explained."""
        epoch, layer, pair = self.epoch.value, self.layer.value, self._pair
        answers = "; ".join(f"{side.name} reads {side.answer(epoch, self._image())}" for side in pair)
        values = " and ".join(format_number(float(values[pointed])) for values in maps)
        unit, row, column = pointed
        return (
            f"After epoch {epoch}: {answers}. {layer}, unit {unit}, row {row}, column {column}: {values}; it sees "
            f"{_fields_in_words(fields)}."
        )

    def _show_image(self, image: Split, field: tuple[int, int, int, int]) -> None:
        """Show the image, and frame the pixels that the unit depends on."""
        top, left, bottom, right = field
        name = image.classes[int(image.labels[0])]
        self.input.show(
            grey_pixels(image.pixels[0].mean(0)),
            rectangle=[top, left, bottom - top, right - left],
            caption=f"a {name}; the frame is what the {WHICH[self._pointed_in]} run's unit sees",
            label=f"image {self.image_index.value}, a {name}",
        )

    def _show_maps(self, maps: list[Tensor], pointed: tuple[int, int, int]) -> None:
        """Show the feature maps of both runs on one scale, with the cursors at the unit that is explained."""
        layer, (unit, row, column) = self.layer.value, pointed
        limit = max(float(values.max()) for values in maps)
        zero = "dark 0" if min(float(values.min()) for values in maps) >= 0 else "dark 0 or less"
        for place, (canvas, values, side) in enumerate(zip(self.maps, maps, self._pair, strict=True)):
            picture, corners = _montage(values)
            self._cursors[place] = (corners[unit][0] + row, corners[unit][1] + column)
            canvas.show(
                sequential_pixels(picture, limit),
                cursor=list(self._cursors[place]),
                title=f"{layer}: {side.name}",
                caption=f"{zero}, yellow {format_number(limit)}; point, or use the arrow keys",
                label=f"maps of {layer}, {side.name}; the arrow keys move the cursor",
            )

    def _show_saliency(self, saliency: list[Tensor]) -> None:
        """Show the saliency maps (H, W) of both runs, each on its own scale."""
        for canvas, values, which in zip(self.saliency, saliency, WHICH, strict=True):
            title = f"Saliency, {which} run"
            canvas.show(sequential_pixels(values, float(values.max())), title=title, label=f"{title}, for its answer")


def _same_data(first: Side, second: Side) -> bool:
    """Return whether both runs were trained on the same data."""
    return first.run.experiment.of_data() == second.run.experiment.of_data()


def _in_common(first: Side, second: Side) -> tuple[list[int], list[str]]:
    """Return the epochs and the layers that both runs have."""
    epochs = sorted({*first.run.snapshots} & {*second.run.snapshots})
    return epochs, [name for name in first.layers if name in second.layers]


def _can_be_compared(first: Side, second: Side) -> bool:
    """Return whether two runs have the same data, and an epoch and a layer in common."""
    return _same_data(first, second) and all(_in_common(first, second))


def _fields_in_words(fields: list[tuple[int, int, int, int]]) -> str:
    """Describe the receptive fields of a unit in both runs; once, if they are equal."""
    words = [_field_in_words(*field) for field in fields]
    if words[0] == words[1]:
        return words[0]
    return ", and ".join(f"in the {which} run {field}" for which, field in zip(WHICH, words, strict=True))


def _field_in_words(top: int, left: int, bottom: int, right: int) -> str:
    """Describe the rows and the columns of a receptive field."""
    return f"rows {top} to {bottom - 1}, columns {left} to {right - 1}" if bottom > top else "nothing"


def _names(runs: list[Run]) -> list[str]:
    """Return a name for each run: its setting, and its seed if the seeds differ."""
    seeds = [run.experiment.seed for run in runs]
    names = setting_names(runs)
    if len(set(seeds)) == 1:
        return names
    return [f"{name}, seed={seed}" for name, seed in zip(names, seeds, strict=True)]


def _montage(maps: Tensor) -> tuple[Tensor, list[tuple[int, int]]]:
    """Return maps (C, H, W) as one picture (H, W), and the corner (top, left) of each map in it."""
    picture, corners = montage(maps.numpy()[..., None], _columns(len(maps)), gap=1)
    return torch.from_numpy(picture[..., 0]), corners


def _columns(maps: int) -> int:
    """Return how many maps are in a row of a montage of this many, so that it is about twice as wide as high."""
    return math.ceil(math.sqrt(2 * maps))
