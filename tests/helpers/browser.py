"""A real browser for the tests: find Chromium, start a JupyterLab of their own, open a notebook, run its cells.

The browser tests of one process share a `Lab`: one JupyterLab, one page and one kernel. Each file has a notebook in it.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib
import nbformat
import numpy as np
import pytest
from places import PATIENCE, REPOSITORY
from playwright.sync_api import Locator, Page, expect, sync_playwright

expect.set_options(timeout=1000 * PATIENCE)
TOKEN = "only-for-tests"  # the server lives on 127.0.0.1 for a few seconds
COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
USUAL_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
HOW_TO_GET_ONE = (
    "no Chromium was found, so the browser tests do not run: `sudo apt install chromium` (Debian, Ubuntu), "
    "`brew install --cask chromium` (macOS) or `winget install Google.Chrome` (Windows) gets one; "
    "for one in another place set CNNLAB_CHROMIUM to its path"
)
# What JupyterLab itself asks for and does without; said in the browser's console, and no fault of a notebook.
HARMLESS = ("favicon",)

IS_READY = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  const kernel = panel?.sessionContext?.session?.kernel;
  return !document.querySelector('#jupyterlab-splash') && !!document.querySelector('.jp-Notebook .jp-Cell')
    && panel.sessionContext.isReady && kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
# Opens a notebook in place of the one that is open; `close` would ask whether to save that one.
SWITCH = """async ([path, id]) => {
  const { commands, shell } = window.jupyterapp;
  const before = [...shell.widgets("main")];
  const panel = await commands.execute("docmanager:open", { path, kernel: id ? { id } : { name: "python3" } });
  before.forEach(widget => widget.dispose());
  shell.activateById(panel.id);
}"""
CLOSE_ALL_BUT = """path => {
  const { shell } = window.jupyterapp;
  [...shell.widgets("main")].filter(widget => widget.context?.path !== path).forEach(widget => widget.dispose());
}"""
IS_SWITCHED = f"path => window.jupyterapp.shell.currentWidget?.context?.path === path && ({IS_READY})()"
EXECUTE = """async code => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const { content } = await kernel.requestExecute({ code, store_history: false }).done;
  if (content.status !== "ok") throw new Error(`${content.ename}: ${content.evalue}`);
}"""
IS_TRUE = """async condition => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const { content } = await kernel.requestExecute({ code: `assert ${condition}`, store_history: false }).done;
  return content.status === "ok";
}"""
# All of cnnlab is imported anew: nothing that a test has changed in a module, and no guess and no widget, is left.
AS_NEW = """
import ipywidgets, sys
ipywidgets.Widget.close_all()
for name in [name for name in sys.modules if name.split(".")[0] == "cnnlab"]:
    del sys.modules[name]
get_ipython().reset()
"""
# As one text: an array of so many numbers takes Playwright seconds.
READ_PIXELS = """canvas => {
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const characters = [];
  for (let at = 0; at < data.length; at += 8192) characters.push(String.fromCharCode(...data.subarray(at, at + 8192)));
  return [height, width, btoa(characters.join(""))];
}"""
RESOLVE_WHEN_STILL = """element => new Promise(resolve => {
  let before, frames = 0;
  const look = () => {
    const { x, y, width, height } = element.getBoundingClientRect();
    const now = [x, y, width, height].join();
    frames = now === before ? frames + 1 : 0;
    before = now;
    frames < 10 ? requestAnimationFrame(look) : resolve();
  };
  look();
})"""
FIRST_ERROR = """() => document.querySelector(
  '.jp-Notebook .jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"]')?.textContent"""
# Asked of the model: a cell whose code is folded away has no prompt.
ALL_HAVE_RUN = """() => window.jupyterapp.shell.currentWidget.content.widgets.every(({ model }) =>
  model.type !== 'code' || (model.executionCount !== null && model.executionState !== 'running'))"""


def find_chromium() -> str | None:
    """Return the path of a Chromium: `$CNNLAB_CHROMIUM`, else the first on the PATH or in the usual places."""
    named = os.environ.get("CNNLAB_CHROMIUM")
    if named and not Path(named).exists():
        raise FileNotFoundError(f"CNNLAB_CHROMIUM says {named}, and there is no such file")
    if named:
        return named
    commands = filter(None, map(shutil.which, COMMANDS))
    return next(commands, None) or next((place for place in USUAL_PLACES if Path(place).exists()), None)


def chromium_or_skip() -> str:
    """Return a Chromium's path; where there is none, skip the test, or fail it under CI (`$CI` is set)."""
    chromium = find_chromium()
    if chromium is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(HOW_TO_GET_ONE)
    return chromium


def use_dejavu(page: Page, within: str) -> None:
    """Write the text within these elements in matplotlib's own DejaVu fonts: it has the same size on every computer.

    They are wide: what has room in them has room in most fonts.
    """
    style = ""
    for name in ("Sans", "Sans-Bold", "SansMono", "SansMono-Bold"):
        file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"DejaVu{name}.ttf"
        content = base64.b64encode(file.read_bytes()).decode()
        family, _, weight = name.replace("SansMono", "Mono").partition("-")
        style += f"@font-face {{ font-family: 'Course {family}'; font-weight: {weight or 'normal'}; "
        style += f"src: url(data:font/ttf;base64,{content}); }}\n"
    style += f"{within} * {{ font-family: 'Course Sans' !important; }}\n"
    style += f"{within} :is(pre, code, pre *, code *) {{ font-family: 'Course Mono' !important; }}"
    page.add_style_tag(content=style)
    page.evaluate("() => Promise.all([...document.fonts].map(face => face.load()))")


@contextlib.contextmanager
def open_page(*, width: int = 1280, height: int = 900, zoom: int = 1) -> Iterator[Page]:
    """Yield an empty page of a fresh browser; `page.faults` lists what its console said was wrong.

    width and height: in CSS pixels. zoom: how many pixels of the screen each of them is wide.
    """
    chromium = chromium_or_skip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        try:
            page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=zoom)
            _listen(page)
            yield page
        finally:
            browser.close()


def _listen(page: Page) -> None:
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda message: _note(page, message))


def _note(page: Page, message) -> None:
    text = f"{message.text} ({message.location.get('url', '')})"
    if message.type == "error" and not any(word in text for word in HARMLESS):
        page.faults.append(text)


@contextlib.contextmanager
def jupyterlab(folder: Path, settings: Path) -> Iterator[str]:
    """Yield the address of a JupyterLab that serves folder, with all its own files below settings.

    The server and its kernels end with the block.
    """
    environment = os.environ | {
        name: str(settings / name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    environment["CNNLAB_COURSE"] = str(settings / "my_course")
    command = [sys.executable, "-m", "jupyter", "lab", "--ServerApp.port_retries=0"]
    command += ["--ip=127.0.0.1", "--no-browser", "--allow-root", f"--ServerApp.root_dir={folder}"]
    command += [f"--IdentityProvider.token={TOKEN}", "--expose-app-in-browser"]
    command += ["--LabApp.news_url=None", "--LabApp.extension_manager=readonly"]
    command += ["--ServerApp.kernel_websocket_connection_class=cnnlab.cli.jupyter.PromptConnection"]  # as start.py does
    command += ["--HTMLExporter.preprocessors=cnnlab.cli.export.AltText"]  # as start.py does
    command += [f"--LabApp.extra_labextensions_path={REPOSITORY / 'cnnlab/cli/labextensions'}"]  # as start.py does
    _ask_for_no_news(settings)
    with open(settings / "jupyterlab.log", "w") as log:
        for _ in range(3):  # another program may take the port between the two lines
            port = _free_port()
            server = subprocess.Popen([*command, f"--port={port}"], stdout=log, stderr=log, env=environment, cwd=folder)
            address = f"http://127.0.0.1:{port}"
            try:
                if not _answers(address, server):
                    continue
                yield address
                return
            finally:
                _end(address, server)
    raise RuntimeError(f"JupyterLab did not start:\n{Path(log.name).read_text()}")


def _ask_for_no_news(settings: Path) -> None:
    """Answer beforehand what a fresh JupyterLab asks in a box that would cover the notebook."""
    folder = settings / "jupyter_config_dir/lab/user-settings/@jupyterlab/apputils-extension"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _ask(address: str, path: str, method: str = "GET") -> dict:
    headers = {"Authorization": f"token {TOKEN}"}
    request = urllib.request.Request(f"{address}{path}", method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.loads(answer.read() or "{}")


def _answers(address: str, server: subprocess.Popen) -> bool:
    """Wait until the server answers; return False if it ends before, or does not answer for long."""
    end = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError):
            _ask(address, "/api/status")
            return True
        time.sleep(0.1)
    return False


def _end(address: str, server: subprocess.Popen) -> None:
    with contextlib.suppress(OSError):
        _ask(address, "/api/shutdown", "POST")  # ends the kernels too
    try:
        server.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def open_notebook(page: Page, address: str, name: str, *, token: str = TOKEN) -> None:
    """Open the notebook, a path below the served folder, and wait until its kernel is idle."""
    page.goto(f"{address}/lab/tree/{urllib.parse.quote(name)}?token={token}&reset")
    page.wait_for_function(IS_READY, timeout=1000 * PATIENCE)


def run_all_cells(page: Page, timeout: float = 120) -> None:
    """Run every cell, and wait until the last one has ended; a cell that raises fails the test with its traceback."""
    page.evaluate("""async () => {
      await window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs');
      window.jupyterapp.commands.execute('notebook:run-all-cells');
    }""")
    _wait_until_run(page, timeout)


def run_cell(page: Page, place: int, timeout: float = PATIENCE) -> None:
    """Run one cell, and wait until it has ended, as `run_all_cells` does."""
    page.evaluate(
        """async place => {
      const notebook = window.jupyterapp.shell.currentWidget.content;
      notebook.deselectAll();
      notebook.activeCellIndex = place;
      await window.jupyterapp.commands.execute('notebook:clear-cell-output');
      window.jupyterapp.commands.execute('notebook:run-cell');
    }""",
        place,
    )
    _wait_until_run(page, timeout)


def _wait_until_run(page: Page, timeout: float) -> None:
    page.wait_for_function(f"() => ({ALL_HAVE_RUN})() || ({FIRST_ERROR})()", timeout=timeout * 1000)
    error = page.evaluate(FIRST_ERROR)
    assert error is None, error


@dataclasses.dataclass(frozen=True)
class Lab:
    """One JupyterLab, one Chromium with one page, and one kernel, for all browser tests of one process.

    folder: what JupyterLab serves, and where the kernel works. address: JupyterLab's. devtools: Chromium's, to which
    Playwright connects for each file anew. kernel: the id of the kernel, which has torch imported once.
    """

    folder: Path
    address: str
    devtools: str
    kernel: str

    @contextlib.contextmanager
    def page(self, *, width: int = 1280, height: int = 900) -> Iterator[Page]:
        """Yield the page; `page.faults` lists what its console says is wrong. width and height: in CSS pixels."""
        with sync_playwright() as playwright:
            context = playwright.chromium.connect_over_cdp(self.devtools).contexts[0]
            [page] = context.pages
            _listen(page)
            page.set_viewport_size({"width": width, "height": height})
            page.evaluate("1")  # by now Chromium has repeated what earlier files heard
            page.faults.clear()
            page.set_default_timeout(1000 * PATIENCE)
            yield page

    @contextlib.contextmanager
    def running(self, cells: Sequence[str], **size: int) -> Iterator[Page]:
        """Yield the page with a new notebook of these cells, all run. After it the kernel is as good as new.

        >>> with lab.running(["from cnnlab import DrawDigit", "DrawDigit()"], height=2400) as page:
        ...     page.get_by_role("slider").first.focus()
        """
        name = f"panel {len(list(self.folder.glob('*.ipynb')))}.ipynb"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        nbformat.write(notebook, self.folder / name)
        with self.page(**size) as page:
            switch_notebook(page, name, self.kernel)
            run_all_cells(page)
            assert page.faults == [], page.faults
            try:
                yield page
            finally:
                execute(page, AS_NEW)


@contextlib.contextmanager
def shared_lab(folder: Path, settings: Path) -> Iterator[Lab]:
    """Yield a `Lab` that serves folder; all of it ends with the block."""
    with jupyterlab(folder, settings) as address, _shared_chromium() as devtools:
        with sync_playwright() as playwright:
            page = playwright.chromium.connect_over_cdp(devtools).contexts[0].new_page()
            page.goto(f"{address}/lab?token={TOKEN}&reset")
            page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=120_000)
        kernel = _ask(address, "/api/kernels", "POST")["id"]
        yield Lab(folder, address, devtools, kernel)


@contextlib.contextmanager
def _shared_chromium() -> Iterator[str]:
    """Yield the DevTools address of a Chromium.

    Playwright starts it in a thread of its own: it leaves an asyncio loop in its thread, and in the main one the tests
    that are no browser tests could not have theirs.
    """
    chromium, port = chromium_or_skip(), _free_port()
    with ThreadPoolExecutor(1) as thread:
        playwright = thread.submit(sync_playwright().start).result()
        options = {"executable_path": chromium, "args": [f"--remote-debugging-port={port}"]}
        browser = thread.submit(playwright.chromium.launch, **options).result()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            thread.submit(browser.close).result()
            thread.submit(playwright.stop).result()


def switch_notebook(page: Page, name: str, kernel: str | None = None) -> None:
    """Open the notebook in place of the one that is open, in the kernel with this id, or else in a new one."""
    page.evaluate(SWITCH, [name, kernel])
    page.wait_for_function(IS_SWITCHED, arg=name, timeout=120_000)


def close_all_but(page: Page, name: str) -> None:
    """Close what is open beside the notebook with this path, such as a page that a link in it has opened."""
    page.evaluate(CLOSE_ALL_BUT, name)
    page.wait_for_function(IS_SWITCHED, arg=name)


@contextlib.contextmanager
def new_kernel(page: Page, name: str) -> Iterator[None]:
    """Open the notebook in a kernel of its own, which ends with the block."""
    switch_notebook(page, name)
    yield
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")


def execute(page: Page, code: str) -> None:
    """Run Python in the kernel of the open notebook; no cell shows it."""
    page.evaluate(EXECUTE, code)


def wait_in_kernel(page: Page, condition: str) -> None:
    """Wait until a condition in Python is true in the kernel: the page sends a slider's last value with a delay."""
    page.wait_for_function(IS_TRUE, arg=condition, timeout=1000 * PATIENCE)


@contextlib.contextmanager
def anew(page: Page, cell: int | None = None) -> Iterator[Page]:
    """Run all cells again for one test, or only this one; what the page's console calls an error fails the test.

    After it the page has its size, its light theme and its list of files again, and the pointer is nowhere on a panel.
    """
    size = page.viewport_size
    page.faults.clear()
    run_all_cells(page, timeout=PATIENCE) if cell is None else run_cell(page, cell)
    try:
        yield page
    finally:
        page.mouse.move(0, 0)
        page.set_viewport_size(size)
        use_theme(page, "JupyterLab Light")
    assert page.faults == [], page.faults


def read_pixels(picture: Locator) -> np.ndarray:
    """Return the RGBA pixels, uint8 (H, W, 4), of a canvas, or of the first canvas in this element."""
    canvas = picture if picture.evaluate("element => element.tagName") == "CANVAS" else picture.locator("canvas").first
    height, width, data = canvas.evaluate(READ_PIXELS)
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)


def wait_for(page: Page, is_so: Callable[[], bool]) -> None:
    """Wait until it is so: what Playwright's `expect` has no words for."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it never came to that"
        page.wait_for_timeout(20)


def wait_until_still(part: Locator) -> None:
    """Wait until the part stays where it is, ten frames long: in another theme or size the page is laid out anew."""
    part.evaluate(RESOLVE_WHEN_STILL)


def use_theme(page: Page, name: str) -> None:
    """Switch JupyterLab to the theme "JupyterLab Light" or "JupyterLab Dark"."""
    page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })", name)
    page.wait_for_selector(f'body[data-jp-theme-name="{name}"]', state="attached")
