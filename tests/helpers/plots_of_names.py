"""Every public plot, drawn with given names of classes, networks, folders or numbers."""

import dataclasses
import itertools

import numpy as np
import torch
from made_runs import comparison, made, recorded
from torch import nn

from cnnlab.comparison.compare import compare
from cnnlab.comparison.question import Guess
from cnnlab.comparison.settings import compare_settings
from cnnlab.data.dataset import Split
from cnnlab.experiments.runs import Runs
from cnnlab.interpret.activations import activation_statistics
from cnnlab.interpret.by_layer import ByLayer
from cnnlab.interpret.gradients import LayerGradient
from cnnlab.interpret.top_images import top_images
from cnnlab.interpret.weight_distributions import weight_distributions
from cnnlab.model.cnn import build_cnn
from cnnlab.model.evaluation import Mistakes
from cnnlab.plots.comparison import plot_comparison, plot_comparisons
from cnnlab.plots.curves import plot_curves
from cnnlab.plots.descent import plot_losses, plot_paths, plot_surface
from cnnlab.plots.evaluation import plot_confusion, plot_mistakes, plot_probabilities
from cnnlab.plots.flow import plot_gradient_flow, plot_insides
from cnnlab.plots.gallery import plot_gallery
from cnnlab.plots.grid import plot_grid
from cnnlab.plots.histograms import plot_activations, plot_distributions, plot_weights
from cnnlab.plots.history import plot_history
from cnnlab.plots.images import plot_images
from cnnlab.plots.maps import plot_filters
from cnnlab.plots.noise_floor import plot_noise_floor
from cnnlab.plots.predictions import plot_guess
from cnnlab.plots.saliency import plot_saliency, plot_top_images
from cnnlab.plots.summary import plot_summary
from cnnlab.training.descent import descend
from cnnlab.training.surfaces import SURFACES

# What a folder may be called. The last ones are in letters that the usual font lacks.
HARD = {
    "short": "{}",
    "long": "golden retriever of a very long name, number {}",
    "one long word": "Donaudampfschifffahrtsgesellschaft{}",
    "underscores": "_my_class_{}",
    "dollars": "${}_x^2$ or $\\alpha",
    "an odd formula": "$\\frac{{}}{}$",
    "markup": "<b>bold {}</b><br>&amp;",
    "lines": "two\nlines\t{}",
    "backslashes": "C:\\new\\table{}",
    "Arabic": "قطة كبيرة {}",
    "Hebrew": "חתול {}",
    "accents": "e\u0301\u0302\u0323 Ünïcödé {}",
    "turned around": "a\u202eb\u200b{}",
    "per cent": "100 % {{}} {}",
    "Chinese": "猫と犬の写真 {}",
    "emoji": "🐈\u200d⬛ {}",
}


def split(names):
    count = min(len(names), 24)
    images = torch.rand(count, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    mean, std = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
    return Split(images, torch.arange(count), tuple(names), mean, std)


def mistakes(names):
    images = split(names)
    answers = (images.labels + 1) % len(names)
    return Mistakes(torch.randint(0, 200, (len(names),) * 2), images, answers, torch.linspace(1, 0.5, len(answers)))


def histories(names):
    return {name: recorded([1.0, 0.5 + 0.01 * place]) for place, name in enumerate(names)}


def runs(names, **fields):
    return Runs(
        made([0.5, 0.6 + 0.001 * place + 0.01 * seed], dataset="images", folder=name, epochs=2, seed=seed, **fields)
        for place, name in enumerate(names)
        for seed in range(3)
    )


def flow():
    numbers = dict.fromkeys(("gradient_mean", "gradient_maximum", "gradient_norm", "gradient_ratio"), 0.1)
    return ByLayer({f"conv{n}": LayerGradient("Conv2d", update_ratio=0.1, each_batch={}, **numbers) for n in (1, 2)})


MODEL = build_cnn(channels=(2, 2), hidden=4)
ACTIVITY = activation_statistics(MODEL, torch.rand(4, 1, 28, 28))
WEIGHTS = weight_distributions(MODEL)
DESCENT = descend("bowl", learning_rate=0.1, steps=3)


def with_layers(names):
    """Return a network whose first convolutions have these names; torch allows any but those with a point."""
    model = nn.Sequential()
    for place, name in enumerate(names):
        model.add_module(name.replace(".", ""), nn.Conv2d(3, 3, 3, padding=1) if place < 2 else nn.ReLU())
    return model


def insides(names):
    history = recorded([1.0, 0.5])
    for row in history.rows:
        row |= {f"{name}.update_ratio": 0.01 * place + 0.01 for place, name in enumerate(names)}
    return history


def runs_with_number(name):
    """Return runs of four settings, with a number that an on_epoch of one's own has recorded under this name."""
    both = Runs(made([0.5, 0.6], pooling=pooling, kernel_size=size, epochs=2, seed=seed)
                for pooling in ("max", "avg") for size in (3, 5) for seed in range(2))  # fmt: skip
    for place, run in enumerate(both):
        for row in run.history.rows:
            row[name] = 0.1 * place + row["epoch"]
    return both


def top(names):
    model = with_layers(names[:3])
    return top_images(model, split(["a", "b", "c", "d"]), next(name for name, _ in model.named_children()), 0)


OF_CLASSES = {
    "plot_images": lambda names: plot_images(split(names)),
    "plot_images with titles": lambda names: plot_images(split(names).pixels, titles=names[:24], columns=5),
    "plot_confusion": lambda names: plot_confusion(mistakes(names)),
    "plot_mistakes": lambda names: plot_mistakes(mistakes(names)),
    "plot_probabilities": lambda names: plot_probabilities(
        torch.full((len(names),), 0.1), classes=names, title=names[0]
    ),
    "plot_saliency": lambda names: plot_saliency(
        split(names)[:8], {name: torch.rand(8 if len(names) > 8 else len(names), 3, 12, 12) for name in names[:4]},
        titles=names[:8],
    ),
    "plot_distributions": lambda names: plot_distributions({name: np.arange(9.0) for name in names[:24]}),
    "plot_gradient_flow": lambda names: plot_gradient_flow({name: flow() for name in names}),
    "plot_gradient_flow by layer": lambda names: plot_gradient_flow(
        ByLayer({name: flow()["conv1"] for name in names})
    ),
    "plot_activations": lambda names: plot_activations(dict.fromkeys(names[:12], ACTIVITY)),
    "plot_weights": lambda names: plot_weights(dict.fromkeys(names[:12], WEIGHTS)),
    "plot_history": lambda names: plot_history(histories(names)),
    "plot_losses": lambda names: plot_losses(dict.fromkeys(names[:10], DESCENT)),
    "plot_paths": lambda names: plot_paths(dict.fromkeys(names[:10], DESCENT), "bowl"),
    "plot_surface": lambda names: plot_surface(dataclasses.replace(SURFACES["bowl"], name=names[0], formula=names[-1])),
    "plot_insides": lambda names: plot_insides(insides(names)),
    "plot_filters": lambda names: plot_filters(with_layers(names), names[0].replace(".", "")),
    "plot_top_images": lambda names: plot_top_images(top(names)),
}  # fmt: skip
OF_RUNS = {
    "plot_curves": lambda names: plot_curves(runs(names), by="folder"),
    "plot_grid": lambda names: plot_grid(runs(names), rows="folder", columns="kernel_size"),
    "plot_grid, columns": lambda names: plot_grid(runs(names), rows="kernel_size", columns="folder"),
    "plot_gallery": lambda names: plot_gallery(runs(names), rows="kernel_size", columns="folder")[0, 0],
    "plot_gallery, rows": lambda names: plot_gallery(runs(names), rows="folder", columns="kernel_size")[0, 0],
    "plot_comparison": lambda names: plot_comparison(compare(runs(names), by="folder")),
    "plot_comparison of settings": lambda names: plot_comparison(compare_settings(runs(names))),
    "plot_comparisons": lambda names: plot_comparisons({name: comparison() for name in names[:3]})[0],
    "plot_summary": lambda names: plot_summary(runs(names).summary(["validation_loss", "validation_accuracy"])),
    "plot_guess": lambda names: plot_guess(compare(runs(names), by="folder"), Guess(names[0], 0.6)),
}
# A number of one's own, whose name stands at an axis.
OF_NUMBERS = {
    "plot_curves": lambda name: plot_curves(runs_with_number(name), by="pooling", metric=name),
    "plot_noise_floor": lambda name: plot_noise_floor(runs_with_number(name)[:2], metric=name),
    "plot_grid": lambda name: plot_grid(runs_with_number(name), "pooling", "kernel_size", metric=name),
    "plot_comparison": lambda name: plot_comparison(compare(runs_with_number(name), by="pooling", metric=name)),
    "plot_summary": lambda name: plot_summary(runs_with_number(name).summary([name, "validation_loss"])),
}  # fmt: skip


def names_of(kind, count):
    """Return this many names of one kind; of "all", they take turns."""
    kinds = itertools.cycle(HARD.values() if kind == "all" else [HARD[kind]])
    return [pattern.format(number) for number, pattern in zip(range(count), kinds)]  # noqa: B905 (kinds never end)
