"""A GPU computes with all bits within a block, and its settings are as they were afterwards; on any computer."""

import pytest
import torch

from cnnlab.errors import ConfigError
from cnnlab.torch_state import reproducible_gpu
from cnnlab.training.device import choose_device, is_out_of_memory, what_to_try


def gpu_settings():
    """Return whether multiplications may be short of bits, and cuDNN's settings, in this process."""
    cudnn = torch.backends.cudnn
    return torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark


@pytest.fixture
def _fast_gpu():
    """Allow multiplications of a GPU to be short of bits, and cuDNN to choose its algorithms."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True):
        yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.usefixtures("_fast_gpu")
@pytest.mark.parametrize(
    ("device", "inside"), [("cuda", (False, False, True, False)), ("cpu", (True, True, False, True))]
)
def test_a_gpu_is_reproducible_within_the_block_alone(device, inside):
    with reproducible_gpu(torch.device(device)):
        assert gpu_settings() == inside
    assert gpu_settings() == (True, True, False, True)


@pytest.mark.skipif(not hasattr(torch.backends.cuda.matmul, "fp32_precision"), reason="this torch has no such setting")
def test_a_reproducible_gpu_leaves_the_precision_of_products_as_it_was():
    matmul = torch.backends.cuda.matmul
    matmul.fp32_precision = "none"  # as in a new process
    with reproducible_gpu(torch.device("cuda")):
        assert not matmul.allow_tf32
    assert matmul.fp32_precision == "none"


def test_the_device_is_a_gpu_if_there_is_one_and_never_one_without_values(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(None) == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(ConfigError, match="device='meta' has no values, so nothing can be trained there; choose 'cpu'"):
        choose_device("meta")
    with pytest.raises(ConfigError, match="device='cuda': torch sees no GPU here; choose 'cpu', or leave it out"):
        choose_device("cuda")


def test_what_to_try_when_memory_ran_out():
    assert what_to_try(64) == "out of memory with batch_size=64; try batch_size=32"
    assert what_to_try(1) == "out of memory with batch_size=1; take fewer or smaller images"
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried"))
    assert is_out_of_memory(RuntimeError("CUDA error: out of memory"))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 18 GB)"))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
    assert not is_out_of_memory(RuntimeError("something else"))
