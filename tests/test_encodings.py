"""Text files that another program has saved, in UTF-16, with a byte-order mark or packed: read right, or named."""

import gzip
import shutil
import warnings

import pytest
from PIL import Image
from tiny_sweeps import TINY, quiet

import cnnlab
from cnnlab import ConfigError, DataError
from cnnlab.comparison.prediction_file import PREDICTIONS
from cnnlab.course.lab_report.answers import read_answers
from cnnlab.course.lab_report.blocks import Question
from cnnlab.course.practice_file import PRACTICE
from cnnlab.data import picture_cache, shipped
from cnnlab.data.picture_cache import fingerprint
from cnnlab.experiments import exam
from cnnlab.experiments.store import Store
from cnnlab.files import cache_folder, data_folder

WAYS = {
    "UTF-16": lambda content: content.decode().encode("utf-16"),
    "UTF-16 without a mark": lambda content: content.decode().encode("utf-16-le"),
    "UTF-32": lambda content: content.decode().encode("utf-32"),
    "byte-order mark": lambda content: b"\xef\xbb\xbf" + content,
    "lines of Windows": lambda content: content.replace(b"\n", b"\r\n"),
    "gzip": gzip.compress,
    "Latin-1": lambda content: content + b"\xe9",
    "empty": lambda _: b"",
}


# Each writes a sound file, and returns its path and a function that reads it.


def checksums(folder, _):
    raw = folder / "MNIST" / "raw"
    shutil.copytree(data_folder() / "MNIST" / "raw", raw)
    shutil.copy(data_folder() / "checksums.txt", folder)
    return folder / "checksums.txt", lambda: shipped.verify_checksums(raw) or "sound"


def exam_scores(folder, monkeypatch):
    (folder / "bank").mkdir()
    shutil.copy(data_folder() / "bank" / "exam_scores.json", folder / "bank")
    monkeypatch.setattr(exam, "data_folder", lambda: folder)
    return folder / "bank" / "exam_scores.json", exam.stored_scores


def predictions(*_):
    cnnlab.commit_guess("00-x", 3, choices=[3, 5])
    return PREDICTIONS.path, PREDICTIONS.read


def practice(*_):
    cnnlab.hint("01-output-size")
    return PRACTICE.path, PRACTICE.read


def record(folder, _):
    quiet([TINY.replace(epochs=1)], folder / "runs")
    (path,) = (folder / "runs").glob("*.json")
    return path, lambda: [run.history.rows for run in cnnlab.load_runs(folder / "runs")]


def failure(folder, _):
    store = Store(folder / "runs")
    store.prepare()
    store.note_failure("0123456789abcdef", TINY.to_dict(), "too hot")
    return folder / "runs" / "0123456789abcdef.failed", lambda: cnnlab.load_runs(folder / "runs").failures


def index(folder, monkeypatch):
    monkeypatch.setattr(picture_cache, "TICK", 0)
    for name in ("cat", "dog"):
        (folder / "pets" / name).mkdir(parents=True)
        Image.new("L", (4, 4)).save(folder / "pets" / name / "é.png")
    fingerprint(folder / "pets")
    (path,) = (cache_folder() / "pictures").glob("*.json")
    return path, lambda: fingerprint(folder / "pets")


def answers(folder, _):
    (folder / "mine.md").write_text("## loss\n\nIt fell, and é is a letter.\n", encoding="utf-8")
    questions = {"loss": Question("loss", {"en": "Why?"})}
    return folder / "mine.md", lambda: read_answers(folder / "mine.md", questions)


WRITERS = [checksums, exam_scores, predictions, practice, record, failure, index, answers]
KINDS = {write.__name__: write for write in WRITERS}
CASES = [(kind, way) for kind in KINDS for way in WAYS if (kind, way) != ("answers", "empty")]  # that holds no answer


@pytest.mark.parametrize(("kind", "way"), CASES)
def test_a_text_saved_in_another_way_is_read_right_or_named(kind, way, tmp_path, monkeypatch):
    path, read = KINDS[kind](tmp_path, monkeypatch)
    sound = read()
    content = WAYS[way](path.read_bytes())
    path.write_bytes(content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value, words = read(), [str(warning.message) for warning in caught]
        except (ConfigError, DataError) as error:
            value, words = None, [str(error)]
    if value != sound:
        assert any(path.name in sentence for sentence in words), words
