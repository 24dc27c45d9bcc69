"""Let pytest be started in any folder, and give what it runs an empty folder for predictions.

A student's own predictions would change what notebooks print.
"""

import os
import tempfile


def pytest_configure(config):
    """Look for the file of `--nbval-sanitize-with` beside pyproject.toml, which names it, unless it is here."""
    folder = tempfile.TemporaryDirectory(prefix="cnnlab-course-")
    config.add_cleanup(folder.cleanup)
    os.environ["CNNLAB_COURSE"] = folder.name
    name = config.getoption("nbval_sanitize_with", None)
    if name and not os.path.exists(name):
        config.option.nbval_sanitize_with = str(config.rootpath / name)
