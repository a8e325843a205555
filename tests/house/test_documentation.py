import ast
import importlib.util
import re

import pytest

from assay.core.errors import LEAVES
from assay.gates import GATES
from house.source_tree import ROOT, functions, modules

SPEC = importlib.util.spec_from_file_location("write_reference", ROOT / "tools" / "write_reference.py")
write_reference = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(write_reference)
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md"])


@pytest.mark.parametrize("name", sorted(write_reference.WRITERS))
def test_reference_pages_are_what_the_code_says(name):
    written = (write_reference.PAGES / name).read_text("utf-8")
    assert written == write_reference.page(name), "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text("utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_has_both_sides_of_a_merge(page):
    assert not re.search(r"^(<{7}|>{7}) ", page.read_text("utf-8"), re.MULTILINE)


def test_the_readme_names_every_gate():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert not [name for name in GATES if f"`{name}`" not in readme]


def test_public_functions_have_docstrings():
    silent = [
        (name, node.name)
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not _is_inner(tree, node)
        and not name.startswith(("storage/migrations", "runner/inside"))
    ]
    assert not silent


def test_public_functions_name_the_errors_they_raise():
    leaves = {leaf.__name__ for leaf in LEAVES}
    unnamed = []
    for name, tree in modules().items():
        if name.startswith("cli/"):
            continue  # a command's docstring is its help; its errors are the exit codes
        for function in functions(tree):
            if function.name.startswith("_") or _is_inner(tree, function):
                continue
            raised = {_raised(node) for node in ast.walk(function) if isinstance(node, ast.Raise)} & leaves
            text = ast.get_docstring(function) or ""
            unnamed += [(name, function.name, each) for each in raised if each not in text]
    assert not unnamed


def _raised(node: ast.Raise) -> str:
    called = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    if isinstance(called, ast.Attribute):  # BadInputError.of(...)
        called = called.value
    return getattr(called, "id", "")


def _is_inner(tree: ast.Module, wanted: ast.AST) -> bool:
    """Whether a definition stands inside a function or a private class, where it is nobody's interface."""
    for node in ast.walk(tree):
        private = isinstance(node, ast.ClassDef) and node.name.startswith("_")
        outer = private or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if outer and node is not wanted and any(each is wanted for each in ast.walk(node)):
            return True
    return False
