"""Live panels, one a file: controls over tested functions, no mathematics of their own."""

from cnnlab.widgets.convolution import ConvolutionExplorer
from cnnlab.widgets.draw import DrawDigit
from cnnlab.widgets.kernel import KernelExperiment
from cnnlab.widgets.optimizers import OptimizerExplorer
from cnnlab.widgets.pooling import PoolingExplorer
from cnnlab.widgets.prediction import PredictThenRun
from cnnlab.widgets.run_explorer.explorer import RunExplorer
from cnnlab.widgets.stopping import StoppingExplorer
from cnnlab.widgets.training import TrainingPanel

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
