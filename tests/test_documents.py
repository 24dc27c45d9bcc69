"""README.md, CONTRIBUTING.md and the other pages name only files, folders and modules that exist."""

from __future__ import annotations

import importlib
import re

import pytest
from places import REPOSITORY

PAGES = (
    "README.md", "README.id.md", "CONTRIBUTING.md", "benchmarks/README.md", "data/README.md",
    "docs/instructor-guide.md",
)  # fmt: skip
TOP = {path.name for path in REPOSITORY.iterdir()} - {".venv", "runs"}  # these two are made later
KINDS = (".py", ".pyi", ".js", ".md", ".toml", ".txt", ".yml", ".cff")


def named_paths(text: str) -> set[str]:
    """Return the targets of a page's links, and the words that begin in the repository's folder or end as a file."""
    links = {target for target in re.findall(r"\]\(([^)#]+)", text) if not target.startswith("http")}
    words = {word.rstrip(".:") for word in re.findall(r"(?<![\w./~:\\-])[\w.-]+(?:/[\w.-]+)*/?", text)}
    return links | {word for word in words if word.partition("/")[0] in TOP or word.endswith(KINDS)}


def named_modules(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w./-])cnnlab(?:\.[a-z_]\w*)+(?:\.[A-Z]\w*)?(?![\w/-])", text))


def test_paths_and_modules_are_read_from_a_page():
    text = (
        "See `tests/model/`, the [picture](gone/a.png) and gone/b.py. Run `start.py` in `runs/a`; use cnnlab.cli.a.B."
    )
    assert named_paths(text) == {"tests/model/", "gone/a.png", "gone/b.py", "start.py"}
    assert named_modules(text) == {"cnnlab.cli.a.B"}


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_is_there(page):
    path = REPOSITORY / page
    paths = named_paths(path.read_text(encoding="utf-8"))
    missing = {name for name in paths if not (REPOSITORY / name).exists() and not (path.parent / name).exists()}
    assert missing == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_module_that_a_page_names_can_be_imported(page):
    for name in named_modules((REPOSITORY / page).read_text(encoding="utf-8")):
        module, _, last = name.rpartition(".")
        if last[0].isupper():
            assert hasattr(importlib.import_module(module), last), name
        else:
            importlib.import_module(name)


def test_pages_name_modules():
    assert any(named_modules((REPOSITORY / page).read_text(encoding="utf-8")) for page in PAGES)


def test_contributing_has_the_map_as_it_is():
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = named_paths(text)
    rooms = {f"cnnlab/{path.name}/" for path in (REPOSITORY / "cnnlab").iterdir() if (path / "__init__.py").exists()}
    files = {f"cnnlab/{path.name}" for path in (REPOSITORY / "cnnlab").glob("[!_]*.py")}
    assert rooms | files <= paths
    folders = {path.name for path in (REPOSITORY / "tests").iterdir() if any(path.glob("*.py"))}
    mirrors = {room.split("/")[1] for room in rooms}
    assert {f"tests/{name}/" for name in folders - mirrors} <= paths


def test_the_benchmarks_index_names_every_file():
    text = (REPOSITORY / "benchmarks" / "README.md").read_text(encoding="utf-8")
    index = set(re.findall(r"`(\w+\.(?:py|js))`", text.partition("\n## ")[0]))
    files = {path.name for path in (REPOSITORY / "benchmarks").iterdir() if path.suffix in (".py", ".js")}
    assert index == files


def test_the_benchmarks_index_leads_to_its_sections():
    text = (REPOSITORY / "benchmarks" / "README.md").read_text(encoding="utf-8")
    titles = re.findall(r"(?m)^#+ (.+)$", text)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}  # as GitHub makes them
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
