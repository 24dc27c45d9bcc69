"""Whatever a script imports from cnnlab is there: some scripts run only where there is a GPU, or a few times a year."""

import ast

import pytest
from places import REPOSITORY

PATTERNS = ("start.py", "benchmarks/**/*.py", "tools/*.py")
SCRIPTS = [path for pattern in PATTERNS for path in sorted(REPOSITORY.glob(pattern))]


def imports_of_cnnlab(code: str) -> list[str]:
    """Return all statements that import cnnlab, a part of it or names from it, within functions as well."""
    modules = {
        ast.unparse(node): [name.name for name in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    return [statement for statement, names in modules.items() if any(name.split(".")[0] == "cnnlab" for name in names)]


def test_the_statements_are_found():
    code = "import os, cnnlab.files\nfrom cnnlabs import a\ndef work():\n    from cnnlab.model import (b,\n c)"
    assert imports_of_cnnlab(code) == ["import os, cnnlab.files", "from cnnlab.model import b, c"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_name_that_a_benchmark_imports_is_there(script):
    for statement in imports_of_cnnlab(script.read_text(encoding="utf-8")):
        exec(statement, {})
