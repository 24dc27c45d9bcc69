"""Many runs trained as one network: each gets what it gets alone, and ends by itself."""

import pytest
import torch
from small_replicas import TINY, WILD, alone, assert_alike, together

import cnnlab.experiments.replicas
import cnnlab.experiments.stacked_network
import cnnlab.experiments.stacks
import cnnlab.experiments.sweep
from cnnlab.comparison.compare import compare
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.replicas import stack_key
from cnnlab.experiments.sweep import grid, sweep

# --- The same numbers as alone

OPTIMIZERS = [
    {"optimizer": "adam"},
    {"optimizer": "adam", "weight_decay": 0.1, "learning_rate": 0.003},
    {"optimizer": "sgd", "learning_rate": None},
    {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.01},
    {"optimizer": "rmsprop", "learning_rate": 0.001},
    {"optimizer": "rmsprop", "momentum": 0.5, "learning_rate": 0.001},
]
NETWORKS = [
    {},
    {"pooling": "avg"},
    {"pooling": "none", "kernel_size": 5},
    {"padding": "valid"},
    {"padding": "valid", "pooling": "none", "kernel_size": 5},
    {"dropout": 0.4},
    {"validation_size": 0},
    {"channels": (3,), "kernel_size": 7},
    {"channels": (2, 3, 2), "pooling": "avg", "dropout": 0.2},
    {"convs_per_block": 2, "kernel_size": 1},
    {"convs_per_block": 2, "channels": (3, 2), "pooling": "max"},
    {"dataset": "images"},  # of three colours
]


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_each_network_gets_what_it_gets_alone(network, colours):
    base = colours if network.get("dataset") == "images" else TINY.replace(**network)
    experiments = [base, base.replace(seed=1, data_seed=1), base.replace(seed=2, optimizer="sgd", momentum=0.9)]
    for each, experiment in zip(together(experiments), experiments, strict=True):
        model, history = alone(experiment)
        assert_alike(each.history, history)
        kept = each.model().state_dict()
        assert all(torch.allclose(kept[name].double(), value, rtol=1e-6) for name, value in model.state_dict().items())
        fresh = experiment.build_cnn(experiment.load_data()).state_dict()
        assert all(torch.equal(fresh[name], value) for name, value in each.model(0).state_dict().items())


@pytest.fixture
def colours(tmp_path):
    """Experiments on coloured pictures of one's own."""
    from PIL import Image

    generator = torch.Generator().manual_seed(0)
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        for number in range(40):
            pixels = torch.randint(0, 256, (12, 12, 3), generator=generator, dtype=torch.uint8)
            Image.fromarray(pixels.numpy()).save(tmp_path / name / f"{number}.png")
    return Experiment(
        dataset="images", folder=str(tmp_path), size=12, grey=False, channels=(2, 3), hidden=8, epochs=3, batch_size=32,
    )  # fmt: skip


def test_each_optimizer_does_what_it_does_alone():
    experiments = [TINY.replace(**settings, dropout=0.3, seed=seed) for seed in range(2) for settings in OPTIMIZERS]
    for each, experiment in zip(together(experiments), experiments, strict=True):
        assert_alike(each.history, alone(experiment)[1])


@pytest.mark.parametrize(
    ("settings", "good", "alike"),  # two rates that learn, equally well within chance; with 1e-6 nothing is learnt
    [
        ({}, 0.01, 0.02),
        ({"optimizer": "sgd"}, 0.5, 0.4),
        ({"optimizer": "rmsprop"}, 0.002, 0.004),
        ({"pooling": "avg"}, 0.02, 0.03),
        ({"padding": "valid", "channels": (8,)}, 0.01, 0.02),
        ({"dropout": 0.3, "hidden": 32}, 0.01, 0.02),
    ],
    ids=str,
)
def test_verdicts_are_the_same(settings, good, alike):
    clear = {"structure": "mark", "noise": 0.1, "channels": (4, 4), "hidden": 16}
    base = TINY.replace(**{**clear, "train_size": 200, "validation_size": 100, "epochs": 6, **settings})
    experiments = grid(base, learning_rate=[good, alike, 1e-6], seed=range(4))
    stacked, separate = (
        compare(sweep(experiments, progress=False, **how), "learning_rate", metric="validation_loss", reference=good)
        for how in ({"replicas": 12}, {"workers": 1})
    )
    assert stacked.verdicts == separate.verdicts == {alike: "cannot tell", 1e-6: "worse"}
    for each, other in zip(stacked.levels, separate.levels, strict=True):
        assert (each.level, each.mean) == (other.level, pytest.approx(other.mean, rel=1e-3))


# --- Each ends by itself


def test_patience_ends_one_replica_and_not_the_others():
    base = TINY.replace(epochs=9, learning_rate=0.03)
    experiments = [*grid(base, patience=[0, 1, 3], seed=range(2)), base.replace(patience=2, min_delta=0.05)]
    runs = together(experiments)
    for each, experiment in zip(runs, experiments, strict=True):
        history = alone(experiment)[1]
        assert_alike(each.history, history)
        assert each.history.kept_epoch == history.kept_epoch
    assert len({len(each.history) for each in runs}) > 2


def test_a_network_that_shrinks_goes_on_as_before(monkeypatch):
    lengths = [0, 1, 1, 2, 2, 2, 6, 5]
    experiments = [
        TINY.replace(epochs=epochs, seed=seed, dropout=0.2, **OPTIMIZERS[seed % len(OPTIMIZERS)])
        for seed, epochs in enumerate(lengths)
    ]
    sizes = []

    network = cnnlab.experiments.stacked_network.StackedNetwork
    forward = network.logits
    monkeypatch.setattr(network, "logits", lambda self, *inputs: sizes.append(self.count) or forward(self, *inputs))
    for each, experiment in zip(together(experiments), experiments, strict=True):
        assert_alike(each.history, alone(experiment)[1])
    assert list(dict.fromkeys(sizes)) == [8, 2, 1]


def test_a_diverging_replica_leaves_the_others_alone():
    experiments = [TINY, WILD, TINY.replace(optimizer="sgd"), WILD.replace(seed=1, patience=1), TINY.replace(seed=5)]
    runs = together(experiments)
    for each, experiment in zip(runs, experiments, strict=True):
        assert_alike(each.history, alone(experiment)[1])
    assert [each.history.stopped_by for each in runs] == ["epochs", "diverged", "epochs", "diverged", "epochs"]
    assert runs[1].history.diverged_in_batch > 0
    assert runs[1].snapshots == (0,)


def test_a_run_without_an_epoch_has_its_share_of_the_seconds():
    (run_of_none,) = together([TINY.replace(epochs=0)])
    assert run_of_none.seconds > 0


def test_a_graph_that_cannot_be_recorded_is_done_without():
    payloads = [{"experiment": TINY.to_dict(), "snapshots": []}]
    training = cnnlab.experiments.replicas._Training(payloads, torch.device("cpu"), torch.float64, False)
    training.graphs = True
    training.train_epoch()
    if not torch.cuda.is_available():
        with pytest.warns(UserWarning, match="no CUDA graphs, so this takes longer"):
            training.train_epoch()
    assert not training.graphs
    (ended,) = training.train_epoch().values()
    assert_alike(ended.history, alone(TINY)[1])


def test_only_what_is_alike_is_stacked():
    alike = [TINY, TINY.replace(seed=3, optimizer="sgd", epochs=9, patience=2), TINY.replace(data_seed=1, noise=0.3)]
    assert len({stack_key(each) for each in alike}) == 1
    changes = [
        {"kernel_size": 5},
        {"batch_size": 16},
        {"train_size": 71},
        {"dropout": 0.1},
        {"size": 14},
        {"hidden": 9},
    ]
    assert len({stack_key(each) for each in [TINY, *(TINY.replace(**change) for change in changes)]}) == 7


def test_a_learning_rate_of_zero_warns_as_it_does_alone():
    with pytest.warns(UserWarning, match="learning_rate=0: nothing will be learnt"):
        together([TINY.replace(learning_rate=0.0)])
