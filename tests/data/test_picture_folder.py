"""The walk of a folder: what counts as a picture and as a class, what is left out, what is refused in words."""

import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnlab.data import picture_folder
from cnnlab.data.duplicates import find_duplicates
from cnnlab.data.loading import LeftOutWarning, count_images, load_images
from cnnlab.data.picture_folder import find_pictures
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import Experiment


def make(root, *paths):
    """Write small pictures, each with a grey of its own."""
    for place, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), place).save(root / path)


def ten(name):
    return [f"{name}/{place}.png" for place in range(10)]


@pytest.fixture
def pets(tmp_path):
    make(tmp_path / "pets", *ten("cat"), *ten("dog"))
    return tmp_path / "pets"


HIDDEN = [
    ".ipynb_checkpoints", ".git", ".thumbnails", "@eaDir", "$RECYCLE.BIN", ".Trash-1000", "System Volume Information",
    "__MACOSX", "Network Trash Folder", "Temporary Items", "found.000", "lost+found", "#recycle", "@__thumb",
    "@Recycle", "@Recently-Snapshot", ".@__thumb", "#snapshot", "@tmp", "@sharebin", "LOST.DIR",
]  # fmt: skip


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_and_system_folders_are_no_classes_and_no_copies(pets, name):
    (pets / "empty" / name).mkdir(parents=True)
    make(pets, f"{name}/0.png", f"cat/{name}/0-checkpoint.png", f"{name}/cat/1.png")
    make(pets, "cat/._0.png", "._1.png", ".hidden.png")
    (pets / "cat" / "Thumbs.db").write_bytes(b"x")
    found = find_pictures(pets)
    assert found.classes == ("cat", "dog")
    assert found.files == (*ten("cat"), *ten("dog"))
    assert found.labels == (0,) * 10 + (1,) * 10
    assert found.left_out == ("empty (a folder without a picture)",)
    assert count_images(pets) == 20
    experiment = Experiment(dataset="images", folder=str(pets))
    assert experiment.layer_table()[-1].output_shape == (2,)
    assert len(load_images(pets).train) == 17  # of 20, 2 are locked away; of 18, 1 is for validation


def wrong(root: Path, *paths: str) -> str:
    """Return what is said of a folder with these pictures."""
    make(root, *paths)
    with pytest.raises(DataError) as caught:
        count_images(root)
    with pytest.raises(DataError):
        load_images(root)
    with pytest.raises(DataError):
        Experiment(dataset="images", folder=str(root)).layer_table()
    return str(caught.value)


def test_a_folder_at_the_wrong_level_is_refused_with_the_one_to_give(tmp_path):
    splits = [f"{split}/{path}" for split in ("train", "val", "test") for path in (*ten("cat"), *ten("dog"))]
    assert wrong(tmp_path / "a", *splits).endswith(
        f"but test, train, val hold only folders; give {tmp_path / 'a/train'}"
    )
    assert wrong(tmp_path / "b", *(f"b/{path}" for path in (*ten("cat"), *ten("dog")))).endswith(f"{tmp_path / 'b/b'}")
    assert "holds 1 pictures itself; put each into a folder of its class" in wrong(tmp_path / "c", "0.png")
    assert "holds one class only, cat; make a folder for each class" in wrong(tmp_path / "d", *ten("cat"))
    assert "put the pictures of a class into one folder" in wrong(tmp_path / "e", "cat/train/0.png", "dog/train/0.png")
    assert "are splits, not classes" in wrong(tmp_path / "f", "train/0.png", "test/0.png")
    make(tmp_path / "g", "dog/0.png")
    assert wrong(tmp_path / "g" / "cat", "0.png").endswith(f"give {tmp_path / 'g'}")
    (tmp_path / "h" / "cat").mkdir(parents=True)
    assert "must hold a folder for each class, with pictures in it, and holds no picture" in wrong(tmp_path / "h")


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        ("train, test1", "test1, train"), ("training_set, test_set", "test_set, training_set"),
        ("train_images, test_images", "test_images, train_images"), ("train2017, val2017", "train2017, val2017"),
        ("Training Data, Test Data", "Test Data, Training Data"), ("train, test, sample", "test, train"),
        ("latih, uji, validasi", "latih, uji, validasi"), ("train", "train"),
        ("trainset, testset", "testset, trainset"), ("training, holdout", "holdout, training"),
        ("trainA, testA", "testA, trainA"), ("TrainImages, TestImages", "TestImages, TrainImages"),
        ("DataLatih, DataUji", "DataLatih, DataUji"), ("Xtrain, Xtest", "Xtest, Xtrain"), ("trn, tst", "trn, tst"),
        ("data pelatihan, data pengujian", "data pelatihan, data pengujian"),
        ("train, unlabeled", "train, unlabeled"), ("fold1, fold2, fold3", "fold1, fold2, fold3"),
    ],
)  # fmt: skip
def test_splits_are_known_by_a_word_of_their_name(folders, splits, tmp_path):
    message = wrong(tmp_path / "all", *(f"{folder}/{name}.png" for folder in folders.split(", ") for name in range(3)))
    assert f"the folders in {tmp_path / 'all'}, {splits}, are splits, not classes" in message


@pytest.mark.parametrize(
    "folders",
    [
        "car, train, bus",
        "pilot training, driver training, rest",
        "contest, valley",
        "valleySet, testament",
        "hot rod, bulletTrain",
    ],
)
def test_a_class_may_have_such_a_word(folders, tmp_path):
    make(tmp_path / "all", *(f"{folder}/{name}.png" for folder in folders.split(", ") for name in range(3)))
    assert count_images(tmp_path / "all") == 3 * len(folders.split(", "))


def test_class_names_that_differ_in_capitals_only_are_refused(pets):
    make(pets, "Cat/0.png")
    with pytest.raises(DataError, match="holds 'Cat' and 'cat'; put them together, or rename one"):
        count_images(pets)


def test_every_suffix_that_pillow_reads_counts_in_small_and_capital_letters(pets):
    names = ["a.gif", "b.jfif", "c.jpe", "d.JPG", "e.jp2", "f.avif", "g.WebP", "h.TIFF", "i.bmp", "j.pgm", "k.Jpeg"]
    picture = Image.fromarray(np.full((4, 4), 51, np.uint8))
    for name in names:
        picture.save(pets / "cat" / name)
    picture.save(pets / "cat" / "l.tga")
    assert count_images(pets) == 32
    assert len(load_images(pets, train=32, validation=0, test=0, size=4).train) == 32


def test_what_can_not_be_loaded_is_named_once(pets, capsys):
    for name in ("a.heic", "b.SVG", "c.eps", "notes.txt"):
        (pets / "cat" / name).write_bytes(b"x")
    os.symlink("nowhere", pets / "dog" / "broken.png")
    os.symlink("self", pets / "dog" / "self")
    (pets / "bird").mkdir()
    with pytest.warns(UserWarning, match=r"left out 4 pictures .*: cat/a.heic, cat/b.SVG, cat/c.eps, dog/broken.png"):
        load_images(pets)
    (line,) = capsys.readouterr().out.splitlines()
    assert line == (
        "pets: 20 pictures of 2 classes (cat 10, dog 10), each made 1×28×28; "
        "left out bird (a folder without a picture), cat/a.heic, cat/b.SVG, "
        "cat/c.eps, cat/notes.txt, dog/broken.png (no file), dog/self (no file)"
    )


def test_animations_are_counted_in_the_line_also_from_the_cache(pets, capsys):
    frames = [Image.new("L", (4, 4), shade) for shade in (0, 255)]
    frames[0].save(pets / "cat" / "moving.gif", save_all=True, append_images=frames[1:])
    load_images(pets)
    load_images(pets)
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert first.endswith("; of 1 file with several pictures only the first")


def test_damaged_files_are_named_together_the_first_ten(pets):
    for place in range(12):
        (pets / "cat" / f"bad{place:02}.png").write_bytes(b"no picture")
    with pytest.raises(DataError) as caught:
        load_images(pets)
    first, *lines, last = str(caught.value).splitlines()
    assert first == "12 files can't be loaded; remove or replace them:"
    assert lines == [f"  {pets}/cat/bad{place:02}.png can't be read as a picture" for place in range(10)]
    assert last == "  and 2 more"


@pytest.mark.timeout(60)
def test_a_file_of_a_terabyte_is_named_and_not_read(pets):
    for name in ("film", "another"):
        (pets / "cat" / f"{name}.png").touch()
        os.truncate(pets / "cat" / f"{name}.png", 10**12)
    with pytest.raises(DataError) as caught:
        load_images(pets)
    assert str(caught.value).splitlines()[1:] == [
        f"  {pets}/cat/another.png has more than 500 MB", f"  {pets}/cat/film.png has more than 500 MB",
    ]  # fmt: skip
    assert ("cat/another.png", "cat/film.png") not in find_duplicates(pets, near=False)


def test_links_are_followed_and_loops_end(pets, tmp_path):
    make(tmp_path / "elsewhere", *ten("bird"))
    os.symlink(tmp_path / "elsewhere" / "bird", pets / "bird")
    os.symlink("..", pets / "cat" / "loop")
    os.symlink(".", pets / "cat" / "here")
    assert count_images(pets) == 30


def test_names_that_are_no_utf8(pets):
    folder = os.fsencode(pets) + b"/caf\xe9"
    os.mkdir(folder)
    for place in range(3):
        Image.new("L", (4, 4)).save(os.fsdecode(folder + b"/\xff%d.png" % place))
    data = load_images(pets)
    assert data.classes == ("caf�", "cat", "dog")
    Experiment(dataset="images", folder=str(pets)).key.encode("ascii")
    (pets / "dog" / os.fsdecode(b"\xff.png")).write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"�\.png can't be read as a picture; remove or replace it"):
        load_images(pets)


def test_a_folder_may_be_given_in_every_way(pets, monkeypatch):
    monkeypatch.setenv("HOME", str(pets.parent))
    monkeypatch.chdir(pets.parent)
    for folder in (pets, str(pets), "~/pets", Path("~/pets"), "pets", "./pets/", b"pets".decode()):
        assert count_images(folder) == 20
    monkeypatch.chdir(pets)
    assert load_images(".").name == "pets"
    for folder in ("", 3, None, ["pets"]):
        with pytest.raises(ConfigError, match="folder must be the path of a folder that holds a folder for each class"):
            count_images(folder)
    with zipfile.ZipFile(pets / "pets.zip", "w"):
        pass
    with pytest.raises(DataError, match=r"is a \.zip; unpack it, and give a folder that holds a folder for each class"):
        load_images(pets / "pets.zip")


def test_a_folder_and_a_file_that_may_not_be_read(pets, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"0.png can't be opened \(Permission denied\); change its permissions"):
        load_images(pets)
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"can't be read \(Permission denied\); change its permissions"):
        load_images(pets)


def test_a_name_with_a_line_break_stays_in_the_one_line_of_the_report(tmp_path, capsys):
    make(tmp_path / "pets", *ten("cat\nand\rkitten"), *ten("dog"))
    (tmp_path / "pets" / "dog" / "read\nme.txt").write_text("words")
    load_images(tmp_path / "pets")
    assert len(capsys.readouterr().out.splitlines()) == 1


# --- Names that say nothing


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "JPEG2000", "AVIF"])
@pytest.mark.parametrize("name", ["0001", "cat.jpg?size=large"])
def test_a_picture_whose_name_says_nothing_is_known_by_its_first_bytes(pets, kind, name):
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow does not write {kind}")
    Image.new("RGB", (20, 10), (51, 51, 51)).save(pets / "cat" / name, kind)
    found = find_pictures(pets)
    assert sorted(set(found.files) - set(ten("cat") + ten("dog"))) == [f"cat/{name}"]
    data = load_images(pets, size=2, train=19, validation=0, test=2)
    assert len(data.train) == 19


@pytest.mark.parametrize(
    "content", [b"", b"P6 is a street\n", b"BMW, Audi and others\n", b"GIF", b"II", b"RIFF____WAVEfmt ", bytes(16)]
)
def test_another_file_whose_name_says_nothing_is_left_out(pets, content):
    (pets / "cat" / "README").write_bytes(content)
    (pets / "dog" / "labels.npy").write_bytes(content)
    found = find_pictures(pets)
    assert (len(found.files), found.left_out) == (20, ("cat/README", "dog/labels.npy"))


def test_a_folder_of_pictures_without_suffixes_is_loaded_and_found_from_below(tmp_path, capsys):
    for path in (*ten("cat"), *ten("dog")):
        place = tmp_path / "pets" / path.removesuffix(".png")
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(place, "PNG")
    assert len(load_images(tmp_path / "pets").train) == 17
    assert "20 pictures of 2 classes (cat 10, dog 10), each made 1×28×28\n" in capsys.readouterr().out
    assert wrong(tmp_path / "pets" / "cat").endswith(f"holds 10 pictures itself; give {tmp_path / 'pets'}")


def test_a_file_with_a_suffix_is_what_its_suffix_says(pets):
    """A camera's raw file begins as a TIFF, of a thumbnail; a backup is a copy, and a part of a download is damaged."""
    names = ["0.png.bak", "0.png~", "0~", "0.png.part", "0.crdownload", "0.orig", "0.png.1"]
    for name in ("0.nef", "0.pef", "0.dng", *names):
        Image.new("L", (4, 4)).save(pets / "cat" / name, "TIFF")
    found = find_pictures(pets)
    assert len(found.files) == 20
    assert found.pictures_left_out == ["cat/0.dng", "cat/0.nef", "cat/0.pef"]


@pytest.mark.parametrize("name", ["0.jfi", "0.jpeg_large", "0.jpg!d", "IMG.1234", "2021.05.06 12.33.12", "mr. smith"])
def test_a_picture_under_a_name_that_is_no_pictures_is_named(pets, name):
    Image.new("L", (4, 4)).save(pets / "cat" / name, "JPEG")
    (pets / "cat" / "notes.txt").write_bytes(b"no picture")
    with pytest.warns(
        LeftOutWarning, match=rf"left out 1 picture of a kind that can't be loaded: cat/{re.escape(name)};"
    ):
        load_images(pets)


@pytest.mark.parametrize("suffix", ["dds", "cur", "blp", "ftex", "pct"])
def test_a_kind_that_pillow_reads_in_part_and_we_do_not_is_named(pets, suffix):
    (pets / "cat" / f"0.{suffix}").write_bytes(b"x")
    assert find_pictures(pets).pictures_left_out == [f"cat/0.{suffix}"]


def test_pictures_beside_the_folders_of_the_classes_are_named_with_what_to_do(pets):
    make(pets, "1.png", "0.png")
    (pets / "2.heic").write_bytes(b"x")
    with pytest.warns(LeftOutWarning) as caught:
        load_images(pets)
    assert str(caught[0].message) == (
        f"{pets}: left out 1 picture of a kind that can't be loaded: 2.heic; save them as PNG or JPEG; "
        "left out 2 pictures in no folder of a class: 0.png, 1.png; move each into one"
    )


def test_a_whole_disk_and_a_folder_without_a_name_are_refused(pets, monkeypatch):
    (pets / " ").mkdir()
    Image.new("L", (4, 4)).save(pets / " " / "0.png")
    assert wrong(pets) == f"{pets} holds a folder whose name is blank; rename it"
    monkeypatch.setattr(picture_folder, "MOST_FILES", 20)
    assert wrong(pets).startswith(f"{pets} holds more than 20 files; give a folder that holds a folder for each class")
