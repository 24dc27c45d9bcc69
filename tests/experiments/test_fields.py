"""A field of Experiment is said once: a pretend one, added in one place, is everywhere."""

import json
import shutil
import subprocess
import sys

import pytest
from places import REPOSITORY

from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.fields import Field

LAST = "    def __new__(cls, **settings: object) -> Experiment:\n"
PRETEND = """    flip: float = data_field(0.0, float, "share of images mirrored", least=0, below=1, steps=(0.0, 0.5))

"""
USE = """
import json
from cnnlab import Experiment
from cnnlab.cli.sweep import parser
from cnnlab.widgets.form import GROUPS, make_controls, read_experiment

own = Experiment(flip=0.25)
controls = make_controls(own)
controls["flip"].value = 0.5
words = parser().parse_args(["--flip", "0.5", "0"]).flip
try:
    Experiment(flip=2)
except ValueError as error:
    refused = str(error)
print(json.dumps({
    "json": json.loads(own.to_json())["flip"], "back": Experiment.from_json(own.to_json()) == own, "words": words,
    "help": " ".join(parser().format_help().split()),
    "group": [name for name, names in GROUPS.items() if "flip" in names],
    "label": controls["flip"].description, "read": read_experiment(controls).flip, "code": own.to_code(),
    "keys": [Experiment().key, own.key], "refused": refused,
}))
"""


def test_a_pretend_field_added_in_one_place_is_everywhere(tmp_path):
    shutil.copytree(REPOSITORY / "cnnlab", tmp_path / "cnnlab", ignore=shutil.ignore_patterns("__pycache__"))
    module = tmp_path / "cnnlab" / "experiments" / "experiment.py"
    before, _, after = module.read_text(encoding="utf8").partition(LAST)
    module.write_text(before + PRETEND + LAST + after, encoding="utf8")
    answer = subprocess.run([sys.executable, "-c", USE], cwd=tmp_path, capture_output=True, encoding="utf8")
    assert answer.returncode == 0, answer.stderr
    seen = json.loads(answer.stdout)
    default, own = seen.pop("keys")
    assert default == "98d7109bd3964426" != own
    assert "--flip X [X ...] share of images mirrored; default: 0.0" in seen.pop("help")
    assert "Experiment(flip=0.25)" in seen.pop("code")
    assert seen == {
        "json": 0.25, "back": True, "words": [0.5, 0.0], "group": ["Data"], "label": "flip", "read": 0.5,
        "refused": "flip must be a finite number of 0 or more and below 1, got 2",
    }  # fmt: skip


def test_every_field_has_words_a_group_and_a_control():
    for name, known in FIELDS.items():
        assert known.description, name
        assert known.group in ("Data", "Network", "Training"), name
        known.check_value(name, known.default)
        usual = known.choices or known.steps
        assert known.default is None or not usual or known.default in usual, name
        for value in usual if not known.datasets else ():
            known.check_value(name, value)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        (Field(default=1, kind=int, group="Data", description="a count", least=1), 0, "of 1 or more, got 0"),
        (Field(default=0.0, kind=float, group="Data", description="a share", least=0, below=1), 1.0, "below 1"),
        (Field(default=True, kind=bool, group="Data", description="a switch"), 1, "True or False, got 1"),
        (Field(default="a", kind=str, group="Data", description="a word", choices=("a", "b")), "c", "choose from"),
        (Field(default=1, kind=int, group="Data", description="a count", least=1), None, "got None"),
    ],
)
def test_a_value_that_a_field_cannot_have_is_refused_in_words(setting, value, words):
    with pytest.raises(ConfigError, match=words):
        setting.check_value("name", value)


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [("channels", "8,16", (8, 16)), ("grey", "TRUE", True), ("patience", "none", None), ("noise", "1e-1", 0.1)],
)
def test_words_become_values(name, word, value):
    assert FIELDS[name].read(name, word) == value


def test_none_is_a_word_where_the_field_has_a_default():
    assert FIELDS["pooling"].read("pooling", "none") == "none"
    with pytest.raises(ConfigError, match="epochs wants a whole number, got 'none'"):
        FIELDS["epochs"].read("epochs", "none")
