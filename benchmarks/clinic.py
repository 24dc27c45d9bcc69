"""Time the live cure of each sick patient of notebook 09, and ask the checker whether it cures; print a table."""

from __future__ import annotations

import os
import time

import torch

from cnnlab import DISEASES, HEALTHY, admit_patients, treat
from cnnlab.course.clinic.settings import CAUSES
from cnnlab.course.exercises.notebook_09 import disease_of, wrong_cure

MOST_SECONDS = 30


def row(disease: str, change: str, seconds: float, processor: float, mistake: str | None) -> str:
    """Return a cure's line of the table; `mistake` is what the checker says of it."""
    is_reached = mistake is None and seconds < MOST_SECONDS
    return (
        f"| {disease} | `{change}` | {seconds:.1f} | {processor:.1f} | {'reached' if is_reached else 'NOT reached'} |"
    )


def main() -> None:
    """Print a line for each disease; the first one also loads the images."""
    print("| disease | treated with | seconds | of the processor | cured in less than 30 s |")
    print("| --- | --- | ---: | ---: | --- |")
    patients = {disease_of(patient): patient for number, patient in admit_patients().items() if number}
    for disease in DISEASES[1:]:  # the first one is healthy
        changes = {field: getattr(HEALTHY, field) for field in CAUSES[disease]}
        begin, before = time.perf_counter(), time.process_time()
        treated = treat(patients[disease], **changes)
        seconds, processor = time.perf_counter() - begin, time.process_time() - before
        ((field, value),) = changes.items()
        mistake = wrong_cure(treated.number, treated)
        print(row(disease, f"{field}={value!r}", seconds, processor, mistake), flush=True)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"\nLoad average at the end: {load:.1f}; torch {torch.__version__}")


if __name__ == "__main__":
    main()
