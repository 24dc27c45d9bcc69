"""StoppingExplorer: see where early stopping would have ended a recorded training, what it saves and what it costs."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import ipywidgets

from cnnlab.comparison.comparable_runs import distinct
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs, bank, load_runs
from cnnlab.plots.early_stopping import StoppingPicture
from cnnlab.plots.style import PAGE
from cnnlab.training.early_stopping import check_recording, stopping
from cnnlab.training.history import History
from cnnlab.widgets.base import ChoiceSlider, Panel, control_row
from cnnlab.widgets.web.live_plot import LivePlot

NO_PATIENCE = "none"
MOST_PATIENCE = 50  # epochs
VIEWS = (25, 50, 100, 200)  # epochs that the picture may show, besides all of them
# Epochs that the recording may have, besides all of them: a press of a key moves by a step that a person would choose.
LENGTHS = (*range(1, 20), *range(20, 50, 5), *range(50, 100, 10), *range(100, 1000, 25), *range(1000, 10_001, 100))
MIN_DELTAS = (0, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)


class StoppingExplorer(Panel):
    """Show the curves of a recorded training, and where early stopping would have ended it.

    `stopping` and `plot_stopping` compute and draw the same.

    Parameters
    ----------
    recording : History, Run or iterable of Run
        The recordings, of which one is chosen in the panel; None takes five seeds of the results bank, trained for 350
        epochs on 500 images. A run without a validation loss is left out, and the panel says so. Raises ConfigError if
        no recording is left.

    Attributes
    ----------
    recording, metric, epochs, patience, min_delta, view
        The controls; `patience` is a number of epochs or "none", `view` the number of epochs that the picture shows.
    plot : LivePlot
        The picture.
    status : StatusLine
        The result in words.

    >>> panel = StoppingExplorer()
    >>> panel.patience.value = 10
    """

    explained = ("early stopping", "patience", "validation set", "seed", "nat")

    def __init__(self, recording: History | Run | Iterable[Run] | None = None) -> None:
        recordings, left_out = _recordings(_five_seeds() if recording is None else recording)
        super().__init__()
        self.recordings, self._left_out = recordings, left_out
        self._make_controls()
        self.plot = LivePlot(PAGE, 4.0, label="loss over the epochs")
        self._draw_axes()
        self._watch(self.recording, self.epochs, self.patience, self.min_delta)
        self._watch(self.metric, self.view, then=self._draw_axes)
        controls = [self.metric, self.epochs, self.patience, self.min_delta]
        if len(self.recordings) > 1:
            controls.insert(0, self.recording)
        if len(self.view.options) > 1:
            controls.append(self.view)
        self.children = [control_row(*controls), self.plot, self.status, self.glossary]

    def _make_controls(self) -> None:
        self.recording = ipywidgets.Dropdown(options=list(self.recordings), description="recording")
        self.metric = ipywidgets.Dropdown(options=["loss", "accuracy"], description="metric")
        longest = max(map(len, self.recordings.values()))
        lengths = [*(epochs for epochs in LENGTHS if epochs < longest), longest]
        self.epochs = ChoiceSlider(options=lengths, value=longest, description="epochs")
        patiences = [(str(patience), patience) for patience in (NO_PATIENCE, *range(MOST_PATIENCE + 1))]
        min_deltas = [(f"{min_delta:g}", min_delta) for min_delta in MIN_DELTAS]
        self.patience = ChoiceSlider(options=patiences, value=10, description="patience")
        self.min_delta = ChoiceSlider(options=min_deltas, value=0, description="min_delta")
        views = [*(epochs for epochs in VIEWS if epochs < longest), longest]
        self.view = ChoiceSlider(options=views, value=self._enough(views), description="show up to epoch")

    def _enough(self, views: list[int]) -> int:
        """Return the first view in which every recording stops, by the rule that the sliders begin with."""
        rule = {"patience": self.patience.value, "min_delta": self.min_delta.value}
        last = max(stopping(history, **rule).stopped_in for history in self.recordings.values())
        return next(view for view in views if view >= last)

    def _draw_axes(self) -> None:
        """Draw the axes and the legend, the same for all recordings of this metric and view; then the recording."""
        self.plot.figure.clear()
        axes = self.plot.figure.subplots()
        self._picture = StoppingPicture(list(self.recordings.values()), self.metric.value, axes)
        self._picture.set_limits(self.view.value)
        self.plot.freeze(self._picture.moving)
        self._draw()

    def _draw(self) -> None:
        history = self.recordings[self.recording.value]
        patience = None if self.patience.value == NO_PATIENCE else self.patience.value
        epochs = min(self.epochs.value, len(history))  # another recording may be longer
        result = stopping(history, epochs=epochs, patience=patience, min_delta=self.min_delta.value)
        self._picture.show(history, result)
        self.plot.show(
            label=f"training and validation {self.metric.value} over {result.recorded} epochs; stopped after epoch "
            f"{result.stopped_in}, weights of epoch {result.kept.epoch} kept"
        )
        beyond = " This is beyond the picture: show more epochs." if result.stopped_in > self.view.value else ""
        diverged = f" All its epochs: {history.message}." if history.diverged else ""
        self.status.say(f"{result.words}{beyond}{diverged}{self._left_out}")


@functools.lru_cache(maxsize=1)
def _five_seeds() -> Runs:
    """Return the runs of five seeds in the results bank that differ in nothing else."""
    runs = load_runs(bank("experiment_a_mnist")).filter(epochs=350, optimizer="sgd", momentum=0.0)
    return runs.filter(kernel_size=5, pooling="avg")


def _recordings(given: History | Run | Iterable[Run]) -> tuple[dict[str, History], str]:
    """Return name → recording, and the words that say how many runs are left out.

    Of runs that differ in length or in early stopping alone, the longest is taken: the sliders say when it stops.
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
    length = ("epochs", "patience", "min_delta")  # runs that differ in these alone are one recording
    varied = [name for name, values in runs.values().items() if len(values) > 1 and name not in length]
    named = {}
    for run in sorted(runs, key=lambda run: run.experiment.seed):
        settings = run.experiment.resolved()
        named[", ".join(f"{name} {settings[name]}" for name in varied) or "the recording"] = run.history
    return named, left_out


def _training(run: Run) -> str:
    """Return the trajectory of the run, whatever its early stopping."""
    return run.experiment.replace(patience=None, min_delta=0.0).trajectory


def _has_recording(run: Run) -> bool:
    """Return whether the run has a validation loss."""
    try:
        check_recording(run.history)
    except ConfigError:
        return False
    return True
