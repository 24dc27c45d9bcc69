"""Each notebook says where its slides begin, as tools/set_slides.py works it out, and nbconvert makes slides of it."""

import json
import sys
from pathlib import Path

import pytest
from nbconvert import SlidesExporter

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
sys.path.insert(0, str(NOTEBOOKS.parent / "tools"))

from set_slides import LEFT_OUT, slide_types  # noqa: E402

NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))


def cells_of(name: str) -> list[dict]:
    return json.loads((NOTEBOOKS / name).read_text("utf-8"))["cells"]


def cell(source: str, kind: str = "markdown", **more) -> dict:
    return {"cell_type": kind, "metadata": {}, "source": [source], **more}


def test_a_heading_begins_a_slide_and_what_does_not_fit_goes_below():
    setup = cell("install", "code") | {"metadata": {"tags": ["remove-cell"]}}
    long = "word " * 300
    cells = [
        cell("# Title"), setup, cell("short"), cell(long), cell("## Next"), cell("x = 1", "code", outputs=[]),
        cell("### Part"), cell("## Read further"), cell("a link"), cell("## What you saw"),
    ]  # fmt: skip
    types = ["slide", "skip", "-", "subslide", "slide", "-", "subslide", "skip", "skip", "slide"]
    assert slide_types(cells) == types


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_has_its_place(name):
    cells = cells_of(name)
    stored = [cell["metadata"].get("slideshow", {}).get("slide_type") for cell in cells]
    assert stored == slide_types(cells), "python tools/set_slides.py sets them"


@pytest.mark.parametrize("name", ["06_mnist_experiment.ipynb"])
def test_the_slides_have_the_lecture_and_leave_out_what_is_for_readers(name):
    page, _ = SlidesExporter().from_filename(str(NOTEBOOKS / name))
    kinds = [cell["metadata"]["slideshow"]["slide_type"] for cell in cells_of(name)]
    slides, below = kinds.count("slide"), kinds.count("subslide")
    assert page.count("<section>") == 2 * slides + below
    assert not any(heading.removeprefix("## ") + "<" in page for heading in LEFT_OUT)
    assert "What you saw" in page
