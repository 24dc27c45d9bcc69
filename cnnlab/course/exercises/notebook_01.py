"""The exercises of notebook 01: kernel size."""

from __future__ import annotations

from cnnlab.course.answers import wrong_number
from cnnlab.course.exercise import Exercise


def _wrong_size(answer: object) -> str | None:
    known = {
        28: "That is the size with padding. Without padding the kernel does not fit at the edges.",
        25: "You are off by one: the first position of the kernel counts, too.",
        27: "You took away one pixel in all. How far does the kernel reach to each side of its middle?",
        24: "A kernel of 5 gives that size. This one is 3.",
        676: "That is the number of all pixels. Give the number of pixels in one row.",
        784: "That is the number of pixels of the image. Give the number of pixels in one row of the map.",
    }
    return wrong_number(answer, 26, known=known)


EXERCISES = (
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
)
