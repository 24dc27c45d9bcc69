"""Test that an exported page, and slides, have the alt text of each picture."""

import nbformat
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter, SlidesExporter

from cnnlab.cli.export import AltText, Slides

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WORDS = 'loss < 1, "sgd" & adam'


def page(metadata, exporter=HTMLExporter, **options):
    output = nbformat.v4.new_output("display_data", {"image/png": PNG, "text/plain": "<Figure>"}, metadata=metadata)
    title = nbformat.v4.new_markdown_cell("# Title", id="title")
    cell = nbformat.v4.new_code_cell("plot()", id="plot", outputs=[output])
    return exporter(**options).from_notebook_node(nbformat.v4.new_notebook(cells=[title, cell]))[0]


def test_the_alt_text_of_the_metadata_is_in_the_page():
    metadata = {"image/png": {"alt": WORDS}}
    html = page(metadata, preprocessors=[AltText])
    images = BeautifulSoup(html, "html.parser").select(".jp-OutputArea-output img")
    assert [image["alt"] for image in images] == [WORDS]
    assert f"data:image/png;base64,{PNG}" in html
    assert "loss &lt; 1" not in page(metadata)  # nbconvert's own template leaves it out; then AltText may go


def test_a_picture_without_one_stays_as_it_is():
    assert page({}, preprocessors=[AltText]) == page({})


def test_slides_have_it_too_and_keep_the_width_that_the_slide_gives_the_picture():
    html = page({"image/png": {"alt": WORDS}}, SlidesExporter, preprocessors=[Slides])
    without = page({}, SlidesExporter, preprocessors=[Slides])
    [image], [other] = (
        BeautifulSoup(slides, "html.parser").select(".jp-OutputArea-output img") for slides in (html, without)
    )
    assert image["alt"] == WORDS
    assert image["width"] == other["width"]
    assert image["src"] == other["src"] == f"data:image/png;base64,{PNG}"
