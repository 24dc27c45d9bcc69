"""Each *Try it* of 00_start_here, done as a student would."""

import matplotlib.pyplot as plt
import torch
from notebook_code import run_cells

from cnnlab import noise_floor, score_guess

NAME = "00_start_here"


def test_the_noise_floor_gets_wider_with_fewer_images():
    changes = {"noise": [("train_size=1000", "train_size=300")]}
    cells, names = ["noise", "noise-plot", "noise-range"], {"plt": plt, "score_guess": score_guess}
    few, usual = (run_cells(NAME, each, only=cells, names=dict(names)) for each in (changes, {}))
    assert noise_floor(few.names["same"]) > 2 * noise_floor(usual.names["same"])


def test_the_training_loss_goes_on_falling_when_the_validation_loss_has_stopped():
    changes = {"data": [("train=6000", "train=1000")], "fit": [("epochs=3", "epochs=10")]}
    history = run_cells(NAME, changes, only=["check", "data", "look", "fit", "history"]).names["history"]
    assert len(history) == 10
    late = {name: history[name][5] - history[name][-1] for name in ("train_loss", "validation_loss")}
    assert late["train_loss"] > 1.5 * late["validation_loss"]  # how far each falls after epoch 6


def test_a_turned_8_is_read_as_0_more_surely_than_the_upright_one_as_8():
    names = run_cells(NAME, only=["check", "data", "fit", "mistakes"], names={"plt": plt}).names
    image, label = names["data"].train.images[:1], names["data"].train.labels[0]
    turned = [names["predict"](names["model"], torch.rot90(image, turns, dims=(2, 3)))[0] for turns in range(4)]
    assert label == 8
    assert [chances.argmax() for chances in (turned[0], turned[1], turned[3])] == [8, 0, 0]
    assert max(turned[1].max(), turned[3].max()) > turned[0].max()
