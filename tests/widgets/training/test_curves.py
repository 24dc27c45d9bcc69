"""Test the live curves: what is drawn, and the axes that grow with it."""

from made_runs import recorded

from cnnlab.widgets.training.curves import Curves


def test_the_curves_are_those_of_the_history_and_the_axis_grows_with_the_loss():
    curves = Curves()
    assert [plot.label for plot in curves.plots.values()] == [
        "loss over the epochs, empty", "accuracy over the epochs, empty"
    ]  # fmt: skip
    history = recorded([4.0, 2.0])
    curves.show_history(history, epochs=3)
    assert list(curves.lines["validation_loss"].get_xydata().flatten()) == [1, 4.0, 2, 2.0]
    loss, accuracy = curves.plots.values()
    assert loss.figure.axes[0].get_ylim() == (0, 4.4)
    assert accuracy.figure.axes[0].get_ylim() == (0, 1)
    assert loss.figure.axes[0].get_xlim() == (0.5, 3.5)
    assert loss.label == "loss over the epochs; after epoch 2: train loss 1.000, validation loss 2.000"
    assert accuracy.label == (
        "accuracy over the epochs; after epoch 2: train accuracy 0.900, validation accuracy 0.500"
    )
    curves.close()
