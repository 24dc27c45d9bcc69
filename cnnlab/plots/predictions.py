"""Guesses in, matplotlib Axes out: a comparison with the guess in it, and how well confidence and truth agree."""

from __future__ import annotations

from matplotlib.axes import Axes
from scipy import stats

from cnnlab.checks import check_choice
from cnnlab.comparison.compare import Comparison
from cnnlab.comparison.noise_floor import CONFIDENCE
from cnnlab.comparison.predictions import (
    Guess,
    Scorebook,
    answers,
    choose_scorebook,
    leading,
    right_answer,
    say_answer,
)
from cnnlab.comparison.verdicts import CANNOT_TELL
from cnnlab.errors import ConfigError
from cnnlab.plots.images import PALETTE, new_axes
from cnnlab.plots.runs import plot_comparison


def plot_guess(comparison: Comparison, guess: Guess, *, ax: Axes | None = None) -> Axes:
    """Draw a comparison with the guess marked in it; the title says whether it was right.

    The level with the best mean is the reference, so that the verdicts below the others answer "which is best?".

    >>> plot_guess(compare(runs, by="kernel_size"), Guess("5", 0.6))
    """
    found = leading(comparison)
    check_choice("answer", guess.answer, answers(comparison.values))
    ax = plot_comparison(found, ax=new_axes(ax))
    places = [place for place, row in enumerate(found.levels) if str(row.level) == guess.answer]
    middle = places[0] if places else (len(found.levels) - 1) / 2
    half = 0.42 if places else len(found.levels) / 2 - 0.08
    span = (middle - half, middle + half)
    if places:
        ax.axvspan(*span, facecolor="none", edgecolor=PALETTE[4], linestyle="--", linewidth=1.5, zorder=0)
    # "cannot tell" is a guess about all of them: the bracket reaches from the first to the last.
    ax.plot(span, [1, 1], color=PALETTE[4], linewidth=4, transform=ax.get_xaxis_transform(), clip_on=False)
    words = f"your guess: {CANNOT_TELL if not places else guess.answer}, {100 * guess.confidence:.0f} % sure"
    text = {"color": "0.15", "ha": "center", "va": "bottom", "parse_math": False, "fontweight": "bold"}
    ax.annotate(words, (middle, 1), (0, 5), xycoords=ax.get_xaxis_transform(), textcoords="offset points", **text)
    outcome = "✔ Right" if guess.answer == right_answer(comparison) else "✘ Not so"
    ax.set_title(f"{outcome}: {say_answer(comparison)}", pad=24, loc="left", fontsize=11, parse_math=False)
    return ax


def plot_calibration(scorebook: Scorebook | None = None, *, bins: int = 5, ax: Axes | None = None) -> Axes:
    """Draw how often guesses of each confidence were right; on the line, confidence and truth agree.

    The bars are 95 % intervals for the share (E. B. Wilson, JASA 22, 1927): with few guesses they are long. scorebook:
    None is that of this kernel. Raises ConfigError where no guess has been scored.

    >>> plot_calibration()
    """
    book = choose_scorebook(scorebook)
    found = book.calibration(bins=bins)
    if not found:
        raise ConfigError("plot_calibration: no guess has been scored yet; make one with PredictThenRun")
    ax = new_axes(ax, (4.2, 3.8))
    ax.plot([0, 1], [0, 1], color="0.5", linestyle="--", linewidth=1, label="as sure as right")
    for one in found:
        interval = stats.binomtest(round(one.right * one.guesses), one.guesses).proportion_ci(CONFIDENCE, "wilson")
        ax.vlines(one.confidence, interval.low, interval.high, color=PALETTE[4], alpha=0.5, linewidth=2)
        ax.annotate(f"n = {one.guesses}", (one.confidence, one.right), (7, 4), textcoords="offset points", fontsize=9)
    shares = [one.right for one in found]
    ax.plot([one.confidence for one in found], shares, "D", color=PALETTE[4], label="your guesses, 95 % interval")
    ax.set(xlabel="confidence (0–1)", ylabel="share that was right (0–1)", xlim=(-0.03, 1.1), ylim=(-0.05, 1.08))
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
