"""Draw the curves, the comparisons and the heat maps of a lab report with the course's own plots."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from cnnlab.comparison.compare import Comparison
from cnnlab.course.lab_report.blocks import Picture
from cnnlab.course.lab_report.design import Design, Sheet, is_crossed, panel_fields, sheets
from cnnlab.course.lab_report.judgements import Judged, titles_of
from cnnlab.course.lab_report.pictures import LONGEST_TITLE, Drawing, picture, plain_title
from cnnlab.course.sentences import say
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs, longest_runs
from cnnlab.plots.comparison import plot_comparison, plot_comparisons
from cnnlab.plots.curves import plot_curves
from cnnlab.plots.early_stopping import plot_stopping
from cnnlab.plots.gallery import plot_gallery
from cnnlab.plots.grid import plot_grid
from cnnlab.plots.names import label_text, write_plainly
from cnnlab.plots.noise_floor import plot_noise_floor
from cnnlab.plots.style import whole_figure, wrapped

MOST_PANELS = (4, 7)  # columns and rows of a gallery
MOST_CELLS = (7, 20)  # of a heat map
BESIDE = 3  # panels in a line of a gallery whose settings make no grid
MOST_LINES = 16  # of such a gallery
COMPARISONS = 4  # in an image
WIDTH = 7.2  # of the page, in inches


def gallery(design: Design, metric: str) -> Picture:
    """Return the training and the validation curves of every setting."""
    drawings: list[Drawing] = []
    notes = []
    for name, group in design.groups.items():
        group = Runs(run for run in group if len(run.history))
        fields = panel_fields(group, design)
        if is_crossed(group, fields):
            for sheet in sheets(group, fields, (1.55, 1.3), MOST_PANELS):
                title = " · ".join(filter(None, [name if len(design.groups) > 1 else "", sheet.name]))
                drawings.append(_grid_of_panels(sheet.runs, sheet.rows, sheet.columns, metric, title))
        else:
            lines = _lines_of_settings(group, fields)
            drawings += [_line_of_panels(line, fields, metric) for line in lines[:MOST_LINES]]
            if len(lines) > MOST_LINES:
                notes.append(
                    say(
                        "Only the first {count} settings are drawn; the table above has all.", count=BESIDE * MOST_LINES
                    )
                )
    result = picture(
        say(
            "The {metric} of each setting: training (blue) beside validation (orange, dashed). A line is the mean of "
            "the seeds, in a band from the lowest to the highest. All panels of a picture share one scale. Marks are "
            "the lengths that were asked for.",
            metric=say(metric),
        ),
        drawings,
    )
    result.notes += notes
    return result


def _grid_of_panels(runs: Runs, rows: tuple, columns: tuple, metric: str, title: str) -> Drawing:
    def draw() -> Axes:
        ax = plot_gallery(runs, rows=rows, columns=columns, metric=metric, log=metric == "loss")[0, 0]
        figure = whole_figure(ax)
        words = ": ".join(filter(None, [label_text(title, LONGEST_TITLE), figure.get_suptitle()]))
        write_plainly(figure.suptitle(wrapped(words, 13 * figure.get_figwidth()), fontsize=10))
        return ax

    return draw


def _lines_of_settings(runs: Runs, fields: tuple[str, ...]) -> list[list[Run]]:
    """Return the runs of BESIDE settings at a time."""
    settings: dict[tuple, list[Run]] = {}
    for run in runs:
        resolved = run.experiment.resolved()
        settings.setdefault(tuple(resolved[name] for name in fields), []).append(run)
    groups = list(settings.values())
    return [list(itertools.chain(*groups[start : start + BESIDE])) for start in range(0, len(groups), BESIDE)]


def _line_of_panels(runs: list[Run], fields: tuple[str, ...], metric: str) -> Drawing:
    def draw() -> Axes:
        axes = plot_gallery(runs, columns=fields, metric=metric, log=metric == "loss")
        figure = whole_figure(axes[0, 0])
        figure.set_size_inches(7.5, 3.0)
        for ax in axes.flat:
            write_plainly(ax.set_title(wrapped(ax.get_title(), 32), fontsize=7))
        return axes[0, 0]

    return draw


def estimation(caption: str, judged: list[Judged]) -> Picture:
    """Return the estimation plots of comparisons, at most COMPARISONS of them in an image."""
    named = list(zip(titles_of(judged), (each.comparison for each in judged), strict=True))
    parts = [named[start : start + COMPARISONS] for start in range(0, len(named), COMPARISONS)]
    return picture(caption, [functools.partial(_comparisons, part) for part in parts])


def _comparisons(named: list[tuple[str, Comparison]]) -> Axes:
    ax = plot_comparison(named[0][1]) if len(named) == 1 else plot_comparisons(dict(named))[0]
    figure = whole_figure(ax)
    figure.set_figwidth(max(WIDTH, figure.get_figwidth()))  # else the numbers of small differences lie on each other
    return ax


def noise(design: Design, at: str) -> Picture:
    """Return the runs of one setting on each data set, with the noise floor."""

    def draw(name: str, runs: Runs) -> Axes:
        ax = plot_noise_floor(longest_runs(runs), at=at)
        if len(design.groups) > 1 and not ax.get_title():
            plain_title(ax, name)
        return ax

    return picture(
        say(
            "A dot for each seed of the setting, and their mean. Grey is the noise floor: two single runs differ by "
            "less than this 95 times in 100."
        ),
        [functools.partial(draw, name, runs) for name, runs in design.groups.items()],
    )


def heat_maps(design: Design, at: str) -> Picture:
    """Return a map of the validation accuracy and one of the validation loss, with a cell for each setting."""
    drawings: list[Drawing] = []
    for name, group in design.groups.items():
        values = group.values()
        fields = tuple(field for field in design.compared if len(values[field]) > 1)
        for sheet in sheets(group, fields, (0.8, 0.45), MOST_CELLS):
            title = " · ".join(filter(None, [name if len(design.groups) > 1 else "", sheet.name]))
            drawings += [_map(sheet, metric, at, title) for metric in ("validation_accuracy", "validation_loss")]
    return picture(
        say(
            "Each cell is the mean of a setting's seeds. Light is better. A value far from all others has the colour "
            "of the end of the scale."
        ),
        drawings,
    )


def _map(sheet: Sheet, metric: str, at: str, title: str) -> Drawing:
    def draw() -> Axes:
        ax = plot_grid(sheet.runs, sheet.rows, sheet.columns, metric=metric, at=at)
        plain_title(ax, title)
        return ax

    return draw


def stopped_example(run: Run, patience: int, name: str) -> Picture:
    """Return where one recorded training would have stopped."""
    return picture(
        say(
            "One training ({name}, seed {seed}), replayed with patience={patience}: grey epochs would not have been "
            "trained, and the star marks the weights that would have been kept.",
            name=name,
            seed=run.experiment.seed,
            patience=patience,
        ),
        [lambda: plot_stopping(run.history, patience=patience)],
    )


def inside_curves(runs: Runs, fields: Iterable[str], metrics: Iterable[str]) -> Picture:
    """Return numbers from inside the networks over the epochs: for each field, a line for each of its levels."""
    metrics = list(metrics)

    def draw(by: str) -> Axes:
        lines = -(-len(metrics) // 2)
        _, axes = plt.subplots(lines, 2, figsize=(7.2, 0.2 + 2.4 * lines), squeeze=False, layout="constrained")
        for ax in axes.flat[len(metrics) :]:
            ax.remove()
        for ax, metric in zip(axes.flat, metrics, strict=False):
            plot_curves(runs, by=by, metric=metric, log=metric == "update_ratio", ax=ax)
        return axes[0, 0]

    return picture(
        say(
            "Numbers that were recorded inside the networks after every epoch: the mean of the seeds, in a band from "
            "the lowest to the highest of them. Other fields are averaged within a seed."
        ),
        [functools.partial(draw, by) for by in fields],
    )
