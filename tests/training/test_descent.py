"""Paths on a surface, compared with closed forms, sums by hand, and autograd."""

import math

import pytest
import torch

from cnnlab import SURFACES, descend, describe_descent, describe_descents
from cnnlab.errors import ConfigError

RATES = [0.001, 0.03, 0.5, 2.0, 10.0]


def by_autograd(surface, optimizer, steps, start, **settings) -> torch.Tensor:
    """Return the path of one of torch's optimizers with autograd, (steps + 1, 2)."""
    place = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    mover, path = optimizer([place], **settings), [place.detach().clone()]
    for _ in range(steps):
        mover.zero_grad()
        surface.loss(*place).backward()
        mover.step()
        path.append(place.detach().clone())
    return torch.stack(path)


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_each_gradient_is_autograds(surface):
    points = torch.randn(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
    for point in points.requires_grad_():
        expected = torch.autograd.grad(surface.loss(*point), point)[0]
        torch.testing.assert_close(torch.tensor(surface.gradient(*point.tolist()), dtype=torch.float64), expected)


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_a_map_shows_the_minima_and_the_start_and_nothing_is_lower(surface):
    x, y = torch.meshgrid(torch.linspace(-12, 12, 97), torch.linspace(-12, 12, 97), indexing="ij")
    assert surface.loss(x, y).min() >= 0
    for point in surface.minima:
        assert surface.loss(*point) == 0
        assert surface.gradient(*point) == (0, 0)
    for x, y in (*surface.minima, surface.start):
        assert surface.x_range[0] < x < surface.x_range[1]
        assert surface.y_range[0] < y < surface.y_range[1]


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize(
    ("name", "optimizer", "momentum"),
    [
        ("sgd", torch.optim.SGD, {}),
        ("sgd", torch.optim.SGD, {"momentum": 0.9}),
        ("rmsprop", torch.optim.RMSprop, {}),
        ("rmsprop", torch.optim.RMSprop, {"momentum": 0.5}),
        ("adam", torch.optim.Adam, {}),
    ],
)
def test_every_path_is_that_of_torchs_optimizer_with_autograd(surface, name, optimizer, momentum):
    start = (-2.0, 0.7)
    descent = descend(surface, name, learning_rate=0.07, steps=40, start=start, **momentum)
    expected = by_autograd(SURFACES[surface], optimizer, 40, start, lr=0.07, **momentum)
    torch.testing.assert_close(descent.places, expected)
    torch.testing.assert_close(descent.losses, SURFACES[surface].loss(*expected.T))
    assert descent.diverged_at is None


def test_sgd_on_the_ravine_is_the_closed_form():
    descent = descend("ravine", "sgd", learning_rate=0.3, steps=50, start=(-9, 1.5))
    steps = torch.arange(51, dtype=torch.float64)
    torch.testing.assert_close(descent.places[:, 0], -9 * (1 - 0.3 / 20) ** steps)
    torch.testing.assert_close(descent.places[:, 1], 1.5 * (1 - 0.3) ** steps)


def test_sgd_diverges_exactly_above_two_by_the_curvature():
    # The curvature across the ravine is 1: 2 bounces for ever, a little more grows by that factor a step.
    bounces = descend("ravine", learning_rate=2, steps=200)
    assert bounces.diverged_at is None
    assert bounces.places[:, 1].abs().unique().tolist() == [1.5]
    grows = descend("ravine", learning_rate=2.1, steps=200)
    assert grows.diverged_at == math.ceil(math.log(30 * 14 / 1.5) / math.log(1.1))
    assert grows.places.shape == (grows.diverged_at, 2)
    assert grows.losses.shape == (grows.diverged_at,)
    assert grows.places.isfinite().all()
    along = descend("ravine", learning_rate=2.1, steps=200, start=(-9, 0))
    assert along.diverged_at is None  # along the ravine the curvature is 1/20, and 40 would be too much


def test_momentum_by_hand_for_three_steps():
    # Bowl: the slope is x. v₁ = 1, x₁ = 0.9; v₂ = 0.5 + 0.9, x₂ = 0.76; v₃ = 0.7 + 0.76, x₃ = 0.614.
    descent = descend("bowl", "sgd", learning_rate=0.1, momentum=0.5, steps=3, start=(1, 0))
    torch.testing.assert_close(descent.places[:, 0], torch.tensor([1, 0.9, 0.76, 0.614], dtype=torch.float64))
    torch.testing.assert_close(descent.losses[-1].item(), 0.614**2 / 2)


def test_adams_first_step_is_the_learning_rate_in_every_direction():
    places = descend("ravine", "adam", learning_rate=0.4, steps=1, start=(-9, 1.5)).places
    torch.testing.assert_close(places[1], torch.tensor([-8.6, 1.1], dtype=torch.float64), atol=1e-6, rtol=0)


def test_rmsprops_first_step_is_ten_times_the_learning_rate():
    # torch starts from v = 0.01 g², so that g / √v is 10.
    places = descend("bowl", "rmsprop", learning_rate=0.1, steps=1, start=(-2, 1.5)).places
    torch.testing.assert_close(places[1], torch.tensor([-1, 0.5], dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_steps_that_are_bounded_are_not_called_diverged(surface, optimizer):
    for rate in RATES:
        assert descend(surface, optimizer, learning_rate=rate, steps=60).diverged_at is None


def test_whoever_starts_level_with_the_saddle_stays_there():
    stuck = descend("saddle", "adam", learning_rate=0.1, steps=200, start=(-2, 0))
    assert stuck.places[:, 1].unique().tolist() == [0]
    assert stuck.losses[-1].item() == pytest.approx(0.25, abs=1e-3)
    assert descend("saddle", "adam", learning_rate=0.1, steps=200, start=(-2, 0.05)).losses[-1] < 1e-6


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
def test_a_step_to_no_number_ends_the_path(optimizer):
    descent = descend("saddle", optimizer, learning_rate=1e308, steps=50)
    assert descent.diverged_at == 1
    assert descent.places.tolist() == [[-2, 0.05]]


def test_no_steps_and_no_rate_stay_at_the_start():
    assert descend("bowl", learning_rate=1, steps=0).places.tolist() == [[-2.5, 1.5]]
    still = descend("bowl", learning_rate=0, steps=2)
    assert still.places.tolist() == [[-2.5, 1.5]] * 3
    assert still.shares.tolist() == [1, 1, 1]
    assert describe_descent(still) == "the loss is at 100% of the start in 2 steps"


def test_below_a_share_means_to_the_end():
    # The share of the loss after t steps is 0.8^(2t): below 0.5 from the second step on, below 0.1 from the sixth.
    descent = descend("bowl", learning_rate=0.2, steps=6)
    assert descent.steps_below(0.5) == 2
    assert descent.steps_below(0.1) == 6
    assert descent.steps_below(0.01) is None
    assert descent.steps_below(2) == 0
    swinging = descend("bowl", "sgd", learning_rate=0.1, momentum=0.99, steps=200)
    first = int(torch.nonzero(swinging.shares < 0.05)[0])
    after = swinging.steps_below(0.9)
    assert first < after  # it was below in between, and came back
    assert swinging.shares[after - 1] >= 0.9 > swinging.shares[after:].max()


def test_one_line_about_one_path():
    fell = descend("bowl", learning_rate=0.2, steps=6)  # 0.8^12 = 0.0687
    assert describe_descent(fell) == "the loss fell to 6.9% of the start in 6 steps"
    assert describe_descent(fell, 0.5) == "the loss fell to 6.9% of the start in 6 steps; below 50% since step 2"
    rose = descend("bowl", learning_rate=3, steps=2)  # doubled twice: 16 times the loss
    assert describe_descent(rose) == "the loss rose to 1,600% of the start in 2 steps"
    assert describe_descent(descend("bowl", learning_rate=1e9)) == "diverged at step 1"
    assert describe_descent(descend("bowl", learning_rate=1, start=(0, 0))) == "began at a minimum"


def test_one_sentence_about_several_paths():
    paths = {
        "slow": descend("bowl", learning_rate=0.2, steps=6),
        "fast": descend("bowl", learning_rate=1, steps=6),
        "wild": descend("bowl", learning_rate=100, steps=6),
        "short": descend("bowl", learning_rate=0.5, steps=1),
    }
    assert describe_descents(paths) == (
        "the loss, as a share of the start: slow 6.9% after 6 steps, fast below 1% since step 1, "
        "wild diverged at step 1, short 25% after 1 step"
    )
    assert describe_descents({}) == "no optimizer is shown"
    at_rest = {"SGD": descend("saddle", learning_rate=1, start=(0, -1))}
    assert describe_descents(at_rest) == "the start is a minimum: the loss is 0 there"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"surface": "ravin"},
            "unknown surface 'ravin'; did you mean 'ravine'? choose from 'bowl', 'ravine', 'saddle'",
        ),
        ({"optimizer": "Adam"}, "unknown optimizer 'Adam'; did you mean 'adam'? choose from 'sgd', 'rmsprop', 'adam'"),
        ({"learning_rate": -1}, "learning_rate must be a finite number of 0 or more, got -1"),
        ({"momentum": 2}, "momentum must be a finite number of 0 or more and below 1, got 2"),
        (
            {"optimizer": "adam", "momentum": 0.5},
            "momentum=0.5 is for 'sgd' and 'rmsprop'; adam has its own, leave it out",
        ),
        ({"steps": 1.5}, "steps must be a whole number of 0 or more, got 1.5"),
        ({"start": (1, 2, 3)}, "start must be two numbers (x, y), less than 180 from (0, 0), got (1, 2, 3)"),
        ({"start": (math.nan, 0)}, "start must be two numbers (x, y), less than 180 from (0, 0), got (nan, 0)"),
        ({"start": (180, 0)}, "start must be two numbers (x, y), less than 180 from (0, 0), got (180, 0)"),
        ({"start": 4}, "start must be two numbers (x, y), less than 180 from (0, 0), got 4; try (-2.5, 1.5)"),
    ],
)
def test_what_can_not_work_is_refused_in_words(change, words):
    settings = {"surface": "bowl", "optimizer": "sgd", "learning_rate": 0.1, **change}
    with pytest.raises(ConfigError) as caught:
        descend(**settings)
    assert str(caught.value).startswith(words)


def test_a_share_is_told_as_it_is_and_a_start_at_the_minimum_hides_no_other():
    descent = descend("bowl", learning_rate=0.05)
    assert "below 0.1% since step" in describe_descent(descent, share=0.001)
    assert "below 1.5% since step" in describe_descent(descent, share=0.015)
    still = descend("bowl", learning_rate=0.05, start=SURFACES["bowl"].minima[0])
    words = describe_descents({"one": still, "other": descent})
    assert "one began at a minimum, other below 1% since step" in words
