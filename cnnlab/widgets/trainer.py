"""Base class of the panels that train: Start and Stop, the thread, the bar with the time left, and the news."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence

import ipywidgets

from cnnlab.checks import check_number, shown
from cnnlab.errors import ConfigError
from cnnlab.experiments.duration import estimate_seconds, learn_speed, measure_speed
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.run import Run, run
from cnnlab.progress_line import time_in_words
from cnnlab.training.fit import EpochState
from cnnlab.training.progress import TimeLeft
from cnnlab.widgets.base import Panel, flowing_row
from cnnlab.widgets.web.status_line import StatusLine

ON_COLAB = "google.colab" in sys.modules  # Colab's page drops the messages of a thread, so that a cell must train
SHORTEST = 0.15  # seconds between two pictures: drawing more often would slow down a fast training


def check_base(base: object) -> Experiment:
    """Return base; raise ConfigError unless it is an Experiment."""
    if not isinstance(base, Experiment):
        raise ConfigError(f"base wants an Experiment, got {shown(base)}; try Experiment(epochs=3)")
    return base


class Trainer(Panel):
    """Base class of the panels that train experiments, one after the other.

    Start trains in a thread; `train()` trains in the cell. A subclass returns the experiments in `_experiments` and
    shows a finished run in `_take`; it may also override `_begin_run` and `_after_epoch`.

    Attributes
    ----------
    start, stop : Button
        Start the training, and stop it after the current batch.
    bar, time_left : FloatProgress, Label
        The share of the training that is done, and the time left.
    estimate : Label
        About how long the training that Start begins will take; empty while that is unknown, and during a training.
    news : StatusLine
        What happens now, or the error that ended the training.
    """

    # Set here, too: Jupyter closes even a panel whose __init__ raised.
    _training = False
    _thread: threading.Thread | None = None
    _estimated: Sequence[Experiment] = ()

    def __init__(self) -> None:
        super().__init__()
        self._stop, self._error = threading.Event(), None
        self._training_thread_id: int | None = None
        self.start = ipywidgets.Button(description="Start", button_style="primary", icon="play")
        self.stop = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self.bar = ipywidgets.FloatProgress(value=0, min=0, max=1, description="progress")
        self.bar.style.description_width = "initial"
        for control in (self.start, self.stop, self.bar):
            control.layout.width = "auto"
        self.time_left, self.estimate = ipywidgets.Label(""), ipywidgets.Label("")
        self.news = StatusLine()
        self.news.layout.min_height = "3em"  # two lines, so that the rows below do not move
        self.news.say("Nothing is being trained.")
        self.start.on_click(lambda _button: self._guarded(self._begin))
        self.stop.on_click(lambda _button: self._guarded(self._end))

    def train(self) -> None:
        """Train the experiments of the controls in this cell; ■ or Ctrl-C stops it and keeps the finished runs."""
        with self._lock:
            experiments = self._prepare()
        self._train(experiments, self._stop)
        self._raise_error()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the training that Start began has ended, and raise its error, if any.

        Raises TimeoutError if it has not ended after `timeout` seconds; None waits without a limit.
        """
        if timeout is not None:
            timeout = check_number("timeout", timeout, 0, below=threading.TIMEOUT_MAX)
        if self._thread is not None:
            self._thread.join(timeout)
            if self._thread.is_alive():
                raise TimeoutError(f"the training has not ended within {timeout:g} s; press Stop, or wait longer")
        self._raise_error()

    def close(self) -> None:
        """Stop the training, and close the panel with every part of it."""
        if self._training:
            self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        super().close()

    # --- For subclasses

    def _experiments(self) -> list[Experiment]:
        """Return the experiments to train; raise ConfigError if they cannot be trained."""
        raise NotImplementedError

    def _take(self, finished: Run) -> None:
        """Show a run that was not stopped."""
        raise NotImplementedError

    def _begin_run(self, experiment: Experiment) -> None:
        """Prepare the pictures for the next run."""

    def _after_epoch(self, state: EpochState) -> None:
        """Show the state of the training after an epoch."""

    def _end_training(self) -> None:
        """Enable Start again, if it may be pressed."""
        self.start.disabled = False

    def _options(self, experiment: Experiment) -> dict:  # noqa: ARG002 (a subclass may want it)
        """Return further keyword arguments of `run`."""
        return {}

    def _train_rows(self, *others: ipywidgets.DOMWidget) -> list[ipywidgets.DOMWidget]:
        """Return the rows with the buttons, the others, the news and the bar; on Colab, words replace the buttons."""
        how = "On Colab a cell trains: run <code>panel.train()</code> in the next one; its ■ stops the training."
        buttons = (ipywidgets.HTML(how),) if ON_COLAB else (self.start, self.stop)
        row = flowing_row(*buttons, *others, self.bar, self.estimate, self.time_left)
        self.bar.layout.width = "240px"
        return [
            row,
            self.news,  # close to Start, where an error is seen
        ]

    def _show_estimate(self, experiments: Sequence[Experiment]) -> None:
        """Say about how long these experiments will train, unless a training is under way."""
        self._estimated = experiments
        seconds = [estimate_seconds(experiment) for experiment in experiments]
        known = [number for number in seconds if number is not None]
        shown = known and len(known) == len(seconds) and not self._training
        most = " at most" if any(experiment.patience is not None for experiment in experiments) else ""
        self.estimate.value = f"takes about {time_in_words(sum(known))}{most}" if shown else ""

    def _measure_speed(self) -> None:
        """Measure the speed of this computer in a thread, then show the estimate."""

        def measure() -> None:
            measure_speed()
            with self._lock:
                if self.comm is not None:  # the panel is not closed
                    self._show_estimate(self._estimated)

        threading.Thread(target=measure, name="cnnlab speed").start()

    # --- The training

    def _prepare(self) -> list[Experiment]:
        """Return the experiments to train, with the panel set to training; raise ConfigError if that cannot be."""
        if self._training:
            raise ConfigError("a training is under way; stop it, or panel.wait() for it")
        experiments = self._experiments()
        self._stop, self._error, self._training = threading.Event(), None, True
        self.start.disabled, self.stop.disabled, self.bar.value, self.estimate.value = True, False, 0, ""
        return experiments

    def _begin(self) -> None:
        """Start the thread that trains; an error is raised here, and kept for `wait`."""
        try:
            arguments = self._prepare(), self._stop
        except Exception as error:
            if not self._training:
                self._error = error
            raise
        self._thread = threading.Thread(target=self._train, args=arguments, name="cnnlab training", daemon=True)
        self._thread.start()

    def _end(self) -> None:
        """Let the training stop after the current batch."""
        if not self._training:  # the training ended before the click arrived
            return
        self._stop.set()
        self.stop.disabled = True
        self.news.say("Stopping after this batch.")

    def _train(self, experiments: list[Experiment], stop: threading.Event) -> None:
        """Train the experiments one after the other; an error is shown as news, and kept for `wait`."""
        self._training_thread_id = threading.get_ident()
        show_progress = self._progress_bar(len(experiments))
        try:
            for place, experiment in enumerate(experiments):
                finished = self._train_one(experiment, place, len(experiments), stop, show_progress)
                if finished is None:
                    return
                show_progress(place + 1)
                with self._lock:
                    self._take(finished)
        except Exception as error:
            self._error = error
            self.news.say_error(error)
        finally:
            self.time_left.value, self._training = "", False
            self.stop.disabled = True
            self._guarded(self._end_training)
            self._training_thread_id = None

    def _progress_bar(self, total: int) -> Callable[[float], None]:
        """Return a function that shows how many of the `total` runs are done, and the time left, but not too often."""
        left, last_shown = TimeLeft(), 0.0

        def show(done: float) -> None:
            nonlocal last_shown
            now, seconds = time.monotonic(), left.seconds(done / total)
            if now - last_shown > SHORTEST or done == total:
                self.bar.value, last_shown = done / total, now
                self.time_left.value = f"about {time_in_words(seconds)} left" if seconds else ""

        return show

    def _train_one(
        self, experiment: Experiment, place: int, total: int, stop: threading.Event, show: Callable[[float], None]
    ) -> Run | None:
        """Train one of the experiments with news and progress; return its run, or None if it was stopped."""
        which = f"run {place + 1} of {total}, seed {experiment.seed}"
        self.news.say(f"Training {which}.")
        self._begin_run(experiment)
        finished = run(
            experiment, stop=stop, on_epoch=self._after_epoch,
            progress=lambda share: show(place + share), **self._options(experiment),
        )  # fmt: skip
        was_stopped = finished.history.stopped_by in ("stop", "interrupt")
        learn_speed(experiment, sum(finished.history["seconds"]), len(finished.history))
        left_out = "; a run that was stopped is not compared" if was_stopped else ""
        self.news.say(f"{which.capitalize()}: {finished.history.message}{left_out}.")
        return None if was_stopped else finished

    def _guarded(self, work: Callable[[], None]) -> Exception | None:
        """Do the work as `Panel` does; keep for `wait` an error of drawing during a training.

        A ConfigError is not kept: it says that the controls have no valid setting now.
        """
        with self._lock, self.start.hold_sync():  # Start goes off and on in one message, so that no click is lost
            error = super()._guarded(work)
        is_training_thread = threading.get_ident() == self._training_thread_id
        if error is not None and is_training_thread and not isinstance(error, ConfigError):
            self._error = self._error or error
        return error

    def _raise_error(self) -> None:
        """Raise the error that was kept for `wait`, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error
