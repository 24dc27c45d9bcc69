"""Keep what a student does in one JSON file of the course folder, which outlives kernels and notebooks.

Several notebooks may change it at once. A damaged file is renamed, never lost.
"""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from cnnlab.errors import ConfigError
from cnnlab.files import atomic_write, course_folder, file_lock, replace_file

T = TypeVar("T")
DAMAGED = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


@dataclass(frozen=True)
class KeptFile(Generic[T]):
    """A JSON file in the course folder that holds names and what belongs to each of them.

    Parameters
    ----------
    name : str
        The file's name without its ending.
    encode : function
        Takes what belongs to a name, and returns it as a dict that JSON can hold.
    decode : function
        Takes that dict, and returns what it was made from; raises ValueError, TypeError, KeyError or AttributeError
        where the dict is damaged.
    """

    name: str
    encode: Callable[[T], dict]
    decode: Callable[[Any], T]

    @property
    def path(self) -> Path:
        """The path of the file; it may not exist yet."""
        return course_folder() / f"{self.name}.json"

    def read(self) -> dict[str, T]:
        """Return everything in the file; nothing if there is no file. A damaged file is renamed, with a warning.

        Raises ConfigError where the file can't be read.
        """
        content = self._content()
        try:
            return self._decode(content)
        except DAMAGED:
            with self._lock():
                return self._read_or_rename()

    @contextlib.contextmanager
    def editing(self) -> Iterator[dict[str, T]]:
        """Give everything to change, and write it when the block ends; other notebooks wait that long.

        Raises ConfigError where the file can't be read, or nothing can be written beside it.
        """
        with self._lock():
            content = self._read_or_rename()
            before = dict(content)
            yield content
            if content != before:
                encoded = {name: self.encode(each) for name, each in content.items()}
                atomic_write(self.path, json.dumps(encoded, indent=1).encode())

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep other processes from changing the file until the block ends."""
        with contextlib.ExitStack() as until_the_end:
            with self._in_words():
                until_the_end.enter_context(file_lock(self.path.with_name(f".{self.name}.lock")))
            yield

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """Raise ConfigError for an error of the system: a folder that can't be written, for example."""
        try:
            yield
        except OSError as error:
            why = error.strerror or error
            raise ConfigError(
                f"{self.path} can't be read, written or locked ({why}); set CNNLAB_COURSE to another folder"
            ) from error

    def _content(self) -> bytes:
        """Return the bytes of the file; those of an empty one if there is no file."""
        with self._in_words(), contextlib.suppress(FileNotFoundError):
            return self.path.read_bytes()
        return b"{}"

    def _decode(self, content: bytes) -> dict[str, T]:
        return {name: self.decode(fields) for name, fields in json.loads(content).items()}

    def _read_or_rename(self) -> dict[str, T]:
        """Return the content of a file that no other process changes; rename the file if it is damaged."""
        path, content = self.path, self._content()
        try:
            return self._decode(content)
        except DAMAGED as error:
            number = 1
            while (aside := path.with_name(f"{self.name}.damaged-{number}.json")).exists():
                number += 1
            with self._in_words():
                replace_file(path, aside)
            warnings.warn(
                f"{path} can't be read ({error!r:.100}). It is kept as {aside.name}, and a new file is begun",
                stacklevel=5,
            )
            return {}
