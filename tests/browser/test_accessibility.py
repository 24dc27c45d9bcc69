"""Test every panel in JupyterLab, an exported notebook and a lab report with axe-core for accessibility."""

from __future__ import annotations

from collections.abc import Iterable

import browser
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbconvert import HTMLExporter
from panel_cells import CELLS, QUESTION
from places import NOTEBOOKS
from playwright.sync_api import Page, expect

from cnnlab import bank, lab_report, load_runs
from cnnlab.experiments.exam import Exam
from cnnlab.model.evaluation import MeanScore

NOTEBOOK = NOTEBOOKS / "06_mnist_experiment.ipynb"  # prose, plots and a table
TITLE = "from IPython.display import Markdown\nMarkdown('## A section of a notebook')"
COMMITTED = f"""{QUESTION.replace("cnnlab.PredictThenRun", "panel = cnnlab.PredictThenRun")}
panel.answer.value = "max"
panel.commit.click()
panel
"""
NOT_TRAINED = """
panel = cnnlab.KernelExperiment()
panel.padding.value, panel.pooling.value = "valid", "avg"
panel
"""
DRAWN = """
panel = cnnlab.DrawDigit()
panel.samples[4].click()
panel
"""
ERROR = """
panel = cnnlab.ConvolutionExplorer()
panel.status.say_error(ValueError("kernel_size must be odd, got 4; try 3 or 5"))
panel
"""
PANELS = [*CELLS.values(), COMMITTED, NOT_TRAINED, DRAWN, ERROR]
# Exported pages have these from others, whoever wrote the notebook.
NOT_OURS = {
    ".jp-InputPrompt, .jp-OutputPrompt": "nbconvert: the numbers of the cells are too pale",
    ".highlight": "Pygments: some of its colours for code are too pale on nbconvert's grey",
    ".dataframe thead th:empty": "pandas: nothing stands above the index",
}
NOT_OUR_RULES = {"link-in-text-block": "nbconvert: its style has no line under the links in prose"}
ANSWERS = {
    "loss": "They part at epoch **9**, see [the book](https://example.org) and `fit`.\n\n# My heading\n\n- one\n- two",
    "gap": "| a | b |\n| --- | --- |\n| 1 | ~~2~~ |\n\n> quoted\n\n```\ncode\n```",
}
GREYS = ("JupyterLab Light", "JupyterLab Dark", "the classic notebook's")
FONTS = """() => {
  document.querySelectorAll(".jp-OutputArea-output").forEach(output => output.style.fontFamily = "serif");
  const texts = [...document.querySelectorAll(".cnnlab-panel :is(.widget-label, .widget-html-content, div, td)")];
  return [...new Set(texts.map(text => getComputedStyle(text).fontFamily))];
}"""


def findings(page: Page, include: str, *, exclude: Iterable[str] = (), rules_off: Iterable[str] = ()) -> list[str]:
    """Return what axe-core finds inside the elements that a selector includes, and not inside those of the excluded."""
    selectors = [selector for group in exclude for selector in group.split(", ")]
    context = {"include": [[include]], "exclude": [[selector] for selector in selectors]}
    options = {"rules": {rule: {"enabled": False} for rule in rules_off}}
    violations = Axe().run(page, context, options).response["violations"]
    nodes = [(rule["id"], node) for rule in violations for node in rule["nodes"]]
    return [f"{rule}: {node['html']}: {node['failureSummary']}" for rule, node in nodes]


@pytest.fixture(scope="module")
def lab(shared_lab):
    """Yield the page with all panels in one notebook, fresh and used, high enough to be drawn whole."""
    with shared_lab.running([TITLE, *PANELS], height=12_000) as page:
        expect(page.locator(".cnnlab-panel")).to_have_count(len(PANELS))
        browser.wait_until_still(page.locator(".cnnlab-panel").last)
        # JupyterLab's body is 0 pixels high and hides what sticks out: axe would take all of the page for hidden text.
        page.evaluate("() => document.body.style.height = '100vh'")
        yield page
        page.evaluate("() => document.body.style.height = ''")


@pytest.fixture
def page(lab):
    """Yield the page; afterwards remove what a test has added, and set the light theme again."""
    lab.faults.clear()
    yield lab
    lab.evaluate("() => document.querySelector('#planted')?.remove()")
    lab.evaluate("() => document.documentElement.style.removeProperty('--jp-ui-font-color2')")
    lab.evaluate("() => document.querySelectorAll('.jp-OutputArea-output').forEach(one => one.style.fontFamily = '')")
    browser.use_theme(lab, "JupyterLab Light")
    assert lab.faults == []


@pytest.mark.parametrize("greys", GREYS)
def test_axe_finds_nothing_in_any_panel(page, greys):
    if greys in GREYS[:2]:
        browser.use_theme(page, greys)
    else:  # as in the style sheet labvariables.css of @jupyter-widgets/controls
        page.evaluate("() => document.documentElement.style.setProperty('--jp-ui-font-color2', 'rgba(0, 0, 0, 0.5)')")
    assert findings(page, ".jp-OutputArea-output") == []


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("color-contrast", "<p style='color: #999; background: #fff'>pale</p>"),
        ("label", "<input>"),
        ("heading-order", "<h2>Title</h2><h5>a level too low</h5>"),
    ],
)
def test_a_planted_fault_is_found(page, rule, fault):
    plant = """html => {
      const planted = document.createElement("div");
      planted.id = "planted";
      planted.innerHTML = html;
      document.querySelector(".cnnlab-panel").before(planted);
    }"""
    page.evaluate(plant, fault)
    assert [finding.split(":")[0] for finding in findings(page, ".jp-OutputArea-output:has(#planted)")] == [rule]


def test_a_panel_has_its_font_in_a_page_that_gives_it_none(page):
    fonts = page.evaluate(FONTS)
    assert fonts
    assert "serif" not in fonts


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_an_exported_notebook(lab, tmp_path, theme):
    html, _ = HTMLExporter(theme=theme).from_filename(NOTEBOOK)
    (tmp_path / "exported.html").write_text(html, encoding="utf-8")
    page = lab.context.new_page()
    try:
        page.route("http*://**", lambda route: route.abort())  # what typesets formulas comes from the network
        page.goto((tmp_path / "exported.html").as_uri())
        expect(page.locator(".jp-Cell").first).to_be_visible()
        assert findings(page, "body", exclude=NOT_OURS, rules_off=NOT_OUR_RULES) == []
    finally:
        page.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Return a lab report with every kind of block: tables, pictures, answers, code, the exam."""
    runs = load_runs(bank("experiment_b")).filter(pooling="avg", epochs=[5, 50], seed=range(3))
    exam = Exam(MeanScore(0.25, 0.01, 0.95, 0.004, 2000), MeanScore(0.3, 0.02, 0.94, 0.005, 1000), is_stored=True)
    path = tmp_path_factory.mktemp("report") / "report.html"
    return lab_report(runs, path, title="Mine", author="Ada", answers=ANSWERS, exam=exam, progress=False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_axe_finds_nothing_in_a_lab_report(lab, report, scheme, width):
    page = lab.context.new_page()
    try:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(report.path.as_uri())
        assert page.locator("img").count() == report.pictures
        assert findings(page, "body") == []
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        page.close()
