"""Data sets loaded by name and from a folder, compared with torchvision, with their splits, checks and errors."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

import cnnlab
from cnnlab.data import shipped
from cnnlab.data.loading import count_images, load_data, load_images
from cnnlab.errors import ConfigError, DataError
from cnnlab.files import data_folder


def test_train_and_validation_are_disjoint_and_come_from_the_published_training_set(monkeypatch):
    # every image of this training set is its own number, so that we see who went where
    training_set = torch.arange(3000.0).reshape(-1, 1, 1, 1) / 3000, torch.arange(3000) % 10
    test_set = -torch.ones(50, 1, 1, 1), torch.arange(50) % 10
    monkeypatch.setattr(shipped, "_read_archives", lambda *_: (training_set, test_set))
    data = load_data("mnist", train=1000, validation=500, seed=1)

    def numbers(split):
        return set((split.images * split.std + split.mean).mul(3000).round().flatten().int().tolist())

    assert len(numbers(data.train)) == 1000
    assert len(numbers(data.validation)) == 500
    assert not numbers(data.train) & numbers(data.validation)
    assert numbers(data.open_test()) == {-3000}
    assert numbers(load_data("mnist", train=1000, validation=500, seed=1).train) == numbers(data.train)
    assert numbers(load_data("mnist", train=1000, validation=500, seed=2).train) != numbers(data.train)
    smaller = load_data("mnist", train=300, validation=500, seed=1)
    assert numbers(smaller.validation) == numbers(data.validation)
    assert numbers(smaller.train) < numbers(data.train)
    whole = load_data("mnist")
    assert [len(whole.train), len(whole.validation), len(whole.open_test())] == [2700, 300, 50]
    assert len(load_data("mnist", validation=0).train) == 3000


def test_patterns_are_a_data_set_like_the_others():
    data = load_data("patterns", train=300, validation=100, test=60, seed=3, structure="texture", classes=3)
    assert [len(data.train), len(data.validation), len(data.open_test())] == [300, 100, 60]
    assert data.classes == ("pattern 0", "pattern 1", "pattern 2")
    assert torch.equal(data.train.labels.bincount(), torch.tensor([100, 100, 100]))
    again = load_data("patterns", train=300, validation=100, test=60, seed=3, structure="texture", classes=3)
    assert torch.equal(again.train.images, data.train.images)
    assert not torch.equal(load_data("patterns", train=300, seed=4).train.images, data.train.images)
    assert len(load_data("patterns", train=10_500, validation=500).train) == 10_500


def test_own_pictures(tmp_path):
    folder = tmp_path / "meine Bilder é"
    for name, grey in (("black", 0), ("<img onerror=alert(1)>", 255)):
        (folder / name).mkdir(parents=True)
        for index in range(10):
            Image.new("RGB", (10, 12), (grey,) * 3).save(folder / name / f"{index}.png")
    data = load_images(folder, size=6)
    assert data.classes == ("<img onerror=alert(1)>", "black")
    assert data.input_shape == (1, 6, 6)
    assert len(data.train) + len(data.validation) + len(data.open_test()) == 20
    for split in (data.train, data.open_test()):
        assert torch.equal(split.pixels.mean((1, 2, 3)).round().long(), 1 - split.labels)
    assert load_images(folder, size=6, grey=False).input_shape == (3, 6, 6)

    (folder / "black" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"broken.png can't be read as a picture; remove or replace it"):
        load_images(folder)
    with pytest.raises(DataError, match="is not a folder; give one that holds a folder for each class"):
        load_images(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="must hold a folder for each class, with pictures in it"):
        load_images(tmp_path / "empty")


def test_pictures_are_counted_without_being_opened(tmp_path):
    for name, count in (("cat", 3), ("dog", 2)):
        (tmp_path / name).mkdir()
        for index in range(count):
            (tmp_path / name / f"{index}.png").write_bytes(b"no picture")
    (tmp_path / "dog" / "notes.txt").write_text("not counted")
    assert count_images(tmp_path) == 5
    with pytest.raises(DataError, match="is not a folder"):
        count_images(tmp_path / "nowhere")


FAULTS = [
    (lambda: load_data("mnits"), "unknown dataset 'mnits'; did you mean 'mnist'? choose from 'mnist', 'patterns'"),
    (
        lambda: load_data("mnist", train=59_000, validation=2_000),
        "train=59000 and validation=2000 ask for 61000 images, but 'mnist' has 60000; make one of them smaller",
    ),
    (lambda: load_data("mnist", train=0), "train must be a whole number of 1 or more, got 0"),
    (lambda: load_data("mnist", validation=-1), "validation must be a whole number of 0 or more, got -1"),
    (lambda: load_data("mnist", train=10.0), "train must be a whole number of 1 or more, got 10.0"),
    (lambda: load_data("mnist", test=10_001), "test=10001 asks for more than the 10000 test images of 'mnist'"),
    (lambda: load_data("mnist", seed=-1), "seed must be a whole number of 0 or more, got -1"),
    (lambda: load_data("mnist", noise=0.1), "noise is a setting of 'patterns', not of 'mnist'; leave it out"),
    (lambda: load_data("mnist", trian=5), "unknown argument 'trian'; did you mean 'train'?"),
    (lambda: load_data("patterns", nois=0.1), "unknown setting of 'patterns' 'nois'; did you mean 'noise'?"),
]


@pytest.mark.parametrize(("call", "words"), FAULTS, ids=[words[:40] for _, words in FAULTS])
def test_what_can_not_be_is_named_with_a_remedy(call, words):
    with pytest.raises(ConfigError) as caught:
        call()
    assert words in str(caught.value)


def test_reading_writes_nothing_and_any_path_will_do(tmp_path):
    """As on a read-only disk: in another process every opening of a file for writing is refused."""
    package = tmp_path / "a folder ü" / "cnnlab"
    shutil.copytree(Path(cnnlab.__file__).parent, package)
    shutil.copytree(data_folder(), package.parent / "data")
    program = """
import os, sys
import torch
import cnnlab.data.loading, cnnlab.data.idx
def refuse(event, arguments):
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        raise PermissionError(f"read-only: {arguments[0]}")
sys.addaudithook(refuse)
try:
    open("x", "w")
except PermissionError:
    print("refuses")
data = cnnlab.load_data("mnist", train=100, validation=10, test=10)
print(len(data.train), "ü" in cnnlab.data_folder().as_posix())
"""
    result = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program],
        cwd=package.parent,
        capture_output=True,
        encoding="utf8",
        check=True,
    )
    assert result.stdout.split() == ["refuses", "100", "True"]
