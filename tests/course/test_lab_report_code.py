"""The code in a lab report gives the same experiments, however they were chosen."""

import pytest

from cnnlab.course.lab_report.code import repeating_code
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.runs import bank, load_runs
from cnnlab.experiments.sweep import grid


def experiments_of(code):
    """Run the code, and return the experiments and the options that it gives to `sweep`."""
    given = []
    lines = code.replace("from cnnlab import Experiment, grid, lab_report, sweep", "")
    space = {
        "Experiment": Experiment, "grid": grid, "lab_report": lambda *_: None,
        "sweep": lambda experiments, **options: given.append(([*experiments], options)),
    }  # fmt: skip
    exec(lines, space)
    ((experiments, options),) = given
    return experiments, options


SMALL = Experiment(train_size=32, batch_size=8, validation_size=30)
CHOSEN = {
    "one": [Experiment()],
    "a grid": grid(Experiment(), kernel_size=[3, 5], pooling=["max", "avg"], seed=range(2, 5)),
    "seeds with a gap": grid(Experiment(), seed=[0, 2, 7]),
    "rates that move along": [
        *grid(Experiment(optimizer="sgd", learning_rate=0.3), epochs=[1, 2], seed=range(3)),
        *grid(Experiment(optimizer="adam", learning_rate=0.01), epochs=[1, 2], seed=range(3)),
    ],
    "a grid with a hole": grid(Experiment(), kernel_size=[3, 5], pooling=["max", "avg"], seed=range(3))[:-2],
    "unlike settings": [
        Experiment(), Experiment(kernel_size=5, dropout=0.2, seed=3), Experiment(dataset="patterns", structure="mark"),
        Experiment(patience=3, min_delta=0.01), Experiment(channels=(4, 8, 16), hidden=7),
    ],
    "own pictures": grid(Experiment(dataset="images", folder="my \"pictures\" é", grey=False), size=[16, 32], seed=[0]),
    "other folders": [Experiment(dataset="images", folder=name) for name in ("a", "b")],
    "a batch larger than the default allows": [SMALL, SMALL.replace(batch_size=16), SMALL.replace(train_size=20)],
    "other images for each seed": [Experiment(seed=seed, data_seed=seed) for seed in range(4)],
}  # fmt: skip


@pytest.mark.parametrize("chosen", CHOSEN.values(), ids=CHOSEN)
def test_the_code_gives_the_same_experiments(chosen):
    experiments, options = experiments_of(repeating_code(chosen, snapshots=(0, 2), insides=True))
    assert sorted(each.key for each in experiments) == sorted(each.key for each in chosen)
    assert options == {"store": "runs/again", "snapshots": (0, 2), "insides": True}


def test_the_code_of_a_whole_grid_is_short():
    runs = load_runs(bank("experiment_b"))
    code = repeating_code((run.experiment for run in runs), snapshots=(), insides=False)
    assert code.count("*grid(") == 1
    assert "*grid(base, kernel_size=[3, 5], pooling=['max', 'avg'], epochs=[5, 50, 100], seed=range(5))" in code
    assert {each.key for each in experiments_of(code)[0]} == {run.experiment.key for run in runs}
    rates = [*grid(Experiment(optimizer="sgd", learning_rate=0.3), kernel_size=[3, 5, 7], seed=range(3)),
             *grid(Experiment(), kernel_size=[3, 5, 7], seed=range(3))]  # fmt: skip
    assert repeating_code(rates, snapshots=(), insides=False).count("*grid(") == 2


def test_seeds_far_apart_are_a_list():
    """A range from the first to the last seed would hold more numbers than there is memory for."""
    code = repeating_code(grid(Experiment(), seed=[0, 2**63]), snapshots=(), insides=False)
    assert "*grid(base, seed=[0, 9223372036854775808])" in code
