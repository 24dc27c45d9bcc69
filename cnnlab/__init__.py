"""cnnlab: a thin package under a hands-on course on convolutional networks.

The public names are listed in `__init__.pyi`, where editors read them, too. Each is loaded when it is first used
(SPEC 1), so that `import cnnlab` costs little more than `import torch`.
"""

import sys

import lazy_loader

from cnnlab.printing import print_anywhere

__version__ = "0.1.0"


def _public_names() -> dict[str, list[str]]:
    """Return module → its public names, from the statements `from .module import (name as name, …)` of `__init__.pyi`.

    lazy_loader.attach_stub reads them, too, but imports Python's parser for it, which takes longer than all the rest.
    """
    with open(f"{__file__}i", encoding="utf-8") as stub:
        statements = stub.read().split("\nfrom .")[1:]
    parts = (statement.partition(" import ") for statement in statements)
    return {module: [name.split()[0] for name in names.strip("(), \n").split(",")] for module, _, names in parts}


__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_public_names())


def _describe_figures() -> None:
    """Let Jupyter store an alt text with every figure; in plain Python do nothing, and import no matplotlib.

    This formatter of whole bundles, unlike one of PNGs, stays when the inline backend starts.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.display_formatter.mimebundle_formatter.for_type_by_name("matplotlib.figure", "Figure", _for_jupyter)


def _for_jupyter(figure: object) -> tuple[dict, dict]:
    from cnnlab.plots.alt_text import for_jupyter

    return for_jupyter(figure)  # pyright: ignore[reportArgumentType]


_describe_figures()
print_anywhere()
