"""Estimate how high a notebook's cells are on a slide, in the style of `cnnlab.cli.export.Slides`.

Nobody has drawn the page. The numbers are pixels on a slide of 1280 × 720.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Mapping, Sequence
from typing import Any

PAGE = 640  # pixels of height that cells can fill: a slide has a margin, and long words may take more lines
PROSE, CODE, PRINTED = (30, 102), (22, 118), (22, 104)  # the height of a line, and its letters
BLANK, HEADING, AROUND = 20, 50, 41  # between paragraphs; a heading's line; above and below a cell's prose
TABLE_ROW = 42
PICTURE = (1200, 440)  # the largest width and height of a picture, where there is no room for more
LEAST = 0.9  # of the width that a picture has on a slide of its own; if code leaves less, it gets one
ENLARGED = 1.5  # the largest factor by which a picture may grow
LEFT_OUT = ("## Read further", "## Try it")  # for readers, not for a lecture
SECTION_LEFT_OUT = re.compile(rf"(?ms)^(?:{'|'.join(LEFT_OUT)}).*?(?=^## |\Z)")


def text_on_slide(source: str) -> str:
    """Return a Markdown cell's text without the sections that slides leave out.

    >>> text_on_slide("## What you saw\\n\\nA digit.\\n\\n## Try it\\n\\nDraw one.")
    '## What you saw\\n\\nA digit.'
    """
    return SECTION_LEFT_OUT.sub("", source).rstrip()


def cell_height(cell: Mapping[str, Any]) -> int:
    """Return how many pixels high a cell is on a slide, with its pictures at their smallest.

    >>> cell_height({"cell_type": "markdown", "source": ["# Title"]})
    91
    """
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return AROUND + sum(map(_prose_height, text_on_slide(source).split("\n")))
    code = _lines(source, *CODE) + 30 if source else 0
    return code + sum(map(_output_height, cell.get("outputs", [])))


def needs_own_slides(cell: Mapping[str, Any]) -> bool:
    """Return whether a cell's code and outputs do not fit on one slide, or leave too little room for its pictures."""
    sizes = [size for size in map(picture_size, cell.get("outputs", [])) if size]
    alone = [width * min(1, PICTURE[0] / width, (PAGE - 20) / height) for width, height in sizes]
    shrunk = (width < LEAST * most for width, most in zip(picture_widths([cell]), alone, strict=True))
    return cell_height(cell) > PAGE or any(shrunk)


def output_groups(cell: Mapping[str, Any]) -> list[list[Any]]:
    """Return the outputs of a cell, slide by slide: those that fit on one slide together are in one list."""
    groups: list[list[Any]] = []
    left = 0
    for output in cell.get("outputs", []):
        height = _output_height(output)
        if height > left:
            groups.append([])
            left = PAGE
        if not height:
            continue  # it shows nothing
        groups[-1].append(output)
        left -= height
    return groups


def picture_size(output: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the width and height of an output's PNG picture in its own pixels, or None if it has none."""
    data = output.get("data", {}).get("image/png")
    return data and struct.unpack(">II", base64.b64decode("".join(data))[16:24])


def picture_widths(cells: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return how wide each picture of one slide's cells may be, so that they share the room which is left."""
    sizes = [size for cell in cells for size in map(picture_size, cell.get("outputs", [])) if size]
    room = max(0, PAGE - sum(map(cell_height, cells)))
    growth = room / max(1, sum(height for _, height in sizes))
    largest = [min(ENLARGED, PICTURE[0] / width, _smallest(width, height) + growth) for width, height in sizes]
    return [round(width * factor) for (width, _), factor in zip(sizes, largest, strict=True)]


def _smallest(width: int, height: int) -> float:
    return min(1, PICTURE[0] / width, PICTURE[1] / height)


def _output_height(output: Mapping[str, Any]) -> int:
    data, size = output.get("data", {}), picture_size(output)
    if size:
        return round(size[1] * _smallest(*size)) + 20
    if "text/html" in data:
        page = "".join(data["text/html"])
        return 0 if not page else 10 + TABLE_ROW * max(2, sum(map(page.count, ("<tr", "<caption", "<p"))))
    return _lines("".join(output.get("text", data.get("text/plain", ""))).rstrip(), *PRINTED) + 22


def _prose_height(line: str) -> int:
    if not line:
        return BLANK
    if line.startswith("|"):
        return TABLE_ROW
    return HEADING if line.startswith("#") else _lines(line, *PROSE)


def _lines(text: str, height: int, letters: int) -> int:
    return height * sum(1 + len(line) // letters for line in text.split("\n"))
