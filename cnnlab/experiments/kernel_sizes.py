"""Make the experiments that compare kernel sizes, and switch the confounds of a larger kernel on or off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cnnlab.arguments import check_arguments
from cnnlab.checks import is_iterable, listed, shown
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.sweep import grid
from cnnlab.experiments.tasks import MOST_EXPERIMENTS
from cnnlab.model.cnn import build_cnn, match_channels

MAY_MOVE_ALONG = ("channels", "convs_per_block")  # the fields that can change together with the kernel size


def kernel_experiments(
    base: Experiment,
    *,
    kernel_sizes: Iterable[int] = (3, 5, 7),
    match_parameters: bool = False,
    stack: bool = False,
    seeds: Iterable[int] = range(5),
) -> list[Experiment]:
    """Return the experiments that compare kernel sizes, the confounds of a larger kernel switched on or off.

    Parameters
    ----------
    base : Experiment
        Gives every other setting; its own kernel_size and seed do not count.
    kernel_sizes : iterable of int
        The sizes that are compared, two or more.
    match_parameters : bool
        A larger kernel has more weights. True gives every network the channel widths whose parameter count comes
        nearest to that of the base with 3×3 kernels.
    stack : bool
        Two 3×3 kernels in a row see as far as one 5×5. True puts two of them in the
        place of the single 3×3; that network is still the level 3, and sees 5×5 pixels in each block.
    seeds : iterable of int
        One experiment for each size and seed.

    Raises ConfigError for fewer than two sizes, no seed, stack=True without the size 3 or with convs_per_block other
    than 1, and for a setting that can't be trained.

    `compare` wants the fields that move together with the kernel size named: `along_with` returns them.

    >>> experiments = kernel_experiments(Experiment(), match_parameters=True)
    >>> compare(sweep(experiments), by="kernel_size", along=along_with(experiments))
    """
    if not isinstance(base, Experiment):
        raise ConfigError(f"base wants an Experiment, got {shown(base)}; try Experiment()")
    kernel_sizes, seeds = _listed("kernel_sizes", kernel_sizes, "(3, 5, 7)"), _listed("seeds", seeds, "range(5)")
    check_arguments(kernel_experiments, locals())
    if len(set(kernel_sizes)) < 2:
        raise ConfigError(f"kernel_sizes wants two sizes or more to compare, got {kernel_sizes}; try 3, 5, 7")
    if stack and 3 not in kernel_sizes:
        raise ConfigError(f"stack puts two 3×3 in the place of one, but kernel_sizes={kernel_sizes} has no 3; add 3")
    if stack and base.convs_per_block != 1:
        raise ConfigError(f"stack puts two 3×3 in the place of one, but convs_per_block={base.convs_per_block}; take 1")
    goal = build_cnn(**base.replace(kernel_size=3).network(), device="meta")
    experiments = []
    for size in kernel_sizes:
        convs_per_block = 2 if stack and size == 3 else base.convs_per_block
        experiment = base.replace(kernel_size=size, convs_per_block=convs_per_block)
        if match_parameters:
            experiment = experiment.replace(channels=match_channels(goal, **experiment.network()))
        experiments += grid(experiment, seed=seeds)
    return experiments


def _listed(name: str, values: Any, example: str) -> list:
    """Return the values as a list; raise ConfigError if they are not iterable, a string, or none at all."""
    if not is_iterable(values) or isinstance(values, str) or not (several := listed(name, values, MOST_EXPERIMENTS)):
        raise ConfigError(f"{name} wants several values, such as {example}; got {shown(values)}")
    return several


def along_with(experiments: Iterable[Experiment]) -> tuple[str, ...]:
    """Return the fields that `kernel_experiments` changes together with the kernel size, for `compare(along=)`.

    >>> along_with(kernel_experiments(Experiment(), stack=True))
    ('convs_per_block',)
    """
    check_arguments(along_with, locals())
    experiments = listed("experiments", experiments)
    check_arguments(along_with, {"experiments": experiments})
    return tuple(name for name in MAY_MOVE_ALONG if len({getattr(made, name) for made in experiments}) > 1)
