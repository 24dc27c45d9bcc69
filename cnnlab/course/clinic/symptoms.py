"""Read from a patient's numbers what is wrong: the rule behind the checks of notebook 09, and its solution."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from cnnlab.course.clinic.patients import Patient, own_setting
from cnnlab.course.clinic.recording import ACTIVATIONS, LAYERS
from cnnlab.course.clinic.train import load_images
from cnnlab.course.sentences import say
from cnnlab.data.dataset import Split

MOST = 1000.0  # a larger ratio says no more


class Symptoms(NamedTuple):
    """The numbers by which the diseases can be told apart. Where no epoch is named, the median over epochs.

    Parameters
    ----------
    shared_images : int
        Validation images that are training images, too.
    right_labels : float
        The share of training labels that say what is on the picture, 0–1.
    input_scale : float
        The standard deviation of all that the network gets; 1 if it is normalized.
    equal_layers : int
        Hidden layers whose units all have the same weights after the last epoch.
    dead_layers : int
        Activation functions whose units are all zero for every image, in the epoch where they are most.
    gradient_shrink : float
        The gradient norm of conv1, divided by that of the last layer.
    piled_up : float
        The norm of the gradient that the steps use, divided by that of one batch: at most 1,000.
    typical_step : float
        Norm of step / norm of weights, the median over the layers, in the epoch where it is largest.
    train_loss, validation_loss : float
        After the last epoch, in nats.
    validation_accuracy : float
        After the last epoch, 0–1.
    """

    shared_images: int
    right_labels: float
    input_scale: float
    equal_layers: int
    dead_layers: int
    gradient_shrink: float
    piled_up: float
    typical_step: float
    train_loss: float
    validation_loss: float
    validation_accuracy: float


def read_symptoms(patient: Patient) -> Symptoms:
    """Return the symptoms of a patient who was trained for at least one epoch.

    >>> read_symptoms(admit_patients()[0]).dead_layers
    0
    """
    recording, last = patient.recording, patient.epochs
    train, validation = patient.images()
    epochs = range(1, last + 1)
    used, of_batch, steps = (
        np.array([recording.number("gradient", part, LAYERS, epoch) for epoch in epochs])  # (epochs, layers)
        for part in ("used", "of_batch", "step_ratio")
    )
    dead, units = (
        np.array([recording.number("activation", part, ACTIVATIONS, epoch) for epoch in epochs])  # (epochs, layers)
        for part in ("dead", "units")
    )
    curves = {name: recording.history[name][-1] for name in ("train_loss", "validation_loss", "validation_accuracy")}
    return Symptoms(
        shared_images=_shared(train, validation),
        right_labels=_right_labels(patient, train),
        input_scale=float(train.images.std()),
        equal_layers=int((recording.number("weight", "different", LAYERS[:-1], last) == 1).sum()),
        dead_layers=int((dead == units).sum(axis=1).max()),
        gradient_shrink=float(np.median(_ratio(of_batch[:, 0], of_batch[:, -1]))),
        piled_up=float(np.median(_ratio(used, of_batch))),
        typical_step=float(np.median(steps, axis=1).max()),
        **curves,
    )


def _ratio(numbers: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return numbers / others, at most MOST; 0 where both are 0."""
    return numbers / np.maximum(np.maximum(others, numbers / MOST), 1e-12)


class Sign(NamedTuple):
    """How a disease shows in the numbers.

    Parameters
    ----------
    number : function
        Takes the symptoms, and returns the number that matters.
    is_there : function
        Takes that number, and returns whether it is the sign of the disease.
    words : str
        What the disease would do, and what is measured here, with "{number}" for the number.
    """

    number: Callable[[Symptoms], float]
    is_there: Callable[[float], bool]
    words: str


# From the outside in: a fault of the data shows in the weights, too, and a fault of the weights in the gradients.
SIGNS = {
    "leaked validation images": Sign(
        lambda numbers: numbers.shared_images,
        lambda count: count > 0,
        "Where there is a leak, validation images are training images, too; here it is {number:.0f} of them.",
    ),
    "shuffled labels": Sign(
        lambda numbers: numbers.right_labels,
        lambda share: share < 0.9,
        "With shuffled labels most pictures have a wrong label; here {number:.0%} have the right one.",
    ),
    "unnormalized input": Sign(
        lambda numbers: numbers.input_scale,
        lambda scale: not 0.3 < scale < 3,
        "Normalized input has a standard deviation of 1; here it is {number:.2g}.",
    ),
    "equal weights": Sign(
        lambda numbers: numbers.equal_layers,
        lambda count: count > 0,
        "With equal weights, all units of a layer stay the same; here this is so in {number:.0f} layers.",
    ),
    "gradients never zeroed": Sign(
        lambda numbers: numbers.piled_up,
        lambda ratio: ratio > 3,
        "Where gradients pile up, the step uses a gradient many times as large as that of a batch; here it is "
        "{number:.2g} times as large.",
    ),
    "dead ReLUs": Sign(
        lambda numbers: numbers.dead_layers,
        lambda count: count > 0,
        "With dead ReLUs, whole layers are zero for every image; here it is {number:.0f} of them.",
    ),
    "vanishing gradients": Sign(
        lambda numbers: numbers.gradient_shrink,
        lambda ratio: ratio < 0.01,
        "Where gradients vanish, that of conv1 is less than a hundredth of that of the last layer; here it is "
        "{number:.2g} times as large.",
    ),
    "learning rate too high": Sign(
        lambda numbers: numbers.typical_step,
        lambda ratio: ratio > 0.05,
        "Where the learning rate is too high, a typical step is more than 0.05 of the weights; here it is "
        "{number:.2g}.",
    ),
    "learning rate too low": Sign(
        lambda numbers: numbers.typical_step,
        lambda ratio: ratio < 0.0003,
        "Where the learning rate is too low, a typical step is less than 0.0003 of the weights; here it is "
        "{number:.2g}.",
    ),
    "too few images": Sign(
        lambda numbers: numbers.validation_loss - numbers.train_loss,
        lambda gap: gap > 0.7,
        "With too few images the validation loss ends far above the training loss; here the gap is {number:.2g} nats.",
    ),
}


def name_disease(patient: Patient) -> str:
    """Return the disease whose sign is the first that is there, in the order of `SIGNS`; else "healthy".

    >>> name_disease(admit_patients()[0])
    'healthy'
    """
    numbers = read_symptoms(patient)
    return next((disease for disease in SIGNS if has_sign(disease, numbers)), "healthy")


def has_sign(disease: str, numbers: Symptoms) -> bool:
    """Return whether the sign of this disease is in the numbers."""
    sign = SIGNS[disease]
    return sign.is_there(sign.number(numbers))


def describe_sign(disease: str, numbers: Symptoms) -> str:
    """Say what this disease would do to the numbers, and what they are."""
    sign = SIGNS[disease]
    return say(sign.words, number=sign.number(numbers))


def _shared(train: Split, validation: Split) -> int:
    """Return how many validation images are training images, too."""
    pictures = {image.numpy().tobytes() for image in train.images}
    return sum(image.numpy().tobytes() in pictures for image in validation.images)


def _right_labels(patient: Patient, train: Split) -> float:
    """Return the share of training labels that say what is on the picture."""
    truth, _ = load_images(own_setting(patient).change({"shuffle_labels": False}))
    return float((train.labels == truth.labels).float().mean())
