"""Where finished runs lie: a folder with one JSON file a run, or a zip of such a folder, or nothing but memory.

A record is written whole or not at all, carries its format and a checksum, and is trained by one process only.
"""

from __future__ import annotations

import json
import os
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cnnlab.errors import ConfigError, DataError
from cnnlab.files import atomic_write

FORMAT = 1


class Store:
    """Records by name. path: a folder (made when the first record comes), a .zip (read only), or None: memory.

    >>> Store("runs/kernel").names()
    ['0b6f1c2a7e3d4958']
    """

    def __init__(self, path: str | os.PathLike | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._memory: dict[str, bytes] = {}
        self._zip = None
        if self.path is not None and self.path.is_file():
            if not zipfile.is_zipfile(self.path):
                raise ConfigError(f"store={str(path)!r} is a file; give a folder, or a .zip of one")
            self._zip = zipfile.ZipFile(self.path)

    @property
    def read_only(self) -> bool:
        """Whether runs can be read here but not added."""
        return self._zip is not None

    def names(self) -> list[str]:
        """Return the name of every record."""
        return sorted(name.removesuffix(".json") for name in self._files() if name.endswith(".json"))

    def _files(self) -> list[str]:
        if self.path is None:
            return list(self._memory)
        if self._zip is not None:
            return self._zip.namelist()
        return [entry.name for entry in os.scandir(self.path)] if self.path.is_dir() else []

    def read(self, name: str) -> dict[str, Any] | None:
        """Return a record; None if there is none. One that is damaged is set aside as .bad, with a warning."""
        content = self._content(f"{name}.json")
        if content is None:
            return None
        try:
            record = decode(content)
        except ValueError as error:
            return self._set_aside(f"{name}.json", str(error))
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
            raise DataError(f"{self.path} lacks {name}.safetensors, the weights of this run; train it again")
        return content

    def write(self, name: str, record: dict[str, Any], weights: bytes = b"") -> None:
        """Keep a record, and before it the weights that it speaks of."""
        if weights:
            self._keep(f"{name}.safetensors", weights)
        self._keep(f"{name}.json", encode({"format": FORMAT} | record))

    def note_failure(self, name: str, experiment: dict[str, Any], reason: str) -> None:
        """Leave a text that says why a run failed; it is gone when the run succeeds."""
        self._keep(f"{name}.failed", json.dumps({"experiment": experiment, "reason": reason}, indent=1).encode())

    def forget_failure(self, name: str) -> None:
        """Remove what `note_failure` left."""
        self._memory.pop(f"{name}.failed", None)
        if self.path is not None:
            (self.path / f"{name}.failed").unlink(missing_ok=True)

    def claim(self, name: str) -> Claim | None:
        """Return the right to train a record, to be closed; None while another process has it."""
        return Claim(None) if self.path is None else Claim.on(self.path / ".locks" / f"{name}.lock")

    def _content(self, file: str) -> bytes | None:
        try:
            if self.path is None:
                return self._memory.get(file)
            return self._zip.read(file) if self._zip is not None else (self.path / file).read_bytes()
        except (FileNotFoundError, KeyError):
            return None

    def _keep(self, file: str, content: bytes) -> None:
        if self.path is None:
            self._memory[file] = content
            return
        if self._zip is not None:
            raise ConfigError(f"{self.path} is a zip, which can only be read; unpack it into a folder to add runs")
        self.path.mkdir(parents=True, exist_ok=True)
        atomic_write(self.path / file, content)

    def _set_aside(self, file: str, why: str) -> None:
        if self._zip is not None:
            raise DataError(f"{self.path}: record {file} is damaged ({why}); get the file again")
        os.replace(self.path / file, self.path / f"{file}.bad")
        warnings.warn(f"{self.path / file} was damaged ({why}): set aside as {file}.bad, to be run again", stacklevel=4)


class Claim:
    """The right of one process to train one record. It is gone when the process is, however that ends."""

    def __init__(self, lock: Any) -> None:
        self._lock = lock

    @classmethod
    def on(cls, path: Path) -> Claim | None:
        """Return the claim, or None where somebody has it."""
        import filelock

        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return None
        return cls(lock)

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
    return json.loads(content)


def each_record(store: Store) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every sound record of a store with its name; also while a sweep adds to it."""
    for name in store.names():
        record = store.read(name)
        if record is not None:
            yield name, record
