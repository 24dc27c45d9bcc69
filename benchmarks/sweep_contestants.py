"""Let one contestant of sweep.py do the whole grid, and print its seconds and accuracies as one line of JSON.

`sweep.py` runs this file once per contestant and round. The grid is experiment A's: 3 kernels × 2 poolings × 3
optimizers × 5 lengths. The loops are written as a student writes them: a new model and a new training for each of the
90 configurations, validation after each epoch, as many threads as torch likes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable

import torch
from fit_contestants import as_pictures  # which also hides a GPU: only the processor is measured
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from cnnlab import Data, Experiment, build_cnn, grid, run, sweep

TORCH_OPTIMIZERS = {"sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam}
RATES = {"sgd": 0.05, "rmsprop": 0.001, "adam": 0.001}  # those of cnnlab
TEST_BATCH = 1000  # as in the tutorials: validation in few large batches


def the_grid(images: int, lengths: list[int], seed: int) -> list[Experiment]:
    """Return the 90 configurations, the length changing fastest; `images` for training, as many for validation."""
    base = Experiment(train_size=images, validation_size=images, channels=(8, 16), hidden=32, seed=seed)
    return grid(
        base, kernel_size=[3, 5, 7], pooling=["max", "avg"], optimizer=["sgd", "rmsprop", "adam"], epochs=lengths
    )  # fmt: skip


def train_nested(train_set: Dataset, validation_set: Dataset, experiments: list[Experiment]) -> list[float]:
    """Train every configuration anew, and return the validation accuracy that each ends with."""
    accuracies = []
    for experiment in experiments:
        torch.manual_seed(experiment.seed)  # decides the order of the images
        model = build_cnn(
            kernel_size=experiment.kernel_size, pooling=experiment.pooling, channels=experiment.channels,
            hidden=experiment.hidden, seed=experiment.seed,
        )  # fmt: skip
        optimizer = TORCH_OPTIMIZERS[experiment.optimizer](model.parameters(), lr=RATES[experiment.optimizer])
        train_loader = DataLoader(train_set, batch_size=experiment.batch_size, shuffle=True)
        validation_loader = DataLoader(validation_set, batch_size=TEST_BATCH)
        history = train_one(model, optimizer, train_loader, validation_loader, experiment.epochs)
        accuracies.append(history[-1]["validation_accuracy"])
    return accuracies


def train_one(model: nn.Module, optimizer, train_loader, validation_loader, epochs: int) -> list[dict[str, float]]:
    """Train with the loop of most tutorials, and return one dict of losses and accuracies per epoch."""
    criterion = nn.CrossEntropyLoss()
    history = []
    for _ in range(epochs):
        model.train()
        train_loss, train_right = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            outputs = model(images)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
            train_loss += loss.item() * len(labels)
            train_right += (outputs.argmax(1) == labels).sum().item()
        model.eval()
        validation_loss, validation_right = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                outputs = model(images)
                validation_loss += criterion(outputs, labels).item() * len(labels)
                validation_right += (outputs.argmax(1) == labels).sum().item()
        trained, validated = len(train_loader.dataset), len(validation_loader.dataset)
        history.append({
            "train_loss": train_loss / trained, "train_accuracy": train_right / trained,
            "validation_loss": validation_loss / validated, "validation_accuracy": validation_right / validated,
        })  # fmt: skip
    return history


def nest_tensors(experiments: list[Experiment], data: Data) -> Callable[[], dict]:
    """Get the nested loop over tensors in memory ready."""
    sets = [TensorDataset(split.images, split.labels) for split in (data.train, data.validation)]
    return lambda: {"accuracies": train_nested(*sets, experiments)}


def nest_pictures(experiments: list[Experiment], data: Data) -> Callable[[], dict]:
    """Get the nested loop over torchvision's MNIST ready, which transforms each image anew each time."""
    pictures = [as_pictures(Data(data.name, split, split, split)) for split in (data.train, data.validation)]
    return lambda: {"accuracies": train_nested(*pictures, experiments)}


def run_in_a_row(experiments: list[Experiment], data: Data) -> Callable[[], dict]:  # noqa: ARG001
    """Get plain calls of `run` ready, one after the other in this process: nothing is shared, nothing is stored."""

    def train() -> dict:
        finished = [run(experiment, progress=False) for experiment in experiments]
        return {"accuracies": [done.history.last("validation_accuracy") for done in finished]}

    return train


def run_longest(experiments: list[Experiment], data: Data) -> Callable[[], dict]:
    """Get the same ready for the 18 longest experiments only: these a sweep trains, too."""
    return run_in_a_row(_longest(experiments), data)


def sweep_on(workers: int) -> Callable[[list[Experiment], Data], Callable[[], dict]]:
    """Return a function that gets `sweep` ready, with `workers` workers and a new folder as its store."""

    def prepare(experiments: list[Experiment], data: Data) -> Callable[[], dict]:  # noqa: ARG001
        def train() -> dict:
            with tempfile.TemporaryDirectory() as folder:
                runs = sweep(experiments, store=folder, workers=workers, progress=False)
            accuracies = [done.history.last("validation_accuracy") for done in runs]
            longest = max(experiment.epochs for experiment in experiments)
            return {"accuracies": accuracies, "training": sum(run.seconds for run in runs.filter(epochs=longest))}

        return train

    return prepare


def _longest(experiments: list[Experiment]) -> list[Experiment]:
    longest = max(experiment.epochs for experiment in experiments)
    return [experiment for experiment in experiments if experiment.epochs == longest]


def race(name: str, images: int, lengths: list[int], seed: int, workers: int) -> dict:
    """Warm up, do the whole grid with the clock running, and return the measurements.

    The clock of a loop starts with its images in memory. That of `sweep` starts before its worker processes do, so
    that their start, their imports and their reading of the files are in it.
    """
    contestants = {
        "sweep": sweep_on(workers), "sweep-1": sweep_on(1), "row": run_longest, "separate": run_in_a_row,
        "loader": nest_tensors, "loader-1": nest_tensors, "transforms": nest_pictures,
    }  # fmt: skip
    experiments = the_grid(images, lengths, seed)
    threads = torch.get_num_threads()
    run(experiments[0].replace(epochs=1), progress=False)  # loads what is loaded late; `run` keeps the images
    data = experiments[0].load_data()
    nest_tensors([experiments[0].replace(epochs=1)], data)()
    train = contestants[name](experiments, data)
    start = time.perf_counter()
    result = train()
    seconds = time.perf_counter() - start
    return result | {"seconds": seconds, "threads": threads, "torch": torch.__version__}


def main() -> None:
    """Read the command line, race, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--lengths", type=int, nargs="+", default=[1, 10, 20, 50, 70])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    print(json.dumps(race(options.name, options.images, options.lengths, options.seed, options.workers)))


if __name__ == "__main__":
    main()
