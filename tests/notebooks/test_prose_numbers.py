"""Each number and each verdict word in the prose of a notebook is shown by one of its outputs or by its code."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from places import NOTEBOOKS, REPOSITORY
from prose_numbers import unsupported_numbers, unsupported_verdicts


@pytest.fixture(params=sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def page(request):
    """A notebook, and the source of the test that does its *Try it*."""
    test = REPOSITORY / "tests" / "notebooks" / "try_it" / f"test_{request.param.stem}.py"
    return nbformat.read(request.param, as_version=4), test.read_text(encoding="utf-8") if test.exists() else ""


def test_every_number_in_prose_is_shown(page):
    faults = unsupported_numbers(*page)
    assert not faults, "\n".join(faults)


def test_every_verdict_word_in_prose_is_shown(page):
    faults = unsupported_verdicts(*page)
    assert not faults, "\n".join(faults)


# --- The finder itself


def notebook(prose, printed="", code="x = 1", **marks):
    """Return a notebook with one heading, one code cell with an output, and one cell of prose."""
    cell = new_code_cell(code, id="code", execution_count=1, outputs=[new_output("stream", text=printed)])
    words = new_markdown_cell(prose, id="prose", metadata={"cnnlab": marks} if marks else {})
    return new_notebook(cells=[new_markdown_cell("## A", id="heading"), cell, words])


@pytest.mark.parametrize(
    ("prose", "printed", "code"),
    [
        ("95 % are right.", "≈ 0.953", ""),
        ("95.3 percentage points", "0.953", ""),
        ("from 90 to 95 %", "0.9 0.95", ""),
        ("95 %", "95.3 % right", ""),
        ("5.4 times the weights", "5.44", ""),
        ("epochs 15–28", "first 15, last 28", ""),
        ("1,000 images, and 5,632,896 products", "5,632,896", "train_size=1_000  # 7"),
        ("about 26,000 weights", "25,872", ""),
        ("a loss of 10⁻⁸", "1.2e-08", ""),
        ("a gap of −0.02", "-0.0201", ""),
        ("a 7×7 kernel", "", "kernel_size = 7"),
        ("`fc1` and conv2 of notebooks 06, 07 and 08; 05a; [this](a4.ipynb); Brier 1950 (Prechelt, 1998)", "", ""),
        ("It lies there with 95 % confidence: 95 times in 100.", "", ""),
        ('1. <img width="400">\n2. that', "", ""),
    ],
)
def test_a_number_that_is_shown_is_no_fault(prose, printed, code):
    assert unsupported_numbers(notebook(prose, printed, code)) == []


@pytest.mark.parametrize(
    ("prose", "printed", "code", "number"),
    [
        ("96 % are right.", "≈ 0.953", "", "96"),
        ("95 of them", "0.953", "", "95"),
        ("from 80 to 95 %", "0.9 0.95", "", "80"),
        ("0.96", "0.953", "", "0.96"),
        ("0.9530", "0.9534", "", "0.9530"),
        ("5.5 times the weights", "5.44", "", "5.5"),
        ("epochs 15–28", "first 15, last 27", "", "28"),
        ("26,000 weights", "25,872", "", "26,000"),
        ("about 26,000 weights", "25,372", "", "26,000"),
        ("a loss of 10⁻⁸", "1.2e-07", "", "1e-8"),
        ("a 7×7 kernel", "conv7", "x = 1  # 7", "7"),
        ("It takes 20 minutes.", "", "", "20"),
        ("Minsky thought of 1969 units", "", "", "1969"),
    ],
)
def test_a_number_that_is_not_shown_is_found(prose, printed, code, number):
    assert unsupported_numbers(notebook(prose, printed, code)) == [f"prose: {number} is in no output and no code"]


def test_a_wrong_number_planted_in_a_notebook_of_the_course_is_found():
    planted = nbformat.read(NOTEBOOKS / "01_kernel_size.ipynb", as_version=4)
    before = unsupported_numbers(planted)
    words = next(cell for cell in planted.cells if cell.id == "cost-read")
    words.source += "\n\nThe work grows 6.2 times."
    assert [fault for fault in unsupported_numbers(planted) if fault not in before] == [
        "cost-read: 6.2 is in no output and no code"
    ]


def test_arithmetic_in_a_mark_is_worked_out_with_numbers_that_are_shown():
    def faults(mark):
        return unsupported_numbers(notebook("5.4 times", "49 and 9", numbers={"5.4": mark}))

    assert faults("49 / 9") == []
    assert faults("7 ** 2 / 9") == ["prose: 5.4 has the mark '7 ** 2 / 9', and no output and no code shows [2, 7]"]
    assert faults("9 / 49") == ["prose: 5.4 has the mark '9 / 49', which is 0.183673"]
    assert faults("known") == ["prose: 5.4 has the mark 'known', which is no arithmetic and no reason"]
    assert faults("as LeCun's paper says") == []


def test_a_mark_that_is_not_needed_is_found():
    marked = notebook("9 weights", "9", numbers={"9": "3 ** 2", "7": "as the paper says"}, verdicts={"better": "no"})
    assert unsupported_numbers(marked) == [f"prose: the mark of '{text}' is not needed" for text in ("9", "7")]
    assert unsupported_verdicts(marked) == ["prose: the mark of 'better' is not needed"]


def test_answers_may_say_the_numbers_and_words_of_the_test_that_does_them():
    pages = [notebook(f"## {heading}\n\n1. Train 700. (3 minutes) It is worse.") for heading in ("Try it", "Then")]
    test = 'assert run(train_size=700).verdict == "worse"'
    assert [unsupported_numbers(page, test) for page in pages] == [
        [], ["prose: 700 is in no output and no code", "prose: 3 is in no output and no code"],
    ]  # fmt: skip
    assert unsupported_numbers(pages[0]) == ["prose: 700 is in no output and no code"]
    assert unsupported_verdicts(pages[0], test) == []
    assert unsupported_verdicts(pages[0]) == ["prose: 'worse' is in no output under its heading"]


def test_a_verdict_word_is_shown_under_its_own_heading():
    assert unsupported_verdicts(notebook("5×5 is *better*.", "{5: 'better'}")) == []
    fault = ["prose: 'better' is in no output under its heading"]
    assert unsupported_verdicts(notebook("5×5 is *better*.", "{5: 'worse'}")) == fault
    assert unsupported_verdicts(notebook("## B\n\n5×5 is better.", "{5: 'better'}")) == fault
    assert unsupported_verdicts(notebook("Nobody can't tell.", "cannot tell")) == []
    assert unsupported_verdicts(notebook("## What you saw\n\n5×5 is better.", "{5: 'better'}")) == []
    assert unsupported_verdicts(notebook("Is it better?\n\n**Predict.** Better or worse. Or not.")) == []
    assert unsupported_verdicts(notebook("A better way.", verdicts={"better": "of the way"})) == []
