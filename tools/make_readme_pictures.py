"""Make the pictures of README.md: an estimation plot from the results bank, and panels in a JupyterLab.

Needs a Chromium, as the browser tests do: `python tools/make_readme_pictures.py`.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
from PIL import Image

mpl.use("agg")

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

import browser  # noqa: E402

from cnnlab import bank, compare, load_runs, plot_comparison  # noqa: E402
from cnnlab.experiments import presets  # noqa: E402
from cnnlab.experiments.kernel_sizes import kernel_experiments  # noqa: E402

COLOURS = 200  # of a picture, so that it is small
DARK = """
from cnnlab import RunExplorer, bank, load_runs
panel = RunExplorer(load_runs(bank("experiment_b")).filter(epochs=50, seed=0))
panel
"""


def save(picture: Image.Image, name: str, width: int) -> None:
    """Save a picture in docs/, this many pixels wide, with few colours."""
    height = round(picture.height * width / picture.width)
    small = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    small.quantize(COLOURS, dither=Image.Dither.NONE).save(ROOT / "docs" / name, optimize=True)


def draw_estimation_plot() -> None:
    """Draw kernel sizes on coarse patterns, with numbers for both halves of the plot."""
    wanted = {experiment.key for experiment in kernel_experiments(presets.COARSE_PATTERNS, seeds=range(5))}
    runs = [run for run in load_runs(bank("kernel_size")) if run.experiment.key in wanted]
    page = io.BytesIO()
    plot_comparison(compare(runs, by="kernel_size")).figure.savefig(page, dpi=150)
    save(Image.open(page), "estimation.png", 860)


def photograph_dark_panel() -> None:
    """Photograph a panel in JupyterLab's dark theme."""
    with tempfile.TemporaryDirectory() as root:
        folder, settings = Path(root) / "served", Path(root) / "settings"
        folder.mkdir()
        settings.mkdir()
        with browser.shared_lab(folder, settings) as lab, lab.running([DARK], height=1300) as page:
            browser.use_theme(page, "JupyterLab Dark")
            panel = page.locator(".jp-OutputArea-output").first
            panel.evaluate(browser.RESOLVE_WHEN_STILL)
            picture = panel.screenshot()
        save(Image.open(io.BytesIO(picture)), "dark.png", 760)


if __name__ == "__main__":
    draw_estimation_plot()
    photograph_dark_panel()
