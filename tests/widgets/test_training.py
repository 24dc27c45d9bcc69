"""TrainingPanel without a browser: controls, Start and Stop, the thread, what is compared, the code that repeats it."""

import re
import threading
import time
from xml.etree import ElementTree

import ipywidgets
import pytest
import torch
from PIL import Image

import cnnlab
from cnnlab import Experiment, TrainingPanel, compare
from cnnlab.data.loading import count_images
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.run import run
from cnnlab.widgets import trainer, training
from cnnlab.widgets.form import make_controls, read_experiment

SMALL = Experiment(
    dataset="patterns", size=12, train_size=64, validation_size=32, channels=(2,), hidden=4, epochs=2, batch_size=16
)
NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def panel():
    panel = TrainingPanel(SMALL)
    yield panel
    panel.close()


# --- The form


@pytest.mark.parametrize(
    "experiment",
    [
        Experiment(),
        SMALL,
        Experiment(
            dataset="images", folder="my pictures", size=20, grey=False, train_size=77, validation_size=33,
            kernel_size=11, pooling="avg", channels=(3, 5, 7), convs_per_block=4, hidden=17, padding="same",
            data_seed=12, dropout=0.25, epochs=41, optimizer="sgd", learning_rate=0.0123, momentum=0.77,
            weight_decay=0.02,
            batch_size=20, patience=4, min_delta=0.005, seed=99,
        ),
        Experiment(dataset="patterns", structure="mark", scale=5, noise=0.15, classes=3, size=24),
    ],
)  # fmt: skip
def test_every_field_has_a_control_and_comes_back_as_it_was(experiment):
    controls = make_controls(experiment)
    assert set(controls) == set(FIELDS)
    assert read_experiment(controls) == experiment


def test_a_value_of_its_own_takes_no_other_value_away():
    controls = make_controls(SMALL.replace(train_size=64, validation_size=30, learning_rate=0.0123))
    for name, at in (("train_size", -1), ("validation_size", -1), ("learning_rate", 0)):
        usual = FIELDS[name].steps
        values = [value for _, value in controls[name].options]
        assert values[at] == {"train_size": "all", "validation_size": "a tenth"}.get(name, "usual")
        assert len(values) == len(usual) + 1
        numbers = [value for value in values if not isinstance(value, str)]
        assert numbers == sorted({*usual, getattr(read_experiment(controls), name)} - {None})


def test_every_control_bears_its_fields_name(panel):
    for name in FIELDS:
        words = "first seed" if name == "seed" else name.replace("_", " ")
        assert getattr(panel, name).description == words


def test_a_control_changes_its_own_field_only(panel):
    panel.kernel_size.value = 5
    panel.learning_rate.value = 0.01
    panel.patience.value = 3
    panel.channels.value = "4 8"
    assert panel.experiment == SMALL.replace(kernel_size=5, learning_rate=0.01, patience=3, channels=(4, 8))
    panel.patience.value = "none"
    assert panel.experiment.patience is None


def test_knobs_are_those_of_the_chosen_data_set(panel):
    shown = [name for name in ("structure", "size", "folder") if panel.controls[name].layout.display is None]
    assert shown == ["structure", "size"]
    panel.dataset.value = "mnist"
    shown = [name for name in ("structure", "size", "folder") if panel.controls[name].layout.display is None]
    assert shown == []
    assert panel.experiment.size is None
    panel.dataset.value = "patterns"
    assert panel.experiment.size == 12


# --- What the controls say


def test_the_layer_table_and_the_parameter_count_follow(panel):
    model = cnnlab.build_cnn(3, channels=(2,), hidden=4, input_shape=(1, 12, 12), classes=4)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert panel.status.value == f"{count:,} parameters; 1 run of 2 epochs"
    assert "conv1     2×12×12              20" in panel.layers.value
    panel.kernel_size.value = 7
    panel.seeds.value = 3
    assert panel.status.value == f"{count + 2 * (49 - 9):,} parameters; 3 runs of 2 epochs"
    assert "conv1     2×12×12             100" in panel.layers.value


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("momentum", 0.9, "momentum=0.9 is for &#x27;sgd&#x27;"),
        ("batch_size", 128, "batch_size=128 is larger than train_size=64; try 64"),
        ("channels", "2, two", "channels wants whole numbers with commas between, got &#x27;2, two&#x27;; try 16, 32"),
        ("channels", "", "give at least one positive width"),
        ("channels", "2 2 2 2", "pool4"),
        ("channels", NASTY, "&lt;img"),
        ("dataset", "images", "wants folder="),
    ],
)
def test_what_can_not_be_trained_is_explained_at_once(panel, field, value, words):
    control = getattr(panel, field)
    before = control.value
    control.value = value
    assert panel.status.value.startswith('<span class="cnnlab-error">')
    assert words in panel.status.value
    assert NASTY not in panel.status.value
    assert panel.start.disabled
    with pytest.raises(ConfigError):
        panel.train()
    control.value = before
    assert panel.status.error is None
    assert not panel.start.disabled


def test_a_base_that_can_not_be_shown_is_refused_by_the_experiment_itself():
    with pytest.raises(ConfigError, match="epochs must be"):
        TrainingPanel(Experiment(epochs=-1))


# --- Training


def test_start_trains_in_a_thread_what_run_trains(panel):
    panel.seeds.value = 2
    panel.start.click()
    panel.wait(60)
    assert [one.experiment for one in panel.runs] == [SMALL, SMALL.replace(seed=1)]
    alone = run(SMALL, progress=False)
    plain = panel.runs[0].history
    assert plain["validation_loss"] == alone.history["validation_loss"]
    assert panel.news.value == "Run 2 of 2, seed 1: trained 2 epochs."
    assert panel.bar.value == 1
    assert panel.time_left.value == ""
    assert not panel.start.disabled
    assert panel.stop.disabled
    for name, line in panel._lines.items():
        assert list(line.get_ydata()) == panel.runs[1].history[name]
    last = panel.runs[1].history.last("validation_accuracy")
    assert panel.curves.label.endswith(f"validation accuracy {last:.3f}")


def test_train_does_the_same_in_the_cell_itself(panel):
    panel.train()
    assert panel.runs[0].history["train_loss"] == run(SMALL, progress=False).history["train_loss"]
    assert panel._thread is None


def test_the_two_lines_of_code_repeat_the_runs(panel):
    panel.kernel_size.value = 5
    panel.seeds.value = 2
    panel.seed.value = 3
    panel.train()
    text = panel.experiment.to_code(seeds=2)
    assert len(text.splitlines()) == 2
    assert ipywidgets.HTML(panel.code.value).value == f'<pre class="cnnlab-pre cnnlab-code">{_escaped(text)}</pre>'
    space = {}
    exec(text, space)
    ours = [one.history["validation_loss"] for one in panel.runs]
    assert [one.history["validation_loss"] for one in space["runs"]] == ours


def _escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").replace("'", "&#x27;")


def test_stop_ends_within_a_batch_and_start_works_again(panel):
    panel.epochs.value = 350
    panel.start.click()
    _wait_until(lambda: len(panel._lines["train_loss"].get_xdata()) > 0)
    threads = [thread for thread in threading.enumerate() if thread.name == "cnnlab training"]
    assert len(threads) == 1
    assert panel.start.disabled
    panel.stop.click()
    panel.wait(5)
    assert "stopped in epoch" in panel.news.value
    assert len(panel.runs) == 0  # what is not finished is not compared
    panel.epochs.value = 1
    panel.start.click()
    panel.wait(30)
    assert len(panel.runs) == 1


def test_start_is_never_seen_off_while_another_setting_is_drawn(panel, monkeypatch):
    sent = []
    monkeypatch.setattr(panel.start, "send_state", lambda key=None: sent.append((key, panel.start.disabled)))
    panel.kernel_size.value = 5
    assert all(not disabled for _, disabled in sent)
    panel.channels.value = "none"  # and where it can't be trained, it is off
    assert panel.start.disabled
    assert sent[-1][1] is True


def test_start_twice_trains_once(panel):
    panel.epochs.value = 350
    panel.start.click()
    first = panel._thread
    panel.start.click()
    assert panel._thread is first
    with pytest.raises(ConfigError, match="a training is under way; stop it"):
        panel.train()
    with pytest.raises(TimeoutError, match=r"has not ended within 0\.01 s"):
        panel.wait(0.01)
    panel.stop.click()
    panel.wait(5)


def test_a_training_that_raises_is_shown_and_raised_again_by_wait(panel, monkeypatch):
    def fail(*_arguments, **_options):
        raise RuntimeError(NASTY)

    monkeypatch.setattr(trainer, "run", fail)
    panel.start.click()
    with pytest.raises(RuntimeError):
        panel.wait(10)
    assert panel.news.value == '<span class="cnnlab-error">RuntimeError: &lt;img src=x onerror=alert(1)&gt;</span>'
    assert not panel.start.disabled
    monkeypatch.undo()
    panel.start.click()
    panel.wait(60)
    assert panel.news.error is None


def test_an_interrupt_in_the_cell_stops_the_training_and_no_further_seed_begins(panel, monkeypatch):
    panel.seeds.value = 3
    monkeypatch.setattr(torch.optim.Adam, "step", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    panel.train()
    assert (
        panel.news.value == "Run 1 of 3, seed 0: stopped in epoch 1: the model is untouched; "
        "a run that was stopped is not compared."
    )
    assert not panel.start.disabled


def test_a_diverged_run_says_so_and_is_kept(panel):
    panel.optimizer.value = "sgd"
    panel.learning_rate.options = [*panel.learning_rate.options, ("1e30", 1e30)]
    panel.learning_rate.value = 1e30
    panel.train()
    assert "diverged in epoch" in panel.news.value
    assert len(panel.runs) == 1
    words = "none of these 1 runs has validation_accuracy at &#x27;last&#x27;: diverged, interrupted or too short"
    assert panel.table.value == words
    panel.learning_rate.value = 0.01
    panel.train()
    assert "<td>learning_rate=1e+30</td>" in panel.table.value
    assert "<td>no number there (diverged, interrupted or too short)</td>" in panel.table.value
    assert "<td>learning_rate=0.01</td>" in panel.table.value
    labels = [text.get_text().split("\n")[0] for text in panel.compared.figure.axes[0].get_xticklabels()]
    assert labels == ["A", "B"]  # the names stand in the table: on an axis they would lie over each other
    assert "<td>B</td>\n      <td>learning_rate=1e+30</td>" in panel.table.value


def test_no_epochs_and_an_early_end_leave_a_full_bar():
    panel = TrainingPanel(SMALL.replace(epochs=0))
    panel.train()
    assert panel.news.value == "Run 1 of 1, seed 0: trained 0 epochs: the model is untouched."
    assert panel.bar.value == 1
    panel.close()
    panel = TrainingPanel(SMALL.replace(epochs=100, patience=0, learning_rate=0.0))
    with pytest.warns(UserWarning, match="nothing will be learnt"):
        panel.train()
    assert len(panel.runs[0].history) == 2
    assert panel.bar.value == 1
    panel.close()


def test_a_stop_that_comes_too_late_says_nothing(panel):
    panel.train()
    before = panel.news.value
    panel._end()
    assert panel.news.value == before


def test_a_missing_folder_is_said_before_the_start_and_a_folder_may_be_called_usual(panel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    panel.dataset.value = "images"
    panel.folder.value = "usual"
    assert "folder=&#x27;usual&#x27; does not exist" in panel.status.value
    assert panel.start.disabled
    for name in ("cats", "dogs"):
        make_pictures(tmp_path / "usual" / name, 60)
    panel.grey.value = True
    assert panel.status.error is None
    model = cnnlab.build_cnn(3, channels=(2,), hidden=4, input_shape=(1, 12, 12), classes=2)
    assert panel.status.value.startswith(f"{sum(value.numel() for value in model.parameters()):,} parameters")


def test_too_few_pictures_are_said_before_the_start_and_counted_once(panel, tmp_path, monkeypatch):
    counted = []
    monkeypatch.setattr(training, "count_images", lambda folder: counted.append(folder) or count_images(folder))
    folder = tmp_path / "mine"
    for name in ("cats", "dogs"):
        make_pictures(folder / name, 30)
    panel.dataset.value = "images"
    panel.folder.value = str(folder)
    assert "train=64 and validation=32 ask for 96 images, but &#x27;mine&#x27; has 54" in panel.status.value
    assert panel.start.disabled
    panel.train_size.value, panel.validation_size.value = "all", "a tenth"
    # of 60 pictures 6 are locked away, of the other 54 a tenth, rounded down, is for validation: 49 remain
    assert panel.status.error is None
    del counted[:]
    for size in (32, 16, 8, 16):
        panel.batch_size.value = size
    panel.kernel_size.value = 5
    assert panel.status.error is None
    assert counted == []
    panel.batch_size.value = 64
    assert "batch_size=64 is larger than the 49 training images; try 49" in panel.status.value
    assert panel.start.disabled
    make_pictures(folder / "cats", 60)  # now 90: 81 without the test set, 73 without validation
    panel.hidden.value = 8
    assert panel.status.error is None
    panel.batch_size.value = 16
    panel.validation_size.value = 100
    assert "validation=100 leaves nothing of the 81 images of &#x27;mine&#x27;; make it smaller" in panel.status.value
    panel.validation_size.value = "a tenth"
    assert panel.status.error is None
    panel.train()
    assert len(panel.runs) == 1
    (tmp_path / "empty" / "cats").mkdir(parents=True)
    panel.folder.value = str(tmp_path / "empty")
    assert "wants one folder a class, each with pictures in it" in panel.status.value
    assert panel.start.disabled


def make_pictures(folder, count):
    folder.mkdir(parents=True, exist_ok=True)
    for place in range(count):
        Image.new("L", (12, 12), place).save(folder / f"{place}.png")


def test_what_is_not_true_any_more_is_pale(panel):
    panel.momentum.value = 0.9
    assert "cnnlab-stale" in panel.code._dom_classes
    panel.momentum.value = 0.0
    assert "cnnlab-stale" not in panel.code._dom_classes


def test_runs_keep_their_weights_and_if_asked_their_insides(panel):
    panel.insides.value = True
    panel.train()
    finished = panel.runs[0]
    assert finished.snapshots == (0, 1, 2)
    assert "dead_share" in finished.history.metrics
    assert training._spread(350) == [0, 18, 35, 52, 70, 88, 105, 122, 140, 158, 175, 192, 210, 228, 245, 262, 280, 298,
                                     315, 332, 350]  # fmt: skip


# --- Comparing


def test_finished_runs_are_compared_with_the_first_setting(panel):
    panel.seeds.value = 3
    panel.train()
    assert "setting" in panel.compared.label
    panel.pooling.value = "avg"
    panel.train()
    verdict = compare(panel.runs, by="pooling").verdicts["avg"]
    assert f"<td>{verdict}</td>" in panel.table.value
    assert panel.compared.label.endswith(f"pooling=avg: {verdict}")
    assert panel.reference.options == ("A", "B")
    panel.reference.value = "B"  # the same interval, seen from the other side
    opposite = {"better": "worse", "worse": "better"}.get(verdict, verdict)
    assert panel.compared.label.endswith(f"pooling=max: {opposite}")
    panel.reference.value = "A"
    before = panel.compared.picture
    panel.metric.value = "validation_loss"
    assert panel.compared.picture != before
    assert panel.compared.label.startswith("validation_loss by setting")
    panel.forget.click()
    assert len(panel.runs) == 0
    assert panel.table.value == training.NO_RUNS
    assert panel.forget.disabled


def table_of(panel):
    """The panel's table, column by column."""
    found = ElementTree.fromstring(re.search("<table.*</table>", panel.table.value, re.DOTALL)[0])
    names, *rows = [[cell.text or "" for cell in row] for row in found.iter("tr")]
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def test_the_reference_is_chosen_by_letter_and_letters_stay_in_the_order_of_training(panel):
    for pooling in ("none", "max", "avg"):
        panel.pooling.value = pooling
        panel.train()
    panel.reference.value = "C"
    table = table_of(panel)
    assert table["letter"] == ["C", "A", "B"]
    assert table["setting"] == ["pooling=avg", "pooling=none", "pooling=max"]
    assert table["verdict"] == ["reference", "cannot tell", "cannot tell"]
    assert "Compared with C seed by seed" in panel.table.value
    panel.pooling.value, panel.kernel_size.value = "none", 5
    panel.train()
    assert (panel.reference.options, panel.reference.value) == (("A", "B", "C", "D"), "C")


def test_seeds_that_the_reference_lacks_are_counted_apart(panel):
    panel.train()  # A: one seed
    panel.pooling.value, panel.seeds.value = "avg", 3
    panel.train()
    table = table_of(panel)
    assert table["seeds"] == ["1", "1 of 3"]
    assert table["why"][1] == "1 seed in common: three or more are needed"
    paired = compare(panel.runs.filter(seed=panel.seed.value), by="pooling").levels[1]
    assert [float(table[name][1]) for name in ("mean", "difference")] == pytest.approx(
        [paired.mean, paired.difference], abs=5e-5
    )


# --- The end


def test_closing_stops_the_training_and_leaves_no_widget():
    before = set(_widgets())
    panel = TrainingPanel(SMALL.replace(epochs=100_000))
    panel.start.click()
    thread = panel._thread
    panel.close()
    assert not thread.is_alive()
    assert set(_widgets()) == before


def _widgets():
    return ipywidgets.widgets.widget._instances


def test_the_panel_has_the_same_text_in_every_kernel(panel):
    assert repr(panel) == "<TrainingPanel: a live panel; run this cell to use it>"


def test_on_colab_a_cell_trains(monkeypatch):
    monkeypatch.setattr(trainer, "ON_COLAB", True)
    panel = TrainingPanel(SMALL)
    everything = _below(panel)
    assert panel.start not in everything
    assert panel.stop not in everything
    (words,) = [part.value for part in everything if isinstance(part, ipywidgets.HTML) and "Colab" in part.value]
    assert "<code>panel.train()</code>" in words
    panel.train()
    assert len(panel.runs) == 1
    panel.close()


def _below(widget):
    return [widget, *(part for child in getattr(widget, "children", ()) for part in _below(child))]


def _wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
