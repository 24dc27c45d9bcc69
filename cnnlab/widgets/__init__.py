"""The live panels of the course, one in each module. All mathematics is in plain functions of the other packages."""

from cnnlab.widgets.base import freeze_loaded_objects
from cnnlab.widgets.convolution import ConvolutionExplorer
from cnnlab.widgets.draw import DrawDigit
from cnnlab.widgets.kernel import KernelExperiment
from cnnlab.widgets.optimizers import OptimizerExplorer
from cnnlab.widgets.pooling import PoolingExplorer
from cnnlab.widgets.prediction import PredictThenRun
from cnnlab.widgets.run_explorer.explorer import RunExplorer
from cnnlab.widgets.stopping import StoppingExplorer
from cnnlab.widgets.training.panel import TrainingPanel

__all__ = [
    "ConvolutionExplorer",
    "DrawDigit",
    "KernelExperiment",
    "OptimizerExplorer",
    "PoolingExplorer",
    "PredictThenRun",
    "RunExplorer",
    "StoppingExplorer",
    "TrainingPanel",
]

freeze_loaded_objects()
