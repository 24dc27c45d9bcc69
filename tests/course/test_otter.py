"""otter's own grader takes a doctest with `check` for a test.

otter runs a notebook in its own environment, so that needs cnnlab, too. The test needs its command:
`CNNLAB_OTTER=/path/to/bin/otter python -m pytest tests/course/test_otter.py`.
"""

import os
import subprocess

import nbformat
import pytest

OTTER = os.environ.get("CNNLAB_OTTER")
pytestmark = pytest.mark.skipif(OTTER is None, reason="CNNLAB_OTTER does not name the command of otter")
TEST = '''
OK_FORMAT = True
code = """
>>> from cnnlab import check
>>> outcome = check("01-output-size", answer)
"""
suite = {"cases": [{"code": code, "hidden": False, "locked": False}], "scored": True, "setup": "", "teardown": ""}
test = {"name": "output_size", "points": 2, "suites": [suite | {"type": "doctest"}]}
'''


@pytest.mark.timeout(900)  # each grading starts Python and torch twice
def test_the_grader_takes_correct_answers_alone(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "output_size.py").write_text(TEST)
    environment = os.environ | {"CNNLAB_GRADING": "1", "CNNLAB_COURSE": str(tmp_path / "mine")}
    printed = {}
    for student, answer in {"ada": "26", "bob": "28", "cid": "..."}.items():
        cells = [nbformat.v4.new_code_cell(f"answer = {answer}")]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / f"{student}.ipynb")
        command = [OTTER, "check", f"{student}.ipynb", "-t", "tests"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        printed[student] = done.stdout
    assert "All tests passed!" in printed["ada"]
    assert "NotCorrect: 01-output-size: ✘ Not yet." in printed["bob"]
    assert "NotCorrect: 01-output-size: ○ Not attempted." in printed["cid"]
    assert not {"bob", "cid"} & {student for student, text in printed.items() if "All tests passed!" in text}
