"""Where finished runs lie: a folder with one JSON file a run, or a zip of such a folder, or nothing but memory.

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
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from cnnlab.errors import ConfigError, DataError
from cnnlab.files import atomic_write
from cnnlab.model.weights import unpack_tensors

if TYPE_CHECKING:
    import filelock

FORMAT = 1
NAME = r"([0-9a-f]{16})"  # what else lies in the folder is none of our business
LEFT_OVER = re.compile(rf"\.{NAME}\.(json|safetensors|failed)\..*")  # half written by a process that was killed


class Store:
    """Records by name. path: a folder (made when the first record comes), a .zip, or None: memory.

    A zip is never changed: what is added to it lies in memory, and goes with the process.

    >>> Store("runs/kernel").names()
    ['0b6f1c2a7e3d4958']
    """

    def __init__(self, path: str | os.PathLike | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._memory: dict[str, bytes] = {}
        self._zip = self._edit = None
        if path is not None and self._is_file():
            if not zipfile.is_zipfile(self.path):
                raise ConfigError(f"store={str(path)!r} is a file; give a folder, or a .zip of one")
            self._zip = zipfile.ZipFile(self.path)
            self._entries = {PurePosixPath(entry).name: entry for entry in self._zip.namelist()}

    def _is_file(self) -> bool:
        try:
            return stat.S_ISREG(os.stat(self.path).st_mode)
        except FileNotFoundError:
            return False
        except (OSError, ValueError) as error:  # a name that no folder can have
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> ConfigError:
        why = getattr(error, "strerror", None) or error
        return ConfigError(f"store={str(self.path)!r} can't be read, written or locked ({why}); give another folder")

    @property
    def _on_disk(self) -> bool:
        """Whether what is written here goes to a folder."""
        return self.path is not None and self._zip is None

    @property
    def read_only(self) -> bool:
        """Whether what lies here can't be changed."""
        if not self._on_disk:
            return self._zip is not None
        return self.path.is_dir() and not os.access(self.path, os.W_OK)

    def prepare(self) -> None:
        """Make the folder, and clear away what a killed process left half written; ConfigError if it can't be."""
        if not self._on_disk:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with self.editing():  # nobody else is writing now
                for file in filter(LEFT_OVER.fullmatch, self._files()):
                    (self.path / file).unlink(missing_ok=True)
        except (OSError, NotImplementedError) as error:
            raise self._refused(error) from error

    def names(self, kind: str = "json") -> list[str]:
        """Return the name of every record; kind "failed": of every failure."""
        found = (re.fullmatch(rf"{NAME}\.{kind}", file) for file in self._files())
        return sorted(match[1] for match in found if match)

    def _files(self) -> list[str]:
        if self.path is None:
            return list(self._memory)
        if self._zip is not None:
            return list(self._entries | self._memory)
        return [entry.name for entry in os.scandir(self.path)] if self.path.is_dir() else []

    def read(self, name: str) -> dict[str, Any] | None:
        """Return a record; None if there is none. One that is damaged is set aside as .bad, with a warning."""
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
        """Return the record's safetensors; DataError if they are gone."""
        content = self._content(f"{name}.safetensors")
        if content is None:
            raise DataError(f"{self.path} lacks {name}.safetensors, the weights of this run; sweep it again")
        return content

    def has_weights(self, name: str) -> bool:
        """Whether the record's safetensors are there and sound; damaged ones are set aside as .bad, with a warning."""
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
        """Keep a record, and before it the weights that it speaks of. A failure noted before is forgotten."""
        with self.editing():
            if weights:
                self._keep(f"{name}.safetensors", weights)
            self._keep(f"{name}.json", encode({"format": FORMAT} | record))
            self._remove(f"{name}.failed")

    def note_failure(self, name: str, experiment: dict[str, Any], reason: str) -> None:
        """Leave a text that says why a run failed; it is gone when the run succeeds."""
        with self.editing():
            text = json.dumps({"experiment": experiment, "reason": reason}, indent=1)
            self._keep(f"{name}.failed", text.encode())

    def failure(self, name: str) -> dict[str, Any] | None:
        """Return what `note_failure` left, if it did."""
        content = self._content(f"{name}.failed")
        return None if content is None else json.loads(content)

    def claim(self, name: str) -> Claim | None:
        """Return the right to train a record, to be closed; None while another process has it."""
        if not self._on_disk:
            return Claim(None)
        import filelock

        lock = self._lock(f"{name}.lock")
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return None
        return Claim(lock)

    @contextlib.contextmanager
    def editing(self) -> Iterator[None]:
        """Let no other process change any file of the store; it takes milliseconds, training does not happen here."""
        if not self._on_disk:
            yield
            return
        self._edit = self._edit or self._lock("edit.lock")
        with self._edit:
            yield

    def _lock(self, file: str) -> filelock.BaseFileLock:
        import filelock

        (self.path / ".locks").mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(self.path / ".locks" / file)

    def _content(self, file: str) -> bytes | None:
        try:
            if self._on_disk:
                return (self.path / file).read_bytes()
            if self._zip is None or file in self._memory:
                return self._memory.get(file)
            return self._zip.read(self._entries[file])
        except (FileNotFoundError, KeyError):
            return None
        except (zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"{self.path} is damaged ({error}); get the file again") from error

    def _keep(self, file: str, content: bytes) -> None:
        if self._on_disk:
            atomic_write(self.path / file, content)
        else:
            self._memory[file] = content

    def _remove(self, file: str) -> None:
        self._memory.pop(file, None)
        if self._on_disk:
            (self.path / file).unlink(missing_ok=True)

    def set_aside(self, file: str, content: bytes | None, why: str) -> None:
        """Rename a file to .bad, and warn; one that no longer has this content (None: any) was mended, and stays."""
        if self._zip is not None:
            raise DataError(f"{self.path}: {file} is damaged ({why}); get the file again")
        with self.editing():
            now = self._content(file)
            if now is None or content not in (None, now):
                return
            os.replace(self.path / file, self.path / f"{file}.bad")
        warnings.warn(f"{self.path / file} is no use ({why}): set aside as {file}.bad, to be run again", stacklevel=4)


class Claim:
    """The right of one process to train one record. It is gone when the process is, however that ends."""

    def __init__(self, lock: filelock.BaseFileLock | None) -> None:
        self._lock = lock

    def close(self) -> None:
        """Let others have it."""
        if self._lock is not None:
            self._lock.release()


def encode(record: dict[str, Any]) -> bytes:
    """Return a record as JSON, whose first line holds the checksum of the others."""
    lines = json.dumps(record, allow_nan=False, separators=(",", ":")).encode()
    return b'{"crc32":"%08x",\n' % zlib.crc32(lines[1:]) + lines[1:]


def decode(content: bytes) -> dict[str, Any]:
    """Return the record that `encode` wrote; ValueError, saying what is wrong, if it is not whole."""
    first, _, rest = content.partition(b"\n")
    if first != b'{"crc32":"%08x",' % zlib.crc32(rest):
        raise ValueError("it does not match its checksum")
    return json.loads(b"{" + rest)
