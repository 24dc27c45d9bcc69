"""cnnlab: a thin package under a hands-on course on convolutional networks.

The public names are listed in `__init__.pyi`, where editors read them, too. Each is loaded when it is first used
(SPEC 1), so that `import cnnlab` costs little more than `import torch`.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
