"""Hints, solutions and what goes further in Indonesian: complete, fresh, and with the numbers and code of the English.

The texts are in cnnlab/course/indonesian/exercises.md. To mend one, write the Indonesian under the header that the
test names.
"""

import ast
import io
import json
import re
import tokenize

import pytest
from places import NOTEBOOKS

from cnnlab import check, hint, solution
from cnnlab.course import practice
from cnnlab.course.exercise import Exercise
from cnnlab.course.practice import SECOND_HINT, TRY_FIRST, all_exercises
from cnnlab.course.translation import (
    fingerprint,
    header,
    read_translations,
    translated,
    translated_code,
    words_of_comment,
)
from cnnlab.errors import ConfigError

EXERCISES = all_exercises()
TEXTS = read_translations("exercises.md")


def comments_of(code):
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return [words_of_comment(token.string) for token in tokens if token.type == tokenize.COMMENT]


def texts_of(exercise):
    """Return what is translated of an exercise: pairs of a kind and the English."""
    comments = [words for words in comments_of(exercise.solution) if re.search("[a-z]{3}", words)]  # not "(N, C)"
    pairs = [("hint 1", exercise.hints[0]), ("hint 2", exercise.hints[1]), ("further", exercise.further)]
    return pairs + [("comment", words) for words in comments]


def code_in(words):
    """Return the numbers, the names in code and the formulas of a text, in any order."""
    numbers = re.findall(r"\d+(?:[.,]\d+)*", words)
    names = re.findall(r"\w*[a-z]\w*(?:[._(\[]\w+)+|\w+\(|\w+_\w+", words)
    return sorted(numbers), sorted(names), sorted(re.findall(r"\[[^]]*\]|[×·√²%=*/+−<>…]", words))


def is_there(english, texts=TEXTS):
    return any(each.english == fingerprint(english) and each.text.strip() for each in texts)


@pytest.mark.parametrize("name", EXERCISES)
def test_every_text_of_an_exercise_is_translated_and_fresh(name):
    missing = [header(f"{name}, {kind}", words) for kind, words in texts_of(EXERCISES[name]) if not is_there(words)]
    assert not missing, f"{name}: cnnlab/course/indonesian/exercises.md has no translation under {missing}"


def test_a_changed_or_missing_text_is_found():
    assert is_there(EXERCISES["00-steps"].hints[0])
    assert not is_there(EXERCISES["00-steps"].hints[0] + " ")
    assert not is_there(EXERCISES["00-steps"].hints[0], [each for each in TEXTS if each.name != "00-steps, hint 1"])


def test_every_translation_is_of_an_exercise_and_stands_there_once():
    known = {}
    for name, exercise in EXERCISES.items():
        for kind, words in texts_of(exercise):
            known.setdefault(fingerprint(words), f"{name}, {kind}")
    known |= {fingerprint(SECOND_HINT): "every exercise, hint", fingerprint(TRY_FIRST): "every exercise, solution"}
    assert [(each.name, each.english) for each in TEXTS] == [(name, english) for english, name in known.items()]


@pytest.mark.parametrize("name", EXERCISES)
def test_numbers_names_and_formulas_are_the_same(name):
    for kind, words in texts_of(EXERCISES[name]):
        text = translated(words, "id")
        assert code_in(text) == code_in(words), (kind, text)
        assert text != words, kind
        assert not set("\n`") & set(text), kind
        assert kind == "comment" or text.endswith((".", "?")), kind
        assert not re.search(r"(?i)\b(kamu|kau|mu|cukup dengan|jelas|hanya tinggal)\b|!", text), kind


@pytest.mark.parametrize("name", EXERCISES)
def test_a_solution_is_the_same_code_with_other_comments_and_is_correct(name):
    english = EXERCISES[name].solution
    indonesian = translated_code(english, "id")
    assert ast.dump(ast.parse(indonesian)) == ast.dump(ast.parse(english))
    assert not any(
        ast.get_docstring(node) for node in ast.walk(ast.parse(english)) if isinstance(node, ast.FunctionDef)
    )
    assert len(comments_of(indonesian)) == len(comments_of(english))
    if indonesian == english:  # test_exercises.py has tried it
        assert not [kind for kind, _ in texts_of(EXERCISES[name]) if kind == "comment"]
        return
    if name.startswith("09-") and not name.endswith("-1"):  # they train for seconds, and the tree is the same
        return
    place = {}
    exec(indonesian, place)
    assert EXERCISES[name].find_mistake(place["answer"]) is None


def test_a_sign_in_a_text_is_no_comment():
    code = 'answer = "# the column"  # a row for each unit\nother = 1'
    assert translated_code(code, "id") == 'answer = "# the column"  # satu baris untuk setiap unit\nother = 1'
    assert translated_code(code, "en") == code


def test_a_student_reads_them_where_the_course_speaks_indonesian(monkeypatch):
    monkeypatch.setenv("CNNLAB_LANGUAGE", "id")
    assert repr(hint("05a-vanishing", 2)) == "Dua sigmoid menghasilkan paling banyak 1/4 × 1/4. Lanjutkan."
    assert repr(hint("04-shared-rate")) == (
        "Cari kolom 0.064 dalam tabel rata-rata.\nPetunjuk kedua: hint('04-shared-rate', 2)"
    )
    assert repr(solution("10-class-weights")) == (
        "Cobalah dahulu: check('10-class-weights', answer). Sesudah Anda mencoba sekali, penyelesaiannya ada di sini.\n"
        "Kalau Anda buntu: hint('10-class-weights')."
    )
    assert "# jumlah bobot setiap kelas" in repr(solution("10-class-weights", without_attempt=True))
    assert repr(check("04-shared-rate", ["sgd", "adam", "rmsprop"])) == (
        "✔ Correct. Setiap laju bersama menguntungkan salah satu optimizer: urutan itu juga\nbercerita tentang lajunya."
    )
    assert repr(check("04-shared-rate", ["adam", "sgd"])).startswith("✘ Not yet. Berikan sebuah daftar berisi ketiga")
    assert repr(check("04-shared-rate", ...)).startswith("○ Not attempted. Write your answer in place of ...")


@pytest.mark.parametrize("said", [None, "", "en"])
def test_english_is_the_language_otherwise(said, monkeypatch):
    monkeypatch.delenv("CNNLAB_LANGUAGE", raising=False)
    if said is not None:
        monkeypatch.setenv("CNNLAB_LANGUAGE", said)
    assert repr(hint("05a-vanishing", 2)) == "Two sigmoids make at most 1/4 × 1/4. Go on."
    assert "# what each class weighs in sum" in repr(solution("10-class-weights", without_attempt=True))


def test_a_text_without_a_translation_is_shown_in_english(monkeypatch):
    exercise = Exercise(
        name="99-three", find_mistake=lambda _: None, further="And 4?", hints=("Look.", "Count."),
        solution="answer = 3  # new words",
    )  # fmt: skip
    monkeypatch.setattr(practice, "all_exercises", lambda: {exercise.name: exercise})
    monkeypatch.setenv("CNNLAB_LANGUAGE", "id")
    assert repr(hint("99-three", 2)) == "Count."
    assert repr(check("99-three", 3)) == "✔ Correct. And 4?"
    assert repr(solution("99-three")) == "answer = 3  # new words"


@pytest.mark.parametrize("language", ["ID", "in", "de", "id ", "english", "0"])
@pytest.mark.parametrize(
    "ask", [lambda: hint("00-steps"), lambda: solution("00-steps"), lambda: check("00-steps", ...)]
)
def test_another_language_is_refused_with_its_name_and_the_remedy(ask, language, monkeypatch):
    monkeypatch.setenv("CNNLAB_LANGUAGE", language)
    words = (
        f"$CNNLAB_LANGUAGE must be en (English) or id (Bahasa Indonesia), got {language!r}; set it to one of these, or "
        "remove it"
    )
    with pytest.raises(ConfigError, match=re.escape(words)):
        ask()


def test_the_hint_that_notebook_09_shows_is_the_english_one(monkeypatch):
    """Strict nbval does not compare that cell: in the Indonesian notebook it says the same in Indonesian."""
    cells = json.loads((NOTEBOOKS / "09_clinic.ipynb").read_text(encoding="utf-8"))["cells"]
    (cell,) = [cell for cell in cells if cell["id"] == "hint"]
    shown = "".join(cell["outputs"][0]["data"]["text/plain"])
    monkeypatch.delenv("CNNLAB_LANGUAGE", raising=False)
    assert repr(hint("09-patient-1")) == shown
    monkeypatch.setenv("CNNLAB_LANGUAGE", "id")
    assert repr(hint("09-patient-1")).startswith("Mulailah dengan kurva.")
