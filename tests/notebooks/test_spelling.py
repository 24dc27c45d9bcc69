"""The Indonesian texts are spelt as EYD V and KBBI want, and their sentences are short."""

import re

import pytest
from places import NOTEBOOKS, REPOSITORY

TEXTS = [
    REPOSITORY / "README.id.md",
    NOTEBOOKS / "id" / "README.md",
    NOTEBOOKS / "glossary.md",
    *sorted((NOTEBOOKS / "id" / "texts").glob("*.md")),
    *sorted((REPOSITORY / "cnnlab" / "course" / "indonesian").glob("*.md")),
]
# Written together what is two words, the usual misspellings, and a foreign word whose -nya has no hyphen.
MISSPELT = re.compile(
    r"(?i)\b((?:di|ke|dari)(?:mana|atas|bawah|dalam|antara|sini|sana|samping)|diluar"
    r"|di (?:latih|hitung|lihat|pakai|sebut|buat|ambil|simpan|mulai|jalankan|bandingkan)"
    r"|me(?:rubah|mpengaruhi|mpercayai|mentaati)|dirubah|resiko|analisa|praktek|obyek|subyek|ijin|aktifitas|efektifitas"
    r"|hipotesa|sekedar|nampak|nomer|standarisasi|silahkan|tehnik|tau|detil|tapi|kalo|prosentase|sistim|handal"
    r"|(?:epoch|loss|seed|pooling|batch|optimizer|dropout|hook|sweep|padding|field|grid|checkpoint|relu)nya)\b"
)
# Words that join two parts of one sentence.
FIRST_WORD = re.compile(r"(?:[.?!] |\n|\*\* )\(?((?:Dan|Atau|Tetapi|Sedangkan|Sehingga|Serta)\b)")
MOST_WORDS = 40


def without_code(text):
    """Return a text without headers, code, addresses and the list of what to read, which holds English titles."""
    text = re.sub(r"(?m)^<!--.*-->$|(?s:^ *```.*?^ *```)|^- .*\*\w[^*]{20,}\*.*$", "", text)
    return re.sub(r"`[^`\n]*`|\]\([^)]*\)", "x", text)


def faults_of_spelling(text):
    return [match[1] for pattern in (MISSPELT, FIRST_WORD) for match in pattern.finditer(without_code(text))]


def long_sentences(text):
    sentences = re.split(r"(?<=[.?!:;])[\s)]|\n\n|\n *- |\n *\d\. |\|", without_code(text))
    return [sentence for sentence in sentences if len(sentence.split()) > MOST_WORDS]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_the_texts_are_spelt_as_eyd_wants(path):
    assert faults_of_spelling(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_the_sentences_are_short(path):
    assert long_sentences(path.read_text(encoding="utf-8")) == []


def test_a_fault_is_seen():
    text = "Ada resiko diantara `diatas` dan lossnya. Dan seed-nya di sini.\n\n**Latihan.** Atau di latih?"
    assert faults_of_spelling(text) == ["resiko", "diantara", "lossnya", "di latih", "Dan", "Atau"]
    assert [len(long_sentences(" ".join(["kata"] * count) + ". Lalu.")) for count in (MOST_WORDS, 41)] == [0, 1]
