"""What the commands share: how they read values of `Experiment`'s fields, and how they say what is wrong."""

from __future__ import annotations

import argparse
import contextlib
import functools
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.fields import Field


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, without a list of all options before it."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end with the status 2."""
        self.exit(2, f"{message}; {self.prog} --help shows every option\n")


def reader(name: str, field: Field) -> Callable[[str], Any]:
    """Return the function with which argparse reads a value of the field."""

    def read(word: str) -> Any:
        try:
            return field.read(name, word)
        except ConfigError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


@contextlib.contextmanager
def plain_warnings() -> Iterator[None]:
    """Within the block, write each warning as one line, without the file and the line of code that it comes from."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: sys.stderr.write(f"{message}\n")
        yield


def plain_errors(command: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
    """Decorate a command: an error of the course or of a file is one sentence, and the status 2; warnings are lines."""

    @functools.wraps(command)
    def run(arguments: list[str]) -> int:
        with plain_warnings():
            try:
                return command(arguments)
            except (ConfigError, DataError, OSError) as error:
                sys.stderr.write(f"{error}\n")
                return 2

    return run
