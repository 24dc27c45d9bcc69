"""Every door that takes a path: one that can't be used is refused in words, before anything is made or trained."""

import errno
import os
import re

import pytest
import torch
from PIL import Image
from tiny_sweeps import TINY, quiet

import cnnlab
from cnnlab import ConfigError, DataError, Experiment
from cnnlab.comparison.prediction_file import PREDICTIONS
from cnnlab.course.marks.marks import mark_class
from cnnlab.course.practice_file import PRACTICE
from cnnlab.data import shipped
from cnnlab.data.loading import count_images

HOME_OF_NOBODY = "~nobody at all/x"


@pytest.fixture(scope="module")
def runs():
    return quiet([TINY])


@pytest.fixture
def pets(tmp_path):
    """Return a folder of pictures."""
    for place in range(20):
        path = tmp_path / "pets" / ("cat", "dog")[place % 2] / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (12, 12), 10 * place).save(path)
    return tmp_path / "pets"


def pictures(path):
    return Experiment(dataset="images", folder=path, size=12, channels=(2,), hidden=4, epochs=1, batch_size=8)


def small():
    return cnnlab.build_cnn(channels=(2,), hidden=4, input_shape=(1, 12, 12), classes=2)


def train(path):
    split = cnnlab.Data.from_tensors(torch.rand(40, 1, 12, 12), torch.arange(40) % 2)
    cnnlab.fit(small(), split, epochs=1, batch_size=8, progress=False, checkpoint=path)


# Each takes a path, a folder in which it may write, and finished runs.
ARGUMENTS = {
    "load_images": lambda path, **_: cnnlab.load_images(path),
    "count_images": lambda path, **_: count_images(path),
    "find_duplicates": lambda path, **_: cnnlab.find_duplicates(path),
    "layer_table": lambda path, **_: pictures(path).layer_table(),
    "load_data": lambda path, **_: pictures(path).load_data(),
    "run": lambda path, **_: cnnlab.run(pictures(path)),
    "sweep of pictures": lambda path, **_: quiet([pictures(path)]),
    "sweep": lambda path, **_: quiet([TINY], path),
    "load_runs": lambda path, **_: cnnlab.load_runs(path),
    "load_runs of a list": lambda path, **_: cnnlab.load_runs([path]),
    "fit": lambda path, **_: train(path),
    "save_weights": lambda path, **_: cnnlab.save_weights(small(), path),
    "load_weights": lambda path, **_: cnnlab.load_weights(small(), path),
    "lab_report": lambda path, runs, **_: cnnlab.lab_report(runs, f"{path}.html", progress=False),
    "lab_report's answers": lambda path, runs, folder: cnnlab.lab_report(
        runs, folder / "report.html", answers=f"{path}.md", progress=False
    ),
    "ClassNoiseFloor": lambda path, **_: cnnlab.ClassNoiseFloor(path),
    "marks": lambda path, folder, **_: mark_class(path, folder / "marks.csv"),
    "marks' out": lambda path, folder, **_: mark_class(folder, f"{path}.csv"),
}  # fmt: skip


@pytest.mark.parametrize("bad", ["the home of nobody", "300 letters", "a zero"])
@pytest.mark.parametrize("door", ARGUMENTS)
def test_a_path_that_can_be_none_is_refused_in_words(door, bad, tmp_path, runs, monkeypatch):
    path = {"the home of nobody": HOME_OF_NOBODY, "300 letters": "x" * 300, "a zero": "a\0b"}[bad]
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises((ConfigError, DataError)) as caught:
        ARGUMENTS[door](path, runs=runs, folder=tmp_path)
    assert repr(path)[1:-1][:30] in str(caught.value)
    assert len(str(caught.value)) < 400
    if bad == "the home of nobody":
        assert str(caught.value).endswith("the home folder is not known; write the whole path")
    assert os.listdir(tmp_path / "here") == []  # no folder is called ~nobody


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="a device of Linux and macOS")
@pytest.mark.parametrize(
    "door", sorted(ARGUMENTS.keys() - {"layer_table", "sweep of pictures", "lab_report's answers"})
)
def test_a_path_below_a_device_is_refused_in_words(door, tmp_path, runs):
    with pytest.raises((ConfigError, DataError), match="/dev/null"):
        ARGUMENTS[door]("/dev/null/x", runs=runs, folder=tmp_path)


# A lab report is written there or not: it says so at its end, as of a full disk.
SHUT = sorted(ARGUMENTS.keys() - {"sweep of pictures", "lab_report", "lab_report's answers", "marks", "marks' out"})


@pytest.mark.parametrize("door", SHUT)
def test_a_path_in_a_folder_that_is_shut_is_refused_in_words(door, tmp_path, runs, monkeypatch):
    stat, shut = os.stat, tmp_path / "shut"
    shut.mkdir()

    def refuse(path, **options):
        if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(f"{shut}{os.sep}"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    if door == "layer_table":  # it works without the folder, too
        assert len(pictures(str(shut / "x")).layer_table()) > 2
        return
    with pytest.raises((ConfigError, DataError), match=re.escape(str(shut / "x"))):
        ARGUMENTS[door](str(shut / "x"), runs=runs, folder=tmp_path)


def download(monkeypatch, **_):
    monkeypatch.setattr(shipped, "names", lambda: ["mnist"])
    cnnlab.load_data("fashion_mnist")


# Variable → what reads or writes in the folder that it names.
FOLDERS = {
    "CNNLAB_CACHE": {
        "load_data": download,
        "load_images": lambda pets, **_: cnnlab.load_images(pets),
        "find_duplicates": lambda pets, **_: cnnlab.find_duplicates(pets),
        "run": lambda pets, **_: cnnlab.run(pictures(str(pets))),
    },
    "CNNLAB_COURSE": {
        "commit_guess": lambda **_: cnnlab.commit_guess("00-x", 3, choices=[3, 5]),
        "score_guess": lambda **_: cnnlab.score_guess("00-x", 3),
        "show_guesses": lambda **_: cnnlab.show_guesses(),
        "PredictThenRun": lambda **_: cnnlab.PredictThenRun("which?", lambda: 3, choices=["3", "5"]),
        "check": lambda **_: cnnlab.check("01-output-size", 3),
        "hint": lambda **_: cnnlab.hint("01-output-size"),
        "solution": lambda **_: cnnlab.solution("01-output-size"),
        "progress": lambda **_: cnnlab.progress(),
    },
}
USES = [(variable, door) for variable, doors in FOLDERS.items() for door in doors]


@pytest.mark.parametrize("bad", [HOME_OF_NOBODY, "x" * 300, " "], ids=["the home of nobody", "300 letters", "a blank"])
@pytest.mark.parametrize(("variable", "door"), USES)
def test_a_variable_that_can_be_no_folder_is_refused_in_words(variable, door, bad, monkeypatch, pets):
    monkeypatch.setenv(variable, bad)
    with pytest.raises(ConfigError, match=variable) as caught:
        FOLDERS[variable][door](monkeypatch=monkeypatch, pets=pets)
    if bad == HOME_OF_NOBODY:
        words = f"{variable}={bad!r}: the home folder is not known; write the whole path"
        assert str(caught.value) == words


@pytest.mark.parametrize("way", ["a file", "below a file", "a link to itself"])
@pytest.mark.parametrize(("variable", "door"), USES)
def test_a_variable_that_names_something_in_the_way_is_said_in_words(variable, door, way, monkeypatch, pets, tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("mine")
    link.symlink_to(link)
    places = {"a file": file, "below a file": file / "x", "a link to itself": link}
    monkeypatch.setenv(variable, str(places[way]))
    use = FOLDERS[variable][door]
    if variable == "CNNLAB_CACHE" and door != "load_data":  # all works without a cache
        use(monkeypatch=monkeypatch, pets=pets)
    else:
        with pytest.raises((ConfigError, DataError), match=f"set {variable} to another folder"):
            use(monkeypatch=monkeypatch, pets=pets)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("kept", [PREDICTIONS, PRACTICE], ids=lambda kept: kept.name)
def test_a_folder_in_the_place_of_what_is_kept_stays_and_is_named(kept):
    kept.path.mkdir(parents=True)
    for use in (kept.read, lambda: kept.editing().__enter__()):
        with pytest.raises(ConfigError) as caught:
            use()
        assert str(caught.value).startswith(f"{kept.path} can't be read, written or locked (")
        assert str(caught.value).endswith("); set CNNLAB_COURSE to another folder")
    assert kept.path.is_dir()


@pytest.mark.parametrize("kept", [PREDICTIONS, PRACTICE], ids=lambda kept: kept.name)
def test_what_is_kept_and_may_not_be_read_stays_and_is_named(kept, monkeypatch):
    kept.path.parent.mkdir(parents=True)
    kept.path.write_text("{}")

    def refuse(_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    for use in (kept.read, lambda: kept.editing().__enter__()):
        with pytest.raises(ConfigError, match=r"\(Permission denied\); set CNNLAB_COURSE to another folder$"):
            use()
    assert kept.path.exists()
    assert not list(kept.path.parent.glob("*damaged*"))


def test_an_error_of_the_system_in_the_persons_own_block_stays_what_it_is():
    with pytest.raises(FileNotFoundError, match="my own"), PREDICTIONS.editing():
        raise FileNotFoundError("my own")
