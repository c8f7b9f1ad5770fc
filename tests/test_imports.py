"""Each room of cnnref imports only rooms above it, and `import cnnref` only NumPy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cnnref

PACKAGE = Path(cnnref.__file__).parent
TOWER = [
    *("geometry", "arguments", "floats", "windows", "correlation", "tiles", "pooling"),
    *("activation", "linear"),
    *("sparse", "shape", "padding", "resize", "conv"),
    *("max_pool", "average_pool", "norm", "unit_norm", "dropout"),
    *("softmax", "reduction", "loss"),
    *("cross_entropy", "binary_cross_entropy"),
    *("functional", "init", "optim", "layers", "checkpoint", "data", "train"),
]
# What the rooms that read and write files, or show progress, import beside NumPy.
EXTRA = {"checkpoint": ["safetensors"], "data": ["sklearn"], "train": ["tqdm"]}
# Beside the tower: the rooms and the packages that each may import.
BESIDE = {
    "symbolic": ({"symbolic", *TOWER}, {"numpy", "sympy"}),
    "verify": (
        {"verify", "symbolic", *TOWER},
        {"hypothesis", "numpy", "sympy", "torch", "tqdm", "yaml"},
    ),
    "show": (set(), {"sympy"}),
    "__main__": ({"verify"}, set()),
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room(module):
    """Name the room that a dotted module of cnnref lies in ("" for cnnref itself)."""
    return (*module.split("."), "")[1]


def imports(source):
    """List every module that a source imports, wherever the statement stands."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(
                    f"a relative import hides its room: line {node.lineno}"
                )
            if node.module == "cnnref":
                found += [f"cnnref.{alias.name}" for alias in node.names]
            else:
                found.append(node.module)
    return found


def misplaced(name, source):
    """List what a module of the room ``name`` imports but may not."""
    if name in BESIDE:
        rooms, packages = BESIDE[name]
    else:
        above = TOWER[: TOWER.index(name)] if name in TOWER else TOWER
        # A room that is a folder also imports its own files.
        rooms, packages = {name, *above}, {"numpy", *EXTRA.get(name, ())}

    def allowed(module):
        package = module.split(".")[0]
        if package == "cnnref":
            return room(module) in rooms
        return package in packages | sys.stdlib_module_names

    return [module for module in imports(source) if not allowed(module)]


def room_of(path):
    """Name the room that a file of cnnref is, or is a part of."""
    first = path.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_rooms_above_its_own(path):
    assert room_of(path) in ("", *TOWER, *BESIDE), "a room without a place"
    assert misplaced(room_of(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("geometry", "import cnnref.windows", ["cnnref.windows"]),
        ("conv", "from cnnref import functional", ["cnnref.functional"]),
        ("conv", "def f():\n    import torch", ["torch"]),
        ("conv", "from cnnref.symbolic.arrays import x", ["cnnref.symbolic.arrays"]),
        ("conv", "from cnnref.geometry import span\nimport math\nimport numpy", []),
        ("symbolic", "import cnnref.verify", ["cnnref.verify"]),
        ("", "from cnnref import show, functional", ["cnnref.show"]),
    ],
)
def test_a_misplaced_import_is_found(name, source, expected):
    assert misplaced(name, source) == expected


def test_a_relative_import_is_refused():
    with pytest.raises(ValueError, match="hides its room: line 2"):
        imports("import math\nfrom . import windows")


ALONE = """
import sys

import numpy

class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in {"numpy", "cnnref", *sys.stdlib_module_names}:
            raise ImportError(f"cnnref wants {name}")

sys.meta_path.insert(0, Refuse())
try:
    import sympy
except ImportError as error:
    assert "cnnref wants sympy" in str(error)
else:
    raise AssertionError("the refusal does not work")

from time import perf_counter
start = perf_counter()
import cnnref
seconds = perf_counter() - start

cnnref.functional.conv1d(numpy.ones((1, 1, 3)), numpy.ones((1, 1, 2)))
print(seconds)
"""


def seconds_to_import():
    """Import cnnref in a fresh interpreter that finds no package but NumPy."""
    command = [sys.executable, "-W", "error", "-c", ALONE]
    done = subprocess.run(
        command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_cnnref_needs_numpy_alone_and_imports_in_no_time():
    assert min(seconds_to_import() for _ in range(3)) < 0.3
