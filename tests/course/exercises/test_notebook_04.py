"""The exercises of notebook 04, with right answers, and with wrong ones that students give."""

import numpy as np
import pytest
import torch
from exercise_cases import Case, run_case

from cnnlab import Experiment, grid
from cnnlab.course.exercises.notebook_04 import best_rates
from cnnlab.course.references.adaptive_steps import adam_step, rmsprop_step
from cnnlab.course.references.gradient_steps import make_parameters, momentum_step, sgd_step

base = Experiment(train_size=1000, validation_size=500, channels=(4, 8), hidden=32, epochs=4)
RATES = {"sgd": 0.256, "adam": 0.016}


def sgd_in_numpy(weights, gradients, rate):
    return np.asarray(weights) - rate * np.asarray(gradients)


def sgd_by_torch(weights, gradients, rate):
    place = torch.nn.Parameter(weights.clone())
    place.grad = gradients
    torch.optim.SGD([place], lr=rate).step()
    return place


def sgd_in_place(weights, gradients, rate):
    weights -= rate * gradients
    return weights


def momentum_in_place_of_a_copy(weights, gradients, velocity, rate, momentum):
    velocity = velocity.clone()
    velocity *= momentum
    velocity += gradients
    return [weights - velocity * rate, velocity]


def momentum_by_lists(weights, gradients, velocity, rate, momentum):
    velocity = [
        [momentum * v + g for v, g in zip(*rows, strict=True)] for rows in zip(velocity, gradients, strict=True)
    ]
    return weights - rate * torch.tensor(velocity), torch.tensor(velocity)


def momentum_steps_first(weights, gradients, velocity, rate, momentum):
    weights = weights - rate * velocity
    return weights, momentum * velocity + gradients


def rmsprop_with_lerp(weights, gradients, mean, rate, alpha):
    mean = torch.lerp(gradients.square(), mean, alpha)
    return weights - rate * gradients / (torch.sqrt(mean) + 1e-8), mean


def rmsprop_in_numpy(weights, gradients, mean, rate, alpha):
    weights, gradients, mean = (np.asarray(part, dtype=float) for part in (weights, gradients, mean))
    mean = mean + (1 - alpha) * (gradients**2 - mean)
    return weights - rate / (mean**0.5 + 1e-8) * gradients, mean


def rmsprop(change):
    """Return a step of RMSprop with other lines."""
    lines = {
        "mean": "alpha * mean + (1 - alpha) * gradients**2",
        "divisor": "mean**0.5 + 1e-8",
        "sign": "-",
        "kept": "mean",
        **change,
    }
    text = (
        "def step(weights, gradients, mean, rate, alpha):\n"
        "    old = mean\n"
        f"    mean = {lines['mean']}\n"
        f"    return weights {lines['sign']} rate * gradients / ({lines['divisor']}), {lines['kept']}"
    )
    return compiled(text)


def adam(change):
    """Return a step of Adam with other lines."""
    lines = {
        "mean": "beta1 * mean + (1 - beta1) * gradients",
        "square": "beta2 * square + (1 - beta2) * gradients**2",
        "m": "mean / (1 - beta1**step)",
        "v": "square / (1 - beta2**step)",
        "way": "m / (v**0.5 + 1e-8)",
        "kept": "mean, square",
        **change,
    }
    text = (
        "def step(weights, gradients, mean, square, step, rate, beta1, beta2):\n"
        f"    mean = {lines['mean']}\n"
        f"    square = {lines['square']}\n"
        f"    m, v = {lines['m']}, {lines['v']}\n"
        f"    return weights - rate * {lines['way']}, {lines['kept']}"
    )
    return compiled(text)


def compiled(text):
    names = {"torch": torch}
    exec(text, names)
    return names["step"]


def adam_in_numpy(weights, gradients, mean, square, step, rate, beta1, beta2):
    weights, gradients, mean, square = (np.asarray(part, dtype=float) for part in (weights, gradients, mean, square))
    mean, square = mean * beta1 + gradients * (1 - beta1), square * beta2 + np.square(gradients) * (1 - beta2)
    rate = rate * np.sqrt(1 - beta2**step) / (1 - beta1**step)
    return weights - rate * mean / (np.sqrt(square) + 1e-8 * np.sqrt(1 - beta2**step)), mean, square


def plan(rates=RATES, seeds=range(100, 105), **others):
    return [
        each
        for name, rate in rates.items()
        for each in grid(base.replace(optimizer=name, learning_rate=rate, **others), seed=seeds)
    ]


def sgd_without_a_rate(weights, gradients, rate):  # noqa: ARG001
    return weights - gradients


def sgd_with_a_rate_of_its_own(weights, gradients, rate):  # noqa: ARG001
    return weights - 0.1 * gradients


def sgd_without_a_place(weights, gradients, rate):  # noqa: ARG001
    return rate * gradients


def swapped_betas(weights, gradients, mean, square, step, rate, beta1, beta2):
    return adam({})(weights, gradients, mean, square, step, rate, beta2, beta1)


def off_by_one(shift):
    """Return a step of Adam that counts the steps from another number."""
    return adam({"m": f"mean / (1 - beta1**(step + {shift}))", "v": f"square / (1 - beta2**(step + {shift}))"})


@pytest.fixture(scope="module", autouse=True)
def _torch_optim():
    """Let torch load what its optimizers need: it may take longer than a student's function may."""
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))]).step()


PLAN = plan()
CROSSED = grid(base, optimizer=["sgd", "adam"], learning_rate=[0.256, 0.016], seed=range(100, 105))
CASES = {
    "04-sgd-step": Case(
        right=[lambda weights, gradients, rate: weights - gradients * rate, sgd_in_numpy, sgd_by_torch],
        wrong=[
            (lambda weights, gradients, rate: weights + rate * gradients, "uphill"),
            (sgd_without_a_place, "where it arrives"),
            (sgd_without_a_rate, "as long as the gradient"),
            (lambda weights, gradients, rate: weights - gradients / rate, "divide by the rate"),
            (lambda weights, gradients, rate: weights - rate * torch.sign(gradients), "equally long"),
            (sgd_in_place, "changes its input"),
            (lambda weights, gradients: weights - 0.1 * gradients, "TypeError"),
            (sgd_with_a_rate_of_its_own, "values are wrong"),
            (lambda weights, gradients, rate: (weights - rate * gradients).sum(), "The shape must be"),
        ],
    ),
    "04-momentum-step": Case(
        right=[momentum_in_place_of_a_copy, momentum_by_lists],
        wrong=[
            (momentum_steps_first, "velocity of before"),
            (lambda w, g, v, r, m: (w - r * (m * v + (1 - m) * g), m * v + (1 - m) * g), "by 1 − momentum"),
            (lambda w, g, v, r, m: (w + m * v - r * g, m * v - r * g), "rate into the velocity"),
            (lambda w, g, v, r, m: (w - (m * v + r * g), m * v + r * g), "rate into the velocity"),
            (lambda w, g, v, r, m: (w - r * (v + m * g), v + m * g), "multiply the gradient by momentum"),
            (lambda w, g, v, r, m: (w - r * (g + m * (m * v + g)), m * v + g), "Nesterov"),
            (lambda w, g, v, r, m: (w + r * (m * v + g), m * v + g), "uphill"),
            (lambda w, g, v, r, m: w - r * (m * v + g), "must return weights, velocity"),
            (lambda w, g, v, r, m: (m * v + g, w - r * (m * v + g)), "velocity first"),
            (lambda w, g, v, r, m: (w - r * m * (v + g), m * (v + g)), "the gradient by momentum, too"),
            (lambda w, g, v, r, m: (w - r * g, m * v + g), "by the gradient alone"),
        ],
    ),
    "04-first-step": Case(
        right=[5, 1 / (1 - 0.96) ** 0.5, torch.tensor(5.0)],
        wrong=[
            (25, "by a root"),
            (10, "alpha in the text"),
            (0.2, "upside down"),
            (0.04, "share of the square"),
            (1, "Adam's first step"),
            (1 / 0.96**0.5, "root of alpha"),
            (0.96, "That is alpha"),
            (0.5, "too small"),
        ],
    ),
    "04-rmsprop-step": Case(
        right=[rmsprop({}), rmsprop_with_lerp, rmsprop_in_numpy],
        wrong=[
            (rmsprop({"divisor": "mean + 1e-8"}), "Divide by its root"),
            (rmsprop({"divisor": "old**0.5 + 1e-8"}), "the mean of before"),
            (rmsprop({"mean": "(1 - alpha) * mean + alpha * gradients**2"}), "mixed up alpha"),
            (rmsprop({"mean": "alpha * mean + (1 - alpha) * gradients"}), "one of their squares"),
            (rmsprop({"mean": "alpha * mean + (1 - alpha) * (gradients**2).mean()"}), "Each has its own"),
            (rmsprop({"mean": "alpha * mean + gradients**2"}), "whole square"),
            (rmsprop({"divisor": "(mean / (1 - alpha))**0.5 + 1e-8"}), "Adam's way"),
            (rmsprop({"divisor": "(mean + 1e-8)**0.5"}), "within the root"),
            (rmsprop({"divisor": "mean**0.5"}), "NaN"),
            (rmsprop({"sign": "+"}), "uphill"),
            (rmsprop({"kept": "old"}), "mean: "),
        ],
    ),
    "04-adam-step": Case(
        right=[adam({}), adam_in_numpy, adam({"v": "square / (1.0 - pow(beta2, step))"})],
        wrong=[
            (adam({"m": "mean", "v": "square"}), "bias correction is missing"),
            (adam({"m": "mean"}), "squares alone"),
            (adam({"v": "square"}), "the mean alone"),
            (off_by_one(1), "one step too many"),
            (off_by_one(-1), "NaN"),
            (adam({"m": "mean / (1 - beta1)", "v": "square / (1 - beta2)"}), "first step at every step"),
            (adam({"m": "mean / (1 - beta1 * step)", "v": "square / (1 - beta2 * step)"}), "It is a power"),
            (adam({"kept": "m, v"}), "correct them again"),
            (adam({"way": "m / (v + 1e-8)"}), "Divide by its root"),
            (adam({"way": "m / (v + 1e-8)**0.5"}), "within the root"),
            (adam({"way": "m / v**0.5"}), "NaN"),
            (adam({"mean": "beta2 * mean + (1 - beta2) * gradients"}), "weights: "),
            (adam({"mean": "(1 - beta1) * mean + beta1 * gradients",
                   "square": "(1 - beta2) * square + beta2 * gradients**2"}), "mixed up beta and 1 − beta"),
            (adam({"way": "gradients / (v**0.5 + 1e-8)"}), "steps by its mean"),
            (adam({"way": "-m / (v**0.5 + 1e-8)"}), "uphill"),
            (swapped_betas, "mixed up beta1 and beta2"),
        ],
    ),
    "04-shared-rate": Case(
        right=[["sgd", "adam", "rmsprop"], ("SGD", "Adam", " RMSprop"), np.array(["sgd", "adam", "rmsprop"])],
        wrong=[
            (["adam", "rmsprop", "sgd"], "the order at the rate 0.016"),
            (["rmsprop", "adam", "sgd"], "lowest first"),
            (["adam", "sgd", "rmsprop"], "At no rate"),
            (["sgd", "adam"], "each once"),
            ("sgd", "each once"),
            (["SGD", "Adam", "Momentum"], "the three names"),
            ({"sgd": 1, "adam": 2, "rmsprop": 3}, "a dict of length 3"),
            (["sgd", "rmsprop", "adam"], "order at the rate 0.256"),
        ],
    ),
    "04-fair-comparison": Case(
        right=[PLAN, PLAN[::-1], tuple(plan(seeds=range(10, 20)))],
        wrong=[
            (grid(base, optimizer=["sgd", "adam"], learning_rate=[0.016], seed=range(100, 105)), "One learning rate"),
            (grid(base, optimizer=["sgd", "adam"], seed=range(100, 105)), "='sgd', learning_rate is 0.05: that"),
            (CROSSED, "With optimizer='sgd', learning_rate is 0.016: that is not"),
            (plan(seeds=range(3)), "Too few seeds"),
            (plan(seeds=[100]), "Too few seeds"),
            (plan(seeds=range(5)), "have chosen the settings"),
            (plan({"sgd": 0.016, "adam": 0.256}), "With optimizer='sgd', learning_rate is 0.016: that is not"),
            (plan({"adam": 0.016}), "no experiment with optimizer='sgd'"),
            (plan(RATES | {"rmsprop": 0.004}), "optimizer='rmsprop' is not part"),
            (plan(epochs=12), "epochs is 12"),
            (PLAN[:5] + [each.replace(epochs=12) for each in PLAN[5:]], "epochs moves together"),
            ([*PLAN[:5], *[each.replace(momentum=0.0, seed=each.seed + 50) for each in PLAN[5:]]], "The seeds differ"),
            ([each.replace(momentum=0.9 if each.optimizer == "sgd" else 0.0) for each in PLAN], "momentum moves"),
            (PLAN + PLAN, "stands there twice"),
            (PLAN[0], "Give a list of experiments"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_answers_of_students(name):
    run_case(name, CASES[name])


def test_the_rates_of_the_plan_are_those_of_the_sweep():
    assert {name: round(rate, 6) for name, rate in best_rates().items()} == RATES | {"rmsprop": 0.004}


def torch_steps(optimizer, gradients, steps=4):
    """Return the places of torch's own optimizer, step by step, with these gradients."""
    place, places = torch.nn.Parameter(torch.ones_like(gradients[0], dtype=torch.float64)), []
    mover = optimizer([place])
    for number in range(steps):
        place.grad = gradients[number].double()
        mover.step()
        places.append(place.detach().clone())
    return torch.stack(places)


@pytest.fixture(scope="module")
def gradients():
    generator = torch.Generator().manual_seed(0)
    return torch.stack([make_parameters(generator.manual_seed(7), fresh=False)[1] + 0.1 * step for step in range(4)])


def test_the_references_are_torchs_own_steps(gradients):
    start = torch.ones_like(gradients[0], dtype=torch.float64)
    empty = torch.zeros_like(start)
    weights = dict.fromkeys(("sgd", "momentum", "rmsprop", "adam"), start)
    velocity, mean, first, second = empty, empty, empty, empty
    places = {name: [] for name in weights}
    for number, gradient in enumerate(gradients.double(), start=1):
        weights["sgd"] = sgd_step(weights["sgd"], gradient, 0.1)
        weights["momentum"], velocity = momentum_step(weights["momentum"], gradient, velocity, 0.1, 0.9)
        weights["rmsprop"], mean = rmsprop_step(weights["rmsprop"], gradient, mean, 0.1, 0.99)
        weights["adam"], first, second = adam_step(weights["adam"], gradient, first, second, number, 0.1)
        for name, place in weights.items():
            places[name].append(place)
    optimizers = {
        "sgd": lambda parts: torch.optim.SGD(parts, lr=0.1),
        "momentum": lambda parts: torch.optim.SGD(parts, lr=0.1, momentum=0.9),
        "rmsprop": lambda parts: torch.optim.RMSprop(parts, lr=0.1),
        "adam": lambda parts: torch.optim.Adam(parts, lr=0.1),
    }
    for name, optimizer in optimizers.items():
        torch.testing.assert_close(torch.stack(places[name]), torch_steps(optimizer, gradients), rtol=1e-9, atol=1e-9)
