"""Small objects for calls of cnnlab's public functions: data, a network, runs, what each function returns."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import cnnlab


class Samples:
    """Small objects that the calls share; a call that would change one gets a copy."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._numbers = folder, itertools.count()

    def new_path(self, suffix: str = "") -> Path:
        """Return a path that does not exist."""
        return self.folder / f"new {next(self._numbers)}{suffix}"

    @functools.cached_property
    def data(self):
        import torch

        images = torch.rand(120, 1, 12, 12, generator=torch.Generator().manual_seed(0))
        return cnnlab.Data.from_tensors(images, torch.arange(120) % 3, classes=("cat", "dog", "owl"))

    @functools.cached_property
    def model(self):
        return self.new_model().eval()

    def new_model(self, seed: int = 0):
        return cnnlab.build_cnn(channels=(2,), hidden=4, input_shape=(1, 12, 12), classes=3, seed=seed)

    @functools.cached_property
    def digits(self):
        """Data of 28×28 pixels, and a network for it."""
        import torch

        images = torch.rand(30, 1, 28, 28, generator=torch.Generator().manual_seed(0))
        network = cnnlab.build_cnn(channels=(2,), hidden=4, classes=3).eval()
        return cnnlab.Data.from_tensors(images, torch.arange(30) % 3), network

    @property
    def split(self):
        return self.data.validation

    @property
    def images(self):
        return self.split.images[:3]

    @functools.cached_property
    def history(self):
        return cnnlab.fit(
            self.new_model(), self.data, epochs=2, batch_size=16, progress=False, on_epoch=cnnlab.Recorder()
        )

    @functools.cached_property
    def made_runs(self):
        """Runs of three kernel sizes, two poolings and five seeds, without a training."""
        from made_runs import TWO_LEFT, levels_of

        return cnnlab.Runs(
            [
                *levels_of("kernel_size", TWO_LEFT, epochs=1),
                *levels_of("kernel_size", TWO_LEFT, epochs=1, pooling="avg"),
            ]
        )

    @functools.cached_property
    def one_setting(self):
        return self.made_runs.filter(kernel_size=3, pooling="max")

    @functools.cached_property
    def trained_runs(self):
        """Two runs with weights."""
        from tiny_sweeps import TINY

        experiments = [TINY.replace(seed=seed) for seed in (0, 1)]
        return cnnlab.sweep(experiments, workers=1, progress=False, snapshots=(0, 1, 2), insides=True)

    @functools.cached_property
    def comparison(self):
        return cnnlab.compare(self.made_runs, by="kernel_size")

    @functools.cached_property
    def weights(self):
        path = self.folder / "weights.safetensors"
        cnnlab.save_weights(self.model, path)
        return path

    @functools.cached_property
    def pictures(self):
        """A folder of twelve small pictures in two classes."""
        from PIL import Image

        for kind, place in itertools.product(("cat", "dog"), range(6)):
            path = self.folder / "pets" / kind / f"{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (6, 6), 40 * place + 5).save(path)
        return self.folder / "pets"

    @functools.cached_property
    def store(self):
        from tiny_sweeps import TINY

        cnnlab.sweep([TINY], self.folder / "store", workers=1, progress=False)
        return self.folder / "store"

    @functools.cached_property
    def ink(self):
        import torch

        ink = torch.zeros(20, 20)
        ink[4:16, 9:12] = 1
        return ink

    @functools.cached_property
    def picture(self) -> bytes:
        import io

        import numpy as np
        from PIL import Image

        content = io.BytesIO()
        Image.fromarray((255 - 255 * self.ink.numpy()).astype(np.uint8)).save(content, "PNG")
        return content.getvalue()

    @functools.cached_property
    def descent(self):
        return cnnlab.descend("bowl", learning_rate=0.1, steps=5)

    @functools.cached_property
    def mistakes(self):
        return cnnlab.mistakes(self.model, self.split)

    @functools.cached_property
    def maps(self):
        return cnnlab.saliency(self.model, self.images)

    @functools.cached_property
    def top(self):
        return cnnlab.top_images(self.model, self.split, "relu1", 0)

    @functools.cached_property
    def activity(self):
        return cnnlab.activation_statistics(self.model, self.images)

    @functools.cached_property
    def flow(self):
        return cnnlab.gradient_flow(self.model, self.split)

    @functools.cached_property
    def weight_table(self):
        return cnnlab.weight_distributions(self.model)

    def axes(self):
        from matplotlib.figure import Figure

        return Figure().subplots()


_samples: Samples | None = None


def use_folder(folder: Path) -> None:
    """Let the calls read and write in this folder; make the shared objects again."""
    global _samples
    _samples = Samples(folder)


def samples() -> Samples:
    assert _samples is not None, "use_folder comes first"
    return _samples
