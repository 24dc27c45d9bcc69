"""Whatever a notebook has set in torch, each door gives the same result, and the settings are as they were."""

import contextlib
import copy
import dataclasses
import functools
import inspect
import operator
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from places import PATIENCE
from small_training import same_weights, small
from strangers import colours, make
from tiny_sweeps import TINY
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrizations, parametrize

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
        for ambient in (*ATTENTION.values(), parametrize.cached):
            stack.enter_context(ambient())
        yield


WAYS = ("flash", "mem_efficient", "math", "cudnn")  # in which torch computes attention


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


# Of a network without attention they change nothing, so each has a test of its own below.
ATTENTION = {
    "as products of matrices": lambda: sdpa_kernel(SDPBackend.MATH, set_priority=True),
    "without the fast path": lambda: setting(torch.backends.mha.set_fastpath_enabled, False, True),
}


def state():
    """All that must be as it was; read with torch's own functions, not with those of the package."""
    return {
        "autocast": torch.is_autocast_enabled("cpu"), "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(), "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(), "deterministic": torch.are_deterministic_algorithms_enabled(),
        "anomaly": torch.is_anomaly_enabled(), "matmul": torch.get_float32_matmul_precision(),
        "oneDNN": torch.backends.mkldnn.enabled, "threads": torch.get_num_threads(),
        "attention": [getattr(torch.backends.cuda, f"{way}_sdp_enabled")() for way in WAYS],
        "order": getattr(torch._C, "_get_sdp_priority_order", list)(), "cached": parametrize._cache_enabled,
        "fast path": torch.backends.mha.get_fastpath_enabled(),
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


def captured(model, data):
    with cnnlab.capture(model, inputs=True) as seen:
        model(data.validation.images[:4])
    return dict(seen), seen.inputs


@functools.cache
def pictures():
    """Two classes of ten pictures each, in a folder that is removed when Python ends."""
    folder = tempfile.TemporaryDirectory()
    for place, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (20, 12, 12), np.uint8)):
        path = Path(folder.name, "ab"[place % 2], f"{place}.png")
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


@functools.cache
def finished_runs():
    return [cnnlab.run(TINY.replace(epochs=1, seed=seed), snapshots=(1,), progress=False) for seed in range(2)]


def saved_and_loaded(model, data):
    path = Path(pictures().name, "weights.safetensors")
    cnnlab.save_weights(model, path)
    return list(cnnlab.load_weights(network(data, seed=5), path).state_dict().values())


DOORS = {
    "capture": captured,
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
    "load_images": lambda *_: cnnlab.load_images(pictures().name, size=12).validation.images,
    "Experiment.load_data, images": lambda *_: (
        cnnlab.Experiment(dataset="images", folder=pictures().name, size=12).load_data().train.images
    ),
    "make_patterns": lambda *_: cnnlab.make_patterns(4, size=12),
    "read_picture": lambda *_: cnnlab.read_picture(Path(pictures().name, "a", "0.png").read_bytes()),
    "save_weights, load_weights": saved_and_loaded,
    "take_exam": lambda *_: cnnlab.take_exam(finished_runs(), size=20),
    "treat": lambda *_: cnnlab.treat(cnnlab.admit_patients(seed=0)[3], epochs=1).history.rows,
    "from_tensors": lambda *_: cnnlab.Data.from_tensors(PIXELS, LABELS).validation.images,
    "balance_classes": lambda _, data: cnnlab.balance_classes(data).train.images,
    "shuffle_labels": lambda _, data: cnnlab.shuffle_labels(data).train.labels,
    "apply_kernel": lambda *_: cnnlab.apply_kernel(PIXELS[0, 0], cnnlab.make_kernel("sharpen")),
    "make_kernel": lambda *_: cnnlab.make_kernel("blur", 5),
    "explain_pixel": lambda *_: cnnlab.explain_pixel(PIXELS[0, 0], KERNEL, 0, 5),
    "explain_window": lambda *_: cnnlab.explain_window(PIXELS[0, 0], 1, 2, kind="avg"),
    "shift_image": lambda *_: cnnlab.shift_image(PIXELS[0, 0], right=1),
    "relative_change": lambda *_: cnnlab.relative_change(PIXELS[0, 0], PIXELS[1, 0]),
    "concentration": lambda *_: cnnlab.concentration(PIXELS),
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
KERNEL = torch.full((3, 3), 1 / 9)
# Public functions that compute nothing with torch themselves; plots draw what they are given.
NO_DOORS = {
    "admit_patients", "along_with", "bank", "cache_folder", "check", "commit_guess", "compare", "compare_settings",
    "count_parameters", "course_folder", "data_folder", "describe_descent", "describe_descents", "describe_readings",
    "environment", "find_duplicates", "grid", "hint", "kernel_experiments", "lab_report", "load_runs",
    "match_channels", "noise_floor", "progress", "rank_stability", "replay", "right_answer", "score_guess",
    "show_guesses", "solution", "stopping",
}  # fmt: skip


def test_every_public_function_is_a_door_or_computes_nothing():
    doors = {name for door in DOORS for name in door.split(", ")}
    public = {name for name in cnnlab.__all__ if inspect.isfunction(getattr(cnnlab, name))}
    assert {name for name in public - doors if not name.startswith("plot_")} == NO_DOORS


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


@pytest.mark.parametrize("device", ["cuda", "mps", "xpu"])
def test_within_a_door_no_device_has_autocast(device):
    enabled = torch_state.usual_torch_state(lambda: torch.is_autocast_enabled(device))
    with setting(functools.partial(torch.set_autocast_enabled, device), True, False):
        assert not enabled()
        assert torch.is_autocast_enabled(device)


def test_of_two_threads_the_last_one_puts_the_shared_settings_back():
    inside, may_end, seen = threading.Event(), threading.Event(), []

    @torch_state.usual_torch_state
    def wait():
        inside.set()
        may_end.wait(PATIENCE)

    @torch_state.usual_torch_state
    def end_first():
        seen.append(torch.get_default_dtype())

    with setting(torch.set_default_dtype, torch.float64, torch.float32):
        with contextlib.ExitStack() as first:
            other = threading.Thread(target=wait)
            leave_first = torch_state._enter()
            other.start()
            assert inside.wait(PATIENCE)
            torch_state._leave(*leave_first)  # the first one in, which changed the dtype, is the first one out
            first.callback(other.join)
            first.callback(may_end.set)
            assert torch.get_default_dtype() == torch.float32
            end_first()
        assert torch.get_default_dtype() == torch.float64
    assert seen == [torch.float32]


def looks(model, data):
    """What is computed with a network, some of it within gradients: nested lists of numbers."""
    images = data.validation.images[:2]
    with cnnlab.capture(model) as seen:
        model(images)
    maps = [cnnlab.saliency(model, images, method=method) for method in ("gradient", "occlusion")]
    activity = cnnlab.activation_statistics(model, images)
    return plain(
        [cnnlab.predict(model, images), maps, dict(seen), activity, cnnlab.gradient_flow(model, data.train[:4])]
    )


@pytest.mark.parametrize("ambient", ATTENTION)
def test_attention_is_computed_in_the_usual_way_whatever_is_set(ambient):
    model, trained, usual, data = make("vit_b_16").eval(), make("vit_b_16"), make("vit_b_16"), colours()
    for network in (model, trained, usual):  # its head is of zeros
        nn.init.normal_(network.heads.head.weight, generator=torch.Generator().manual_seed(0))
    expected = looks(model, data)
    with torch.set_grad_enabled(ambient == "as products of matrices"):  # the fast path is taken without gradients
        logits = model(data.validation.images)
        with ATTENTION[ambient]():
            assert not torch.equal(model(data.validation.images), logits)  # else this test would show nothing
    with ATTENTION[ambient]():
        before = state()
        assert repr(looks(model, data)) == repr(expected)
        cnnlab.fit(trained, data, epochs=2, batch_size=4, progress=False)
        assert state() == before
    cnnlab.fit(usual, data, epochs=2, batch_size=4, progress=False)
    assert same_weights(trained, usual)


def test_a_training_sees_its_steps_where_weights_that_are_computed_are_kept():
    def network():
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            return nn.Sequential(nn.Flatten(), parametrizations.weight_norm(nn.Linear(3072, 5)))

    data, usual, kept = colours(), network(), network()
    expected = cnnlab.fit(usual, data, epochs=2, batch_size=4, progress=False)
    with parametrize.cached():
        kept[1].weight  # noqa: B018 (now it is kept)
        history = cnnlab.fit(kept, data, epochs=2, batch_size=4, progress=False)
    assert history["train_loss"] == expected["train_loss"]
    assert same_weights(kept, usual)


def test_capture_keeps_float32_under_autocast_and_leaves_gradients_as_they_are(model, data):
    images = data.validation.images[:2]
    with torch.autocast("cpu", dtype=torch.bfloat16), cnnlab.capture(model, ["conv1"]) as seen:
        logits = model(images)
        assert not torch.is_autocast_enabled("cpu")
    assert seen["conv1"].dtype == logits.dtype == torch.float32
    assert logits.requires_grad
    for mode in (torch.no_grad, torch.inference_mode):
        with mode(), cnnlab.capture(model, ["conv1"]) as again:
            logits = model(images)
            assert logits.is_inference() == (mode is torch.inference_mode)
            assert logits.numpy().shape == (2, 2)
        assert torch.equal(again["conv1"], seen["conv1"])
        assert not again["conv1"].is_inference()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with pytest.raises(RuntimeError, match="of the person's own"), cnnlab.capture(model):
            raise RuntimeError("of the person's own")
        assert torch.is_autocast_enabled("cpu")


SALIENCY = ("gradient", "gradient_x_input", "smoothgrad", "integrated_gradients", "grad_cam", "occlusion")
# What is done with a network that was made in inference mode: what the refusal says, or "" where it works.
OF_INFERENCE: dict[str, tuple] = {
    "fit": ("it can't be trained", lambda model, data, _: cnnlab.fit(model, data, epochs=1, progress=False)),
    "load_weights": ("its weights can't be replaced", lambda model, _, path: cnnlab.load_weights(model, path)),
    "save_weights": ("", lambda model, _, path: cnnlab.save_weights(model, path)),
    "saliency_check": ("it has no gradients", lambda model, data, _: DOORS["saliency_check"](model, data)),
    "layer_table": ("", lambda model, *_: cnnlab.layer_table(model, (1, 12, 12))),
    "receptive_field": ("", lambda model, *_: cnnlab.receptive_field(model, "0", 1, 5, (1, 12, 12))),
    "top_images": ("", lambda model, data, _: cnnlab.top_images(model, data.validation, "0", 1, count=3)),
    "weight_distributions": ("", lambda model, *_: cnnlab.weight_distributions(model)),
} | {
    f"saliency, {method}": (
        "" if method == "occlusion" else "it has no gradients",
        lambda model, data, _, method=method: cnnlab.saliency(model, data.validation.images[:2], method=method),
    )
    for method in SALIENCY
} | {
    name: ("", lambda model, data, _, name=name: DOORS[name](model, data))
    for name in ("predict", "evaluate", "evaluate_all", "mistakes", "activation_statistics", "gradient_flow")
}  # fmt: skip


@pytest.mark.parametrize("name", OF_INFERENCE)
def test_a_network_made_in_inference_mode_works_or_is_refused_in_words(name, data, tmp_path):
    with torch.inference_mode():
        own = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(400, 2))
    ordinary, (why_not, look) = copy.deepcopy(own), OF_INFERENCE[name]
    cnnlab.save_weights(own, tmp_path / "weights")
    if why_not:
        with pytest.raises(ConfigError) as caught:
            look(own, data, tmp_path / "weights")
        assert str(caught.value) == f"the model was made in torch.inference_mode(), so {why_not}; make it outside"
    else:
        assert repr(plain(look(own, data, tmp_path / "weights"))) == repr(plain(look(ordinary, data, tmp_path / "w")))
    assert all(map(torch.equal, own.state_dict().values(), ordinary.state_dict().values()))


def test_tensors_without_values_are_refused_in_words(data):
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True):
        for look in (lambda: cnnlab.predict(network(data), data.validation.images), lambda: cnnlab.run(TINY)):
            with pytest.raises(ConfigError, match="FakeTensorMode is on, in which tensors have no values"):
                look()
    assert cnnlab.predict(network(data), data.validation.images).shape == (40, 2)


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
