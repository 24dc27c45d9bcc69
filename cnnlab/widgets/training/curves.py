"""The live picture of a training: loss and accuracy, of training and validation, over the epochs."""

from __future__ import annotations

from matplotlib.ticker import MaxNLocator

from cnnlab.plots.style import TRAIN, UNITS, VALIDATION
from cnnlab.training.history import History
from cnnlab.widgets.web.live_plot import LivePlot

# The position of both axes, with room for their labels. To let matplotlib find it takes as long as all the rest.
PLACES = {"left": 0.085, "right": 0.985, "bottom": 0.19, "top": 0.9, "wspace": 0.24}
EMPTY = "loss and accuracy over the epochs, empty"
SHOWN = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")


class Curves(LivePlot):
    """Show the curves of one training while it goes on.

    Attributes
    ----------
    lines : dict
        Metric → its line.

    >>> curves = Curves()
    >>> curves.show_history(run.history, epochs=5)
    """

    def __init__(self) -> None:
        super().__init__(8.2, 2.8, label=EMPTY)
        axes = self.figure.subplots(1, 2, gridspec_kw=PLACES)
        self.lines = {}
        for ax, metric in zip(axes, ("loss", "accuracy"), strict=True):
            for split, look in (("train", TRAIN), ("validation", VALIDATION)):
                (self.lines[f"{split}_{metric}"],) = ax.plot([], [], markersize=4, **look)
            ax.set(xlabel="epoch", ylabel=UNITS[metric], ylim=(0, 1))
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            ax.spines[["top", "right"]].set_visible(False)
        above = (1, 0.97)  # of the axes, so that the legend hides no curve
        axes[1].legend(frameon=False, loc="lower right", bbox_to_anchor=above, ncols=2)
        self._loss_axes = axes[0]
        self.show_history(None, epochs=5)

    def show_history(self, history: History | None, *, epochs: int) -> None:
        """Draw the curves so far, on an axis of `epochs`; the vertical axis grows with the highest loss."""
        highest = 0.0
        for name, line in self.lines.items():
            values = history[name] if history is not None else []
            line.set_data(range(1, len(values) + 1), values)
            line.set_markevery(max(1, len(values) // 10))
            highest = max([highest, *values]) if name.endswith("loss") else highest
        ax = self._loss_axes
        if history is None or highest > ax.get_ylim()[1] or ax.get_ylim()[1] > 4 * highest > 0:
            ax.set_ylim(0, 1.1 * highest or 1)
            for axes in self.figure.axes:
                axes.set_xlim(0.5, max(2, epochs) + 0.5)
            self.freeze(list(self.lines.values()), solve=False)
        self.show(label=_in_words(history))


def _in_words(history: History | None) -> str:
    """Describe the curves for a screen reader."""
    if not history:
        return EMPTY
    values = [f"{name.replace('_', ' ')} {history[name][-1]:.3f}" for name in history.rows[-1] if name in SHOWN]
    return f"loss and accuracy over the epochs; after epoch {len(history)}: {', '.join(values)}"
