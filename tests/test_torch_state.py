"""Whatever a notebook has set in torch, each door gives the same result, and the settings are as they were."""

import contextlib
import dataclasses
import operator
import threading

import numpy as np
import pytest
import torch
from small_training import small
from tiny_sweeps import TINY
from torch import Tensor, nn

import cnnlab
from cnnlab import torch_state
from cnnlab.errors import ConfigError
from cnnlab.training.loop import EpochState
from cnnlab.training.options import make_optimizer

pytestmark = pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")


@contextlib.contextmanager
def setting(set_it, value, back):
    set_it(value)
    try:
        yield
    finally:
        set_it(back)


@contextlib.contextmanager
def everything():
    """All of them at once, but for those that exclude each other."""
    with contextlib.ExitStack() as stack:
        for name in ("autocast", "inference_mode", "default dtype", "default device", "deterministic", "anomaly mode"):
            stack.enter_context(AMBIENT[name]())
        for name in ("flush denormal", "matmul precision", "oneDNN off"):
            stack.enter_context(AMBIENT[name]())
        yield


def conv_precision(value):
    torch.backends.mkldnn.conv.fp32_precision = value


AMBIENT = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "default dtype": lambda: setting(torch.set_default_dtype, torch.float64, torch.float32),
    "default device": lambda: setting(torch.set_default_device, "meta", None),
    "device as a context": lambda: torch.device("meta"),
    "deterministic": lambda: setting(torch.use_deterministic_algorithms, True, False),
    "anomaly mode": torch.autograd.detect_anomaly,
    "flush denormal": lambda: setting(torch.set_flush_denormal, True, False),
    "matmul precision": lambda: setting(torch.set_float32_matmul_precision, "medium", "highest"),
    "precision of convolutions": lambda: setting(conv_precision, "bf16", "none"),
    "oneDNN off": lambda: setting(torch._C._set_mkldnn_enabled, False, True),
    "everything": everything,
}
if not hasattr(torch.backends.mkldnn, "conv"):
    del AMBIENT["precision of convolutions"]


def state():
    """All that must be as it was; read with torch's own functions, not with those of the package."""
    return {
        "autocast": torch.is_autocast_enabled("cpu"), "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(), "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(), "deterministic": torch.are_deterministic_algorithms_enabled(),
        "anomaly": torch.is_anomaly_enabled(), "matmul": torch.get_float32_matmul_precision(),
        "oneDNN": torch.backends.mkldnn.enabled, "threads": torch.get_num_threads(),
        "conv": str(getattr(torch.backends.mkldnn, "conv", None) and torch.backends.mkldnn.conv.fp32_precision),
        "denormal": float(np.float32(1)) * torch.full((1,), 1e-40, dtype=torch.float32, device="cpu").mul(1).item() > 0,
    }  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return cnnlab.load_data("patterns", train=64, validation=40, size=12, classes=2)


@pytest.fixture(scope="module")
def model(data):
    return network(data)


def network(data, **settings):
    return small(input_shape=data.input_shape, classes=2, dropout=0.2, **settings)


def recorded(model, data):
    optimizer = make_optimizer(model, {"optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0, "momentum": 0.0})
    history = cnnlab.History({"batch_size": 20}, {}, [{"epoch": 1}])
    return cnnlab.Recorder(activations=True, saliency=True)(EpochState(1, history, model, optimizer, data))


def trained(model, data):
    del model
    fresh = network(data)
    history = cnnlab.fit(fresh, data, epochs=2, patience=3, progress=False)
    return [{**row, "seconds": 0} for row in history.rows], list(fresh.state_dict().values())


def run(model, data):
    del model, data
    finished = cnnlab.run(TINY, snapshots=(0, 2), progress=False, insides=True)
    return [{**row, "seconds": 0} for row in finished.history.rows], list(finished.model(2).state_dict().values())


def swept(model, data):
    del model, data
    (finished,) = cnnlab.sweep([TINY.replace(epochs=1)], workers=1, progress=False)
    return [{**row, "seconds": 0} for row in finished.history.rows]


DOORS = {
    "fit": trained,
    "run": run,
    "sweep": swept,
    "evaluate": lambda model, data: cnnlab.evaluate(model, data.validation),
    "evaluate_all": lambda model, data: cnnlab.evaluate_all([model], data.validation),
    "mistakes": lambda model, data: cnnlab.mistakes(model, data.validation),
    "predict": lambda model, data: cnnlab.predict(model, data.validation.images),
    "activation_statistics": lambda model, data: cnnlab.activation_statistics(model, data.validation.images),
    "gradient_flow": lambda model, data: cnnlab.gradient_flow(model, data.validation[:20]),
    "weight_distributions": lambda model, data: cnnlab.weight_distributions(model, network(data, seed=4)),
    "receptive_field": lambda model, data: cnnlab.receptive_field(model, "conv2", 1, 5, data.input_shape),
    "top_images": lambda model, data: cnnlab.top_images(model, data.validation, "conv2", 1, count=3),
    "saliency_check": lambda model, data: cnnlab.saliency_check(model, data.validation.images[:4]),
    "Recorder": recorded,
    "descend": lambda *_: cnnlab.descend("ravine", "adam", learning_rate=0.1, steps=9),
    "build_cnn": lambda _, data: list(network(data, seed=3).state_dict().values()),
    "layer_table": lambda model, _: [row.parameters for row in cnnlab.layer_table(model)],
    "load_data": lambda *_: cnnlab.load_data("patterns", train=20, validation=10, size=12).train.images,
    "from_tensors": lambda *_: cnnlab.Data.from_tensors(PIXELS, LABELS).validation.images,
    "balance_classes": lambda _, data: cnnlab.balance_classes(data).train.images,
    "shuffle_labels": lambda _, data: cnnlab.shuffle_labels(data).train.labels,
    "apply_kernel": lambda *_: cnnlab.apply_kernel(PIXELS[0, 0], cnnlab.make_kernel("sharpen")),
    "pool_map": lambda *_: cnnlab.pool_map(PIXELS[0, 0], "avg"),
    "as_mnist": lambda *_: cnnlab.as_mnist(PIXELS[1, 0]),
    "turn_and_shift": lambda *_: cnnlab.turn_and_shift(PIXELS[1, 0], degrees=9),
} | {
    f"saliency, {method}": lambda model, data, method=method: cnnlab.saliency(
        model, data.validation.images[:4], method=method
    )
    for method in ("gradient", "gradient_x_input", "smoothgrad", "integrated_gradients", "grad_cam", "occlusion")
}
PIXELS = torch.rand(40, 1, 12, 12, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(40) % 2


def plain(value):
    """Return the numbers of a result, as nested lists."""
    if isinstance(value, Tensor):
        assert value.dtype in (torch.float32, torch.int64, torch.float64)
        assert value.device.type == "cpu"
        assert not value.is_inference()
        return value.detach().tolist()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value if isinstance(value, (int, float, str, bool)) else None


@pytest.fixture(scope="module")
def usual(model, data):
    """What each door gives when nothing is set; each is called when it is first asked for."""
    results = {}

    def get(door):
        if door not in results:
            results[door] = plain(DOORS[door](model, data))
        return results[door]

    return get


@pytest.mark.parametrize("ambient", AMBIENT)
@pytest.mark.parametrize("door", DOORS)
def test_a_door_gives_the_same_and_leaves_all_as_it_was(door, ambient, model, data, usual):
    expected, weights = usual(door), [value.clone() for value in model.state_dict().values()]
    with AMBIENT[ambient]():
        before = state()
        result = DOORS[door](model, data)
        assert state() == before
    assert repr(plain(result)) == repr(expected)  # NaN equals NaN
    assert all(map(torch.equal, weights, model.state_dict().values()))


@pytest.mark.parametrize("door", ["run", "sweep", "fit"])
def test_another_number_of_threads_is_found_as_it_was(door, model, data, usual):
    """run and sweep have one thread; fit keeps the caller's, and only the last bits may differ."""
    expected, before = usual(door), torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        result = plain(DOORS[door](model, data))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    if door == "fit":
        for row, other in zip(result[0], expected[0], strict=True):
            assert row == pytest.approx(other, abs=1e-5)
    else:
        assert result == expected


def test_workers_give_the_same_as_this_process_whatever_is_set():
    experiments = [TINY.replace(seed=seed) for seed in range(2)]
    here = cnnlab.sweep(experiments, workers=1, progress=False)
    with everything():
        there = cnnlab.sweep(experiments, workers=2, progress=False)
        again = cnnlab.sweep(experiments, workers=1, progress=False)
    for runs in (there, again):
        assert [run.history["train_loss"] for run in runs] == [run.history["train_loss"] for run in here]


def test_after_an_error_all_is_as_it_was(model):
    with everything():
        before = state()
        with pytest.raises(ConfigError):
            cnnlab.predict(model, torch.zeros(3))
        with pytest.raises(ConfigError):
            cnnlab.build_cnn(kernel_size=4)
        assert state() == before


def test_what_a_callback_sets_holds_for_the_callback_alone(model, data):
    seen = []

    def look(_):
        seen.append((torch.get_default_dtype(), torch.is_grad_enabled()))
        with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
            seen.append(cnnlab.evaluate(model, data.validation))
            seen.append(torch.is_autocast_enabled("cpu"))

    expected = cnnlab.evaluate(model, data.validation)
    with setting(torch.set_default_dtype, torch.float64, torch.float32):
        cnnlab.fit(network(data), data, epochs=1, progress=False, on_epoch=look)
    assert seen == [(torch.float32, True), expected, True]


def test_of_two_threads_the_last_one_puts_the_shared_settings_back():
    inside, may_end, seen = threading.Event(), threading.Event(), []

    @torch_state.usual_torch_state
    def wait():
        inside.set()
        may_end.wait(20)

    @torch_state.usual_torch_state
    def end_first():
        seen.append(torch.get_default_dtype())

    with setting(torch.set_default_dtype, torch.float64, torch.float32):
        with contextlib.ExitStack() as first:
            other = threading.Thread(target=wait)
            leave_first = torch_state._enter()
            other.start()
            assert inside.wait(20)
            torch_state._leave(*leave_first)  # the first one in, which changed the dtype, is the first one out
            first.callback(other.join)
            first.callback(may_end.set)
            assert torch.get_default_dtype() == torch.float32
            end_first()
        assert torch.get_default_dtype() == torch.float64
    assert seen == [torch.float32]


def test_a_network_made_in_inference_mode_is_refused_in_words(data):
    with torch.inference_mode():
        own = nn.Sequential(nn.Flatten(), nn.Linear(144, 2))
    with pytest.raises(ConfigError, match=r"made in torch.inference_mode\(\), so it can't be trained; make it outside"):
        cnnlab.fit(own, data, epochs=1, progress=False)


# --- Precisions of the libraries, which newer versions of torch have

NEW = {  # as torch has them when it is new
    "mkldnn.conv": "none", "mkldnn.matmul": "none", "mkldnn.rnn": "none", "cuda.matmul": "none", "cudnn": "none",
    "cudnn.conv": "tf32", "cudnn.rnn": "tf32",
}  # fmt: skip


def make_new():
    """Give each library the precision that it has when torch is new."""
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = True
    places = [("generic", "all"), ("mkldnn", "all"), ("cuda", "all"), ("cuda", "matmul")]
    for place in [*places, *(("mkldnn", operation) for operation in ("conv", "matmul", "rnn"))]:
        torch._C._set_fp32_precision_setter(*place, "none")


@pytest.fixture
def precisions():
    """A function that returns the precision of each library and operation; they are new before and after the test."""
    if not hasattr(torch.backends.mkldnn, "conv"):
        pytest.skip("this torch has one precision for all")
    make_new()
    yield lambda: {name: operator.attrgetter(f"{name}.fp32_precision")(torch.backends) for name in NEW}
    make_new()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fp32_precision", "tf32"), ("mkldnn.conv.fp32_precision", "bf16"), ("cudnn.fp32_precision", "ieee"),
        ("cudnn.conv.fp32_precision", "ieee"), ("cudnn.rnn.fp32_precision", "ieee"), ("cudnn.allow_tf32", False),
        ("cuda.matmul.fp32_precision", "tf32"),
    ],
)  # fmt: skip
def test_within_a_door_every_library_has_its_usual_precision(name, value, precisions):
    module, _, last = name.rpartition(".")
    owner = operator.attrgetter(module)(torch.backends) if module else torch.backends
    assert precisions() == NEW
    setattr(owner, last, value)
    before = precisions()
    assert before != NEW

    @torch_state.usual_torch_state
    def look():
        with torch_state.reproducible_gpu(torch.device("cuda")):  # torch refuses settings that contradict each other
            pass
        return precisions()

    assert look() == NEW
    assert precisions() == before
    assert getattr(owner, last) == value
