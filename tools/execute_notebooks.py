"""Run the course's notebooks from top to bottom and keep their outputs: `python tools/execute_notebooks.py [NAME …]`.

Cell ids, execution counts and what an author writes into the metadata (tags, slides, nbgrader's and jupytext's fields)
stay. Widget state, timings and whether an output is folded or scrolled go. The outputs of cells with the tag "answer"
are folded, until a student runs the cell: she shall predict first. A picture over the limit is refused, so that the
notebooks stay small enough for GitHub to show.
"""

from __future__ import annotations

import base64
import io
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from PIL import Image, ImageDraw

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
LARGEST_PICTURE = 150_000  # bytes, as base64
COLOURS = 96  # of a picture
EXACT = 16  # of them: the most frequent ones, such as the white of the page; and as many that stand out
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
# The kernel's own description without Python's version, which differs between machines and which nothing reads.
# nbconvert needs the extension and the exporter to make a .py.
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
# Metadata that an author or her tools write and that no run changes. All other metadata are dropped.
OF_NOTEBOOKS = {"authors", "title", "jupytext", "nbgrader", "rise", "livereveal"}
OF_CELLS = {"tags", "name", "jupyter", "alt", "slideshow", "nbgrader", "editable", "deletable"}
OF_CELLS |= {"cnnlab"}  # reasons for numbers in prose: tests/notebooks/test_prose_numbers.py
OF_CELLS |= {"format", "raw_mimetype"}  # of raw cells
OF_CELLS |= {"active", "cell_depth", "cell_marker", "region_name", "title"}  # jupytext's
OF_CELLS |= {"lines_to_next_cell", "lines_to_end_of_cell_marker"}


def execute(path: Path) -> float:
    """Execute one notebook in its own folder, write it back tidied, and return the seconds it took."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    )  # fmt: skip
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as course:  # what is stored has no predictions, and something on its sheets
        _draw_seven(Path(course, "drawing.png"))
        client.execute(env=os.environ | {"CNNLAB_COURSE": course})
    seconds = time.perf_counter() - start
    tidy(notebook)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    return seconds


def _draw_seven(path: Path) -> None:
    """Write a drawing of a 7 where DrawDigit keeps a student's last one, so that its picture is not black."""
    picture = Image.new("L", (112, 112))
    ImageDraw.Draw(picture).line([(30, 26), (82, 26), (50, 92)], fill=255, width=11, joint="curve")
    picture.save(path)


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Drop from a notebook everything that differs from run to run and that no reader sees."""
    kept = {key: value for key, value in notebook.metadata.items() if key in OF_NOTEBOOKS}
    notebook.metadata = nbformat.from_dict({**kept, "kernelspec": KERNEL, "language_info": LANGUAGE})
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: value for key, value in cell.metadata.items() if key in OF_CELLS})
        if cell.cell_type != "code":
            continue
        _fold(cell)
        cell.outputs = _merged(cell.outputs)
        for output in cell.outputs:
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)  # its kernel has ended
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = picture = _with_palette(output.data["image/png"])
                if len(picture) > LARGEST_PICTURE:
                    raise SystemExit(f"cell {cell.id}: the picture has {len(picture):,} bytes; draw it smaller")
        cell.outputs = [output for output in cell.outputs if output.get("data") != {}]  # a view alone


def _with_palette(picture: str) -> str:
    """Return a picture (PNG as base64) with its best COLOURS: it looks the same and takes a third of the bytes.

    A colour counts by the root of its pixels, or a few red dots would become as orange as the line beside them.
    """
    image = Image.open(io.BytesIO(base64.b64decode(picture)))
    if image.mode == "P" and image.getcolors(COLOURS):  # None where there are more
        return picture
    page = Image.new("RGBA", image.size, "white")
    page.alpha_composite(image.convert("RGBA"))
    pixels = np.asarray(page.convert("RGB")).reshape(-1, 3)
    codes = pixels @ np.array([1 << 16, 1 << 8, 1])  # one number a colour, which is faster to sort
    _, first, places, counts = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
    colours = pixels[first]
    palette = _best(colours, counts)
    nearest = _distances(colours, palette).argmin(1)
    small = Image.fromarray(nearest[places].reshape(page.size[::-1]).astype(np.uint8), "P")
    small.putpalette(palette.tobytes())
    content = io.BytesIO()
    small.save(content, "PNG", optimize=True)
    return base64.b64encode(content.getvalue()).decode()


def _best(colours: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return COLOURS that stand for all colours (N, 3): EXACT frequent ones, mixed ones, and EXACT far from these."""
    if len(colours) <= COLOURS:
        return colours
    weights = counts**0.5
    sample = Image.fromarray(np.repeat(colours, np.ceil(weights).astype(int), axis=0)[None])
    mixed = sample.quantize(COLOURS - 2 * EXACT, Image.Quantize.MEDIANCUT, kmeans=1).getpalette() or []
    palette = np.array(mixed, np.uint8).reshape(-1, 3)[: COLOURS - 2 * EXACT]
    palette = np.concatenate([colours[np.argsort(-counts)[:EXACT]], palette])
    distances = _distances(colours, palette).min(1)
    while len(palette) < COLOURS:
        farthest = colours[(weights * distances).argmax()]
        palette = np.concatenate([palette, farthest[None]])
        distances = np.minimum(distances, _distances(colours, farthest[None])[:, 0])
    return palette


def _distances(colours: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Return the squared distance of each colour (N, 3) from each of the palette (M, 3): (N, M)."""
    return ((colours[:, None].astype(int) - palette[None]) ** 2).sum(2)


def _fold(cell: nbformat.NotebookNode) -> None:
    """Fold the outputs of a cell with the tag "answer", and of no other; JupyterLab unfolds them when the cell runs."""
    jupyter = {key: value for key, value in cell.metadata.get("jupyter", {}).items() if key != "outputs_hidden"}
    if "answer" in cell.metadata.get("tags", []):
        jupyter["outputs_hidden"] = True
    if jupyter:
        cell.metadata["jupyter"] = nbformat.from_dict(jupyter)
    else:
        cell.metadata.pop("jupyter", None)


def _merged(outputs: list) -> list:
    """Join neighbouring outputs of the same stream, as a front end shows them."""
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
