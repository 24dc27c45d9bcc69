"""compare_settings: whole settings, each compared with the first one."""

import math

import pytest
from made_runs import NO_IMAGES, levels_of, made, unvalidated

from cnnlab.comparison.compare import compare
from cnnlab.comparison.settings import compare_settings
from cnnlab.errors import ConfigError
from cnnlab.plots.comparison import plot_comparison


def test_whole_settings_are_named_by_what_varies_and_paired_with_the_first():
    runs = [made(value, kernel_size=5, pooling="avg", seed=seed) for seed, value in enumerate([0.50, 0.60, 0.70, 0.9])]
    runs += [made(value, kernel_size=3, seed=seed) for seed, value in enumerate([0.51, 0.62, 0.73])]
    compared = compare_settings(runs)
    first, other = compared.levels
    assert (first.level, first.seeds, first.mean) == ("kernel_size=5, pooling=avg", 4, pytest.approx(0.675))
    assert (other.level, other.seeds) == ("kernel_size=3, pooling=max", 3)
    alone = compare(runs, by="kernel_size", along="pooling", reference=5).levels[1]
    assert other[1:] == alone[1:]  # on the three seeds that both have
    assert (
        compared.title
        == "validation_accuracy by setting, after the last epoch, against setting=kernel_size=5, pooling=avg"
    )


def test_the_verdicts_on_several_settings_hold_together():
    table = {3: [0.50, 0.60, 0.70], 5: [0.51, 0.62, 0.73], 7: [0.4, 0.5, 0.6]}
    runs = levels_of("kernel_size", table)
    ours, theirs = compare_settings(runs).levels[1:], compare(runs, by="kernel_size").levels[1:]
    assert repr([row[1:] for row in ours]) == repr([row[1:] for row in theirs])


def test_a_setting_without_a_number_or_a_common_seed_keeps_its_row():
    runs = [made([], stopped_by="diverged", learning_rate=1.0), made(0.5), made(0.6, kernel_size=5, seed=3)]
    compared = compare_settings(runs)
    assert [(row.seeds, row.verdict) for row in compared.levels] == [
        (1, "reference"),
        (0, "cannot tell"),
        (1, "cannot tell"),
    ]
    assert [row.why for row in compared.levels][1:] == [
        "no number there (diverged, interrupted or too short)", "no seed in common with the first",
    ]  # fmt: skip
    assert math.isnan(compared.levels[1].mean)
    assert compared.without_value == 1
    ax = plot_comparison(compared)
    assert len(ax.get_yticks()) == 3


def test_each_setting_has_its_own_reason():
    lost = made([], stopped_by="diverged", learning_rate=1.0)
    compared = compare_settings([made(0.5), unvalidated(), lost])
    assert [row.why for row in compared.levels[1:]] == [
        f"no number there ({NO_IMAGES})", "no number there (diverged, interrupted or too short)",
    ]  # fmt: skip
    assert f"no number there ({NO_IMAGES}; diverged, interrupted or too short): 2" in repr(compared)
    with pytest.raises(ConfigError, match=NO_IMAGES):
        compared.against(compared.levels[1].level)


def test_one_setting_is_its_own_reference_and_none_is_refused():
    compared = compare_settings([made(0.5), made(0.6, seed=1)])
    assert [(row.level, row.verdict) for row in compared.levels] == [("one setting", "reference")]
    assert compared.verdicts == {}
    for runs, words in (([], "there are no runs"), ([made([], stopped_by="diverged")], "none of these 1 runs has")):
        with pytest.raises(ConfigError, match=words):
            compare_settings(runs)
