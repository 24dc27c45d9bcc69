"""The methods of `saliency`, one function each: from a network, images and target classes to maps (N, C, H, W)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.errors import ConfigError
from cnnlab.interpret.hooks import hooked
from cnnlab.model.networks import call_for_logits, check_visible


def _logit(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """Return the target's logit of each image, (N,)."""
    return call_for_logits(model, images).gather(1, targets[:, None])[:, 0]


def gradient_maps(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """Return the gradient of each image's target logit, (N, C, H, W)."""
    with torch.enable_grad():
        images = images.clone().requires_grad_()
        score = _logit(model, images, targets).sum()
        if not score.requires_grad:
            raise ConfigError("the logits have no gradient with respect to the image; take method='occlusion'")
        return torch.autograd.grad(score, images, materialize_grads=True)[0]


def draw_noise(images: Tensor, samples: int, noise: float, generator: torch.Generator) -> Tensor:
    """Return SmoothGrad's noise, (N, samples, C, H, W); its standard deviation is noise × the image's range."""
    normal = [torch.randn(samples, *image.shape, generator=generator, dtype=image.dtype) for image in images]
    span = images.flatten(1).amax(1) - images.flatten(1).amin(1)  # (N,)
    return torch.stack(normal).to(images.device) * noise * span[:, None, None, None, None]


def smoothgrad_maps(model: nn.Module, images: Tensor, targets: Tensor, noise: Tensor) -> Tensor:
    """Return the mean gradient of the images with each of their noises (N, samples, C, H, W) added."""
    noisy = (images[:, None] + noise).flatten(0, 1)  # (N × samples, C, H, W)
    gradients = gradient_maps(model, noisy, targets.repeat_interleave(noise.shape[1]))
    return gradients.unflatten(0, noise.shape[:2]).mean(1)


def integrated_gradients_maps(model: nn.Module, images: Tensor, targets: Tensor, steps: int) -> Tensor:
    """Return image × ∫ gradient(t · image) dt over t from 0 to 1 (Sundararajan et al. 2017, eq. 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)  # for −1…1
    along = torch.as_tensor((nodes + 1) / 2, dtype=images.dtype, device=images.device)
    weights = torch.as_tensor(weights / 2, dtype=images.dtype, device=images.device)
    points = (images[:, None] * along[:, None, None, None]).flatten(0, 1)  # (N × steps, C, H, W)
    gradients = gradient_maps(model, points, targets.repeat_interleave(steps)).unflatten(0, (len(images), steps))
    return images * torch.einsum("s,nschw->nchw", weights, gradients)


def grad_cam_maps(model: nn.Module, images: Tensor, targets: Tensor, layer: str | None) -> Tensor:
    """Return ReLU(Σ mean gradient × map) over a layer's maps, enlarged (Selvaraju et al. 2017, eq. 1 and 2)."""
    check_visible(model)
    if layer is None and not any(isinstance(module, nn.Conv2d) for module in model.modules()):
        raise ConfigError("grad_cam needs a convolution, and this model has none; take another method")
    kept: list[Tensor] = []

    def see(_name: str, _layer: nn.Module, _entering: tuple, maps: Tensor) -> Tensor:
        kept.append(maps)
        return maps.clone()  # since the next layer may work in place

    with torch.enable_grad(), hooked(model, nn.Conv2d if layer is None else layer, see):
        score = _logit(model, images.clone().requires_grad_(), targets).sum()
        if not kept and layer is None:
            raise ConfigError("grad_cam: no convolution runs in this network's forward pass; take another method")
        if not kept:
            raise ConfigError(f"grad_cam: the network does not use {layer}; name a layer that takes part in its answer")
        maps = kept[-1]  # (N, K, h, w), of the convolution that ran last
        if maps.ndim != 4:
            raise ConfigError(f"grad_cam wants a layer that gives maps (N, C, H, W); {layer} gives {tuple(maps.shape)}")
        if not score.requires_grad or not maps.requires_grad:
            raise ConfigError("grad_cam: the logits have no gradient with respect to the maps; take method='occlusion'")
        gradients = torch.autograd.grad(score, maps, materialize_grads=True)[0]
    weights = gradients.mean((2, 3), keepdim=True)
    cam = (weights * maps.detach()).sum(1, keepdim=True).relu()
    return functional.interpolate(cam, images.shape[2:], mode="bilinear").expand(-1, images.shape[1], -1, -1)


@torch.no_grad()
def occlusion_maps(model: nn.Module, images: Tensor, targets: Tensor, window: int, stride: int) -> Tensor:
    """Return the fall of the target's logit, averaged over the squares that cover a pixel."""
    whole = _logit(model, images, targets)
    fall, covered = torch.zeros_like(images), torch.zeros_like(images[:1])
    for top in _starts(images.shape[2], window, stride):
        for left in _starts(images.shape[3], window, stride):
            square = (..., slice(top, top + window), slice(left, left + window))
            hidden = images.clone()
            hidden[square] = 0
            fall[square] += (whole - _logit(model, hidden, targets))[:, None, None, None]
            covered[square] += 1
    return fall / covered


def _starts(size: int, window: int, stride: int) -> range:
    """Return where the squares begin. The last one reaches the edge; what lies beyond is cut off."""
    return range(0, size - window + stride, stride)
