"""Test the code that repeats a comparison: run, it gives the same runs and the same verdicts."""

from cnnlab import Experiment, compare_settings, sweep
from cnnlab.widgets.training.code import comparison_code

SMALL = Experiment(
    dataset="patterns", size=12, train_size=64, validation_size=32, channels=(2,), hidden=4, epochs=1, batch_size=16
)


def test_the_code_trains_the_same_runs_and_compares_them():
    experiments = [
        *(SMALL.replace(seed=seed) for seed in (0, 1, 2)),
        # The usual rate of sgd is another one: the code must say the rate of each setting.
        *(SMALL.replace(optimizer="sgd", learning_rate=0.001, seed=seed) for seed in (0, 1, 2)),
        *(SMALL.replace(dataset="mnist", size=None, pooling="avg", seed=seed) for seed in (4, 2)),
    ]
    own = compare_settings(sweep(experiments, progress=False), metric="validation_loss")
    second = own.levels[1].level
    code = comparison_code(experiments, metric="validation_loss", against=second)
    assert "seed=range(3)" in code
    assert "seed=[4, 2]" in code
    *lines, last = code.splitlines()
    space = {}
    exec("\n".join([*lines, f"again = {last}"]), space)
    assert [one.experiment.key for one in space["runs"]] == [experiment.key for experiment in experiments]
    assert repr(space["again"]) == repr(own.against(second))


def test_seeds_that_follow_each_other_are_a_range():
    code = comparison_code([SMALL.replace(seed=3), SMALL.replace(seed=4)], metric="validation_accuracy")
    assert code.splitlines()[-3:] == ["    *grid(base, seed=range(3, 5)),", "])", "compare_settings(runs)"]
