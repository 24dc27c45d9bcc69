"""The patients of notebook 09: admit them, treat one, and write down a diagnosis."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Any

from cnnlab.checks import check_whole, shown
from cnnlab.course.clinic.recording import Recording, read_recording
from cnnlab.course.clinic.settings import DISEASES, HEALTHY, Setting, setting_of
from cnnlab.course.clinic.train import load_images, train_network
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.interpret.by_layer import ByLayer
from cnnlab.training.history import History

REFERENCE = HEALTHY.change({"seed": 0})  # patient 0, who is known to be healthy
SETTINGS = {setting.key: setting for setting in [REFERENCE, *map(setting_of, DISEASES)]}


@dataclass(frozen=True, eq=False)
class Patient:
    """A network of the clinic, recorded with its insides after every epoch. What it suffers from is not written here.

    Parameters
    ----------
    number : int
        1 to 11; 0 is a healthy network, for comparison.
    seed : int
        The seed of the student, which orders the patients.
    treatment : dict
        The settings that were changed; empty for a patient who was not treated.

    >>> patient = admit_patients(seed=0)[3]
    >>> patient.history["train_loss"]
    """

    number: int
    seed: int
    treatment: dict[str, Any] = field(default_factory=dict)
    _key: str = field(default=REFERENCE.key, repr=False)
    _treated: Recording | None = field(default=None, repr=False)

    def __str__(self) -> str:
        changes = ", ".join(f"{name}={value!r}" for name, value in self.treatment.items())
        return f"patient {self.number}" + (f", treated with {changes}" if changes else "")

    @property
    def recording(self) -> Recording:
        """All that was recorded, as arrays."""
        return _read(self._key) if self._treated is None else self._treated

    @property
    def epochs(self) -> int:
        """The number of epochs that were recorded."""
        return self.recording.epochs

    @property
    def history(self) -> History:
        """The curves, for `plot_history`."""
        return self.recording.history

    def images(self) -> tuple[Split, Split]:
        """Return the training and the validation images as the network gets them, with the labels that it gets."""
        return _load_images(own_setting(self))

    def activations(self, epoch: int | None = None) -> ByLayer:
        """Return the activations after an epoch, for `plot_activations`; None: after the last one."""
        return self.recording.activations(self.check_epoch(epoch))

    def gradients(self, epoch: int | None = None) -> dict[str, ByLayer]:
        """Return the gradient of one batch and the one that the step uses, for `plot_gradient_flow`."""
        return self.recording.gradients(self.check_epoch(epoch))

    def weights(self, epoch: int | None = None) -> ByLayer:
        """Return a sample of the weights after an epoch, for `plot_weights`."""
        return self.recording.weights(self.check_epoch(epoch))

    def check_epoch(self, epoch: int | None) -> int:
        """Return the epoch, or the last one for None; raise ConfigError if it was not recorded."""
        if not self.epochs:
            raise ConfigError(f"{self}: the training diverged in its first epoch, so that there is nothing to see")
        epoch = check_whole("epoch", self.epochs if epoch is None else epoch, 1)
        if epoch > self.epochs:
            raise ConfigError(f"epoch must be at most {self.epochs} for {self}, got {epoch}")
        return epoch

    def diagnosis(self, disease: object, evidence: object = ...) -> Diagnosis | EllipsisType:
        """Return a diagnosis for `check`; `...` if both are still `...`.

        Parameters
        ----------
        disease : str or tuple
            One of `DISEASES`; or both, as (disease, evidence).
        evidence : str
            The view that shows it: one of `EVIDENCE`.

        >>> check("09-patient-3", patient.diagnosis("dead ReLUs", "activations"))
        """
        if isinstance(disease, (tuple, list)) and len(disease) == 2:
            disease, evidence = disease
        return ... if disease is ... and evidence is ... else Diagnosis(self, disease, evidence)


@dataclass(frozen=True)
class Diagnosis:
    """What a student says that a patient has, and which view shows it."""

    patient: Patient
    disease: object
    evidence: object


def admit_patients(seed: int = 0) -> dict[int, Patient]:
    """Return number → patient: eleven networks in an order drawn from the seed, and the healthy network 0.

    Raises ConfigError unless seed is a whole number of 0 or more.

    >>> patients = admit_patients(seed=20260101)
    >>> plot_patient(patients[3], "activations")
    """
    seed = check_whole("seed", seed, 0)
    keys = [setting_of(disease).key for disease in DISEASES]
    random.Random(seed).shuffle(keys)
    return {number: Patient(number, seed, _key=key) for number, key in enumerate([REFERENCE.key, *keys])}


def treat(patient: Patient, *, progress: bool = True, **changes: Any) -> Patient:
    """Train the patient's network again, with changed settings; everything else stays as it was. It takes seconds.

    Parameters
    ----------
    patient : Patient
        One of `admit_patients`.
    progress : bool
        Whether a line shows the epochs that are done, and the time left.
    **changes
        Settings of the healthy network with their values: learning_rate, activation, random_weights, initial_bias,
        zero_gradients, normalize, shuffle_labels, new_validation_images, train_size, epochs, seed. Without any, the
        network is trained again as it was.

    Raises
    ------
    ConfigError
        For a setting that there is not, or a value that can't work.

    >>> treated = treat(patients[3], learning_rate=0.1)
    >>> check("09-cure-3", treated)
    """
    if not isinstance(patient, Patient):
        raise ConfigError(f"treat wants a patient, such as admit_patients()[3], got {type(patient).__name__}")
    if not isinstance(progress, bool):
        raise ConfigError(f"progress must be True or False, got {shown(progress)}")
    recording = train_network(own_setting(patient).change(changes), progress=progress)
    return Patient(patient.number, patient.seed, patient.treatment | changes, patient._key, recording)


def own_setting(patient: Patient) -> Setting:
    """Return the setting with which the patient's network was trained: the secret of the notebook."""
    return SETTINGS[patient._key].change(patient.treatment)


@functools.cache
def _read(key: str) -> Recording:
    return read_recording(key)


@functools.lru_cache(maxsize=3)
def _load_images(setting: Setting) -> tuple[Split, Split]:
    return load_images(setting)
