"""Where a recorded training would have stopped: against a bare loop, real trainings, and numbers worked out by hand."""

import pytest
import torch
from made_runs import ACCURACIES, LOSSES, bare_loop, recorded

from cnnlab.data.dataset import Data
from cnnlab.errors import ConfigError
from cnnlab.model.cnn import build_cnn
from cnnlab.training.early_stopping import Scores, stopping
from cnnlab.training.fit import fit


def test_it_agrees_with_a_bare_loop():
    generator = torch.Generator().manual_seed(0)
    stopped_early = 0
    for _ in range(200):
        losses = (1 + torch.randn(30, generator=generator).cumsum(0) / 20).tolist()
        epochs, patience = (int(torch.randint(low, high, (), generator=generator)) for low, high in ((1, 31), (0, 12)))
        for min_delta in (0.0, 0.05):
            found = stopping(recorded(losses), epochs=epochs, patience=patience, min_delta=min_delta)
            assert (found.stopped_in, found.kept.epoch) == bare_loop(losses, epochs, patience, min_delta)
            assert found.kept.loss == losses[found.kept.epoch - 1]
            stopped_early += found.stopped_in < epochs
    assert 50 < stopped_early < 350  # the loop above has met both ends


def test_it_stops_where_a_training_with_that_patience_stops():
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand(40, 1, 8, 8, generator=generator), torch.arange(40) % 2
    data = Data.from_tensors(images, labels, validation=20)
    options = {"epochs": 40, "learning_rate": 0.01, "batch_size": 8, "progress": False}
    long = fit(build_cnn(channels=(4,), input_shape=(1, 8, 8), classes=2), data, **options)
    model = build_cnn(channels=(4,), input_shape=(1, 8, 8), classes=2)
    short = fit(model, data, patience=2, **options)
    found = stopping(long, patience=2)
    assert short.stopped_by == found.stopped_by == "patience"
    assert (found.stopped_in, found.kept.epoch) == (len(short), short.kept_epoch)


def test_every_number_by_hand():
    found = stopping(recorded(LOSSES, ACCURACIES), patience=1)
    # 0.5 in epoch 3; 0.55 and 0.52 are no better: two misses are more than one, the end is epoch 5.
    assert (found.recorded, found.epochs, found.stopped_in, found.stopped_by) == (10, 10, 5, "patience")
    assert found.kept == Scores(3, 0.5, 0.6)
    assert found.best == Scores(6, 0.45, 0.8)
    assert found.last == Scores(10, 0.9, 0.75)
    assert (found.saved, found.saved_share) == (5, 0.5)
    assert found.cost == pytest.approx(0.05)
    assert found.words == (
        "Ran out of patience after epoch 5, kept the weights of epoch 3: validation loss 0.500, accuracy 0.600. "
        "Saved: 5 of 10 epochs (50 %). Cost: 0.050 of loss against epoch 6, the best of the recording. "
        "Accuracy: 0.150 below that after epoch 10, the last recorded."
    )
    assert repr(found) == f"Stopping({found.words})"


def test_without_patience_the_last_weights_are_kept():
    found = stopping(recorded(LOSSES, ACCURACIES))
    assert (found.stopped_in, found.stopped_by, found.kept.epoch, found.saved) == (10, "epochs", 10, 0)
    assert found.words == (
        "Trained all 10 epochs, kept the last weights: validation loss 0.900, accuracy 0.750. Saved: 0 of 10 epochs "
        "(0 %). Cost: 0.450 of loss against epoch 6, the best of the recording."
    )
    shorter = stopping(recorded(LOSSES, ACCURACIES), epochs=1)
    assert shorter.kept.epoch == 1
    assert shorter.words.startswith("Trained the one epoch, kept the last weights")


def test_patience_that_lasts_keeps_the_best_and_costs_nothing():
    found = stopping(recorded(LOSSES, ACCURACIES), epochs=8, patience=5)
    assert (found.stopped_in, found.stopped_by, found.kept.epoch, found.waited_from) == (8, "epochs", 6, 6)
    assert found.cost == 0
    assert "Cost: nothing, no recorded epoch has a lower loss. Accuracy: 0.050 above" in found.words


def test_a_fall_smaller_than_min_delta_does_not_count():
    assert stopping(recorded(LOSSES), patience=2).kept.epoch == 6
    assert stopping(recorded(LOSSES), patience=2, min_delta=0.05).kept.epoch == 3  # 0.45 is not below 0.5 − 0.05
    assert stopping(recorded(LOSSES), patience=0, min_delta=0.2).kept.epoch == 2


def test_a_tiny_cost_and_equal_accuracies_are_said_so():
    words = stopping(recorded([0.5, 0.6, 0.4999]), patience=0).words
    assert "Cost: less than 0.001 of loss against epoch 3" in words
    assert words.endswith("Accuracy: the same as that after epoch 3, the last recorded.")


def test_a_recording_that_diverged_is_judged_by_its_finished_epochs():
    found = stopping(recorded(LOSSES, stopped_by="diverged"), patience=9)
    assert (found.recorded, found.stopped_in, found.stopped_by) == (10, 10, "epochs")


@pytest.mark.parametrize(
    ("history", "options", "words"),
    [
        ("LOSSES", {}, "wanted a History, such as fit() returns or run(…).history, got str"),
        (recorded([]), {}, "this recording has no finished epoch (trained 0 epochs: the model is untouched); take"),
        (recorded(LOSSES), {"epochs": 11}, "epochs=11, but 10 were recorded; try epochs=10 or fewer"),
        (recorded(LOSSES), {"epochs": 0}, "epochs must be a whole number of 1 or more, got 0"),
        (recorded(LOSSES), {"patience": -1}, "patience must be a whole number of 0 or more, got -1"),
        (recorded(LOSSES), {"patience": 1.5}, "patience must be a whole number of 0 or more, got 1.5"),
        (recorded(LOSSES), {"min_delta": -0.1}, "min_delta must be a finite number of 0 or more, got -0.1"),
    ],
)
def test_what_cannot_be_asked_is_refused(history, options, words):
    with pytest.raises(ConfigError) as caught:
        stopping(history, **options)
    assert str(caught.value).startswith(words)


def test_a_recording_without_validation_is_refused():
    history = recorded([0.5, 0.4])
    del history.rows[1]["validation_loss"]
    with pytest.raises(ConfigError, match="no validation loss, which early stopping watches; load validation images"):
        stopping(history, patience=1)
