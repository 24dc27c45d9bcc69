"""Check whether saliency maps depend on what the network learnt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_batch_size
from cnnlab.interpret.saliency import class_targets, saliency
from cnnlab.model.compatibility import first_logits
from cnnlab.model.networks import copied, device_of, original
from cnnlab.model.random_numbers import seeded
from cnnlab.torch_state import usual_torch_state


@dataclass(frozen=True, eq=False, repr=False)
class SaliencyCheck:
    """The maps of the same images from a trained network and from the networks that it is compared with.

    Parameters
    ----------
    method, images
        The arguments of `saliency_check`.
    targets : Tensor
        The class of each image that is explained, (N,).
    maps : dict of str to Tensor
        "trained", "random weights" and, where they were given, "shuffled labels" and "another seed": (N, C, H, W) each.
    correlation : dict of str to np.ndarray
        Spearman's rank correlation of |map| with that of the trained network, (N,), for each of the others. It is NaN
        for an image where one of the two maps has the same value everywhere, since its pixels have no order then.
    """

    method: str
    images: Tensor
    targets: Tensor
    maps: dict[str, Tensor]
    correlation: dict[str, np.ndarray]

    @property
    def means(self) -> dict[str, float]:
        """Return the mean correlation for each of the other networks, over the images that have one; NaN if none has.

        >>> saliency_check(model, images).means["random weights"]
        0.11
        """
        having = {name: values[~np.isnan(values)] for name, values in self.correlation.items()}
        return {name: float(values.mean()) if len(values) else float("nan") for name, values in having.items()}

    def __repr__(self) -> str:
        lines = [f"{self.method}, {len(self.images)} images: mean rank correlation with the trained network's maps"]
        for name, mean in self.means.items():
            missing = int(np.isnan(self.correlation[name]).sum())
            lines.append(f"  {name}: {mean:.2f}" + (f" ({missing} left out)" if missing else ""))
        if any(np.isnan(values).any() for values in self.correlation.values()):
            lines.append(
                "  left out: images where a map has the same value everywhere, so that its pixels have no order"
            )
            if self.method == "grad_cam":
                lines.append("  (grad_cam keeps what speaks for the class: where nothing does, its map is all zero)")
        return "\n".join(lines)


@usual_torch_state
def saliency_check(
    model: nn.Module,
    images: Tensor,
    targets: Tensor | int | None = None,
    method: str = "gradient",
    *,
    shuffled: nn.Module | None = None,
    another_seed: nn.Module | None = None,
    seed: int = 0,
    **options,
) -> SaliencyCheck:
    """Check whether a saliency map depends on what was learnt (Adebayo et al. 2018).

    The map of the trained network is compared with that of a copy whose weights are drawn anew.

    Parameters
    ----------
    model : nn.Module
        Any network that `saliency` takes.
    images, targets, method
        As in `saliency`.
    shuffled : nn.Module, optional
        Another network to compare with: of the same kind, trained on `shuffle_labels(data)`, so that it has learnt
        nothing of the classes.
    another_seed : nn.Module, optional
        The positive control: a network of the same kind, trained on the same data from another seed. Two networks that
        have both learnt the classes agree only so far. Compare the other correlations with this one, not with 1.
    seed : int
        For the weights, and for `saliency`.
    **options
        As in `saliency`.

    Raises
    ------
    ConfigError
        As in `saliency`, for each of the networks.

    >>> saliency_check(model, images, shuffled=other).correlation["random weights"].mean()
    """
    check_arguments(saliency_check, locals(), seed=0)
    seed = int(seed)
    batch_size = check_batch_size(options.get("batch_size", 256))
    logits = first_logits(model, images)
    targets = class_targets(model, images, targets, logits.shape[1], batch_size)
    networks = {"trained": model, "random weights": _with_random_weights(model, seed)}
    if shuffled is not None:
        networks["shuffled labels"] = shuffled
    if another_seed is not None:
        networks["another seed"] = another_seed
    maps = {
        name: saliency(network, images, targets, method, seed=seed, **options) for name, network in networks.items()
    }
    correlation = {name: _rank_correlation(maps["trained"], maps[name]) for name in maps if name != "trained"}
    return SaliencyCheck(method, images, targets, maps, correlation)


def _with_random_weights(model: nn.Module, seed: int) -> nn.Module:
    """Return a copy whose layers have drawn their weights again.

    Weights that no layer draws (parameters of one's own, weight_norm) are shuffled: nothing learnt may stay in place.
    """
    model = original(model)
    (twin,) = copied(model)
    with seeded((seed + 2**31) % 2**64, device_of(model)):  # far from small seeds
        for layer in twin.modules():
            draw_again = getattr(layer, "reset_parameters", None)
            if callable(draw_again):
                draw_again()
        for before, value in zip(model.parameters(), twin.parameters(), strict=True):
            if torch.equal(before, value):
                with torch.no_grad():
                    value.copy_(value.flatten()[torch.randperm(value.numel()).to(value.device)].view_as(value))
    return twin


def _rank_correlation(maps: Tensor, other_maps: Tensor) -> np.ndarray:
    """Return Spearman's rank correlation of the magnitudes, (N,); NaN where all pixels of a map are alike."""
    from scipy import stats

    magnitudes = [each.abs().sum(1).flatten(1).cpu().double().numpy() for each in (maps, other_maps)]
    ranks = [stats.rankdata(values, axis=1) for values in magnitudes]
    first, second = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    with np.errstate(invalid="ignore"):
        return (first * second).sum(1) / np.sqrt((first**2).sum(1) * (second**2).sum(1))
