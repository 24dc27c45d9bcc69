"""Test KernelExperiment without a browser: compare its switches with `compare`, and train missing runs."""

import threading

import ipywidgets
import pytest
from matplotlib.figure import Figure
from places import PATIENCE

from cnnlab import (
    Experiment,
    KernelExperiment,
    along_with,
    bank,
    compare,
    grid,
    kernel_experiments,
    load_runs,
    plot_comparison,
    sweep,
)
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments import duration
from cnnlab.experiments.presets import KERNEL_DIGITS
from cnnlab.progress_line import time_in_words
from cnnlab.widgets import kernel, trainer
from cnnlab.widgets.kernel import BASES

FLOOR = "grey, the noise floor: two single runs of one setting differ by less than this 95 times in 100"

TINY = Experiment(
    dataset="patterns", size=12, train_size=64, validation_size=32, channels=(2,), hidden=4, epochs=1, batch_size=16
)


@pytest.fixture
def panel():
    panel = KernelExperiment()
    yield panel
    panel.close()


def shown(panel):
    """Return the comparison that the panel shows, as a text that can be compared."""
    return repr(panel.comparison)


def test_at_the_start_it_shows_the_banks_digits(panel):
    runs = load_runs(bank("kernel_size")).filter(dataset="mnist", epochs=3, padding="same", convs_per_block=1)
    runs = runs.filter(channels=(8, 16), seed=range(5))
    expected = compare(runs, by="kernel_size")
    assert len(runs) == 15
    assert shown(panel) == repr(expected)
    assert panel.start.disabled
    assert panel.status.value == (
        f"Against 3×3: 5×5 {expected.verdicts[5]}; 7×7 {expected.verdicts[7]}. "
        "Parameters: 3×3 26,698, 5×5 28,874, 7×7 32,138."
    )
    assert panel.plot.label.startswith("kernel sizes compared: Against 3×3")


def test_start_says_how_long_the_missing_runs_will_take(panel, monkeypatch):
    monkeypatch.setattr(duration, "_speed", None)
    duration.learn_speed(KERNEL_DIGITS, 4.0)
    assert panel.estimate.value == ""  # nothing is missing
    panel.padding.value, panel.pooling.value = "valid", "avg"
    missing = panel._experiments()
    seconds = sum(duration.estimate_seconds(experiment) for experiment in missing)
    assert panel.estimate.value == f"takes about {time_in_words(seconds)}"
    for size in (3, 5):
        panel.sizes[size].value = False
    assert panel.estimate.value == ""


def test_a_new_panel_measures_the_speed_of_the_computer(monkeypatch):
    measured = threading.Event()
    monkeypatch.setattr(trainer, "measure_speed", measured.set)
    panel = KernelExperiment(TINY)
    assert measured.wait(PATIENCE)
    panel.close()


def test_more_than_one_comparison_is_counted_with_what_that_means_for_a_verdict(panel):
    assert "tried" not in panel.status.value
    panel.seeds.value = 6
    panel.seeds.value = 5  # seen before
    assert panel.status.value.endswith(
        " Comparisons tried here: 2. Where the size makes no difference, up to 5 of 100 comparisons still say better "
        "or worse; with 2 tries the chance of one is up to 10%. Test a verdict that you searched for with new seeds."
    )
    panel.sizes[5].value = panel.sizes[7].value = False  # nothing to compare
    panel.sizes[5].value = panel.sizes[7].value = True
    panel.metric.value = "validation_loss"
    for data in list(BASES):
        panel.data.value = data
        for seeds in range(2, 11):
            panel.seeds.value = seeds
    count = len(panel.tried)
    assert count >= 4 * 8
    assert f"Comparisons tried here: {count}." in panel.status.value
    assert f"with {count} tries expect up to {count / 20:.0f}. Test" in panel.status.value


def test_the_same_two_sizes_and_a_look_at_two_seeds_are_no_further_comparison(panel):
    """Two seeds have no interval; 3×3 against 5×5 is 5×5 against 3×3."""
    panel.sizes[7].value = False
    assert len(panel.tried) == 2
    panel.reference.value = 5
    panel.seeds.value = 2
    assert len(panel.tried) == 2
    panel.sizes[7].value = True
    panel.seeds.value = 5
    assert len(panel.tried) == 3  # of three sizes, another one is the reference


@pytest.mark.parametrize("data", list(BASES))
def test_every_data_set_of_notebook_01_is_in_the_bank_with_ten_seeds(panel, data):
    panel.data.value = data
    panel.seeds.value = 10
    assert panel.comparison is not None
    assert {level.seeds for level in panel.comparison.levels} == {10}
    runs = trained(kernel_experiments(BASES[data], seeds=range(10)))
    assert shown(panel) == repr(compare(runs, by="kernel_size"))


def test_the_axes_hold_what_plot_comparison_draws_and_nothing_of_before(panel):
    for name, value in {"seeds": 7, "metric": "validation_loss", "match_parameters": True, "padding": "valid"}.items():
        getattr(panel, name).value = value
    assert panel.comparison is None
    for name, value in {"padding": "same", "match_parameters": False, "reference": 7, "seeds": 3}.items():
        getattr(panel, name).value = value
    figure = Figure((5.4, 3.6), layout="constrained")
    plot_comparison(panel.comparison, ax=figure.subplots())
    figure.canvas.draw()
    assert len(panel.plot.figure.axes) == len(figure.axes) == 2
    for shown, fresh in zip(panel.plot.figure.axes, figure.axes, strict=True):
        kinds = [type(artist).__name__ for artist in fresh.get_children()]
        assert sorted(type(artist).__name__ for artist in shown.get_children()) == sorted(kinds)
        assert [line.get_xdata() for line in shown.lines] == [pytest.approx(line.get_xdata()) for line in fresh.lines]
        words = [[one.get_text() for one in ax.get_yticklabels()] for ax in (shown, fresh)]
        assert words[0] == words[1]
        assert (shown.get_xlabel(), shown.get_ylabel()) == (fresh.get_xlabel(), fresh.get_ylabel())
    assert FLOOR in panel.plot.figure.axes[1].get_xlabel().replace("\n", " ")


def test_after_many_moves_the_picture_is_that_of_a_fresh_panel(panel):
    values = {"seeds": 10, "metric": "validation_loss", "data": "fine patterns", "reference": 5, "stack": True}
    for name, value in values.items():
        getattr(panel, name).value = value
    panel.sizes[7].value = False
    panel.stack.value = False
    panel.sizes[7].value = True
    for seeds in (2, 9, 4):  # only what moves is drawn again
        panel.seeds.value = seeds
    fresh = KernelExperiment()
    fresh.data.value, fresh.reference.value, fresh.metric.value, fresh.seeds.value = (
        "fine patterns",
        5,
        values["metric"],
        4,
    )
    assert panel.plot.picture == fresh.plot.picture
    fresh.close()


@pytest.mark.parametrize("data", list(BASES))
def test_the_scale_stands_still_while_seeds_are_added_and_holds_every_dot(panel, data):
    panel.data.value = data
    left, right = panel.plot.figure.axes
    scales = left.get_xlim(), right.get_xlim()
    for seeds in range(2, 11):
        panel.seeds.value = seeds
        assert (left.get_xlim(), right.get_xlim()) == scales
    values = [value for level in panel.comparison.values.values() for value in level.values()]
    spread = max(values) - min(values)
    room = 0.08 * spread
    assert scales[0] == pytest.approx((max(0, min(values) - room), min(1, max(values) + room)))
    assert scales[1] == pytest.approx((-spread - 2 * room, spread + 2 * room))


def test_an_interval_larger_than_the_scale_is_told(panel):
    mentions = []
    for data in BASES:
        panel.data.value = data
        for reference in (3, 7):
            panel.reference.value = reference
            for seeds in (3, 4, 10):
                panel.seeds.value = seeds
                _, ax = panel.plot.figure.axes
                ends = [end for line in ax.lines if len(line.get_xdata()) == 6 for end in line.get_xdata()]
                low, high = ax.get_xlim()
                beyond = any(not low <= end <= high for end in ends)
                assert ("an interval reaches beyond the picture" in panel.status.value) == beyond
                mentions.append(beyond)
    assert {True, False} == set(mentions)


def trained(experiments):
    return sweep(experiments, store=bank("kernel_size"), progress=False)


def test_the_switches(panel):
    panel.match_parameters.value = True
    matched = kernel_experiments(KERNEL_DIGITS, match_parameters=True)
    assert shown(panel) == repr(compare(trained(matched), by="kernel_size", along="channels"))
    panel.match_parameters.value = False
    panel.padding.value = "valid"
    valid = kernel_experiments(KERNEL_DIGITS.replace(padding="valid"))
    assert shown(panel) == repr(compare(trained(valid), by="kernel_size"))
    panel.padding.value = "same"
    panel.stack.value = True
    panel.reference.value = 5
    panel.metric.value = "validation_loss"
    stacked = kernel_experiments(KERNEL_DIGITS, stack=True)
    assert along_with(stacked) == ("convs_per_block",)
    how = {"along": "convs_per_block", "reference": 5, "metric": "validation_loss"}
    expected = compare(trained(stacked), by="kernel_size", **how)
    assert shown(panel) == repr(expected)
    parameters = sum(row.parameters for row in stacked[0].layer_table())
    assert f"two 3×3 {parameters:,}, 5×5" in panel.status.value
    assert "Against 5×5: two 3×3 " in panel.status.value
    assert panel.reference.options == (("two 3×3", 3), ("5×5", 5), ("7×7", 7))
    panel.sizes[7].value = False
    assert [level.level for level in panel.comparison.levels] == [5, 3]


def test_one_size_alone_is_refused_until_there_are_two(panel):
    panel.sizes[3].value = False
    assert [level.level for level in panel.comparison.levels] == [5, 7]  # the reference is not there: the lowest
    assert (panel.reference.options, panel.reference.value) == ((("5×5", 5), ("7×7", 7)), 5)
    picture = panel.plot.picture
    panel.sizes[5].value = False
    assert panel.status.value == '<span class="cnnlab-error">tick two sizes or more, to compare them</span>'
    assert panel.start.disabled
    assert panel.plot.label.endswith("tick two sizes or more, to compare them")  # and no picture of something else
    panel.sizes[5].value = True
    assert panel.status.error is None
    assert panel.plot.picture == picture


def test_what_the_bank_lacks_is_trained_and_then_compared():
    panel = KernelExperiment(TINY)
    panel.seeds.value = 3
    assert panel.comparison is None
    assert panel.status.value.startswith("Not trained yet: 9 of 9 runs; press Start. Parameters: 3×3 ")
    assert not panel.start.disabled
    said = []
    panel.status.observe(lambda change: said.append(change.new), "value")
    panel.start.click()
    panel.wait(60)
    assert [words.split(".")[0] for words in said[:2]] == [
        "Not trained yet: 9 of 9 runs; being trained", "Not trained yet: 8 of 9 runs; being trained"
    ]  # fmt: skip
    expected = compare(sweep(kernel_experiments(TINY, seeds=range(3)), progress=False), by="kernel_size")
    assert shown(panel) == repr(expected)
    assert panel.start.disabled  # all are there
    panel.start.click()
    assert "all of these runs are there" in panel.status.value
    panel.seeds.value = 4
    assert panel.status.value.startswith("Not trained yet: 3 of 12 runs")
    panel.train()
    assert panel.comparison is not None
    panel.close()


def test_it_starts_as_the_base_is_and_says_what_diverged():
    base = TINY.replace(padding="valid", pooling="none", optimizer="sgd", learning_rate=1e30)
    panel = KernelExperiment(base)
    assert (panel.padding.value, panel.pooling.value) == ("valid", "none")
    panel.seeds.value = 2
    panel.train()
    assert "cnnlab-error" in panel.status.value
    assert panel.plot.label == "kernel sizes compared: no number to compare: with these settings training diverged"
    panel.close()


def test_a_bank_that_can_not_be_read_is_said_in_the_panel(monkeypatch):
    def fail():
        raise OSError("<b>no bank</b>")

    monkeypatch.setattr(kernel, "_bank", fail)
    panel = KernelExperiment()
    assert panel.status.value == '<span class="cnnlab-error">OSError: &lt;b&gt;no bank&lt;/b&gt;</span>'
    panel.close()


def test_every_control_is_named_the_text_is_fixed_and_closing_leaves_nothing():
    before = set(ipywidgets.widgets.widget._instances)
    panel = KernelExperiment()
    controls = [panel.data, panel.padding, panel.pooling, *panel.sizes.values(), panel.match_parameters, panel.stack]
    assert all(control.description for control in [*controls, panel.seeds, panel.metric, panel.reference])
    assert repr(panel) == "<KernelExperiment: a live panel; run this cell to use it>"
    panel.close()
    assert set(ipywidgets.widgets.widget._instances) == before


def test_the_bank_has_what_the_defaults_ask_for():
    stored = {run.experiment.key for run in load_runs(bank("kernel_size"))}
    for base in BASES.values():
        assert {one.key for one in grid(base, kernel_size=[3, 5, 7], seed=range(10))} <= stored


def test_a_kernel_experiment_without_validation_images_is_refused_before_it_trains():
    with pytest.raises(ConfigError, match="validation_size=0 leaves nothing to compare by"):
        KernelExperiment(TINY.replace(validation_size=0))


def test_a_kernel_experiment_of_ones_own_needs_no_bank(monkeypatch):
    def missing():
        raise DataError("no results bank")

    monkeypatch.setattr(kernel, "_bank", missing)
    panel = KernelExperiment(TINY)
    assert not panel.start.disabled
    panel.data.value = "digits"
    assert "no results bank" in panel.status.value
    panel.close()
