"""The stores of a class are loaded together: nothing twice, and what is unlike is named."""

import dataclasses
import errno
import os
import shutil
import warnings
import zipfile

import pytest
from tiny_sweeps import TINY

from cnnlab import ConfigError, grid, load_runs, noise_floor, sweep
from cnnlab.experiments.pooled_runs import find_stores, pool_runs
from cnnlab.experiments.store import Store


@pytest.fixture(scope="module")
def klass(tmp_path_factory):
    """Return a folder with the stores of three students, one of them a .zip, and files of other kinds beside them."""
    folder = tmp_path_factory.mktemp("class")
    for name, seed in {"ada": 0, "bob": 1, "cid": 2}.items():
        sweep(grid(TINY, seed=[seed]), folder / name, workers=1, progress=False)
    shutil.make_archive(str(folder / "bob"), "zip", folder / "bob")
    shutil.rmtree(folder / "bob")
    (folder / "notes.txt").write_text("who is missing?")
    (folder / ".hidden").mkdir()
    return folder


def test_a_folder_of_stores_is_loaded_as_one(klass):
    assert [path.name for path in find_stores(klass)] == ["ada", "bob.zip", "cid"]
    runs = load_runs(klass)
    assert sorted(run.experiment.seed for run in runs) == [0, 1, 2]
    alone = [load_runs(klass / name)[0] for name in ("ada", "bob.zip", "cid")]
    assert noise_floor(runs) == noise_floor(alone)


def test_a_list_may_mix_folders_and_zips(klass):
    runs = load_runs([klass / "ada", str(klass / "bob.zip")])
    assert sorted(run.experiment.seed for run in runs) == [0, 1]
    assert len(load_runs(klass / name for name in ("ada", "cid"))) == 2


def test_what_two_stores_hold_counts_once_and_is_named(klass, tmp_path):
    shutil.copytree(klass / "ada", tmp_path / "copy")
    words = r"1 experiment is in two stores, and the first one counts: seed 0 in ada and copy \(the same numbers\)$"
    with pytest.warns(UserWarning, match=words):
        assert len(load_runs([klass / "ada", tmp_path / "copy"])) == 1


def test_a_training_that_took_other_seconds_has_the_same_numbers(klass):
    (ada,) = load_runs(klass / "ada")
    rows = [row | {"seconds": row["seconds"] + 1} for row in ada.history.rows]
    again = dataclasses.replace(ada, history=dataclasses.replace(ada.history, rows=rows))
    with pytest.warns(UserWarning, match=r"seed 0 in ada and eve \(the same numbers\)"):
        assert pool_runs({"ada": [ada], "eve": [again]}) == [ada]


def test_other_numbers_and_other_versions_are_named(klass):
    (ada,), (cid,) = load_runs(klass / "ada"), load_runs(klass / "cid")
    rows = [row | {"train_loss": 9.0} for row in ada.history.rows]
    other = dataclasses.replace(ada, history=dataclasses.replace(ada.history, rows=rows))
    with pytest.warns(UserWarning, match=r"seed 0 in ada and eve \(other numbers\)"):
        assert pool_runs({"ada": [ada], "eve": [other]}) == [ada]
    old = dataclasses.replace(cid.history, environment=cid.history.environment | {"torch": "1.0"})
    with pytest.warns(UserWarning, match=r"different versions of torch: 1.0 \(cid\), .* \(ada\)"):
        pool_runs({"ada": [ada], "cid": [dataclasses.replace(cid, history=old)]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pool_runs({"ada": [ada], "cid": [cid]}) == [ada, cid]


def test_a_zip_that_has_not_arrived_whole_is_named(klass):
    whole = next(klass.glob("*.zip")).read_bytes()
    expected = len(load_runs(klass))
    (klass / "dora.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.warns(UserWarning, match=r"^dora.zip: damaged, or not copied to the end, so left out; copy it again$"):
        assert len(load_runs(klass)) == expected


@pytest.fixture
def own_class(klass, tmp_path):
    """Return a copy of the class's folder, which a test may change."""
    return shutil.copytree(klass, tmp_path / "own", ignore=shutil.ignore_patterns("dora.zip"))


BROKEN = {
    "no end": lambda zipped: zipped[:-30],
    "directory": lambda zipped: zipped.replace(b"PK\1\2", b"PK\1\3", 1),
    "empty": lambda _: b"",
    "another kind": lambda _: b"<html>you are not logged in</html>",
}


@pytest.mark.parametrize("suffix", [".zip", ".ZIP"])
@pytest.mark.parametrize("damage", BROKEN)
def test_one_students_damaged_zip_leaves_the_others(own_class, damage, suffix):
    (own_class / f"dora{suffix}").write_bytes(BROKEN[damage]((own_class / "bob.zip").read_bytes()))
    with pytest.warns(UserWarning, match=r"^dora") as caught:
        assert sorted(run.experiment.seed for run in load_runs(own_class)) == [0, 1, 2]
    words = f"dora{suffix}: damaged, or not copied to the end, so left out; copy it again"
    assert [str(each.message) for each in caught] == [words]


def test_one_students_shut_folder_leaves_the_others(own_class, monkeypatch):
    shut, scandir = {own_class / "bob", own_class / "dora"}, os.scandir
    for path in shut:
        shutil.copytree(own_class / "ada", path)

    def refuse(path):
        if path in shut:
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.warns(UserWarning, match=r"^bob") as caught:
        assert sorted(run.experiment.seed for run in load_runs(own_class)) == [0, 1, 2]
    assert [str(each.message) for each in caught] == ["bob, dora: can't be read, so left out; change the permissions"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes of this kind")
@pytest.mark.parametrize("name", ["pipe", "pipe.zip"])
def test_a_pipe_in_a_class_is_not_waited_for(own_class, name):
    os.mkfifo(own_class / name)
    if name.endswith(".zip"):
        with pytest.warns(UserWarning, match=r"^pipe.zip: damaged"):
            assert len(load_runs(own_class)) == 3
    else:
        assert len(load_runs(own_class)) == 3


def test_what_a_class_has_handed_in_without_a_run_is_named(klass, tmp_path):
    folder = tmp_path / "class"
    shutil.copytree(klass / "ada", folder / "ada")
    shutil.copytree(klass / "cid", folder / "dora" / "runs" / "dora")  # one folder too deep
    (folder / "eve").mkdir()
    (folder / "fay.7z").write_bytes(b"7z")
    (folder / "gus.RAR").write_bytes(b"Rar!")
    (folder / "notes.txt").write_text("who is missing?")
    words = r"^dora, eve, fay.7z and 1 more: without a run that can be read, so left out; give the folder that sweep "
    with pytest.warns(UserWarning, match=words) as warned:
        assert [run.experiment.seed for run in load_runs(folder)] == [0]
    assert warned[0].filename == __file__


NOTHING = {
    "nothing": [], "a notebook": ["06.ipynb"], "a page": ["report.html"], "a .rar": ["ada.rar"],
    "a .7z": ["ada.7z"], "a folder": ["photos/cat.png"], "an empty .zip": ["ada.zip"],
}  # fmt: skip


@pytest.mark.parametrize("content", NOTHING)
def test_a_folder_without_a_run_is_named(content, tmp_path):
    for name in NOTHING[content]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if name.endswith(".zip"):
            zipfile.ZipFile(tmp_path / name, "w").close()
        else:
            (tmp_path / name).write_bytes(b"other")
    with pytest.warns(UserWarning, match="holds no run; is it the right folder") as warned:
        assert len(load_runs(tmp_path)) == 0
    assert [str(each.message).split(" holds")[0] for each in warned] == [str(tmp_path)]
    assert warned[0].filename == __file__


def test_a_store_without_a_run_is_named_in_a_list_too(klass, tmp_path):
    zipfile.ZipFile(tmp_path / "bob.zip", "w").close()
    with pytest.warns(UserWarning, match=r"bob\.zip holds no run"):
        assert len(load_runs([klass / "ada", tmp_path / "bob.zip"])) == 1


def test_a_sweep_that_trains_its_first_run_may_be_looked_at(tmp_path):
    Store(tmp_path / "runs").prepare()
    assert len(load_runs(tmp_path / "runs")) == 0


def test_what_can_be_no_store_is_refused(klass, tmp_path):
    with pytest.raises(ConfigError, match="the list is empty"):
        load_runs([])
    with pytest.raises(ConfigError, match="nowhere does not exist"):
        load_runs([klass / "ada", tmp_path / "nowhere"])
