"""The tests of a GPU pass on a pretend GPU, on every computer."""

from __future__ import annotations

import os
import subprocess
import sys

import pretend_gpu
import pytest
from places import REPOSITORY


@pytest.mark.skipif(not pretend_gpu.is_possible(), reason="this torch learns no device from Python")
@pytest.mark.parametrize("kind", ["with float64", "without float64"])
def test_the_tests_of_a_gpu_pass_on_a_pretend_one(kind):
    """In a process of its own, since torch learns a device for good; a real GPU is hidden from it."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    answer = subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/gpu/test_gpu.py"],
        cwd=REPOSITORY,
        env=outside | {"CNNLAB_TEST_PRETEND_GPU": kind, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        encoding="utf8",
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    *_, summary = answer.stdout.splitlines()
    assert " passed" in summary
    skipped = {"with float64": 3, "without float64": 1}  # two tests of a device without it, and that of CUDA graphs
    assert f", {skipped[kind]} skipped in " in summary
