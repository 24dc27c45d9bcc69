"""Bring the course's notebooks into the folder of a person who opens a shared installation; start.py runs this.

They come in English and Indonesian, with the glossary, to which they link. A notebook that she has changed stays as it
is. The file .cnnlab/copied.json in her folder holds the SHA-256 of each file as it was copied, which shows what she has
changed since.
"""

import contextlib
import hashlib
import os
import shutil
import sys

import start  # start.py: the installation has the course's folder on Python's path


def copy_notebooks() -> int:
    """Copy the notebooks that are missing or unchanged in the person's folder, and return the exit status, 0."""
    own = start.own_folder()
    if os.path.exists(own) and not os.path.exists(os.path.join(own, ".cnnlab")):
        raise SystemExit(f"{own} is there, and this course did not make it: rename it, then start again.")
    for name in (".cnnlab", "notebooks"):
        os.makedirs(os.path.join(own, name), exist_ok=True)
    copied, newer = start.read_json(os.path.join(own, ".cnnlab", "copied.json")), []
    for name in course_files():
        source, target = os.path.join(start.ROOT, "notebooks", name), os.path.join(own, "notebooks", name)
        new, current = checksum(source), checksum(target)
        if current in ("", new, copied.get(name)):  # missing, or as it was copied
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(source, os.path.join(own, ".cnnlab", "part"))
            os.replace(os.path.join(own, ".cnnlab", "part"), target)
            copied[name] = new
        elif copied.get(name) != new:
            newer.append(name)
    start.write_json(os.path.join(own, ".cnnlab", "copied.json"), copied)
    start.say(f"Your own notebooks are in {os.path.join(own, 'notebooks')}.")
    if newer:
        names = ", ".join(newer)
        start.say(f"You changed {names}, and the course has it newer: to get that, rename yours and start again.")
    return 0


def course_files() -> list:
    """Return what is copied of the folder `notebooks`: the notebooks in both languages, and the glossary."""
    folder = os.path.join(start.ROOT, "notebooks")
    english = [name for name in os.listdir(folder) if name.endswith((".ipynb", ".md"))]
    indonesian = [f"id/{name}" for name in english if os.path.isfile(os.path.join(folder, "id", name))]
    return sorted(english + indonesian)


def checksum(path: str) -> str:
    """Return the SHA-256 of a file, or "" where there is none."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
    return ""


if __name__ == "__main__":
    sys.exit(start.without_traceback(copy_notebooks))
