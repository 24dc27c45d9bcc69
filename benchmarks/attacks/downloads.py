"""Damage cached downloads in every way that a disk, a person or a program may, and count what is read wrong.

`python benchmarks/attacks/downloads.py --count 100`. The download is Fashion-MNIST, made of the archives of the course.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch

from cnnlab.data.downloads import load_published
from cnnlab.errors import ConfigError, DataError
from cnnlab.files import data_folder

Damage = Callable[[Path, Path], object]  # of one archive, with another one at hand


def _changed(archive: Path, change: Callable[[bytearray], object]) -> None:
    content = bytearray(archive.read_bytes())
    change(content)
    archive.write_bytes(content)


def _packed_again(archive: Path, change: Callable[[bytearray], object]) -> None:
    """Change what is in the archive, and pack it with a checksum that is right."""
    content = bytearray(gzip.decompress(archive.read_bytes()))
    change(content)
    archive.write_bytes(gzip.compress(content, 1))


def _flip(content: bytearray) -> None:
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def _cut(content: bytearray) -> None:
    del content[random.randrange(len(content)) :]


def _add(content: bytearray) -> None:
    content += random.randbytes(random.randrange(1, 1000))


def _swap_halves(content: bytearray) -> None:
    middle = len(content) // 2
    content[:] = content[middle:] + content[:middle]


def _folder(archive: Path, _other: Path) -> None:
    archive.unlink()
    archive.mkdir()


def _link(archive: Path, other: Path) -> None:
    archive.unlink()
    archive.symlink_to(other.name)


def _pipe(archive: Path, _other: Path) -> None:
    archive.unlink()
    archive.symlink_to("/dev/null")


DAMAGES: dict[str, Damage] = {
    "a bit": lambda archive, _: _changed(archive, _flip),
    "cut off": lambda archive, _: _changed(archive, _cut),
    "bytes added": lambda archive, _: _changed(archive, _add),
    "a bit, packed again": lambda archive, _: _packed_again(archive, _flip),
    "cut off, packed again": lambda archive, _: _packed_again(archive, _cut),
    "halves swapped, packed again": lambda archive, _: _packed_again(archive, _swap_halves),
    "the same, packed again": lambda archive, _: _packed_again(archive, bytes),
    "unpacked": lambda archive, _: archive.write_bytes(gzip.decompress(archive.read_bytes())),
    "packed twice": lambda archive, _: archive.write_bytes(gzip.compress(archive.read_bytes(), 1)),
    "another archive": lambda archive, other: shutil.copy(other, archive),
    "empty": lambda archive, _: archive.write_bytes(b""),
    "missing": lambda archive, _: archive.unlink(),
    "another name": lambda archive, _: archive.rename(archive.with_suffix(".GZ")),
    "a folder": _folder,
    "a link to another archive": _link,
    "a link to /dev/null": _pipe,
}


def main() -> int:
    """Damage and load; return 1 where anything was read wrong, or failed without words."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=100)
    options = arguments.parse_args()
    random.seed(0)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CNNLAB_CACHE"] = folder
        raw = Path(folder) / "fashion_mnist" / "FashionMNIST" / "raw"
        shutil.copytree(data_folder() / "FashionMNIST" / "raw", raw)
        sound = {path.name: path.read_bytes() for path in raw.glob("*.gz")}
        expected = load_published("fashion_mnist")
        for number in range(options.count):
            name, damage = list(DAMAGES.items())[number % len(DAMAGES)]
            archive, other = (raw / each for each in random.sample(sorted(sound), 2))
            damage(archive, other)
            counts[_loaded(expected, f"{name}: {archive.name}")] += 1
            shutil.rmtree(raw)
            raw.mkdir()
            for each, content in sound.items():
                (raw / each).write_bytes(content)
    print("| damaged | refused in words | read as it was | read wrong | raw errors |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    print(f"| {options.count} | {counts['refused']} | {counts['same']} | {counts['wrong']} | {counts['raw']} |")
    return 1 if counts["wrong"] or counts["raw"] else 0


def _loaded(expected: tuple, what: str) -> str:
    """Return what became of loading a damaged download."""
    try:
        loaded = load_published("fashion_mnist")
    except (ConfigError, DataError):
        return "refused"
    except Exception as error:
        print(f"{what}: {type(error).__name__}: {error}", file=sys.stderr)
        return "raw"
    pairs = zip((*loaded[0], *loaded[1]), (*expected[0], *expected[1]), strict=True)
    same = all(torch.equal(one, other) for one, other in pairs)
    print(f"{what}: read {'as it was' if same else 'wrong'}", file=sys.stderr)
    return "same" if same else "wrong"


if __name__ == "__main__":
    sys.exit(main())
