"""Test the patients: their order, their secret, their treatment, their diagnoses."""

import pickle
import sys

import pytest
from terminal import Terminal

from cnnlab import Clinic, admit_patients, treat
from cnnlab.course.clinic.patients import Diagnosis, own_setting
from cnnlab.course.clinic.settings import CAUSES, DISEASES, HEALTHY
from cnnlab.course.exercises.notebook_09 import disease_of
from cnnlab.errors import ConfigError


def test_every_seed_has_all_eleven_in_an_order_of_its_own():
    orders = []
    for seed in range(5):
        patients = admit_patients(seed)
        assert list(patients) == list(range(12))
        assert own_setting(patients[0]) == HEALTHY.change({"seed": 0})
        orders.append([disease_of(patients[number]) for number in range(1, 12)])
        assert sorted(orders[-1]) == sorted(DISEASES)
    assert len({tuple(order) for order in orders}) == 5
    assert [disease_of(patient) for patient in list(admit_patients(3).values())[1:]] == orders[3]
    assert len({tuple(orders[0]), DISEASES}) == 2


def test_the_seed_is_checked():
    for seed in (-1, 1.5, "0", None, True):
        with pytest.raises(ConfigError, match="seed must be a whole number of 0 or more"):
            admit_patients(seed)


def test_nothing_that_is_shown_names_a_disease_or_its_cause():
    patients = admit_patients(0)
    shown = [f"{patient!r} {patient} {vars(patient)}" for patient in patients.values()] + [repr(patients)]
    shown += [repr(patient.history) for patient in patients.values()]
    shown += [str(patient.history.settings) for patient in patients.values()]
    panel = Clinic(patients)
    for number in (1, 0):
        panel.patient.value = number
        for view in panel.view.options:
            panel.view.value = view
            shown += [panel.status.value, panel.plot.label, repr(panel)]
            states = [part.get_state() for part in (panel, panel.patient, panel.view, panel.plot, panel.status)]
            shown.append(str([{name: state[name] for name in state if name != "picture"} for state in states]))
    panel.close()
    text = " ".join(shown).lower()
    secrets = [*DISEASES[1:], *(field for cause in CAUSES.values() for field in cause if field != "activation")]
    assert not [word for word in secrets if word.lower() in text]


def test_a_treatment_changes_what_it_names_and_nothing_else():
    number, sick = next(
        item for item in admit_patients(0).items() if item[0] and disease_of(item[1]) == "learning rate too low"
    )
    treated = treat(sick, learning_rate=0.05, epochs=1)
    assert own_setting(treated) == HEALTHY.change({"epochs": 1})
    assert own_setting(sick) == HEALTHY.change(CAUSES["learning rate too low"])
    assert (treated.number, treated.epochs, sick.epochs) == (number, 1, 12)
    assert str(treated) == f"patient {number}, treated with learning_rate=0.05, epochs=1"
    again = treat(treated, learning_rate=0.2)
    assert again.treatment == {"learning_rate": 0.2, "epochs": 1}
    healthy = treat(admit_patients(0)[0], epochs=1)
    assert healthy.history["train_loss"] != treated.history["train_loss"]  # it began with other weights
    assert healthy.history["train_loss"][0] == pytest.approx(admit_patients(0)[0].history["train_loss"][0], rel=0.05)


def test_a_treatment_shows_how_many_epochs_are_done_unless_a_cell_shows_a_line_of_its_own(monkeypatch):
    monkeypatch.setattr("sys.stdout", Terminal())
    treat(admit_patients(0)[0], epochs=1, progress=False)
    assert sys.stdout.getvalue() == ""
    treat(admit_patients(0)[0], epochs=2)
    with pytest.raises(ConfigError, match="progress must be True or False, got 3"):
        treat(admit_patients(0)[0], progress=3)
    assert "0 of 2 epochs done" in sys.stdout.getvalue()
    assert sys.stdout.getvalue().rpartition("\r")[2].strip() == ""  # nothing of it stays


@pytest.mark.parametrize(
    ("patient", "changes", "message"),
    [
        ("3", {}, "treat wants a patient, such as admit_patients"),
        (0, {"dropout": 0.5}, "unknown setting 'dropout'"),
        (0, {"learning_rate": float("nan")}, "learning_rate must be a finite number"),
    ],
)
def test_a_treatment_that_cannot_be_is_refused(patient, changes, message):
    with pytest.raises(ConfigError, match=message):
        treat(admit_patients()[patient] if patient == 0 else patient, **changes)


def test_an_epoch_that_was_not_recorded_is_refused():
    patient = admit_patients()[1]
    assert patient.weights()["fc1"].change == patient.weights(12)["fc1"].change
    for epoch in (0, 13, 1.0):
        with pytest.raises(ConfigError, match="epoch must be"):
            patient.activations(epoch)


def test_a_diagnosis_holds_what_was_said_and_an_untouched_one_is_dots():
    patient = admit_patients()[1]
    assert patient.diagnosis(..., ...) is ...
    assert patient.diagnosis("healthy", ...) == Diagnosis(patient, "healthy", ...)
    assert patient.diagnosis((..., ...)) is ...
    assert patient.diagnosis(("healthy", "curves")) == Diagnosis(patient, "healthy", "curves")
    assert pickle.loads(pickle.dumps(patient)).history["train_loss"] == patient.history["train_loss"]
