"""Walk notebook 09 as a student who gets everything right, and as one who gets everything wrong."""

import re

import pytest
from notebook_code import run_cells

from cnnlab import DISEASES, HEALTHY, admit_patients
from cnnlab.course.clinic.settings import CAUSES
from cnnlab.course.exercises.notebook_09 import SHOWN_BY, disease_of

NAME, SEED = "09_clinic", 8
DISEASE = {number: disease_of(patient) for number, patient in admit_patients(SEED).items() if number}


def walk(diagnoses, treatments):
    """Run the whole notebook with these answers, and return its page."""
    changes = {
        "admit": [("my_seed = 0", f"my_seed = {SEED}")],
        "falling-guess": [("my_guess = ...", "my_guess = 6")],
        "diagnose": [("for number, answer in", f"my_diagnoses = {diagnoses!r}\nfor number, answer in")],
        "cure": [("changed = [", f"my_treatments = {treatments!r}\nchanged = [")],
    }
    return run_cells(NAME, changes)


def marks(text):
    return re.findall(r"✔ Correct|✘ Not yet|○ Not attempted", text)


def test_who_gets_everything_right_reads_it_eleven_times_twice():
    diagnoses = {number: (disease, SHOWN_BY[disease][0]) for number, disease in DISEASE.items()}
    treatments = {
        number: {field: getattr(HEALTHY, field) for field in CAUSES[disease]} for number, disease in DISEASE.items()
    }
    page = walk(diagnoses, treatments)
    assert marks(page.printed["diagnose"]) == ["✔ Correct"] * 11
    assert marks(page.printed["cure"]) == ["✔ Correct"] * 11
    assert "treated so far: 11 of 11; above 0.7: 11" in page.printed["after"]
    assert page.values["falling"].startswith("Your guess: 6")
    leak = next(number for number, disease in DISEASE.items() if disease == "leaked validation images")
    accuracies = [page.names[each][leak].history["validation_accuracy"][-1] for each in ("patients", "treated")]
    assert accuracies[0] > accuracies[1]  # as the notebook says


def test_who_gets_everything_wrong_reads_why_and_no_answer():
    following = dict(zip(DISEASES, [*DISEASES[1:], DISEASES[0]], strict=True))
    diagnoses = {number: (following[disease], "curves") for number, disease in DISEASE.items()}
    treatments = {number: {"epochs": 1, "seed": 2} for number in DISEASE}
    page = walk(diagnoses, treatments)
    assert marks(page.printed["diagnose"]) == ["✘ Not yet"] * 11
    assert marks(page.printed["cure"]) == ["✘ Not yet"] * 11
    outcomes = re.split(r"^(?= ?\d+ ✘)", page.printed["diagnose"], flags=re.MULTILINE)[1:]  # of several lines each
    assert [int(outcome.split()[0]) for outcome in outcomes] == list(DISEASE)
    for number, outcome in zip(DISEASE, outcomes, strict=True):
        assert DISEASE[number] == "healthy" or DISEASE[number] not in " ".join(outcome.split())


@pytest.mark.parametrize("seed", [0, 1])
def test_the_curves_say_the_same_for_every_order(seed):
    changes = {"admit": [("my_seed = 0", f"my_seed = {seed}")]}
    page = run_cells(NAME, changes, only=["admit", "falling-guess", "falling"])
    assert len(page.names["falling"]) == len(walk_falling())


def walk_falling():
    patients = admit_patients(0)
    losses = [patients[number].history["train_loss"] for number in range(1, 12)]
    return [loss for loss in losses if loss[-1] < loss[0] / 2]
