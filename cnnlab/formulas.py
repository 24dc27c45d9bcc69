"""Keep notebooks from reading names as formulas: MathJax makes one of every "$5 to $9" in a page or a table."""

from __future__ import annotations

# The classes of MathJax 2 (Colab, exported pages) and of MathJax 3 (JupyterLab).
KEPT = "tex2jax_ignore mathjax_ignore"


def without_formulas(page: str) -> str:
    """Return HTML in which MathJax looks for no formula; where it would find none, as it is.

    >>> without_formulas("<p>from $5 to $9</p>")
    '<div class="tex2jax_ignore mathjax_ignore"><p>from $5 to $9</p></div>'
    """
    return f'<div class="{KEPT}">{page}</div>' if "$" in page or "\\" in page else page
