"""What `check` finds wrong, in Indonesian: every sentence is there, fresh, with the numbers and names of the English.

The texts are in cnnlab/course/indonesian/answers.md. To mend one, write the Indonesian under the header that the test
prints. The tests of each exercise (tests/helpers/exercise_cases.py) see to it that a wrong answer finds its words.
"""

import importlib
import pkgutil
import re
from types import SimpleNamespace

import pytest
from said import TRANSLATED, find_in_marks, is_translated, outside_of_marks, strings_of

from cnnlab import check
from cnnlab.course import exercises, references
from cnnlab.course.answers import wrong_number
from cnnlab.course.clinic.symptoms import SIGNS, Symptoms, describe_sign
from cnnlab.course.exercise import Exercise
from cnnlab.course.practice import outcome_of
from cnnlab.course.sentences import say, written_in
from cnnlab.course.translation import fingerprint, header, read_translations

TEXTS = read_translations("answers.md")
TOOLS = ("answers", "answer_values", "student_functions", "plans", "practice", "clinic.symptoms")
# Stored in the notebooks of both languages.
ENGLISH = {" and run the cell again.", "Write the body of the function", "Write your answer in place of ..."}


def modules():
    """Return the modules that say what is wrong with an answer."""
    packages = (exercises, references)
    names = [
        f"{package.__name__}.{each.name}" for package in packages for each in pkgutil.iter_modules(package.__path__)
    ]
    return [importlib.import_module(name) for name in (*names, *(f"cnnlab.course.{name}" for name in TOOLS))]


def untranslated(said):
    """Return the headers of the sentences among these for which there is no translation."""
    sentences = [
        each for each in sorted(said)
        if re.search(r"\w[ '].*\w", each) and each.endswith((".", "?", ".)")) and "\n" not in each
    ]  # fmt: skip
    return [header(each, each) for each in sentences if fingerprint(each) not in TRANSLATED]


@pytest.fixture(scope="module")
def said():
    """All strings that the code of the checks may say."""
    return {each for module in modules() for each in strings_of(module)} - ENGLISH


def test_every_sentence_on_a_wrong_answer_is_translated(said):
    assert {"The factor t is missing.", "{number} is too large.", "One seed says nothing about chance."} <= said
    missing = untranslated(said)
    assert not missing, "\n".join(["cnnlab/course/indonesian/answers.md has no translation under", *missing])


def test_a_sentence_that_is_new_or_has_changed_is_found():
    module = SimpleNamespace(__name__="new", MISTAKES=((lambda x: x, "This is newer than new."),))
    assert untranslated(strings_of(module)) == [header("This is newer than new.", "This is newer than new.")]
    assert untranslated({"The factor t is missing.", "the factor", "def f():\n    The end."}) == []


def test_every_translation_is_of_a_sentence_that_is_said_and_stands_there_once(said):
    stale = [each.name for each in TEXTS if each.name not in said]
    assert not stale, "the English has changed: translate it anew in cnnlab/course/indonesian/answers.md"
    assert len({each.english for each in TEXTS}) == len(TEXTS)


def test_the_sentences_have_the_same_numbers_and_names():
    for each in TEXTS:
        assert each.english == fingerprint(each.name), f"the header of {each.name!r} was edited by hand"
        for pattern in (r"\d+(?:[.,]\d+)*", r"\{[^}]*\}", r"\w+_\w+|\w+\(|\w+=|`[^`]+`|'[^']+'", r"[×±%…√−·+]"):
            english, indonesian = (sorted(re.findall(pattern, words)) for words in (each.name, each.text))
            assert indonesian == english, (pattern, each.text)
        assert (each.name[-1] in ".?)") == (each.text[-1] in ".?)")
        assert each.text != each.name
        assert not re.search(r"(?i)\b(kamu|kau|mu|jelas)\b|!(?!r)|^Tetapi|\. Tetapi", each.text), each.text


# --- What a student reads


def test_a_student_reads_what_is_wrong_in_indonesian(monkeypatch):
    monkeypatch.setenv("CNNLAB_LANGUAGE", "id")
    answers = {
        "31 terlalu besar.": ("01-output-size", 31),
        "Berikan satu bilangan. Ini sebuah list dengan panjang 2.": ("01-output-size", [1, "b"]),
        "Kedua bilangan tertukar: hasil pelatihan (run) lebih dahulu, lalu pelatihannya.": ("06-count", [60, 180]),
        "seeds: Satu seed tidak mengatakan apa pun tentang kebetulan.": ("03-honest-plan", {"seeds": 1}),
        "loss: Pilih salah satu dari 'better', 'cannot tell', 'worse'.": ("03-read-picture", {"loss": "best"}),
        "Fungsi Anda berhenti dengan ZeroDivisionError: division by zero. Dicoba dengan sebuah tensor dengan bentuk": (
            "01-convolve", lambda *_: 1 / 0,
        ),
        "Fungsi Anda tidak mengembalikan apa pun: apakah": ("01-convolve", lambda *_: [].clear()),
        "Jawaban ini tidak dapat diperiksa (isinya lebih dari 100,000 nilai).": ("01-output-size", [0] * 10**6),
        "Write your answer in place of ... and run the cell again.": ("01-output-size", ...),  # as it is stored
    }  # fmt: skip
    for words, (name, answer) in answers.items():
        assert check(name, answer).message.startswith(words)
    assert repr(check("01-output-size", 28)) == (
        "✘ Not yet. Itu ukuran dengan padding. Tanpa padding, kernel tidak muat di tepi."
    )


def test_the_language_ends_with_the_check(monkeypatch):
    monkeypatch.setenv("CNNLAB_LANGUAGE", "id")
    check("01-output-size", 28)
    assert wrong_number(30, 26) == "30 is too large."
    assert say("The exam") == "The exam"


def test_a_check_that_fails_itself_says_so_in_the_language():
    broken = Exercise(name="99-a", find_mistake=lambda _: {}["a"], further="", hints=("", ""), solution="")
    assert outcome_of(broken, 3, "id").message == "Jawaban ini tidak dapat diperiksa (KeyError: 'a')."
    assert outcome_of(broken, 3).message == "This answer can't be checked (KeyError: 'a')."


def test_a_sign_of_the_clinic_is_said_in_the_language_with_its_number():
    numbers = Symptoms(3, 0.5, 9.0, 2, 1, 0.25, 7.5, 0.125, 0.5, 2.0, 0.75)
    with written_in("id"):
        words = {disease: describe_sign(disease, numbers) for disease in SIGNS}
    assert words["shuffled labels"].endswith("Di sini 50% citra latih mempunyai label yang benar.")
    assert words["too few images"].endswith(
        "Di sini loss latih berakhir pada 0.50 nat, dan loss validasi pada 2.00 nat."
    )
    for disease, sentence in words.items():
        english = describe_sign(disease, numbers)
        assert sentence != english
        assert sorted(re.findall(r"[\d.]*\d", sentence)) == sorted(re.findall(r"[\d.]*\d", english))


# --- The checks themselves


def test_words_beside_say_are_seen():
    assert is_translated(find_in_marks(lambda answer: say("{number} is too large.", number=answer), 3))
    assert is_translated(f"gap: {find_in_marks(lambda _: say('The factor t is missing.'), 3)}")
    assert not is_translated(find_in_marks(lambda answer: f"{answer} is too large.", 3))
    assert not is_translated(find_in_marks(lambda _: f"{say('The factor t is missing.')} Look again.", 3))
    assert outside_of_marks("a ⟦b ⟦c⟧ d⟧ e").split() == ["a", "e"]
    with pytest.raises(AssertionError, match=r"no translation of 'A new sentence\.'"):
        find_in_marks(lambda _: say("A new sentence."), 3)
