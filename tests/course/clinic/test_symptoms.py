"""Test the numbers by which the diseases are told apart, and that some look alike in the loss and differ inside."""

import numpy as np
import pytest

from cnnlab import DISEASES, admit_patients
from cnnlab.course.clinic.symptoms import SIGNS, has_sign, name_disease, read_symptoms
from cnnlab.course.exercises.notebook_09 import SHOWN_BY, disease_of

SICK = {disease_of(patient): patient for number, patient in admit_patients(0).items() if number}
NUMBERS = {disease: read_symptoms(patient) for disease, patient in SICK.items()}
# Disease → a number, the lowest and the highest value of it, and whether no other patient has it there.
TABLE = {
    "leaked validation images": ("shared_images", 300, 300, True),
    "shuffled labels": ("right_labels", 0.05, 0.2, True),
    "unnormalized input": ("input_scale", 70, 90, True),
    "equal weights": ("equal_layers", 5, 5, True),
    "dead ReLUs": ("dead_layers", 4, 4, True),
    "gradients never zeroed": ("gradient_growth", 100, 1000, True),
    "vanishing gradients": ("gradient_shrink", 1e-4, 0.01, True),
    "learning rate too low": ("typical_step", 1e-6, 1e-4, True),
    "learning rate too high": ("typical_step", 0.07, 0.2, False),  # other faults make steps large, too
    "too few images": ("train_loss", 0, 0.01, True),
    "healthy": ("validation_accuracy", 0.8, 0.9, True),
}


@pytest.mark.parametrize("disease", DISEASES)
def test_the_rule_names_every_disease_from_the_numbers_alone(disease):
    assert name_disease(SICK[disease]) == disease


def test_patient_0_is_healthy():
    assert name_disease(admit_patients(0)[0]) == "healthy"
    assert not [disease for disease in SIGNS if has_sign(disease, read_symptoms(admit_patients(0)[0]))]


@pytest.mark.parametrize("disease", DISEASES)
def test_each_disease_has_a_number_that_tells_it_from_the_others(disease):
    name, low, high, alone = TABLE[disease]
    values = {each: getattr(numbers, name) for each, numbers in NUMBERS.items()}
    inside = [each for each, value in values.items() if low <= value <= high]
    assert disease in inside
    assert inside == [disease] or not alone, values


def test_dead_relus_and_vanishing_gradients_look_alike_in_the_loss_and_differ_inside():
    dead, vanishing = SICK["dead ReLUs"], SICK["vanishing gradients"]
    losses = [np.array(patient.history["train_loss"]) for patient in (dead, vanishing)]
    assert np.abs(losses[0] - losses[1]).max() < 0.1
    assert all(np.abs(loss - np.log(10)).max() < 0.1 for loss in losses)  # both guess among ten classes
    closest = sorted(
        (max(abs(a - b) for a, b in zip(one.history["train_loss"], other.history["train_loss"], strict=True)), names)
        for names, one, other in (
            ((first, second), SICK[first], SICK[second])
            for place, first in enumerate(DISEASES)
            for second in DISEASES[place + 1 :]
        )
    )
    assert [set(names) for _, names in closest[:2]] == [
        {"shuffled labels", "equal weights"}, {"dead ReLUs", "vanishing gradients"}
    ]  # fmt: skip
    units = {name: sum(layer.dead for layer in patient.activations().values()) for name, patient in SICK.items()}
    assert units["dead ReLUs"] > 40
    assert units["vanishing gradients"] == 0
    norms = {name: [layer.gradient_norm for layer in SICK[name].gradients()["of one batch"].values()] for name in SICK}
    assert norms["dead ReLUs"] == [0] * 6
    assert 0 < 100 * norms["vanishing gradients"][0] < norms["vanishing gradients"][-1]


def test_only_dead_relus_stop_every_gradient():
    """So both views, activations and gradients, tell this disease from all others."""
    still = [
        name for name, patient in SICK.items()
        if all(
            layer.gradient_norm == 0
            for epoch in range(1, patient.epochs + 1)
            for layer in patient.gradients(epoch)["of one batch"].values()
        )
    ]  # fmt: skip
    assert still == ["dead ReLUs"]
    assert SHOWN_BY["dead ReLUs"] == ("activations", "gradients")


def test_a_leak_looks_well_from_outside():
    leak, healthy = NUMBERS["leaked validation images"], NUMBERS["healthy"]
    assert leak.validation_accuracy > healthy.validation_accuracy
    assert leak.validation_loss < healthy.validation_loss
    assert leak.train_loss == pytest.approx(healthy.train_loss, abs=0.1)
