"""Keep the files of a store, as bytes: in a folder, in a .zip of one, or in memory.

What is read is bounded in size before it is unpacked, so that a damaged or hostile file can't fill the memory.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from pathlib import Path, PurePosixPath

from cnnlab.errors import ConfigError, DataError
from cnnlab.files import atomic_write, check_path

MOST_BYTES = {"json": 100_000_000, "failed": 1_000_000, "safetensors": 4_000_000_000}  # of a file, when it is unpacked
MOST_TIMES = 200  # how much larger a file of more than a megabyte may become when it is unpacked; weights hardly do


class StoreFiles:
    """The files of a store, each under its name.

    Parameters
    ----------
    path : path, optional
        A folder, which may not exist yet, or a .zip of one, which is never written. None: memory.

    Attributes
    ----------
    folder : Path or None
        Where files are written; None: they are kept in memory.

    Raises
    ------
    ConfigError
        If the path is a file but no .zip, or can't be read.
    DataError
        If the .zip as a whole is damaged.
    """

    def __init__(self, path: str | os.PathLike | None = None) -> None:
        self.path = None if path is None else check_path("store", path)
        self.folder = self.path
        self._memory: dict[str, bytes] = {}
        self._zip: zipfile.ZipFile | None = None
        if self.path is None or self._is_folder(self.path):
            return
        self.folder = None
        try:
            self._zip = zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            if zipfile.is_zipfile(self.path):
                raise DataError(f"store={str(path)!r} is a damaged .zip ({error}); get the file again") from error
            raise ConfigError(f"store={str(path)!r} is a file; give a folder, or a .zip of one") from error
        except OSError as error:
            raise self.refusal(error) from error
        self._entries = {PurePosixPath(entry.filename).name: entry for entry in self._zip.infolist()}

    def _is_folder(self, path: Path) -> bool:
        """Return whether the path is a folder, or may become one; False for a file, which must be a .zip."""
        try:
            mode = os.stat(path).st_mode
        except FileNotFoundError:
            if path.suffix.lower() == ".zip":
                raise ConfigError(
                    f"store={str(path)!r} does not exist, and a .zip is only read; look at its name, or give a folder"
                ) from None
            return True
        except (OSError, ValueError) as error:  # a name that no folder can have
            raise self.refusal(error) from error
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            raise ConfigError(f"store={str(path)!r} is neither a folder nor a file; give a folder, or a .zip of one")
        return stat.S_ISDIR(mode)

    def refusal(self, error: Exception) -> ConfigError:
        """Return the error that says why the store can't be used."""
        why = getattr(error, "strerror", None) or error
        return ConfigError(f"store={str(self.path)!r} can't be read, written or locked ({why}); give another folder")

    @property
    def read_only(self) -> bool:
        """True if the files can't be changed."""
        if self.folder is None:
            return self._zip is not None
        return self.folder.is_dir() and not os.access(self.folder, os.W_OK)

    def names(self) -> list[str]:
        """Return the names of all files, without their folder."""
        if self.path is None:
            return list(self._memory)
        if self._zip is not None:
            return list(self._entries | self._memory)
        try:
            return [entry.name for entry in os.scandir(self.path)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self.refusal(error) from error

    def read(self, file: str) -> bytes | None:
        """Return the bytes of a file; None if there is no such file. Raise DataError if it can't be read."""
        try:
            if self.folder is not None:
                return _read_file(self.folder / file)
            if self._zip is None or file in self._memory:
                return self._memory.get(file)
            return self._unpack(self._entries[file])
        except (FileNotFoundError, KeyError):
            return None
        except Exception as error:  # each way to pack a .zip has errors of its own: zlib, LZMA, Python 3.14's Zstandard
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise DataError(f"{self.path}: {file} is damaged or can't be read ({why}); get the file again") from error

    def _unpack(self, entry: zipfile.ZipInfo) -> bytes:
        """Return the content of a file in the .zip; raise ValueError if it would become suspiciously large."""
        assert self._zip is not None
        size, kind = entry.file_size, entry.filename.rpartition(".")[2]
        if size > MOST_BYTES.get(kind, 0) or size > max(1_000_000, MOST_TIMES * entry.compress_size):
            raise ValueError(f"it would be {size:,} bytes when it is unpacked")
        with self._zip.open(entry) as file:  # it gives no more than the size that the .zip says
            return file.read()

    def write(self, file: str, content: bytes) -> None:
        """Write a file whole, or not at all."""
        if self.folder is not None:
            atomic_write(self.folder / file, content)
        else:
            self._memory[file] = content

    def remove(self, file: str) -> None:
        """Delete a file; one that is not there is ignored."""
        self._memory.pop(file, None)
        if self.folder is not None:
            (self.folder / file).unlink(missing_ok=True)


def _read_file(path: Path) -> bytes:
    """Return the content of an ordinary file of a usual size; raise ValueError for another."""
    known = os.stat(path)
    if not stat.S_ISREG(known.st_mode):
        raise ValueError("it is no ordinary file")
    if known.st_size > MOST_BYTES.get(path.suffix[1:], 0):
        raise ValueError(f"it has {known.st_size:,} bytes")
    return path.read_bytes()
