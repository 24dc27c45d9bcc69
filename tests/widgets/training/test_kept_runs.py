"""Test that the training panels' runs outlive the kernel, and that nothing in their folder can break a panel."""

import multiprocessing
import os
import threading

import pytest
from made_runs import made

from cnnlab import Experiment, TrainingPanel, load_runs
from cnnlab.experiments.run import run
from cnnlab.files import course_folder
from cnnlab.widgets.training import kept_runs
from cnnlab.widgets.training.kept_runs import KeptRuns
from cnnlab.widgets.training.panel import COMPARISON, CURVES

SMALL = Experiment(
    dataset="patterns", size=12, train_size=64, validation_size=32, channels=(2,), hidden=4, epochs=3, batch_size=16
)


def show(base=SMALL):
    """Return a panel as a fresh kernel makes it."""
    return TrainingPanel(base)


def test_a_new_panel_shows_the_runs_again_and_its_own_runs_are_only_its_own():
    before = show()
    assert before.views.choice.value == CURVES
    before.seeds.value = 2
    before.train()
    after = show()
    assert after.views.choice.value == COMPARISON
    assert "<td>one setting</td>" in after.table.value
    assert [one.history["validation_loss"] for one in after.earlier_runs] == [
        one.history["validation_loss"] for one in before.runs
    ]
    assert len(after.runs) == 0  # what the cells of a notebook read is the same, whatever was trained before
    assert repr(after) == repr(before)
    after.pooling.value = "avg"
    after.train()
    assert "<td>pooling=avg</td>" in after.table.value
    assert "<td>pooling=max</td>" in after.table.value
    after.show_earlier.value = False
    assert "pooling=max" not in after.table.value


def test_a_kept_run_has_the_weights_of_its_ends_and_load_runs_reads_it():
    panel = show()
    panel.train()
    (kept,) = load_runs(course_folder() / "panel_runs")
    assert kept.experiment.key == SMALL.key
    assert kept.snapshots == (0, 3)
    ours, theirs = panel.runs[0].model().state_dict(), kept.model().state_dict()
    assert all((theirs[name] == values).all() for name, values in ours.items())


def test_lengths_of_one_training_are_kept_apart():
    panel = show()
    for epochs in (3, 2):
        panel.epochs.value = epochs
        panel.train()
    assert [len(one.history) for one in show().earlier_runs] == [3, 2]
    assert [one.snapshots for one in show().earlier_runs] == [(0, 3), (0, 2)]


def test_runs_of_another_data_set_are_shown_as_what_they_are():
    KeptRuns().keep(made(0.9, dataset="fashion_mnist", kernel_size=7))
    panel = show()
    panel.train()
    assert "dataset=fashion_mnist" in panel.table.value
    assert "dataset=patterns" in panel.table.value
    assert "in several fields" in panel.table.value


def test_forgetting_asks_first_and_is_for_good():
    panel = show()
    panel.train()
    again = show()
    again.forget.click()
    assert again.asking.question.value == "Forget 1 run (1 of them from earlier)? They cannot be brought back."
    again.asking.no.click()
    assert again.asking.question.value == ""
    assert len(show().earlier_runs) == 1
    again.forget.click()
    again.asking.yes.click()
    assert len(again.earlier_runs) == 0
    assert len(show().earlier_runs) == 0
    assert not list((course_folder() / "panel_runs").glob("*.safetensors"))


def test_only_what_is_shown_is_forgotten():
    show().train()
    panel = show()
    panel.show_earlier.value = False
    panel.pooling.value = "avg"
    panel.train()
    panel.forget.click()
    panel.asking.yes.click()
    assert [one.experiment.pooling for one in show().earlier_runs] == ["max"]


def test_a_damaged_file_is_named_and_the_others_are_shown():
    for place in range(3):
        KeptRuns().keep(made(0.5, kernel_size=3 + 2 * place))
    folder = course_folder() / "panel_runs"
    first, second, _ = sorted(folder.glob("*.json"))
    first.write_bytes(first.read_bytes()[:-5])
    second.write_text('{"crc32":"00000000",\n"format":1}')
    panel = show()
    assert len(panel.earlier_runs) == 1
    assert f"{first.name} is no use" in panel.kept.value
    assert f"{second.name} is no use" in panel.kept.value
    assert len(show().earlier_runs) == 1


def test_a_record_of_another_version_is_named_and_stays(monkeypatch):
    KeptRuns().keep(made(0.5))
    with monkeypatch.context() as context:
        context.setattr("cnnlab.experiments.store.FORMAT", 2)
        panel = show()
    assert "has format 1, and this cnnlab reads 2" in panel.kept.value
    assert len(show().earlier_runs) == 1


def test_of_very_many_runs_the_newest_are_shown(monkeypatch):
    monkeypatch.setattr(kept_runs, "NEWEST", 3)
    for seed in range(5):
        KeptRuns().keep(made(0.5, seed=seed))
        (newest,) = (path for path in (course_folder() / "panel_runs").glob("*.json") if path.stat().st_mtime > 1000)
        os.utime(newest, (seed, seed))
    panel = show()
    assert [one.experiment.seed for one in panel.earlier_runs] == [2, 3, 4]
    assert "2 older runs are not shown: load_runs(" in panel.kept.value


def test_where_nothing_can_be_kept_the_run_is_there_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "full").write_text("no folder")
    monkeypatch.setenv("CNNLAB_COURSE", str(tmp_path / "full"))
    panel = show()
    panel.train()
    assert len(panel.runs) == 1
    assert "The latest run is not kept for another day" in panel.kept.value


def _keep_all(folder, pooling):
    os.environ["CNNLAB_COURSE"] = folder
    for seed in range(10):
        KeptRuns().keep(made(0.5, pooling=pooling, seed=seed))


@pytest.mark.parametrize("kind", ["kernels", "panels of one kernel"])
def test_several_writers_lose_nothing(kind):
    make = multiprocessing.get_context("spawn").Process if kind == "kernels" else threading.Thread
    writers = [make(target=_keep_all, args=(os.environ["CNNLAB_COURSE"], pooling)) for pooling in ("max", "avg")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    kept = KeptRuns()
    assert len(kept.load()) == 20
    assert kept.faults == []


def test_a_run_that_another_panel_forgets_is_read_with_words():
    KeptRuns().keep(run(SMALL, snapshots=(0, 3), progress=False))
    panel = show()
    KeptRuns().forget([SMALL.key])
    assert len(panel.earlier_runs[0].history) == 3
    with pytest.raises(ValueError, match="the weights of this run"):
        panel.earlier_runs[0].model()
