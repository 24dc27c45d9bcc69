"""Every public name, called with nonsense in every argument: it is refused in words, and no error comes from inside.

The calls are generated from the signatures: `tests/helpers/door_list.py` finds the doors, `nonsense.py` has the values
and judges them, `knocking.py` calls. This takes a sample, always the same; `benchmarks/attacks/doors.py` makes all.
"""

import signal
import time

import door_list
import door_samples
import knocking
import nonsense
import pytest
from door_calls import CALLS

from cnnlab.errors import ConfigError

EACH_ARGUMENT = 3  # calls


@pytest.fixture(scope="module")
def all_doors(tmp_path_factory):
    """Return all doors; their calls use a folder of their own."""
    folder = tmp_path_factory.mktemp("doors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNLAB_CACHE", str(folder / "cache"))
        patch.setenv("CNNLAB_COURSE", str(folder / "my_course"))
        patch.chdir(folder)
        door_samples.use_folder(folder)
        yield door_list.find_doors()


def test_every_public_name_has_a_call_that_works(all_doors):
    assert {door.name for door in all_doors} == set(CALLS)
    for door in all_doors:
        with knocking.quietly():
            knocking.close(door.call(**door.arguments()))


def test_the_judge_knows_the_range_of_every_number(all_doors):
    numbers = {
        (door.name, name) for door in all_doors for name, kind in door.kinds.items() if nonsense.takes_numbers(kind)
    }
    unknown = {(door, name) for door, name in numbers if name not in nonsense.LEAST.keys() | nonsense.MAY_BE_NAN}
    assert not unknown, "say in nonsense.LEAST which numbers make sense"


@pytest.mark.timeout(1200)  # about a minute, or ten where the computer does other work
def test_no_nonsense_is_accepted_and_no_error_comes_from_inside(all_doors):
    with knocking.limited_memory(6):
        # A minute for each, since the machine may be busy with other tests.
        answers = [(knock, knocking.answer(knock, 60)) for knock in knocking.sample(all_doors, EACH_ARGUMENT)]
    findings = [f"{knock}: {answer.verdict}, {answer.words}" for knock, answer in answers
                if answer.verdict in knocking.FINDINGS]  # fmt: skip
    assert len(answers) > 1000
    assert not findings, "\n".join([knocking.in_words(answers), *findings])


# --- The judge itself


def _toy(function, **kinds):
    return door_list.Door("toy", function, kinds, dict)


@pytest.mark.parametrize(
    ("function", "verdict"),
    [
        (lambda **_: None, "nonsense"),
        (lambda size: size.nope, "raw"),
        (lambda **_: [][0], "raw"),
        (lambda **_: time.sleep(5), "hangs"),
    ],
)
def test_what_a_careless_door_does_is_a_finding(function, verdict):
    knock = knocking.Knock(_toy(function, size=int), "size", "'nope'", lambda: "nope")
    assert knocking.answer(knock, seconds=0.2).verdict == verdict


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no alarm")
def test_the_time_limit_of_a_call_keeps_that_of_the_test():
    knock = knocking.Knock(_toy(lambda **_: None, size=int), "size", "'nope'", lambda: "nope")
    before = signal.setitimer(signal.ITIMER_REAL, 100)
    try:
        knocking.answer(knock, seconds=20)
        assert 90 < signal.getitimer(signal.ITIMER_REAL)[0] <= 100
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)


def test_a_careful_door_passes():
    def door(size):
        if not isinstance(size, int):
            raise ConfigError("size must be a whole number")

    for value, verdict in (("nope", "refused"), (3, "fine")):
        knock = knocking.Knock(_toy(door, size=int), "size", "", lambda value=value: value)
        assert knocking.answer(knock).verdict == verdict


@pytest.mark.parametrize(
    ("kind", "sense", "nonsense_values"),
    [
        (int, [1, 3], [None, True, 2.5, "3", float("nan"), -1, [1]]),
        (float, [1, 2.5], [None, False, "1", float("nan"), float("inf"), 1j]),
        (bool, [True, False], [0, 1, "False", None]),
        (str | None, ["same", None], ["", "nope", 3, b"same"]),
        (tuple[int, ...], [(1, 2), [3]], ["12", (1, None), 3]),
        (dict[str, int], [{"a": 1}, {}], [{"a": None}, [("a", 1)]]),
    ],
)
def test_the_judge_tells_sense_from_nonsense(kind, sense, nonsense_values):
    assert all(nonsense.fits("toy", "size", kind, value) for value in sense)
    assert not any(nonsense.fits("toy", "size", kind, value) for value in nonsense_values)
