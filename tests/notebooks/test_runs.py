"""A notebook in a student's hands: another folder, no network, and every cell run twice.

The first run of each cell is compared with what is stored, by strict nbval: what the cells above did twice must not
change it. The letters of every picture are measured as well: a student reads them in a small window, too, and no number
at a tick is written over another.
"""

import json
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient
from places import NOTEBOOKS, REPOSITORY

pytestmark = pytest.mark.timeout(900)  # a notebook twice, on a computer with one slow core; each cell still has 120 s
NARROW = 365  # CSS pixels: the width of a picture in a window of 800 pixels, with the list of files beside the notebook
SMALLEST = 9  # CSS pixels, of letters there; measured in JupyterLab, see tests/browser/test_sizes.py
# Runs before the notebook: notes for each cell how far the verdicts whose words it asks for are from the border. That
# is where the difference is half the interval, at 1.
WATCH = """
import json as _json, sys as _sys

_asked = []


def _noting(comparison):
    for level in comparison.levels:
        if level.low < level.high:
            _asked[-1][1].append(round(2 * abs(level.difference) / (level.high - level.low), 2))
    return _verdicts(comparison)


def _watch(info):
    global _verdicts
    _asked.append((info.raw_cell, []))
    if "torch" in _sys.modules and "_verdicts" not in globals():  # the notebook's own cell loads torch, and says so
        from cnnlab.comparison.compare import Comparison

        _verdicts = Comparison.verdicts.fget
        Comparison.verdicts = property(_noting)


get_ipython().events.register("pre_run_cell", _watch)
"""
# Runs before the notebook: notes of every picture its width, the size of its smallest letters, in pixels, and a word;
# and the pairs of words at ticks that share more than a pixel.
LETTERS = """
import base64 as _base64, struct as _struct
import IPython.core.pylabtools as _pictures

_letters, _overlaps, _print_figure = [], [], _pictures.print_figure


def _ticks(axis):
    low, high = sorted(axis.get_view_interval())
    drawn = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    words = [word for tick in drawn for word in (tick.label1, tick.label2)]
    return [word for word in words if word.get_visible() and word.get_text().strip()]


def _measuring(figure, *arguments, **options):
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    png = _print_figure(figure, *arguments, **options)
    (width,) = _struct.unpack(">I", _base64.b64decode(png)[16:20])
    without_axis = [ax for ax in figure.findobj(Axes) if not ax.axison]
    hidden = {text for ax in without_axis for axis in (ax.xaxis, ax.yaxis) for text in axis.findobj(Text)}
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    shown = [text for text in shown if text not in hidden]
    for text in sorted(shown, key=Text.get_fontsize)[:1]:
        _letters.append((width, text.get_fontsize() * figure.dpi / 72, text.get_text()))
    with_axis = [ax for ax in figure.findobj(Axes) if ax.axison and ax.get_visible()]
    words = [word for ax in with_axis for axis in (ax.xaxis, ax.yaxis) if axis.get_visible() for word in _ticks(axis)]
    boxes = [(word.get_text(), word.get_window_extent()) for word in words]
    for place, (word, box) in enumerate(boxes):
        for other, beside in boxes[:place]:
            shared = Bbox.intersection(box, beside)
            if shared is not None and min(shared.width, shared.height) > 1:
                _overlaps.append((other, word))
    return png


_pictures.print_figure = _measuring
"""


@pytest.mark.parametrize("name", [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))])
def test_every_cell_can_be_run_twice_elsewhere_and_offline(name, tmp_path, monkeypatch):
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")  # whoever asks the network is refused
    folder, results = tmp_path / "my copy é", tmp_path / "asked.json"
    folder.mkdir()
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    save = f"with open({str(results)!r}, 'w') as _file:\n    _json.dump([_asked, _letters, _overlaps], _file)"
    first, last = nbformat.v4.new_code_cell(WATCH + LETTERS), nbformat.v4.new_code_cell(save)
    notebook.cells = [first, *(copy for cell in cells for copy in (cell, again(cell))), last]
    nbformat.write(notebook, folder / "twice.ipynb")
    command = [sys.executable, "tools/check_notebooks.py", str(folder / "twice.ipynb")]
    check = subprocess.run(command, cwd=REPOSITORY, capture_output=True, encoding="utf8", timeout=880)
    assert check.returncode == 0, check.stdout + check.stderr
    assert f"passed  ({2 * len(cells) + 2} cells" in check.stdout
    asked, letters, overlaps = json.loads(results.read_text())
    assert [source for source, _ in asked[:-1]] == [cell.source for cell in cells for _ in range(2)]
    strict = {cell.source for cell in cells if "nbval-ignore-output" not in cell.metadata.get("tags", [])}
    near = [source for source, ratios in asked if source in strict and any(0.5 < ratio < 2 for ratio in ratios)]
    assert not near, f"{near}: a verdict word near its border; give these cells the tag nbval-ignore-output"
    assert len(letters) >= 2  # a picture, drawn twice
    small = [(word, width) for width, size, word in letters if size * min(1, NARROW / width) < SMALLEST]
    assert not small, f"words too small on a narrow page, with the width of their picture: {small}"
    assert not overlaps, f"words at ticks that lie over each other: {overlaps}"
    assert list(folder.iterdir()) == [folder / "twice.ipynb"]  # nothing was left lying about


def again(cell):
    """Return the same cell as one that was never run, so that nbval runs it and compares nothing."""
    return nbformat.v4.new_code_cell(cell.source)


def test_the_playground_holds_with_a_question_of_ones_own(tmp_path, monkeypatch):
    """Another field is compared, and the guess about it is scored; all of it in the student's own folder."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(NOTEBOOKS / "08_playground.ipynb", as_version=4)
    question = next(cell for cell in notebook.cells if cell.id == "question")
    for old, new in {'"pooling", ["max", "avg"]': '"dropout", [0.0, 0.4]', "..., ...": '"cannot tell", 0.5'}.items():
        assert old in question.source
        question.source = question.source.replace(old, new)
    notebook.cells.append(nbformat.v4.new_code_cell("print(sorted(networks), len(show_guesses().predictions))"))
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    assert notebook.cells[-1].outputs[0].text == "['dropout 0.0', 'dropout 0.4'] 1\n"
    (score,) = [cell for cell in notebook.cells if cell.id == "score"]
    assert "Your guess: cannot tell (50 % sure)." in score.outputs[-1].data["text/plain"]
