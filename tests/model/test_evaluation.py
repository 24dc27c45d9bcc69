"""Evaluation, predictions and mistakes, compared with torch's own functions and with numbers worked out by hand."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from cnnlab.data.dataset import Data, Split
from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.model.cnn import build_cnn
from cnnlab.model.evaluation import evaluate, evaluate_all, mistakes, predict


@pytest.fixture(scope="module")
def data():
    return load_data("mnist", train=20, validation=100, test=10)


def small(**settings):
    return build_cnn(**({"channels": (4, 8), "hidden": 16} | settings))


class Answers(nn.Module):
    """A network without parameters whose logits are the pixels of the image."""

    def forward(self, images):
        return images.flatten(1)


def split_of(pixels: list, labels: list[int], classes: int) -> Split:
    """Return a Split of images 1×1×P with these pixels."""
    images = torch.tensor(pixels, dtype=torch.float32)[:, None, None]
    zero, one = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
    return Split(images, torch.tensor(labels), tuple(map(str, range(classes))), zero, one)


def test_evaluate_and_predict_by_hand(data):
    model = small(dropout=0.5)
    model.train()
    with torch.no_grad():
        logits = copy.deepcopy(model).eval()(data.validation.images)
    scores = evaluate(model, data.validation, batch_size=7)
    assert scores.loss == pytest.approx(functional.cross_entropy(logits, data.validation.labels).item(), rel=1e-5)
    assert scores.accuracy == (logits.argmax(1) == data.validation.labels).sum().item() / 100
    assert torch.allclose(predict(model, data.validation.images, batch_size=7), logits.softmax(1), atol=1e-6)
    assert model.training
    assert model.dropout.training


def test_loss_and_accuracy_of_four_answers_by_hand():
    # softmax of (ln 3, 0) is (3/4, 1/4), and of (0, 0) it is (1/2, 1/2)
    split = split_of([[math.log(3), 0], [math.log(3), 0], [0, math.log(3)], [0, 0]], [0, 1, 1, 0], classes=2)
    scores = evaluate(Answers(), split, batch_size=3)
    assert scores.loss == pytest.approx(-(2 * math.log(3 / 4) + math.log(1 / 4) + math.log(1 / 2)) / 4)
    assert scores.accuracy == 0.75  # of two equal logits the first is the answer
    expected = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.25, 0.75], [0.5, 0.5]])
    torch.testing.assert_close(predict(Answers(), split.images, batch_size=3), expected)


def test_a_single_image_is_predicted_as_in_a_batch(data):
    model, images = small(), data.validation.images[:3]
    for index in range(3):
        torch.testing.assert_close(predict(model, images[index][None])[0], predict(model, images)[index])


def test_images_that_the_model_cant_take_are_named(data):
    colours = torch.rand(2, 3, 28, 28)
    with pytest.raises(
        ConfigError, match=r"can't take images of shape \(3, 28, 28\).*input_shape=\(3, 28, 28\)\) fits"
    ):
        predict(small(), colours)
    with pytest.raises(ConfigError, match=r"build_cnn\(input_shape=\(1, 28, 28\), classes=10\) fits"):
        evaluate(small(input_shape=(3, 28, 28)), data.validation)


def test_what_can_not_be_evaluated_is_named(data):
    with pytest.raises(
        ConfigError, match=r"must be a float tensor \(N, C, H, W\), got float32 \(1, 28, 28\); for a single"
    ):
        predict(small(), data.validation.images[0])
    with pytest.raises(ConfigError, match=r"images are torch.float32 and the model is torch.float64; give images.to"):
        predict(small().double(), data.validation.images)
    for use in (evaluate, mistakes):
        empty, tensor = data.validation[:0], data.validation.images
        for wrong, words in ((empty, r"Split\(0 images"), (tensor, "tensor"), (None, "None")):
            with pytest.raises(ConfigError, match=rf"{use.__name__} wants a Split with images in it, .* got {words}"):
                use(small(), wrong)


# --- Mistakes


def test_mistakes_are_counted_and_sorted_by_confidence(data):
    model = build_cnn(seed=3)
    wrong = mistakes(model, data.validation)
    with torch.no_grad():
        probabilities = model.eval()(data.validation.images).softmax(1)
    answers, labels = probabilities.argmax(1), data.validation.labels
    by_hand = torch.zeros(10, 10, dtype=torch.long)
    for true, answer in zip(labels, answers, strict=True):
        by_hand[true, answer] += 1
    assert torch.equal(wrong.confusion, by_hand)
    assert len(wrong.answers) == int((answers != labels).sum()) > 0
    assert wrong.confidence.tolist() == sorted(wrong.confidence.tolist(), reverse=True)
    surest = probabilities.max(1).values.where(answers != labels, 0).argmax()
    assert torch.equal(wrong.images.images[0], data.validation.images[surest])
    assert int(wrong.answers[0]) == int(answers[surest])
    assert not (wrong.answers == wrong.images.labels).any()


def test_mistakes_by_hand():
    pixels = [[9, 0, 0], [0, 1, 0], [0, 0, 5], [0, 5, 0], [7, 0, 0]]
    wrong = mistakes(Answers(), split_of(pixels, [0, 2, 2, 2, 1], classes=3))
    assert wrong.confusion.tolist() == [[1, 0, 0], [1, 0, 0], [0, 2, 1]]  # row: the true class, column: the answer
    assert wrong.answers.tolist() == [0, 1, 1]
    assert wrong.images.labels.tolist() == [1, 2, 2]
    expected = [math.exp(logit) / (math.exp(logit) + 2) for logit in (7, 5, 1)]  # the surest first
    assert wrong.confidence.tolist() == pytest.approx(expected)


def test_mistakes_of_equal_confidence_keep_their_order():
    wrong = mistakes(Answers(), split_of([[1, 0], [1, 0], [0, 1]], [1, 1, 0], classes=2))
    assert wrong.images.images.flatten(1).tolist() == [[1, 0], [1, 0], [0, 1]]


def test_an_answer_that_is_no_class_has_a_column_of_its_own():
    wrong = mistakes(Answers(), split_of([[0, 0, 9, 0], [9, 0, 0, 0]], [1, 0], classes=2))
    assert wrong.confusion.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_a_network_without_mistakes_has_an_empty_list():
    wrong = mistakes(Answers(), split_of([[9, 0], [0, 9]], [0, 1], classes=2))
    assert wrong.confusion.tolist() == [[1, 0], [0, 1]]
    assert [len(wrong.images), len(wrong.answers), len(wrong.confidence)] == [0, 0, 0]


def test_data_from_tensors_can_be_evaluated():
    images, labels = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 2
    data = Data.from_tensors(images, labels)
    assert evaluate(small(input_shape=(1, 8, 8), classes=2), data.train).loss == pytest.approx(math.log(2), abs=0.3)


class Reversed(Answers):
    """The same with the pixels in reverse."""

    def forward(self, images):
        return super().forward(images).flip(1)


def test_several_networks_on_three_images_by_hand():
    """Network 1 gives the right class 3/4, 1/2, 3/4; network 2 gives it 1/4, 1/2, 1/4. Of two equal logits the first is
    the answer, so that both are right on image 2."""
    split = split_of([[math.log(3), 0], [0, 0], [0, math.log(3)]], [0, 0, 1], classes=2)
    score = evaluate_all([Answers(), Reversed()], split)
    each = (math.log(4 / 3) + math.log(4)) / 2, math.log(2), (math.log(4 / 3) + math.log(4)) / 2
    mean = sum(each) / 3
    deviation = math.sqrt(sum((loss - mean) ** 2 for loss in each) / 2)  # n − 1
    assert score.loss == pytest.approx(mean)
    assert score.loss_error == pytest.approx(deviation / math.sqrt(3))
    assert score.accuracy == pytest.approx((0.5 + 1 + 0.5) / 3)
    assert score.accuracy_error == pytest.approx(math.sqrt(((1 / 6) ** 2 * 2 + (1 / 3) ** 2) / 2 / 3))
    assert str(score) == f"loss ≈ {mean:.3f} ± {score.loss_error:.3f}, accuracy ≈ 0.667 ± 0.167 (3 images)"


def test_one_network_scores_as_by_evaluate(data):
    model = small(dropout=0.5).train()
    alone, together = evaluate(model, data.validation), evaluate_all([model], data.validation, batch_size=33)
    assert (together.loss, together.accuracy, together.images) == (pytest.approx(alone.loss), alone.accuracy, 100)
    share = alone.accuracy
    assert together.accuracy_error == pytest.approx(math.sqrt(share * (1 - share) / 99))  # of a yes or no
    assert model.training
    for models, split in (([], data.validation), ([model], data.validation[:1])):
        with pytest.raises(ConfigError, match="evaluate_all wants networks and a Split of two images or more, got "):
            evaluate_all(models, split)
