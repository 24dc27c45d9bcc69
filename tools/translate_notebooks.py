"""Write the Indonesian notebooks, notebooks/id/*.ipynb: `python tools/translate_notebooks.py [NAME …]`.

notebooks/id/texts/NAME.md has the translation of every Markdown cell of notebooks/NAME.ipynb, in the notebook's order.
A header stands above each: the cell's id, and a hash of the English text that was translated. All else in the notebook
stays as it is: code, outputs, pictures, ids and metadata. Only the set-up cell chooses the language, and its sentences
are Indonesian. A link to the English notebook stands below the title.

`--missing` prints each English cell that has no translation, or whose text has changed since, with its header. The same
for README.md, whose translation is README.id.md: `--missing README`.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
from pathlib import Path
from typing import NamedTuple

import translate_readme  # beside this script

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
HEADER = re.compile(r"(?m)^<!-- cell: ([a-z][a-z0-9-]*) · english: ([0-9a-f]{12}) -->$")
# The line in the title of an English notebook that links to the translation. It is no part of what is translated.
TO_TRANSLATION = re.compile(r"(?m)^\*\*Bahasa Indonesia:\*\* .*\n\n")
# The cells "colab" and "setup" are not in the texts: tools/colab.py writes them, and they are the same everywhere.
COLAB = {
    "Open this notebook in Colab": "Buka notebook ini di Colab",
    "On Colab, the [glossary]": "Di Colab, [glosarium]",
    " and [this notebook in Indonesian]": " dan [notebook ini dalam bahasa Inggris]",
    " open here.": " dapat dibuka di sini.",
}
SET_UP = {
    "# Set-up. On your own computer this cell does nothing; on Colab it installs cnnlab.\n": (
        "# Persiapan. Di komputer Anda sel ini hanya memilih bahasa; di Colab sel ini memasang cnnlab.\nimport os\n"
    ),
    "\n\nif ": (
        '\n\nos.environ["CNNLAB_LANGUAGE"] = "id"  # petunjuk, penyelesaian, dan laporan dalam bahasa Indonesia\nif '
    ),
    "# for a GPU: Runtime → Change runtime type, then": "# untuk GPU: Runtime → Change runtime type, lalu",
    "Upload cnnlab's .whl file (see README.md) with the folder icon on the left; run it again.": (
        "Unggah berkas .whl cnnlab (lihat README.id.md) lewat ikon folder di kiri; lalu jalankan lagi."
    ),
    "run `python start.py` and choose .venv as the kernel, or `%pip install` cnnlab's .whl (see README.md)": (
        "jalankan `python start.py` dan pilih .venv sebagai kernel, atau `%pip install` .whl cnnlab (README.id.md)"
    ),
    "cnnlab is not installed for this Python": "cnnlab belum terpasang untuk Python ini",
}


class Translation(NamedTuple):
    """The translation of one cell.

    Parameters
    ----------
    cell : str
        The cell's id.
    english : str
        The hash of the English text that was translated.
    text : str
        The Indonesian text, in Markdown.
    """

    cell: str
    english: str
    text: str


def read_notebook(path: Path) -> dict:
    """Return a notebook as its JSON."""
    return json.loads(path.read_text(encoding="utf-8"))


def prose_cells(notebook: dict) -> list[dict]:
    """Return the cells that are translated: those in Markdown, without the badge for Colab."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown" and cell["id"] != "colab"]


def english_text(cell: dict) -> str:
    """Return the text of an English cell without the line that links to the translation.

    >>> english_text({"source": ["# Why?\\n", "\\n", "**Bahasa Indonesia:** [a](id/a.ipynb)\\n", "\\n", "Because."]})
    '# Why?\\n\\nBecause.'
    """
    return TO_TRANSLATION.sub("", "".join(cell["source"]))


def fingerprint(cell: dict) -> str:
    """Return the first 12 hexadecimal digits of the SHA-256 of an English cell's text.

    >>> fingerprint({"source": ["# Why?"]})
    '74fb985cc1bb'
    """
    return translate_readme.fingerprint(english_text(cell))


def header(cell: dict) -> str:
    """Return the line that stands above the translation of an English cell.

    >>> header({"id": "title", "source": ["# Why?"]})
    '<!-- cell: title · english: 74fb985cc1bb -->'
    """
    return f"<!-- cell: {cell['id']} · english: {fingerprint(cell)} -->"


def read_translations(path: Path) -> list[Translation]:
    """Return the translations in a file of texts, in its order; stop with one sentence where a header is wrong."""
    before, *parts = HEADER.split(path.read_text(encoding="utf-8"))
    texts = [text.strip("\n") for text in parts[2::3]]
    for text in (before, *texts):
        wrong = re.search(r"<!--\s*cell.*", text)
        if wrong or (text is before and text.strip()):
            line = wrong[0] if wrong else text.strip().splitlines()[0]
            raise SystemExit(f"{path.name}: {line!r:.80} is no header; copy it from `--missing {path.stem}`")
    return [Translation(*part) for part in zip(parts[0::3], parts[1::3], texts, strict=True)]


def find_faults(notebook: dict, translations: list[Translation]) -> list[str]:
    """Return a line for each cell whose translation is missing, stale, twice there, of no cell, or misplaced."""
    cells = {cell["id"]: cell for cell in prose_cells(notebook)}
    names = [translation.cell for translation in translations]
    texts = {translation.cell: translation for translation in translations}
    faults = []
    for name, cell in cells.items():
        if name not in texts or not texts[name].text.strip():
            faults.append(f"{name}: has no translation")
        elif texts[name].english != fingerprint(cell):
            faults.append(f"{name}: the English text has changed since it was translated")
    faults += [f"{name}: is no Markdown cell of the English notebook" for name in texts if name not in cells]
    faults += [f"{name}: is there twice" for name in texts if names.count(name) > 1]
    known = [name for name in texts if name in cells]
    pairs = zip(known, [name for name in cells if name in texts], strict=True)
    moved = next(((name, expected) for name, expected in pairs if name != expected), None)
    return [*faults, f"{moved[0]}: stands where {moved[1]} belongs"] if moved else faults


def translate(name: str, notebook: dict, translations: list[Translation]) -> dict:
    """Return the Indonesian notebook: the English one with every text replaced, and a link to the English one.

    Its set-up cell chooses the language, too.
    """
    texts = {translation.cell: translation.text for translation in translations}
    translated = copy.deepcopy(notebook)
    title, *others = prose_cells(translated)
    heading, _, rest = texts[title["id"]].partition("\n\n")
    title["source"] = _lines(f"{heading}\n\n**English:** [{name}](../{name}.ipynb)\n\n{rest}")
    for cell in others:
        cell["source"] = _lines(texts[cell["id"]])
    for cell in translated["cells"]:
        if cell["id"] == "setup":
            cell["source"] = _lines(set_up("".join(cell["source"])))
        if cell["id"] == "colab":
            cell["source"] = _lines(_badge(name, "".join(cell["source"])))
    return translated


def set_up(code: str) -> str:
    """Return the set-up cell of an Indonesian notebook, from that of tools/colab.py."""
    for english, indonesian in SET_UP.items():
        code = code.replace(english, indonesian, 1)
    return code


def _badge(name: str, text: str) -> str:
    """Return the text of the cell "colab" in Indonesian; each notebook's address is exchanged for its sister's."""
    for english, indonesian in COLAB.items():
        text = text.replace(english, indonesian)
    return re.sub(
        rf"/notebooks/(id/)?{name}\.ipynb", lambda match: f"/notebooks/{'' if match[1] else 'id/'}{name}.ipynb", text
    )


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def content(name: str, folder: Path = NOTEBOOKS) -> str:
    """Return what notebooks/id/NAME.ipynb must hold; stop with the faults where a translation is missing or stale."""
    notebook = read_notebook(folder / f"{name}.ipynb")
    translations = read_translations(folder / "id" / "texts" / f"{name}.md")
    if faults := find_faults(notebook, translations):
        raise SystemExit("\n".join([f"{name}.md is not the whole notebook (see `--missing {name}`):", *faults]))
    return json.dumps(translate(name, notebook, translations), indent=1, ensure_ascii=False) + "\n"


def write(name: str, folder: Path = NOTEBOOKS) -> None:
    """Write notebooks/id/NAME.ipynb."""
    (folder / "id" / f"{name}.ipynb").write_text(content(name, folder), encoding="utf-8", newline="\n")


def missing(name: str, folder: Path = NOTEBOOKS) -> str:
    """Return each English cell without a translation of its present text: why, the header to copy, the text."""
    cells = {cell["id"]: cell for cell in prose_cells(read_notebook(folder / f"{name}.ipynb"))}
    path = folder / "id" / "texts" / f"{name}.md"
    texts = {translation.cell: translation for translation in read_translations(path)} if path.is_file() else {}
    entries = []
    for cell_id, cell in cells.items():
        known = texts.get(cell_id)
        is_there = known is not None and known.text.strip()
        if not is_there or known.english != fingerprint(cell):
            why = "the English text has changed" if is_there else "no translation"
            entries.append(f"[{why}]\n{header(cell)}\n\n{english_text(cell)}\n")
    return "\n".join([*entries, f"{name}: {len(cells) - len(entries)} of {len(cells)} cells are translated"])


def main(arguments: list[str] | None = None, folder: Path = NOTEBOOKS) -> None:
    """Write the Indonesian notebooks that are named, or print what is missing."""
    parser = argparse.ArgumentParser(description="Write the Indonesian notebooks from their texts.")
    parser.add_argument("name", nargs="*", help="00_start_here (all notebooks otherwise); README with --missing")
    parser.add_argument("--missing", action="store_true", help="print the English cells that must be translated")
    options = parser.parse_args(arguments)
    every = sorted(path.stem for path in folder.glob("*.ipynb"))
    pages = ["README"] if options.missing else []
    if unknown := sorted(set(options.name) - {*every, *pages}):
        parser.error(f"there is no notebook {', '.join(unknown)}; the course has {', '.join(every)}")
    for name in options.name or [*every, *pages]:
        if name in pages:
            print(translate_readme.missing(folder.parent))
        elif options.missing:
            print(missing(name, folder))
        elif (folder / "id" / "texts" / f"{name}.md").is_file():
            write(name, folder)
            print(f"{name}: written")
        else:
            print(f"{name}: has no texts in notebooks/id/texts")


if __name__ == "__main__":
    main()
