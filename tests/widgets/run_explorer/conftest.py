"""Two small trained runs, and a RunExplorer that shows them."""

import pytest
from two_runs import BASE, train

from cnnlab import RunExplorer


@pytest.fixture(scope="module")
def trained():
    return [train(BASE, insides=True), train(BASE.replace(pooling="avg"), insides=True)]


@pytest.fixture
def panel(trained):
    panel = RunExplorer(trained)
    yield panel
    panel.close()
