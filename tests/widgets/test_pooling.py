"""Test PoolingExplorer without a browser: its own copy of the network, its colours and its window."""

import threading

import pytest
from living import living_widgets
from torch import nn

import cnnlab
from cnnlab import ConfigError, build_cnn, fit, load_data


@pytest.fixture(scope="module")
def digits():
    return load_data("mnist", train=200, validation=60, test=10)


def test_moving_a_panels_slider_does_not_change_the_training_of_its_network(digits):
    def trained(move):
        model = build_cnn(3, "max", channels=(4,), hidden=8, dropout=0.5, seed=0)
        panel = cnnlab.PoolingExplorer(model, digits.validation[:10])
        over = threading.Event()

        def keep_moving():
            place = 0
            while move and not over.wait(0.002):
                place += 1
                panel.image_index.value = place % 10

        mover = threading.Thread(target=keep_moving)
        mover.start()
        history = fit(model, digits, epochs=3, progress=False)
        over.set()
        mover.join()
        assert panel.status.error is None
        panel.close()
        return [row["train_loss"] for row in history.rows]

    assert trained(move=True) == trained(move=False)


class Signed(nn.Sequential):
    """A convolution whose output is negative everywhere: −5 plus at most 9 × 0.02 × 2.83."""

    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(1, 2, 3, padding=1)
        nn.init.constant_(self.c.weight, 0.02)
        nn.init.constant_(self.c.bias, -5.0)


def test_maps_with_values_below_zero_are_blue_and_red(digits):
    panel = cnnlab.PoolingExplorer(Signed(), digits.validation[:10], layer="c")
    panel.right.value = 3
    colours = {bytes(panel.map.pixels)[at : at + 4] for at in range(0, len(panel.map.pixels), 4)}
    assert len(colours) > 3
    assert panel.map.caption.startswith("28×28, blue −5.")
    assert panel.changed.caption == panel.map.caption.removeprefix("28×28, ")
    assert "1.41 the reverse" in panel.status.value
    panel.close()


def test_the_window_is_never_larger_than_the_map(digits):
    model = nn.Sequential()
    for place in range(1, 5):
        model.add_module(f"pool{place}", nn.MaxPool2d(2))
    panel = cnnlab.PoolingExplorer(model, digits.validation[:3], layer="pool4")
    assert (panel.size.value, panel.size.max) == (1, 1)
    assert panel.status.error is None
    panel.close()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda d: cnnlab.PoolingExplorer(build_cnn(), d.validation[:3], layer="fc1"), "no maps"),
        (lambda d: cnnlab.PoolingExplorer(build_cnn(input_shape=(3, 28, 28)), d.validation[:3]), "can't take images"),
        (lambda d: cnnlab.PoolingExplorer(build_cnn().double(), d.validation[:3]), "the model is torch.float64"),
    ],
)
def test_wrong_arguments_are_told_in_words_and_leave_no_widget_behind(digits, wrong, words):
    before = living_widgets()
    with pytest.raises(ConfigError, match=words):
        wrong(digits)
    assert living_widgets() == before
