"""What all tests share."""

import secrets
import signal
import sys
import zlib

import pytest
from xdist.scheduler import LoadScopeScheduling

# Where a script starts the tests in its background, their processes ignore interrupts; then what the course does at an
# interrupt could not be tested.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    """No test reads or writes the person's own cache folder, or her predictions, or reads her choice of a language."""
    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CNNLAB_COURSE", str(tmp_path / "my_course"))
    monkeypatch.delenv("CNNLAB_LANGUAGE", raising=False)


@pytest.fixture(autouse=True)
def _own_draw(request, monkeypatch):
    """The checkers of exercises draw the same numbers in each run of a test; test_draws.py tries others."""
    monkeypatch.setattr(secrets, "randbits", lambda _: zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture(autouse=True)
def _figures_closed():
    """No figure outlives its test."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def start(tmp_path):
    """Return start.py as a module, in a small copy of the course; all that it does, it does there."""
    from scripts import load_script
    from small_course import make_small_course

    root = tmp_path / "my course ü"
    make_small_course(root)
    return load_script(root / "start.py")


@pytest.fixture
def keep_sigterm():
    """Restore the handler of SIGTERM, which start.py's commands replace for the whole process."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def shared_lab(tmp_path_factory):
    """One JupyterLab, one Chromium and one kernel for all browser tests of this process."""
    import browser

    folder, settings = tmp_path_factory.mktemp("a folder with spaces"), tmp_path_factory.mktemp("settings")
    with browser.shared_lab(folder, settings) as lab:
        yield lab


# Where several workers run the tests, these come first, so that no worker is left alone with them at the end.
LONG = (
    "notebooks/test_runs.py", "tests/browser/", "gpu/test_pretend_gpu.py", "start/test_start.py",
    "experiments/test_task_queue.py", "experiments/test_workers.py", "experiments/test_sweep.py",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """Put the files that take longest first; within a file the order stays."""
    items.sort(key=lambda item: next((place for place, name in enumerate(LONG) if name in item.nodeid), len(LONG)))


def pytest_xdist_make_scheduler(config, log):
    """Give each run of a notebook to whichever worker is free; all else goes a file at a time."""
    return _ByFile(config, log)


class _ByFile(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return nodeid if path.endswith("notebooks/test_runs.py") else path
