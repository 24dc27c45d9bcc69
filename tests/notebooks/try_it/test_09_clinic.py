"""Do each *Try it* of notebook 09 as a student would."""

import itertools
import math

from cnnlab import admit_patients, treat
from cnnlab.course.exercises.notebook_09 import disease_of


def test_1_the_two_pairs_with_the_most_similar_losses():
    patients = {disease_of(patient): patient for number, patient in admit_patients(0).items() if number}

    def difference(pair):
        first, second = (patients[name].history["train_loss"] for name in pair)
        return max(abs(a - b) for a, b in zip(first, second, strict=True))

    closest, next_one, *_ = sorted(itertools.combinations(patients, 2), key=difference)
    assert set(closest) == {"equal weights", "shuffled labels"}
    assert difference(closest) < 0.05
    assert set(next_one) == {"dead ReLUs", "vanishing gradients"}
    assert difference(next_one) < 0.1
    assert patients["equal weights"].recording.kernels(12).unique(dim=0).shape[0] == 1
    assert patients["shuffled labels"].recording.kernels(12).unique(dim=0).shape[0] == 8
    dead, vanishing = patients["dead ReLUs"], patients["vanishing gradients"]
    units = [(layer.dead, layer.units) for layer in dead.activations().values()]
    assert sum(count for count, _ in units) > 0.9 * sum(count for _, count in units)
    assert not [layer for layer in dead.gradients()["of one batch"].values() if layer.gradient_norm]
    assert not [layer for layer in vanishing.activations().values() if layer.dead]
    norms = [layer.gradient_norm for layer in vanishing.gradients()["of one batch"].values()]
    assert norms[-1] > 100 * norms[0] > 0


def test_2_the_dead_units_hide_the_wrong_labels():
    healthy = admit_patients(0)[0]
    sick = treat(healthy, initial_bias=-5.0, shuffle_labels=True)
    assert max(abs(loss - math.log(10)) for loss in sick.history["train_loss"]) < 0.05
    assert min(layer.dead_share for name, layer in sick.activations().items() if name != "act1") == 1
    labels = [patient.images()[0].labels for patient in (healthy, sick)]
    assert float((labels[0] == labels[1]).float().mean()) < 0.2
