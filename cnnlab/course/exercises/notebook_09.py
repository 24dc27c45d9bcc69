"""The exercises of notebook 09: for each of the eleven patients the diagnosis with its evidence, and the cure."""

from __future__ import annotations

import difflib
import functools
import math

from cnnlab.course.clinic.patients import Diagnosis, Patient, own_setting
from cnnlab.course.clinic.settings import CAUSES, DISEASES, EVIDENCE, Setting, setting_of
from cnnlab.course.clinic.symptoms import Symptoms, describe_sign, has_sign, name_disease, read_symptoms
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
    """Return what the patient has: the first disease whose cause is in her setting as admitted."""
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
        return say("This patient has been treated. Diagnose patients[{number}] as admitted.", number=number)
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
        return say("This is the patient as admitted. Give what treat(…) returns.")
    disease = disease_of(answer)
    cause = CAUSES[disease]
    if answer.recording.diverged:
        words = "The training diverged after epoch {epoch}: the loss is no finite number any more."
        return say(words, epoch=answer.epochs)
    changed = [name for name, value in answer.treatment.items() if value != getattr(_admitted(answer), name)]
    if len(changed) > 1:
        return say(
            "You changed {count} settings, {names}. Change one, else you can't say what helped.",
            count=len(changed), names=f" {say('and')} ".join(changed),
        )  # fmt: skip
    numbers = read_symptoms(answer)
    if cause and has_sign(disease, numbers):
        # The number with its words would name the disease, also to a student who has not found it yet.
        return say(
            "The sign of the disease is still there. Look at the treated network, in the view that shows the sign."
        )
    remaining = name_disease(answer)
    if remaining != "healthy":
        words = say(
            "That sign is gone, but the network has another one now."
            if cause
            else "Now the network has a sign that it did not have before."
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


def _other_cause(changed: list[str]) -> str:
    """Return what is wrong where the numbers are healthy and the cause is there; changed: the changed settings."""
    if not changed:
        return say("No sign is left, but the cause was not removed.")
    return say("No sign is left, but the cause was not {name}.", name=changed[0])


def _admitted(patient: Patient) -> Setting:
    """Return the patient's setting before the treatment."""
    return own_setting(Patient(patient.number, patient.seed, _key=patient._key))


def _contradiction(disease: str, numbers: Symptoms) -> str:
    """Return why the numbers speak against this disease, without naming the right one."""
    if disease == "healthy":
        return say("This network is sick. Compare each of the five views with the same view of patient 0.")
    if has_sign(disease, numbers):
        return say(
            "That sign is there, but it follows from something else. Go from the outside in: the inputs first, then "
            "weights, activations, and gradients."
        )
    return f"{say('The numbers speak against that.')} {describe_sign(disease, numbers)}"


def _weak_evidence(disease: str, evidence: str) -> str:
    if disease == "healthy":
        return say(
            "The diagnosis is right. But a single view can't show that nothing is wrong: what must you have looked at?"
        )
    if evidence == "all of them":
        return say("The diagnosis is right. Name the one view that tells this disease from all others.")
    return say(
        "The diagnosis is right, but the {evidence} show what follows from it, or look alike in another disease. Which "
        "view shows the fault itself?",
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
    "Begin with the curves. Does the training loss stay flat, jump, or fall? Each leaves a few diseases. Then ask "
    "where those few differ inside.",
    "A flat loss: count the dead units, compare the kernels, follow the gradient from output to input, and read the "
    "size of the steps. A loss that jumps: are the steps too large, and does the gradient that they use agree with "
    "that of one batch? A loss that falls: compare training with validation, and read every number beside the inputs.",
)
CHANGE_ONE = (
    "Each patient differs from a healthy network in one setting. Which one belongs to your diagnosis?",
    "Print HEALTHY. Set that one field to the value that it has there, and leave the others alone. A healthy network "
    "needs no change: treat(patient).",
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
            further="The same sign, measured again after the treatment, is what shows that it worked.",
            hints=CHANGE_ONE,
            solution=CURE.format(number=number),
        ),
    )
)
