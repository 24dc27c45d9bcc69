"""The reader of pictures: each depth and mode, compared with numbers worked out by hand."""

import contextlib
import io
import itertools
import random
import struct
import time
import tracemalloc
import zlib

import numpy as np
import PIL
import pytest
from PIL import Image, ImageFile
from places import PATIENCE, REPOSITORY
from scripts import load_script

from cnnlab.data import pictures
from cnnlab.data.picture_folder import picture_format
from cnnlab.data.pictures import COMMON, TooManyPixels, has_more_pictures, open_picture, read_planes
from cnnlab.errors import DataError

DEEP = np.array([[0, 16384, 33423, 50463]])  # 0, 0.25, 0.51 and 0.77 of 65,535
SHARES = [0, 0.25, 0.51, 0.77]
CLOSE = 1 / 255


def as_file(picture, kind, **options) -> bytes:
    picture = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def read(file: bytes, *, grey=True, **how) -> np.ndarray:
    return read_planes(open_picture(file), grey=grey, **how)


def png(colour_type: int, bits: int, size: tuple[int, int], rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG made by hand; `rows` has a filter byte before each row."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, colour_type, 0, 0, 0))
    others = b"".join(chunk(name, body) for name, body in chunks)
    return b"\x89PNG\r\n\x1a\n" + head + others + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(values: np.ndarray, bits: int, *, sample: int = 1, photometric: int = 1) -> bytes:
    """Return a TIFF of one row, made by hand, in the order of bytes that its numbers have."""
    order = ">" if values.dtype.str.startswith(">") else "<"
    return packed_tiff(values.tobytes(), values.shape[1], {258: [bits], 262: [photometric], 339: [sample]}, order)


def packed_tiff(body: bytes, width: int, tags: dict[int, list[int]], order: str = "<") -> bytes:
    """Return a TIFF of one row, made by hand, with these tags of 16 bits besides those that each TIFF has."""
    tags = {256: [width], 257: [1], 259: [1], 273: [8], 277: [1], 278: [1], 279: [len(body)], **tags}
    begin = 8 + len(body)
    entries, more = b"", b""
    for tag, values in sorted(tags.items()):
        numbers = struct.pack(f"{order}{len(values)}H", *values)
        if len(numbers) > 4:
            place = struct.pack(f"{order}I", begin + 6 + 12 * len(tags) + len(more))
            numbers, more = place, more + numbers
        entries += struct.pack(f"{order}HHI", tag, 3, len(values)) + numbers.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", begin)
    return head + body + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + more


def gif(screen: tuple[int, int], box: tuple[int, int, int, int]) -> bytes:
    """Return a GIF whose first picture, of one pixel of grey 102, is smaller than its screen. Colour 0 is black."""
    head = b"GIF89a" + struct.pack("<2H3B", *screen, 0x80, 0, 0) + bytes([0] * 3 + [102] * 3)
    return head + b"," + struct.pack("<4HB", *box, 0) + b"\x02\x02\x4c\x01\0;"  # codes of 3 bits: clear, 1, end


def tga(*pixels: list[int]) -> bytes:
    """Return a TGA of one row: blue, green, red and alpha."""
    return struct.pack("<3B2HB4H2B", 0, 0, 2, 0, 0, 0, 0, 0, len(pixels), 1, 32, 0x20) + bytes(itertools.chain(*pixels))


def bmp(*pixels: list[int]) -> bytes:
    """Return a BMP of one row: blue, green, red and alpha, as its masks say."""
    size = 14 + 124 + 4 * len(pixels)
    head = struct.pack("<3I", 3, 4 * len(pixels), 0)  # colours in bit fields
    masks = struct.pack("<5I", 0, 0, 0, 0xFF0000, 0xFF00) + struct.pack("<2I", 0xFF, 0xFF000000)
    information = struct.pack("<I2i2H", 124, len(pixels), 1, 1, 32) + head + masks
    return (
        b"BM" + struct.pack("<I2HI", size, 0, 0, 138) + information.ljust(124, b"\0") + bytes(itertools.chain(*pixels))
    )


@pytest.mark.parametrize(
    "file",
    [
        png(0, 16, (4, 1), b"\0" + DEEP.astype(">u2").tobytes()),
        tiff(DEEP.astype("<u2"), 16),
        tiff(65535 - DEEP.astype("<u2"), 16, photometric=0),
        tiff((DEEP // 2).astype("<i2"), 16, sample=2),
        tiff(DEEP.astype("<u4"), 32),
        tiff(DEEP.astype("<i4"), 32, sample=2),
        tiff((DEEP << 16).astype("<u4"), 32),
        tiff((DEEP << 15).astype("<i4"), 32, sample=2),
        tiff((DEEP / 65535).astype("<f4"), 32, sample=3),
        tiff(DEEP.astype(">u2"), 16),
        tiff((DEEP // 2).astype(">i2"), 16, sample=2),
        tiff(DEEP.astype(">i4"), 32, sample=2),
        tiff((DEEP / 65535).astype(">f4"), 32, sample=3),
        packed_tiff(bytes.fromhex("000400828c51"), 4, {258: [12], 262: [1]}),  # 000, 400, 828 and c51 of fff
        tiff(np.array([[0, 64, 130, 196]], "u1"), 8),
        tiff(np.array([[0, 32, 65, 98]], "i1"), 8, sample=2),
        as_file(DEEP.astype(np.uint16), "TIFF", compression="tiff_lzw"),
        b"P5 4 1 65535\n" + DEEP.astype(">u2").tobytes(),
        b"P5 4 1 4095\n" + (DEEP // 16).astype(">u2").tobytes(),
        b"P2 4 1 65535\n0 16384 33423 50463\n",
        b"P2 4 1 100\n0 25 51 77\n",
        b"Pf 4 1 -1.0\n" + (DEEP / 65535).astype("<f4").tobytes(),
    ],
)  # fmt: skip
def test_grey_of_every_depth(file):
    (row,) = read(file)[0]
    assert row == pytest.approx(SHARES, abs=CLOSE)
    assert np.array_equal(*np.broadcast_arrays(read(file, grey=False), row))


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_of_signed_numbers_those_below_zero_are_black(bits):
    most = 2 ** (bits - 1) - 1
    (row,) = read(tiff(np.array([[-most - 1, -1, 0, 1, most]], f"<i{bits // 8}"), bits, sample=2))[0]
    assert row == pytest.approx([0, 0, 0, 1 / most, 1])


def test_grey_of_one_two_and_four_bits():
    assert read(png(0, 1, (2, 1), b"\0\x40")).ravel().tolist() == [0, 1]
    assert read(png(0, 2, (4, 1), b"\0\x1b")).ravel() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert read(png(0, 4, (2, 1), b"\0\x3f")).ravel() == pytest.approx([0.2, 1])


@pytest.mark.parametrize(
    ("picture", "kind", "colour"),
    [
        (Image.new("RGB", (2, 2), (255, 51, 0)), "PNG", (1, 0.2, 0)),
        (Image.new("RGB", (2, 2), (255, 51, 0)).quantize(2), "GIF", (1, 0.2, 0)),
        (Image.new("RGB", (2, 2), (255, 51, 0)), "BMP", (1, 0.2, 0)),
        (Image.new("CMYK", (8, 8), (255, 0, 0, 51)), "TIFF", (0, 0.8, 0.8)),
        (Image.new("CMYK", (8, 8), (255, 0, 0, 51)), "JPEG", (0, 0.8, 0.8)),  # Adobe's, which is stored inverted
        # L* 49.8, a* 20, b* −30 to XYZ (D50) is 0.216, 0.1825, 0.304; by sRGB's matrix and curve that is:
        (Image.new("LAB", (2, 2), (127, 148, 98)), "TIFF", (0.519, 0.42, 0.666)),
        (Image.new("YCbCr", (8, 8), (76, 85, 255)), "TIFF", (1, 0, 0)),
    ],
)  # fmt: skip
def test_colour_of_every_mode(picture, kind, colour):
    file = as_file(picture, kind, **({"compression": "tiff_lzw"} if picture.mode == "YCbCr" else {}))
    assert read(file, grey=False)[:, 0, 0] == pytest.approx(colour, abs=1.01 * CLOSE)
    luma = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    assert read(file)[0, 0, 0] == pytest.approx(luma, abs=1.01 * CLOSE)


def test_a_tiff_of_brightness_and_colours_without_compression_is_read_where_pillow_can():
    file = as_file(Image.new("YCbCr", (8, 8), (76, 85, 255)), "TIFF")
    try:
        colours = read(file, grey=False)[:, 0, 0]
    except DataError:
        assert int(PIL.__version__.partition(".")[0]) < 13  # 11.3 and 12.0 find such a file too short
    else:
        assert colours == pytest.approx((1, 0, 0), abs=1.01 * CLOSE)


@pytest.mark.parametrize(
    ("file", "row"),
    [
        (as_file(np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [255, 0, 0, 51]]], np.uint8), "PNG"), [1, 0, 1]),
        (as_file(np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [255, 0, 0, 51]]], np.uint8), "TIFF"), [1, 0, 1]),
        (as_file(np.array([[[0, 0, 0, 0], [0, 0, 0, 255]]], np.uint8), "WEBP", lossless=True), [1, 0]),
        # Multiplied by its alpha, 0.2: 0.08 and 0.2 of each colour are 0.4 and 1 without it.
        (packed_tiff(bytes([20, 51, 51, 51]), 2, {258: [8, 8], 262: [1], 277: [2], 338: [1]}), [0.88, 1]),
        (packed_tiff(bytes([20, 20, 20, 51, 51, 0, 0, 51]), 2, {258: [8] * 4, 262: [2], 277: [4], 338: [1]}),
         [0.88, 1]),
        # A palette with alpha: 0.4 with 0.2, then what is transparent.
        (packed_tiff(bytes([1, 51, 0, 0]), 2,
                     {258: [8, 8], 262: [3], 277: [2], 320: ([0, 26214] + [0] * 254) * 3, 338: [2]}), [0.88, 1]),
        (gif((3, 1), (1, 0, 1, 1)), [1, 0.4, 1]),
        (gif((3, 1), (0, 0, 1, 1)), [0.4, 1, 1]),
        (tga([0, 0, 0, 255], [0, 0, 102, 51]), [0, 0.88]),
        (tga([0, 0, 0, 0], [0, 0, 102, 0]), [0, 0.4]),  # a program that does not know of transparency
        (bmp([0, 0, 0, 0], [0, 0, 102, 0]), [0, 0.4]),
        (bmp([0, 0, 0, 0], [0, 0, 102, 51]), [1, 0.88]),
        (png(4, 8, (3, 1), bytes([0, 0, 0, 0, 255, 102, 51])), [1, 0, 0.88]),  # 1 − 0.6 · 0.2
        (png(4, 16, (2, 1), struct.pack(">B4H", 0, 0, 0, 26214, 13107)), [1, 0.88]),
        (png(6, 16, (1, 1), struct.pack(">B4H", 0, *[26214] * 3, 13107)), [0.88]),
        (png(3, 8, (3, 1), b"\0\0\1\2", (b"PLTE", bytes([0] * 6 + [102] * 3)), (b"tRNS", b"\0\xff\x33")), [1, 0, 0.88]),
        (png(3, 8, (2, 1), b"\0\0\1", (b"PLTE", bytes(6)), (b"tRNS", b"\0")), [1, 0]),
        (png(0, 8, (2, 1), b"\0\x05\x06", (b"tRNS", b"\0\x05")), [1, 6 / 255]),
        (png(0, 2, (4, 1), b"\0\x1b", (b"tRNS", b"\0\1")), [0, 1, 2 / 3, 1]),
        (png(0, 4, (2, 1), b"\0\x3f", (b"tRNS", b"\0\3")), [1, 1]),
        (png(0, 1, (2, 1), b"\0\x40", (b"tRNS", b"\0\0")), [1, 1]),
        (png(0, 16, (4, 1), b"\0" + DEEP.astype(">u2").tobytes(), (b"tRNS", b"\x40\0")), [0, 1, 0.51, 0.77]),
        (png(2, 8, (2, 1), bytes([0, 9, 9, 9, 8, 8, 8]), (b"tRNS", bytes([0, 9] * 3))), [1, 8 / 255]),
        (png(2, 16, (2, 1), struct.pack(">B6H", 0, *[2304] * 3, *[2048] * 3), (b"tRNS", bytes([9, 0] * 3))),
         [1, 8 / 255]),
    ],
)  # fmt: skip
def test_what_is_transparent_lies_on_white(file, row):
    formats = ("TGA",) if file.startswith(b"\0\0\2") else COMMON
    red = read_planes(open_picture(file, formats), grey=False)[0]
    assert red[0] == pytest.approx(row, abs=CLOSE)


MOVES = {  # how EXIF says the pixels are stored, and so what shows them upright
    2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1], 5: lambda a: a.T,
    6: lambda a: a.T[::-1], 7: lambda a: a[::-1, ::-1].T, 8: lambda a: a.T[:, ::-1],
}  # fmt: skip


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", MOVES)
def test_pictures_are_upright(kind, orientation):
    upright = np.kron([[0, 255, 255], [255, 255, 128]], np.ones((16, 16))).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(MOVES[orientation](upright))
    options = {"lossless": True} if kind == "WEBP" else {}
    result = read(as_file(stored, kind, exif=exif, **options))
    assert result.shape == (1, 32, 48)
    assert np.abs(255 * result[0] - upright).max() < (8 if kind == "JPEG" else 1)


def test_sixteen_bits_are_upright_too():
    exif = Image.Exif()
    exif[0x0112] = 3
    assert read(as_file(DEEP.astype(np.uint16), "PNG", exif=exif))[0, 0] == pytest.approx(SHARES[::-1], abs=CLOSE)


def test_gamma_and_profiles_are_ignored():
    assert read(png(0, 8, (1, 1), b"\0\x80", (b"gAMA", struct.pack(">I", 100000)))).ravel() == pytest.approx(
        [128 / 255]
    )


def test_resized_pictures_are_means_of_their_parts():
    stripes = np.array([[0, 255] * 32] * 64, np.uint8)
    assert read(as_file(stripes, "PNG"), size=1).ravel() == pytest.approx([0.5])
    assert read(as_file(stripes, "PNG"), size=16).std() < 0.03
    assert read(as_file(np.full((1, 1), 51, np.uint8), "PNG"), size=3) == pytest.approx(np.full((1, 3, 3), 0.2))
    flat = as_file(np.full((10, 20_000), 51, np.uint8), "PNG")
    assert read(flat, size=4) == pytest.approx(np.full((1, 4, 4), 0.2))
    assert read(flat, longest=100).shape == (1, 1, 100)
    photo = np.full((2048, 2048, 3), (255, 51, 0), np.uint8)
    assert read(as_file(photo, "JPEG", quality=95), grey=False, size=8)[:, 4, 4] == pytest.approx((1, 0.2, 0), abs=0.02)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0, 300], "holds decimal numbers from 0 to 300, not from 0 to 1; scale them"),
        ([-1, 1], "from -1 to 1"),
        ([0, np.nan], "from nan to nan"),
    ],
)
def test_decimal_numbers_outside_0_to_1_are_refused(values, words):
    with pytest.raises(DataError, match=words):
        read(tiff(np.array([values], "<f4"), 32, sample=3))


def test_an_animation_gives_its_first_picture():
    frames = [Image.new("L", (4, 4), shade) for shade in (51, 255)]
    for kind in ("GIF", "PNG", "TIFF", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        picture = open_picture(as_file(frames[0], kind, save_all=True, append_images=frames[1:], **options))
        assert has_more_pictures(picture)
        assert read_planes(picture, grey=True) == pytest.approx(np.full((1, 4, 4), 0.2), abs=CLOSE)
    assert not has_more_pictures(open_picture(as_file(frames[0], "GIF")))


@pytest.mark.parametrize(
    "file",
    [
        png(0, 8, (10**5, 10**5), b"\0"), png(0, 8, (10_000, 9_000), b"\0"), b"P5 20000 20000 255\n",
        b"P5 10000 9000 255\n",
    ],
)  # fmt: skip
def test_bombs_are_refused_before_they_are_unpacked(file):
    with pytest.raises(TooManyPixels, match=r"has .* pixels"):
        read(file)


def resized_header(file: bytes, width: int, height: int) -> bytes:
    """Return a JPEG whose header says another size."""
    mark = b"\xff\xc0" if b"\xff\xc0" in file else b"\xff\xc2"  # SOF0, or SOF2 of a progressive one
    place = file.index(mark) + 5  # after the mark, a length and the depth
    return file[:place] + struct.pack(">HH", height, width) + file[place + 4 :]


@pytest.mark.slow
@pytest.mark.parametrize("size", [(12_000, 9_000), (16_320, 12_240)])
def test_a_phones_picture_of_a_hundred_million_pixels_is_made_small_while_it_is_decoded(size):
    width, height = size
    photo = Image.new("L", size, 51)
    photo.paste(204, (width // 2, 0, width, height))
    file = as_file(photo, "JPEG", quality=50)
    del photo
    tracemalloc.start()
    planes = read(file, size=28)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert planes[0, :, :13] == pytest.approx(np.full((28, 13), 0.2), abs=0.01)
    assert planes[0, :, 15:] == pytest.approx(np.full((28, 13), 0.8), abs=0.01)
    assert peak < width * height / 4  # bytes of arrays: a sixty-fourth of the pixels, each as decimal numbers twice
    assert read(file, grey=False, longest=100).shape == (3, 75, 100)


@pytest.mark.parametrize(
    ("width", "size", "options"),
    [(12_000, None, {}), (12_000, 6_000, {}), (30_000, 28, {}), (60_000, 28, {}), (12_000, 28, {"progressive": True})],
)
def test_a_jpeg_that_would_take_too_much_memory_is_refused_before_it_is_decoded(width, size, options):
    file = resized_header(as_file(np.zeros((16, 16), np.uint8), "JPEG", **options), width, 9_000)
    with pytest.raises(TooManyPixels, match=rf"^has {width:,}×9,000 pixels, more than 89,478,485 in all$"):
        read(file, size=size)


@pytest.mark.timeout(60)
def test_a_jpeg_of_thousands_of_scans_is_refused_before_it_is_decoded():
    file = as_file(np.zeros((16, 16), np.uint8), "JPEG", progressive=True)
    assert read(file, size=8).shape == (1, 8, 8)
    last = file.rindex(b"\xff\xda")
    scans = 10_000 + file[:last].count(b"\xff\xda")
    many = resized_header(file[:last] + 10_000 * file[last:-2] + file[-2:], 9_000, 9_000)
    with pytest.raises(TooManyPixels, match=rf"^has {scans:,} scans of 9,000×9,000 pixels$"):
        read(many, size=8)


@pytest.mark.parametrize(
    ("file", "row"),
    [
        (tiff(DEEP / 65535, 64, sample=3), SHARES),
        (tiff((DEEP / 65535).astype("<f2"), 16, sample=3), SHARES),
        (tiff((65535 - DEEP).astype(">u2"), 16, photometric=0), SHARES),
        (tiff(DEEP.astype(">u4"), 32), SHARES),
        (packed_tiff(bytes.fromhex("000400828c51"), 4, {258: [12], 262: [1]}, ">"), SHARES),
        (packed_tiff(struct.pack("<2H", 26214, 13107), 1, {258: [16, 16], 262: [1], 277: [2], 338: [2]}), [0.88]),
        (packed_tiff(struct.pack("<3f", 0.4, 0.4, 0.4), 1, {258: [32] * 3, 262: [2], 277: [3], 339: [3] * 3}), [0.4]),
    ],
)
def test_a_tiff_that_this_pillow_may_not_know_is_read_right_or_refused(file, row):
    with contextlib.suppress(DataError):
        assert read(file)[0, 0] == pytest.approx(row, abs=CLOSE)


def icon(kind: str, inner: bytes) -> bytes:
    """Return an icon whose own header says 16×16 (ICO) or 128×128 (ICNS), around another picture."""
    if kind == "ICO":
        return struct.pack("<3H4B2H2I", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(inner), 22) + inner
    return b"icns" + struct.pack(">I", 16 + len(inner)) + b"ic07" + struct.pack(">I", 8 + len(inner)) + inner


def read_icon(kind: str, inner: bytes) -> np.ndarray:
    return read_planes(open_picture(icon(kind, inner), (kind,)), grey=True)


def jpeg2000(width: int, height: int) -> bytes:
    """Return a picture in JPEG 2000 of 8×8 pixels whose header says another size."""
    file = as_file(np.zeros((8, 8, 3), np.uint8), "JPEG2000", no_jp2=True)
    assert file[8:16] == struct.pack(">II", 8, 8)  # after the marks SOC and SIZ, a length and a set of abilities
    return file[:8] + struct.pack(">II", width, height) + file[16:]


BOMBS = {
    "PNG": png(0, 8, (10_000, 9_000), b"\0"),
    "a larger PNG": png(0, 8, (20_000, 10_000), b"\0"),
    "JPEG 2000": jpeg2000(10_000, 9_000),
}


@pytest.mark.parametrize(
    ("kind", "name"), [("ICO", "PNG"), ("ICO", "a larger PNG"), *(("ICNS", name) for name in BOMBS)]
)
def test_bombs_inside_an_icon_are_refused_before_they_are_unpacked(kind, name):
    sound = as_file(np.full((128, 128), 51, np.uint8), "PNG")
    assert read_icon(kind, sound) == pytest.approx(np.full((1, 128, 128), 0.2))
    with pytest.raises(TooManyPixels, match=r"^has more than 89,478,485 pixels$"):
        read_icon(kind, BOMBS[name])


def test_the_size_counts_that_a_picture_has_and_not_the_one_its_icon_says(monkeypatch):
    inner = as_file(np.full((200, 200), 51, np.uint8), "PNG")
    assert read_icon("ICO", inner) == pytest.approx(np.full((1, 200, 200), 0.2))
    monkeypatch.setattr(pictures, "MOST_PIXELS", 20_000)  # so that Pillow warns of nothing
    with pytest.raises(TooManyPixels, match=r"^has 200×200 pixels, more than 20,000 in all$"):
        read_icon("ICO", inner)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "JPEG2000", "AVIF", "ICO"])
def test_no_damaged_file_ends_in_another_exception(kind):
    random = np.random.default_rng(0)
    sound = as_file(random.integers(0, 256, (16, 16, 3)).astype(np.uint8), kind)
    count_read, refused = 0, 0
    for trial in range(60):
        file = bytearray(sound[: random.integers(1, len(sound))] if trial % 3 == 0 else sound)
        for place in random.integers(0, min(len(file), 60 if trial % 2 else 10**6), 3):
            file[place] = random.integers(256)
        try:
            planes = read(bytes(file), size=4)
        except DataError:
            refused += 1
            continue
        count_read += 1
        assert planes.shape == (1, 4, 4)
        assert 0 <= planes.min() <= planes.max() <= 1
    assert refused > 0
    assert (count_read == 0) is (kind in ("PNG", "ICO"))  # their checksums show any damage


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*pictures.COMMON, *pictures.BY_SUFFIX])
def test_hundreds_of_damaged_files_of_a_format_are_read_or_refused(kind):
    attack = load_script(REPOSITORY / "benchmarks" / "attacks" / "pictures.py")
    draw, formats = random.Random(0), (*pictures.COMMON, kind)
    sound = [file for name, file in attack.good_pictures().items() if picture_format(name) == kind]
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow does not write {kind}")
    damaged = [
        damage(file, draw)
        for file in sound
        for damage in attack.DAMAGES
        for _ in range(-(-300 // len(sound) // len(attack.DAMAGES)) + 1)
    ]
    assert len(damaged) >= 300
    for file in damaged:
        begun = time.monotonic()
        try:
            picture = open_picture(file, formats)
            has_more_pictures(picture)
            planes = read_planes(picture, grey=False, size=4)
        except DataError:
            planes = np.zeros((3, 4, 4))
        assert planes.shape == (3, 4, 4)
        assert 0 <= planes.min() <= planes.max() <= 1  # not true for NaN
        assert time.monotonic() - begun < PATIENCE


@pytest.mark.parametrize("chunk", [b"zTXt", b"iCCP"])
def test_chunks_that_inflate_are_refused(chunk):
    body = b"name\0\0" + zlib.compress(bytes(50_000_000))
    with pytest.raises(DataError, match="can't be read as a picture"):
        read(png(0, 8, (1, 1), b"\0\x33", (chunk, body)))


# --- Switches of Pillow's, which a notebook may have set


def test_half_a_picture_is_damaged_whatever_pillow_may_load(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    half = as_file(noise, "JPEG")[:1500]
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(DataError, match=r"^can't be read as a picture$"):
        read(half)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_a_bomb_is_refused_where_pillow_shall_allow_any_size(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(TooManyPixels, match=r"^has more than 89,478,485 pixels$"):
        read_icon("ICO", BOMBS["PNG"])
    assert Image.MAX_IMAGE_PIXELS is None


def test_a_small_picture_is_read_where_pillow_shall_allow_smaller_ones_only(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read_icon("ICO", as_file(np.zeros((8, 8), np.uint8), "PNG")).shape == (1, 8, 8)
    assert Image.MAX_IMAGE_PIXELS == 10
