"""Save weights to a safetensors file and load them again, with a checksum; a pickle is never opened."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from cnnlab.arguments import check_arguments
from cnnlab.errors import DataError
from cnnlab.files import atomic_write


def save_weights(model: nn.Module, path: str | Path) -> None:
    """Write a network's weights to a safetensors file with a checksum, completely or not at all.

    Raises FileNotFoundError if the folder does not exist, OSError if the file can't be written.

    >>> save_weights(model, "my_network.safetensors")
    """
    check_arguments(save_weights, {"model": model})
    write_tensors(path, model.state_dict(), {})


def load_weights(model: nn.Module, path: str | Path) -> nn.Module:
    """Read weights from a safetensors file into a network, and return the network.

    Raises DataError, and leaves the network as it was, for a file that is missing, damaged, a pickle (it could run
    code, so it is not opened), or made for another architecture.

    >>> model = load_weights(build_cnn(), "my_network.safetensors")
    """
    check_arguments(load_weights, {"model": model})
    weights = read_tensors(path)[0]
    own = model.state_dict()
    for name in [*own, *weights]:
        here, there = (_kind(source[name]) if name in source else "missing" for source in (own, weights))
        if here != there:
            raise DataError(
                f"{path} is for another architecture: {name} is {here} in this model and {there} in the file; "
                "build the model with the settings that the weights were trained with"
            )
    model.load_state_dict(weights)
    return model


def _kind(values: Tensor) -> str:
    """Return the shape, and the dtype unless it is float32."""
    dtype = "" if values.dtype == torch.float32 else f" of {values.dtype}"
    return f"{tuple(values.shape)}{dtype}"


def write_tensors(path: str | Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors and metadata to a safetensors file, completely or not at all; `read_tensors` reads them."""
    atomic_write(path, pack_tensors(tensors, metadata))


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a safetensors file; raise DataError if it is missing or damaged."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} does not exist; save_weights(model, path) writes such a file")
    return unpack_tensors(path.read_bytes(), str(path))


def pack_tensors(tensors: dict[str, Tensor], metadata: dict[str, str]) -> bytes:
    """Return tensors and metadata as the content of a safetensors file, with a checksum in the metadata."""
    flat = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    return safetensors.torch.save(flat, metadata | {"sha256": _digest(flat)})


def unpack_tensors(content: bytes, name: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata in the content of a safetensors file, which messages call `name`.

    Raises DataError if the content is damaged or a pickle. A file without a checksum, which another program wrote, is
    not checked.
    """
    try:
        tensors = safetensors.torch.load(content)
        size = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + size]).get("__metadata__") or {}
    except safetensors.SafetensorError as error:
        if content[:2] == b"PK" or content[:1] == b"\x80":
            problem = "is a pickle (.pt, .pth): opening one can run code, so it was not; use safetensors"
        else:
            problem = f"is damaged or no safetensors file ({error}); save or copy it again"
        raise DataError(f"{name} {problem}") from error
    if "sha256" in metadata and metadata["sha256"] != _digest(tensors):
        raise DataError(f"{name} is damaged: its numbers do not match its checksum; save or copy it again")
    return tensors, metadata


def _digest(tensors: dict[str, Tensor]) -> str:
    """Return the SHA-256 checksum of the tensors' names, dtypes, shapes and values."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
