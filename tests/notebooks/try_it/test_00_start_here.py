"""Each *Try it* of 00_start_here, done as a student would."""

import torch
from notebook_code import run_cells

NAME = "00_start_here"


def test_the_noise_floor_gets_wider_with_fewer_images():
    cells = ["guess", "noise-guess", "noise", "noise-plot", "noise-range"]
    names = {"score_guess": lambda *_: None, "plt": __import__("matplotlib.pyplot").pyplot}
    changes = {"noise": [("train_size=1000", "train_size=300")]}
    few = run_cells(NAME, changes, only=cells, names=dict(names)).names
    usual = run_cells(NAME, only=cells, names=dict(names)).names
    assert few["noise_floor"](few["same"]) > 2 * usual["noise_floor"](usual["same"])


def test_the_validation_loss_stops_falling_before_the_training_loss():
    changes = {"data": [("train=6000", "train=1500")], "fit": [("epochs=3", "epochs=10")]}
    history = run_cells(NAME, changes, only=["check", "data", "look", "fit", "history"]).names["history"]
    assert len(history) == 10
    late = {name: history[name][6] - history[name][-1] for name in ("train_loss", "validation_loss")}
    assert late["train_loss"] > 2 * late["validation_loss"]  # how far each falls after epoch 7


def test_a_turned_image_gets_a_sure_answer_as_well():
    names = run_cells(NAME, only=["check", "data", "fit", "mistakes"], names={"plt": __import__("matplotlib.pyplot").pyplot}).names
    image, label = names["data"].train.images[:1], names["data"].train.labels[0]
    chances = [names["predict"](names["model"], torch.rot90(image, turns, dims=(2, 3)))[0] for turns in range(4)]
    answers = [chance.argmax() for chance in chances]
    print([(int(a), float(c.max())) for a, c in zip(answers, chances, strict=True)])
    assert answers[0] == label and chances[0].max() > 0.9
    assert any(answer != label and chance.max() > 0.6 for answer, chance in zip(answers[1:], chances[1:], strict=True))
