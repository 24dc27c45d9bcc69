"""Say in each notebook where a slide begins, for `jupyter nbconvert --to slides`: `python tools/set_slides.py`.

A heading begins a slide. What does not fit on it goes on below. The heights are estimates (`cnnlab.cli.slide_heights`).
"""

from __future__ import annotations

import json
from pathlib import Path

from cnnlab.cli.slide_heights import LEFT_OUT, PAGE, cell_height

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


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
        height = cell_height(cell)
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


def main() -> None:
    """Write the slides' beginnings into every notebook."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = json.loads(path.read_text("utf-8"))
        for cell, kind in zip(notebook["cells"], slide_types(notebook["cells"]), strict=True):
            cell["metadata"]["slideshow"] = {"slide_type": kind}
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
