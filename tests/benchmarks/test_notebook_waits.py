"""Test that benchmarks/notebook_waits.py tells from a kernel's messages what a student saw while she waited."""

import contextlib
import importlib
from datetime import datetime, timedelta

import nbformat
import pytest
from nbclient.client import CellExecutionComplete
from places import REPOSITORY

BEGIN = datetime.fromisoformat("2026-11-27T10:00:00+00:00")
OF_LINE = {"metadata": {}, "transient": {"display_id": "line"}}
LINE = {"text/plain": "training, about 5 s left in this training", "text/html": "<label>…</label>"}
EMPTY = {"text/plain": "", "text/html": ""}


@pytest.fixture
def waits(monkeypatch):
    """Return the script as a module, imported as when it runs."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    return importlib.import_module("notebook_waits")


def message(seconds, kind, **content):
    """Return a message that the kernel sent so many seconds after the cell began."""
    header = {"msg_type": kind, "date": BEGIN + timedelta(seconds=seconds)}
    return {
        "msg_type": kind,
        "header": header,
        "parent_header": {"msg_id": "cell"},
        "content": {"transient": {"display_id": "line"}, **content},
    }


def watched(waits, *messages):
    """Return what a student saw of a cell whose kernel sent these messages."""
    cell = nbformat.v4.new_code_cell("fit(model, data)")
    client = waits.Watched(nbformat.v4.new_notebook(cells=[cell]), record_timing=False)
    client.clear_before_next_output = False  # as execute_cell does
    client.wait = waits.Wait("fit")
    with contextlib.suppress(CellExecutionComplete):
        for each in messages:
            client.process_message(each, cell, 0)
    return client.wait


def test_the_longest_silence_and_the_first_time_left(waits):
    wait = watched(
        waits,
        message(0, "status", execution_state="busy"),
        message(1.5, "stream", name="stdout", text="before"),
        message(4, "update_display_data", data=LINE, **OF_LINE),
        message(8, "update_display_data", data=EMPTY, **OF_LINE),  # shows nothing
        message(9, "status", execution_state="idle"),
    )
    assert (wait.seconds, wait.first_estimate, wait.silence) == (9, 4, 5)
    wait.processor = 3.25
    assert waits.row("00_start_here", wait) == "| 00_start_here | fit | 9.0 | 3.2 | after 4.0 | 5.0 |"


def test_a_cell_that_shows_nothing_is_silent_all_the_time(waits):
    wait = watched(waits, message(0, "status", execution_state="busy"), message(2.5, "status", execution_state="idle"))
    assert (wait.seconds, wait.first_estimate, wait.silence) == (2.5, None, 2.5)
    assert "| never |" in waits.row("00_start_here", wait)
