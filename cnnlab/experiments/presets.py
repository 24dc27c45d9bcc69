"""List the course's own settings: the experiments of the notebooks, which the results bank and the panels use, too.

The notebooks write them out in full, because a student should see them; a test compares them with these.
"""

from __future__ import annotations

from cnnlab.experiments.experiment import Experiment

# A small network trains in seconds, and is large enough to show what the course is about.
SMALL_NETWORK = {"channels": (8, 16), "hidden": 32}
_PATTERNS = Experiment(dataset="patterns", validation_size=300, **SMALL_NETWORK)

# Notebook 01 compares kernel sizes on digits, and on patterns whose classes differ in coarse shape or in fine detail.
KERNEL_DIGITS = Experiment(dataset="mnist", train_size=1000, validation_size=1000, epochs=3, **SMALL_NETWORK)
KERNEL_DIGITS_LONG = KERNEL_DIGITS.replace(epochs=10)
COARSE_PATTERNS = _PATTERNS.replace(structure="coarse", noise=0.4, train_size=800, epochs=8)
FINE_PATTERNS = _PATTERNS.replace(structure="fine", scale=2, train_size=300, epochs=20, learning_rate=0.002)

# Notebook 02 compares poolings on digits, and on patterns with a sparse bright mark or with a texture.
POOLING_DIGITS = KERNEL_DIGITS.replace(epochs=5)
MARK_PATTERNS = _PATTERNS.replace(structure="mark", train_size=500, epochs=20)
TEXTURE_PATTERNS = _PATTERNS.replace(structure="texture", train_size=1000, epochs=15)

# Notebook 04 compares optimizers at many learning rates, so its network is smaller still.
OPTIMIZER_DIGITS = Experiment(train_size=1000, validation_size=500, channels=(4, 8), hidden=32, epochs=4)

# Notebook 06: experiment B of the results bank.
MNIST_EXPERIMENT = Experiment(train_size=5000, validation_size=2000, **SMALL_NETWORK)

# Notebook 07: experiment A of the results bank. With so few images, long training overfits.
_FEW_DIGITS = Experiment(train_size=500, validation_size=500, **SMALL_NETWORK)
FULL_GRID = {
    "mnist": _FEW_DIGITS,
    "fashion_mnist": _FEW_DIGITS.replace(dataset="fashion_mnist"),
    "patterns": Experiment(
        dataset="patterns", structure="coarse", noise=0.5, train_size=500, validation_size=500, **SMALL_NETWORK
    ),
}
