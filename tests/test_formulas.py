"""Names with $ and \\ in the HTML of notebooks: MathJax is told to look for no formula."""

import pytest
from bs4 import BeautifulSoup
from made_runs import made

from cnnlab.cell_display import bundle
from cnnlab.comparison.compare import compare
from cnnlab.comparison.guesses import Guesses
from cnnlab.comparison.ranking import rank_stability
from cnnlab.experiments.runs import Runs
from cnnlab.formulas import without_formulas
from cnnlab.interpret.by_layer import ByLayer
from cnnlab.interpret.gradients import LayerGradient

KEPT = '<div class="tex2jax_ignore mathjax_ignore">'
HARD = ["$5 to $9", "\\(x\\)", "<b>$x$</b>"]


def runs(*folders):
    return Runs(
        made([0.5, 0.6 + 0.01 * seed + 0.1 * place], dataset="images", folder=folder, epochs=2, seed=seed)
        for place, folder in enumerate(folders)
        for seed in range(2)
    )


def test_a_page_is_changed_only_where_a_formula_could_be():
    assert without_formulas("<p>a</p>") == "<p>a</p>"
    assert without_formulas("<p>$a$</p>") == f"{KEPT}<p>$a$</p></div>"
    assert bundle("$a$", "$a$") == {"text/plain": "$a$", "text/html": f"{KEPT}$a$</div>"}


def flow(name):
    numbers = dict.fromkeys(("gradient_mean", "gradient_maximum", "gradient_norm", "gradient_ratio"), 0.1)
    return ByLayer({name: LayerGradient("Conv2d", update_ratio=0.1, each_batch={}, **numbers)})


def history(name):
    result = made([0.5]).history
    result.rows[0][name] = 1.0
    return result


SHOWN = {
    "summary": lambda name: runs(name, "other").summary(),
    "a part of a summary": lambda name: runs(name, "other").summary().sort_values("seconds").head(1)[["folder"]],
    "all runs": lambda name: runs(name, "other").to_frame(),
    "curves": lambda name: runs(name, "other").curves(),
    "ranking": lambda name: rank_stability(runs(name, "other")),
    "comparison": lambda name: compare(runs(name, "other"), by="folder").table(),
    "layers": lambda name: flow(name).to_frame(),
    "history": lambda name: history(name).to_frame(),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("table", SHOWN)
def test_every_table_shows_names_as_they_are(table, name):
    page = SHOWN[table](name)._repr_html_()
    if table != "a part of a summary" or "$" in page or "\\" in page:
        assert page.startswith(KEPT)
        assert page.endswith("</div>")
    assert "<b>" not in page


MADE_OF_IT = {
    "a column": lambda table: table["folder"].to_frame(),
    "a column with the index in it": lambda table: table["folder"].reset_index(),
    "counts": lambda table: table["folder"].value_counts().reset_index(),
    "a row": lambda table: table.iloc[0].to_frame(),
    "turned around": lambda table: table.T,
    "groups": lambda table: table.groupby("folder").mean(numeric_only=True),
    "groups of a column": lambda table: table.groupby("folder")["seconds"].agg(["mean", "max"]),
    "a pivot": lambda table: table.pivot_table(values="seconds", index="folder"),
    "joined": lambda table: table.merge(table, on="folder"),
    "one below the other": lambda table: __import__("pandas").concat([table, table]),
    "described": lambda table: table.describe(include="all"),
    "other names": lambda table: table.rename(columns={"folder": "name $x$"}),
    "as text": lambda table: table.map(str),
    "styled": lambda table: table.style.hide(axis="index"),
    "a part, styled": lambda table: table[["folder"]].style.background_gradient(subset=[]),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("made_of_it", MADE_OF_IT)
def test_what_pandas_makes_of_a_table_shows_names_as_they_are(made_of_it, name):
    page = BeautifulSoup(MADE_OF_IT[made_of_it](runs(name, "other").summary())._repr_html_(), "html.parser")
    assert name in page.text
    assert not page.select("b")
    for text in page.find_all(string=lambda text: "$" in text or "\\" in text):
        assert any("mathjax_ignore" in (parent.get("class") or ()) for parent in text.parents)


def test_usual_tables_and_those_of_other_data_are_as_pandas_makes_them():
    import pandas

    table = runs("cats", "dogs").summary()
    assert table._repr_html_() == pandas.DataFrame(table)._repr_html_()
    assert isinstance(table, pandas.DataFrame)
    assert runs("cats", "dogs").summary()["folder"].tolist() == ["cats", "dogs"]


def test_a_comparison_and_the_notes_below_it():
    page = compare(runs("$5 to $9", "other"), by="folder")._repr_html_()
    assert page.startswith('<table class="tex2jax_ignore mathjax_ignore">')
    below = page.partition("</table>")[2]
    assert "$" not in below or below.startswith(KEPT)


def test_guesses_show_a_note_as_it_is():
    assert Guesses({}, "Nothing begins with '$a$'.")._repr_html_().startswith(f"{KEPT}<p>Nothing begins with")
