"""Give all that pytest runs an empty folder for predictions: a student's own would change what notebooks print."""

import os
import tempfile


def pytest_configure(config):
    folder = tempfile.TemporaryDirectory(prefix="cnnlab-course-")
    config.add_cleanup(folder.cleanup)
    os.environ["CNNLAB_COURSE"] = folder.name
