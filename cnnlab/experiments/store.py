"""Keep finished runs: in a folder with one JSON file for each record, in a .zip of such a folder, or in memory.

A record is written whole or not at all, carries its format and a checksum, and is trained by one process only.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from cnnlab.errors import ConfigError, DataError
from cnnlab.files import NoLock, atomic_write, file_lock
from cnnlab.model.weights import unpack_tensors

if TYPE_CHECKING:
    import filelock

FORMAT = 1
NAME = r"([0-9a-f]{16})"  # of a record; files with other names are ignored
LEFT_OVER = re.compile(rf"\.{NAME}\.(json|safetensors|failed)\..*")  # half written by a process that was killed


class Store:
    """A place for records, each under a name of 16 hexadecimal digits.

    Parameters
    ----------
    path : path, optional
        A folder, which `prepare` makes, or a .zip of one. None: memory. A .zip is never changed: what is added to it is
        kept in memory, until the process ends.

    Raises
    ------
    ConfigError
        If the path is a file but no .zip, or can't be read.

    >>> Store("runs/kernel").names()
    ['0b6f1c2a7e3d4958']
    """

    def __init__(self, path: str | os.PathLike | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._folder = self.path  # to which records are written; None: they are kept in memory
        self._memory: dict[str, bytes] = {}
        self._zip = self._edit = None
        if self.path is not None and self._is_file(self.path):
            if not zipfile.is_zipfile(self.path):
                raise ConfigError(f"store={str(path)!r} is a file; give a folder, or a .zip of one")
            self._zip, self._folder = zipfile.ZipFile(self.path), None
            self._entries = {PurePosixPath(entry).name: entry for entry in self._zip.namelist()}

    def _is_file(self, path: Path) -> bool:
        try:
            return stat.S_ISREG(os.stat(path).st_mode)
        except FileNotFoundError:
            return False
        except (OSError, ValueError) as error:  # a name that no folder can have
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> ConfigError:
        """Return the error that says why the store can't be used."""
        why = getattr(error, "strerror", None) or error
        return ConfigError(f"store={str(self.path)!r} can't be read, written or locked ({why}); give another folder")

    @property
    def read_only(self) -> bool:
        """True if its records can't be changed."""
        if self._folder is None:
            return self._zip is not None
        return self._folder.is_dir() and not os.access(self._folder, os.W_OK)

    def prepare(self) -> None:
        """Make the folder, and delete the files that a killed process left half written.

        Raises ConfigError if the folder can't be made, written or locked.
        """
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self.editing():  # nobody else is writing now
                for file in filter(LEFT_OVER.fullmatch, self._files()):
                    (self._folder / file).unlink(missing_ok=True)
        except (OSError, NotImplementedError) as error:
            raise self._refusal(error) from error

    def names(self, kind: str = "json") -> list[str]:
        """Return the names of all records, in order; with kind="failed", the names of all failures."""
        matches = (re.fullmatch(rf"{NAME}\.{kind}", file) for file in self._files())
        return sorted(match[1] for match in matches if match)

    def _files(self) -> list[str]:
        """Return the names of all files, without their folder."""
        if self.path is None:
            return list(self._memory)
        if self._zip is not None:
            return list(self._entries | self._memory)
        return [entry.name for entry in os.scandir(self.path)] if self.path.is_dir() else []

    def read(self, name: str) -> dict[str, Any] | None:
        """Return a record; None if there is none. A damaged record is set aside as .bad, with a warning.

        Raises DataError if it has another format, or the .zip is damaged.
        """
        content = self._content(f"{name}.json")
        if content is None:
            return None
        try:
            record = decode(content)
        except ValueError as error:
            self.set_aside(f"{name}.json", content, str(error))
            return None
        if record.get("format") != FORMAT:
            raise DataError(
                f"{self.path}: record {name}.json has format {record.get('format')!r}, and this cnnlab reads {FORMAT}; "
                "take the version of cnnlab that wrote it, or another folder"
            )
        return record

    def weights(self, name: str) -> bytes:
        """Return the record's weights, as the bytes of a safetensors file; raise DataError if they are gone."""
        content = self._content(f"{name}.safetensors")
        if content is None:
            raise DataError(f"{self.path} lacks {name}.safetensors, the weights of this run; sweep it again")
        return content

    def has_weights(self, name: str) -> bool:
        """Return whether the record has sound weights; damaged ones are set aside as .bad, with a warning."""
        content = self._content(f"{name}.safetensors")
        if content is None:
            return False
        try:
            unpack_tensors(content, f"{name}.safetensors")
        except DataError:
            self.set_aside(f"{name}.safetensors", content, "its numbers are not sound")
            return False
        return True

    def write(self, name: str, record: dict[str, Any], weights: bytes = b"") -> None:
        """Write the weights, then the record that refers to them, and delete the note of an earlier failure."""
        with self.editing():
            if weights:
                self._keep(f"{name}.safetensors", weights)
            self._keep(f"{name}.json", encode({"format": FORMAT} | record))
            self._remove(f"{name}.failed")

    def note_failure(self, name: str, experiment: dict[str, Any], reason: str) -> None:
        """Write down why a run failed; `write` deletes the note when the run succeeds."""
        with self.editing():
            text = json.dumps({"experiment": experiment, "reason": reason}, indent=1)
            self._keep(f"{name}.failed", text.encode())

    def failure(self, name: str) -> dict[str, Any] | None:
        """Return the note of a failure, with "experiment" and "reason"; None if there is none."""
        content = self._content(f"{name}.failed")
        return None if content is None else json.loads(content)

    def remove(self, names: Iterable[str]) -> None:
        """Delete these records with their weights; a record that is not there is ignored."""
        with self.editing():
            for name in names:
                for kind in ("json", "safetensors"):
                    self._remove(f"{name}.{kind}")

    def claim(self, name: str) -> Claim | None:
        """Return the right to train a record, which the caller closes; None while another process has it."""
        if self._folder is None:
            return Claim(NoLock())
        import filelock

        lock = file_lock(self._folder / ".locks" / f"{name}.lock")
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return None
        return Claim(lock)

    @contextlib.contextmanager
    def editing(self) -> Iterator[None]:
        """Keep other processes from changing the store's files until the block ends: milliseconds, never a training."""
        if self._folder is None:
            yield
            return
        self._edit = self._edit or file_lock(self._folder / ".locks" / "edit.lock")
        with self._edit:
            yield

    def _content(self, file: str) -> bytes | None:
        """Return the bytes of a file; None if there is no such file."""
        try:
            if self._folder is not None:
                return (self._folder / file).read_bytes()
            if self._zip is None or file in self._memory:
                return self._memory.get(file)
            return self._zip.read(self._entries[file])
        except (FileNotFoundError, KeyError):
            return None
        except (zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"{self.path} is damaged ({error}); get the file again") from error

    def _keep(self, file: str, content: bytes) -> None:
        if self._folder is not None:
            atomic_write(self._folder / file, content)
        else:
            self._memory[file] = content

    def _remove(self, file: str) -> None:
        self._memory.pop(file, None)
        if self._folder is not None:
            (self._folder / file).unlink(missing_ok=True)

    def set_aside(self, file: str, content: bytes | None, why: str) -> None:
        """Rename a damaged file to .bad, and warn.

        Parameters
        ----------
        file : str
            The file's name.
        content : bytes, optional
            What a reader saw. If the file has other content by now, somebody has repaired it, and it stays. None: any.
        why : str
            What is wrong with it, for the warning.
        """
        if self._folder is None:
            raise DataError(f"{self.path}: {file} is damaged ({why}); get the file again")
        with self.editing():
            now = self._content(file)
            if now is None or content not in (None, now):
                return
            os.replace(self._folder / file, self._folder / f"{file}.bad")
        warnings.warn(
            f"{self._folder / file} is no use ({why}): set aside as {file}.bad, to be run again", stacklevel=4
        )


class Claim:
    """The right of one process to train one record. It ends with the process at the latest, even if that is killed."""

    def __init__(self, lock: filelock.BaseFileLock | NoLock) -> None:
        self._lock = lock

    def close(self) -> None:
        """Give the right back."""
        self._lock.release()


def encode(record: dict[str, Any]) -> bytes:
    """Return a record as JSON text, whose first line holds the CRC-32 checksum of the other lines."""
    lines = json.dumps(record, allow_nan=False, separators=(",", ":")).encode()
    return b'{"crc32":"%08x",\n' % zlib.crc32(lines[1:]) + lines[1:]


def decode(content: bytes) -> dict[str, Any]:
    """Return the record that `encode` wrote; raise ValueError, which says what is wrong, if it is damaged."""
    first, _, rest = content.partition(b"\n")
    if first != b'{"crc32":"%08x",' % zlib.crc32(rest):
        raise ValueError("it does not match its checksum")
    return json.loads(b"{" + rest)
