"""The data that the tests of training share."""

import pytest

from cnnlab.data.loading import load_data


@pytest.fixture(scope="module")
def data():
    """330 training and 100 validation images of MNIST: six batches of 64, the last one smaller."""
    return load_data("mnist", train=330, validation=100, test=10)
