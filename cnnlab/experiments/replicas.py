"""Train many runs of one architecture as one network, so that a small network keeps a GPU busy.

Every weight is a stack with one slice for each run (a replica). No operation mixes the slices, so each replica gets
the numbers that it would get alone, but for the order in which sums are rounded. Each has its own first weights, order
of images, dropout and optimizer settings, and it ends by itself. The `seconds` of a run are the stack's time divided by
the number of replicas that were training, not the time until the run ended.
"""

from __future__ import annotations

import gc
import itertools
import math
import time
import warnings
from collections.abc import Callable, Generator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.data.dataset import Data, Split
from cnnlab.experiments.experiment import TRAINING, Experiment
from cnnlab.experiments.run import Run, load_once, one_thread
from cnnlab.interpret.recorder import Recorder
from cnnlab.machine import free_memory
from cnnlab.model.cnn import Dropout, build_cnn
from cnnlab.model.layer_table import layer_table
from cnnlab.model.weights import pack_tensors
from cnnlab.training.early_stopping import replay
from cnnlab.training.environment import environment
from cnnlab.training.fit import EpochState, is_out_of_memory, reproducible_gpu, what_to_try
from cnnlab.training.history import History
from cnnlab.training.options import (
    LEARNING_RATES,
    check_numbers,
    check_settings,
    check_sizes,
    choose_device,
    make_optimizer,
)

MOST_REPLICAS = 128  # more in one network make a GPU no faster, and each holds an open lock file of the store
VALIDATION_BATCH = 250  # images, as in `evaluate`


def stack_key(experiment: Experiment) -> tuple:
    """Return what experiments must have in common to be replicas of one network."""
    network = {name: value for name, value in experiment.network().items() if name != "seed"}
    sizes = (experiment.dataset, experiment.folder, experiment.train_size, experiment.validation_size)
    return (*network.values(), *sizes, experiment.batch_size)


def most_replicas(experiment: Experiment, device: torch.device) -> int:
    """Return how many replicas of this experiment fit into the device's free memory, by a rough estimate.

    The images are not counted; `train_stacks` halves a stack that does not fit after all.
    """
    model = build_cnn(**experiment.network(), device="meta")
    shapes = {row.name: row.output_shape for row in layer_table(model)}
    outputs = sum(math.prod(shape) for shape in shapes.values())
    weights = sum(value.numel() for value in model.parameters())
    batch = max(experiment.batch_size, VALIDATION_BATCH)
    # Activations, their gradients, and copies of both; weights, gradients, Adam's two moments, and copies.
    numbers = 4 * batch * outputs + 6 * weights
    masks = (experiment.train_size or 50_000) * experiment.hidden if experiment.dropout else 0
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    if free is None:
        return MOST_REPLICAS
    return min(MOST_REPLICAS, max(1, int(0.7 * free / (4 * numbers + masks))))


def train_replicas(
    payloads: list[dict[str, Any]],
    device: str | torch.device,
    *,
    dtype: torch.dtype = torch.float32,
    graphs: bool = True,
) -> Generator[dict[int, Run], None, None]:
    """Train experiments as one network; after each epoch yield the runs that have ended, by their place in payloads.

    Parameters
    ----------
    payloads : list of dict
        Those of `train_record`. The experiments must have the same `stack_key`.
    device : str or torch.device
        "cuda", or "cpu".
    dtype : torch.dtype
        Of weights and images; float64 is for tests.
    graphs : bool
        Whether a GPU is given each step as one CUDA graph, where that can be.

    Raises
    ------
    MemoryError
        These are too many replicas for the device. What was yielded before is finished.
    """
    device, training, words = choose_device(device), None, ""
    try:
        with one_thread(), reproducible_gpu(device):
            training = _Training(payloads, device, dtype, graphs)
            while not training.is_over:
                yield training.train_epoch()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        words = what_to_try(Experiment(**payloads[0]["experiment"]).batch_size)
    if words:  # only here: within `except`, the error would keep alive all that lies on the device
        training = None
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
        raise MemoryError(words)


class _Training:
    """The replicas that still train, their network, and the images on the device."""

    def __init__(self, payloads, device: torch.device, dtype: torch.dtype, graphs: bool) -> None:
        start = time.perf_counter()
        experiments = [Experiment(**payload["experiment"]) for payload in payloads]
        data = {experiment.of_data(): load_once(experiment) for experiment in experiments}
        replicas = [
            _Replica(place, experiment, payload, data[experiment.of_data()], device)
            for place, (experiment, payload) in enumerate(zip(experiments, payloads, strict=True))
        ]
        # Replicas with the same optimizer lie side by side.
        self.replicas = sorted(replicas, key=lambda replica: _optimizer_settings(replica.history.settings))
        self.device, self.graphs = device, graphs and device.type == "cuda"
        self.data = list(data.values())
        self.train = _on(device, dtype, [each.train for each in self.data])
        self.validation = _on(device, dtype, [each.validation for each in self.data])
        self.sizes = len(self.data[0].train), len(self.data[0].validation)  # of each replica's own data
        models = [replica.experiment.build_cnn(replica.data) for replica in self.replicas]
        weights = {
            name: torch.stack([model.state_dict()[name] for model in models]).to(device, dtype)
            for name in models[0].state_dict()
        }
        self._begin(_Network(models[0], weights, [replica.history.settings for replica in self.replicas]))
        self._draw()
        self.ended: dict[int, Run] = {}
        for place, replica in enumerate(self.replicas):
            replica.keep(0, self.network, place)
            replica.seconds = (time.perf_counter() - start) / len(self.replicas)
            self._end(replica)  # with epochs=0

    @property
    def is_over(self) -> bool:
        return not self.ended and all(replica.run is not None for replica in self.replicas)

    def _begin(self, network: _Network) -> None:
        """Make the buffers for this network, which has one slice for each of self.replicas."""
        self.network = network
        batch_size, (train, validation) = self.replicas[0].history.settings["batch_size"], self.sizes
        self.batches = [(start, min(batch_size, train - start)) for start in range(0, train, batch_size)]
        self.steps = {size: _Step(network, self.train, size) for _, size in self.batches}
        places_of_data = {id(data): place for place, data in enumerate(self.data)}
        offsets = torch.tensor([places_of_data[id(replica.data)] for replica in self.replicas])[:, None]
        self.offsets = offsets * train
        places = (torch.arange(validation) + offsets * validation).to(self.device)
        self.check = _Check(network, self.validation, places)
        self.epochs_of_network = 0

    def _draw(self) -> None:
        """Draw each replica's next order of images and dropout, and send them to the device."""
        orders = torch.stack([replica.next_order(self.sizes[0]) for replica in self.replicas]) + self.offsets
        self.orders = orders.to(self.device)
        self.kept = None
        if self.network.dropout is not None:
            self.kept = torch.stack([replica.next_kept(self.sizes[0]) for replica in self.replicas]).to(self.device)

    def train_epoch(self) -> dict[int, Run]:
        """Train one epoch; return the runs that have ended with it (and those that ended before the first)."""
        running = [replica for replica in self.replicas if replica.run is None]
        if running:
            self._train_epoch(running)
        ended, self.ended = self.ended, {}
        return ended

    def _train_epoch(self, running: list[_Replica]) -> None:
        start = time.perf_counter()
        if self.epochs_of_network == 1 and self.graphs:  # all that is made at the first step is there now
            self._record_graphs()
        losses = torch.empty(len(self.batches), len(self.replicas), dtype=self.network.dtype, device=self.device)
        hits = torch.empty(losses.shape, dtype=torch.long, device=self.device)
        for number, (first, size) in enumerate(self.batches):
            step, chosen = self.steps[size], slice(first, first + size)
            step.places.copy_(self.orders[:, chosen])
            if self.kept is not None and step.kept is not None:
                step.kept.copy_(self.kept[:, chosen])
            step.go()
            losses[number].copy_(step.losses)
            hits[number].copy_(step.hits)
        self.check.go()
        self.epochs_of_network += 1
        self._draw()  # while the device is still computing
        epoch = _Epoch(losses, hits, self.check, [size for _, size in self.batches], self.sizes[1])
        seconds = (time.perf_counter() - start) / len(running)
        for place, replica in enumerate(self.replicas):
            if replica.run is None:
                replica.finish_epoch(epoch, place, seconds, self.network)
                self._end(replica)
        self._drop_ended()

    def _end(self, replica: _Replica) -> None:
        run = replica.end()
        if run is not None:
            self.ended[replica.place] = run

    def _drop_ended(self) -> None:
        """Make the network smaller where half of it or more has ended."""
        places = [place for place, replica in enumerate(self.replicas) if replica.run is None]
        if places and 2 * len(places) <= len(self.replicas):
            orders, kept = self.orders[places], None if self.kept is None else self.kept[places]
            self.replicas = [self.replicas[place] for place in places]
            self._begin(self.network.take(places))
            self.orders, self.kept = orders, kept

    def _record_graphs(self) -> None:
        """Turn the steps into CUDA graphs; if that fails for any reason, warn, and go on without graphs."""
        work = [*self.steps.values(), self.check]
        try:
            pool = torch.cuda.graph_pool_handle()
            replays = [_record_graph(item.work, pool) for item in work]
        except Exception as error:
            self.graphs = False
            warnings.warn(f"no CUDA graphs, so this takes longer: {error}", stacklevel=2)
            return
        for item, recorded in zip(work, replays, strict=True):
            item.replay = recorded


def _record_graph(work: Callable[[], None], pool) -> Callable[[], None]:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):
        work()
    return graph.replay


def _on(device: torch.device, dtype: torch.dtype, splits: list[Split]) -> tuple[Tensor, Tensor]:
    """Return the images of all splits, one after the other, and their labels, on the device."""
    images = torch.cat([split.images for split in splits]) if len(splits) > 1 else splits[0].images
    labels = torch.cat([split.labels for split in splits])
    return images.to(device, dtype), labels.to(device)


class _Epoch:
    """The numbers of one epoch, a column for each replica: read from the device once, which waits for it."""

    def __init__(self, losses: Tensor, hits: Tensor, check: _Check, sizes: list[int], validation: int) -> None:
        self.losses, self.finite, count = losses.cpu().double(), check.finite.tolist(), sum(sizes)
        self.columns = {"train_loss": (torch.tensor(sizes).double() @ self.losses / count).tolist()}
        self.columns["train_accuracy"] = (hits.cpu().sum(0).double() / count).tolist()
        if validation:
            self.columns["validation_loss"] = (check.losses.cpu().double().sum(0) / validation).tolist()
            self.columns["validation_accuracy"] = (check.hits.cpu().sum(0).double() / validation).tolist()

    def row(self, place: int) -> dict[str, float]:
        return {name: values[place] for name, values in self.columns.items()}

    def first_bad_batch(self, place: int) -> int:
        """Return the number (from 1) of the batch in which this replica has diverged; 0 if it has not."""
        if self.finite[place] and all(math.isfinite(value) for value in self.row(place).values()):
            return 0
        bad = self.losses[:, place].isfinite().logical_not().nonzero()
        return int(bad[0]) + 1 if len(bad) else len(self.losses)


class _Replica:
    """One run: its experiment, its generators, and what is recorded of it; `run` is the Run as soon as it has ended."""

    def __init__(self, place: int, experiment: Experiment, payload: dict, data: Data, device: torch.device) -> None:
        self.place, self.experiment, self.data = place, experiment, data
        self.snapshots, self.insides = payload["snapshots"], payload.get("insides", False)
        settings = {name: getattr(self.experiment, name) for name in TRAINING}
        check_settings(settings)
        check_sizes(settings["batch_size"], settings["patience"], len(self.data.train), len(self.data.validation))
        if settings["learning_rate"] is None:
            settings["learning_rate"] = LEARNING_RATES[settings["optimizer"]]
        self.history = History(settings, environment(device))
        self.order = torch.Generator().manual_seed(settings["seed"])
        self.dropout = torch.Generator().manual_seed(settings["seed"] + 1)  # as `fit` sets the first Dropout's
        self.tensors: dict[str, Tensor] = {}
        self.seconds = 0.0
        self.run: Run | None = None

    def next_order(self, count: int) -> Tensor:
        return torch.randperm(count, generator=self.order)

    def next_kept(self, count: int) -> Tensor:
        """Return the dropout masks of an epoch (images, hidden): what `Dropout` draws a batch at a time."""
        return torch.rand((count, self.experiment.hidden), generator=self.dropout) >= self.experiment.dropout

    def keep(self, epoch: int, network: _Network, place: int) -> None:
        """Keep the weights of this epoch where they are asked for."""
        if epoch in self.snapshots:
            weights = network.weights_of(place)
            self.tensors |= {f"{epoch}.{name}": value.cpu() for name, value in weights.items()}

    def finish_epoch(self, epoch: _Epoch, place: int, seconds: float, network: _Network) -> None:
        """Add the epoch's row, as `fit` does: or, where a number is not finite, note that the run has diverged."""
        history = self.history
        self.seconds += seconds
        history.stopped_in = len(history) + 1
        bad = epoch.first_bad_batch(place)
        if bad:
            history.stopped_by, history.diverged_in_batch = "diverged", bad
            return
        history.rows.append({"epoch": len(history) + 1, **epoch.row(place), "seconds": seconds})
        self.keep(len(history), network, place)
        if self.insides:
            model, optimizer = network.one(place, self.experiment, self.data)
            state = EpochState(len(history), history, model, optimizer, self.data)
            history.rows[-1] |= check_numbers(Recorder(activations=True, saliency=True)(state))

    def end(self) -> Run | None:
        """Make and return the Run if this was the last epoch; else return None."""
        history, settings = self.history, self.history.settings
        stops = settings["patience"] is not None or len(history) == settings["epochs"] or history.stopped_by
        rule = {name: settings[name] for name in ("epochs", "patience", "min_delta")}
        ended = replay(history, **rule) if stops else None
        if ended is None:
            return None
        kept = tuple(epoch for epoch in self.snapshots if epoch <= len(ended))
        weights = pack_tensors(self.tensors, {}) if self.tensors else b""
        shape, classes = self.data.input_shape, self.data.classes
        self.run = Run(self.experiment, ended, self.seconds, shape, classes, kept, lambda: weights)
        return self.run


class _Network:
    """Stacked weights (replicas, …), one optimizer for each setting of them, and the layers in which they are used."""

    def __init__(self, model: nn.Sequential, weights: dict[str, Tensor], settings: list[dict]) -> None:
        self.model, self.settings = model, settings
        self.weights = {name: value.contiguous().requires_grad_() for name, value in weights.items()}
        first = next(iter(weights.values()))
        self.count, self.dtype, self.device = len(first), first.dtype, first.device
        self.layers = _max_before_relu(list(model.named_children()))
        self.dropout = next((layer for _, layer in self.layers if isinstance(layer, Dropout)), None)
        self.optimizers: list[tuple[slice, torch.optim.Optimizer, list[nn.Parameter]]] = []
        for _, group in itertools.groupby(range(self.count), key=lambda place: _optimizer_settings(settings[place])):
            places = list(group)
            own = slice(places[0], places[-1] + 1)
            parameters = [nn.Parameter(value.detach()[own]) for value in self.weights.values()]  # the same memory
            optimizer = make_optimizer(nn.ParameterList(parameters), settings[places[0]])
            for options in optimizer.param_groups:
                options["capturable"] = self.device.type == "cuda"  # in a CUDA graph
            self.optimizers.append((own, optimizer, parameters))

    def logits(self, images: Tensor, places: Tensor, kept: Tensor | None = None) -> Tensor:
        """Return (replicas, batch, classes) for the images at these places (replicas, batch).

        kept: which hidden units dropout keeps (replicas, batch, hidden); None in evaluation.
        """
        values = images[places.t()].flatten(1, 2)  # (batch, replicas × channels, height, width)
        for name, layer in self.layers:
            if isinstance(layer, nn.Conv2d):  # each replica's maps are a group, with kernels of its own
                weight, bias = self.weights[f"{name}.weight"].flatten(0, 1), self.weights[f"{name}.bias"].flatten()
                padding = layer.kernel_size[0] // 2 if layer.padding == "same" else 0
                values = functional.conv2d(values, weight, bias, padding=padding, groups=self.count)
            elif isinstance(layer, nn.Linear):
                weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
                values = torch.baddbmm(bias[:, None], values, weight.transpose(1, 2))
            elif isinstance(layer, nn.Flatten):  # (replicas, batch, features)
                values = values.unflatten(1, (self.count, -1)).flatten(2).transpose(0, 1)
            elif not isinstance(layer, Dropout):  # ReLU and pooling
                values = layer(values)
            elif kept is not None:
                values = values * kept / (1 - layer.p)
        return values

    def step(self, losses: Tensor) -> None:
        """Take one optimizer step down the gradient of each replica's loss (replicas,)."""
        # The gradient of the sum of all losses: each depends on the weights of its own replica only.
        gradients = torch.autograd.grad(losses, list(self.weights.values()), torch.ones_like(losses))
        gradients = [gradient.contiguous() for gradient in gradients]  # a fused optimizer reads memory in order
        for own, optimizer, parameters in self.optimizers:
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient[own]
            optimizer.step()

    def weights_of(self, place: int) -> dict[str, Tensor]:
        """Return a copy of one replica's weights."""
        return {name: value.detach()[place].clone() for name, value in self.weights.items()}

    def take(self, places: list[int]) -> _Network:
        """Return the network of these replicas alone, with what their optimizers remember."""
        weights = {name: value.detach()[places] for name, value in self.weights.items()}
        smaller = _Network(self.model, weights, [self.settings[place] for place in places])
        for own, optimizer, parameters in smaller.optimizers:
            _copy_state(*self._remembered(places[own]), optimizer, parameters)
        return smaller

    def one(self, place: int, experiment: Experiment, data) -> tuple[nn.Sequential, torch.optim.Optimizer]:
        """Return one replica as a network of its own, in eval mode, and its optimizer."""
        model = experiment.build_cnn(data).to(self.device, self.dtype)
        model.load_state_dict(self.weights_of(place))
        optimizer = make_optimizer(model, self.settings[place])
        _copy_state(*self._remembered([place]), optimizer, list(model.parameters()))
        return model.eval(), optimizer

    def _remembered(self, places: list[int]) -> tuple[torch.optim.Optimizer, list[nn.Parameter], list[int]]:
        """Return the optimizer of these replicas, its parameters, and the places in them."""
        own, optimizer, parameters = next(item for item in self.optimizers if item[0].start <= places[0] < item[0].stop)
        return optimizer, parameters, [place - own.start for place in places]


def _copy_state(optimizer, parameters, places: list[int], to_optimizer, to_parameters) -> None:
    """Copy what an optimizer remembers of the replicas at these places."""
    for parameter, target in zip(parameters, to_parameters, strict=True):
        for name, value in optimizer.state[parameter].items():
            if isinstance(value, Tensor):
                sliced = value[places].reshape(target.shape) if value.shape == parameter.shape else value
                to_optimizer.state[target][name] = sliced.clone()
            else:
                to_optimizer.state[target][name] = value


def _optimizer_settings(settings: dict) -> tuple:
    """Return what two replicas must have in common to share one of torch's optimizers."""
    return tuple(settings[name] for name in ("optimizer", "learning_rate", "momentum", "weight_decay"))


def _max_before_relu(layers: list[tuple[str, nn.Module]]) -> list[tuple[str, nn.Module]]:
    """Put ReLU after max pooling: the same values and gradients, of a quarter of the numbers."""
    for place in range(len(layers) - 1):
        if isinstance(layers[place][1], nn.ReLU) and isinstance(layers[place + 1][1], nn.MaxPool2d):
            layers[place : place + 2] = [layers[place + 1], layers[place]]
    return layers


class _Work:
    """What the device does in one go; on a GPU `replay` is its CUDA graph, once that is recorded."""

    replay: Callable[[], None] | None = None

    def work(self) -> None:
        raise NotImplementedError

    def go(self) -> None:
        self.work() if self.replay is None else self.replay()


class _Step(_Work):
    """One training step on batches of one size. Its inputs and outputs are buffers, as a CUDA graph wants it."""

    def __init__(self, network: _Network, split: tuple[Tensor, Tensor], size: int) -> None:
        self.network, (self.images, self.labels), device = network, split, network.device
        self.places = torch.zeros(network.count, size, dtype=torch.long, device=device)
        self.kept = None
        if network.dropout is not None:
            hidden = network.weights["fc1.bias"].shape[1]
            self.kept = torch.zeros(network.count, size, hidden, dtype=torch.bool, device=device)
        self.losses = torch.zeros(network.count, dtype=network.dtype, device=device)
        self.hits = torch.zeros(network.count, dtype=torch.long, device=device)

    def work(self) -> None:
        logits, labels = self.network.logits(self.images, self.places, self.kept), self.labels[self.places]
        losses = _losses(logits, labels).mean(1)
        self.network.step(losses)
        self.losses.copy_(losses.detach())
        self.hits.copy_((logits.detach().argmax(2) == labels).sum(1))


class _Check(_Work):
    """Validation, and whether all weights are finite, after an epoch."""

    def __init__(self, network: _Network, split: tuple[Tensor, Tensor], places: Tensor) -> None:
        self.network, (self.images, self.labels) = network, split
        self.parts = places.split(VALIDATION_BATCH, 1) if places.numel() else ()
        shape = (len(self.parts), network.count)
        self.losses = torch.zeros(shape, dtype=network.dtype, device=network.device)
        self.hits = torch.zeros(shape, dtype=torch.long, device=network.device)
        self.finite = torch.zeros(network.count, dtype=torch.bool, device=network.device)

    @torch.no_grad()
    def work(self) -> None:
        for number, places in enumerate(self.parts):
            logits, labels = self.network.logits(self.images, places), self.labels[places]
            self.losses[number].copy_(_losses(logits, labels).sum(1))
            self.hits[number].copy_((logits.argmax(2) == labels).sum(1))
        finite = [value.flatten(1).isfinite().all(1) for value in self.network.weights.values()]
        self.finite.copy_(torch.stack(finite).all(0))


def _losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Return each image's cross-entropy (replicas, batch)."""
    return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view(labels.shape)
