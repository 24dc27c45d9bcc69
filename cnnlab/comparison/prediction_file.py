"""Keep a student's predictions in the file `predictions.json` of the course folder."""

from __future__ import annotations

from dataclasses import asdict

from cnnlab.comparison.kept_file import KeptFile
from cnnlab.comparison.prediction import Prediction
from cnnlab.comparison.question import Guess, Rule
from cnnlab.comparison.right_answer import Outcome

Predictions = dict[str, Prediction]  # question → prediction, in the order in which they were made


def _prediction(fields: dict) -> Prediction:
    """Return the prediction whose fields JSON has kept; raises one of several built-in errors if they are damaged."""
    question, guess, rule, outcome = (fields[name] for name in ("question", "guess", "rule", "outcome"))
    rule = Rule(**rule | {"choices": tuple(rule["choices"])})
    return Prediction(question, Guess(**guess), rule, None if outcome is None else Outcome(**outcome))


PREDICTIONS = KeptFile[Prediction]("predictions", asdict, _prediction)
