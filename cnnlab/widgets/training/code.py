"""Write the code that repeats a comparison of whole settings: their trainings, and `compare_settings`."""

from __future__ import annotations

from collections.abc import Iterable

from cnnlab.experiments.code import call_in_code, seeds_in_code
from cnnlab.experiments.experiment import Experiment, without_defaults


def comparison_code(experiments: Iterable[Experiment], *, metric: str, against: str | None = None) -> str:
    """Return Python that trains these experiments and compares their settings, with the same numbers.

    Parameters
    ----------
    experiments : iterable of Experiment
        Those of the compared runs, in their order; what differs in the seed alone is one setting.
    metric : str
        What `compare_settings` compares.
    against : str, optional
        The name of the reference, where it is not the first setting.

    >>> print(comparison_code([Experiment(), Experiment(pooling="avg")], metric="validation_accuracy"))
    from cnnlab import Experiment, compare_settings, grid, sweep
    <BLANKLINE>
    base = Experiment(learning_rate=0.001)
    runs = sweep([
        *grid(base, seed=range(1)),
        *grid(base.replace(pooling='avg'), seed=range(1)),
    ])
    compare_settings(runs)
    """
    settings: dict[tuple, dict[int, None]] = {}  # fields with their values → the seeds
    for experiment in experiments:
        fields = experiment.resolved()  # also what is left open, so that two settings differ in what they show
        seed = fields.pop("seed")
        settings.setdefault(tuple(fields.items()), {})[seed] = None
    base = next(iter(settings))
    lines = [
        "from cnnlab import Experiment, compare_settings, grid, sweep",
        "",
        f"base = {call_in_code('Experiment', without_defaults(dict(base)))}",
        "runs = sweep([",
    ]
    for setting, seeds in settings.items():
        changes = {name: value for name, value in setting if value != dict(base)[name]}
        start = call_in_code("base.replace", changes) if changes else "base"
        lines.append(f"    *grid({start}, seed={seeds_in_code([*seeds])}),")
    options = "" if metric == "validation_accuracy" else f", metric={metric!r}"
    reference = "" if against is None else f".against({against!r})"
    return "\n".join([*lines, "])", f"compare_settings(runs{options}){reference}"])
