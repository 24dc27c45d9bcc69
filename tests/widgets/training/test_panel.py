"""Test TrainingPanel without a browser: its controls, its curves, its comparison, and the code that repeats it."""

import re
from xml.etree import ElementTree

import ipywidgets
import pytest
from pictures import assert_all_within
from PIL import Image

import cnnlab
from cnnlab import Experiment, TrainingPanel, compare
from cnnlab.data.loading import count_images
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS
from cnnlab.widgets.training import comparison
from cnnlab.widgets.training import panel as training

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


def test_every_control_bears_its_fields_name(panel):
    for name in [name for name, known in FIELDS.items() if not known.automatic]:
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
        ("channels", "2, two", "channels wants whole numbers with commas, such as 16,32, got &#x27;2, two&#x27;"),
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


def test_a_training_shows_the_curves_once_and_then_leaves_the_tabs_alone(panel, monkeypatch):
    panel.seeds.value = 2
    panel.views.choice.value = "Code"
    shown = []

    def note(_experiment):
        shown.append(panel.views.choice.value)
        panel.views.choice.value = "Layers"

    monkeypatch.setattr(panel, "_options", lambda experiment: note(experiment) or {})
    panel.train()
    assert shown == ["Curves", "Layers"]
    assert panel.views.choice.value == "Layers"


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


def train_far_too_fast(panel, rate):
    """Train with SGD at a learning rate that the slider does not offer."""
    panel.optimizer.value = "sgd"
    panel.learning_rate.options = [*panel.learning_rate.options, (f"{rate:g}", rate)]
    panel.learning_rate.value = rate
    panel.train()


def test_a_diverged_run_says_so_and_is_kept(panel):
    train_far_too_fast(panel, 1e30)
    assert "diverged in epoch" in panel.news.value
    assert len(panel.runs) == 1
    words = "none of these 1 runs has validation_accuracy at &#x27;last&#x27;: diverged, interrupted or too short"
    assert panel.table.value == words
    panel.learning_rate.value = 0.01
    panel.train()
    assert "<td>learning_rate=1e+30</td>" in panel.table.value
    assert "<td>no number there (diverged, interrupted or too short)</td>" in panel.table.value
    assert "<td>learning_rate=0.01</td>" in panel.table.value
    labels = [text.get_text().split("\n")[0] for text in panel.compared.figure.axes[0].get_yticklabels()]
    assert labels == ["A", "B"]  # the names stand in the table: on an axis they would lie over each other
    assert "<td>B</td>\n      <td>learning_rate=1e+30</td>" in panel.table.value


def test_a_run_whose_loss_is_finite_but_huge_has_diverged_and_can_be_compared(panel):
    train_far_too_fast(panel, 1e3)
    assert "diverged at learning_rate=1000: the training loss of epoch 2 is" in panel.news.value
    panel.learning_rate.value = 0.01
    panel.train()
    assert "<td>learning_rate=1000</td>" in panel.table.value.replace("1000.0", "1000")
    assert "no number there" not in panel.table.value


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


@pytest.mark.parametrize("folder", ["~nobody at all/x", "x" * 300, "/dev/null/x"])
def test_a_folder_that_can_be_none_leaves_the_table_of_the_last_settings_grey(panel, folder):
    assert "cnnlab-stale" not in panel.layers._dom_classes
    panel.dataset.value = "images"
    panel.folder.value = folder
    assert f"folder=&#x27;{folder[:40]}" in panel.status.value
    assert panel.start.disabled
    for part in (panel.layers, panel.code):
        assert "cnnlab-stale" in part._dom_classes


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
    assert "must hold a folder for each class, with pictures in it" in panel.status.value
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
    panel.asking.yes.click()
    assert len(panel.runs) == 0
    assert panel.table.value == comparison.NO_RUNS
    assert panel.forget.disabled


def table_of(panel):
    """Return the panel's table: column → its cells."""
    table = ElementTree.fromstring(re.search("<table.*</table>", panel.table.value, re.DOTALL)[0])
    names, *rows = [[cell.text or "" for cell in row] for row in table.iter("tr")]
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


def test_the_panel_has_the_same_text_in_every_kernel(panel):
    assert repr(panel) == "<TrainingPanel: a live panel; run this cell to use it>"


def test_the_curves_are_within_their_figure(panel):
    for plot in panel.curves.plots.values():
        assert_all_within(plot)
