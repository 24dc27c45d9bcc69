"""The right answer against compare itself, and the rule that "cannot tell" must be earned, by simulation."""

import numpy as np
import pytest
from made_runs import TWO_LEFT, WINNER, comparison, levels_of, made
from scipy import stats

from cnnlab.comparison.compare import Comparison, compare
from cnnlab.comparison.noise_floor import pooled_noise
from cnnlab.comparison.question import Rule
from cnnlab.comparison.right_answer import (
    Outcome,
    best_level,
    contenders,
    find_outcome,
    leading,
    right_answer,
    right_verdict,
    seeds_needed,
)
from cnnlab.comparison.settings import compare_settings
from cnnlab.comparison.verdicts import Level, paired_rows
from cnnlab.errors import ConfigError

ENOUGH = "though they would have shown a difference as large as the noise floor"
WIDE = {3: [0.50, 0.60, 0.40], 5: [0.56, 0.46, 0.66]}  # differences 0.06, −0.14, 0.26


@pytest.mark.parametrize("metric", ["validation_accuracy", "validation_loss"])
def test_another_reference_is_what_compare_says_with_it(metric):
    compared = comparison(metric=metric)
    for level in (3, 5, 7):
        turned, direct = compared.against(level), comparison(metric=metric, reference=level)
        assert str(turned) == str(direct)
        for row, other in zip(turned.levels, direct.levels, strict=True):
            np.testing.assert_equal(tuple(row), tuple(other))
        assert (turned.noise_floor, turned.values) == (direct.noise_floor, direct.values)
    with pytest.raises(ConfigError, match=r"reference=4 is no level of kernel_size; choose from \[3, 5, 7\]"):
        compared.against(4)


def test_the_winner_is_better_than_every_other_one():
    assert right_answer(comparison()) == "5"
    assert right_answer(comparison(reference=7)) == "5"  # whatever it was compared with
    assert right_answer(comparison(metric="validation_loss")) == "5"
    assert str(best_level(comparison())) == "5 is best"


def test_two_that_cannot_be_told_apart_are_no_winner_though_both_beat_a_third():
    compared = comparison(TWO_LEFT)
    assert compared.verdicts == {5: "better", 7: "better"}
    # 5 and 7 differ by 0.01 three times and by −0.01 twice: the interval is 0.04 wide, the noise floor 0.25.
    assert right_answer(compared) == "cannot tell"
    assert contenders(compared) == ["5", "7"]
    assert str(best_level(compared)) == f"these runs cannot tell which is best: 5 or 7, {ENOUGH}"
    assert leading(compared).levels[0].level == 7


def test_where_the_interval_is_wider_than_the_noise_floor_the_question_stays_open():
    compared = comparison(WIDE)
    row = compared.levels[1]
    # Student's t with 2 degrees of freedom: 4.3027 × 0.2 / √3 to each side.
    assert row.high - row.low == pytest.approx(2 * 4.302653 * np.std([0.06, -0.14, 0.26], ddof=1) / 3**0.5)
    assert row.high - row.low > compared.noise_floor
    assert right_answer(compared) is None
    few = comparison({level: values[:4] for level, values in TWO_LEFT.items()})
    assert few.against(5).levels[-1].high - few.against(5).levels[-1].low < few.noise_floor
    assert best_level(few) == Outcome(
        None, "these runs cannot tell which is best: 5 or 7",
        "and a real difference could hide (4 seeds know too little about their own scatter; 5 of each are the least)",
    )  # fmt: skip


def test_how_many_seeds_would_help():
    compared = comparison(WIDE)
    row = compared.levels[1]
    needed = seeds_needed(row, compared.noise_floor, 1)
    scatter = np.std([0.06, -0.14, 0.26], ddof=1)
    spread = np.sqrt((np.var([0.50, 0.60, 0.40], ddof=1) + np.var([0.56, 0.46, 0.66], ddof=1)) / 2)
    are_enough = {
        n: 2 * stats.t.ppf(0.975, n - 1) * scatter / n**0.5 < stats.t.ppf(0.975, 2 * (n - 1)) * 2**0.5 * spread
        for n in (needed - 1, needed)
    }
    assert are_enough == {needed - 1: False, needed: True}
    assert str(best_level(compared)) == (
        "these runs cannot tell which is best: 3 or 5, and a real difference could hide (the interval is "
        f"≈ {row.high - row.low:.3g} wide, the noise floor is ≈ {compared.noise_floor:.3g}); "
        f"≈ {needed} seeds instead of 3 of each would show it"
    )
    assert seeds_needed(row, compared.noise_floor / 1000, 1) is None
    assert seeds_needed(row, 10.0, 1) == 5


@pytest.mark.parametrize(("levels", "needed"), [(2, 6), (3, 8)])
def test_with_the_seeds_that_are_advised_the_interval_is_narrow_enough(levels, needed):
    # Independent runs of standard deviation 1, so that differences have √2. With n seeds the interval is
    # 2 · t(1 − 0.025 / m, n − 1) · √2 / √n wide, and the noise floor is t(0.975, levels · (n − 1)) · √2.
    # Two levels: 2.483 < 2.306 is false with five seeds, 2.099 < 2.228 is true with six. With the noise floor of three
    # seeds, 2.776, five would seem enough. Three levels: 2.244 < 2.101 is false with seven, 2.009 < 2.080 is true
    # with eight.
    m = levels - 1
    half = stats.t.ppf(1 - 0.025 / m, 2) * 2**0.5 / 3**0.5
    floor = stats.t.ppf(0.975, levels * 2) * 2**0.5
    assert seeds_needed(Level(5, 3, 0.5, 0.0, -half, half), floor, m) == needed


def test_without_a_noise_floor_the_words_say_so():
    runs = levels_of("kernel_size", {3: [0.50, 0.60, 0.40], 5: [0.56, 0.46, 0.66]})
    for run in runs:  # each seed has images of its own, so that no setting has two seeds
        object.__setattr__(run, "experiment", run.experiment.replace(data_seed=run.experiment.seed))
    compared = compare(runs, by="kernel_size")
    assert np.isnan(compared.noise_floor)
    assert compared.levels[1].seeds == 3
    why = "and nobody could (no setting has two seeds: there is no noise floor)"
    assert best_level(compared) == Outcome(None, "these runs cannot tell which is best: 3 or 5", why)


def test_a_verdict_that_was_found_counts_however_wide_the_interval_is():
    compared = comparison({3: [0.50, 0.52, 0.51], 5: [0.70, 0.90, 0.80]})
    assert compared.levels[1].high - compared.levels[1].low > compared.noise_floor
    assert right_answer(compared) == "5"


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({3: [0.1, 0.1], 5: [0.9, 0.8]}, "2 seeds: three or more are needed"),
        ({3: [0.1], 5: [0.9]}, "1 seed: three or more are needed"),
        ({3: [0.1, 0.2, 0.3], 5: [0.2, 0.3, 0.4]}, "every seed gives the same difference: chance can't be judged"),
    ],
)
def test_without_an_interval_the_question_stays_open(table, why):
    reference, level = sorted(table, reverse=True)  # the better one first
    assert best_level(comparison(table)) == Outcome(
        None, f"these runs cannot tell which is best: {level} or {reference}", f"and nobody could ({why})"
    )


def test_it_is_the_level_that_wins_every_one_of_its_comparisons():
    rng = np.random.default_rng(0)
    answers = []
    for _ in range(60):
        table = {level: rng.normal(0.1 * rng.integers(3), 0.03, size=6).tolist() for level in (3, 5, 7)}
        tables = {level: comparison(table, reference=level).verdicts for level in table}
        winners = [str(level) for level, verdicts in tables.items() if set(verdicts.values()) == {"worse"}]
        answers.append(right_answer(comparison(table)))
        assert [answers[-1]] == winners if winners else answers[-1] in ("cannot tell", None)
    assert set(answers) == {"3", "5", "7", "cannot tell", None}


def share_right(seeds, *, earned, repeats=150):
    """Simulate how often "cannot tell" is right if the true difference is 0, 0.2, 0.4, 0.7 or 1 noise floor.

    earned: with the rule of this module, among the comparisons that are scored; else wherever no verdict is found.
    """
    rng, right, scored = np.random.default_rng(0), 0, 0
    for difference in (0, 0.2, 0.4, 0.7, 1):
        for _ in range(repeats):
            samples = rng.normal(size=(2, seeds))
            samples[1] += difference * 1.96 * 2**0.5  # the true noise floor of a standard deviation of 1
            values = {level: dict(enumerate(row.tolist())) for level, row in zip((3, 5), samples, strict=True)}
            rows = paired_rows([3, 5], values, "validation_accuracy", {})
            compared = Comparison(
                "kernel_size", (), "validation_accuracy", "last", rows, values,
                noise_floor=pooled_noise(values), left_out=0, without_value=0, why_without={},
            )  # fmt: skip
            answer = right_answer(compared)
            if answer is not None or not earned:
                scored += 1
                right += answer in ("cannot tell", None)
    return right / scored


def computed_share(seeds):
    """Return the probability that no verdict is found, on average over the five differences, by the noncentral t."""
    critical, free = stats.t.ppf(0.975, seeds - 1), seeds - 1
    shifts = np.array([0, 0.2, 0.4, 0.7, 1]) * 1.96 * seeds**0.5
    return np.mean(stats.nct.cdf(critical, free, shifts) - stats.nct.cdf(-critical, free, shifts))


def test_always_cannot_tell_is_the_safe_bet_with_few_seeds_and_no_more_under_the_rule():
    # The numbers of the module's docstring. Of 750 comparisons the standard deviation is at most 0.02.
    for seeds, words in ((3, 0.80), (5, 0.60), (10, 0.45)):
        assert computed_share(seeds) == pytest.approx(words, abs=0.02)
        assert share_right(seeds, earned=False) == pytest.approx(computed_share(seeds), abs=0.06)
    assert share_right(3, earned=True) == 0
    assert share_right(5, earned=True) == pytest.approx(0.35, abs=0.06)
    assert share_right(10, earned=True) == pytest.approx(0.45, abs=0.06)


def test_where_nothing_differs_a_winner_is_rare():
    rng = np.random.default_rng(1)
    answers = [
        right_answer(comparison({level: rng.normal(0.5, 0.03, size=5).tolist() for level in (3, 5)}))
        for _ in range(600)
    ]
    named = sum(answer in ("3", "5") for answer in answers)
    assert 10 <= named <= 50  # 5 % of 600 are 30, with a standard deviation of 5.3


def test_of_a_number_without_a_direction_the_winner_is_the_highest():
    runs = levels_of("kernel_size", WINNER)
    for run in runs:
        for row in run.history.rows:
            row["dead_share"] = row["validation_accuracy"]
    compared = compare(runs, by="kernel_size", metric="dead_share")
    assert best_level(compared) == Outcome("5", "5 is highest")
    assert right_verdict(compared, 5) == Outcome("higher", "5 is higher than 3")


def test_whole_settings_are_judged_on_the_seeds_that_two_of_them_share():
    runs = levels_of("kernel_size", {3: [0.50, 0.60, 0.40], 5: [0.70, 0.81, 0.59, 0.90]})
    runs += [made([], kernel_size=7, stopped_by="diverged")]
    compared = compare_settings(runs)
    assert compared.against("kernel_size=5").verdicts == {"kernel_size=3": "worse", "kernel_size=7": "cannot tell"}
    assert contenders(compared) == ["kernel_size=5", "kernel_size=7"]  # nobody knows how good the one that diverged is
    assert right_answer(compared) is None
    with pytest.raises(ConfigError, match="reference='kernel_size=7' has no number"):
        compared.against("kernel_size=7")
    assert right_answer(compare_settings(runs[:-1])) == "kernel_size=5"
    with pytest.raises(ConfigError, match="this comparison has one level, and nothing to be better than"):
        right_answer(compare_settings(runs[:2]))


# --- A verdict on one level


def test_the_verdict_on_one_level_is_the_tables():
    assert right_verdict(comparison(), 5) == Outcome("better", "5 is better than 3")
    assert right_verdict(comparison(reference=5), 7) == Outcome("worse", "7 is worse than 5")
    compared = comparison(TWO_LEFT, reference=5)
    assert right_verdict(compared, 7) == Outcome("cannot tell", "these runs cannot tell 7 from 5", ENOUGH)
    assert right_verdict(comparison(WIDE)).answer is None
    with pytest.raises(ConfigError, match="level=None: say which level is judged against 3, one of 5, 7"):
        right_verdict(comparison())
    with pytest.raises(ConfigError, match="level=4: say which level is judged against 3, one of 5, 7"):
        right_verdict(comparison(), 4)


def test_runs_that_take_no_part_are_said():
    runs = levels_of("kernel_size", WINNER) + levels_of("kernel_size", {3: [0.5]}, pooling="avg")
    outcome = find_outcome(compare(runs, by="kernel_size"))
    assert outcome == Outcome("5", "5 is best (1 run is left out: no partner at every level, or no value)")
    runs += levels_of("kernel_size", {5: [0.5, 0.6]}, pooling="avg", epochs=7)
    assert "(3 runs are left out: no" in str(find_outcome(compare(runs, by="kernel_size")))


# --- Other evidence


@pytest.mark.parametrize(
    ("evidence", "rule", "outcome"),
    [
        (94, Rule(tolerance=5), Outcome(94, "94")),
        (np.int64(94), Rule(tolerance=5), Outcome(94, "94")),
        (92.33333, None, Outcome(92.33333, "≈ 92.33")),
        (np.float32(0.5), Rule(factor=2), Outcome(0.5, "≈ 0.5")),
        (float("nan"), Rule(tolerance=5), Outcome(None, "there is no number (nan)")),
        (50, Rule(("5", "50")), Outcome("50", "50")),
        (True, Rule(("True", "False")), Outcome("True", "True")),
        ("lower", Rule(("lower", "higher")), Outcome("lower", "lower")),
        ("a corner", None, Outcome("a corner", "a corner")),
        (comparison(), Rule(("better", "worse", "cannot tell")), "level=None: say which level"),
        (comparison(), Rule(("3", "5", "cannot tell")), "asked were 3, 5, cannot tell, compared were 3, 5, 7, cann"),
        (comparison(), Rule(tolerance=5), "asked were , compared were 3, 5, 7, cannot tell: give both"),
        ("lowr", Rule(("lower", "higher")), "unknown answer in the evidence 'lowr'; did you mean 'lower'?"),
        ("many", Rule(tolerance=5), "the evidence wants a number, got 'many'"),
    ],
)
def test_other_evidence_is_taken_as_it_is_or_does_not_fit_the_question(evidence, rule, outcome):
    if isinstance(outcome, str):
        with pytest.raises(ConfigError) as caught:
            find_outcome(evidence, rule)
        assert str(caught.value).startswith(outcome)
    else:
        assert find_outcome(evidence, rule) == outcome
