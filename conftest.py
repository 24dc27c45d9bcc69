"""Prepare all that pytest runs in the repository: an empty folder for predictions, and the file of nbval's numbers."""

import os
import tempfile


def pytest_configure(config):
    """Give the tests an empty folder for predictions, and nbval the path of its file of approximate numbers.

    A student's own predictions would change what notebooks print. pyproject.toml names nbval's file as it lies from
    there, and pytest may be started in any folder of the repository.
    """
    folder = tempfile.TemporaryDirectory(prefix="cnnlab-course-")
    config.add_cleanup(folder.cleanup)
    os.environ["CNNLAB_COURSE"] = folder.name
    name = config.getoption("nbval_sanitize_with", None)
    if name and not os.path.exists(name):
        config.option.nbval_sanitize_with = str(config.rootpath / name)
