"""TrainingPanel: choose every hyperparameter, train and stop, watch the curves, and compare what was tried."""

from __future__ import annotations

import contextlib
import dataclasses
import html
import textwrap
import time
from pathlib import Path

import ipywidgets
from matplotlib.ticker import MaxNLocator

from cnnlab.comparison.compare import Comparison
from cnnlab.comparison.settings import compare_settings
from cnnlab.comparison.verdicts import Level
from cnnlab.data.loading import count_images
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs
from cnnlab.plots.runs import plot_comparison
from cnnlab.plots.style import TRAIN, UNITS, VALIDATION
from cnnlab.training.fit import EpochState
from cnnlab.training.history import History
from cnnlab.widgets.base import control_row, flowing_row, offer
from cnnlab.widgets.form import GROUPS, make_controls, read_experiment, show_knobs
from cnnlab.widgets.trainer import SHORTEST, Trainer, check_base
from cnnlab.widgets.web.live_plot import LivePlot

LAYERS = 'tabindex="0" role="region" aria-label="layers"'  # it scrolls, also by the keys
SNAPSHOTS = 20  # so many epochs keep their weights, the first and the last among them
# Of both axes in the figure, with room for numbers and names: to solve for them takes as long as all the rest.
PLACES = {"left": 0.085, "right": 0.985, "bottom": 0.19, "top": 0.9, "wspace": 0.24}
PAIRED = "Held against {} seed by seed: mean and difference are over the seeds that both have."
NO_RUNS = "No runs yet. Finished runs are compared here, each setting with the first one, or with the one you choose."


class TrainingPanel(Trainer):
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
        base = Experiment(train_size=2000, validation_size=1000) if base is None else check_base(base)
        super().__init__()
        self._finished: dict[str, Run] = {}
        self._counted = "", 0  # a folder, and how many pictures it has
        self._make_controls(base)
        self._make_outputs()
        self._guarded(self._draw)
        self._watch(*self._controls.values(), self.seeds)
        self._watch(self.metric, self.reference, then=self._show_runs)
        self.forget.on_click(lambda _button: self._guarded(self._forget))
        self.children = self._rows()

    @property
    def experiment(self) -> Experiment:
        """What the controls say; ConfigError, in words, where it can't be trained."""
        return read_experiment(self._controls)

    @property
    def runs(self) -> Runs:
        """The finished runs, for `compare`, `plot_curves` and all that takes runs."""
        return Runs(self._finished.values())

    def _make_controls(self, base: Experiment) -> None:
        self._controls = make_controls(base)
        for name, control in self._controls.items():
            setattr(self, name, control)
        self.seed.description = "first seed"
        self.seeds = ipywidgets.IntSlider(1, 1, 10, description="seeds (runs)")
        self.insides = ipywidgets.Checkbox(False, description="record the insides", indent=False)
        self.forget = ipywidgets.Button(description="Forget all runs", icon="trash", disabled=True)
        self.metric = ipywidgets.Dropdown(options=["validation_accuracy", "validation_loss"], description="compared by")
        self.reference = ipywidgets.Dropdown(options=["A"], description="against")
        for control in (self.metric, self.reference):
            control.style.description_width = "initial"

    def _make_outputs(self) -> None:
        self.layers, self.code, self.table = (ipywidgets.HTML() for _ in range(3))
        self.curves = LivePlot(8.2, 2.8, label="loss and accuracy over the epochs, empty")
        self.compared = LivePlot(8.2, 3.2, label=NO_RUNS)
        axes = self.curves.figure.subplots(1, 2, gridspec_kw=PLACES)
        self._lines = {}
        for ax, metric in zip(axes, ("loss", "accuracy"), strict=True):
            for split, look in (("train", TRAIN), ("validation", VALIDATION)):
                (self._lines[f"{split}_{metric}"],) = ax.plot([], [], markersize=4, **look)
            ax.set(xlabel="epoch", ylabel=UNITS[metric], ylim=(0, 1))
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            ax.spines[["top", "right"]].set_visible(False)
        axes[1].legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.97), ncols=2)  # above: on no curve
        self._loss_axes, self._drawn = axes[0], 0.0
        self._show_curves(None, epochs=5)
        self._show_runs()

    def _rows(self) -> list[ipywidgets.Widget]:
        rows: list[ipywidgets.Widget] = []
        for name, fields in GROUPS.items():
            extra = (self.seeds,) if name == "Training" else ()
            rows += [_heading(name), control_row(*(self._controls[field] for field in fields), *extra, compact=True)]
        return [
            *rows,
            self.status,
            _heading("Train"),
            *self._train_rows(self.insides),
            self.layers,  # below Start, which is seen without scrolling
            self.curves,
            _heading("Compare"),
            flowing_row(self.metric, self.reference, self.forget),
            self.table,
            self.compared,
            _heading("Repeat it: two lines of code"),
            self.code,
        ]

    def _draw(self) -> None:
        """Show what the controls say: the layer table, the code, or why it can't be trained."""
        show_knobs(self._controls)
        self.start.disabled = True
        try:
            experiment, seeds = self.experiment, self.seeds.value
            if experiment.folder:
                self._check_folder(experiment)
            layers = experiment.layer_table()
        except (ConfigError, DataError):
            for part in (self.layers, self.code):  # these are the last good ones
                part.add_class("cnnlab-stale")
            raise
        table = html.escape(repr(layers))
        self.layers.value = f'<pre class="cnnlab-pre cnnlab-layers" {LAYERS}>{table}</pre>'
        self.code.value = f'<pre class="cnnlab-pre cnnlab-code">{html.escape(experiment.to_code(seeds))}</pre>'
        for part in (self.layers, self.code):
            part.remove_class("cnnlab-stale")
        self.start.disabled = self._training
        parameters = sum(row.parameters for row in layers)
        self.status.say(
            f"{parameters:,} parameters; {_counted(seeds, 'run')} of {_counted(experiment.epochs, 'epoch')}"
        )

    def _check_folder(self, experiment: Experiment) -> None:
        """Raise unless the folder has enough pictures; it is counted once, and again before it is refused."""
        folder = experiment.folder
        if not Path(folder).is_dir():
            raise ConfigError(f"folder={folder!r} does not exist; give one with a folder for each class")
        if self._counted[0] == folder:
            with contextlib.suppress(ConfigError):
                return experiment.check_pictures(self._counted[1])
        self._counted = folder, count_images(folder)
        return experiment.check_pictures(self._counted[1])

    def _experiments(self) -> list[Experiment]:
        experiment = self.experiment
        return [experiment.replace(seed=experiment.seed + place) for place in range(self.seeds.value)]

    def _end_training(self) -> None:
        self._draw()  # the controls may have been moved meanwhile

    def _options(self, experiment: Experiment) -> dict:
        return {"snapshots": _spread(experiment.epochs), "insides": self.insides.value}

    def _begin_run(self, experiment: Experiment) -> None:
        self._show_curves(None, epochs=experiment.epochs)

    def _after_epoch(self, state: EpochState) -> None:
        epochs = state.history.settings["epochs"]
        if time.monotonic() - self._drawn > SHORTEST or state.epoch == epochs:
            self._show_curves(state.history, epochs=epochs)

    def _take(self, finished: Run) -> None:
        self._show_curves(finished.history, epochs=finished.experiment.epochs)
        self._finished[finished.experiment.key] = finished
        self._guarded(self._show_runs)

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
                self.curves.freeze(list(self._lines.values()), solve=False)
            self.curves.show(label=_curves_in_words(history))
            self._drawn = time.monotonic()

    def _show_runs(self) -> None:
        """Compare the finished runs, as a table and as a picture."""
        self.forget.disabled = not self._finished
        self.compared.figure.clear()
        try:
            comparison = compare_settings(self.runs, metric=self.metric.value)
            letters = {row.level: _letter(place) for place, row in enumerate(comparison.levels)}
            offer(self.reference, list(letters.values()), otherwise="A")
            chosen = next(level for level, letter in letters.items() if letter == self.reference.value)
            comparison = comparison.against(chosen)
        except ConfigError as error:  # nothing finished yet, or nothing that has a number
            words = str(error) if self._finished else NO_RUNS
            self.table.value = html.escape(words)
            words_drawn = "\n".join(textwrap.wrap(words, 70))
            self.compared.figure.text(0.5, 0.5, words_drawn, ha="center", va="center", color="0.4", parse_math=False)
        else:
            table = comparison.table().reset_index()
            table.insert(0, "letter", [letters[row.level] for row in comparison.levels])
            table.insert(2, "verdict", table.pop("verdict"))  # in sight, however narrow the page
            table["seeds"] = [_seeds(comparison, row) for row in comparison.levels]
            note = f"<p>{PAIRED.format(letters[chosen])}</p>" if len(letters) > 1 else ""
            self.table.value = f'<div class="cnnlab-scroll">{table.to_html(**TABLE)}</div>{note}'
            plot_comparison(_lettered(comparison, letters), ax=self.compared.figure.subplots())
            words = _verdicts_in_words(comparison)
        self.compared.freeze([])
        self.compared.show(label=words)

    def _forget(self) -> None:
        self._finished.clear()
        self._show_runs()


TABLE = {"index": False, "border": 0, "classes": "cnnlab-table", "na_rep": "", "float_format": "{:.4f}".format}


def _lettered(comparison: Comparison, letters: dict[str, str]) -> Comparison:
    """Return the comparison with letters for its settings, whose names are too long for an axis."""
    levels = tuple(row._replace(level=letters[row.level]) for row in comparison.levels)
    values = {letters[name]: values for name, values in comparison.values.items()}
    return dataclasses.replace(comparison, levels=levels, values=values)


def _seeds(comparison: Comparison, row: Level) -> str:
    """Return how many seeds a row is over; where the setting has more than the first one shares: "3 of 5"."""
    trained = len(comparison.values[row.level])
    return str(row.seeds) if row.seeds == trained else f"{row.seeds} of {trained}"


def _letter(place: int) -> str:
    """Return A, B, … Z, A2, B2, …"""
    return chr(ord("A") + place % 26) + (str(place // 26 + 1) if place >= 26 else "")


def _spread(epochs: int) -> list[int]:
    """Return at most SNAPSHOTS + 1 epochs from 0 to the last, evenly spread."""
    if epochs == 0:
        return [0]
    return sorted({round(place * epochs / min(epochs, SNAPSHOTS)) for place in range(min(epochs, SNAPSHOTS) + 1)})


def _heading(text: str) -> ipywidgets.HTML:
    return ipywidgets.HTML(f'<div class="cnnlab-heading" role="heading" aria-level="3">{html.escape(text)}</div>')


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
