"""What a student finds who does the *Try it* of notebook 10."""

import pytest
from notebook_code import run_cells

from cnnlab import commit_guess, evaluate, find_duplicates, score_guess

NAME = "10_your_own_pictures"
DRAW = ["draw-thing", "draw-picture", "save", "load"]
ONLY_270 = {"few": [("{30: 90, 90: 30, 270: 10}", "{270: 10}")]}
IS_RARE = [("validation.labels == 2", "validation.labels == 1")]
NEW_PICTURES = """for kind in KINDS:
    for number in range(300, 310):
        draw_picture(kind, number).save(given_away / kind / f"{number}.png")
any_background ="""


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """The variables of the notebook after its networks of 270 pictures."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CNNLAB_COURSE", "CNNLAB_CACHE"):
            patch.setenv(name, str(tmp_path_factory.mktemp("of the notebook")))
        imported = {"commit_guess": commit_guess, "evaluate": evaluate, "score_guess": score_guess}
        yield run_cells(NAME, ONLY_270, only=[*DRAW, "few"], names=imported).names


def test_1_a_rare_fish_needs_the_remedy_too(names):
    counts = '{"cup": 240, "fish": 48, "house": 240}'
    changes = {"rare": [('{"cup": 240, "fish": 240, "house": 48}', counts)], "rare-facts": IS_RARE}
    page = run_cells(NAME, changes, only=["rare-guess", "rare", "rare-facts"], names=dict(names))
    assert "balanced=False: for training {'cup': 73, 'fish': 14, 'house': 73}" in page.printed["rare"]
    shares = page.names["shares"]
    assert shares["as they are"] == pytest.approx(25, abs=20)
    assert shares["balanced"] == pytest.approx(70, abs=15)
    assert page.names["on_all"].verdicts[True] != "worse"


def test_2_thirty_pictures_do_not_cure_the_network(names):
    only = ["copies-new", "background-guess", "background", "background-facts"]
    page = run_cells(NAME, {"background": [("any_background =", NEW_PICTURES)]}, only=only, names=dict(names))
    assert page.names["results"]["one background"] < 15  # of 100
    accuracies = [run.history.last("validation_accuracy") for run in page.names["networks"]["one background"]]
    assert 0.85 < sum(accuracies) / 5 < 1
    assert len(list(page.names["given_away"].glob("*/*.png"))) == 480


def test_3_all_things_are_different(names):
    assert sum(1 for _ in names["things_folder"].glob("*/*.png")) == 450
    assert find_duplicates(names["things_folder"]) == []
