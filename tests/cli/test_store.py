"""What `compare` and `lab-report` share: the runs of a store, and the conditions that choose among them."""

import argparse

import pytest
from made_runs import made

from cnnlab.cli.store import add_store, add_where, matching, open_store
from cnnlab.errors import ConfigError
from cnnlab.experiments.runs import Runs


@pytest.fixture(scope="module")
def experiment_b():
    return open_store("bank:experiment_b")


def test_the_arguments_are_a_store_and_conditions():
    parser = argparse.ArgumentParser()
    add_store(parser)
    add_where(parser)
    given = parser.parse_args(["runs", "--where", "pooling=max", "seed=1"])
    assert (given.store, given.where) == ("runs", ["pooling=max", "seed=1"])
    assert tuple(parser.parse_args(["runs"]).where) == ()


def test_a_condition_reads_what_the_field_holds(experiment_b):
    assert len(matching(experiment_b, ["patience=none", "channels=8,16", "kernel_size=5", "seed=1"])) == 6
    assert len(matching(experiment_b, [])) == 60


def test_conditions_that_exclude_each_other_are_named():
    runs = Runs(
        [made(kernel_size=3, pooling="max", channels=(4,)), made(kernel_size=5, pooling="avg", channels=(4, 8))]
    )
    with pytest.raises(ConfigError, match=r"^--where kernel_size=3 pooling=avg: no run here is all of this"):
        matching(runs, ["kernel_size=3", "pooling=avg"])
    with pytest.raises(ConfigError, match=r"^--where channels=8: no run here has it; channels is 4 or 4,8$"):
        matching(runs, ["channels=8"])
