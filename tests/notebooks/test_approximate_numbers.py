"""Numbers after ≈ may differ from those stored in a notebook; nothing else may."""

import re
import shutil
import subprocess
import sys

import nbformat
import pandas
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbval.plugin import get_sanitize_patterns
from places import REPOSITORY


def sanitized(text):
    """Return what nbval compares of an output."""
    for pattern, replacement in get_sanitize_patterns((REPOSITORY / "tools/nbval_sanitize.cfg").read_text("ascii")):
        text = re.sub(pattern, replacement, text)
    return text


def table(*losses):
    """Return a table of live numbers as a notebook shows it: as plain text and as HTML."""
    shown = pandas.DataFrame({"runs": [5] * len(losses), "loss": [f"≈ {loss:6.3f}" for loss in losses]})
    return f"{shown}\n{shown.to_html()}"


@pytest.mark.parametrize(
    ("stored", "printed"),
    [
        ("accuracy ≈ 0.953 after 3 epochs", "accuracy ≈ 0.9 after 3 epochs"),
        ("≈ 0.95, ≈ 0.96", "≈ 0.94, ≈ 1"),
        ("≈ 95.3 % right", "≈ 94 % right"),
        ("gap ≈ -0.02", "gap ≈ +1.5e-07"),
        ("gap ≈ −0.02", "gap ≈ 0.00"),
        ("loss ≈ 0.31 ± 0.02", "loss ≈ 0.4 ± 0.1"),
        ("≈ 1,234 s", "≈   987.5 s"),
        ("sgd     ≈ 0.31", "sgd    ≈ 10.31"),
        (table(0.31, 9.5), table(10.31, 9.4)),
    ],
)
def test_other_numbers_after_the_sign_pass(stored, printed):
    assert stored != printed
    assert sanitized(stored) == sanitized(printed)


@pytest.mark.parametrize(
    ("stored", "printed"),
    [
        ("≈ 0.953 after 3 epochs", "≈ 0.953 after 4 epochs"),  # a count
        ("≈ 0.953, best of 5", "≈ 0.953, best of 6"),
        ("≈ 0.95, 0.96", "≈ 0.95, 0.97"),  # one number without the sign
        ("accuracy 0.953", "accuracy 0.952"),
        ("better by ≈ 0.01", "worse by ≈ 0.01"),  # a verdict
        ("≈ 0.95, ≈ 0.96", "≈ 0.95"),  # a number that is missing
        ("≈ 95.3 %", "≈ 95.3 s"),  # another unit
        ("≈ 95.3 %", "≈ 95.3"),
        ("≈ 0.31", "≈ nan"),
        ("≈ 0.31", "≈ inf"),
        ("≈ 0.31", "0.31"),
        ("≈ 0.31 ± 0.02", "≈ 0.31 ± nan"),
        ("runs   5", "runs  5"),  # padding without the sign
        (table(0.31, 9.5), table(0.31)),
    ],
)
def test_any_other_difference_does_not(stored, printed):
    assert sanitized(stored) != sanitized(printed)


@pytest.mark.parametrize("folder", [".", "notebooks"])
def test_a_plain_pytest_finds_the_file_from_any_folder_of_the_repository(folder, tmp_path):
    for name in ("pyproject.toml", "conftest.py", "tools/nbval_sanitize.cfg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    (tmp_path / "notebooks").mkdir()
    stored = [new_output("stream", text=f"≈ 0.93, best of {count}\n") for count in (5, 6)]
    cells = [
        new_code_cell("print('≈ 0.95, best of 5')", execution_count=1, outputs=[output], id=f"best-{number}")
        for number, output in enumerate(stored)
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks" / "live.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider"]
    names = ["notebooks"] if folder == "." else []
    run = subprocess.run([*command, *names], cwd=tmp_path / folder, capture_output=True, encoding="utf-8")
    assert "1 failed, 1 passed" in run.stdout, run.stdout + run.stderr
    assert "FAILED notebooks/live.ipynb::Cell 1" in run.stdout.replace(" live", " notebooks/live")
