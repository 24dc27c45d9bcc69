"""The instructor's guide names every notebook as it is, with the minutes that stand at the notebook's head."""

import re

import nbformat
import pytest
from places import NOTEBOOKS, REPOSITORY

GUIDE = (REPOSITORY / "docs" / "instructor-guide.md").read_text(encoding="utf-8")
PARTS = ("Objectives", "Minutes", "Misconceptions", "Ask")
FILES = sorted(NOTEBOOKS.glob("*.ipynb"))


def minutes(text):
    """Return the minutes to read and those for the exercises; None where none are named.

    >>> minutes("About 15 minutes, and 30 minutes more for the exercises; the computer needs one.")
    ('15', '30')
    """
    exercises = re.search(r"(\d+)(?: minutes)? more for the exercises", text)
    return re.search(r"\d+", text)[0], exercises and exercises[1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_notebook_has_its_title_four_parts_and_its_own_minutes(path):
    cells = nbformat.read(path, as_version=4).cells
    title = cells[0].source.splitlines()[0].removeprefix("# ")
    (section,) = re.findall(rf"(?ms)^### {path.stem}: (.+?)(?=^##)", GUIDE)
    assert section.splitlines()[0] == title
    parts = dict(re.findall(r"(?ms)^- \*\*(\w+)\.\*\* (.+?)(?=^- |\Z)", section))
    assert tuple(parts) == PARTS
    assert "?" in parts["Ask"]
    head = next(cell.source for cell in cells if "**What you need:**" in cell.source)
    need = head.split("**What you need:**")[1]
    need = need[re.search(r"\d+ minutes", need).start() :]
    assert minutes(parts["Minutes"]) == minutes(need)


def test_the_headings_that_its_plans_name_are_there():
    headings = "\n".join(cell.source for path in FILES for cell in nbformat.read(path, as_version=4).cells)
    plans = GUIDE.partition("## Plans")[2].partition("\n## ")[0]
    named = re.findall(r"\"([^\"]+)\"", plans)
    assert named
    assert [name for name in named if f"## {name}" not in headings] == []
