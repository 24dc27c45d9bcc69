"""Stop a training early: the right way, and with known mistakes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch


def stop_early(
    losses: Sequence[float],
    patience: int,
    *,
    allowed: int = 0,
    ties_count: bool = False,
    with_the_last: bool = False,
    in_a_row: bool = True,
) -> tuple[int, int]:
    """Return the last epoch trained and the epoch kept, both counted from 1.

    Parameters
    ----------
    losses : sequence of float
        The validation loss after each epoch.
    patience : int
        How many epochs in a row may fail to lower the loss.
    allowed : int
        A mistake: so many epochs more.
    ties_count, with_the_last, in_a_row : bool
        Mistakes: an equal loss is lower; compare with the epoch before, not with the best; count all epochs.
    """
    best, kept, waited = math.inf, 0, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < best or (ties_count and loss == best):
            best, kept, waited = loss, epoch, 0 if in_a_row else waited
        else:
            waited += 1
        if with_the_last:
            best = loss
        if waited > patience + allowed:
            return epoch, kept
    return len(losses), kept


def _swapped(losses: Sequence[float], patience: int) -> tuple[int, int]:
    last, kept = stop_early(losses, patience)
    return kept, last


def _stop_at_patience(losses: Sequence[float], patience: int) -> tuple[int, int]:
    """Stop one epoch earlier, as Keras does; without patience nothing changes."""
    return stop_early(losses, patience, allowed=-1 if patience else 0)


EARLY = "You stop one epoch too early, as Keras does. Here so many epochs are allowed; the next one ends the training."
STOP_MISTAKES = (
    (lambda x, p: stop_early(x, p, allowed=-1), EARLY),
    (_stop_at_patience, EARLY),
    (lambda x, p: stop_early(x, p, allowed=1), "You stop one epoch too late."),
    (lambda x, p: tuple(epoch - 1 for epoch in stop_early(x, p)), "Count the epochs from 1, not from 0."),
    (lambda x, p: (stop_early(x, p)[0] - 1, stop_early(x, p)[1]), "Count both epochs from 1, not from 0."),
    (lambda x, p: (stop_early(x, p)[0], stop_early(x, p)[1] - 1), "Count both epochs from 1, not from 0."),
    (lambda x, p: (stop_early(x, p)[0],) * 2, "The weights of the best epoch are kept, not those of the last."),
    (
        lambda x, p: (stop_early(x, p)[1],) * 2,
        "Training goes on after the best epoch: nobody knows yet that it is the best.",
    ),
    (
        lambda x, p: (stop_early(x, p)[0], 1 + min(range(len(x)), key=x.__getitem__)),
        "You keep an epoch that was never trained. Look only at the epochs before the end.",
    ),
    (lambda x, p: stop_early(x, p, ties_count=True), "An equal loss is not lower."),
    (
        lambda x, p: stop_early(x, p, with_the_last=True),
        "Compare with the best loss so far, not with the epoch before.",
    ),
    (
        lambda x, p: stop_early(x, p, in_a_row=False),
        "Only epochs in a row count: a lower loss begins the count again.",
    ),
    (_swapped, "You return the two epochs the other way round."),
    (
        lambda x, p: (stop_early(x, p)[0], min(x[: stop_early(x, p)[0]])),
        "Return the epoch that is kept, not its loss.",
    ),
)


def make_curves(generator: torch.Generator) -> list[tuple]:
    """Return validation losses and a patience; each curve brings out another mistake."""
    shapes = [
        ([5, 4, 3, 3.5, 3.4, 3.6, 3.7, 2, 1], 2),  # lower again, after the end
        ([5, 4, 4, 4, 4, 4, 3], 3),  # equal losses
        ([5, 4, 3, 2, 1.5, 1.8, 1.2], 3),  # never stops
        ([5, 3, 4, 4.5], 5),  # never stops, and the last is not the best
        ([5, 6, 4, 5, 3, 4, 2, 3, 2.5, 2.7, 2.9], 2),  # never more than one in a row, until the end
        ([5, 4, 4.5, 3], 0),  # no patience
        ([5, 4, 3.999, 3.998, 3.997, 4.2, 4.3], 1),  # lower by very little
    ]
    curves = []
    for shape, patience in shapes:
        numbers = torch.rand(3, generator=generator).tolist()
        before = [10 - step for step in range(int(4 * numbers[0]))]
        curves.append(([numbers[1] + (0.1 + numbers[2]) * value for value in (*before, *shape)], patience))
    return curves
