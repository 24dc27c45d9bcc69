"""Live panels, one a file: controls over tested functions, no mathematics of their own."""

from cnnlab.widgets.convolution import ConvolutionExplorer

__all__ = ["ConvolutionExplorer"]
