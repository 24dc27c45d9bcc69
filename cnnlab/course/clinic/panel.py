"""Clinic: look at the networks of notebook 09, and into them, with one slider for the epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import ipywidgets
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from cnnlab.checks import is_iterable, listed, shown
from cnnlab.course.clinic.patients import Patient, admit_patients
from cnnlab.course.clinic.views import SIDE_BY_SIDE, SIZE, VIEWS, move_epoch_line, plot_patient
from cnnlab.errors import ConfigError
from cnnlab.plots.alt_text import alt_text
from cnnlab.widgets.base import Panel, control_row, flowing_row
from cnnlab.widgets.web.live_plot import LivePlot

WIDTH_CHANGES = ("weights",)  # the numbers beside the colours are wider after some epochs
QUICK = ("curves", "inputs")  # another epoch moves a line of the curves, and changes nothing of the inputs


class Clinic(Panel):
    """Show one patient at a time: curves, activations, gradients, weights or inputs, after each epoch.

    `plot_patient` draws the same.

    Parameters
    ----------
    patients : dict of int: Patient, or iterable of Patient
        What `admit_patients` returns, or patients treated or not; None admits those of seed 0.

    Attributes
    ----------
    patient, view, epoch
        The controls.
    plot : LivePlot
        The picture.
    status : StatusLine
        The numbers of the epoch in words.

    >>> panel = Clinic(admit_patients(seed=0))
    >>> panel.patient.value, panel.view.value = 3, "gradients"
    """

    explained = ("nat", "dead unit", "gradient flow", "update ratio (update-to-weight ratio)", "weight", "logits")

    def __init__(self, patients: Mapping[int, Patient] | Iterable[Patient] | None = None) -> None:
        self.patients = _check_patients(admit_patients() if patients is None else patients)
        super().__init__()
        names = [(_name(patient), place) for place, patient in enumerate(self.patients)]
        self.patient = ipywidgets.ToggleButtons(options=names, description="patient")
        self.view = ipywidgets.ToggleButtons(options=list(VIEWS), description="look at")
        for buttons in (self.patient, self.view):
            buttons.style.button_width = "auto"
            buttons.style.description_width = "initial"
        longest = max(patient.epochs for patient in self.patients)
        self.epoch = ipywidgets.IntSlider(longest, 1, longest, description="after epoch")
        self.plot = LivePlot(*SIZE, label="")
        self.status.layout.min_height = "3em"  # two lines, so that the rows below do not move
        self._drawn: tuple[Patient, str] | None = None  # of which the picture is
        self._places: list[Bbox] = []  # of its axes
        self._words = ""  # what it shows
        with self._lock:
            self._draw()
        self._watch(self.patient, self.view, self.epoch)
        self.children = [
            flowing_row(self.patient), flowing_row(self.view), control_row(self.epoch),
            self.plot, self.status, self.glossary,
        ]  # fmt: skip

    def _draw(self) -> None:
        try:
            self._show_choice()
        finally:
            self.plot.is_outdated = False  # also after an error

    def _show_choice(self) -> None:
        """Show the chosen patient, view and epoch; the old picture is dimmed while a view is drawn anew."""
        patient, view = self.patients[cast(int, self.patient.value)], cast(str, self.view.value)
        epoch = min(self.epoch.value, patient.epochs)  # another one may have been trained for longer
        if (patient, view) != self._drawn or view not in QUICK:
            self.plot.is_outdated = True
            self._draw_view(patient, view, epoch)
        if view == "curves":
            move_epoch_line(self.plot.figure, epoch)
        shown = f"{patient}, {view}" + ("" if view == "inputs" else f", after epoch {epoch}")
        self.plot.show(label=f"{shown}: {self._words}", cuts=_cuts(self.plot.figure, view), is_outdated=False)
        row = patient.history.rows[epoch - 1]
        self.status.say(
            f"{str(patient).capitalize()}, {view}, after epoch {epoch} of {patient.epochs}: training loss "
            f"{row['train_loss']:.3g}, validation loss {row['validation_loss']:.3g}, training accuracy "
            f"{row['train_accuracy']:.3f}, validation accuracy {row['validation_accuracy']:.3f}."
        )

    def _draw_view(self, patient: Patient, view: str, epoch: int) -> None:
        """Draw a view anew. The lines of the curves are left to `show`, so that another epoch needs no new axes.

        To let matplotlib find room for the axes takes half the time: they stay where only the epoch has changed.
        """
        is_placed, self._drawn = (patient, view) == self._drawn and view not in WIDTH_CHANGES, None
        figure = self.plot.figure
        figure.clear()
        plot_patient(patient, view, epoch=epoch, figure=figure)
        if is_placed:
            for ax, place in zip(figure.axes, self._places, strict=True):
                ax.set_position(place)
        lines = [line for ax in figure.axes for line in ax.lines] if view == "curves" else []
        self.plot.freeze(sorted(lines, key=Line2D.get_zorder), solve=not is_placed)
        self._words, self._places = alt_text(figure), [ax.get_position(original=True) for ax in figure.axes]
        self._drawn = patient, view


def _cuts(figure: Figure, view: str) -> list[int]:
    """Return where a narrow page cuts the picture: to the left of the right one of two axes, and of its label."""
    if view not in SIDE_BY_SIDE:
        return []
    right = figure.axes[1]
    leftmost = right.yaxis.label if right.axison else right
    return [int(leftmost.get_window_extent().x0) - 4]


def _name(patient: Patient) -> str:
    """Return what stands on the patient's button."""
    if patient.number == 0 and not patient.treatment:
        return "0 (healthy)"
    return f"{patient.number} treated" if patient.treatment else str(patient.number)


def _check_patients(patients: Any) -> list[Patient]:
    """Return the patients in a list; raise ConfigError unless there is at least one, and nothing else."""
    values = patients.values() if isinstance(patients, Mapping) else patients if _holds(patients) else []
    given = listed("patients", values)
    if not given or not all(isinstance(patient, Patient) for patient in given):
        raise ConfigError(f"Clinic wants patients, such as admit_patients(seed=0), got {shown(patients)}")
    usable = [patient for patient in given if patient.epochs]
    if not usable:
        raise ConfigError("Clinic has nothing to show: every training diverged in its first epoch")
    return usable


def _holds(patients: Any) -> bool:
    return is_iterable(patients) and not isinstance(patients, str)
