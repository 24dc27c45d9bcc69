"""The exercises of notebook 02: max and average pooling, the way back through them, and what a picture bears out."""

from __future__ import annotations

import functools

import torch

from cnnlab.comparison.compare import compare
from cnnlab.comparison.verdicts import Level
from cnnlab.course.answers import wrong_number
from cnnlab.course.exercise import Exercise
from cnnlab.course.plans import wrong_verdict
from cnnlab.course.references.pooling import (
    AVERAGE_BACKWARD_MISTAKES,
    AVERAGE_MISTAKES,
    MAX_BACKWARD_MISTAKES,
    MAX_MISTAKES,
    average_pool,
    average_pool_backward,
    max_pool,
    max_pool_backward,
)
from cnnlab.course.student_functions import wrong_function
from cnnlab.experiments.runs import bank, load_runs

READY_MAX = ("max_pool2d", "MaxPool2d", "adaptive_max_pool2d")
READY_AVERAGE = ("avg_pool2d", "AvgPool2d", "adaptive_avg_pool2d")


def _maps(generator: torch.Generator) -> list[tuple]:
    """Return maps with even sides, also such as hold nothing but numbers below zero."""
    sizes = ((4, 8), (6, 4), (2, 10), (8, 8))
    maps = [torch.randn(*size, generator=generator) for size in sizes]
    return [*((each,) for each in maps), (-1 - torch.rand(6, 2, generator=generator),)]


def _wrong_max(answer: object) -> str | None:
    return wrong_function(answer, max_pool, _maps, known=MAX_MISTAKES, ready_made=READY_MAX)


def _sized_maps(generator: torch.Generator) -> list[tuple]:
    return [
        (torch.randn(size * down, size * across, generator=generator), size)
        for size, down, across in ((2, 3, 4), (3, 2, 5), (4, 2, 1), (1, 3, 2))
    ]


def _wrong_average(answer: object) -> str | None:
    return wrong_function(answer, average_pool, _sized_maps, known=AVERAGE_MISTAKES, ready_made=READY_AVERAGE)


def _maps_and_gradients(generator: torch.Generator) -> list[tuple]:
    return [
        (torch.randn(height, width, generator=generator), torch.randn(height // 2, width // 2, generator=generator))
        for height, width in ((4, 8), (6, 4), (2, 10), (8, 8))
    ]


def _wrong_max_backward(answer: object) -> str | None:
    return wrong_function(answer, max_pool_backward, _maps_and_gradients, known=MAX_BACKWARD_MISTAKES)


def _gradients(generator: torch.Generator) -> list[tuple]:
    return [(torch.randn(*size, generator=generator),) for size in ((2, 4), (3, 2), (1, 5), (4, 4))]


def _wrong_average_backward(answer: object) -> str | None:
    return wrong_function(answer, average_pool_backward, _gradients, known=AVERAGE_BACKWARD_MISTAKES)


def _wrong_rest(answer: object) -> str | None:
    known = {
        8.0: "That is what maximum pooling leaves.",
        2.0: "That is after one pooling.",
        0.5: "That is after two poolings.",
        8 / 12: "Each pooling divides what the one before it left.",
        1.0: "You halved it at each pooling. How many pixels has a square of 2×2?",
        8 / 9: "You divided by three each time you pooled, or by a square of 3×3.",
        8 / 27: "You divided by three at each pooling. How many pixels has a square of 2×2?",
        0.0: "It gets small, but not zero: the mean keeps a part of it.",
        1 / 64: "That is the part that is left. How much is it of the pixel?",
        8 / 256: "That is after one pooling more.",
    }
    return wrong_number(answer, 8 / 4**3, known=known, tolerance=1e-3)


@functools.cache
def clothes_level() -> Level:
    """Return the verdict on average pooling on the pieces of clothing of experiment A, with one setting."""
    runs = load_runs(bank("experiment_a_fashion_mnist")).filter(optimizer="adam", kernel_size=5, epochs=350)
    return compare(runs, by="pooling").levels[1]


EXERCISES = (
    Exercise(
        name="02-max-pool",
        find_mistake=_wrong_max,
        further="Most networks use squares of 2×2; larger ones throw away more.",
        hints=(
            "Two loops go over the squares. The square at (row, column) begins at pixel (2 · row, 2 · column).",
            "image[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].max() is one number of the output.",
        ),
        solution="""import torch


def max_pool(image):
    height, width = image.shape
    output = torch.zeros(height // 2, width // 2)
    for row in range(height // 2):
        for column in range(width // 2):
            output[row, column] = image[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].max()
    return output


answer = max_pool""",
    ),
    Exercise(
        name="02-average-pool",
        find_mistake=_wrong_average,
        further="Average pooling is a convolution: all numbers of the kernel are equal, and it moves by its own width.",
        hints=(
            "It is the loop of the exercise above, with another size and another rule.",
            "The square at (row, column) begins at pixel (size · row, size · column) and is size pixels wide.",
        ),
        solution="""import torch


def average_pool(image, size):
    height, width = image.shape
    output = torch.zeros(height // size, width // size)
    for row in range(height // size):
        for column in range(width // size):
            square = image[row * size : row * size + size, column * size : column * size + size]
            output[row, column] = square.mean()
    return output


answer = average_pool""",
    ),
    Exercise(
        name="02-max-backward",
        find_mistake=_wrong_max_backward,
        further="So three of four pixels learn nothing from an image. Which ones, changes from image to image.",
        hints=(
            "In each square one pixel moves the maximum. It gets the gradient; the other three get 0.",
            "Begin with zeros in the shape of the image. In each square, square.argmax() tells the place, from 0 to 3: "
            "divmod(place, 2) gives its row and its column.",
        ),
        solution="""import torch


def max_backward(image, gradient):
    result = torch.zeros_like(image)
    height, width = gradient.shape
    for row in range(height):
        for column in range(width):
            square = image[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            down, across = divmod(int(square.argmax()), 2)
            result[2 * row + down, 2 * column + across] = gradient[row, column]
    return result


answer = max_backward""",
    ),
    Exercise(
        name="02-average-backward",
        find_mistake=_wrong_average_backward,
        further="Average pooling sends a little to every pixel, maximum pooling all to one.",
        hints=(
            "If one pixel of a square grows by 1, by how much does the mean grow?",
            "Each number of the gradient goes to all the pixels of its square; repeat_interleave repeats it in place.",
        ),
        solution="""def average_backward(gradient):
    return gradient.repeat_interleave(2, dim=0).repeat_interleave(2, dim=1) / 4


answer = average_backward""",
    ),
    Exercise(
        name="02-what-is-left",
        find_mistake=_wrong_rest,
        further="Noise is evened out as well, but more slowly: its standard deviation is halved at each pooling.",
        hints=(
            "After one pooling the pixel is the mean of itself and three zeros.",
            "Do the same three times, each time with what is left.",
        ),
        solution="answer = 8 / 4 / 4 / 4",
    ),
    Exercise(
        name="02-read-picture",
        find_mistake=lambda answer: wrong_verdict(answer, clothes_level()),
        further="The verdict is about these runs: one data set, one kernel size, one length. Notebook 07 has them all.",
        hints=(
            "Only the interval counts: where are its two ends?",
            "Right of zero: better. Left of zero: worse. On both sides: the runs cannot tell.",
        ),
        solution="""from cnnlab import bank, compare, load_runs

runs = load_runs(bank("experiment_a_fashion_mnist")).filter(optimizer="adam", kernel_size=5, epochs=350)
answer = compare(runs, by="pooling").verdicts["avg"]""",
    ),
)
