"""Let pytest be started in any folder of the repository."""

import os


def pytest_configure(config):
    """Look for the file of `--nbval-sanitize-with` beside pyproject.toml, which names it, unless it is here."""
    name = config.getoption("nbval_sanitize_with", None)
    if name and not os.path.exists(name):
        config.option.nbval_sanitize_with = str(config.rootpath / name)
