"""The exercises of notebook 00: steps, loss, gradient, accuracy, the noise floor."""

from __future__ import annotations

import math
from typing import Any

import torch

from cnnlab.course.answers import wrong_number
from cnnlab.course.exercise import Exercise
from cnnlab.course.references.classification import (
    FLOOR_MISTAKES,
    GRADIENT_MISTAKES,
    LOSS_MISTAKES,
    SHARE_MISTAKES,
    STEP_MISTAKES,
    loss_gradient,
    mean_loss,
    noise_floor,
    share_of_other_axis,
    share_right,
    training_step,
)
from cnnlab.course.sentences import say
from cnnlab.course.student_functions import wrong_function


def _wrong_steps(answer: object) -> str | None:
    known = {
        234: "The last batch of an epoch is smaller, and still it is a step.",
        235: "Each epoch ends with a smaller batch of its own. Round for each epoch, not once at the end.",
        234.375: "There is no part of a step. What happens with the images that fill no whole batch?",
        79: "That is one epoch. You train for three.",
        78: "That is one epoch without its last batch, which is smaller than the others.",
        78.125: "There is no part of a step, and you train for three epochs.",
        30_000: "That is how many images the network sees. A step takes a whole batch of them.",
        384: "You multiplied the batch size with the epochs. How many batches has one epoch?",
    }
    return wrong_number(answer, 3 * math.ceil(10_000 / 128), known=known)


def _batches(generator: torch.Generator) -> list[tuple]:
    """Return batches of logits and labels; about half of the labels have the largest logit."""
    batches = []
    for images, classes in ((23, 4), (40, 10), (31, 3), (10, 10)):
        logits = 2 * torch.randn(images, classes, generator=generator)
        labels = torch.randint(classes, (images,), generator=generator)
        likely = torch.rand(images, generator=generator) < 0.5
        batches.append((logits, torch.where(likely, logits.argmax(1), labels)))
    return batches


def _square_batches(generator: torch.Generator) -> list[tuple]:
    """Return batches with as many images as classes; about half of the labels have the largest logit of their column.

    So a function that takes the other axis does not stop with an error.
    """
    batches = []
    for count in (10, 7, 12):
        logits, labels = (
            torch.randn(count, count, generator=generator),
            torch.randint(count, (count,), generator=generator),
        )
        likely = torch.rand(count, generator=generator) < 0.5
        batches.append((logits, torch.where(likely, logits.argmax(0), labels)))
    return batches


def _wrong_share(answer: object) -> str | None:
    words = wrong_function(answer, share_right, _batches, known=SHARE_MISTAKES)
    if words and not wrong_function(answer, share_of_other_axis, _square_batches):
        return say("You take the largest logit of each class. Take that of each image: of each row.")
    return words


def _wrong_loss(answer: object) -> str | None:
    ready_made = ("cross_entropy", "CrossEntropyLoss")
    return wrong_function(answer, mean_loss, _batches, known=LOSS_MISTAKES, ready_made=ready_made)


def _wrong_gradient(answer: object) -> str | None:
    return wrong_function(answer, loss_gradient, _batches, known=GRADIENT_MISTAKES)


def _steps(generator: torch.Generator) -> list[tuple]:
    """Return weights, images, labels and learning rates of linear networks."""
    return [
        (
            torch.randn(pixels, classes, generator=generator),
            torch.randn(images, pixels, generator=generator),
            torch.randint(classes, (images,), generator=generator),
            0.1 + torch.rand(1, generator=generator).item(),
        )
        for images, pixels, classes in ((8, 5, 3), (12, 4, 10), (6, 9, 2))
    ]


def _wrong_step(answer: object) -> str | None:
    def second_step(*inputs: Any) -> Any:
        answer(*inputs)  # pyright: ignore[reportCallIssue]
        return answer(*inputs)  # pyright: ignore[reportCallIssue]

    ready_made = ("SGD", "Adam", "optim")
    if words := wrong_function(answer, training_step, _steps, known=STEP_MISTAKES, ready_made=ready_made):
        return words
    if wrong_function(second_step, training_step, _steps):
        return say(
            "The second step from the same weights differs: weights.grad still holds the first gradient. Work on a "
            "copy."
        )
    return None


def _five_runs(generator: torch.Generator) -> list[tuple]:
    return [((0.85 + 0.02 * torch.randn(5, generator=generator)).tolist(),) for _ in range(3)]


def _wrong_floor(answer: object) -> str | None:
    return wrong_function(answer, noise_floor, _five_runs, known=FLOOR_MISTAKES, tolerance=1e-3)


EXERCISES = (
    Exercise(
        name="00-steps",
        find_mistake=_wrong_steps,
        further="With half the batch size an epoch has about twice as many steps, and each follows a rougher gradient.",
        hints=(
            "A step takes one batch. The images that are left at the end of an epoch are a batch as well.",
            "Divide the images by the batch size and round up. Then think of the epochs.",
        ),
        solution="import math\n\nanswer = 3 * math.ceil(10_000 / 128)",
    ),
    Exercise(
        name="00-training-step",
        find_mistake=_wrong_step,
        further="torch.optim.SGD does the same; Adam also remembers earlier gradients, and notebook 04 compares them.",
        hints=(
            "It is the loop above without an optimizer: loss, backward, and then a small step against the gradient.",
            "Make a copy of the weights that wants a gradient: weights.clone().requires_grad_(). After backward() its "
            "gradient is in .grad.",
        ),
        solution="""import torch


def training_step(weights, images, labels, learning_rate):
    copy = weights.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(images @ copy, labels)
    loss.backward()
    return weights - learning_rate * copy.grad


answer = training_step""",
    ),
    Exercise(
        name="00-cross-entropy",
        find_mistake=_wrong_loss,
        further="A network that gives ten digits the same probability has a loss of 2.303, the logarithm of 10.",
        hints=(
            "Three steps: probabilities from the logits, the logarithm of the label's probability, the mean.",
            "logits.exp() divided by its sum over the classes gives probabilities: .sum(1, keepdim=True).",
        ),
        solution="""def mean_loss(logits, labels):
    probabilities = logits.exp() / logits.exp().sum(1, keepdim=True)  # (N, C)
    of_labels = probabilities[range(len(labels)), labels]  # (N,)
    return -of_labels.log().mean()


answer = mean_loss""",
    ),
    Exercise(
        name="00-loss-gradient",
        find_mistake=_wrong_gradient,
        further="For each image the entries sum to 0: what the label's logit gains, the others lose.",
        hints=(
            "Begin with one image: how far is each probability from what it should be?",
            "The probabilities should be 1 at the label and 0 elsewhere. The loss is a mean over N images.",
        ),
        solution="""import torch


def loss_gradient(logits, labels):
    gradient = torch.softmax(logits, dim=1)  # (N, C)
    gradient[range(len(labels)), labels] -= 1
    return gradient / len(labels)


answer = loss_gradient""",
    ),
    Exercise(
        name="00-share-right",
        find_mistake=_wrong_share,
        further="Of a thousand images each is a tenth of a percentage point. Notebook 03 shows what accuracy hides.",
        hints=(
            "The network's answer is the place of the largest logit in each row.",
            "logits.argmax(1) gives the answers. Compare them with the labels, and count.",
        ),
        solution="""def share_right(logits, labels):
    return (logits.argmax(1) == labels).float().mean()


answer = share_right""",
    ),
    Exercise(
        name="00-noise-floor",
        find_mistake=_wrong_floor,
        further="With more runs of each setting t gets smaller, and the mean of n runs scatters less than one run.",
        hints=(
            "Three factors: t, the square root of 2, and the standard deviation of the five.",
            "statistics.stdev estimates the standard deviation from a sample.",
        ),
        solution="""import statistics


def floor_of(accuracies):
    return 2.776 * 2**0.5 * statistics.stdev(accuracies)


answer = floor_of""",
    ),
)
