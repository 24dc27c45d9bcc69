"""The glossary: sorted, whole in both languages, about words that the course uses, and linked from every notebook."""

import re

import nbformat
import pytest
from places import NOTEBOOKS, REPOSITORY

from cnnlab.experiments.experiment import FIELDS

FILES = sorted(NOTEBOOKS.glob("*.ipynb"))
PAGE = (NOTEBOOKS / "glossary.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")][2:]


def plain(text):
    """Return the text in small letters, with a space for each underscore, hyphen and line end."""
    return re.sub(r"[_\s-]+", " ", text.lower())


@pytest.fixture(scope="module")
def course():
    """What a student reads: the notebooks with their code and outputs, the labels of the panels, the README."""
    cells = [cell for path in FILES for cell in nbformat.read(path, as_version=4).cells]
    outputs = [output.get("text", "") for cell in cells for output in cell.get("outputs", [])]
    labels = [f"{name} {known.description}" for name, known in FIELDS.items()]
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    return plain(" ".join([*(cell.source for cell in cells), *outputs, *labels, readme]))


def spellings(term):
    """Return the words that stand for a term: "update ratio (step)" is also "step", "test set" also "test images".

    >>> spellings("test set")
    ['test']
    """
    parts = [part.strip() for part in term.replace(")", "").split("(")]
    return [plain(part.removesuffix(" set")) for part in parts]


def test_every_line_is_whole_in_both_languages():
    assert 60 <= len(ROWS) <= 110
    for row in ROWS:
        assert len(row) == 4, row
        assert all(row), row
        for sentence in row[2:]:
            assert sentence.endswith("."), row
            assert "_" not in sentence
        assert row[2] != row[3]


def test_terms_are_unique_and_in_alphabetical_order():
    terms = [row[0].casefold() for row in ROWS]
    assert terms == sorted(set(terms))


def test_no_term_is_one_that_the_course_does_not_use(course):
    missing = [
        row[0] for row in ROWS if not any(re.search(rf"\b{re.escape(word)}", course) for word in spellings(row[0]))
    ]
    assert missing == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_notebook_links_to_it_in_its_title(path):
    title = nbformat.read(path, as_version=4).cells[0].source
    links = re.findall(r"\]\((glossary[^)]*)\)", title)
    assert links == ["glossary.md"]  # beside the notebook: on GitHub, in JupyterLab, and in a student's copy
    assert (path.parent / links[0]).is_file()


def test_the_readmes_link_to_it():
    for name in ("README.md", "README.id.md"):
        assert "](notebooks/glossary.md)" in (REPOSITORY / name).read_text(encoding="utf-8")
