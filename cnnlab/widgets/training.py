"""TrainingPanel: choose every hyperparameter, train, watch the curves, and compare the runs."""

from __future__ import annotations

import contextlib
import dataclasses
import html
import textwrap
import time
from pathlib import Path
from typing import Any

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
from cnnlab.plots.comparison import plot_comparison
from cnnlab.plots.style import TRAIN, UNITS, VALIDATION
from cnnlab.training.fit import EpochState
from cnnlab.training.history import History
from cnnlab.widgets.base import control_row, flowing_row, offer
from cnnlab.widgets.form import GROUPS, make_controls, read_experiment, show_knobs
from cnnlab.widgets.trainer import SHORTEST, Trainer, check_base
from cnnlab.widgets.web.live_plot import LivePlot

LAYERS = 'tabindex="0" role="region" aria-label="layers"'  # focusable, so that the keys scroll it
SNAPSHOTS = 20  # steps from epoch 0 to the last epoch; the weights at each end are kept
# The position of both axes, with room for their labels. To let matplotlib find it takes as long as all the rest.
PLACES = {"left": 0.085, "right": 0.985, "bottom": 0.19, "top": 0.9, "wspace": 0.24}
PAIRED = "Compared with {} seed by seed: mean and difference are over the seeds that both have."
NO_RUNS = "No runs yet. Finished runs are compared here, each setting with the first one, or with the one you choose."


class TrainingPanel(Trainer):
    """Choose every field of an `Experiment`, train with Start and Stop, watch the curves, and compare the runs.

    Each control has the name of its field, such as `panel.kernel_size`. In JupyterLab, Start trains in a thread, and
    `wait()` waits for it. On Colab, and in any other cell, `train()` trains in the cell.

    Parameters
    ----------
    base : Experiment
        The settings at the start; None takes a network that trains in seconds.

    Attributes
    ----------
    controls : dict
        Field → its control.
    experiment : Experiment
        The settings of the controls.
    runs : Runs
        The finished runs.
    seeds : IntSlider
        How many runs Start trains: with the seeds seed, seed + 1, and so on.
    insides : Checkbox
        If ticked, `Recorder` records numbers from inside the network.
    start, stop, forget
        The other buttons; `forget` removes the finished runs.
    metric, reference : Dropdown
        What the runs are compared by, and with which one.
    curves, compared : LivePlot
        The pictures.
    status : StatusLine
        The size of the network and of the training in words, or why it cannot be trained.

    >>> panel = TrainingPanel()
    >>> panel.kernel_size.value = 5
    >>> panel.train()
    """

    def __init__(self, base: Experiment | None = None) -> None:
        base = Experiment(train_size=2000, validation_size=1000) if base is None else check_base(base)
        super().__init__()
        self._finished: dict[str, Run] = {}
        self._counted = "", 0  # a folder, and the number of pictures in it
        self._make_controls(base)
        self._make_outputs()
        self._guarded(self._draw)
        self._watch(*self.controls.values(), self.seeds)
        self._watch(self.metric, self.reference, then=self._show_runs)
        self.forget.on_click(lambda _button: self._guarded(self._forget))
        self.children = self._rows()

    @property
    def experiment(self) -> Experiment:
        """The settings of the controls; ConfigError if they cannot be trained."""
        return read_experiment(self.controls)

    @property
    def runs(self) -> Runs:
        """The finished runs, for `compare`, `plot_curves` and other functions of runs."""
        return Runs(self._finished.values())

    def _make_controls(self, base: Experiment) -> None:
        self.controls = make_controls(base)
        self._name_controls(self.controls)
        self.seed.description = "first seed"
        self.seeds = ipywidgets.IntSlider(1, 1, 10, description="seeds (runs)")
        self.insides = ipywidgets.Checkbox(False, description="record the insides", indent=False)
        self.forget = ipywidgets.Button(description="Forget all runs", icon="trash", disabled=True)
        self.metric = ipywidgets.Dropdown(options=["validation_accuracy", "validation_loss"], description="compared by")
        self.reference = ipywidgets.Dropdown(options=["A"], description="against")
        for control in (self.metric, self.reference):
            control.style.description_width = "initial"

    def _name_controls(self, controls: dict[str, Any]) -> None:
        """Make each control an attribute with the name of its field, one by one, so that editors know it."""
        self.dataset: ipywidgets.Dropdown = controls["dataset"]
        self.train_size: ipywidgets.SelectionSlider = controls["train_size"]
        self.validation_size: ipywidgets.SelectionSlider = controls["validation_size"]
        self.data_seed: ipywidgets.IntSlider = controls["data_seed"]
        self.structure: ipywidgets.Dropdown = controls["structure"]
        self.scale: ipywidgets.SelectionSlider = controls["scale"]
        self.noise: ipywidgets.SelectionSlider = controls["noise"]
        self.classes: ipywidgets.SelectionSlider = controls["classes"]
        self.folder: ipywidgets.Text = controls["folder"]
        self.size: ipywidgets.SelectionSlider = controls["size"]
        self.grey: ipywidgets.Dropdown = controls["grey"]
        self.kernel_size: ipywidgets.IntSlider = controls["kernel_size"]
        self.pooling: ipywidgets.Dropdown = controls["pooling"]
        self.channels: ipywidgets.Combobox = controls["channels"]
        self.convs_per_block: ipywidgets.IntSlider = controls["convs_per_block"]
        self.hidden: ipywidgets.SelectionSlider = controls["hidden"]
        self.padding: ipywidgets.Dropdown = controls["padding"]
        self.dropout: ipywidgets.SelectionSlider = controls["dropout"]
        self.epochs: ipywidgets.SelectionSlider = controls["epochs"]
        self.optimizer: ipywidgets.Dropdown = controls["optimizer"]
        self.learning_rate: ipywidgets.SelectionSlider = controls["learning_rate"]
        self.momentum: ipywidgets.SelectionSlider = controls["momentum"]
        self.weight_decay: ipywidgets.SelectionSlider = controls["weight_decay"]
        self.batch_size: ipywidgets.SelectionSlider = controls["batch_size"]
        self.patience: ipywidgets.SelectionSlider = controls["patience"]
        self.min_delta: ipywidgets.SelectionSlider = controls["min_delta"]
        self.seed: ipywidgets.IntSlider = controls["seed"]

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
        above = (1, 0.97)  # of the axes, so that the legend hides no curve
        axes[1].legend(frameon=False, loc="lower right", bbox_to_anchor=above, ncols=2)
        self._loss_axes, self._drawn = axes[0], 0.0
        self._show_curves(None, epochs=5)
        self._show_runs()

    def _rows(self) -> list[ipywidgets.Widget]:
        rows: list[ipywidgets.Widget] = []
        for name, fields in GROUPS.items():
            extra = (self.seeds,) if name == "Training" else ()
            rows += [_heading(name), control_row(*(self.controls[field] for field in fields), *extra, compact=True)]
        return [
            *rows,
            self.status,
            _heading("Train"),
            *self._train_rows(self.insides),
            self.layers,  # below Start, so that Start is visible without scrolling
            self.curves,
            _heading("Compare"),
            flowing_row(self.metric, self.reference, self.forget),
            self.table,
            self.compared,
            _heading("Repeat it: two lines of code"),
            self.code,
        ]

    def _draw(self) -> None:
        """Show the layer table and the code of these settings, or why they cannot be trained."""
        show_knobs(self.controls)
        self.start.disabled = True
        try:
            experiment, seeds = self.experiment, self.seeds.value
            if experiment.folder:
                self._check_folder(experiment.folder, experiment)
            layers = experiment.layer_table()
        except (ConfigError, DataError):
            for part in (self.layers, self.code):  # they show the last valid settings
                part.add_class("cnnlab-stale")
            raise
        table = html.escape(repr(layers))
        self.layers.value = f'<pre class="cnnlab-pre cnnlab-layers" {LAYERS}>{table}</pre>'
        self.code.value = f'<pre class="cnnlab-pre cnnlab-code">{html.escape(experiment.to_code(seeds))}</pre>'
        for part in (self.layers, self.code):
            part.remove_class("cnnlab-stale")
        self.start.disabled = self._training
        parameters = sum(row.parameters for row in layers)
        self.status.say(f"{parameters:,} parameters; {_count(seeds, 'run')} of {_count(experiment.epochs, 'epoch')}")

    def _check_folder(self, folder: str, experiment: Experiment) -> None:
        """Raise ConfigError if the folder has too few pictures; count them once, and again before raising."""
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
        self._draw()  # the controls may have changed during the training

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
        """Draw the curves of the training so far; the vertical axis grows with the highest loss."""
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
        """Compare the finished runs, in a table and in a picture."""
        self.forget.disabled = not self._finished
        self.compared.figure.clear()
        try:
            comparison = compare_settings(self.runs, metric=self.metric.value)
            letters = {row.level: _letter(place) for place, row in enumerate(comparison.levels)}
            offer(self.reference, list(letters.values()), otherwise="A")
            chosen = next(level for level, letter in letters.items() if letter == self.reference.value)
            comparison = comparison.against(chosen)
        except ConfigError as error:  # no run is finished, or no run has this metric
            words = str(error) if self._finished else NO_RUNS
            self.table.value = html.escape(words)
            lines = "\n".join(textwrap.wrap(words, 70))
            self.compared.figure.text(0.5, 0.5, lines, ha="center", va="center", color="0.4", parse_math=False)
        else:
            words = _verdicts_in_words(comparison)
            self.table.value = _table_of(comparison, letters)
            plot_comparison(_lettered(comparison, letters), ax=self.compared.figure.subplots())
        self.compared.freeze([])
        self.compared.show(label=words)

    def _forget(self) -> None:
        self._finished.clear()
        self._show_runs()


def _table_of(comparison: Comparison, letters: dict[str, str]) -> str:
    """Return the comparison as an HTML table, with a letter for each setting; letters: setting → letter."""
    table = comparison.table().reset_index()
    table.insert(0, "letter", [letters[row.level] for row in comparison.levels])
    table.insert(2, "verdict", table.pop("verdict"))  # visible on a narrow page, too
    table["seeds"] = [_seeds(comparison, row) for row in comparison.levels]
    look = {"index": False, "border": 0, "classes": "cnnlab-table", "na_rep": "", "float_format": "{:.4f}".format}
    note = f"<p>{PAIRED.format(letters[comparison.levels[0].level])}</p>" if len(letters) > 1 else ""
    return f'<div class="cnnlab-scroll">{table.to_html(**look)}</div>{note}'


def _lettered(comparison: Comparison, letters: dict[str, str]) -> Comparison:
    """Return the comparison with letters in place of its settings, whose names are too long for an axis."""
    levels = tuple(row._replace(level=letters[row.level]) for row in comparison.levels)
    values = {letters[name]: values for name, values in comparison.values.items()}
    return dataclasses.replace(comparison, levels=levels, values=values)


def _seeds(comparison: Comparison, row: Level) -> str:
    """Return the number of seeds of a row, such as "3 of 5" if the reference has only 3 of the setting's 5 seeds."""
    trained = len(comparison.values[row.level])
    return str(row.seeds) if row.seeds == trained else f"{row.seeds} of {trained}"


def _letter(place: int) -> str:
    """Return the letter of a place: A, B, … Z, A2, B2, …"""
    return chr(ord("A") + place % 26) + (str(place // 26 + 1) if place >= 26 else "")


def _spread(epochs: int) -> list[int]:
    """Return at most SNAPSHOTS + 1 epochs, evenly spread from 0 to the last."""
    if epochs == 0:
        return [0]
    return sorted({round(place * epochs / min(epochs, SNAPSHOTS)) for place in range(min(epochs, SNAPSHOTS) + 1)})


def _heading(text: str) -> ipywidgets.HTML:
    """Return a heading that a screen reader finds."""
    return ipywidgets.HTML(f'<div class="cnnlab-heading" role="heading" aria-level="3">{html.escape(text)}</div>')


def _count(number: int, noun: str) -> str:
    """Return the number with the noun, in the plural if it is not 1."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _curves_in_words(history: History | None) -> str:
    """Describe the curves for a screen reader."""
    if not history:
        return "loss and accuracy over the epochs, empty"
    curves = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
    values = [f"{name.replace('_', ' ')} {history[name][-1]:.3f}" for name in history.rows[-1] if name in curves]
    return f"loss and accuracy over the epochs; after epoch {len(history)}: {', '.join(values)}"


def _verdicts_in_words(comparison: Comparison) -> str:
    """Describe the comparison for a screen reader."""
    verdicts = "; ".join(f"{level}: {verdict}" for level, verdict in comparison.verdicts.items())
    return f"{comparison.title}: {verdicts or 'one setting, nothing to compare it with yet'}"
