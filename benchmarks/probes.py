"""Time what looks inside a network: statistics of all layers, a montage of maps, a recorder. Print lines of Markdown.

Each is compared with the code that a student would write, or with the training without it, in the same run.
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
    """Return the seconds of each task, round by round: all tasks once, then all again. The first round is dropped."""
    taken: list[list[float]] = [[] for _ in tasks]
    for _ in range(rounds + 1):
        for task, times in zip(tasks, taken, strict=True):
            start = time.perf_counter()
            task()
            times.append(time.perf_counter() - start)
    return [times[1:] for times in taken]


def spread(figure: list[float], scale: float, unit: str) -> str:
    """Return the median with the smallest and the largest value, times `scale`."""
    values = [scale * value for value in figure]
    return f"{statistics.median(values):.3g} {unit} ({min(values):.3g}–{max(values):.3g})"


def verdict(reached: bool) -> str:
    return "reached" if reached else "NOT reached"


def draw(plot: Callable[[], object]) -> None:
    """Draw a figure to PNG, as a notebook does."""
    plot()
    plt.gcf().savefig(io.BytesIO(), format="png", dpi=72)
    plt.close("all")


def draw_axes(maps: torch.Tensor) -> None:
    """Draw each map in axes of its own, as a student writes it."""
    _, axes = plt.subplots(4, 8, figsize=(8, 4))
    for ax, values in zip(axes.flat, maps, strict=True):
        ax.imshow(values)
        ax.axis("off")


def measure_montage(model, images) -> str:
    """Time a montage of 32 feature maps as PNG, in a figure that is there, in a new one, and as 32 axes."""
    with torch.no_grad(), capture(model, "relu2") as seen:
        model(images[:1])
    maps = seen["relu2"][0]  # (32, 14, 14)
    _, ax = plt.subplots(figsize=(8, 4))
    figure = ax.figure

    def again() -> None:  # the figure is there already, as in a panel
        figure.clear()
        plot_maps(maps, ax=figure.add_subplot())
        figure.savefig(io.BytesIO(), format="png", dpi=72)

    ours, new, theirs = seconds(again, lambda: draw(lambda: plot_maps(maps)), lambda: draw(lambda: draw_axes(maps)))
    ratio = statistics.median(other / own for own, other in zip(new, theirs, strict=True))
    median = statistics.median(ours)
    return (
        f"- {verdict(median < 0.05)}: a montage of 32 maps as PNG in under 50 ms: {spread(ours, 1000, 'ms')}; as a new "
        f"figure {spread(new, 1000, 'ms')}; 32 axes {spread(theirs, 1000, 'ms')}, {ratio:.1f} times as long"
    )


def measure_statistics(model, images) -> str:
    """Time activation_statistics of all layers, and a plain forward pass of the same images."""

    def forward() -> None:
        with torch.no_grad():
            for part in images.split(250):
                model(part)

    ours, theirs = seconds(lambda: activation_statistics(model, images), forward)
    ratio = statistics.median(own / other for own, other in zip(ours, theirs, strict=True))
    return (
        f"- {verdict(statistics.median(ours) < 1)}: a probe of all layers over 1,000 images in under 1 s: "
        f"{spread(ours, 1, 's')}, {ratio:.1f} times a forward pass of them"
    )


def measure_recorder(data, size: int, every: int) -> str:
    """Time `fit` with a Recorder of gradients every so many epochs, and the same `fit` without it."""
    record = Recorder(every=every)

    def train(on_epoch=None) -> None:
        fit(build_cnn(), data, epochs=2 * every, on_epoch=on_epoch, progress=False)

    plain, recorded = seconds(train, lambda: train(record), rounds=5)
    shares = [slow / fast - 1 for slow, fast in zip(recorded, plain, strict=True)]
    often = "every epoch" if every == 1 else f"every {every} epochs"
    return (
        f"- {verdict(statistics.median(shares) < 0.1)}: gradient flow of two batches {often}, {size:,} images, in "
        f"under 10 % of the training: {spread(shares, 100, '%')}"
    )


def main() -> None:
    data = load_data("mnist", train=5000, validation=2000, test=10, seed=0)
    few = load_data("mnist", train=500, validation=500, test=10, seed=0)
    model = build_cnn()
    fit(model, few, epochs=1, progress=False)
    images = data.validation.images[:1000]
    print(f"Median and spread of {ROUNDS} rounds, torch {torch.__version__}, {torch.get_num_threads()} threads:\n")
    print(measure_montage(model, images))
    print(measure_statistics(model, images))
    print(measure_recorder(data, 5000, 1))
    print(measure_recorder(few, 500, 5))


if __name__ == "__main__":
    main()
