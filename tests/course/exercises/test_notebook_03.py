"""The exercises of notebook 03, with right answers, and with wrong ones that students give."""

import statistics

import numpy as np
import pytest
import torch
from exercise_cases import Case, run_case

from cnnlab.comparison.noise_floor import paired_interval
from cnnlab.course.exercises import notebook_03
from cnnlab.course.references.intervals import interval, make_pairs
from cnnlab.course.references.stopping import make_curves, stop_early
from cnnlab.training.early_stopping import EarlyStopping


def stop_with_wait(losses, patience, *, at_patience=False, ties=False, extra=0):
    best, kept, wait = float("inf"), 0, 0
    for epoch, loss in enumerate(losses):
        if loss < best or (ties and loss <= best):
            best, kept, wait = loss, epoch, 0
        else:
            wait += 1
            if wait >= patience + extra if at_patience else wait > patience + extra:
                break
    return epoch + 1, kept + 1


def stop_by_rule(losses, patience):
    rule = EarlyStopping(patience)
    for epoch, loss in enumerate(losses, start=1):
        rule.add_epoch({"epoch": epoch, "validation_loss": loss})
        if rule.ends:
            break
    return [rule.epoch, rule.best_epoch]


def stop_by_distance(losses, patience):
    """Stop where the distance to the best epoch reaches the patience."""
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best >= patience:
            break
    return epoch + 1, best + 1


def stop_by_the_last(losses, patience):
    kept, wait = 0, 0
    for epoch, loss in enumerate(losses):
        if epoch == 0 or loss < losses[epoch - 1]:
            kept, wait = epoch, 0
        else:
            wait += 1
        if wait > patience:
            break
    return epoch + 1, kept + 1


def stop_by_count(losses, patience):
    best, kept, wait = float("inf"), 0, 0
    for epoch, loss in enumerate(losses):
        if loss < best:
            best, kept = loss, epoch
        else:
            wait += 1
        if wait > patience:
            break
    return epoch + 1, kept + 1


def interval_by_numpy(first, second, *, ddof=1, t=2.776, root=5**0.5):
    differences = np.array(second) - np.array(first)
    half = t * differences.std(ddof=ddof) / root
    return np.array([differences.mean() - half, differences.mean() + half])


def interval_by_statistics(first, second):
    differences = [b - a for a, b in zip(first, second, strict=True)]
    half = 2.776 * statistics.stdev(differences) / 5**0.5
    return statistics.mean(differences) - half, statistics.mean(differences) + half


def interval_without_pairs(first, second):
    error = (np.var(first, ddof=1) / 5 + np.var(second, ddof=1) / 5) ** 0.5
    middle = np.mean(second) - np.mean(first)
    return middle - 2.776 * error, middle + 2.776 * error


def plan(seeds=5, chosen="validation", reported="test"):
    return {"seeds": seeds, "choose the epoch by": chosen, "report the accuracy on": reported}


CASES = {
    "03-saved-epochs": Case(
        right=[2025, 5 * (755 - 350), np.int64(2025)],
        wrong=[
            (405, "for one seed"),
            (1750, "has to be trained"),
            (3775, "That is what she trains"),
            (755, "for one seed"),
            (350, "for one seed"),
            (3775 - 350, "a trajectory of its own"),
            (20, "how many trainings"),
            (0, "the beginning of the long one"),
            (3750, "not the other way round"),
        ],
    ),
    "03-best-epoch": Case(
        right=[{"kept epoch": 5, "gap": 0.32}, {"gap": torch.tensor(0.62 - 0.30), "kept epoch": np.int64(5)}],
        wrong=[
            ({"kept epoch": 8, "gap": 0.32}, "lowest training loss"),
            ({"kept epoch": 7, "gap": 0.32}, "highest accuracy"),
            ({"kept epoch": 4, "gap": 0.32}, "from 1"),
            ({"kept epoch": 6, "gap": 0.32}, "above its lowest"),
            ({"kept epoch": 3, "gap": 0.1}, "Early stopping does not look at that"),
            ({"kept epoch": 5, "gap": -0.32}, "sign"),
            ({"kept epoch": 5, "gap": 0.75}, "after the last epoch"),
            ({"kept epoch": 5, "gap": 0.57}, "of another epoch"),
            ({"kept epoch": 5, "gap": 0.61}, "highest accuracy"),
            ({"kept epoch": 5, "gap": 0.62}, "validation loss alone"),
            ({"kept epoch": 5, "gap": 0.62 / 0.30}, "ratio"),
            ({"kept epoch": 5, "gap": ...}, "'gap' is still missing"),
            ([5, 0.32], "Give a dict"),
        ],
    ),
    "03-paired-interval": Case(
        right=[interval_by_numpy, interval_by_statistics, lambda x, y: list(interval_by_statistics(x, y))],
        wrong=[
            (lambda x, y: interval_by_numpy(x, y, ddof=0), "divides by n"),
            (interval_without_pairs, "lost the pairs"),
            (lambda x, y: interval_by_numpy(x, y, root=1), "√n is missing"),
            (lambda x, y: interval_by_numpy(x, y, root=5), "You divide by n"),
            (lambda x, y: interval_by_numpy(x, y, root=2), "root of n - 1"),
            (lambda x, y: interval_by_numpy(x, y, t=1.96), "very many seeds"),
            (lambda x, y: interval_by_numpy(x, y, t=1), "t is missing"),
            (lambda x, y: interval_by_numpy(y, x), "second minus first"),
            (lambda x, y: interval_by_numpy(x, y)[::-1], "lower end first"),
            (lambda x, y: np.mean(y) - np.mean(x), "the middle alone"),
            (lambda x, y: (min(y) - max(x), max(y) - min(x)), "wrong"),
            (lambda x, y: (min(b - a for a, b in zip(x, y, strict=True)), max(y) - max(x)), "wrong"),
        ],
    ),
    "03-read-picture": Case(
        right=[{"loss": "worse", "accuracy": "cannot tell"}, {"accuracy": "CANNOT TELL", "loss": "Worse"}],
        wrong=[
            ({"loss": "better", "accuracy": "cannot tell"}, "loss: Two things decide"),
            ({"loss": "cannot tell", "accuracy": "cannot tell"}, "loss: Look at the zero line"),
            ({"loss": "worse", "accuracy": "worse"}, "accuracy: For *better* or *worse*"),
            ({"loss": "worse", "accuracy": "better"}, "accuracy: For *better* or *worse*"),
            ({"loss": "worse"}, "'accuracy' is still missing"),
            ({"loss": "higher", "accuracy": "cannot tell"}, "Choose one of"),
            ("worse", "Give a dict"),
        ],
    ),
    "03-stop-early": Case(
        right=[stop_with_wait, stop_by_rule, lambda x, p: np.array(stop_by_rule(x, p))],
        wrong=[
            (lambda x, p: stop_with_wait(x, p, at_patience=True), "one epoch too early"),
            (stop_by_distance, "one epoch too early"),
            (lambda x, p: stop_with_wait(x, p, extra=1), "one epoch too late"),
            (lambda x, p: [epoch - 1 for epoch in stop_with_wait(x, p)], "not from 0"),
            (lambda x, p: (stop_with_wait(x, p)[0], stop_with_wait(x, p)[1] - 1), "not from 0"),
            (lambda x, p: (stop_with_wait(x, p)[0],) * 2, "not those of the last"),
            (lambda x, p: (stop_with_wait(x, p)[0], x.index(min(x)) + 1), "never trained"),
            (lambda x, p: stop_with_wait(x, p, ties=True), "An equal loss is not lower"),
            (stop_by_the_last, "best loss so far"),
            (stop_by_count, "in a row"),
            (lambda x, p: stop_with_wait([round(loss, 1) for loss in x], p), "epoch: "),
            (lambda x, p: stop_with_wait(x, p)[::-1], "the other way round"),
            (lambda x, p: (stop_with_wait(x, p)[0], min(x[: stop_with_wait(x, p)[0]])), "not its loss"),
            (lambda x, p: stop_with_wait(x, p)[0], "must return last epoch, kept epoch"),
            (lambda x, p: (len(x), x.index(min(x)) + 1), "last epoch"),  # noqa: ARG005
        ],
    ),
    "03-honest-plan": Case(
        right=[plan(), plan(seeds=10), plan(seeds=range(3), chosen="Validation")],
        wrong=[
            (plan(chosen="test"), "the test set was used as validation"),
            (plan(chosen="train"), "goes on falling"),
            (plan(reported="validation"), "a little too high"),
            (plan(reported="train"), "has learnt from these"),
            (plan(seeds=1), "One seed"),
            (plan(seeds=2), "Two seeds"),
            (plan(seeds=[0]), "One seed"),
            (plan(seeds=0), "how many seeds"),
            (plan(seeds="many"), "Give a whole number"),
            (plan(seeds=float("nan")), "Give a whole number"),
            (plan(seeds=[1, 1, [1]]), "Two seeds"),
            (plan(chosen="loss"), "Choose one of"),
            ({"seeds": 5, "choose the epoch by": "validation"}, "still missing"),
        ],
    ),
}


def test_every_exercise_has_its_answers():
    assert sorted(CASES) == sorted(exercise.name for exercise in notebook_03.EXERCISES)


@pytest.mark.parametrize("name", CASES)
def test_answers_of_students(name):
    run_case(name, CASES[name])


def test_references_agree_with_the_course_itself():
    generator = torch.Generator().manual_seed(0)
    for losses, patience in make_curves(generator):
        assert stop_early(losses, patience) == tuple(stop_by_rule(losses, patience))
    for first, second in make_pairs(generator):
        expected = paired_interval(np.array(second) - np.array(first))
        assert interval(first, second) == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_early_stopping_by_hand():
    assert stop_early([5, 4, 3, 3.5, 3.4, 3.6, 3.7, 2, 1], 2) == (6, 3)
    assert stop_early([5, 3, 4, 4.5], 5) == (4, 2)


def test_the_pictures_leave_no_doubt():
    loss, accuracy = notebook_03.clothes_levels().values()
    assert loss.low > 0.5 * loss.difference
    assert accuracy.low < -abs(accuracy.difference)
    assert accuracy.high > abs(accuracy.difference)
