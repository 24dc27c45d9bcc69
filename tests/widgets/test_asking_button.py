"""Test the button that asks: it acts after the first answer only, and the question is shown as text."""

from cnnlab.widgets.asking_button import AskingButton


def test_the_question_comes_and_goes():
    asking = AskingButton("Forget", "trash", lambda: "Forget <3> runs?", yes="Forget", no="Keep")
    answers = asking.children[1]
    assert (asking.question.value, answers.layout.display) == ("", "none")
    asking.ask()
    assert (asking.question.value, answers.layout.display) == ("Forget &lt;3&gt; runs?", None)
    asking.no.click()
    assert (asking.question.value, answers.layout.display) == ("", "none")
    asking.ask()
    asking.ask()  # pressed again
    assert answers.layout.display == "none"
    asking.close()
