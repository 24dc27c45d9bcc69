"""Test the comparison of TrainingPanel: the warning of settings that differ in several fields, and the letters."""

import pytest
from made_runs import made

from cnnlab.widgets.training import comparison
from cnnlab.widgets.training.comparison import ComparedRuns, differing_fields

OLD, NEW = {"torch": "2.0"}, {"torch": "2.9"}


@pytest.fixture
def compared():
    compared = ComparedRuns()
    yield compared
    compared.close()


def settings(*fields, seeds=3, **others):
    """Return runs of these settings, with accuracies that differ a little."""
    return [made(0.5 + 0.01 * seed + 0.02 * place * seed, seed=seed, **others, **each)
            for place, each in enumerate(fields) for seed in range(seeds)]  # fmt: skip


def test_settings_that_differ_in_one_field_need_no_warning(compared):
    compared.show_runs(settings({"kernel_size": 3}, {"kernel_size": 5}, {"pooling": "avg"}))
    assert "cnnlab-caution" not in compared.table.value


def test_settings_that_differ_in_several_fields_are_named_with_them(compared):
    runs = settings({}, {"kernel_size": 5}, {"kernel_size": 5, "pooling": "avg"}, {"epochs": 9, "pooling": "none"})
    compared.show_runs(runs)
    words = "C (kernel_size, pooling) and D (pooling, epochs) differ from A in several fields. "
    assert words in compared.table.value
    compared.reference.value = "C"  # B differs from C in the pooling alone
    compared.show_runs(runs)
    assert "A (kernel_size, pooling) and D (kernel_size, pooling, epochs) differ from C" in compared.table.value


def test_the_usual_rate_of_another_optimizer_is_a_second_field():
    runs = settings({}, {"optimizer": "sgd"}, {"optimizer": "rmsprop"}, seeds=1)
    fields = differing_fields(runs, "optimizer=adam, learning_rate=0.001")
    assert fields == {
        "optimizer=sgd, learning_rate=0.05": ["optimizer", "learning_rate"],
        "optimizer=rmsprop, learning_rate=0.001": ["optimizer"],
    }


def test_other_versions_are_said_in_the_panel(compared):
    compared.show_runs(settings({}, environment=OLD) + settings({"pooling": "avg"}, environment=NEW))
    assert 'class="cnnlab-caution"' in compared.table.value
    assert "torch" in compared.table.value


def test_without_runs_there_is_no_code(compared):
    assert compared.show_runs([]) == ""
    assert compared.table.value == comparison.NO_RUNS


def test_runs_that_diverged_are_named_with_their_setting(compared):
    """One without a number is left out of the mean; one with finite numbers is in it."""
    runs = settings({}, {"optimizer": "sgd"})
    *_, far, lost = runs
    far.history.rows[-1]["train_loss"] = 1e8
    lost = made([], stopped_by="diverged", optimizer="sgd", seed=2)
    compared.show_runs([*runs[:-1], lost])
    assert "The mean of B leaves runs out: " in compared.table.value
    assert "diverged" in compared.table.value.split("leaves runs out: ")[1].split("</p>")[0]
    assert "The mean of B contains 1 run that diverged, with the last finite numbers." in compared.table.value
    assert "The mean of A" not in compared.table.value
