"""A table of measurements by layer."""

import pytest

from cnnlab.errors import ConfigError
from cnnlab.interpret.by_layer import ByLayer


def test_a_table_by_layer_names_the_nearest_layer():
    with pytest.raises(ConfigError, match="unknown layer 'conv2'; did you mean 'conv1'"):
        ByLayer(conv1=1)["conv2"]
