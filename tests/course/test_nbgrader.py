"""nbgrader's own autograder takes cells of notebook 01 with `check` for test cells.

nbgrader has an environment of its own, and the test needs its command:
`CNNLAB_NBGRADER=/path/to/bin/nbgrader python -m pytest tests/course/test_nbgrader.py`.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from places import NOTEBOOKS

from cnnlab import solution

NBGRADER = os.environ.get("CNNLAB_NBGRADER")
pytestmark = pytest.mark.skipif(NBGRADER is None, reason="CNNLAB_NBGRADER does not name the command of nbgrader")
POINTS = {"01-convolve": 3, "01-output-size": 2}
FUNCTION = "def convolve(image, kernel):\n    return image"  # what bob writes


def cell(name, source, **how):
    fields = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3, "grade_id": name}
    return nbformat.v4.new_code_cell(source, id=name, metadata={"nbgrader": fields | how})


def written_and_checked(exercise):
    """Return what stands above the check in the exercise's cell of notebook 01, and the check itself."""
    cells = nbformat.read(NOTEBOOKS / "01_kernel_size.ipynb", as_version=4).cells
    (source,) = [each.source for each in cells if f'check("{exercise}"' in each.source and each.cell_type == "code"]
    written, checked = re.fullmatch(r"(.*?)\n+(check\(.*\))", source, re.DOTALL).groups()
    return written, checked


def assignment():
    """Return two exercises of notebook 01: for each the cell to write in, with its solution, and the test cell."""
    cells = [nbformat.v4.new_code_cell("from cnnlab import check, hint, solution", id="imports")]
    for exercise, points in POINTS.items():
        right, (_, checked) = solution(exercise, without_attempt=True), written_and_checked(exercise)
        cells += [
            cell(f"write-{exercise}", f"### BEGIN SOLUTION\n{right}\n### END SOLUTION", solution=True),
            cell(f"test-{exercise}", checked, grade=True, locked=True, points=points),
        ]
    kernel = {"kernelspec": {"name": "cnnlab", "display_name": "cnnlab", "language": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=kernel)


@pytest.mark.timeout(900)  # four notebooks are executed, each with torch
def test_the_autograder_gives_points_for_correct_answers_alone(tmp_path):
    kernel = tmp_path / "share/kernels/cnnlab/kernel.json"
    kernel.parent.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": command, "display_name": "cnnlab", "language": "python"}))
    environment = os.environ | {
        "JUPYTER_PATH": str(tmp_path / "share"),
        "PATH": os.pathsep.join([os.path.dirname(NBGRADER), os.environ["PATH"]]),  # it calls alembic
        "CNNLAB_GRADING": "1",
        "CNNLAB_COURSE": str(tmp_path / "mine"),
    }
    course, source = tmp_path / "course", assignment()
    right = [str(solution(exercise, without_attempt=True)) for exercise in POINTS]
    untouched = [written_and_checked(exercise)[0] for exercise in POINTS]
    students = {"ada": right, "bob": [FUNCTION, right[1]], "cid": untouched, "dora": [right[0], "answer = 28"]}
    for name in ("source/ps1", *(f"submitted/{student}/ps1" for student in students)):
        (course / name).mkdir(parents=True)
    nbformat.write(source, course / "source/ps1/ps1.ipynb")

    def nbgrader(*words):
        done = subprocess.run([NBGRADER, *words], cwd=course, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]

    nbgrader("generate_assignment", "ps1", "--create")
    released = nbformat.read(course / "release/ps1/ps1.ipynb", as_version=4)
    assert "BEGIN SOLUTION" not in "".join(each.source for each in released.cells)
    for student, answers in students.items():
        for place, answer in zip((1, 3), answers, strict=True):
            released.cells[place].source = answer
        nbformat.write(released, course / f"submitted/{student}/ps1/ps1.ipynb")
    nbgrader("autograde", "ps1", "--create")
    nbgrader("export")
    with open(course / "grades.csv", newline="") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {"ada": 5.0, "bob": 2.0, "cid": 0.0, "dora": 3.0}
    shutil.rmtree(course)
