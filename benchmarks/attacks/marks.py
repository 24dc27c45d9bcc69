"""Kill the marking of a class at any moment, many times, and count what was lost, marked twice, or left running.

What comes out at the end is compared with a marking of each kind of submission that nobody disturbed.

`python benchmarks/attacks/marks.py --students 120`; Linux and macOS.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import psutil

ANSWERS = {
    "01-output-size": ("26", "28", "..."),
    "01-parameters": ("160", "144", "..."),
    "01-multiply-adds": ("...", "3", "'x'"),
}
KINDS = 3 ** len(ANSWERS)  # of submissions: each has one of three answers to each exercise
MOST_MARKED = 8  # submissions between two kills
LONGEST = 5.0  # seconds from then until the kill
ENDS_IN = 30.0  # seconds in which all that a killed marking has started must be gone


def main() -> int:
    """Mark a class with kills; return 1 where something was lost, differs or ran on."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--students", type=int, default=120)
    arguments.add_argument("--workers", type=int, default=2)
    options = arguments.parse_args()
    count = options.students
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_class(root / "kinds", min(count, KINDS))
        subprocess.run(marking(root, "kinds", "calm.csv", options.workers), check=True, capture_output=True)
        make_class(root / "class", count)
        print("the undisturbed marking is done", file=sys.stderr)
        kills = changed = running = 0
        while True:
            before = results(root)
            killed, left = killed_while(root, marking(root, "class", "disturbed.csv", options.workers))
            after = results(root)
            kills, running = kills + killed, running + left
            changed += sum(after.get(name) != content for name, content in before.items())
            print(f"{kills} kills, {len(after)} submissions marked", file=sys.stderr)
            if not killed:
                break
        calm, disturbed = rows(root / "calm.csv"), rows(root / "disturbed.csv")
        different = sum(calm.get(name_of(number % KINDS)) != disturbed.get(name_of(number)) for number in range(count))
        missing = count - len(disturbed)
    print("| submissions | kills | results lost or made again | rows missing | rows that differ | processes left |\n"
          "| ---: | ---: | ---: | ---: | ---: | ---: |\n"
          f"| {count} | {kills} | {changed} | {missing} | {different} | {running} |")  # fmt: skip
    return 1 if changed or missing or different or running else 0


def make_class(folder: Path, count: int) -> None:
    """Write a submission for each student: by turns a notebook, a folder and a .zip, with right and wrong answers."""
    folder.mkdir()
    for number in range(count):
        place, content = folder / name_of(number), json.dumps(notebook_of(number))
        if number % 3 == 0:
            place.with_suffix(".ipynb").write_text(content, encoding="utf-8")
        elif number % 3 == 1:
            (place / "work").mkdir(parents=True)
            (place / "work" / "01.ipynb").write_text(content, encoding="utf-8")
        else:
            with zipfile.ZipFile(place.with_suffix(".zip"), "w") as archive:
                archive.writestr("work/01.ipynb", content)


def name_of(number: int) -> str:
    """Return a student's name."""
    return f"student {number:03d}"


def notebook_of(number: int) -> dict:
    """Return a small notebook; the digits of the number, to the base of three, choose its answers."""
    cells = ["from cnnlab import check"]
    for place, (exercise, answers) in enumerate(ANSWERS.items()):
        cells.append(f"answer = {answers[number // 3**place % 3]}\ncheck({exercise!r}, answer)")
    made = [
        {"cell_type": "code", "id": f"c{index}", "metadata": {}, "execution_count": None, "outputs": [], "source": text}
        for index, text in enumerate(cells)
    ]
    return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def marking(root: Path, folder: str, table: str, workers: int) -> list[str]:
    """Return the command that marks a class."""
    command = [sys.executable, "-m", "cnnlab", "marks", str(root / folder), "--out", str(root / table)]
    return [*command, "--workers", str(workers)]


def results(root: Path) -> dict[str, bytes]:
    """Return name → content of what the disturbed marking has kept; each is written once, with its seconds."""
    return {path.name: path.read_bytes() for path in (root / "disturbed-results").glob("*.json")}


def rows(table: Path) -> dict[str, dict[str, str]]:
    """Return student → the row of a table without the student and the seconds."""
    with open(table, encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    assert len({row["student"] for row in found}) == len(found)
    return {
        row["student"]: {name: word for name, word in row.items() if name not in ("student", "seconds")}
        for row in found
    }


def killed_while(root: Path, command: list[str]) -> tuple[bool, int]:
    """Run a command and kill it at some moment; return whether it was not done, and what ran on without it.

    The moment is one after some more submissions have been marked, so that a slow machine gets to an end, too.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    enough = len(results(root)) + random.randint(0, MOST_MARKED)
    while process.poll() is None and len(results(root)) < enough:
        time.sleep(0.01)
    try:
        status = process.wait(random.random() * LONGEST)
    except subprocess.TimeoutExpired:
        started = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(started, timeout=ENDS_IN)
        for other in alive:
            other.kill()
        return True, len(alive)
    if status:
        raise SystemExit("a marking ended with an error") from None
    return False, 0


if __name__ == "__main__":
    started_at = time.monotonic()
    code = main()
    print(f"{time.monotonic() - started_at:.0f} s", file=sys.stderr)
    sys.exit(code)
