"""Train and validate a `StackedNetwork` on a device, one batch at a time; on a GPU as CUDA graphs.

A CUDA graph repeats what the device did while it was recorded, with the same memory: so inputs and outputs are buffers,
which are filled before and read afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from cnnlab.experiments.stacked_network import StackedNetwork

VALIDATION_BATCH = 250  # images, as in `evaluate`


class DeviceWork:
    """What the device does in one go; `replay` is its CUDA graph, once that is recorded."""

    replay: Callable[[], None] | None = None

    def work(self) -> None:
        """Do it operation by operation."""
        raise NotImplementedError

    def run(self) -> None:
        """Do it, as a CUDA graph if there is one."""
        self.work() if self.replay is None else self.replay()


class TrainingStep(DeviceWork):
    """One training step of all replicas, on batches of one size.

    Attributes
    ----------
    indices : Tensor
        Input: the images of each replica's batch, (replicas, size).
    kept : Tensor or None
        Input: which hidden units dropout keeps, (replicas, size, hidden); None without dropout.
    losses, hits : Tensor
        Output: each replica's mean loss, and its number of correct answers, before the step, (replicas,).
    """

    def __init__(self, network: StackedNetwork, split: tuple[Tensor, Tensor], size: int) -> None:
        self.network, (self.images, self.labels), device = network, split, network.device
        self.indices = torch.zeros(network.count, size, dtype=torch.long, device=device)
        self.kept = None
        if network.dropout is not None:
            hidden = network.weights["fc1.bias"].shape[1]
            self.kept = torch.zeros(network.count, size, hidden, dtype=torch.bool, device=device)
        self.losses = torch.zeros(network.count, dtype=network.dtype, device=device)
        self.hits = torch.zeros(network.count, dtype=torch.long, device=device)

    def work(self) -> None:
        """Compute the losses and take the step."""
        logits, labels = self.network.logits(self.images, self.indices, self.kept), self.labels[self.indices]
        losses = _losses(logits, labels).mean(1)
        self.network.step(losses)
        self.losses.copy_(losses.detach())
        self.hits.copy_((logits.detach().argmax(2) == labels).sum(1))


class Validation(DeviceWork):
    """The validation of all replicas after an epoch, and whether all weights of each are finite.

    Parameters
    ----------
    network : StackedNetwork
        What is validated.
    split : (Tensor, Tensor)
        Images and labels.
    indices : Tensor
        The validation images of each replica, (replicas, images).

    Attributes
    ----------
    losses, hits : Tensor
        Output: the sum of the losses, and the number of correct answers, of each batch, (batches, replicas).
    finite : Tensor
        Output: whether all weights are finite, (replicas,).
    """

    def __init__(self, network: StackedNetwork, split: tuple[Tensor, Tensor], indices: Tensor) -> None:
        self.network, (self.images, self.labels) = network, split
        self.batches = indices.split(VALIDATION_BATCH, 1) if indices.numel() else ()
        shape = (len(self.batches), network.count)
        self.losses = torch.zeros(shape, dtype=network.dtype, device=network.device)
        self.hits = torch.zeros(shape, dtype=torch.long, device=network.device)
        self.finite = torch.zeros(network.count, dtype=torch.bool, device=network.device)

    @torch.no_grad()
    def work(self) -> None:
        """Evaluate batch after batch, and look at the weights."""
        for number, indices in enumerate(self.batches):
            logits, labels = self.network.logits(self.images, indices), self.labels[indices]
            self.losses[number].copy_(_losses(logits, labels).sum(1))
            self.hits[number].copy_((logits.argmax(2) == labels).sum(1))
        finite = [value.flatten(1).isfinite().all(1) for value in self.network.weights.values()]
        self.finite.copy_(torch.stack(finite).all(0))


def record_graphs(work: list[DeviceWork], device: torch.device) -> None:
    """Turn each item of work into a CUDA graph; if torch raises an error for one of them, all stay as they were.

    Parameters
    ----------
    work : list of DeviceWork
        What is recorded.
    device : torch.device
        The GPU on which the work's tensors lie. torch records on the current GPU unless it is told another one.
    """
    # The current stream is set once more: after a recording that fails, torch may leave another one behind.
    with torch.cuda.stream(torch.cuda.current_stream(device)):
        pool, stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream(device)
        replays = [_record_graph(item.work, pool, stream) for item in work]
    for item, replay in zip(work, replays, strict=True):
        item.replay = replay


def _record_graph(work: Callable[[], None], pool, stream: torch.cuda.Stream) -> Callable[[], None]:
    """Return a function that repeats the work; recording does none of it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool, stream=stream):
        work()
    return graph.replay


def _losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Return each image's cross-entropy (replicas, batch)."""
    return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view(labels.shape)
