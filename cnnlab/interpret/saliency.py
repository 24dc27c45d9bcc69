"""Compute saliency maps: how strongly a network's answer depends on each pixel.

All methods start from the logit of a class, not from its softmax: the gradient of the softmax vanishes where the
network is sure. Whether a map depends on what the network learnt is the question of saliency_check.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from cnnlab.checks import (
    check_batch_size,
    check_choice,
    check_images,
    check_not_empty,
    check_number,
    check_whole,
    describe_tensor,
    is_whole_tensor,
    shown,
)
from cnnlab.errors import ConfigError
from cnnlab.interpret.hooks import layer_of_output
from cnnlab.interpret.saliency_methods import (
    draw_noise,
    grad_cam_maps,
    gradient_maps,
    integrated_gradients_maps,
    occlusion_maps,
    smoothgrad_maps,
)
from cnnlab.model.compatibility import first_logits
from cnnlab.model.forward_pass import as_in_fit
from cnnlab.model.networks import call_for_logits, check_changeable, check_model, device_of, evaluating, uncompiled
from cnnlab.torch_state import usual_torch_state

METHODS = ("gradient", "gradient_x_input", "smoothgrad", "integrated_gradients", "grad_cam", "occlusion")


@usual_torch_state
def saliency(  # noqa: PLR0913 (each method has settings of its own)
    model: nn.Module,
    images: Tensor,
    targets: Tensor | int | None = None,
    method: str = "gradient",
    *,
    layer: str | None = None,
    samples: int = 32,
    noise: float = 0.15,
    steps: int = 50,
    window: int = 5,
    stride: int = 2,
    seed: int = 0,
    batch_size: int = 256,
) -> Tensor:
    """Return a saliency map for each image: how strongly the logit of a class depends on each pixel.

    What a value means depends on `method`. Maps are signed, except those of "grad_cam".

    Parameters
    ----------
    model : nn.Module
        Any network that returns logits (N, classes), or a tuple or a dict that begins with them. It is in eval mode
        meanwhile, and uncompiled; afterwards it is as it was.
    images : Tensor
        Float (N, C, H, W), normalized as in training, so that zero is the training set's mean colour.
    targets : Tensor or int, optional
        The class to explain: one for each image, (N,), or one for all. None: the class with the largest logit.
    method : str
        - "gradient": the gradient of the logit with respect to the image (Simonyan et al. 2014).
        - "gradient_x_input": the gradient times the image.
        - "smoothgrad": the mean gradient of noisy copies of the image (Smilkov et al. 2017).
        - "integrated_gradients": the image times the mean gradient on the straight line from an image of zeros to it,
          by Gauss–Legendre quadrature. The map sums to the difference of the two logits (Sundararajan et al. 2017).
        - "grad_cam": the sum of a layer's maps, each times its mean gradient; then ReLU, and bilinear resizing to the
          size of the image. It is the same for each channel (Selvaraju et al. 2017).
        - "occlusion": how far the logit falls when a square is set to zero, averaged over the squares that cover a
          pixel (Zeiler & Fergus 2014).
    layer : str, optional
        For grad_cam. None: the last convolution.
    samples, noise : int, float
        For smoothgrad: the number of noisy copies; the standard deviation, as a share of the image's range.
    steps : int
        For integrated_gradients: the number of points.
    window, stride : int
        For occlusion: the side of the square, and the distance between two squares, in pixels.
    seed : int
        For the noise.
    batch_size : int
        How many images go through the network at once, noisy copies and points included. If `samples` or `steps` is
        larger, all copies or points of one image still go through together.

    Returns
    -------
    Tensor
        Float (N, C, H, W), on the images' device.

    Raises
    ------
    ConfigError
        If an argument can't work, or if model, images, targets and method do not fit each other.

    >>> saliency(model, data.validation.images[:4], method="smoothgrad").shape
    torch.Size([4, 1, 28, 28])
    """
    check_choice("method", method, METHODS)
    samples = check_whole("samples", samples, 1, most=10_000)
    steps = check_whole("steps", steps, 1, most=1000)  # a quadrature of more points takes minutes to prepare
    window, stride = check_whole("window", window, 1), check_whole("stride", stride, 1)
    batch_size, noise = check_batch_size(batch_size), float(check_number("noise", noise, 0))
    _check_images(model, images, method, window, stride)
    logits = first_logits(model, images)
    if layer is not None:
        layer_of_output(model, layer)
    targets = class_targets(model, images, targets, logits.shape[1], batch_size)
    generator = torch.Generator().manual_seed(check_whole("seed", seed, 0))
    # For each method: how many passes it makes for an image, and the function (images, targets) → maps.
    methods: dict[str, tuple[int, Callable[[Tensor, Tensor], Tensor]]] = {
        "gradient": (1, lambda x, t: gradient_maps(model, x, t)),
        "gradient_x_input": (1, lambda x, t: x * gradient_maps(model, x, t)),
        "smoothgrad": (samples, lambda x, t: smoothgrad_maps(model, x, t, draw_noise(x, samples, noise, generator))),
        "integrated_gradients": (steps, lambda x, t: integrated_gradients_maps(model, x, t, steps)),
        "grad_cam": (1, lambda x, t: grad_cam_maps(model, x, t, layer)),
        "occlusion": (1, lambda x, t: occlusion_maps(model, x, t, window, stride)),
    }
    passes, draw = methods[method]
    at_once = max(1, batch_size // passes)
    device, dtype = device_of(model), images.dtype
    with torch.inference_mode(False), evaluating(model), uncompiled(), as_in_fit(model):
        batches = zip(images.split(at_once), targets.split(at_once), strict=True)
        maps = [
            draw(batch.detach().clone().to(device), classes.clone().to(device)).to(images.device, dtype)
            for batch, classes in batches
        ]
    return torch.cat(maps)


def _check_images(model: nn.Module, images: Tensor, method: str, window: int, stride: int) -> None:
    """Raise ConfigError unless there are images that the squares fit into, and the method can explain the model."""
    check_images(images)
    check_not_empty(images)
    if method == "occlusion" and not stride <= window <= min(images.shape[2:]):
        raise ConfigError(
            f"occlusion wants stride <= window <= the image's side, got stride={stride}, window={window} and images of "
            f"{images.shape[2]}×{images.shape[3]}; make them smaller"
        )
    check_model(model)
    if method != "occlusion":
        check_changeable(model, "it has no gradients")


def class_targets(model: nn.Module, images: Tensor, targets: object, classes: int, batch_size: int) -> Tensor:
    """Return one class an image, int64 (N,), on the CPU."""
    if targets is None:
        device = device_of(model)
        with evaluating(model), torch.no_grad(), uncompiled(), as_in_fit(model):
            answers = [call_for_logits(model, batch.to(device)).argmax(1).cpu() for batch in images.split(batch_size)]
        return torch.cat(answers)
    if isinstance(targets, (list, tuple, np.ndarray)):
        try:
            targets = torch.as_tensor(targets)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ConfigError(f"targets must be whole numbers, one for each image, got {shown(targets)}") from error
    if not isinstance(targets, Tensor):
        targets = torch.full((len(images),), check_whole("targets", targets, 0, most=2**31))
    if not is_whole_tensor(targets) or targets.shape != (len(images),):
        raise ConfigError(
            f"targets must be one class, or one for each of {len(images)} images, got {describe_tensor(targets)}"
        )
    targets = targets.cpu().long()
    if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < classes:
        raise ConfigError(
            f"targets: the model has the classes 0 to {classes - 1}, got {shown(sorted(set(targets.tolist())))}"
        )
    return targets


@usual_torch_state
def concentration(maps: Tensor) -> Tensor:
    """Return the Gini index of each map, (N,): 0 if all pixels are alike, near 1 if a single pixel holds everything.

    It is taken of |map|, summed over the channels (Hurley & Rickard 2009, eq. 2). A map of zeros has 0.

    >>> concentration(saliency(model, images)).mean()
    """
    check_images(maps, "maps")
    pixels = maps.detach().abs().sum(1).flatten(1).double().sort(dim=1).values  # (N, pixels), rising
    count = pixels.shape[1]
    rank = torch.arange(1, count + 1, device=pixels.device)
    total = pixels.sum(1)
    share = (pixels * (count - rank + 0.5)).sum(1) / total.clamp_min(1e-300)
    return torch.where(total == 0, 0.0, 1 - 2 * share / count)
