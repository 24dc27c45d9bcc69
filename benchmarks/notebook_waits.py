"""Measure how long each cell of the notebooks takes, and what a student sees meanwhile; print a table in Markdown.

Every message of the kernel has the time at which it was sent, so that nothing here waits or polls. A cell that takes
long must show a line with the time left, and must change what it shows again and again.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import tempfile
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
LONG = 2.0  # seconds
SHOWN = ("stream", "display_data", "update_display_data", "execute_result", "error")


@dataclasses.dataclass
class Wait:
    """What a student saw while a cell ran.

    Parameters
    ----------
    cell : str
        The id of the cell.
    begin, end : float
        When it ran, in seconds.
    seen : list of (float, str)
        When the cell showed something new, and its text.
    processor : float
        Seconds of the kernel's processors, with those of its child processes that have ended.
    """

    cell: str
    begin: float = 0.0
    end: float = 0.0
    seen: list[tuple[float, str]] = dataclasses.field(default_factory=list)
    processor: float = 0.0

    @property
    def seconds(self) -> float:
        """How long the cell ran."""
        return self.end - self.begin

    @property
    def silence(self) -> float:
        """The longest time in which nothing changed."""
        times = [self.begin, *(time for time, _ in self.seen), self.end]
        return max(later - earlier for earlier, later in pairwise(times))

    @property
    def first_estimate(self) -> float | None:
        """Seconds until the cell first said the time left; None if it never did."""
        return next((time - self.begin for time, text in self.seen if " left" in text), None)


class Watched(NotebookClient):
    """A client that notes when the kernel begins and ends a cell, and when the cell shows something new."""

    wait: Wait

    def process_message(self, msg: dict, cell: nbformat.NotebookNode, cell_index: int):
        """Note the message, then handle it as nbclient does."""
        kind, content, when = msg["msg_type"], msg["content"], _seconds(msg["header"]["date"])
        if kind == "status":
            setattr(self.wait, "begin" if content["execution_state"] == "busy" else "end", when)
        elif kind in SHOWN:
            data = content.get("data", {})
            text = content.get("text") or data.get("text/plain", "")
            if text or any(data.values()):  # an empty line of progress shows nothing
                self.wait.seen.append((when, text))
        return super().process_message(msg, cell, cell_index)


def _seconds(when: str | datetime) -> float:
    return (when if isinstance(when, datetime) else datetime.fromisoformat(when)).timestamp()


def measure(path: Path) -> list[Wait]:
    """Run the notebook from top to bottom, and return what was seen of each code cell."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(path.parent, Path(folder, "notebooks"), ignore=shutil.ignore_patterns("runs", "id"))
        notebook, waits = nbformat.read(path, as_version=4), []
        resources = {"metadata": {"path": str(copy)}}
        client = Watched(notebook, timeout=600, kernel_name="python3", resources=resources)
        with client.setup_kernel(env=os.environ | {"CNNLAB_COURSE": str(Path(folder, "course"))}):
            for index, cell in enumerate(notebook.cells):
                client.wait, before = Wait(cell.get("id", "")), _processor(client)
                client.execute_cell(cell, index)
                client.wait.processor = _processor(client) - before
                waits += [client.wait] if cell.cell_type == "code" else []
    return waits


def _processor(client: NotebookClient) -> float:
    """Return the seconds of the processor that the kernel and its ended child processes have used."""
    times = psutil.Process(client.km.provisioner.pid).cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def row(name: str, wait: Wait) -> str:
    """Return the cell's line of the table."""
    first = "never" if wait.first_estimate is None else f"after {wait.first_estimate:.1f}"
    figures = f"{wait.seconds:.1f} | {wait.processor:.1f} | {first} | {wait.silence:.1f}"
    return f"| {name} | {wait.cell} | {figures} |"


def main() -> None:
    """Print a line for each cell that takes long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="notebooks, such as 01_kernel_size (all otherwise)")
    names = parser.parse_args().names or sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    print("| notebook | cell | seconds | of the processor | the time left was said | longest silence |")
    print("| --- | --- | ---: | ---: | --- | ---: |", flush=True)
    for name in names:
        for wait in measure(NOTEBOOKS / f"{name}.ipynb"):
            if wait.seconds > LONG:
                print(row(name, wait), flush=True)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"\nLoad average at the end: {load:.1f}")


if __name__ == "__main__":
    main()
