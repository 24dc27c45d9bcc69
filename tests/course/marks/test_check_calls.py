"""Each exercise that a notebook checks is checked anew, however the call is written, and where it is not reached."""

import pytest
from submitted import IMPORT, NAME, notebook

from cnnlab.course.marks.check_calls import find_checks
from cnnlab.course.marks.isolation import run_apart


def test_checks_are_read_from_the_code():
    code = 'x = 1\nif x:\n    cnnlab.check("01-a", x + 1)\ncheck(name, 3)\ncheck("01-b")\nother("01-c", 1)'
    assert find_checks(code) == [("01-a", "x + 1")]
    assert find_checks("%matplotlib inline") == []


@pytest.mark.parametrize(
    "code",
    [
        'check("01-a", answer=x + 1)',
        'check(answer=x + 1, name="01-a")',
        '%%time\nx = 1\ncheck("01-a", x + 1)',
        '%%capture words\ncheck("01-a", x + 1)',
        '!ls\ncheck("01-a", x + 1)',
        'files = !ls\n%matplotlib inline\ncheck("01-a", x + 1)',
        '%time check("01-a", x + 1)',
        '%%time\n%time check("01-a", x + 1)',
        'check?\ncheck("01-a", x + 1)',
        'print(1, check("01-a", x + 1))',
        'with words:\n    shown = check("01-a", x + 1)',
        'def later():\n    return check("01-a", x + 1)',
    ],
)
def test_checks_are_read_from_code_that_is_written_otherwise(code):
    assert find_checks(code) == [("01-a", "x + 1")]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ('answer = 28 -\ncheck("01-a", answer)', "01-a"),
        ("check(\n    '01-a', 1)\0", "01-a"),
        ('check(f"01-{x + 1}-{y}"; 1)', "01-*-*"),
    ],
)
def test_an_answer_in_code_that_is_no_python_is_not_known(code, name):
    assert find_checks(code) == [(name, "...")]


def test_the_names_of_a_loop_are_a_pattern_and_their_answers_unknown():
    code = 'for n in range(9):\n    check(f"09-patient-{n}", patients[n].diagnosis(n))'
    assert find_checks(code) == [("09-patient-*", "...")]


@pytest.mark.parametrize(
    "code",
    [
        "check(*pair)", "check(**both)", "check()", "get_ipython().run_cell_magic()", "if x", "%%bash\nif [ 1 ]; then",
        "x = " + "-" * 100_000 + "1", "x = " + "(" * 1000 + ")" * 1000, "%%", "%%time", "!", "%",
    ],
)  # fmt: skip
def test_code_without_a_check_or_that_is_no_python_has_none(code):
    assert find_checks(code) == []


CELLS = {
    "loop": "for name in ('01-parameters', '01-one-pixel'):\n    for answer in (9, 144):\n        check(name, answer)",
    "magic": f'%%time\nfiles = !ls\ncheck("{NAME}", answer=26)',
    "alias": 'def later(name, answer):\n    return check(answer=answer, name=name)\nlater("00-steps", 0)',
    "renamed": 'from cnnlab import check as see\nlist(map(see, ["01-fair-plan"], ["none"]))',
    "own": "def check(value):\n    return value + 1\nassert check(1) == 2\nassert check(value=1) == 2",
    "early": 'for n in (1, 2, 3):\n    check(f"09-cure-{n}", 7 // (2 - n))',
    "syntax": 'answer = 28 -\ncheck("03-saved-epochs", answer)',
    "late": "answer = 160\nnothing()\nfrom cnnlab import check\ncheck('01-multiply-adds', answer)",
    "again": 'check(f"09-cure-{None}", 1)',
    "list": "check([1], 2)",
    "reset": "%reset -f",
    "broken": 'check("05a-relu", 1 / 0)',
    "strange": "class Strange(Exception):\n    def __str__(self):\n        return 1\nraise Strange",
    "last": 'from cnnlab import check\nanswer = ...\ncheck("04-sgd-step", answer)',
}


def test_a_notebook_has_the_outcome_of_every_check_that_it_reaches_or_should_have_reached(tmp_path):
    notebook(tmp_path / "01.ipynb", IMPORT, *CELLS.values())
    report = run_apart(tmp_path / "01.ipynb", seconds=250, cell_seconds=100)
    assert report.stopped == ""
    outcomes = {name: state for name, (state, _) in report.outcomes.items()}
    cures = {f"09-cure-{number}": "not attempted" for number in range(2, 12)}
    assert outcomes == {
        "01-parameters": "not yet", "01-one-pixel": "not yet", NAME: "correct", "00-steps": "not yet",
        "01-fair-plan": "not yet", "03-saved-epochs": "not attempted",
        "09-cure-1": "not yet", **cures, "01-multiply-adds": "not yet", "05a-relu": "not yet",
        "04-sgd-step": "not attempted",
    }  # fmt: skip
    assert report.outcomes["05a-relu"][1] == "ZeroDivisionError: division by zero"
    cells = dict(zip(CELLS, (f"c{number}" for number in range(1, 20)), strict=False))
    failed = {name: report.failed[cell].split(":")[0] for name, cell in cells.items() if cell in report.failed}
    own = dict.fromkeys(("early", "again", "list"), "TypeError")  # what her own `check` says
    assert failed == {**own, "syntax": "SyntaxError", "late": "NameError", "broken": "NameError", "strange": "Strange"}
