"""The notebooks of the course themselves are marked: every exercise has its outcome, and no cell fails."""

import nbformat
import pytest
from places import NOTEBOOKS
from submitted import notebook

from cnnlab import HEALTHY, admit_patients
from cnnlab.course.clinic.settings import CAUSES
from cnnlab.course.exercises.notebook_09 import SHOWN_BY, disease_of
from cnnlab.course.marks.isolation import run_apart
from cnnlab.course.marks.marks import CELL_SECONDS, SECONDS
from cnnlab.course.practice import all_exercises

CLINIC = {name for name in all_exercises() if name.startswith("09-")}
SEED = 8
SHORTEST = "04_optimizers"  # of the untouched notebooks, which take minutes; it trains for seconds
# Of a cell that is left out.
IMPORTS = "from itertools import chain\n\nfrom cnnlab import treat\nfrom cnnlab.progress_line import in_steps"


def clinic(path, diagnoses, treatments):
    """Write the cells of notebook 09 that an answer needs, with these answers; return the report of its run."""
    cells = {cell.id: cell.source for cell in nbformat.read(NOTEBOOKS / "09_clinic.ipynb", as_version=4).cells}
    changes = {
        "setup": ("", ""),
        "admit": ("my_seed = 0", f"{IMPORTS}\n\nmy_seed = {SEED}"),
        "diagnose": ("for number, answer in", f"my_diagnoses |= {diagnoses!r}\nfor number, answer in"),
        "cure": ("changed = [", f"my_treatments |= {treatments!r}\nchanged = ["),
    }
    assert all(old in cells[cell] for cell, (old, _) in changes.items())
    notebook(path, *(cells[cell].replace(old, new, 1) for cell, (old, new) in changes.items()))
    return run_apart(path, seconds=SECONDS, cell_seconds=CELL_SECONDS)


@pytest.fixture(scope="module")
def right():
    """Return the right diagnoses and the right treatments by the patients' numbers."""
    diseases = {number: disease_of(patient) for number, patient in admit_patients(SEED).items() if number}
    diagnoses = {number: (disease, SHOWN_BY[disease][0]) for number, disease in diseases.items()}
    treatments = {
        number: {field: getattr(HEALTHY, field) for field in CAUSES[disease]} for number, disease in diseases.items()
    }
    return diagnoses, treatments


def test_a_clinic_with_every_answer_right_has_22_correct(tmp_path, right):
    report = clinic(tmp_path / "09.ipynb", *right)
    assert (report.failed, report.stopped) == ({}, "")
    assert {name: state for name, (state, _) in report.outcomes.items()} == dict.fromkeys(CLINIC, "correct")
    assert len(CLINIC) == 22


def test_a_clinic_that_nobody_touched_has_22_not_attempted(tmp_path):
    report = clinic(tmp_path / "09.ipynb", {}, {})
    assert (report.failed, report.stopped) == ({}, "")
    assert {name: state for name, (state, _) in report.outcomes.items()} == dict.fromkeys(CLINIC, "not attempted")


def test_a_treatment_that_fails_leaves_the_diagnoses_and_the_cures_before_it(tmp_path, right):
    report = clinic(tmp_path / "09.ipynb", right[0], {1: right[1][1], 3: {"no_such_setting": 1}})
    assert list(report.failed) == ["c3"]
    states = {name: state for name, (state, _) in report.outcomes.items()}
    attempted = {name for name in CLINIC if "patient" in name} | {"09-cure-1"}
    assert states == {name: "correct" if name in attempted else "not attempted" for name in CLINIC}


@pytest.mark.timeout(1000)
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[] if path.stem == SHORTEST else [pytest.mark.slow])
        for path in sorted(NOTEBOOKS.glob("*.ipynb"))
    ],
)
def test_an_untouched_notebook_runs_apart_and_has_every_exercise(path, tmp_path):
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    report = run_apart(copy, seconds=SECONDS, cell_seconds=CELL_SECONDS)
    assert (report.failed, report.stopped) == ({}, "")
    exercises = {name for name in all_exercises() if name.startswith(f"{path.stem.partition('_')[0]}-")}
    assert {name: state for name, (state, _) in report.outcomes.items()} == dict.fromkeys(exercises, "not attempted")
    assert exercises
