"""cnnlab: a thin package under a hands-on course on convolutional networks.

The public names are listed in `__init__.pyi`, where editors read them, too. Each is loaded when it is first used
(SPEC 1), so that `import cnnlab` costs little more than `import torch`.
"""

import codecs
import io
import sys

try:
    import lazy_loader
except ModuleNotFoundError:
    words = (
        "this Python lacks the packages of the course. `python start.py` puts them into .venv: type .venv/bin/python"
    )
    raise ModuleNotFoundError(f"{words} in place of python (on Windows .venv\\Scripts\\python)") from None

__version__ = "0.1.0"


def _public_names() -> dict[str, list[str]]:
    """Return module → its public names, from the statements `from .module import (name as name, …)` of `__init__.pyi`.

    lazy_loader.attach_stub reads them, too, but imports Python's parser for it, which takes longer than all the rest.
    """
    with open(f"{__file__}i", encoding="utf-8") as stub:
        statements = stub.read().split("\nfrom .")[1:]
    parts = (statement.partition(" import ") for statement in statements)
    return {module: [name.split()[0] for name in names.strip("(), \n").split(",")] for module, _, names in parts}


_load, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_public_names())


def __getattr__(name: str) -> object:
    """Load a public name when it is first used; in a notebook, say so while PyTorch is loaded with it."""
    if name not in __all__:
        return _load(name)
    from cnnlab.cell_display import saying_that_torch_loads

    with saying_that_torch_loads():
        return _load(name)


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


def _write_plainly(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for signs that an encoding lacks: "x" for "×", and so on, and "?" for others."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = {"×": "x", "≈": "~", "–": "-", "−": "-", "…": "...", "→": "->", "±": "+-", "·": "."}
    return "".join(plain.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


def _print_anywhere() -> None:
    """Let `print` write signs and names to standard output, also in ASCII or cp437; where it can, change nothing."""
    codecs.register_error("cnnlab.plain", _write_plainly)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ("strict", "surrogateescape"):
        try:
            "×≈–−…→±·, and names of classes: éж猫قط".encode(sys.stdout.encoding)
        except UnicodeEncodeError:
            sys.stdout.reconfigure(errors="cnnlab.plain")


_describe_figures()
_print_anywhere()
