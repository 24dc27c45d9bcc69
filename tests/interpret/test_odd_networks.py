"""Networks of rare kinds go through every function, or are refused in words: none ends in an error of torch's own."""

import warnings

import pytest
import torch
from small_training import quiet
from strangers import WithSkip, colours
from torch import nn
from torch.nn import functional
from torch.nn.utils import prune

from cnnlab.errors import ConfigError
from cnnlab.interpret.activations import activation_statistics
from cnnlab.interpret.capture import capture
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.interpret.receptive_field import receptive_field
from cnnlab.interpret.saliency import saliency
from cnnlab.interpret.saliency_check import saliency_check
from cnnlab.interpret.top_images import top_images
from cnnlab.interpret.weight_distributions import weight_distributions
from cnnlab.model.cnn import count_parameters
from cnnlab.model.evaluation import evaluate, evaluate_all, mistakes, predict
from cnnlab.model.layer_table import layer_table
from cnnlab.model.weights import load_weights, save_weights
from cnnlab.plots.maps import plot_filters

DATA = colours()
SHAPE, IMAGES, SPLIT = (3, 32, 32), DATA.validation.images, DATA.validation


def _conv(model):
    """Return the name of the second convolution."""
    return "module.conv2" if isinstance(model, nn.DataParallel) else "conv2"


LOOKS = {
    "layer_table": lambda model: layer_table(model, SHAPE),
    "count_parameters": count_parameters,
    "activation_statistics": lambda model: activation_statistics(model, IMAGES),
    "gradient_flow": lambda model: gradient_flow(model, SPLIT),
    "weight_distributions": weight_distributions,
    "predict": lambda model: predict(model, IMAGES),
    "evaluate": lambda model: evaluate(model, SPLIT),
    "evaluate_all": lambda model: evaluate_all([model], SPLIT),
    "mistakes": lambda model: mistakes(model, SPLIT),
    "saliency": lambda model: saliency(model, IMAGES[:2], 1),
    "Grad-CAM": lambda model: saliency(model, IMAGES[:2], 1, "grad_cam"),
    "saliency_check": lambda model: saliency_check(model, IMAGES[:2]),
    "receptive_field": lambda model: receptive_field(model, _conv(model), 0, 40, SHAPE),
    "top_images": lambda model: top_images(model, SPLIT, _conv(model), 0),
    "capture": lambda model: capture(model).__enter__(),
    "plot_filters": lambda model: plot_filters(model, _conv(model)),
    "fit": lambda model: quiet(model, DATA, epochs=1, batch_size=4),
}


class MakesSingles(WithSkip):
    """Multiplies with single-precision numbers that it makes itself."""

    def forward(self, images):
        blur = torch.ones(3, 1, 3, 3, dtype=torch.float32) / 9
        return super().forward(functional.conv2d(images, blur, padding=1, groups=3))


class Detached(nn.Module):
    """Cuts the way of the gradients, as a slip of the hand does."""

    def forward(self, maps):
        return maps.detach().requires_grad_()


def lazy():
    model = WithSkip()
    model.conv1, model.head = nn.LazyConv2d(4, 3, padding=1), nn.LazyLinear(5)
    return model


def pruned():
    model = WithSkip()
    prune.l1_unstructured(model.conv1, "weight", 0.3)
    return model


def quantized():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(WithSkip().eval(), {nn.Linear}, dtype=torch.qint8)


def frozen():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.freeze(torch.jit.script(WithSkip().eval()))


def compiled_twice():
    return torch.compile(torch.compile(WithSkip(), backend="eager"), backend="eager")


def exported():
    return torch.export.export(WithSkip().eval(), (IMAGES[:2],)).module()


ODD = {
    "quantized": quantized, "frozen": frozen, "lazy": lazy, "pruned": pruned, "compiled twice": compiled_twice,
    "half": lambda: WithSkip().half(), "bfloat16": lambda: WithSkip().bfloat16(), "meta": lambda: WithSkip().to("meta"),
    "makes singles": MakesSingles, "a function": lambda: lambda images: images,
    "nothing to train": lambda: WithSkip().requires_grad_(False), "data parallel": lambda: nn.DataParallel(WithSkip()),
    "exported": exported, "exported inside": lambda: nn.Sequential(nn.Identity(), exported()),
    "traced": lambda: torch.fx.symbolic_trace(WithSkip()),
}  # fmt: skip

UNSEEN = "the layers of a TorchScript network can't be seen"
MADE_FOR_NAN = "a layer of the model can't take pixels that are NaN"
NO_MODULE, NOT_TRAINED = "must be a[n]? (nn.)?Module|each value a Module", "with parameters to train"
NO_GRADIENT, OTHER_NUMBERS = "no weights that are trained", "images are torch.float32 and the model is torch"
WITHOUT_IMAGES = {
    "layer_table", "count_parameters", "weight_distributions", "receptive_field", "capture", "plot_filters",
}  # fmt: skip
WEIGHTS_ALONE = {"layer_table", "count_parameters", "weight_distributions", "plot_filters"}
NO_MODE_BUT_WEIGHTS = dict.fromkeys(LOOKS.keys() - WEIGHTS_ALONE, "torch.export has no train and eval mode") | {
    "layer_table": "can't take",  # the one image that is tried: it was exported for two
    "plot_filters": "unknown layer 'conv2'", "receptive_field": "torch.export has no|unknown layer 'conv2'",
}  # fmt: skip
# The looks that refuse a network, each with its words. All others go through.
REFUSED = {
    "quantized": {"receptive_field": MADE_FOR_NAN, "top_images": MADE_FOR_NAN, "fit": "no weight gets a gradient"},
    "frozen": {
        **dict.fromkeys(("layer_table", "activation_statistics", "Grad-CAM", "receptive_field", "top_images"), UNSEEN),
        "capture": UNSEEN, "gradient_flow": NO_GRADIENT, "weight_distributions": "of a frozen network can't be seen",
        "plot_filters": "unknown layer 'conv2'", "fit": NOT_TRAINED,
    },
    "lazy": {"count_parameters": "the model has lazy layers"},
    "compiled twice": dict.fromkeys(LOOKS, NO_MODULE),
    "half": dict.fromkeys(LOOKS.keys() - WITHOUT_IMAGES, OTHER_NUMBERS),
    "bfloat16": dict.fromkeys(LOOKS.keys() - WITHOUT_IMAGES, OTHER_NUMBERS),
    "meta": dict.fromkeys(LOOKS.keys() - {"layer_table", "count_parameters"}, "where weights have no values"),
    "a function": dict.fromkeys(LOOKS, NO_MODULE),
    **dict.fromkeys(("exported", "exported inside"), NO_MODE_BUT_WEIGHTS),
    "nothing to train": {"gradient_flow": NO_GRADIENT, "fit": NOT_TRAINED},
}  # fmt: skip
# torch's own, when the gradient of a quantized layer is asked for:
QUANTIZED = "ignore:quantized.*an autograd kernel was not registered:UserWarning"


@pytest.mark.filterwarnings(QUANTIZED)
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ODD)
def test_a_look_goes_through_or_is_refused_in_words(name, look):
    words = REFUSED.get(name, {}).get(look)
    if words is not None:
        with pytest.raises(ConfigError, match=words):
            LOOKS[look](ODD[name]())
        return
    answer = LOOKS[look](ODD[name]())
    assert answer is not None
    assert look == "capture" or not hasattr(answer, "__len__") or len(answer) > 0  # a capture is filled later


NOT_SAVED = {
    "quantized": "is no tensor", "lazy": "has no shape yet", "compiled twice": NO_MODULE, "a function": NO_MODULE,
    "meta": "where weights have no values", "frozen": "no weights in its state_dict, so that the file would be empty",
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_weights_are_saved_and_loaded_or_refused(name, tmp_path):
    saved, loaded = ODD[name](), ODD[name]()
    if name in NOT_SAVED:
        with pytest.raises(ConfigError, match=NOT_SAVED[name]):
            save_weights(saved, tmp_path / "weights")
        assert not (tmp_path / "weights").exists()
        return
    save_weights(saved, tmp_path / "weights")
    load_weights(loaded, tmp_path / "weights")
    before, after = list(saved.parameters()), list(loaded.parameters())
    assert len(before) == 8
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))


@pytest.mark.filterwarnings(QUANTIZED)
def test_a_network_in_which_nothing_learns_is_refused_before_training():
    detached = nn.Sequential(nn.Conv2d(3, 5, 3), Detached(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    for model in (quantized(), detached):
        with pytest.raises(ConfigError, match="no weight gets a gradient: the model is quantized, or detaches"):
            quiet(model, DATA, epochs=1, batch_size=4)


def test_a_network_without_values_has_a_layer_table_and_nothing_else():
    model = WithSkip().to("meta")
    assert len(layer_table(model, SHAPE)) == 5
    with pytest.raises(ConfigError, match="the model is on the device 'meta', where weights have no values"):
        predict(model, IMAGES)


def test_a_network_that_makes_single_numbers_has_the_field_that_it_has():
    assert receptive_field(MakesSingles(), "conv2", 0, 16 * 32 + 16, SHAPE) == (13, 13, 20, 20)  # 3, 3 and 3: seven


@pytest.mark.filterwarnings("ignore")
def test_an_exported_network_is_refused_in_words_and_its_neighbours_keep_their_mode():
    model = nn.Sequential(nn.Dropout(), exported())
    for look in ("predict", "fit", "capture", "saliency"):
        with pytest.raises(
            ConfigError, match=r"^a network of torch\.export has no train and eval mode; give the network"
        ):
            LOOKS[look](model)
    assert model.training
    assert model[0].training


class Mixes(nn.Module):
    """Changes the logits of a batch, of which one image alone shows nothing."""

    def __init__(self, change):
        super().__init__()
        self.conv2, self.change = nn.Conv2d(3, 5, 3), change

    def forward(self, images):
        return self.change(self.conv2(images).mean((2, 3)))


@pytest.mark.parametrize("look", ["predict", "evaluate", "saliency", "Grad-CAM", "gradient_flow", "fit"])
@pytest.mark.parametrize("change", [lambda logits: logits[::2], lambda logits: logits.mean(0, keepdim=True)])
def test_a_network_that_mixes_images_is_refused(look, change):
    with pytest.raises(ConfigError, match=r"the model makes \d+ rows? of logits from \d+ images; look for what mixes"):
        LOOKS[look](Mixes(change))


@pytest.mark.parametrize("look", ["predict", "evaluate", "saliency", "fit"])
@pytest.mark.parametrize("change", [lambda logits: logits.to_sparse(), lambda logits: logits.to("meta")])
def test_logits_without_a_value_at_each_place_are_refused(look, change):
    with pytest.raises(ConfigError, match=r"the model's output must be logits \(N, classes\)"):
        LOOKS[look](Mixes(change))
