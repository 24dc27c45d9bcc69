"""OptimizerExplorer: walk down a surface with four optimizers, each with its own learning rate."""

from __future__ import annotations

import dataclasses
import functools

import ipywidgets
import numpy as np

from cnnlab.plots.descent import NAMES, add_losses, add_path, add_start, look_of, plot_surface, style_losses
from cnnlab.training.descent import Descent, descend, describe_descents
from cnnlab.training.surfaces import SURFACES, Surface
from cnnlab.widgets.base import TWO_COLUMNS, ChoiceSlider, Panel, control_row, flowing_row, in_columns
from cnnlab.widgets.web.live_plot import LivePlot

MOST_STEPS = 200
RATES = (*(float(f"{step}e{power}") for power in (-3, -2, -1, 0) for step in (1, 1.5, 2, 3, 5, 7)), 10.0)
STEP_X, STEP_Y = 0.5, 0.05  # of the start; the saddle's own start lies 0.05 beside its ridge
MAP, LOSSES = (4.7, 3.5), (3.1, 3.5)  # inches: the map is wide, because the ravine is
# The position of the axes, with room for their labels. To let matplotlib find it takes half the time.
PLACES = {
    MAP: {"left": 0.15, "right": 0.97, "bottom": 0.135, "top": 0.925},
    LOSSES: {"left": 0.21, "right": 0.94, "bottom": 0.135, "top": 0.925},
}


class OptimizerExplorer(Panel):
    """Show the paths of SGD, momentum, RMSprop and Adam on a surface, and the loss over their steps.

    `descend`, `plot_paths` and `plot_losses` compute and draw the same.

    Attributes
    ----------
    surface, start_x, start_y, momentum, steps
        The controls that all optimizers share.
    one_rate : Checkbox
        If ticked, all four learning rates move together.
    rates, shown : dict
        The learning rate and the checkbox of each optimizer: `rates["SGD"]`.
    map, losses : LivePlot
        The pictures.
    status : StatusLine
        How far each optimizer came, in words.

    >>> panel = OptimizerExplorer()
    >>> panel.one_rate.value = False
    >>> panel.rates["SGD"].value = 1.5   # one of `RATES`
    """

    explained = ("optimizer", "learning rate", "momentum")

    def __init__(self) -> None:
        super().__init__()
        self._walked: dict[str, tuple[dict, Descent]] = {}
        self._make_controls()
        self._make_pictures()
        self._last_moved = NAMES[0]
        self._draw()
        self._watch(self.surface, then=self._change_surface)
        self._watch(self.start_x, self.start_y, self.momentum, self.steps, *self.shown.values())
        self._watch(self.one_rate, then=self._tie_rates)
        for name, rate in self.rates.items():
            self._watch(rate, then=functools.partial(self._move_rate, name))
        rates = in_columns(list(self.rates.values()), TWO_COLUMNS)
        for rate in self.rates.values():
            rate.style.description_width = "9em"  # one width, so that equal rates are aligned
        self.children = [
            control_row(self.surface, self.start_x, self.start_y, self.momentum, self.steps, self.one_rate),
            rates,
            in_columns(list(self.shown.values()), "repeat(auto-fit, minmax(150px, 1fr))"),
            flowing_row(self.map, self.losses),
            self.status,
            self.glossary,
        ]

    def _make_controls(self) -> None:
        self.surface = ipywidgets.Dropdown(options=list(SURFACES), value="ravine", description="surface")
        self.start_x = ipywidgets.FloatSlider(description="start x")
        self.start_y = ipywidgets.FloatSlider(description="start y")
        self.momentum = ipywidgets.FloatSlider(0.9, min=0, max=0.99, step=0.01, description="momentum")
        self.steps = ipywidgets.IntSlider(80, 1, MOST_STEPS, description="steps")
        self.one_rate = ipywidgets.Checkbox(True, description="same learning rate for all", indent=False)
        options = [(f"{rate:g}", rate) for rate in RATES]
        self.rates = {name: ChoiceSlider(options=options, value=0.1, description=f"{name} rate") for name in NAMES}
        self.shown = {name: ipywidgets.Checkbox(True, description=f"show {name}", indent=False) for name in NAMES}

    def _make_pictures(self) -> None:
        self.map, self.losses = LivePlot(*MAP, label="map"), LivePlot(*LOSSES, label="loss")
        self._map_axes = self.map.figure.subplots(gridspec_kw=PLACES[MAP])
        axes = self.losses.figure.subplots(gridspec_kw=PLACES[LOSSES])
        self._loss_lines = {name: add_losses(axes, look_of(name)) for name in NAMES}
        style_losses(axes, MOST_STEPS).set_title("loss over the steps", fontsize=10)
        tight = {"handlelength": 1.6, "columnspacing": 1, "borderaxespad": 0}
        axes.legend(frameon=False, fontsize=8.5, ncols=2, loc="upper right", **tight)
        self.losses.freeze(list(self._loss_lines.values()), solve=False)
        self._draw_map()

    def _draw_map(self) -> None:
        """Draw the chosen surface, and set the limits, steps and values of the start's sliders for it."""
        surface = SURFACES[self.surface.value]
        self._map_axes.clear()
        plot_surface(_on_equal_scales(surface), ax=self._map_axes)
        self._paths = {name: add_path(self._map_axes, look_of(name)) for name in NAMES}
        self._start = add_start(self._map_axes)
        moving = [*(artist for path in self._paths.values() for artist in path), self._start]
        self.map.freeze(moving, solve=False)
        sides = (
            (self.start_x, surface.x_range, surface.start[0], STEP_X),
            (self.start_y, surface.y_range, surface.start[1], STEP_Y),
        )
        for slider, (low, high), start, step in sides:
            # In this order the page never has a value outside of its limits, which it would clip and send back: within
            # one message it takes them in any order. 0 lies within the limits of every surface.
            slider.value = 0
            with slider.hold_sync(), slider.hold_trait_notifications():
                slider.step, slider.min, slider.max = step, low, high
            slider.value = start

    def _change_surface(self) -> None:
        self._draw_map()
        self._draw()

    def _move_rate(self, name: str) -> None:
        """Take this optimizer's learning rate for all, if they move together, and draw."""
        self._last_moved = name
        self._tie_rates()

    def _tie_rates(self) -> None:
        """Set all rates to the one that was moved last, if they move together, and draw."""
        if self.one_rate.value:
            for rate in self.rates.values():
                rate.value = self.rates[self._last_moved].value
        self._draw()

    def _walk(self, name: str) -> Descent:
        """Return the path of this optimizer; the last one again, if none of its settings has changed."""
        settings = {
            "surface": self.surface.value,
            "optimizer": "sgd" if name == "momentum" else name.lower(),
            "learning_rate": self.rates[name].value,
            "momentum": self.momentum.value if name == "momentum" else 0.0,
            "steps": self.steps.value,
            "start": (self.start_x.value, self.start_y.value),
        }
        if name not in self._walked or self._walked[name][0] != settings:
            self._walked[name] = settings, descend(**settings)
        return self._walked[name][1]

    def _draw(self) -> None:
        descents = {name: self._walk(name) for name in NAMES if self.shown[name].value}
        words = describe_descents(descents)
        for name in NAMES:
            line, end = self._paths[name]
            places = descents[name].places.numpy() if name in descents else np.empty((0, 2))
            shares = descents[name].shares.numpy() if name in descents else np.empty(0)
            line.set_data(*places.T)
            end.set_data(*places[-1:].T)
            self._loss_lines[name].set_data(np.arange(len(shares)), shares)
        self._start.set_data([self.start_x.value], [self.start_y.value])
        names = ", ".join(descents) or "none"
        self.map.show(label=f"map of the {self.surface.value} with paths: {names}")
        self.losses.show(label=f"loss over {self.steps.value} steps: {names}")
        self.status.say(words)


def _on_equal_scales(surface: Surface) -> Surface:
    """Return the surface with a wider x or y range, so that a unit is as long on both axes of the map."""
    place = PLACES[MAP]
    width, height = MAP[0] * (place["right"] - place["left"]), MAP[1] * (place["top"] - place["bottom"])
    (left, right), (bottom, top) = surface.x_range, surface.y_range
    scale = max((right - left) / width, (top - bottom) / height)  # units an inch
    ranges = [
        ((low + high - inches * scale) / 2, (low + high + inches * scale) / 2)
        for low, high, inches in ((left, right, width), (bottom, top, height))
    ]
    return dataclasses.replace(surface, x_range=ranges[0], y_range=ranges[1])
