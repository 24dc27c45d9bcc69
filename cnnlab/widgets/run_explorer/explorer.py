"""RunExplorer: two trained runs side by side, one slider of epochs for all that goes on inside them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import ipywidgets
import torch
from torch import Tensor

from cnnlab.comparison.metrics import distinct
from cnnlab.comparison.settings import setting_names
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.model.convolution import write_number
from cnnlab.plots.images import montage
from cnnlab.widgets.base import TWO_COLUMNS, Panel, control_row, in_columns, offer, picture_row
from cnnlab.widgets.examples import bank_runs
from cnnlab.widgets.run_explorer.curves import RunCurves
from cnnlab.widgets.run_explorer.side import Side
from cnnlab.widgets.web.canvas import PixelCanvas, grey_pixels, sequential_pixels
from cnnlab.widgets.web.live_plot import LivePlot

IMAGES = 30  # to choose from
COLUMNS = 4  # maps side by side
WHICH = ("first", "second")


class RunExplorer(Panel):
    """A panel: two runs and one epoch slider; loss, gradient flow, activations, weights, maps and saliency of both.

    runs: what `sweep`, `load_runs` or `TrainingPanel.runs` gives; those with weights after two epochs or more can be
    chosen. None takes four of the results bank. All that it shows, plain functions give as well: `plot_history`,
    `plot_insides`, `capture`, `weight_distributions`, `plot_maps`, `saliency`, `receptive_field`.
    Controls: first, second, epoch, layer, image_index, and the cursor of each of the two `maps`; pictures: plot,
    input, maps and saliency (a pair each); status.

    >>> panel = RunExplorer(sweep(grid(Experiment(), pooling=["max", "avg"]), snapshots=range(6), insides=True))
    >>> panel.epoch.value = 5
    """

    def __init__(self, runs: Iterable[Run] | None = None) -> None:
        found = distinct(bank_runs() if runs is None else runs)
        usable = [run for run in found if len(run.snapshots) > 1]
        if len(usable) < 2:
            raise ConfigError(
                f"RunExplorer wants two runs that kept weights of two epochs or more, got {len(usable)} in "
                f"{len(found)} runs; train them with sweep(…, snapshots=(0, 1, 5))"
            )
        super().__init__()
        self._sides = [Side(run, name) for run, name in zip(usable, _names(usable), strict=True)]
        self._cursors = [(0, 0), (0, 0)]  # where the cursors of both montages stand
        self._pointed = (0, 3, 3)  # unit, row and column of its map
        self._pointed_in = 0  # the first run's, or the second's
        self.status.layout.min_height = "3em"  # two lines, so that nothing below them moves
        self._make_controls()
        self._make_pictures()
        self.first.value, self.second.value = self._first_pair()
        self._choose_pair()
        self._watch(self.first, self.second, then=self._choose_pair)
        self._watch(self.layer, then=self._choose_layer)
        self._watch(self.epoch, self.image_index)
        for place, canvas in enumerate(self.maps):
            self._watch(canvas, trait="cursor", then=lambda place=place: self._point(place))
        self.children = [
            in_columns([self.first, self.second], TWO_COLUMNS),  # their names are long
            control_row(self.layer, self.epoch, self.image_index),
            self.plot,
            picture_row([self.input, *self.maps], "minmax(0, 2fr) minmax(0, 4fr) minmax(0, 4fr)"),
            picture_row(list(self.saliency), "repeat(2, minmax(0, 13em))"),
            self.status,
        ]

    def _make_controls(self) -> None:
        options = [(side.name, place) for place, side in enumerate(self._sides)]
        self.first = ipywidgets.Dropdown(options=options, value=0, description="first run")
        self.second = ipywidgets.Dropdown(options=options, value=1, description="second run")
        self.layer = ipywidgets.Dropdown(description="layer")
        self.epoch = ipywidgets.SelectionSlider(options=[0], description="after epoch")
        self.image_index = ipywidgets.IntSlider(0, 0, IMAGES - 1, description="image")

    def _make_pictures(self) -> None:
        self.plot = LivePlot(8.2, 4.2, label="loss, gradient flow, activations and weights of both runs")
        self.input = PixelCanvas(title="Image")
        self.maps = tuple(PixelCanvas(interactive=True, cursor=[0, 0], display_width=400) for _ in range(2))
        self.saliency = tuple(PixelCanvas(caption="yellow: moves its answer most") for _ in range(2))

    @property
    def _pair(self) -> tuple[Side, Side]:
        return self._sides[self.first.value], self._sides[self.second.value]

    def _choose_pair(self) -> None:
        """Offer the epochs and the layers that both runs have, and keep what was chosen where it is among them."""
        self._check_pair()
        one, other = self._pair
        epochs, layers = _in_common(one, other)
        if not epochs or not layers:
            raise ConfigError(f"{one.name} and {other.name} have no epoch with weights, or no layer, in common")
        self._images: Split = one.validation
        first_relu = next((name for name in layers if name.startswith("relu")), layers[0])
        offer(self.epoch, epochs, otherwise=epochs[-1])
        offer(self.layer, layers, otherwise=first_relu)
        self.image_index.max = min(IMAGES, len(self._images)) - 1
        self._choose_layer()

    def _first_pair(self) -> tuple[int, int]:
        """Return the places of the first two runs that can stand side by side, in two settings where there are such."""
        settings = [side.run.experiment.replace(seed=0) for side in self._sides]
        pairs = itertools.combinations(range(len(settings)), 2)
        pairs = sorted(pairs, key=lambda pair: settings[pair[0]] == settings[pair[1]])  # two settings first
        return next((pair for pair in pairs if _can_stand_together(*(self._sides[at] for at in pair))), (0, 1))

    def _check_pair(self) -> None:
        """Raise ConfigError unless both runs were trained on the same data: nothing is drawn until they were."""
        one, other = self._pair
        if not _same_data(one, other):
            raise ConfigError(f"{one.name} and {other.name} were trained on different data; choose two of one data set")

    def _choose_layer(self) -> None:
        """Draw the axes for this pair and this layer; the epochs then only move the lines on them."""
        self._check_pair()
        self._curves = RunCurves(self.plot, self._pair, self.layer.value)
        self._draw()

    def _point(self, place: int) -> None:
        """Take the unit, and the place in its map, that the cursor of one of the two pictures is at."""
        side, canvas = self._pair[place], self.maps[place]
        count, height, width = side.maps(self.epoch.value, self.layer.value, self._image()).shape
        row, column = canvas.cursor
        # Whoever goes by keys comes to the gap between two maps, and goes on in the same direction.
        old_row, old_column = self._cursors[place]
        row += (row % (height + 1) == 0) * (1 if row > old_row else -1)
        column += (column % (width + 1) == width) * (1 if column > old_column else -1)
        across = min(max(column, 0) // (width + 1), COLUMNS - 1)
        down = max(row, 0) // (height + 1)
        unit = min(down * COLUMNS + across, count - 1)
        row = min(max(row - unit // COLUMNS * (height + 1) - 1, 0), height - 1)
        column = min(max(column - unit % COLUMNS * (width + 1), 0), width - 1)
        self._pointed, self._pointed_in = (unit, row, column), place
        self._draw()

    def _image(self) -> Split:
        return self._images[self.image_index.value]

    def _draw(self) -> None:
        self._check_pair()
        epoch, layer, image = self.epoch.value, self.layer.value, self._image()
        pair = self._pair
        maps = [side.maps(epoch, layer, image) for side in pair]
        unit, row, column = (min(at, *(one.shape[axis] - 1 for one in maps)) for axis, at in enumerate(self._pointed))
        fields = [side.field(layer, unit, row, column) for side in pair]  # a larger kernel sees more
        top, left, bottom, right = fields[self._pointed_in]
        limit = max(float(one.max()) for one in maps)
        maps_of_saliency = [side.saliency(epoch, image) for side in pair]
        answers = [side.answer(epoch, image) for side in pair]
        words = [f"{side.name} reads {answer}" for side, answer in zip(pair, answers, strict=True)]
        values = " and ".join(write_number(float(one[unit, row, column])) for one in maps)
        true = image.classes[int(image.labels[0])]

        self._curves.move_to(epoch)
        self.input.show(
            grey_pixels(image.pixels[0].mean(0)),
            rectangle=[top, left, bottom - top, right - left],
            caption=f"a {true}; the frame is what the {WHICH[self._pointed_in]} run's unit sees",
            label=f"image {self.image_index.value}, a {true}",
        )
        zero = "dark 0" if min(float(one.min()) for one in maps) >= 0 else "dark 0 or less"
        for place, (canvas, one, side) in enumerate(zip(self.maps, maps, pair, strict=True)):
            picture, corners = _montage(one)
            self._cursors[place] = (corners[unit][0] + row, corners[unit][1] + column)
            canvas.show(
                sequential_pixels(picture, limit),
                cursor=list(self._cursors[place]),
                title=f"{layer}: {side.name}",
                caption=f"{zero}, yellow {write_number(limit)}; point at a unit, or use the arrow keys",
                label=f"maps of {layer}, {side.name}; the arrow keys move the cursor",
            )
        for canvas, one, which in zip(self.saliency, maps_of_saliency, WHICH, strict=True):
            title = f"Saliency, {which} run"
            canvas.show(sequential_pixels(one, float(one.max())), title=title, label=f"{title}, for its answer")
        where = [_where(*field) for field in fields]
        if where[0] == where[1]:
            told = where[0]
        else:
            told = ", and ".join(f"in the {which} run {one}" for which, one in zip(WHICH, where, strict=True))
        self.status.say(
            f"After epoch {epoch}: {'; '.join(words)}. {layer}, unit {unit}, row {row}, column {column}: {values}; it "
            f"sees {told}."
        )


def _same_data(one: Side, other: Side) -> bool:
    return one.run.experiment.of_data() == other.run.experiment.of_data()


def _in_common(one: Side, other: Side) -> tuple[list[int], list[str]]:
    """Return the epochs and the layers that both runs have."""
    epochs = sorted({*one.run.snapshots} & {*other.run.snapshots})
    return epochs, [name for name in one.layers if name in other.layers]


def _can_stand_together(one: Side, other: Side) -> bool:
    return _same_data(one, other) and all(_in_common(one, other))


def _where(top: int, left: int, bottom: int, right: int) -> str:
    return f"rows {top} to {bottom - 1}, columns {left} to {right - 1}" if bottom > top else "nothing"


def _names(runs: list[Run]) -> list[str]:
    """Return a name for each run: the setting's, and the seed's where there are several."""
    seeds = [run.experiment.seed for run in runs]
    names = setting_names(runs)
    if len(set(seeds)) == 1:
        return names
    return [f"{name}, seed={seed}" for name, seed in zip(names, seeds, strict=True)]


def _montage(maps: Tensor) -> tuple[Tensor, list[tuple[int, int]]]:
    picture, corners = montage(maps.numpy()[..., None], COLUMNS, gap=1)
    return torch.from_numpy(picture[..., 0]), corners
