"""Write the words of an estimation plot, beside its rows and below its axes, and work out the room that they need."""

from __future__ import annotations

import math

from cnnlab.comparison.compare import Comparison
from cnnlab.comparison.html_table import decimals
from cnnlab.comparison.verdicts import BETTER, HIGHER, LOWER, WORSE, Level
from cnnlab.plots.names import LONGEST, label_text
from cnnlab.plots.style import FLOOR_WORDS, LETTERS, axis_label, wrapped

SIGNS = {BETTER: "▲ ", WORSE: "▼ ", HIGHER: "▲ ", LOWER: "▼ "}
DIFFERENCE = "difference from the reference"
HOLLOW = "hollow: a seed that the reference lacks, in no mean"
SMALLEST_FONT, SMALL_LABELS = 5.0, 8.0  # points; labels of axes are small where there is little room
LINE = 1.3  # the height of a line of text, in font sizes
ROW = 1.15  # the height of a row, in heights of its words
WIDE_NAME = 18  # letters of a line left of a row


def name_lines(comparison: Comparison, level: Level, width: float) -> list[str]:
    """Return the words left of a row: the setting, its mean and its number of seeds."""
    name = wrapped(label_text(level.level, 2 * LONGEST), width / 19).split("\n")
    if math.isnan(level.mean):
        return [*name, "no number"]
    return [*name, f"{_number(level.mean, comparison)} · {level.seeds} seed{'s' * (level.seeds != 1)}"]


def number_lines(comparison: Comparison, level: Level) -> list[str]:
    """Return the words right of a row: the verdict, the difference, and its interval; of the reference, the floor."""
    if level is comparison.levels[0]:
        floor = comparison.noise_floor
        return ["reference", *([f"grey: ±{_number(floor, comparison)}"] if math.isfinite(floor) else [])]
    if math.isnan(level.difference):
        return [level.verdict]
    difference, low, high = (_number(value, comparison, "+") for value in (level.difference, level.low, level.high))
    verdict = f"{SIGNS.get(level.verdict, '')}{level.verdict}: {difference}"
    return [verdict, "no interval" if math.isnan(level.low) else f"{low} to {high}"]


def _number(value: float, comparison: Comparison, sign: str = "") -> str:
    """Return a number of the table as the table shows it; tiny ones as 1.2e−05, which is shorter."""
    digits = decimals(comparison.levels)
    return format(value, f"{sign}z.{digits}f" if digits <= 6 else f"{sign}.1e").replace("-", "−")


def in_words(comparison: Comparison, title: str) -> str:
    """Return what the comparison shows, for its alt text: each verdict with its difference, before what is compared."""
    reference, *others = comparison.levels
    verdicts = [
        f"{level.level} {level.verdict}"
        + ("" if math.isnan(level.difference) else f" {_number(level.difference, comparison, '+')}")
        for level in others
    ]
    against = f"{', '.join(verdicts)} against {reference.level} (mean {_number(reference.mean, comparison)})"
    words = f"{against}: {axis_label(comparison.metric)} by {comparison.what}."
    return f"{title}: {words}" if title else words


def words_below(comparison: Comparison, width: float, *, explained: bool) -> tuple[list[str], list[str]]:
    """Return the lines below the left Axes and those below the right ones."""
    missing = comparison.without_value
    left_out = f"{missing} run{'s' * (missing != 1)} left out" if missing else ""
    hollow = HOLLOW if any(unpaired_seeds(comparison, level) for level in comparison.levels) else ""
    floor = FLOOR_WORDS if explained and math.isfinite(comparison.noise_floor) else ""
    count = sum(comparison.diverged.values())
    diverged = f"{count} run{'s' * (count != 1)} diverged" if count else ""
    both = ((axis_label(comparison.metric), left_out, diverged, hollow), (DIFFERENCE, floor))
    names = [line for level in comparison.levels for line in name_lines(comparison, level, width)]
    room = width / (
        14.5 if max(map(len, names)) > WIDE_NAME else 12
    )  # letters; wide names leave less to the right half
    left, right = ([line for text in texts if text for line in wrapped(text, room).split("\n")] for texts in both)
    return left, right


def height_around(below: tuple[list[str], list[str]], font: float) -> float:
    """Return the points above and below the rows, for a title, the ticks and the lines below; font: their size."""
    return font * LINE * (3.5 + max(map(len, below)))


def font_sizes(
    names: list[list[str]], below: tuple[list[str], list[str]], width: float, height: float
) -> tuple[float, float]:
    """Return the size of the words beside the rows, and that of the axes' labels.

    The words of a row fit between those of its neighbours, and a narrow picture has small words. All are in points, as
    width and height are.
    """
    lines, largest, labels = max(2, *map(len, names)), 0.0, LETTERS
    for labels in (LETTERS, SMALL_LABELS):
        room = (height - height_around(below, labels)) / len(names) / (ROW * LINE * lines)
        largest = min(room, width / 38.5, LETTERS)
        if largest > labels - 0.5:
            break
    return max(SMALLEST_FONT, largest), labels


def height_of(comparison: Comparison, width: float, explained: bool) -> float:
    """Return the height, in inches, at which the words of a comparison have their full size.

    width: that of the comparison, in inches. explained: as in `draw_comparison`.
    """
    lines = max(2, *(len(name_lines(comparison, level, 72 * width)) for level in comparison.levels))
    around = height_around(words_below(comparison, 72 * width, explained=explained), LETTERS)
    return (around + len(comparison.levels) * lines * ROW * LINE * LETTERS) / 72


def unpaired_seeds(comparison: Comparison, level: Level) -> list[int]:
    """Return the seeds of a setting that the reference lacks, where others are paired."""
    paired = comparison.paired(level.level)
    return [seed for seed in comparison.values[level.level] if seed not in paired]
