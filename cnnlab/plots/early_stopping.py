"""Draw where early stopping would have ended a recorded training, and which weights it would have kept."""

from __future__ import annotations

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from cnnlab.checks import check_choice
from cnnlab.plots.style import LETTERS, LOOK_OF_SPLIT, PAGE, PALETTE, UNITS, new_axes, whole_figure
from cnnlab.training.early_stopping import Stopping, check_recording, stopping
from cnnlab.training.history import History


def plot_stopping(
    history: History,
    *,
    epochs: int | None = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    metric: str = "loss",
    ax: Axes | None = None,
) -> Axes:
    """Draw a recorded training and where it would have stopped; epochs after that are greyed out.

    Parameters
    ----------
    history : History
        A recording with a validation loss.
    epochs, patience, min_delta
        The rule, as in `stopping`.
    metric : str
        "loss" or "accuracy": the curves that are drawn. The rule watches the validation loss in both cases.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_stopping(history, patience=10)
    """
    result = stopping(history, epochs=epochs, patience=patience, min_delta=min_delta)
    picture = StoppingPicture([history], metric, new_axes(ax, (PAGE, 3.6)))
    picture.show(history, result)
    if history.diverged:  # above the legend
        picture.ax.set_title("this training diverged", fontsize=LETTERS, pad=62)
    return picture.ax


class StoppingPicture:
    """The picture of `plot_stopping` for a live panel, which shows one recording after another on the same axes.

    Parameters
    ----------
    recordings : list of History
        All recordings that may be shown; the limits of the axes fit each of them.
    metric : str
        "loss" or "accuracy".
    ax : Axes
        Where to draw.
    """

    def __init__(self, recordings: list[History], metric: str, ax: Axes) -> None:
        check_choice("metric", metric, UNITS)
        self.recordings, self.ax, self.metric = recordings, ax, metric
        self._make_artists()
        self.set_limits(max(check_recording(history) for history in recordings))
        ax.set(xlabel="epoch", ylabel=UNITS[metric])
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.spines[["top", "right"]].set_visible(False)
        columns, size = (4, 9.0) if whole_figure(ax).get_figwidth() > PAGE else (2, LETTERS)
        place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2}
        ax.legend(frameon=False, ncols=columns, fontsize=size, **place)

    def set_limits(self, epochs: int) -> None:
        """Let the axes show this many epochs of every recording, from the first one on."""
        metrics = [f"{name}_{self.metric}" for name in LOOK_OF_SPLIT]
        values = [value for history in self.recordings for name in metrics for value in history[name][:epochs]]
        low, high = min(values), max(values)
        room = 0.05 * ((high - low) or 1.0)
        margin = max(0.5, 0.015 * epochs)
        self.ax.set(xlim=(1 - margin, epochs + margin), ylim=(low - room, high + room))
        for curve in self.curves.values():
            curve.set_markevery(max(1, epochs // 10))

    def _make_artists(self) -> None:
        ax, full_height = self.ax, self.ax.get_xaxis_transform()
        self.curves = {name: ax.plot([], [], markersize=4, zorder=2, **look)[0] for name, look in LOOK_OF_SPLIT.items()}
        (self.best,) = ax.plot([], [], "D", color="0.2", fillstyle="none", markersize=12, label="lowest loss", zorder=3)
        self.untrained = Rectangle((0, 0), 0, 1, transform=full_height, facecolor="0.93", alpha=0.8, edgecolor="0.6")
        self.untrained.set(linewidth=0, zorder=4, label="not trained")
        self.wait = Rectangle((0, 0), 0, 1, transform=full_height, facecolor=PALETTE[8], alpha=0.3, hatch="///")
        self.wait.set(edgecolor="0.6", linewidth=0, zorder=1, label="no improvement: waiting")
        for area in (self.wait, self.untrained):
            ax.add_patch(area)
        self.stop = ax.axvline(1, color=PALETTE[3], linestyle=":", linewidth=2, label="stopped", zorder=5)
        self.kept_line = ax.axvline(1, color=PALETTE[2], linestyle="-.", linewidth=1.5, zorder=5)
        look = {"color": PALETTE[2], "markersize": 13, "markeredgecolor": "white", "linestyle": "-."}
        (self.kept,) = ax.plot([], [], marker="*", label="weights kept", zorder=6, **look)

    @property
    def moving(self) -> list[Artist]:
        """The artists that `show` changes, from back to front."""
        return [
            self.wait, *self.curves.values(), self.best, self.untrained, self.stop, self.kept_line, self.kept,
        ]  # fmt: skip

    def show(self, history: History, result: Stopping) -> None:
        """Draw this recording, and where it stopped: result is what `stopping` returns for it."""
        for name, curve in self.curves.items():
            values = history[f"{name}_{self.metric}"]
            curve.set_data(range(1, len(values) + 1), values)
        end = self.ax.get_xlim()[1]
        self.untrained.set(x=result.stopped_in, width=max(0, end - result.stopped_in) if result.saved else 0)
        waited = result.stopped_in - result.waited_from if result.patience is not None else 0
        self.wait.set(x=result.waited_from, width=waited)
        self.stop.set_xdata([result.stopped_in] * 2)
        self.kept_line.set_xdata([result.kept.epoch] * 2)
        for mark, scores in ((self.kept, result.kept), (self.best, result.best)):
            mark.set_data([scores.epoch], [getattr(scores, self.metric)])
