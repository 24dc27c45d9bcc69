"""The noise floor and the interval of a difference, worked out by hand and by simulation."""

import math

import numpy as np
import pytest
from made_runs import levels_of, made
from scipy import stats

from cnnlab.comparison.compare import compare
from cnnlab.comparison.noise_floor import noise_floor, paired_interval, pooled_noise
from cnnlab.errors import ConfigError

TABLES = 2000


def test_the_interval_of_one_pair_is_none():
    assert all(map(math.isnan, paired_interval(np.array([0.1]))))
    low, high = paired_interval([0.01, 0.03], comparisons=1)  # t(0.975, 1) = 12.7062, standard error 0.01
    assert (low, high) == (pytest.approx(0.02 - 0.127062), pytest.approx(0.02 + 0.127062))


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


def test_the_noise_floor_of_no_runs_is_refused():
    with pytest.raises(ConfigError, match="there are no runs"):
        noise_floor([])


def test_the_noise_floor_warns_of_runs_without_a_value():
    runs = [*levels_of("kernel_size", {3: [0.50, 0.51, 0.52]}), made(0.9, seed=3, stopped_by="diverged")]
    words = r"1 of 4 runs have no validation_accuracy at 'last' \(diverged, .*\) and are left out"
    with pytest.warns(UserWarning, match=words) as caught:
        floor = noise_floor(runs)
    assert caught[0].filename == __file__
    assert floor == noise_floor(runs[:3])


def test_two_single_runs_of_one_setting_differ_by_less_95_times_in_100():
    rng = np.random.default_rng(1)
    within = 0
    for _ in range(TABLES):
        settings = {setting: dict(enumerate(rng.normal(setting, 0.1, 5))) for setting in range(2)}
        first, second = rng.normal(7, 0.1, 2)
        within += abs(first - second) < pooled_noise(settings)
    low, high = stats.binom.ppf([0.001, 0.999], TABLES, 0.95)
    assert low <= within <= high  # measured 0.948
