"""The exercises of notebook 01: one output pixel, convolution, sizes and costs, the receptive field, a fair plan."""

from __future__ import annotations

import torch

from cnnlab.course.answers import wrong_number
from cnnlab.course.exercise import Exercise
from cnnlab.course.plans import wrong_plan
from cnnlab.course.references.convolution import convolve, convolve_same
from cnnlab.course.student_functions import wrong_function

PATCH = torch.tensor([[0.0, 3, 1], [0, 3, 3], [2, 1, 0]])
KERNEL = torch.tensor([[-1.0, 2, -1], [-2, -1, 1], [1, 0, 2]])


def _wrong_pixel(answer: object) -> str | None:
    mean = "You divided by the number of products. An output pixel is their sum."
    known = {
        (PATCH * KERNEL.rot90(2)).sum().item(): "You flipped the kernel. In deep learning it stays as it is.",
        (PATCH * KERNEL.T).sum().item(): "You swapped the rows and the columns of the kernel.",
        (PATCH * KERNEL.flip(1)).sum().item(): "You read the kernel from right to left.",
        (PATCH * KERNEL.flip(0)).sum().item(): "You read the kernel from bottom to top.",
        (PATCH * KERNEL.abs()).sum().item(): "Some numbers of the kernel are below zero. Keep their sign.",
        (PATCH * KERNEL).mean().item(): mean,
        (PATCH @ KERNEL).sum().item(): "That is a product of matrices. Multiply number by number, at the same place.",
        (PATCH * KERNEL)[1, 1].item(): "That is the product in the middle alone. All nine count.",
        (PATCH * KERNEL).max().item(): "That is the largest product. An output pixel is a sum.",
        PATCH.sum().item(): "That is the sum of the patch alone. Where is the kernel?",
        (PATCH + KERNEL).sum().item(): "You added patch and kernel. Multiply them, then add the products.",
    }
    return wrong_number(answer, (PATCH * KERNEL).sum().item(), known=known, tolerance=1e-3)


def _images(generator: torch.Generator) -> list[tuple]:
    return [
        (torch.rand(height, width, generator=generator), torch.randn(size, size, generator=generator))
        for height, width, size in ((6, 9, 3), (8, 6, 5), (7, 7, 3), (5, 8, 1))
    ]


def _wrong_convolution(answer: object) -> str | None:
    known = [
        (
            lambda image, kernel: convolve(image, kernel.rot90(2)),
            "You flipped the kernel: that is the convolution of mathematicians. In deep learning it stays as it is.",
        ),
        (
            lambda image, kernel: kernel[-1, -1] * image[len(kernel) - 1 :, len(kernel) - 1 :],
            "This is the last product alone. Do you add each product to the sum (+=)?",
        ),
        (lambda image, kernel: convolve(image, kernel.T), "You swapped the rows and the columns of the kernel."),
        (lambda image, kernel: convolve(image, kernel.flip(1)), "You read the kernel from right to left."),
        (lambda image, kernel: convolve(image, kernel).T, "You swapped the rows and the columns of the output."),
        (lambda image, kernel: convolve(image, kernel) / kernel.numel(), "This is a mean. An output pixel is a sum."),
        (convolve_same, "You put zeros around the image. Without padding the output is smaller than the image."),
        (
            lambda image, kernel: convolve(image, kernel)[:-1, :-1],
            "The last row and the last column of positions are missing: range(n) ends before n.",
        ),
        (
            lambda image, kernel: convolve(image, kernel, stride=len(kernel)),
            "Your kernel jumps by its own width. It moves by one pixel.",
        ),
        (
            lambda image, kernel: convolve(image, kernel.relu()),
            "The numbers of the kernel below zero are lost on the way.",
        ),
        (
            lambda image, kernel: convolve(image, kernel).relu(),
            "The outputs below zero are lost on the way. ReLU is a layer of its own.",
        ),
        (
            lambda image, kernel: convolve(image, torch.ones_like(kernel)),
            "This is the sum of each patch, without the kernel.",
        ),
        (
            lambda image, kernel: (
                torch.nn.functional.unfold(image[None, None], len(kernel))
                .mul(kernel.reshape(1, -1, 1))
                .amax(1)
                .reshape(convolve(image, kernel).shape)
            ),
            "This is the largest product of each patch. An output pixel is their sum.",
        ),
    ]
    ready_made = ("conv2d", "Conv2d", "correlate2d", "convolve2d")
    return wrong_function(answer, convolve, _images, known=known, ready_made=ready_made)


def _wrong_size(answer: object) -> str | None:
    known = {
        28: "That is the size with padding. Without padding the kernel does not fit at the edges.",
        25: "You are off by one: the first position of the kernel counts, too.",
        27: "You took away one pixel in all. How far does the kernel reach to each side of its middle?",
        24: "A kernel of 5 gives that size. Or did you take 1 away, where the first position has to be counted, too?",
        30: "That is larger than the row itself. Without padding the kernel stays inside it.",
        9: "You divided by the kernel's size. It moves by one pixel, not by its own width.",
        14: "You halved the row. That is what a pooling does.",
        676: "That is the number of all pixels. Give the number of pixels in one row.",
        784: "That is the number of pixels of the image. Give the number of pixels in one row of the map.",
    }
    return wrong_number(answer, 26, known=known)


def _wrong_field(answer: object) -> str | None:
    known = {
        12: "After the pooling each step is two pixels of the image. The last kernel reaches further than you think.",
        10: "You stopped at the pooling. The last convolution looks at several of its outputs.",
        9: "You stopped before the pooling.",
        13: "The pooling sees a pixel more as well: its square has two in a row.",
        11: "You counted the pooling as its step alone, and not what the last kernel sees through it.",
        15: "You added up the sizes. Neighbouring kernels overlap.",
        18: "You counted the step of two from the beginning. It begins after the pooling.",
        20: "The last output sees three outputs of the pooling. But these overlap in the image.",
        16: "Does a kernel of 3 add two outputs or three to the one it stands on?",
        5: "That is what the first convolution sees alone.",
        3: "That is what the last convolution sees of the map before it. How far is that in the image?",
        196: "That is the area. Give the number of pixels across.",
    }
    return wrong_number(answer, 14, known=known)


def _wrong_parameters(answer: object) -> str | None:
    weights = 5 * 5 * 16 * 32
    known = {
        weights: "The biases are missing: each output channel has one.",
        weights + 16: "You counted a bias for each input channel. Each output channel has one.",
        weights + 1: "One bias for the whole layer is too few. Each output channel has one.",
        weights + 16 * 32: "Each output channel has one bias, not one for each input channel.",
        5 * 5 * 32 + 32: "Each kernel reaches through all input channels, not through one.",
        5 * 5 * 32: "Each kernel reaches through all input channels, and has a bias.",
        5 * 5 * 16 + 16: "There is a kernel for each output channel.",
        5 * 5 * 16 + 1: "That is one kernel with its bias. The layer has one for each output channel.",
        5 * 5 * 16: "That is one kernel without its bias. The layer has one for each output channel.",
        5 * 16 * 32 + 32: "A kernel is a square: 5 rows of 5 numbers.",
        3 * 3 * 16 * 32 + 32: "That is a 3×3 kernel. This one is 5×5.",
        (weights + 32) * 14 * 14: "The same kernels are used at every place of the map. Its size does not count.",
        25 + 16 + 32: "You added what has to be multiplied.",
    }
    return wrong_number(answer, weights + 32, known=known)


def _wrong_work(answer: object) -> str | None:
    weights, places = 5 * 5 * 16 * 32, 14 * 14
    known = {
        (weights + 32) * places: "Adding a bias is no product. Leave the biases out.",
        weights: "That is the work for one place of the map. The kernels go to all of them.",
        weights + 32: "That is the number of parameters. Each weight is used at every place of the map.",
        weights * 14: "The kernels go along every row, and there are several rows.",
        weights * 10 * 10: "With padding the output is as large as the input.",
        weights * 28 * 28: "The maps of this layer are 14×14: the image is pooled before it.",
        5 * 5 * 32 * places: "Each kernel reaches through all input channels.",
        5 * 5 * 16 * places: "That is the work of one output channel.",
        5 * 5 * places: "That is the work of one output channel for one input channel.",
        2 * weights * places: "A product and the addition after it count as one here.",
        16 * 32 * places: "A kernel has 5×5 numbers for each pair of channels.",
    }
    return wrong_number(answer, weights * places, known=known)


EXERCISES = (
    Exercise(
        name="01-one-pixel",
        find_mistake=_wrong_pixel,
        further="With a flipped kernel the sum is another one. A network would learn the flipped numbers.",
        hints=(
            "Multiply each number of the patch by the number of the kernel at the same place.",
            "The upper row gives 0 · -1 + 3 · 2 + 1 · -1. Do the same for the other two, and add.",
        ),
        solution="answer = (0 + 6 - 1) + (0 - 3 + 3) + (2 + 0 + 0)",
    ),
    Exercise(
        name="01-convolve",
        find_mistake=_wrong_convolution,
        further="torch.nn.functional.conv2d does the same for all images, channels and kernels at once, far faster.",
        hints=(
            "Two loops go over the places where the kernel fits. At each, take the patch under it.",
            "The patch at (row, column) is image[row : row + k, column : column + k]. The kernel fits H - k + 1 times.",
        ),
        solution="""import torch


def convolve(image, kernel):
    k = len(kernel)
    height, width = image.shape
    output = torch.zeros(height - k + 1, width - k + 1)
    for row in range(height - k + 1):
        for column in range(width - k + 1):
            patch = image[row : row + k, column : column + k]
            output[row, column] = (patch * kernel).sum()
    return output


answer = convolve""",
    ),
    Exercise(
        name="01-receptive-field",
        find_mistake=_wrong_field,
        further="The layer table counts in this way, from the first layer to the last.",
        hints=(
            "Go from the image to the output. Each layer sees a little more, and the pooling doubles the step.",
            "A kernel of size k adds k - 1 steps. A step is 1 pixel before the pooling, and 2 after it.",
        ),
        solution="answer = 1 + (5 - 1) + (5 - 1) + (2 - 1) + (3 - 1) * 2",
    ),
    Exercise(
        name="01-parameters",
        find_mistake=_wrong_parameters,
        further="The size of the image does not count: the same kernels work on images of any size.",
        hints=(
            "How many numbers has one kernel of this layer? It reaches through all input channels.",
            "Take kernel height × kernel width × input channels, plus a bias: that is one output channel.",
        ),
        solution="answer = (5 * 5 * 16 + 1) * 32",
    ),
    Exercise(
        name="01-multiply-adds",
        find_mistake=_wrong_work,
        further="With a pooling before the layer it is a quarter of the work: the kernels go to fewer places.",
        hints=(
            "How many products does one output pixel take? And how many output pixels are there?",
            "One output pixel takes kernel height × kernel width × input channels. Each output channel is 14×14.",
        ),
        solution="answer = 5 * 5 * 16 * 32 * 14 * 14",
    ),
    Exercise(
        name="01-output-size",
        find_mistake=_wrong_size,
        further="With one pixel of padding on each side, the map is as large as the image.",
        hints=(
            "How often does the kernel fit into one row, if it moves by one pixel each time?",
            "Put the kernel at the left edge. Count the steps to the right edge, and do not forget the first position.",
        ),
        solution="answer = 28 - 3 + 1",
    ),
    Exercise(
        name="01-fair-plan",
        find_mistake=lambda answer: wrong_plan(
            answer, by="kernel_size", wanted={size: {"dataset": "fashion_mnist"} for size in (3, 5)}
        ),
        further="The number of parameters still moves with the kernel; match_channels would hold it, about.",
        hints=(
            "grid makes an experiment for each combination of the lists that you give it.",
            "Give grid a base, the two kernel sizes, and a range of seeds. The base holds every other field.",
        ),
        solution="""from cnnlab import Experiment, grid

plain = Experiment(dataset="fashion_mnist", train_size=1000, validation_size=1000)
answer = grid(plain, kernel_size=[3, 5], seed=range(5))""",
    ),
)
