"""Write the table of a comparison as HTML, which notebooks show in place of its text."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from cnnlab.comparison.verdicts import Level
from cnnlab.formulas import KEPT, without_formulas

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
    levels = list(levels)
    digits = decimals(levels)
    headings = "".join(f'<th scope="col">{escape(name)}</th>' for name in (by, *HEADINGS))
    rows = "\n".join(f"<tr>{_row(level, digits)}</tr>" for level in levels)
    below = without_formulas("".join(f"\n<p>{escape(note)}</p>" for note in notes))
    return (
        f'<table class="{KEPT}">\n'
        f'<caption style="text-align: left">{escape(caption)}</caption>\n'
        f"<thead><tr>{headings}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>{below}"
    )


def decimals(levels: Iterable[Level]) -> int:
    """Return how many decimals the numbers of these rows need: four, and more where even the largest mean is tiny.

    >>> decimals([Level(3, 5, 0.00312)])
    6
    """
    largest = max((abs(level.mean) for level in levels if not math.isnan(level.mean)), default=0.0)
    return 3 - math.floor(math.log10(largest)) if 0 < largest < 0.01 else 4


def _row(level: Level, digits: int) -> str:
    """Return the cells of a level."""
    interval = "—" if math.isnan(level.low) else f"{_signed(level.low, digits)} to {_signed(level.high, digits)}"
    mean = "—" if math.isnan(level.mean) else f"{level.mean:.{digits}f}"
    cells = (str(level.seeds), mean, _signed(level.difference, digits), interval, level.verdict, level.why)
    return f'<th scope="row">{escape(str(level.level))}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells)


def _signed(value: float, digits: int) -> str:
    """Return a difference with its sign; a dash for NaN.

    >>> _signed(-0.01234, 4)
    '−0.0123'
    """
    return "—" if math.isnan(value) else f"{value:+z.{digits}f}".replace("-", "−")
