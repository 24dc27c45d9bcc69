"""Apply the rule of early stopping, and say what it would have done to a recorded training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_number, check_whole
from cnnlab.errors import ConfigError
from cnnlab.training.history import History


class EarlyStopping:
    """Say after each epoch whether it is the best so far, and whether training ends.

    `fit` asks while it trains; `replay` and `stopping` ask about a recorded training.

    Parameters
    ----------
    patience : int, optional
        Training ends once more than this many epochs in a row were no improvement. None: it never ends.
    min_delta : float
        How far the validation loss (nats) must fall below the best one to be an improvement.

    >>> rule = EarlyStopping(patience=0)
    >>> rule.add_epoch({"epoch": 1, "validation_loss": 0.7}), rule.ends
    (True, False)
    """

    def __init__(self, patience: int | None, min_delta: float = 0.0) -> None:
        self.patience, self.min_delta = patience, min_delta
        self.epoch, self.best_epoch, self.best_loss = 0, 0, math.inf

    def add_epoch(self, row: Mapping[str, float]) -> bool:
        """Take in the `History` row of the next epoch; return whether its validation loss is the best so far."""
        self.epoch = int(row["epoch"])
        loss = row.get("validation_loss", math.inf)
        if loss < self.best_loss - self.min_delta:
            self.best_epoch, self.best_loss = self.epoch, loss
        return self.best_epoch == self.epoch

    @property
    def ends(self) -> bool:
        """Whether training ends after the latest epoch."""
        return self.patience is not None and self.epoch - self.best_epoch > self.patience


def replay(history: History, *, epochs: int, patience: int | None = None, min_delta: float = 0.0) -> History | None:
    """Return the history that the same training would have left with fewer epochs, or with patience.

    A shorter training is the beginning of a longer one, bit for bit. So nothing is trained.

    Parameters
    ----------
    history : History
        The recorded training.
    epochs : int
        The largest number of epochs.
    patience, min_delta
        As in `fit`.

    Returns
    -------
    History or None
        None if the recording is too short to tell.

    >>> replay(history, epochs=350, patience=10).best_epoch
    41
    """
    check_arguments(replay, locals(), epochs=0, patience=0, min_delta=0.0)
    settings = history.settings | {"epochs": epochs, "patience": patience, "min_delta": min_delta}
    if settings == history.settings and history.stopped_by in ("epochs", "patience"):
        return history
    rule, rows = EarlyStopping(patience, min_delta), []
    for row in history.rows[:epochs]:
        rows.append(row)
        rule.add_epoch(row)
        if rule.ends:
            break
    if rule.ends or len(rows) == epochs:
        stopped_by = "patience" if rule.ends else "epochs"
        ended = (rule.best_epoch, stopped_by, len(rows))
        return History(settings, history.environment, rows, *ended, classes=history.classes)
    if history.stopped_by == "diverged":
        return replace(history, settings=settings, rows=rows, best_epoch=rule.best_epoch)
    return None


class Scores(NamedTuple):
    """The scores on the validation images after one epoch: loss in nats, accuracy 0–1."""

    epoch: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Stopping:
    """Where early stopping would have ended a recorded training, what that saves, and what it costs.

    Parameters
    ----------
    recorded : int
        How many epochs were recorded.
    epochs, patience, min_delta
        The settings that were asked for; see `stopping`.
    stopped_in : int
        The last epoch that would have been trained.
    stopped_by : str
        "patience" or "epochs".
    waited_from : int
        The last epoch that was an improvement.
    kept : Scores
        The epoch whose weights the network would have.
    best : Scores
        The epoch with the lowest validation loss of the whole recording. Nobody knows it while training.
    last : Scores
        The last epoch of the recording.
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

    def __post_init__(self) -> None:
        check_arguments(
            Stopping, vars(self), recorded=0, epochs=0, patience=0, min_delta=0.0, stopped_in=0, waited_from=0
        )

    @property
    def best_epoch(self) -> int:
        """The epoch with the lowest validation loss among those trained, as in `History`; patience keeps its weights.

        A later epoch of the recording may be better: that is `best.epoch`.
        """
        return self.waited_from

    @property
    def saved(self) -> int:
        """How many epochs fewer than the recording would have been trained."""
        return self.recorded - self.stopped_in

    @property
    def saved_share(self) -> float:
        """The epochs saved, as a share of the recording, 0–1."""
        return self.saved / self.recorded

    @property
    def cost(self) -> float:
        """How much higher the kept epoch's validation loss is than the lowest of the recording (nats); 0 or more."""
        return self.kept.loss - self.best.loss

    @property
    def words(self) -> str:
        """What would have happened, what it saves and what it costs, in sentences."""
        sentences = [f"{self._ended()}, {self._kept()}", self._saved(), self._cost()]
        if self.kept.epoch != self.last.epoch:
            sentences.append(self._accuracy())
        return " ".join(f"{sentence}." for sentence in sentences)

    def _ended(self) -> str:
        if self.stopped_by == "patience":
            return f"Ran out of patience after epoch {self.stopped_in}"
        return f"Trained all {self.epochs} epochs" if self.epochs > 1 else "Trained the one epoch"

    def _kept(self) -> str:
        kept = "kept the last weights" if self.patience is None else f"kept the weights of epoch {self.kept.epoch}"
        return f"{kept}: validation loss {self.kept.loss:.3f}, accuracy {self.kept.accuracy:.3f}"

    def _saved(self) -> str:
        # 100 % would mean that nothing was trained, and 0 % stands for no epoch saved at all
        percent = min(99, max(1, round(100 * self.saved_share))) if self.saved else 0
        return f"Saved: {self.saved} of {self.recorded} epochs ({percent} %)"

    def _cost(self) -> str:
        if self.kept.epoch == self.best.epoch:
            return "Cost: nothing, no recorded epoch has a lower loss"
        cost = f"{self.cost:.3f}" if self.cost >= 0.0005 else "less than 0.001"
        return f"Cost: {cost} of loss against epoch {self.best.epoch}, the best of the recording"

    def _accuracy(self) -> str:
        gap = self.kept.accuracy - self.last.accuracy
        compared = f"{abs(gap):.3f} {'above' if gap > 0 else 'below'}" if round(gap, 3) else "the same as"
        return f"Accuracy: {compared} that after epoch {self.last.epoch}, the last recorded"

    def __repr__(self) -> str:
        return f"Stopping({self.words})"


def stopping(
    history: History, *, epochs: int | None = None, patience: int | None = None, min_delta: float = 0.0
) -> Stopping:
    """Say where early stopping would have ended a recorded training, what that saves and what it costs.

    Parameters
    ----------
    history : History
        The recorded training, with a validation loss in every epoch.
    epochs : int, optional
        How many epochs are planned, at most as many as were recorded. None: all of them.
    patience, min_delta
        As in `fit`. Without patience the last weights are kept.

    Raises
    ------
    ConfigError
        If a setting is impossible, or the recording has no validation loss.

    >>> stopping(history, patience=10).saved_share
    0.89
    """
    recorded = check_recording(history)
    epochs = recorded if epochs is None else check_whole("epochs", epochs, 1)
    if epochs > recorded:
        raise ConfigError(f"epochs={epochs}, but {recorded} were recorded; try epochs={recorded} or fewer")
    patience = patience if patience is None else check_whole("patience", patience, 0)
    min_delta = check_number("min_delta", min_delta, 0)
    shorter = replay(history, epochs=epochs, patience=patience, min_delta=min_delta)
    assert shorter is not None  # since all of these epochs were recorded
    scores = [Scores(int(row["epoch"]), row["validation_loss"], row["validation_accuracy"]) for row in history.rows]
    stopped_in = len(shorter)
    kept = stopped_in if patience is None else shorter.best_epoch
    return Stopping(
        recorded, epochs, patience, min_delta, stopped_in, shorter.stopped_by, shorter.best_epoch,
        kept=scores[kept - 1], best=min(scores, key=lambda score: score.loss), last=scores[-1],
    )  # fmt: skip


def check_recording(history: object) -> int:
    """Return how many epochs were recorded; raise ConfigError unless it is a History with validation losses."""
    if not isinstance(history, History):
        raise ConfigError(f"wanted a History, such as fit() returns or run(…).history, got {type(history).__name__}")
    if not len(history):
        raise ConfigError(f"this recording has no finished epoch ({history.message}); take another run")
    if not all("validation_loss" in row for row in history.rows):
        raise ConfigError("this recording has no validation loss, which early stopping watches; load validation images")
    return len(history)
