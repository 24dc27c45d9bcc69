"""Test the form: a control for every field of an Experiment, and the Experiment of the controls."""

import pytest

from cnnlab import Experiment
from cnnlab.experiments.experiment import FIELDS
from cnnlab.widgets import form
from cnnlab.widgets.form import make_controls, read_experiment

SMALL = Experiment(
    dataset="patterns", size=12, train_size=64, validation_size=32, channels=(2,), hidden=4, epochs=2, batch_size=16
)


@pytest.mark.parametrize(
    "experiment",
    [
        Experiment(),
        SMALL,
        Experiment(
            dataset="images", folder="my pictures", size=20, grey=False, train_size=77, validation_size=33,
            kernel_size=11, pooling="avg", channels=(3, 5, 7), convs_per_block=4, hidden=17, padding="same",
            data_seed=12, dropout=0.25, epochs=41, optimizer="sgd", learning_rate=0.0123, momentum=0.77,
            weight_decay=0.02,
            batch_size=20, patience=4, min_delta=0.005, seed=99,
        ),
        Experiment(dataset="patterns", structure="mark", scale=5, noise=0.15, classes=3, size=24),
    ],
)  # fmt: skip
def test_every_field_has_a_control_and_comes_back_as_it_was(experiment):
    controls = make_controls(experiment)
    assert set(controls) == {name for name, known in FIELDS.items() if not known.automatic}
    assert read_experiment(controls) == experiment


def test_a_value_of_its_own_takes_no_other_value_away():
    controls = make_controls(SMALL.replace(train_size=64, validation_size=30, learning_rate=0.0123))
    for name, at in (("train_size", -1), ("validation_size", -1), ("learning_rate", 0)):
        usual = FIELDS[name].steps
        values = [value for _, value in controls[name].options]
        assert values[at] == {"train_size": "all", "validation_size": "a tenth"}.get(name, "usual")
        assert len(values) == len(usual) + 1
        numbers = [value for value in values if not isinstance(value, str)]
        assert numbers == sorted({*usual, getattr(read_experiment(controls), name)} - {None})


def test_the_usual_values_have_their_numbers():
    controls = make_controls(SMALL.replace(learning_rate=0.01))
    form.name_usual_values(controls, SMALL.replace(learning_rate=0.01, scale=2))
    assert controls["learning_rate"].options[0] == ("usual (0.001)", "usual")
    assert controls["learning_rate"].value == 0.01
    assert controls["noise"].options[0] == ("usual (0.1)", "usual")
    form.name_usual_values(controls, SMALL.replace(optimizer="sgd"))
    assert controls["learning_rate"].options[0] == ("usual (0.05)", "usual")
    assert controls["learning_rate"].value == 0.01
