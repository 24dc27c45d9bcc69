"""Test the settings of the clinic: each disease is one field that is not as in a healthy network."""

import dataclasses
import re

import pytest

from cnnlab.course.clinic.settings import CAUSES, DISEASES, HEALTHY, Setting
from cnnlab.errors import ConfigError


def test_there_are_eleven_and_each_disease_has_one_cause_of_its_own():
    assert len(DISEASES) == 11
    for disease, cause in CAUSES.items():
        differing = {
            field.name: getattr(HEALTHY.change(cause), field.name)
            for field in dataclasses.fields(Setting)
            if getattr(HEALTHY.change(cause), field.name) != getattr(HEALTHY, field.name)
        }
        assert differing == cause
        assert len(cause) == (disease != "healthy")
    assert len({HEALTHY.change(cause).key for cause in CAUSES.values()}) == 11


def test_a_key_says_nothing_about_the_setting():
    assert re.fullmatch("[0-9a-f]{16}", HEALTHY.key)
    assert HEALTHY.key == Setting(learning_rate=0.05).key != Setting(learning_rate=0.2).key


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": -1}, "learning_rate must be a finite number of 0 or more, got -1"),
        ({"learning_rate": "0.1"}, "learning_rate must be a finite number of 0 or more, got '0.1'"),
        ({"activation": "rel"}, "unknown activation 'rel'; did you mean 'relu'?"),
        ({"initial_bias": None}, "initial_bias must be a finite number of -1000 or more, got None"),
        ({"train_size": 5}, "train_size must be a whole number of 10 or more, got 5"),
        ({"train_size": 5000}, "train_size goes up to 2,000 in the clinic, got 5000"),
        ({"epochs": 0}, "epochs must be a whole number of 1 or more, got 0"),
        ({"epochs": 100}, "epochs goes up to 60 in the clinic, got 100"),
        ({"normalize": 1}, "normalize must be True or False, got 1"),
        ({"seed": 1.5}, "seed must be a whole number of 0 or more, got 1.5"),
        ({"learning_rates": 0.1}, "unknown setting 'learning_rates'; did you mean 'learning_rate'?"),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_its_name(changes, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        HEALTHY.change(changes)
