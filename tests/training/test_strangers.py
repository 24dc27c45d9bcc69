"""Networks of one's own in `fit`: what is random in them, what they return, how they lie in memory, and who trains."""

import random
import threading

import numpy as np
import pytest
import torch
from places import PATIENCE
from small_training import quiet, same_weights, small
from strangers import TupleOutput, torchvision_model
from torch import nn
from torch.nn import functional

from cnnlab.data.dataset import Data
from cnnlab.errors import ConfigError
from cnnlab.interpret.weight_distributions import weight_distributions
from cnnlab.model.evaluation import evaluate, predict
from cnnlab.model.random_numbers import derived_seed
from cnnlab.model.weights import load_weights, save_weights
from cnnlab.plots.maps import plot_filters

METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


@pytest.fixture(scope="module")
def tiny():
    """30 training and 10 validation images of 1×8×8 in two classes."""
    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return Data.from_tensors(images, torch.arange(40) % 2, train=30, validation=10, test=0)


class Apply(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, values):
        return self.function(self, values)


class Attention(nn.Module):
    """Attention between the rows of the maps, with dropout inside."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)

    def forward(self, maps):
        rows = maps.mean(1)  # (N, 8, 8)
        return maps + self.attention(rows, rows, rows)[0][:, None]


def functional_attention(layer, maps):
    rows = maps.mean(1)
    dropped = 0.5 if layer.training else 0.0
    return maps + functional.scaled_dot_product_attention(rows, rows, rows, dropout_p=dropped)[:, None]


def stochastic_depth():
    from torchvision.ops import StochasticDepth

    return StochasticDepth(0.5, "row")


def noise(draw):
    return Apply(lambda layer, values: values * draw(values) if layer.training else values)


RANDOM = {
    "Dropout": lambda: nn.Dropout(0.5),
    "Dropout1d": lambda: nn.Sequential(nn.Flatten(2), nn.Dropout1d(0.5), nn.Unflatten(2, (8, 8))),
    "Dropout2d": lambda: nn.Dropout2d(0.5),
    "Dropout3d": lambda: nn.Sequential(nn.Unflatten(2, (1, 8)), nn.Dropout3d(0.5), nn.Flatten(2, 3)),
    "AlphaDropout": lambda: nn.AlphaDropout(0.5),
    "FeatureAlphaDropout": lambda: nn.FeatureAlphaDropout(0.5),
    "RReLU": lambda: nn.RReLU(),
    "RReLU in place": lambda: nn.RReLU(inplace=True),
    "attention": Attention,
    "scaled_dot_product_attention": lambda: Apply(functional_attention),
    "stochastic depth": stochastic_depth,
    "torch.rand": lambda: noise(torch.rand_like),
    "random": lambda: noise(lambda _: random.random()),
    "numpy": lambda: noise(lambda _: float(np.random.rand())),  # noqa: NPY002
    "in evaluation, too": lambda: Apply(lambda _, values: values * torch.rand_like(values)),
}


def network(name):
    """Return a network with this layer in it, with the same weights each time."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        layers = (nn.Conv2d(1, 4, 3, padding=1), RANDOM[name](), nn.ReLU(), nn.Flatten(), nn.Linear(256, 2))
        return nn.Sequential(*layers)


def states():
    """Return what every generator of the process would draw next."""
    return torch.get_rng_state().tolist(), random.getstate(), repr(np.random.get_state())  # noqa: NPY002


@pytest.mark.parametrize("name", RANDOM)
def test_what_is_random_is_the_same_again_and_a_checkpoint_continues_it(name, tiny, tmp_path):
    settings = {"epochs": 3, "batch_size": 12, "learning_rate": 0.01}
    before = states()
    whole = network(name)
    expected = quiet(whole, tiny, **settings)
    torch.rand(5), random.random(), np.random.rand()  # noqa: NPY002 (another state of the process)
    after = states()
    again = network(name)
    history = quiet(again, tiny, **settings)
    assert same_weights(again, whole)
    assert all(history[metric] == expected[metric] for metric in METRICS)

    stop, parts = threading.Event(), network(name)
    path = tmp_path / "run"
    quiet(parts, tiny, checkpoint=path, stop=stop, on_epoch=lambda _: stop.set(), **settings)
    fresh = network(name)
    continued = quiet(fresh, tiny, checkpoint=path, on_epoch=lambda _: {"drawn": random.random()}, **settings)
    assert same_weights(fresh, whole)
    assert all(continued[metric] == expected[metric] for metric in METRICS)

    other = network(name)
    quiet(other, tiny, **settings, seed=1)
    assert not same_weights(other, whole)
    random.setstate(after[1])
    assert states() == after
    assert before != after


def test_the_draws_of_a_batch_by_hand(tiny):
    settings = {"epochs": 2, "batch_size": 12, "learning_rate": 0.1, "optimizer": "sgd"}
    model, bare = network("Dropout"), network("Dropout").to(memory_format=torch.channels_last)
    quiet(model, tiny, seed=5, **settings)
    optimizer = torch.optim.SGD(bare.parameters(), lr=0.1, fused=True)
    order = torch.Generator().manual_seed(5)
    with torch.random.fork_rng([]):
        for epoch in (1, 2):
            batches = torch.randperm(30, generator=order).split(12)
            for number, chosen in enumerate(batches, start=1):
                torch.manual_seed(derived_seed(5, epoch, number))
                loss = functional.cross_entropy(bare(tiny.train.images[chosen]), tiny.train.labels[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    assert same_weights(model, bare)


def test_two_trainings_in_two_threads_have_their_own_draws(tiny):
    alone, together = network("Dropout"), [network("Dropout"), network("Dropout")]
    quiet(alone, tiny, epochs=6, batch_size=5)
    settings = {"epochs": 6, "batch_size": 5}
    threads = [threading.Thread(target=quiet, args=(model, tiny), kwargs=settings) for model in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same_weights(model, alone) for model in together)


# --- One training at a time


def test_a_model_is_trained_once_at_a_time(tiny, tmp_path):
    model, begun, end, errors = small(input_shape=(1, 8, 8), classes=2), threading.Event(), threading.Event(), []

    def hold(_state):
        begun.set()
        end.wait(PATIENCE)

    thread = threading.Thread(target=quiet, args=(model, tiny), kwargs={"epochs": 1, "batch_size": 5, "on_epoch": hold})
    thread.start()
    try:
        assert begun.wait(PATIENCE)
        in_another = nn.Sequential(model, nn.Identity())  # the same weights under another network
        for stranger in (model, in_another, torch.nn.Sequential(*model)):
            with pytest.raises(ConfigError, match="this model is being trained; wait until that ends"):
                quiet(stranger, tiny, epochs=1, batch_size=5)
        for use in (
            lambda: evaluate(model, tiny.validation), lambda: predict(in_another, tiny.validation.images),
            lambda: save_weights(model, tmp_path / "half of a step"), lambda: weight_distributions(model),
            lambda: weight_distributions(network("Dropout"), in_another), lambda: plot_filters(in_another, "0.conv1"),
        ):  # fmt: skip
            with pytest.raises(ConfigError, match="this model is being trained in another thread"):
                use()
        quiet(small(input_shape=(1, 8, 8), classes=2), tiny, epochs=1, batch_size=5)  # another model
    finally:
        end.set()
        thread.join()
    quiet(model, tiny, epochs=1, batch_size=5)  # it is free again

    def inside(state):
        evaluate(state.model, state.data.validation)  # its own thread may look
        with pytest.raises(ConfigError) as caught:
            quiet(state.model, state.data, epochs=1, batch_size=5)
        errors.append(str(caught.value))

    quiet(model, tiny, epochs=1, batch_size=5, on_epoch=inside)
    assert errors == ["this model is being trained; wait until that ends, or train another one, such as build_cnn()"]


@pytest.mark.parametrize("fault", [{"batch_size": 99}, {"checkpoint": "/nowhere/x"}, {"device": "gpu"}])
def test_a_training_that_was_refused_leaves_the_model_free(tiny, fault):
    model = small(input_shape=(1, 8, 8), classes=2)
    with pytest.raises(ConfigError):
        quiet(model, tiny, **({"epochs": 1, "batch_size": 5} | fault))
    quiet(model, tiny, epochs=1, batch_size=5)


# --- What networks return


class Returns(nn.Module):
    """A network whose output in train mode is something else than in eval mode."""

    def __init__(self, wrap):
        super().__init__()
        self.conv, self.head, self.other, self.wrap = nn.Conv2d(1, 3, 3), nn.Linear(3, 2), nn.Linear(3, 2), wrap

    def forward(self, images):
        features = self.conv(images).mean((2, 3))
        logits = self.head(features)
        return self.wrap(logits, self.other(features)) if self.training else logits


WRAPS = {
    "tuple": lambda logits, other: (logits, other),
    "list": lambda logits, other: [logits, other],
    "dict": lambda logits, other: {"out": logits, "aux": other},
    "named": lambda logits, other: {"loss": other, "logits": logits},
    "nested": lambda logits, other: ((logits,), {"aux": other}),
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_an_output_with_more_than_logits_trains_its_logits(tiny, wrap):
    models = [Returns(wrap), Returns(lambda logits, _: logits)]
    models[1].load_state_dict(models[0].state_dict())
    histories = [quiet(model, tiny, epochs=2, batch_size=10) for model in models]
    assert same_weights(*models)
    assert histories[0]["train_loss"] == histories[1]["train_loss"]


def test_logits_that_are_there_in_eval_mode_alone_are_missed_before_training(tiny):
    model = Returns(lambda _logits, _other: None)
    before = [value.clone() for value in model.parameters()]
    with pytest.raises(ConfigError, match=r"can't be trained on these images \(the model's output must be logits"):
        quiet(model, tiny, epochs=1, batch_size=10)
    assert all(map(torch.equal, before, model.parameters()))


def test_a_network_that_returns_a_tuple_always_is_trained_and_measured():
    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    data = Data.from_tensors(images, torch.arange(40) % 3, train=30, validation=10, test=0)
    model = TupleOutput()
    history = quiet(model, data, epochs=1, batch_size=10)
    with torch.no_grad():
        logits = model(data.validation.images)[0]
    assert history.last("validation_loss") == pytest.approx(
        functional.cross_entropy(logits, data.validation.labels).item(), rel=1e-5
    )
    assert torch.allclose(predict(model, data.validation.images), logits.softmax(1), atol=1e-6)


# --- What can't be trained is said before


class Norm(nn.Module):
    """Batch normalization of features, which needs two images."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))

    def forward(self, images):
        return self.body(images)


def test_a_last_batch_of_one_that_batch_norm_cant_take_is_named_before_training(tiny):
    model = Norm()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ConfigError) as caught:
        quiet(model, tiny, epochs=1, batch_size=29)
    assert str(caught.value).startswith("batch_size=29 leaves a last batch with 1 of the 30 training images, and the")
    assert str(caught.value).endswith("try batch_size=28")
    with pytest.raises(ConfigError, match=r"batch_size=1: the model can't be trained on a single image .*batch_size=2"):
        quiet(model, tiny, epochs=1, batch_size=1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert len(quiet(model, tiny, epochs=1, batch_size=28)) == 1
    flat = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
    assert len(quiet(flat, tiny, epochs=1, batch_size=29)) == 1  # 36 places of one image are enough for it


def test_labels_without_an_output_are_named_before_training_and_in_evaluation():
    wrong = Data.from_tensors(torch.rand(40, 1, 8, 8), torch.arange(40) % 5, test=0)
    wrong.validation.labels[3] = 7
    model = small(input_shape=(1, 8, 8), classes=5)
    for use in (lambda: quiet(model, wrong, epochs=1, batch_size=5), lambda: evaluate(model, wrong.validation)):
        with pytest.raises(ConfigError, match="labels go from 0 to 7; the model has 5 outputs"):
            use()
    wrong.validation.labels[3] = -100  # torch would leave such an image out without a word
    with pytest.raises(ConfigError, match=r"labels go from -100 to \d; the model has 5 outputs"):
        evaluate(model, wrong.validation)


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        (lambda layer, images: layer.head(images.view(-1, 32)), "the model makes 2 rows of logits from 1 image"),
        (lambda layer, images: layer.head(images.flatten(1)[:, :32]).argmax(1), "but the data has 2 classes"),
        (lambda layer, images: layer.head(images.flatten(1)[:, :32]).detach(), "can't be trained on these images"),
        (lambda layer, _: [layer], "must be logits .N, classes., or a tuple that begins with them, got list"),
    ],
)
def test_a_network_that_can_not_be_trained_is_told_why(tiny, forward, words):
    model = Apply(forward)
    model.head = nn.Linear(32, 2)
    with pytest.raises(ConfigError, match=words):
        quiet(model, tiny, epochs=1, batch_size=10)


# --- Layouts, shared and frozen weights


def convolution_then(flatten, **layout):
    return nn.Sequential(nn.Conv2d(1, 4, 3), flatten, nn.Linear(144, 2)).to(**layout)


LAYOUTS = {
    "view": convolution_then(Apply(lambda _, maps: maps.view(len(maps), -1))),
    "conv3d": nn.Sequential(nn.Unflatten(1, (1, 1)), nn.Conv3d(1, 4, (1, 3, 3)), nn.Flatten(), nn.Linear(144, 2)),
    "channels_last": convolution_then(nn.Flatten(), memory_format=torch.channels_last),
}


@pytest.mark.parametrize("model", LAYOUTS.values(), ids=LAYOUTS)
def test_networks_that_lie_otherwise_in_memory_are_trained(tiny, model):
    first = [value.clone() for value in model.parameters()]
    assert len(quiet(model, tiny, epochs=1, batch_size=10)) == 1
    assert not any(map(torch.equal, first, model.parameters()))
    images = tiny.validation.images.expand(-1, 1, -1, -1).to(memory_format=torch.channels_last)
    assert torch.allclose(predict(model, images), predict(model, tiny.validation.images), atol=1e-6)


def test_shared_and_frozen_weights_stay_shared_and_frozen(tiny, tmp_path):
    shared = nn.Conv2d(4, 4, 3, padding=1)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), shared, nn.ReLU(), shared, nn.Flatten(), nn.Linear(256, 2))
    model[0].requires_grad_(False)
    frozen, before = model[0].weight.clone(), shared.weight.clone()
    path, stop = tmp_path / "run", threading.Event()
    whole, continued = network_like(model), network_like(model)
    quiet(model, tiny, epochs=3, batch_size=10)
    quiet(whole, tiny, epochs=3, batch_size=10, checkpoint=path, stop=stop, on_epoch=lambda _: stop.set())
    quiet(continued, tiny, epochs=3, batch_size=10, checkpoint=path)
    assert torch.equal(model[0].weight, frozen)
    assert not torch.equal(shared.weight, before)
    assert model[1] is model[3]
    assert same_weights(continued, model)
    save_weights(model, tmp_path / "weights")
    assert same_weights(load_weights(network_like(model), tmp_path / "weights"), model)


def network_like(model):
    """Return a copy; weights that are shared stay shared."""
    import copy

    return copy.deepcopy(model)


def test_what_is_no_tensor_in_a_networks_state_is_trained_and_can_not_be_saved(tiny, tmp_path):
    class Counts(nn.Linear):
        def get_extra_state(self):
            return {"version": 3}

        def set_extra_state(self, state):
            self.version = state["version"]

    model = nn.Sequential(nn.Flatten(), Counts(64, 2))
    assert len(quiet(model, tiny, epochs=1, batch_size=10)) == 1
    assert model[1].version == 3
    for save in (
        lambda: quiet(model, tiny, epochs=1, batch_size=10, checkpoint=tmp_path / "run"),
        lambda: save_weights(model, tmp_path / "weights"),
    ):
        with pytest.raises(ConfigError, match=r"1._extra_state in the network's state_dict is no tensor, got dict"):
            save()
    assert not list(tmp_path.iterdir())


def test_googlenet_is_trained_without_its_auxiliary_heads():
    images = torch.rand(9, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    data = Data.from_tensors(images, torch.arange(9) % 3, train=6, validation=3, test=0)
    model = torchvision_model("googlenet", 3)
    head, main = model.aux1.fc2.weight.clone(), model.fc.weight.clone()
    assert len(quiet(model, data, epochs=1, batch_size=6)) == 1
    assert torch.equal(model.aux1.fc2.weight, head)
    assert not torch.equal(model.fc.weight, main)
