"""Let cnnlab's functions compute as torch does when it is new, whatever the notebook has set, and put it all back.

`@usual_torch_state` stands at each public function that computes with torch: the doors. Within it, the settings of
`SETTINGS` have their usual values, inference mode is off, and new tensors are made on the processor. Only the number of
threads stays the caller's: it decides how fast `fit` is, and `History.environment` records it. In the block of
`capture` a person's own code computes: it has `usual_but_gradients`.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple, ParamSpec, TypeVar

import torch
from torch.nn.utils import parametrize

from cnnlab.errors import ConfigError
from cnnlab.interrupts import OneInterrupt

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Setting(NamedTuple):
    """One of torch's settings: how to read and set it, its usual value, and whether all threads share it."""

    get: Callable[[], Any]
    set: Callable[[Any], Any]
    usual: Any
    is_shared: bool


def _get_deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _set_deterministic(value: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(value[0], warn_only=value[1])


def _get_anomaly_mode() -> tuple[bool, bool]:
    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


def _set_anomaly_mode(value: tuple[bool, bool]) -> None:
    torch.autograd.set_detect_anomaly(*value)


def _get_flush_denormal() -> bool:
    """Return whether tiny numbers become 0, which torch does not say: 1e-40 is such a number in float32."""
    return torch.full((1,), 1e-40, dtype=torch.float32, device="cpu").mul(1).item() == 0


# Newer versions of torch have a precision for each library and operation, besides that of all matrix products and that
# of all of cuDNN: (library, operation) → its usual value, a whole library before its operations.
PRECISIONS = {
    ("generic", "all"): "none",
    ("mkldnn", "all"): "none", ("mkldnn", "conv"): "none", ("mkldnn", "matmul"): "none", ("mkldnn", "rnn"): "none",
    ("cuda", "all"): "none", ("cuda", "matmul"): "none", ("cuda", "conv"): "tf32", ("cuda", "rnn"): "tf32",
}  # fmt: skip
if not hasattr(torch._C, "_get_fp32_precision_getter"):
    PRECISIONS = {}


def _get_precision() -> tuple[str, bool, *tuple[str, ...]]:
    """Return the precision of matrix products, whether cuDNN may round to TF32, then those of `PRECISIONS`."""
    matmul, cudnn = "", True
    with contextlib.suppress(RuntimeError):  # torch does not say where the others contradict it
        matmul = torch.get_float32_matmul_precision()
    with contextlib.suppress(RuntimeError):
        cudnn = torch._C._get_cudnn_allow_tf32()
    return matmul, cudnn, *(torch._C._get_fp32_precision_getter(*where) for where in PRECISIONS)


def _set_precision(values: tuple[str, bool, *tuple[str, ...]]) -> None:
    matmul, cudnn, *others = values
    if matmul:
        torch.set_float32_matmul_precision(matmul)
    torch._C._set_cudnn_allow_tf32(cudnn)
    for where, value in zip(PRECISIONS, others, strict=True):
        torch._C._set_fp32_precision_setter(*where, value)


# The ways in which torch may compute attention: how to read and set whether it may, and whether it usually may.
ATTENTION = [
    (torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled),
    (torch.backends.cuda.flash_sdp_enabled, torch.backends.cuda.enable_flash_sdp),
    (torch.backends.cuda.mem_efficient_sdp_enabled, torch.backends.cuda.enable_mem_efficient_sdp),
    (torch.backends.cuda.math_sdp_enabled, torch.backends.cuda.enable_math_sdp),
    (torch.backends.cuda.cudnn_sdp_enabled, torch.backends.cuda.enable_cudnn_sdp),
]


def _get_attention() -> tuple[bool, ...]:
    return tuple(get() for get, _ in ATTENTION)


def _set_attention(values: tuple[bool, ...]) -> None:
    for (_, set_it), value in zip(ATTENTION, values, strict=True):
        set_it(value)


# Newer versions of torch try these ways in an order that may be set, too. Nothing is set yet: this is the usual one.
PRIORITY = tuple(torch._C._get_sdp_priority_order()) if hasattr(torch._C, "_get_sdp_priority_order") else ()


def _get_priority() -> tuple[int, ...]:
    return tuple(torch._C._get_sdp_priority_order()) if PRIORITY else ()


def _set_priority(order: tuple[int, ...]) -> None:
    if order:
        torch._C._set_sdp_priority_order(list(order))


def _set_cached_parametrizations(count: int) -> None:
    parametrize._cache_enabled = count


def _autocast(device: str) -> Setting:
    return Setting(
        functools.partial(torch.is_autocast_enabled, device), functools.partial(torch.set_autocast_enabled, device),
        False, False,
    )  # fmt: skip


SETTINGS = {
    "autocast on the processor": _autocast("cpu"),
    "autocast on a GPU": _autocast("cuda"),
    "autocast on Apple's GPU": _autocast("mps"),
    "autocast on Intel's GPU": _autocast("xpu"),
    "gradients": Setting(torch.is_grad_enabled, torch._C._set_grad_enabled, True, False),
    "flush denormal": Setting(_get_flush_denormal, torch.set_flush_denormal, False, False),
    "default dtype": Setting(torch.get_default_dtype, torch.set_default_dtype, torch.float32, True),
    "deterministic algorithms": Setting(_get_deterministic, _set_deterministic, (False, False), True),
    "anomaly mode": Setting(_get_anomaly_mode, _set_anomaly_mode, (False, True), True),
    "precision of float32": Setting(_get_precision, _set_precision, ("highest", True, *PRECISIONS.values()), True),
    "attention": Setting(_get_attention, _set_attention, (True,) * len(ATTENTION), True),
    "order of attention": Setting(_get_priority, _set_priority, PRIORITY, True),
    # Within `parametrize.cached()`, a weight is computed once: a training would not see its steps.
    "cached parametrizations": Setting(lambda: parametrize._cache_enabled, _set_cached_parametrizations, 0, True),
    "oneDNN": Setting(torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled, True, True),
}

USUAL = {name: setting.usual for name, setting in SETTINGS.items()}

# What `_enter` has to remember for the whole process.
_lock = threading.Lock()
_inside: list[int] = []  # the thread of each door that is open
_owed: dict[str, Any] = {}  # shared settings that the last thread puts back


def usual_torch_state(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a function compute with torch's usual settings; afterwards they are as they were, also after an error.

    An interrupt stops the function once; while settings are changed, it waits. Some settings belong to the whole
    process: meanwhile they hold in every thread, and while several threads are inside, the last one puts them back.

    >>> @usual_torch_state
    ... def double(values: Tensor) -> Tensor:
    ...     return 2 * values
    """

    @functools.wraps(function)
    def door(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        interrupts = OneInterrupt()
        try:
            modes, changed = _enter()
            try:
                interrupts.release()
                return function(*arguments, **named)
            finally:
                interrupts.held = True  # no call: between this and the function's end nothing can be interrupted
                # An interrupt may have come while a `with torch.no_grad()` of the function was about to end.
                _leave(modes, USUAL | changed if interrupts.came else changed)
        finally:
            interrupts.end()

    return door


@contextlib.contextmanager
def usual_but_gradients() -> Iterator[None]:
    """Within the block, let torch have its usual settings, but for gradients and inference mode; then put them back."""
    interrupts, gradients = OneInterrupt(), ("gradients",)
    try:
        modes, changed = _enter(but_for=gradients)
        try:
            interrupts.release()
            yield
        finally:
            interrupts.held = True
            usual = {name: value for name, value in USUAL.items() if name not in gradients}
            _leave(modes, usual | changed if interrupts.came else changed)
    finally:
        interrupts.end()


@contextlib.contextmanager
def settings_kept() -> Iterator[None]:
    """Within the block, a person's own code may set what it likes; afterwards all settings are as they were."""
    before = {name: setting.get() for name, setting in SETTINGS.items()}
    try:
        yield
    finally:
        for name, value in before.items():
            if SETTINGS[name].get() != value:
                SETTINGS[name].set(value)


@contextlib.contextmanager
def reproducible_gpu(device: torch.device) -> Iterator[None]:
    """Within the block, let a GPU compute with all 32 bits, and with the same bits each time; on a CPU, do nothing.

    These are settings of the whole process: meanwhile they hold in every thread. Afterwards they are as they were.
    """
    if device.type != "cuda":
        yield
        return
    precision = torch.get_float32_matmul_precision()
    try:
        if precision != "highest":  # within `usual_torch_state` it is
            torch.set_float32_matmul_precision("highest")
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        if precision != "highest":
            torch.set_float32_matmul_precision(precision)


def _enter(but_for: Collection[str] = ()) -> tuple[contextlib.ExitStack, dict[str, Any]]:
    """Set all that is not usual, but for these settings, and return what `_leave` has to put back."""
    if torch._C._get_dispatch_mode(torch._C._TorchDispatchModeKey.FAKE) is not None:
        raise ConfigError("FakeTensorMode is on, in which tensors have no values; call this outside of it")
    modes, changed = contextlib.ExitStack(), {}
    if "gradients" not in but_for and torch.is_inference_mode_enabled():
        modes.enter_context(torch.inference_mode(False))
    if torch.get_default_device() != torch.device("cpu"):
        modes.enter_context(torch.device("cpu"))
    with _lock:
        for name, setting in SETTINGS.items():
            value = setting.get()
            if value != setting.usual and name not in but_for:
                setting.set(setting.usual)
                changed[name] = value
        _inside.append(threading.get_ident())
    return modes, changed


def _leave(modes: contextlib.ExitStack, changed: dict[str, Any]) -> None:
    """Put the settings back; leave the shared ones to the last thread, if others are inside."""
    with _lock:
        _inside.remove(threading.get_ident())
        others = any(thread != threading.get_ident() for thread in _inside)
        if not _inside:
            changed = _owed | changed
            _owed.clear()
        for name, value in changed.items():
            if SETTINGS[name].is_shared and others:
                _owed.setdefault(name, value)
            else:
                SETTINGS[name].set(value)
    modes.close()
