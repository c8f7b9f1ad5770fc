"""What a page prints: the shipped source of a function, and equations."""

import ast
import inspect
import textwrap

__all__ = ["Equation", "Source"]


class Source:
    """The shipped code of functions, as a page prints it.

    Without ``docstring=True`` the docstrings are left out: the page has derived
    the formula that they state.

    >>> print(Source(Source.__init__))
    def __init__(self, *functions, docstring=False):
        self.code = "\\n\\n".join(_source(f, docstring) for f in functions)
    """

    def __init__(self, *functions, docstring=False):
        self.code = "\n\n".join(_source(f, docstring) for f in functions)

    def __repr__(self):
        return self.code

    def _repr_markdown_(self):
        return f"```python\n{self.code}\n```"


class Equation:
    """A line of mathematics: a name in LaTeX, and the SymPy object it stands for."""

    def __init__(self, left, right):
        self.left, self.right = left, right

    def __repr__(self):
        return f"{self.left} = {self.right}"

    def _repr_latex_(self):
        from sympy import latex

        left, right = (
            side if isinstance(side, str) else latex(side, mul_symbol=r"\,")
            for side in (self.left, self.right)
        )
        return f"$\\displaystyle {left} = {right}$"


def _source(function, docstring):
    code = textwrap.dedent(inspect.getsource(function)).rstrip()
    if docstring:
        return code
    node = ast.parse(code).body[0]
    named = isinstance(node, ast.FunctionDef | ast.ClassDef)
    if not named or ast.get_docstring(node) is None or len(node.body) == 1:
        return code
    first = node.body[0]
    lines = code.splitlines()
    return "\n".join(lines[: first.lineno - 1] + lines[first.end_lineno :])
