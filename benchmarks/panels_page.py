"""Open a notebook in a real JupyterLab in a real Chromium, and measure what happens in its page, for panels.py."""

from __future__ import annotations

import ast
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from playwright.sync_api import Locator, Page

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests" / "helpers"))

import browser  # noqa: E402

PROBE = Path(__file__).with_name("panels_probe.js").read_text(encoding="utf-8")
CELLS = 3
NO_PICTURE_IN = 3000  # ms; a press whose picture has not changed by then changed nothing
QUIET = 600  # ms without any change: the panel is there

ASK = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const request = { code: "", user_expressions: { answer: code }, store_history: false };
  const { answer } = (await kernel.requestExecute(request).done).content.user_expressions;
  if (answer.status !== "ok") throw new Error(`${answer.ename}: ${answer.evalue}`);
  return answer.data["text/plain"];
}"""
DO = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const { content } = await kernel.requestExecute({ code, store_history: false }).done;
  if (content.status !== "ok") throw new Error(`${content.ename}: ${content.evalue}`);
}"""
CHOOSE_CELL = """([cell, code]) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = cell;
  notebook.deselectAll();
  if (code !== null) notebook.widgets[cell].model.sharedModel.setSource(code);
}"""
RESTART = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
RUN_CELL = "() => window.jupyterapp.commands.execute('notebook:run-cell')"


class Notebook:
    """An open notebook of three cells, which JupyterLab itself runs; their code can be replaced."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.evaluate(PROBE)

    def cell(self, place: int = 0) -> Locator:
        return self.page.locator(".jp-CodeCell").nth(place)

    def output(self, place: int = 0) -> Locator:
        return self.cell(place).locator(".jp-Cell-outputArea").first

    def show(self, code: str, place: int = 0) -> float:
        """Put the code in a cell and run it; return milliseconds until the last of its output is on the screen."""
        self.page.evaluate(CHOOSE_CELL, [place, code])
        taken = self.cell(place).evaluate(f"cell => probe.appear(cell, {QUIET})")
        error = self.page.evaluate(browser.FIRST_ERROR)
        if error is not None:
            raise RuntimeError(error)
        return taken

    def answer(self, code: str, pattern: str, place: int) -> float | None:
        """Put the code in a cell and run it; return milliseconds until its output matches the pattern."""
        self.page.evaluate(CHOOSE_CELL, [place, code])
        return self.cell(place).evaluate(f"cell => probe.until(cell, {json.dumps(pattern)}, {RUN_CELL})")

    def ask(self, expression: str) -> object:
        """Return the value of a Python expression in the kernel, a literal; no cell shows it."""
        return ast.literal_eval(self.page.evaluate(ASK, expression))

    def do(self, code: str) -> None:
        """Run Python in the kernel; no cell shows it."""
        self.page.evaluate(DO, code)

    def restart(self) -> None:
        self.page.evaluate(RESTART)
        self.page.wait_for_function(browser.IS_READY, timeout=60_000)

    def slider(self, name: str, place: int = 0) -> Locator:
        return self.cell(place).locator(".widget-slider", has_text=name).first.locator(".noUi-handle")

    def watch(self, pictures: list[Locator]) -> None:
        """Count new pictures in these elements from now on."""
        self.page.evaluate("elements => probe.watch(elements)", [picture.element_handle() for picture in pictures])

    def press(self, keys: list[str], pause: int = 90) -> list[float | None]:
        """Press the keys, each when the page has answered the last; return the milliseconds until new pixels."""
        answers = []
        for key in keys:
            self.page.evaluate("() => probe.arm()")
            self.page.keyboard.press(key)
            answers.append(self.page.evaluate(f"() => probe.latency({NO_PICTURE_IN})"))
            self.page.wait_for_timeout(pause)
        return answers

    def sample(self, keys: list[str], pause: int = 45, place: int = 0) -> dict:
        """Press the keys at a fixed pace, and look at every animation frame: heights, blank frames, frames."""
        self.output(place).evaluate("area => probe.sample(area)")
        for key in keys:
            self.page.keyboard.press(key)
            self.page.wait_for_timeout(pause)
        self.page.wait_for_timeout(300)
        return self.page.evaluate("() => probe.stop()")

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int) -> dict:
        """Drag as fast as the page takes it, and keep the button down; return what was drawn after the last move."""
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        self.page.wait_for_timeout(300)
        self.page.evaluate("() => probe.forget()")
        mouse.move(*end, steps=steps)
        self.page.wait_for_timeout(1200)
        result = self.page.evaluate("() => probe.afterDrag()")
        mouse.up()
        return result

    def click(self, button: str, element: Locator, pattern: str) -> float | None:
        """Click with the mouse; return milliseconds until the element's text matches the pattern."""
        element.evaluate(f"element => {{ probe.pending = probe.until(element, {json.dumps(pattern)}); }}")
        self.page.locator("button.jupyter-button", has_text=button).first.click()
        return self.page.evaluate("() => probe.pending")


@contextlib.contextmanager
def open_lab() -> Iterator[Notebook]:
    """Yield a notebook in a JupyterLab and a browser of its own; both end with the block."""
    if browser.find_chromium() is None:
        raise SystemExit(browser.HOW_TO_GET_ONE)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as settings:
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        cells = [nbformat.v4.new_code_cell() for _ in range(CELLS)]
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(notebook, Path(folder) / "panels.ipynb")
        with browser.open_page() as page, browser.jupyterlab(Path(folder), Path(settings)) as address:
            browser.open_notebook(page, address, "panels.ipynb")
            yield Notebook(page)
