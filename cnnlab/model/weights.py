"""Save weights to a safetensors file and load them again, with a checksum of it all; a pickle is never opened."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from cnnlab.errors import ConfigError, DataError
from cnnlab.files import atomic_write, check_output_file, check_path
from cnnlab.machine import free_memory
from cnnlab.model.in_training import check_not_in_training
from cnnlab.model.networks import check_changeable, check_model, plain_name
from cnnlab.torch_state import usual_torch_state

DIGEST = "sha256_of_file"  # of the whole file, in which the digest itself is this:
NO_DIGEST = "0" * 64
OLD_DIGEST = "sha256"  # of the tensors alone, in files that earlier versions wrote


@usual_torch_state
def save_weights(model: nn.Module, path: str | Path) -> None:
    """Write a network's weights to a safetensors file with a checksum, completely or not at all.

    Parameters
    ----------
    model : nn.Module
        Any network, but that of `torch.jit.freeze`. The weights of a compiled one have the names of the network that
        was not compiled.
    path : path
        The file.

    Raises
    ------
    ConfigError
        If another thread trains the network, if its state_dict is empty or holds something that is no tensor, if the
        path can't be a file, or if its folder is missing or can't be written.
    OSError
        If the disk is full.

    >>> save_weights(model, "my_network.safetensors")
    """
    check_not_in_training(check_model(model))  # a step of another thread would change half of what is written
    path, weights = check_output_file("path", path), weights_of(model)
    if not weights:
        raise ConfigError(
            "the model has no weights in its state_dict, so that the file would be empty; a network of "
            "torch.jit.freeze keeps them elsewhere: save the network that it was made from"
        )
    write_tensors(path, weights, {})


@usual_torch_state
def load_weights(model: nn.Module, path: str | Path) -> nn.Module:
    """Read weights from a safetensors file into a network, and return the network.

    Parameters
    ----------
    model : nn.Module
        Any network of the architecture that was saved, compiled or not.
    path : path
        A file that `save_weights` wrote.

    Raises
    ------
    ConfigError
        For a network that was made in `torch.inference_mode()`.
    DataError
        For a file that is missing, damaged, a pickle (it could run code, so it is not opened), or made for another
        architecture. The network stays as it was.

    >>> model = load_weights(build_cnn(), "my_network.safetensors")
    """
    check_not_in_training(check_model(model))
    check_changeable(model, "its weights can't be replaced")
    weights = {plain_name(name): value for name, value in read_tensors(path)[0].items()}
    own = weights_of(model)
    for name in [*own, *weights]:
        here, there = (_kind(source[name]) if name in source else "missing" for source in (own, weights))
        if here != there:
            raise DataError(
                f"{path} is for another architecture: {name} is {here} in this model and {there} in the file; "
                "build the model with the settings that the weights were trained with"
            )
    model.load_state_dict({name: weights[plain_name(name)] for name in model.state_dict()})
    return model


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Return the network's state_dict, by the names that it has in the network that was not compiled.

    Raises ConfigError if something in it is no tensor (nn.Module.get_extra_state).
    """
    state = {plain_name(name): value for name, value in model.state_dict().items()}
    for name, value in state.items():
        if is_lazy(value):
            raise ConfigError(f"{name} of the network has no shape yet; call model(images[:1]) once before")
        if not isinstance(value, Tensor):
            raise ConfigError(
                f"{name} in the network's state_dict is no tensor, got {type(value).__name__}; a file of "
                "weights holds tensors only"
            )
    return state


def _kind(values: Tensor) -> str:
    """Return the shape, and the dtype unless it is float32."""
    dtype = "" if values.dtype == torch.float32 else f" of {values.dtype}"
    return f"{tuple(values.shape)}{dtype}"


def write_tensors(path: str | Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors and metadata to a safetensors file, completely or not at all; `read_tensors` reads them."""
    atomic_write(path, pack_tensors(tensors, metadata))


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a safetensors file; raise DataError if it is missing or damaged."""
    path = check_path("path", path)
    size = 0
    try:
        if not path.is_file():
            raise DataError(f"{path} does not exist; save_weights(model, path) writes such a file")
        size = path.stat().st_size
        if size > (free_memory() or size):
            raise MemoryError
        content = path.read_bytes()
    except MemoryError as error:
        raise DataError(f"{path} has {size:,} bytes, more than the free memory; copy it again") from error
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}); copy it again, or give another path") from error
    return unpack_tensors(content, str(path))


def pack_tensors(tensors: dict[str, Tensor], metadata: dict[str, str]) -> bytes:
    """Return tensors and metadata as the content of a safetensors file, with its checksum in the metadata."""
    flat = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    content = safetensors.torch.save(flat, metadata | {DIGEST: NO_DIGEST})
    digest = hashlib.sha256(content).hexdigest()
    return content.replace(_entry(NO_DIGEST), _entry(digest), 1)  # the header comes first


def unpack_tensors(content: bytes, name: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata in the content of a safetensors file, which messages call `name`.

    Raises DataError if the content is damaged or a pickle: each byte counts. In a file of an earlier version of cnnlab
    only the tensors have a checksum. A file without one, which another program wrote, is not checked.
    """
    try:
        tensors = safetensors.torch.load(content)
        size = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + size]).get("__metadata__") or {}
    except (safetensors.SafetensorError, ValueError, RecursionError, KeyError, RuntimeError, AttributeError) as error:
        # A safetensors file begins with the size of its header, which may look like the start of a pickle.
        if content[8:9] != b"{" and (content[:2] == b"PK" or content[:1] == b"\x80"):
            problem = "is a pickle (.pt, .pth): opening one can run code, so it was not; use safetensors"
        else:
            problem = f"is damaged or no safetensors file ({error!s:.200}); save or copy it again"
        raise DataError(f"{name} {problem}") from error
    if not _is_sound(content, tensors, metadata):
        raise DataError(f"{name} is damaged: its numbers do not match its checksum; save or copy it again")
    return tensors, metadata


def _is_sound(content: bytes, tensors: dict[str, Tensor], metadata: dict[str, str]) -> bool:
    """Return whether the content of a file matches the checksum in its metadata, if there is one."""
    digest, old = metadata.get(DIGEST), metadata.get(OLD_DIGEST)
    if digest is not None:
        blank = content.replace(_entry(digest), _entry(NO_DIGEST), 1)
        return hashlib.sha256(blank).hexdigest() == digest
    if old is not None:
        return _digest(tensors) == old
    return not any(re.fullmatch("[0-9a-f]{64}", value) for value in metadata.values())  # a checksum with a damaged name


def _entry(digest: str) -> bytes:
    """Return the checksum as it stands in a file's header."""
    return f'"{DIGEST}":"{digest}"'.encode()


def _digest(tensors: dict[str, Tensor]) -> str:
    """Return the checksum that earlier versions wrote: of the tensors' names, dtypes, shapes and values."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
