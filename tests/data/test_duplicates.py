"""Pictures that are in a folder twice: found whatever their format, and no others."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scipy.sparse.csgraph import connected_components

from cnnlab.data import duplicates
from cnnlab.data.duplicates import find_duplicates
from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError, DataError


def photograph(seed, side=96):
    """Return a picture with large and small parts, as a photograph has."""
    random = np.random.default_rng(seed)
    layers = [
        Image.fromarray(random.integers(0, 256, (part, part, 3)).astype(np.uint8)).resize((side, side), 3)
        for part in (3, 7, 20)
    ]
    return Image.blend(Image.blend(layers[0], layers[1], 0.5), layers[2], 0.2)


@pytest.fixture
def pets(tmp_path):
    for place, name in enumerate(("cat", "dog")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(5):
            photograph(10 * place + number).save(tmp_path / "pets" / name / f"{number}.png")
    return tmp_path / "pets"


CHANGES = {
    "renamed": lambda picture: (picture, "x.png", {}),
    "another format": lambda picture: (picture, "x.bmp", {}),
    "JPEG of low quality": lambda picture: (picture, "x.jpg", {"quality": 40}),
    "smaller": lambda picture: (picture.resize((64, 64)), "x.png", {}),
    "larger": lambda picture: (picture.resize((200, 200)), "x.png", {}),
    "brighter": lambda picture: (ImageEnhance.Brightness(picture).enhance(1.15), "x.png", {}),
    "of less contrast": lambda picture: (ImageEnhance.Contrast(picture).enhance(0.7), "x.png", {}),
    "transparent nowhere": lambda picture: (picture.convert("RGBA"), "x.png", {}),
}


@pytest.mark.parametrize("folder", ["cat", "dog"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_and_named(pets, change, folder):
    assert find_duplicates(pets) == []
    copy, name, options = CHANGES[change](photograph(2))
    copy.save(pets / folder / name, **options)
    assert find_duplicates(pets) == [("cat/2.png", f"{folder}/{name}")]


def test_only_equal_bytes_are_found_where_nothing_else_is_asked_for(pets):
    (pets / "dog" / "same.png").write_bytes((pets / "cat" / "0.png").read_bytes())
    photograph(1).save(pets / "dog" / "near.jpg")
    assert find_duplicates(str(pets), near=False) == [("cat/0.png", "dog/same.png")]
    assert find_duplicates(pets) == [("cat/0.png", "dog/same.png"), ("cat/1.png", "dog/near.jpg")]


def test_several_copies_are_one_group(pets):
    for number, name in enumerate(("cat/a.jpg", "dog/b.jpg", "dog/c.jpg")):
        photograph(3).save(pets / name, quality=60 + 10 * number)
    assert find_duplicates(pets) == [("cat/3.png", "cat/a.jpg", "dog/b.jpg", "dog/c.jpg")]


@pytest.mark.parametrize(
    "other",
    [
        lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda picture: picture.rotate(90),
        lambda picture: picture.crop((20, 20, 90, 90)),
        lambda picture: Image.fromarray(255 - np.asarray(picture)),
        lambda _: Image.new("RGB", (96, 96), "red"),
    ],
    ids=["mirrored", "turned", "cropped", "negative", "one colour"],
)
def test_what_the_docstring_says_is_not_found(pets, other):
    other(photograph(4)).save(pets / "cat" / "x.png")
    assert find_duplicates(pets) == []


def test_pictures_of_one_colour_are_like_nothing_but_themselves(pets):
    for name, colour in (("cat/black.png", 0), ("cat/grey.png", 90), ("dog/grey.bmp", 90), ("dog/grey.png", 90)):
        Image.new("L", (50, 50), colour).save(pets / name)
    assert find_duplicates(pets) == [("cat/grey.png", "dog/grey.png")]  # the same bytes


def test_all_pairs_are_compared_also_in_many_parts(pets, monkeypatch):
    photograph(0).save(pets / "dog" / "9.jpg")
    photograph(14).save(pets / "dog" / "a.jpg")
    expected = [("cat/0.png", "dog/9.jpg"), ("dog/4.png", "dog/a.jpg")]
    for rows in (1, 2, 3, 1000):
        monkeypatch.setattr(duplicates, "ROWS", rows)
        assert find_duplicates(pets) == expected


def test_a_picture_that_turns_slowly_into_another_is_one_group(pets):
    for place, number in enumerate(np.random.default_rng(0).permutation(np.arange(1, 30))):
        Image.blend(photograph(0), photograph(1), number / 30).save(pets / "dog" / f"blend{place:02}.png")
    ((*names,),) = find_duplicates(pets)
    assert names == ["cat/0.png", "cat/1.png", *(f"dog/blend{place:02}.png" for place in range(29))]


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_the_groups_are_those_of_a_search_through_all_pairs(monkeypatch, rows):
    monkeypatch.setattr(duplicates, "ROWS", rows)
    random = np.random.default_rng(0)
    ends, line, share = random.integers(0, 256, (5, 3, 24, 24)), np.arange(80) % 4, random.random((80, 1, 1, 1))
    pixels = np.rint((1 - share) * ends[line] + share * ends[line + 1]).astype(np.uint8)
    alike = np.corrcoef(pixels.reshape(80, -1).astype(float)) >= duplicates.ALIKE
    count, expected = connected_components(alike, directed=False)
    assert 5 < count < 20
    groups = np.arange(80)
    duplicates._join_alike(groups, pixels)
    assert np.array_equal(groups[:, None] == groups, expected[:, None] == expected)
    assert all(group == np.flatnonzero(groups == group)[0] for group in groups)


def test_thousands_of_pictures_that_are_all_alike_take_no_more_memory_than_others():
    one = np.random.default_rng(0).integers(20, 230, (1, 3, 24, 24)).astype(np.uint8)
    pixels = one + (np.arange(3000) % 5).astype(np.uint8)[:, None, None, None]  # the frames of a camera that stands
    groups = np.arange(3000)
    tracemalloc.start()
    duplicates._join_alike(groups, pixels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not groups.any()
    assert peak < 80_000_000  # twice the pictures as float32, 21 MB, and a block of 12; 4.5 million pairs are 500 MB


def test_of_different_digits_hardly_two_are_called_alike(tmp_path):
    digits = load_data("mnist", train=600, validation=10, test=10).train
    for place, (pixels, label) in enumerate(zip(digits.pixels, digits.labels.tolist(), strict=True)):
        folder = tmp_path / "digits" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels[0] * 255).round().byte().numpy()).save(folder / f"{place}.png")
    assert sum(map(len, find_duplicates(tmp_path / "digits"))) <= 4  # strokes: the hardest that there is


def test_bad_input_is_refused_in_words(pets, tmp_path):
    with pytest.raises(ConfigError, match="near must be True or False, got 1"):
        find_duplicates(pets, near=1)
    with pytest.raises(DataError, match="is not a folder"):
        find_duplicates(tmp_path / "none")
    (pets / "cat" / "z.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"cat/z\.png can't be read as a picture"):
        find_duplicates(pets)
    assert find_duplicates(pets, near=False) == []
