"""Test that confusion matrices, mistakes and probabilities are drawn with their numbers."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
import torch

from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.model.cnn import build_cnn
from cnnlab.model.evaluation import mistakes
from cnnlab.plots.evaluation import plot_confusion, plot_mistakes, plot_probabilities


@pytest.fixture(scope="module")
def data():
    return load_data("mnist", train=20, validation=200, test=10)


def test_the_confusion_matrix_shows_counts_and_shares_of_each_class(data):
    wrong = mistakes(build_cnn(seed=3), data.validation)
    ax = plot_confusion(wrong)
    counts = wrong.confusion.numpy()
    assert [text.get_text() for text in ax.texts] == [str(count) if count else "" for count in counts.ravel()]
    drawn = ax.collections[0].get_array().reshape(10, 10)
    assert np.allclose(drawn, counts / counts.sum(axis=1, keepdims=True))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("answer", "true class")


def test_mistakes_are_drawn_with_what_was_said_instead(data):
    wrong = mistakes(build_cnn(seed=3), data.validation)
    ax = plot_mistakes(wrong, count=5)
    titles = [text.get_text() for text in ax.texts]
    assert len(titles) == 5
    whole = int(100 * wrong.confidence[0])  # rounded down
    assert titles[0] == f"{wrong.images.labels[0]} → {wrong.answers[0]}, {whole}%"


@pytest.mark.parametrize(
    ("confidence", "words"), [(1.0, ", >99%"), (0.9997, ", >99%"), (0.9899, ", 98%"), (0.5, ", 50%")]
)
def test_a_confidence_is_rounded_down_and_no_mistake_is_called_100_percent(data, confidence, words):
    wrong = mistakes(build_cnn(seed=3), data.validation)
    nearly = wrong._replace(confidence=torch.full_like(wrong.confidence, confidence))
    assert plot_mistakes(nearly, count=1).texts[0].get_text().endswith(words)


def test_a_network_with_more_outputs_than_classes_may_name_one_that_is_none(data):
    model = build_cnn(classes=12)
    with torch.no_grad():
        model.logits.bias[11] = 1000
    wrong = mistakes(model, data.validation)
    assert wrong.confusion.shape == (12, 12)
    assert [text.get_text() for text in plot_mistakes(wrong, count=1).texts] == [f"{wrong.images.labels[0]} → 11, >99%"]
    assert plot_confusion(wrong).get_xticklabels()[11].get_text() == "11"


def perfect(data):
    """Return a network without mistakes on these images: it looks up the label by the sum of the pixels."""

    class ByHeart(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))
            self.sums = data.validation.images.sum((1, 2, 3))

        def forward(self, images):
            which = (images.sum((1, 2, 3))[:, None] - self.sums).abs().argmin(1)
            return torch.nn.functional.one_hot(data.validation.labels[which], 10).float() + self.unused

    return ByHeart()


@pytest.mark.parametrize(
    ("plot", "words"),
    [
        (lambda _data: plot_confusion([1]), r"wants what mistakes\(\) gives"),
        (lambda _data: plot_mistakes([1]), r"wants what mistakes\(\) gives"),
        (lambda data: plot_mistakes(mistakes(perfect(data), data.validation)), "made no mistake on these images"),
    ],
)
def test_what_cannot_be_drawn_is_said(data, plot, words):
    with pytest.raises(ConfigError, match=words):
        plot(data)


def test_plot_probabilities_marks_the_highest_and_refuses_what_does_not_fit():
    ax = plot_probabilities(torch.tensor([0.1, 0.7, 0.2]), classes=["a", "$b", "c"], title="model $A")
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], [0.1, 0.7, 0.2], rtol=1e-6)
    assert [bar.get_alpha() for bar in ax.patches] == [0.45, 1.0, 0.45]
    assert list(ax.lines[0].get_xdata()) == [1]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "$b", "c"]
    ax.figure.canvas.draw()  # a name with a dollar sign is no formula
    with pytest.raises(ConfigError, match=r"one image, float \(classes,\), got \(1, 3\)"):
        plot_probabilities(torch.zeros(1, 3))
    with pytest.raises(ConfigError, match="classes has 2 names for 3 probabilities"):
        plot_probabilities(torch.zeros(3), classes=["a", "b"])
