"""Write the parts of Python code that trains experiments again."""

from __future__ import annotations

from typing import Any


def call_in_code(function: str, arguments: dict[str, Any]) -> str:
    """Return the call of a function with these arguments.

    >>> call_in_code("Experiment", {"pooling": "avg"})
    "Experiment(pooling='avg')"
    """
    return f"{function}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"


def range_in_code(first: int, end: int) -> str:
    """Return the range from first up to, but not including, end."""
    return f"range({first}, {end})" if first else f"range({end})"


def seeds_in_code(seeds: list[int]) -> str:
    """Return the seeds as a range if they follow each other, else as a list."""
    first, end = seeds[0], seeds[0] + len(seeds)
    return range_in_code(first, end) if seeds == list(range(first, end)) else str(seeds)
