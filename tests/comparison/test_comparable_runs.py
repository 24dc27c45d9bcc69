"""Which comparison would be unfair and is refused, and a warning where environments are mixed."""

import pytest
from made_runs import levels_of, made, optimizers

from cnnlab.comparison.compare import compare
from cnnlab.comparison.noise_floor import noise_floor
from cnnlab.comparison.ranking import rank_stability
from cnnlab.comparison.settings import compare_settings
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.plots.curves import plot_curves
from cnnlab.plots.grid import plot_grid
from cnnlab.plots.history import plot_history


def test_stopped_compares_the_weights_that_were_kept():
    runs = [made([0.5, 0.6 + shift * (seed + 1), 0.4], kernel_size=size, patience=0, epochs=9, seed=seed,
                 stopped_by="patience") for size, shift in ((3, 0), (5, 0.05)) for seed in range(3)]  # fmt: skip
    compared = compare(runs, by="kernel_size", at="stopped")
    assert compared.levels[1].difference == pytest.approx(0.1)
    assert ", at the epoch whose weights were kept, against" in compared.title
    assert compare(runs, by="kernel_size").levels[1].difference == 0


def test_the_best_epoch_never_compares_epochs():
    lengths = [made([0.5, 0.7, 0.6][:length], epochs=length, seed=seed) for length in (1, 3) for seed in range(3)]
    words = "at='best' can't compare epochs: the best of more epochs is never worse, whatever training does; take at="
    for call in (lambda: compare(lengths, by="epochs", at="best"), lambda: rank_stability(lengths, at="best")):
        with pytest.raises(ConfigError) as caught:
            call()
        assert words in str(caught.value)
    with pytest.raises(ConfigError, match="at='best' can't compare patience: the best of more epochs"):
        compare(levels_of("patience", {1: [0.5], 5: [0.6]}), by="patience", at="best")
    with pytest.raises(ConfigError, match="at='best' can't compare min_delta: the best of more epochs"):
        compare(levels_of("min_delta", {0.0: [0.5], 0.1: [0.6]}, patience=3), by="min_delta", at="best")
    with pytest.raises(ConfigError, match="at='best' can't compare epochs"):
        compare(optimizers(sgd=0.1, adam=0.1), by="optimizer", along="epochs", at="best")
    assert compare(lengths, by="epochs", at="last").levels[1].mean == pytest.approx(0.6)
    assert compare(lengths, by="epochs", at="stopped").levels[1].mean == pytest.approx(0.6)
    kept = [made([0.5, 0.7], epochs=length, patience=5, seed=seed) for length in (1, 3) for seed in range(3)]
    with pytest.raises(ConfigError, match="at='stopped' can't compare epochs: with patience the best weights are kept"):
        compare(kept, by="epochs", at="stopped")


def test_stopping_by_the_loss_is_not_compared_by_the_loss():
    runs = [made([0.5, 0.6, 0.4], patience=patience, epochs=9, seed=seed) for patience in (0, 5) for seed in range(3)]
    with pytest.raises(ConfigError, match="can't compare patience"):
        compare(runs, by="patience", metric="validation_loss", at="stopped")
    assert compare(runs, by="patience", at="stopped").levels[0].level == 0


# --- Mixed environments


@pytest.mark.parametrize("name", ["threads", "torch", "cpu_capability", "processor", "onednn", "device"])
def test_mixed_environments_warn(name):
    runs = [made(0.5 + 0.1 * seed * size, kernel_size=size, seed=seed, environment={name: f"v{size}"})
            for size in (3, 5) for seed in range(3)]  # fmt: skip
    for call in (lambda: compare(runs, by="kernel_size"), lambda: rank_stability(runs)):
        with pytest.warns(UserWarning, match=rf"these runs differ in {name} \(v3, v5\)") as caught:
            call()
        assert caught[0].filename == __file__
    compare(levels_of("kernel_size", {3: [0.5], 5: [0.6]}, environment={name: "v3"}), by="kernel_size")


def on_machines(field: str, of_level: dict[int, list[str]]) -> list[Run]:
    """Return one run for each level and seed; this field of its environment is what stands in the seed's place."""
    return [
        made(0.5 + 0.1 * seed * size, kernel_size=size, seed=seed, environment={field: name, "threads": 1})
        for size, names in of_level.items()
        for seed, name in enumerate(names)
    ]


def on_processors(of_level: dict[int, list[str]]) -> list[Run]:
    return on_machines("processor", of_level)


CALLS = [
    lambda runs: compare(runs, by="kernel_size"),
    lambda runs: compare_settings(runs),
    lambda runs: rank_stability(runs),
    lambda runs: plot_curves(runs, by="kernel_size"),
    lambda runs: plot_grid(runs, "kernel_size", "pooling"),
]


def test_another_device_warns_even_where_it_changes_with_the_seed_alone():
    mixed = on_machines("device", {size: ["cpu", "cpu", "NVIDIA H100"] for size in (3, 5)})
    for call in CALLS:
        with pytest.warns(UserWarning, match=r"these runs differ in device \(NVIDIA H100, cpu\)"):
            call(mixed)


def test_another_processor_warns_only_where_it_moves_with_what_is_compared():
    blocked = on_processors({3: ["AMD", "AMD", "Intel"], 5: ["AMD", "AMD", "Intel"]})
    partly = on_processors({3: ["AMD", "AMD", "AMD"], 5: ["AMD", "AMD", "Intel"]})
    for call in CALLS:
        call(blocked)  # a warning here would be an error
        with pytest.warns(UserWarning, match=r"these runs differ in processor \(AMD, Intel\)"):
            call(partly)
    noise_floor(partly)
    with pytest.warns(UserWarning, match=r"processor \(AMD, Intel\)"):
        plot_history({"a": partly[0].history, "b": partly[-1].history})


def test_a_record_without_a_processor_counts_as_another_place():
    runs = on_processors({3: ["AMD"] * 3, 5: ["AMD"] * 3})
    for run in runs[:3]:
        del run.history.environment["processor"]
    with pytest.warns(UserWarning, match=r"these runs differ in processor \(AMD, unknown\)"):
        compare(runs, by="kernel_size")
