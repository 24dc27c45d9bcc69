"""Compare whole settings, which may differ in several fields: each is compared with the first one."""

from __future__ import annotations

from collections.abc import Iterable

from cnnlab.comparison.comparable_runs import comparable_runs, distinct
from cnnlab.comparison.compare import Comparison
from cnnlab.comparison.metrics import diverged_with_value, metric_values, why_missing
from cnnlab.comparison.noise_floor import pooled_noise
from cnnlab.comparison.verdicts import paired_rows
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.run import Run


def compare_settings(runs: Iterable[Run], *, metric: str = "validation_accuracy", at: str | int = "last") -> Comparison:
    """Compare whole settings, each with the first one; the verdicts are those of `compare`.

    A setting is everything but the seed, and its name says the fields that vary. This is for settings that were tried
    out one after the other. Where several fields differ, it does not say which of them made the difference: `compare`
    one field for that. Each setting is paired with the first one on the seeds that both have. A setting without a value
    (all its runs diverged, say) keeps its row.

    Parameters
    ----------
    runs : iterable of Run
        The first run with a value names the reference.
    metric, at
        As in `compare`.

    Raises
    ------
    ConfigError
        If no run has a value.

    >>> compare_settings([*panel.runs]).verdicts
    {'kernel_size=5, pooling=avg': 'cannot tell'}
    """
    runs = distinct(runs)
    if not runs:
        raise ConfigError("there are no runs to compare; train one first")
    runs = comparable_runs(runs, metric, at, moving=[name for name in FIELDS if name != "seed"])
    by_setting = list(zip(setting_names(runs), runs, strict=True))
    values, why_without, missing = metric_values(by_setting, metric, at)
    values = {name: dict(sorted(of_setting.items())) for name, of_setting in values.items()}
    first = next((name for name, of_setting in values.items() if of_setting), None)
    if first is None:
        raise ConfigError(f"none of these {len(runs)} runs has {metric} at {at!r}: {why_missing(runs, metric, at)}")
    values = {first: values.pop(first)} | values
    rows = paired_rows(list(values), values, metric, why_without)
    return Comparison(
        "setting", (), metric, at, rows, values, noise_floor=pooled_noise(values), left_out=missing,
        without_value=missing, why_without=why_without, diverged=diverged_with_value(by_setting, metric, at),
    )  # fmt: skip


def setting_names(runs: Iterable[Run]) -> list[str]:
    """Return each run's setting in words: the fields in which these runs differ, except the seed.

    >>> setting_names(runs)
    ['kernel_size=3', 'kernel_size=5', 'kernel_size=5']
    """
    settings = [run.experiment.resolved() for run in runs]
    varied = [name for name in FIELDS if name != "seed" and len({setting[name] for setting in settings}) > 1]
    return [", ".join(f"{name}={setting[name]}" for name in varied) or "one setting" for setting in settings]
