"""benchmarks/panels.py without its browser: what a panel leaves behind is counted, and each row names its target."""

import importlib
import subprocess
import sys
import threading

import matplotlib.pyplot as plt
import pytest
from places import REPOSITORY


@pytest.fixture
def scripts(monkeypatch):
    """Return panels_kernel and panels, imported as when the benchmark runs."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    return importlib.import_module("panels_kernel"), importlib.import_module("panels")


class FakeNotebook:
    """Stands in for a kernel, and says how long its drawing took."""

    def ask(self, expression):
        assert expression == "spent"
        return [7.0, 9.0, 8.0]


def test_what_a_panel_leaves_behind_is_counted(scripts):
    panels_kernel, _ = scripts
    before = panels_kernel.left_over()
    panel = panels_kernel.cnnlab.ConvolutionExplorer()
    figure, going = plt.figure(), threading.Event()
    thread = threading.Thread(target=going.wait)
    thread.start()
    now = panels_kernel.left_over()
    assert (now["threads"], now["figures"]) == (before["threads"] + 1, before["figures"] + 1)
    assert now["widgets"] - before["widgets"] == now["comms"] - before["comms"] > 20
    going.set()
    thread.join()
    plt.close(figure)
    panel.close()
    del panel
    assert panels_kernel.left_over() == before


def test_every_panel_is_closed_and_each_has_its_key_presses(scripts):
    panels_kernel, panels = scripts
    assert list(panels_kernel.makers()) == panels.widgets.__all__
    listed = " ".join(case.name for case in panels.CASES)
    assert {name for name in panels.widgets.__all__ if name not in listed} == {"PredictThenRun", "TrainingPanel"}


def test_a_row_holds_the_figures_the_target_and_whether_it_is_reached(scripts):
    _, panels = scripts
    case = panels.Case("Panel", "", "image", list, limits=(25, 80), rival="slow")
    answers = [[10, 20], [20, 30], None, [12, 22]]
    row = panels.press_row(FakeNotebook(), case, answers, {"slow": 66.0})
    figure = (
        "22 / 29 ms; pixels after 12, the kernel works 8; `interact` 3.0 times as long; 1 of 4 presses changed nothing"
    )
    assert str(row) == f"| key press: Panel | {figure} | 25 / 80 ms | ok |"
    late = panels.press_row(FakeNotebook(), case, [[10, 20], [20, 99]], {})
    assert str(late).endswith("| **missed** |")
    assert panels.press_row(FakeNotebook(), case, [None], {}).ok is False


def test_the_script_finds_all_that_it_imports():
    script = REPOSITORY / "benchmarks" / "panels.py"
    finished = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "usage: panels.py" in finished.stdout
