"""Verdicts on data whose answer is known: worked out by hand, by scipy, or planted in a simulation."""

import math

import numpy as np
import pytest
from made_runs import levels_of, made, optimizers
from scipy import stats

from cnnlab.comparison.compare import compare, noise_floor
from cnnlab.comparison.metrics import value_at
from cnnlab.comparison.noise_floor import paired_interval, pooled_noise
from cnnlab.comparison.ranking import _wins, rank_stability
from cnnlab.comparison.settings import compare_settings
from cnnlab.comparison.verdicts import _row
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.plots.history import plot_history
from cnnlab.plots.runs import plot_comparison, plot_curves, plot_grid

TABLES = 2000


# --- What is paired with what


def test_three_differences_by_hand():
    runs = levels_of("kernel_size", {3: [0.50, 0.60, 0.70], 5: [0.51, 0.62, 0.73]})
    found = compare(runs, by="kernel_size")
    reference, five = found.levels
    assert (reference.level, reference.verdict, reference.mean) == (3, "reference", pytest.approx(0.60))
    assert (five.level, five.seeds, five.mean) == (5, 3, pytest.approx(0.62))
    # Differences 0.01, 0.02, 0.03: standard error 0.01 / √3, Student's t(0.975, 2) = 4.302653
    half = 4.302653 * 0.01 / math.sqrt(3)
    assert five.difference == pytest.approx(0.02)
    assert (five.low, five.high) == (pytest.approx(0.02 - half), pytest.approx(0.02 + half))
    assert (five.verdict, five.why) == ("cannot tell", "the interval holds 0")
    assert found.values == {3: {0: 0.50, 1: 0.60, 2: 0.70}, 5: {0: 0.51, 1: 0.62, 2: 0.73}}
    assert found.verdicts == {5: "cannot tell"}
    assert found.title == "validation_accuracy by kernel_size, after the last epoch, against kernel_size=3"


def test_a_crossed_grid_is_averaged_within_a_seed_first_and_agrees_with_scipy():
    rng = np.random.default_rng(0)
    sizes, poolings, epochs, seeds = (3, 5, 7), ("max", "avg"), (5, 50), range(4)
    table = rng.uniform(0.5, 0.9, (3, 2, 2, 4))
    runs = [made(table[i, j, k, seed], kernel_size=size, pooling=pooling, epochs=length, seed=seed)
            for i, size in enumerate(sizes) for j, pooling in enumerate(poolings)
            for k, length in enumerate(epochs) for seed in seeds]  # fmt: skip
    rng.shuffle(runs)
    found = compare(runs, by="kernel_size")
    by_seed = table.mean(axis=(1, 2))  # (sizes, seeds)
    for place, row in enumerate(found.levels[1:], start=1):
        oracle = stats.ttest_rel(by_seed[place], by_seed[0])
        interval = oracle.confidence_interval(1 - 0.05 / 2)  # two comparisons: Bonferroni
        assert row.seeds == 4
        assert row.difference == pytest.approx((by_seed[place] - by_seed[0]).mean())
        assert (row.low, row.high) == pytest.approx((interval.low, interval.high))
        assert (row.verdict == "cannot tell") == (oracle.pvalue > 0.05 / 2)
    one = compare([run for run in runs if run.experiment.kernel_size != 7], by="kernel_size").levels[1]
    interval = stats.ttest_rel(by_seed[1], by_seed[0]).confidence_interval(0.95)  # one comparison
    assert (one.low, one.high) == pytest.approx((interval.low, interval.high))
    assert (found.left_out, found.without_value) == (0, 0)
    # One run alone is one cell, not an average of four.
    assert found.noise_floor == pytest.approx(
        stats.t.ppf(0.975, 12 * 3) * math.sqrt(2 * table.var(axis=3, ddof=1).mean())
    )


def test_every_other_field_and_the_seed_must_agree():
    runs = levels_of("kernel_size", {3: [0.5, 0.6, 0.4], 5: [0.6, 0.8, 0.5]})
    strangers = [made(0.9, kernel_size=5, seed=7), made(0.1, kernel_size=3, hidden=32, seed=0)]
    strangers += [made(0.2, kernel_size=3, data_seed=1, seed=1)]
    found = compare(runs + strangers, by="kernel_size")
    assert found.left_out == 3
    assert found.without_value == 0
    assert found.levels[1] == compare(runs, by="kernel_size").levels[1]
    assert "runs left out, no partner at every level: 3" in repr(found)
    assert "left out" not in repr(compare(runs, by="kernel_size"))


def test_a_run_that_is_missing_at_one_level_takes_its_partners_with_it():
    table = {3: [0.5, 0.6, 0.4, 0.5], 5: [0.6, 0.8, 0.5, 0.7], 7: [0.6, 0.7, 0.6]}
    found = compare(levels_of("kernel_size", table), by="kernel_size")
    assert [row.seeds for row in found.levels] == [3, 3, 3]
    assert found.left_out == 2
    assert found.levels[0].mean == pytest.approx(0.5)


def test_a_block_without_a_partner_leaves_its_seed_the_other_blocks():
    runs = [made(value, kernel_size=size, pooling=pooling, seed=seed)
            for size, shift in ((3, 0.0), (5, 0.1)) for pooling in ("max", "avg")
            for seed, value in enumerate([0.4 + shift, 0.5 + 2 * shift, 0.6 + shift])]  # fmt: skip
    found = compare(runs[:-1], by="kernel_size")  # without kernel 5, avg, seed 2
    assert (found.levels[1].seeds, found.left_out) == (3, 1)
    assert found.values[3] == pytest.approx({0: 0.4, 1: 0.5, 2: 0.6})


def test_a_run_given_twice_counts_once():
    runs = levels_of("kernel_size", {3: [0.5, 0.6, 0.4], 5: [0.6, 0.8, 0.5]})
    again = made(0.5, kernel_size=3, seed=0, learning_rate=0.001)  # what learning_rate=None means
    found = compare([*runs, *runs, again], by="kernel_size")
    assert found.left_out == 0
    assert found.levels[1] == compare(runs, by="kernel_size").levels[1]


def test_the_reference_can_be_chosen_and_levels_stay_what_they_are():
    runs = levels_of("kernel_size", {3: [0.5, 0.6, 0.4], 5: [0.6, 0.8, 0.5]})
    found = compare(runs, by="kernel_size", reference=5)
    assert [row.level for row in found.levels] == [5, 3]
    assert found.levels[1].difference == pytest.approx(-compare(runs, by="kernel_size").levels[1].difference)
    table = compare(levels_of("channels", {(8, 16): [0.5, 0.6, 0.4], (4, 8): [0.6, 0.8, 0.5]}), by="channels").table()
    assert table.index.tolist() == [(4, 8), (8, 16)]
    table = compare(levels_of("patience", {None: [0.5, 0.6, 0.4], 4: [0.6, 0.8, 0.5]}), by="patience").table()
    assert table.index.tolist() == [4, None]
    assert (table.index.name, list(table.columns)) == (
        "patience", ["seeds", "mean", "difference", "low", "high", "verdict", "why"],
    )  # fmt: skip


# --- Confounds


def test_a_field_that_moves_along_is_refused_until_it_is_named():
    runs = optimizers(sgd=0.1, adam=0.002)
    with pytest.raises(ConfigError) as caught:
        compare(runs, by="optimizer")
    assert str(caught.value) == (
        "learning_rate (sgd: 0.1; adam: 0.002) moves together with optimizer, so that nobody can tell which of them "
        "did it; train runs that differ in optimizer alone, or name what moves: along=('learning_rate',)"
    )
    found = compare(runs, by="optimizer", along=("learning_rate",))
    assert "optimizer (with its own learning_rate)," in found.title
    assert found.title in repr(found)
    assert found.levels[1].seeds == 3
    assert compare(runs, by="optimizer", along="learning_rate").along == ("learning_rate",)


def test_default_learning_rates_move_along_too():
    runs = optimizers(sgd=None, rmsprop=None, adam=None)
    with pytest.raises(ConfigError, match=r"learning_rate \(sgd: 0.05; rmsprop: 0.001; adam: 0.001\) moves together"):
        compare(runs, by="optimizer")
    assert len(compare(runs, by="optimizer", along=("learning_rate",)).levels) == 3
    assert compare(optimizers(rmsprop=None, adam=None), by="optimizer").left_out == 0  # the same rate


def test_all_that_moves_is_named_at_once():
    three = [made(0.5, kernel_size=3, channels=(16, 32), hidden=64, seed=seed) for seed in range(3)]
    seven = [made(0.6, kernel_size=7, channels=(7, 14), hidden=96, seed=seed) for seed in range(3)]
    with pytest.raises(ConfigError) as caught:
        compare(three + seven, by="kernel_size")
    assert "channels (3: (16, 32); 7: (7, 14)) and hidden (3: 64; 7: 96) move together" in str(caught.value)
    assert "along=('channels', 'hidden')" in str(caught.value)
    with pytest.raises(ConfigError, match=r"hidden \(3: 64; 7: 96\) moves .* along=\('channels', 'hidden'\)"):
        compare(three + seven, by="kernel_size", along=["channels"])


def test_a_level_has_one_value_of_what_goes_along():
    runs = optimizers(sgd=0.1, adam=0.002)
    with pytest.raises(ConfigError, match=r"optimizer='sgd' has several values of learning_rate \(0.1 and 0.2\)"):
        compare([*runs, made(0.5, optimizer="sgd", learning_rate=0.2, seed=0)], by="optimizer", along="learning_rate")
    with pytest.raises(ConfigError, match="several values"):  # also where no seed has both
        compare([*runs, made(0.5, optimizer="sgd", learning_rate=0.2, seed=3)], by="optimizer", along="learning_rate")
    # Each data seed may have its own rate: within a block the level still has one.
    more = [made(0.4 + 0.1 * seed**place, optimizer=name, learning_rate=rate, seed=seed, data_seed=1)
            for place, (name, rate) in enumerate({"sgd": 0.3, "adam": 0.01}.items()) for seed in range(3)]  # fmt: skip
    assert compare(runs + more, by="optimizer", along="learning_rate").left_out == 0


def test_what_cannot_be_compared_is_refused_in_words():
    runs = levels_of("kernel_size", {3: [0.5, 0.6], 5: [0.6, 0.8]})
    apart = [made(0.5, kernel_size=3, seed=0), made(0.5, kernel_size=5, seed=1)]
    failed = [made([], kernel_size=7, seed=seed, stopped_by="diverged") for seed in range(2)]
    by = "kernel_size"
    cases = [
        (lambda: compare(runs, by="kernel"), "unknown field of Experiment 'kernel'; did you mean 'kernel_size'?"),
        (lambda: compare(runs, by="seed"), "seed is what comparisons are paired on"),
        (lambda: compare(runs, by=by, along=by), "which is compared itself; leave it out"),
        (lambda: compare(runs, by=by, along="rate"), "unknown field of Experiment 'rate'"),
        (lambda: compare(runs, by=by, metric="accuracy"), "unknown metric 'accuracy'"),
        (lambda: compare(runs, by=by, at="end"), "unknown at 'end'; choose from 'last', 'stopped', 'best'"),
        (lambda: compare(runs, by=by, at=0), "at must be a whole number of 1 or more, got 0"),
        (lambda: compare(runs, by=by, metric="seconds", at=1), "seconds are those of the whole run"),
        (lambda: compare(runs, by="pooling"), "pooling wants two values or more to compare, got ['max']; train some"),
        (lambda: compare([], by=by), "no runs to compare; a filter may have left none"),
        (lambda: compare(runs, by=by, reference=7), "reference=7 is no level of kernel_size; choose from [3, 5]"),
        (lambda: compare(apart, by=by), "no two runs at all levels of kernel_size (3, 5) agree in the seed"),
        (
            lambda: compare(runs + failed, by=by),
            "no run with kernel_size=7 has validation_accuracy at 'last': diverged",
        ),
        (lambda: compare([runs[0].history], by=by), "wanted runs, such as sweep() or load_runs() returns, got History"),
        (lambda: rank_stability(apart), "rank_stability: no seed has validation_loss at 'last' for every setting"),
        (lambda: rank_stability([]), "rank_stability: no seed has"),
        (lambda: rank_stability(runs, resamples=0), "resamples must be a whole number of 1 or more"),
    ]
    for call, words in cases:
        with pytest.raises(ConfigError) as caught:
            call()
        assert words in str(caught.value)


# --- The verdict


@pytest.mark.parametrize(
    ("metric", "word"), [("validation_accuracy", "better"), ("validation_loss", "worse"), ("seconds", "worse")]
)
def test_each_metric_has_a_direction(metric, word):
    rows = {3: [0.5, 0.6, 0.4], 5: [0.7, 0.81, 0.59]}
    runs = []
    for size, values in rows.items():
        for seed, value in enumerate(values):
            accuracy = 1 - value if metric == "validation_loss" else value  # so that the metric itself is `value`
            runs.append(made(accuracy, kernel_size=size, seed=seed, seconds=value))
    up = compare(runs, by="kernel_size", metric=metric).levels[1]
    assert (up.difference, up.verdict) == (pytest.approx(0.2), word)
    assert 0 < up.low < up.high
    down = compare(runs, by="kernel_size", metric=metric, reference=5).levels[1]
    assert (down.difference, down.verdict) == (pytest.approx(-0.2), {"better": "worse", "worse": "better"}[word])
    assert down.why == "the interval excludes 0"


def test_too_few_seeds_or_no_variance_cannot_tell_and_say_why():
    cases = [
        ({3: [0.5], 5: [0.9]}, "1 seed: three or more are needed"),
        ({3: [0.5, 0.5], 5: [0.9, 0.9001]}, "2 seeds: three or more are needed"),
        ({3: [0.1, 0.2, 0.3], 5: [0.4, 0.5, 0.6]}, "every seed gives the same difference: chance can't be judged"),
        ({3: [0.5, 0.5, 0.5], 5: [0.5, 0.5, 0.5]}, "every seed gives the same difference: chance can't be judged"),
    ]
    for table, why in cases:
        row = compare(levels_of("kernel_size", table), by="kernel_size").levels[1]
        assert (row.verdict, row.why) == ("cannot tell", why)
        assert math.isnan(row.low)
        assert math.isnan(row.high)  # no interval that the verdict could contradict
    row = compare(levels_of("kernel_size", {3: [0.1, 0.2, 0.3], 5: [0.4, 0.5, 0.6001]}), by="kernel_size").levels[1]
    assert row.verdict == "better"


def test_the_interval_of_one_pair_is_none():
    assert all(map(math.isnan, paired_interval(np.array([0.1]))))
    low, high = paired_interval([0.01, 0.03], comparisons=1)  # t(0.975, 1) = 12.7062, standard error 0.01
    assert (low, high) == (pytest.approx(0.02 - 0.127062), pytest.approx(0.02 + 0.127062))


# --- When


def test_at_reads_the_epoch_that_it_names():
    waited = made([0.5, 0.8, 0.7, 0.6], epochs=9, patience=1, stopped_by="patience", seconds=4.0)
    assert [value_at(waited, "validation_accuracy", at) for at in ("last", "stopped", "best", 1, 5)] == [
        0.6, 0.8, 0.8, 0.5, None,
    ]  # fmt: skip
    patient = made([0.5, 0.8, 0.7, 0.6], epochs=4)
    assert [value_at(patient, "validation_accuracy", at) for at in ("last", "stopped", "best", 3)] == [
        0.6, 0.6, 0.8, 0.7,
    ]  # fmt: skip
    assert value_at(waited, "seconds", "stopped") == 4.0
    assert value_at(waited, "train_accuracy", "last") is None


def test_a_run_that_did_not_end_has_no_last_epoch():
    names = ("last", "stopped", "best", 2)
    diverged = made([0.5, 0.3], epochs=9, stopped_by="diverged")
    assert [value_at(diverged, "validation_accuracy", at) for at in names] == [None, None, 0.5, 0.3]
    assert value_at(diverged, "seconds", "last") is None
    kept = made([0.5, 0.3], epochs=9, patience=5, stopped_by="diverged")  # patience keeps the best weights
    assert value_at(kept, "validation_accuracy", "stopped") == 0.5
    for why in ("stop", "interrupt"):
        broken = made([0.5, 0.3], epochs=9, patience=5, stopped_by=why)
        assert [value_at(broken, "validation_accuracy", at) for at in names] == [None, None, None, 0.3]
    assert value_at(made([], epochs=9, patience=5, stopped_by="diverged"), "validation_loss", "stopped") is None


def test_runs_without_the_number_are_left_out_and_counted():
    runs = levels_of("kernel_size", {3: [0.5, 0.6, 0.4, 0.5], 5: [0.6, 0.8, 0.5, 0.8]})
    runs[-1] = made(0.9, kernel_size=5, seed=3, stopped_by="diverged")
    with pytest.warns(UserWarning, match="1 of 8 runs have no validation_accuracy at 'last' .diverged.* left out"):
        found = compare(runs, by="kernel_size")
    assert (found.levels[1].seeds, found.left_out, found.without_value) == (3, 2, 1)
    assert "runs left out, no number there (diverged, interrupted or too short): 1" in repr(found)
    assert "runs left out, no partner at every level: 1" in repr(found)
    assert compare(runs, by="kernel_size", at=1).levels[1].seeds == 4  # it was there after the first epoch
    # At epoch 2 the runs of one epoch have nothing to say.
    longer = [made([0.1, 0.5 + 0.1 * size * seed], kernel_size=size, epochs=9, seed=seed)
              for size in (3, 5) for seed in range(3)]  # fmt: skip
    with pytest.warns(UserWarning, match="8 of 14 runs have no"):
        found = compare(runs + longer, by="kernel_size", at=2)
    assert (found.levels[0].mean, found.left_out, found.without_value) == (pytest.approx(0.8), 8, 8)
    assert ", after epoch 2, against kernel_size=3" in found.title


def unvalidated(accuracy=0.5, **fields):
    """A finished run without validation images."""
    run = made(accuracy, validation_size=0, **fields)
    run.history.rows[:] = [{"epoch": 1, "train_loss": 1.0, "train_accuracy": accuracy}]
    run.history.best_epoch = 0
    return run


NO_IMAGES = "no validation images: train with a larger validation_size"


def test_a_run_without_validation_images_says_so_and_not_that_it_diverged():
    runs = [unvalidated(kernel_size=size, seed=seed) for size in (3, 5) for seed in range(3)]
    for metric, at in (("validation_accuracy", "last"), ("validation_loss", 1), ("train_loss", "best")):
        for refuses in (compare_settings, lambda runs, **how: compare(runs, by="kernel_size", **how)):
            with pytest.raises(ConfigError) as caught:
                refuses(runs, metric=metric, at=at)
            assert NO_IMAGES in str(caught.value)
            assert "diverged" not in str(caught.value)
    assert compare(runs, by="kernel_size", metric="train_loss").levels[1].seeds == 3
    # a tenth of very few images is none, whatever the experiment says
    few = made(0.5, kernel_size=3)
    few.history.rows[0] = {"epoch": 1, "train_loss": 1.0}
    with pytest.raises(ConfigError, match=NO_IMAGES):
        compare_settings([few])


def test_each_setting_has_its_own_reason():
    lost = made([], stopped_by="diverged", learning_rate=1.0)
    found = compare_settings([made(0.5), unvalidated(), lost])
    assert [row.why for row in found.levels[1:]] == [
        f"no number there ({NO_IMAGES})", "no number there (diverged, interrupted or too short)",
    ]  # fmt: skip
    assert f"no number there ({NO_IMAGES}; diverged, interrupted or too short): 2" in repr(found)
    with pytest.raises(ConfigError, match=NO_IMAGES):
        found.against(found.levels[1].level)


def test_stopped_compares_the_weights_that_were_kept():
    runs = [made([0.5, 0.6 + shift * (seed + 1), 0.4], kernel_size=size, patience=0, epochs=9, seed=seed,
                 stopped_by="patience") for size, shift in ((3, 0), (5, 0.05)) for seed in range(3)]  # fmt: skip
    found = compare(runs, by="kernel_size", at="stopped")
    assert found.levels[1].difference == pytest.approx(0.1)
    assert ", where training stopped, against" in found.title
    assert compare(runs, by="kernel_size").levels[1].difference == 0


def test_the_best_epoch_never_compares_epochs():
    lengths = [made([0.5, 0.7, 0.6][:length], epochs=length, seed=seed) for length in (1, 3) for seed in range(3)]
    words = "at='best' can't compare epochs: the best of more epochs is never worse, whatever training does; take at="
    for call in (lambda: compare(lengths, by="epochs", at="best"), lambda: rank_stability(lengths, at="best")):
        with pytest.raises(ConfigError) as caught:
            call()
        assert words in str(caught.value)
    with pytest.raises(ConfigError, match="at='best' can't compare patience: the best of more epochs"):
        compare(levels_of("patience", {1: [0.5], 5: [0.6]}), by="patience", at="best")
    with pytest.raises(ConfigError, match="at='best' can't compare epochs"):
        compare(optimizers(sgd=0.1, adam=0.1), by="optimizer", along="epochs", at="best")
    assert compare(lengths, by="epochs", at="last").levels[1].mean == pytest.approx(0.6)
    assert compare(lengths, by="epochs", at="stopped").levels[1].mean == pytest.approx(0.6)
    kept = [made([0.5, 0.7], epochs=length, patience=5, seed=seed) for length in (1, 3) for seed in range(3)]
    with pytest.raises(ConfigError, match="at='stopped' can't compare epochs: with patience the best weights are kept"):
        compare(kept, by="epochs", at="stopped")


@pytest.mark.parametrize("name", ["threads", "torch", "cpu_capability", "processor", "onednn"])
def test_mixed_environments_warn(name):
    runs = [made(0.5 + 0.1 * seed * size, kernel_size=size, seed=seed, environment={name: f"v{size}"})
            for size in (3, 5) for seed in range(3)]  # fmt: skip
    for call in (lambda: compare(runs, by="kernel_size"), lambda: rank_stability(runs)):
        with pytest.warns(UserWarning, match=rf"these runs differ in {name} \(v3, v5\)") as caught:
            call()
        assert caught[0].filename == __file__
    compare(levels_of("kernel_size", {3: [0.5], 5: [0.6]}, environment={name: "v3"}), by="kernel_size")


def on_processors(of_level: dict[int, list[str]]) -> list[Run]:
    """Return one run for each level and seed, trained on the processor that stands in the seed's place."""
    return [
        made(0.5 + 0.1 * seed * size, kernel_size=size, seed=seed, environment={"processor": name, "threads": 1})
        for size, names in of_level.items()
        for seed, name in enumerate(names)
    ]


def test_another_processor_warns_only_where_it_moves_with_what_is_compared():
    calls = [
        lambda runs: compare(runs, by="kernel_size"),
        lambda runs: compare_settings(runs),
        lambda runs: rank_stability(runs),
        lambda runs: plot_curves(runs, by="kernel_size"),
        lambda runs: plot_grid(runs, "kernel_size", "pooling"),
    ]
    blocked = on_processors({3: ["AMD", "AMD", "Intel"], 5: ["AMD", "AMD", "Intel"]})
    partly = on_processors({3: ["AMD", "AMD", "AMD"], 5: ["AMD", "AMD", "Intel"]})
    for call in calls:
        call(blocked)  # a warning here would be an error
        with pytest.warns(UserWarning, match=r"these runs differ in processor \(AMD, Intel\)"):
            call(partly)
    noise_floor(partly)
    with pytest.warns(UserWarning, match=r"processor \(AMD, Intel\)"):
        plot_history({"a": partly[0].history, "b": partly[-1].history})


def test_a_record_without_a_processor_counts_as_another_place():
    runs = on_processors({3: ["AMD"] * 3, 5: ["AMD"] * 3})
    for run in runs[:3]:
        del run.history.environment["processor"]
    with pytest.warns(UserWarning, match=r"these runs differ in processor \(AMD, unknown\)"):
        compare(runs, by="kernel_size")


# --- Data with known answers
# Measured, the share of 2,000 tables with at least one wrong verdict (3 seeds, 5 seeds): 2 levels 0.044, 0.051;
# 3 levels 0.054, 0.048; 6 levels 0.044, 0.046. Power, measured and computed: 0.502, 0.508; 0.654, 0.663; 0.490, 0.481.


def simulated(levels, seeds, tables, *, gain=0.0):
    """Accuracies (tables, levels, seeds): a part that the seed gives every level alike, and chance of sd 0.01."""
    rng = np.random.default_rng([levels, seeds])
    values = 0.8 + 0.02 * rng.standard_normal((tables, 1, seeds)) + 0.01 * rng.standard_normal((tables, levels, seeds))
    values[:, 1:] += gain
    return values


def verdicts_on(table):
    """The verdicts on one table (levels, seeds), from the function that makes those of `compare`."""
    rows = [dict(enumerate(values)) for values in table]
    return [_row(place, values, rows[0], len(rows) - 1, "validation_accuracy").verdict
            for place, values in enumerate(rows[1:], start=1)]  # fmt: skip


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("levels", [2, 3, 6])
def test_without_a_difference_one_table_in_twenty_is_wrong_at_most(levels, seeds):
    wrong = sum(set(verdicts_on(table)) != {"cannot tell"} for table in simulated(levels, seeds, TABLES))
    assert wrong <= stats.binom.ppf(0.999, TABLES, 0.05)
    # The reference is in every difference, so that Bonferroni is a little careful; with one difference it is exact.
    assert wrong >= stats.binom.ppf(0.001, TABLES, 0.05 if levels == 2 else 0.025)


@pytest.mark.parametrize(("seeds", "levels", "gain"), [(3, 2, 0.03), (5, 2, 0.02), (5, 3, 0.02)])
def test_a_planted_difference_is_found_as_often_as_computed(seeds, levels, gain):
    verdicts = [verdicts_on(table)[0] for table in simulated(levels, seeds, TABLES, gain=gain)]
    critical = stats.t.ppf(1 - 0.025 / (levels - 1), seeds - 1)
    power = stats.nct.sf(critical, seeds - 1, gain / (0.01 * math.sqrt(2)) * math.sqrt(seeds))
    low, high = stats.binom.ppf([0.001, 0.999], TABLES, power) / TABLES
    assert low <= verdicts.count("better") / TABLES <= high
    assert verdicts.count("worse") <= 2  # the chance of the wrong direction is below 1 in 10,000


def test_compare_gives_the_verdicts_that_were_simulated():
    sizes, seen = (3, 5, 7), []
    for table in simulated(3, 4, 60, gain=0.015):
        found = compare(levels_of("kernel_size", dict(zip(sizes, table, strict=True))), by="kernel_size")
        assert list(found.verdicts.values()) == verdicts_on(table)
        seen += found.verdicts.values()
    assert 10 < seen.count("better") < 110


# --- The noise floor


def test_the_noise_floor_by_hand():
    # Variances 0.0001 and 0.0004 with 2 degrees of freedom each: pooled 0.00025; t(0.975, 4) = 2.776445
    values = {3: {0: 0.50, 1: 0.51, 2: 0.52}, 5: {0: 0.70, 1: 0.72, 2: 0.74}}
    assert pooled_noise(values) == pytest.approx(2.776445 * math.sqrt(2 * 0.00025))
    assert math.isnan(pooled_noise({3: {0: 0.5}, 5: {0: 0.6}}))
    assert pooled_noise({3: {0: 0.5}, 5: {0: 0.6, 1: 0.6}}) == 0


def test_the_noise_floor_of_runs_pools_settings_over_their_seeds():
    runs = levels_of("kernel_size", {3: [0.50, 0.51, 0.52], 5: [0.70, 0.72, 0.74]})
    assert noise_floor(runs) == pytest.approx(2.776445 * math.sqrt(2 * 0.00025))
    assert noise_floor([*runs, *runs]) == noise_floor(runs)
    assert compare(runs, by="kernel_size").noise_floor == pytest.approx(noise_floor(runs))


def test_two_single_runs_of_one_setting_differ_by_less_95_times_in_100():
    rng = np.random.default_rng(1)
    within = 0
    for _ in range(TABLES):
        settings = {setting: dict(enumerate(rng.normal(setting, 0.1, 5))) for setting in range(2)}
        one, two = rng.normal(7, 0.1, 2)
        within += abs(one - two) < pooled_noise(settings)
    low, high = stats.binom.ppf([0.001, 0.999], TABLES, 0.95)
    assert low <= within <= high  # measured 0.948


# --- Rankings


def test_a_clear_winner_always_wins_and_two_equal_settings_share():
    clear = levels_of("kernel_size", {3: [0.5, 0.6, 0.4], 5: [0.9, 0.8, 0.95], 7: [0.1, 0.2, 0.3]})
    found = rank_stability(clear)
    assert found["kernel_size"].tolist() == [5, 3, 7]
    assert found["wins"].tolist() == found["wins_alone"].tolist() == [1, 0, 0]
    assert found["mean"].tolist() == pytest.approx([0.35 / 3, 0.5, 0.8])
    assert found["seeds"].tolist() == [3, 3, 3]
    equal = rank_stability(levels_of("kernel_size", {3: [0.5, 0.6, 0.7], 5: [0.7, 0.6, 0.5]}))
    assert equal["wins"].tolist() == pytest.approx([0.5, 0.5], abs=0.03)
    assert equal["wins_alone"].tolist() == [0.5, 0.5]  # one each, and one shared
    twins = rank_stability(levels_of("kernel_size", {3: [0.5, 0.6, 0.7], 5: [0.5, 0.6, 0.7]}))
    assert twins["wins"].tolist() == [0.5, 0.5]
    assert _wins(np.array([[0.1 + 0.2], [0.3], [0.29]])).tolist() == [0.5, 0.5, 0]  # rounding decides nothing


def test_resampling_counts_what_can_be_counted_by_hand():
    # Losses 1 − accuracy. Kernel 5 wins a drawing of two seeds unless both are seed 1: three times in four.
    runs = levels_of("kernel_size", {3: [0.5, 0.6], 5: [0.9, 0.5]})
    found = rank_stability(runs, resamples=4000).set_index("kernel_size")
    assert found.loc[5, "wins"] == pytest.approx(0.75, abs=0.02)
    assert found["wins"].sum() == pytest.approx(1)
    assert rank_stability(runs, seed=1).equals(rank_stability(runs, seed=1))
    assert not rank_stability(runs, seed=1).equals(rank_stability(runs, seed=2))


def test_a_ranking_has_the_direction_of_its_metric():
    table = {3: [0.5, 0.6], 5: [0.7, 0.8]}
    runs = [made(value, kernel_size=size, seed=seed, seconds=value)
            for size, values in table.items() for seed, value in enumerate(values)]  # fmt: skip
    assert rank_stability(runs)["kernel_size"].tolist() == [5, 3]
    assert rank_stability(runs, metric="validation_accuracy")["kernel_size"].tolist() == [5, 3]
    fastest = rank_stability(runs, metric="seconds")
    assert (fastest["kernel_size"].tolist(), fastest["wins"].tolist()) == ([3, 5], [1, 0])
    assert fastest["mean"].tolist() == pytest.approx([0.55, 0.75])


def test_a_ranking_leaves_out_seeds_that_are_missing_somewhere():
    found = rank_stability(levels_of("kernel_size", {3: [0.5, 0.6, 0.99], 5: [0.7, 0.8]}) * 2)
    assert found["kernel_size"].tolist() == [5, 3]
    assert found["seeds"].tolist() == [2, 2]
    assert found["mean"].tolist() == pytest.approx([0.25, 0.45])


def test_who_diverges_in_a_seed_comes_last_there_and_does_not_vanish():
    runs = levels_of("kernel_size", {3: [0.5, 0.6], 5: [0.9, 0.9]})
    runs[-1] = made(0.9, kernel_size=5, seed=1, stopped_by="diverged")
    found = rank_stability(runs, resamples=4000)
    assert found["kernel_size"].tolist() == [3, 5]
    assert found["mean"].isna().tolist() == [False, True]
    assert found["wins"].tolist() == pytest.approx([0.75, 0.25], abs=0.02)  # 5 wins where seed 0 is drawn twice
    assert found["wins_alone"].tolist() == [0.5, 0.5]


def test_one_setting_alone_and_several_fields():
    assert rank_stability([made(0.5, seed=seed) for seed in range(2)]).to_dict("records") == [
        {"seeds": 2, "mean": 0.5, "wins": 1.0, "wins_alone": 1.0}
    ]
    runs = [made(0.1 * size + (pooling == "avg") * 0.1, kernel_size=size, pooling=pooling)
            for size in (3, 5) for pooling in ("max", "avg")]  # fmt: skip
    found = rank_stability(runs)
    assert list(found.columns) == ["kernel_size", "pooling", "seeds", "mean", "wins", "wins_alone"]
    assert found[["kernel_size", "pooling"]].to_numpy().tolist() == [[5, "avg"], [5, "max"], [3, "avg"], [3, "max"]]


def test_stopping_by_the_loss_is_not_compared_by_the_loss():
    runs = [made([0.5, 0.6, 0.4], patience=patience, epochs=9, seed=seed) for patience in (0, 5) for seed in range(3)]
    with pytest.raises(ConfigError, match="can't compare patience"):
        compare(runs, by="patience", metric="validation_loss", at="stopped")
    assert compare(runs, by="patience", at="stopped").levels[0].level == 0


def test_no_patience_can_be_the_reference():
    runs = [made([0.5, 0.6 + 0.01 * seed], patience=patience, epochs=2, seed=seed) for patience in (None, 5)
            for seed in range(3)]  # fmt: skip
    assert [level.level for level in compare(runs, by="patience", reference=None).levels] == [None, 5]
    assert [level.level for level in compare(runs, by="patience").levels] == [5, None]


# --- Whole settings


def test_whole_settings_are_named_by_what_varies_and_paired_with_the_first():
    runs = [made(value, kernel_size=5, pooling="avg", seed=seed) for seed, value in enumerate([0.50, 0.60, 0.70, 0.9])]
    runs += [made(value, kernel_size=3, seed=seed) for seed, value in enumerate([0.51, 0.62, 0.73])]
    found = compare_settings(runs)
    first, other = found.levels
    assert (first.level, first.seeds, first.mean) == ("kernel_size=5, pooling=avg", 4, pytest.approx(0.675))
    assert (other.level, other.seeds) == ("kernel_size=3, pooling=max", 3)
    alone = compare(runs, by="kernel_size", along="pooling", reference=5).levels[1]
    assert other[1:] == alone[1:]  # on the three seeds that both have
    assert (
        found.title
        == "validation_accuracy by setting, after the last epoch, against setting=kernel_size=5, pooling=avg"
    )


def test_the_verdicts_on_several_settings_hold_together():
    table = {3: [0.50, 0.60, 0.70], 5: [0.51, 0.62, 0.73], 7: [0.4, 0.5, 0.6]}
    runs = levels_of("kernel_size", table)
    ours, theirs = compare_settings(runs).levels[1:], compare(runs, by="kernel_size").levels[1:]
    assert repr([row[1:] for row in ours]) == repr([row[1:] for row in theirs])


def test_a_setting_without_a_number_or_a_common_seed_keeps_its_row():
    runs = [made([], stopped_by="diverged", learning_rate=1.0), made(0.5), made(0.6, kernel_size=5, seed=3)]
    found = compare_settings(runs)
    assert [(row.seeds, row.verdict) for row in found.levels] == [
        (1, "reference"),
        (0, "cannot tell"),
        (1, "cannot tell"),
    ]
    assert [row.why for row in found.levels][1:] == [
        "no number there (diverged, interrupted or too short)", "no seed in common with the first",
    ]  # fmt: skip
    assert math.isnan(found.levels[1].mean)
    assert found.without_value == 1
    ax = plot_comparison(found)
    assert len(ax.get_xticks()) == 3


def test_one_setting_is_its_own_reference_and_none_is_refused():
    found = compare_settings([made(0.5), made(0.6, seed=1)])
    assert [(row.level, row.verdict) for row in found.levels] == [("one setting", "reference")]
    assert found.verdicts == {}
    for runs, words in (([], "there are no runs"), ([made([], stopped_by="diverged")], "none of these 1 runs has")):
        with pytest.raises(ConfigError, match=words):
            compare_settings(runs)
