"""Open the exam for a lab report once: its scores are kept in a file beside the page, and then read from there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cnnlab.cli.store import matching
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.exam import Exam, exam_key, take_exam
from cnnlab.experiments.runs import Runs
from cnnlab.files import atomic_write
from cnnlab.model.evaluation import MeanScore


def exam_once(runs: Runs, conditions: Sequence[str], page: Path) -> dict[str, Exam]:
    """Return the setting in words, and its exam; open the test images only the first time.

    Parameters
    ----------
    runs : Runs
        Those of the report.
    conditions : sequence of str
        FIELD=VALUE, which name the setting that was chosen.
    page : Path
        The report. The scores are kept in the file `<page>-exam.json` beside it.

    Raises
    ------
    ConfigError
        If the conditions leave several settings, or the exam was opened for other networks.
    """
    chosen = matching(runs, conditions, option="--exam")
    if (count := len({run.experiment.setting for run in chosen})) > 1:
        raise ConfigError(
            f"--exam {' '.join(conditions)}: {count} settings are like that, not one; name the field that tells "
            f"them apart: {', '.join(name for name, values in chosen.values().items() if len(values) > 1)}"
        )
    file = page.with_name(f"{page.stem}-exam.json")
    if file.is_file():
        name, keys, exam = _read(file)
        if keys != exam_key(chosen):
            raise ConfigError(
                f"the exam was opened for {name}, and {file} has the scores. It opens once: whoever chooses again "
                "afterwards chooses by the exam"
            )
        return {name: exam}
    name, exam = " ".join(conditions), take_exam(chosen)
    content = {"setting": name, "runs": exam_key(chosen), **asdict(exam)}
    content |= {split: getattr(exam, split)._asdict() for split in ("validation", "test")}
    page.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(file, json.dumps(content, indent=1).encode())
    return {name: exam}


def _read(file: Path) -> tuple[str, list[str], Exam]:
    """Return what a file of scores holds: the setting in words, the keys of its runs, and the exam."""
    try:
        content = json.loads(file.read_bytes())
        scores = {split: MeanScore(**content[split]) for split in ("validation", "test")}
        return str(content["setting"]), list(content["runs"]), Exam(**scores, is_stored=content["is_stored"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{file} is damaged: it had the scores of an exam that was opened; bring back a copy, or make the report "
            "without --exam"
        ) from error
