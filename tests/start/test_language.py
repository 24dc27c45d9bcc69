"""start.py --language: which language the course opens in, and in which words it says how to change that."""

from __future__ import annotations

import ctypes
import os
from types import SimpleNamespace

import pytest
from places import REPOSITORY
from scripts import load_script

VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.fixture
def start(start, monkeypatch):
    """start.py as a module, where no variable names a locale."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return start


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "en"),
        ({"LANG": "id_ID.UTF-8"}, "id"),
        ({"LANG": "id"}, "id"),
        ({"LANG": "in_ID"}, "id"),  # what Java calls it
        ({"LANG": "ID_id@latin"}, "id"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LC_TIME": "id_ID.UTF-8"}, "en"),
        ({"LANG": "is_IS.UTF-8"}, "en"),
        ({"LANG": "ido"}, "en"),  # another language
        ({"LANG": "id_ID.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "id_ID.UTF-8"}, "id"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "id:en"}, "id"),
        ({"LANG": "id_ID.UTF-8", "LC_ALL": "", "LANGUAGE": ""}, "id"),
    ],
)
def test_the_language_is_that_of_the_locale(start, monkeypatch, variables, language):
    monkeypatch.setattr(start.sys, "platform", "linux")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert start.parse_arguments([]).language == language


@pytest.mark.parametrize(("name", "language"), [("id-ID", "id"), ("en-ID", "en"), ("", "en")])
def test_windows_is_asked_for_its_locale(start, monkeypatch, name, language):
    def write_name(buffer, length):
        assert length == 85
        buffer.value = name
        return len(name) and len(name) + 1  # 0 where it fails

    library = SimpleNamespace(kernel32=SimpleNamespace(GetUserDefaultLocaleName=write_name))
    monkeypatch.setattr(ctypes, "windll", library, raising=False)
    monkeypatch.setattr(start.sys, "platform", "win32")
    assert start.system_language() == language


@pytest.mark.parametrize(
    ("answer", "language"), [((0, "id_ID\n"), "id"), ((0, "en_ID\n"), "en"), ((1, "no such pair"), "en"), (None, "en")]
)
def test_macos_is_asked_for_its_locale(start, monkeypatch, answer, language):
    def run(*command):
        assert command == ("defaults", "read", "-g", "AppleLocale")
        if answer is None:
            raise FileNotFoundError(command[0])
        return answer

    monkeypatch.setattr(start, "run", run)
    monkeypatch.setattr(start.sys, "platform", "darwin")
    assert start.system_language() == language


def test_what_is_asked_for_counts_more_than_the_locale(start, monkeypatch):
    monkeypatch.setenv("LANG", "id_ID.UTF-8")
    assert start.parse_arguments(["--language", "en"]).language == "en"
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    assert start.parse_arguments(["--language", "id"]).language == "id"


def test_another_language_is_refused(start, capsys):
    with pytest.raises(SystemExit):
        start.parse_arguments(["--language", "fr"])
    assert "argument --language: invalid choice: 'fr' (choose from" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "`python start.py --language id` opens it in Indonesian (dalam bahasa Indonesia)."),
        ("id", "`python start.py --language en` opens it in English (dalam bahasa Inggris)."),
    ],
)
def test_the_address_is_that_of_the_first_notebook_and_one_sentence_says_how_to_change(
    start, monkeypatch, capsys, language, sentence
):
    ended = SimpleNamespace(wait=lambda *_: 0, terminate=lambda: None)
    given = []
    os.makedirs(start.venv_folder())
    monkeypatch.setattr(start.subprocess, "Popen", lambda command, **_: given.append(command) or ended)
    monkeypatch.setattr(start, "wait_until_ready", lambda *_: None)
    assert start.open_course("python", 0, False, language) == 0
    path = start.FIRST_NOTEBOOKS[language]
    assert f"--LabApp.default_url=/lab/tree/{path}" in given[0]
    address, how, *_ = capsys.readouterr().out.partition("The course is open at\n")[2].splitlines()
    assert f"/lab/tree/{path}?token=" in address
    assert how == sentence


def test_both_first_notebooks_are_there():
    start = load_script(REPOSITORY / "start.py")
    assert sorted(start.FIRST_NOTEBOOKS) == ["en", "id"]
    assert all((REPOSITORY / path).is_file() for path in start.FIRST_NOTEBOOKS.values())
