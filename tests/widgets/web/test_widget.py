"""Test the base class of our anywidgets."""

import pytest
import traitlets

from cnnlab.widgets.web.widget import WebWidget, read_asset


class Pair(WebWidget):
    """A widget with two traits."""

    summary = "a live pair"
    _esm = "export default { render() {} }"
    first = traitlets.Int().tag(sync=True)
    second = traitlets.Int().tag(sync=True)


def test_traits_that_are_sent_together_are_one_message(monkeypatch):
    pair, sent = Pair(), []
    monkeypatch.setattr(pair, "send_state", lambda key=None: sent.append(set(key)))
    pair.send_together(first=1, second=2)
    assert (pair.first, pair.second, sent) == (1, 2, [{"first", "second"}])
    with pytest.raises(traitlets.TraitError, match="third"):
        pair.send_together(third=3)


def test_a_widget_says_what_it_is_where_no_page_is():
    assert repr(Pair()) == "<Pair: a live pair>"


def test_every_widget_has_the_style_of_the_panels():
    assert ".cnnlab-panel" in read_asset("panel.css")
    with pytest.raises(FileNotFoundError):
        read_asset("no_such.js")
