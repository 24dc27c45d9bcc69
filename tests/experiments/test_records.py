"""Records: damaged ones, those of another version, and those that an earlier version of cnnlab wrote."""

import dataclasses
import shutil
import zipfile
from pathlib import Path

import pytest
from tiny_sweeps import TINY, numbers, quiet

import cnnlab.training.options
from cnnlab.experiments.experiment import FIELDS, Experiment
from cnnlab.experiments.runs import load_runs
from cnnlab.experiments.store import Store, encode
from cnnlab.experiments.sweep import grid

pytestmark = pytest.mark.usefixtures("no_process_is_left")


@pytest.mark.parametrize("damage", ["empty", "half", "last byte", "flipped", "renamed"])
def test_a_damaged_record_is_set_aside_and_run_again(trained, tmp_path, damage):
    runs = quiet(grid(TINY, seed=range(3)), tmp_path)
    path = tmp_path / f"{runs[1].experiment.trajectory}.json"
    whole = path.read_bytes()
    if damage == "renamed":
        shutil.copy(tmp_path / f"{runs[2].experiment.trajectory}.json", path)
    else:
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        path.write_bytes({"empty": b"", "half": whole[:middle], "last byte": whole[:-1], "flipped": flipped}[damage])
    reason = "renamed" if damage == "renamed" else "checksum"
    with pytest.warns(UserWarning, match=rf"{path.name} is no use \(.*{reason}.*\): set aside as {path.name}\.bad"):
        again = quiet(grid(TINY, seed=range(3)), tmp_path)
    assert [each.seed for each in trained] == [0, 1, 2, 1]
    assert numbers(again[1].history) == numbers(runs[1].history)
    assert Path(f"{path}.bad").exists()
    assert len(load_runs(tmp_path)) == 3


def test_a_record_keeps_its_name_when_a_default_changes_later(tmp_path, monkeypatch):
    usual = TINY.replace(hidden=64)
    (before,) = quiet([usual], tmp_path)
    monkeypatch.setitem(FIELDS, "hidden", dataclasses.replace(FIELDS["hidden"], default=65))
    (name,) = (path.stem for path in tmp_path.glob("*.json"))
    assert usual.trajectory != name
    (after,) = load_runs(tmp_path)
    assert after.experiment.hidden == 64
    assert numbers(after.history) == numbers(before.history)
    assert not list(tmp_path.glob("*.bad"))


@pytest.mark.parametrize("damage", [{"invented_later": 3}, {"columns": ...}])
def test_a_history_of_another_version_is_refused_in_words(tmp_path, damage):
    quiet([TINY], tmp_path)
    store = Store(tmp_path)
    record = store.read(TINY.trajectory)
    for name, value in damage.items():
        if value is ...:
            del record["history"][name]
        else:
            record["history"][name] = value
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(encode(record))
    with pytest.warns(UserWarning, match="is of another version of cnnlab"):
        assert len(load_runs(tmp_path)) == 0


@pytest.mark.parametrize("changed", [{"format": 0}, {"format": 2}, {"experiment": {"invented_later": 3}}])
def test_a_record_of_another_version_is_refused_in_words(tmp_path, changed):
    quiet([TINY], tmp_path)
    record = Store(tmp_path).read(TINY.trajectory)
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(
        encode(record | {name: record[name] | v if isinstance(v, dict) else v for name, v in changed.items()})
    )
    before = path.read_bytes()
    for what in (lambda: quiet([TINY], tmp_path), lambda: load_runs(tmp_path)):
        with pytest.warns(UserWarning, match=rf"{path.name} .*version.* or another folder"):
            assert len(what()) == 0
    assert path.read_bytes() == before


def test_a_stored_run_does_not_depend_on_todays_defaults(tmp_path, monkeypatch):
    quiet([TINY.replace(learning_rate=None)], tmp_path)
    monkeypatch.setitem(cnnlab.training.options.LEARNING_RATES, "adam", 0.5)
    assert load_runs(tmp_path)[0].experiment.learning_rate == 0.001


# --- A store that an earlier version wrote


OLD = Path(__file__).with_name("store_of_330f8fe.zip")  # written by cnnlab as it was at commit 330f8fe
# What that version printed of it: (seed, epochs) → key, snapshots, last validation loss, last training loss.
OLD_RUNS = {
    (0, 1): ("03fd8469833c1c4e", (), 0.7190724611282349, 0.7294116020202637),
    (0, 2): ("96f901d1abc073e6", (), 0.710157573223114, 0.7094887495040894),
    (1, 1): ("14a8a14c724bd04c", (0,), 0.6988073587417603, 0.7071132063865662),
    (1, 2): ("25fc91eab446829d", (0, 2), 0.694428563117981, 0.6833186149597168),
}
OLD_FAILURE = (  # as it is stored, in the words of that version
    "DataError: nowhere at all is no folder; give one that holds one folder a class, with that class's pictures"
)


@pytest.fixture(params=["folder", "zip"])
def old_store(request, tmp_path):
    if request.param == "zip":
        return OLD
    with zipfile.ZipFile(OLD) as packed:
        packed.extractall(tmp_path / "runs")
    return tmp_path / "runs"


def test_a_store_of_an_earlier_version_is_loaded(old_store):
    runs = load_runs(old_store)
    assert {
        (each.experiment.seed, each.experiment.epochs): (
            each.experiment.key, each.snapshots, each.history.last("validation_loss"), each.history.last("train_loss"),
        )
        for each in runs
    } == OLD_RUNS  # fmt: skip
    assert [(failure.experiment, failure.reason) for failure in runs.failures] == [
        (Experiment(dataset="images", folder="nowhere at all", epochs=2), OLD_FAILURE)
    ]
    inside = runs.one(seed=1, epochs=2)
    assert inside.history["dead_share"][-1] == 0.3
    assert inside.history["conv1.update_ratio"][-1] == 0.0396342
    for epoch, total in {0: 0.39511897414922714, 2: 0.3593178316950798}.items():
        bias = inside.model(epoch).state_dict()["conv1.bias"]
        assert float(bias.double().sum()) == pytest.approx(total, abs=1e-12)


def test_a_sweep_of_what_an_earlier_version_stored_trains_nothing_anew(trained, old_store):
    runs = quiet(grid(TINY, epochs=[1, 2], seed=range(2)), old_store)
    assert trained == []
    assert {each.experiment.key for each in runs} == {key for key, *_ in OLD_RUNS.values()}
    recorded = quiet(grid(TINY.replace(seed=1), epochs=[1, 2]), old_store, snapshots=(0, 2), insides=True)
    assert trained == []
    assert [each.snapshots for each in recorded] == [(0,), (0, 2)]
    quiet(TINY.replace(seed=2), old_store)  # a run that is not there is trained
    assert [each.seed for each in trained] == [2]
