"""Run ruff, then every test in one pytest command: `python start.py test [arguments for pytest]`."""

from __future__ import annotations

import os
import subprocess
import sys

import start  # start.py: the installation has the course's folder on Python's path


def run_tests(arguments: list[str]) -> int:
    """Run ruff and pytest in the course's folder; return pytest's exit status, or else ruff's.

    Parameters
    ----------
    arguments : list of str
        Arguments for pytest. Where they name a test file or a notebook, only those run.
    """
    environment = start.course_environment(sys.executable)
    environment.setdefault("OMP_NUM_THREADS", "1")  # two processes of one thread are faster than one of two
    environment.setdefault("CNNLAB_WORKERS", "1")  # and the tests are two processes already
    named = [text for text in arguments if os.path.exists(os.path.join(start.ROOT, text.split("::")[0]))]
    pytest = ["pytest", *([] if named else ["tests"]), "-n", "2", "--dist", "loadscope", "--no-loadscope-reorder"]
    pytest += ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=120", *arguments]  # where a notebook is named
    commands = (["ruff", "check", "."], ["ruff", "format", "--check", "."], pytest)
    statuses = [
        subprocess.call([sys.executable, "-m", *command], cwd=start.ROOT, env=environment) for command in commands
    ]
    if not statuses[2] and any(statuses):
        start.say("The tests passed; ruff, at the top, did not.")
    return statuses[2] or statuses[0] or statuses[1]


if __name__ == "__main__":
    sys.exit(start.without_traceback(run_tests, sys.argv[1:]))
