"""Each Indonesian notebook has the whole English one: no text is missing or stale, and no number, name or link differs.

The course's own notebooks come first. Below them every fault is planted in a small course.
"""

import json
import subprocess
import sys
from collections import Counter

import pytest
from places import NOTEBOOKS, REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tools"))

from colab import badge
from translate_notebooks import (
    content,
    english_text,
    find_faults,
    header,
    main,
    missing,
    prose_cells,
    read_notebook,
    read_translations,
    set_up,
    translate,
)
from translated_texts import link_faults, part_faults, targets, word_faults

NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
TRANSLATED = sorted(path.stem for path in (NOTEBOOKS / "id" / "texts").glob("*.md"))


def text_faults(name, folder=NOTEBOOKS):
    """Return a line for each fault in the translated texts of one notebook, with the cell's id."""
    notebook = read_notebook(folder / f"{name}.ipynb")
    translations = read_translations(folder / "id" / "texts" / f"{name}.md")
    faults, cells = find_faults(notebook, translations), {cell["id"]: cell for cell in prose_cells(notebook)}
    for translation in translations:
        if translation.cell in cells and translation.text:
            english = english_text(cells[translation.cell])
            found = part_faults(english, translation.text) + word_faults(english, translation.text)
            found += link_faults(english, translation.text, folder)
            faults += [f"{translation.cell}: {fault}" for fault in found]
    return faults


def notebook_faults(english, written):
    """Return a line for each cell of a written notebook that is not that of the English one, the prose left out.

    The set-up cell is the only one with other code: it has Indonesian sentences and chooses the language.
    """
    ids, written_ids = ([cell["id"] for cell in notebook["cells"]] for notebook in (english, written))
    if ids != written_ids:
        return [f"the cells are not those of the English notebook: {sorted({*ids} ^ {*written_ids})}"]
    faults = []
    for cell, other in zip(english["cells"], written["cells"], strict=True):
        if cell["id"] == "setup":
            cell = cell | {"source": set_up("".join(cell["source"])).splitlines(keepends=True)}
        if cell["cell_type"] != "markdown" and cell != other:
            faults.append(f"{cell['id']}: differs from the cell of the English notebook")
        elif {**cell, "source": ""} != {**other, "source": ""}:
            faults.append(f"{cell['id']}: has other metadata than in the English notebook")
    return faults


# --- The course


@pytest.mark.parametrize("name", TRANSLATED)
def test_no_text_is_missing_or_stale_and_nothing_in_it_differs(name):
    faults = text_faults(name)
    assert not faults, "\n".join([f"notebooks/id/texts/{name}.md", *faults])


@pytest.mark.parametrize("name", TRANSLATED)
def test_the_written_notebook_has_the_same_code_and_is_the_one_that_the_texts_make(name):
    path = NOTEBOOKS / "id" / f"{name}.ipynb"
    assert notebook_faults(read_notebook(NOTEBOOKS / f"{name}.ipynb"), read_notebook(path)) == []
    assert path.read_text(encoding="utf-8") == content(name), f"python tools/translate_notebooks.py {name} writes it"


def test_every_notebook_is_translated():
    assert TRANSLATED == NAMES
    assert sorted(path.stem for path in (NOTEBOOKS / "id").glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", TRANSLATED)
def test_its_links_lead_to_its_sister_the_glossary_and_the_next_notebook(name):
    cells = prose_cells(read_notebook(NOTEBOOKS / "id" / f"{name}.ipynb"))
    links = [link for cell in cells for link in targets("".join(cell["source"])) if "://" not in link]
    following = NAMES[(NAMES.index(name) + 1) % len(NAMES)]
    assert (links[0], links[-1]) == (f"../{name}.ipynb", f"{following}.ipynb")
    assert "../glossary.md" in links
    assert all((NOTEBOOKS / "id" / link).is_file() for link in links), links


@pytest.mark.timeout(300)
def test_an_indonesian_notebook_prints_what_is_stored(tmp_path):
    """Strict nbval, in the folder `id`; `python start.py check --language id` runs all of them."""
    before = sorted(path.name for path in (NOTEBOOKS / "id").iterdir())
    command = [sys.executable, str(REPOSITORY / "tools" / "check_notebooks.py"), "--language", "id", "08"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    cells = [cell for cell in read_notebook(NOTEBOOKS / "id" / "08_playground.ipynb")["cells"] if "outputs" in cell]
    assert f"08_playground  passed  ({len(cells)} cells, " in answer.stdout
    assert sorted(path.name for path in (NOTEBOOKS / "id").iterdir()) == before  # nothing was left lying about


def test_the_line_about_the_glossary_is_the_same_everywhere():
    titles = [read_translations(NOTEBOOKS / "id" / "texts" / f"{name}.md")[0].text for name in TRANSLATED]
    lines = Counter(title.splitlines()[-1] for title in titles)
    assert len(lines) <= 1, lines


# --- The checks themselves


ENGLISH = """\
# What is a kernel?

**What you need:** notebook 00. About 30 minutes.

**Words:** the [glossary](glossary.md) explains them."""
TITLE = """\
# Apakah kernel itu?

**Yang Anda perlukan:** notebook 00. Sekitar 30 menit.

**Istilah:** [glosarium](../glossary.md) menjelaskannya."""
END = """\
**Predict.** A `fit` of 1,000 images: is 0.95 ± 0.01 with $a^2$ enough?

```python
fit(model, epochs=3)
```

<details><summary>Answer (1 minute)</summary>

No.

</details>

- Next: [01_next](01_next.ipynb), and [a paper](https://example.org/a)."""
TRANSLATED_END = """\
**Tebak dulu.** Dengan `fit` pada 1,000 citra: cukupkah 0.95 ± 0.01 dengan $a^2$?

```python
fit(model, epochs=3)
```

<details><summary>Jawaban (1 menit)</summary>

Tidak.

</details>

- Berikutnya: [01_next](01_next.ipynb), dan [sebuah makalah](https://example.org/a)."""


def prose(name, text):
    return {"cell_type": "markdown", "id": name, "metadata": {"tags": [name]}, "source": text.splitlines(keepends=True)}


def write_notebook(path, cells):
    notebook = {"cells": cells, "metadata": {"title": "a"}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook, indent=1), encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    """A course of two notebooks in both languages, without a fault."""
    code = {"cell_type": "code", "id": "code", "metadata": {}, "source": ["1 + 1"], "outputs": [], "execution_count": 1}
    cells = [prose("title", ENGLISH), code, prose("end", END)]
    (tmp_path / "id" / "texts").mkdir(parents=True)
    (tmp_path / "glossary.md").write_text("Words")
    write_notebook(tmp_path / "00_start.ipynb", cells)
    write_notebook(tmp_path / "01_next.ipynb", cells[:1])
    texts = [f"{header(cells[0])}\n\n{TITLE}\n", f"{header(cells[2])}\n\n{TRANSLATED_END}\n"]
    (tmp_path / "id" / "texts" / "00_start.md").write_text("\n".join(texts), encoding="utf-8")
    (tmp_path / "id" / "texts" / "01_next.md").write_text(texts[0], encoding="utf-8")
    return tmp_path


def change(path, old, new):
    """Plant a fault in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_whole_translation_has_no_fault(folder):
    assert text_faults("00_start", folder) == []


@pytest.mark.parametrize(
    ("old", "new", "faults"),
    [
        (TITLE, "", ["title: has no translation"]),
        ("cell: end", "cell: code", ["end: has no translation", "code: is no Markdown cell of the English notebook"]),
        ("cell: end", "cell: no", ["end: has no translation", "no: is no Markdown cell of the English notebook"]),
        ("1,000", "1.000", ["end: the number 1,000 is missing", "end: the number 1.000 is not in the English text"]),
        ("0.95 ", "0.95 0.95 ", ["end: the number 0.95 is not in the English text"]),
        (" 00.", ".", ["title: the number 00 is missing"]),
        ("±", "sampai", ["end: the sign ± is missing"]),
        ("Tidak.", "Tidak!", ["end: the sign ! is not in the English text"]),
        ("Tidak.", "Kamu tidak tahu.", ["end: the reader is Anda, never kamu"]),
        ("`fit`", "fit", ["end: the name `fit` is missing"]),
        ("$a^2$", "$a^3$", ["end: the formula $a^2$ is missing", "end: the formula $a^3$ is not in the English text"]),
        ("<summary>", "<b>", ["end: the tag <summary> is missing", "end: the tag <b> is not in the English text",
                              "end: the heading 'Jawaban' must be there as often as in English, 1 times"]),
        ("](../glossary.md)", "](glossary.md)", ["title: the link to glossary.md leads nowhere"]),
        ("](01_next.ipynb)", "](../01_next.ipynb)", ["end: the link to ../01_next.ipynb leads to the other language"]),
        ("](01_next.ipynb)", "](02_last.ipynb)", [
            "end: the link to 02_last.ipynb leads nowhere", "end: the link to 01_next.ipynb is missing",
            "end: the link to 02_last.ipynb is not in the English text"]),
        ("/a)", "/b)", ["end: the link to https://example.org/a is missing",
                        "end: the link to https://example.org/b is not in the English text"]),
        ("**Tebak dulu", "**Predict", ["end: the English heading 'Predict' was left"]),
        ("- Berikutnya:", "- Next:", ["end: the English heading 'Next' was left"]),
        ("Yang Anda perlukan", "Syarat", [
            "title: the heading 'Yang Anda perlukan' must be there as often as in English, 1 times"]),
    ],
)  # fmt: skip
def test_a_fault_in_a_text_is_seen(folder, old, new, faults):
    change(folder / "id" / "texts" / "00_start.md", old, new)
    assert text_faults("00_start", folder) == faults


def test_a_change_in_english_is_seen_and_printed_for_the_translator(folder, capsys):
    main(["--missing", "00_start"], folder)
    assert capsys.readouterr().out == "00_start: 2 of 2 cells are translated\n"
    change(folder / "00_start.ipynb", "What is a kernel?", "What does a kernel do?")
    assert text_faults("00_start", folder) == ["title: the English text has changed since it was translated"]
    with pytest.raises(SystemExit, match=r"00_start.md is not the whole notebook.*\ntitle: the English text has chan"):
        main(["00_start"], folder)
    title = read_notebook(folder / "00_start.ipynb")["cells"][0]
    expected = f"[the English text has changed]\n{header(title)}\n\n{''.join(title['source'])}\n\n00_start: 1 of 2 "
    assert missing("00_start", folder).startswith(expected)
    (folder / "id" / "texts" / "00_start.md").unlink()
    assert missing("00_start", folder).startswith(f"[no translation]\n{header(title)}\n")


def test_the_line_that_links_to_the_translation_is_no_change(folder):
    cells = read_notebook(folder / "00_start.ipynb")["cells"]
    cells[0] = prose("title", ENGLISH.replace("?\n", "?\n\n**Bahasa Indonesia:** [00_start](id/00_start.ipynb)\n"))
    write_notebook(folder / "00_start.ipynb", cells)
    assert text_faults("00_start", folder) == []


def test_a_text_that_was_copied_from_english_is_seen(folder):
    change(folder / "id" / "texts" / "00_start.md", TRANSLATED_END, END)
    assert text_faults("00_start", folder)[0] == "end: it is the English text"


def test_texts_in_another_order_or_twice_are_seen(folder):
    path = folder / "id" / "texts" / "00_start.md"
    title, end = path.read_text(encoding="utf-8").split("\n\n<!-- cell: end")
    path.write_text(f"<!-- cell: end{end}\n{title}\n", encoding="utf-8")
    assert text_faults("00_start", folder) == ["end: stands where title belongs"]
    path.write_text(f"{title}\n\n<!-- cell: end{end}\n{title}\n", encoding="utf-8")
    assert text_faults("00_start", folder) == ["title: is there twice"]


@pytest.mark.parametrize(("old", "new"), [(" · english", " english"), ("<!-- cell: title", "Halo\n<!-- cell: title")])
def test_a_wrong_header_is_named(folder, old, new):
    change(folder / "id" / "texts" / "00_start.md", old, new)
    with pytest.raises(SystemExit, match=r"00_start.md: '.+' is no header; copy it from `--missing 00_start`"):
        text_faults("00_start", folder)


def test_a_page_with_an_indonesian_sister_is_linked_in_indonesian(folder):
    for name in ("README.md", "README.id.md"):
        (folder / name).write_text("The course")
    english = "[a](README.md)"
    assert link_faults(english, "[a](../README.id.md)", folder) == []
    assert link_faults(english, "[a](../README.md)", folder) == ["the link to ../README.md leads to the other language"]


def test_what_is_written_has_the_code_the_texts_and_a_link_to_its_sister(folder, capsys):
    main([], folder)
    assert capsys.readouterr().out == "00_start: written\n01_next: written\n"
    english, written = (read_notebook(path) for path in (folder / "00_start.ipynb", folder / "id" / "00_start.ipynb"))
    assert notebook_faults(english, written) == []
    title, code, end = ("".join(cell["source"]) for cell in written["cells"])
    assert title == TITLE.replace("itu?\n", "itu?\n\n**English:** [00_start](../00_start.ipynb)\n")
    assert (code, end) == ("1 + 1", TRANSLATED_END)
    assert (folder / "id" / "00_start.ipynb").read_text(encoding="utf-8") == content("00_start", folder)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("1 + 1", "1 + 2", "code: differs from the cell of the English notebook"),
        ('"execution_count": 1', '"execution_count": 2', "code: differs from the cell of the English notebook"),
        ('"tags": [\n     "end"', '"tags": [\n     "no"', "end: has other metadata than in the English notebook"),
        ('"id": "end"', '"id": "last"', "the cells are not those of the English notebook: ['end', 'last']"),
    ],
)
def test_a_cell_that_differs_in_the_written_notebook_is_seen(folder, old, new, fault):
    main([], folder)
    change(folder / "id" / "00_start.ipynb", old, new)
    english, written = (read_notebook(path) for path in (folder / "00_start.ipynb", folder / "id" / "00_start.ipynb"))
    assert notebook_faults(english, written) == [fault]
    assert (folder / "id" / "00_start.ipynb").read_text(encoding="utf-8") != content("00_start", folder)


def test_the_badge_opens_the_indonesian_notebook(folder):
    cells = [prose("title", ENGLISH), prose("colab", badge("alice/cnnlab", "00_start"))]
    translations = read_translations(folder / "id" / "texts" / "01_next.md")
    _, colab = translate("00_start", {"cells": cells}, translations)["cells"]
    folder = "https://colab.research.google.com/github/alice/cnnlab/blob/main/notebooks"
    assert "".join(colab["source"]) == (
        "[![Buka notebook ini di Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"({folder}/id/00_start.ipynb)\n\n"
        "Di Colab, [glosarium](https://github.com/alice/cnnlab/blob/main/notebooks/glossary.md) dan "
        f"[notebook ini dalam bahasa Inggris]({folder}/00_start.ipynb) dapat dibuka di sini."
    )


def test_a_name_that_is_no_notebook_is_refused(folder, capsys):
    with pytest.raises(SystemExit):
        main(["00_begin"], folder)
    assert "there is no notebook 00_begin; the course has 00_start, 01_next" in capsys.readouterr().err
