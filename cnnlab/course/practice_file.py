"""Keep what a student has practised in the file `exercises.json` of the course folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from cnnlab.comparison.kept_file import KeptFile


@dataclass(frozen=True)
class Practice:
    """What a student has done with one exercise.

    Parameters
    ----------
    attempts : int
        How often an answer was checked.
    is_correct : bool
        Whether one of the answers was correct.
    hints : int
        The last hint that was shown: 0 (none), 1 or 2.
    has_seen_solution : bool
        Whether the solution was shown.
    """

    attempts: int = 0
    is_correct: bool = False
    hints: int = 0
    has_seen_solution: bool = False

    def __post_init__(self) -> None:
        if not (type(self.attempts) is type(self.hints) is int and type(self.is_correct) is bool):
            raise ValueError(f"a damaged entry: {self!r}")


PRACTICE = KeptFile[Practice]("exercises", asdict, lambda fields: Practice(**fields))
