"""The exercises of notebook 05b: saliency."""

from __future__ import annotations

import functools
from typing import Any

import torch

from cnnlab.course.answers import wrong_array, wrong_number
from cnnlab.course.exercise import Exercise
from cnnlab.course.references.occlusion import OCCLUSION_MISTAKES, curved_score, occlusion
from cnnlab.course.references.saliency_maps import (
    SALIENCY_MISTAKES,
    SMOOTHGRAD_MISTAKES,
    CurvedNetwork,
    curved_gradient,
    saliency_map,
    smoothgrad,
)
from cnnlab.course.sentences import say
from cnnlab.course.student_functions import wrong_function
from cnnlab.experiments.runs import bank, load_runs
from cnnlab.model.evaluation import predict


@functools.cache
def count_answers() -> tuple[int, int, int, int]:
    """Count the answers of the notebook's network: sure, sure and wrong, less sure, less sure and wrong."""
    run = load_runs(bank("experiment_b")).one(kernel_size=5, pooling="max", epochs=100, seed=0)
    validation = run.experiment.load_data().validation
    confidence, answers = predict(run.model(50), validation.images).max(1)
    wrong, sure = answers != validation.labels, confidence > 0.99
    return int(sure.sum()), int((sure & wrong).sum()), int((~sure).sum()), int((~sure & wrong).sum())


def _wrong_share(answer: object) -> str | None:
    sure, sure_mistakes, others, other_mistakes = count_answers()
    mistakes = sure_mistakes + other_mistakes
    known = {
        sure_mistakes / sure: "That is the share of mistakes among the sure answers. Turn the question round.",
        sure_mistakes / (sure + others): "That is a share of all answers. Of all mistakes, which share were sure?",
        other_mistakes / mistakes: "That is the share of the mistakes that were less sure.",
        mistakes / (sure + others): "That is the share of mistakes among all answers.",
        other_mistakes / others: "That is the share of mistakes among the less sure answers.",
        float(sure_mistakes): "That is a number of mistakes. Give it as a share of all mistakes.",
        100 * sure_mistakes / mistakes: "Give a share from 0 to 1.",
        sure_mistakes / other_mistakes: "You divide by the other mistakes. Divide by all of them.",
    }
    return wrong_number(answer, sure_mistakes / mistakes, known=known, tolerance=0.01)


def _wrong_saliency_map(answer: object) -> str | None:
    def trials(generator: torch.Generator) -> list[tuple]:
        cases, labels = [], []
        for channels, height, width in ((1, 6, 4), (3, 5, 7), (1, 4, 5)):
            network = CurvedNetwork((channels, height, width), int(torch.randint(0, 9999, (), generator=generator)))
            image = torch.randn(1, channels, height, width, generator=generator)
            order = network(image).argsort().flatten().tolist()  # from the lowest logit to the highest
            labels.append(next(label for label in order[1:-1] if label not in labels))
            cases.append((network, image, labels[-1]))
        return cases

    def second_map(*inputs: Any) -> Any:
        answer(*inputs)  # pyright: ignore[reportCallIssue]
        return answer(*inputs)  # pyright: ignore[reportCallIssue]

    if words := wrong_function(answer, saliency_map, trials, known=SALIENCY_MISTAKES):
        return words
    if wrong_function(second_map, saliency_map, trials):
        return say(
            "For the same image the second map differs: image.grad still holds the first gradient. Work on a copy."
        )
    return None


def _wrong_smoothgrad(answer: object) -> str | None:
    def trials(generator: torch.Generator) -> list[tuple]:
        return [
            (
                curved_gradient(generator),
                torch.randn(1, *shape, generator=generator),
                0.7 * torch.randn(copies, *shape, generator=generator),
            )
            for copies, shape in ((4, (1, 5, 3)), (7, (3, 2, 4)), (3, (1, 4, 6)))
        ]

    return wrong_function(answer, smoothgrad, trials, known=SMOOTHGRAD_MISTAKES)


def _wrong_occlusion(answer: object) -> str | None:
    def trials(generator: torch.Generator) -> list[tuple]:
        return [
            (curved_score(shape, generator), torch.randn(shape, generator=generator), side)
            for shape, side in (((12, 10), 2), ((3, 9), 3), ((8, 4), 4))  # of 30 squares, a few speak against
        ]

    return wrong_function(answer, occlusion, trials, known=OCCLUSION_MISTAKES)


def _wrong_attribution(answer: object) -> str | None:
    known = [
        ([3, 1], "That is gradient × input: it looks at the end of the way alone. Look at the whole way."),
        ([3, 0], "You look at the start of the way alone, where b moves nothing. Look at the whole way."),
        ([0.5, 3], "a and b are swapped."),
        ([3.5, 3.5], "That is the sum. How much of it comes from a, and how much from b?"),
        ([1.75, 1.75], "The sum is right, but it is not shared alike: a has a larger factor than b."),
        ([3, 0.125], "For b you took the area under the logit. Take the mean of its gradient."),
        ([1.5, 0.125], "You took the areas under the logit. Take the means of its gradients."),
        ([1.5, 0.5], "For a you took the area under the logit. Take the mean of its gradient."),
    ]
    return wrong_array(answer, [3, 0.5], known=known, tolerance=0.001)


EXERCISES = (
    Exercise(
        name="05b-sure-mistakes",
        find_mistake=_wrong_share,
        further="Sure answers are seldom wrong; but they are so many that a good part of all mistakes are sure ones.",
        hints=(
            "The two lines above have all that you need. Which mistakes are in the question, and out of how many?",
            "Divide the mistakes among the sure answers by the mistakes of both lines together.",
        ),
        solution="answer = 19 / (19 + 27)",
    ),
    Exercise(
        name="05b-saliency-map",
        find_mistake=_wrong_saliency_map,
        further="Pixels with a negative number lower the logit when they become brighter; pictures often hide that.",
        hints=(
            "Give the image a gradient (requires_grad_), compute the logit of the label, and go back from it.",
            "torch.autograd.grad(model(image)[0, label], image) returns a tuple with one gradient.",
        ),
        solution=(
            "import torch\n\n\n"
            "def saliency_map(model, image, label):\n"
            "    image = image.clone().requires_grad_()\n"
            "    return torch.autograd.grad(model(image)[0, label], image)[0]\n\n\n"
            "answer = saliency_map"
        ),
    ),
    Exercise(
        name="05b-smoothgrad",
        find_mistake=_wrong_smoothgrad,
        further="How much noise? That is a setting like any other, and another level gives another map.",
        hints=(
            "Make all noisy copies at once: (1, C, H, W) + (N, C, H, W) adds the image to each noise.",
            "Give the copies to gradient, and take the mean over the first dimension; keepdim=True keeps it.",
        ),
        solution=(
            "def smoothgrad(gradient, image, noise):\n"
            "    return gradient(image + noise).mean(0, keepdim=True)\n\n\n"
            "answer = smoothgrad"
        ),
    ),
    Exercise(
        name="05b-occlusion",
        find_mistake=_wrong_occlusion,
        further="It needs no gradient: it works for any network that you can ask, and asks it once a square.",
        hints=(
            "Two loops, over the rows and the columns of squares. In each round cover one square of a new copy.",
            "The rows of square number row are covered[row * side : (row + 1) * side]; the columns go likewise.",
        ),
        solution=(
            "import torch\n\n\n"
            "def occlusion(score, image, side):\n"
            "    losses = torch.zeros(image.shape[0] // side, image.shape[1] // side)\n"
            "    for row in range(losses.shape[0]):\n"
            "        for column in range(losses.shape[1]):\n"
            "            covered = image.clone()\n"
            "            covered[row * side : (row + 1) * side, column * side : (column + 1) * side] = 0\n"
            "            losses[row, column] = score(image) - score(covered)\n"
            "    return losses\n\n\n"
            "answer = occlusion"
        ),
    ),
    Exercise(
        name="05b-integrated-gradients",
        find_mistake=_wrong_attribution,
        further="Gradient × input gives b twice as much: it does not see that b did nothing on half of the way.",
        hints=(
            "Walk from (0, 0) to (1, 1). For each input: what is the mean of its gradient on that way?",
            "The gradient for b is 0 while b is below 0.5, and 1 afterwards.",
        ),
        solution="answer = [3 * 1.0, 1 * 0.5]  # the mean gradient on the way, times the input, which is 1",
    ),
)
