"""Load damaged picture files, and count what happens: loaded, refused in words, or a finding.

Good pictures of each format that we read are damaged in seven ways, by chance with a fixed seed. Each file is read as a
picture of a folder (`load_images`) and as an upload (`read_picture`). A finding is any error but DataError, and a call
that takes more memory than the largest picture that is allowed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import re
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import cnnlab

MOST_BYTES = 1_500_000_000  # a picture of 89 million pixels, the most that is read, takes less
CLEAR_REFS, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def good_pictures() -> dict[str, bytes]:
    """Return file name → content of pictures of each format: a dark stroke on light paper, with a little noise."""
    random_numbers = np.random.default_rng(0)
    colour = random_numbers.integers(220, 256, (24, 20, 3), dtype=np.uint8)
    colour[4:20, 8:12] //= 8
    pictures = {
        "grey.png": ("PNG", Image.fromarray(colour[..., 0]), {}),
        "colour.png": ("PNG", Image.fromarray(colour), {}),
        "clear.png": ("PNG", Image.fromarray(colour).convert("RGBA"), {}),
        "palette.png": ("PNG", Image.fromarray(colour).convert("P"), {"transparency": 3}),
        "deep.png": ("PNG", Image.fromarray(colour[..., 0].astype(np.uint16) * 257), {}),
        "photo.jpg": ("JPEG", Image.fromarray(colour), {}),
        "colour.ppm": ("PPM", Image.fromarray(colour), {}),
        "grey.pgm": ("PPM", Image.fromarray(colour[..., 0]), {}),
        "packed.tiff": ("TIFF", Image.fromarray(colour), {"compression": "tiff_lzw"}),
        "plain.tif": ("TIFF", Image.fromarray(colour[..., 0]), {}),
        "colour.gif": ("GIF", Image.fromarray(colour).convert("P"), {}),
        "colour.webp": ("WEBP", Image.fromarray(colour), {}),
        "colour.bmp": ("BMP", Image.fromarray(colour), {}),
        "colour.jp2": ("JPEG2000", Image.fromarray(colour), {}),
        "grey.j2k": ("JPEG2000", Image.fromarray(colour[..., 0]), {"no_jp2": True}),
        "colour.avif": ("AVIF", Image.fromarray(colour), {}),
        "colour.ico": ("ICO", Image.fromarray(colour).resize((32, 32)), {"sizes": [(16, 16), (32, 32)]}),
        "bitmap.ico": ("ICO", Image.fromarray(colour).resize((32, 32)), {"sizes": [(32, 32)], "bitmap_format": "bmp"}),
        "colour.icns": ("ICNS", Image.fromarray(colour).resize((32, 32)), {}),
        "colour.qoi": ("QOI", Image.fromarray(colour), {}),
        "packed.tga": ("TGA", Image.fromarray(colour), {"compression": "tga_rle"}),
        "colour.pcx": ("PCX", Image.fromarray(colour), {}),
        "colour.dib": ("DIB", Image.fromarray(colour), {}),
        "colour.sgi": ("SGI", Image.fromarray(colour), {}),
    }
    Image.init()
    contents = {}
    for name, (kind, picture, options) in pictures.items():
        if kind not in Image.SAVE:  # some copies of Pillow lack AVIF, older ones do not write QOI
            continue
        file = io.BytesIO()
        picture.save(file, kind, **options)
        contents[name] = file.getvalue()
    return contents


# --- Ways to damage a file


def flip(content: bytes, draw: random.Random) -> bytes:
    """Change one to eight bytes; half of the time near the beginning, where the header is."""
    damaged = bytearray(content)
    for _ in range(draw.randint(1, 8)):
        damaged[draw.randrange(min(len(damaged), draw.choice((64, len(damaged)))))] = draw.randrange(256)
    return bytes(damaged)


def cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


def blank(content: bytes, draw: random.Random) -> bytes:
    """Overwrite a part with zeros or with 255."""
    start, length = draw.randrange(len(content)), draw.randint(1, 64)
    return content[:start] + bytes([draw.choice((0, 255))]) * length + content[start + length :]


def insert(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content))
    return content[:place] + draw.randbytes(draw.randint(1, 40)) + content[place:]


def repeat(content: bytes, draw: random.Random) -> bytes:
    """Repeat a part, such as a chunk or a table."""
    start = draw.randrange(len(content))
    end = start + draw.randint(1, 64)
    return content[:end] * draw.randint(1, 3) + content[start:]


def grow(content: bytes, draw: random.Random) -> bytes:
    """Claim a huge size in the header, with a right checksum where there is one."""
    size = draw.choice((0, 20_000, 65_535, 2**31 - 1, 2**32 - 1))
    if content.startswith(b"\x89PNG"):
        header = content[12:16] + struct.pack(">II", size, draw.choice((24, size))) + content[24:29]
        return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]
    if content[:2] in (b"P5", b"P6"):
        return re.sub(rb"\d+ \d+", b"%d %d" % (size, draw.choice((24, size))), content, count=1)
    if content[:2] == b"BM":
        return content[:18] + struct.pack("<II", size, draw.choice((24, size))) + content[26:]
    if content[:3] == b"GIF":
        return content[:6] + struct.pack("<HH", size % 2**16, size % 2**16) + content[10:]
    return content.replace(struct.pack("<H", 20), struct.pack("<H", size % 2**16))  # TIFF's tags and others


def disguise(content: bytes, draw: random.Random) -> bytes:
    """Put the beginning of another format in front of the rest."""
    starts = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"II*\0", b"BM", b"RIFF\0\0\0\0WEBPVP8 ", b"P6\n")
    return draw.choice(starts) + content[draw.randint(0, 16) :]


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (flip, cut, blank, insert, repeat, grow, disguise)


# --- The calls


def load_from_folder(name: str, content: bytes, folder: Path) -> None:
    """Load a folder of two classes that holds the damaged file among good ones."""
    (folder / "cat" / name).write_bytes(content)
    try:
        cnnlab.load_images(folder, size=16, grey=False)
    finally:
        (folder / "cat" / name).unlink()


def read_upload(_name: str, content: bytes, _folder: Path) -> None:
    cnnlab.read_picture(content)


def outcome(call: Callable[[], None]) -> tuple[str, str]:
    """Return what a call did: "loaded", "refused", "raw" or "huge", and the words of a finding."""
    before = peak_memory(reset=True)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("error")
            call()
    except (cnnlab.DataError, cnnlab.ConfigError):
        verdict, words = "refused", ""
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        verdict, words = "raw", f"{type(error).__name__}: {error!s:.80} ({frames[-1].filename}:{frames[-1].lineno})"
    else:
        verdict, words = "loaded", ""
    taken = peak_memory() - before
    return ("huge", f"{taken / 1e6:,.0f} MB") if taken > MOST_BYTES else (verdict, words)


def peak_memory(reset: bool = False) -> int:
    """Return the most memory that this process has taken, in bytes; since the last reset, on Linux. Elsewhere 0."""
    if not STATUS.is_file():
        return 0
    if reset:
        CLEAR_REFS.write_text("5")
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", STATUS.read_text())[1])


def main() -> None:
    """Damage, load, and print the findings and the counts; the exit status is 1 if there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=5, help="files for each picture and each way to damage it")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    draw, begun = random.Random(chosen.seed), time.monotonic()
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pets"
        os.environ["CNNLAB_CACHE"] = f"{name}/cache"
        good = good_pictures()
        for kind in ("cat", "dog"):
            (folder / kind).mkdir(parents=True)
            for place in range(6):
                (folder / kind / f"good {place}.png").write_bytes(good["grey.png"])
        for file, content in good.items():
            for damage in DAMAGES:
                for _ in range(chosen.each):
                    damaged = damage(content, draw)
                    for read in (load_from_folder, read_upload):
                        verdict, words = outcome(lambda: read(file, damaged, folder))  # noqa: B023 (called at once)
                        counts[read.__name__, verdict] += 1
                        if words:
                            print(f"{verdict}: {read.__name__} {file} {damage.__name__}: {words}", flush=True)
    print(f"{len(good) * len(DAMAGES) * chosen.each:,} files in {time.monotonic() - begun:.0f} s")
    for (read_by, verdict), number in sorted(counts.items()):
        print(f"{read_by}, {verdict}: {number:,}")
    sys.exit(any(verdict in ("raw", "huge") for _, verdict in counts))


if __name__ == "__main__":
    main()
