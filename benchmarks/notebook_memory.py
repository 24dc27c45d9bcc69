"""Measure the peak memory of each notebook, its kernel and the workers of its sweeps; print a table in Markdown.

A thread reads /proc (so Linux only) ten times a second while nbclient runs the notebook in a copy of its folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
LIMIT = 1.8  # GB, of 10⁹ bytes
PAUSE = 0.1  # seconds between two measurements


class Peak:
    """The peak memory of a kernel, alone and with its child processes, in bytes, and the number of these processes."""

    def __init__(self, kernel: int) -> None:
        self.kernel, self.alone, self.total, self.children = kernel, 0, 0, 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        """Stop measuring."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(PAUSE):
            try:
                children = psutil.Process(self.kernel).children(recursive=True)
            except psutil.NoSuchProcess:
                return
            maps = [read_maps(process) for process in (self.kernel, *(child.pid for child in children))]
            self.alone = max(self.alone, held(maps[:1]))
            self.total = max(self.total, held(maps))
            self.children = max(self.children, len(children))


def read_maps(process: int) -> dict[str, int]:
    """Return the sums of a process's smaps: Linux's name -> bytes; {} for a process that has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {name: int(size.split()[0]) * 1024 for name, _, size in (line.partition(":") for line in lines)}


def held(maps: list[dict[str, int]]) -> int:
    """Return the bytes that these processes hold together.

    Each process's own pages count, by proportional share (PSS). The pages of files, torch's libraries above all, are
    the same in each process, so the largest share counts once. Their PSS would be smaller where other programs on the
    machine have opened them, too.
    """
    own = sum(sizes.get("Pss_Anon", 0) + sizes.get("Pss_Shmem", 0) for sizes in maps)
    return own + max((sizes.get("Rss", 0) - sizes.get("Anonymous", 0) for sizes in maps), default=0)


def measure(path: Path) -> Peak:
    """Run the notebook from top to bottom and return its peak."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(path.parent, Path(folder, "notebooks"), ignore=shutil.ignore_patterns("runs"))
        client = NotebookClient(
            nbformat.read(path, as_version=4), timeout=600, kernel_name="python3",
            resources={"metadata": {"path": str(copy)}},
        )  # fmt: skip
        with client.setup_kernel():
            peak = Peak(client.km.provisioner.pid)
            try:
                for index, cell in enumerate(client.nb.cells):
                    client.execute_cell(cell, index)
            finally:
                peak.stop()
    return peak


def row(name: str, peak: Peak) -> str:
    """Return the notebook's line of the table."""
    verdict = "reached" if peak.total < LIMIT * 1e9 else "**missed**"
    figures = f"{peak.alone / 1e9:.2f} GB | {peak.children} | {peak.total / 1e9:.2f} GB"
    return f"| {name} | {figures} | {LIMIT} GB | {verdict} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="notebooks, such as 01_kernel_size (all otherwise)")
    names = parser.parse_args().names or sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    if not Path("/proc/self/smaps_rollup").exists():
        sys.exit("not measured: only Linux tells how much of the memory several processes share")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads leave the processors to others
    print("| notebook | kernel alone | child processes | together | target | |")
    print("| --- | ---: | ---: | ---: | ---: | --- |", flush=True)
    for name in names:
        print(row(name, measure(NOTEBOOKS / f"{name}.ipynb")), flush=True)


if __name__ == "__main__":
    main()
