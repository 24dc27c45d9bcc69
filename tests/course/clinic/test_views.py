"""Test the five views: each draws the patient's own numbers, with the functions of the course."""

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes

from cnnlab import DISEASES, EVIDENCE, admit_patients, plot_patient
from cnnlab.course.clinic.recording import LAYERS
from cnnlab.course.clinic.views import VIEWS, nearest_images
from cnnlab.course.exercises.notebook_09 import disease_of
from cnnlab.errors import ConfigError

SICK = {disease_of(patient): patient for number, patient in admit_patients(0).items() if number}


def lines_of(ax):
    return {line.get_label(): line.get_ydata() for line in ax.lines if not line.get_label().startswith("_")}


def words_on(figure):
    axes = [part for ax in figure.axes for part in (ax, *ax.child_axes) if isinstance(part, Axes)]
    return [text.get_text() for ax in axes for text in ax.texts] + [ax.get_title() for ax in axes]


def test_a_student_can_name_each_view_as_evidence():
    assert (*VIEWS, "all of them") == EVIDENCE


@pytest.mark.parametrize("disease", DISEASES)
def test_every_view_of_every_patient_can_be_drawn(disease):
    for view in VIEWS:
        figure = plot_patient(SICK[disease], view, epoch=1)
        assert figure.get_size_inches().tolist() == [5.4, 4.3]


def test_the_curves_are_the_history_with_a_line_at_the_epoch():
    patient = SICK["too few images"]
    loss, accuracy = plot_patient(patient, "curves", epoch=5).axes
    assert list(lines_of(loss)["validation"]) == patient.history["validation_loss"]
    assert list(lines_of(accuracy)["training"]) == patient.history["train_accuracy"]
    assert [line.get_xdata()[0] for ax in (loss, accuracy) for line in ax.lines if len(line.get_xdata()) == 2] == [5, 5]
    assert loss.get_ylim()[0] == 0
    assert accuracy.get_ylim() == (0, 1)


def test_dead_units_are_counted_in_the_activations():
    words = words_on(plot_patient(SICK["dead ReLUs"], "activations"))
    assert "100% zeros, 8 of 8 dead" in words
    assert "100% zeros, 16 of 16 dead" in words
    assert not [text for text in words_on(plot_patient(SICK["healthy"], "activations")) if "8 of 8 dead" in text]


def test_both_gradients_and_the_steps_are_drawn():
    patient = SICK["gradients never zeroed"]
    norms, steps = plot_patient(patient, "gradients", epoch=2).axes
    drawn = lines_of(norms)
    assert (drawn["that the step uses"] > 3).all()
    assert np.isnan(drawn["of one batch"]).all()  # zero: a layer has died
    assert norms.get_title().replace("\n", " ") == "a missing point means 0"
    expected = [row.update_ratio for row in patient.gradients(2)["that the step uses"].values()]
    assert steps.lines[-1].get_ydata() == pytest.approx(expected)
    assert [text.get_text() for text in steps.get_xticklabels()] == list(LAYERS)
    healthy = plot_patient(SICK["healthy"], "gradients").axes
    assert [ax.get_ylim() for ax in healthy][1] == steps.get_ylim()  # so that patients can be compared


def test_equal_kernels_are_seen_to_be_equal():
    tiles = {}
    for disease in ("equal weights", "healthy"):
        kernels = next(ax for ax in plot_patient(SICK[disease], "weights").axes if ax.images)
        picture = np.ma.filled(kernels.images[0].get_array(), np.nan)
        rows, columns = (~np.isnan(picture).all(1)).nonzero()[0], (~np.isnan(picture).all(0)).nonzero()[0]
        picture = picture[np.ix_(rows, columns)]  # without the gaps
        tiles[disease] = [picture[row : row + 3, left : left + 3] for row in (0, 3) for left in (0, 3, 6)]
    assert all(np.array_equal(tile, tiles["equal weights"][0]) for tile in tiles["equal weights"])
    assert not any(np.allclose(tile, tiles["healthy"][0]) for tile in tiles["healthy"][1:])


def test_the_inputs_are_drawn_on_the_scale_that_the_network_gets_and_with_its_labels():
    for disease, highest in (("unnormalized input", 255.0), ("healthy", pytest.approx(2.8, abs=0.1))):
        axes = plot_patient(SICK[disease], "inputs").axes
        assert [ax.images[0].get_clim()[1] for ax in axes[:3]] == [highest] * 3
        assert axes[3].get_ylabel() == "what the network gets, per pixel"
    labels = {}
    for disease in ("shuffled labels", "healthy"):
        ax = plot_patient(SICK[disease], "inputs").axes[0]
        labels[disease] = [text.get_text() for text in ax.texts]
        assert labels[disease] == [str(int(label)) for label in SICK[disease].images()[0].labels[:8]]
    assert sum(a != b for a, b in zip(*labels.values(), strict=True)) >= 5
    assert plot_patient(SICK["too few images"], "inputs").axes[0].get_title().startswith("the first 8 of 30 training")


def test_a_leak_is_a_distance_of_0():
    axes = plot_patient(SICK["leaked validation images"], "inputs").axes
    assert [text.get_text() for text in axes[2].texts] == ["0"] * 8
    distances = [float(text.get_text()) for text in plot_patient(SICK["healthy"], "inputs").axes[2].texts]
    assert min(distances) > 0.1


def test_the_nearest_image_is_the_one_with_the_least_squares():
    others = torch.stack([torch.full((1, 2, 2), value) for value in (0.0, 1.0, 5.0)])
    distances, places = nearest_images(torch.stack([torch.full((1, 2, 2), 3.5), others[1]]), others)
    assert distances.tolist() == [1.5, 0.0]
    assert places.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SICK["healthy"], "curve"), "unknown view 'curve'; did you mean 'curves'?"),
        ((3, "curves"), "plot_patient wants a patient, such as admit_patients"),
        ((SICK["healthy"], "curves", 13), "epoch must be at most 12 for patient"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, message):
    with pytest.raises(ConfigError) as error:
        plot_patient(*arguments[:2], **({"epoch": arguments[2]} if len(arguments) > 2 else {}))
    assert message in str(error.value)
