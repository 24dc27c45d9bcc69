"""Windows allows 260 characters a path: how many the course itself takes of them, below its own folder."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from places import REPOSITORY
from scripts import load_script

from cnnlab import Experiment, sweep

LONGEST = 120  # the packages take 161 in .venv, so they alone decide how long the folder's own path may be


def test_no_path_that_the_course_ships_or_makes_is_long(tmp_path, monkeypatch):
    made = []
    mkstemp = tempfile.mkstemp
    monkeypatch.setattr(tempfile, "mkstemp", lambda **where: made.append(mkstemp(**where)) or made[-1])
    shutil.copy(REPOSITORY / "start.py", tmp_path)
    start = load_script(tmp_path / "start.py")
    start.decline_news()
    for venv in (".venv", ".venv-colab"):
        start.course_environment(start.venv_python(venv), venv)
    store = tmp_path / "notebooks" / "runs" / "experiment_a_patterns"  # as in notebook 07
    sweep(
        [Experiment(dataset="patterns", train_size=100, validation_size=50, epochs=1, channels=(2,))],
        store=store,
        snapshots=[1],
    )
    paths = {path.relative_to(tmp_path) for path in [*tmp_path.rglob("*"), *(Path(path) for _, path in made)]}
    assert {path.suffix for path in paths} >= {".json", ".safetensors", ".jupyterlab-settings"}
    own = [path for path in REPOSITORY.iterdir() if path.name not in (".git", "runs", "dist", "build")]
    own = [path for path in own if not path.name.startswith((".venv", ".conda", "mine"))]
    own = [path for path in own if not path.name.endswith("_cache")]
    paths |= {path.relative_to(REPOSITORY) for top in own for path in [top, *top.rglob("*")]}
    assert Path("data/MNIST/raw/train-labels-idx1-ubyte.gz") in paths
    longest = max(paths, key=lambda path: len(str(path)))
    assert len(str(longest)) <= LONGEST, longest
