"""Test that an exported page has the alt text of each picture."""

import nbformat
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter

from cnnlab.cli.export import AltText

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WORDS = 'loss < 1, "sgd" & adam'


def page(metadata, **options):
    output = nbformat.v4.new_output("display_data", {"image/png": PNG, "text/plain": "<Figure>"}, metadata=metadata)
    cell = nbformat.v4.new_code_cell("plot()", id="plot", outputs=[output])
    return HTMLExporter(**options).from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))[0]


def test_the_alt_text_of_the_metadata_is_in_the_page():
    metadata = {"image/png": {"alt": WORDS}}
    html = page(metadata, preprocessors=[AltText])
    images = BeautifulSoup(html, "html.parser").select(".jp-OutputArea-output img")
    assert [image["alt"] for image in images] == [WORDS]
    assert f"data:image/png;base64,{PNG}" in html
    assert "loss &lt; 1" not in page(metadata)  # nbconvert's own template leaves it out; then AltText may go


def test_a_picture_without_one_stays_as_it_is():
    assert page({}, preprocessors=[AltText]) == page({})
