"""StoppingExplorer: a recorded training; where early stopping would have ended it, what that saves, what it costs."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import ipywidgets

from cnnlab.comparison.metrics import distinct
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs, bank, load_runs
from cnnlab.plots.early_stopping import StoppingPicture
from cnnlab.training.early_stopping import check_recording, stopping
from cnnlab.training.history import History
from cnnlab.widgets.base import Panel, control_row
from cnnlab.widgets.web.live_plot import LivePlot

NO_PATIENCE = "none"
MOST_PATIENCE = 50
MIN_DELTAS = (0, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)


class StoppingExplorer(Panel):
    """A panel: the curves of a recorded training, and where it would have stopped with this patience.

    recording: a History, a Run, or several runs, of which one is chosen in the panel. None takes five seeds of the
    results bank: 500 images, 350 epochs. All that it shows, `stopping` and `plot_stopping` can give too.
    Controls: recording, metric, epochs, patience (epochs, or "none"), min_delta; picture: plot; status.
    A run without a validation loss is left out, and the panel says so; ConfigError where none is left.

    >>> panel = StoppingExplorer()
    >>> panel.patience.value = 10
    """

    def __init__(self, recording: History | Run | Iterable[Run] | None = None) -> None:
        recordings, left_out = _recordings(_five_seeds() if recording is None else recording)
        super().__init__()
        self.recordings, self._left_out = recordings, left_out
        self._make_controls()
        self.plot = LivePlot(7.2, 3.7, label="loss over the epochs")
        self._draw_axes()
        self._watch(self.recording, self.epochs, self.patience, self.min_delta)
        self._watch(self.metric, then=self._draw_axes)
        controls = [self.metric, self.epochs, self.patience, self.min_delta]
        if len(self.recordings) > 1:
            controls.insert(0, self.recording)
        self.children = [control_row(*controls), self.plot, self.status]

    def _make_controls(self) -> None:
        self.recording = ipywidgets.Dropdown(options=list(self.recordings), description="recording")
        self.metric = ipywidgets.Dropdown(options=["loss", "accuracy"], description="metric")
        longest = max(map(len, self.recordings.values()))
        self.epochs = ipywidgets.IntSlider(longest, 1, longest, description="epochs")
        patiences = [NO_PATIENCE, *range(MOST_PATIENCE + 1)]
        options = [(str(one), one) for one in patiences]
        self.patience = ipywidgets.SelectionSlider(options=options, value=10, description="patience")
        self.min_delta = ipywidgets.SelectionSlider(
            options=[(f"{one:g}", one) for one in MIN_DELTAS], value=0, description="min_delta"
        )

    def _draw_axes(self) -> None:
        """Draw what stands still: the axes and the legend, for all recordings of this metric."""
        self.plot.figure.clear()
        axes = self.plot.figure.subplots()
        self._picture = StoppingPicture(list(self.recordings.values()), self.metric.value, axes)
        self.plot.freeze(self._picture.moving)
        self._draw()

    def _draw(self) -> None:
        history = self.recordings[self.recording.value]
        patience = None if self.patience.value == NO_PATIENCE else self.patience.value
        epochs = min(self.epochs.value, len(history))  # of several recordings, some may be shorter
        found = stopping(history, epochs=epochs, patience=patience, min_delta=self.min_delta.value)
        self._picture.show(history, found)
        self.plot.show(
            label=f"training and validation {self.metric.value} over {found.recorded} epochs; stopped after epoch "
            f"{found.stopped_in}, weights of epoch {found.kept.epoch} kept"
        )
        self.status.say(f"{found.words}{self._left_out}")


@functools.lru_cache(maxsize=1)
def _five_seeds() -> Runs:
    runs = load_runs(bank("experiment_a_mnist")).filter(epochs=350, optimizer="sgd", momentum=0.0)
    return runs.filter(kernel_size=5, pooling="avg")


def _recordings(given: History | Run | Iterable[Run]) -> tuple[dict[str, History], str]:
    """Return the recordings under the names that tell them apart, each training once, at its longest; who is left out.

    Trainings that differ in patience alone are one: the sliders say when it stops.
    """
    if isinstance(given, Run):
        given = given.history
    if isinstance(given, History) or not isinstance(given, Iterable):
        check_recording(given)
        return {"the recording": given}, ""
    longest = {_training(run): run for run in sorted(distinct(given), key=lambda run: len(run.history))}
    if not longest:
        raise ConfigError("there is nothing to show: got 0 runs; a filter may have left none")
    runs = Runs(filter(_has_recording, longest.values()))
    if not len(runs):
        check_recording(next(iter(longest.values())).history)
    without = len(longest) - len(runs)
    left_out = f" Left out: {without} of {len(longest)} recordings, without a validation loss." if without else ""
    length = ("epochs", "patience", "min_delta")  # of one and the same trajectory
    varied = [name for name, values in runs.values().items() if len(values) > 1 and name not in length]
    named = {}
    for run in sorted(runs, key=lambda run: run.experiment.seed):
        settings = run.experiment.resolved()
        named[", ".join(f"{name} {settings[name]}" for name in varied) or "the recording"] = run.history
    return named, left_out


def _training(run: Run) -> str:
    return run.experiment.replace(patience=None, min_delta=0.0).trajectory


def _has_recording(run: Run) -> bool:
    try:
        check_recording(run.history)
    except ConfigError:
        return False
    return True
