"""Train with RMSprop until the loss leaps, and keep the steps before the leap: `python tools/make_leaps.py`.

Notebook 07 shows them. It is one network of experiment A (3×3, max pooling), trained by a bare loop that looks at the
gradients and at RMSprop's state, with RMSprop's usual epsilon and with one a hundred times as large. The result goes
to data/bank/leaps.json.
"""

from __future__ import annotations

import json
from typing import Any

import torch
from torch.nn import functional

from cnnlab import build_cnn
from cnnlab.experiments import presets
from cnnlab.files import atomic_write, data_folder

EPOCHS, SEEDS, EPSILONS = 350, range(3), (1e-8, 1e-6)
RATE, DECAY = 0.001, 0.99  # DECAY is torch's default
LOW, HIGH = 1e-6, 0.1  # a leap: the training loss of an epoch is over HIGH after it was under LOW
STEPS = 6  # kept before the first batch that is over HIGH, and two after


def watch(seed: int, epsilon: float) -> dict[str, Any]:
    """Train one network, and return its lowest loss, the epoch of its leap (None without one), and the steps there."""
    data = presets.FULL_GRID["mnist"].load_data()
    images, labels = data.train.images, data.train.labels
    model = build_cnn(3, pooling="max", seed=seed, **presets.SMALL_NETWORK)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=RATE, alpha=DECAY, eps=epsilon)
    shuffle = torch.Generator().manual_seed(seed)
    steps: list[dict[str, float]] = []
    losses: list[float] = []
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for batch in torch.randperm(len(labels), generator=shuffle).split(64):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            steps.append({"epoch": epoch, "loss": loss.item(), **look(model, optimizer, epsilon)})
            total += loss.item() * len(batch) / len(labels)
        losses.append(total)
        if min(losses) < LOW and total > HIGH:
            break
    has_leapt = min(losses) < LOW and losses[-1] > HIGH
    first = next((place for place, step in enumerate(steps) if has_leapt and step["epoch"] >= len(losses) - 1
                  and step["loss"] > HIGH), 0)  # fmt: skip
    return {
        "epsilon": epsilon, "seed": seed, "lowest_loss": min(losses), "leap": len(losses) if has_leapt else None,
        "steps": steps[max(0, first - STEPS) : first + 2] if has_leapt else [],
    }  # fmt: skip


def look(model: torch.nn.Module, optimizer: torch.optim.Optimizer, epsilon: float) -> dict[str, float]:
    """Return the largest gradient, the median of RMSprop's √v, and the largest step of all weights."""
    gradients = torch.cat([weight.grad.flatten() for weight in model.parameters()])
    roots = torch.cat([optimizer.state[weight]["square_avg"].sqrt().flatten() for weight in model.parameters()])
    return {
        "largest gradient": gradients.abs().max().item(),
        "median of √v": roots.median().item(),
        "largest step": (RATE * gradients / (roots + epsilon)).abs().max().item(),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    runs = [watch(seed, epsilon) for epsilon in EPSILONS for seed in SEEDS]
    for run in runs:
        print(*(f"{name}: {run[name]}" for name in ("epsilon", "seed", "lowest_loss", "leap")), sep=", ")
    atomic_write(data_folder() / "bank" / "leaps.json", json.dumps(runs, indent=1, ensure_ascii=False).encode())
