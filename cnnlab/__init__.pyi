"""The public names of cnnlab, each with the module that defines it: editors and `__init__.py` read this list."""

__version__: str

from .errors import ConfigError as ConfigError, DataError as DataError
from .files import data_folder as data_folder, cache_folder as cache_folder, course_folder as course_folder
from .data.patterns import make_patterns as make_patterns
from .model.convolution import (
    KERNELS as KERNELS,
    make_kernel as make_kernel,
    apply_kernel as apply_kernel,
    explain_pixel as explain_pixel,
)
from .data.digits import (
    as_mnist as as_mnist,
    turn_and_shift as turn_and_shift,
    read_picture as read_picture,
    describe_readings as describe_readings,
)
from .model.pooling import (
    pool_map as pool_map,
    explain_window as explain_window,
    shift_image as shift_image,
    relative_change as relative_change,
)
from .model.cnn import build_cnn as build_cnn, match_channels as match_channels, count_parameters as count_parameters
from .model.layer_table import layer_table as layer_table
from .model.weights import save_weights as save_weights, load_weights as load_weights
from .data.dataset import Data as Data, Split as Split
from .data.training_split import balance_classes as balance_classes, shuffle_labels as shuffle_labels
from .data.loading import load_data as load_data, load_images as load_images
from .data.duplicates import find_duplicates as find_duplicates
from .model.evaluation import (
    evaluate as evaluate,
    evaluate_all as evaluate_all,
    mistakes as mistakes,
    predict as predict,
)
from .interpret.capture import capture as capture
from .interpret.activations import activation_statistics as activation_statistics
from .interpret.gradients import gradient_flow as gradient_flow
from .interpret.weight_distributions import weight_distributions as weight_distributions
from .interpret.saliency import saliency as saliency, concentration as concentration
from .interpret.saliency_check import saliency_check as saliency_check
from .interpret.receptive_field import receptive_field as receptive_field
from .interpret.top_images import top_images as top_images
from .interpret.recorder import Recorder as Recorder
from .training.fit import fit as fit
from .training.surfaces import SURFACES as SURFACES, Surface as Surface
from .training.descent import (
    descend as descend,
    describe_descent as describe_descent,
    describe_descents as describe_descents,
)
from .training.environment import environment as environment
from .training.history import History as History
from .training.early_stopping import Stopping as Stopping, replay as replay, stopping as stopping
from .experiments.experiment import Experiment as Experiment
from .experiments.run import Run as Run, run as run
from .experiments.runs import Runs as Runs, bank as bank, load_runs as load_runs
from .experiments.sweep import grid as grid, sweep as sweep
from .experiments.exam import Exam as Exam, take_exam as take_exam
from .experiments.kernel_sizes import kernel_experiments as kernel_experiments, along_with as along_with
from .comparison.compare import Comparison as Comparison, compare as compare
from .comparison.noise_floor import noise_floor as noise_floor
from .comparison.settings import compare_settings as compare_settings
from .comparison.ranking import rank_stability as rank_stability
from .comparison.question import Guess as Guess
from .comparison.right_answer import right_answer as right_answer
from .comparison.predictions import commit_guess as commit_guess, score_guess as score_guess
from .comparison.guesses import Guesses as Guesses, show_guesses as show_guesses
from .plots.images import plot_images as plot_images
from .plots.maps import plot_maps as plot_maps, plot_filters as plot_filters
from .plots.history import plot_history as plot_history
from .plots.gallery import plot_gallery as plot_gallery
from .plots.curves import plot_curves as plot_curves
from .plots.noise_floor import plot_noise_floor as plot_noise_floor
from .plots.grid import plot_grid as plot_grid
from .plots.comparison import plot_comparison as plot_comparison, plot_comparisons as plot_comparisons
from .plots.summary import plot_summary as plot_summary
from .plots.early_stopping import plot_stopping as plot_stopping
from .plots.predictions import plot_calibration as plot_calibration, plot_guess as plot_guess
from .plots.histograms import (
    plot_activations as plot_activations,
    plot_distributions as plot_distributions,
    plot_weights as plot_weights,
)
from .plots.flow import plot_gradient_flow as plot_gradient_flow, plot_insides as plot_insides
from .plots.descent import plot_losses as plot_losses, plot_paths as plot_paths, plot_surface as plot_surface
from .plots.evaluation import (
    plot_confusion as plot_confusion,
    plot_mistakes as plot_mistakes,
    plot_probabilities as plot_probabilities,
)
from .plots.saliency import plot_saliency as plot_saliency, plot_top_images as plot_top_images
from .widgets import (
    ConvolutionExplorer as ConvolutionExplorer,
    DrawDigit as DrawDigit,
    KernelExperiment as KernelExperiment,
    OptimizerExplorer as OptimizerExplorer,
    PoolingExplorer as PoolingExplorer,
    PredictThenRun as PredictThenRun,
    RunExplorer as RunExplorer,
    StoppingExplorer as StoppingExplorer,
    TrainingPanel as TrainingPanel,
)
from .course.practice import check as check, hint as hint, solution as solution
from .course.progress import progress as progress
from .course.clinic.settings import DISEASES as DISEASES, EVIDENCE as EVIDENCE, HEALTHY as HEALTHY
from .course.clinic.patients import admit_patients as admit_patients, treat as treat
from .course.clinic.views import plot_patient as plot_patient
from .course.clinic.panel import Clinic as Clinic
from .course.lab_report.report import lab_report as lab_report
from .course.class_noise_floor import ClassNoiseFloor as ClassNoiseFloor
