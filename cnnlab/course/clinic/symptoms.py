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
LARGEST = 1e30  # of a gradient norm that a ratio can be taken of


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
    gradient_growth : float
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
    gradient_growth: float
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
        gradient_growth=float(np.median(_ratio(used, of_batch))),
        typical_step=float(np.median(steps, axis=1).max()),
        **curves,
    )


def _ratio(numbers: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return numbers / others, at most MOST; 0 where both are 0, and 1 where both are infinite."""
    numbers, others = (np.minimum(each, LARGEST) for each in (numbers, others))
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
        What the disease does to the number.
    measured : str
        What is measured here, with "{number}" for the number, or the names of symptoms in braces. It stands alone, too.
    """

    number: Callable[[Symptoms], float]
    is_there: Callable[[float], bool]
    words: str
    measured: str


# A cause comes before what follows from it: a fault of the data shows in the weights, too, a fault of the weights in
# the gradients; and steps that are too large kill ReLUs and end all gradients.
SIGNS = {
    "leaked validation images": Sign(
        lambda numbers: numbers.shared_images,
        lambda count: count > 0,
        "Where validation images are leaked, they are training images, too.",
        "Here {number} of the validation images are training images.",
    ),
    "shuffled labels": Sign(
        lambda numbers: 100 * numbers.right_labels,
        lambda percent: percent < 90,
        "With shuffled labels, most training images have a wrong label.",
        "Here {number}% of the training images have the right label.",
    ),
    "unnormalized input": Sign(
        lambda numbers: numbers.input_scale,
        lambda scale: not 0.3 < scale < 3,
        "Normalized input has a standard deviation of about 1.",
        "Here the standard deviation of the input is {number}.",
    ),
    "equal weights": Sign(
        lambda numbers: numbers.equal_layers,
        lambda count: count > 0,
        "With equal weights, all units of a hidden layer have the same weights.",
        "Here all units have the same weights in {number} of the 5 hidden layers.",
    ),
    "gradients never zeroed": Sign(
        lambda numbers: numbers.gradient_growth,
        lambda ratio: ratio > 3,
        "Where gradients are never zeroed, the gradient that the step uses is more than 3 times as large as the "
        "gradient of one batch.",
        "Here the gradient that the step uses is {number} times as large as the gradient of one batch (counted up to "
        "1000).",
    ),
    "learning rate too high": Sign(
        lambda numbers: numbers.typical_step,
        lambda ratio: ratio > 0.05,
        "Where the learning rate is too high, a typical step is more than a twentieth (0.05) of the weights.",
        "Here a typical step is {number} of the weights, in the epoch with the largest steps.",
    ),
    "dead ReLUs": Sign(
        lambda numbers: numbers.dead_layers,
        lambda count: count > 0,
        "With dead ReLUs, whole layers are zero for every image.",
        "Here, in the worst epoch, {number} of the 5 hidden layers are zero for every image.",
    ),
    "vanishing gradients": Sign(
        lambda numbers: numbers.gradient_shrink,
        lambda ratio: ratio < 0.01,
        "Where gradients vanish, the gradient norm of conv1 is less than 0.01 times the gradient norm of the last "
        "layer.",
        "Here the gradient norm of conv1 is {number} times the gradient norm of the last layer.",
    ),
    "learning rate too low": Sign(
        lambda numbers: numbers.typical_step,
        lambda ratio: ratio < 0.0003,
        "Where the learning rate is too low, a typical step is less than 0.0003 of the weights.",
        "Here a typical step is {number} of the weights, in the epoch with the largest steps.",
    ),
    "too few images": Sign(
        lambda numbers: numbers.validation_loss - numbers.train_loss,
        lambda gap: gap > 0.7,
        "With too few images, the validation loss ends more than 0.7 nats above the training loss.",
        "Here the training loss ends at {train_loss:.2f} nats, and the validation loss at {validation_loss:.2f} nats.",
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
    return f"{say(SIGNS[disease].words)} {measured_sign(disease, numbers)}"


def measured_sign(disease: str, numbers: Symptoms) -> str:
    """Say the number in which this disease would show, without its name."""
    sign = SIGNS[disease]
    return say(sign.measured, number=_in_figures(sign.number(numbers)), **numbers._asdict())


def _in_figures(number: float) -> str:
    """Return a number of 0 or more without an exponent: whole from 10 on, else with two significant digits.

    >>> _in_figures(0.00003611)
    '0.000036'
    """
    return f"{number:.0f}" if number >= 10 else np.format_float_positional(float(f"{number:.2g}"), trim="-")


def _shared(train: Split, validation: Split) -> int:
    """Return how many validation images are training images, too."""
    pictures = {image.numpy().tobytes() for image in train.images}
    return sum(image.numpy().tobytes() in pictures for image in validation.images)


def _right_labels(patient: Patient, train: Split) -> float:
    """Return the share of training labels that say what is on the picture."""
    truth, _ = load_images(own_setting(patient).change({"shuffle_labels": False}))
    return float((train.labels == truth.labels).float().mean())
