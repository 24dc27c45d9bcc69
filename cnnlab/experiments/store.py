"""Keep finished runs: in a folder with one JSON file for each record, in a .zip of such a folder, or in memory.

A record is written whole or not at all, carries its format, its checksum and that of its weights, and is trained by one
process only. A file that is damaged never keeps the others from being read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import warnings
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.store_files import StoreFiles
from cnnlab.files import NoLock, file_lock, replace_file
from cnnlab.model.weights import unpack_tensors

if TYPE_CHECKING:
    import filelock

FORMAT = 1
LOCKS = ".locks"  # the folder of its locks
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
        self._files = StoreFiles(path)
        self.path, self._folder = self._files.path, self._files.folder
        self._edit: filelock.BaseFileLock | NoLock | None = None
        self._warned: set[str] = set()  # files that could not be set aside

    @property
    def read_only(self) -> bool:
        """True if its records can't be changed."""
        return self._files.read_only

    def prepare(self) -> None:
        """Make the folder, and delete the files that a killed process left half written.

        Raises ConfigError if the folder can't be made, written or locked.
        """
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self.editing():  # nobody else is writing now
                for file in filter(LEFT_OVER.fullmatch, self._files.names()):
                    (self._folder / file).unlink(missing_ok=True)
        except (OSError, NotImplementedError) as error:
            raise self._files.refusal(error) from error

    def names(self, kind: str = "json") -> list[str]:
        """Return the names of all records, in order; with kind="failed", the names of all failures."""
        matches = (re.fullmatch(rf"{NAME}\.{kind}", file) for file in self._files.names())
        return sorted(match[1] for match in matches if match)

    def read(self, name: str) -> dict[str, Any] | None:
        """Return a record; None if there is none. A damaged record is set aside as .bad, with a warning.

        Raises DataError if it has another format, or can't be read at all.
        """
        content = self._files.read(f"{name}.json")
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
        """Return the record's weights, as the bytes of a safetensors file.

        Raises DataError if they are gone, can't be read, or are not those that the record was written with. (Records of
        earlier versions don't say which they were written with.)
        """
        content, is_own = self._weights(name)
        if content is None:
            raise DataError(f"{self.path} lacks {name}.safetensors, the weights of this run; sweep it again")
        if not is_own:
            raise DataError(
                f"{self.path}: {name}.safetensors is damaged, or holds the weights of another run; sweep it again"
            )
        return content

    def has_weights(self, name: str) -> bool:
        """Return whether the record has sound weights, its own; others are set aside as .bad, with a warning."""
        try:
            content, is_own = self._weights(name)
            if content is None:
                return False
            unpack_tensors(content, f"{name}.safetensors")
        except DataError:
            content, is_own = None, False
        if not is_own:
            self.set_aside(f"{name}.safetensors", content, "it is damaged, or holds the weights of another run")
        return is_own

    def _weights(self, name: str) -> tuple[bytes | None, bool]:
        """Return the content of the file of weights, and whether it is the one that the record was written with."""
        content = self._files.read(f"{name}.safetensors")
        if content is None or (is_own := self._is_own(name, content)) or self._folder is None or self.read_only:
            return content, content is not None and is_own
        with self.editing():  # another process may be writing both
            content = self._files.read(f"{name}.safetensors")
            return content, content is not None and self._is_own(name, content)

    def _is_own(self, name: str, weights: bytes) -> bool:
        """Return whether these are the weights that the record was written with, as far as it says."""
        record = self.read(name) or {}
        return record.get("weights_sha256") in (None, hashlib.sha256(weights).hexdigest())

    def write(self, name: str, record: dict[str, Any], weights: bytes = b"") -> None:
        """Write the weights, then the record with their checksum, and delete the note of an earlier failure."""
        with self.editing():
            if weights:
                record = record | {"weights_sha256": hashlib.sha256(weights).hexdigest()}
                self._files.write(f"{name}.safetensors", weights)
            self._files.write(f"{name}.json", encode({"format": FORMAT} | record))
            self._files.remove(f"{name}.failed")

    def note_failure(self, name: str, experiment: dict[str, Any], reason: str) -> None:
        """Write down why a run failed; `write` deletes the note when the run succeeds."""
        with self.editing():
            text = json.dumps({"experiment": experiment, "reason": reason}, indent=1)
            self._files.write(f"{name}.failed", text.encode())

    def failure(self, name: str) -> dict[str, Any] | None:
        """Return the note of a failure, with "experiment" and "reason"; None if there is none.

        A damaged note is set aside as .bad, with a warning.
        """
        content = self._files.read(f"{name}.failed")
        if content is None:
            return None
        try:
            note = json.loads(content)
            return {"experiment": dict(note["experiment"]), "reason": str(note["reason"])}
        except (ValueError, TypeError, KeyError, RecursionError):
            self.set_aside(f"{name}.failed", content, "it is no note of a failure")
            return None

    def remove(self, names: Iterable[str]) -> None:
        """Delete these records with their weights; a record that is not there is ignored."""
        with self.editing():
            for name in names:
                for kind in ("json", "safetensors"):
                    self._files.remove(f"{name}.{kind}")

    def claim(self, name: str) -> Claim | None:
        """Return the right to train a record, which the caller closes; None while another process has it."""
        if self._folder is None:
            return Claim(NoLock())
        import filelock

        try:
            lock = file_lock(self._folder / LOCKS / f"{name}.lock")
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return None
        except OSError as error:  # such as a lock that belongs to another user
            raise self._files.refusal(error) from error
        return Claim(lock)

    @contextlib.contextmanager
    def editing(self) -> Iterator[None]:
        """Keep other processes from changing the store's files until the block ends: milliseconds, never a training."""
        if self._folder is None:
            yield
            return
        try:
            lock = self._edit = self._edit or file_lock(self._folder / LOCKS / "edit.lock")
            lock.acquire()
        except (OSError, NotImplementedError) as error:
            raise self._files.refusal(error) from error
        try:
            yield
        finally:
            lock.release()

    def set_aside(self, file: str, content: bytes | None, why: str) -> None:
        """Rename a damaged file to .bad, and warn; where it can't be renamed, in a .zip for example, warn once.

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
            self._warn(file, f"{self.path}: {file} is damaged ({why}), so it is left out; get the file again")
            return
        try:
            with self.editing():
                if content is not None and self._files.read(file) != content:
                    return
                replace_file(self._folder / file, self._folder / f"{file}.bad")
        except FileNotFoundError:
            return
        except (OSError, ConfigError, DataError) as error:
            self._warn(file, f"{self._folder / file} is no use ({why}), and can't be renamed: it is left out ({error})")
            return
        self._warn(file, f"{self._folder / file} is no use ({why}): set aside as {file}.bad, to be run again")

    def _warn(self, file: str, words: str) -> None:
        """Warn of a file, once."""
        if file not in self._warned:
            self._warned.add(file)
            warnings.warn(words, stacklevel=5)


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
    try:
        return json.loads(b"{" + rest)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
