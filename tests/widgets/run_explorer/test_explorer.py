"""Test RunExplorer without a browser: compare it with the plain functions and a bare forward pass."""

import ipywidgets
import numpy as np
import pytest
import torch
from living import living_widgets
from pictures import assert_all_within, picture
from two_runs import BASE, train

from cnnlab import Experiment, RunExplorer, bank, load_runs, run, saliency, sweep
from cnnlab.errors import ConfigError
from cnnlab.widgets.run_explorer import explorer as runs_module
from cnnlab.widgets.run_explorer.curves import NOT_RECORDED
from cnnlab.widgets.web.canvas import sequential_pixels

TINY = Experiment(train_size=100, validation_size=50, channels=(4,), hidden=8, epochs=2)


def relu1(run, epoch, image):
    """Return the feature maps after relu1, by a bare forward pass."""
    with torch.no_grad():
        return run.model(epoch)[:2](image.images)[0]


def test_at_the_start_the_last_epoch_of_both_runs_is_shown(panel, trained):
    assert (panel.first.label, panel.second.label) == ("pooling=max", "pooling=avg")
    assert panel.epoch.options == (0, 1, 2)
    assert panel.epoch.value == 2
    assert panel.layer.options == ("conv1", "relu1", "pool1", "conv2", "relu2", "pool2")
    assert panel.layer.value == "relu1"
    image = trained[0].experiment.load_data().validation[0]
    maps = [relu1(one, 2, image) for one in trained]
    limit = float(max(one.max() for one in maps))
    for canvas, one in zip(panel.maps, maps, strict=True):
        tiles = picture(canvas)
        assert tiles.shape == (26, 51, 4)  # 5 maps of 12×12, four side by side, one pixel apart
        assert (tiles[1:13, 13:25] == sequential_pixels(one[1], limit)).all()
        assert (tiles[14:26, 0:12] == sequential_pixels(one[4], limit)).all()
    for canvas, one in zip(panel.saliency, trained, strict=True):
        expected = saliency(one.model(2), image.images)[0].abs().sum(0)
        assert (picture(canvas) == sequential_pixels(expected, float(expected.max()))).all()


def test_one_slider_moves_everything_of_both_runs(panel, trained):
    before = {canvas: bytes(canvas.pixels) for canvas in (*panel.maps, *panel.saliency)}
    plot = panel.plot.picture
    panel.epoch.value = 1
    assert all(bytes(canvas.pixels) != pixels for canvas, pixels in before.items())
    assert panel.plot.picture != plot
    curves = panel._curves
    assert list(curves._cursor.get_xdata()) == [1, 1]
    for place, one in enumerate(trained):
        row = one.history.rows[0]
        names = ["conv1", "conv2", "fc1", "logits"]
        assert list(curves._flow[place].get_ydata()) == [row[f"{name}.gradient_norm"] for name in names]
        (x,), (y,) = curves._dots[place].get_data()
        assert (x, y) == (1, row["validation_loss"])
        weights = one.model(1).conv1.weight.detach().numpy().ravel()
        counts, _ = np.histogram(weights, curves._weight_edges)
        assert list(curves._weights[place].get_ydata()) == pytest.approx(counts / counts.max())
    shown = trained[0].history.rows[0]["validation_loss"]
    assert f"after epoch 1: pooling=max validation loss {shown:.3f}" in panel.plot.label


@pytest.mark.parametrize("which", [0, 1])
def test_pointing_at_a_unit_marks_what_it_sees_in_the_image(panel, trained, which):
    panel.maps[which].cursor = [14 + 0, 0 + 11]  # the fifth map's upper right corner
    image = trained[0].experiment.load_data().validation[0]
    values = " and ".join(f"{float(relu1(one, 2, image)[4, 0, 11]):.2f}" for one in trained)
    assert panel.status.value.endswith(
        f"relu1, unit 4, row 0, column 11: {values}; it sees rows 0 to 1, columns 10 to 11."
    )
    assert panel.input.rectangle == [0, 10, 2, 2]
    assert [canvas.cursor for canvas in panel.maps] == [[14, 11], [14, 11]]
    panel.maps[which].cursor = [12, 12]  # between the maps: on in the same direction, from column 11 to the right
    assert "unit 1, row 11, column 0" in panel.status.value
    panel.maps[which].cursor = [25, 50]  # where there is no fourth map in the second row
    assert "unit 4" in panel.status.value


def test_another_layer_and_another_image(panel, trained):
    panel.layer.value = "pool2"
    panel.image_index.value = 7
    image = trained[0].experiment.load_data().validation[7]
    assert panel.input.caption.startswith(f"a {image.classes[int(image.labels[0])]};")
    with torch.no_grad():
        maps = trained[1].model(2)[:6](image.images)[0]
    assert picture(panel.maps[1]).shape == (4, 11, 4)
    assert panel.maps[1].title == "pool2: pooling=avg"
    limit = float(max(maps.max(), _pool2(trained[0], image).max()))
    assert (picture(panel.maps[1])[1:4, 0:3] == sequential_pixels(maps[0], limit)).all()


def _pool2(run, image):
    with torch.no_grad():
        return run.model(2)[:6](image.images)[0]


def test_runs_of_one_setting_are_named_by_their_seeds(trained):
    panel = RunExplorer([*trained, train(BASE.replace(seed=3))])
    assert [label for label, _ in panel.first.options] == [
        "pooling=max, seed=0", "pooling=avg, seed=0", "pooling=max, seed=3",
    ]  # fmt: skip
    panel.second.value = 2
    texts = [text.get_text() for ax in panel.plot.figure.axes for text in ax.texts]
    assert NOT_RECORDED not in texts  # one of the two has them
    panel.first.value = 2
    texts = [text.get_text() for ax in panel.plot.figure.axes for text in ax.texts]
    assert NOT_RECORDED in texts
    panel.close()


def test_runs_on_different_data_are_refused_in_the_panel_until_another_is_chosen(trained):
    panel = RunExplorer([*trained, train(BASE.replace(data_seed=1))])
    before = panel.plot.picture
    panel.second.value = 2
    assert "were trained on different data; choose two of one data set" in panel.status.value
    assert "cnnlab-error" in panel.status.value
    assert panel.plot.picture == before
    panel.epoch.value = 0  # nothing is drawn until two runs fit together: no mixture of three runs
    assert "were trained on different data" in panel.status.value
    assert panel.plot.picture == before
    panel.second.value = 1
    assert panel.status.error is None
    panel.close()


def test_of_several_data_sets_it_begins_with_two_runs_that_fit(trained):
    other = train(BASE.replace(data_seed=1))
    panel = RunExplorer([trained[0], other, trained[1]])
    assert (panel.first.value, panel.second.value) == (0, 2)
    panel.close()


def test_it_begins_with_two_settings_where_there_are_two(trained):
    panel = RunExplorer([trained[0], train(BASE.replace(seed=3)), trained[1]])
    assert (panel.first.value, panel.second.value) == (0, 2)
    panel.close()


def test_the_keys_reach_every_map(panel):
    """Move the cursor as the page does: one step for each key."""
    maps = panel.maps[0]
    units = set()
    for keys in ([(0, 1)] * 60, [(1, 0)] * 40, [(0, -1)] * 60, [(-1, 0)] * 40):
        for down, right in keys:
            row, column = maps.cursor
            maps.cursor = [min(max(row + down, 0), maps.height - 1), min(max(column + right, 0), maps.width - 1)]
            units.add(panel._pointed[0])
    assert units == {0, 1, 2, 3, 4}
    assert maps.cursor == [1, 0]


def test_two_runs_with_weights_are_needed(trained):
    with pytest.raises(ConfigError, match="two runs that kept weights of two epochs or more, got 1 in 2 runs"):
        RunExplorer([trained[0], run(BASE.replace(pooling="none"), progress=False)])


def test_without_runs_it_shows_the_bank():
    panel = RunExplorer()
    for plot in (panel.plot, panel.distributions):
        assert_all_within(plot)
    assert len(panel.first.options) == len(load_runs(bank("experiment_b")).filter(epochs=100, seed=0)) == 4
    assert len(panel.epoch.options) == 12
    panel.close()


def test_an_error_is_shown_escaped_and_the_pictures_stay(panel, monkeypatch):
    def fail(*_):
        raise RuntimeError("<b>")

    before = panel.plot.picture
    monkeypatch.setattr(runs_module.Side, "answer", fail)
    panel.epoch.value = 0
    assert panel.status.value == '<span class="cnnlab-error">RuntimeError: &lt;b&gt;</span>'
    assert panel.plot.picture == before
    monkeypatch.undo()
    panel.epoch.value = 1
    assert panel.status.error is None


def test_closing_leaves_no_widget_and_the_text_is_fixed(trained):
    before = set(ipywidgets.widgets.widget._instances)
    panel = RunExplorer(trained)
    assert repr(panel) == "<RunExplorer: a live panel; run this cell to use it>"
    panel.close()
    assert set(ipywidgets.widgets.widget._instances) == before


def test_what_a_unit_sees_is_told_of_each_run_and_framed_for_the_one_pointed_at():
    panel = RunExplorer()
    names = [side.name for side in panel._pair]
    fields = [side.field("relu1", 0, 3, 3) for side in panel._pair]
    assert fields == [(2, 2, 5, 5), (1, 1, 6, 6)], names  # 3×3 and 5×5 around row 3, column 3
    assert (
        "it sees in the first run rows 2 to 4, columns 2 to 4, and in the second run rows 1 to 5, columns 1 to 5"
        in panel.status.value
    )
    assert panel.input.rectangle == [2, 2, 3, 3]
    panel.maps[1].cursor = [5, 3]  # a row further down
    assert panel.input.rectangle == [2, 1, 5, 5]
    assert "second run" in panel.input.caption
    panel.close()


def test_runs_that_can_stand_side_by_side_are_found_in_any_order(tmp_path):
    def with_weights(seed, epochs):
        store = tmp_path / str(seed)
        return sweep([TINY.replace(seed=seed, epochs=5)], store=store, workers=1, snapshots=epochs, progress=False)[0]

    first, second, third = with_weights(0, (0, 1, 2)), with_weights(1, (0, 1)), with_weights(2, (3, 4, 5))
    for runs, chosen in (
        ([first, second, third], (0, 1)),
        ([first, third, second], (0, 2)),
        ([third, first, second], (1, 2)),
    ):
        panel = RunExplorer(runs)
        assert (panel.first.value, panel.second.value) == chosen
        panel.close()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda _: RunExplorer(5), "wanted runs"),
    ],
)
def test_wrong_arguments_are_told_in_words_and_leave_no_widget_behind(wrong, words):
    before = living_widgets()
    with pytest.raises(ConfigError, match=words):
        wrong(None)
    assert living_widgets() == before
