"""Verdicts on data whose answer is known: worked out by hand, by scipy, or planted in a simulation."""

import math

import numpy as np
import pytest
from made_runs import levels_of, made
from scipy import stats

from cnnlab.comparison.compare import compare
from cnnlab.comparison.verdicts import _paired_row

TABLES = 2000


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


# --- Simulated data
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
    return [_paired_row(place, values, rows[0], len(rows) - 1, "validation_accuracy").verdict
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
        compared = compare(levels_of("kernel_size", dict(zip(sizes, table, strict=True))), by="kernel_size")
        assert list(compared.verdicts.values()) == verdicts_on(table)
        seen += compared.verdicts.values()
    assert 10 < seen.count("better") < 110
