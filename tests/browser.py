"""A real browser for the tests: find Chromium, start a JupyterLab of their own, open a notebook, run its cells."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, sync_playwright

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
FIRST_ERROR = """() => document.querySelector(
  '.jp-Notebook .jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"]')?.textContent"""
# Asked of the model: a cell whose code is folded away has no prompt.
ALL_HAVE_RUN = """() => window.jupyterapp.shell.currentWidget.content.widgets.every(({ model }) =>
  model.type !== 'code' || (model.executionCount !== null && model.executionState !== 'running'))"""


def find_chromium() -> str | None:
    """Return the path of a Chromium: `$CNNLAB_CHROMIUM`, else one on the PATH, else one in the usual places."""
    named = os.environ.get("CNNLAB_CHROMIUM")
    if named and not Path(named).exists():
        raise FileNotFoundError(f"CNNLAB_CHROMIUM says {named}, and there is no such file")
    if named:
        return named
    found = filter(None, map(shutil.which, COMMANDS))
    return next(found, None) or next((place for place in USUAL_PLACES if Path(place).exists()), None)


def chromium_or_skip() -> str:
    """Return a Chromium's path; where there is none, skip the test, or fail it under CI (`$CI` is set)."""
    chromium = find_chromium()
    if chromium is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(HOW_TO_GET_ONE)
    return chromium


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
            page.faults = []
            page.on("pageerror", lambda error: page.faults.append(str(error)))
            page.on("console", lambda message: _note(page, message))
            yield page
        finally:
            browser.close()


def _note(page: Page, message) -> None:
    text = f"{message.text} ({message.location.get('url', '')})"
    if message.type == "error" and not any(word in text for word in HARMLESS):
        page.faults.append(text)


@contextlib.contextmanager
def jupyterlab(folder: Path, settings: Path) -> Iterator[str]:
    """Yield the address of a JupyterLab that serves folder, with all its own files below settings.

    The server and its kernels end with the block.
    """
    port = _free_port()
    environment = os.environ | {
        name: str(settings / name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    command = [sys.executable, "-m", "jupyter", "lab", f"--port={port}", "--ServerApp.port_retries=0"]
    command += ["--ip=127.0.0.1", "--no-browser", "--allow-root", f"--ServerApp.root_dir={folder}"]
    command += [f"--IdentityProvider.token={TOKEN}", "--expose-app-in-browser"]
    command += ["--LabApp.news_url=None", "--LabApp.extension_manager=readonly"]
    command += ["--ServerApp.kernel_websocket_connection_class=cnnlab.server.PromptConnection"]  # as start.py does
    address = f"http://127.0.0.1:{port}"
    _ask_for_no_news(settings)
    with open(settings / "jupyterlab.log", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)
        try:
            _wait_for_server(address, server, Path(log.name))
            yield address
        finally:
            _end(address, server)


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
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read() or "{}")


def _wait_for_server(address: str, server: subprocess.Popen, log: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError):
            _ask(address, "/api/status")
            return
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")


def _end(address: str, server: subprocess.Popen) -> None:
    with contextlib.suppress(OSError):
        _ask(address, "/api/shutdown", "POST")  # ends the kernels too
    try:
        server.wait(timeout=15)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def open_notebook(page: Page, address: str, name: str, *, token: str = TOKEN) -> None:
    """Open the notebook, a path below the served folder, and wait until its kernel is idle."""
    page.goto(f"{address}/lab/tree/{urllib.parse.quote(name)}?token={token}&reset")
    page.wait_for_function(IS_READY, timeout=60_000)


def run_all_cells(page: Page, timeout: float = 120) -> None:
    """Run every cell, and wait until the last one has ended; a cell that raises fails the test with its traceback."""
    page.evaluate("""async () => {
      await window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs');
      window.jupyterapp.commands.execute('notebook:run-all-cells');
    }""")
    page.wait_for_function(f"() => ({ALL_HAVE_RUN})() || ({FIRST_ERROR})()", timeout=timeout * 1000)
    error = page.evaluate(FIRST_ERROR)
    assert error is None, error


@contextlib.contextmanager
def running_notebook(notebook: Path, settings: Path, **size: int) -> Iterator[Page]:
    """Yield a page that shows the notebook in JupyterLab, all its cells run; size: of `open_page`.

    >>> with running_notebook(Path("notebooks/01_kernel_size.ipynb"), tmp_path) as page:
    ...     page.screenshot(path="01.png")
    """
    with open_page(**size) as page, jupyterlab(notebook.parent, settings) as address:
        open_notebook(page, address, notebook.name)
        run_all_cells(page)
        yield page


@contextlib.contextmanager
def running_cells(folder: Path, cells: Sequence[str], settings: Path, **size: int) -> Iterator[Page]:
    """Yield a page that shows a notebook of these cells, written into folder, all of them run.

    >>> with running_cells(folder, ["from cnnlab import DrawDigit", "DrawDigit()"], settings, height=2400) as page:
    ...     page.get_by_role("slider").first.focus()
    """
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder / "panel.ipynb")
    with running_notebook(folder / "panel.ipynb", settings, **size) as page:
        page.set_default_timeout(15_000)
        yield page


def use_theme(page: Page, name: str) -> None:
    """Switch JupyterLab to the theme "JupyterLab Light" or "JupyterLab Dark"."""
    page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })", name)
    page.wait_for_selector(f'body[data-jp-theme-name="{name}"]', state="attached")
