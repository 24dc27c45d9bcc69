"""Keep a student's predictions in one file, which outlives kernels and notebooks: `predictions.json`.

It is in `cnnlab.files.course_folder()`. Several notebooks may change it at once. A damaged file is renamed, never lost.
"""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from cnnlab.comparison.prediction import Prediction
from cnnlab.comparison.question import Guess, Rule
from cnnlab.comparison.right_answer import Outcome
from cnnlab.files import atomic_write, course_folder, file_lock, replace_file

Predictions = dict[str, Prediction]  # question → prediction, in the order in which they were made


def file_of_predictions() -> Path:
    """Return the path of the file; it may not exist yet."""
    return course_folder() / "predictions.json"


def read_predictions() -> Predictions:
    """Return all predictions; none if there is no file. A damaged file is renamed, with a warning."""
    path = file_of_predictions()
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError):
        with file_lock(path.with_name(".predictions.lock")):
            return _read_or_rename(path)


@contextlib.contextmanager
def editing() -> Iterator[Predictions]:
    """Give the predictions to change, and write them when the block ends; other notebooks wait that long.

    >>> with editing() as predictions:
    ...     predictions.pop("00-digits")
    """
    path = file_of_predictions()
    with file_lock(path.with_name(".predictions.lock")):
        predictions = _read_or_rename(path)
        before = dict(predictions)
        yield predictions
        if predictions != before:
            atomic_write(path, _encode(predictions))


def _read_or_rename(path: Path) -> Predictions:
    """Return the predictions of a file that no other process changes; rename the file if it is damaged."""
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        aside = _free_name(path)
        replace_file(path, aside)
        warnings.warn(
            f"{path} can't be read ({error!r:.100}). It is kept as {aside.name}, and a new file is begun", stacklevel=5
        )
        return {}


def _free_name(path: Path) -> Path:
    """Return a name for the damaged file that no other file has."""
    number = 1
    while (name := path.with_name(f"predictions.damaged-{number}.json")).exists():
        number += 1
    return name


def _encode(predictions: Predictions) -> bytes:
    return json.dumps({question: asdict(each) for question, each in predictions.items()}, indent=1).encode()


def _decode(content: bytes) -> Predictions:
    """Return the predictions of a file's content; raises one of several built-in errors if it is damaged."""
    return {question: _prediction(**fields) for question, fields in json.loads(content).items()}


def _prediction(question: str, guess: dict, rule: dict, outcome: dict | None) -> Prediction:
    rule["choices"] = tuple(rule["choices"])
    return Prediction(question, Guess(**guess), Rule(**rule), None if outcome is None else Outcome(**outcome))
