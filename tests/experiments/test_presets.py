"""Presets: the notebooks write the same settings, and the results bank was trained with them."""

import ast
import importlib.util
import json

from places import REPOSITORY

from cnnlab import Experiment, bank, grid, load_runs
from cnnlab.experiments import presets


def written_in(notebook: str, *cells: str) -> dict[str, object]:
    """Return the names that these cells assign; `sweep` returns its experiments and trains nothing."""
    stored = json.loads((REPOSITORY / "notebooks" / notebook).read_text(encoding="utf-8"))["cells"]
    names = {"Experiment": Experiment, "bank": bank, "grid": grid, "sweep": lambda experiments, **_: list(experiments)}
    for cell in (cell for cell in stored if cell["id"] in cells):
        lines = [node for node in ast.parse("".join(cell["source"])).body if _assigns_a_name(node)]
        exec(compile(ast.Module(lines, []), notebook, "exec"), names)
    return names


def _assigns_a_name(node: ast.stmt) -> bool:
    """Return whether a statement is `name = …` (and not `fig, axes = …`, which draws)."""
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)


def test_notebook_01_writes_its_presets():
    written = written_in("01_kernel_size.ipynb", "mnist", "patterns-load")
    assert written["small"] == presets.SMALL_NETWORK
    assert written["base"] == presets.KERNEL_DIGITS
    assert written["digits"] == grid(presets.KERNEL_DIGITS, kernel_size=[3, 5, 7], seed=range(5))
    assert (written["coarse"], written["fine"]) == (presets.COARSE_PATTERNS, presets.FINE_PATTERNS)
    assert presets.KERNEL_DIGITS_LONG.epochs == 10


def test_notebook_02_writes_its_presets():
    written = written_in("02_pooling.ipynb", "compare", "patterns-look")
    assert written["base"] == presets.POOLING_DIGITS
    assert (written["marks"], written["textures"]) == (presets.MARK_PATTERNS, presets.TEXTURE_PATTERNS)


def test_notebook_04_writes_its_preset():
    assert written_in("04_optimizers.ipynb", "shared")["base"] == presets.OPTIMIZER_DIGITS


def test_notebook_07_writes_the_full_grid():
    choices = written_in("07_full_grid.ipynb", "choose")["choices"]
    assert {name: choices[name] for name in presets.FULL_GRID} == presets.FULL_GRID


def make_bank():
    spec = importlib.util.spec_from_file_location("make_bank", REPOSITORY / "tools" / "make_bank.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def keys(experiments) -> set[str]:
    return {experiment.key for experiment in experiments}


def banked(part: str) -> set[str]:
    return keys(run.experiment for run in load_runs(bank(part)))


def test_the_bank_holds_what_make_bank_would_train():
    script = make_bank()
    assert keys(script.kernel_size(10)) == banked("kernel_size")
    assert keys(script.pooling(10)) == banked("pooling")
    for name, base in presets.FULL_GRID.items():
        assert keys(script.rates(base)) == banked(f"rates_{name}")
        for part, (experiments, _) in script.full_grid(name, base, load_runs(bank(f"rates_{name}")), 5).items():
            assert keys(experiments) == banked(part)
    assert keys(script.rates(presets.MNIST_EXPERIMENT, ("adam",))) == banked("rates_b")
    rate = script.best_rate(load_runs(bank("rates_b")), "adam", 0.0)
    assert keys(script.experiment_b(presets.MNIST_EXPERIMENT.replace(learning_rate=rate), 5)) == banked("experiment_b")
