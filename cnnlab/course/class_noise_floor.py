"""ClassNoiseFloor: draw the noise floor of a class, and draw it anew when a student's runs arrive."""

from __future__ import annotations

import os
import time
import warnings

import ipywidgets

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice, counted
from cnnlab.comparison.noise_floor import noise_floor
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs, load_runs
from cnnlab.files import check_path, folder_version
from cnnlab.plots.noise_floor import plot_noise_floor
from cnnlab.plots.style import axis_label
from cnnlab.training.history import METRICS
from cnnlab.widgets.base import Panel
from cnnlab.widgets.web.live_plot import LivePlot

PAUSE = 1.0  # seconds between two looks into the folder


class ClassNoiseFloor(Panel):
    """Show the runs of a class, one dot a seed, and the noise floor that they make.

    Each student trains one seed of the same setting and puts her store, or a .zip of it, into one folder.
    `plot_noise_floor(load_runs(folder))` draws the same. Runs of another setting than most are left out and named.

    Parameters
    ----------
    folder : path
        The folder with the stores.
    metric : str
        What is measured, such as "validation_accuracy".

    Attributes
    ----------
    look : Button
        Reads the folder anew.
    runs : Runs
        Those in it that have the setting of most.
    left_out : list of str
        The others: the seed of each, and which fields differ.
    plot : LivePlot
        The picture.
    status : StatusLine
        The noise floor in words.

    >>> panel = ClassNoiseFloor("class")
    >>> panel            # in one cell
    >>> panel.follow()   # in the next one: new runs appear until you press ■
    """

    def __init__(self, folder: str | os.PathLike, *, metric: str = "validation_accuracy") -> None:
        self.folder, self.metric = check_path("folder", folder), metric
        check_choice("metric", metric, METRICS)
        super().__init__()
        self.look = ipywidgets.Button(description="Look again")
        self.look.on_click(lambda _: self._guarded(self._draw))
        self.plot = LivePlot(6.0, 3.4, label="no run yet")
        self.runs, self.left_out = Runs([]), list[str]()
        with self._lock:
            self._draw()
        self.children = [self.look, self.plot, self.status]

    def follow(self, seconds: float = 3000) -> None:
        """Draw whenever the folder has changed, until the person interrupts the cell, or until the time is over.

        Parameters
        ----------
        seconds : float
            How long.
        """
        check_arguments(ClassNoiseFloor.follow, {"seconds": seconds}, seconds=0.0)
        end, shown = time.monotonic() + seconds, None
        try:
            while time.monotonic() < end:
                if (version := folder_version(self.folder)) != shown:
                    self._guarded(self._draw)
                    shown = version
                time.sleep(min(PAUSE, max(0.0, end - time.monotonic())))
        except KeyboardInterrupt:
            self.status.say(f"{self._words()} No longer followed.")

    def _draw(self) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.runs, self.left_out = _of_the_usual_setting(load_runs(self.folder))
        self.plot.figure.clear()
        if len(self.runs):
            plot_noise_floor(self.runs, metric=self.metric, ax=self.plot.figure.subplots())
        self.plot.freeze([])
        self.plot.show(label=self._words())
        left_out = [f"Left out: {'; '.join(self.left_out)}."] if self.left_out else []
        self.status.say(" ".join([self._words(), *left_out, *(f"{warning.message}." for warning in caught)]))

    def _words(self) -> str:
        """Return the noise floor in words."""
        count = len({run.experiment.seed for run in self.runs})
        if count < 2:
            return f"{counted(count, 'seed')}: a noise floor needs two or more."
        floor = noise_floor(self.runs, metric=self.metric)
        return f"{count} seeds, noise floor of the {axis_label(self.metric)}: {floor:.4f}."


def _of_the_usual_setting(runs: Runs) -> tuple[Runs, list[str]]:
    """Return the runs that have the setting of most, and of each other run its seed with the fields that differ."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.experiment.setting, []).append(run)
    usual, *others = sorted(groups.values(), key=len, reverse=True) or [[]]
    return Runs(usual), [_what_differs(run.experiment, usual[0].experiment) for group in others for run in group]


def _what_differs(experiment: Experiment, usual: Experiment) -> str:
    """Say in which fields an experiment differs from the usual one, such as "seed 7 has train_size=2000"."""
    settings = experiment.resolved().items() - usual.replace(seed=experiment.seed).resolved().items()
    words = ", ".join(f"{name}={value!r}" for name, value in sorted(settings))
    return f"seed {experiment.seed} has {words}"
