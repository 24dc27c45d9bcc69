"""The experiments that compare kernel sizes, and what moves together with a kernel."""

import pytest

from cnnlab import Experiment, along_with, build_cnn, count_parameters, kernel_experiments, match_channels
from cnnlab.errors import ConfigError

BASE = Experiment(channels=(8, 16), hidden=32)


def test_without_switches_only_the_kernel_and_the_seed_vary():
    every = kernel_experiments(BASE, seeds=range(2))
    assert every == [BASE.replace(kernel_size=size, seed=seed) for size in (3, 5, 7) for seed in (0, 1)]
    assert along_with(every) == ()


def test_matched_networks_have_about_as_many_parameters_as_the_one_with_3x3():
    every = kernel_experiments(BASE, match_parameters=True, seeds=[0])
    goal = count_parameters(build_cnn(3, channels=(8, 16), hidden=32))
    counts = [count_parameters(build_cnn(each.kernel_size, channels=each.channels, hidden=32)) for each in every]
    assert counts[0] == goal
    assert all(abs(count - goal) < 0.1 * goal for count in counts)
    assert every[2].channels == match_channels(goal, kernel_size=7, channels=(8, 16), hidden=32) == (7, 14)
    assert along_with(every) == ("channels",)


def test_two_3x3_take_the_place_of_one_and_see_what_one_5x5_sees():
    every = kernel_experiments(BASE, stack=True, seeds=[0])
    assert [each.convs_per_block for each in every] == [2, 1, 1]
    two, five, _ = ({row.name: row.receptive_field for row in each.layer_table()} for each in every)
    assert two["relu1_2"] == five["relu1"] == 5
    assert along_with(every) == ("convs_per_block",)


def test_both_switches_together():
    every = kernel_experiments(BASE, match_parameters=True, stack=True, seeds=[0])
    counts = [sum(row.parameters for row in each.layer_table()) for each in every]
    assert max(counts) - min(counts) < 0.15 * min(counts)
    assert [each.channels for each in every] == [(7, 14)] * 3  # two 3×3 and one 5×5 or 7×7 happen to need the same
    assert along_with(every) == ("convs_per_block",)


def test_what_can_not_be_compared_is_refused():
    with pytest.raises(ConfigError, match=r"two sizes or more to compare, got \[3, 3\]; try 3, 5, 7"):
        kernel_experiments(BASE, kernel_sizes=[3, 3])
    with pytest.raises(ConfigError, match="has no 3"):
        kernel_experiments(BASE, kernel_sizes=[5, 7], stack=True)
    with pytest.raises(ConfigError, match="but convs_per_block=2; take 1"):
        kernel_experiments(BASE.replace(convs_per_block=2), stack=True)


def test_seeds_from_a_generator_reach_every_kernel_size():
    experiments = kernel_experiments(BASE, seeds=(seed for seed in range(3)))
    assert [each.kernel_size for each in experiments] == [3, 3, 3, 5, 5, 5, 7, 7, 7]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: kernel_experiments("x"), "base wants an Experiment"),
        (lambda: kernel_experiments(BASE, kernel_sizes=3), "kernel_sizes wants several values"),
    ],
)
def test_a_base_or_sizes_that_are_none_are_refused(wrong, words):
    with pytest.raises(ConfigError, match=words):
        wrong()
