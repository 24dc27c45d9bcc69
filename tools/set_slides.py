"""Say in each notebook where a slide begins, for `jupyter nbconvert --to slides`: `python tools/set_slides.py`.

A heading begins a slide. What does not fit on it goes on below. The heights are estimates for the style of
`cnnlab.cli.export.Slides`: nobody has drawn the page.
"""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
PAGE = 690  # pixels of height on a slide of 1280×720
PROSE, CODE, PRINTED = (37, 100), (23, 118), (23, 116)  # the height of a line, and its letters
PICTURE = (1200, 440)  # the largest width and height of a picture
LEFT_OUT = ("## Read further", "## Try it")  # for readers, not for a lecture


def slide_types(cells: list[dict]) -> list[str]:
    """Return "slide", "subslide", "skip" or "-" (goes on) for each cell of a notebook.

    >>> slide_types([{"cell_type": "markdown", "metadata": {}, "source": ["# Title"]}])
    ['slide']
    """
    types, used, is_skipped = [], 0, False
    for cell in cells:
        first = "".join(cell["source"]).split("\n", 1)[0]
        if cell["cell_type"] == "markdown" and first.startswith("#"):
            is_skipped = first.startswith(LEFT_OUT)
        if is_skipped or _is_setup(cell):
            types.append("skip")
            continue
        height = _height(cell)
        if not types or (cell["cell_type"] == "markdown" and first.startswith(("# ", "## "))):
            kind, used = "slide", 0
        elif used + height > PAGE or first.startswith("### "):
            kind, used = "subslide", 0
        else:
            kind = "-"
        types.append(kind)
        used += height
    return types


def _is_setup(cell: dict) -> bool:
    return bool({"remove-cell"} & set(cell["metadata"].get("tags", [])))


def _height(cell: dict) -> int:
    """Estimate how many pixels high a cell is on a slide."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return _lines(source, *PROSE) + 20
    return _lines(source, *CODE) + 20 + sum(map(_output_height, cell.get("outputs", [])))


def _output_height(output: dict) -> int:
    data = output.get("data", {})
    if "image/png" in data:
        width, height = struct.unpack(">II", base64.b64decode("".join(data["image/png"]))[16:24])
        return round(height * min(1, PICTURE[0] / width, PICTURE[1] / height)) + 20
    if "text/html" in data:
        return 34 * max(2, "".join(data["text/html"]).count("<tr")) + 10
    return _lines("".join(output.get("text", data.get("text/plain", ""))), *PRINTED) + 10


def _lines(text: str, height: int, letters: int) -> int:
    return height * sum(1 + len(line) // letters for line in text.split("\n"))


def main() -> None:
    """Write the slides' beginnings into every notebook."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = json.loads(path.read_text("utf-8"))
        for cell, kind in zip(notebook["cells"], slide_types(notebook["cells"]), strict=True):
            cell["metadata"]["slideshow"] = {"slide_type": kind}
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
