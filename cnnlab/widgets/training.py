"""TrainingPanel: choose every hyperparameter, train and stop, watch the curves, and compare what was tried."""

from __future__ import annotations

import html
import sys
import threading
import time

import ipywidgets
from matplotlib.ticker import MaxNLocator

from cnnlab.comparison import Comparison, compare_settings
from cnnlab.errors import ConfigError
from cnnlab.experiment import Experiment
from cnnlab.history import History
from cnnlab.one_run import Run, run
from cnnlab.plots import TRAIN, UNITS, VALIDATION
from cnnlab.run_plots import plot_comparison
from cnnlab.runs import Runs
from cnnlab.training import EpochState
from cnnlab.widgets.form import GROUPS, make_controls, read_experiment, show_knobs
from cnnlab.widgets.guard import StatusLine
from cnnlab.widgets.live_plot import LivePlot
from cnnlab.widgets.panel import Panel, control_row, picture_row

ON_COLAB = "google.colab" in sys.modules  # its page drops what a thread sends, so that a cell must train there
SNAPSHOTS = 20  # so many epochs keep their weights, the first and the last among them
SHORTEST = 0.15  # seconds between two pictures: a fast training is not slowed down by being drawn
NO_RUNS = "No runs yet. Finished runs are compared here, each setting with the first one."


class TrainingPanel(Panel):
    """A panel: every field of an `Experiment` as a control, Start and Stop, live curves, and the runs compared.

    base: where the controls start; None is a network that takes seconds. Its controls bear the fields' names, such as
    `panel.kernel_size`; `seeds` is how many runs Start trains, with the seeds from `seed` on; `insides` records what
    goes on inside. Buttons: start, stop, forget. `runs` are the finished runs, `experiment` what the controls say.
    In JupyterLab a thread trains, and `wait()` waits for it; on Colab, or in any cell, `train()` trains at once.

    >>> panel = TrainingPanel()
    >>> panel.kernel_size.value = 5
    >>> panel.train()
    """

    def __init__(self, base: Experiment | None = None) -> None:
        super().__init__()
        base = Experiment(train_size=2000, validation_size=1000) if base is None else base
        self._finished: dict[str, Run] = {}
        self._thread: threading.Thread | None = None
        self._training = False
        self._stop, self._error = threading.Event(), None
        self._make_controls(base)
        self._make_outputs()
        self._guarded(self._draw)
        self._watch(*self._controls.values(), self.seeds)
        self._watch(self.metric, then=self._show_runs)
        for button, work in ((self.start, self._begin), (self.stop, self._end), (self.forget, self._forget)):
            button.on_click(lambda _button, work=work: self._guarded(work))
        self.children = self._rows()

    @property
    def experiment(self) -> Experiment:
        """What the controls say; ConfigError, in words, where it can't be trained."""
        return read_experiment(self._controls)

    @property
    def runs(self) -> Runs:
        """The finished runs, for `compare`, `plot_curves` and all that takes runs."""
        return Runs(self._finished.values())

    def train(self) -> None:
        """Train what the controls say, here and now; ■, or Ctrl-C, stops it and keeps what is finished."""
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
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        super().close()

    def _make_controls(self, base: Experiment) -> None:
        self._controls = make_controls(base)
        for name, control in self._controls.items():
            setattr(self, name, control)
        self.seed.description = "first seed"
        self.seeds = ipywidgets.IntSlider(1, 1, 10, description="seeds (runs)")
        self.insides = ipywidgets.Checkbox(False, description="record the insides", indent=False)
        self.start = ipywidgets.Button(description="Start", button_style="primary", icon="play")
        self.stop = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self.forget = ipywidgets.Button(description="Forget all runs", icon="trash", disabled=True)
        self.metric = ipywidgets.Dropdown(options=["validation_accuracy", "validation_loss"], description="compared by")

    def _make_outputs(self) -> None:
        self.layers, self.code, self.table = (ipywidgets.HTML() for _ in range(3))
        self.bar = ipywidgets.FloatProgress(value=0, min=0, max=1, description="done")
        self.time_left = ipywidgets.Label("")
        self.news = StatusLine()
        self.news.say("Nothing is being trained.")
        self.curves = LivePlot(8.2, 2.8, label="loss and accuracy over the epochs, empty")
        self.compared = LivePlot(8.2, 3.2, label=NO_RUNS)
        axes = self.curves.figure.subplots(1, 2)
        self._lines = {}
        for ax, metric in zip(axes, ("loss", "accuracy"), strict=True):
            for split, look in (("train", TRAIN), ("validation", VALIDATION)):
                (self._lines[f"{split}_{metric}"],) = ax.plot([], [], markersize=4, **look)
            ax.set(xlabel="epoch", ylabel=UNITS[metric], ylim=(0, 1))
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            ax.spines[["top", "right"]].set_visible(False)
        axes[0].legend(frameon=False, loc="upper right")
        self._loss_axes, self._drawn = axes[0], 0.0
        self._show_curves(None, epochs=5)
        self._show_runs()

    def _rows(self) -> list[ipywidgets.Widget]:
        rows: list[ipywidgets.Widget] = []
        for name, fields in GROUPS.items():
            extra = (self.seeds,) if name == "Training" else ()
            rows += [_heading(name), control_row(*(self._controls[field] for field in fields), *extra)]
        for button in (self.start, self.stop, self.forget):
            button.layout.width = "auto"
        self.bar.layout.width = "auto"
        for control in (self.bar, self.metric):
            control.style.description_width = "initial"
        if ON_COLAB:
            how = "On Colab a cell trains: run <code>panel.train()</code> in the next one; its ■ stops the training."
            buttons = [ipywidgets.HTML(how), self.insides]
        else:
            buttons = [self.start, self.stop, self.insides]
        return [
            *rows,
            self.status,
            self.layers,
            _heading("Train"),
            picture_row(buttons, "max-content max-content 1fr"),
            picture_row([self.bar, self.time_left], "minmax(0, 2fr) minmax(9em, 1fr)"),
            self.news,
            self.curves,
            _heading("Compare"),
            picture_row([self.metric, self.forget], "minmax(0, 20em) max-content"),
            self.table,
            self.compared,
            _heading("Repeat it: two lines of code"),
            self.code,
        ]

    def _draw(self) -> None:
        """Show what the controls say: the layer table, the code, or why it can't be trained."""
        show_knobs(self._controls)
        self.start.disabled = True
        experiment, seeds = self.experiment, self.seeds.value
        layers = experiment.layer_table()
        self.layers.value = _preformatted(repr(layers))
        self.code.value = _preformatted(experiment.to_code(seeds))
        self.start.disabled = self._training
        parameters = sum(row.parameters for row in layers)
        self.status.say(
            f"{parameters:,} parameters; {_counted(seeds, 'run')} of {_counted(experiment.epochs, 'epoch')}"
        )

    # --- Training

    def _prepare(self) -> list[Experiment]:
        """Return what is to be trained; ConfigError if that can't be, or something is being trained."""
        if self._training:
            raise ConfigError("a training is under way; press Stop, or panel.wait() for it")
        experiment = self.experiment
        self._stop, self._error, self._training = threading.Event(), None, True
        self.start.disabled, self.stop.disabled = True, False
        return [experiment.replace(seed=experiment.seed + place) for place in range(self.seeds.value)]

    def _begin(self) -> None:
        experiments = self._prepare()
        self._thread = threading.Thread(
            target=self._train, args=(experiments, self._stop), name="cnnlab training", daemon=True
        )
        self._thread.start()

    def _end(self) -> None:
        self._stop.set()
        self.stop.disabled = True
        self.news.say("Stopping after this batch.")

    def _train(self, experiments: list[Experiment], stop: threading.Event) -> None:
        """Train one after the other; the body of the thread. An error is shown, and kept for `wait`."""
        clock = _Clock(self, len(experiments))
        try:
            for place, experiment in enumerate(experiments):
                which = f"seed {experiment.seed}, run {place + 1} of {len(experiments)}"
                self.news.say(f"Training {which}.")
                self._show_curves(None, epochs=experiment.epochs)
                finished = run(
                    experiment,
                    snapshots=_spread(experiment.epochs),
                    insides=self.insides.value,
                    stop=stop,
                    on_epoch=self._after_epoch,
                    progress=lambda share, place=place: clock.show(place + share),
                )
                self._show_curves(finished.history, epochs=experiment.epochs)
                message = finished.history.message
                self.news.say(f"{which}: {message}.")
                if finished.history.stopped_by in ("stop", "interrupt"):
                    return
                self._finished[experiment.key] = finished
                self._guarded_runs()
        except Exception as error:
            self._error = error
            self.news.say_error(error)
        finally:
            self.time_left.value, self._training = "", False
            self.stop.disabled, self.start.disabled = True, False

    def _after_epoch(self, state: EpochState) -> None:
        if time.monotonic() - self._drawn > SHORTEST:
            self._show_curves(state.history, epochs=state.history.settings["epochs"])

    def _raise_again(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    # --- Pictures

    def _show_curves(self, history: History | None, *, epochs: int) -> None:
        """Draw the curves of the training so far; the axes grow when a loss is higher than they are."""
        with self._lock:
            highest = 0.0
            for name, line in self._lines.items():
                values = history[name] if history is not None else []
                line.set_data(range(1, len(values) + 1), values)
                line.set_markevery(max(1, len(values) // 10))
                highest = max([highest, *values]) if name.endswith("loss") else highest
            ax = self._loss_axes
            if history is None or highest > ax.get_ylim()[1] or ax.get_ylim()[1] > 4 * highest > 0:
                ax.set_ylim(0, 1.1 * highest or 1)
                for axes in self.curves.figure.axes:
                    axes.set_xlim(0.5, max(2, epochs) + 0.5)
                self.curves.freeze(list(self._lines.values()))
            self.curves.show(label=_curves_in_words(history))
            self._drawn = time.monotonic()

    def _guarded_runs(self) -> None:
        with self._lock:
            self._show_runs()

    def _show_runs(self) -> None:
        """Compare the finished runs, as a table and as a picture."""
        self.forget.disabled = not self._finished
        self.compared.figure.clear()
        try:
            comparison = compare_settings(self.runs, metric=self.metric.value)
        except ConfigError as error:  # nothing finished yet, or nothing that has a number
            words = str(error) if self._finished else NO_RUNS
            self.table.value = html.escape(words)
            self.compared.figure.text(0.5, 0.5, "no runs yet", ha="center", color="0.4")
        else:
            self.table.value = comparison.table().reset_index().to_html(**TABLE)
            plot_comparison(comparison, ax=self.compared.figure.subplots())
            words = _verdicts_in_words(comparison)
        self.compared.freeze([])
        self.compared.show(label=words)

    def _forget(self) -> None:
        self._finished.clear()
        self._show_runs()


class _Clock:
    """The bar and the time left, at the rate so far; told often, shown a few times a second."""

    def __init__(self, panel: TrainingPanel, runs: int) -> None:
        self.panel, self.runs, self.begun, self.shown = panel, runs, time.monotonic(), 0.0

    def show(self, done: float) -> None:
        now = time.monotonic()
        if now - self.shown < SHORTEST and done < self.runs:
            return
        left = (now - self.begun) / done * (self.runs - done)
        self.panel.bar.value, self.shown = done / self.runs, now
        self.panel.time_left.value = f"about {left:.0f} s left" if done < self.runs else ""


TABLE = {"index": False, "border": 0, "classes": "cnnlab-table", "na_rep": "", "float_format": "{:.4f}".format}


def _spread(epochs: int) -> list[int]:
    """Return at most SNAPSHOTS + 1 epochs from 0 to the last, evenly spread."""
    return sorted({round(place * epochs / min(epochs, SNAPSHOTS)) for place in range(min(epochs, SNAPSHOTS) + 1)})


def _heading(text: str) -> ipywidgets.HTML:
    return ipywidgets.HTML(f'<div class="cnnlab-heading" role="heading" aria-level="4">{html.escape(text)}</div>')


def _preformatted(text: str) -> str:
    return f'<pre class="cnnlab-pre">{html.escape(text)}</pre>'


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _curves_in_words(history: History | None) -> str:
    if not history:
        return "loss and accuracy over the epochs, empty"
    told = [f"{name.replace('_', ' ')} {history[name][-1]:.3f}" for name in history.rows[-1] if name in _SHOWN]
    return f"loss and accuracy over the epochs; after epoch {len(history)}: {', '.join(told)}"


_SHOWN = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")


def _verdicts_in_words(comparison: Comparison) -> str:
    told = "; ".join(f"{level}: {verdict}" for level, verdict in comparison.verdicts.items())
    return f"{comparison.title}: {told or 'one setting, nothing to compare it with yet'}"
