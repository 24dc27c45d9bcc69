"""What each contestant of `sweep.py` said, in; the tables and one line a target, in Markdown, out."""

from __future__ import annotations

import math
import statistics

LENGTH_COUNT = 5  # neighbours in the grid that differ in nothing but their length
LABELS = {
    "sweep": "**cnnlab `sweep`**, a worker a processor",
    "sweep-1": "`sweep`, one worker",
    "row": "the 18 longest trainings, plain `run` in a row",
    "separate": "all 90 trainings, plain `run` in a row",
    "loader": "nested loop, DataLoader over tensors",
    "loader-1": "the same on one thread",
    "transforms": "nested loop, torchvision's transforms",
}
LEVERS = {  # what it is: (the slower, the faster); the first four multiply to the whole
    "in-memory loop: `fit` on one thread for the DataLoader loop": ("loader", "separate"),
    "shared trajectories: the longest for all five lengths": ("separate", "row"),
    "store and scheduler: what they cost": ("row", "sweep-1"),
    "processes: a worker a processor for one": ("sweep-1", "sweep"),
    "all four": ("loader", "sweep"),
    "of the first, one thread for torch's own choice": ("loader", "loader-1"),
}
OVERHEAD = 0.02  # share of the time
TARGETS = {"loader": 3, "transforms": 4.5}


def differences(results: dict[str, list[dict] | str], name: str) -> list[float]:
    """Return by how much the contestant's validation accuracy is above that of `separate`, a number a cell and round.

    A cell is the mean over its five lengths: in a sweep these are one trajectory, so that they are not independent.
    """
    count = LENGTH_COUNT
    found = []
    for own, plain in zip(results[name], results["separate"], strict=True):
        above = [a - b for a, b in zip(own["accuracies"], plain["accuracies"], strict=True)]
        found += [statistics.fmean(above[place : place + count]) for place in range(0, len(above), count)]
    return found


def refuse_others(results: dict[str, list[dict] | str]) -> tuple[list[str], str]:
    """Return who learnt something else than 90 separate `run`s, and one line that says how near the others are.

    Noise is three standard errors of the mean paired difference over cells and rounds. `sweep` is allowed none: it must
    be equal to the last digit.
    """
    refused, shown = [], []
    for name, found in results.items():
        if isinstance(found, str) or name in ("separate", "row"):
            continue
        above = differences(results, name)
        mean, noise = statistics.fmean(above), 3 * statistics.stdev(above) / math.sqrt(len(above))
        if name.startswith("sweep"):
            equal = all(
                own["accuracies"] == plain["accuracies"] for own, plain in zip(found, results["separate"], strict=True)
            )
            shown.append(f"{name} {'equal' if equal else 'not equal'} in every digit")
        else:
            equal = abs(mean) <= noise
            shown.append(f"{name} {mean:+.4f}, noise ± {noise:.4f}")
        if not equal:
            refused.append(name)
    verdict = "NOT reached" if refused else "reached"
    return refused, f"- {verdict}: equal validation accuracy, against 90 separate `run`s: {', '.join(shown)}"


def ratios(results: dict[str, list[dict] | str], slower: str, faster: str) -> list[float]:
    """Return how many times the seconds of the one the other took, round by round."""
    pairs = zip(results[slower], results[faster], strict=True)
    return [one["seconds"] / other["seconds"] for one, other in pairs]


def spread(values: list[float], digits: int = 2) -> str:
    """Return the least and the largest of these numbers, for a table."""
    return f"{min(values):.{digits}f}–{max(values):.{digits}f}"


def table(results: dict[str, list[dict] | str], refused: list[str]) -> list[str]:
    """Return the lines of the table of contestants."""
    lines = ["| | seconds | × `sweep` | spread | validation accuracy |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, found in results.items():
        if isinstance(found, str):
            lines.append(f"| {LABELS[name]} | {found} | | | |")
            continue
        accuracy = statistics.fmean(statistics.fmean(result["accuracies"]) for result in found)
        told = "" if name == "row" else f"{accuracy:.4f}"  # other configurations, another mean
        if name in refused:
            lines.append(f"| {LABELS[name]} | refused | | | {told} |")
            continue
        seconds = statistics.median(result["seconds"] for result in found)
        against = ratios(results, name, "sweep")
        around = "" if name == "sweep" else spread(against)
        lines.append(f"| {LABELS[name]} | {seconds:.1f} | {statistics.median(against):.2f} | {around} | {told} |")
    return lines


def levers(results: dict[str, list[dict] | str], refused: list[str]) -> list[str]:
    """Return the lines of the table that says how much of the whole each lever is."""
    lines = ["| lever | × | spread |", "| --- | ---: | ---: |"]
    for words, pair in LEVERS.items():
        if any(isinstance(results[name], str) or name in refused for name in pair):
            lines.append(f"| {words} | not measured | |")
            continue
        found = ratios(results, *pair)
        lines.append(f"| {words} | {statistics.median(found):.2f} | {spread(found)} |")
    return lines


def targets(results: dict[str, list[dict] | str], refused: list[str]) -> list[str]:
    """Return one line a target of speed: reached or not, with its figure."""
    fair = [name for name, found in results.items() if isinstance(found, list) and name not in refused]
    lines = []
    for name, limit in TARGETS.items():
        words = f"{limit} × as fast as the {LABELS[name]}"
        if not {"sweep", name} <= set(fair):
            lines.append(f"- not measured: {words}")
            continue
        found = ratios(results, name, "sweep")
        verdict = "reached" if statistics.median(found) >= limit else "NOT reached"
        lines.append(f"- {verdict}: {words}: {statistics.median(found):.2f} × ({spread(found)})")
    return [*lines, overhead(results, fair)]


def overhead(results: dict[str, list[dict] | str], fair: list[str]) -> str:
    """Return one line: how much longer a sweep with one worker takes than the same trainings without a sweep."""
    words = f"store and scheduler under {OVERHEAD * 100:.0f} % of the time"
    if not {"sweep-1", "row"} <= set(fair):
        return f"- not measured: {words}"
    extra = [100 * (ratio - 1) for ratio in ratios(results, "sweep-1", "row")]
    # the same inside one process, where a machine that changes its speed makes no difference
    inside = [100 * (1 - result["training"] / result["seconds"]) for result in results["sweep-1"]]
    worse = max(statistics.median(extra), statistics.median(inside))
    verdict = "reached" if worse < 100 * OVERHEAD else "NOT reached"
    return (
        f"- {verdict}: {words}: {statistics.median(extra):+.1f} % beyond plain `run`s ({min(extra):+.1f} to "
        f"{max(extra):+.1f}); by the sweep's own clock {statistics.median(inside):.2f} % ({spread(inside)}) is no `run`"
    )
