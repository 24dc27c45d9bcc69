"""Keep the alt text of pictures when a notebook is exported as HTML.

An output's metadata hold the alt text, as in `{"image/png": {"alt": "…"}}`. nbconvert's template "classic" writes it
into the page, its usual template "lab" does not (nbconvert 7.17). `python start.py` uses this class. Elsewhere:

    jupyter nbconvert --to html --HTMLExporter.preprocessors=cnnlab.cli.export.AltText notebook.ipynb
"""

from __future__ import annotations

import html

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode


class AltText(Preprocessor):
    """Give each picture that has an alt text the form of an HTML image with it."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int) -> tuple[NotebookNode, dict]:  # noqa: ARG002 (nbconvert's signature)
        """Return the cell with these images, and the resources as they are."""
        for output in cell.get("outputs", []):
            picture = output.get("data", {}).get("image/png")
            words = output.get("metadata", {}).get("image/png", {}).get("alt")
            if picture and words and "text/html" not in output.data:
                image = f'<img alt="{html.escape(words)}" src="data:image/png;base64,{picture.strip()}">'
                output.data["text/html"] = image
        return cell, resources
