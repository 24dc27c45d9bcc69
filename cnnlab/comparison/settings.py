"""Runs of whatever settings in, verdicts out: each whole setting is compared with the first one."""

from __future__ import annotations

from collections.abc import Iterable

from cnnlab.comparison.compare import Comparison
from cnnlab.comparison.metrics import distinct, read_off, readable, why_missing
from cnnlab.comparison.noise_floor import pooled_noise
from cnnlab.comparison.verdicts import paired_rows
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.run import Run


def compare_settings(runs: Iterable[Run], *, metric: str = "validation_accuracy", at: str | int = "last") -> Comparison:
    """Compare whole settings, whatever they differ in, each with the first one; verdicts as in `compare`.

    For what somebody tried out one after the other: a level is everything but the seed, named by the fields that vary.
    What a difference comes from, nobody can tell where several fields differ: for that, `compare` one field. Each
    setting is paired with the first one on the seeds that both have; one without a number (all its runs diverged, say)
    keeps its row. Raises ConfigError where no run has the number.

    >>> compare_settings([*panel.runs]).verdicts
    {'kernel_size=5, pooling=avg': 'cannot tell'}
    """
    runs = distinct(runs)
    if not runs:
        raise ConfigError("there are no runs to compare; train one first")
    runs = readable(runs, metric, at, moving=[name for name in FIELDS if name != "seed"])
    values, why_without, missing = read_off(zip(setting_names(runs), runs, strict=True), metric, at)
    values = {name: dict(sorted(of_setting.items())) for name, of_setting in values.items()}
    first = next((name for name, of_setting in values.items() if of_setting), None)
    if first is None:
        raise ConfigError(f"none of these {len(runs)} runs has {metric} at {at!r}: {why_missing(runs, metric, at)}")
    values = {first: values.pop(first)} | values
    rows = paired_rows(list(values), values, metric, why_without)
    return Comparison("setting", (), metric, at, rows, values, pooled_noise(values), missing, missing, why_without)


def setting_names(runs: Iterable[Run]) -> list[str]:
    """Return each run's setting in words: the fields, the seed left out, in which these runs differ.

    >>> setting_names(runs)
    ['kernel_size=3', 'kernel_size=5', 'kernel_size=5']
    """
    settings = [run.experiment.resolved() for run in runs]
    varied = [name for name in FIELDS if name != "seed" and len({one[name] for one in settings}) > 1]
    return [", ".join(f"{name}={one[name]}" for name in varied) or "one setting" for one in settings]
