"""Every public function that takes a model says which networks it takes."""

import inspect
import re

import pytest

import cnnlab

MODELS = {"model", "models"}
FUNCTIONS = {
    name: public
    for name in cnnlab.__all__
    if inspect.isfunction(public := getattr(cnnlab, name)) and {*inspect.signature(public).parameters} & MODELS
}


def test_there_are_such_functions():
    assert {"fit", "predict", "capture", "layer_table", "saliency", "save_weights", "evaluate_all"} <= FUNCTIONS.keys()
    assert len(FUNCTIONS) >= 16


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_docstring_says_which_networks(name):
    text = re.search(
        r"\n    models? : .*?\n((?:        .*\n)+)", inspect.getdoc(FUNCTIONS[name]).replace("\n", "\n    ")
    )
    assert text, f"{name} has no entry for its model"
    assert re.match(r"\s+Any networks?\b", text[1]), text[1]
