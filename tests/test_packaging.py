"""The wheel, the conda file, and the package's own order: what may be imported from where, and when.

The wheel is built from a copy of what goes into it, and used from another folder with the repository off the path.
"""

from __future__ import annotations

import ast
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes, policy
from pathlib import Path

import grimp
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from places import REPOSITORY
from scripts import load_script

import cnnlab
import cnnlab.widgets

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ARCHIVES = {f"MNIST/raw/{name}-ubyte.gz" for name in ("train-images-idx3", "train-labels-idx1")}
ARCHIVES |= {f"MNIST/raw/{name}-ubyte.gz" for name in ("t10k-images-idx3", "t10k-labels-idx1")}

BANK = {f"bank/{path.name}" for path in (REPOSITORY / "data" / "bank").iterdir()}


def run(code: str, folder: Path, **environment: str) -> object:
    """Run code in a fresh interpreter in folder, and return what it printed, read as JSON."""
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=os.environ | environment, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


# --- The wheel


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A copy of what goes into the wheel, where somebody has unpacked MNIST beside the archives."""
    copy = tmp_path_factory.mktemp("build") / "course"
    copy.mkdir()
    for name in ("cnnlab", "data", "LICENSES"):
        shutil.copytree(REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*-ubyte"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(REPOSITORY / name, copy)
    (copy / "notebooks").mkdir()
    shutil.copy(REPOSITORY / "notebooks" / "glossary.md", copy / "notebooks")
    for unpacked in ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte"):
        (copy / "data" / "MNIST" / "raw" / unpacked).write_bytes(bytes(7_840_016))
    return copy


@pytest.fixture(scope="module")
def wheel(course, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    built = subprocess.run(command, cwd=course, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("cnnlab-*.whl")
    return path


@pytest.fixture(scope="module")
def sdist(course, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder)]
    built = subprocess.run(command, cwd=course, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("cnnlab-*.tar.gz")
    return path


def test_the_wheel_is_small_and_holds_nothing_but_its_own_files(wheel):
    assert wheel.stat().st_size < 30e6
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    shipped = {name.removeprefix("cnnlab/shipped/") for name in names if name.startswith("cnnlab/shipped/")}
    assert shipped == ARCHIVES | BANK | {"README.md", "checksums.txt", "glossary.md"}
    assert len(BANK) == 18
    sources = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "cnnlab").rglob("*") if path.is_file()}
    sources = {name for name in sources if "__pycache__" not in name}
    assert {Path(name).suffix for name in sources} <= {".py", ".pyi", ".typed", ".js", ".json", ".css", ".html", ".md"}
    assert names - {f"cnnlab/shipped/{name}" for name in shipped} == sources


def test_the_wheel_works_from_any_folder(wheel, tmp_path):
    site, elsewhere = tmp_path / "site", tmp_path / "some where ü"
    elsewhere.mkdir()
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    code = f"""
import json, os, sys
sys.path = [folder for folder in sys.path if os.path.realpath(folder or ".") != {str(REPOSITORY)!r}]
import cnnlab
folder = cnnlab.data_folder()
data = cnnlab.load_data("mnist", train=100, validation=50, test=50, seed=0)
images = data.train.images
print(json.dumps([cnnlab.__file__, str(folder), str(images.dtype), images.shape, len(data.open_test())]))
"""
    package, folder, kind, shape, tests = run(code, elsewhere, PYTHONPATH=str(site))
    package, folder = Path(package), Path(folder)
    assert package.is_relative_to(site)
    assert folder.is_relative_to(package.parent)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.gz")} == ARCHIVES | {
        "bank/clinic.safetensors.gz"
    }
    assert (kind, shape, tests) == ("torch.float32", [100, 1, 28, 28], 50)


# --- What a package index shows, and the citation


def information(wheel: Path) -> dict[str, bytes]:
    """Return name → content of the files in the wheel's .dist-info folder."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" in name]
        return {name.partition(".dist-info/")[2]: archive.read(name) for name in names}


def test_a_package_index_would_take_what_is_built(wheel, sdist):
    command = [sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist)]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
    assert answer.stdout.count("PASSED") == 2


def test_the_wheel_holds_what_a_wheel_should(wheel):
    command = [sys.executable, "-m", "check_wheel_contents", "--no-config", str(wheel)]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (0, f"{wheel}: OK\n"), answer.stderr


def test_what_is_installed_here_fits_together():
    answer = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


def test_both_licences_travel_with_mnist(wheel):
    metadata = message_from_bytes(information(wheel)["METADATA"], policy=policy.default)
    assert metadata["License-Expression"] == "MIT AND CC-BY-SA-3.0"
    texts = {name: content.decode() for name, content in information(wheel).items() if name.startswith("licenses/")}
    assert texts.keys() == {"licenses/LICENSE", "licenses/LICENSES/CC-BY-SA-3.0.txt"}
    assert set(metadata.get_all("License-File")) == {name.removeprefix("licenses/") for name in texts}
    ours, mnists = (texts[name] for name in sorted(texts))
    assert ours.startswith("MIT License\n")
    assert mnists.startswith("Creative Commons Legal Code\n\nAttribution-ShareAlike 3.0 Unported\n")
    assert [int(number) for number in re.findall(r"(?m)^(\d)\. ", mnists)] == [1, 2, 3, 4, 5, 6, 7, 8]  # whole


def test_the_sdist_holds_all_that_the_wheel_is_built_from(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    build = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    sources = build["targets"]["wheel"]["hooks"]["custom"]["shipped"]
    shipped = {path.removeprefix("cnnlab/shipped/") for path in sources.values()}
    assert shipped == ARCHIVES | BANK | {"README.md", "checksums.txt", "glossary.md"}
    wanted = {*sources, "LICENSE", "LICENSES/CC-BY-SA-3.0.txt", "hatch_build.py"}
    assert wanted <= names
    assert not [name for name in names if name.endswith("-ubyte")]


def test_the_classifiers_name_the_pythons_that_are_supported():
    named = re.findall(r"Programming Language :: Python :: 3\.(\d+)\n", "\n".join([*PROJECT["classifiers"], ""]))
    supported = SpecifierSet(PROJECT["requires-python"])
    assert [int(minor) for minor in named] == [minor for minor in range(30) if f"3.{minor}" in supported]


def test_the_description_has_no_link_that_leads_nowhere(wheel):
    description = message_from_bytes(information(wheel)["METADATA"], policy=policy.default).get_content()
    assert description.startswith("# cnnlab\n")
    assert "The ConvolutionExplorer panel in JupyterLab" in description  # the words of a picture that is left out
    targets = re.findall(r"\]\(([^)]*)\)", description)
    address = PROJECT.get("urls", {}).get("Repository")
    assert (f"{address}/raw/main/docs/explorer.png" in targets) is bool(address)
    assert all(target.startswith("https://") for target in targets)


def test_links_lead_to_the_repository_once_there_is_one():
    module = load_script(REPOSITORY / "hatch_build.py")
    text = "![A digit](docs/a.png) [data](data/README.md) [Python](https://www.python.org/)"
    assert module.hold_elsewhere(text, "") == "A digit data [Python](https://www.python.org/)"
    address = "https://github.com/alice/cnnlab"
    assert module.hold_elsewhere(text, address) == (
        f"![A digit]({address}/raw/main/docs/a.png) [data]({address}/blob/main/data/README.md) "
        "[Python](https://www.python.org/)"
    )


def test_the_citation_is_valid_and_says_what_pyproject_says():
    path = REPOSITORY / "CITATION.cff"
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.citation-file-format", str(path)]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
    citation = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"] == cnnlab.__version__
    assert citation["authors"] == PROJECT["authors"]
    licences = [citation["license"], *(reference["license"] for reference in citation["references"])]
    assert set(licences) == set(PROJECT["license"].split(" AND "))
    assert [reference["title"].split(":")[0] for reference in citation["references"]] == [
        "The MNIST database of handwritten digits", "Fashion-MNIST",
    ]  # fmt: skip


def test_an_editable_install_has_no_data_of_its_own(course, tmp_path):
    code = "import sys, hatchling.build; print(hatchling.build.build_editable(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    built = subprocess.run(command, cwd=course, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    names = zipfile.ZipFile(tmp_path / built.stdout.strip()).namelist()
    assert {name for name in names if ".dist-info/" not in name} == {"_cnnlab.pth"}


def test_an_editable_install_reads_the_repositorys_data():
    assert Path(cnnlab.__file__).is_relative_to(REPOSITORY)
    assert cnnlab.data_folder() == REPOSITORY / "data"


# --- environment.yml and constraints.txt


def requirements() -> dict[str, SpecifierSet]:
    """Return name → versions of what pyproject.toml asks for, the extras lab and test included."""
    texts = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["lab"] + PROJECT["optional-dependencies"]["test"]
    versions = {package.name: package.specifier for package in map(Requirement, texts)}
    assert versions.pop("cnnlab") == SpecifierSet()  # test contains lab
    return versions


def test_conda_gets_the_same_dependencies_and_floors():
    conda_names = {"torch": "pytorch", "playwright": "playwright-python"}
    wanted = {conda_names.get(name, name): versions for name, versions in requirements().items()}
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text(encoding="utf-8"))
    *plain, by_pip = environment["dependencies"]
    *others, itself = by_pip["pip"]
    assert itself == "-e ."
    assert [Requirement(text).name for text in others] == ["axe-playwright-python"]  # what conda-forge has not
    named = {package.name: package.specifier for package in map(Requirement, plain + others)}
    assert named.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert named.pop("pip") == SpecifierSet()
    assert named == wanted
    assert environment["channels"][0] == "conda-forge"


def test_constraints_pin_every_dependency_at_a_version_its_floor_allows():
    text = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8")
    pins = {canonicalize_name(name): version for name, version in re.findall(r"(?m)^([\w.-]+)==([\w.]+)$", text)}
    for name, versions in requirements().items():
        assert {version.operator for version in versions} == {">="}, name  # a floor, and nothing that Colab could break
        assert pins[name] in versions, name


# --- Who may import whom


def test_packages_import_only_from_those_below_them():
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    answer = subprocess.run([*command, "--no-logo", "--no-cache"], cwd=REPOSITORY, capture_output=True, encoding="utf8")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "2 kept, 0 broken" in answer.stdout


def test_what_is_imported_is_a_dependency():
    graph = grimp.build_graph("cnnlab", include_external_packages=True, cache_dir=None)
    others = {name for name in graph.modules if name.partition(".")[0] != "cnnlab"} - sys.stdlib_module_names
    dependencies = {Requirement(text).name.replace("-", "_") for text in PROJECT["dependencies"]}
    come_along = {"IPython", "PIL", "traitlets", "jupyter_client", "jupyter_core"}  # with ipywidgets and torchvision
    assert others - dependencies - come_along == {"jupyter_server", "nbconvert", "nbformat"}  # in JupyterLab's process
    assert {"torch", "numpy", "matplotlib", "ipywidgets"} <= others


# --- Public names


def test_import_cnnlab_loads_nothing_heavy(tmp_path):
    code = """
import json, sys
import cnnlab
plain = sorted(sys.modules)
cnnlab.build_cnn, cnnlab.fit, cnnlab.load_data
print(json.dumps([plain, sorted(sys.modules)]))
"""
    plain, later = map(set, run(code, tmp_path))
    assert {name for name in plain if name.startswith("cnnlab.")} == set()
    assert not plain & {"torch", "numpy", "pandas", "matplotlib", "seaborn", "torchvision", "ipywidgets", "scipy"}
    assert "torch" in later
    assert not later & {"pandas", "matplotlib", "seaborn", "torchvision", "ipywidgets", "anywidget", "scipy"}


def test_a_python_without_the_packages_says_which_one_has_them(tmp_path):
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({str(REPOSITORY)!r}); import cnnlab"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    last = answer.stderr.splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: this Python lacks the packages of the course.")
    assert all(words in last for words in ("`python start.py`", ".venv/bin/python", ".venv\\Scripts\\python"))


def public_names() -> dict[str, list[str]]:
    """Return module → its public names, as cnnlab/__init__.pyi lists them."""
    tree = ast.parse((REPOSITORY / "cnnlab" / "__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert all(alias.asname == alias.name for node in imports for alias in node.names)  # else editors hide it
    return {node.module: [alias.name for alias in node.names] for node in imports}


def test_no_module_beside_the_public_face_bears_a_public_name():
    names = [name for listed in public_names().values() for name in listed]
    assert sorted(names) == sorted(cnnlab.__all__)
    assert cnnlab._public_names() == public_names()  # read without Python's parser, which takes long to import
    assert not {module.name for module in pkgutil.iter_modules(cnnlab.__path__)} & set(names)


def test_the_panels_are_listed_alike_in_both_places():
    """cnnlab's list loads nothing; that of cnnlab.widgets is real imports, which editors can follow."""
    assert public_names()["widgets"] == cnnlab.widgets.__all__


def test_public_names_come_in_both_orders_and_none_is_a_module(tmp_path):
    """Importing a module binds its name in the package above it: a public name of that name would then be a module.

    No top-level module bears a public name (the test above); here every name is imported before and after every other.
    """
    code = f"""
import json, sys, types
names, wrong = {sorted(cnnlab.__all__)!r}, []
for order in (names, names[::-1]):
    for module in [module for module in sys.modules if module.split(".")[0] == "cnnlab"]:
        del sys.modules[module]
    for name in order:
        space = {{}}
        exec(f"from cnnlab import {{name}}", space)
        wrong += [name] if isinstance(space[name], types.ModuleType) else []
print(json.dumps([len(names), wrong]))
"""
    assert run(code, tmp_path) == [len(cnnlab.__all__), []]


def test_what_a_panel_stands_on_is_out_of_the_collectors_searches(tmp_path):
    code = "import gc, json, cnnlab; cnnlab.ConvolutionExplorer; "
    frozen, searched = run(code + "print(json.dumps([gc.get_freeze_count(), len(gc.get_objects())]))", tmp_path)
    assert frozen > 2 * searched  # torch alone is more than 100,000 objects
