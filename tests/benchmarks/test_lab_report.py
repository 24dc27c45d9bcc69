"""Test that benchmarks/lab_report.py reads what it measures, and says whether the targets are reached."""

import importlib

import browser
import pytest
from places import REPOSITORY


@pytest.fixture
def script(monkeypatch):
    """Return the script as a module, imported as when it runs."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    return importlib.import_module("lab_report")


def test_a_row_says_whether_both_targets_are_reached(script):
    report = script.Report(seconds=12.34, processor=32.06, megabytes=2.345, pictures=25, pages=19)
    assert script.row("B", report) == "| B | 12.3 | 32.1 | 2.35 | 25 | 19 | reached |"
    for slow in (report._replace(seconds=30.0), report._replace(megabytes=8.0)):
        assert script.row("B", slow).endswith("| NOT reached |")


def test_the_printed_pages_are_counted(script, tmp_path):
    browser.chromium_or_skip()
    style = "<style>@page { size: A4 } p { break-after: page }</style>"
    (tmp_path / "page.html").write_text(f"<!doctype html>{style}<p>1<p>2<p>/Type /Page<div>4</div>")
    assert script.print_pages(tmp_path / "page.html", tmp_path / "page.pdf") == 4
