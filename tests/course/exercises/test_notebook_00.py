"""The exercises of notebook 00, with right answers, and with wrong ones that students give."""

import math
import statistics

import numpy as np
import pytest
import torch
from exercise_cases import Case, run_case
from torch.nn import functional

from cnnlab.comparison.noise_floor import pooled_noise
from cnnlab.course.exercises import notebook_00
from cnnlab.course.references import classification as reference


def softmax(logits, axis=1):
    return logits.exp() / logits.exp().sum(axis, keepdim=True)


def of_labels(values, labels):
    return values[range(len(labels)), labels]


# --- Shares of right answers


def share_by_loop(logits, labels):
    right = 0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        if row.index(max(row)) == label:
            right += 1
    return right / len(labels)


def share_by_numpy(logits, labels):
    return np.mean(np.argmax(logits.numpy(), axis=1) == labels.numpy())


def share_of_the_other_axis(logits, labels):
    return (logits.argmax(0) == labels).float().mean()


# --- Steps


def step_by_backward(weights, images, labels, learning_rate):
    copy = weights.clone().requires_grad_()
    functional.cross_entropy(images @ copy, labels).backward()
    return weights - learning_rate * copy.grad


def step_by_optimizer(weights, images, labels, learning_rate):
    parameter = torch.nn.Parameter(weights.clone())
    optimizer = torch.optim.SGD([parameter], lr=learning_rate)
    functional.cross_entropy(images @ parameter, labels).backward()
    optimizer.step()
    return parameter


def step_with_the_given_weights(weights, images, labels, learning_rate):
    weights.requires_grad_()
    functional.cross_entropy(images @ weights, labels).backward()
    return weights - learning_rate * weights.grad


def step_in_place(weights, images, labels, learning_rate):
    weights -= learning_rate * gradient(weights, images, labels)
    return weights


def step_of_adam(weights, images, labels, learning_rate):
    parameter = torch.nn.Parameter(weights.clone())
    optimizer = torch.optim.Adam([parameter], lr=learning_rate)
    functional.cross_entropy(images @ parameter, labels).backward()
    optimizer.step()
    return parameter


def gradient(weights, images, labels, reduction="mean"):
    copy = weights.clone().requires_grad_()
    return torch.autograd.grad(functional.cross_entropy(images @ copy, labels, reduction=reduction), copy)[0]


def step_with_probabilities(weights, images, labels, learning_rate):
    copy = weights.clone().requires_grad_()
    loss = functional.cross_entropy(torch.softmax(images @ copy, 1), labels)
    return weights - learning_rate * torch.autograd.grad(loss, copy)[0]


# --- Losses and gradients


def loss_by_loop(logits, labels):
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        total += math.log(sum(math.exp(value) for value in row)) - row[label]
    return total / len(labels)


def gradient_by_autograd(logits, labels):
    copy = logits.clone().requires_grad_()
    functional.cross_entropy(copy, labels).backward()
    return copy.grad


def gradient_by_hand(logits, labels):
    result = softmax(logits)
    result[range(len(labels)), labels] -= 1
    return (result / len(labels)).numpy()


def gradient_in_place(logits, labels):
    logits[range(len(labels)), labels] -= 1
    return logits / len(labels)


def gradient_without_mean(logits, labels):
    return len(labels) * gradient_by_autograd(logits, labels)


def gradient_at_labels(logits, labels):
    return (softmax(logits) - 1) * functional.one_hot(labels, logits.shape[1]) / len(labels)


CASES = {
    "00-steps": Case(
        right=[237, 3 * math.ceil(10_000 / 128), torch.tensor(237)],
        wrong=[
            (10_000 // 128 * 3, "still it is a step"),
            (math.ceil(3 * 10_000 / 128), "Round for each epoch"),
            (3 * 10_000 / 128, "no part of a step"),
            (79, "one epoch"),
            (78, "without its last batch"),
            (30_000, "how many images"),
            (128 * 3, "batch size with the epochs"),
            (94, "too small"),
        ],
    ),
    "00-share-right": Case(
        right=[share_by_loop, share_by_numpy, lambda x, y: (x.argmax(1) == y).float().mean().item()],
        wrong=[
            (lambda x, y: (x.argmax(1) == y).sum(), "counts the right answers"),
            (lambda x, y: 100 * share_by_loop(x, y), "in per cent"),
            (lambda x, y: (x.argmax(1) != y).float().mean(), "share of wrong answers"),
            (lambda x, y: (x.argmin(1) == y).float().mean(), "the smallest logit"),
            (lambda x, y: of_labels(softmax(x), y).mean(), "mean probability"),
            (lambda x, y: (x.argmax(1) == y).sum() / x.shape[1], "number of classes"),
            (lambda x, y: x.argmax(1), "what the network answers"),  # noqa: ARG005
            (lambda x, y: (x.argmax(1) == y).float(), "shape"),
            (share_of_the_other_axis, "of each row"),
            (lambda x, y: (x == y).float().mean(), "RuntimeError"),
            (0.9, "Give a function"),
        ],
    ),
    "00-training-step": Case(
        right=[step_by_backward, lambda w, x, y, r: w - r * gradient(w, x, y)],
        wrong=[
            (lambda w, x, y, r: w + r * gradient(w, x, y), "uphill"),
            (lambda w, x, y, r: w - gradient(w, x, y), "learning rate is missing"),  # noqa: ARG005
            (lambda w, x, y, r: w - r * gradient(w, x, y, "sum"), "mean over its images"),
            (lambda w, x, y, r: gradient(w, x, y), "This is the gradient"),  # noqa: ARG005
            (lambda w, x, y, r: r * gradient(w, x, y), "This is the step"),
            (lambda w, x, y, r: w, "have not changed"),  # noqa: ARG005
            (lambda w, x, y, r: w - gradient(w, x, y) / r, "divide by the learning rate"),
            (step_with_probabilities, "softmax twice"),
            (step_of_adam, "Adam"),
            (step_by_optimizer, "it comes from SGD"),
            (step_with_the_given_weights, "still holds the first gradient"),
            (step_in_place, "changes its input"),
            (lambda w, x, y, r: w - r * functional.cross_entropy(x @ w, y), "values are wrong"),
        ],
    ),
    "00-cross-entropy": Case(
        right=[loss_by_loop, lambda x, y: -of_labels(softmax(x), y).log().mean()],
        wrong=[
            (functional.cross_entropy, "it comes from cross_entropy"),
            (lambda x, y: torch.nn.CrossEntropyLoss()(x, y), "it comes from CrossEntropyLoss"),
            (lambda x, y: functional.cross_entropy(x, y, reduction="sum"), "sum over the images"),
            (lambda x, y: of_labels(softmax(x), y).log().mean(), "sign"),
            (lambda x, y: -of_labels(softmax(x), y).log2().mean(), "bits"),
            (lambda x, y: -of_labels(softmax(x), y).log10().mean(), "base 10"),
            (lambda x, y: -of_labels(softmax(x, 0), y).log().mean(), "over the images"),
            (lambda x, y: functional.cross_entropy(softmax(x), y), "softmax twice"),
            (lambda x, y: -of_labels(softmax(x), y).mean().log(), "mean of the probabilities first"),
            (lambda x, y: 1 - of_labels(softmax(x), y).mean(), "Where is the logarithm"),
            (lambda x, y: -of_labels(x, y).mean(), "These are the logits"),
            (lambda x, y: -softmax(x).log().mean(), "Only that of the label"),  # noqa: ARG005
            (lambda x, y: -of_labels(softmax(x), y).log(), "shape"),
            (lambda x, y: -of_labels(x, y).log().mean(), "NaN"),
        ],
    ),
    "00-loss-gradient": Case(
        right=[gradient_by_autograd, gradient_by_hand],
        wrong=[
            (gradient_without_mean, "sum of the losses"),
            (lambda x, y: -gradient_by_autograd(x, y), "sign"),
            (lambda x, y: softmax(x), "These are the probabilities"),  # noqa: ARG005
            (lambda x, y: softmax(x) / len(y), "probabilities, divided"),
            (lambda x, y: gradient_without_mean(x, y) / x.shape[1], "number of classes"),
            (gradient_at_labels, "Only the labels have a gradient"),
            (
                lambda x, y: (softmax(x, 0) - functional.one_hot(y, x.shape[1])) / len(y),
                "over the images",
            ),
            (gradient_in_place, "changes its input"),
            (lambda x, y: (x - functional.one_hot(y, x.shape[1])) / len(y), "You use the logits"),
            (lambda x, y: of_labels(softmax(x) - 1, y), "shape"),
        ],
    ),
    "00-noise-floor": Case(
        right=[
            lambda a: 2.776 * math.sqrt(2) * statistics.stdev(a),
            lambda a: 2.776 * np.sqrt(2 * np.var(a, ddof=1)),
            lambda a: 2.776 * 2**0.5 * torch.tensor(a).std(),
        ],
        wrong=[
            (lambda a: 2.776 * 2**0.5 * np.std(a), "divide by the number of runs"),
            (lambda a: 2.776 * np.std(a, ddof=1), "√2 is missing"),
            (lambda a: 1.96 * 2**0.5 * np.std(a, ddof=1), "very many runs"),
            (lambda a: 2**0.5 * np.std(a, ddof=1), "t is missing"),
            (lambda a: np.std(a, ddof=1), "alone"),
            (lambda a: max(a) - min(a), "best and the worst"),
            (lambda a: 2.776 * 2**0.5 * np.std(a, ddof=1) / 5**0.5, "√5"),
            (lambda a: 2.776 * 2**0.5 * np.var(a, ddof=1), "square root"),
            (lambda a: 2.776 * 2 * np.std(a, ddof=1), "Variances add"),
            (lambda a: 0.05, "too"),  # noqa: ARG005
        ],
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _optimizers_imported():
    """Make torch import what optimizers need; on a busy computer that takes longer than an answer may."""
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))]).step()


def test_every_exercise_has_its_answers():
    assert sorted(CASES) == sorted(exercise.name for exercise in notebook_00.EXERCISES)


@pytest.mark.parametrize("name", CASES)
def test_answers_of_students(name):
    run_case(name, CASES[name])


def test_references_agree_with_others():
    generator = torch.Generator().manual_seed(0)
    for logits, labels in notebook_00._batches(generator):
        assert float(reference.mean_loss(logits, labels)) == pytest.approx(loss_by_loop(logits, labels), rel=1e-5)
        torch.testing.assert_close(reference.loss_gradient(logits, labels), gradient_by_autograd(logits, labels))
        assert float(reference.share_right(logits, labels)) == pytest.approx(share_by_loop(logits, labels))
    for inputs in notebook_00._steps(generator):
        torch.testing.assert_close(reference.training_step(*inputs), step_by_optimizer(*inputs).detach())
    for (accuracies,) in notebook_00._five_runs(generator):
        floor = pooled_noise({"one setting": dict(enumerate(accuracies))})
        assert reference.noise_floor(accuracies) == pytest.approx(floor, rel=1e-3)
