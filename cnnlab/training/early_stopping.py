"""A recorded training in; out: where early stopping would have ended it, what that saves, and what it costs.

Early stopping watches the validation loss: `fit` has the rule, `replay` reads it off a recording. Nothing is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from cnnlab.checks import check_number, check_whole
from cnnlab.errors import ConfigError
from cnnlab.training.history import History, replay


class Scores(NamedTuple):
    """What the validation images said after an epoch: loss in nats, accuracy 0–1."""

    epoch: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Stopping:
    """What `stopping` found.

    recorded: epochs of the whole recording. epochs, patience, min_delta: what was asked. stopped_in: the last epoch
    that would have been trained; stopped_by: "patience" or "epochs". kept: the epoch whose weights the network would
    have. waited_from: the last epoch that counted as an improvement. best: the epoch with the lowest validation loss of
    the whole recording, which nobody knows while training. last: the last epoch of the recording.
    """

    recorded: int
    epochs: int
    patience: int | None
    min_delta: float
    stopped_in: int
    stopped_by: str
    waited_from: int
    kept: Scores
    best: Scores
    last: Scores

    @property
    def saved(self) -> int:
        """Epochs saved, against the whole recording."""
        return self.recorded - self.stopped_in

    @property
    def saved_share(self) -> float:
        """The same as a share of the recording, 0–1."""
        return self.saved / self.recorded

    @property
    def cost(self) -> float:
        """How much higher the kept epoch's validation loss is than the lowest of the recording (nats); 0 or more."""
        return self.kept.loss - self.best.loss

    @property
    def words(self) -> str:
        """What happened, what it saved and what it cost, in words."""
        ended = f"Ran out of patience after epoch {self.stopped_in}"
        if self.stopped_by == "epochs":
            ended = f"Trained all {self.epochs} epochs" if self.epochs > 1 else "Trained the one epoch"
        kept = "kept the last weights" if self.patience is None else f"kept the weights of epoch {self.kept.epoch}"
        scores = f"validation loss {self.kept.loss:.3f}, accuracy {self.kept.accuracy:.3f}"
        share = min(99, max(1, round(100 * self.saved_share))) if self.saved else 0  # all: never; nothing: only if so
        saved = f"Saved: {self.saved} of {self.recorded} epochs ({share} %)"
        lost = f"{self.cost:.3f}" if self.cost >= 0.0005 else "less than 0.001"
        cost = f"Cost: {lost} of loss against epoch {self.best.epoch}, the best of the recording"
        if self.kept.epoch == self.best.epoch:
            cost = "Cost: nothing, no recorded epoch has a lower loss"
        gap = self.kept.accuracy - self.last.accuracy
        compared = f"{abs(gap):.3f} {'above' if gap > 0 else 'below'}" if round(gap, 3) else "the same as"
        last = f"Accuracy: {compared} that after epoch {self.last.epoch}, the last recorded"
        ending = "" if self.kept.epoch == self.last.epoch else f" {last}."
        return f"{ended}, {kept}: {scores}. {saved}. {cost}.{ending}"

    def __repr__(self) -> str:
        return f"Stopping({self.words})"


def stopping(
    history: History, *, epochs: int | None = None, patience: int | None = None, min_delta: float = 0.0
) -> Stopping:
    """Say where the recorded training would have stopped, what that saves and what it costs.

    epochs: how many are planned, at most as many as were recorded (None: all of them). patience and min_delta as in
    `fit`; without patience the last weights are kept. Raises ConfigError where the recording has no validation loss.

    >>> stopping(history, patience=10).saved_share
    0.89
    """
    recorded = check_recording(history)
    epochs = recorded if epochs is None else check_whole("epochs", epochs, 1)
    if epochs > recorded:
        raise ConfigError(f"epochs={epochs}, but {recorded} were recorded; try epochs={recorded} or fewer")
    patience = patience if patience is None else check_whole("patience", patience, 0)
    min_delta = check_number("min_delta", min_delta, 0)
    part = replay(history, epochs=epochs, patience=patience, min_delta=min_delta)
    scores = [Scores(row["epoch"], row["validation_loss"], row["validation_accuracy"]) for row in history.rows]
    stopped_in = len(part)
    kept = stopped_in if patience is None else part.best_epoch
    return Stopping(
        recorded, epochs, patience, min_delta, stopped_in, part.stopped_by, part.best_epoch,
        kept=scores[kept - 1], best=min(scores, key=lambda one: one.loss), last=scores[-1],
    )  # fmt: skip


def check_recording(history: object) -> int:
    """Return how many epochs were recorded; ConfigError unless it is a History with a validation loss in each."""
    if not isinstance(history, History):
        raise ConfigError(f"wanted a History, such as fit() returns or run(…).history, got {type(history).__name__}")
    if not len(history):
        raise ConfigError(f"this recording has no finished epoch ({history.message}); take another run")
    if not all("validation_loss" in row for row in history.rows):
        raise ConfigError("this recording has no validation loss, which early stopping watches; load validation images")
    return len(history)
