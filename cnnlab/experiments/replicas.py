"""Train many runs of one architecture as one network, so that a small network keeps a GPU busy.

Every weight is a stack with one slice for each run (a replica). No operation mixes the slices, so each replica gets
the numbers that it would get alone, but for the order in which sums are rounded. Each has its own first weights, order
of images, dropout and optimizer settings, and it ends by itself. The `seconds` of a run are the stack's time divided by
the number of replicas that were training, not the time until the run ended.
"""

from __future__ import annotations

import functools
import gc
import math
import time
import warnings
from collections.abc import Generator
from typing import Any

import torch
from torch import Tensor

from cnnlab.data.dataset import Split
from cnnlab.experiments.device_work import VALIDATION_BATCH, TrainingStep, Validation, record_graphs
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.one_thread import one_thread
from cnnlab.experiments.replica import Epoch, Replica
from cnnlab.experiments.run import Run, load_once
from cnnlab.experiments.stacked_network import StackedNetwork, optimizer_settings
from cnnlab.machine import free_memory
from cnnlab.model.cnn import build_cnn
from cnnlab.model.layer_table import layer_table
from cnnlab.torch_state import reproducible_gpu
from cnnlab.training.device import choose_device, is_out_of_memory, what_to_try

MOST_REPLICAS = 128  # more in one network make a GPU no faster, and each holds an open lock file of the store


def stack_key(experiment: Experiment) -> tuple:
    """Return what experiments must have in common to be replicas of one network."""
    network = {name: value for name, value in experiment.network().items() if name != "seed"}
    sizes = (experiment.dataset, experiment.folder, experiment.train_size, experiment.validation_size)
    return (*network.values(), *sizes, bool(experiment.balanced), experiment.batch_size)


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
    free = _free_on_gpu(device) if device.type == "cuda" else free_memory()
    if free is None:
        return MOST_REPLICAS
    return min(MOST_REPLICAS, max(1, int(0.7 * free / (4 * numbers + masks))))


def _free_on_gpu(device: torch.device) -> int:
    """Return the free memory of a GPU in bytes, with what torch keeps of it for later use."""
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


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
    """The replicas that still train, their network, and the images on the device.

    The parameters are those of `train_replicas`.
    """

    def __init__(self, payloads: list[dict[str, Any]], device: torch.device, dtype: torch.dtype, graphs: bool) -> None:
        start = time.perf_counter()
        experiments = [Experiment(**payload["experiment"]) for payload in payloads]
        first_of_data = {experiment.of_data(): experiment for experiment in experiments}
        data = {key: load_once(experiment) for key, experiment in first_of_data.items()}
        replicas = [
            Replica(place, experiment, payload, data[experiment.of_data()], device)
            for place, (experiment, payload) in enumerate(zip(experiments, payloads, strict=True))
        ]
        # Replicas with the same optimizer lie side by side.
        self.replicas = sorted(replicas, key=lambda replica: optimizer_settings(replica.history.settings))
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
        self._begin(StackedNetwork(models[0], weights, [replica.history.settings for replica in self.replicas]))
        self._draw()
        self.ended: dict[int, Run] = {}
        for place, replica in enumerate(self.replicas):
            replica.snapshots.keep(0, functools.partial(self.network.weights_of, place))
            replica.seconds = (time.perf_counter() - start) / len(self.replicas)
            self._end(replica)  # with epochs=0

    @property
    def is_over(self) -> bool:
        """Whether every replica has ended, and `train_epoch` has returned its run."""
        return not self.ended and all(replica.run is not None for replica in self.replicas)

    def _begin(self, network: StackedNetwork) -> None:
        """Make the buffers for this network, which has one slice for each of self.replicas."""
        self.network = network
        batch_size, (train, validation) = self.replicas[0].history.settings["batch_size"], self.sizes
        self.batches = [(start, min(batch_size, train - start)) for start in range(0, train, batch_size)]
        self.steps = {size: TrainingStep(network, self.train, size) for _, size in self.batches}
        places_of_data = {id(data): place for place, data in enumerate(self.data)}
        offsets = torch.tensor([places_of_data[id(replica.data)] for replica in self.replicas])[:, None]
        self.offsets = offsets * train
        indices = (torch.arange(validation) + offsets * validation).to(self.device)
        self.validate = Validation(network, self.validation, indices)
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

    def _train_epoch(self, running: list[Replica]) -> None:
        """Train one epoch of the whole network, and add it to the replicas that still run."""
        start = time.perf_counter()
        if self.epochs_of_network == 1 and self.graphs:  # all that is made at the first step is there now
            self._record_graphs()
        losses = torch.empty(len(self.batches), len(self.replicas), dtype=self.network.dtype, device=self.device)
        hits = torch.empty(losses.shape, dtype=torch.long, device=self.device)
        for number, (first, size) in enumerate(self.batches):
            step, chosen = self.steps[size], slice(first, first + size)
            step.indices.copy_(self.orders[:, chosen])
            if self.kept is not None and step.kept is not None:
                step.kept.copy_(self.kept[:, chosen])
            step.run()
            losses[number].copy_(step.losses)
            hits[number].copy_(step.hits)
        self.validate.run()
        self.epochs_of_network += 1
        self._draw()  # while the device is still computing
        epoch = Epoch(losses, hits, [size for _, size in self.batches], self.validate, self.sizes[1])
        seconds = (time.perf_counter() - start) / len(running)
        for place, replica in enumerate(self.replicas):
            if replica.run is None:
                replica.finish_epoch(epoch, place, seconds, self.network)
                self._end(replica)
        self._drop_ended()

    def _end(self, replica: Replica) -> None:
        """Note the replica's run if this was its last epoch."""
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
        try:
            record_graphs([*self.steps.values(), self.validate], self.device)
        except Exception as error:
            self.graphs = False
            warnings.warn(f"no CUDA graphs, so this takes longer: {error}", stacklevel=2)


def _on(device: torch.device, dtype: torch.dtype, splits: list[Split]) -> tuple[Tensor, Tensor]:
    """Return the images of all splits, one after the other, and their labels, on the device."""
    images = torch.cat([split.images for split in splits]) if len(splits) > 1 else splits[0].images
    labels = torch.cat([split.labels for split in splits])
    return images.to(device, dtype), labels.to(device)
