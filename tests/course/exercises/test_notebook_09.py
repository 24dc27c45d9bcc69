"""Test the checks of notebook 09: what is right is taken, what is wrong is refused with its reason."""

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from said import find_translated

from cnnlab import DISEASES, EVIDENCE, HEALTHY, admit_patients, check, treat
from cnnlab.course.clinic.patients import Diagnosis
from cnnlab.course.clinic.recording import LAYERS
from cnnlab.course.clinic.settings import CAUSES
from cnnlab.course.clinic.symptoms import SIGNS, describe_sign, has_sign, read_symptoms
from cnnlab.course.exercises.notebook_09 import SHOWN_BY, disease_of, wrong_cure, wrong_diagnosis

SEED = 5
PATIENTS = admit_patients(SEED)
NUMBERS = {disease_of(patient): number for number, patient in PATIENTS.items() if number}
CURED = {}  # each network is trained once for all tests of a process


def cured(disease):
    if disease not in CURED:
        CURED[disease] = treat(
            PATIENTS[NUMBERS[disease]], **{field: getattr(HEALTHY, field) for field in CAUSES[disease]}
        )
    return CURED[disease]


def diagnosis_mistake(disease, said, evidence):
    number = NUMBERS[disease]
    return find_translated(partial(wrong_diagnosis, number), PATIENTS[number].diagnosis(said, evidence))


# --- Diagnoses


@pytest.mark.parametrize("disease", DISEASES)
def test_the_right_diagnosis_is_taken_with_each_view_that_shows_it(disease):
    for evidence in SHOWN_BY[disease]:
        assert diagnosis_mistake(disease, disease, evidence) is None
        assert diagnosis_mistake(disease, f"  {disease.upper()} ", evidence.capitalize()) is None
    outcome = check(
        f"09-patient-{NUMBERS[disease]}", PATIENTS[NUMBERS[disease]].diagnosis(disease, SHOWN_BY[disease][0])
    )
    assert outcome.state == "correct"


@pytest.mark.parametrize("disease", DISEASES)
def test_every_other_diagnosis_is_refused_by_the_numbers_without_the_answer(disease):
    for said in DISEASES:
        if said != disease:
            words = diagnosis_mistake(disease, said, SHOWN_BY[disease][0])
            assert words.endswith("."), (disease, said)
            assert disease not in words


@pytest.mark.parametrize("disease", DISEASES)
def test_every_other_evidence_is_refused_after_the_right_diagnosis(disease):
    for evidence in EVIDENCE:
        if evidence not in SHOWN_BY[disease]:
            words = diagnosis_mistake(disease, disease, evidence)
            assert words.startswith("The diagnosis is right"), (disease, evidence)
            assert not [view for view in SHOWN_BY[disease] if view in words and view != evidence]


def test_an_evidence_that_is_only_a_consequence_is_not_said_to_look_alike():
    """No other weights change as much as where gradients are never zeroed, but the gradients show the fault."""
    words = diagnosis_mistake("gradients never zeroed", "gradients never zeroed", "weights")
    assert words == (
        "The diagnosis is right. But the weights show only what follows from the fault, or they look much the same in "
        "another disease. Which view shows the fault itself?"
    )


def test_a_sign_that_follows_from_another_disease_is_not_denied():
    """In the last layer all units are dead where gradients are never zeroed, but not after the first epoch."""
    dead = PATIENTS[NUMBERS["gradients never zeroed"]].activations(12)["act_fc1"].dead
    words = diagnosis_mistake("gradients never zeroed", "dead ReLUs", "activations")
    assert dead == 16
    assert words.startswith("That sign is there, but another fault has caused it.")


def test_the_numbers_that_speak_against_a_diagnosis_are_named():
    words = diagnosis_mistake("healthy", "dead ReLUs", "activations")
    assert words == (
        "The numbers do not fit this diagnosis. With dead ReLUs, whole layers are zero for every image. Here, in the "
        "worst epoch, 0 of the 5 hidden layers are zero for every image."
    )
    words = diagnosis_mistake("too few images", "shuffled labels", "inputs")
    assert words.endswith("Here 100% of the training images have the right label.")
    words = diagnosis_mistake("shuffled labels", "healthy", "all of them")
    assert words == "This network is sick. Compare each of the five views with the same view of patient 0."


@pytest.mark.parametrize(
    ("said", "evidence", "words"),
    [
        (
            "dead relu",
            "activations",
            "There is no disease 'dead relu'. Did you mean 'dead ReLUs'? Choose from ",
        ),
        ("overfitting", "curves", "There is no disease 'overfitting'. Choose from 'healthy', "),
        (3, "curves", "There is no disease 3. Choose from "),
        (..., "curves", "Say also which disease it is: 'healthy', "),
        ("healthy", ..., "Say also which view it is: 'curves', "),
        ("healthy", "loss", "There is no view 'loss'. Choose from 'curves', "),
        ("healthy", ["curves"], "There is no view ['curves']."),
        (("dead ReLUs",), ..., "Write two texts in parentheses, with a comma between them: "),
        (["healthy", "curves", "all"], ..., "Write two texts in parentheses, with a comma between them: "),
        ("gradients", "vanishing gradients", "The disease comes first, then the view."),
        (["healthy", "loss"], ..., "There is no view 'loss'."),
    ],
)
def test_an_answer_that_is_no_choice_is_named(said, evidence, words):
    assert diagnosis_mistake("healthy", said, evidence).startswith(words)


def test_a_diagnosis_without_its_view_is_asked_for_it():
    words = wrong_diagnosis(3, PATIENTS[3].diagnosis("dead ReLUs"))  # without its parentheses and its comma, too
    assert words.startswith("Say also which view it is: 'curves', ")


def test_another_patients_diagnosis_and_that_of_a_treated_one_are_refused():
    number = NUMBERS["healthy"]
    other = PATIENTS[number % 11 + 1]
    assert wrong_diagnosis(number, other.diagnosis("healthy", "all of them")) == (
        f"This is a diagnosis of patient {other.number}; the exercise asks for patient {number}."
    )
    sick = NUMBERS["too few images"]
    assert wrong_diagnosis(sick, cured("too few images").diagnosis("healthy", "all of them")).startswith(
        "This patient has been treated."
    )


@pytest.mark.parametrize("answer", [("dead ReLUs", "activations"), "dead ReLUs", 3, [1], np.zeros(2), torch.zeros(2)])
def test_an_answer_of_a_wrong_type_is_refused(answer):
    for find, name in ((wrong_diagnosis, "09-patient-3"), (wrong_cure, "09-cure-3")):
        assert find(3, answer).startswith("Give what ")
        assert check(name, answer).state == "not yet"


def test_an_untouched_answer_is_not_attempted():
    assert check("09-patient-3", PATIENTS[3].diagnosis(..., ...)).state == "not attempted"
    assert check("09-cure-3", ...).state == "not attempted"
    assert check("09-patient-3", Diagnosis("patient 3", "healthy", "curves")).state == "not yet"


# --- Cures


@pytest.mark.parametrize("disease", DISEASES)
def test_the_healthy_setting_cures_and_the_disease_is_gone(disease):
    assert wrong_cure(NUMBERS[disease], cured(disease)) is None


# Right in another way: another value that helps, or the cause beside a setting that stays as it was.
ALSO_RIGHT = {
    "healthy": {"epochs": 12},
    "learning rate too high": {"learning_rate": 0.1},
    "learning rate too low": {"learning_rate": 0.1},
    "dead ReLUs": {"initial_bias": 0.1},
    "unnormalized input": {"normalize": True, "epochs": 12},
    "shuffled labels": {"shuffle_labels": False, "seed": 1},
    "vanishing gradients": {"activation": "relu", "learning_rate": 0.05},
    "equal weights": {"random_weights": True, "seed": 1},
    "gradients never zeroed": {"zero_gradients": True, "train_size": 1000},
    "leaked validation images": {"new_validation_images": True, "seed": 2},
    "too few images": {"train_size": 1500},
}


@pytest.mark.parametrize("disease", DISEASES)
def test_another_treatment_that_helps_is_taken_too(disease):
    number = NUMBERS[disease]
    assert wrong_cure(number, treat(PATIENTS[number], **ALSO_RIGHT[disease])) is None


@pytest.mark.parametrize(
    ("disease", "changes", "words"),
    [
        ("learning rate too low", {"epochs": 20}, "The sign of the disease is still there. Before the treatment "),
        (
            "learning rate too low",
            {"learning_rate": 1.5},
            "The sign of the disease is gone, but the treated network has another one now.",
        ),
        (
            "learning rate too high",
            {"learning_rate": 1e-5},
            "The sign of the disease is gone, but the treated network has another one now.",
        ),
        (
            "learning rate too high",
            {"learning_rate": 1e9},
            "The training diverged in epoch 1: the loss or the weights became infinite or undefined (NaN).",
        ),
        ("dead ReLUs", {"learning_rate": 0.5}, "The sign of the disease is still there."),
        (
            "dead ReLUs",
            {"initial_bias": 0.0, "learning_rate": 0.1},
            "You changed 2 settings: initial_bias and ",
        ),
        ("unnormalized input", {"learning_rate": 0.0001}, "The sign of the disease is still there."),
        ("vanishing gradients", {"learning_rate": 1.0}, "The sign of the disease is still there."),
        ("equal weights", {"seed": 3}, "The sign of the disease is still there."),
        ("gradients never zeroed", {"learning_rate": 0.01}, "The sign of the disease is still there."),
        ("leaked validation images", {"train_size": 2000}, "The sign of the disease is still there."),
        (
            "too few images",
            {"train_size": 60},
            "You changed the right setting, but the sign of the disease is still there. ",
        ),
        ("too few images", {"epochs": 1}, "The "),
        (
            "healthy",
            {"shuffle_labels": True},
            "The treated network has the sign of a disease that it did not have before.",
        ),
        (
            "healthy",
            {"learning_rate": 0.04},
            "The treated network shows no disease, but learning_rate was not the cause of one.",
        ),
    ],
)
def test_a_treatment_that_does_not_help_is_refused_with_its_number(disease, changes, words):
    number = NUMBERS[disease]
    mistake = find_translated(partial(wrong_cure, number), treat(PATIENTS[number], **changes))
    assert mistake is not None
    assert mistake.startswith(words)
    assert mistake.endswith(".")


STAYS, OTHER, HEALTHY_NUMBERS = "sign of the disease is still there", "has another one now", "shows no disease, but"
NEW = "has the sign of a disease that it did not have before"  # in a network that was healthy
# What students try: longer, shorter, more images, other weights to begin with, a setting that is not the cause.
WRONG = {
    "healthy": {
        ("learning_rate", 0.04): HEALTHY_NUMBERS, ("epochs", 1): HEALTHY_NUMBERS, ("seed", 3): HEALTHY_NUMBERS,
        ("shuffle_labels", True): NEW, ("train_size", 30): NEW, ("initial_bias", -5.0): NEW,
    },
    "learning rate too high": {
        ("epochs", 1): STAYS, ("epochs", 20): STAYS, ("seed", 3): STAYS, ("train_size", 2000): STAYS,
        ("learning_rate", 0.5): STAYS, ("learning_rate", 1e-5): OTHER,
    },
    "learning rate too low": {
        ("epochs", 1): STAYS, ("epochs", 20): STAYS, ("seed", 3): STAYS, ("train_size", 2000): STAYS,
        ("learning_rate", 0.0002): STAYS, ("learning_rate", 1.5): OTHER,
    },
    "dead ReLUs": {
        ("epochs", 1): STAYS, ("learning_rate", 0.5): STAYS, ("seed", 3): STAYS, ("initial_bias", -4.0): STAYS,
        ("train_size", 2000): STAYS, ("activation", "sigmoid"): OTHER,
    },
    "unnormalized input": {
        ("epochs", 1): STAYS, ("learning_rate", 0.0001): STAYS, ("seed", 3): "diverged", ("initial_bias", 1.0): STAYS,
        ("train_size", 2000): STAYS, ("activation", "sigmoid"): STAYS,
    },
    "shuffled labels": {
        ("epochs", 1): STAYS, ("epochs", 20): STAYS, ("learning_rate", 0.01): STAYS, ("seed", 3): STAYS,
        ("train_size", 2000): STAYS, ("new_validation_images", False): STAYS,
    },
    "vanishing gradients": {
        ("epochs", 1): STAYS, ("learning_rate", 1.0): STAYS, ("seed", 3): STAYS, ("initial_bias", 1.0): STAYS,
        ("train_size", 2000): STAYS, ("normalize", False): OTHER,
    },
    "equal weights": {
        ("epochs", 1): STAYS, ("seed", 3): STAYS, ("learning_rate", 0.2): STAYS, ("initial_bias", 0.5): STAYS,
        ("train_size", 2000): STAYS, ("activation", "sigmoid"): STAYS,
    },
    "gradients never zeroed": {
        ("epochs", 1): HEALTHY_NUMBERS, ("epochs", 3): STAYS, ("learning_rate", 0.01): STAYS,
        ("learning_rate", 0.001): STAYS, ("seed", 3): STAYS, ("train_size", 2000): STAYS,
    },
    "leaked validation images": {
        ("epochs", 1): STAYS, ("epochs", 3): STAYS, ("seed", 3): STAYS, ("train_size", 2000): STAYS,
        ("train_size", 500): STAYS, ("learning_rate", 0.1): STAYS,
    },
    "too few images": {
        ("epochs", 1): STAYS, ("epochs", 20): STAYS, ("train_size", 60): STAYS, ("train_size", 20): STAYS,
        ("seed", 3): STAYS, ("learning_rate", 0.01): STAYS,
    },
}  # fmt: skip
SHORT = [(disease, name, value) for disease, tries in WRONG.items() for name, value in tries
         if name == "epochs" and value <= 3]  # fmt: skip
LONG = [(disease, name, value) for disease, tries in WRONG.items() for name, value in tries
        if (disease, name, value) not in SHORT]  # fmt: skip


def test_each_patient_has_six_wrong_treatments():
    assert list(WRONG) == list(DISEASES)
    assert {len(tries) for tries in WRONG.values()} == {6}


@pytest.mark.parametrize(
    ("disease", "name", "value"), [*SHORT, *(pytest.param(*each, marks=pytest.mark.slow) for each in LONG)]
)
def test_a_treatment_that_students_try_is_refused(disease, name, value):
    number = NUMBERS[disease]
    mistake = wrong_cure(number, treat(PATIENTS[number], **{name: value}))
    assert mistake is not None
    assert WRONG[disease][name, value] in mistake
    assert disease == "healthy" or disease not in mistake


def test_no_treatment_and_another_patient_are_refused():
    number = NUMBERS["dead ReLUs"]
    assert wrong_cure(number, PATIENTS[number]) == "This patient has not been treated. Give what treat(…) returns."
    assert wrong_cure(number, cured("healthy")).startswith("This is patient ")
    untreated = treat(PATIENTS[number])
    right = untreated.history["validation_accuracy"][-1]
    assert wrong_cure(number, untreated) == (
        f"The sign of the disease is still there. Before the treatment the network classified {right:.0%} of the "
        f"validation images correctly, now {right:.0%}. Compare both in the view of your diagnosis: "
        f"Clinic([patients[{number}], treated[{number}]])."
    )  # no word of what the disease is


def test_the_numbers_of_another_network_are_no_treatment():
    number = NUMBERS["too few images"]
    sick = PATIENTS[number]
    forged = replace(cured("healthy"), number=number, _key=sick._key, treatment={"epochs": 12})
    assert wrong_cure(number, forged) == "The treated network shows no disease, but you did not change the cause."


@pytest.mark.parametrize("disease", ["learning rate too low", "healthy"])
def test_a_rate_of_1_is_told_by_its_steps_and_not_by_the_gradients_that_it_ends(disease):
    """Such steps soon kill the ReLUs, so that no gradient is left: then "vanishing gradients" is what follows."""
    number = NUMBERS[disease]
    treated = treat(PATIENTS[number], learning_rate=1.0)
    assert has_sign("vanishing gradients", read_symptoms(treated))
    assert find_translated(partial(wrong_cure, number), treated).endswith(
        " Where the learning rate is too high, a typical step is more than a twentieth (0.05) of the weights. Here a "
        "typical step is 0.074 of the weights, in the epoch with the largest steps."
    )


def test_the_right_setting_with_a_wrong_value_is_refused_with_the_number():
    number = NUMBERS["dead ReLUs"]
    mistake = find_translated(partial(wrong_cure, number), treat(PATIENTS[number], initial_bias=-4.0))
    assert mistake == (
        "You changed the right setting, but the sign of the disease is still there. Here, in the worst epoch, 4 of the "
        "5 hidden layers are zero for every image."
    )


def test_numbers_that_explode_are_judged_without_a_warning():
    """Gradients beyond what float32 holds: then both are infinite, and their ratio is 1, not undefined."""
    number = NUMBERS["unnormalized input"]
    treated = treat(PATIENTS[number], learning_rate=1.0)
    epochs = range(1, treated.epochs + 1)
    assert np.isinf([treated.recording.number("gradient", "used", LAYERS, epoch) for epoch in epochs]).any()
    assert np.isfinite(read_symptoms(treated).gradient_growth)
    assert wrong_cure(number, treated).startswith("The sign of the disease is still there.")


def test_no_number_has_an_exponent_or_is_below_zero():
    for patient in PATIENTS.values():
        for words in (describe_sign(disease, read_symptoms(patient)) for disease in SIGNS):
            assert not re.search(r"\d[eE][+-]?\d|-\d", words), words
    too_low = read_symptoms(PATIENTS[NUMBERS["learning rate too low"]])
    assert describe_sign("learning rate too low", too_low).endswith(
        "Here a typical step is 0.000036 of the weights, in the epoch with the largest steps."
    )
    assert describe_sign("too few images", too_low).endswith(
        "Here the training loss ends at 2.48 nats, and the validation loss at 2.45 nats."
    )
