"""The stores of a class are loaded together: nothing twice, and what is unlike is named."""

import dataclasses
import shutil
import warnings

import pytest
from tiny_sweeps import TINY

from cnnlab import ConfigError, grid, load_runs, noise_floor, sweep
from cnnlab.experiments.pooled_runs import find_stores, pool_runs


@pytest.fixture(scope="module")
def klass(tmp_path_factory):
    """Return a folder with the stores of three students, one of them a .zip, and other files beside them."""
    folder = tmp_path_factory.mktemp("class")
    for name, seed in {"ada": 0, "bob": 1, "cid": 2}.items():
        sweep(grid(TINY, seed=[seed]), folder / name, workers=1, progress=False)
    shutil.make_archive(str(folder / "bob"), "zip", folder / "bob")
    shutil.rmtree(folder / "bob")
    (folder / "notes.txt").write_text("who is missing?")
    (folder / "empty").mkdir()
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


def test_nothing_there_is_said(klass, tmp_path):
    assert len(load_runs(klass / "empty")) == 0
    (tmp_path / "photos").mkdir()
    with pytest.warns(UserWarning, match="holds no run; is it the right folder"):
        assert len(load_runs(tmp_path)) == 0
    with pytest.raises(ConfigError, match="the list is empty"):
        load_runs([])
    with pytest.raises(ConfigError, match="nowhere does not exist"):
        load_runs([klass / "ada", tmp_path / "nowhere"])
