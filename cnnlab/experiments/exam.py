"""Open the test set once for the networks of finished runs, or read the scores that the results bank has of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_whole
from cnnlab.data import idx, shipped
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs
from cnnlab.files import data_folder
from cnnlab.model.evaluation import MeanScore, evaluate_all
from cnnlab.torch_state import usual_torch_state


@dataclass(frozen=True)
class Exam:
    """The scores of several networks on the validation images and on the test images.

    Parameters
    ----------
    validation, test : MeanScore
        Mean loss and accuracy, with standard errors.
    is_stored : bool
        True if the scores come from the results bank, because the images are not here.
    """

    validation: MeanScore
    test: MeanScore
    is_stored: bool

    def __post_init__(self) -> None:
        check_arguments(Exam, vars(self))

    def __str__(self) -> str:
        source = ", stored with the bank" if self.is_stored else ""
        return f"validation: {self.validation}\ntest:       {self.test}{source}"


@usual_torch_state
def take_exam(runs: Iterable[Run], *, size: int = 2000) -> Exam:
    """Open the test set once, and return the mean scores of the runs' networks on it and on the validation images.

    The network of a run is its last snapshot. Fashion-MNIST's images are not in a wheel: there the scores of the bank's
    own runs are read from the bank, so that nothing is downloaded.

    Parameters
    ----------
    runs : iterable of Run
        Runs on the same images, which differ in the seed, for example. Each has a snapshot.
    size : int
        The number of test images, up to 50,000.

    Raises
    ------
    ConfigError
        If there are no runs, if they are on different images, or if one has no snapshot.

    >>> take_exam(load_runs(bank("winners")).filter(dataset="mnist")).test.accuracy
    0.906
    """
    check_arguments(take_exam, locals())
    runs, size = list(Runs(runs)), check_whole("size", size, 2, most=50_000)
    if len({run.experiment.of_data() for run in runs}) != 1:
        raise ConfigError(f"take_exam wants runs on the same images, got {len(runs)} runs; filter them to one data set")
    experiment = runs[0].experiment
    if experiment.dataset in shipped.FOLDERS and experiment.dataset not in shipped.names():
        for entry in stored_scores():
            if entry["runs"] == exam_key(runs) and entry["test"]["images"] == size:
                return Exam(MeanScore(**entry["validation"]), MeanScore(**entry["test"]), is_stored=True)
    models, data = [run.model() for run in runs], experiment.load_data(test=size)
    return Exam(evaluate_all(models, data.validation), evaluate_all(models, data.open_test()), is_stored=False)


def stored_scores() -> list[dict]:
    """Return the entries of the bank's exam scores: the keys of the runs, and two MeanScores as dicts.

    Raises DataError for a damaged file.
    """
    path = data_folder() / "bank" / "exam_scores.json"
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or "no JSON"
        raise DataError(f"{path} is damaged or can't be read ({why}); {idx.REMEDY}") from error


def exam_key(runs: Iterable[Run]) -> list[str]:
    """Return what names these runs in the bank's exam scores: their keys, in order."""
    return sorted(run.experiment.key for run in runs)
