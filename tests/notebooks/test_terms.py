"""One glossary decides: the Indonesian texts have its word for each English term, and explain what the axes say."""

import hashlib
import json
import re
import sys
from pathlib import Path

import pytest
from places import NOTEBOOKS, REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tools"))

import translate_readme
from translate_notebooks import english_text, prose_cells, read_notebook, read_translations

from cnnlab.comparison.verdicts import BETTER, CANNOT_TELL, HIGHER, LOWER, WORSE
from cnnlab.course import translation
from cnnlab.course.practice import all_exercises
from cnnlab.plots.style import DERIVED_LABELS, RECORDER_LABELS, UNITS

PAGE = (NOTEBOOKS / "glossary.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")][2:]
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
# Terms that are also words of everyday English, which the texts translate by what they mean there.
EVERYDAY = {
    "chance": "peluang for a probability, kesempatan for an opportunity, tebakan acak for the level of guessing",
    "confidence": "tingkat kepercayaan of an interval",
    "difference": "perbedaan where no number is meant",
    "level": "nilai, where the comparison is named beside it",
    "run": "to run a cell, or from one end to the other",
    "share": "to share an axis",
    "unit": "satuan of a number",
}
# Cell and term → why its Indonesian word is not in this cell.
OTHERWISE = {
    "01/elsewhere-read: cannot tell": "a verb",
    "01/stack-read: cannot tell": "a verb",
    "04/own-facts-read: cannot tell": "a verb",
    "05b/exercise-occlusion-words: loss": "how much of a score is lost",
    "06/any-words: gradient flow": "how the gradient flows",
    "09/title: cannot tell": "a verb",
    "The sign is the wrong one: a loss is above zero.: loss": "how much of a score is lost",
}
BRACKETS = {"confidence": "tingkat kepercayaan"}  # of an interval
ORDINARY = {"after", "before", "per", "the"}  # words of the axes that need no explanation
FINGERPRINTS = Path(__file__).with_name("glossary_english.json")  # term → that of the English sentence


def main_word(term):
    """Return a term in small letters without what stands in brackets.

    >>> main_word("selang (interval)")
    'selang'
    """
    return re.sub(r" \(.*\)", "", term).lower()


def prose(text):
    """Return a text in small letters without code, addresses, the English words in brackets, and what to read."""
    text = re.split(r"## (?:Read further|Bacaan lanjutan)", text)[0]
    for pattern in (r"(?ms)^ *```.*?^ *```", r"`[^`]*`", r"\]\([^)]*\)", r"\(\*[^*]*\*\)"):
        text = re.sub(pattern, " ", text)
    return re.sub(r"[*\s]+", " ", text).lower()


def cells_of(name):
    """Return cell → its text in English and in Indonesian."""
    english = {cell["id"]: english_text(cell) for cell in prose_cells(read_notebook(NOTEBOOKS / f"{name}.ipynb"))}
    texts = read_translations(NOTEBOOKS / "id" / "texts" / f"{name}.md")
    return {each.cell: (english[each.cell], each.text) for each in texts}


def other_words(cells, rows):
    """Return cell: term, for each cell whose English has a term of these rows, and whose Indonesian lacks its word."""
    found = []
    for cell, (english, indonesian) in cells.items():
        words, translated = prose(english), prose(indonesian)
        for term, word, *_ in rows:
            term = main_word(term)
            is_there = re.search(rf"\b{re.escape(term)}(s|es)?\b", words) and term not in EVERYDAY
            if is_there and main_word(word) not in translated and not (term == CANNOT_TELL and term in translated):
                found.append(f"{cell}: {term}")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_each_term_has_the_word_of_the_glossary(name):
    found = [each for each in other_words(cells_of(name), ROWS) if f"{name[:3].strip('_')}/{each}" not in OTHERWISE]
    assert not found, f"notebooks/id/texts/{name}.md has another word than the glossary"


def course_texts(file):
    """Return English text → (the English without what is filled in, the Indonesian), for a file of the course."""
    hints = [words for each in all_exercises().values() for words in (*each.hints, each.further)]
    english = {translation.fingerprint(words): words for words in hints}
    texts = {}
    for each in translation.read_translations(file):
        words = english.get(each.english, each.name if each.english == translation.fingerprint(each.name) else "")
        texts[words] = (re.sub(r"\{[^}]*\}", " ", words), each.text)  # "" for a comment in a solution's code
    return texts


def without_names(others, cells):
    """Return what other_words found without the terms that stand in the Indonesian as they are: names in code."""
    pairs = [(each, *each.rsplit(": ", 1)) for each in others]
    return [each for each, cell, term in pairs if not re.search(rf"\b{term}(s|es)?\b", cells[cell][1].lower())]


@pytest.mark.parametrize("file", translation.FILES)
def test_hints_answers_and_reports_have_the_words_of_the_glossary(file):
    texts = course_texts(file)
    others = [each for each in without_names(other_words(texts, ROWS), texts) if each not in OTHERWISE]
    assert not others, f"cnnlab/course/indonesian/{file} has another word than the glossary"


def test_the_readme_has_the_words_of_the_glossary():
    english, indonesian = ((REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.md", "README.id.md"))
    pairs = zip(translate_readme.sections(english), translate_readme.read_translations(indonesian), strict=True)
    assert other_words({translate_readme.heading(section): (section, text) for section, (_, text) in pairs}, ROWS) == []


def pairs_in(text):
    """Return (the words before, English term) for each term that a text gives in brackets: 'selang (*interval*)'.

    >>> pairs_in("Inilah **selang** (*interval*).")
    [('inilah selang', 'interval')]
    """
    pairs = re.findall(r"((?:[^\s()]+ ){0,5}[^\s()]+) \(\*([^*\n]{2,40})\*[),;]", text)
    return [(before.replace("*", "").lower(), term.lower()) for before, term in pairs]


def other_pairs(text, rows):
    """Return the pairs of a text whose words before the bracket are not those of the glossary."""
    word_of = {}
    for term, word, *_ in rows:
        word_of |= {main_word(term) + ending: main_word(word) for ending in ("", "s", "es")}
    return [
        (before, term)
        for before, term in pairs_in(text)
        if term in word_of and word_of[term] not in before and BRACKETS.get(term, "none") not in before
    ]


@pytest.mark.parametrize("name", [*NAMES, "README.id"])
def test_a_term_in_brackets_stands_behind_the_word_of_the_glossary(name):
    path = REPOSITORY / "README.id.md" if name == "README.id" else NOTEBOOKS / "id" / "texts" / f"{name}.md"
    assert other_pairs(path.read_text(encoding="utf-8"), ROWS) == []


def test_another_word_is_seen():
    rows = [["interval", "selang (interval)"], ["level", "nilai"], ["cannot tell", "tidak dapat dibedakan"]]
    cells = {
        "a": ("Two intervals of one level.", "Dua interval."),
        "b": ("`interval`", "?"),
        "c": ("An interval.", "Selangnya."),
    }
    assert other_words(cells, rows) == ["a: interval"]
    assert other_words({"a": ("They *cannot tell*.", "*Cannot tell*.")}, rows) == []
    assert other_words({"a": ("They *cannot tell*.", "Tidak.")}, rows) == ["a: cannot tell"]
    assert without_names(["a: interval", "b: interval"], {"a": ("", "Rentang."), "b": ("", "interval=3")}) == [
        "a: interval"
    ]
    assert other_pairs("Rentang (*intervals*) dan selang (*interval*).", rows) == [("rentang", "intervals")]


# --- The first use


def first_use(term):
    """Return the first cell of the course that has a term, as notebook/cell, in English and in Indonesian.

    A link to the glossary and a name in code are no use of it.
    """
    for name in NAMES:
        for cell, (english, indonesian) in cells_of(name).items():
            if re.search(rf"\b{term}", prose(english)):
                return f"{name}/{cell}", english, indonesian
    return None


@pytest.mark.parametrize("term", ["loss", "optimizer", "epoch", "batch", "pooling", "kernel", "dropout"])
def test_a_term_that_stays_english_is_marked_where_it_is_first_used(term):
    """There it stands in italics or bold, in both languages, and the sentence says what it is."""
    cell, *texts = first_use(term)
    for text in texts:
        assert re.search(rf"\*[^*\n]*\b{term}[^*\n]*\*", text, re.IGNORECASE), cell


# --- The rows


def test_the_glossary_explains_the_words_of_the_axes_and_the_verdicts():
    explained = {row[0]: row[2] for row in ROWS}
    known = " ".join([*explained, explained["verdict"], explained["activation scale"]]).lower()
    labels = [*UNITS.values(), *RECORDER_LABELS.values(), *DERIVED_LABELS.values()]
    words = set(re.findall("[a-z]{3,}", " ".join([*labels, BETTER, WORSE, HIGHER, LOWER, CANNOT_TELL]))) - ORDINARY
    assert [word for word in sorted(words) if not re.search(rf"\b{re.escape(word.removesuffix('s'))}", known)] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_both_sentences_of_a_row_have_the_same_numbers_and_speak_to_anda(row):
    numbers = [sorted(re.findall(r"[0-9]+(?:[.,][0-9]+)*", sentence)) for sentence in row[2:]]
    assert numbers[0] == numbers[1]
    assert not re.search(r"(?i)\b(kamu|kau|mu)\b|!", row[3])


def test_no_english_sentence_has_changed_without_its_translation():
    """Translate the sentence anew, and put what the test prints into glossary_english.json."""
    now = {row[0]: hashlib.sha256(row[2].encode()).hexdigest()[:6] for row in ROWS}
    translated = json.loads(FINGERPRINTS.read_text(encoding="utf-8"))
    assert {term: mark for term, mark in now.items() if translated.get(term) != mark} == {}
    assert translated.keys() == now.keys()
