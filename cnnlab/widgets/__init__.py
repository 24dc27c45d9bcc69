"""Live panels, one a file: controls over tested functions, no mathematics of their own."""

from cnnlab.widgets.convolution import ConvolutionExplorer
from cnnlab.widgets.draw import DrawDigit
from cnnlab.widgets.pooling import PoolingExplorer

__all__ = ["ConvolutionExplorer", "DrawDigit", "PoolingExplorer"]
