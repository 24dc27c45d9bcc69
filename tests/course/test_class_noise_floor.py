"""The noise floor of a class is drawn, and drawn anew when files arrive."""

import shutil
import threading

import numpy as np
import pytest
from pictures import pixels_of
from places import PATIENCE
from tiny_sweeps import TINY

from cnnlab import ClassNoiseFloor, ConfigError, grid, load_runs, noise_floor, sweep
from cnnlab.course import class_noise_floor as module


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    for seed in range(3):
        sweep(grid(TINY, seed=[seed]), folder / f"student {seed}", workers=1, progress=False)
    return folder


@pytest.fixture
def klass(stores, tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    for seed in range(2):
        shutil.copytree(stores / f"student {seed}", folder / f"student {seed}")
    return folder


def test_it_shows_the_floor_of_all_stores_and_looks_again(stores, klass):
    panel = ClassNoiseFloor(klass, metric="validation_loss")
    before = pixels_of(panel.plot)
    floor = noise_floor(load_runs(klass), metric="validation_loss")
    assert panel.status.value == f"2 seeds, noise floor of the validation loss (nats): {floor:.4f}."
    shutil.copytree(stores / "student 2", klass / "student 2")
    panel.look.click()
    floor = noise_floor(load_runs(klass), metric="validation_loss")
    assert panel.status.value == f"3 seeds, noise floor of the validation loss (nats): {floor:.4f}."
    assert (pixels_of(panel.plot) != before).any()


def test_a_store_with_another_setting_is_left_out_and_named(klass):
    floor = noise_floor(load_runs(klass))
    sweep(grid(TINY.replace(epochs=1), seed=[7]), klass / "student 7", workers=1, progress=False)
    words = f"2 seeds, noise floor of the validation accuracy (0–1): {floor:.4f}. Left out: seed 7 has epochs=1."
    panel = ClassNoiseFloor(klass)  # it is there already
    assert panel.status.value == words
    assert sorted(run.experiment.seed for run in panel.runs) == [0, 1]
    sweep(grid(TINY.replace(epochs=1, hidden=6), seed=[1]), klass / "student 8", workers=1, progress=False)
    panel.look.click()  # it arrives later
    assert panel.status.value == words.replace(
        "seed 7 has epochs=1.", "seed 7 has epochs=1; seed 1 has epochs=1, hidden=6."
    )
    assert panel.left_out == ["seed 7 has epochs=1", "seed 1 has epochs=1, hidden=6"]


def test_it_follows_the_folder(stores, klass, monkeypatch):
    panel = ClassNoiseFloor(klass)
    monkeypatch.setattr(module, "PAUSE", 0.01)
    looks = []
    draw = panel._draw

    def draw_and_add():
        draw()
        looks.append(len(panel.runs))
        if len(looks) == 1:
            shutil.copytree(stores / "student 2", klass / ".copied")
            (klass / ".copied").rename(klass / "student 2")  # whole at once
        elif len(panel.runs) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(panel, "_draw", draw_and_add)
    panel.follow(60)
    assert (looks[0], looks[-1]) == (2, 3)
    assert panel.status.value.startswith("3 seeds, noise floor of the validation accuracy")
    assert panel.status.value.endswith("No longer followed.")


def test_the_time_ends_it(klass):
    follower = threading.Thread(target=ClassNoiseFloor(klass).follow, args=(0.05,))
    follower.start()
    follower.join(PATIENCE)
    assert not follower.is_alive()


def test_little_or_odd_content_is_said(stores, tmp_path):
    (tmp_path / "empty" / "notes").mkdir(parents=True)
    panel = ClassNoiseFloor(tmp_path / "empty")
    assert panel.status.value.startswith("0 seeds: a noise floor needs two or more. ")
    assert "empty holds no run; is it the right folder?" in panel.status.value
    assert ClassNoiseFloor(stores / "student 0").status.value == "1 seed: a noise floor needs two or more."
    with pytest.raises(ConfigError, match="nowhere does not exist"):
        ClassNoiseFloor(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="seconds must be"):
        panel.follow(float("nan"))
    assert np.asarray(pixels_of(panel.plot)).size
