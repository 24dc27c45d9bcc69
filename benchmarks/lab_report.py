"""Measure the lab reports of experiments A and B: seconds, megabytes, and the pages that a browser prints.

Each report is made by `python -m cnnlab lab-report` in a new process, from the results bank. Chromium prints it on A4.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests" / "helpers"))

import browser  # noqa: E402

PARTS = {"A": "experiment_a_mnist", "B": "experiment_b"}  # of the results bank
MOST_SECONDS, MOST_MEGABYTES = 30, 8


class Report(NamedTuple):
    """What was measured of one report.

    Parameters
    ----------
    seconds : float
        From the command to its end.
    processor : float
        Seconds of the processor in that time.
    megabytes : float
        Of the page, 10⁶ bytes each.
    pictures, pages : int
        In the report, and in its PDF.
    """

    seconds: float
    processor: float
    megabytes: float
    pictures: int
    pages: int


def make(part: str, page: Path) -> tuple[float, float, int]:
    """Make a report; return the seconds, those of the processor, and the number of pictures."""
    command = [sys.executable, "-m", "cnnlab", "lab-report", f"bank:{part}", "--out", str(page)]
    begin, before = time.perf_counter(), _processor()
    printed = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    seconds, processor = time.perf_counter() - begin, _processor() - before
    return seconds, processor, int(re.findall(r"(\d+) pictures", printed)[0])


def _processor() -> float:
    """Return the seconds of the processor that all ended child processes have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def print_pages(page: Path, pdf: Path) -> int:
    """Print a page on A4 as a browser does, and return the number of pages."""
    with browser.open_page() as opened:
        opened.goto(page.as_uri())
        opened.pdf(path=pdf, prefer_css_page_size=True)
    return count_pages(pdf.read_bytes())


def count_pages(pdf: bytes) -> int:
    """Return the number of pages of a PDF that Chromium has made.

    >>> count_pages(b"<</Type /Pages>> <</Type /Page>>")
    1
    """
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def row(name: str, report: Report) -> str:
    """Return a report's line of the table. A report is made on one thread, so a busy machine is left out of account."""
    is_reached = report.seconds < MOST_SECONDS and report.megabytes < MOST_MEGABYTES
    return (
        f"| {name} | {report.seconds:.1f} | {report.processor:.1f} | {report.megabytes:.2f} | {report.pictures} | "
        f"{report.pages} | {'reached' if is_reached else 'NOT reached'} |"
    )


def main() -> None:
    """Print the table; with --out keep the pages and the PDFs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", metavar="FOLDER", help="keep the pages and the PDFs here, to look at")
    out = parser.parse_args().out
    print("| experiment | seconds | of the processor | MB | pictures | pages of A4 | less than 30 s and 8 MB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(out or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for name, part in PARTS.items():
            page = folder / f"report_{name}.html"
            seconds, processor, pictures = make(part, page)
            pages = print_pages(page, page.with_suffix(".pdf"))
            print(row(name, Report(seconds, processor, page.stat().st_size / 1e6, pictures, pages)), flush=True)
    print(f"\nLoad average at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
