"""The set-up cell of the Indonesian notebooks: the code of the English one, other sentences, and one line more."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize

import pytest
from places import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tools"))

from colab import set_up_cell
from translate_notebooks import set_up

SENTENCES = {  # what a person reads of it, in each language
    "# Set-up. On your own computer this cell does nothing; on Colab it installs cnnlab.": (
        "# Persiapan. Di komputer Anda sel ini hanya memilih bahasa; di Colab sel ini memasang cnnlab."
    ),
    "Upload cnnlab's .whl file (see README.md) with the folder icon on the left; run it again.": (
        "Unggah berkas .whl cnnlab (lihat README.id.md) lewat ikon folder di kiri; lalu jalankan lagi."
    ),
    "run `python start.py` and choose .venv as the kernel, or `%pip install` cnnlab's .whl (see README.md)": (
        "jalankan `python start.py` dan pilih .venv sebagai kernel, atau `%pip install` .whl cnnlab (README.id.md)"
    ),
    "cnnlab is not installed for this Python: ": "cnnlab belum terpasang untuk Python ini: ",
}


def comments(code: str) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return {token.string for token in tokens if token.type == tokenize.COMMENT}


@pytest.mark.parametrize("address", ["", "alice/cnnlab"])
def test_the_set_up_cell_has_the_same_code_other_sentences_and_chooses_the_language(address):
    english, code = set_up_cell(address), set_up(set_up_cell(address))
    first, *others = ast.parse(code).body
    assert ast.unparse(first) == "import os"
    (choice,) = [part for part in others if "CNNLAB_LANGUAGE" in ast.unparse(part)]
    assert ast.unparse(choice) == "os.environ['CNNLAB_LANGUAGE'] = 'id'"
    others.remove(choice)
    same = english
    for before, after in SENTENCES.items():
        same = same.replace(before, after)
    assert [ast.unparse(part) for part in others] == [ast.unparse(part) for part in ast.parse(same).body]
    assert code.splitlines()[0] == same.splitlines()[0]  # what is seen of the folded cell
    texts = [part.value for part in ast.walk(ast.parse(english)) if isinstance(part, ast.Constant)]
    sentences = {text for text in texts if isinstance(text, str) and text.count(" ") > 2}
    assert sentences <= SENTENCES.keys()  # no other sentence waits for its translation
    assert not comments(english) & comments(code)  # no comment either
    assert not [line for line in code.splitlines() if len(line) > 120]


def test_it_chooses_the_language_where_cnnlab_is_and_says_in_indonesian_where_it_is_not(tmp_path):
    ask = '\nprint(os.environ["CNNLAB_LANGUAGE"])\n'
    for script, asks in (("chosen.py", ask), ("not_installed.py", "")):
        (tmp_path / script).write_text(set_up(set_up_cell("")) + asks, encoding="utf-8")
    run = {"cwd": tmp_path, "capture_output": True, "encoding": "utf-8"}
    answer = subprocess.run([sys.executable, "chosen.py"], **run)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "id\n", "")
    answer = subprocess.run([sys.executable, "-I", "-S", "not_installed.py"], **run)  # -S: without site-packages
    sentence = (
        "cnnlab belum terpasang untuk Python ini: jalankan `python start.py` dan pilih .venv sebagai kernel, atau "
        "`%pip install` .whl cnnlab (README.id.md).\n"
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (1, "", sentence)
