"""Test the tabs of our own: one page is shown, in ipywidgets 7 and 8."""

import ipywidgets

from cnnlab.widgets.tabs import Tabs


def test_one_page_is_shown_and_the_buttons_choose_it():
    first, second = ipywidgets.HTML("one"), ipywidgets.HTML("two")
    tabs = Tabs({"One": first, "Two": second})
    assert tabs.children == (tabs.choice, first, second)
    assert (first.layout.display, second.layout.display) == (None, "none")
    tabs.choice.value = "Two"
    assert (first.layout.display, second.layout.display) == ("none", None)
