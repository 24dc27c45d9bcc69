"""nbgrader's own autograder takes a cell with `check` for a test cell.

nbgrader has an environment of its own, and the test needs its command:
`CNNLAB_NBGRADER=/path/to/bin/nbgrader python -m pytest tests/course/test_nbgrader.py`.
"""

import csv
import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest

NBGRADER = os.environ.get("CNNLAB_NBGRADER")
pytestmark = pytest.mark.skipif(NBGRADER is None, reason="CNNLAB_NBGRADER does not name the command of nbgrader")


def cell(name, source, **how):
    fields = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3, "grade_id": name}
    return nbformat.v4.new_code_cell(source, id=name, metadata={"nbgrader": fields | how})


def assignment(answer):
    """Return the notebook of an exercise, with an answer in its solution cell and two points for its test cell."""
    cells = [
        nbformat.v4.new_code_cell("from cnnlab import check", id="imports"),
        cell("answer", f"### BEGIN SOLUTION\nanswer = {answer}\n### END SOLUTION", solution=True),
        cell("test", 'check("01-output-size", answer)', grade=True, locked=True, points=2),
    ]
    kernel = {"kernelspec": {"name": "cnnlab", "display_name": "cnnlab", "language": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=kernel)


def test_the_autograder_gives_points_for_correct_answers_alone(tmp_path):
    kernel = tmp_path / "share/kernels/cnnlab/kernel.json"
    kernel.parent.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": command, "display_name": "cnnlab", "language": "python"}))
    environment = os.environ | {
        "JUPYTER_PATH": str(tmp_path / "share"),
        "CNNLAB_GRADING": "1",
        "CNNLAB_COURSE": str(tmp_path / "mine"),
    }
    course = tmp_path / "course"
    for name in ("source/ps1", "submitted/ada/ps1", "submitted/bob/ps1", "submitted/cid/ps1"):
        (course / name).mkdir(parents=True)
    nbformat.write(assignment(26), course / "source/ps1/ps1.ipynb")

    def nbgrader(*words):
        done = subprocess.run([NBGRADER, *words], cwd=course, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]

    nbgrader("generate_assignment", "ps1", "--create")
    released = nbformat.read(course / "release/ps1/ps1.ipynb", as_version=4)
    for student, answer in {"ada": "answer = 26", "bob": "answer = 28", "cid": "answer = ..."}.items():
        released.cells[1].source = answer
        nbformat.write(released, course / f"submitted/{student}/ps1/ps1.ipynb")
    nbgrader("autograde", "ps1", "--create")
    nbgrader("export")
    with open(course / "grades.csv", newline="") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {"ada": 2.0, "bob": 0.0, "cid": 0.0}
    shutil.rmtree(course)
