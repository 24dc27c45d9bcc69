"""The exercises of notebook 07, with right answers, and with wrong ones that students give."""

import numpy as np
import pytest
import torch
from exercise_cases import Case, run_case
from made_runs import made

from cnnlab import Experiment, bank, grid, load_runs, rank_stability
from cnnlab.course.exercises.notebook_07 import LENGTHS, worse_lengths
from cnnlab.course.references.choices import CHOICE_MISTAKES, choose, make_losses, make_results, wins_alone

mine = Experiment(
    train_size=500, validation_size=500, channels=(8, 16), hidden=32, kernel_size=5, epochs=50, learning_rate=0.003
)


def own_images(base=mine, seeds=range(5), poolings=("max", "avg")):
    return [each.replace(data_seed=each.seed) for each in grid(base, pooling=poolings, seed=seeds)]


def by_loops(losses):
    wins = [0] * losses.shape[1]
    for row in losses.tolist():
        wins[row.index(min(row))] += 1
    return [count / len(losses) for count in wins]


def in_numpy(losses):
    losses = np.asarray(losses)
    return (losses == losses.min(axis=1, keepdims=True)).mean(axis=0)


def mean(values):
    return sum(values) / len(values)


def by_sorting(results):
    return sorted((mean(losses["validation"]), name) for name, losses in results.items())[0][1]


def by_a_loop(results):
    best, lowest = None, float("inf")
    for name in results:
        if np.mean(results[name]["validation"]) < lowest:
            best, lowest = name, np.mean(results[name]["validation"])
    return best


def by_test_of_the_two_best(results):
    best = sorted(results, key=lambda name: mean(results[name]["validation"]))[:2]
    return min(best, key=lambda name: mean(results[name]["test"]))


def lowest(rule):
    return lambda results: min(results, key=lambda name: rule(results[name]))


PLAN = own_images()
CASES = {
    "07-epochs": Case(
        right=[[90 * 350, 90 * 755], (31_500, 67_950)],
        wrong=[
            ([67_950, 31_500], "swapped"),
            ([31_500, 157_500], "for 350 epochs"),
            ([6_300, 13_590], "five seeds"),
            ([31_500, 31_500], "share nothing"),
            ([31_500, 13_590], "seeds are missing"),
            ([350, 755], "one kernel"),
            ([67_950, 67_950], "has the shorter ones in it"),
            (31_500, "The shape must be"),
        ],
    ),
    "07-wins-alone": Case(
        right=[by_loops, in_numpy],
        wrong=[
            (lambda losses: by_loops(-losses), "The lowest wins"),
            (lambda losses: [share * len(losses) for share in by_loops(losses)], "shares of the seeds"),
            (lambda losses: by_loops(losses.T), "Rows and columns are swapped"),
            (lambda losses: losses.argmin(1), "winner of each seed"),
            (lambda losses: losses.argmin(0), "values are wrong"),
            (lambda losses: max(by_loops(losses)), "largest share alone"),
            (lambda losses: torch.bincount(losses.argmin(1)) / len(losses), "at the end that never win"),
            (lambda losses: [float(at == losses.mean(0).argmin()) for at in range(losses.shape[1])], "let the mean"),
            (lambda losses: losses.mean(0), "Count wins"),
            (lambda losses: [sum(losses.argmin(1) == at) / losses.shape[1] for at in range(losses.shape[1])],
             "number of configurations"),
        ],
    ),
    "07-choose": Case(
        right=[by_sorting, by_a_loop],
        wrong=[
            (lowest(lambda losses: mean(losses["test"])), "no exam any more"),
            (lowest(lambda losses: mean(losses["train"])), "by heart"),
            (lowest(lambda losses: min(losses["validation"])), "luckiest"),
            (lowest(lambda losses: losses["validation"][0]), "first seed alone"),
            (lowest(lambda losses: -mean(losses["validation"])), "lower is better"),
            (lowest(lambda losses: max(losses["validation"])), "worst seed"),
            (lowest(lambda losses: sum(losses["validation"]) - sum(losses["train"])), "smallest gap"),
            (lowest(lambda losses: mean(losses["validation"]) + mean(losses["test"])), "no exam any more"),
            (lowest(lambda losses: mean(losses["validation"] + losses["test"] + losses["train"])), "mixed all images"),
            (by_test_of_the_two_best, "another network. Which losses"),
            (lambda results: results["network A"], "It returns a dict"),
            (lambda results: min(mean(losses["validation"]) for losses in results.values()), "one of the names"),
            (lambda results: "network A", "another network"),  # noqa: ARG005
        ],
    ),
    "07-lengths": Case(
        right=[[100, 250, 350], (350, 100, 250), {350, 100, 250}],
        wrong=[
            ([5, 50, 100, 250, 350], "not behind"),
            ([50, 100, 250, 350], "holds zero"),
            ([100, 250], "Not all are there"),
            ([350], "Not all are there"),
            ([], "Not all are there"),
            ([100, 250, 300, 350], "300 is none of"),
            ([100, 100, 250, 350], "twice"),
            (350, "Give a list"),
            ("all", "Give a list"),
            ([5], "not behind"),
        ],
    ),
    "07-other-images": Case(
        right=[PLAN, own_images(seeds=range(10, 20))[::-1]],
        wrong=[
            (grid(mine, pooling=["max", "avg"], seed=range(5)), "the same images"),
            (grid(mine, pooling=["max", "avg"], seed=range(5), data_seed=range(5)), "not equal to seed"),
            (grid(mine, pooling=["max", "avg"], data_seed=range(10)), "not equal to seed"),
            (own_images(seeds=range(3)), "Too few seeds"),
            (own_images(seeds=[7]), "Too few seeds"),
            (own_images(poolings=["max"]), "no experiment with pooling='avg'"),
            ([each.replace(data_seed=each.seed + 5 * (each.pooling == "avg")) for each in PLAN], "data_seed moves"),
            ([each.replace(data_seed=each.seed + 1) for each in PLAN], "not equal to seed"),
            ([each.replace(kernel_size=3 if each.pooling == "avg" else 5) for each in PLAN], "kernel_size moves"),
            (own_images(mine.replace(kernel_size=3)), "kernel_size is 3"),
            ([*PLAN, *own_images(mine.replace(epochs=5))], "epochs takes 2 values"),
            (own_images(poolings=["max", "avg", "none"]), "pooling='none' is not part"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_answers_of_students(name):
    run_case(name, CASES[name])


def test_the_bank_bears_the_lengths_out():
    assert worse_lengths() == (100, 250, 350)
    every = load_runs(bank("experiment_a_patterns"))
    assert tuple(every.values()["epochs"]) == LENGTHS


def test_wins_alone_is_that_of_the_ranking():
    losses = make_losses(torch.Generator().manual_seed(0), 5, 4)
    runs = [
        made(1 - float(losses[seed, size]), kernel_size=2 * size + 1, seed=seed)
        for seed in range(5)
        for size in range(4)
    ]
    table = rank_stability(runs).set_index("kernel_size").wins_alone
    assert [table[2 * size + 1] for size in range(4)] == pytest.approx(wins_alone(losses).tolist())


def test_every_way_to_choose_names_another_network():
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        results = make_results(generator)
        names = [choose(results), *(wrong(results) for wrong, _ in CHOICE_MISTAKES)]
        assert len(set(names)) == len(names)
        assert names[0] == by_sorting(results)
