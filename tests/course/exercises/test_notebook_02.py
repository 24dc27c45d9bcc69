"""The exercises of notebook 02, with right answers, and with wrong ones that students give."""

import numpy as np
import pytest
import torch
from exercise_cases import Case, run_case
from torch.nn import functional

from cnnlab.course.exercises import notebook_02
from cnnlab.course.references import pooling as reference


def squares(image, size=2):
    """Return the squares of a map, row by row."""
    height, width = image.shape
    return [[image[i : i + size, j : j + size] for j in range(0, width, size)] for i in range(0, height, size)]


def of_squares(image, rule, size=2):
    return torch.tensor([[float(rule(square)) for square in row] for row in squares(image, size)])


def of_whole_squares(image, rule):
    return torch.tensor(
        [[float(rule(square)) for square in row if square.numel() == 4] for row in squares(image) if len(row[0]) == 2]
    )


def at_each_pixel(image, rule, size=2):
    """Begin the square of output (row, column) at the pixel (row, column) itself."""
    output = torch.zeros(image.shape[0] // size, image.shape[1] // size)
    for row in range(output.shape[0]):
        for column in range(output.shape[1]):
            output[row, column] = rule(image[row : row + size, column : column + size])
    return output


def max_by_loops(image):
    return of_squares(image, torch.max)


def max_by_numpy(image):
    height, width = image.shape
    return image.numpy().reshape(height // 2, 2, width // 2, 2).max(axis=(1, 3))


def max_from_zero(image):
    def rule(square):
        best = 0
        for value in square.flatten().tolist():
            if value > best:
                best = value
        return best

    return of_squares(image, rule)


def max_in_place(image):
    image[::2, ::2] = max_by_loops(image)
    return image[::2, ::2]


def mean_by_loops(image, size):
    return of_squares(image, torch.mean, size)


def mean_by_numpy(image, size):
    height, width = image.shape
    return image.numpy().reshape(height // size, size, width // size, size).mean(axis=(1, 3))


def back_by_loops(image, gradient):
    result = torch.zeros(image.shape)
    for i in range(0, image.shape[0], 2):
        for j in range(0, image.shape[1], 2):
            places = [(i, j), (i, j + 1), (i + 1, j), (i + 1, j + 1)]
            result[max(places, key=lambda place: image[place].item())] = gradient[i // 2, j // 2]
    return result


def back_by_mask(image, gradient):
    largest = np.kron(max_by_numpy(image), np.ones((2, 2)))
    return np.kron(gradient.numpy(), np.ones((2, 2))) * (image.numpy() == largest)


def everywhere(numbers):
    return torch.tensor(np.kron(numbers.numpy(), np.ones((2, 2))))


def back_by_autograd(gradient):
    image = torch.zeros(1, 1, 2 * gradient.shape[0], 2 * gradient.shape[1], requires_grad=True)
    functional.avg_pool2d(image, 2)[0, 0].backward(gradient)
    return image.grad[0, 0]


def corner(gradient):
    result = torch.zeros(2 * gradient.shape[0], 2 * gradient.shape[1])
    result[::2, ::2] = gradient
    return result


def back_with_places_swapped(image, gradient):
    result = torch.zeros(image.shape)
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            down, across = divmod(int(image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].argmax()), 2)
            result[2 * i + across, 2 * j + down] = gradient[i, j]
    return result


def one_square(image, gradient):
    """Look at the first square alone."""
    result = torch.zeros(image.shape)
    result[divmod(int(image[:2, :2].argmax()), 2)] = gradient[0, 0]
    return result


CASES = {
    "02-max-pool": Case(
        right=[max_by_loops, max_by_numpy, lambda x: x.unfold(0, 2, 2).unfold(1, 2, 2).amax((2, 3))],
        wrong=[
            (lambda x: of_squares(x, torch.mean), "This is the mean"),
            (lambda x: of_squares(x, torch.sum), "This is the sum"),
            (lambda x: of_squares(x, torch.min), "smallest number"),
            (lambda x: functional.max_pool2d(x[None], 2, stride=1)[0], "overlap"),
            (max_from_zero, "begin at 0"),
            (lambda x: max_by_loops(x).T, "rows and the columns"),
            (lambda x: x[::2, ::2], "upper left pixel"),
            (lambda x: max_by_loops(x)[:-1, :-1], "are missing"),
            (lambda x: x.max(), "the whole map"),
            (lambda x: of_squares(x.abs(), torch.max), "without their signs"),
            (lambda x: torch.maximum(x[::2], x[1::2]), "the rows alone"),
            (lambda x: everywhere(max_by_loops(x)), "four equal numbers"),
            (max_in_place, "changes its input"),
            (lambda x: at_each_pixel(x, torch.max), "overlap"),
            (lambda x: functional.max_pool2d(x[None], 2)[0], "it comes from max_pool2d"),
            (lambda x: functional.max_pool2d(x[None], 2), "shape"),
        ],
    ),
    "02-average-pool": Case(
        right=[mean_by_loops, mean_by_numpy, lambda x, n: x.unfold(0, n, n).unfold(1, n, n).mean((2, 3))],
        wrong=[
            (lambda x, n: of_squares(x, torch.sum, n), "This is the sum"),
            (lambda x, n: of_squares(x, torch.sum, n) / 4, "divide by 4"),
            (lambda x, n: of_squares(x, torch.sum, n) / n, "side of the square"),
            (lambda x, n: of_squares(x, torch.max, n), "largest number"),
            (lambda x, n: functional.avg_pool2d(x[None], n, stride=1)[0], "overlap"),
            (lambda x, n: mean_by_loops(x, n).T, "rows and the columns"),
            (lambda x, n: of_squares(x, torch.median, n), "median"),
            (lambda x, n: x[::n, ::n], "upper left pixel"),
            (lambda x, n: x.mean(), "the whole map"),  # noqa: ARG005
            (lambda x, n: of_squares(x, torch.mean), "2×2, whatever"),  # noqa: ARG005
            (lambda x, n: of_whole_squares(x, torch.mean), "2×2, whatever"),  # noqa: ARG005
            (lambda x, n: at_each_pixel(x, torch.mean, n), "overlap"),
            (lambda x, n: functional.avg_pool2d(x[None], n)[0], "it comes from avg_pool2d"),
        ],
    ),
    "02-max-backward": Case(
        right=[back_by_loops, back_by_mask],
        wrong=[
            (lambda x, g: everywhere(g), "All four pixels"),  # noqa: ARG005
            (lambda x, g: everywhere(g) / 4, "average pooling"),  # noqa: ARG005
            (lambda x, g: back_by_loops(-x, g), "smallest pixel"),
            (lambda x, g: (x == everywhere(max_by_loops(x))).float(), "How large is the gradient"),  # noqa: ARG005
            (lambda x, g: back_by_loops(x, g) * x, "multiplied by the pixel"),
            (lambda x, g: back_by_loops(x, g) / 4, "divided by four"),
            (lambda x, g: corner(g), "upper left"),  # noqa: ARG005
            (lambda x, g: back_by_loops(x, g).relu(), "below zero"),
            (lambda x, g: -back_by_loops(x, g), "sign"),
            (lambda x, g: g, "shape of the pooled map"),  # noqa: ARG005
            (back_with_places_swapped, "row and the column of the largest"),
            (one_square, "values are wrong"),
            (lambda x, g: x * g, "RuntimeError"),
        ],
    ),
    "02-average-backward": Case(
        right=[back_by_autograd, lambda g: everywhere(g) / 4],
        wrong=[
            (everywhere, "whole gradient"),
            (lambda g: everywhere(g) / 2, "side of the square"),
            (lambda g: g.repeat(2, 2) / 4, "side by side"),
            (lambda g: g.repeat(2, 2), "undivided"),
            (corner, "Only the upper left"),
            (lambda g: corner(g) / 4, "Only the upper left"),
            (lambda g: 4 * everywhere(g), "multiplied by the number"),
            (lambda g: g / 4, "shape of the pooled map"),
            (lambda g: everywhere(torch.ones_like(g)) / 4, "Where is the gradient"),
            (lambda g: g.repeat_interleave(2, 0) / 4, "rows alone"),
            (lambda g: everywhere(g.T) / 4, "rows and columns"),
        ],
    ),
    "02-what-is-left": Case(
        right=[0.125, 1 / 8, np.float32(8) / 64],
        wrong=[
            (8, "maximum pooling"),
            (2, "one pooling"),
            (0.5, "two poolings"),
            (8 / 12, "what the one before it left"),
            (1, "halved"),
            (8 / 27, "divided by three"),
            (0, "not zero"),
            (1 / 64, "part that is left"),
            (1 / 32, "one pooling more"),
            (64, "too large"),
        ],
    ),
    "02-read-picture": Case(
        right=["worse", " Worse "],
        wrong=[
            ("better", "side of zero"),
            ("cannot tell", "zero line"),
            ("avg", "Choose one of"),
            ("max is better", "Choose one of"),
            (-0.024, "Choose one of"),
            (["worse"], "Choose one of"),
        ],
    ),
}


def test_every_exercise_has_its_answers():
    assert sorted(CASES) == sorted(exercise.name for exercise in notebook_02.EXERCISES)


@pytest.mark.parametrize("name", CASES)
def test_answers_of_students(name):
    run_case(name, CASES[name])


def test_references_agree_with_others():
    generator = torch.Generator().manual_seed(0)
    for (image,) in notebook_02._maps(generator):
        torch.testing.assert_close(reference.max_pool(image), max_by_loops(image))
    for image, size in notebook_02._sized_maps(generator):
        torch.testing.assert_close(reference.average_pool(image, size), mean_by_loops(image, size))
    for image, gradient in notebook_02._maps_and_gradients(generator):
        torch.testing.assert_close(reference.max_pool_backward(image, gradient), back_by_loops(image, gradient))
        torch.testing.assert_close(reference.average_pool_backward(gradient), back_by_autograd(gradient))


def test_the_picture_leaves_no_doubt():
    level = notebook_02.clothes_level()
    assert level.low < level.high < -0.3 * abs(level.difference)
