"""cnnlab: a thin package under a hands-on course on convolutional networks.

Names are loaded when they are first used (SPEC 1), so that `import cnnlab` costs little more than `import torch`.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "errors": ["ConfigError", "DataError"],
        "files": ["data_folder", "cache_folder"],
        "data.patterns": ["make_patterns"],
        "model.convolution": ["KERNELS", "make_kernel", "apply_kernel", "explain_pixel"],
        "data.digits": ["as_mnist", "turn_and_shift", "read_picture", "describe_readings"],
        "model.pooling": ["pool_map", "explain_window", "shift_image", "relative_change"],
        "model.cnn": ["build_cnn", "match_channels", "count_parameters"],
        "model.layer_table": ["layer_table"],
        "model.weights": ["save_weights", "load_weights"],
        "data.dataset": ["Data", "Split", "shuffle_labels"],
        "data.loading": ["load_data", "load_images"],
        "model.evaluation": ["evaluate", "mistakes", "predict"],
        "interpret.capture": ["capture"],
        "interpret.activations": ["activation_statistics"],
        "interpret.gradients": ["gradient_flow", "weight_distributions"],
        "interpret.saliency": ["saliency", "saliency_check", "concentration"],
        "interpret.top_images": ["receptive_field", "top_images"],
        "interpret.recorder": ["Recorder"],
        "training.fit": ["fit"],
        "training.descent": ["SURFACES", "Surface", "descend", "describe_descent", "describe_descents"],
        "training.history": ["History", "environment", "replay"],
        "training.early_stopping": ["Stopping", "stopping"],
        "experiments.experiment": ["Experiment"],
        "experiments.run": ["Run", "run"],
        "experiments.runs": ["Runs", "bank", "load_runs"],
        "experiments.sweep": ["grid", "sweep"],
        "experiments.kernel_sizes": ["kernel_experiments", "along_with"],
        "comparison.compare": ["Comparison", "compare", "noise_floor"],
        "comparison.settings": ["compare_settings"],
        "comparison.ranking": ["rank_stability"],
        "comparison.predictions": ["Guess", "Scorebook", "record_guess", "right_answer", "session"],
        "plots.images": ["plot_images", "plot_maps", "plot_filters", "plot_history"],
        "plots.runs": ["plot_curves", "plot_noise_floor", "plot_comparison", "plot_grid"],
        "plots.early_stopping": ["plot_stopping"],
        "plots.predictions": ["plot_calibration", "plot_guess"],
        "plots.interpret": [
            "plot_activations",
            "plot_distributions",
            "plot_gradient_flow",
            "plot_insides",
            "plot_weights",
        ],
        "plots.descent": ["plot_losses", "plot_paths", "plot_surface"],
        "plots.evaluation": [
            "plot_confusion",
            "plot_mistakes",
            "plot_probabilities",
            "plot_saliency",
            "plot_top_images",
        ],
        "widgets": [
            "ConvolutionExplorer",
            "DrawDigit",
            "KernelExperiment",
            "OptimizerExplorer",
            "PoolingExplorer",
            "PredictThenRun",
            "RunExplorer",
            "StoppingExplorer",
            "TrainingPanel",
        ],
    },
)
