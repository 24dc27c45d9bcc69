"""Write what all notebooks share: set-up cell, badge "Open in Colab", link to the glossary.

`python tools/colab.py [OWNER/NAME]` writes them into every notebook. OWNER/NAME is the course's repository on GitHub:
the script writes it into pyproject.toml and makes cells and badges from it. Without an address there is no badge, and
the set-up cell on Colab installs the wheel that was uploaded to the notebook's folder. Where cnnlab is not installed,
the cell stops the notebook with one sentence. In JupyterLab the cell is folded to its first line, and exports can leave
it out by its tag. The title links to the glossary beside the notebook, and to the same notebook in Indonesian. On Colab
nothing is beside it, so that below the badge there are a link to the glossary on GitHub, and one that opens the
Indonesian notebook in Colab. Nothing else in a notebook changes, and a second run changes nothing. The Indonesian
notebooks are written anew from the English ones.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import translate_notebooks  # beside this script

ROOT = Path(__file__).resolve().parent.parent
GITHUB = "https://github.com/"
COLAB = "https://colab.research.google.com/"

# Colab's own packages stay as they are: pip gets --no-deps, and only the names of packages that are missing.
# The cell is plain Python, without %pip, since it also runs in the script that nbconvert or jupytext makes.
SET_UP = """\
# Set-up. On your own computer this cell does nothing; on Colab it installs cnnlab.
import subprocess
import sys
from glob import glob
from importlib import import_module, metadata, util

if "google.colab" in sys.modules:  # for a GPU: Runtime → Change runtime type, then sweep(…, device="cuda")
    import_module("google.colab.output").enable_custom_widget_manager()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    there = {str(package.name).lower().replace("_", "-") for package in metadata.distributions()}
    if "cnnlab" not in there:
@SOURCE@
        subprocess.check_call([*pip, source])
    needed = {text.split(">=")[0] for text in metadata.requires("cnnlab") if "extra ==" not in text}
    if missing := sorted(needed - there):
        subprocess.check_call([*pip, *missing])
elif not util.find_spec("cnnlab"):
    remedy = "run `python start.py` and choose .venv as the kernel, or `%pip install` cnnlab's .whl (see README.md)"
    sys.exit(f"cnnlab is not installed for this Python: {remedy}.")"""
UPLOADED = """\
        if not (source := max(glob("cnnlab-*.whl"), default="")):
            sys.exit("Upload cnnlab's .whl file (see README.md) with the folder icon on the left; run it again.")"""
PUBLISHED = """\
        source = "git+@ADDRESS@"
        source = max(glob("cnnlab-*.whl"), default=source)"""

GLOSSARY = "**Words:** the [glossary](glossary.md) explains them, in English and Indonesian."

# Folded to its first line, which a click opens; exports leave it out by its tag (CONTRIBUTING.md).
METADATA = {"jupyter": {"source_hidden": True}, "slideshow": {"slide_type": "skip"}, "tags": ["remove-cell"]}


def set_up_cell(address: str) -> str:
    """Return the source of the set-up cell; `address` is OWNER/NAME, or "" where the course is not published.

    >>> set_up_cell("").splitlines()[0]
    '# Set-up. On your own computer this cell does nothing; on Colab it installs cnnlab.'
    """
    source = PUBLISHED.replace("@ADDRESS@", GITHUB + address) if address else UPLOADED
    return SET_UP.replace("@SOURCE@", source)


def badge(address: str, notebook: str) -> str:
    """Return the Markdown of the badge that opens notebooks/NOTEBOOK.ipynb in Colab, and of links that open there.

    >>> badge("alice/cnnlab", "02_pooling")[:29]
    '[![Open this notebook in Cola'
    """
    picture = f"![Open this notebook in Colab]({COLAB}assets/colab-badge.svg)"
    folder = f"{COLAB}github/{address}/blob/main/notebooks"
    glossary = f"[glossary]({GITHUB}{address}/blob/main/notebooks/glossary.md)"
    words = f"On Colab, the {glossary} and [this notebook in Indonesian]({folder}/id/{notebook}.ipynb) open here."
    return f"[{picture}]({folder}/{notebook}.ipynb)\n\n{words}"


def with_links(title: str, notebook: str) -> str:
    """Return the text of a title cell with its links: below the heading to the Indonesian notebook, last the glossary.

    >>> print(with_links("# What is a kernel?\\n\\nA small filter.", "01_kernel_size"))
    # What is a kernel?
    <BLANKLINE>
    **Bahasa Indonesia:** [01_kernel_size](id/01_kernel_size.ipynb)
    <BLANKLINE>
    A small filter.
    <BLANKLINE>
    **Words:** the [glossary](glossary.md) explains them, in English and Indonesian.
    """
    written = ("**Words:**", "**Bahasa Indonesia:**")
    heading, *others = [part for part in title.strip().split("\n\n") if not part.startswith(written)]
    translation = f"**Bahasa Indonesia:** [{notebook}](id/{notebook}.ipynb)"
    return "\n\n".join([heading, translation, *others, GLOSSARY])


def read_address(root: Path) -> str:
    """Return OWNER/NAME from the pyproject.toml in `root`, or "" where it has none."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository", GITHUB).removeprefix(GITHUB)


def write_address(root: Path, address: str) -> None:
    """Write the address into the pyproject.toml in `root`, in place of an earlier one."""
    check_address(address)
    path = root / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    line = f'Repository = "{GITHUB}{address}"\n'
    if read_address(root):
        text = re.sub(r'(?m)^Repository = ".*"\n', line, text)
    else:
        text = text.replace(
            "\n[project.optional-dependencies]\n", f"\n[project.urls]\n{line}\n[project.optional-dependencies]\n"
        )
    path.write_text(text, encoding="utf-8", newline="\n")


def check_address(address: str) -> None:
    """Stop with one sentence unless the address is OWNER/NAME with characters that GitHub allows."""
    match = re.fullmatch(r"(?=.{1,39}/)[A-Za-z0-9](-?[A-Za-z0-9])*/([\w.-]{1,100})", address, re.ASCII)
    if not match or match[2] in (".", "..") or match[2].endswith(".git"):
        raise SystemExit(f"the address must be OWNER/NAME as on GitHub, got {address!r}; try alice/cnnlab")


def update(path: Path, address: str) -> bool:
    """Write set-up cell, badge and link into a notebook, and return whether that changed it."""
    before = path.read_text(encoding="utf-8")
    notebook = json.loads(before)
    cells = [cell for cell in notebook["cells"] if cell["id"] != "colab"]
    place = next((index for index, cell in enumerate(cells) if cell["id"] == "setup"), None)
    if place is None:
        raise SystemExit(f"{path.name} has no cell with the id 'setup': put an empty code cell with it below the title")
    cells[place]["source"] = set_up_cell(address).splitlines(keepends=True)
    cells[place]["metadata"] = METADATA
    cells[0]["source"] = with_links("".join(cells[0]["source"]), path.stem).splitlines(keepends=True)
    if address:
        words = badge(address, path.stem).splitlines(keepends=True)
        cells.insert(place, {"cell_type": "markdown", "id": "colab", "metadata": {}, "source": words})
    notebook["cells"] = cells
    after = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    if after != before:
        path.write_text(after, encoding="utf-8", newline="\n")
    return after != before


def main(arguments: list[str], root: Path = ROOT) -> None:
    if len(arguments) > 1:
        raise SystemExit(f"one address at most, OWNER/NAME, got {' '.join(arguments)}")
    if arguments:
        write_address(root, arguments[0])
    address = read_address(root)
    notebooks = sorted((root / "notebooks").glob("*.ipynb"))
    changed = [path.name for path in notebooks if update(path, address)]
    print(f"{f'published at {address}' if address else 'no address yet'}: {len(changed)} notebooks changed")
    for path in notebooks:
        if (path.parent / "id" / "texts" / f"{path.stem}.md").is_file():
            translate_notebooks.write(path.stem, path.parent)


if __name__ == "__main__":
    main(sys.argv[1:])
