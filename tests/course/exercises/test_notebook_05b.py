"""The exercises of notebook 05b, with right answers, and with wrong ones that students give."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, Occlusion, Saliency
from exercise_cases import Case, run_case
from torch.func import grad
from torch.nn import functional

from cnnlab.course.exercises.notebook_05b import count_answers
from cnnlab.course.references.occlusion import curved_score, occlusion
from cnnlab.course.references.saliency_maps import CurvedNetwork, saliency_map, smoothgrad

# --- The gradient of a logit


def by_backward(model, image, label):
    image = image.clone().requires_grad_()
    model(image)[0, label].backward()
    return image.grad


def by_func(model, image, label):
    return grad(lambda image: model(image)[0, label])(image)


def gradient_of(number):
    """Return a function that goes back from this number of the logits."""

    def saliency(model, image, label):
        image = image.clone().requires_grad_()
        number(model(image), label).backward()
        return image.grad

    return saliency


# --- Occlusion


def by_numpy(score, image, side):
    image = np.asarray(image)
    rows, columns = image.shape[0] // side, image.shape[1] // side
    losses = np.full((rows, columns), score(torch.tensor(image)))
    for place in np.ndindex(rows, columns):
        mask = np.ones_like(image)
        mask[place[0] * side : (place[0] + 1) * side, place[1] * side : (place[1] + 1) * side] = 0
        losses[place] -= score(torch.tensor(image * mask))
    return losses


def with_occlusion(change):
    """Return occlusion by two loops, with other lines."""
    lines = {
        "copy": "covered = image.clone()",
        "cover": "covered[row * side:(row + 1) * side, column * side:(column + 1) * side] = 0",
        "loss": "losses[row, column] = score(image) - score(covered)",
        "rows": "image.shape[0] // side",
        "columns": "image.shape[1] // side",
        "back": "losses",
        "early": "pass",
        **change,
    }
    text = (
        "def occlusion(score, image, side):\n"
        f"    losses = torch.zeros({lines['rows']}, {lines['columns']})\n"
        f"    {lines['early']}\n"
        "    for row in range(losses.shape[0]):\n"
        "        for column in range(losses.shape[1]):\n"
        f"            {lines['copy']}\n"
        f"            {lines['cover']}\n"
        f"            {lines['loss']}\n"
        f"    return {lines['back']}"
    )
    names = {"torch": torch}
    exec(text, names)
    return names["occlusion"]


def one_by_one(gradient, image, noise):
    total = torch.zeros_like(image)
    for each in noise:
        total += gradient(image + each)
    return total / len(noise)


def by_a_kept_gradient(model, image, label):
    image.requires_grad_()
    model(image)[0, label].backward()
    return image.grad.clone()


CASES = {
    "05b-sure-mistakes": Case(
        right=[19 / 46, 0.41, 0.413],
        wrong=[
            (19 / 1936, "among the sure answers"),
            (19 / 2000, "share of all answers"),
            (27 / 46, "that were less sure"),
            (46 / 2000, "share of mistakes among all"),
            (27 / 64, "among the less sure"),
            (19, "That is a number of mistakes"),
            (41.3, "from 0 to 1"),
            (19 / 27, "divide by the other"),
        ],
    ),
    "05b-saliency-map": Case(
        right=[by_backward, by_func],
        wrong=[
            (gradient_of(lambda logits, label: logits.softmax(1)[0, label]), "from the softmax"),
            (gradient_of(lambda logits, label: logits.log_softmax(1)[0, label]), "logarithm of the softmax"),
            (gradient_of(lambda logits, label: functional.cross_entropy(logits, torch.tensor([label]))), "of the loss"),
            (gradient_of(lambda logits, _: logits.sum()), "of all classes"),
            (gradient_of(lambda logits, _: logits.max()), "the largest logit"),
            (lambda model, image, label: by_backward(model, image, label).abs(), "The sign is lost"),
            (lambda model, image, label: image * by_backward(model, image, label), "multiply by the image"),
            (lambda model, image, label: by_backward(model, image, label)[0], "with its first dimension"),
            (by_a_kept_gradient, "second map differs"),
            (lambda model, image, label: model(image)[0, label].backward(), "returns nothing"),
            (lambda model, image, label: model(image)[0, label], "Ask how much it moves"),
            (lambda model, image, label: torch.autograd.grad(model(image)[0, label], image), "RuntimeError"),
        ],
    ),
    "05b-smoothgrad": Case(
        right=[one_by_one, lambda gradient, image, noise: torch.mean(gradient(noise + image), dim=0)[None]],
        wrong=[
            (lambda gradient, image, noise: gradient(image + noise.mean(0, keepdim=True)), "mean of the noise first"),
            (lambda gradient, image, noise: gradient(image + noise).sum(0, keepdim=True), "Take their mean"),
            (lambda gradient, image, noise: gradient(image + noise).abs().mean(0, keepdim=True), "can't cancel"),
            (lambda gradient, image, noise: gradient(image - noise).mean(0, keepdim=True), "take the noise away"),
            (lambda gradient, image, noise: gradient(image * noise).mean(0, keepdim=True), "multiply the image by"),
            (lambda gradient, image, noise: gradient(image + noise), "a map for each copy"),
            (lambda gradient, image, noise: gradient(image + noise).mean(0), "keepdim"),
            (lambda gradient, image, noise: gradient(image + noise).mean(), "over the pixels, too"),
            (lambda gradient, image, noise: gradient(image + noise[0]), "first copy alone"),
            (lambda gradient, image, noise: gradient(noise).mean(0)[None], "The image is missing"),  # noqa: ARG005
            (lambda gradient, image, noise: gradient(image), "without any noise"),  # noqa: ARG005
        ],
    ),
    "05b-occlusion": Case(
        right=[by_numpy, with_occlusion({})],
        wrong=[
            (with_occlusion({"loss": "losses[row, column] = score(covered) - score(image)"}), "sign is the wrong one"),
            (with_occlusion({"loss": "losses[row, column] = score(covered)"}), "what is left"),
            (with_occlusion({"copy": "pass", "early": "covered = image.clone()"}), "uncover each"),
            (with_occlusion({"copy": "covered = image"}), "changes its input"),
            (with_occlusion({"back": "losses.T"}), "Rows and columns are swapped"),
            (with_occlusion({"cover": "covered[row:row + side, column:column + side] = 0"}), "Your squares overlap"),
            (with_occlusion({"cover": "covered[row:row + side, column:column + side] = 0", "rows":
                             "image.shape[0] - side + 1", "columns": "image.shape[1] - side + 1"}), "squares overlap"),
            (with_occlusion({"copy": "covered = torch.zeros_like(image); square = (slice(row * side, (row + 1) * side),"
                                     " slice(column * side, (column + 1) * side))",
                             "cover": "covered[square] = image[square]"}), "Cover the square alone"),
            (with_occlusion({"cover": "covered[row * side:(row + 1) * side,"
                                      " column * side:(column + 1) * side] = image.mean()"}), "cover with the mean"),
            (with_occlusion({"loss": "losses[row, column] = abs(score(image) - score(covered))"}), "keep the sign"),
            (with_occlusion({"rows": "image.shape[0]", "columns": "image.shape[1]"}), "The shape must be"),
            (with_occlusion({"back": "torch.kron(losses, torch.ones(side, side))"}), "each square one"),
            (with_occlusion({"back": "losses / score(image)"}), "share that is lost"),
        ],
    ),
    "05b-integrated-gradients": Case(
        right=[[3, 0.5], (3.0, 1 / 2), torch.tensor([3, 0.5])],
        wrong=[
            ([3, 1], "gradient × input"),
            ([3, 0], "start of the way"),
            ([0.5, 3], "swapped"),
            ([3.5, 3.5], "That is the sum"),
            ([1.75, 1.75], "not shared alike"),
            ([3, 0.125], "area under the logit"),
            ([1.5, 0.125], "areas under the logit"),
            (3.5, "The shape must be"),
            ([3, 0.25], "values are wrong"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_answers_of_students(name):
    run_case(name, CASES[name])


def test_the_counts_are_those_that_the_notebook_prints():
    assert count_answers() == (1936, 19, 64, 27)


def test_the_gradient_and_smoothgrad_are_captums():
    network, image = CurvedNetwork((2, 5, 4), seed=3), torch.randn(1, 2, 5, 4)

    def of_captum(images, target):
        return Saliency(network).attribute(images.requires_grad_(), target=target, abs=False)

    captum = of_captum(image.clone(), 2)
    torch.testing.assert_close(saliency_map(network, image, 2), captum)
    noise = torch.randn(6, 2, 5, 4)
    copies = torch.cat([of_captum(image + each, 1) for each in noise])
    mine = smoothgrad(lambda images: torch.cat([by_backward(network, each[None], 1) for each in images]), image, noise)
    torch.testing.assert_close(mine, copies.mean(0, keepdim=True))


def test_occlusion_is_captums():
    generator = torch.Generator().manual_seed(0)
    score, image = curved_score((6, 4), generator), torch.randn(6, 4, generator=generator)
    captum = Occlusion(lambda images: torch.tensor([score(each[0]) for each in images]))
    pixels = captum.attribute(image[None, None], sliding_window_shapes=(1, 2, 2), strides=(1, 2, 2))[0, 0]
    torch.testing.assert_close(occlusion(score, image, 2), pixels[::2, ::2].float(), rtol=1e-4, atol=1e-4)


def test_the_integrated_gradients_of_the_two_inputs_are_captums():
    def logit(inputs):
        return 3 * inputs[:, 0] + (inputs[:, 1] - 0.5).clamp(min=0)

    parts = IntegratedGradients(logit).attribute(torch.ones(1, 2), n_steps=200)
    torch.testing.assert_close(parts[0].float(), torch.tensor([3, 0.5]), rtol=0.01, atol=0.01)
