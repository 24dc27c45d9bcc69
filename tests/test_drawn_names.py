"""Names in every plot, panel and lab report: what matplotlib draws, and what a page reads as HTML.

A name is drawn letter for letter: no part of it is a formula, and a letter that no font has is its code. In a page it
is text: no part of it is a tag or a formula.
"""

import matplotlib as mpl

mpl.use("agg")

import inspect
import os

import ipywidgets
import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import SubFigure
from PIL import Image
from plots_of_names import OF_CLASSES, OF_NUMBERS, OF_RUNS
from tiny_sweeps import quiet

from cnnlab import (
    DrawDigit,
    Experiment,
    KernelExperiment,
    PredictThenRun,
    RunExplorer,
    TrainingPanel,
    build_cnn,
    compare,
)
from cnnlab.course.lab_report.report import lab_report
from cnnlab.data.dataset import Split
from cnnlab.data.loading import load_images
from cnnlab.experiments.sweep import grid
from cnnlab.plots import fonts
from cnnlab.widgets.base import _parts
from cnnlab.widgets.panel_picture import png_of
from cnnlab.widgets.web.status_line import StatusLine
from cnnlab.widgets.web.words import Words

HIEROGLYPH, CODE = "\U00013000", r"\U00013000"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="such names of folders")


def hard(number):
    """Return a name with a formula, a letter that no font has and a tag; shortened, it has its beginning."""
    return f"$x_1$ {number} {HIEROGLYPH}<u class=hard>"


@pytest.fixture(autouse=True)
def _a_letter_that_no_font_has(monkeypatch):
    monkeypatch.setitem(fonts._known, HIEROGLYPH, None)
    monkeypatch.setattr(fonts, "_warned", {HIEROGLYPH})


@pytest.fixture
def drawn(monkeypatch):
    """The texts that matplotlib draws, each with whether it takes it for a formula."""
    texts, draw_text = [], RendererAgg.draw_text

    def draw(self, *arguments, **options):
        called = inspect.signature(draw_text).bind(self, *arguments, **options).arguments
        texts.append((called["s"], bool(called.get("ismath"))))
        return draw_text(self, *arguments, **options)

    monkeypatch.setattr(RendererAgg, "draw_text", draw)
    return texts


def wrong(drawn):
    """Return the drawn texts that show a name otherwise than `label_text` does."""
    return [text for text, is_formula in drawn if HIEROGLYPH in text or (is_formula and "x_1" in text)]


def is_named(drawn):
    return any(CODE in text or "x_1" in text for text, _ in drawn)


def test_the_measure_finds_a_name_that_is_drawn_in_another_way(drawn):
    figure = plt.figure()
    figure.text(0, 0, hard(1).replace(HIEROGLYPH, CODE))
    figure.text(0, 0.5, CODE, parse_math=False)
    figure.canvas.draw()
    assert wrong(drawn) == [hard(1).replace(HIEROGLYPH, CODE)]
    assert is_named(drawn)
    drawn.clear()
    figure.text(0, 0.2, HIEROGLYPH)
    with pytest.warns(UserWarning, match="Glyph 77824"):
        figure.canvas.draw()
    assert HIEROGLYPH in wrong(drawn)


PLOTS = {f"{name} of classes": (plot, 3) for name, plot in OF_CLASSES.items()}
PLOTS |= {f"{name} of runs": (plot, 2) for name, plot in OF_RUNS.items()}
PLOTS |= {f"{name} of a number": (lambda names, plot=plot: plot(names[0]), 1) for name, plot in OF_NUMBERS.items()}


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_draws_names_letter_for_letter(name, drawn):
    plot, count = PLOTS[name]
    figure = plot([hard(number) for number in range(count)]).figure
    (figure.figure if isinstance(figure, SubFigure) else figure).canvas.draw()
    assert wrong(drawn) == []
    assert is_named(drawn)


# --- Panels and lab reports


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders with hard names, each with two classes with hard names."""
    random, made = np.random.default_rng(0), []
    for place in range(2):
        folder = tmp_path_factory.mktemp("pictures") / hard(f"folder {place}")
        for label in range(2):
            (folder / hard(f"class {label}")).mkdir(parents=True)
            for number in range(20):
                pixels = random.integers(0, 256, (12, 12)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / hard(f"class {label}") / f"{number}.png")
        made.append(folder)
    return made


@pytest.fixture(scope="module")
def runs(folders):
    fields = {"dataset": "images", "size": 12, "channels": (2,), "hidden": 8, "epochs": 2, "batch_size": 16}
    experiments = []
    for folder in folders:
        experiments += grid(Experiment(folder=str(folder), **fields), pooling=["max", "avg"], seed=range(2))
    return quiet(experiments, snapshots=(0, 2), insides=True)


def draw_digit(_runs):
    images = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    names = tuple(hard(number) for number in range(10))
    split = Split(images, torch.arange(20) % 10, names, torch.zeros(1, 1, 1), torch.ones(1, 1, 1))
    panel = DrawDigit({hard("net 1"): build_cnn(channels=(2,), hidden=4), hard("net 2"): build_cnn(5)}, split)
    panel.samples[3].click()
    return panel


def predict_then_run(runs):
    comparison = compare(runs, by="folder", along="fingerprint")
    panel = PredictThenRun(f"Which of {hard('folders')}?", comparison)
    panel.answer.value = panel.choices[0]
    panel.commit.click()
    return panel


def training_panel(runs):
    panel = TrainingPanel(runs[0].experiment.replace(fingerprint=None))
    for run in runs[::2]:
        panel._take(run)
    panel.views.choice.value = "Comparison"
    return panel


def training_panel_that_refuses(runs):
    panel = TrainingPanel(runs[0].experiment.replace(fingerprint=None))
    panel.folder.value = hard("nowhere")
    return panel


def run_explorer(runs):
    panel = RunExplorer(runs[:4])
    panel.epoch.value = 2
    return panel


PANELS = {
    "DrawDigit": draw_digit, "PredictThenRun": predict_then_run, "TrainingPanel": training_panel,
    "TrainingPanel that refuses": training_panel_that_refuses, "RunExplorer": run_explorer,
    "KernelExperiment": lambda runs: KernelExperiment(runs[0].experiment.replace(fingerprint=None)),
}  # fmt: skip


def faults_of(widget):
    """Return what is wrong with the words of a widget in the page, where a name is among them."""
    value, description = (str(getattr(widget, name, "")) for name in ("value", "description"))
    if isinstance(widget, (ipywidgets.HTML, StatusLine, Words)) and BeautifulSoup(value, "html.parser").select(".hard"):
        return [f"a tag in {value}"]
    # The front end looks for formulas in these, and in every description but a button's.
    if isinstance(widget, (ipywidgets.Label, ipywidgets.HTMLMath)) and "x_1" in value:
        return [f"a formula in {value}"]
    if not isinstance(widget, (ipywidgets.Button, ipywidgets.ToggleButton)) and "x_1" in description:
        return [f"a formula in {description}"]
    return []


@pytest.mark.parametrize("name", PANELS)
def test_every_panel_shows_names_letter_for_letter(name, runs, drawn):
    panel = PANELS[name](runs)
    png_of(panel.picture())
    assert wrong(drawn) == []
    assert is_named(drawn) or name == "KernelExperiment"  # which has names in no place
    parts = [
        part for own in (panel, *vars(panel).values()) if isinstance(own, ipywidgets.Widget) for part in _parts(own)
    ]
    assert [fault for part in parts for fault in faults_of(part)] == []
    panel.close()


def test_a_lab_report_shows_names_letter_for_letter(runs, drawn, tmp_path):
    words = {"loss": hard("It falls: "), "conclusion": hard("Yes: ")}
    report = lab_report(
        runs, tmp_path / "report.html", title=hard("Mine "), author=hard("Ada "), answers=words, progress=False
    )
    assert wrong(drawn) == []
    assert is_named(drawn)
    page = BeautifulSoup(report.path.read_text(encoding="utf-8"), "html.parser")
    assert page.select(".hard") == []
    for name in (hard("folder 1"), hard("Mine "), hard("Ada "), hard("It falls: ")):
        assert name in page.text


def test_what_a_notebook_shows_of_names_is_text(runs, folders, capsys):
    """The pages of all results whose names a person chose."""
    data = load_images(folders[0], size=12)
    assert hard("class 0") in capsys.readouterr().out
    assert hard("folder 0") in repr(data)
    shown = [
        runs.summary(),
        runs.to_frame(),
        compare(runs, by="folder", along="fingerprint"),
        runs[0].history.to_frame(),
    ]
    for result in shown:
        page = BeautifulSoup(result._repr_html_(), "html.parser")
        assert page.select(".hard") == []
        if "x_1" in page.text:
            for text in page.find_all(string=lambda text: "x_1" in text):
                assert any("mathjax_ignore" in (parent.get("class") or ()) for parent in text.parents)
