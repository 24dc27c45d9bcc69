"""Write notebooks as students hand them in."""

import nbformat

NAME = "01-output-size"  # 26
IMPORT = "from cnnlab import check"


def notebook(path, *cells):
    """Write a notebook with these code cells; their ids are c0, c1, …."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell, id=f"c{n}") for n, cell in enumerate(cells)])
    nbformat.write(made, path)
