"""The lab report in Indonesian: whole, with the numbers and pictures of the English one, and with the same answers."""

import contextlib
import importlib
import pkgutil
import re
from importlib import resources

import pytest
from bs4 import BeautifulSoup
from made_runs import made, unvalidated
from said import outside_of_marks, strings_of
from tiny_sweeps import TINY, quiet

from cnnlab.__main__ import main as program
from cnnlab.comparison.verdicts import BETTER, CANNOT_TELL, HIGHER, LOWER, WORSE
from cnnlab.course import lab_report as package
from cnnlab.course import sentences
from cnnlab.course.lab_report import answers, judgements, pictures, questions, replayed_stops, report
from cnnlab.course.lab_report.blocks import Image
from cnnlab.course.lab_report.network_tables import layers_of
from cnnlab.course.lab_report.report import lab_report
from cnnlab.course.lab_report.tables import METRICS
from cnnlab.course.sentences import say, written_in
from cnnlab.course.translation import fingerprint, read_translations, translated
from cnnlab.errors import ConfigError
from cnnlab.experiments.exam import Exam
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.runs import Failure, Runs, bank, load_runs
from cnnlab.model.evaluation import MeanScore
from cnnlab.model.layer_table import KERNEL_NOTE
from cnnlab.plots.style import DERIVED_LABELS
from cnnlab.training.history import INSIDES

SENTENCES = read_translations("lab_report.md")


# --- The sentences


def strings_of_the_report():
    """Return all that the code of the report may say."""
    modules = [
        importlib.import_module(f"{package.__name__}.{each.name}") for each in pkgutil.iter_modules(package.__path__)
    ]
    said = {each for module in modules for each in strings_of(module)}
    page = resources.files(package) / "page.html"
    said |= set(re.findall(r'say\("([^"]*)"', page.read_text(encoding="utf-8")))
    said |= {name.replace("_", " ") for name in METRICS} | {each.description for each in FIELDS.values()}
    return said | {KERNEL_NOTE, *DERIVED_LABELS.values()}


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda each: each.english)
def test_a_sentence_has_the_same_numbers_and_names(sentence):
    assert sentence.english == fingerprint(sentence.name), "its header was edited by hand"
    assert sentence.text.strip()
    for pattern in (r"\d+(?:[.,]\d+)*", r"\{[^}]*\}", r"\w+_\w+|\w+\(|\w+=", r"[×±%…]"):
        assert sorted(re.findall(pattern, sentence.text)) == sorted(re.findall(pattern, sentence.name)), pattern
    assert (sentence.name[-1] in ".?:") == (sentence.text[-1] in ".?:")
    assert not re.search(r"(?i)\b(kamu|kau|mu)\b|!", sentence.text)


def test_every_translation_is_of_a_sentence_that_the_report_may_say():
    said = strings_of_the_report()
    assert {"The exam", "Contents", "{low} to {high}"} <= said
    changed = [each.name for each in SENTENCES if each.name not in said]
    assert not changed, "the English has changed: translate it anew in cnnlab/course/indonesian/lab_report.md"
    assert len({each.english for each in SENTENCES}) == len(SENTENCES)


def test_a_sentence_takes_values_with_braces():
    with written_in("id"):
        assert say("No verdict on {by}.", by="{a} {0}") == "Tidak ada putusan tentang {a} {0}."
        assert say("a new sentence on {by}", by=3) == "a new sentence on 3"
    assert say("No verdict on {by}.", by="x") == "No verdict on x."


# --- The page


@pytest.fixture
def untranslated(monkeypatch):
    """A set that is filled with each sentence for which there is no translation."""
    missing, known = set(), {each.english for each in SENTENCES}

    def recorded(english, language):
        if language != "en" and fingerprint(english) not in known:
            missing.add(english)
        return translated(english, language)

    monkeypatch.setattr(sentences, "translated", recorded)
    return missing


@pytest.fixture
def undrawn(monkeypatch):
    """Leave every image of a report empty: drawing them takes most of the time, and here the words count."""
    monkeypatch.setattr(pictures, "to_image", lambda _: Image("", "a plot", 1, 1))


def page_of(runs, folder, **options):
    report = lab_report(runs, folder / "report.html", progress=False, **options)
    return report, BeautifulSoup(report.path.read_text(encoding="utf-8"), "html.parser")


def two_optimizers():
    return [
        made([0.2, 0.5 + 0.1 * place + 0.01 * seed], optimizer=name, learning_rate=rate, seed=seed, epochs=2)
        for place, (name, rate) in enumerate([("sgd", 0.3), ("adam", 0.01)])
        for seed in range(3)
    ]


def odd_runs():
    """Stores of runs for which a report has to say in words what it cannot show."""
    high = [made([0.3, 0.1], stopped_by="diverged", learning_rate=9.0, seed=seed, epochs=3) for seed in range(3)]
    low = [made([0.3, 0.6, 0.7], learning_rate=0.1, seed=seed, epochs=3) for seed in range(3)]
    apart = [
        made([0.2, 0.5 + 0.01 * seed], dataset=name, pooling=pooling, seed=seed, epochs=2)
        for name in ("mnist", "fashion_mnist") for pooling in ("max", "avg") for seed in range(3)
    ]  # fmt: skip
    unlike = [made(0.5), made(0.6, kernel_size=5, pooling="avg", seed=4), made(0.7, channels=(4,), seed=2)]
    return {
        "one": [made([0.2, 0.5], epochs=2)],
        "seeds": [made([0.2, 0.5 + 0.01 * seed], epochs=2, seed=seed) for seed in range(3)],
        "none finished": [made([], stopped_by="diverged")],
        "unvalidated": [unvalidated(0.5, seed=seed) for seed in range(2)],
        "diverged": Runs([*high, *low, made([0.5], stopped_by="interrupt", epochs=3)],
                         [Failure(low[0].experiment, "no reason")]),
        "data sets": apart,
        "unlike": unlike,
        "changed pictures": [
            made([0.2, 0.5 + 0.01 * seed], dataset="images", folder="pets", fingerprint=mark * 16, seed=seed, epochs=2)
            for mark in "07" for seed in range(3)
        ],
        "optimizers": two_optimizers(),
        "stopped": [made([0.3, 0.6, 0.5], epochs=9, patience=1, stopped_by="patience", seed=seed) for seed in range(3)],
    }  # fmt: skip


@pytest.mark.parametrize("kind", odd_runs())
@pytest.mark.usefixtures("undrawn")
def test_an_odd_report_is_indonesian_throughout(kind, tmp_path, untranslated):
    _, page = page_of(odd_runs()[kind], tmp_path, language="id")
    assert not untranslated, "cnnlab/course/indonesian/lab_report.md lacks these sentences"
    assert page.html["lang"] == "id"
    assert not english_in(page)


def english_in(page):
    """Return the sentences of the English report that stand in the words of a page."""
    words = " ".join(page.text.split())
    return [each.name for each in SENTENCES if len(each.name) > 20 and "{" not in each.name and each.name in words]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same runs, with all that a report can show, in both languages: report and page."""
    runs = load_runs(bank("experiment_b")).filter(pooling="avg", epochs=50, seed=range(3))
    exam = Exam(MeanScore(0.25, 0.01, 0.95, 0.004, 2000), MeanScore(0.3, 0.02, 0.94, 0.005, 1000), is_stored=True)
    folder, answers = tmp_path_factory.mktemp("both"), {"loss": "![x](y)", "conclusion": "b"}
    return {
        language: page_of(runs, folder / language, language=language, exam=exam, answers=answers)
        for language in ("en", "id")
    }


def test_numbers_pictures_code_and_keys_are_those_of_the_english_page(both):
    (english, page), (indonesian, other) = both["en"], both["id"]
    assert [image["src"] for image in page.find_all("img")] == [image["src"] for image in other.find_all("img")]
    assert [image["alt"] for image in page.find_all("img")] == [image["alt"] for image in other.find_all("img")]
    assert {image["lang"] for image in other.find_all("img")} == {"en"}  # its alt text
    assert page.pre.text == other.pre.text
    assert list(english.questions) == list(indonesian.questions)
    assert english.open == indonesian.open
    for table, same in zip(page.find_all("table"), other.find_all("table"), strict=True):
        cells, translations = ([cell.text for cell in each.tbody.find_all(["td", "th"])] for each in (table, same))
        assert len(cells) == len(translations)
        for cell, translation in zip(cells, translations, strict=True):
            numbers, others = (re.findall(r"\d[\d.,e−+]*", words) for words in (cell, translation))
            assert numbers == others, (cell, translation)


def test_headings_questions_and_sentences_are_indonesian(both):
    report, page = both["id"]
    assert page.html["lang"] == "id"
    assert page.title.text == page.h1.text == "Laporan praktikum"
    assert [each.text for each in page.find_all("h2")] == [
        "Percobaan", "Jaringan", "Semua setelan", "Kurva", "Selisih mana yang nyata", "Peta semua setelan",
        "Konvergensi, fluktuasi, dan celah", "Penghentian dini",
        "Setelan terbaik, menurut loss latih dan menurut loss validasi", "Ujian", "Bilangan dari dalam jaringan",
        "Di dalam jaringan", "Mengulangi percobaan ini", "Kesimpulan",
    ]  # fmt: skip
    header = " ".join(page.header.text.split())
    count = len(report.questions)
    still_open = f"6 hasil pelatihan, 2 setelan, 3 seed {count - 2} dari {count} pertanyaan belum dijawab:"
    assert re.search(rf"^Laporan praktikum \d+ [A-Z]\w+ \d{{4}} · {still_open}", header)
    assert (
        "better (lebih baik), worse (lebih buruk), higher (lebih tinggi), lower (lebih rendah), cannot tell" in header
    )
    questions = {each["id"].removeprefix("question-"): each for each in page.find_all("div", class_="question")}
    assert questions["kernel_size"].h3.text.startswith("Apa yang dikatakan putusan-putusan itu tentang kernel_size,")
    words = " ".join(questions["best"].find(class_="open").text.split())
    assert words == "Belum dijawab. Tulislah jawaban Anda di bawah judul best."
    assert questions["loss"].find(class_="answer").text.strip() == "[gambar: x, y]"
    verdicts = {cell.text for cell in page.find_all("td")} & {"better", "worse", "cannot tell"}
    assert verdicts  # as compare says them
    assert "kernel_size: sisi setiap kernel dalam piksel: ganjil, 1 sampai 11." in page.text
    assert not english_in(page)
    assert english_in(both["en"][1])  # the check can fail


# --- English beside the sentences


def marked(english, language):
    """Return a sentence with marks around its own words, and not around the values in it; a message counts as its own.

    >>> marked("{count} runs of {name}", "id")
    '{count}⟦ runs of ⟧{name}'
    """
    if language == "en":
        return english
    parts = re.split(r"(\{(?!error)[^}]*\})", english)
    return "".join(f"⟦{part}⟧" if place % 2 == 0 and part else part for place, part in enumerate(parts))


@contextlib.contextmanager
def noted_in_marks(notes):
    """Within the block, keep each warning of the course as a note in marks: a message is English."""
    own = []
    with pictures.noted(own):
        yield
    notes += [f"⟦{note}⟧" for note in own]


@pytest.fixture
def marks(monkeypatch):
    """Put marks around all that is translated, and around the course's messages."""
    for module in (sentences, questions, report, answers):
        monkeypatch.setattr(module, "translated", marked)
    for module in (judgements, replayed_stops):
        monkeypatch.setattr(module, "noted", noted_in_marks)


def words_beside(page):
    """Return the words of a page in small letters that stand outside of all marks; not in code, pictures and keys."""
    for tag in [*page.find_all(["pre", "code", "img", "style", "title"]), *page.select('a[href^="#question-"]')]:
        tag.decompose()
    return set(re.findall(r"[a-z]{4,}", outside_of_marks(page.get_text(" "))))


def names_of(runs):
    """Return the words that are the same in every language: names of fields and layers, values, verdicts, messages."""
    said = [*FIELDS, *METRICS, *INSIDES, "epochs to reach:", "fluctuation_validation", "generalization_gap", "seconds"]
    for run in runs:
        said += [str(run.experiment.resolved()), *map(str, run.history.environment.items())]
        said += [row.name for row in layers_of(run)]
    said += [failure.reason + failure.experiment.to_json() for failure in getattr(runs, "failures", ())]
    return set(re.findall(r"[a-z]{4,}", " ".join([*said, BETTER, WORSE, HIGHER, LOWER, CANNOT_TELL])))


@pytest.mark.parametrize("kind", odd_runs())
@pytest.mark.usefixtures("undrawn", "marks")
def test_no_english_stands_beside_the_sentences(kind, tmp_path):
    runs = odd_runs()[kind]
    _, page = page_of(runs, tmp_path, language="id")
    assert words_beside(page) - names_of(runs) == set()


@pytest.mark.usefixtures("undrawn", "marks")
def test_no_english_stands_beside_the_sentences_about_the_insides(tmp_path):
    runs = quiet([TINY.replace(seed=seed) for seed in range(2)], snapshots=(0, 2), insides=True)
    _, page = page_of(runs, tmp_path, language="id")
    assert [row.th.text for row in page.find_all("tr") if row.td and row.td.text == "pool1"] == [
        "⟦one setting⟧, 2⟦ epochs⟧"
    ]
    assert words_beside(page) - names_of(runs) == set()


@pytest.mark.usefixtures("undrawn")
def test_a_folder_whose_pictures_have_changed_has_two_names_in_every_language(tmp_path):
    _, page = page_of(odd_runs()["changed pictures"], tmp_path, language="id")
    rows = [row.td.text for row in page.find_all("tr") if row.td and row.th.text == "dataset"]
    assert rows[0] == "images pets, images pets (777777)"


def test_english_beside_the_sentences_is_seen():
    page = BeautifulSoup("<p>⟦No verdict on ⟧kernel_size⟦.⟧ one setting</p><code>left out</code>", "html.parser")
    assert words_beside(page) == {"kernel", "size", "setting"}


def test_links_lead_somewhere_in_both(both):
    for _, page in both.values():
        ids = {tag["id"] for tag in page.find_all(id=True)}
        assert {link["href"][1:] for link in page.find_all("a")} <= ids


def test_what_a_notebook_prints_is_the_same_in_both(both):
    assert repr(both["id"][0]) == repr(both["en"][0])
    assert "best: Which setting do you choose" in repr(both["id"][0])
    assert both["id"][0].questions["best"].startswith("Setelan mana yang Anda pilih")


# --- The answers


@pytest.mark.parametrize(("first", "second"), [("en", "id"), ("id", "en")])
@pytest.mark.usefixtures("undrawn")
def test_answers_outlive_a_change_of_the_language(first, second, tmp_path):
    runs, form = two_optimizers(), tmp_path / "answers.md"
    report, _ = page_of(runs, tmp_path, answers=form, language=first)
    assert len(report.open) == len(report.questions)
    report, _ = page_of(runs, tmp_path, answers=form, language=second)
    assert len(report.open) == len(report.questions)  # the question in the other language is no answer
    text = form.read_text(encoding="utf-8")
    for key in report.questions:
        text = text.replace(f"## {key}\n", f"## {key}\n\n> mine\n\nWords of {key}.\n")
    form.write_text(text, encoding="utf-8")
    for language in (second, first):
        report, page = page_of(runs, tmp_path, answers=form, language=language)
        assert report.open == ()
        for key in report.questions:
            answer = page.find(id=f"question-{key}").find(class_="answer")
            assert answer.text.split() == ["mine", "Words", "of", f"{key}."]
    assert form.read_text(encoding="utf-8") == text  # it is hers
    report, _ = page_of(runs, tmp_path, answers={"loss": "a"}, language=second)
    assert "loss" not in report.open


# --- Which language


@pytest.mark.usefixtures("undrawn")
def test_the_language_of_the_course_is_the_usual_one(tmp_path, monkeypatch):
    only = [made([0.2, 0.5], epochs=2)]
    monkeypatch.setenv("CNNLAB_LANGUAGE", "id")
    assert page_of(only, tmp_path)[1].html["lang"] == "id"
    assert page_of(only, tmp_path, language="en", title="Mine")[1].html["lang"] == "en"
    monkeypatch.delenv("CNNLAB_LANGUAGE")
    assert page_of(only, tmp_path)[1].html["lang"] == "en"
    assert page_of(only, tmp_path, language="id", title="Punyaku")[1].h1.text == "Punyaku"
    assert say("The exam") == "The exam"  # the page's language ends with the page


@pytest.mark.parametrize("language", ["de", "ID", "", 1, ["id"]])
def test_another_language_is_refused_before_anything_is_drawn(language, tmp_path, monkeypatch):
    monkeypatch.setattr("cnnlab.course.lab_report.report.design_of", lambda _: pytest.fail("it was drawn"))
    with pytest.raises(ConfigError, match=re.escape(f"unknown language {language!r}")):
        lab_report([made(0.5)], tmp_path / "report.html", language=language)
    monkeypatch.setenv("CNNLAB_LANGUAGE", "de")
    with pytest.raises(ConfigError, match=r"\$CNNLAB_LANGUAGE must be en \(English\) or id"):
        lab_report([made(0.5)], tmp_path / "report.html")


@pytest.mark.usefixtures("undrawn")
def test_the_command_writes_and_prints_in_the_language(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    quiet([TINY], "runs")
    assert program(["lab-report", "runs", "--language", "id", "--answers", "jawaban.md"]) == 0
    printed = capsys.readouterr().out
    assert re.match(r"report\.html: \d+ gambar, \d+ pertanyaan, 0 dijawab\n", printed)
    assert "  conclusion: Apa kesimpulan Anda?" in printed
    assert '<html lang="id">' in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "jawaban.md").read_text(encoding="utf-8").startswith("# Jawaban saya\n")
    assert program(["lab-report", "runs", "--answers", "jawaban.md"]) == 0
    assert "  conclusion: What is your conclusion?" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        program(["lab-report", "runs", "--language", "de"])
    assert "--language" in capsys.readouterr().err
