"""Run the course's notebooks from top to bottom and keep their outputs: `python tools/execute_notebooks.py [NAME …]`.

Cell ids and execution counts stay, widget state and timing metadata go, and a progress bar is kept as its last line.
A picture over the limit is refused, so that the notebooks stay small enough for GitHub to draw.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
LARGEST_PICTURE = 150_000  # bytes, as base64


def execute(path: Path) -> float:
    """Execute one notebook in its own folder, write it back tidied, and return the seconds it took."""
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()  # fmt: skip
    seconds = time.perf_counter() - start
    tidy(notebook)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    return seconds


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Keep what a reader sees, and nothing that differs from run to run."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {key: value for key, value in cell.metadata.items() if key in ("tags", "jupyter")}
        if cell.cell_type != "code":
            continue
        cell.outputs = _merged(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "stream":  # what was overwritten on the same line is gone on the screen, too
                output.text = re.sub(r"[^\n]*\r(?=[^\n])", "", output.text)
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)  # of a kernel that is gone
            picture = output.get("data", {}).get("image/png", "")
            if len(picture) > LARGEST_PICTURE:
                raise SystemExit(f"cell {cell.id}: the picture has {len(picture):,} bytes; draw it smaller")


def _merged(outputs: list) -> list:
    """Join neighbouring pieces of the same stream, as a front end shows them."""
    kept: list = []
    for output in outputs:
        if kept and output.output_type == "stream" == kept[-1].output_type and output.name == kept[-1].name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    chosen = [NOTEBOOKS / name for name in sys.argv[1:]] or sorted(NOTEBOOKS.glob("*.ipynb"))
    for notebook in chosen:
        print(f"{notebook.name}: {execute(notebook):.0f} s")
