"""The exam: the test set opened for several networks, or scores that the bank has of it."""

import pytest

from cnnlab import DataError, Experiment, bank, evaluate_all, load_runs, sweep, take_exam
from cnnlab.data import downloads, shipped
from cnnlab.errors import ConfigError
from cnnlab.experiments.exam import exam_key, stored_scores

TINY = Experiment(train_size=60, validation_size=20, channels=(2, 4), hidden=8, epochs=1, batch_size=30)


def trained(**fields):
    return sweep([TINY.replace(seed=seed, **fields) for seed in range(2)], snapshots=[1], progress=False)


def test_the_test_set_is_scored_as_by_hand():
    runs = trained()
    exam = take_exam(runs, size=50)
    data, models = TINY.load_data(test=50), [run.model(1) for run in runs]
    assert exam.validation == evaluate_all(models, data.validation)
    assert exam.test == evaluate_all(models, data.open_test())
    assert (exam.is_stored, exam.validation.images, exam.test.images) == (False, 20, 50)
    assert str(exam) == f"validation: {exam.validation}\ntest:       {exam.test}"


def test_runs_on_other_images_or_without_weights_are_refused():
    with pytest.raises(ConfigError, match="take_exam wants runs on the same images, got 0 runs"):
        take_exam([])
    with pytest.raises(ConfigError, match="take_exam wants runs on the same images, got 4 runs; filter them"):
        take_exam([*trained(), *trained(data_seed=1)])
    with pytest.raises(ConfigError, match="this run kept no weights"):
        take_exam(sweep([TINY], progress=False), size=10)


def test_the_banks_scores_are_those_of_the_test_sets():
    winners = load_runs(bank("winners"))
    names = winners.values()["dataset"]
    assert set(names) == {"mnist", "fashion_mnist", "patterns"}
    stored = {tuple(entry["runs"]): entry for entry in stored_scores()}
    assert len(stored) == len(names)
    for name in names:
        of_data = winners.filter(dataset=name)
        assert len(of_data) == 5
        live, kept = take_exam(of_data), stored[tuple(exam_key(of_data))]
        assert not live.is_stored
        for split in ("validation", "test"):
            assert kept[split] == pytest.approx(getattr(live, split)._asdict(), rel=1e-3)


def test_without_the_images_the_banks_own_runs_have_stored_scores(monkeypatch):
    winners = load_runs(bank("winners")).filter(dataset="fashion_mnist")
    live = take_exam(winners)
    monkeypatch.setattr(shipped, "names", lambda: ["mnist"])  # as in a wheel

    def refuse(*_):
        raise DataError("no network")

    monkeypatch.setattr(downloads, "load_published", refuse)
    exam = take_exam(winners)
    assert exam.is_stored
    assert exam.test == pytest.approx(live.test, rel=1e-3)
    assert exam.validation == pytest.approx(live.validation, rel=1e-3)
    assert str(exam).endswith(f"{exam.test}, stored with the bank")
    for runs, size in ((winners, 100), (winners[:2], 2000)):  # what the bank has no score of
        with pytest.raises(DataError, match="no network"):
            take_exam(runs, size=size)
