"""Let one contestant of fit.py train, and print its seconds and its accuracy as one line of JSON.

`fit.py` runs this file once per contestant and round. Every contestant gets the same images, first weights, optimizer
and number of epochs, and is written as its own documentation has a user write it: images in memory where it can have
them there, no worker processes, logging and checkpoints off where there is a switch for that.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the processor only, whatever else the machine has
os.environ["KERAS_BACKEND"], os.environ["KERAS_TORCH_DEVICE"] = "torch", "cpu"

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from torch.optim import Adam  # noqa: E402
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset  # noqa: E402

from cnnlab import Data, build_cnn, data_folder, fit, load_data  # noqa: E402

RATE, BATCH = 1e-3, 64
WARM_UP = 20 * BATCH  # images; the first batches choose kernels and load what is loaded late


def train_fit(model: nn.Module, data: Data, epochs: int) -> None:
    """Train with cnnlab, as the notebooks do, but without the bar: the others have none either."""
    fit(
        model, data, epochs=epochs, learning_rate=RATE, batch_size=BATCH, seed=torch.initial_seed(), progress=False
    )  # fmt: skip


def train_bare(model: nn.Module, data: Data, epochs: int) -> None:
    """Train with nothing that is not needed: no metrics, no checks. The practical limit of eager torch."""
    images, labels = data.train.images, data.train.labels
    model.to(memory_format=torch.channels_last).train()
    optimizer = Adam(model.parameters(), lr=RATE, fused=True)
    order = torch.Generator().manual_seed(torch.initial_seed())  # as fit's, so that both learn the same, bit for bit
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels), generator=order).split(BATCH):
            loss = cross_entropy(model(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def train_loader(model: nn.Module, data: Data, epochs: int) -> None:
    """Train with a DataLoader over tensors in memory: the tidy idiom."""
    _train_from_loader(model, _loader(TensorDataset(data.train.images, data.train.labels)), epochs)


def train_transforms(model: nn.Module, pictures: Dataset, epochs: int) -> None:
    """Train with torchvision's MNIST, transforms and a DataLoader, as most tutorials do."""
    _train_from_loader(model, _loader(pictures), epochs)


def train_lightning(model: nn.Module, data: Data, epochs: int) -> None:
    """Train with a LightningModule and a Trainer."""
    import lightning

    class Classifier(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch):
            images, labels = batch
            return cross_entropy(self.model(images), labels)

        def configure_optimizers(self):
            return Adam(self.parameters(), lr=RATE)

    trainer = lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Classifier(), _loader(TensorDataset(data.train.images, data.train.labels)))


def train_skorch(model: nn.Module, arrays: tuple, epochs: int) -> None:
    """Train with skorch's NeuralNetClassifier on arrays, as with any scikit-learn estimator."""
    from skorch import NeuralNetClassifier

    net = NeuralNetClassifier(
        model, criterion=nn.CrossEntropyLoss, optimizer=Adam, lr=RATE, batch_size=BATCH, max_epochs=epochs,
        iterator_train__shuffle=True, train_split=None, verbose=0,
    )  # fmt: skip
    net.fit(*arrays)


def train_fastai(model: nn.Module, data: Data, epochs: int) -> None:
    """Train with a fastai Learner around torch's own DataLoader and Adam, at a constant rate as the others."""
    from fastai.vision.all import DataLoaders, Learner, OptimWrapper, default_device

    default_device(use=False)  # the processor, on a Mac too
    loaders = DataLoaders(_loader(TensorDataset(data.train.images, data.train.labels)), [])  # no validation
    learner = Learner(loaders, model, loss_func=nn.CrossEntropyLoss(), opt_func=partial(OptimWrapper, opt=Adam))
    with learner.no_bar(), learner.no_logging():
        learner.fit(epochs, lr=RATE)


def train_keras(model, arrays: tuple, epochs: int) -> None:
    """Train with Keras' compile and fit, on the torch backend."""
    import keras

    # Keras' own epsilon is 1e-7; torch's Adam has 1e-8
    optimizer = keras.optimizers.Adam(learning_rate=RATE, epsilon=1e-8)
    model.compile(optimizer=optimizer, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(*arrays, batch_size=BATCH, epochs=epochs, verbose=0)


def _loader(dataset: Dataset) -> DataLoader:
    return DataLoader(dataset, batch_size=BATCH, shuffle=True)


def _train_from_loader(model: nn.Module, loader: DataLoader, epochs: int) -> None:
    optimizer = Adam(model.parameters(), lr=RATE)
    model.train()
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()


def as_pictures(data: Data) -> Subset:
    """Return the same training images as a torchvision data set that transforms each image when it is asked for."""
    from torchvision import transforms
    from torchvision.datasets import MNIST

    normalize = transforms.Normalize(data.train.mean.flatten().tolist(), data.train.std.flatten().tolist())
    with tempfile.TemporaryDirectory() as folder:  # torchvision unpacks the archives in their own folder
        shutil.copytree(data_folder() / "MNIST", Path(folder) / "MNIST")
        published = MNIST(folder, download=True, transform=transforms.Compose([transforms.ToTensor(), normalize]))
    places = {picture.numpy().tobytes(): place for place, picture in enumerate(published.data)}
    pixels = (data.train.pixels[:, 0] * 255).round().byte()
    return Subset(published, [places[picture.numpy().tobytes()] for picture in pixels])


def as_arrays(data: Data) -> tuple:
    """Return the training images (N, 1, 28, 28) and labels as numpy arrays."""
    return data.train.images.numpy(), data.train.labels.numpy()


def build_keras(seed: int):
    """Return the network of build_cnn(seed=seed), weight for weight, in Keras' own layers."""
    import keras

    keras.config.set_image_data_format("channels_first")  # on torch, 1.3 times as fast as Keras' default
    layers = keras.layers
    network = keras.Sequential([
        layers.Input((1, 28, 28)),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10),
    ])  # fmt: skip
    order = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}  # Keras has inputs before outputs
    weights = [weight.detach() for weight in build_cnn(seed=seed).parameters()]
    network.set_weights([weight.permute(order[weight.ndim]).numpy() for weight in weights])
    return network


def accuracy(model, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of images (N, 1, 28, 28) that the model classifies correctly."""
    if isinstance(model, nn.Sequential):
        with torch.no_grad():
            guesses = model.eval()(images).argmax(1)
    else:
        guesses = torch.tensor(model.predict(images.numpy(), verbose=0)).argmax(1)
    return float((guesses == labels).double().mean())


# name: (function that trains, function that prepares the data, package whose version is printed)
CONTESTANTS = {
    "fit": (train_fit, lambda data: data, "cnnlab"),
    "bare": (train_bare, lambda data: data, "torch"),
    "loader": (train_loader, lambda data: data, "torch"),
    "transforms": (train_transforms, as_pictures, "torchvision"),
    "lightning": (train_lightning, lambda data: data, "lightning"),
    "skorch": (train_skorch, as_arrays, "skorch"),
    "fastai": (train_fastai, lambda data: data, "fastai"),
    "keras": (train_keras, as_arrays, "keras"),
    "fit-avg": (train_fit, lambda data: data, "cnnlab"),
    "bare-avg": (train_bare, lambda data: data, "torch"),
}


def race(name: str, images: int, epochs: int, seed: int, clock: Callable[[], float]) -> dict:
    """Warm up, train once with the clock running, and return the measurements."""
    train, prepare, package = CONTESTANTS[name]
    pooling = "avg" if name.endswith("-avg") else "max"
    build = build_keras if name == "keras" else lambda seed: build_cnn(pooling=pooling, seed=seed)
    data = load_data("mnist", train=images, validation=0, test=2000)
    held_out = data.open_test()
    warm_up = Data(data.name, data.train[:WARM_UP], data.validation, held_out)
    train(build(seed), prepare(warm_up), 1)
    model, prepared = build(seed), prepare(data)
    torch.manual_seed(seed)  # decides the order of the images, except for Keras
    start = clock()
    train(model, prepared, epochs)
    seconds = clock() - start
    return {
        "seconds": seconds,
        "accuracy": accuracy(model, held_out.images, held_out.labels),
        "version": importlib.metadata.version(package),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    """Read the command line, race, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=CONTESTANTS)
    for option, default in (("--images", 10_000), ("--epochs", 1), ("--seed", 0)):
        parser.add_argument(option, type=int, default=default)
    parser.add_argument("--processor-time", action="store_true")
    options = parser.parse_args()
    clock = time.process_time if options.processor_time else time.perf_counter
    print(json.dumps(race(options.name, options.images, options.epochs, options.seed, clock)))


if __name__ == "__main__":
    main()
