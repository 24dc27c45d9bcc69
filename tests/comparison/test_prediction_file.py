"""The file of predictions: it outlives kernels, loses nothing, and what is damaged is kept."""

import contextlib
import json
import threading

import pytest
from places import PATIENCE

from cnnlab.comparison.prediction import Prediction
from cnnlab.comparison.prediction_file import PREDICTIONS
from cnnlab.comparison.question import Guess, Rule
from cnnlab.comparison.right_answer import Outcome

KINDS = [
    Prediction("01-ü", Guess("5", 0.6), Rule(("3", "5", "cannot tell")), Outcome(None, "open", "because")),
    Prediction("02", Guess(80), Rule(tolerance=5.0), Outcome(84, "84")),
    Prediction("03", Guess(0.25), Rule(factor=2.0)),
    Prediction("04", Guess("a stroke"), Rule()),
]


def test_each_kind_is_read_as_it_was_written():
    with PREDICTIONS.editing() as predictions:
        predictions.update({each.question: each for each in KINDS})
    assert list(PREDICTIONS.read().values()) == KINDS
    assert list(json.loads(PREDICTIONS.path.read_bytes())) == ["01-ü", "02", "03", "04"]


def test_reading_makes_no_folder_and_a_block_that_changes_nothing_no_file():
    assert PREDICTIONS.read() == {}
    assert not PREDICTIONS.path.parent.exists()
    with PREDICTIONS.editing():
        pass
    assert not PREDICTIONS.path.exists()


def test_a_block_that_raises_writes_nothing():
    with contextlib.suppress(ZeroDivisionError), PREDICTIONS.editing() as predictions:
        predictions["02"] = KINDS[1]
        raise ZeroDivisionError
    assert PREDICTIONS.read() == {}


def write_one():
    """Write one prediction, and return what was there before."""
    with PREDICTIONS.editing() as predictions:
        before = dict(predictions)
        predictions["02"] = KINDS[1]
    return before


DAMAGED = [b"", b"{", b"[]", b'{"01": 3}', b'{"01": {"question": "01"}}', b"\xff\xfe"]


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
@pytest.mark.parametrize("way", ["read", "edit"])
def test_a_damaged_file_is_kept_under_another_name_and_a_new_one_begun(content, way):
    ways = {"read": PREDICTIONS.read, "edit": write_one}
    path = PREDICTIONS.path
    path.parent.mkdir()
    for number in (1, 2):
        path.write_bytes(content)
        words = rf"predictions.json can't be read \(.*\). It is kept as predictions.damaged-{number}.json, and a new"
        with pytest.warns(UserWarning, match=words):
            assert ways[way]() == {}
        assert path.with_name(f"predictions.damaged-{number}.json").read_bytes() == content
        assert path.exists() == (way == "edit")


def test_two_notebooks_at_once_lose_nothing():
    other = threading.Thread(target=write_one)
    with PREDICTIONS.editing() as predictions:
        other.start()
        other.join(0.5)
        assert other.is_alive()  # it waits
        predictions["04"] = KINDS[3]
    other.join(PATIENCE)
    assert list(PREDICTIONS.read()) == ["04", "02"]
