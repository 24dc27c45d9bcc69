"""The set-up cell and the panels on what Colab has; `python start.py test-colab` copies this file beside a wheel.

The notebooks come after it, and find cnnlab installed by their own set-up cell.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def packages() -> dict[str, str]:
    """Return name → version of everything that is installed."""
    importlib.invalidate_caches()
    return {package.name: package.version for package in importlib.metadata.distributions()}


def run_set_up_cell() -> subprocess.CompletedProcess:
    """Run the set-up cell of the first notebook in an IPython of its own, in the folder of the wheel."""
    (first, *_) = sorted(HERE.glob("*.ipynb"))
    cells = json.loads(first.read_text(encoding="utf-8"))["cells"]
    (source,) = ("".join(cell["source"]) for cell in cells if cell["id"] == "setup")
    calls = "\nfrom google.colab import output\nprint('widget managers:', output.calls)\n"
    (HERE / "setup.ipy").write_text(source + calls, encoding="utf-8")
    command = [sys.executable, "-m", "IPython", "--colors=NoColor", "setup.ipy"]
    return subprocess.run(command, cwd=HERE, capture_output=True, text=True)


@pytest.fixture(scope="module")
def set_up():
    """What the set-up cell said, and the packages before and after."""
    before = packages()
    answer = run_set_up_cell()
    return answer, before, packages()


def test_the_set_up_cell_installs_cnnlab_and_touches_nothing_else(set_up):
    answer, before, after = set_up
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "widget managers: 1" in answer.stdout
    assert "cnnlab" not in before
    assert after.pop("cnnlab")
    assert after == before


@pytest.mark.usefixtures("set_up")
def test_run_again_it_does_nothing():
    before = packages()
    answer = run_set_up_cell()
    assert answer.returncode == 0
    assert "pip" not in answer.stdout.replace("ipykernel", "") + answer.stderr
    assert packages() == before


def test_everything_that_cnnlab_needs_is_there(set_up):
    from packaging.requirements import Requirement

    after = {name.lower().replace("_", "-"): version for name, version in set_up[2].items()}
    for wanted in map(Requirement, importlib.metadata.requires("cnnlab")):
        if not wanted.marker:
            assert after[wanted.name] in wanted.specifier, wanted


@pytest.mark.usefixtures("set_up")
def test_it_is_the_wheel_with_its_data_on_colabs_widgets():
    import ipywidgets

    import cnnlab

    assert ipywidgets.__version__ == "7.7.1"
    assert Path(cnnlab.__file__).is_relative_to(sys.prefix)
    assert len(cnnlab.load_data("mnist", train=100, validation=50, test=50).train) == 100
    assert len(cnnlab.load_runs(cnnlab.bank("experiment_b"))) == 60


@pytest.mark.usefixtures("set_up")
def test_every_panel_is_built_and_follows_its_sliders():
    import ipywidgets

    import cnnlab.widgets

    assert {"ConvolutionExplorer", "PoolingExplorer"} <= set(cnnlab.widgets.__all__)
    for name in cnnlab.widgets.__all__:
        kind = getattr(cnnlab.widgets, name)
        if any(parameter.default is parameter.empty for parameter in inspect.signature(kind).parameters.values()):
            continue  # a panel over something of the student's own; its notebook builds it
        panel = kind()
        assert panel.children, name
        sliders = [
            control
            for control in vars(panel).values()
            if isinstance(control, ipywidgets.IntSlider | ipywidgets.FloatSlider)
        ]
        for slider in sliders:
            slider.value = slider.max if slider.value == slider.min else slider.min
            assert panel.status.error is None, (name, slider.description, panel.status.value)
        panel.close()


TRAINING = """
import cnnlab.progress_line
from cnnlab import build_cnn, fit, load_data

cnnlab.progress_line.PAUSE = 1e-9  # draw after every batch
data = load_data("mnist", train=64, validation=64)
histories = [fit(build_cnn(channels=(2,)), data, epochs=3) for _ in range(2)]
"""


@pytest.mark.usefixtures("set_up")
def test_progress_is_shown_in_place_and_leaves_its_lines():
    import nbformat
    from nbclient import NotebookClient

    texts = []

    class Recording(NotebookClient):
        def process_message(self, message, *place):
            if message["msg_type"] in ("display_data", "update_display_data"):
                texts.append(message["content"]["data"]["text/plain"])
            return super().process_message(message, *place)

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(TRAINING)])
    Recording(notebook, kernel_name="python3").execute()
    display, *lines = notebook.cells[0].outputs
    assert display.data == {"text/plain": "", "text/html": ""}
    assert "".join(line.text for line in lines) == "trained 3 epochs\n" * 2
    assert texts[0] == texts[-1] == ""
    assert [text for text in texts if text.startswith("epoch 2 of 3: validation accuracy 0.")]
