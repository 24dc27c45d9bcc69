"""Test the fold of words below a panel in a real JupyterLab: by keys, and its link opens the glossary there."""

import shutil

import browser
import pytest
from places import NOTEBOOKS
from playwright.sync_api import expect

PANEL = "from cnnlab import PoolingExplorer\nPoolingExplorer()"


@pytest.fixture
def page(shared_lab):
    glossary = shutil.copy(NOTEBOOKS / "glossary.md", shared_lab.folder)
    with shared_lab.running([PANEL], height=1000) as page:
        notebook = page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
        yield page
        browser.close_all_but(page, notebook)
    (shared_lab.folder / "glossary.md").unlink()
    assert glossary


def test_the_fold_opens_by_keys_and_its_link_opens_the_glossary_in_jupyterlab(page):
    summary = page.locator(".cnnlab-words summary")
    expect(summary).to_have_text("Words: pooling, max pooling, average pooling, stride, feature map")
    sentence = page.get_by_text("How many pixels a kernel moves at a time.")
    expect(sentence).not_to_be_visible()
    summary.focus()
    page.keyboard.press("Enter")
    expect(sentence).to_be_visible()
    link = page.get_by_role("link", name="All words of the course")
    link.focus()
    page.keyboard.press("Enter")
    viewer = page.locator(".jp-MarkdownViewer")
    expect(viewer.get_by_role("heading", name="Words of the course")).to_be_visible()
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path") == "glossary.md"
    assert page.faults == []


def test_where_no_glossary_is_beside_the_notebook_there_is_no_link(shared_lab):
    with shared_lab.running([PANEL], height=1000) as page:
        page.locator(".cnnlab-words summary").click()
        expect(page.get_by_text("How many pixels a kernel moves at a time.")).to_be_visible()
        expect(page.locator(".cnnlab-words a")).to_have_count(0)
