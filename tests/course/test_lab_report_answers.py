"""Answers: what a student writes is found under its question, nothing of it is lost, and nothing of it runs."""

import re

import pytest
from bs4 import BeautifulSoup

from cnnlab import bank, lab_report, load_runs
from cnnlab.course.lab_report.answers import path_of, read_answers, to_html, write_form
from cnnlab.course.lab_report.blocks import Question
from cnnlab.errors import ConfigError

ASKED = {"loss": "Where do the two losses part?", "kernel_size": "What do the verdicts say?", "best": "Which one?"}
ASKED_IN_INDONESIAN = {"loss": "Di mana keduanya berpisah?", "kernel_size": "Apa kata putusan?", "best": "Yang mana?"}
QUESTIONS = {key: Question(key, {"en": ASKED[key], "id": ASKED_IN_INDONESIAN[key]}) for key in ASKED}


def test_a_mapping_a_text_and_a_file_give_the_same_answers(tmp_path):
    text = "## loss\nAt epoch **9**.\n\n## kernel_size\n\nNothing.\n"
    expected = {"loss": "At epoch **9**.", "kernel_size": "Nothing."}
    (tmp_path / "mine.md").write_text("\ufeff" + text, encoding="utf-8")  # as Windows' editor begins a file
    assert read_answers(expected, QUESTIONS) == expected
    assert read_answers(text, QUESTIONS) == expected
    assert read_answers(str(tmp_path / "mine.md"), QUESTIONS) == expected
    assert read_answers(tmp_path / "mine.md", QUESTIONS) == expected
    assert read_answers(None, QUESTIONS) == {}


def test_what_is_left_open_is_no_answer():
    assert read_answers({"loss": ..., "kernel_size": None, "best": " \n"}, QUESTIONS) == {}
    assert read_answers("## loss\n\n\n## best\n", QUESTIONS) == {}


@pytest.mark.parametrize(("language", "asked"), [("en", ASKED), ("id", ASKED_IN_INDONESIAN)])
def test_an_untouched_form_answers_nothing_and_a_filled_one_loses_no_line(language, asked, tmp_path):
    path = tmp_path / "new folder" / "answers.md"
    write_form(path, QUESTIONS, language)
    assert read_answers(path, QUESTIONS) == {}
    text = path.read_text(encoding="utf-8")
    filled = text.replace(f"{asked['loss']}\n", f"{asked['loss']}\n\n> a quote\n\nAt 9.\n")
    assert filled != text
    assert read_answers(filled, QUESTIONS) == {"loss": "> a quote\n\nAt 9."}


def test_a_form_in_indonesian_has_the_same_keys_and_its_own_words(tmp_path):
    for language in ("en", "id"):
        write_form(tmp_path / f"{language}.md", QUESTIONS, language)
    english, indonesian = ((tmp_path / f"{name}.md").read_text(encoding="utf-8") for name in ("en", "id"))
    assert re.findall("(?m)^## .+$", english) == re.findall("(?m)^## .+$", indonesian)
    assert english.startswith("# My answers\n\nWrite below each question,")
    assert indonesian.startswith("# Jawaban saya\n\nTulislah jawaban di bawah setiap pertanyaan,")
    assert "> Di mana keduanya berpisah?" in indonesian
    assert "part" not in indonesian


def test_headings_are_read_as_people_write_them():
    text = (
        "# My report\n\n### LOSS ###\nIt parts.\n#### A thought\nmore\n```python\n# no heading\n### best\n```\n"
        "### `best`:\nThis."
    )
    assert read_answers(text, QUESTIONS) == {
        "loss": "It parts.\n#### A thought\nmore\n```python\n# no heading\n### best\n```", "best": "This.",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (
            {"los": "It parts."},
            "unknown question 'los'; did you mean 'loss'? choose from 'loss', 'kernel_size', 'best'",
        ),
        ("## loss\nA.\n## losss\nB.", "unknown question 'losss'; did you mean 'loss'?"),
        ("They part at epoch 9.", "the text 'They part at epoch 9.' stands under no question; put a heading above it"),
        ("# My report\nA thought.\n## loss\nB.", "the text 'A thought.' stands under no question"),
        ({"loss": 9}, "answers['loss'] wants Markdown text, got 9; put it in quotation marks"),
        (["loss"], "answers wants a dict of question: text, a Markdown text, or the path of a .md file, got ['loss']"),
        ("gone.md", "answers='gone.md' can't be read (No such file or directory)"),
    ],
)
def test_an_answer_that_would_be_lost_is_refused_in_words(answers, words):
    with pytest.raises(ConfigError, match=re.escape(words)):
        read_answers(answers, QUESTIONS)


def test_a_file_that_is_no_utf8_is_refused_in_words(tmp_path):
    (tmp_path / "mine.md").write_bytes("## loss\nä".encode("utf-16"))
    with pytest.raises(ConfigError, match="no text in UTF-8; save it as UTF-8"):
        read_answers(tmp_path / "mine.md", QUESTIONS)


def test_a_name_is_a_path_and_a_text_is_none(tmp_path):
    assert path_of("mine.MD").name == "mine.MD"
    assert path_of(tmp_path) == tmp_path
    assert path_of("# as in mine.md") is None
    assert path_of("## loss\nsee mine.md") is None
    assert path_of({"loss": "mine.md"}) is None


def test_markdown_becomes_what_it_says():
    page = BeautifulSoup(to_html("## A\n*b* and `c < d`\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n- e\n"), "html.parser")
    kinds = ["h4", "em", "code", "table", "li"]
    assert [tag.name for tag in page.find_all(kinds)] == kinds
    assert page.code.text == "c < d"
    assert [cell.text for cell in page.find_all("td")] == ["1", "2"]


HOSTILE = [
    "<script>alert(1)</script>",
    "a <img src=x onerror=alert(1)> b",
    "<div onclick='alert(1)'>\n\nx\n\n</div>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](%6aavascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:x)",
    "[x](file:///etc/passwd)",
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    "![x](https://example.org/spy.png)",
    "![<script>alert(1)</script>](x)",
    '[x](https://example.org/"onmouseover="alert(1))',
    '[x](https://example.org "a\\" onmouseover=\\"alert(1)")',
    "```<script>\nalert(1)\n```",
    "`</code><script>alert(1)</script>`",
    "# <script>alert(1)</script>",
    "| <script>alert(1)</script> | b |\n|---|---|\n| <img src=x onerror=alert(1)> | c |",
    "<style>body { display: none }</style>",
    "<!-- --><iframe src='https://example.org'></iframe>",
    "</div></section></main><h1>Passed</h1>",
]
HARMLESS = {
    "p",
    "a",
    "em",
    "strong",
    "code",
    "pre",
    "h4",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "ul",
    "ol",
    "li",
    "blockquote",
    "br",
    "hr",
    "del",
}


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_an_answer_runs_or_is_loaded(text):
    page = BeautifulSoup(to_html(text), "html.parser")
    assert {tag.name for tag in page.find_all(True)} <= HARMLESS
    for tag in page.find_all(True):
        assert set(tag.attrs) <= {"href", "rel", "class", "style", "start"}
        assert tag.get("style", "text-align:left").startswith("text-align:")
        assert tag.get("href", "https://").startswith(("https://", "http://", "mailto:"))
    assert page.text.strip()  # and it is shown as text


def test_a_dollar_is_a_dollar():
    assert to_html("It costs $5 and $x_1$.") == "<p>It costs $5 and $x_1$.</p>\n"


@pytest.mark.parametrize("answers", ["They part at epoch 9.", "", 3, [1, 2]])
def test_what_can_be_no_answer_is_refused_before_anything_is_drawn(answers, monkeypatch, tmp_path):
    monkeypatch.setattr("cnnlab.course.lab_report.report.design_of", lambda _: pytest.fail("it was drawn"))
    with pytest.raises(ConfigError, match="answers"):
        lab_report(load_runs(bank("winners")), tmp_path / "report.html", answers=answers, progress=False)
