"""Find the pictures in a folder that holds one folder for each class: one walk, for all that count or load them."""

from __future__ import annotations

import mimetypes
import os
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from PIL import Image

from cnnlab.checks import shown
from cnnlab.data.pictures import BY_SUFFIX, COMMON
from cnnlab.errors import ConfigError, DataError
from cnnlab.files import check_path

WANTED = "a folder that holds a folder for each class, with its pictures"
# Folders and files that systems and programs make; those that begin with a dot, such as .ipynb_checkpoints, too.
SYSTEM = {
    "$recycle.bin", "recycler", "system volume information", "found.000", "thumbs.db", "ehthumbs.db", "desktop.ini",
    "@eadir", "@tmp", "@sharebin", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@__thumb",
    "network trash folder", "temporary items", "__macosx", "icon\r", "lost+found", "lost.dir",
}  # fmt: skip
# Suffixes of pictures that Pillow does not read and that the module mimetypes may not know.
OTHER_PICTURES = {".heic", ".heif", ".hif", ".jxl", ".svg", ".eps", ".psd", ".xcf", ".raw", ".dng", ".cr2", ".cr3",
                  ".nef", ".nrw", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw", ".rwl", ".3fr", ".iiq", ".kdc",
                  ".dcr", ".erf", ".mrw", ".x3f", ".dds", ".cur", ".blp", ".ftex", ".pct", ".pict"}  # fmt: skip
COPIES = {".bak", ".orig", ".old", ".tmp", ".temp", ".part", ".partial", ".crdownload", ".download"}
# The first bytes of the pictures that can be known by them: PNG, JPEG, GIF, WebP, TIFF, BMP, JPEG 2000 and AVIF.
FIRST_BYTES = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF.{4}WEBP|II\*\0|MM\0\*|BM.{4}\0{4}|\0\0\0\x0cjP  |.{4}ftypavif",
    re.DOTALL,
)
# Words in the names of folders that are splits, in English and Indonesian.
SPLITS = {
    "train", "training", "trn", "val", "valid", "validation", "dev", "test", "testing", "tst", "eval", "holdout",
    "unlabeled", "fold", "latih", "pelatihan", "uji", "pengujian", "validasi",
}  # fmt: skip
# The words of a name: trainA and TrainData begin with train, x_test2 and Xtest end with test.
WORDS = re.compile(r"[\W_\d]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=^[Xx])(?=[Tt])")
OF_A_SPLIT = re.compile(r"(?<=.)(set|data|images|imgs)$")  # what may be written in one word with it: trainset
NO_FILE = " (no file)"  # stands after the name of a broken link
MOST_NAMED = 10  # files in one message
MOST_FILES = 1_000_000  # that are walked through; a whole disk has more


class PictureFolder(NamedTuple):
    """What `find_pictures` found.

    Parameters
    ----------
    root : Path
        The folder.
    classes : tuple of str
        The names of its folders, in order; class i is label i.
    files : tuple of str
        The path of each picture, below `root` and with slashes, in the order of the classes and the names.
    labels : tuple of int
        The class of each picture.
    left_out : tuple of str
        The paths of files that are no pictures which can be loaded, and of folders without a picture.
    loose : tuple of str
        Those of `left_out` that could be loaded, but lie beside the folders of the classes.
    """

    root: Path
    classes: tuple[str, ...]
    files: tuple[str, ...]
    labels: tuple[int, ...]
    left_out: tuple[str, ...]
    loose: tuple[str, ...] = ()

    @property
    def pictures_left_out(self) -> list[str]:
        """Those of `left_out` that are pictures in a format, or under a name, that is not loaded."""
        loose = set(self.loose)
        return [path for path in self.left_out if path not in loose and _is_picture(self.root, path)]

    @property
    def name(self) -> str:
        """The folder's own name, also where it was given as "."."""
        return readable(self.root.resolve().name)


def find_pictures(folder: str | os.PathLike) -> PictureFolder:
    """Return the classes and the pictures in a folder, without decoding one.

    A picture counts by its suffix, in small or capital letters; where there is none, or the rest of an address (as in
    "cat.jpg?size=large"), by its first bytes. It may lie deeper in the folder of its class. Links to
    folders are followed. Hidden and system folders and files are ignored.

    Raises
    ------
    ConfigError
        For a folder that is no path.
    DataError
        Unless there are at least two classes at the right level; the message names the folder to give, if it is near.

    >>> find_pictures("my_pictures").classes
    ('cat', 'dog')
    """
    root = _existing(folder)
    pictures_of: dict[str, list[str]] = {}
    loose, left_out = [], []
    folders, files = _list(root)
    count = len(files)
    for name in files:
        (loose if _is_loaded(root, name) else left_out).append(name)
    for name in folders:
        pictures_of[name] = []
        for path in _walk(root / name, name, (os.path.realpath(root),)):
            (pictures_of[name] if _is_loaded(root, path) else left_out).append(path)
            count += 1
            if count > MOST_FILES:
                raise DataError(f"{readable(str(root))} holds more than {MOST_FILES:,} files; give {WANTED}")
    empty = [f"{name} (a folder without a picture)" for name, paths in pictures_of.items() if not paths]
    pictures_of = {name: paths for name, paths in pictures_of.items() if paths}
    _check_level(root, pictures_of, loose)
    names = sorted(pictures_of, key=portable)
    pictures = [(path, label) for label, name in enumerate(names) for path in sorted(pictures_of[name], key=portable)]
    classes = tuple(readable(name) for name in names)
    _check_names(root, classes)
    paths, labels = zip(*pictures, strict=True)
    return PictureFolder(root, classes, paths, labels, tuple(sorted([*left_out, *loose, *empty])), tuple(sorted(loose)))


def picture_format(path: str) -> str | None:
    """Return Pillow's name for the format that a path's suffix stands for; None if it is none that we read.

    >>> picture_format("cat/IMG_1.JPEG")
    'JPEG'
    """
    kind = Image.registered_extensions().get(_suffix(path))
    kind = "JPEG" if kind == "MPO" else kind  # what some phones call their JPEG
    return kind if kind in Image.OPEN and kind in (*COMMON, *BY_SUFFIX) else None


def _is_loaded(root: Path, path: str) -> bool:
    """Return whether a file below root is a picture that we read: by its suffix, or else by its first bytes."""
    if picture_format(path):
        return True
    if (_suffix(path) and "?" not in _suffix(path)) or path.endswith("~"):  # backups (0.png.bak, 0~) would be copies
        return False
    return _begins_as_picture(root / path)


def _begins_as_picture(file: Path) -> bool:
    try:
        with open(file, "rb") as opened:
            return FIRST_BYTES.match(opened.read(16)) is not None
    except OSError:  # a broken link, or a file that is shut
        return False


def _is_picture(root: Path, path: str) -> bool:
    """Return whether a file below root is a picture, by its suffix or its first bytes, also where we can't read it."""
    kind = mimetypes.guess_type(path.removesuffix(NO_FILE))[0] or ""
    if kind.startswith("image/") or _suffix(path) in OTHER_PICTURES:
        return True
    return not _is_copy(path) and _begins_as_picture(root / path)


def _is_copy(path: str) -> bool:
    """Return whether a file is a backup of another one, or a part of a download, by its name."""
    return path.endswith("~") or _suffix(path) in COPIES or picture_format(PurePosixPath(path).stem) is not None


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def readable(name: str) -> str:
    """Return a file name as text that can be written anywhere: bytes that are no UTF-8 become �."""
    return os.fsencode(name).decode(errors="replace")


def portable(path: str) -> str:
    """Return a path as it is written on most systems: macOS writes é as two characters."""
    return unicodedata.normalize("NFC", path)


def list_some(names: list[str] | tuple[str, ...]) -> str:
    """Return the first ten names with commas, and how many more there are.

    >>> list_some(["a.txt", "b.txt"])
    'a.txt, b.txt'
    """
    more = len(names) - MOST_NAMED
    return ", ".join(map(readable, names[:MOST_NAMED])) + (f" and {more:,} more" if more > 0 else "")


def _existing(folder: str | os.PathLike) -> Path:
    """Return the folder as a Path, with ~ expanded; raise unless it is there."""
    if not isinstance(folder, (str, os.PathLike)) or not str(folder) or "\0" in str(folder):
        raise ConfigError(f"folder must be the path of {WANTED}, got {shown(folder)}")
    root = check_path("folder", folder)
    if os.path.isdir(root):  # Path.is_dir raises an error for what lies in a folder that is shut
        return root
    try:
        is_zip = root.is_file() and zipfile.is_zipfile(root)  # of a device, such as /dev/zero, all would be read
    except (OSError, ValueError):
        is_zip = False
    if is_zip:
        raise DataError(f"{folder} is a .zip; unpack it, and give {WANTED}")
    raise DataError(f"{folder} is not a folder; give one that holds a folder for each class, with its pictures")


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM


def _list(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of the folders and of the files in a folder, without hidden and system ones.

    What is neither (a broken link, a pipe) counts as a file, by a name that is no picture's.
    """
    folders, files = [], []
    try:
        for entry in os.scandir(folder):
            if _is_ignored(entry.name):
                continue
            # An entry needs no look at the disk, but raises OSError for a link to itself.
            is_link = entry.is_symlink()
            if os.path.isdir(entry.path) if is_link else entry.is_dir():
                folders.append(entry.name)
            else:
                is_file = os.path.isfile(entry.path) if is_link else entry.is_file()
                files.append(entry.name if is_file else f"{entry.name}{NO_FILE}")
    except OSError as error:
        raise DataError(f"{folder} can't be read ({error.strerror}); change its permissions") from error
    return folders, files


def _walk(folder: Path, path: str, above: tuple[str, ...]) -> Iterator[str]:
    """Yield the path of each file in a folder, at all depths; `above` are the real paths of the folders around it."""
    here = os.path.realpath(folder)
    if here in above:  # a link back: it would never end
        return
    folders, files = _list(folder)
    yield from (f"{path}/{name}" for name in files)
    for name in folders:
        yield from _walk(folder / name, f"{path}/{name}", (*above, here))


def _check_level(root: Path, pictures_of: dict[str, list[str]], loose: list[str]) -> None:
    """Raise DataError, with the folder to give, unless each of at least two classes has pictures of its own.

    pictures_of: name of a class folder → paths of its pictures. loose: pictures directly in root.
    """
    nested = [name for name, paths in pictures_of.items() if all(path.count("/") > 1 for path in paths)]
    if nested:
        better = _deeper(root, [path for paths in pictures_of.values() for path in paths])
        remedy = f"give {readable(str(better))}" if better else "put the pictures of a class into one folder"
        raise DataError(f"{readable(str(root))} must hold a folder for each class, with pictures in it, but "
                        f"{list_some(sorted(nested))} hold only folders; {remedy}")  # fmt: skip
    if splits := _splits(pictures_of):
        raise DataError(f"the folders in {readable(str(root))}, {list_some(splits)}, are splits, not classes; "
                        f"put the pictures of all splits into one folder for each class")  # fmt: skip
    if len(pictures_of) > 1:
        return
    if pictures_of and not loose:
        has = f"holds one class only, {readable(next(iter(pictures_of)))}; make a folder for each class to tell apart"
    elif loose:
        has = f"must hold a folder for each class, with pictures in it, but holds {len(loose):,} pictures itself; "
        above = root.resolve().parent
        has += f"give {readable(str(above))}" if _are_classes(above) else "put each into a folder of its class"
    else:
        has = "must hold a folder for each class, with pictures in it, and holds no picture; give another folder"
    raise DataError(f"{readable(str(root))} {has}")


def _splits(names: Iterable[str]) -> list[str]:
    """Return the folders that are splits by their names, such as train2017 and test_set, in order; [] if they are not.

    They are if their names hold two different words of SPLITS, or if each holds one: a class may be called train.
    """
    words = {
        name: SPLITS.intersection(OF_A_SPLIT.sub("", word.lower()) for word in WORDS.split(name))
        for name in sorted(names)
    }
    splits = [name for name in words if words[name]]
    return splits if len(set().union(*words.values())) > 1 or len(splits) == len(words) else []


def _deeper(root: Path, paths: list[str]) -> Path | None:
    """Return the folder below root that has a folder for each class; of several the one with the most pictures."""
    places = Counter(PurePosixPath(path).parent.parent for path in paths)
    for place in sorted(
        places, key=lambda place: (places[place], place.name.lower().startswith("train")), reverse=True
    ):
        classes = {PurePosixPath(path).parent.name for path in paths if PurePosixPath(path).parent.parent == place}
        if len(classes) > 1 and not _splits(classes):
            return root / place
    return None


def _are_classes(folder: Path) -> bool:
    """Return whether two folders in this one have pictures directly in them, so that they look like classes."""
    try:
        classes = [folder / name for name in _list(folder)[0]]
        return sum(any(_is_loaded(place, name) for name in _list(place)[1]) for place in classes) > 1
    except DataError:
        return False


def _check_names(root: Path, classes: tuple[str, ...]) -> None:
    """Raise DataError for a blank name, and for two that differ in capital letters alone: most likely one class."""
    if any(not name.strip() for name in classes):
        raise DataError(f"{readable(str(root))} holds a folder whose name is blank; rename it")
    first: dict[str, str] = {}
    for name in classes:
        other = first.setdefault(portable(name).casefold(), name)
        if other is not name:
            raise DataError(f"{readable(str(root))} holds {other!r} and {name!r}; put them together, or rename one")
