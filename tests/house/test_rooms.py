import ast
import sys

import pytest

from house.source_tree import SOURCE, functions, imported, modules, room

FORBIDDEN = {"utils", "helpers", "common", "misc", "base", "manager"}
LAZY_ROOMS = {"cli", "checks"}


def test_core_imports_only_the_standard_library():
    foreign = {
        (name, each)
        for name, tree in modules().items()
        if room(name) == "core"
        for each in imported(tree)
        if each.partition(".")[0] not in sys.stdlib_module_names and not each.startswith("assay.core")
    }
    assert not foreign


def test_core_has_no_clock_disk_network_or_randomness():
    effects = {
        "time",
        "os",
        "random",
        "secrets",
        "socket",
        "subprocess",
        "uuid",
        "shutil",
        "tempfile",
        "urllib.request",
    }
    used = {
        (name, each)
        for name, tree in modules().items()
        if room(name) == "core"
        for each in imported(tree)
        if {each, each.partition(".")[0]} & effects
    }
    assert not used


def test_no_room_or_module_is_named_for_nothing():
    parts = {part.removesuffix(".py") for name in modules() for part in name.split("/")}
    assert not parts & FORBIDDEN


def test_every_module_says_what_it_is_for():
    silent = [name for name, tree in modules().items() if not ast.get_docstring(tree)]
    assert not silent


@pytest.mark.parametrize("name", sorted(modules()))
def test_modules_stay_short(name):
    assert (SOURCE / name).read_text("utf-8").count("\n") <= 400


def test_functions_take_few_parameters():
    long = [
        (name, function.name)
        for name, tree in modules().items()
        if room(name) != "cli"  # an option of a command is a parameter of its function
        for function in functions(tree)
        if len([a for a in (*function.args.posonlyargs, *function.args.args) if a.arg not in ("self", "cls")])
        > 6
    ]
    assert not long


def test_ports_stay_small():
    trees = [tree for name, tree in modules().items() if name.startswith("core/ports/")]
    ports = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    assert len(ports) > 10
    for port in ports:
        methods = [each for each in functions(port) if not each.decorator_list]  # bundles are properties
        assert len(methods) <= 7, port.name


def test_nothing_catches_everything():
    broad = [
        (name, node.lineno)
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException"))
        and not (node.body and isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
    ]
    assert not broad, "a handler for everything must raise again"


def test_imports_stand_at_the_top():
    hidden = [
        (name, function.name)
        for name, tree in modules().items()
        if room(name) not in LAZY_ROOMS
        for function in functions(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not hidden


def test_nothing_is_left_to_be_done():
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    left = [
        (name, mark) for name in modules() for mark in marks if mark in (SOURCE / name).read_text("utf-8")
    ]
    assert not left
