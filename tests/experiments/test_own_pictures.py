"""Experiments on your own pictures: changed pictures are another experiment, a copied folder is the same one."""

import json
import shutil
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab.comparison.compare import compare
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.run import load_once, run
from cnnlab.experiments.runs import load_runs
from cnnlab.experiments.store import Store, decode, encode
from cnnlab.experiments.sweep import grid, sweep


@pytest.fixture
def pets(tmp_path):
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for place in range(10):
            noise = random.integers(0, 256, (8, 8)).astype(np.uint8)
            Image.fromarray(noise).save(tmp_path / "pets" / name / f"{place}.png")
    return tmp_path / "pets"


def experiment_on(folder):
    return Experiment(dataset="images", folder=str(folder), size=8, channels=(2,), hidden=4, epochs=1, batch_size=8)


def change(pets):
    Image.new("L", (8, 8), 77).save(pets / "cat" / "0.png")


def test_the_contents_decide_the_key_and_the_folder_does_not(pets, tmp_path, monkeypatch):
    own = experiment_on(pets)
    copy = experiment_on(shutil.copytree(pets, tmp_path / "copy"))
    assert own.key == copy.key == own.with_fingerprint().key == own.replace(size=8, grey=True).key
    assert own.trajectory == own.replace(epochs=3).trajectory == copy.trajectory
    assert own.key != own.replace(size=9).key
    monkeypatch.chdir(tmp_path)
    relative = experiment_on("pets")
    assert relative.key == own.key
    (tmp_path / "other").mkdir()
    shutil.copytree(pets, tmp_path / "other" / "pets")
    change(tmp_path / "other" / "pets")
    monkeypatch.chdir(tmp_path / "other")
    assert relative.key != own.key  # the same words, another folder
    before = own.key
    change(pets)
    assert own.key != before
    with pytest.raises(
        ConfigError, match="fingerprint must be a word of 16 hexadecimal digits, got 'ab'; leave it out"
    ):
        own.replace(fingerprint="ab")


def test_two_runs_in_one_kernel_see_the_pictures_of_their_time(pets):
    own, seen = experiment_on(pets), []
    first = run(own, on_epoch=lambda state: seen.append(state.data.train.pixels.sum()), progress=False)
    for folder in ("cat", "dog"):
        for path in (pets / folder).glob("*.png"):
            Image.new("L", (8, 8), 255).save(path)
    second = run(own, on_epoch=lambda state: seen.append(state.data.train.pixels.sum()), progress=False)
    assert float(seen[1]) == 17 * 64 != float(seen[0])
    assert first.experiment.fingerprint != second.experiment.fingerprint
    assert first.experiment.replace(folder="elsewhere").fingerprint is None
    with pytest.raises(
        DataError, match=r"the pictures in .*pets are not those of this experiment .*: they have changed"
    ):
        load_once(first.experiment.replace(data_seed=1))


def test_a_stored_run_of_other_pictures_is_not_returned_and_this_is_said(pets, tmp_path, trained):
    experiments, store = grid(experiment_on(pets), seed=range(2)), tmp_path / "store"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = sweep(experiments, store, progress=False, workers=1)
        again = sweep(experiments, store, progress=False, workers=1)
        assert len(trained) == 2
        assert [each.history.rows for each in again] == [each.history.rows for each in first]
        copy = shutil.copytree(pets, tmp_path / "copy")
        moved = sweep(grid(experiment_on(copy), seed=range(2)), store, progress=False, workers=1)
        assert len(trained) == 2
        assert [each.experiment.folder for each in moved] == [str(copy)] * 2
    change(pets)
    with pytest.warns(
        UserWarning, match=r"2 stored trainings were on other pictures than those that are in '.*pets' now"
    ):
        changed = sweep(experiments, store, progress=False, workers=1)
    assert len(trained) == 4
    assert {each.experiment.fingerprint for each in changed}.isdisjoint({each.experiment.fingerprint for each in first})
    assert len(load_runs(store)) == 4
    record = json.loads(next(store.glob("*.json")).read_text().replace("\n", ""))
    assert record["experiment"]["fingerprint"] in {each.experiment.fingerprint for each in load_runs(store)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sweep(experiments, store, progress=False, workers=1)
    assert len(trained) == 4


def test_old_records_without_a_fingerprint_stay_readable(pets, tmp_path, trained):
    own, store = experiment_on(pets), tmp_path / "store"
    sweep([own], store, progress=False, workers=1)
    (path,) = store.glob("*.json")
    record = decode(path.read_bytes())
    del record["experiment"]["fingerprint"], record["trajectory"]
    path.unlink()
    old = own.replace(fingerprint="unknown")
    (store / f"{old.trajectory}.json").write_bytes(encode(record))
    (read,) = load_runs(store)
    assert read.experiment == old.replace(grey=True, learning_rate=0.001)
    assert len(load_once(read.experiment).train) == 17
    with pytest.warns(UserWarning, match="1 stored trainings were on other pictures"):
        sweep([own], store, progress=False, workers=1)
    assert len(trained) == 2
    assert len(Store(store).names()) == 2
    assert not list(store.glob("*.bad"))


def test_pictures_that_change_during_a_sweep_fail_in_words(pets, tmp_path):
    fixed = experiment_on(pets).with_fingerprint()
    change(pets)
    with pytest.warns(UserWarning, match=r"1 of 1 runs failed"):
        runs = sweep([fixed], tmp_path / "store", progress=False, workers=1)
    assert "are not those of this experiment" in runs.failures[0].reason


def test_balanced_classes_are_another_experiment_and_keep_the_keys_of_before(pets):
    for place in range(3, 10):
        (pets / "dog" / f"{place}.png").unlink()
    own = experiment_on(pets)
    balanced = own.replace(balanced=True)
    assert own.replace(balanced=False) == own
    assert own.replace(balanced=False).key == own.key == own.replace(balanced=False).with_fingerprint().key
    assert balanced.key != own.key
    assert balanced.trajectory != own.trajectory
    assert (own.resolved()["balanced"], balanced.resolved()["balanced"]) == (False, True)
    assert own.load_data().train.labels.bincount().tolist() == [8, 3]
    assert balanced.load_data().train.labels.bincount().tolist() == [8, 8]
    assert torch.equal(own.load_data().validation.images, balanced.load_data().validation.images)
    with pytest.raises(ConfigError, match="balanced=True is a setting of 'images', not of 'mnist'; leave it out"):
        Experiment(balanced=True)


def test_balanced_runs_are_compared_with_the_others_and_never_trained_in_one_stack(pets):
    for place in range(3, 10):
        (pets / "dog" / f"{place}.png").unlink()
    experiments = grid(experiment_on(pets), balanced=[False, True], seed=range(3))
    runs = sweep(experiments, progress=False, workers=1)
    compared = compare(runs, by="balanced", metric="validation_loss")
    assert [level.level for level in compared.levels] == [False, True]
    assert compared.left_out == 0
    stacked = sweep(experiments, progress=False, device="cpu", replicas=6)
    assert not stacked.failures
    for each, other in zip(runs, stacked, strict=True):
        assert each.history.last("train_loss") == pytest.approx(other.history.last("train_loss"), rel=1e-4)


@pytest.mark.parametrize("workers", [1, 2])
def test_pictures_that_a_sweep_leaves_out_are_named_once_wherever_it_trains(pets, workers):
    (pets / "cat" / "10.heic").write_bytes(b"x")
    patience = [None, 1] if workers == 1 else [None]  # each kind has workers of its own, which take seconds to start
    experiments = grid(experiment_on(pets), seed=range(2), patience=patience)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runs = sweep(experiments, workers=workers, progress=False)
    assert len(runs) == len(experiments)
    words = [str(warning.message) for warning in caught]
    assert words == [
        f"{pets}: left out 1 picture of a kind that can't be loaded: cat/10.heic; save them as PNG or JPEG"
    ]
    assert caught[0].filename == __file__
