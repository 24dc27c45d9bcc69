"""Make the pages better that nbconvert makes of a notebook: pictures keep their alt text, slides fit the screen.

An output's metadata hold the alt text, as in `{"image/png": {"alt": "…"}}`. nbconvert's template "classic" writes it
into the page, its usual template "lab" does not (nbconvert 7.17). `python start.py` uses this class. Elsewhere:

    jupyter nbconvert --to html --HTMLExporter.preprocessors=cnnlab.cli.export.AltText notebook.ipynb

    jupyter nbconvert --to slides --SlidesExporter.preprocessors=cnnlab.cli.export.Slides notebook.ipynb
"""

from __future__ import annotations

import html
from pathlib import Path

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode, from_dict

from cnnlab.cli.slide_heights import (
    PAGE,
    cell_height,
    needs_own_slides,
    output_groups,
    picture_size,
    picture_widths,
    text_on_slide,
)


class AltText(Preprocessor):
    """Give each picture that has an alt text the form of an HTML image with it."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int) -> tuple[NotebookNode, dict]:  # noqa: ARG002 (nbconvert's signature)
        """Return the cell with these images, and the resources as they are."""
        for output in cell.get("outputs", []):
            picture = output.get("data", {}).get("image/png")
            look = output.get("metadata", {}).get("image/png", {})
            if picture and "alt" in look and "text/html" not in output.data:
                width = f' width="{look["width"]}"' if "width" in look else ""
                image = f'<img alt="{html.escape(look["alt"])}"{width} src="data:image/png;base64,{picture.strip()}">'
                output.data["text/html"] = image
        return cell, resources


DENSE = "dense"  # a tag; slides.css has its style
HIDDEN = ("skip", "notes")
WIDTH, HEIGHT = 1280, 720  # of a slide, in pixels; reveal.js scales it to the screen


class Slides(Preprocessor):
    """Give slides the shape of a projector, letters with which a line of code fits, and a bar where one is too high.

    Pictures have their alt text, and fill the room that their slide has left. Where code and its outputs do not fit on
    one slide, the outputs follow on slides of their own; what is still too high has smaller letters. *Try it* and *Read
    further* are left out.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Return the notebook with the style at the head of its first cell, and the resources with the size."""
        for cell in nb.cells:
            if cell.cell_type == "markdown":
                cell.source = text_on_slide(cell.source)
        nb.cells = [part for cell in nb.cells for part in _parts(cell)]
        for cell in nb.cells:
            if cell_height(cell) > PAGE:
                cell.metadata["tags"] = [*cell.metadata.get("tags", []), DENSE]
        for cells in _slides_of(nb.cells):
            _set_picture_widths(cells)
        AltText().preprocess(nb, resources)  # last: it needs the widths
        style = Path(__file__).with_name("slides.css").read_text(encoding="utf-8")
        nb.cells[0].source = f"<style>\n{style}</style>\n\n{nb.cells[0].source}"  # its title, in Markdown
        resources["reveal"] = {**resources.get("reveal", {}), "width": str(WIDTH), "height": str(HEIGHT)}
        return nb, resources


def _parts(cell: NotebookNode) -> list[NotebookNode]:
    """Return a cell that fits on one slide; else its code, then its outputs, each with a slide of its own."""
    if cell.cell_type != "code" or _kind(cell) in HIDDEN or not needs_own_slides(cell):
        return [cell]
    parts = [NotebookNode(cell, outputs=[])]
    for number, outputs in enumerate(output_groups(cell), start=1):
        own = {"slideshow": {"slide_type": "subslide"}, "transient": {"remove_source": True}}  # nbconvert's words
        metadata = from_dict({**cell.metadata, **own})
        name = f"{cell.get('id', '')}-{number}"
        parts.append(NotebookNode(cell, id=name, source="", outputs=outputs, metadata=metadata))
    return parts


def _kind(cell: NotebookNode) -> str:
    return cell.metadata.get("slideshow", {}).get("slide_type", "-")


def _slides_of(cells: list[NotebookNode]) -> list[list[NotebookNode]]:
    """Return the cells that are shown, slide by slide."""
    slides: list[list[NotebookNode]] = []
    for cell in cells:
        if _kind(cell) in ("slide", "subslide") or not slides:
            slides.append([])
        if _kind(cell) not in HIDDEN:
            slides[-1].append(cell)
    return slides


def _set_picture_widths(cells: list[NotebookNode]) -> None:
    """Say in the outputs' metadata how wide the pictures of one slide are; nbconvert writes that into the page."""
    pictures = [output for cell in cells for output in cell.get("outputs", []) if picture_size(output)]
    for output, width in zip(pictures, picture_widths(cells), strict=True):
        output.metadata.setdefault("image/png", NotebookNode())["width"] = width
