"""Test the panel of the clinic without a browser: set controls from Python, and check picture and words."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from cnnlab import Clinic, admit_patients, plot_patient, treat
from cnnlab.course.clinic.views import SIZE, VIEWS
from cnnlab.errors import ConfigError
from cnnlab.widgets.panel_picture import png_of


@pytest.fixture
def panel():
    panel = Clinic(admit_patients(seed=4))
    yield panel
    panel.close()


def test_each_control_changes_the_picture_and_the_words(panel):
    assert [name for name, _ in panel.patient.options] == ["0 (healthy)", *map(str, range(1, 12))]
    assert panel.view.options == tuple(VIEWS)
    before = panel.plot.pixels()
    panel.patient.value = 3
    assert (panel.plot.pixels() != before).any()
    history = panel.patients[3].history
    last = history.last("train_loss")
    assert panel.status.value.startswith(f"Patient 3, curves, after epoch 12 of 12: training loss {last:.3g}")
    seen = [panel.plot.pixels()]
    for view in list(VIEWS)[1:]:
        panel.view.value = view
        seen.append(panel.plot.pixels())
        after = "" if view == "inputs" else ", after epoch 12"  # the inputs are the same after all epochs
        assert panel.plot.label.startswith(f"patient 3, {view}{after}: ")
        assert panel.status.value.startswith(f"Patient 3, {view}, after epoch 12 of 12: ")
    assert len({pixels.tobytes() for pixels in seen}) == 5
    panel.view.value = "gradients"
    panel.epoch.value = 1
    assert (panel.plot.pixels() != seen[2]).any()
    assert f"after epoch 1 of 12: training loss {history['train_loss'][0]:.3g}" in panel.status.value


def test_it_draws_what_the_function_draws(panel, monkeypatch):
    drawn = []

    def noting(patient, view, **options):
        drawn.append((patient.number, view, options["epoch"]))
        return plot_patient(patient, view, **options)

    monkeypatch.setattr("cnnlab.course.clinic.panel.plot_patient", noting)
    panel.patient.value, panel.view.value, panel.epoch.value = 7, "weights", 2
    assert drawn[-1] == (7, "weights", 2)


def test_the_picture_is_dimmed_while_a_view_is_drawn_and_its_label_changes_with_it(panel, monkeypatch):
    steps = []

    def noting(*choice, **options):
        steps.append(("draws", panel.plot.label, panel.plot.is_outdated))
        return plot_patient(*choice, **options)

    monkeypatch.setattr("cnnlab.course.clinic.panel.plot_patient", noting)
    before = panel.plot.label
    panel.plot.observe(lambda _: steps.append(("shows", "", panel.plot.is_outdated)), "picture")
    panel.view.value = "gradients"
    assert steps == [("draws", before, True), ("shows", "", True)]  # no old picture is bright again for a moment
    assert panel.plot.label.startswith("patient 0, gradients, after epoch 12: ")
    assert not panel.plot.is_outdated


def test_a_picture_that_can_not_be_drawn_leaves_the_last_one_bright_and_the_next_one_whole(panel, monkeypatch):
    before, label = panel.plot.pixels(), panel.plot.label

    def failing(*_choice, **_options):
        raise ConfigError("no room")

    with monkeypatch.context() as patch:
        patch.setattr("cnnlab.course.clinic.panel.plot_patient", failing)
        panel.view.value = "gradients"
    assert "no room" in panel.status.value
    assert (panel.plot.pixels() == before).all()
    assert panel.plot.label == label
    assert not panel.plot.is_outdated
    panel.view.value = "curves"
    assert (panel.plot.pixels() == before).all()
    assert panel.status.error is None


def test_another_epoch_moves_the_line_in_the_curves_and_draws_nothing_else_anew(panel, monkeypatch):
    panel.patient.value = 3
    fresh = Clinic(panel.patients)
    fresh.epoch.value = 5
    fresh.patient.value = 3  # draws the view anew at epoch 5
    monkeypatch.setattr("cnnlab.course.clinic.panel.plot_patient", None)  # would be an error in the status line
    label = panel.plot.label
    panel.epoch.value = 5
    assert panel.status.error is None
    assert panel.status.value.startswith("Patient 3, curves, after epoch 5 of 12: ")
    assert (panel.plot.pixels() == fresh.plot.pixels()).all()
    assert panel.plot.label == label.replace("after epoch 12", "after epoch 5") == fresh.plot.label
    fresh.close()


def test_another_epoch_leaves_the_inputs_as_they_are(panel, monkeypatch):
    panel.view.value = "inputs"
    before, label = panel.plot.pixels(), panel.plot.label
    monkeypatch.setattr("cnnlab.course.clinic.panel.plot_patient", None)
    panel.epoch.value = 5
    assert panel.status.error is None
    assert panel.status.value.startswith("Patient 0, inputs, after epoch 5 of 12: ")
    assert (panel.plot.pixels() == before).all()
    assert panel.plot.label == label


def test_no_axes_move_with_the_epoch_and_each_view_finds_room_for_its_own(panel):
    def places():
        return [ax.get_position(original=True).bounds for ax in panel.plot.figure.axes]

    of_curves = places()
    panel.epoch.value = 3
    assert places() == of_curves
    panel.view.value = "gradients"
    assert places() != of_curves
    panel.view.value = "curves"
    assert places() == of_curves


@pytest.mark.parametrize("view", VIEWS)
def test_no_words_are_cut_after_any_epoch(panel, view):
    panel.view.value = view
    figure = panel.plot.figure
    for place, epoch in ((3, 12), (3, 1), (7, 12), (7, 1)):
        panel.patient.value, panel.epoch.value = place, epoch
        inside = figure.get_tightbbox(figure.canvas.get_renderer())  # in inches
        assert 0 <= inside.x0 < inside.x1 <= SIZE[0]
        assert 0 <= inside.y0 < inside.y1 <= SIZE[1]


@pytest.mark.parametrize("view", VIEWS)
def test_it_leaves_a_small_picture_in_the_notebook(panel, view):
    panel.view.value = view
    png = png_of(panel.picture())
    assert len(base64.b64encode(png)) <= 60_000
    assert np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).shape[1] in range(420, 541)
    assert repr(panel) == "<Clinic: a live panel; run this cell to use it>"


def test_treated_patients_stand_beside_the_others_and_may_be_shorter():
    patient = admit_patients()[0]
    panel = Clinic([patient, treat(patient, epochs=2)])
    assert [name for name, _ in panel.patient.options] == ["0 (healthy)", "0 treated"]
    panel.patient.value = 1
    assert panel.status.value.startswith("Patient 0, treated with epochs=2, curves, after epoch 2 of 2: ")
    assert panel.status.error is None
    panel.close()


@pytest.mark.parametrize("patients", [[], {}, 3, "patients", [1, 2], admit_patients()[1]])
def test_what_is_no_patient_is_refused(patients):
    with pytest.raises(ConfigError, match="Clinic wants patients, such as admit_patients"):
        Clinic(patients)


def test_where_every_training_diverged_there_is_nothing_to_show():
    with pytest.raises(ConfigError, match="diverged in its first epoch"):
        Clinic([treat(admit_patients()[0], learning_rate=1e30)])


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("patient", [0, 3, 8])
def test_a_narrow_page_cuts_the_picture_between_the_axes(panel, view, patient):
    panel.patient.value, panel.view.value = patient, view
    if view in ("activations", "inputs"):
        assert panel.plot.cuts == []
        return
    (cut,) = panel.plot.cuts
    figure = panel.plot.figure
    boxes = [ax.get_tightbbox(figure.canvas.get_renderer()) for ax in figure.axes]
    is_left = [box.x1 <= cut + 1 for box in boxes]
    assert all(left or box.x0 >= cut - 1 for left, box in zip(is_left, boxes, strict=True)), (cut, boxes)
    assert 0 < sum(is_left) < len(boxes)
