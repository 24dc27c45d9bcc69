"""README.id.md has every section of README.md as it is now, with its numbers, names, links and examples.

The course's own pages come first. Below them every fault is planted in a small pair of pages.
"""

import re
import sys

import pytest
from places import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tools"))

from translate_notebooks import main
from translate_readme import find_faults, fingerprint, heading, missing, read_translations, sections
from translated_texts import part_faults, targets


def page_faults(folder):
    """Return a line for each fault in the folder's README.id.md, with the section's heading."""
    page, translation = ((folder / name).read_text(encoding="utf-8") for name in ("README.md", "README.id.md"))
    faults, english = find_faults(page, translation), {fingerprint(section): section for section in sections(page)}
    for hashed, section in read_translations(translation):
        if hashed in english:
            found = part_faults(comparable(english[hashed]), comparable(section))
            found += link_faults(english[hashed], section, folder)
            found += ["the reader is Anda, never kamu"] if re.search(r"(?i)\bkamu\b", section) else []
            faults += [f"{heading(section)}: {fault}" for fault in found]
    return faults


def comparable(section):
    """Return a section without what is translated: the comments in its code, and paths of pages with a sister."""
    code = re.sub(r"(?ms)^```.*?^```$", lambda block: re.sub(r" *(?<!\S)# .*", "", block[0]), section)
    return to_english(code)


def to_english(text):
    """Return a text with the paths of English pages in place of the Indonesian ones."""
    return text.replace("README.id.md", "README.md").replace("notebooks/id/", "notebooks/")


def link_faults(english, section, folder):
    """Return the links that lead to a page of the other language or nowhere, or that are not those in English."""
    faults = []
    for target in filter(None, targets(section)):
        if re.fullmatch(r"notebooks/[^/]+\.ipynb", target):
            faults.append(f"the link to {target} leads to the other language")
        elif "://" not in target and not (folder / target).exists():
            faults.append(f"the link to {target} leads nowhere")
    before = [target.replace("README.id.md", "README.md") for target in targets(english)]
    after = [
        target.replace("README.id.md", "README.md").replace("notebooks/id/", "notebooks/")
        for target in targets(section)
    ]
    faults += [f"the link to {target} is missing" for target in sorted({*before} - {*after})]
    return faults + [f"the link to {target} is not in the English text" for target in sorted({*after} - {*before})]


def test_the_courses_indonesian_page_is_whole():
    faults = page_faults(REPOSITORY)
    assert not faults, "\n".join(["README.id.md (see `python tools/translate_notebooks.py --missing README`)", *faults])


# --- The checks themselves


ENGLISH = """\
# The course

In [Indonesian](README.id.md). It has 2 parts, and `fit` in [00_start](notebooks/00_start.ipynb).

## Begin

```
# no heading
python start.py    # installs about 3 GB
```

### On a GPU

It takes 41 seconds. The file README.md says more.
"""
TRANSLATION = """\
<!-- english: {} -->
# Kursus ini

Dalam bahasa [Inggris](README.md). Ada 2 bagian, dan `fit` di [00_start](notebooks/id/00_start.ipynb).

<!-- english: {} -->

## Mulai

```
# bukan judul
python start.py    # memasang sekitar 3 GB
```

<!-- english: {} -->
### Di GPU

Waktunya 41 detik. Berkas README.id.md menjelaskan lebih banyak.
"""


@pytest.fixture
def folder(tmp_path):
    """A page of three sections in both languages, without a fault."""
    (tmp_path / "notebooks" / "id").mkdir(parents=True)
    for name in ("00_start.ipynb", "id/00_start.ipynb"):
        (tmp_path / "notebooks" / name).touch()
    (tmp_path / "README.md").write_text(ENGLISH)
    (tmp_path / "README.id.md").write_text(TRANSLATION.format(*map(fingerprint, sections(ENGLISH))))
    return tmp_path


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_sections_go_from_heading_to_heading_and_code_has_none():
    assert list(map(heading, sections(ENGLISH))) == ["# The course", "## Begin", "### On a GPU"]
    assert sections("before\n# A\n\n\n## B\ntext\n\n") == ["# A", "## B\ntext"]
    assert fingerprint("# Why?") == "74fb985cc1bb"  # of `printf "# Why?" | sha256sum`


def test_a_whole_translation_has_no_fault(folder):
    assert page_faults(folder) == []


NOT_TRANSLATED = ": it has no translation, or the English text has changed since"


@pytest.mark.parametrize(
    ("old", "new", "faults"),
    [
        ("41 detik", "14 detik", ["### Di GPU: the number 41 is missing",
                                  "### Di GPU: the number 14 is not in the English text"]),
        ("`fit`", "fit", ["# Kursus ini: the name `fit` is missing"]),
        ("python start.py", "python stop.py", [
            "## Mulai: the code ```\n\npython start.py\n``` is missing",
            "## Mulai: the code ```\n\npython stop.py\n``` is not in the English text"]),
        ("notebooks/id/", "notebooks/", [
            "# Kursus ini: the link to notebooks/00_start.ipynb leads to the other language"]),
        ("notebooks/id/00_start", "notebooks/id/01", [
            "# Kursus ini: the link to notebooks/id/01.ipynb leads nowhere",
            "# Kursus ini: the link to notebooks/00_start.ipynb is missing",
            "# Kursus ini: the link to notebooks/01.ipynb is not in the English text"]),
        ("<!-- english: ", "<!-- inggris: ", ["# The course" + NOT_TRANSLATED,
                                              "# Kursus ini: no header stands directly above it"]),
        ("41 detik", "41 detik, Kamu tahu", ["### Di GPU: the reader is Anda, never kamu"]),
        ("### Di GPU", "### Di GPU\n\n## Lain", ["## Lain: no header stands directly above it",
                                                "### Di GPU: the number 41 is missing"]),
    ],
)  # fmt: skip
def test_a_fault_in_the_translation_is_seen(folder, old, new, faults):
    change(folder / "README.id.md", old, new)
    assert page_faults(folder) == faults


def test_a_change_in_english_is_seen_and_printed_for_the_translator(folder, capsys):
    main(["--missing", "README"], folder / "notebooks")
    assert capsys.readouterr().out == "README: 3 of 3 sections are translated\n"
    change(folder / "README.md", "installs about 3 GB", "installs 4 GB")  # in a comment in code, too
    assert page_faults(folder) == [
        "## Begin" + NOT_TRANSLATED, "## Mulai: its English section has changed or is gone",
    ]  # fmt: skip
    section = sections((folder / "README.md").read_text())[1]
    main(["--missing", "README"], folder / "notebooks")
    expected = f"<!-- english: {fingerprint(section)} -->\n{section}\n\nREADME: 2 of 3 sections are translated\n"
    assert capsys.readouterr().out == expected
    (folder / "README.id.md").unlink()
    assert missing(folder).endswith("README: 0 of 3 sections are translated")


def test_sections_in_another_order_are_seen():
    first, begin, gpu = sections(ENGLISH)
    page = TRANSLATION.format(*map(fingerprint, (first, gpu, begin)))
    assert find_faults(ENGLISH, page) == ["the sections stand in another order than in English, or one is there twice"]


def test_readme_is_no_notebook_to_write(folder, capsys):
    with pytest.raises(SystemExit):
        main(["README"], folder / "notebooks")
    assert "there is no notebook README; the course has 00_start" in capsys.readouterr().err
