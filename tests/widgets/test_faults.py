"""Live panels and what they show, used in legal but unusual ways and in wrong ones: no wrong picture, no raw error."""

import itertools
import threading

import ipywidgets
import pytest
from torch import nn

import cnnlab
from cnnlab import (
    ConfigError,
    DrawDigit,
    Experiment,
    OptimizerExplorer,
    TrainingPanel,
    build_cnn,
    fit,
    load_data,
    load_runs,
    run,
    sweep,
)
from cnnlab.experiments.kernel_sizes import kernel_experiments
from cnnlab.widgets.web.canvas import blue_to_red

TINY = Experiment(train_size=100, validation_size=50, channels=(4,), hidden=8, epochs=2)


@pytest.fixture(scope="module")
def digits():
    return load_data("mnist", train=200, validation=60, test=10)


def alive():
    return set(ipywidgets.widgets.widget._instances)


# --- A panel looks into networks of its own


def test_moving_a_panels_slider_does_not_change_the_training_of_its_network(digits):
    def trained(move):
        model = build_cnn(3, "max", channels=(4,), hidden=8, dropout=0.5, seed=0)
        panel = cnnlab.PoolingExplorer(model, digits.validation[:10])
        over = threading.Event()

        def keep_moving():
            place = 0
            while move and not over.wait(0.002):
                place += 1
                panel.image_index.value = place % 10

        mover = threading.Thread(target=keep_moving)
        mover.start()
        history = fit(model, digits, epochs=3, progress=False)
        over.set()
        mover.join()
        assert panel.status.error is None
        panel.close()
        return [row["train_loss"] for row in history.rows]

    assert trained(move=True) == trained(move=False)


def test_two_panels_share_no_network():
    one, other = cnnlab.PoolingExplorer(), cnnlab.PoolingExplorer()
    first, second = cnnlab.DrawDigit(), cnnlab.DrawDigit()
    assert one.model is not other.model
    assert all(first.models[name] is not second.models[name] for name in first.models)
    for panel in (one, other, first, second):
        panel.close()


def test_a_panels_network_is_in_eval_mode_and_the_given_one_stays_as_it_was(digits):
    model = build_cnn(dropout=0.5).train()
    panel = cnnlab.DrawDigit({"mine": model}, digits)
    assert model.training
    assert not panel.models["mine"].training
    panel.close()


# --- PoolingExplorer's colours


class Signed(nn.Sequential):
    """One convolution whose output is negative everywhere: −5, and at most 9 × 0.02 × 2.83 beside it."""

    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(1, 2, 3, padding=1)
        nn.init.constant_(self.c.weight, 0.02)
        nn.init.constant_(self.c.bias, -5.0)


def test_maps_with_values_below_zero_are_blue_and_red(digits):
    panel = cnnlab.PoolingExplorer(Signed(), digits.validation[:10], layer="c")
    panel.right.value = 3
    colours = {bytes(panel.map.pixels)[at : at + 4] for at in range(0, len(panel.map.pixels), 4)}
    assert len(colours) > 3
    assert panel.map.caption.startswith("28×28, blue −5.")
    assert panel.changed.caption == panel.map.caption.removeprefix("28×28, ")
    assert "1.41 the reverse" in panel.status.value
    panel.close()


def test_the_scale_of_small_numbers_is_never_told_as_zero():
    assert [blue_to_red(limit) for limit in (0.004, 0.5, 0)] == [
        "blue −0.004, white 0, red 0.004", "blue −0.50, white 0, red 0.50", "all zero",
    ]  # fmt: skip


def test_the_window_is_never_larger_than_the_map(digits):
    model = nn.Sequential()
    for place in range(1, 5):
        model.add_module(f"pool{place}", nn.MaxPool2d(2))
    panel = cnnlab.PoolingExplorer(model, digits.validation[:3], layer="pool4")
    assert (panel.size.value, panel.size.max) == (1, 1)
    assert panel.status.error is None
    panel.close()


# --- RunExplorer


def test_what_a_unit_sees_is_told_of_each_run_and_framed_for_the_one_pointed_at():
    panel = cnnlab.RunExplorer()
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
        panel = cnnlab.RunExplorer(runs)
        assert (panel.first.value, panel.second.value) == chosen
        panel.close()


# --- Trainers


def test_wait_raises_what_start_could_not_begin():
    panel = cnnlab.TrainingPanel(TINY)
    panel.channels.value = "x"
    panel.start.click()
    with pytest.raises(ConfigError, match="channels"):
        panel.wait()
    panel.close()


def test_wait_raises_what_broke_while_the_training_was_drawn(monkeypatch):
    panel = cnnlab.KernelExperiment(TINY)
    panel.seeds.value = 2

    def broken(_words):
        raise RuntimeError("cannot draw")

    monkeypatch.setattr(panel, "_show", broken)
    panel.start.click()
    with pytest.raises(RuntimeError, match="cannot draw"):
        panel.wait()
    panel.close()


def test_a_kernel_experiment_without_validation_images_is_refused_before_it_trains():
    with pytest.raises(ConfigError, match="validation_size=0 leaves nothing to compare by"):
        cnnlab.KernelExperiment(TINY.replace(validation_size=0))


def test_a_kernel_experiment_of_ones_own_needs_no_bank(monkeypatch):
    from cnnlab.errors import DataError
    from cnnlab.widgets import kernel

    def missing():
        raise DataError("no results bank")

    monkeypatch.setattr(kernel, "_bank", missing)
    panel = cnnlab.KernelExperiment(TINY)
    assert not panel.start.disabled
    panel.data.value = "digits"
    assert "no results bank" in panel.status.value
    panel.close()


# --- StoppingExplorer


def test_trainings_that_differ_in_patience_alone_are_one_recording_at_its_longest():
    runs = [run(TINY), run(TINY.replace(epochs=4, patience=3)), run(TINY.replace(epochs=8))]
    panel = cnnlab.StoppingExplorer(runs)
    assert [len(history) for history in panel.recordings.values()] == [8]
    panel.close()


def test_a_run_without_a_recording_is_left_out_and_the_panel_says_so():
    diverged = run(TINY.replace(optimizer="sgd", learning_rate=1e30, seed=1))
    assert len(diverged.history) == 0
    panel = cnnlab.StoppingExplorer([run(TINY), diverged])
    assert len(panel.recordings) == 1
    assert panel.status.value.endswith("Left out: 1 of 2 recordings, without a validation loss.")
    panel.close()
    with pytest.raises(ConfigError, match="no finished epoch"):
        cnnlab.StoppingExplorer(diverged)


def test_nearly_everything_is_not_everything():
    panel = cnnlab.StoppingExplorer()
    panel.epochs.value = 1
    assert "349 of 350 epochs (99 %)" in panel.status.value
    panel.close()


# --- PredictThenRun


def test_another_panels_answer_that_is_no_choice_here_is_told_in_words():
    book = cnnlab.Scorebook()

    def never():
        raise AssertionError

    one = cnnlab.PredictThenRun("Which?", never, choices=iter([3, 5]), scorebook=book)
    other = cnnlab.PredictThenRun("Which?", never, choices=[3, 7], scorebook=book)
    other.answer.value = "7"
    other.commit.click()
    for _ in range(2):
        one.answer.value = "3"
        one.commit.click()
        assert "which is no choice any more" in one.status.value
    one.close()
    other.close()


# --- What the panels rest on


def test_seeds_from_a_generator_reach_every_kernel_size():
    experiments = kernel_experiments(TINY, seeds=(seed for seed in range(3)))
    assert [one.kernel_size for one in experiments] == [3, 3, 3, 5, 5, 5, 7, 7, 7]


def test_a_run_is_loaded_once_however_often_it_was_asked_for(tmp_path):
    quiet = {"workers": 1, "progress": False}
    sweep([TINY], store=tmp_path / "a", **quiet)
    sweep([TINY.replace(min_delta=0.01)], store=tmp_path / "a", **quiet)
    assert len(load_runs(tmp_path / "a")) == 1
    for patience in (2, None, 2):
        sweep([TINY.replace(patience=patience)], store=tmp_path / "b", **quiet)
    assert sorted(str(one.experiment.patience) for one in load_runs(tmp_path / "b")) == ["2", "None"]


def test_a_share_is_told_as_it_is_and_a_start_at_the_minimum_hides_no_other():
    descent = cnnlab.descend("bowl", learning_rate=0.05)
    assert "below 0.1% since step" in cnnlab.training.descent.describe_descent(descent, share=0.001)
    assert "below 1.5% since step" in cnnlab.training.descent.describe_descent(descent, share=0.015)
    still = cnnlab.descend("bowl", learning_rate=0.05, start=cnnlab.training.descent.SURFACES["bowl"].minima[0])
    words = cnnlab.training.descent.describe_descents({"one": still, "other": descent})
    assert "one began at a minimum, other below 1% since step" in words


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda _: cnnlab.TrainingPanel("x"), "base wants an Experiment, got 'x'"),
        (lambda _: cnnlab.KernelExperiment(5), "base wants an Experiment, got 5"),
        (lambda _: kernel_experiments("x"), "base wants an Experiment"),
        (lambda _: kernel_experiments(TINY, kernel_sizes=3), "kernel_sizes wants several values"),
        (lambda _: cnnlab.RunExplorer(5), "wanted runs"),
        (lambda _: cnnlab.PredictThenRun("Which?", print, choices=[1, 2], scorebook={}), "wants a Scorebook"),
        (lambda d: cnnlab.PoolingExplorer(build_cnn(), d.validation[:3], layer="fc1"), "no maps"),
        (lambda d: cnnlab.PoolingExplorer(build_cnn(input_shape=(3, 28, 28)), d.validation[:3]), "can't take images"),
        (lambda d: cnnlab.PoolingExplorer(build_cnn().double(), d.validation[:3]), "the model is torch.float64"),
        (lambda _: cnnlab.DrawDigit({}), "1 to 6"),
    ],
)
def test_wrong_arguments_are_told_in_words_and_leave_no_widget_behind(digits, wrong, words):
    before = alive()
    with pytest.raises(ConfigError, match=words):
        wrong(digits)
    assert alive() == before


def test_five_networks_leave_the_sixth_place_empty():
    images, network = load_data("mnist", train=100, validation=20, test=10), build_cnn()
    panel = DrawDigit({f"network {place}": network for place in range(5)}, images)
    assert [ax.axison for ax in panel.bars.figure.axes] == [True] * 5 + [False]
    panel.close()


@pytest.mark.parametrize("count", [1, 3, 5])
def test_plots_with_fixed_places_cut_nothing_off_and_nothing_overlaps(count):
    images, network = load_data("mnist", train=100, validation=20, test=10), build_cnn()
    drawing = DrawDigit({"n" * 40 + str(place): network for place in range(count)}, images)
    training, optimizers = TrainingPanel(), OptimizerExplorer()
    for plot in (drawing.bars, training.curves, optimizers.losses):
        assert_all_within(plot)
    for surface in optimizers.surface.options:
        optimizers.surface.value = surface
        assert_all_within(optimizers.map)
    for panel in (drawing, training, optimizers):
        panel.close()


def assert_all_within(plot):
    figure = plot.figure
    boxes = [ax.get_tightbbox(figure.canvas.get_renderer()) for ax in figure.axes if ax.axison]
    width, height = figure.bbox.size
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes), boxes
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2)), boxes
