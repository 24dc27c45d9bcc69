"""What all tests share."""

import signal
import sys

import pytest

# Where the tests are started in the background of a script, their processes are told to ignore an interrupt; what the
# course does at one could not be tested then.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """No test reads or writes the person's own cache folder."""
    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _figures_closed():
    """No figure outlives its test."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
