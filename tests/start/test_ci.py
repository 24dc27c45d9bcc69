""".ci/run: what CI installs before it runs the course's two commands, and its exit status."""

from __future__ import annotations

import os
import shutil
import subprocess
from types import SimpleNamespace

import pytest
from places import REPOSITORY
from small_course import SCRIPTS_RUN


@pytest.fixture
def ci(tmp_path):
    """Put .ci/run into a folder of its own, with a stub for each program that it calls; a stub writes down its call."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(REPOSITORY / ".ci" / "run", tmp_path / ".ci")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("dirname", "env"):
        (programs / name).symlink_to(shutil.which(name))

    def add(name: str, script: str = "") -> None:
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/asked\n{script}')
        (programs / name).chmod(0o755)

    def called(user: int = 0) -> tuple[int, list[str]]:
        (programs / "id").write_text(f"#!/bin/sh\necho {user}\n")
        (programs / "id").chmod(0o755)
        (tmp_path / "asked").write_text("")
        bash = shutil.which("bash")
        status = subprocess.run([bash, str(tmp_path / ".ci" / "run")], env={"PATH": str(programs)}, cwd="/").returncode
        return status, (tmp_path / "asked").read_text().splitlines()

    add("apt-get")
    add("sudo", 'exec "$@"\n')
    return SimpleNamespace(add=add, called=called)


APT = ["apt-get update", "apt-get install --yes --no-install-recommends"]
LOOK = "-c import ensurepip, venv"


BOTH = ("start.py test", "start.py test-colab")


@SCRIPTS_RUN
def test_ci_installs_what_is_missing_and_runs_the_two_commands(ci):
    assert os.access(REPOSITORY / ".ci" / "run", os.X_OK)
    ci.add("python3", 'case "$*" in *ensurepip*) exit 1;; esac\n')
    commands = [f"python3 {command}" for command in BOTH]
    assert ci.called() == (0, [f"python3 {LOOK}", APT[0], f"{APT[1]} chromium python3-venv", *commands])
    ci.add("python", '[ "$1" = -c ] || exit 7\n')  # its status is that of the run
    status, asked = ci.called(user=1000)
    commands = [f"python {command}" for command in BOTH]
    assert (status, asked[0], asked[-2:]) == (7, f"python {LOOK}", commands)
    assert [line for line in asked if line.startswith("apt-get")] == [APT[0], f"{APT[1]} chromium"]
    assert [line.split()[1] for line in asked if line.startswith("sudo")] == ["apt-get", "env"]
    ci.add("chromium")
    assert ci.called() == (7, [f"python {LOOK}", *commands])


@SCRIPTS_RUN
def test_in_ci_no_browser_test_is_skipped_for_want_of_a_browser(ci):
    ci.add("chromium")
    ci.add("python", '[ "$1" = -c ] || [ "$CI" = true ] || exit 3\n')
    assert ci.called()[0] == 0


@SCRIPTS_RUN
@pytest.mark.parametrize("failing", BOTH)
def test_ci_fails_if_one_of_the_two_fails(ci, failing):
    ci.add("chromium")
    ci.add("python", f'[ "$*" != "{failing}" ] || exit 5\n')
    assert ci.called() == (5, [f"python {LOOK}", *(f"python {command}" for command in BOTH)])
