"""What all tests share."""

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """No test reads or writes the person's own cache folder."""
    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path / "cache"))
