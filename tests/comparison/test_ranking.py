"""rank_stability: wins that can be counted by hand, ties, missing seeds, and runs that diverged."""

import numpy as np
import pytest
from made_runs import levels_of, made

from cnnlab.comparison.ranking import _wins, rank_stability
from cnnlab.errors import ConfigError


def test_a_clear_winner_always_wins_and_two_equal_settings_share():
    clear = levels_of("kernel_size", {3: [0.5, 0.6, 0.4], 5: [0.9, 0.8, 0.95], 7: [0.1, 0.2, 0.3]})
    ranking = rank_stability(clear)
    assert ranking["kernel_size"].tolist() == [5, 3, 7]
    assert ranking["wins"].tolist() == ranking["wins_alone"].tolist() == [1, 0, 0]
    assert ranking["mean"].tolist() == pytest.approx([0.35 / 3, 0.5, 0.8])
    assert ranking["seeds"].tolist() == [3, 3, 3]
    equal = rank_stability(levels_of("kernel_size", {3: [0.5, 0.6, 0.7], 5: [0.7, 0.6, 0.5]}))
    assert equal["wins"].tolist() == pytest.approx([0.5, 0.5], abs=0.03)
    assert equal["wins_alone"].tolist() == [0.5, 0.5]  # one each, and one shared
    twins = rank_stability(levels_of("kernel_size", {3: [0.5, 0.6, 0.7], 5: [0.5, 0.6, 0.7]}))
    assert twins["wins"].tolist() == [0.5, 0.5]
    assert _wins(np.array([[0.1 + 0.2], [0.3], [0.29]])).tolist() == [0.5, 0.5, 0]  # rounding decides nothing


def test_resampling_counts_what_can_be_counted_by_hand():
    # Losses 1 − accuracy. Kernel 5 wins a drawing of two seeds unless both are seed 1: three times in four.
    runs = levels_of("kernel_size", {3: [0.5, 0.6], 5: [0.9, 0.5]})
    ranking = rank_stability(runs, resamples=4000).set_index("kernel_size")
    assert ranking.loc[5, "wins"] == pytest.approx(0.75, abs=0.02)
    assert ranking["wins"].sum() == pytest.approx(1)
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
    ranking = rank_stability(levels_of("kernel_size", {3: [0.5, 0.6, 0.99], 5: [0.7, 0.8]}) * 2)
    assert ranking["kernel_size"].tolist() == [5, 3]
    assert ranking["seeds"].tolist() == [2, 2]
    assert ranking["mean"].tolist() == pytest.approx([0.25, 0.45])


def test_who_diverges_in_a_seed_comes_last_there_and_does_not_vanish():
    runs = levels_of("kernel_size", {3: [0.5, 0.6], 5: [0.9, 0.9]})
    runs[-1] = made(0.9, kernel_size=5, seed=1, stopped_by="diverged")
    ranking = rank_stability(runs, resamples=4000)
    assert ranking["kernel_size"].tolist() == [3, 5]
    assert ranking["mean"].isna().tolist() == [False, True]
    assert ranking["wins"].tolist() == pytest.approx([0.75, 0.25], abs=0.02)  # 5 wins where seed 0 is drawn twice
    assert ranking["wins_alone"].tolist() == [0.5, 0.5]


def test_one_setting_alone_and_several_fields():
    assert rank_stability([made(0.5, seed=seed) for seed in range(2)]).to_dict("records") == [
        {"seeds": 2, "mean": 0.5, "wins": 1.0, "wins_alone": 1.0}
    ]
    runs = [made(0.1 * size + (pooling == "avg") * 0.1, kernel_size=size, pooling=pooling)
            for size in (3, 5) for pooling in ("max", "avg")]  # fmt: skip
    ranking = rank_stability(runs)
    assert list(ranking.columns) == ["kernel_size", "pooling", "seeds", "mean", "wins", "wins_alone"]
    assert ranking[["kernel_size", "pooling"]].to_numpy().tolist() == [[5, "avg"], [5, "max"], [3, "avg"], [3, "max"]]


def test_what_cannot_be_ranked_is_refused_in_words():
    runs = levels_of("kernel_size", {3: [0.5, 0.6], 5: [0.6, 0.8]})
    apart = [made(0.5, kernel_size=3, seed=0), made(0.5, kernel_size=5, seed=1)]
    cases = [
        (lambda: rank_stability(apart), "rank_stability: no seed has validation_loss at 'last' for every setting"),
        (lambda: rank_stability([]), "rank_stability: no seed has"),
        (lambda: rank_stability(runs, resamples=0), "resamples must be a whole number of 1 or more"),
    ]
    for call, words in cases:
        with pytest.raises(ConfigError) as caught:
            call()
        assert words in str(caught.value)
