"""Say in words what a figure shows: the alt text of every picture in a notebook, from the data that it draws.

Jupyter stores the words with the picture, in the metadata of the output: `{"image/png": {"alt": "…"}}`.
"""

from __future__ import annotations

import weakref

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnnlab.plots.alt_looks import LOOKS, between, curves_of, plain, title_of

LONGEST = 600  # letters: enough for the verdicts of four comparisons
NAMES = 170  # letters of them for the names of many plots
MOST = 4  # plots in a figure that are described one by one
_SAID: weakref.WeakKeyDictionary[Axes | Figure, str] = weakref.WeakKeyDictionary()


def describe(shown: Axes | Figure, words: str) -> None:
    """Set the alt text of Axes or of a whole figure, in place of the one that `alt_text` makes.

    >>> describe(ax, f"Saliency of a {name}: {share:.0%} of it lies on the digit.")
    """
    _SAID[shown] = words


def alt_text(figure: Figure) -> str:
    """Return what the figure shows, in at most LONGEST letters: words of `describe`, else titles, labels and ranges.

    >>> alt_text(plot_history(history).figure)
    'loss (nats) over epoch 1 to 5: training from 1.9 to 0.42; validation from 1.2 to 0.51.'
    """
    axes = [part for ax in figure.axes if ax.get_visible() for part in (ax, *ax.child_axes)]
    axes = [ax for ax in axes if isinstance(ax, Axes) and not hasattr(ax, "_colorbar")]
    title = plain(figure.get_suptitle())
    words = _SAID.get(figure) or (_overview(axes) if len(axes) > MOST else " ".join(map(_describe_axes, axes)))
    return cut_to(f"{title}. {words}" if title else words.strip(), LONGEST)


def for_jupyter(figure: Figure) -> tuple[dict, dict]:
    """Return no data, and the metadata of the PNG that Jupyter makes. `import cnnlab` gives it to Jupyter."""
    return {}, {"image/png": {"alt": alt_text(figure)}}


def _describe_axes(ax: Axes) -> str:
    """Return a sentence on the Axes: their title, and what is drawn on them; "" for empty ones."""
    if ax in _SAID:
        return _SAID[ax]
    title, drawn = title_of(ax), next(filter(None, (look(ax) for look in LOOKS)), "")
    return f"{': '.join(filter(None, [title, drawn]))}." if title or drawn else ""


def _overview(axes: list[Axes]) -> str:
    """Describe many Axes: by their names and between which values each curve ends on all of them.

    If they have no curves, each is described; their names come first only where the words will be cut.
    """
    shown = [ax for ax in axes if _describe_axes(ax)]
    are_labelled = all(ax.get_ylabel() for ax in shown)  # else a label may be the name of a whole row
    names: dict[str, None] = {}
    ends: dict[str, list[float]] = {}
    for ax in shown:
        title, label = title_of(ax), plain(ax.get_ylabel())
        of_axes = [title or label] if are_labelled else [title, label] if title or label else [plain(ax.get_xlabel())]
        names |= dict.fromkeys(of_axes)
        for name, _, ys in curves_of(ax):
            if name:
                ends.setdefault(" ".join(filter(None, [label if are_labelled else "", name])), []).append(ys[-1])
    last = "; ".join(f"{name} ends {between(values)}" for name, values in ends.items())
    each = " ".join(map(_describe_axes, shown))
    if not last and len(each) <= LONGEST:
        return each
    words = cut_to(f"{len(shown)} plots: {', '.join(filter(None, names))}", NAMES)
    return f"{words}. {last or each}"


def cut_to(words: str, length: int) -> str:
    """Return at most so many letters of the words, cut between two of them."""
    return words if len(words) <= length else words[: length - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"
