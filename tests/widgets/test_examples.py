"""Test the images and networks that panels start with, and the checks of those that they are given."""

import pytest
import torch

import cnnlab
from cnnlab.errors import ConfigError
from cnnlab.widgets import ConvolutionExplorer

MUST_BE = "images must be a float tensor (N, 1, H, W) or (N, H, W) with pixels"


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.zeros(2, 3, 4, 4), f"{MUST_BE}, got float32 (2, 3, 4, 4)"),
        (torch.zeros(4, 4), f"{MUST_BE}, got float32 (4, 4)"),
        (torch.zeros(0, 4, 4), f"{MUST_BE}, got float32 (0, 4, 4)"),
        (torch.zeros(2, 4, 4, dtype=torch.uint8), f"{MUST_BE}, got uint8 (2, 4, 4)"),
        ([1], f"{MUST_BE}, got list"),
        (torch.full((1, 2, 2), -0.5), "images must lie in 0–1, got -0.5 to -0.5; try data.train.pixels"),
        (torch.full((1, 2, 2), torch.nan), "images must lie in 0–1, got nan to nan; try data.train.pixels"),
    ],
)
def test_images_that_can_not_be_shown_are_refused(images, words):
    with pytest.raises(ConfigError) as caught:
        ConvolutionExplorer(images)
    assert str(caught.value) == words


def test_two_panels_share_no_network():
    one, other = cnnlab.PoolingExplorer(), cnnlab.PoolingExplorer()
    first, second = cnnlab.DrawDigit(), cnnlab.DrawDigit()
    assert one.model is not other.model
    assert all(first.models[name] is not second.models[name] for name in first.models)
    for panel in (one, other, first, second):
        panel.close()
