"""Read any picture file as numbers in 0–1: the one reader for a folder, an upload and a drawing.

Every kind becomes grey or colour as it would look on white paper: upright as the camera was held (EXIF), and composited
on white where it is transparent. Of an animation or a file with several pages the first picture is read. A colour
profile and PNG's gamma are ignored, as most programs for neural networks do.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
from PIL import GifImagePlugin, Image, ImageFile, ImageOps, PngImagePlugin, TiffImagePlugin

from cnnlab.errors import DataError

# Pillow recognizes these by their first bytes, whatever the file's name is.
COMMON = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF", "ICO", "QOI")
# These have few bytes that mark them: such a file must have the right suffix, or anything would be a picture.
BY_SUFFIX = ("TGA", "PCX", "DIB", "SGI", "ICNS")
PILLOWS_LIMIT = 89_478_485  # pixels, a quarter of a GB as RGB: Pillow warns above that where nobody has set another
MOST_PIXELS = PILLOWS_LIMIT  # that are decoded
MOST_OF_A_JPEG = 210_000_000  # pixels in its file: a phone's camera has up to 200 million, and less are decoded
MAY_NOT_USE_ALPHA = ("TGA", "BMP", "DIB")  # of which many programs write 0 for all alphas, and mean nothing by it
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as Pillow's "L"
TIFF_BITS, TIFF_WHITE_IS_ZERO, TIFF_SAMPLES = 258, 262, 339  # tags of TIFF 6.0
JPEG = b"\xff\xd8\xff"  # begins a JPEG, of which only the header is read when it is opened
SCAN = b"\xff\xda"  # begins a scan of a JPEG; a progressive one has about ten, and each goes over the whole picture
MOST_OF_SCANS = 100 * MOST_PIXELS  # in all scans together: a small file may hold enough of them for an hour
ICON = b"\0\0\1\0"  # begins an ICO, whose picture Pillow unpacks when it opens the file
UNREADABLE = "can't be read as a picture"


class TooManyPixels(DataError):
    """Raised for a picture that would take too much memory."""


def open_picture(file: bytes, formats: tuple[str, ...] = COMMON) -> Image.Image:
    """Return a picture of which only the header is read yet; its `size` is (width, height).

    Raises DataError for a file that is no picture in one of Pillow's formats.

    >>> open_picture(Path("cat.jpg").read_bytes()).size
    (640, 480)
    """
    Image.init()
    # `read_planes` checks the size of all but icons.
    with _in_words(bombs="error" if file.startswith(ICON) else "ignore"):
        if file.startswith(JPEG):
            Image.MAX_IMAGE_PIXELS = None  # also of one with more than twice the limit, which is an error to Pillow
        picture = Image.open(io.BytesIO(file), formats=[name for name in formats if name in Image.OPEN])
    if "progressive" in picture.info and (scans := file.count(SCAN)) * picture.width * picture.height > MOST_OF_SCANS:
        raise TooManyPixels(f"has {scans:,} scans of {picture.width:,}×{picture.height:,} pixels")
    return picture


def read_planes(picture: Image.Image, *, grey: bool, size: int | None = None, longest: int | None = None) -> np.ndarray:
    """Return the pixels of an opened picture, float32 (C, H, W) in 0–1.

    Parameters
    ----------
    picture : Image
        What `open_picture` returned.
    grey : bool
        One channel instead of red, green and blue.
    size : int, optional
        Resize to size × size pixels (bilinear, anti-aliased), whatever the shape was.
    longest : int, optional
        Make a larger picture smaller, so that its longer side has this many pixels.

    Raises
    ------
    DataError
        For a damaged file, for too many pixels, for decimal numbers outside 0–1. The message continues the file's name.
    """
    width, height = picture.size
    # Of a progressive JPEG all numbers are held in memory before the first pixel is known.
    most = MOST_PIXELS if "progressive" in picture.info else MOST_OF_A_JPEG
    if (target := size or longest) and width * height <= most:
        with _in_words():
            picture.draft(None, (2 * target, 2 * target))  # a large JPEG is decoded at a half, a quarter or an eighth
    if picture.width * picture.height > MOST_PIXELS:
        raise TooManyPixels(f"has {width:,}×{height:,} pixels, more than {MOST_PIXELS:,} in all")
    with _in_words():
        planes = [_resize(plane, size, longest) for plane in _decode(picture)]
    if grey and len(planes) == 3:
        planes = [np.tensordot(LUMA, np.stack(planes), axes=1)]
    if not grey and len(planes) == 1:
        planes *= 3
    return np.clip(np.stack(planes), 0, 1, dtype=np.float32)


def has_more_pictures(picture: Image.Image) -> bool:
    """Return whether a file holds an animation or several pages, of which `read_planes` reads the first.

    A phone's JPEG (MPO) may hide a second picture, for depth or brightness; that does not count.
    """
    with _in_words():
        return picture.format != "MPO" and getattr(picture, "is_animated", False)


@contextmanager
def _in_words(bombs: Literal["error", "ignore"] = "error") -> Iterator[None]:
    """Raise DataError for whatever Pillow raises for a damaged file, and keep its warnings of such files to ourselves.

    For made-up sizes and broken tags it raises nearly every kind of exception, from KeyError to MemoryError. An icon
    holds a picture with a header of its own: only Pillow sees that one's size before it is unpacked, and warns; with
    bombs="error" that becomes TooManyPixels. Pillow's own switches, which a notebook may have set, are as usual
    meanwhile: half a picture is damaged, and a bomb is noticed.
    """
    switches = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, PILLOWS_LIMIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter(bombs, Image.DecompressionBombWarning)
            yield
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(f"has more than {MOST_PIXELS:,} pixels") from error
    except Exception as error:
        raise DataError(UNREADABLE) from error
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = switches


def _decode(picture: Image.Image) -> Iterator[np.ndarray]:
    """Yield one plane of grey, or red, green and blue: float32 (H, W) in 0–1, on white, upright."""
    _scale_clear_colour(picture)
    kind = picture.format
    box = picture.tile[0].extents if isinstance(picture, GifImagePlugin.GifImageFile) and picture.tile else None
    picture.load()
    if box not in (None, (0, 0, *picture.size)):  # a GIF may leave a part of itself empty
        picture = _only_within(picture, box)
    clear, scale = picture.info.get("transparency"), _Scale(picture)
    ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode == "F" or picture.mode.startswith("I") or (picture.mode == "L" and scale.is_signed):
        values = np.asarray(picture)
        plane = scale.apply(values)
        yield np.where(values == clear, np.float32(1), plane) if isinstance(clear, int) else plane
        return
    if picture.mode == "La":  # grey, multiplied by its alpha; Pillow converts it in this way only
        picture = picture.convert("LA")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
    elif picture.mode != "L":
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    *bands, alpha = picture.split() if picture.mode == "RGBA" else (*picture.split(), None)
    if alpha is not None and kind in MAY_NOT_USE_ALPHA and alpha.getextrema()[1] == 0:
        alpha = None
    for band in bands:
        plane = np.asarray(band, dtype=np.float32) / 255
        yield plane if alpha is None else 1 - (1 - plane) * (np.asarray(alpha, dtype=np.float32) / 255)


def _only_within(picture: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """Return the picture as RGBA, transparent outside of a box (left, upper, right, lower)."""
    whole = Image.new("RGBA", picture.size)
    whole.paste(picture.convert("RGBA").crop(box), box)
    return whole


def _scale_clear_colour(picture: Image.Image) -> None:
    """Bring PNG's transparent colour to 8 bits, as Pillow does with the pixels but not with this colour.

    Of 16 bits for each of red, green and blue Pillow keeps the upper 8 only, so that these decide.
    """
    clear = picture.info.get("transparency")
    rawmode = picture.tile[0].args if isinstance(picture, PngImagePlugin.PngImageFile) and picture.tile else ""
    if rawmode in ("L;2", "L;4") and isinstance(clear, int):
        picture.info["transparency"] = clear * (85 if rawmode == "L;2" else 17)
    if rawmode == "RGB;16B" and isinstance(clear, tuple):
        picture.info["transparency"] = tuple(value >> 8 for value in clear)


class _Scale:
    """The numbers for black and white in a picture of more than 8 bits; `picture` is one that is loaded."""

    def __init__(self, picture: Image.Image) -> None:
        tags = picture.tag_v2 if isinstance(picture, TiffImagePlugin.TiffImageFile) else {}
        self.bits = tags.get(TIFF_BITS, (16,))[0]
        self.is_signed = tags.get(TIFF_SAMPLES, (1,))[0] == 2
        self.is_negative = tags.get(TIFF_WHITE_IS_ZERO) == 0  # Pillow turns such pictures of 8 bits into usual ones

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return the pixels (H, W) as float32, 0 for black and 1 for white.

        Whole numbers of 32 bits hold 16 in practice: white is 65,535 unless a number is larger.
        """
        if values.dtype == np.float32:
            _check_decimal(values)
            plane = values
        else:
            if values.dtype == np.uint8:  # Pillow gives signed numbers of 8 bits as if they were not signed
                values = values.view(np.int8)
            if self.bits == 32 and not self.is_signed:
                values = values.view(np.uint32)
            bits = 16 if self.bits == 32 and values.max() < 2**16 else self.bits
            plane = (values / (2 ** (bits - (self.is_signed and bits == self.bits)) - 1)).astype(np.float32)
        return (1 - plane if self.is_negative else plane).clip(0, 1)


def _check_decimal(values: np.ndarray) -> None:
    """Raise DataError unless decimal numbers lie in 0–1, to half a step of 8 bits: there is no other white to guess."""
    if not -0.5 / 255 <= values.min() <= values.max() <= 1 + 0.5 / 255:  # true for NaN, too
        raise DataError(f"holds decimal numbers from {values.min():g} to {values.max():g}, not from 0 to 1; scale them")


def _resize(plane: np.ndarray, size: int | None, longest: int | None) -> np.ndarray:
    """Return a plane (H, W) as `read_planes` resizes it."""
    height, width = plane.shape
    if size is None:
        share = min(1.0, (longest or max(plane.shape)) / max(plane.shape))
        wanted = max(1, round(width * share)), max(1, round(height * share))
    else:
        wanted = size, size
    return np.asarray(Image.fromarray(plane).resize(wanted, Image.Resampling.BILINEAR))
