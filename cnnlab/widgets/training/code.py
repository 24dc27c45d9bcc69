"""Write the code that repeats a comparison of whole settings: their trainings, and `compare_settings`."""

from __future__ import annotations

from collections.abc import Iterable

from cnnlab.experiments.experiment import FIELDS, Experiment


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
    settings: list[tuple[dict, list[int]]] = []
    for experiment in experiments:
        fields = experiment.resolved()  # also what is left open, so that two settings differ in what they show
        seed = fields.pop("seed")
        seeds = next((seeds for known, seeds in settings if known == fields), None)
        if seeds is None:
            settings.append((fields, [seed]))
        elif seed not in seeds:
            seeds.append(seed)
    base = settings[0][0]
    own = {name: value for name, value in base.items() if value != FIELDS[name].default}
    lines = [
        "from cnnlab import Experiment, compare_settings, grid, sweep",
        "",
        f"base = Experiment({_arguments(own)})",
        "runs = sweep([",
    ]
    for fields, seeds in settings:
        changes = {name: value for name, value in fields.items() if value != base[name]}
        setting = f"base.replace({_arguments(changes)})" if changes else "base"
        lines.append(f"    *grid({setting}, seed={_range(seeds)}),")
    options = "" if metric == "validation_accuracy" else f", metric={metric!r}"
    reference = "" if against is None else f".against({against!r})"
    return "\n".join([*lines, "])", f"compare_settings(runs{options}){reference}"])


def _arguments(fields: dict) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in fields.items())


def _range(seeds: list[int]) -> str:
    """Return the seeds as a range if they follow each other, else as a list."""
    first, end = seeds[0], seeds[0] + len(seeds)
    if seeds != list(range(first, end)):
        return str(seeds)
    return f"range({first}, {end})" if first else f"range({end})"
