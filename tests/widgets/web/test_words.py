"""Test the fold of words: what it explains, where its link leads, and that no panel leaves a hard word unexplained."""

import re
from email.message import Message

import ipywidgets
import pytest
from matplotlib.text import Text
from panel_cells import PANELS, make_panel

from cnnlab.widgets.web import words
from cnnlab.widgets.web.live_plot import LivePlot
from cnnlab.widgets.web.words import Words, read_glossary

HARD = {  # on a panel → the term of the glossary
    "nats": "nat", "logits": "logits", "brier": "Brier score", "noise floor": "noise floor", "saliency": "saliency map",
    "gradient norm": "gradient flow", "dead": "dead unit", "patience": "patience", "weight decay": "weight decay",
    "interval": "interval", "seeds?": "seed",
}  # fmt: skip


def shown_on(panel):
    """Return what a person reads on the panel without the fold: controls, lines of words, and labels of the plots."""
    parts, texts = [panel], []
    while parts:
        part = parts.pop()
        parts += getattr(part, "children", ())
        if isinstance(part, Words):
            continue
        texts += [str(getattr(part, name, "")) for name in ("description", "title", "caption", "value")]
        if isinstance(part, LivePlot):
            texts += [text.get_text() for text in part.figure.findobj(Text)]
    return re.sub(r"<[^>]*>", " ", " ".join(texts)).lower()


@pytest.mark.parametrize("name", PANELS)
def test_every_hard_word_on_a_panel_is_explained_below_it(name, monkeypatch, tmp_path):
    monkeypatch.setenv("CNNLAB_COURSE", str(tmp_path))
    more = "panel.view.value = 'gradients'\n" if name == "Clinic" else ""
    if name == "PredictThenRun":
        more = "panel.answer.value = panel.choices[0]\npanel.commit.click()\n"
    panel = make_panel(name, more)
    assert panel.explained
    assert set(panel.explained) <= read_glossary().keys()
    text = shown_on(panel)
    missing = {term for word, term in HARD.items() if re.search(rf"\b{word}\b", text)} - set(panel.explained)
    assert missing == set()
    assert panel.glossary in panel.children
    panel.close()


def test_the_fold_says_what_the_glossary_says_in_both_languages():
    fold = Words(["nat", "logits", "a word that it does not have"])
    assert fold.value.startswith("<details><summary>Words: nat, logits</summary>")
    assert "<dt>logits</dt><dd>The raw outputs of the network, one for each class, before softmax.</dd>" in fold.value
    assert '<dd lang="id"><i>logit</i>: Keluaran mentah jaringan, satu untuk setiap kelas, sebelum softmax.</dd>' in (
        fold.value
    )
    assert Words(["a word that it does not have"]).value == ""


def test_the_link_leads_to_the_glossary_beside_the_notebook_or_to_the_repository_or_there_is_none(
    monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(words.metadata, "metadata", lambda _name: _metadata("Homepage, https://example.org"))
    fold = Words(["nat"])
    assert (fold.beside, 'href="glossary.md"' in fold.value) == ("", True)  # the page takes such a link away
    (tmp_path / "glossary.md").write_text("")
    assert Words(["nat"]).beside == "glossary.md"
    (tmp_path / "id").mkdir()
    for name in ("a.ipynb", "id/a.ipynb"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path / "id")  # the notebooks in Indonesian have no glossary of their own
    assert Words(["nat"]).beside == "../glossary.md"
    monkeypatch.setattr(words.metadata, "metadata", lambda _name: _metadata("Repository, https://github.com/a/b"))
    assert 'href="https://github.com/a/b/blob/main/notebooks/glossary.md"' in Words(["nat"]).value


def _metadata(*addresses):
    message = Message()
    for address in addresses:
        message["Project-URL"] = address
    return message


def test_without_a_glossary_there_is_no_fold(monkeypatch, tmp_path):
    monkeypatch.setattr(words, "data_folder", lambda: tmp_path / "data")
    read_glossary.cache_clear()
    try:
        assert Words(["nat"]).value == ""
    finally:
        read_glossary.cache_clear()


def test_it_shows_the_same_text_in_every_kernel():
    assert repr(Words(["nat"])) == "<Words: a fold with words of the glossary>"
    assert isinstance(Words(["nat"]), ipywidgets.DOMWidget)
