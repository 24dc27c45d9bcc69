"""A call that works for every public name of cnnlab; a new name needs a line in `CALLS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from door_samples import Samples, samples

import cnnlab


def _capture(**arguments: Any) -> Any:
    with cnnlab.capture(**arguments) as seen:
        samples().model(samples().images)
    return seen


def _recorder(**arguments: Any) -> Any:
    recorder = cnnlab.Recorder(**arguments)
    cnnlab.fit(samples().new_model(), samples().data, epochs=1, on_epoch=recorder, progress=False)
    return recorder


def _tiny():
    from tiny_sweeps import TINY

    return TINY.replace(epochs=1)


# Doors that need more than a call: the block of a context manager, or an object that is used afterwards.
SPECIAL: dict[str, Callable] = {"capture": _capture, "Recorder": _recorder}

# Class → an object for its methods.
OWNERS: dict[str, Callable[[Samples], Any]] = {
    "Data": lambda s: s.data,
    "History": lambda s: s.history,
    "Experiment": lambda _: cnnlab.Experiment(dataset="patterns", train_size=100, validation_size=20),
    "Run": lambda s: s.trained_runs[0],
    "Runs": lambda s: s.made_runs,
    "Comparison": lambda s: s.comparison,
    "Guesses": lambda _: cnnlab.show_guesses(),
    "ConvolutionExplorer": lambda s: cnnlab.ConvolutionExplorer(s.split.pixels),
    "DrawDigit": lambda s: cnnlab.DrawDigit({"A": s.digits[1]}, s.digits[0]),
    "KernelExperiment": lambda _: cnnlab.KernelExperiment(),
    "OptimizerExplorer": lambda _: cnnlab.OptimizerExplorer(),
    "PoolingExplorer": lambda s: cnnlab.PoolingExplorer(s.model, s.split),
    "PredictThenRun": lambda s: cnnlab.PredictThenRun("which?", s.comparison),
    "RunExplorer": lambda s: cnnlab.RunExplorer(s.trained_runs),
    "StoppingExplorer": lambda s: cnnlab.StoppingExplorer(s.history),
    "TrainingPanel": lambda _: cnnlab.TrainingPanel(_tiny()),
    "Clinic": lambda _: cnnlab.Clinic(),
    "ClassNoiseFloor": lambda s: cnnlab.ClassNoiseFloor(s.store),
}


def _mean_score():
    from cnnlab.model.evaluation import MeanScore

    return MeanScore(0.5, 0.1, 0.9, 0.1, 10)


def _patient():
    return cnnlab.admit_patients()[0]


def _scores():
    from cnnlab.training.early_stopping import Scores

    return Scores(1, 0.5, 0.8)


def _prediction():
    from cnnlab.comparison.prediction import Prediction
    from cnnlab.comparison.question import Rule

    return Prediction("00-x", cnnlab.Guess("5", 0.6), Rule(("3", "5")))


def _arguments_of(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass, as arguments that make it again."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


NO_ARGUMENTS: Callable[[Samples], dict[str, Any]] = lambda _: {}  # noqa: E731
CALLS: dict[str, Callable[[Samples], dict[str, Any]]] = {
    "data_folder": NO_ARGUMENTS,
    "cache_folder": NO_ARGUMENTS,
    "course_folder": NO_ARGUMENTS,
    "make_patterns": lambda _: {"count": 10, "size": 12},
    "make_kernel": lambda _: {"name": "blur"},
    "apply_kernel": lambda s: {"image": s.ink, "kernel": cnnlab.make_kernel("blur")},
    "explain_pixel": lambda s: {"image": s.ink, "kernel": cnnlab.make_kernel("blur"), "row": 3, "column": 4},
    "as_mnist": lambda s: {"ink": s.ink},
    "turn_and_shift": lambda s: {"image": s.ink},
    "read_picture": lambda s: {"file": s.picture},
    "describe_readings": lambda _: {"readings": {"A": _probabilities()}},
    "pool_map": lambda s: {"plane": s.ink},
    "explain_window": lambda s: {"plane": s.ink, "row": 1, "column": 2},
    "shift_image": lambda s: {"plane": s.ink},
    "relative_change": lambda s: {"before": s.ink, "after": s.ink.T.contiguous()},
    "build_cnn": lambda _: {"channels": (2,), "hidden": 4, "input_shape": (1, 12, 12)},
    "count_parameters": lambda s: {"model": s.model},
    "match_channels": lambda _: {"target": 2000, "channels": (2,), "hidden": 4, "input_shape": (1, 12, 12)},
    "layer_table": lambda s: {"model": s.model},
    "save_weights": lambda s: {"model": s.model, "path": s.new_path(".safetensors")},
    "load_weights": lambda s: {"model": s.new_model(), "path": s.weights},
    "Split": lambda s: _arguments_of(s.split),
    "Data": lambda s: _arguments_of(s.data),
    "Data.open_test": NO_ARGUMENTS,
    "Data.from_tensors": lambda s: {"images": s.data.train.pixels, "labels": s.data.train.labels},
    "shuffle_labels": lambda s: {"data": s.data},
    "load_data": lambda _: {"name": "patterns", "train": 50, "validation": 20, "test": 10, "size": 12},
    "load_images": lambda s: {"folder": s.pictures, "size": 12},
    "evaluate": lambda s: {"model": s.model, "split": s.split},
    "evaluate_all": lambda s: {"models": [s.model], "split": s.split},
    "mistakes": lambda s: {"model": s.model, "split": s.split},
    "predict": lambda s: {"model": s.model, "images": s.images},
    "capture": lambda s: {"model": s.model},
    "activation_statistics": lambda s: {"model": s.model, "images": s.images},
    "gradient_flow": lambda s: {"model": s.model, "images": s.images, "labels": s.split.labels[:3]},
    "weight_distributions": lambda s: {"model": s.model},
    "saliency": lambda s: {"model": s.model, "images": s.images, "method": "smoothgrad", "samples": 2, "steps": 2},
    "concentration": lambda s: {"maps": s.maps},
    "saliency_check": lambda s: {"model": s.model, "images": s.images},
    "receptive_field": lambda s: {
        "model": s.model,
        "layer": "relu1",
        "unit": 0,
        "place": 5,
        "input_shape": (1, 12, 12),
    },
    "top_images": lambda s: {"model": s.model, "images": s.split, "layer": "relu1", "unit": 0},
    "Recorder": NO_ARGUMENTS,
    "fit": lambda s: {"model": s.new_model(), "data": s.data, "epochs": 1, "progress": False, "device": "cpu"},
    "Surface": lambda _: _arguments_of(cnnlab.SURFACES["bowl"]),
    "descend": lambda _: {"surface": "bowl", "learning_rate": 0.1, "steps": 5},
    "describe_descent": lambda s: {"descent": s.descent},
    "describe_descents": lambda s: {"descents": {"SGD": s.descent}},
    "environment": NO_ARGUMENTS,
    "History": lambda s: _arguments_of(s.history),
    "History.last": lambda _: {"metric": "train_loss"},
    "History.to_dict": NO_ARGUMENTS,
    "History.from_dict": lambda s: {"plain": s.history.to_dict()},
    "History.to_json": NO_ARGUMENTS,
    "History.from_json": lambda s: {"text": s.history.to_json()},
    "History.to_frame": NO_ARGUMENTS,
    "Stopping": lambda s: _arguments_of(cnnlab.stopping(s.history)),
    "replay": lambda s: {"history": s.history, "epochs": 1},
    "stopping": lambda s: {"history": s.history},
    "Experiment": NO_ARGUMENTS,
    "Experiment.with_fingerprint": NO_ARGUMENTS,
    "Experiment.check_pictures": lambda _: {"count": 200},
    "Experiment.network": NO_ARGUMENTS,
    "Experiment.training": NO_ARGUMENTS,
    "Experiment.replace": NO_ARGUMENTS,
    "Experiment.to_dict": NO_ARGUMENTS,
    "Experiment.resolved": NO_ARGUMENTS,
    "Experiment.to_json": NO_ARGUMENTS,
    "Experiment.from_json": lambda _: {"text": cnnlab.Experiment().to_json()},
    "Experiment.load_data": NO_ARGUMENTS,
    "Experiment.of_data": NO_ARGUMENTS,
    "Experiment.layer_table": NO_ARGUMENTS,
    "Experiment.to_code": NO_ARGUMENTS,
    "Experiment.build_cnn": lambda s: {"data": s.data},
    "Run": lambda s: _arguments_of(s.made_runs[0]),
    "Run.model": NO_ARGUMENTS,
    "run": lambda _: {"experiment": _tiny(), "progress": False},
    "Runs": lambda s: {"runs": s.made_runs},
    "Runs.values": NO_ARGUMENTS,
    "Runs.filter": lambda _: {"kernel_size": 3},
    "Runs.one": lambda _: {"kernel_size": 3, "pooling": "max", "seed": 0},
    "Runs.to_frame": NO_ARGUMENTS,
    "Runs.summary": NO_ARGUMENTS,
    "Runs.curves": NO_ARGUMENTS,
    "bank": lambda _: {"part": "pooling"},
    "load_runs": lambda s: {"store": s.store},
    "grid": lambda _: {"base": cnnlab.Experiment(), "seed": range(2)},
    "sweep": lambda s: {"experiments": [_tiny()], "store": s.store, "workers": 1, "progress": False},
    "Exam": lambda _: {"validation": _mean_score(), "test": _mean_score(), "is_stored": False},
    "take_exam": lambda s: {"runs": s.trained_runs, "size": 20},
    "kernel_experiments": lambda _: {"base": cnnlab.Experiment()},
    "along_with": lambda _: {"experiments": cnnlab.kernel_experiments(cnnlab.Experiment(), seeds=[0])},
    "Comparison": lambda s: _arguments_of(s.comparison),
    "Comparison.paired": lambda _: {"level": 5},
    "Comparison.against": lambda _: {"reference": 5},
    "Comparison.table": NO_ARGUMENTS,
    "compare": lambda s: {"runs": s.made_runs, "by": "kernel_size"},
    "noise_floor": lambda s: {"runs": s.made_runs},
    "compare_settings": lambda s: {"runs": s.made_runs},
    "rank_stability": lambda s: {"runs": s.made_runs, "resamples": 20},
    "Guess": lambda _: {"answer": "5"},
    "right_answer": lambda s: {"comparison": s.comparison},
    "commit_guess": lambda s: {"question": f"00-{s.new_path().name}", "guess": 3, "choices": [3, 5]},
    "score_guess": lambda _: {"question": "00-nothing", "evidence": 3},
    "Guesses": lambda _: {"predictions": {"00-x": _prediction()}},
    "Guesses.calibration": NO_ARGUMENTS,
    "Guesses.table": NO_ARGUMENTS,
    "show_guesses": NO_ARGUMENTS,
    "plot_images": lambda s: {"images": s.split},
    "plot_maps": lambda s: {"maps": s.images[:, 0]},
    "plot_filters": lambda s: {"model": s.model},
    "plot_history": lambda s: {"history": s.history},
    "plot_gallery": lambda s: {"runs": s.one_setting},
    "plot_curves": lambda s: {"runs": s.made_runs, "by": "kernel_size"},
    "plot_noise_floor": lambda s: {"runs": s.one_setting},
    "plot_grid": lambda s: {"runs": s.made_runs, "rows": "kernel_size", "columns": "pooling"},
    "plot_comparison": lambda s: {"comparison": s.comparison},
    "plot_comparisons": lambda s: {"comparisons": {"A": s.comparison}},
    "plot_summary": lambda s: {"table": s.made_runs.summary()},
    "plot_stopping": lambda s: {"history": s.history},
    "plot_guess": lambda s: {"comparison": s.comparison, "guess": cnnlab.Guess("5", 0.6)},
    "plot_calibration": NO_ARGUMENTS,
    "plot_distributions": lambda s: {"values": {"A": s.ink}},
    "plot_activations": lambda s: {"seen": s.activity},
    "plot_weights": lambda s: {"weights": s.weight_table},
    "plot_gradient_flow": lambda s: {"flow": s.flow},
    "plot_insides": lambda s: {"history": s.history},
    "plot_surface": lambda _: {"surface": "bowl"},
    "plot_paths": lambda s: {"descents": {"SGD": s.descent}, "surface": "bowl"},
    "plot_losses": lambda s: {"descents": {"SGD": s.descent}},
    "plot_confusion": lambda s: {"mistakes": s.mistakes},
    "plot_mistakes": lambda s: {"mistakes": s.mistakes},
    "plot_probabilities": lambda _: {"probabilities": _probabilities()},
    "plot_saliency": lambda s: {"images": s.images, "maps": s.maps},
    "plot_top_images": lambda s: {"top": s.top},
    "ConvolutionExplorer": lambda s: {"images": s.split.pixels},
    "DrawDigit": lambda s: {"models": {"A": s.digits[1]}, "data": s.digits[0]},
    "KernelExperiment": lambda _: {"base": _tiny()},
    "OptimizerExplorer": NO_ARGUMENTS,
    "PoolingExplorer": lambda s: {"model": s.model, "images": s.split},
    "PredictThenRun": lambda s: {"question": f"which {s.new_path().name}?", "run": s.comparison},
    "RunExplorer": lambda s: {"runs": s.trained_runs},
    "StoppingExplorer": lambda s: {"recording": s.history},
    "TrainingPanel": lambda _: {"base": _tiny()},
    "balance_classes": lambda s: {"data": s.data},
    "find_duplicates": lambda s: {"folder": s.pictures},
    "check": lambda _: {"name": "01-output-size", "answer": 3},
    "hint": lambda _: {"name": "01-output-size"},
    "solution": lambda _: {"name": "01-output-size"},
    "progress": NO_ARGUMENTS,
    "admit_patients": NO_ARGUMENTS,
    "treat": lambda _: {"patient": _patient(), "epochs": 1},
    "plot_patient": lambda _: {"patient": _patient()},
    "Clinic": NO_ARGUMENTS,
    "ClassNoiseFloor": lambda s: {"folder": s.store},
    "ClassNoiseFloor.follow": lambda _: {"seconds": 0.01},
    "lab_report": lambda s: {"runs": s.made_runs, "path": s.new_path().with_suffix(".html")},
}

PANELS_END = ("Explorer", "Clinic", "ClassNoiseFloor", "DrawDigit", "PredictThenRun", "Panel", "KernelExperiment")
PANELS = [name for name in OWNERS if name.endswith(PANELS_END)]
CALLS |= {f"{panel}.{method}": NO_ARGUMENTS for panel in PANELS for method in ("picture", "close")}
CALLS |= {f"{panel}.wait": NO_ARGUMENTS for panel in ("KernelExperiment", "TrainingPanel")}
CALLS |= {"TrainingPanel.train": NO_ARGUMENTS}
WITHOUT = {"KernelExperiment.train"}  # takes no argument, and all its runs are in the results bank


def _probabilities():
    import torch

    return torch.tensor([0.2, 0.7, 0.1])
