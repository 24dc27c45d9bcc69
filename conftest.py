"""Let pytest be started in any folder of the repository, with an empty folder for predictions."""

import os
import tempfile


def pytest_configure(config):
    """Find the file of `--nbval-sanitize-with`, and hide the student's predictions, which notebooks print."""
    name = config.getoption("nbval_sanitize_with", None)
    if name and not os.path.exists(name):  # it stands beside pyproject.toml, which names it
        config.option.nbval_sanitize_with = str(config.rootpath / name)
    folder = tempfile.TemporaryDirectory(prefix="cnnlab-course-")
    config.add_cleanup(folder.cleanup)
    os.environ["CNNLAB_COURSE"] = folder.name
