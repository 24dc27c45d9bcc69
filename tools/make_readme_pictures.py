"""Make the pictures of README.md: an estimation plot from the results bank, and panels in a JupyterLab.

Needs a Chromium, as the browser tests do: `python tools/make_readme_pictures.py`.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
import nbformat
from PIL import Image

mpl.use("agg")

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

import browser  # noqa: E402

from cnnlab import bank, compare, load_runs, plot_comparison  # noqa: E402
from cnnlab.experiments import presets  # noqa: E402
from cnnlab.experiments.kernel_sizes import kernel_experiments  # noqa: E402

COLOURS = 200  # of a picture, so that it is small
RUNS = """
from cnnlab import RunExplorer, bank, load_runs
panel = RunExplorer(load_runs(bank("experiment_b")).filter(epochs=50, seed=0))
panel
"""
WORDS = """# What does a kernel see?

Move the kernel over the digit. Every output pixel is a sum of products: the patch under the kernel, times the kernel.
"""
KERNELS = """
from cnnlab import ConvolutionExplorer

ConvolutionExplorer()
"""


def save(picture: Image.Image, name: str, width: int, colours: int = COLOURS) -> None:
    """Save a picture in docs/, this many pixels wide, with few colours."""
    height = round(picture.height * width / picture.width)
    small = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    small.quantize(colours, Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE).save(
        ROOT / "docs" / name, optimize=True
    )


def draw_estimation_plot() -> None:
    """Draw kernel sizes on coarse patterns, with numbers for both halves of the plot."""
    wanted = {experiment.key for experiment in kernel_experiments(presets.COARSE_PATTERNS, seeds=range(5))}
    runs = [run for run in load_runs(bank("kernel_size")) if run.experiment.key in wanted]
    page = io.BytesIO()
    plot_comparison(compare(runs, by="kernel_size")).figure.savefig(page, dpi=150)
    save(Image.open(page), "estimation.png", 810)


def photograph_panel(lab: browser.Lab, cell: str, theme: str) -> Image.Image:
    """Return a photograph of the panel that a cell shows, in a theme of JupyterLab."""
    with lab.running([cell], height=1300) as page:
        browser.use_theme(page, theme)
        panel = page.locator(".jp-OutputArea-output").first
        panel.evaluate(browser.RESOLVE_WHEN_STILL)
        picture = panel.screenshot()
        browser.use_theme(page, "JupyterLab Light")
    return Image.open(io.BytesIO(picture))


def photograph_notebook(lab: browser.Lab) -> Image.Image:
    """Return a photograph of JupyterLab with a notebook in which ConvolutionExplorer stands."""
    cells = [nbformat.v4.new_markdown_cell(WORDS), nbformat.v4.new_code_cell(KERNELS.strip())]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), lab.folder / "kernels.ipynb")
    with lab.page(width=1280, height=1030) as page:
        browser.switch_notebook(page, "kernels.ipynb", lab.kernel)
        page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        browser.run_all_cells(page)
        page.locator(".cnnlab-panel").first.evaluate(browser.RESOLVE_WHEN_STILL)
        picture = page.screenshot()
        page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    return Image.open(io.BytesIO(picture))


def main() -> None:
    """Make all of them."""
    draw_estimation_plot()
    with tempfile.TemporaryDirectory() as root:
        folder, settings = Path(root) / "served", Path(root) / "settings"
        folder.mkdir()
        settings.mkdir()
        with browser.shared_lab(folder, settings) as lab:
            save(photograph_panel(lab, RUNS, "JupyterLab Dark"), "dark.png", 760, 144)
            save(photograph_notebook(lab), "explorer.png", 1280, 128)


if __name__ == "__main__":
    main()
