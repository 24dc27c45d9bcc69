"""Twelve networks that are not from `build_cnn` go through every function that takes a model."""

import pytest
import torch
import torchinfo
from strangers import TWELVE, colours, hooks, make
from torch import nn
from torch.nn import functional

from cnnlab.interpret.activations import activation_statistics
from cnnlab.interpret.capture import capture
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.interpret.recorder import Recorder
from cnnlab.interpret.saliency import METHODS, saliency
from cnnlab.interpret.weight_distributions import weight_distributions
from cnnlab.model.cnn import count_parameters
from cnnlab.model.evaluation import evaluate, mistakes, predict
from cnnlab.model.layer_table import layer_table
from cnnlab.model.networks import logits_of, original
from cnnlab.model.weights import load_weights, save_weights
from cnnlab.training.fit import fit

pytestmark = pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0:RuntimeWarning")
FEWER = {"samples": 2, "steps": 2, "window": 16, "stride": 16}


def answers(model, images):
    """Return the logits of the network as it is written, in eval mode."""
    with torch.no_grad():
        return logits_of(original(model).eval()(images.clone()))


@pytest.mark.parametrize("name", TWELVE)
def test_every_function_takes_every_stranger(name, tmp_path):
    model, data = make(name), colours()
    images, before = data.validation.images[:2], [data.train.images.clone(), data.validation.images.clone()]
    oracle = torchinfo.summary(original(model), (1, *data.input_shape), verbose=0)
    generator, initial = torch.get_rng_state(), {key: value.clone() for key, value in model.state_dict().items()}

    table = layer_table(model, data.input_shape)
    assert sum(row.parameters for row in table) == count_parameters(model) == oracle.total_params

    record = Recorder(activations=True, saliency=True, batches=1)
    history = fit(model, data, epochs=1, learning_rate=1e-4, batch_size=4, on_epoch=record, progress=False)
    assert history.stopped_by == "epochs"
    assert history.last("saliency_concentration") > 0
    assert any(metric.endswith(".update_ratio") for metric in history.metrics)

    logits = answers(model, data.validation.images)
    assert torch.allclose(predict(model, data.validation.images), logits.softmax(1), atol=1e-5)
    scores = evaluate(model, data.validation)
    assert scores.loss == pytest.approx(functional.cross_entropy(logits, data.validation.labels).item(), rel=1e-4)
    assert scores.accuracy == int((logits.argmax(1) == data.validation.labels).sum()) / 5
    assert mistakes(model, data.validation).confusion.sum() == 5

    with torch.no_grad(), capture(model) as seen:
        captured = logits_of(model(images))
    assert torch.allclose(captured, logits[:2], atol=1e-5)
    ran = {row.name for row in table if row.output_shape and not row.name.startswith("(")}
    assert {key.split("[")[0] for key in seen} <= ran
    convolutions = {key for key, layer in original(model).named_modules() if isinstance(layer, nn.Conv2d)}
    assert {key for key in convolutions if not key.startswith("aux")} <= seen.keys()
    activity = activation_statistics(model, images)
    assert {key for key, values in seen.items() if values.is_floating_point() and values.ndim > 1} == activity.keys()
    for key, layer in activity.items():
        assert layer.mean == pytest.approx(seen[key].mean().item(), abs=1e-4), key

    flow = gradient_flow(model, data.train[:4])
    assert flow
    assert all(layer.gradient_norm >= 0 for layer in flow.values())
    assert {key for key in convolutions if key in flow} or name == "weight norm"
    weights = weight_distributions(model, None if name == "weight norm" else initial)
    assert {key for key in convolutions if not key.startswith("aux")} <= weights.keys()

    for method in METHODS:
        maps = saliency(model, images, targets=1, method=method, **FEWER)
        assert maps.shape == images.shape
        assert maps.isfinite().all()
    own = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(logits_of(original(model)(own.clone()))[:, 1].sum(), own)
    assert torch.allclose(saliency(model, images, targets=1), gradient, atol=1e-5)

    save_weights(model, tmp_path / "weights")
    again = load_weights(original(make(name)), tmp_path / "weights")
    assert torch.equal(answers(again, images), answers(model, images))
    assert hooks(model) == (name == "weight norm")
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(map(torch.equal, before, [data.train.images, data.validation.images]))
