"""Find what the students of a class have handed in, and unpack it into a folder, whatever it holds."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cnnlab.data.picture_folder import SYSTEM
from cnnlab.errors import ConfigError, DataError
from cnnlab.files import check_path

MOST_BYTES = 200_000_000  # of one submission, unpacked
MOST_FILES = 2_000
MOST_NOTEBOOKS = 40  # each may run for minutes
DEEPEST = 50  # folders in folders
NOTEBOOK_BYTES = 20_000_000
OF_THE_SYSTEM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # a full disk, …
LISTED = b"PK\1\2"  # stands before each file in the list of a .zip
OWN = ("my_course", ".git", ".ipynb_checkpoints")  # a student's own records, and copies: no work that is marked


@dataclass(frozen=True)
class Submission:
    """What one student has handed in: a folder, a .zip or a notebook that carry her name.

    Parameters
    ----------
    student : str
        The name of the folder, the .zip or the notebook, without its ending.
    path : Path
        Where it is.
    """

    student: str
    path: Path

    def digest(self) -> str:
        """Return 16 hexadecimal digits that change with the content; raise DataError where it can't be read."""
        hashed = hashlib.sha256()
        files = [self.path] if self.path.is_file() else sorted(_files(self.path))
        _check_size(self.path, len(files), sum(file.stat().st_size for file in files))
        for file in files:
            name = file.relative_to(self.path).as_posix() if file != self.path else ""
            with _naming(self.path), open(file, "rb") as content:
                hashed.update(f"{name}\0{os.path.getsize(file)}\0".encode("utf-8", "surrogateescape"))
                while part := content.read(2**20):
                    hashed.update(part)
        return hashed.hexdigest()[:16]

    def unpack(self, folder: Path) -> list[Path]:
        """Copy it into an empty folder, and return its notebooks there; raise DataError for what is no submission.

        Links are left out, and so are files outside of the submission.
        """
        with _naming(self.path):
            if self.path.suffix.lower() == ".zip":
                _unzip(self.path, folder)
            else:
                _copy(self.path, folder)
        notebooks = sorted(file for file in _files(folder) if file.suffix.lower() == ".ipynb")
        for notebook in notebooks:
            if (size := notebook.stat().st_size) > NOTEBOOK_BYTES:
                raise DataError(
                    f"{notebook.name} has {size / 1e6:.0f} MB; a notebook may have {NOTEBOOK_BYTES / 1e6:.0f}"
                )
        if len(notebooks) > MOST_NOTEBOOKS:
            raise DataError(
                f"{self.path.name} holds {len(notebooks):,} notebooks; at most {MOST_NOTEBOOKS} are run for one student"
            )
        if not notebooks:
            raise DataError(f"{self.path.name} holds no notebook (.ipynb)")
        return notebooks


def find_submissions(folder: str | os.PathLike) -> list[Submission]:
    """Return the submissions in a folder, in the order of the students' names; raise ConfigError if there are none.

    Each folder, .zip and notebook in it is the submission of the student whose name it carries. Hidden and system files
    and folders are ignored.
    """
    root = check_path("folder", folder)
    if not root.is_dir():
        raise ConfigError(
            f"there is no folder {root}; give the one that holds a folder, a .zip or a notebook for each student"
        )
    entries = [entry for entry in root.iterdir() if not _is_hidden(entry.name)]
    paths = [path for path in entries if path.is_dir() or path.suffix.lower() in (".zip", ".ipynb")]
    if not paths:
        raise ConfigError(f"{root} holds no submission: no folder, no .zip and no notebook (.ipynb)")
    submissions = [Submission(path.name if path.is_dir() else path.stem, path) for path in sorted(paths)]
    names = [submission.student for submission in submissions]
    if double := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"two submissions carry the name {double[0]!r} in {root}; rename or remove one of them")
    return submissions


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM or name in OWN


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn an error of reading a submission into a DataError that names it; an error of this computer stays one."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # a strange archive raises what it likes
        if isinstance(error, OSError) and error.errno in OF_THE_SYSTEM:
            raise
        raise DataError(f"{path.name} can't be read ({type(error).__name__}: {error})") from error


def _files(folder: Path) -> Iterator[Path]:
    """Yield all files in a folder, at all depths; no links, nothing hidden."""
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        if folders and len(Path(root).parts) - len(folder.parts) >= DEEPEST:
            raise DataError(f"{folder.name} holds folders in folders, more than {DEEPEST} deep")
        for name in names:
            file = Path(root, name)
            if not _is_hidden(name) and stat.S_ISREG(file.lstat().st_mode):
                yield file


def _copy(path: Path, folder: Path) -> None:
    """Copy a notebook, or the files of a folder, into another folder."""
    files = [path] if path.is_file() else sorted(_files(path))
    _check_size(path, len(files), sum(file.stat().st_size for file in files))
    for file in files:
        target = folder / (file.name if file == path else file.relative_to(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _unzip(path: Path, folder: Path) -> None:
    """Unpack the files of a .zip into a folder, and nothing outside of it."""
    _check_size(path, 0, path.stat().st_size)
    with open(path, "rb") as packed:  # before its list of files, and of folders, is read into memory
        listed = sum(part.count(LISTED) for part in iter(lambda: packed.read(2**20), b""))
    _check_size(path, listed if listed > 10 * MOST_FILES else 0, 0)
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        _check_size(path, len(members), sum(member.file_size for member in members))
        left = MOST_BYTES
        for member in members:
            place = PurePosixPath(member.filename.replace("\\", "/"))
            if place.is_absolute() or ".." in place.parts or ":" in "".join(place.parts[:1]):
                raise DataError(f"{path.name} wants to write outside of its folder: {member.filename!r:.80}")
            if member.flag_bits & 1:
                raise DataError(f"{path.name} is encrypted; ask for one without a password")
            if len(place.parts) > DEEPEST:
                raise DataError(f"{path.name} holds folders in folders, more than {DEEPEST} deep")
            if not place.parts or stat.S_ISLNK(member.external_attr >> 16) or any(map(_is_hidden, place.parts)):
                continue
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as packed, open(target, "xb") as file:
                while part := packed.read(min(2**20, left + 1)):
                    if (left := left - len(part)) < 0:  # the sizes that the archive says may be wrong
                        _check_size(path, 0, MOST_BYTES + 1)
                    file.write(part)


def _check_size(path: Path, files: int, size: int) -> None:
    if files > MOST_FILES:
        raise DataError(f"{path.name} holds {files:,} files; at most {MOST_FILES:,} are taken")
    if size > MOST_BYTES:
        raise DataError(f"{path.name} holds more than {MOST_BYTES / 1e6:.0f} MB; ask for the notebooks alone")
