"""How long it takes to look inside: a probe of all layers, a montage of maps, a recorder. Lines of Markdown out.

Each figure stands beside what a student would write, or beside the training without it, measured in the same run.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import torch

from cnnlab import Recorder, activation_statistics, build_cnn, capture, fit, load_data, plot_maps

ROUNDS = 7


def seconds(*tasks: Callable[[], object], rounds: int = ROUNDS) -> list[list[float]]:
    """Return the seconds of each task, round by round: all once, then all again. The first round does not count."""
    taken: list[list[float]] = [[] for _ in tasks]
    for _ in range(rounds + 1):
        for task, found in zip(tasks, taken, strict=True):
            start = time.perf_counter()
            task()
            found.append(time.perf_counter() - start)
    return [found[1:] for found in taken]


def told(figure: list[float], scale: float, unit: str) -> str:
    """Return a median with its spread."""
    values = [scale * value for value in figure]
    return f"{statistics.median(values):.3g} {unit} ({min(values):.3g}–{max(values):.3g})"


def verdict(reached: bool) -> str:
    return "reached" if reached else "NOT reached"


def draw(plot: Callable[[], object]) -> None:
    """Draw a figure to PNG, as a notebook does."""
    plot()
    plt.gcf().savefig(io.BytesIO(), format="png", dpi=72)
    plt.close("all")


def grid_of_axes(maps: torch.Tensor) -> None:
    """Draw one map an axes, as a student writes it."""
    _, axes = plt.subplots(4, 8, figsize=(8, 4))
    for ax, one in zip(axes.flat, maps, strict=True):
        ax.imshow(one)
        ax.axis("off")


def montage(model, images) -> str:
    with torch.no_grad(), capture(model, "relu2") as seen:
        model(images[:1])
    maps = seen["relu2"][0]  # (32, 14, 14)
    _, ax = plt.subplots(figsize=(8, 4))
    figure = ax.figure

    def again() -> None:  # the figure is there already, as in a panel
        figure.clear()
        plot_maps(maps, ax=figure.add_subplot())
        figure.savefig(io.BytesIO(), format="png", dpi=72)

    ours, new, theirs = seconds(again, lambda: draw(lambda: plot_maps(maps)), lambda: draw(lambda: grid_of_axes(maps)))
    ratio = statistics.median(other / own for own, other in zip(new, theirs, strict=True))
    median = statistics.median(ours)
    return (
        f"- {verdict(median < 0.05)}: a montage of 32 maps as PNG in under 50 ms: {told(ours, 1000, 'ms')}; as a new "
        f"figure {told(new, 1000, 'ms')}; 32 axes {told(theirs, 1000, 'ms')}, {ratio:.1f} times as long"
    )


def probe(model, images) -> str:
    def forward() -> None:
        with torch.no_grad():
            for part in images.split(250):
                model(part)

    ours, theirs = seconds(lambda: activation_statistics(model, images), forward)
    ratio = statistics.median(own / other for own, other in zip(ours, theirs, strict=True))
    return (
        f"- {verdict(statistics.median(ours) < 1)}: a probe of all layers over 1,000 images in under 1 s: "
        f"{told(ours, 1, 's')}, {ratio:.1f} times a forward pass of them"
    )


def recorder(data, size: int, every: int) -> str:
    record = Recorder(every=every)

    def train(on_epoch=None) -> None:
        fit(build_cnn(), data, epochs=2 * every, on_epoch=on_epoch, progress=False)

    plain, recorded = seconds(train, lambda: train(record), rounds=5)
    shares = [one / other - 1 for one, other in zip(recorded, plain, strict=True)]
    often = "every epoch" if every == 1 else f"every {every} epochs"
    return (
        f"- {verdict(statistics.median(shares) < 0.1)}: gradient flow of two batches {often}, {size:,} images, in "
        f"under 10 % of the training: {told(shares, 100, '%')}"
    )


def main() -> None:
    data = load_data("mnist", train=5000, validation=2000, test=10, seed=0)
    few = load_data("mnist", train=500, validation=500, test=10, seed=0)
    model = build_cnn()
    fit(model, few, epochs=1, progress=False)
    images = data.validation.images[:1000]
    print(f"Median and spread of {ROUNDS} rounds, torch {torch.__version__}, {torch.get_num_threads()} threads:\n")
    print(montage(model, images))
    print(probe(model, images))
    print(recorder(data, 5000, 1))
    print(recorder(few, 500, 5))


if __name__ == "__main__":
    main()
