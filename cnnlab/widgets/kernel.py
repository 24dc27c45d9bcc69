"""KernelExperiment: compare kernel sizes over several seeds, with the confounds as switches."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import ipywidgets
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from cnnlab.comparison.compare import Comparison, compare
from cnnlab.comparison.html_table import decimals
from cnnlab.comparison.metrics import possible_range, value_at
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments import presets
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.kernel_sizes import along_with, kernel_experiments
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import bank, load_runs
from cnnlab.model.architecture import PADDINGS, POOLINGS
from cnnlab.plots.comparison import draw_comparison, split
from cnnlab.plots.style import PAGE, limits_within
from cnnlab.widgets.base import control_row, offer
from cnnlab.widgets.trainer import ON_COLAB, Trainer, check_base
from cnnlab.widgets.web.live_plot import LivePlot

BASES = {  # the experiments of notebook 01, which are in the results bank
    "digits": presets.KERNEL_DIGITS,
    "digits, 10 epochs": presets.KERNEL_DIGITS_LONG,
    "coarse patterns": presets.COARSE_PATTERNS,
    "fine patterns": presets.FINE_PATTERNS,
}
SIZES = (3, 5, 7)
CHANCE = 0.05  # at most, that a comparison says better or worse where the settings do not differ
HOW = "run panel.train() in a cell" if ON_COLAB else "press Start"


class KernelExperiment(Trainer):
    """Compare kernels of 3, 5 and 7 with a dot for each seed, intervals and verdicts; switches change the confounds.

    Runs of the results bank are shown at once. Start trains the missing ones; on Colab, `train()` does.
    `kernel_experiments`, `compare` and `plot_comparison` compute and draw the same.

    Parameters
    ----------
    base : Experiment
        An experiment of your own to start from; it is added to those of notebook 01.

    Attributes
    ----------
    data, sizes, padding, pooling, match_parameters, stack, seeds, metric, reference
        The controls. `sizes[3]` is a checkbox; `stack` puts two 3×3 convolutions in place of one.
    comparison : Comparison or None
        What is shown; None while runs are missing.
    tried : set
        The comparisons that were shown so far; the panel says how many, and what that means for a verdict.
    plot : LivePlot
        The picture.
    status : StatusLine
        The verdicts and the numbers of parameters in words.

    >>> panel = KernelExperiment()
    >>> panel.match_parameters.value = True
    """

    explained = ("padding", "pooling", "parameter", "seed", "noise floor", "interval", "cannot tell", "nat")

    def __init__(self, base: Experiment | None = None) -> None:
        if base is not None:
            check_base(base)
            if base.validation_size == 0:
                raise ConfigError("base: validation_size=0 leaves nothing to compare by; try validation_size=1000")
        super().__init__()
        self._bases = BASES if base is None else {"yours": base} | BASES
        self._trained: dict[str, Run] = {}
        self.comparison: Comparison | None = None
        self.tried: set[tuple] = set()
        self._make_controls()
        self.plot = LivePlot(PAGE, 3.6, label="")
        self._axes = self.plot.figure.subplots()
        self.status.layout.min_height = "6em"  # four lines, so that the rows below do not move
        self._frozen_for: tuple = ()
        self._halves, self._scale = split(self._axes), ((0.0, 1.0), (-1.0, 1.0))
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
            self.glossary,
        ]
        self._measure_speed()

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
        """Return the kernel sizes whose boxes are ticked."""
        return tuple(size for size, box in self.sizes.items() if box.value)

    def _planned(self, seeds: int) -> list[Experiment]:
        """Return all experiments of the comparison that the controls ask for, with this number of seeds."""
        base = self._bases[self.data.value].replace(padding=self.padding.value, pooling=self.pooling.value)
        return _plan(base, self._ticked(), self.match_parameters.value, self.stack.value, seeds)

    def _experiments(self) -> list[Experiment]:
        """Return the planned experiments that neither the bank nor this panel has trained."""
        known = self._known_runs()
        missing = [experiment for experiment in self._planned(self.seeds.value) if experiment.key not in known]
        if not missing:
            raise ConfigError("all of these runs are there; change a switch, or take more seeds")
        return missing

    def _known_runs(self) -> dict[str, Run]:
        """Return key → run: the runs of the results bank, and those that this panel has trained."""
        try:
            runs = _bank()
        except DataError:
            if self.data.value in BASES:
                raise
            runs = {}  # an experiment of your own needs no bank
        return runs | self._trained

    def _take(self, finished: Run) -> None:
        self._trained[finished.experiment.key] = finished

    def _begin_run(self, experiment: Experiment) -> None:  # noqa: ARG002 (what is said is of all runs)
        self._guarded(self._draw)  # how many are missing, and that they are being trained

    def _end_training(self) -> None:
        self._draw()

    def _draw(self) -> None:
        """Show the comparison, or how many of its runs are missing."""
        self.start.disabled = True
        if len(self._ticked()) < 2:
            self.comparison, words = None, "tick two sizes or more, to compare them"
            self._show(words)
            self._show_estimate([])
            raise ConfigError(words)
        planned, known = self._planned(self.seeds.value), self._known_runs()
        missing = [experiment for experiment in planned if experiment.key not in known]
        self.comparison, self.start.disabled = None, self._training or not missing
        names = {experiment.kernel_size: _name(experiment) for experiment in planned}
        offer(self.reference, [(name, size) for size, name in names.items()], otherwise=self._ticked()[0])
        if missing:
            how = "being trained" if self._training else HOW
            words = f"Not trained yet: {len(missing)} of {len(planned)} runs; {how}"
        else:
            words = self._compare(planned, known, names)
        self._show(words)
        each = (f"{_name(experiment)} {_parameters(experiment):,}" for experiment in planned if experiment.seed == 0)
        self.status.say(f"{words}. Parameters: {', '.join(each)}.{_tried_in_words(len(self.tried))}")
        self._show_estimate(missing)

    def _compare(self, planned: list[Experiment], known: dict[str, Run], names: dict[int, str]) -> str:
        """Compare the planned runs, and return the verdicts in words; raise ConfigError if all of a size diverged."""
        settings = {"along": along_with(planned), "metric": self.metric.value, "reference": self.reference.value}
        try:
            comparison = compare([known[experiment.key] for experiment in planned], by="kernel_size", **settings)
        except ConfigError:
            self._show("no number to compare: with these settings training diverged")
            raise
        self.comparison, self._scale = comparison, self._limits(known)
        if not all(math.isnan(level.low) for level in comparison.levels):  # else no verdict is possible
            of_two = len(names) == 2  # which are the same comparison, whichever is the reference
            runs = frozenset(experiment.key for experiment in planned)
            self.tried.add((runs, self.metric.value, None if of_two else self.reference.value))
        verdicts = "; ".join(f"{names[size]} {verdict}" for size, verdict in comparison.verdicts.items())
        beyond = " (an interval reaches beyond the picture)" if _reaches_beyond(comparison, self._scale) else ""
        return f"Against {names[self.reference.value]}: {verdicts}{beyond}"

    def _show(self, words: str) -> None:
        """Draw the comparison; the words, if there is none."""
        for ax in self._halves:
            _remove_artists(ax)
        if self.comparison is None:
            for ax in self._halves:
                ax.set_axis_off()
            self._axes.text(0.5, 0.5, words, ha="center", transform=self.plot.figure.transFigure, color="0.4")
            self._frozen_for = ()
            self.plot.freeze([])
        else:
            self._draw_comparison(self.comparison)
        self.plot.show(label=f"kernel sizes compared: {words}")

    def _draw_comparison(self, comparison: Comparison) -> None:
        """Draw the comparison. To be fast, draw the horizontal axes only if they have changed."""
        left, right = self._halves
        draw_comparison(comparison, left, right)
        for ax, limits in zip(self._halves, self._scale, strict=True):
            ax.set_axis_on()
            ax.set_xlim(limits)
        moving = [artist for ax in self._halves for artist in (*ax.patches, *ax.collections, *ax.lines)]
        moving.sort(key=Artist.get_zorder)
        words = [[label.get_text() for label in ax.get_yticklabels()] for ax in self._halves]
        widest = _widest_words(comparison)
        frozen_for = (self._scale, left.get_xlabel(), right.get_xlabel(), left.get_ylabel(), widest)
        if frozen_for != self._frozen_for:
            self._label_rows(widest)  # so that the layout fits all words to come
            for ax in self._halves:
                ax.set_subplotspec(ax.get_subplotspec())  # so that the layout does not depend on the one before
            self.plot.freeze([*moving, left.yaxis, right.yaxis])
            self._label_rows(words)
        # Not the axes themselves: they would also look for room for their labels, each time.
        self.plot.move([*moving, left.yaxis.label, *left.get_yticklabels(), *right.get_yticklabels()])
        self._frozen_for = frozen_for

    def _label_rows(self, words: Sequence[Sequence[str]]) -> None:
        """Write these words beside the rows, left and right."""
        for ax, labels in zip(self._halves, words, strict=True):
            ax.set_yticks(range(len(labels)), labels, parse_math=False)

    def _limits(self, known: dict[str, Run]) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the limits of both horizontal axes: every known seed of these settings fits, and most intervals do.

        They stay while the slider adds seeds, so that a person sees the intervals shrink.
        """
        keys = [experiment.key for experiment in self._planned(self.seeds.max)]
        values = [value_at(known[key], self.metric.value, "last") for key in keys if key in known]
        values = [value for value in values if value is not None]
        low, high = possible_range(self.metric.value)
        spread = max(values) - min(values)
        return limits_within(values, low, high), limits_within([-spread, spread], low - high, high - low)


def _reaches_beyond(comparison: Comparison, limits: tuple[tuple[float, float], tuple[float, float]]) -> bool:
    """Return whether an interval reaches beyond the limits: with two seeds it can be twelve times as wide as both."""
    low, high = limits[1]  # of the differences
    ends = [end for level in comparison.levels for end in (level.low, level.high)]
    return any(not low <= end <= high for end in ends if np.isfinite(end))


def _widest_words(comparison: Comparison) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return words left and right of the rows that are as wide as any that another number of seeds would give."""
    zero = f"{0:.{decimals(comparison.levels)}f}"
    left = tuple(f"{level.level}\n{zero} · 10 seeds" for level in comparison.levels)
    return left, (f"cannot tell: +{zero}\n+{zero} to +{zero}",) * len(left)


def _tried_in_words(count: int) -> str:
    """Say how many comparisons were tried, and what that means for a verdict; nothing for the first one."""
    if count < 2:
        return ""
    expected = CHANCE * count
    risk = f"the chance of one is up to {expected:.0%}" if expected < 1 else f"expect up to {expected:.0f}"
    return (
        f" Comparisons tried here: {count}. Where the size makes no difference, up to {100 * CHANCE:.0f} of 100 "
        f"comparisons still say better or worse; with {count} tries {risk}. Test a verdict that you searched for with "
        "new seeds."
    )


def _remove_artists(ax: Axes) -> None:
    """Remove what `draw_comparison` has drawn. Unlike `ax.clear()`, keep the ticks, which take longest to make."""
    for artist in (*ax.lines, *ax.collections, *ax.patches, *ax.texts, *filter(None, [ax.get_legend()])):
        artist.remove()


def _name(experiment: Experiment) -> str:
    """Return the kernel size in words."""
    size = f"{experiment.kernel_size}×{experiment.kernel_size}"
    return f"two {size}" if experiment.convs_per_block == 2 else size


@functools.lru_cache(maxsize=20)
def _plan(base: Experiment, sizes: tuple[int, ...], match: bool, stack: bool, seeds: int) -> list[Experiment]:
    """Return the experiments of `kernel_experiments` with this number of seeds."""
    return kernel_experiments(base, kernel_sizes=sizes, match_parameters=match, stack=stack, seeds=range(seeds))


@functools.lru_cache(maxsize=100)
def _parameters(experiment: Experiment) -> int:
    """Return the number of parameters of the network."""
    return sum(row.parameters for row in experiment.layer_table())


@functools.cache
def _bank() -> dict[str, Run]:
    """Return key → run of the results bank."""
    return {run.experiment.key: run for run in load_runs(bank("kernel_size"))}
