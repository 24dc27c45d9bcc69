"""run: the same bits as fit by hand, snapshots of the weights, and whatever ends a training early."""

import signal
import threading

import pytest
import torch

from cnnlab.data.loading import load_data
from cnnlab.data.training_split import shuffle_labels
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.run import run
from cnnlab.experiments.runs import load_runs
from cnnlab.experiments.sweep import sweep
from cnnlab.interpret.saliency_check import saliency_check
from cnnlab.model.cnn import build_cnn
from cnnlab.training.fit import fit

TINY = Experiment(
    dataset="patterns", size=12, classes=2, train_size=64, validation_size=32, channels=(2,), hidden=8, epochs=2,
    batch_size=32,
)  # fmt: skip


def train(experiment, **settings):
    return run(experiment, progress=False, **settings)


def numbers(history):
    """Return the rows without their seconds."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows]


def same_weights(each, other):
    pairs = zip(each.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


@pytest.mark.parametrize(
    "settings",
    [{}, {"optimizer": "sgd", "momentum": 0.5, "dropout": 0.3}, {"patience": 0, "epochs": 6, "learning_rate": 0.02}],
)
def test_run_equals_fit_by_hand_bit_for_bit(settings):
    experiment = TINY.replace(seed=3, data_seed=1, **settings)
    finished = train(experiment, snapshots=range(7))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        data = load_data("patterns", train=64, validation=32, test=0, seed=1, classes=2, size=12)
        model = build_cnn(
            channels=(2,), hidden=8, dropout=experiment.dropout, input_shape=(1, 12, 12), classes=2, seed=3
        )
        own = {"epochs": 2, "batch_size": 32} | {name: v for name, v in settings.items() if name != "dropout"}
        history = fit(model, data, **own, seed=3, device="cpu", progress=False)
    finally:
        torch.set_num_threads(threads)
    assert numbers(finished.history) == numbers(history)
    assert finished.history.settings == history.settings
    assert finished.history.environment == history.environment | {"threads": 1}
    assert (finished.history.stopped_by, finished.history.best_epoch) == (history.stopped_by, history.best_epoch)
    assert same_weights(finished.model(history.kept_epoch), model)
    assert finished.seconds > sum(finished.history["seconds"]) > 0
    assert finished.class_names == ("pattern 0", "pattern 1")
    if "patience" in settings:
        assert history.stopped_by == "patience"  # else this case says nothing


def test_snapshots_equal_the_weights_of_separate_runs():
    finished = train(TINY.replace(epochs=4), snapshots=(3, 0, 9))
    assert finished.snapshots == (0, 3)
    assert same_weights(finished.model(epoch=0), build_cnn(channels=(2,), hidden=8, input_shape=(1, 12, 12), classes=2))
    separate = train(TINY.replace(epochs=3), snapshots=[3])
    assert same_weights(finished.model(), separate.model(epoch=3))
    assert not same_weights(finished.model(0), finished.model(3))
    assert not finished.model().training
    with pytest.raises(ConfigError, match="epoch=2: weights were kept after epochs 0, 3"):
        finished.model(2)
    with pytest.raises(ConfigError, match="kept no weights"):
        train(TINY).model()


@pytest.mark.parametrize("snapshots", [5, "last", [-1], [1.5], [None]])
def test_snapshots_are_epochs(snapshots):
    with pytest.raises(ConfigError, match="snapshots"):
        train(TINY, snapshots=snapshots)


def test_run_wants_one_experiment():
    with pytest.raises(ConfigError, match="sweep takes several"):
        run([TINY])


def test_no_epoch_and_no_validation_images():
    with pytest.warns(UserWarning, match="untouched"):
        finished = train(TINY.replace(epochs=0), snapshots=[0])
    assert (len(finished.history), finished.history.stopped_by) == (0, "epochs")
    assert same_weights(finished.model(), TINY.build_cnn(TINY.load_data()))
    history = train(TINY.replace(validation_size=0)).history
    assert (history["validation_loss"], len(history["train_loss"])) == ([], 2)


def test_training_never_sees_a_test_image(monkeypatch, tmp_path):
    asked, seen = [], []

    def load(*arguments, **settings):
        asked.append(settings["test"])
        return load_data(*arguments, **settings)

    monkeypatch.setattr("cnnlab.experiments.experiment.load_data", load)
    train(TINY.replace(data_seed=77), on_epoch=lambda state: seen.append(state.data))
    assert asked == [0]
    assert [len(data._test) for data in seen] == [0, 0]
    assert [data.test_openings for data in seen] == [0, 0]
    assert len(TINY.load_data(test=None).open_test()) == 2000
    assert len(TINY.load_data(test=30).open_test()) == 30

    make_pictures(tmp_path)
    seen.clear()
    own = Experiment(
        dataset="images", folder=str(tmp_path), size=8, channels=(2,), hidden=8, epochs=1, batch_size=4, train_size=12
    )
    finished = train(own, on_epoch=lambda state: seen.append(state.data))
    assert finished.class_names == ("cat", "dog")
    (data,) = seen
    assert (len(data.train), len(data.validation), len(data._test), data.test_openings) == (12, 1, 2, 0)


def make_pictures(folder, count=10):
    from PIL import Image

    for name, shade in (("cat", 40), ("dog", 200)):
        (folder / name).mkdir(exist_ok=True)
        for index in range(count):
            Image.new("L", (8, 8), shade + index).save(folder / name / f"{index}.png")


def test_new_pictures_in_a_folder_are_seen(tmp_path):
    make_pictures(tmp_path)
    own = Experiment(dataset="images", folder=str(tmp_path), size=8, channels=(2,), hidden=8, epochs=1, batch_size=4)
    sizes = []
    train(own, on_epoch=lambda state: sizes.append(len(state.data.train)))
    make_pictures(tmp_path, count=20)
    train(own, on_epoch=lambda state: sizes.append(len(state.data.train)))
    assert sizes == [17, 33]  # 20 − 2 − 1, 40 − 4 − 3


def test_data_is_loaded_once_for_neighbours(monkeypatch):
    loads = []
    monkeypatch.setattr(
        "cnnlab.experiments.experiment.load_data", lambda *a, **k: loads.append(1) or load_data(*a, **k)
    )
    for seed in range(3):
        train(TINY.replace(seed=seed, data_seed=55, epochs=1))
    assert len(loads) == 1


def test_a_folder_that_is_not_there():
    with pytest.raises(DataError, match="nowhere is not a folder"):
        train(Experiment(dataset="images", folder="nowhere"))


def test_stop_and_interrupt_keep_what_is_finished():
    stop = threading.Event()
    finished = train(TINY.replace(epochs=50), stop=stop, snapshots=range(9), on_epoch=lambda _: stop.set())
    assert (finished.history.stopped_by, len(finished.history), finished.snapshots) == ("stop", 1, (0, 1))

    def interrupt(state):
        if state.epoch == 2:
            signal.raise_signal(signal.SIGINT)

    threads = torch.get_num_threads()
    finished = train(TINY.replace(epochs=50), on_epoch=interrupt)
    assert (finished.history.stopped_by, len(finished.history)) == ("interrupt", 2)
    assert numbers(finished.history) == numbers(train(TINY).history)
    assert torch.get_num_threads() == threads


def test_what_a_callback_does_to_the_images_does_not_reach_later_runs():
    expected = train(TINY).history["train_loss"]

    def spoil(state):
        for split in (state.data.train, state.data.validation):
            split.images.zero_()
            split.labels.fill_(1)
            split.images.numpy()[:] = 3

    spoilt = train(TINY.replace(epochs=3), on_epoch=spoil).history["train_loss"]
    assert spoilt[0] == expected[0]
    assert spoilt[2] != expected[-1]
    assert train(TINY).history["train_loss"] == expected


@pytest.mark.parametrize("seed", [2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1])
@pytest.mark.parametrize("dataset", ["patterns", "mnist"])
def test_the_largest_seeds_work_everywhere(seed, dataset, tmp_path):
    knobs = {"size": 12, "classes": 2} if dataset == "patterns" else {}
    experiment = Experiment(
        dataset=dataset, train_size=64, validation_size=32, channels=(2,), hidden=8, epochs=1, dropout=0.5, seed=seed,
        data_seed=seed, **knobs,
    )  # fmt: skip
    runs = sweep([experiment], tmp_path, workers=1, progress=False, snapshots=(1,), insides=True)
    assert load_runs(tmp_path)[0].experiment.seed == seed
    assert (
        load_runs(tmp_path)[0].history["train_loss"]
        == runs[0].history["train_loss"]
        == train(experiment).history["train_loss"]
    )
    assert runs.to_frame()["seed"][0] == seed
    data = load_data("patterns", train=20, validation=20, size=12, seed=seed)
    saliency_check(build_cnn(input_shape=(1, 12, 12), seed=seed), data.validation.images[:2], seed=seed)
    assert len(shuffle_labels(data, seed=seed).train) == 20


def test_a_seed_of_2_to_the_64_is_refused_in_words():
    words = r"^seed must be a whole number of 0 or more and below 2\*\*64, got 18446744073709551616$"
    with pytest.raises(ConfigError, match=words):
        Experiment(seed=2**64)
