"""Each *Try it* of 00_start_here, done as a student would."""

import matplotlib.pyplot as plt
import torch
from notebook_code import run_cells

from cnnlab import noise_floor

NAME = "00_start_here"


def test_the_noise_floor_gets_wider_with_fewer_images():
    changes = {"noise": [("train_size=1000", "train_size=300")]}
    few, usual = (run_cells(NAME, each, only=["noise", "noise-plot"], names={"plt": plt}) for each in (changes, {}))
    assert noise_floor(few.names["same"]) > 2 * noise_floor(usual.names["same"])


def test_the_training_loss_goes_on_falling_when_the_validation_loss_has_stopped():
    changes = {"data": [("train=6000", "train=1500")], "fit": [("epochs=3", "epochs=10")]}
    history = run_cells(NAME, changes, only=["check", "data", "look", "fit", "history"]).names["history"]
    assert len(history) == 10
    late = {name: history[name][6] - history[name][-1] for name in ("train_loss", "validation_loss")}
    assert late["train_loss"] > 2 * late["validation_loss"]  # how far each falls after epoch 7


def test_a_turned_image_gets_an_answer_as_well_and_often_a_sure_one():
    names = run_cells(NAME, only=["check", "data", "fit", "mistakes"], names={"plt": plt}).names
    image, label = names["data"].train.images[:1], names["data"].train.labels[0]
    chances = [names["predict"](names["model"], torch.rot90(image, turns, dims=(2, 3)))[0] for turns in range(4)]
    assert chances[0].argmax() == label
    assert chances[0].max() > 0.9
    assert any(chance.argmax() != label and chance.max() > 0.6 for chance in chances[1:])
