"""The questions of a lab report, by the keys under which a student writes her answers."""

from __future__ import annotations

from collections.abc import Iterable

from cnnlab.course.lab_report.blocks import Question
from cnnlab.course.translation import translated
from cnnlab.language import LANGUAGES

ASKED = {
    "question": "What did you want to find out, and what did you expect before the first run?",
    "network": "Which layer has most of the parameters, which most of the work, and how much of an image does the last "
    "map see?",
    "settings": "Which numbers in the table surprise you, and could they be chance?",
    "loss": "Where do the training and the validation loss part, and what does that say about the number of epochs?",
    "accuracy": "Does the validation accuracy follow the validation loss? Where does it not, and why?",
    "noise": "How far apart would two runs have to be before you believe that they differ?",
    "map": "Does the best value of one field depend on another field? Which cells differ by more than the noise floor?",
    "speed": "Which setting learns fastest, and is it also the best in the end?",
    "fluctuation": "Which training is restless, and which setting makes it so?",
    "gap": "Which settings overfit, and which underfit? How do you know?",
    "stopping": "Was the training stopped at the right epoch? How could you know that without training on?",
    "stopping-price": "Does early stopping cost accuracy, by verdict? Is that worth the epochs that it saves?",
    "best": "Which setting do you choose, by which loss, and how sure are you that it is the best one?",
    "exam": "Is the score on the test images what the validation images promised? Why could it differ?",
    "inside": "What changes inside while a network trains, and what differs between the settings?",
    "activations": "Which layers have many zeros or dead units, and what differs between the networks?",
    "pools": "What does the pool do to the maps, to their scale and to their zeros? What gets lost?",
    "gradients": "Do the first layers get a gradient? What does a small gradient mean here: sick, or done?",
    "weights": "Which layer has moved most since the start? How would you see a layer that learnt nothing?",
    "saliency": "Do the networks look at the same pixels? What would a network with random weights show?",
    "conclusion": "What is your conclusion? For which data, which task and which settings does it hold, and what is "
    "still open?",
}
ASKED_OF_FIELD = (
    "What do the verdicts say about {name}, how large is the difference, and what else changed together with it?"
)
MOVED_ALONG = "{names} moved along: how could the two be kept apart?"


def ask(key: str) -> Question:
    """Return the question with this key."""
    return Question(key, {language: translated(ASKED[key], language) for language in LANGUAGES})


def ask_of_field(name: str, moved: Iterable[str]) -> Question:
    """Return the question on the verdicts of a field; moved: the fields that moved along with it.

    >>> ask_of_field("optimizer", ["learning_rate"]).key
    'optimizer'
    """
    moved = list(moved)
    texts = {}
    for language in LANGUAGES:
        texts[language] = translated(ASKED_OF_FIELD, language).format(name=name)
        if moved:
            names = f" {translated('and', language)} ".join(moved)
            texts[language] += " " + translated(MOVED_ALONG, language).format(names=names)
    return Question(name, texts)
