"""The fold below a panel that explains the words on it, as the glossary of the course does."""

from __future__ import annotations

import functools
import html
import os
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import traitlets

from cnnlab.files import data_folder, notebooks_folder
from cnnlab.widgets.web.widget import WebWidget, read_asset

PAGE = "glossary.md"  # beside the English notebooks


class Words(WebWidget):
    """Show a fold with what the glossary says of some words, in English and Indonesian, and a link to all of it.

    The link opens the glossary beside the notebook (for one in Indonesian: in the folder above it), in JupyterLab.
    Elsewhere it leads to the course's repository; where there is neither, there is no link.

    Parameters
    ----------
    terms : iterable of str
        Terms of the glossary; one that it does not have is left out.

    Attributes
    ----------
    value : str
        The HTML in the page; "" if nothing is explained.
    beside : str
        The glossary's path, relative to the notebook; "" if it is not there.

    >>> Words(["nat", "Brier score"])
    """

    summary = "a fold with words of the glossary"
    _esm = read_asset("words.js")
    value = traitlets.Unicode().tag(sync=True)
    beside = traitlets.Unicode().tag(sync=True)

    def __init__(self, terms: Iterable[str]) -> None:
        glossary = read_glossary()
        known = {term: glossary[term] for term in terms if term in glossary}
        path = notebooks_folder() / PAGE
        beside = Path(os.path.relpath(path)).as_posix() if path.is_file() else ""
        super().__init__(value=_fold(known, repository()) if known else "", beside=beside)


@functools.cache
def read_glossary() -> dict[str, tuple[str, str, str]]:
    """Return term → its Indonesian word and both explanations, as in `glossary.md`; {} where there is no such file.

    >>> read_glossary()["nat"][0]
    'nat'
    """
    shipped = data_folder() / PAGE
    path = shipped if shipped.is_file() else data_folder().parent / "notebooks" / PAGE
    if not path.is_file():
        return {}
    lines = [line for line in path.read_text("utf-8").splitlines() if line.startswith("|")][2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {term: (word, english, indonesian) for term, word, english, indonesian in rows}


def repository() -> str:
    """Return the address of the course's repository, or "" where it has none."""
    try:
        addresses = metadata.metadata("cnnlab").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return ""
    pairs = [address.split(", ", 1) for address in addresses]
    return next((address for name, address in pairs if name == "Repository"), "")


def _fold(known: dict[str, tuple[str, str, str]], address: str) -> str:
    """Return the fold as HTML."""
    lines = []
    for term, (word, english, indonesian) in known.items():
        lines.append(f"<dt>{html.escape(term)}</dt><dd>{html.escape(english)}</dd>")
        lines.append(f'<dd lang="id"><i>{html.escape(word)}</i>: {html.escape(indonesian)}</dd>')
    page = f"{address}/blob/main/notebooks/{PAGE}" if address else PAGE
    link = f'<a href="{html.escape(page)}" target="_blank">All words of the course</a>'
    return (
        f"<details><summary>Words: {html.escape(', '.join(known))}</summary><dl>{''.join(lines)}</dl>{link}</details>"
    )
