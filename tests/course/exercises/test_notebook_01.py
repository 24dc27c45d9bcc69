"""The exercises of notebook 01, with right answers, and with wrong ones that students give."""

import numpy as np
import pytest
import torch
from exercise_cases import Case, run_case
from scipy.signal import convolve2d, correlate2d

from cnnlab import Experiment, build_cnn, grid, layer_table
from cnnlab.course.exercises import notebook_01
from cnnlab.course.references import convolution as reference


def convolve_by_loops(image, kernel):
    k = kernel.shape[0]
    rows = range(image.shape[0] - k + 1)
    columns = range(image.shape[1] - k + 1)
    return [[sum_of_products(image[i : i + k, j : j + k], kernel) for j in columns] for i in rows]


def sum_of_products(patch, kernel):
    return float((patch * kernel).sum())


def convolve_by_windows(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image.numpy(), tuple(kernel.shape))
    return (windows * kernel.numpy()).sum((2, 3))


def convolve_by_scipy(image, kernel):
    return correlate2d(image.numpy(), kernel.numpy(), mode="valid")


def convolve_one_too_few(image, kernel):
    return torch.tensor(convolve_by_loops(image, kernel))[:-1, :-1]


def convolve_without_adding(image, kernel):
    k = len(kernel)
    output = torch.zeros(image.shape[0] - k + 1, image.shape[1] - k + 1)
    for i in range(output.shape[0]):
        for j in range(output.shape[1]):
            for a in range(k):
                for b in range(k):
                    output[i, j] = image[i + a, j + b] * kernel[a, b]
    return output


def convolve_in_place(image, kernel):
    image[0, 0] = sum_of_products(image[: len(kernel), : len(kernel)], kernel)
    return image


def convolve_square(image, kernel):
    """Take the height for the width as well."""
    k, n = len(kernel), image.shape[0] - len(kernel) + 1
    return [[sum_of_products(image[i : i + k, j : j + k], kernel) for j in range(n)] for i in range(n)]


def convolve_by_means(image, kernel):
    return [[value / kernel.numel() for value in row] for row in convolve_by_loops(image, kernel)]


BASE = Experiment(dataset="fashion_mnist", train_size=1000, validation_size=500)
SEEDS = range(5)


def two(first, second):
    return [*grid(BASE, seed=SEEDS, **first), *grid(BASE, seed=SEEDS, **second)]


CASES = {
    "01-output-size": Case(
        right=[26, 26.0, 28 - 2],
        wrong=[
            (28, "with padding"),
            (25, "off by one"),
            (27, "one pixel in all"),
            (24, "A kernel of 5"),
            (30, "larger than the row itself"),
            (676, "number of all pixels"),
            (14, "halved"),
            (28 // 3, "by its own width"),
            ("26 × 26", "Give one number"),
        ],
    ),
    "01-one-pixel": Case(
        right=[7, np.float32(7), [[7]]],
        wrong=[
            (-8, "flipped the kernel"),
            (-9, "rows and the columns"),
            (0, "from right to left"),
            (2, "from bottom to top"),
            (15, "below zero"),
            (7 / 9, "divided"),
            (6, "largest product"),
            (-3, "in the middle alone"),
            (13, "the patch alone"),
            (14, "Multiply them"),
            ([[0, 6, -1], [0, -3, 3], [2, 0, 0]], "Give one number"),
        ],
    ),
    "01-convolve": Case(
        right=[convolve_by_loops, convolve_by_windows, lambda x, k: convolve_by_windows(x, k).tolist()],
        wrong=[
            (lambda x, k: convolve2d(x.numpy(), k.numpy(), mode="valid"), "flipped the kernel"),
            (lambda x, k: correlate2d(x.numpy(), k.numpy(), mode="same"), "zeros around"),
            (lambda x, k: convolve_by_loops(x, k.T), "of the kernel"),
            (lambda x, k: torch.tensor(convolve_by_loops(x, k)).T, "of the output"),
            (convolve_by_scipy, "it comes from correlate2d"),
            (reference.convolve, "it comes from conv2d"),
            (convolve_one_too_few, "range(n) ends before n"),
            (convolve_without_adding, "last product alone"),
            (convolve_by_means, "This is a mean"),
            (lambda x, k: torch.tensor(convolve_by_loops(x, k)).relu(), "ReLU"),
            (lambda x, k: convolve_by_loops(x, torch.ones_like(k)), "without the kernel"),
            (lambda x, k: torch.nn.functional.conv2d(x[None, None], k[None, None]), "shape"),
            (convolve_square, "RuntimeError"),
            (convolve_in_place, "changes its input"),
            (lambda x, k: (x * k).sum(), "RuntimeError"),
            (lambda x, k: convolve_by_loops(x, k).clear(), "returns nothing"),
        ],
    ),
    "01-receptive-field": Case(
        right=[14, 1 + 4 + 4 + 1 + 2 * 2],
        wrong=[
            (12, "reaches further"),
            (10, "stopped at the pooling"),
            (9, "before the pooling"),
            (13, "sees a pixel more"),
            (15, "overlap"),
            (20, "overlap"),
            (196, "area"),
            ("14×14", "Give one number"),
            (28, "too large"),
        ],
    ),
    "01-parameters": Case(
        right=[12_832, (25 * 16 + 1) * 32, sum(each.numel() for each in torch.nn.Conv2d(16, 32, 5).parameters())],
        wrong=[
            (12_800, "biases are missing"),
            ((12, 832), "a comma makes a tuple"),
            (12_816, "for each input channel"),
            (12_801, "One bias for the whole layer"),
            (832, "through all input channels"),
            (13_312, "one bias, not one"),
            (401, "one kernel"),
            (4_640, "3×3"),
            (12_832 * 196, "size does not count"),
            (2_592, "a square"),
            (73, "multiplied"),
        ],
    ),
    "01-multiply-adds": Case(
        right=[2_508_800, 25 * 16 * 32 * 14**2],
        wrong=[
            (12_832 * 196, "bias"),
            (12_800, "one place"),
            (12_832, "number of parameters"),
            (12_800 * 100, "as large as the input"),
            (12_800 * 14, "every row"),
            (12_800 * 784, "14×14"),
            (25 * 32 * 196, "all input channels"),
            (25 * 16 * 196, "one output channel"),
            (2 * 2_508_800, "count as one"),
            (16 * 32 * 196, "5×5"),
        ],
    ),
    "01-fair-plan": Case(
        right=[
            grid(BASE, kernel_size=[3, 5], seed=range(5)),
            tuple(BASE.replace(kernel_size=size, seed=seed) for seed in range(10, 16) for size in (5, 3)),
            [BASE.replace(kernel_size=size, seed=seed, data_seed=seed) for seed in range(5) for size in (3, 5)],
        ],
        wrong=[
            (grid(BASE, kernel_size=[3, 5]), "Too few seeds: 1"),
            (grid(BASE, kernel_size=[3, 5], seed=range(4)), "Too few seeds: 4"),
            (grid(BASE, kernel_size=[3, 5], seed=[0, 0, 0, 0, 0]), "stands there twice"),
            (grid(BASE, kernel_size=[3, 5, 7], seed=SEEDS), "kernel_size=7 is not part"),
            (grid(BASE, kernel_size=[5], seed=SEEDS), "no experiment with kernel_size=3"),
            (grid(BASE, kernel_size=[3, 5], pooling=["max", "avg"], seed=SEEDS), "pooling takes 2 values"),
            (grid(BASE, kernel_size=[3, 5], epochs=[5, 50], seed=SEEDS), "epochs takes 2 values"),
            (two({"kernel_size": [3], "epochs": [5]}, {"kernel_size": [5], "epochs": [9]}), "epochs moves together"),
            (
                two({"kernel_size": [3]}, {"kernel_size": [5], "channels": [(8, 16)]}),
                "channels moves together",
            ),
            (
                grid(BASE, kernel_size=[3], seed=range(5)) + grid(BASE, kernel_size=[5], seed=range(5, 10)),
                "seeds differ",
            ),
            (grid(BASE.replace(padding="valid"), kernel_size=[3, 5], seed=SEEDS), "Without padding"),
            (grid(BASE.replace(validation_size=0), kernel_size=[3, 5], seed=SEEDS), "Without validation images"),
            (grid(BASE.replace(dataset="mnist"), kernel_size=[3, 5], seed=SEEDS), "dataset is 'mnist'"),
            (
                [BASE.replace(kernel_size=size, seed=seed, data_seed=seed + size) for seed in SEEDS for size in (3, 5)],
                "data_seed moves together",
            ),
            (BASE, "Give a list of experiments"),
            ({"kernel_size": [3, 5], "seed": SEEDS}, "Give a list of experiments"),
        ],
    ),
}


def test_every_exercise_has_its_answers():
    assert sorted(CASES) == sorted(exercise.name for exercise in notebook_01.EXERCISES)


@pytest.mark.parametrize("name", CASES)
def test_answers_of_students(name):
    run_case(name, CASES[name])


def test_references_agree_with_others():
    for image, kernel in notebook_01._images(torch.Generator().manual_seed(0)):
        expected = torch.tensor(convolve_by_scipy(image, kernel))
        torch.testing.assert_close(reference.convolve(image, kernel), expected)


def test_the_layer_table_agrees():
    """The numbers of the receptive field, the parameters and the products are those of torch and of the layer table."""
    rows = {row.name: row for row in layer_table(build_cnn(kernel_size=5, channels=(16, 32)))}
    assert rows["conv2"].parameters == CASES["01-parameters"].right[0]
    assert rows["conv2"].multiply_adds == CASES["01-multiply-adds"].right[0]
    stack = torch.nn.Sequential(
        torch.nn.Conv2d(1, 1, 5), torch.nn.Conv2d(1, 1, 5), torch.nn.AvgPool2d(2), torch.nn.Conv2d(1, 1, 3)
    )
    image = torch.zeros(1, 1, 40, 40, requires_grad=True)
    (seen,) = torch.autograd.grad(stack(image)[0, 0, 3, 3], image)
    assert (seen[0, 0].abs().sum(0) > 0).sum() == CASES["01-receptive-field"].right[0]
