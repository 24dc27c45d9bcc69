"""A pretend GPU: a device of torch's in whose place the processor computes, so that GPU tests run without a GPU.

torch keeps one kind of device free for accelerators that it does not know ("PrivateUse1"). Tensors there are memory of
the processor's under the other device's name (DLPack hands it over without a copy), and every operation on them runs on
the processor. What a GPU refuses is refused here, too: an operation on tensors of both sides, and numpy().

This shows where tensors lie, and nothing else of a GPU: none of its kernels runs, nothing is rounded in another order,
nothing runs beside the processor, and random numbers are the processor's. On request it has no float64, as Apple's GPUs
have none. A GPU may refuse more than this does: here, a
single number on the processor (0-dimensional) is let into every operation.

A device is registered for good, and before the process's first backward pass: have a process for it alone.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor
from torch.utils import _pytree, backend_registration

NAME = "pretend"
_CPU, _PRETEND = 1, 12  # DLPack's numbers of two kinds of devices: kDLCPU and kDLExtDev

# Other operations get to the fallback by themselves; these would first look for a kernel by the device's kind.
_ASKED_FIRST = ("convolution", "convolution_backward", "copy_")
_LOOKUPS = ("aten::index", "aten::index_put_", "aten::_index_put_impl_")

_libraries: list[torch.library.Library] = []  # what they register would end with them

_pointer_in = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_in.restype, _pointer_in.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)


def is_possible() -> bool:
    """Return whether this torch can be taught a device from Python."""
    return hasattr(backend_registration, "_setup_privateuseone_for_python_backend")


_without_doubles = False  # of the pretend device


def register(*, without_doubles: bool = False) -> None:
    """Teach torch the device "pretend"; without_doubles: it has no float64, as Apple's GPUs ("mps")."""
    global _without_doubles
    _without_doubles = without_doubles
    backend_registration._setup_privateuseone_for_python_backend(NAME)
    every, aten = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL", "PrivateUse1")
    every.fallback(_on_the_processor, "PrivateUse1")
    for name in _ASKED_FIRST:
        operation = getattr(torch.ops.aten, name).default
        aten.impl(name, lambda *args, operation=operation, **kwargs: _on_the_processor(operation, *args, **kwargs))
    _libraries.extend((every, aten))
    # copy.deepcopy would ask for bare memory there, and torch crashes for want of an allocator. Where a device has no
    # memory of its own to show, the tensor is cloned instead.
    has_storage = torch._C._has_storage
    torch._C._has_storage = lambda values: values.device.type != NAME and has_storage(values)


def _on_the_processor(operation, *args, **kwargs):
    """Run an operation whose tensors, or whose result, lie on the pretend device."""
    _check_devices(operation._schema.name, args, kwargs)
    pairs: list[tuple[Tensor, Tensor]] = []  # a tensor there, and what stands for it here

    def here(value):
        if isinstance(value, torch.device) and value.type == NAME:
            return torch.device("cpu")
        if not isinstance(value, Tensor) or value.device.type != NAME:
            return value
        # An empty one may be an out= that is to grow, and memory that was handed over does not.
        stand_in = _handed_over(value, _CPU) if value.numel() else torch.empty(value.shape, dtype=value.dtype)
        pairs.append((value, stand_in))
        return stand_in

    def there(value):
        if not isinstance(value, Tensor) or any(value is own for own in mine):
            return value
        if _without_doubles and value.dtype in (torch.float64, torch.complex128):
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."
            )
        same = next((known for known, stand_in in pairs if stand_in is value), None)  # in-place, or out=
        return _handed_over(value, _PRETEND) if same is None else same

    mine = [value for value in _pytree.tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
    result = operation(*_pytree.tree_map(here, args), **_pytree.tree_map(here, kwargs))
    for known, stand_in in pairs:
        if known.shape != stand_in.shape:
            known.data = _handed_over(stand_in, _PRETEND)
    return _pytree.tree_map(there, result)


def _check_devices(name: str, args: tuple, kwargs: dict) -> None:
    if name == "aten::copy_":  # the way from one side to the other
        return
    if name in _LOOKUPS:  # a GPU takes the places, too, from the processor
        args = (args[0], *args[2:])
    for value in _pytree.tree_leaves((args, kwargs)):
        matters = isinstance(value, torch.Generator) or (isinstance(value, Tensor) and value.dim() > 0)
        if matters and value.device.type != NAME:
            raise RuntimeError(
                f"{name}: expected everything on {NAME}, found a {type(value).__name__} on the processor"
            )


def _handed_over(values: Tensor, kind: int) -> Tensor:
    """Return the same memory as a tensor of the other device."""
    capsule = torch._C._to_dlpack(values)
    # In it, after the pointer to the data (8 bytes), come the device's kind and number.
    device = (ctypes.c_int32 * 2).from_address(_pointer_in(capsule, b"dltensor") + 8)
    device[0], device[1] = kind, 0
    return torch._C._from_dlpack(capsule)
