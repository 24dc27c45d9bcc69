"""What all tests of plots share."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def _never_shown(monkeypatch):
    """Fail a test in which a plot shows itself: that is for the notebook to do."""
    monkeypatch.setattr(plt, "show", lambda *_args, **_options: pytest.fail("a plot showed itself"))
