"""What is wrong with a number, an array, a function: each said in words, and nothing raised."""

import contextlib
import random
import secrets
import sys
import threading
import time
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

from cnnlab.course.answer_values import MOST_VALUES, as_array, as_number, is_too_large
from cnnlab.course.answers import wrong_array, wrong_choice, wrong_number
from cnnlab.course.exercise import Exercise
from cnnlab.course.practice import outcome_of
from cnnlab.course.student_functions import Mistake, names_used, try_function, wrong_function

NONSENSE = [None, ..., "26", b"26", True, {}, [], {26}, object(), int, lambda: 26, 1j, [[1], [2, 3]], [None], "é"]


EXERCISE = Exercise(name="99-a", find_mistake=lambda _: None, further="", hints=("", ""), solution="")
RIGHT = [26, 26.0, np.int64(26), np.array([26]), torch.tensor(26), [26], Fraction(52, 2), Decimal(26), np.array([[26]])]


@pytest.mark.parametrize("answer", RIGHT, ids=repr)
def test_a_right_number(answer):
    assert wrong_number(answer, 26) is None


@pytest.mark.parametrize("answer", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_no_number(answer):
    assert as_number(answer) is None
    assert wrong_number(answer, 26).startswith("Give one number. This is ")
    assert wrong_array(answer, [1, 2]).startswith("Give numbers in the shape (2,). This is ") or answer == []


def test_huge_answers_are_read_as_no_numbers_at_once():
    for answer in (torch.zeros(1).expand(10**12), np.broadcast_to(0.0, 10**12), [0] * 10**6, [[0] * 10**6], 10**5000):
        assert as_number(answer) is None
    assert wrong_number(10**5000, 26) == "Give one number. This is a number with very many digits."
    assert wrong_number("x" * 10**8, 26) == f"Give one number. This is the text {'x' * 40!r}."
    assert said(lambda x: x.sum().expand(10**12)).startswith(
        "Give numbers in the shape (5,). This is a tensor of shape"
    )


def test_large_answers_are_refused_before_they_are_looked_at():
    shared = [0]
    for _ in range(60):  # 2^60 numbers in 61 lists
        shared = [shared, shared]
    endless = {}
    endless["a"] = [endless]
    one = torch.zeros(MOST_VALUES)
    for answer in ([0] * 10**7, [[0.0] * 1000] * 1000, shared, endless, [one, 1], ([...] * 10**6,)):
        assert is_too_large(answer)
        words = "Your function returns more than 100,000 values. This exercise asks for fewer. Tried with a tensor of"
        assert said(lambda _, answer=answer: answer).startswith(words)
        refused = outcome_of(EXERCISE, answer)
        assert refused.message == "This answer can't be checked (it holds more than 100,000 values)."
    for answer in ([0] * MOST_VALUES, [one[1:]], torch.zeros(10**6), "x" * 10**6, 3, {"a": [1, 2]}):
        assert not is_too_large(answer)
    assert wrong_choice("better " + " " * 10**8, "better", {}) is None


def test_wrong_numbers_in_words():
    known = {25: "Off by one."}
    assert wrong_number(25, 26, known=known) == "Off by one."
    assert wrong_number(30, 26, known=known) == "30 is too large."
    assert wrong_number(-1.5, 26, known=known) == "-1.5 is too small."
    assert wrong_number(float("nan"), 26).startswith("This is NaN")
    assert wrong_number(float("inf"), 26) == "inf is too large."


def test_the_tolerance_is_a_share():
    assert wrong_number(1.04, 1, tolerance=0.05) is None
    assert wrong_number(104.9, 100, tolerance=0.05) is None
    assert wrong_number(1.06, 1, tolerance=0.05) == "1.06 is too large."
    assert wrong_number(0.04, 0, tolerance=0.05) is None


def test_wrong_arrays_in_words():
    right = [[1, 2], [3, 4]]
    assert wrong_array(torch.tensor(right), right) is None
    assert wrong_array(np.array(right, dtype=np.uint8), right) is None
    assert wrong_array([1, 2, 3, 4], right) == "The shape must be (2, 2), and this has the shape (4,)."
    assert wrong_array([[1, 3], [2, 4]], right) == "2 of 4 values are wrong, the first at [0, 1]: yours is 3."
    known = [([[1, 3], [2, 4]], "Rows and columns are swapped.")]
    assert wrong_array([[1, 3], [2, 4]], right, known=known) == "Rows and columns are swapped."
    assert wrong_array([[1, 2], [3, float("nan")]], right).startswith("Some values are NaN")
    assert wrong_array([[1, 2], [3, 4.01]], right) is not None
    assert wrong_array([[1, 2], [3, 4.0003]], right) is None


def test_a_choice():
    choices = {"worse": "Look at the sign.", "cannot tell": "The interval leaves zero out."}
    assert wrong_choice(" Better", "better", choices) is None
    assert wrong_choice("worse", "better", choices) == "Look at the sign."
    for answer in (*NONSENSE, "beter", ""):
        words = "Choose one of 'better', 'cannot tell', 'worse'."
        assert wrong_choice(answer, "better", choices) == words
    assert wrong_choice("Cannot   TELL", "cannot tell", {"better": "No."}) is None


def inputs(generator):
    return [(torch.randn(5, generator=generator),) for _ in range(3)]


def double(x):
    return 2 * x


def said(answer, **options):
    return wrong_function(answer, double, inputs, **options)


def test_right_functions():
    assert said(double) is None
    assert said(lambda x: [2 * float(value) for value in x]) is None
    assert said(lambda x: (x + x).numpy()) is None


def test_a_known_mistake_is_named_and_others_are_described():
    known = [(lambda x: x, "You return the input.")]
    assert said(lambda x: x, known=known) == "You return the input."
    assert said(lambda x: 3 * x, known=known).startswith("5 of 5 values are wrong, the first at [0]: yours is ")
    tried = "Tried with a tensor of shape (5,)."
    assert said(lambda x: x[:4] * 2) == f"The shape must be (5,), and this has the shape (4,). {tried}"
    assert said(lambda _: None) == f"Your function returns nothing: does it end with return? {tried}"
    assert said(3) == "Give a function. This is 3; write its name without parentheses."
    assert said(int).startswith("Give a function. ")


def by_import(values):
    from torch import relu as short

    return short(values)


@pytest.mark.parametrize(
    "answer", [torch.relu, torch.nn.functional.relu, torch.nn.ReLU(), lambda x: x.relu(), by_import], ids=range(5)
)
def test_what_is_ready_made_is_right_and_refused(answer):
    words = wrong_function(answer, torch.relu, inputs, ready_made=("relu", "ReLU"))
    assert words.startswith("The result is right, but it comes from ")
    assert wrong_function(answer, torch.relu, inputs) is None


def test_ones_own_function_of_that_name_is_not_ready_made():
    def relu(values):
        relu = values * (values > 0)
        return relu  # noqa: RET504

    assert names_used(relu) == set()
    assert names_used(lambda x: [part.sum() for part in torch.relu(x)]) == {"torch", "relu", "sum"}
    assert wrong_function(relu, torch.relu, inputs, ready_made=("relu",)) is None
    words = wrong_function(lambda x: x.abs(), torch.relu, inputs, ready_made=("abs",))
    assert "values are wrong" in words  # what is wrong comes first


def test_a_comma_within_a_number_is_said_to_make_a_tuple():
    words = ": in Python a comma makes a tuple. Write no comma within a number, and a point before decimals."
    assert wrong_number((2, 508, 800), 2508800) == f"Give one number. This is a tuple of length 3{words}"
    assert wrong_number((0, 34), 0.34) == f"Give one number. This is a tuple of length 2{words}"
    assert wrong_number([0, 34], 0.34) == "Give one number. This is a list of length 2."
    assert wrong_number((26,), 26) is None


def test_a_constant_fails_because_the_inputs_are_new_each_time(monkeypatch):
    monkeypatch.setattr(secrets, "randbits", random.SystemRandom().getrandbits)  # as it is outside of tests
    constant = double(inputs(torch.Generator().manual_seed(0))[0][0])
    assert said(lambda _: constant) is not None
    seen = []
    for _ in range(2):
        said(lambda x: seen.append(x) or 2 * x)
    assert not torch.equal(seen[0], seen[3])


def test_tuples_are_compared_part_by_part():
    def right(x):
        return x, 2 * x

    def said(answer):
        return wrong_function(answer, right, inputs, parts=("weights", "momentum"))

    assert said(lambda x: [x, x + x]) is None
    assert said(lambda x: (x, x)).startswith("momentum: 5 of 5 values are wrong")
    assert said(lambda x: x).startswith("Your function must return weights, momentum. It returns a tensor")


def test_parts_may_come_as_one_array():
    def right(x):
        return x, 2 * x

    for together in (torch.stack, lambda parts: np.stack([part.numpy() for part in parts])):
        assert wrong_function(lambda x, together=together: together([x, 2 * x]), right, inputs) is None
    words = wrong_function(lambda x: x[:2], right, inputs)
    assert words.startswith("Your function must return 2 values. It returns a tensor of shape (2,).")


def test_the_words_say_what_a_function_was_tried_with():
    def trials(_):
        return [([0.25, 3, 1 / 3], 2, 0.125, np.zeros((2, 3)), "max")]

    words = wrong_function(lambda *_: 1, lambda *_: 2, trials)
    tried = "[0.25, 3, 0.3333], 2, 0.125, an array of shape (2, 3), the text 'max'"
    assert words == f"1 is too small. Tried with {tried}."


def test_whole_numbers_are_written_with_all_their_digits():
    assert wrong_number(2_508_801, 2_508_800) == "2,508,801 is too large."
    assert wrong_number(-0.0, 3) == "0 is too small."
    assert wrong_number(1e20, 3) == "1e+20 is too large."


def test_what_a_function_does_beside_its_result(capsys):
    def loud(x):
        sys.stdout.write("hello")
        torch.manual_seed(0)
        return 2 * x

    before = torch.get_rng_state()
    assert said(loud) is None
    assert capsys.readouterr().out == ""
    assert torch.equal(torch.get_rng_state(), before)

    def in_place(x):
        x *= 2
        return x

    words = "Your function changes its input. Work on a copy, or make a new tensor."
    assert said(in_place) == f"{words} Tried with a tensor of shape (5,)."
    for change in (lambda values: values.append(1), lambda values: values.sort()):
        with pytest.raises(Mistake, match="changes its input"):
            try_function(change, [2, 1])


def test_gradients_are_switched_on_again():
    words = "Your function switches gradients off for all that follows. Use `with torch.no_grad():` instead."
    assert said(lambda x: torch.set_grad_enabled(False) and x).startswith(words)
    assert torch.is_grad_enabled()


def test_errors_and_endless_loops_in_words():
    words = "Your function stops with ZeroDivisionError: division by zero."
    assert said(lambda _: 1 / 0) == f"{words} Tried with a tensor of shape (5,)."
    assert said(lambda: 0).startswith("Your function stops with TypeError: ")
    assert said(lambda _: exit()).startswith("Your function ends the whole program")

    class NoWords(BaseException):
        def __str__(self):
            raise RuntimeError

    def stop(error):
        raise error

    assert said(lambda _: stop(NoWords())).startswith("Your function stops with NoWords. ")
    assert said(lambda _: stop(GeneratorExit())).startswith("Your function stops with GeneratorExit")
    assert len(said(lambda _: stop(ValueError("x" * 10_000)))) < 300

    def endless(_):
        while True:
            with contextlib.suppress(Exception):
                pass

    with pytest.raises(Mistake, match=r"stopped after 0.05 seconds. Does its loop end\?"):
        try_function(endless, 1, seconds=0.05)


def test_a_long_sleep_ends_early():
    begin = time.monotonic()
    with pytest.raises(Mistake, match=r"stopped after 0.05 seconds"):
        try_function(time.sleep, 600, seconds=0.05)
    assert time.monotonic() - begin < 500


def test_an_import_is_not_cut_short(tmp_path, monkeypatch):
    lines = (
        "import time",
        "end = time.perf_counter() + 0.3",
        "while time.perf_counter() < end:",
        "    pass",
        "value = 3",
    )
    (tmp_path / "takes_long_to_import.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)

    def imports(_):
        import takes_long_to_import

        return takes_long_to_import.value

    def endless(_):
        import takes_long_to_import  # noqa: F401

        while True:
            pass

    assert try_function(imports, 1, seconds=0.1) == 3
    del sys.modules["takes_long_to_import"]
    with pytest.raises(Mistake, match=r"stopped after 0.1 seconds"):
        try_function(endless, 1, seconds=0.1)


def test_another_thread_has_no_limit_and_the_person_can_still_interrupt():
    import signal

    results = []
    thread = threading.Thread(target=lambda: results.append(try_function(double, 2, seconds=0.01)))
    thread.start()
    thread.join()
    assert results == [4]

    def interrupted(_):
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        try_function(interrupted, 1)
    assert signal.getsignal(signal.SIGINT) is before


def test_numbers_of_every_kind():
    assert as_array([torch.tensor(1), np.float32(2), 3]).tolist() == [1, 2, 3]
    assert as_array(torch.zeros(2, requires_grad=True)).tolist() == [0, 0]
    assert as_array(np.array(["1"])) is None
    assert as_array(np.array([True])) is None
