"""The exercises of notebook 00: steps, loss, gradient, accuracy, the noise floor."""

from __future__ import annotations

import math
import statistics

import torch

from cnnlab.course.answers import wrong_number
from cnnlab.course.exercise import Exercise
from cnnlab.course.references.classification import (
    T_OF_FIVE,
    gradient_of_weights,
    loss_gradient,
    loss_of_other_axis,
    mean_loss,
    noise_floor,
    one_hot,
    probability_of_labels,
    share_right,
    step_with_softmax_twice,
    training_step,
)
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


def _wrong_share(answer: object) -> str | None:
    known = [
        (lambda x, y: share_right(x, y) * len(y), "This counts the right answers. Give their share, from 0 to 1."),
        (lambda x, y: share_right(x, y) * 100, "This is in per cent. Give a share, from 0 to 1."),
        (lambda x, y: 1 - share_right(x, y), "This is the share of wrong answers."),
        (lambda x, y: share_right(-x, y), "You take the smallest logit of each image. Which one is the answer?"),
        (lambda x, y: share_right(x, y) * len(y) / x.shape[1], "You divide by the number of classes."),
        (lambda x, y: probability_of_labels(x, y).mean(), "This is the mean probability of the labels, and no share."),
        (lambda x, y: share_right(x, y).round(), "This is rounded to a whole number. Give the share as it is."),
        (lambda x, _: x.argmax(1), "This is what the network answers. How often is that the label?"),
    ]
    return wrong_function(answer, share_right, _batches, known=known)


def _wrong_loss(answer: object) -> str | None:
    known = [
        (lambda x, y: mean_loss(x, y) * len(y), "This is the sum over the images. Take their mean."),
        (lambda x, y: -mean_loss(x, y), "The sign is turned round: a loss is never below zero."),
        (
            lambda x, y: mean_loss(x, y) / math.log(2),
            "This is in bits. Take the natural logarithm: the unit is the nat.",
        ),
        (lambda x, y: mean_loss(x, y) / math.log(10), "This is the logarithm to base 10. Take the natural one."),
        (loss_of_other_axis, "Your probabilities sum to 1 over the images. They must sum to 1 over the classes."),
        (lambda x, y: mean_loss(x.softmax(1), y), "You take the softmax twice; torch's cross_entropy takes it itself."),
        (
            lambda x, y: -probability_of_labels(x, y).mean().log(),
            "You take the mean of the probabilities first. Take the logarithm of each, then the mean.",
        ),
        (lambda x, y: 1 - probability_of_labels(x, y).mean(), "This is 1 minus a probability. Where is the logarithm?"),
        (lambda x, y: probability_of_labels(x, y).mean(), "This is the mean probability. Where is the logarithm?"),
        (
            lambda x, y: -torch.gather(x, 1, y[:, None]).mean(),
            "These are the logits. Make probabilities of them first.",
        ),
        (
            lambda x, y: -(one_hot(x, y) * x.log_softmax(1)).mean(),
            "You take the mean over images and classes. Each image has one loss: take the mean over the images.",
        ),
        (lambda x, _: -x.log_softmax(1).sum(1).mean(), "You sum over all classes. Only that of the label counts."),
        (lambda x, _: -x.log_softmax(1).mean(), "You take all classes. Only that of the label counts."),
    ]
    return wrong_function(answer, mean_loss, _batches, known=known)


def _wrong_gradient(answer: object) -> str | None:
    known = [
        (lambda x, y: loss_gradient(x, y) * len(y), "This belongs to the sum of the losses. The loss is their mean."),
        (lambda x, y: -loss_gradient(x, y), "The sign is turned round: this points to where the loss falls."),
        (lambda x, _: x.softmax(1), "These are the probabilities. What does the label change?"),
        (lambda x, _: x.softmax(1) / len(x), "These are probabilities, divided. What does the label change?"),
        (lambda x, y: loss_gradient(x, y) * len(y) / x.shape[1], "You divide by the number of classes."),
        (lambda x, y: loss_gradient(x, y) / x.shape[1], "You divide by the number of classes as well."),
        (
            lambda x, y: (x.softmax(0) - one_hot(x, y)) / len(y),
            "Your probabilities sum to 1 over the images. They must sum to 1 over the classes.",
        ),
        (
            lambda x, y: loss_gradient(x, y) * one_hot(x, y),
            "Only the labels have a gradient here. The other logits change the loss, too.",
        ),
        (lambda x, y: loss_gradient(x.softmax(1), y), "You take the softmax twice."),
        (lambda x, y: (x - one_hot(x, y)) / len(y), "You use the logits. Make probabilities of them first."),
    ]
    return wrong_function(answer, loss_gradient, _batches, known=known)


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
    known = [
        (lambda w, x, y, r: 2 * w - training_step(w, x, y, r), "You step uphill: there the loss rises."),
        (lambda w, x, y, _: training_step(w, x, y, 1), "The learning rate is missing."),
        (lambda w, x, y, _: 2 * w - training_step(w, x, y, 1), "You step uphill, and without the learning rate."),
        (lambda w, x, y, r: training_step(w, x, y, r * len(y)), "The loss of a batch is the mean over its images."),
        (lambda w, x, y, r: training_step(w, x, y, 1 / r), "You divide by the learning rate."),
        (lambda w, x, y, _: gradient_of_weights(w, x, y), "This is the gradient. Return the weights after the step."),
        (lambda w, x, y, r: w - training_step(w, x, y, r), "This is the step. Return the weights after it."),
        (lambda w, x, y, r: training_step(w, x, y, r) - w, "This is the step. Return the weights after it."),
        (lambda w, *_: w, "The weights have not changed. Do you return the new ones?"),
        (step_with_softmax_twice, "You take the softmax twice; torch's cross_entropy takes it itself."),
        (
            lambda w, x, y, r: w - r * gradient_of_weights(w, x, y).sign(),
            "You use the sign of the gradient alone, as Adam does in its first step. Use the gradient as it is.",
        ),
        (lambda w, x, y, r: mean_loss(x @ w, y), "This is the loss. Return the weights after the step."),  # noqa: ARG005
    ]
    return wrong_function(answer, training_step, _steps, known=known)


def _five_runs(generator: torch.Generator) -> list[tuple]:
    return [((0.85 + 0.02 * torch.randn(5, generator=generator)).tolist(),) for _ in range(3)]


def _wrong_floor(answer: object) -> str | None:
    root = math.sqrt(2)
    known = [
        (
            lambda a: T_OF_FIVE * root * statistics.pstdev(a),
            "You divide by the number of runs. For a sample the sum of the squares is divided by one less.",
        ),
        (lambda a: T_OF_FIVE * statistics.stdev(a), "The factor √2 is missing: two runs differ, and both scatter."),
        (lambda a: T_OF_FIVE * statistics.pstdev(a), "√2 is missing, and a sample is divided by one less."),
        (lambda a: 1.96 * root * statistics.stdev(a), "1.96 is for very many runs. For five, take t."),
        (lambda a: root * statistics.stdev(a), "The factor t is missing."),
        (lambda a: statistics.stdev(a), "This is the standard deviation alone."),
        (lambda a: statistics.pstdev(a), "This is a standard deviation alone, and that of all runs there are."),
        (
            lambda a: max(a) - min(a),
            "This is the distance between the best and the worst run. It grows with their number.",
        ),
        (lambda a: noise_floor(a) / math.sqrt(5), "You divide by √5: that is for the mean of five runs, not for one."),
        (lambda a: T_OF_FIVE * root * statistics.variance(a), "This has the variance. Take its square root."),
        (lambda a: T_OF_FIVE * 2 * statistics.stdev(a), "Variances add, standard deviations do not: the factor is √2."),
        (lambda a: 2 * noise_floor(a), "This is twice as much: from edge to edge of the band."),
        (
            lambda a: 100 * noise_floor(a),
            "This is in percentage points. Give it in shares of 1, as the accuracies are.",
        ),
    ]
    return wrong_function(answer, noise_floor, _five_runs, known=known, tolerance=1e-3)


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
