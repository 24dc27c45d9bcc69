"""Prepare all that pytest runs in the repository: an empty folder for predictions, nbval's file of numbers, no GPU."""

import os
import tempfile


def pytest_configure(config):
    """Give the tests an empty folder for predictions, and nbval the path of its file of approximate numbers.

    A student's own predictions would change what notebooks print. pyproject.toml names nbval's file as it lies from
    there, and pytest may be started in any folder of the repository.

    A GPU is hidden, since `fit` would take it, and the tests compute their expected values on the processor. The GPU's
    own tests see it where they are named: `python -m pytest tests/gpu/test_gpu.py`.
    """
    if not any("test_gpu.py" in argument for argument in config.invocation_params.args):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    folder = tempfile.TemporaryDirectory(prefix="cnnlab-course-")
    config.add_cleanup(folder.cleanup)
    os.environ["CNNLAB_COURSE"] = folder.name
    name = config.getoption("nbval_sanitize_with", None)
    if name and not os.path.exists(name):
        config.option.nbval_sanitize_with = str(config.rootpath / name)
