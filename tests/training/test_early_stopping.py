"""The rule of early stopping, in a training and on a recording, compared with a bare loop and with numbers by hand."""

import pytest
import torch
from made_runs import ACCURACIES, LOSSES, bare_loop, recorded
from small_training import plateau
from torch import nn

from cnnlab.data.dataset import Data
from cnnlab.errors import ConfigError
from cnnlab.model.cnn import build_cnn
from cnnlab.training.early_stopping import EarlyStopping, Scores, replay, stopping
from cnnlab.training.fit import fit


def random_cases(count, most_epochs):
    """Yield (losses, epochs, patience, min_delta): validation losses that wander, and settings for them."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        losses = (1 + torch.randn(most_epochs, generator=generator).cumsum(0) / 20).tolist()
        limits = ((1, most_epochs + 1), (0, 2 * most_epochs // 5))
        epochs, patience = (int(torch.randint(low, high, (), generator=generator)) for low, high in limits)
        for min_delta in (0.0, 0.05):
            yield losses, epochs, patience, min_delta


def test_stopping_and_replay_agree_with_a_bare_loop():
    stopped_early = 0
    for losses, epochs, patience, min_delta in random_cases(200, 30):
        last, best = bare_loop(losses, epochs, patience, min_delta)
        result = stopping(recorded(losses), epochs=epochs, patience=patience, min_delta=min_delta)
        assert (result.stopped_in, result.kept.epoch, result.best_epoch) == (last, best, best)
        assert result.kept.loss == losses[best - 1]
        part = replay(recorded(losses), epochs=epochs, patience=patience, min_delta=min_delta)
        assert (len(part), part.best_epoch, part.kept_epoch) == (last, best, best)
        assert part["validation_loss"] == losses[:last]
        stopped_early += result.stopped_in < epochs
    assert 50 < stopped_early < 350  # the loop above has met both ends


def test_fit_agrees_with_a_bare_loop(monkeypatch):
    data = Data.from_tensors(torch.rand(4, 1, 2, 2), torch.arange(4) % 2, train=2, validation=2, test=0)
    stopped_early = 0
    for losses, epochs, patience, min_delta in random_cases(20, 15):
        plateau(monkeypatch, losses)
        weights, model = [], nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        history = fit(
            model, data, epochs=epochs, patience=patience, min_delta=min_delta, batch_size=2, progress=False,
            on_epoch=lambda state, weights=weights: weights.append(state.model[1].weight.detach().clone()),
        )  # fmt: skip
        last, best = bare_loop(losses, epochs, patience, min_delta)
        assert (len(history), history.best_epoch, history.stopped_in) == (last, best, last)
        assert torch.equal(model[1].weight, weights[best - 1])
        stopped_early += last < epochs
    assert 5 < stopped_early < 35


def test_the_best_epoch_is_the_best_of_those_trained_not_of_the_recording():
    result = stopping(recorded(LOSSES), patience=1)
    assert (result.best_epoch, result.best.epoch) == (3, 6)  # LOSSES: 1.0, 0.6, 0.5, 0.55, 0.52, 0.45, …
    assert stopping(recorded(LOSSES)).best_epoch == 6  # without patience the last weights are kept


def test_the_rule_says_best_and_end_after_each_epoch():
    rule = EarlyStopping(patience=1, min_delta=0.05)
    said = []
    for epoch, loss in enumerate([1.0, 0.96, 0.94, 0.94, 0.89], start=1):
        said.append((rule.add_epoch({"epoch": epoch, "validation_loss": loss}), rule.ends))
    # 0.96 is not below 1.0 − 0.05; 0.94 is. 0.94 again is a miss, and 0.89 is not below 0.94 − 0.05: two misses.
    assert said == [(True, False), (False, False), (True, False), (False, False), (False, True)]
    assert (rule.best_epoch, rule.best_loss) == (3, 0.94)
    assert not EarlyStopping(patience=None).ends
    without = EarlyStopping(patience=None)
    assert (without.add_epoch({"epoch": 1, "train_loss": 0.5}), without.ends) == (False, False)


def test_a_replay_of_a_recording_that_is_too_short_is_none():
    assert replay(recorded(LOSSES), epochs=11) is None
    assert replay(recorded(LOSSES), epochs=11, patience=5) is None  # 0.45 in epoch 6; epoch 12 would be the sixth miss
    assert len(replay(recorded(LOSSES), epochs=11, patience=3)) == 10
    diverged = replay(recorded(LOSSES, stopped_by="diverged"), epochs=99)
    assert (len(diverged), diverged.best_epoch, diverged.stopped_by) == (10, 6, "diverged")
    whole = recorded(LOSSES)
    assert replay(whole, epochs=10) is whole


def test_it_stops_where_a_training_with_that_patience_stops():
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand(40, 1, 8, 8, generator=generator), torch.arange(40) % 2
    data = Data.from_tensors(images, labels, validation=20)
    options = {"epochs": 40, "learning_rate": 0.01, "batch_size": 8, "progress": False}
    long = fit(build_cnn(channels=(4,), input_shape=(1, 8, 8), classes=2), data, **options)
    model = build_cnn(channels=(4,), input_shape=(1, 8, 8), classes=2)
    short = fit(model, data, patience=2, **options)
    result = stopping(long, patience=2)
    assert short.stopped_by == result.stopped_by == "patience"
    assert (result.stopped_in, result.kept.epoch) == (len(short), short.kept_epoch)


def test_every_number_by_hand():
    result = stopping(recorded(LOSSES, ACCURACIES), patience=1)
    # 0.5 in epoch 3; 0.55 and 0.52 are no better: two misses are more than one, the end is epoch 5.
    assert (result.recorded, result.epochs, result.stopped_in, result.stopped_by) == (10, 10, 5, "patience")
    assert result.kept == Scores(3, 0.5, 0.6)
    assert result.best == Scores(6, 0.45, 0.8)
    assert result.last == Scores(10, 0.9, 0.75)
    assert (result.saved, result.saved_share) == (5, 0.5)
    assert result.cost == pytest.approx(0.05)
    assert result.words == (
        "Ran out of patience after epoch 5, kept the weights of epoch 3: validation loss 0.500, accuracy 0.600. "
        "Saved: 5 of 10 epochs (50 %). Cost: 0.050 of loss against epoch 6, the best of the recording. "
        "Accuracy: 0.150 below that after epoch 10, the last recorded."
    )
    assert repr(result) == f"Stopping({result.words})"


def test_without_patience_the_last_weights_are_kept():
    result = stopping(recorded(LOSSES, ACCURACIES))
    assert (result.stopped_in, result.stopped_by, result.kept.epoch, result.saved) == (10, "epochs", 10, 0)
    assert result.words == (
        "Trained all 10 epochs, kept the last weights: validation loss 0.900, accuracy 0.750. Saved: 0 of 10 epochs "
        "(0 %). Cost: 0.450 of loss against epoch 6, the best of the recording."
    )
    shorter = stopping(recorded(LOSSES, ACCURACIES), epochs=1)
    assert shorter.kept.epoch == 1
    assert shorter.words.startswith("Trained the one epoch, kept the last weights")


def test_patience_that_lasts_keeps_the_best_and_costs_nothing():
    result = stopping(recorded(LOSSES, ACCURACIES), epochs=8, patience=5)
    assert (result.stopped_in, result.stopped_by, result.kept.epoch, result.waited_from) == (8, "epochs", 6, 6)
    assert result.cost == 0
    assert "Cost: nothing, no recorded epoch has a lower loss. Accuracy: 0.050 above" in result.words


def test_a_fall_smaller_than_min_delta_does_not_count():
    assert stopping(recorded(LOSSES), patience=2).kept.epoch == 6
    assert stopping(recorded(LOSSES), patience=2, min_delta=0.05).kept.epoch == 3  # 0.45 is not below 0.5 − 0.05
    assert stopping(recorded(LOSSES), patience=0, min_delta=0.2).kept.epoch == 2


def test_a_tiny_cost_and_equal_accuracies_are_said_so():
    words = stopping(recorded([0.5, 0.6, 0.4999]), patience=0).words
    assert "Cost: less than 0.001 of loss against epoch 3" in words
    assert words.endswith("Accuracy: the same as that after epoch 3, the last recorded.")


def test_a_recording_that_diverged_is_judged_by_its_finished_epochs():
    result = stopping(recorded(LOSSES, stopped_by="diverged"), patience=9)
    assert (result.recorded, result.stopped_in, result.stopped_by) == (10, 10, "epochs")


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
