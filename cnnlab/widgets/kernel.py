"""KernelExperiment: kernel sizes compared with seeds, an interval and a verdict, and the confounds as switches."""

from __future__ import annotations

import functools

import ipywidgets
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from cnnlab.comparison.compare import Comparison, compare
from cnnlab.comparison.metrics import value_at
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments import presets
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.kernel_sizes import along_with, kernel_experiments
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import bank, load_runs
from cnnlab.model.cnn import PADDINGS, POOLINGS
from cnnlab.plots.runs import plot_comparison
from cnnlab.widgets.base import control_row, offer
from cnnlab.widgets.trainer import ON_COLAB, Trainer, check_base
from cnnlab.widgets.web.live_plot import LivePlot

BASES = {  # those of notebook 01, which the results bank has
    "digits": presets.KERNEL_DIGITS,
    "digits, 10 epochs": presets.KERNEL_DIGITS_LONG,
    "coarse patterns": presets.COARSE_PATTERNS,
    "fine patterns": presets.FINE_PATTERNS,
}
SIZES = (3, 5, 7)
HOW = "run panel.train() in a cell" if ON_COLAB else "press Start"


class KernelExperiment(Trainer):
    """A panel: kernels of 3, 5 and 7 compared, a dot a seed, interval and verdict; what else changes are switches.

    base: an Experiment of your own to start from, beside those of notebook 01. What the results bank holds is shown at
    once; what it lacks is trained by Start, or by `train()` on Colab. All that it shows, `kernel_experiments`,
    `compare` and `plot_comparison` give as well.
    Controls: data, sizes (a box for each size), padding, match_parameters, stack (two 3×3 for one), pooling, seeds,
    metric, reference; picture: plot; status. `comparison` is what is shown, None while runs are missing.

    >>> panel = KernelExperiment()
    >>> panel.match_parameters.value = True
    """

    def __init__(self, base: Experiment | None = None) -> None:
        if base is not None:
            check_base(base)
            if base.validation_size == 0:
                raise ConfigError("base: validation_size=0 leaves nothing to compare by; try validation_size=1000")
        super().__init__()
        self._bases = BASES if base is None else {"yours": base} | BASES
        self._trained: dict[str, Run] = {}
        self.comparison: Comparison | None = None
        self._make_controls()
        self.plot = LivePlot(6.4, 3.4, label="")
        self._axes = self.plot.figure.subplots()
        self.status.layout.min_height = "3em"  # two lines, so that nothing below them moves
        self._frozen_for, self._words_below = (), []
        self._scale = (0.0, 1.0)
        self._guarded(self._draw)
        self._watch(self.data, self.padding, self.match_parameters, self.stack, self.pooling, self.seeds)
        self._watch(self.metric, self.reference, *self.sizes.values())
        self.children = [
            control_row(self.data, self.padding, self.pooling),
            control_row(*self.sizes.values()),
            control_row(self.match_parameters, self.stack, self.seeds),
            control_row(self.metric, self.reference),
            self.plot,
            self.status,
            *self._train_rows(),
        ]

    def _make_controls(self) -> None:
        self.data = ipywidgets.Dropdown(options=list(self._bases), description="data")
        start = self._bases[self.data.value]
        self.padding = ipywidgets.Dropdown(options=list(PADDINGS), value=start.padding, description="padding")
        self.pooling = ipywidgets.Dropdown(options=list(POOLINGS), value=start.pooling, description="pooling")
        self.sizes = {size: ipywidgets.Checkbox(True, description=f"{size}×{size}", indent=False) for size in SIZES}
        self.match_parameters = ipywidgets.Checkbox(False, description="match parameters", indent=False)
        self.stack = ipywidgets.Checkbox(False, description="two 3×3 for one", indent=False)
        self.seeds = ipywidgets.IntSlider(5, 2, 10, description="seeds")
        self.metric = ipywidgets.Dropdown(options=["validation_accuracy", "validation_loss"], description="compared by")
        self.reference = ipywidgets.Dropdown(
            options=[(f"{size}×{size}", size) for size in SIZES], description="against"
        )

    def _ticked(self) -> tuple[int, ...]:
        return tuple(size for size, box in self.sizes.items() if box.value)

    def _planned(self, seeds: int) -> list[Experiment]:
        """Return every experiment of the comparison that the controls ask for, with so many seeds."""
        base = self._bases[self.data.value].replace(padding=self.padding.value, pooling=self.pooling.value)
        return _plan(base, self._ticked(), self.match_parameters.value, self.stack.value, seeds)

    def _experiments(self) -> list[Experiment]:
        """Return those that neither the bank nor this panel has trained."""
        missing = [one for one in self._planned(self.seeds.value) if one.key not in self._found()]
        if not missing:
            raise ConfigError("all of these runs are there; change a switch, or take more seeds")
        return missing

    def _found(self) -> dict[str, Run]:
        try:
            known = _bank()
        except DataError:
            if self.data.value in BASES:
                raise
            known = {}  # an experiment of one's own needs none of it
        return known | self._trained

    def _take(self, finished: Run) -> None:
        self._trained[finished.experiment.key] = finished
        self._guarded(self._draw)

    def _end_training(self) -> None:
        self._draw()

    def _draw(self) -> None:
        """Show the comparison, or how many runs it lacks."""
        self.start.disabled = True
        if len(self._ticked()) < 2:
            self.comparison, words = None, "tick two sizes or more, to compare them"
            self._show(words)
            raise ConfigError(words)
        planned, found = self._planned(self.seeds.value), self._found()
        missing = sum(one.key not in found for one in planned)
        counts = ", ".join(f"{_name(one)} {_parameters(one):,}" for one in planned if one.seed == 0)
        self.start.disabled = self._training or not missing
        self.comparison, names = None, {one.kernel_size: _name(one) for one in planned}
        offer(self.reference, [(name, size) for size, name in names.items()], otherwise=self._ticked()[0])
        if missing:
            how = "being trained" if self._training else HOW
            words = f"Not trained yet: {missing} of {len(planned)} runs; {how}"
        else:
            runs = [found[one.key] for one in planned]
            how = {"along": along_with(planned), "metric": self.metric.value, "reference": self.reference.value}
            try:
                self.comparison = compare(runs, by="kernel_size", **how)
            except ConfigError:  # all runs of a size diverged
                self._show("no number to compare: with these settings training diverged")
                raise
            told = (f"{names[size]} {verdict}" for size, verdict in self.comparison.verdicts.items())
            words = f"Against {names[self.reference.value]}: {'; '.join(told)}"
            self._scale = self._limits(found)
            if self._reaches_beyond():
                words += " (an interval reaches beyond the picture)"
        self._show(words)
        self.status.say(f"{words}. Parameters: {counts}.")

    def _show(self, words: str) -> None:
        ax = self._axes
        _empty(ax)
        if self.comparison is None:
            ax.set_axis_off()
            ax.text(0.5, 0.5, words, ha="center", transform=ax.transAxes, color="0.4")
            self._frozen_for = ()
            self.plot.freeze([])
        else:
            ax.set_axis_on()
            plot_comparison(self.comparison, ax=ax)
            ax.set_ylim(*self._scale)
            # The numbers move; the scale beside them stands still, and the words below until they are others: quicker.
            moving = sorted([*ax.patches, *ax.collections, *ax.lines], key=Artist.get_zorder)
            below = [ax.get_xlabel(), *(label.get_text() for label in ax.get_xticklabels())]
            stands = (self.metric.value, self._scale, below[0].count("\n"), ax.get_legend() is None)
            if stands == self._frozen_for:
                self.plot.move(moving)
            else:
                if ax.get_legend():
                    ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1))  # above: in nothing's way
                ax.xaxis.set_animated(True)
                self.plot.freeze(moving)
            if (stands, below) != (self._frozen_for, self._words_below):
                self.plot.freeze_on_top([ax.xaxis])
            self._frozen_for, self._words_below = stands, below
        self.plot.show(label=f"kernel sizes compared: {words}")

    def _limits(self, found: dict[str, Run]) -> tuple[float, float]:
        """Return the ends of the scale: all seeds that were ever trained with these settings fit, and most intervals.

        They stay while the slider adds seeds, so that one sees the intervals shrink.
        """
        keys = [one.key for one in self._planned(self.seeds.max)]
        values = [value_at(found[key], self.metric.value, "last") for key in keys if key in found]
        values = [value for value in values if value is not None]
        low, high = min(values), max(values)
        room = 0.75 * (high - low) or 0.05 * abs(high) or 0.05
        return low - room, high + room

    def _reaches_beyond(self) -> bool:
        """Return whether an interval is larger than the scale: with two seeds it can be twelve times their spread."""
        low, high = self._scale
        rows = [row for row in self.comparison.levels if np.isfinite(row.low)]  # beside the reference's mean, of the
        ends = [row.mean - row.difference + end for row in rows for end in (row.low, row.high)]  # same seeds
        return any(not low <= end <= high for end in ends)


def _empty(ax: Axes) -> None:
    """Take away what `plot_comparison` drew. Unlike `ax.clear()` it keeps the ticks, which take longest to make."""
    for artist in (*ax.lines, *ax.collections, *ax.patches, *ax.texts, *filter(None, [ax.get_legend()])):
        artist.remove()


def _name(experiment: Experiment) -> str:
    size = f"{experiment.kernel_size}×{experiment.kernel_size}"
    return f"two {size}" if experiment.convs_per_block == 2 else size


@functools.lru_cache(maxsize=20)
def _plan(base: Experiment, sizes: tuple[int, ...], match: bool, stack: bool, seeds: int) -> list[Experiment]:
    return kernel_experiments(base, kernel_sizes=sizes, match_parameters=match, stack=stack, seeds=range(seeds))


@functools.lru_cache(maxsize=100)
def _parameters(experiment: Experiment) -> int:
    return sum(row.parameters for row in experiment.layer_table())


@functools.cache
def _bank() -> dict[str, Run]:
    return {run.experiment.key: run for run in load_runs(bank("kernel_size"))}
