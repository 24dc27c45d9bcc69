"""Do each *Try it* of notebook 05a as a student would."""

import pytest
import torch
from notebook_code import run_cells
from strangers import torchvision_model

from cnnlab import activation_statistics, capture, gradient_flow
from cnnlab.errors import ConfigError

NOTEBOOK = "05a_signals"


def test_the_layers_of_a_resnet_are_listed():
    resnet, images = torchvision_model("resnet18").eval(), torch.zeros(1, 3, 224, 224)
    with (
        pytest.raises(ConfigError, match=r"unknown layer 'relu1'; did you mean 'relu'\?"),
        capture(resnet, ["conv1", "relu1"]),
    ):
        pass
    with capture(resnet, ["conv1", "relu"]) as seen:
        resnet(torch.randn(images.shape))
    assert seen["conv1"].min() < 0 <= seen["relu"].min()  # copied before the ReLU works in place
    with capture(resnet) as seen:
        resnet(images)
    assert len(seen) == 60
    assert list(seen)[:5] == ["conv1", "bn1", "relu", "maxpool", "layer1.0.conv1"]
    assert list(seen)[-2:] == ["avgpool", "fc"]


def test_more_units_die_at_a_larger_rate():
    rates = {"0.01": 0.01, "0.02": 0.02, "0.05": 0.05}
    changes = {
        "sick": [
            ('{"too large": 0.1, "healthy": 0.003, "too small": 0.00001}', repr(rates)),
            ("Recorder()", "Recorder(activations=True)"),
        ]
    }
    histories = run_cells(NOTEBOOK, changes, only=["hook", "sick"]).names["histories"]
    dead = {name: history["dead_share"][-1] for name, history in histories.items()}
    assert dead["0.01"] < dead["0.02"] < dead["0.05"]
    assert dead["0.01"] == pytest.approx(1 / 4, abs=0.15)
    assert dead["0.02"] == pytest.approx(4 / 10, abs=0.2)
    assert dead["0.05"] > 0.6
    assert histories["0.05"]["relu2.dead_share"][-1] == 1
    assert histories["0.05"]["validation_accuracy"][-1] < 0.2 < 0.8 < histories["0.02"]["validation_accuracy"][-1]


def test_no_sigmoid_is_saturated():
    changes = {"sick": [("epochs=5", "epochs=1")]}  # these networks are not asked
    page = run_cells(NOTEBOOK, changes, only=["hook", "sick", "flow"], names={"gradient_flow": gradient_flow})
    found = activation_statistics(page.names["sigmoids"], page.names["data"].validation)
    assert [row.saturated for row in found.values() if row.kind == "Sigmoid"] == [0] * 6
