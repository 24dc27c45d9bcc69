"""The exercises of notebook 09: for each of the eleven patients the diagnosis with its evidence, and the cure."""

from __future__ import annotations

import difflib
import functools
import math

from cnnlab.course.clinic.patients import Diagnosis, Patient, own_setting
from cnnlab.course.clinic.settings import CAUSES, DISEASES, EVIDENCE, Setting, setting_of
from cnnlab.course.clinic.symptoms import Symptoms, describe_sign, has_sign, measured_sign, name_disease, read_symptoms
from cnnlab.course.exercise import Exercise
from cnnlab.course.sentences import say

# Disease → the views that tell it from all others.
SHOWN_BY = {
    "healthy": ("all of them",),
    "learning rate too high": ("gradients",),
    "learning rate too low": ("gradients", "weights"),
    "dead ReLUs": ("activations", "gradients"),
    "unnormalized input": ("inputs",),
    "shuffled labels": ("inputs",),
    "vanishing gradients": ("gradients",),
    "equal weights": ("weights",),
    "gradients never zeroed": ("gradients",),
    "leaked validation images": ("inputs",),
    "too few images": ("curves", "inputs"),
}
NEEDED_ACCURACY = 0.7  # of a network that is cured


def disease_of(patient: Patient) -> str:
    """Return what the patient has: the first disease whose cause is in her setting before any treatment."""
    return next(disease for disease in DISEASES if _admitted(patient) == setting_of(disease))


def wrong_diagnosis(number: int, answer: object) -> str | None:
    """Return what is wrong with the diagnosis of this patient and its evidence, or None."""
    if not isinstance(answer, Diagnosis) or not isinstance(answer.patient, Patient):
        got = type(answer).__name__
        words = "Give what patients[{number}].diagnosis(disease, evidence) returns; this is a value of type {type}."
        return say(words, number=number, type=got)
    patient = answer.patient
    if patient.number != number:
        words = "This is a diagnosis of patient {other}; the exercise asks for patient {number}."
        return say(words, other=patient.number, number=number)
    if patient.treatment:
        return say("This patient has been treated. Diagnose the untreated one: patients[{number}].", number=number)
    if isinstance(answer.disease, (tuple, list)):
        return say('Write two texts in parentheses, with a comma between them: ("a disease", "a view").')
    if _nearest(answer.disease, EVIDENCE) and _nearest(answer.evidence, DISEASES):
        return say("The disease comes first, then the view. You have written them the other way round.")
    disease, evidence = _nearest(answer.disease, DISEASES), _nearest(answer.evidence, EVIDENCE)
    if disease is None:
        return _unknown(answer.disease, "disease", DISEASES)
    if evidence is None:
        return _unknown(answer.evidence, "view", EVIDENCE)
    right = disease_of(patient)
    if disease != right:
        return _contradiction(disease, read_symptoms(patient))
    if evidence not in SHOWN_BY[right]:
        return _weak_evidence(right, evidence)
    return None


def wrong_cure(number: int, answer: object) -> str | None:
    """Return what is wrong with the treatment of this patient, or None; it is judged by its numbers."""
    if not isinstance(answer, Patient):
        words = "Give what treat(patients[{number}], …) returns; this is a value of type {type}."
        return say(words, number=number, type=type(answer).__name__)
    if answer.number != number:
        return say(
            "This is patient {other}; the exercise asks for patient {number}.", other=answer.number, number=number
        )
    if answer._treated is None:
        return say("This patient has not been treated. Give what treat(…) returns.")
    disease = disease_of(answer)
    cause = CAUSES[disease]
    if answer.recording.diverged:
        words = "The training diverged in epoch {epoch}: the loss or the weights became infinite or undefined (NaN)."
        return say(words, epoch=answer.epochs + 1)
    changed = [name for name, value in answer.treatment.items() if value != getattr(_admitted(answer), name)]
    if len(changed) > 1:
        return say(
            "You changed {count} settings: {names}. Change only one. Otherwise you cannot say which one helped.",
            count=len(changed), names=f" {say('and')} ".join(changed),
        )  # fmt: skip
    numbers = read_symptoms(answer)
    if cause and has_sign(disease, numbers):
        return _still_sick(answer, numbers, has_changed_cause=changed == list(cause))
    remaining = name_disease(answer)
    if remaining != "healthy":
        words = say(
            "The sign of the disease is gone, but the treated network has another one now."
            if cause
            else "The treated network has the sign of a disease that it did not have before."
        )
        return f"{words} {describe_sign(remaining, numbers)}"
    if changed != list(cause):
        return _other_cause(changed)
    if numbers.validation_accuracy < NEEDED_ACCURACY:
        return say(
            "The sign is gone, but the network classifies only {accuracy:.0%} of the validation images correctly; a "
            "healthy one reaches {needed:.0%} and more.",
            accuracy=math.floor(100 * numbers.validation_accuracy) / 100,  # 69.7 % is not yet 70 %
            needed=NEEDED_ACCURACY,
        )  # fmt: skip
    return None


def _still_sick(treated: Patient, numbers: Symptoms, *, has_changed_cause: bool) -> str:
    """Return the words for a sign that is still there; without its number if that would give the disease away."""
    if has_changed_cause:
        words = "You changed the right setting, but the sign of the disease is still there."
        return f"{say(words)} {measured_sign(disease_of(treated), numbers)}"
    before = _untreated(treated).history["validation_accuracy"][-1]
    return say(
        "The sign of the disease is still there. Before the treatment the network classified {before:.0%} of the "
        "validation images correctly, now {after:.0%}. Compare both in the view of your diagnosis: "
        "Clinic([patients[{number}], treated[{number}]]).",
        before=before, after=numbers.validation_accuracy, number=treated.number,
    )  # fmt: skip


def _other_cause(changed: list[str]) -> str:
    """Return what is wrong where the numbers are healthy and the cause is there; changed: the changed settings."""
    if not changed:
        return say("The treated network shows no disease, but you did not change the cause.")
    return say("The treated network shows no disease, but {name} was not the cause of one.", name=changed[0])


def _admitted(patient: Patient) -> Setting:
    """Return the patient's setting before the treatment."""
    return own_setting(_untreated(patient))


def _untreated(patient: Patient) -> Patient:
    return Patient(patient.number, patient.seed, _key=patient._key)


def _contradiction(disease: str, numbers: Symptoms) -> str:
    """Return why the numbers speak against this disease, without naming the right one."""
    if disease == "healthy":
        return say("This network is sick. Compare each of the five views with the same view of patient 0.")
    if has_sign(disease, numbers):
        return say(
            "That sign is there, but another fault has caused it. Look for that fault: first in the inputs, then in "
            "the weights, the activations, and the gradients."
        )
    return f"{say('The numbers do not fit this diagnosis.')} {describe_sign(disease, numbers)}"


def _weak_evidence(disease: str, evidence: str) -> str:
    if disease == "healthy":
        return say(
            "The diagnosis is right. But one view alone cannot show that nothing is wrong. Which views do you need?"
        )
    if evidence == "all of them":
        return say("The diagnosis is right. Name the one view in which this disease looks different from all others.")
    return say(
        "The diagnosis is right. But the {evidence} show only what follows from the fault, or they look much the same "
        "in another disease. Which view shows the fault itself?",
        evidence=evidence,
    )


def _nearest(answer: object, choices: tuple[str, ...]) -> str | None:
    """Return the choice that the answer names, whatever its capitals and spaces; None if there is none."""
    words = " ".join(answer.lower().split()) if isinstance(answer, str) else None
    return next((choice for choice in choices if choice.lower() == words), None)


def _unknown(answer: object, what: str, choices: tuple[str, ...]) -> str:
    """Return the words for an answer that is none of the choices; what: "disease" or "view"."""
    is_view, names = what == "view", ", ".join(map(repr, choices))
    if answer is ...:
        return say(
            "Say also which view it is: {names}." if is_view else "Say also which disease it is: {names}.", names=names
        )
    near = difflib.get_close_matches(str(answer).lower(), [choice.lower() for choice in choices], n=1)
    near = [choice for choice in choices if choice.lower() in near]
    words = [say("There is no view {name}." if is_view else "There is no disease {name}.", name=f"{answer!r:.60}")]
    words += [say("Did you mean {name!r}?", name=near[0])] if near else []
    return " ".join([*words, say("Choose from {names}.", names=names)])


LOOK_FIRST = (
    "Begin with the curves. Does the training loss stay flat, jump, or fall? After your answer only a few diseases are "
    "left. Then ask in which view those few differ.",
    "A flat loss: count the dead units, compare the kernels, follow the gradient from the output to the input, and "
    "read the size of the steps. A loss that jumps: are the steps too large? Does the gradient that the steps use "
    "agree with the gradient of one batch? A loss that falls: compare training with validation, and read every label "
    "and number in the view of the inputs.",
)
CHANGE_ONE = (
    "Each sick network differs from a healthy one in one setting. Which setting belongs to your diagnosis?",
    "Print HEALTHY. Give that one setting the value that it has there, and leave the others as they are. A healthy "
    "network needs no change: treat(patient).",
)
DIAGNOSE = """\
from cnnlab import admit_patients
from cnnlab.course.clinic.symptoms import name_disease, read_symptoms
from cnnlab.course.exercises.notebook_09 import SHOWN_BY

patient = admit_patients(seed=0)[{number}]  # with your own seed
print(read_symptoms(patient))  # the numbers behind the views
disease = name_disease(patient)  # the first sign that is there; read the code of this function
answer = patient.diagnosis(disease, SHOWN_BY[disease][0])
"""
CURE = """\
from cnnlab import HEALTHY, admit_patients, treat
from cnnlab.course.clinic.settings import CAUSES
from cnnlab.course.clinic.symptoms import name_disease

patient = admit_patients(seed=0)[{number}]  # with your own seed
cause = CAUSES[name_disease(patient)]  # the field that is not as in a healthy network
answer = treat(patient, **{{field: getattr(HEALTHY, field) for field in cause}})
"""

EXERCISES = tuple(
    exercise
    for number in range(1, len(DISEASES) + 1)
    for exercise in (
        Exercise(
            name=f"09-patient-{number}",
            find_mistake=functools.partial(wrong_diagnosis, number),
            further="Before you treat: which other patient has nearly the same curves, and what is different inside?",
            hints=LOOK_FIRST,
            solution=DIAGNOSE.format(number=number),
        ),
        Exercise(
            name=f"09-cure-{number}",
            find_mistake=functools.partial(wrong_cure, number),
            further="How do you know that a treatment has worked? You measure the same sign again, and it is gone.",
            hints=CHANGE_ONE,
            solution=CURE.format(number=number),
        ),
    )
)
