"""What the panels that train share: Start and Stop, a thread, the bar with the time left, and the news."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import ipywidgets

from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.run import Run, run
from cnnlab.training.fit import EpochState
from cnnlab.widgets.base import Panel, flowing_row, picture_row
from cnnlab.widgets.web.status_line import StatusLine

ON_COLAB = "google.colab" in sys.modules  # its page drops what a thread sends, so that a cell must train there
SHORTEST = 0.15  # seconds between two pictures: a fast training is not slowed down by being drawn


def check_base(base: object) -> Experiment:
    """Return base, or raise ConfigError unless it is an Experiment."""
    if not isinstance(base, Experiment):
        raise ConfigError(f"base wants an Experiment, got {base!r:.60}; try Experiment(epochs=3)")
    return base


class Trainer(Panel):
    """A panel that trains experiments, one after the other: in a thread after Start, or here and now by `train()`.

    Its subclass says which in `_experiments`, and what to do with a finished run in `_take`; it may look on in
    `_begin_run` and `_after_epoch`. Buttons: start, stop; `wait()` waits for the thread, and raises what it raised.
    """

    _training = False  # also of a panel that is refused before it is made: Jupyter closes it, too
    _thread: threading.Thread | None = None

    def __init__(self) -> None:
        super().__init__()
        self._stop, self._error = threading.Event(), None
        self._trains_in: int | None = None  # the number of the thread that trains
        self.start = ipywidgets.Button(description="Start", button_style="primary", icon="play")
        self.stop = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self.bar = ipywidgets.FloatProgress(value=0, min=0, max=1, description="progress")
        self.bar.style.description_width = "initial"
        for control in (self.start, self.stop, self.bar):
            control.layout.width = "auto"
        self.time_left = ipywidgets.Label("")
        self.news = StatusLine()
        self.news.layout.min_height = "3em"  # two lines, so that nothing below them moves
        self.news.say("Nothing is being trained.")
        self.start.on_click(lambda _button: self._guarded(self._begin))
        self.stop.on_click(lambda _button: self._guarded(self._end))

    def train(self) -> None:
        """Train what the controls say, here and now; ■, or Ctrl-C, stops it and keeps what is finished."""
        with self._lock:
            experiments = self._prepare()
        self._train(experiments, self._stop)
        self._raise_again()

    def wait(self, timeout: float | None = None) -> None:
        """Wait for the training that Start began, and raise what it raised; TimeoutError after so many seconds."""
        if self._thread is not None:
            self._thread.join(timeout)
            if self._thread.is_alive():
                raise TimeoutError(f"the training has not ended within {timeout:g} s; press Stop, or wait longer")
        self._raise_again()

    def close(self) -> None:
        """Stop a training, and close the panel with every part of it."""
        if self._training:
            self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        super().close()

    def _experiments(self) -> list[Experiment]:
        """Return what is to be trained; ConfigError, in words, if that can't be."""
        raise NotImplementedError

    def _take(self, finished: Run) -> None:
        """Show a run that was trained to its end."""
        raise NotImplementedError

    def _begin_run(self, experiment: Experiment) -> None:
        """Make ready for the next run."""

    def _after_epoch(self, state: EpochState) -> None:
        """Look on."""

    def _end_training(self) -> None:
        """Say whether Start may be pressed again."""
        self.start.disabled = False

    def _options(self, experiment: Experiment) -> dict:  # noqa: ARG002 (a subclass may want it)
        """Return what else `run` is told."""
        return {}

    def _train_rows(self, *others: ipywidgets.Widget) -> list[ipywidgets.Widget]:
        """Return the rows with the buttons, the news and the bar; on Colab words stand in the buttons' place."""
        how = "On Colab a cell trains: run <code>panel.train()</code> in the next one; its ■ stops the training."
        buttons = (ipywidgets.HTML(how),) if ON_COLAB else (self.start, self.stop)
        return [
            flowing_row(*buttons, *others),
            self.news,  # beside Start: what went wrong must be seen
            picture_row([self.bar, self.time_left], "minmax(0, 2fr) minmax(9em, 1fr)"),
        ]

    def _prepare(self) -> list[Experiment]:
        if self._training:
            raise ConfigError("a training is under way; stop it, or panel.wait() for it")
        experiments = self._experiments()
        self._stop, self._error, self._training = threading.Event(), None, True
        self.start.disabled, self.stop.disabled, self.bar.value = True, False, 0
        return experiments

    def _begin(self) -> None:
        try:
            arguments = self._prepare(), self._stop
        except Exception as error:
            if not self._training:
                self._error = error
            raise
        self._thread = threading.Thread(target=self._train, args=arguments, name="cnnlab training", daemon=True)
        self._thread.start()

    def _end(self) -> None:
        if not self._training:  # the click came when all was over
            return
        self._stop.set()
        self.stop.disabled = True
        self.news.say("Stopping after this batch.")

    def _train(self, experiments: list[Experiment], stop: threading.Event) -> None:
        """Train one after the other; the body of the thread. An error is shown, and kept for `wait`."""
        begun, shown = time.monotonic(), 0.0
        self._trains_in = threading.get_ident()

        def tell(done: float) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - shown > SHORTEST or done == len(experiments):
                left = (now - begun) / done * (len(experiments) - done)
                self.bar.value, shown = done / len(experiments), now
                self.time_left.value = f"about {left:.0f} s left" if left else ""

        try:
            for place, experiment in enumerate(experiments):
                which = f"run {place + 1} of {len(experiments)}, seed {experiment.seed}"
                self.news.say(f"Training {which}.")
                self._begin_run(experiment)
                finished = run(
                    experiment, stop=stop, on_epoch=self._after_epoch,
                    progress=lambda share, place=place: tell(place + share), **self._options(experiment),
                )  # fmt: skip
                was_stopped = finished.history.stopped_by in ("stop", "interrupt")
                left_out = "; a run that was stopped is not compared" if was_stopped else ""
                self.news.say(f"{which.capitalize()}: {finished.history.message}{left_out}.")
                if was_stopped:
                    return
                tell(place + 1)
                with self._lock:
                    self._take(finished)
        except Exception as error:
            self._error = error
            self.news.say_error(error)
        finally:
            self.time_left.value, self._training = "", False
            self.stop.disabled = True
            self._guarded(self._end_training)
            self._trains_in = None

    def _guarded(self, work: Callable[[], None]) -> None:
        """Keep for `wait` what broke while the training was drawn; what a ConfigError says is no breakage."""
        with self._lock, self.start.hold_sync():  # a click on Start finds it as it ends: drawing turns it off and on
            super()._guarded(work)
        error = self.status.error
        if threading.get_ident() == self._trains_in and error is not None and not isinstance(error, ConfigError):
            self._error = self._error or error

    def _raise_again(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
