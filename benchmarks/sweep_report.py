"""Write the tables and the lines about the targets of `sweep.py`, in Markdown, from its contestants' results."""

from __future__ import annotations

import math
import statistics

LENGTH_COUNT = 5  # neighbours in the grid that differ in their length only
LABELS = {
    "sweep": "**cnnlab `sweep`**, a worker per processor",
    "sweep-1": "`sweep`, one worker",
    "row": "the 18 longest trainings, plain `run` in a row",
    "separate": "all 90 trainings, plain `run` in a row",
    "loader": "nested loop, DataLoader over tensors",
    "loader-1": "the same on one thread",
    "transforms": "nested loop, torchvision's transforms",
}
LEVERS = {  # description: (the slower, the faster contestant); the first four multiply to the whole
    "in-memory loop: `fit` on one thread in place of the DataLoader loop": ("loader", "separate"),
    "shared trajectories: the longest in place of all five lengths": ("separate", "row"),
    "store and scheduler: their cost": ("row", "sweep-1"),
    "processes: a worker per processor in place of one": ("sweep-1", "sweep"),
    "all four": ("loader", "sweep"),
    "part of the first: one thread in place of torch's own choice": ("loader", "loader-1"),
}
OVERHEAD = 0.02  # share of the time
TARGETS = {"loader": 3.6, "transforms": 5.4}  # 1.2 times those of a `fit` that had ReLU before max pooling


def differences(results: dict[str, list[dict] | str], name: str) -> list[float]:
    """Return the contestant's validation accuracy minus that of `separate`, one number per cell of the grid and round.

    A cell is the mean over its five lengths: in a sweep these are one trajectory, so they are not independent.
    """
    count = LENGTH_COUNT
    result = []
    for own, plain in zip(results[name], results["separate"], strict=True):
        above = [a - b for a, b in zip(own["accuracies"], plain["accuracies"], strict=True)]
        result += [statistics.fmean(above[place : place + count]) for place in range(0, len(above), count)]
    return result


def refuse_others(results: dict[str, list[dict] | str]) -> tuple[list[str], str]:
    """Return the contestants that learnt something else than 90 separate `run`s, and a line about all of them.

    Noise is three standard errors of the mean paired difference over cells and rounds. `sweep` is allowed none: it must
    be equal to the last digit.
    """
    refused, shown = [], []
    for name, finished in results.items():
        if isinstance(finished, str) or name in ("separate", "row"):
            continue
        above = differences(results, name)
        mean, noise = statistics.fmean(above), 3 * statistics.stdev(above) / math.sqrt(len(above))
        if name.startswith("sweep"):
            equal = all(
                own["accuracies"] == plain["accuracies"]
                for own, plain in zip(finished, results["separate"], strict=True)
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
    """Return the seconds of the slower contestant divided by those of the faster, round by round."""
    pairs = zip(results[slower], results[faster], strict=True)
    return [long["seconds"] / short["seconds"] for long, short in pairs]


def spread(values: list[float], digits: int = 2) -> str:
    """Return the smallest and the largest of these numbers, for a table."""
    return f"{min(values):.{digits}f}–{max(values):.{digits}f}"


def table(results: dict[str, list[dict] | str], refused: list[str]) -> list[str]:
    """Return the lines of the table of contestants."""
    lines = ["| | seconds | × `sweep` | spread | validation accuracy |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, finished in results.items():
        if isinstance(finished, str):
            lines.append(f"| {LABELS[name]} | {finished} | | | |")
            continue
        accuracy = statistics.fmean(statistics.fmean(result["accuracies"]) for result in finished)
        shown = "" if name == "row" else f"{accuracy:.4f}"  # other configurations, another mean
        if name in refused:
            lines.append(f"| {LABELS[name]} | refused | | | {shown} |")
            continue
        seconds = statistics.median(result["seconds"] for result in finished)
        against = ratios(results, name, "sweep")
        around = "" if name == "sweep" else spread(against)
        lines.append(f"| {LABELS[name]} | {seconds:.1f} | {statistics.median(against):.2f} | {around} | {shown} |")
    return lines


def levers(results: dict[str, list[dict] | str], refused: list[str]) -> list[str]:
    """Return the lines of the table that shows the part of each lever in the whole gain."""
    lines = ["| lever | × | spread |", "| --- | ---: | ---: |"]
    for words, pair in LEVERS.items():
        if any(isinstance(results[name], str) or name in refused for name in pair):
            lines.append(f"| {words} | not measured | |")
            continue
        gains = ratios(results, *pair)
        lines.append(f"| {words} | {statistics.median(gains):.2f} | {spread(gains)} |")
    return lines


def targets(results: dict[str, list[dict] | str], refused: list[str]) -> list[str]:
    """Return one line per target of speed: reached or not, with its figure."""
    fair = [name for name, finished in results.items() if isinstance(finished, list) and name not in refused]
    lines = []
    for name, limit in TARGETS.items():
        words = f"{limit} × as fast as the {LABELS[name]}"
        if not {"sweep", name} <= set(fair):
            lines.append(f"- not measured: {words}")
            continue
        gains = ratios(results, name, "sweep")
        verdict = "reached" if statistics.median(gains) >= limit else "NOT reached"
        lines.append(f"- {verdict}: {words}: {statistics.median(gains):.2f} × ({spread(gains)})")
    return [*lines, overhead(results, fair)]


def overhead(results: dict[str, list[dict] | str], fair: list[str]) -> str:
    """Return a line that says how much longer a sweep with one worker takes than the same trainings without a sweep."""
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
