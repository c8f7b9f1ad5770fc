"""What a page prints is what is shipped."""

import ast
import inspect

import numpy as np
import pytest
from sympy import Symbol

from cnnref import conv, functional, geometry, windows
from cnnref.show import Equation, Source
from cnnref.symbolic import Array, ZSum, indices


def documented(a, b=1):
    """Add.

    A second paragraph.
    """
    # Why: a comment stays.
    return a + b


def undocumented(a):
    return a


class Documented:
    """A class."""

    def method(self):
        """Return nothing."""
        return None


def test_the_docstring_is_left_out():
    assert repr(Source(documented)) == (
        "def documented(a, b=1):\n    # Why: a comment stays.\n    return a + b"
    )
    assert repr(Source(undocumented)) == "def undocumented(a):\n    return a"
    assert repr(Source(Documented.method)) == "def method(self):\n    return None"


def test_the_docstring_can_be_kept():
    shown = repr(Source(documented, docstring=True))
    assert shown == inspect.getsource(documented).rstrip()
    assert "A second paragraph." in shown


def test_several_functions_stand_apart():
    shown = repr(Source(documented, undocumented))
    assert shown == f"{Source(documented)}\n\n{Source(undocumented)}"


def test_a_page_gets_a_block_of_python():
    assert Source(undocumented)._repr_markdown_() == (
        "```python\ndef undocumented(a):\n    return a\n```"
    )


@pytest.mark.parametrize("module", [conv, geometry, windows])
def test_every_shipped_function_prints_as_it_runs(module):
    for name in module.__all__:
        function = getattr(module, name)
        if not inspect.isfunction(function):
            continue
        shown = repr(Source(function))
        lines = shown.splitlines()
        assert all(line.strip() for line in (lines[0], lines[1], lines[-1]))
        (left,) = ast.parse(shown).body
        (right,) = ast.parse(inspect.getsource(function)).body
        right.body = right.body[1:]
        assert ast.dump(left) == ast.dump(right), name


def test_what_is_printed_can_be_run():
    names = dict(vars(geometry))
    exec(repr(Source(geometry.out_size)), names)
    assert names["out_size"](7, 3, stride=2) == geometry.out_size(7, 3, stride=2) == 3
    assert repr(Source(functional.conv2d)) == repr(Source(conv.conv2d))


def test_an_equation_is_made_of_what_it_shows():
    x, w = Array("x"), Array("w")
    p, i = indices("p i")
    y = Symbol("y")
    equation = Equation("y[p]", ZSum(x[p + i] * w[i], i))
    assert repr(equation) == "y[p] = Sum[i](w[i]*x[p + i])"
    assert equation._repr_latex_() == (
        r"$\displaystyle y[p] = \sum_{i} w[i]\,x[p + i]$"
    )
    assert Equation(y**2, 2 * y)._repr_latex_() == (r"$\displaystyle y^{2} = 2\,y$")


def test_a_source_is_a_function_of_python():
    with pytest.raises(TypeError):
        Source(np.add)


def only_described():
    """Nothing else."""


def test_a_docstring_that_is_all_there_is_stays():
    ast.parse(Source(only_described).code)
