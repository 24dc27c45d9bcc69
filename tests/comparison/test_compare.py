"""compare: which runs are paired, what moves along, what is left out, and what is refused."""

import math

import numpy as np
import pytest
from made_runs import levels_of, made, optimizers, unvalidated
from scipy import stats

from cnnlab.comparison.compare import compare
from cnnlab.errors import ConfigError


def test_three_differences_by_hand():
    runs = levels_of("kernel_size", {3: [0.50, 0.60, 0.70], 5: [0.51, 0.62, 0.73]})
    compared = compare(runs, by="kernel_size")
    reference, five = compared.levels
    assert (reference.level, reference.verdict, reference.mean) == (3, "reference", pytest.approx(0.60))
    assert (five.level, five.seeds, five.mean) == (5, 3, pytest.approx(0.62))
    # Differences 0.01, 0.02, 0.03: standard error 0.01 / √3, Student's t(0.975, 2) = 4.302653
    half = 4.302653 * 0.01 / math.sqrt(3)
    assert five.difference == pytest.approx(0.02)
    assert (five.low, five.high) == (pytest.approx(0.02 - half), pytest.approx(0.02 + half))
    assert (five.verdict, five.why) == ("cannot tell", "the interval holds 0")
    assert compared.values == {3: {0: 0.50, 1: 0.60, 2: 0.70}, 5: {0: 0.51, 1: 0.62, 2: 0.73}}
    assert compared.verdicts == {5: "cannot tell"}
    assert compared.title == "validation_accuracy by kernel_size, after the last epoch, against kernel_size=3"


def test_a_crossed_grid_is_averaged_within_a_seed_first_and_agrees_with_scipy():
    rng = np.random.default_rng(0)
    sizes, poolings, epochs, seeds = (3, 5, 7), ("max", "avg"), (5, 50), range(4)
    table = rng.uniform(0.5, 0.9, (3, 2, 2, 4))
    runs = [made(table[i, j, k, seed], kernel_size=size, pooling=pooling, epochs=length, seed=seed)
            for i, size in enumerate(sizes) for j, pooling in enumerate(poolings)
            for k, length in enumerate(epochs) for seed in seeds]  # fmt: skip
    rng.shuffle(runs)
    compared = compare(runs, by="kernel_size")
    by_seed = table.mean(axis=(1, 2))  # (sizes, seeds)
    for place, row in enumerate(compared.levels[1:], start=1):
        oracle = stats.ttest_rel(by_seed[place], by_seed[0])
        interval = oracle.confidence_interval(1 - 0.05 / 2)  # two comparisons: Bonferroni
        assert row.seeds == 4
        assert row.difference == pytest.approx((by_seed[place] - by_seed[0]).mean())
        assert (row.low, row.high) == pytest.approx((interval.low, interval.high))
        assert (row.verdict == "cannot tell") == (oracle.pvalue > 0.05 / 2)
    alone = compare([run for run in runs if run.experiment.kernel_size != 7], by="kernel_size").levels[1]
    interval = stats.ttest_rel(by_seed[1], by_seed[0]).confidence_interval(0.95)  # one comparison
    assert (alone.low, alone.high) == pytest.approx((interval.low, interval.high))
    assert (compared.left_out, compared.without_value) == (0, 0)
    # One run alone is one cell, not an average of four.
    assert compared.noise_floor == pytest.approx(
        stats.t.ppf(0.975, 12 * 3) * math.sqrt(2 * table.var(axis=3, ddof=1).mean())
    )


def test_every_other_field_and_the_seed_must_agree():
    runs = levels_of("kernel_size", {3: [0.5, 0.6, 0.4], 5: [0.6, 0.8, 0.5]})
    strangers = [made(0.9, kernel_size=5, seed=7), made(0.1, kernel_size=3, hidden=32, seed=0)]
    strangers += [made(0.2, kernel_size=3, data_seed=1, seed=1)]
    compared = compare(runs + strangers, by="kernel_size")
    assert compared.left_out == 3
    assert compared.without_value == 0
    assert compared.levels[1] == compare(runs, by="kernel_size").levels[1]
    assert "runs left out, no partner at every level: 3" in repr(compared)
    assert "left out" not in repr(compare(runs, by="kernel_size"))


def test_a_run_that_is_missing_at_one_level_takes_its_partners_with_it():
    table = {3: [0.5, 0.6, 0.4, 0.5], 5: [0.6, 0.8, 0.5, 0.7], 7: [0.6, 0.7, 0.6]}
    compared = compare(levels_of("kernel_size", table), by="kernel_size")
    assert [row.seeds for row in compared.levels] == [3, 3, 3]
    assert compared.left_out == 2
    assert compared.levels[0].mean == pytest.approx(0.5)


def test_a_block_without_a_partner_leaves_its_seed_the_other_blocks():
    runs = [made(value, kernel_size=size, pooling=pooling, seed=seed)
            for size, shift in ((3, 0.0), (5, 0.1)) for pooling in ("max", "avg")
            for seed, value in enumerate([0.4 + shift, 0.5 + 2 * shift, 0.6 + shift])]  # fmt: skip
    compared = compare(runs[:-1], by="kernel_size")  # without kernel 5, avg, seed 2
    assert (compared.levels[1].seeds, compared.left_out) == (3, 1)
    assert compared.values[3] == pytest.approx({0: 0.4, 1: 0.5, 2: 0.6})


def test_a_run_given_twice_counts_once():
    runs = levels_of("kernel_size", {3: [0.5, 0.6, 0.4], 5: [0.6, 0.8, 0.5]})
    again = made(0.5, kernel_size=3, seed=0, learning_rate=0.001)  # what learning_rate=None means
    compared = compare([*runs, *runs, again], by="kernel_size")
    assert compared.left_out == 0
    assert compared.levels[1] == compare(runs, by="kernel_size").levels[1]


def test_the_reference_can_be_chosen_and_levels_stay_what_they_are():
    runs = levels_of("kernel_size", {3: [0.5, 0.6, 0.4], 5: [0.6, 0.8, 0.5]})
    compared = compare(runs, by="kernel_size", reference=5)
    assert [row.level for row in compared.levels] == [5, 3]
    assert compared.levels[1].difference == pytest.approx(-compare(runs, by="kernel_size").levels[1].difference)
    table = compare(levels_of("channels", {(8, 16): [0.5, 0.6, 0.4], (4, 8): [0.6, 0.8, 0.5]}), by="channels").table()
    assert table.index.tolist() == [(4, 8), (8, 16)]
    table = compare(levels_of("patience", {None: [0.5, 0.6, 0.4], 4: [0.6, 0.8, 0.5]}), by="patience").table()
    assert table.index.tolist() == [4, None]
    assert (table.index.name, list(table.columns)) == (
        "patience", ["seeds", "mean", "difference", "low", "high", "verdict", "why"],
    )  # fmt: skip


def test_no_patience_can_be_the_reference():
    runs = [made([0.5, 0.6 + 0.01 * seed], patience=patience, epochs=2, seed=seed) for patience in (None, 5)
            for seed in range(3)]  # fmt: skip
    assert [level.level for level in compare(runs, by="patience", reference=None).levels] == [None, 5]
    assert [level.level for level in compare(runs, by="patience").levels] == [5, None]


def test_runs_without_the_number_are_left_out_and_counted():
    runs = levels_of("kernel_size", {3: [0.5, 0.6, 0.4, 0.5], 5: [0.6, 0.8, 0.5, 0.8]})
    runs[-1] = made(0.9, kernel_size=5, seed=3, stopped_by="diverged")
    with pytest.warns(UserWarning, match="1 of 8 runs have no validation_accuracy at 'last' .diverged.* left out"):
        compared = compare(runs, by="kernel_size")
    assert (compared.levels[1].seeds, compared.left_out, compared.without_value) == (3, 2, 1)
    assert "runs left out, no number there (diverged, interrupted or too short): 1" in repr(compared)
    assert "runs left out, no partner at every level: 1" in repr(compared)
    assert compare(runs, by="kernel_size", at=1).levels[1].seeds == 4  # it was there after the first epoch
    # At epoch 2 the runs of one epoch have nothing to say.
    longer = [made([0.1, 0.5 + 0.1 * size * seed], kernel_size=size, epochs=9, seed=seed)
              for size in (3, 5) for seed in range(3)]  # fmt: skip
    with pytest.warns(UserWarning, match="8 of 14 runs have no"):
        compared = compare(runs + longer, by="kernel_size", at=2)
    assert (compared.levels[0].mean, compared.left_out, compared.without_value) == (pytest.approx(0.8), 8, 8)
    assert ", after epoch 2, against kernel_size=3" in compared.title


# --- Confounds


def test_a_field_that_moves_along_is_refused_until_it_is_named():
    runs = optimizers(sgd=0.1, adam=0.002)
    with pytest.raises(ConfigError) as caught:
        compare(runs, by="optimizer")
    assert str(caught.value) == (
        "learning_rate (sgd: 0.1; adam: 0.002) moves together with optimizer, so the cause of a difference "
        "can't be told; train runs that differ in optimizer alone, or name what moves: along=('learning_rate',)"
    )
    compared = compare(runs, by="optimizer", along=("learning_rate",))
    assert "optimizer (with its own learning_rate)," in compared.title
    assert compared.title in repr(compared)
    assert compared.levels[1].seeds == 3
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
    ]
    for call, words in cases:
        with pytest.raises(ConfigError) as caught:
            call()
        assert words in str(caught.value)


def test_a_reason_is_named_once_also_where_another_level_joined_it():
    runs = levels_of("kernel_size", {3: [0.5, 0.6], 5: [0.7, 0.8]})
    for size in (3, 5):
        runs.append(made(0.5, kernel_size=size, seed=2, stopped_by="diverged"))
    runs.append(unvalidated(kernel_size=3, seed=3))
    with pytest.warns(UserWarning, match="are left out") as caught:
        compare(runs, by="kernel_size")
    message = str(caught[0].message)
    assert message.count("diverged, interrupted or too short") == 1
    assert message.count("no validation images") == 1
