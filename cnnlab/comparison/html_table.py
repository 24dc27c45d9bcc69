"""Write the table of a comparison as HTML, which notebooks show in place of its text."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from cnnlab.comparison.verdicts import Level

HEADINGS = ("seeds", "mean", "difference", "95 % interval", "verdict", "why")


def html_table(caption: str, by: str, levels: Iterable[Level], notes: Iterable[str]) -> str:
    """Return a table with a row for each level; it has no colours of its own, so that it fits light and dark pages.

    Parameters
    ----------
    caption : str
        The title of the table.
    by : str
        The heading of the first column, which names each row.
    levels : iterable of Level
        The rows.
    notes : iterable of str
        Sentences below the table.
    """
    headings = "".join(f'<th scope="col">{escape(name)}</th>' for name in (by, *HEADINGS))
    rows = "\n".join(f"<tr>{_row(level)}</tr>" for level in levels)
    below = "".join(f"\n<p>{escape(note)}</p>" for note in notes)
    # The classes keep MathJax from reading a $ in a folder's name as the begin of a formula.
    return (
        '<table class="tex2jax_ignore mathjax_ignore">\n'
        f'<caption style="text-align: left">{escape(caption)}</caption>\n'
        f"<thead><tr>{headings}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>{below}"
    )


def _row(level: Level) -> str:
    """Return the cells of a level."""
    interval = "—" if math.isnan(level.low) else f"{_signed(level.low)} to {_signed(level.high)}"
    mean = "—" if math.isnan(level.mean) else f"{level.mean:.4f}"
    cells = (str(level.seeds), mean, _signed(level.difference), interval, level.verdict, level.why)
    return f'<th scope="row">{escape(str(level.level))}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells)


def _signed(value: float) -> str:
    """Return a difference with its sign and four decimals; a dash for NaN.

    >>> _signed(-0.01234)
    '−0.0123'
    """
    return "—" if math.isnan(value) else f"{value:+z.4f}".replace("-", "−")
