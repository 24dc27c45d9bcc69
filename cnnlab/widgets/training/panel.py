"""TrainingPanel: choose every hyperparameter, train, watch the curves, and compare the runs, also those of earlier."""

from __future__ import annotations

import contextlib
import html
import os
import time
from typing import Any

import ipywidgets

from cnnlab.checks import counted
from cnnlab.data.loading import count_images
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs
from cnnlab.files import check_path
from cnnlab.training.history import History
from cnnlab.training.loop import EpochState
from cnnlab.widgets.base import control_row
from cnnlab.widgets.form import GROUPS, make_controls, name_usual_values, read_experiment, show_knobs
from cnnlab.widgets.tabs import Tabs
from cnnlab.widgets.trainer import SHORTEST, Trainer, check_base
from cnnlab.widgets.training.comparison import NO_RUNS
from cnnlab.widgets.training.curves import Curves
from cnnlab.widgets.training.finished_runs import FinishedRuns

LAYERS_REGION = 'tabindex="0" role="region" aria-label="layers"'  # focusable, so that the keys scroll it
SNAPSHOTS = 20  # steps from epoch 0 to the last epoch; the weights at each end are kept
CURVES, COMPARISON, LAYERS, CODE = "Curves", "Comparison", "Layers", "Code"  # the words on the tabs


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
        The runs that this panel has trained.
    earlier_runs : Runs
        Those that a panel trained earlier, in any notebook: they are kept in the course folder (see `course_folder`).
    seeds : IntSlider
        How many runs Start trains: with the seeds seed, seed + 1, and so on.
    insides : Checkbox
        If ticked, `Recorder` records numbers from inside the network.
    start, stop, forget
        The other buttons; `forget` removes the compared runs for good, and `asking` has the question before that.
    show_earlier : Checkbox
        Whether the earlier runs are compared, too.
    views : Tabs
        The curves, the comparison, the layers and the code: one of them is shown.
    metric, reference : Dropdown
        What the runs are compared by, and with which one.
    curves : Curves
        The two pictures of a training, in `curves.plots`.
    compared : LivePlot
        The picture of the comparison.
    layers, code, comparison_code : HTML
        The layer table, and the code that repeats these settings and the whole comparison.
    status : StatusLine
        The size of the network and of the training in words, or why it cannot be trained.

    >>> panel = TrainingPanel()
    >>> panel.kernel_size.value = 5
    >>> panel.train()
    """

    explained = (
        "nat", "padding", "dropout", "optimizer", "learning rate", "momentum", "weight decay", "batch", "patience",
        "logits", "seed", "interval", "noise floor", "cannot tell",
    )  # fmt: skip

    def __init__(self, base: Experiment | None = None) -> None:
        base = Experiment(train_size=2000, validation_size=1000) if base is None else check_base(base)
        super().__init__()
        self._finished = FinishedRuns()
        self._counted = "", 0  # a folder, and the number of pictures in it
        self._make_controls(base)
        self._make_outputs()
        self._guarded(self._show_runs)
        if self._finished.earlier:
            self.views.choice.value = COMPARISON
        self._guarded(self._draw)
        self._watch(*self.controls.values(), self.seeds)
        self._watch(self.metric, self.reference, self.show_earlier, then=self._show_runs)
        self._watch(self.views.choice, then=lambda: None)  # the picture in the notebook shows the chosen tab, too
        self.forget.on_click(lambda _button: self._guarded(self.asking.ask))
        self.asking.yes.on_click(lambda _button: self._guarded(self._forget_runs))
        self.children = self._rows()
        self._measure_speed()

    @property
    def experiment(self) -> Experiment:
        """The settings of the controls; ConfigError if they cannot be trained."""
        return read_experiment(self.controls)

    @property
    def runs(self) -> Runs:
        """The runs that this panel has trained, for `compare`, `plot_curves` and other functions of runs."""
        return Runs(self._finished.own.values())

    @property
    def earlier_runs(self) -> Runs:
        """The newest of the runs that were kept earlier; `earlier_runs + runs` are all."""
        return Runs(self._finished.earlier.values())

    def _make_controls(self, base: Experiment) -> None:
        self.controls = make_controls(base)
        self._name_controls(self.controls)
        self.seed.description = "first seed"
        self.seeds = ipywidgets.IntSlider(1, 1, 10, description="seeds (runs)")
        self.insides = ipywidgets.Checkbox(False, description="record the insides", indent=False)
        self.show_earlier, self.asking = self._finished.show_earlier, self._finished.asking
        self.forget = self.asking.button

    def _name_controls(self, controls: dict[str, Any]) -> None:
        """Make each control an attribute with the name of its field, one by one, so that editors know it."""
        self.dataset: ipywidgets.Dropdown = controls["dataset"]
        self.train_size: ipywidgets.SelectionSlider = controls["train_size"]
        self.validation_size: ipywidgets.SelectionSlider = controls["validation_size"]
        self.data_seed: ipywidgets.IntSlider = controls["data_seed"]
        self.structure: ipywidgets.Dropdown = controls["structure"]
        self.scale: ipywidgets.Dropdown = controls["scale"]
        self.noise: ipywidgets.Dropdown = controls["noise"]
        self.classes: ipywidgets.Dropdown = controls["classes"]
        self.folder: ipywidgets.Text = controls["folder"]
        self.size: ipywidgets.Dropdown = controls["size"]
        self.grey: ipywidgets.Dropdown = controls["grey"]
        self.balanced: ipywidgets.Dropdown = controls["balanced"]
        self.kernel_size: ipywidgets.IntSlider = controls["kernel_size"]
        self.pooling: ipywidgets.Dropdown = controls["pooling"]
        self.channels: ipywidgets.Combobox = controls["channels"]
        self.convs_per_block: ipywidgets.IntSlider = controls["convs_per_block"]
        self.hidden: ipywidgets.SelectionSlider = controls["hidden"]
        self.padding: ipywidgets.Dropdown = controls["padding"]
        self.dropout: ipywidgets.SelectionSlider = controls["dropout"]
        self.epochs: ipywidgets.SelectionSlider = controls["epochs"]
        self.optimizer: ipywidgets.Dropdown = controls["optimizer"]
        self.learning_rate: ipywidgets.Dropdown = controls["learning_rate"]
        self.momentum: ipywidgets.SelectionSlider = controls["momentum"]
        self.weight_decay: ipywidgets.SelectionSlider = controls["weight_decay"]
        self.batch_size: ipywidgets.SelectionSlider = controls["batch_size"]
        self.patience: ipywidgets.SelectionSlider = controls["patience"]
        self.min_delta: ipywidgets.SelectionSlider = controls["min_delta"]
        self.seed: ipywidgets.IntSlider = controls["seed"]

    def _make_outputs(self) -> None:
        self.layers, self.code, self.comparison_code = (ipywidgets.HTML() for _ in range(3))
        self.curves, self.comparison, self.kept = Curves(), self._finished.comparison, self._finished.kept
        self.metric, self.reference = self.comparison.metric, self.comparison.reference
        self.table, self.compared = self.comparison.table, self.comparison.plot
        self._drawn = 0.0
        self.views = Tabs({
            CURVES: self.curves,
            COMPARISON: self._finished,
            LAYERS: self.layers,
            CODE: ipywidgets.VBox([
                _heading("These settings"), self.code, _heading("The whole comparison"), self.comparison_code,
            ]),
        })  # fmt: skip

    def _rows(self) -> list[ipywidgets.Widget]:
        rows: list[ipywidgets.Widget] = []
        for name, fields in GROUPS.items():
            extra = (self.seeds, self.insides) if name == "Training" else ()
            rows += [_heading(name), control_row(*(self.controls[field] for field in fields), *extra, compact=True)]
        return [*rows, self.status, *self._train_rows(), self.views, self.glossary]

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
            self._show_estimate([])
            raise
        name_usual_values(self.controls, experiment)
        table = html.escape(repr(layers))
        self.layers.value = f'<pre class="cnnlab-pre cnnlab-layers" {LAYERS_REGION}>{table}</pre>'
        self.code.value = _as_code(experiment.to_code(seeds))
        for part in (self.layers, self.code):
            part.remove_class("cnnlab-stale")
        self.start.disabled = self._training
        parameters = sum(row.parameters for row in layers)
        self.status.say(f"{parameters:,} parameters; {counted(seeds, 'run')} of {counted(experiment.epochs, 'epoch')}")
        self._show_estimate([experiment] * seeds)

    def _check_folder(self, folder: str, experiment: Experiment) -> None:
        """Raise ConfigError if the folder has too few pictures; count them once, and again before raising."""
        if not os.path.isdir(check_path("folder", folder)):
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

    def _prepare(self) -> list[Experiment]:
        experiments = super()._prepare()
        self.views.choice.value = CURVES  # once: later the person may look at another tab
        return experiments

    def _options(self, experiment: Experiment) -> dict:
        return {"snapshots": _spread(experiment.epochs), "insides": self.insides.value}

    def _begin_run(self, experiment: Experiment) -> None:
        self._show_curves(None, epochs=experiment.epochs)

    def _after_epoch(self, state: EpochState) -> None:
        epochs = state.history.settings["epochs"]
        if time.monotonic() - self._drawn > SHORTEST or state.epoch == epochs:
            self._show_curves(state.history, epochs=epochs)

    def _show_curves(self, history: History | None, *, epochs: int) -> None:
        with self._lock:
            self.curves.show_history(history, epochs=epochs)
            self._drawn = time.monotonic()

    def _take(self, finished: Run) -> None:
        self._show_curves(finished.history, epochs=finished.experiment.epochs)
        self._finished.add(finished)
        self._guarded(self._show_runs)

    def _in_plain_words(self) -> str:
        is_compared = self.views.choice.value == COMPARISON
        return super()._in_plain_words() + (f"\n{self.comparison.names}" if is_compared else "")

    def _show_runs(self) -> None:
        """Compare the finished runs, and show the code that repeats the comparison."""
        code = self._finished.show()
        self.comparison_code.value = _as_code(code) if code else html.escape(NO_RUNS)

    def _forget_runs(self) -> None:
        self._finished.forget()
        self._show_runs()


def _spread(epochs: int) -> list[int]:
    """Return at most SNAPSHOTS + 1 epochs, evenly spread from 0 to the last."""
    if epochs == 0:
        return [0]
    return sorted({round(place * epochs / min(epochs, SNAPSHOTS)) for place in range(min(epochs, SNAPSHOTS) + 1)})


def _heading(text: str) -> ipywidgets.HTML:
    """Return a heading that a screen reader finds."""
    return ipywidgets.HTML(f'<div class="cnnlab-heading" role="heading" aria-level="3">{html.escape(text)}</div>')


def _as_code(text: str) -> str:
    return f'<pre class="cnnlab-pre cnnlab-code">{html.escape(text)}</pre>'
