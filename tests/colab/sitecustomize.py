"""Python runs this first, as Colab has its module loaded before a notebook's first cell."""

import google.colab  # noqa: F401
