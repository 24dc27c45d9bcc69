"""The live pictures of a training: loss and accuracy, of training and validation, over the epochs."""

from __future__ import annotations

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cnnlab.plots.style import TRAIN, UNITS, VALIDATION
from cnnlab.training.history import History
from cnnlab.widgets.base import flowing_row
from cnnlab.widgets.web.live_plot import LivePlot

SIZE = (3.9, 2.8)  # inches; on a narrow page one is below the other
# The position of the axes, with room for their labels. To let matplotlib find it takes as long as all the rest.
PLACES = {"left": 0.16, "right": 0.97, "bottom": 0.19, "top": 0.9}
SPLITS = {"train": TRAIN, "validation": VALIDATION}


class Curves(ipywidgets.VBox):
    """Show the curves of one training while it goes on: the loss at the left, the accuracy at the right.

    Attributes
    ----------
    plots : dict
        "loss" and "accuracy", each with its LivePlot.
    lines : dict
        Metric → its line.

    >>> curves = Curves()
    >>> curves.show_history(run.history, epochs=5)
    """

    def __init__(self) -> None:
        self.plots = {metric: LivePlot(*SIZE, label="") for metric in ("loss", "accuracy")}
        self.lines: dict[str, Line2D] = {}
        for metric, plot in self.plots.items():
            ax = plot.figure.subplots(gridspec_kw=PLACES)
            for split, look in SPLITS.items():
                (self.lines[f"{split}_{metric}"],) = ax.plot([], [], markersize=4, **look)
            ax.set(xlabel="epoch", ylabel=UNITS[metric], ylim=(0, 1))
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            ax.spines[["top", "right"]].set_visible(False)
            above = (1, 0.97)  # of the axes, so that the legend hides no curve
            ax.legend(frameon=False, loc="lower right", bbox_to_anchor=above, ncols=2)
        super().__init__([flowing_row(*self.plots.values())])
        self.show_history(None, epochs=5)

    def show_history(self, history: History | None, *, epochs: int) -> None:
        """Draw the curves so far, on an axis of `epochs`; the vertical axis grows with the highest loss."""
        for metric, plot in self.plots.items():
            lines = [self.lines[f"{split}_{metric}"] for split in SPLITS]
            curves = [history[f"{split}_{metric}"] if history is not None else [] for split in SPLITS]
            for line, values in zip(lines, curves, strict=True):
                line.set_data(range(1, len(values) + 1), values)
                line.set_markevery(max(1, len(values) // 10))
            ax = plot.figure.axes[0]
            top = 1.0 if metric == "accuracy" else _top(ax, max([0.0, *curves[0], *curves[1]]), anew=history is None)
            if history is None or top != ax.get_ylim()[1]:
                ax.set(ylim=(0, top), xlim=(0.5, max(2, epochs) + 0.5))
                plot.freeze(lines, solve=False)
            plot.show(label=_in_words(metric, history))


def _top(ax: Axes, highest: float, *, anew: bool) -> float:
    """Return the upper end of the axis: the present one, unless the highest loss does not fit it well any more."""
    top = ax.get_ylim()[1]
    return 1.1 * highest or 1.0 if anew or highest > top or top > 4 * highest > 0 else top


def _in_words(metric: str, history: History | None) -> str:
    """Describe the curves for a screen reader."""
    if not history:
        return f"{metric} over the epochs, empty"
    names = [f"{split}_{metric}" for split in SPLITS if history[f"{split}_{metric}"]]
    values = [f"{name.replace('_', ' ')} {history[name][-1]:.3f}" for name in names]
    return f"{metric} over the epochs; after epoch {len(history)}: {', '.join(values)}"
