"""Find what must be in an English text and in its translation equally often: numbers, names, formulas, code, links."""

import re
from collections import Counter

# What both languages must have equally often. Each match is taken out of the text before the next kind is searched.
SHARED = {
    "code": r"(?ms)^ *```.*?^ *```",
    "name": r"`[^`]+`",
    "formula": r"\$[^$\n]+\$",
    "link": r"\]\([^)]*\)",  # see link_faults
    "tag": r"</?[a-z][^>\n]*>",
    "number": r"[0-9]+(?:[.,][0-9]+)*",
    "sign": r"[!√∑∂∇×·−±≈≤≥→αβγδεηθλμσω⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉]",
}
HEADINGS = {
    "What you will find out": "Yang akan Anda temukan",
    "What you need": "Yang Anda perlukan",
    "What you saw": "Yang sudah Anda lihat",
    "Try it": "Coba sendiri",
    "Read further": "Bacaan lanjutan",
    "Read the picture": "Membaca gambar",
    "Predict": "Tebak dulu",
    "Exercise": "Latihan",
    "Next": "Berikutnya",
    "Answer": "Jawaban",
    "What else changed": "Apa lagi yang berubah",
}
BEFORE_HEADING = r"(?m)(?:^ *#+ |\*\*|<summary>|^- (?=Next:|Berikutnya:))"


def shared_parts(text):
    """Return kind → how often each code block, name, formula, tag, number and sign is in a text."""
    parts = {}
    for kind, pattern in SHARED.items():
        parts[kind] = Counter(re.findall(pattern, text))
        text = re.sub(pattern, " ", text)
    del parts["link"]
    return parts


def part_faults(english, text):
    """Return what is in one of two texts more often than in the other."""
    faults = []
    for kind, before in shared_parts(english).items():
        after = shared_parts(text)[kind]
        faults += [f"the {kind} {part} is missing" for part in (before - after).elements()]
        faults += [f"the {kind} {part} is not in the English text" for part in (after - before).elements()]
    return faults


def word_faults(english, text):
    """Return what is English in a translation, each heading that is missing, and another word for the reader than Anda.

    A title may begin with the same words as a heading, so that more of them are no fault.
    """
    faults = ["it is the English text"] if english.strip() == text.strip() else []
    faults += ["the reader is Anda, never kamu"] if re.search(r"\bkamu\b", text, re.IGNORECASE) else []
    for heading, translated in HEADINGS.items():
        count = count_headings(heading, english)
        if count_headings(heading, text):
            faults.append(f"the English heading {heading!r} was left")
        elif count_headings(translated, text) < count:
            faults.append(f"the heading {translated!r} must be there as often as in English, {count} times")
    return faults


def count_headings(words, text):
    """Return how often a title, a bold text, a summary or the last item of a notebook begins with these words."""
    return len(re.findall(rf"{BEFORE_HEADING}{re.escape(words)}s?\b", text))


def targets(text):
    """Return where the links of a text lead, without the places in a page."""
    return [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(SHARED["code"], " ", text))]


def link_faults(english, text, folder):
    """Return the links of a translation that lead to an English page or nowhere, or that are not those in English.

    Parameters
    ----------
    english, text : str
        The texts of the cell in both languages.
    folder : Path
        The folder of the English notebooks; the translated ones are in its folder `id`.
    """
    faults, folder = [], folder.resolve()
    for target in targets(text):
        path = (folder / "id" / target).resolve()
        if "://" in target:
            continue
        if (path.parent == folder and path.suffix == ".ipynb") or path.with_suffix(f".id{path.suffix}").is_file():
            faults.append(f"the link to {target} leads to the other language")
        elif not path.is_file() and not (folder / "id" / "texts" / f"{path.stem}.md").is_file():
            faults.append(f"the link to {target} leads nowhere")
    before, after = (Counter(page_of(target) for target in targets(words)) for words in (english, text))
    faults += [f"the link to {page} is missing" for page in (before - after).elements()]
    return faults + [f"the link to {page} is not in the English text" for page in (after - before).elements()]


def page_of(target):
    """Return the name that a page has in both languages: an address whole, of a file its name."""
    return target if "://" in target else target.rpartition("/")[2].replace(".id.", ".")
