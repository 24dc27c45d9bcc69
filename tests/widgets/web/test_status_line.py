"""Test the line of words and errors."""

from IPython.core.formatters import DisplayFormatter

from cnnlab.widgets.web.status_line import StatusLine

NASTY = "<img src=x onerror=alert(1)>"


def test_words_are_escaped_too():
    status = StatusLine()
    status.say(NASTY)
    assert status.value == "&lt;img src=x onerror=alert(1)&gt;"


def test_an_error_is_red_and_kept_until_the_next_words():
    status = StatusLine()
    status.say_error(error := ValueError("epochs must be 0 or more"))
    assert status.value == '<span class="cnnlab-error">epochs must be 0 or more</span>'
    assert status.error is error
    status.say_error(KeyError("<b>"))
    assert status.value == '<span class="cnnlab-error">KeyError: &#x27;&lt;b&gt;&#x27;</span>'
    status.say("all is well")
    assert (status.value, status.error) == ("all is well", None)


def test_a_status_line_shows_the_same_text_in_every_kernel():
    text = "<StatusLine: a live line of words>"
    assert DisplayFormatter().format(StatusLine())[0]["text/plain"] == text == repr(StatusLine())
