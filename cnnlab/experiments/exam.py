"""Open the test set once for the networks of finished runs, or read the scores that the results bank has of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from cnnlab.checks import check_whole
from cnnlab.data import shipped
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.files import data_folder
from cnnlab.model.evaluation import MeanScore, evaluate_all


class Exam(NamedTuple):
    """The scores of several networks on the test set.

    Parameters
    ----------
    score : MeanScore
        Mean loss and accuracy, with standard errors.
    is_stored : bool
        True if the score comes from the results bank, because the images are not here.
    """

    score: MeanScore
    is_stored: bool

    def __str__(self) -> str:
        return f"{self.score}{', stored with the bank' if self.is_stored else ''}"


def take_exam(runs: Iterable[Run], *, size: int = 2000) -> Exam:
    """Open the test set once, and return the mean score of the runs' networks on it.

    The network of a run is its last snapshot. Fashion-MNIST's images are not in a wheel: there the scores of the bank's
    own runs are read from the bank, so that nothing is downloaded.

    Parameters
    ----------
    runs : iterable of Run
        Runs on the same images, which differ in the seed, for example. Each has a snapshot.
    size : int
        The number of test images.

    Raises
    ------
    ConfigError
        If there are no runs, if they are on different images, or if one has no snapshot.

    >>> print(take_exam(load_runs(bank("winners")).filter(dataset="mnist")))
    loss 0.378 ± 0.019, accuracy 0.893 ± 0.006 (2,000 images)
    """
    runs, size = list(runs), check_whole("size", size, 2)
    if len({run.experiment.of_data() for run in runs}) != 1:
        raise ConfigError(f"take_exam wants runs on the same images, got {len(runs)} runs; filter them to one data set")
    experiment = runs[0].experiment
    if experiment.dataset in shipped.FOLDERS and experiment.dataset not in shipped.names():
        for entry in stored_scores():
            if entry["runs"] == exam_key(runs) and entry["score"]["images"] == size:
                return Exam(MeanScore(**entry["score"]), is_stored=True)
    test = experiment.load_data(test=size).open_test()
    return Exam(evaluate_all([run.model() for run in runs], test), is_stored=False)


def stored_scores() -> list[dict]:
    """Return the entries of the bank's exam scores: the keys of the runs, and a MeanScore as a dict."""
    path = data_folder() / "bank" / "exam_scores.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def exam_key(runs: Iterable[Run]) -> list[str]:
    """Return what names these runs in the bank's exam scores: their keys, in order."""
    return sorted(run.experiment.key for run in runs)
