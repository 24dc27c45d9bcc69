"""The exercises of notebook 04: optimizers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch

from cnnlab.comparison.ranking import rank_stability
from cnnlab.course.answer_values import as_words, describe
from cnnlab.course.answers import wrong_number
from cnnlab.course.exercise import Exercise
from cnnlab.course.plans import fixed_fields, wrong_plan
from cnnlab.course.references.adaptive_steps import ADAM_MISTAKES, RMSPROP_MISTAKES, adam_step, rmsprop_step
from cnnlab.course.references.gradient_steps import (
    MOMENTUM_MISTAKES,
    SGD_MISTAKES,
    make_parameters,
    momentum_step,
    sgd_step,
)
from cnnlab.course.sentences import say
from cnnlab.course.student_functions import wrong_function
from cnnlab.experiments.presets import OPTIMIZER_DIGITS
from cnnlab.experiments.runs import Runs, bank
from cnnlab.experiments.sweep import grid, sweep

NAMES = ("sgd", "rmsprop", "adam")


@functools.cache
def swept_runs() -> Runs:
    """Return the 45 runs of the notebook's sweep of learning rates, from the results bank."""
    rates = [0.001 * 4**step for step in range(5)]
    experiments = grid(OPTIMIZER_DIGITS, optimizer=NAMES, learning_rate=rates, seed=range(3))
    return sweep(experiments, store=bank("optimizers"), progress=False)


@functools.cache
def best_rates() -> dict[str, float]:
    """Return optimizer → the learning rate that the sweep chooses, by the lowest validation loss on the way."""
    return {
        name: float(rank_stability(swept_runs().filter(optimizer=name), at="best").learning_rate[0]) for name in NAMES
    }


def _step_checker(
    right: Callable, mistakes: Sequence, parts: Sequence[str], make_inputs: Callable[[torch.Generator, bool], tuple]
) -> Callable[[object], str | None]:
    def find_mistake(answer: object) -> str | None:
        def trials(generator: torch.Generator) -> list[tuple]:
            return [make_inputs(generator, fresh) for fresh in (True, False, False)]

        return wrong_function(answer, right, trials, known=mistakes, parts=parts)

    return find_mistake


def _sgd_inputs(generator: torch.Generator, fresh: bool) -> tuple:
    return *make_parameters(generator, fresh=fresh)[:2], 0.1 if fresh else 0.03


def _momentum_inputs(generator: torch.Generator, fresh: bool) -> tuple:
    return *make_parameters(generator, fresh=fresh)[:3], 0.1, 0.9 if fresh else 0.7


def _rmsprop_inputs(generator: torch.Generator, fresh: bool) -> tuple:
    weights, gradients, _, square = make_parameters(generator, fresh=fresh)
    return weights, gradients, square, 0.1, 0.99 if fresh else 0.8


def _adam_inputs(generator: torch.Generator, fresh: bool) -> tuple:
    step = 1 if fresh else int(torch.randint(2, 9, (), generator=generator))
    beta1, beta2 = (0.9, 0.999) if fresh else (0.8, 0.95)
    return *make_parameters(generator, fresh=fresh), step, 0.1, beta1, beta2


def _wrong_first_step(answer: object) -> str | None:
    known = {
        25: "You divide by the share itself. RMSprop divides by a root.",
        10: "That is the factor of the alpha in the text. Here alpha is another one.",
        0.2: "You have it upside down: the step is longer than the rate, not shorter.",
        0.04: "That is the share of the square that is kept after one gradient. Go on from there.",
        1: "That is Adam's first step, whose bias correction makes up for the empty start.",
        1.0206207: "You took the root of alpha. After the first gradient the mean holds the rest, 1 − alpha.",
        0.96: "That is alpha. How large is the mean after the first gradient?",
    }
    return wrong_number(answer, 5, known=known, tolerance=0.001)


def _wrong_order(answer: object) -> str | None:
    names = [as_words(name) for name in answer] if isinstance(answer, (list, tuple, np.ndarray)) else []
    if set(names) != set(NAMES) or len(names) != len(NAMES):
        words = "Give a list of the three names 'sgd', 'rmsprop' and 'adam', each once. This is {answer}."
        return say(words, answer=describe(answer))
    table = swept_runs().to_frame().groupby(["learning_rate", "optimizer"]).validation_accuracy.mean()
    orders = {
        round(rate, 3): [*table[rate].sort_values(ascending=False).index]
        for rate in table.index.get_level_values("learning_rate").unique()
    }
    if names == orders[0.064]:
        return None
    if names == orders[0.064][::-1]:
        return say("You have the lowest first. (At some other rate this is the right order.)")
    rates = [rate for rate, order in orders.items() if order == names]
    if not rates:
        return say("At no rate of the list is this the order.")
    return say("That is the order at the rate {rate}.", rate=rates[0])


def _wrong_comparison(answer: object) -> str | None:
    rates = best_rates()
    wanted = {
        name: fixed_fields(OPTIMIZER_DIGITS.replace(optimizer=name, learning_rate=rates[name]))
        for name in ("sgd", "adam")
    }
    words = "One learning rate for both: that is no equal chance. Give each the rate that its sweep has chosen."
    return wrong_plan(answer, by="optimizer", wanted=wanted, shared={"learning_rate": words}, used_seeds=range(3))


EXERCISES = (
    Exercise(
        name="04-sgd-step",
        find_mistake=_step_checker(sgd_step, SGD_MISTAKES, (), _sgd_inputs),
        further="The step is as long as the gradient is large: that is why the rate must fit the surface.",
        hints=(
            "Which way does the loss fall: with the gradient, or against it?",
            "The step is rate × gradient. Take it away from the weights.",
        ),
        solution=(
            "def sgd_step(weights, gradients, rate):\n    return weights - rate * gradients\n\n\nanswer = sgd_step"
        ),
    ),
    Exercise(
        name="04-momentum-step",
        find_mistake=_step_checker(momentum_step, MOMENTUM_MISTAKES, ("weights", "velocity"), _momentum_inputs),
        further="With a momentum of 0.9 and a steady gradient the velocity grows towards ten gradients.",
        hints=(
            "First make the new velocity out of the old one and the gradients. Then step by the new one.",
            "New velocity: momentum × old velocity + gradients. The rate comes in only at the step.",
        ),
        solution=(
            "def momentum_step(weights, gradients, velocity, rate, momentum):\n"
            "    velocity = momentum * velocity + gradients\n"
            "    return weights - rate * velocity, velocity\n\n\n"
            "answer = momentum_step"
        ),
    ),
    Exercise(
        name="04-rmsprop-step",
        find_mistake=_step_checker(rmsprop_step, RMSPROP_MISTAKES, ("weights", "mean"), _rmsprop_inputs),
        further="A parameter whose gradient is a thousand times larger moves about as far as the others.",
        hints=(
            "The formula of the running mean stands in the text above. Renew it before you divide.",
            "The step is rate × gradients / (mean ** 0.5 + 1e-8), with the new mean.",
        ),
        solution=(
            "def rmsprop_step(weights, gradients, mean, rate, alpha):\n"
            "    mean = alpha * mean + (1 - alpha) * gradients**2\n"
            "    return weights - rate * gradients / (mean**0.5 + 1e-8), mean\n\n\n"
            "answer = rmsprop_step"
        ),
    ),
    Exercise(
        name="04-adam-step",
        find_mistake=_step_checker(adam_step, ADAM_MISTAKES, ("weights", "mean", "square"), _adam_inputs),
        further="After a thousand steps the correction is nearly 1: it matters at the start alone.",
        hints=(
            "Renew both means. Then divide each by its factor of the bias correction, in new variables.",
            "After so many steps the factor of the mean is 1 - beta1**step.",
        ),
        solution=(
            "def adam_step(weights, gradients, mean, square, step, rate, beta1, beta2):\n"
            "    mean = beta1 * mean + (1 - beta1) * gradients\n"
            "    square = beta2 * square + (1 - beta2) * gradients**2\n"
            "    full_mean = mean / (1 - beta1**step)\n"
            "    full_square = square / (1 - beta2**step)\n"
            "    return weights - rate * full_mean / (full_square**0.5 + 1e-8), mean, square\n\n\n"
            "answer = adam_step"
        ),
    ),
    Exercise(
        name="04-first-step",
        find_mistake=_wrong_first_step,
        further="A longer memory makes a longer leap: with alpha at 0.9999 it would be a hundred rates.",
        hints=(
            "The text works it out for an alpha of 0.99. What changes?",
            "After the first gradient g the mean is (1 − alpha) × g². RMSprop divides g by the root of that.",
        ),
        solution="answer = 1 / (1 - 0.96) ** 0.5",
    ),
    Exercise(
        name="04-shared-rate",
        find_mistake=_wrong_order,
        further="Every shared rate favours somebody: the order is a fact about the rate as well.",
        hints=(
            "Find the column 0.064 in the table of means.",
            "Go down that column, and begin with the largest of its three numbers.",
        ),
        solution='answer = ["sgd", "adam", "rmsprop"]',
    ),
    Exercise(
        name="04-fair-comparison",
        find_mistake=_wrong_comparison,
        further="It is fair for these budgets: five rates each, and no other setting of either was tuned.",
        hints=(
            "Each optimizer needs a rate of its own, so one call of grid is not enough.",
            "For each of the two make base.replace(optimizer=name, learning_rate=best[name]), and give it to grid.",
        ),
        solution=(
            "from cnnlab import Experiment, grid\n\n"
            "base = Experiment(train_size=1000, validation_size=500, channels=(4, 8), hidden=32, epochs=4)\n"
            'best = {"sgd": 0.256, "adam": 0.016}  # chosen by the sweep\n'
            "answer = []\n"
            "for name, rate in best.items():\n"
            "    answer += grid(base.replace(optimizer=name, learning_rate=rate), seed=range(100, 105))"
        ),
    ),
)
