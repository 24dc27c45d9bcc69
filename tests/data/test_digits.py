"""Drawings and photos made into pictures like MNIST's, compared with MNIST, scipy, torch and PIL."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from cnnlab import load_data
from cnnlab.data.digits import as_mnist, describe_readings, read_picture, turn_and_shift
from cnnlab.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def digits() -> torch.Tensor:
    return load_data("mnist", train=100, validation=200, test=10).validation.pixels[:, 0]  # (200, 28, 28)


def a_seven(height: int = 100, width: int = 80) -> torch.Tensor:
    ink = torch.zeros(height, width)
    ink[10:20, 10:60] = 1
    for row in range(20, 80):
        left = 50 - row // 3
        ink[row, left : left + 10] = 1
    return ink


def as_file(grey: np.ndarray, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(grey).save(file, kind, **options)
    return file.getvalue()


# --- as_mnist


def test_what_mnist_has_made_stays_as_it_is(digits):
    made = torch.stack([as_mnist(digit) for digit in digits])
    assert (made - digits).abs().amax((1, 2)).le(0.005).float().mean() > 0.99  # a digit or two is not 20 pixels long


def test_a_digit_survives_the_finer_sheet(digits):
    back = torch.stack([as_mnist(as_mnist(digit, scale=4)) for digit in digits])
    assert as_mnist(digits[0], scale=4).shape == (112, 112)
    assert (back - digits).abs().mean() < 0.04
    assert (back - digits.roll(1, 0)).abs().mean() > 0.15


def test_where_it_was_drawn_does_not_matter():
    ink = a_seven()
    moved = torch.zeros(150, 130)
    moved[37:137, 45:125] = ink
    assert torch.equal(as_mnist(moved), as_mnist(ink))


def test_how_large_it_was_drawn_matters_little():
    ink = a_seven()
    larger = ink.repeat_interleave(3, 0).repeat_interleave(3, 1)
    assert (as_mnist(larger) - as_mnist(ink)).abs().max() < 0.1


@pytest.mark.parametrize("size", [(90, 30), (30, 90), (7, 7), (1, 300), (1, 1), (400, 399)])
def test_the_longer_side_is_20_pixels_the_shape_is_kept_and_the_mass_is_centred(size):
    ink = torch.zeros(500, 500)
    ink[40 : 40 + size[0], 20 : 20 + size[1]] = 0.7
    made = as_mnist(ink)
    expected = [max(1, round(20 * length / max(size))) for length in size]
    rows, columns = np.nonzero(made.numpy())
    assert [np.ptp(rows) + 1, np.ptp(columns) + 1] == expected
    assert made.max() == 1
    assert made.shape == (28, 28)
    assert np.abs(np.array(ndimage.center_of_mass(made.numpy())) - 14).max() < 0.501


def test_a_lopsided_digit_loses_no_ink():
    ink = torch.zeros(100, 100)
    ink[:10] = 1  # nearly all its mass is at its upper edge
    ink[:, 50] = 1
    made = as_mnist(ink)
    rows, columns = np.nonzero(made.numpy())
    assert [np.ptp(rows) + 1, np.ptp(columns) + 1] == [20, 20]


def test_no_ink_gives_zeros():
    assert torch.equal(as_mnist(torch.zeros(112, 112)), torch.zeros(28, 28))


@pytest.mark.parametrize(
    ("ink", "words"),
    [
        (torch.zeros(1, 4, 4), "ink must be a float tensor (H, W) with pixels, got float32 (1, 4, 4)"),
        (torch.zeros(0, 4), "ink must be a float tensor (H, W) with pixels, got float32 (0, 4)"),
        ("ink", "ink must be a float tensor (H, W) with pixels, got str"),
        (torch.full((2, 2), 255.0), "ink must lie in 0–1, got 255 to 255; divide by 255 if it is 0 to 255"),
        (torch.full((2, 2), torch.nan), "ink must lie in 0–1, got nan to nan; divide by 255 if it is 0 to 255"),
    ],
)
def test_what_is_no_ink_is_refused(ink, words):
    with pytest.raises(ConfigError) as caught:
        as_mnist(ink)
    assert str(caught.value) == words


# --- turn_and_shift


@pytest.mark.parametrize("quarter", [1, 2, 3, -1])
def test_a_quarter_turn_is_torchs_own(digits, quarter):
    turned = turn_and_shift(digits[0], degrees=90 * quarter)
    torch.testing.assert_close(turned, torch.rot90(digits[0], -quarter), atol=1e-5, rtol=0)  # torch's is anticlockwise


@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, -5), (-2, 7)])
def test_whole_pixels_are_moved_exactly_and_zeros_come_in(right, down):
    image = torch.rand(12, 17, generator=torch.Generator().manual_seed(0))
    moved = turn_and_shift(image, right=right, down=down)
    expected = ndimage.shift(image.numpy(), (down, right), order=1, mode="constant")
    np.testing.assert_allclose(moved, expected, atol=1e-5)


@pytest.mark.parametrize("degrees", [17, -40, 133])
def test_any_turn_is_scipys_in_a_picture_that_is_not_square(degrees):
    image = ndimage.gaussian_filter(np.random.default_rng(0).random((31, 21)), 1.5)
    image[:6], image[-6:], image[:, :6], image[:, -6:] = 0, 0, 0, 0  # at the edge the two interpolate differently
    turned = turn_and_shift(torch.from_numpy(image), degrees=degrees)
    expected = ndimage.rotate(image, -degrees, reshape=False, order=1, mode="constant")  # scipy's is anticlockwise
    np.testing.assert_allclose(turned, expected, atol=1e-6)


def test_it_is_turned_first_and_moved_then():
    image = torch.zeros(5, 5)
    image[0, 2] = 1
    assert turn_and_shift(image, degrees=90, down=2).argmax() == 4 * 5 + 4


@pytest.mark.parametrize(
    ("move", "words"),
    [
        ({"degrees": 361}, "degrees must be a number from −360 to 360, got 361; try 0"),
        ({"degrees": float("nan")}, "degrees must be a number from −360 to 360, got nan; try 0"),
        ({"right": 5}, "right must be a number from −4 to 4, got 5; try 0"),
        ({"down": "2"}, "down must be a number from −3 to 3, got '2'; try 0"),
    ],
)
def test_moves_that_leave_nothing_are_refused(move, words):
    with pytest.raises(ConfigError) as caught:
        turn_and_shift(torch.zeros(4, 5), **move)
    assert str(caught.value) == words


# --- read_picture


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("is_dark_on_light", [True, False])
def test_ink_is_what_stands_out_from_the_paper(kind, is_dark_on_light):
    ink = a_seven()
    grey = (230 - 200 * ink) if is_dark_on_light else (20 + 200 * ink)
    result = read_picture(as_file(grey.numpy().astype(np.uint8), kind))
    assert (result - ink).abs().mean() < (0.001 if kind == "PNG" else 0.02)
    assert (as_mnist(result) - as_mnist(ink)).abs().mean() < (0.001 if kind == "PNG" else 0.03)


@pytest.mark.parametrize(("paper", "pen"), [(90, 25), (26, 8), (3, 20)])
def test_a_dim_photo_is_read_like_a_bright_one(paper, pen):
    ink = a_seven()
    result = read_picture(as_file((paper + (pen - paper) * ink).numpy().astype(np.uint8)))
    torch.testing.assert_close(result, ink)


@pytest.mark.parametrize(("grey", "grain"), [(2, 1.0), (128, 2.0), (230, 4.0)])
def test_the_grain_of_a_picture_without_a_digit_is_no_ink(grey, grain):
    noise = grain * torch.randn(100, 80, generator=torch.Generator().manual_seed(0))
    with pytest.raises(DataError, match=r"^this picture is empty: nothing stands out from the paper"):
        read_picture(as_file((grey + noise).clamp(0, 255).round().numpy().astype(np.uint8)))


def test_grain_of_the_paper_is_no_ink():
    ink = a_seven()
    grey = 200 - 150 * ink + 6 * torch.randn(ink.shape, generator=torch.Generator().manual_seed(0))
    result = read_picture(as_file(grey.clamp(0, 255).numpy().astype(np.uint8)))
    assert (as_mnist(result) - as_mnist(ink)).abs().mean() < 0.03


def test_see_through_colour_palette_sixteen_bit_and_large_pictures_are_read():
    ink = a_seven()
    black = np.zeros((100, 80, 4), np.uint8)
    black[..., 3] = ink.numpy() * 255
    torch.testing.assert_close(read_picture(as_file(black)), ink)
    blue = np.full((100, 80, 3), 255, np.uint8)
    blue[ink.numpy() > 0] = (0, 0, 160)
    torch.testing.assert_close(read_picture(as_file(blue)), ink)
    deep = (60000 - 50000 * ink.numpy()).astype(np.uint16)
    torch.testing.assert_close(read_picture(as_file(deep)), ink)
    file = io.BytesIO()
    Image.fromarray(blue).quantize(4).save(file, "PNG")
    torch.testing.assert_close(read_picture(file.getvalue()), ink)
    large = as_file(np.kron(255 - 255 * ink.numpy().astype(np.uint8), np.ones((20, 20), np.uint8)))
    assert read_picture(large).shape == (800, 640)
    assert (as_mnist(read_picture(large)) - as_mnist(ink)).abs().max() < 0.1


def test_a_photo_is_turned_as_the_camera_was_held():
    sideways = np.rot90(255 - 255 * a_seven().numpy().astype(np.uint8))
    held = Image.Exif()
    held[0x0112] = 6  # "turn me a quarter clockwise"
    torch.testing.assert_close(read_picture(as_file(np.ascontiguousarray(sideways), exif=held)), a_seven())


def huge_header(width: int, height: int) -> bytes:
    """A PNG whose header promises more than its few bytes could hold."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


UNREADABLE = "this file can't be read as a picture; take a PNG or a JPEG"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "this file is empty, 0 bytes; take another picture"),
        (b"<svg onload=alert(1)>", UNREADABLE),
        (as_file(np.zeros((9, 9), np.uint8), "GIF"), UNREADABLE),
        (as_file(np.arange(10000, dtype=np.uint32).astype(np.uint8).reshape(100, 100))[:200], UNREADABLE),
        (as_file(np.arange(10000, dtype=np.uint32).astype(np.uint8).reshape(100, 100), "JPEG")[:700], UNREADABLE),
        (bytes(21_000_000), "this file is too large, 21 MB; make it smaller, 20 MB at most"),
        (huge_header(6000, 20), "this picture is too large, 6000×20 pixels; make it smaller, 5000 a side at most"),
        (huge_header(9500, 9500), "this picture is too large, 9500×9500 pixels; make it smaller, 5000 a side at most"),
        (huge_header(10**5, 10**5), "this picture is too large; make it smaller, 5000 pixels a side at most"),
        (
            as_file(np.full((40, 40), 240, np.uint8)),
            "this picture is empty: nothing stands out from the paper; take one with a dark pen",
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_refused_in_words(file, words):
    with pytest.raises(DataError) as caught:
        read_picture(file)
    assert str(caught.value) == words


def test_no_broken_picture_ends_in_another_exception():
    random = np.random.default_rng(0)
    sound = [as_file((255 - 200 * a_seven().numpy()).astype(np.uint8), kind) for kind in ("PNG", "JPEG")]
    refused = 0
    for trial in range(300):
        file = bytearray(sound[trial % 2])
        for place in random.integers(8, len(file), 4):
            file[place] = random.integers(256)
        try:
            assert 0 <= read_picture(bytes(file)).max() <= 1
        except DataError:
            refused += 1
    assert 50 < refused < 300


# --- describe_readings


def test_the_line_names_each_answer_and_that_they_differ():
    seven, one = torch.eye(10)[7] * 0.98, torch.eye(10)[1] * 0.61
    assert describe_readings({"model A": seven}) == "model A reads 7 (0.98)"
    assert describe_readings({"A": seven, "B": seven}) == "A reads 7 (0.98), B reads 7 (0.98)"
    both = {"model A": seven, "model B": one}
    assert describe_readings(both) == "model A reads 7 (0.98), model B reads 1 (0.61); the two disagree"
    assert describe_readings(both | {"C": one}).endswith("C reads 1 (0.61); they disagree")
    assert describe_readings({"A": one}, ["coat", "shirt", *"abcdefgh"]) == "A reads shirt (0.61)"
    with pytest.raises(ConfigError, match="got no readings"):
        describe_readings({})


def test_a_network_that_went_wrong_reads_nothing():
    broken, seven = torch.full((10,), torch.nan), torch.eye(10)[7]
    assert describe_readings({"A": broken, "B": seven}) == "A reads nothing (its output is NaN), B reads 7 (1.00)"
