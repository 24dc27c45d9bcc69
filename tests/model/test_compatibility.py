"""The first image is computed as it is answered, and labels have an output."""

import copy

import pytest
import torch
from small_training import small

from cnnlab.errors import ConfigError
from cnnlab.model.compatibility import check_label_range, check_takes


def test_the_first_image_is_computed_in_eval_mode_without_gradients():
    model, images = small(dropout=0.5).train(), torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    output = check_takes(model, images)
    with torch.no_grad():
        expected = copy.deepcopy(model).eval()(images[:1])
    torch.testing.assert_close(output, expected)
    assert not output.requires_grad
    assert model.training


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.uint16, torch.int64])
def test_labels_of_every_whole_kind_are_compared_with_the_outputs(dtype):
    labels = torch.tensor([0, 3, 1]).to(dtype)
    assert check_label_range(labels, 4).tolist() == [0, 3, 1]
    assert check_label_range(labels, 4).dtype == torch.int64
    with pytest.raises(ConfigError, match="labels go from 0 to 3; the model has 3 outputs"):
        check_label_range(labels, 3)
