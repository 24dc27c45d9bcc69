"""Each notebook says where its slides begin, as tools/set_slides.py works it out, and nbconvert makes slides of it."""

import base64
import json
import re
import struct
import subprocess
import sys

import browser
import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import SlidesExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from places import NOTEBOOKS, REPOSITORY

from cnnlab.cli.export import HEIGHT, WIDTH, Slides
from cnnlab.cli.slide_heights import LEFT_OUT

sys.path.insert(0, str(REPOSITORY / "tools"))

from set_slides import slide_types

# Every slide at its own width, one below the other: the player would come from the network.
SPREAD_OUT = f".reveal .slides section {{ width: {WIDTH}px }}"
MEASURE = """() => [...document.querySelectorAll(".slides section section")].map(slide => ({
  words: slide.innerText.slice(0, 60),
  height: slide.clientHeight,
  needed: slide.scrollHeight,
  isScrolled: getComputedStyle(slide).overflowY === "auto",
  cut: [...slide.querySelectorAll("pre, table, img")].filter(element =>
    Math.max(element.scrollWidth - element.clientWidth,
      element.getBoundingClientRect().right - slide.getBoundingClientRect().right) > 1
  ).map(element => element.innerText || element.alt),
  pictures: [...slide.querySelectorAll("img")].map(picture => [picture.naturalWidth > 0, picture.clientHeight]),
}))"""
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
RENDERED = ("05a_signals.ipynb", "06_mnist_experiment.ipynb", "10_your_own_pictures.ipynb")  # the others: -m slow


def cells_of(name: str) -> list[dict]:
    return json.loads((NOTEBOOKS / name).read_text("utf-8"))["cells"]


def kinds_shown(name: str) -> list[str]:
    """Return how each cell is shown, after what does not fit on one slide has got several."""
    cells = Slides().preprocess(nbformat.read(NOTEBOOKS / name, as_version=4), {})[0].cells
    return [cell.metadata.slideshow.slide_type for cell in cells]


def cell(source: str, kind: str = "markdown", **more) -> dict:
    return {"cell_type": kind, "metadata": {}, "source": [source], **more}


def test_a_heading_begins_a_slide_and_what_does_not_fit_goes_below():
    setup = cell("install", "code") | {"metadata": {"tags": ["remove-cell"]}}
    long = "word " * 400
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


@pytest.mark.parametrize("name", ["01_kernel_size.ipynb", "06_mnist_experiment.ipynb"])
def test_the_slides_have_the_lecture_and_leave_out_what_is_for_readers(name):
    page, _ = SlidesExporter(preprocessors=[Slides]).from_filename(str(NOTEBOOKS / name))
    kinds = kinds_shown(name)
    slides, below = kinds.count("slide"), kinds.count("subslide")
    assert page.count("<section>") == 2 * slides + below
    assert not re.findall(rf"<h2[^>]*>(?:{'|'.join(heading.removeprefix('## ') for heading in LEFT_OUT)})", page)
    assert "What you saw" in page


def picture(width: int, height: int) -> dict:
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height)).decode()
    return new_output("display_data", data={"image/png": data})


def test_pictures_grow_into_the_room_that_their_slide_has_left():
    small, high, full = picture(600, 200), picture(800, 800), picture(611, 400)
    lines = "\n".join(["x = 1"] * 14)  # 14 * 22 + 30 pixels: no room for the picture, 400 + 20, on the same slide
    begins = {"slideshow": {"slide_type": "slide"}}
    shown = {"x": small, "y": high, lines: full}
    cells = [new_code_cell(code, outputs=[output], metadata=begins) for code, output in shown.items()]
    nb, _ = Slides().preprocess(new_notebook(cells=[new_markdown_cell("# Title"), *cells]), {})
    widths = [output.metadata["image/png"]["width"] for cell in nb.cells[1:] for output in cell.outputs]
    # 1.5 times as wide; as high as what one line of code, 52, and 20 around the picture leave of 640; 1.5 times as wide
    assert widths == [900, 568, 916]


def test_what_does_not_fit_on_one_slide_has_several():
    lines = "\n".join(["x = 1"] * 14)
    empty = new_output("display_data", data={"text/html": "", "text/plain": "a panel"})
    text, long = (new_output("stream", text=line * count) for line, count in (("said\n", 2), ("much\n", 31)))
    shown = {
        "beside": [picture(600, 300)], lines: [empty, picture(600, 500), text, picture(600, 500)],
        "y = 1": [picture(800, 800)], "z = 1\n" * 5: [picture(800, 800)], "print()": [long],
    }  # fmt: skip
    cells = [new_code_cell(code, outputs=outputs, metadata={"slideshow": {"slide_type": "slide"}})
             for code, outputs in shown.items()]  # fmt: skip
    notebook = new_notebook(cells=[new_markdown_cell("# Title"), *cells])
    page, _ = SlidesExporter(preprocessors=[Slides]).from_notebook_node(notebook)
    slides = BeautifulSoup(page, "html.parser").select(".slides section section")
    seen = [
        (len(slide.select(".jp-InputArea")), len(slide.select("img")), slide.select(".celltag_dense") != [])
        for slide in slides
    ]
    # code, pictures, smaller letters: of 14 lines with two pictures, of one line, of five lines, of 31 printed lines
    expected = [(1, 1, False), (1, 0, False), (0, 1, False), (0, 1, False), (1, 1, False)]
    expected += [(1, 0, False), (0, 1, False), (1, 0, False), (0, 0, True)]
    assert seen[1:] == expected
    assert "said" in slides[3].text


def test_the_guides_command_gives_slides_their_shape(tmp_path):
    guide = (REPOSITORY / "docs" / "instructor-guide.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"(?m)^jupyter (nbconvert --to slides .+) notebooks/", guide)
    notebook = {"cells": [cell("# Title")], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    words = [sys.executable, "-m", *command.split(), "a.ipynb"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    page = (tmp_path / "a.slides.html").read_text(encoding="utf-8")
    assert f"width: {WIDTH}," in page
    assert f"height: {HEIGHT}," in page
    assert f"max-height: {HEIGHT}px" in page


@pytest.mark.parametrize("name", NAMES)
def test_without_the_option_there_are_slides_too(name):
    page, _ = SlidesExporter().from_filename(str(NOTEBOOKS / name))
    slides = BeautifulSoup(page, "html.parser").select(".slides section section")
    kinds = slide_types(cells_of(name))
    assert len(slides) == kinds.count("slide") + kinds.count("subslide")
    assert "# " not in slides[0].h1.text


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in RENDERED else [pytest.mark.slow]) for name in NAMES]
)
def test_no_code_is_cut_and_what_is_too_high_can_be_scrolled(name, tmp_path):
    page_of_slides, _ = SlidesExporter(preprocessors=[Slides]).from_filename(str(NOTEBOOKS / name))
    (tmp_path / "slides.html").write_text(page_of_slides, encoding="utf-8")
    with browser.open_page(width=WIDTH, height=HEIGHT) as page:
        page.route("http*://**", lambda route: route.abort())
        page.goto((tmp_path / "slides.html").as_uri(), wait_until="domcontentloaded")
        page.add_style_tag(content=SPREAD_OUT)
        browser.use_dejavu(page, ".slides")
        slides = page.evaluate(MEASURE)
    kinds = kinds_shown(name)
    assert len(slides) == kinds.count("slide") + kinds.count("subslide")
    assert [slide["cut"] for slide in slides if slide["cut"]] == []
    assert all(slide["height"] <= HEIGHT and slide["isScrolled"] for slide in slides)
    assert [slide["words"] for slide in slides if slide["needed"] > HEIGHT] == []
    pictures = [picture for slide in slides for picture in slide["pictures"]]
    assert len(pictures) > (5 if name in RENDERED else 4)
    assert all(is_there and 100 < height <= 660 for is_there, height in pictures)
