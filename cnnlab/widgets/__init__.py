"""Live panels, one a file: controls over tested functions, no mathematics of their own."""

from cnnlab.widgets.convolution import ConvolutionExplorer
from cnnlab.widgets.pooling import PoolingExplorer
from cnnlab.widgets.prediction import PredictThenRun
from cnnlab.widgets.stopping import StoppingExplorer

__all__ = ["ConvolutionExplorer", "PoolingExplorer", "PredictThenRun", "StoppingExplorer"]
