"""Test that estimation plots show the numbers of the table, within the possible, and that no words overlap."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from made_runs import levels_of, made, optimizers

from cnnlab.comparison.compare import compare
from cnnlab.comparison.settings import compare_settings
from cnnlab.errors import ConfigError
from cnnlab.plots.alt_text import alt_text
from cnnlab.plots.comparison import plot_comparison, plot_comparisons
from cnnlab.plots.descent import look_of

FLOOR = "grey, the noise floor: two single runs of one setting differ by less than this 95 times in 100"
TABLE = {3: [0.50, 0.60, 0.40], 5: [0.70, 0.81, 0.59], 7: [0.51, 0.58, 0.42], 9: [0.2, 0.31, 0.11]}
ODD = ["$x^2 <b>one</b>", r"a $\frac{$ folder"]  # the second is no formula that matplotlib could read


def halves(ax):
    """Return the Axes of the settings and those of the differences."""
    _, right = ax.figure.axes
    return ax, right


def dots(ax):
    """Return the numbers of the dots, one list for each line of dots."""
    return [list(line.get_xdata()) for line in ax.lines if line.get_linestyle() == "None"]


def means(ax):
    """Return row → where the thick line of its mean stands."""
    return {round(line.get_ydata()[0]): line.get_xdata()[0] for line in ax.lines if line.get_linewidth() == 2.5}


def intervals(ax):
    """Return row → (low, high) of the intervals drawn: horizontal lines with a bar at both ends."""
    ends = {}
    for line in ax.lines:
        xs, ys = map(np.asarray, line.get_data())
        if len(xs) == 6:
            assert xs.tolist() == [xs[0]] * 3 + [xs[3]] * 3
            assert ys[2] == ys[3] == pytest.approx(ys[:2].mean()) == pytest.approx(ys[4:].mean())
            ends[round(ys[2])] = xs[0], xs[3]
    return ends


def words(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


# --- The numbers


@pytest.mark.parametrize("metric", ["validation_accuracy", "validation_loss"])
def test_the_interval_drawn_is_the_one_of_the_table_and_agrees_with_the_word(metric):
    result = compare(levels_of("kernel_size", TABLE), by="kernel_size", metric=metric)
    _, right = halves(plot_comparison(result))
    assert intervals(right) == {
        place: pytest.approx((row.low, row.high)) for place, row in enumerate(result.levels) if place
    }
    for (low, high), row in zip(intervals(right).values(), result.levels[1:], strict=True):
        assert (low <= 0 <= high) == (row.verdict == "cannot tell")
    (zero,) = [line for line in right.lines if list(line.get_ydata()) == [0, 1]]  # axvline: from edge to edge
    assert list(zero.get_xdata()) == [0, 0]


def test_left_are_the_seeds_and_means_and_right_the_differences_of_the_same_seeds():
    left, right = halves(plot_comparison(compare(levels_of("kernel_size", TABLE), by="kernel_size")))
    assert dots(left) == list(TABLE.values())
    assert means(left) == pytest.approx({0: 0.5, 1: 0.7, 2: 0.51 - 0.02 / 3, 3: 0.62 / 3})
    # of each setting: its seeds minus those of kernel size 3, then their mean
    assert dots(right)[:4] == [
        pytest.approx([0.2, 0.21, 0.19]), pytest.approx([0.2]), pytest.approx([0.01, -0.02, 0.02]),
        pytest.approx([0.01 / 3]),
    ]  # fmt: skip
    for ax in (left, right):  # all in their own rows, from the first one at the top
        rows = [{*np.round(line.get_ydata())} for line in ax.lines if line.get_linestyle() == "None"]
        assert all(len(row) == 1 for row in rows)
        assert ax.get_ylim() == (3.5, -0.5)


def test_both_sides_say_their_numbers():
    # worked out by hand: differences 0.2, 0.21, 0.19, standard deviation 0.01; t(1 − 0.05 / 2 / 2, 2) = 6.2053
    table = {3: [0.50, 0.60, 0.40], 5: [0.70, 0.81, 0.59], 7: [0.51, 0.58, 0.42]}
    ax = plot_comparison(compare(levels_of("kernel_size", table), by="kernel_size"))
    left, right = halves(ax)
    assert words(left) == ["3\n0.5000 · 3 seeds", "5\n0.7000 · 3 seeds", "7\n0.5033 · 3 seeds"]
    half = 6.2053 * 0.01 / 3**0.5
    assert words(right)[1] == f"▲ better: +0.2000\n+{0.2 - half:.4f} to +{0.2 + half:.4f}"
    assert words(right)[2].startswith("cannot tell: +0.0033\n−0.")
    # the pooled variance of seeds is (0.01 + 0.0121 + 0.006433) / 3, with 6 degrees of freedom: t = 2.4469
    floor = 2.4469 * (2 * (0.01 + 0.0121 + 0.0193 / 3) / 3) ** 0.5
    assert words(right)[0] == f"reference\ngrey: ±{floor:.4f}"
    (band,) = right.patches
    assert (band.get_x(), band.get_width()) == pytest.approx((-floor, 2 * floor), abs=1e-4)
    low, high = right.get_xlim()
    assert low < 1.1 * -floor
    assert high > 1.1 * floor  # both edges are seen
    assert not left.patches
    assert (left.get_xlabel(), left.get_ylabel()) == ("validation accuracy (0–1)", "kernel_size")
    assert right.get_xlabel().split() == ["difference", "from", "the", "reference", *FLOOR.split()]


def test_the_picture_says_what_moved_along_and_what_was_left_out():
    ax = plot_comparison(compare(optimizers(sgd=0.1, adam=0.001), by="optimizer", along="learning_rate"))
    assert ax.get_ylabel().replace("\n", " ") == "optimizer (with its own learning_rate)"
    lost = made([], stopped_by="diverged", learning_rate=1.0)
    ax = plot_comparison(compare_settings([made(0.5), made(0.6, seed=1), lost]))
    assert ax.get_xlabel().endswith("\n1 run left out")
    assert words(ax)[1].endswith("\nno number")
    assert words(ax.figure.axes[1])[1] == "cannot tell"


def test_what_cannot_be_judged_has_no_interval():
    for table in ({3: [0.5, 0.6], 5: [0.9, 0.901]}, {3: [0.1, 0.2, 0.3], 5: [0.4, 0.5, 0.6]}):
        _, right = halves(plot_comparison(compare(levels_of("kernel_size", table), by="kernel_size")))
        assert not intervals(right)
        difference = "+0.3505" if len(table[3]) == 2 else "+0.3000"
        assert words(right)[1] == f"cannot tell: {difference}\nno interval"
    ax = plot_comparison(compare(levels_of("kernel_size", {3: [0.5], 5: [0.9]}), by="kernel_size"))
    left, right = halves(ax)
    assert len(right.patches) == 0  # one seed: no noise floor either, and no words about it
    assert words(left) == ["3\n0.5000 · 1 seed", "5\n0.9000 · 1 seed"]
    assert words(right) == ["reference", "cannot tell: +0.4000\nno interval"]
    assert right.get_xlabel() == "difference from the reference"
    ax.figure.canvas.draw()


def test_where_only_some_seeds_are_paired_the_picture_shows_what_the_mean_is_of():
    # kernel 3 has seeds 0 to 3; kernel 5 has 1 to 5, of which 1, 2, 3 are paired: differences 0.02, 0.03, 0.04.
    table = {3: {0: 0.9, 1: 0.50, 2: 0.60, 3: 0.40}, 5: {1: 0.52, 2: 0.63, 3: 0.44, 4: 0.1, 5: 0.2}}
    runs = [
        made(value, kernel_size=size, seed=seed) for size, of_seed in table.items() for seed, value in of_seed.items()
    ]
    result = compare_settings(runs)
    other = result.levels[1]
    left, right = halves(plot_comparison(result))
    assert dots(left) == [[0.9, 0.50, 0.60, 0.40], [0.52, 0.63, 0.44], [0.1, 0.2]]
    assert [list(line.get_xdata()) for line in left.lines if line.get_fillstyle() == "none"] == [[0.1, 0.2]]
    assert left.get_xlabel().replace("\n", " ").endswith("hollow: a seed that the reference lacks, in no mean")
    assert words(left)[1].endswith("0.5300 · 3 seeds")
    assert dots(right) == [pytest.approx([0.02, 0.03, 0.04]), pytest.approx([0.03])]
    assert intervals(right) == {1: pytest.approx((other.low, other.high))}
    assert other.verdict == "better"
    heights = [dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in left.lines]
    assert heights[0][0.50] + 1 == pytest.approx(heights[2][0.52])  # seed 1 has its height in every row


# --- Limits


def test_no_axis_goes_beyond_what_the_metric_can_be():
    table = {3: [0.97, 0.99, 1.0], 5: [1.0, 1.0, 0.98]}
    result = compare(levels_of("kernel_size", table), by="kernel_size")
    left, right = halves(plot_comparison(result))
    assert left.get_xlim() == (pytest.approx(0.97 - 0.08 * 0.03), 1.0)
    assert all(not line.get_clip_on() for line in left.lines)  # a dot at 1 is drawn whole
    loss = compare(levels_of("kernel_size", table), by="kernel_size", metric="validation_loss")
    left, _ = halves(plot_comparison(loss))
    assert left.get_xlim() == (0.0, pytest.approx(0.03 + 0.08 * 0.03))
    wild = compare(levels_of("kernel_size", {3: [0.0, 1.0, 0.5], 5: [1.0, 0.0, 0.4]}), by="kernel_size")
    left, right = halves(plot_comparison(wild))
    assert wild.levels[1].high > 1
    assert left.get_xlim() == (0.0, 1.0)
    assert right.get_xlim() == (-1.0, 1.0)  # no two accuracies lie further apart


def test_a_gap_of_losses_may_be_negative():
    runs = [made(value, kernel_size=size, seed=seed) for size in (3, 5) for seed, value in enumerate((0.5, 0.7, 0.8))]
    for run in runs:
        run.history.rows[-1]["train_loss"] = 1.0
    left, _ = halves(plot_comparison(compare(runs, by="kernel_size", metric="generalization_gap")))
    assert left.get_xlim()[0] < -0.8


# --- Words that do not overlap


def overlaps(boxes):
    """Return the pairs of these named boxes that share more than a pixel."""
    pairs = [(first, second) for place, first in enumerate(boxes) for second in boxes[:place]]
    inner = [
        ((first[0], second[0]), matplotlib.transforms.Bbox.intersection(first[1], second[1])) for first, second in pairs
    ]
    return [names for names, box in inner if box is not None and box.width > 1 and box.height > 1]


def text_boxes(figure):
    """Return (text, box) of all words that are drawn: of ticks, labels, titles and notes."""
    renderer, texts = figure.canvas.get_renderer(), [*figure.texts]
    for ax in figure.axes:
        titles = ax.title, ax._left_title, ax._right_title
        texts += [*drawn_ticks(ax), ax.xaxis.label, ax.yaxis.label, ax.xaxis.get_offset_text(), *titles, *ax.texts]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text.get_text().strip()]


def drawn_ticks(ax):
    """Return the words of the ticks that lie within the axes, the only ones that matplotlib draws."""
    drawn = []
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if low <= tick.get_loc() <= high:
                drawn += [label for label in (tick.label1, tick.label2) if label.get_visible()]
    return drawn


def six_settings():
    """Return six settings that differ in three fields, with 1 to 10 seeds."""
    fields = [(3, "max", 5), (3, "avg", 50), (5, "max", 50), (5, "avg", 100), (7, "max", 100), (7, "avg", 350)]
    counts = [10, 3, 5, 2, 1, 7]
    return [
        made(0.9 + 0.018 * place + 0.001 * (seed * 7 % 10), kernel_size=size, pooling=pooling, epochs=epochs, seed=seed)
        for place, ((size, pooling, epochs), count) in enumerate(zip(fields, counts, strict=True))
        for seed in range(count)
    ]


def many_levels(count):
    table = {
        level: [0.4 + 0.03 * level + 0.01 * (seed * level % 4) for seed in range(5)] for level in range(1, count + 1)
    }
    return compare(levels_of("epochs", table), by="epochs")


CASES = {
    "two": lambda: compare(levels_of("kernel_size", {3: [0.5, 0.6, 0.4], 5: [0.9, 0.8, 0.7]}), by="kernel_size"),
    "three, along": lambda: compare(
        optimizers(sgd=0.1, rmsprop=0.01, adam=0.001), by="optimizer", along="learning_rate"
    ),
    "six of three fields": lambda: compare_settings(six_settings()),
    "ten": lambda: many_levels(10),
    "tiny numbers": lambda: compare(
        levels_of("kernel_size", {3: [1 - 1e-5, 1 - 2e-5, 1 - 4e-5], 5: [1 - 5e-5, 1 - 6e-5, 1 - 9e-5]}),
        by="kernel_size", metric="validation_loss",
    ),
    "four digits": lambda: compare(
        levels_of("kernel_size", {
            3: [0.9627, 0.9725, 0.9786, 0.9673, 0.9665], 5: [0.9663, 0.9617, 0.9628, 0.9633, 0.9661]
        }),
        by="kernel_size",
    ),
    "one seed": lambda: compare(levels_of("kernel_size", {3: [0.5], 5: [0.9], 7: [0.4]}), by="kernel_size"),
}  # fmt: skip


@pytest.mark.parametrize("size", [(4.8, 3.4), (5.4, 3.4), (6.4, 3.4), (11.0, 3.6), None], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_no_words_overlap_and_none_lies_over_the_data(case, size):
    ax = plt.subplots(figsize=size, layout="constrained")[1] if size else None
    ax = plot_comparison(CASES[case](), ax=ax)
    ax.set_title("a title")
    figure = ax.figure
    figure.canvas.draw()
    boxes = text_boxes(figure)
    assert len(boxes) > 8
    assert overlaps(boxes) == []
    frame = figure.bbox
    for name, box in boxes:
        assert min(box.x0 - frame.x0, frame.x1 - box.x1) >= -1, f"{name!r} leaves the figure sideways"
        assert min(box.y0 - frame.y0, frame.y1 - box.y1) >= -1, f"{name!r} leaves the figure"
    panels = [("panel", part.get_window_extent()) for part in figure.axes]
    assert overlaps(panels) == []
    assert [pair for pair in overlaps([*boxes, *panels]) if "panel" in pair] == []
    assert all(part.get_legend() is None for part in figure.axes)
    assert all(part.get_window_extent().width > 0.13 * frame.width for part in figure.axes)


def test_names_from_outside_are_shown_as_text():
    runs = [made(0.5 + 0.1 * place * seed, dataset="images", folder=folder, seed=seed)
            for place, folder in enumerate(ODD) for seed in range(3)]  # fmt: skip
    ax = plot_comparison(compare(runs, by="folder"))
    ax.figure.canvas.draw()
    assert [label.partition("\n")[0] for label in words(ax)] == sorted(ODD)


# --- Several


def test_several_comparisons_share_the_scale_of_their_metric_and_explain_the_grey_once_a_column():
    first = compare(levels_of("kernel_size", TABLE), by="kernel_size")
    second = compare(levels_of("kernel_size", {3: [0.9, 0.91, 0.95], 5: [0.92, 0.93, 0.96]}), by="kernel_size")
    loss = compare(levels_of("kernel_size", TABLE), by="kernel_size", metric="validation_loss")
    axes = plot_comparisons({"first": first, "second": second, "loss": loss})
    assert [ax.get_title(loc="left") for ax in axes] == ["first", "second", "loss"]
    figure = axes[0].figure
    rights = figure.axes[3:]
    assert len(rights) == 3
    # the lower end is that of the first, whose seeds are 0.11 to 0.81; the upper that of the second, 0.9 to 0.96
    assert axes[0].get_xlim() == axes[1].get_xlim() == pytest.approx((0.11 - 0.08 * 0.7, 0.96 + 0.08 * 0.06))
    assert rights[0].get_xlim() == rights[1].get_xlim()
    assert ["noise" in right.get_xlabel() for right in rights] == [False, False, True]
    figure.canvas.draw()
    assert overlaps(text_boxes(figure)) == []
    assert len({label.get_fontsize() for right in rights for label in right.get_yticklabels()}) == 1


def test_the_alt_text_names_each_comparison_by_its_title():
    small = {"first": compare(levels_of("kernel_size", {3: [0.5, 0.6], 5: [0.75, 0.85]}), by="kernel_size")}
    small["second"] = compare(levels_of("kernel_size", {3: [0.5, 0.6], 5: [0.25, 0.35]}), by="kernel_size")
    words = "5 cannot tell {} against 3 (mean 0.5500): validation accuracy (0–1) by kernel_size."
    figure = plot_comparisons(small)[0].figure
    assert alt_text(figure) == f"first: {words.format('+0.2500')} second: {words.format('−0.2500')}"
    assert alt_text(plot_comparison(small["first"]).figure) == words.format("+0.2500")
    result = compare(levels_of("kernel_size", TABLE), by="kernel_size", metric="validation_loss")
    assert [level.verdict for level in result.levels[1:]] == ["better", "cannot tell", "worse"]
    four = alt_text(plot_comparisons(dict.fromkeys("abcd", result))[0].figure)
    verdicts = (
        "5 better −0.2000, 7 cannot tell −0.0033, 9 worse +0.2933 against 3 (mean 0.5000): validation loss (nats)"
    )
    assert [f"{title}: {verdicts}" in four for title in "abcd"] == [True] * 4
    assert "…" not in four


def test_comparisons_below_each_other_have_the_same_number_at_the_same_place():
    """Though the words beside one of them are wider, and its label has more lines."""
    first = compare(levels_of("kernel_size", TABLE), by="kernel_size")
    wider = compare(optimizers(sgd=0.1, rmsprop=0.01, adam=0.001), by="optimizer", along="learning_rate")
    lefts = plot_comparisons([first, wider, first])
    figure = lefts[0].figure
    assert figure.axes[:3] == lefts
    figure.canvas.draw()
    assert overlaps(text_boxes(figure)) == []
    for axes in (lefts, figure.axes[3:]):
        middles = [ax.transData.transform((0.2, 0))[0] for ax in axes]
        assert middles == pytest.approx([middles[0]] * 3, abs=0.01)  # pixels


def test_comparisons_side_by_side():
    first = compare(levels_of("kernel_size", TABLE), by="kernel_size")
    axes = plot_comparisons([first, first, first], columns=2)
    figure = axes[0].figure
    assert figure.get_figwidth() == 11
    assert len(figure.axes) == 6  # the empty cell is gone
    assert ["noise" in right.get_xlabel() for right in figure.axes[3:]] == [False, True, True]
    figure.canvas.draw()
    assert overlaps(text_boxes(figure)) == []
    left = [ax.get_window_extent() for ax in axes]
    assert left[0].y0 > left[2].y1
    assert left[0].x1 < left[1].x0


# --- What is given


def test_axes_that_are_given_keep_the_settings():
    _, (ax, other) = plt.subplots(1, 2)
    assert plot_comparison(compare(levels_of("kernel_size", TABLE), by="kernel_size"), ax=ax) is ax
    assert len(plt.get_fignums()) == 1
    assert not other.lines
    left, _, right = ax.figure.axes
    assert left is ax
    assert right.get_position().x1 < other.get_position().x0  # the cell is split, no more


def test_what_cannot_be_drawn_is_refused_in_words():
    runs = levels_of("kernel_size", TABLE)
    result = compare(runs, by="kernel_size")
    free = matplotlib.figure.Figure().add_axes((0, 0, 1, 1))
    cases = [
        (lambda: plot_comparison(runs), "plot_comparison wants what compare() returns, got list"),
        (lambda: plot_comparisons(runs), "plot_comparisons wants comparisons of compare(), got Run"),
        (lambda: plot_comparisons([]), "plot_comparisons wants one comparison or more, got none"),
        (lambda: plot_comparisons([result], columns=0), "columns"),
        (lambda: plot_comparison(result, ax=free), "make it with plt.subplots"),
    ]
    for call, message in cases:
        with pytest.raises(ConfigError) as caught:
            call()
        assert message in str(caught.value)
    assert plt.get_fignums() == []  # refused before a figure is made


def test_the_numbers_at_the_ticks_of_tiny_values_do_not_touch():
    numbers = {"dead_share": 0.1, "activation_scale": 5.0, "update_ratio": 1e-5, "saliency_concentration": 0.1}
    runs = levels_of("kernel_size", {3: [0.5] * 5, 5: [0.5] * 5})
    for place, run in enumerate(runs):
        run.history.rows[-1] |= {name: size * (1 + place * 6 / 9) for name, size in numbers.items()}
    figure = plot_comparisons([compare(runs, by="kernel_size", metric=name) for name in numbers])[0].figure
    assert figure.get_figwidth() == 5.4
    figure.canvas.draw()
    assert overlaps(text_boxes(figure)) == []


def test_an_optimizer_has_the_colour_of_its_path_also_without_the_others():
    for names in ({"sgd": 0.1, "adam": 0.001}, {"sgd": 0.1, "rmsprop": 0.01, "adam": 0.001}):
        left, right = halves(plot_comparison(compare(optimizers(**names), by="optimizer", along="learning_rate")))
        colours = [line.get_color() for line in left.lines if line.get_linestyle() == "None"]
        assert colours == [look_of(name)["color"] for name in ("SGD", "RMSprop", "Adam") if name.lower() in names]
        assert look_of("Adam")["color"] in {line.get_color() for line in right.lines}
