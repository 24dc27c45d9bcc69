"""Find the networks of a lab report whose weights were kept, with their images."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from cnnlab.course.lab_report.announcements import announce
from cnnlab.course.lab_report.design import setting_words
from cnnlab.course.sentences import say
from cnnlab.data import shipped
from cnnlab.data.dataset import Data
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.run import Run, load_once
from cnnlab.experiments.runs import Runs
from cnnlab.interpret.activations import POOLS, activation_statistics
from cnnlab.interpret.by_layer import ByLayer

MOST_SETTINGS = 4  # whose insides are drawn; each may have several lengths
MOST_LENGTHS = 3
ONE_SETTING = "one setting"  # as a plot says it, in English
IMAGES = 500  # validation images for the activations
NO_SETTING = ("epochs", "patience", "min_delta", "seed", "data_seed")  # fields that do not tell networks apart


@dataclass(eq=False)
class Network:
    """A trained network, with its setting in words and its length in epochs."""

    setting: str
    epochs: int
    run: Run

    @functools.cached_property
    def model(self) -> nn.Sequential:
        """The network with the weights of the run's last snapshot; read when it is first asked for."""
        return self.run.model()

    @property
    def length(self) -> str:
        """The length as a plot says it."""
        return f"{self.epochs} epochs"

    @property
    def name(self) -> str:
        """The setting and the length as a plot says them."""
        return f"{self.setting}, {self.length}"

    @property
    def words(self) -> str:
        """The setting and the length in the language of the report."""
        setting = say("one setting") if self.setting == ONE_SETTING else self.setting
        return f"{setting}, {say('{count} epochs', count=self.epochs)}"


@dataclass(eq=False)
class Insides:
    """The networks whose insides are drawn, and their images.

    Parameters
    ----------
    networks : list of Network
        One seed of each setting.
    data : Data
        Their images.
    notes : list of str
        Which networks these are, and which were left out.
    """

    networks: list[Network]
    data: Data
    notes: list[str] = field(default_factory=list)

    def by_setting(self, measure: Callable[[Network], Any]) -> dict[str, dict[str, Any]]:
        """Return setting → length → what `measure` returns."""
        measured: dict[str, dict[str, Any]] = {}
        for number, network in enumerate(self.networks, start=1):
            announce(f"network {number} of {len(self.networks)}")
            measured.setdefault(network.setting, {})[network.length] = measure(network)
        return measured

    @functools.cached_property
    def activity(self) -> dict[str, dict[str, ByLayer]]:
        """Setting → length → the activations of each ReLU and each pool."""
        images = self.images(IMAGES)
        return self.by_setting(
            lambda network: activation_statistics(network.model, images, layers=_kinds(network.model))
        )

    @property
    def longest(self) -> list[Network]:
        """The network of each setting that was trained longest."""
        return list({network.setting: network for network in self.networks}.values())

    def images(self, count: int) -> Any:
        """Return validation images, or training images where there are none."""
        split = self.data.validation if len(self.data.validation) else self.data.train
        return split[:count]


def _kinds(model: nn.Module) -> tuple[type[nn.Module], ...]:
    return tuple(kind for kind in (nn.ReLU, *POOLS) if any(isinstance(layer, kind) for layer in model.modules()))


def find_insides(runs: Runs) -> Insides | str:
    """Return the networks whose weights are there, with their images; or why there are none, in words."""
    with_weights = [run for run in runs if run.snapshots and run.snapshots[-1] > 0]
    if not with_weights:
        return say(
            "No weights were kept: sweep(…, snapshots=(0, 5)) keeps those of the epochs that you name, 0 for the start."
        )
    first = with_weights[0]
    same = Runs(run for run in with_weights if run.experiment.of_data() == first.experiment.of_data())
    networks, settings = _choose(same)
    dataset = first.experiment.dataset
    if dataset in shipped.FOLDERS and dataset not in shipped.names():  # a report downloads nothing
        return say(
            "Weights were kept, but the images of {dataset} are not here, so the networks can't be run.",
            dataset=dataset,
        )
    announce("images and weights")
    try:
        data = load_once(first.experiment)
        models = [network.model for network in networks]  # a damaged store says so here
    except (ConfigError, DataError, OSError) as error:
        return say("Weights were kept, but the networks can't be run here: {error}.", error=error)
    shown = len({network.setting for network in networks})
    notes = [
        say(
            "One network of each setting: the one with seed {seed}, or the next one there is.",
            seed=networks[0].run.experiment.seed,
        )
    ]
    if shown < settings:
        notes.append(say("{shown} of {count} settings with weights are shown.", shown=shown, count=settings))
    if len(same) < len(with_weights):
        notes.append(say("Only those on {dataset} are shown, so that all see the same images.", dataset=dataset))
    assert len(models) == len(networks)
    return Insides(networks, data, notes)


def _choose(runs: Runs) -> tuple[list[Network], int]:
    """Return a network of each setting and length, up to the most that are drawn, and the number of settings."""
    values = runs.values()
    fields = [name for name in FIELDS if len(values[name]) > 1 and name not in NO_SETTING]
    names = {id(run): setting_words(run, fields) if fields else ONE_SETTING for run in runs}  # in the course's order
    settings: dict[str, dict[int, Run]] = {name: {} for name in names.values()}  # → length → the lowest seed's run
    for run in sorted(runs, key=lambda run: run.experiment.seed):
        settings[names[id(run)]].setdefault(run.snapshots[-1], run)
    networks = []
    for setting, by_length in list(settings.items())[:MOST_SETTINGS]:
        lengths = sorted(by_length)
        shown = lengths if len(lengths) <= MOST_LENGTHS else [*lengths[: MOST_LENGTHS - 1], lengths[-1]]
        networks += [Network(setting, length, by_length[length]) for length in shown]
    return networks, len(settings)
