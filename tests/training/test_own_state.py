"""What a layer of one's own changes besides weights is in the checkpoint, too: the training continues bit for bit."""

import json
import threading

import pytest
import torch
from small_training import quiet, same_weights
from torch import nn

from cnnlab.data.dataset import Data
from cnnlab.errors import ConfigError
from cnnlab.model.weights import DIGEST, read_tensors, write_tensors
from cnnlab.training.fit import fit


@pytest.fixture(scope="module")
def tiny():
    """30 training and 10 validation images of 1×8×8 in two classes."""
    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return Data.from_tensors(images, torch.arange(40) % 2, train=30, validation=10, test=0)


class Own(nn.Module):
    """A layer that changes something of its own in each pass in train mode."""

    def __init__(self):
        super().__init__()
        self.scale = 2.0
        self.begin()

    def forward(self, values):
        return self.scale * self.change(values) if self.training else values


class OwnGenerator(Own):
    def begin(self):
        self.generator = torch.Generator().manual_seed(3)

    def change(self, values):
        self.generator = self.generator or torch.Generator().manual_seed(3)
        return values * torch.rand(values.shape, generator=self.generator)


class Counter(Own):
    def begin(self):
        self.calls = 0

    def change(self, values):
        self.calls += 1
        return values * (1 + 1 / self.calls)


class Flag(Own):
    """It is set in the first epoch, never again, and first it is no number."""

    def begin(self):
        self.has_begun = None

    def change(self, values):
        begins, self.has_begun = self.has_begun is None, True
        return values if begins else values / 2


class HiddenBuffer(Own):
    def begin(self):
        self.register_buffer("mean", torch.zeros(8), persistent=False)

    def change(self, values):
        self.mean = 0.9 * self.mean + 0.1 * values.detach().mean(0)
        return values - self.mean


class LastBatch(Own):
    """A buffer that is nothing at first, and then as large as the last batch."""

    def begin(self):
        self.register_buffer("last", None, persistent=False)

    def change(self, values):
        before, self.last = self.last, values.detach()
        return values if before is None else values - before.mean(0)


OWN = [OwnGenerator, Counter, Flag, HiddenBuffer, LastBatch]


def network(own):
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), own(), nn.Linear(8, 2))


def stopped_after(count, own, data, path):
    """Train a fresh network from the checkpoint on, until this many epochs are done."""
    stop = threading.Event()

    def on_epoch(state):
        if state.epoch == count:
            stop.set()

    model = network(own)
    return model, quiet(model, data, epochs=6, batch_size=8, checkpoint=path, stop=stop, on_epoch=on_epoch)


@pytest.mark.parametrize("own", OWN)
def test_a_training_that_is_stopped_twice_is_the_one_that_never_stopped(own, tiny, tmp_path):
    whole = network(own)
    expected = quiet(whole, tiny, epochs=6, batch_size=8)
    for count in (1, 3):
        stopped_after(count, own, tiny, tmp_path / "run")
    model, history = stopped_after(6, own, tiny, tmp_path / "run")
    assert history["train_loss"] == expected["train_loss"]
    assert same_weights(model, whole)


def test_the_same_network_goes_on_where_its_training_was_interrupted_in_an_epoch(tiny, tmp_path):
    """What its layer had changed since the last whole epoch is undone."""
    whole, model, stop = network(OwnGenerator), network(OwnGenerator), threading.Event()
    expected = quiet(whole, tiny, epochs=3, batch_size=8)
    fit(model, tiny, epochs=3, batch_size=8, checkpoint=tmp_path / "run", stop=stop,
        progress=lambda share: stop.set() if share > 0.5 else None)  # fmt: skip
    history = quiet(model, tiny, epochs=3, batch_size=8, checkpoint=tmp_path / "run")
    assert history["train_loss"] == expected["train_loss"]
    assert same_weights(model, whole)


def test_what_did_not_change_is_a_setting_and_stays_as_it_is(tiny, tmp_path):
    class Table(Own):
        """It has a table of complex numbers, which the file could not hold, and a number."""

        def begin(self):
            self.calls = 5
            self.register_buffer("table", torch.ones(3, dtype=torch.complex128), persistent=False)

        def change(self, values):
            return values

    path = tmp_path / "run"
    quiet(network(Table), tiny, epochs=1, batch_size=8, checkpoint=path)
    tensors, metadata = read_tensors(path)
    assert [name for name in tensors if name.startswith("own")] == []
    assert json.loads(metadata["numbers"]) == {}
    model = network(Table)
    model[2].calls = 7
    quiet(model, tiny, epochs=2, batch_size=8, checkpoint=path)
    assert model[2].calls == 7


def test_a_file_without_the_generator_and_a_network_without_it_are_refused(tiny, tmp_path):
    path, other = tmp_path / "run", f"; delete {tmp_path / 'run'} or give another path"
    stopped_after(1, OwnGenerator, tiny, path)
    model = network(OwnGenerator)
    model[2].generator = None  # it makes one when it first runs
    with pytest.raises(ConfigError) as caught:
        quiet(model, tiny, epochs=6, batch_size=8, checkpoint=path)
    assert str(caught.value) == f"checkpoint has 2.generator; make it in the network's __init__, too{other}"
    tensors, metadata = read_tensors(path)
    del tensors["own.2.generator"], metadata[DIGEST]
    write_tensors(path, tensors, metadata)
    model = network(OwnGenerator)
    weights = [value.clone() for value in model.state_dict().values()]
    with pytest.raises(ConfigError) as caught:
        quiet(model, tiny, epochs=6, batch_size=8, checkpoint=path)
    assert str(caught.value) == f"checkpoint was made without 2.generator, which the network has{other}"
    assert all(map(torch.equal, weights, model.state_dict().values()))
