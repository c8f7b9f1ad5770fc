"""What a formula is made of: arrays on Zⁿ, brackets, and sums over all of Z.

An array is a function on Zⁿ that is zero outside its shape.  So sums carry no ranges,
zero padding needs no word, and "full" and "valid" are statements about supports.

    x = Array("x")            x[h]            Entry: the value at an integer index
    Bracket(h, s*p)           [h = s p]       1 where the sides are equal, else 0
    Within(h, n)              [0 ≤ h < n]     1 on the range, else 0
    ZSum(x[h] * w[i], h, i)   Σ over all integers h and i

These are SymPy expressions: they add, multiply and print like any other.  What may be
done to a sum is in `calculus`; SymPy's own ``diff`` and ``doit`` are refused or inert.
"""

from sympy import Expr, Float, Integer, Symbol, expand, sympify
from sympy.core.symbol import Str
from sympy.printing.precedence import PRECEDENCE

from cnnref.symbolic.printing import affine_latex, affine_text

__all__ = [
    "Array",
    "Bracket",
    "Entry",
    "Index",
    "Within",
    "ZSum",
    "indices",
    "sizes",
    "substitute",
]


class Index(Symbol):
    """An integer variable that may be summed over."""

    def __new__(cls, name):
        return Symbol.__new__(cls, name, integer=True)

    def __getnewargs_ex__(self):
        return (self.name,), {}


def indices(names):
    """Return one `Index` per letter in a space-separated string."""
    return tuple(map(Index, names.split()))


def sizes(names, least=1):
    """Return one integer symbol per name, at least 1 (or 0: ``least=0``)."""
    sign = {0: "nonnegative", 1: "positive"}[least]
    return tuple(Symbol(name, integer=True, **{sign: True}) for name in names.split())


class Array:
    """A finitely supported function on Zⁿ, to be indexed: ``x = Array("x"); x[h]``."""

    def __init__(self, name):
        self.name = name

    def __getitem__(self, index):
        return Entry(self.name, *(index if isinstance(index, tuple) else (index,)))

    def __eq__(self, other):
        return isinstance(other, Array) and self.name == other.name

    def __hash__(self):
        return hash((Array, self.name))

    def __repr__(self):
        return f"Array({self.name!r})"


class _Formula(Expr):
    """What the nodes below share: they commute, and SymPy cannot differentiate them."""

    is_commutative = True

    def _eval_derivative(self, symbol):
        raise TypeError(
            f"derivative({self}, {symbol}): use cnnref.symbolic.derivative, which "
            "renames bound indices, with an array's entry"
        )


class Entry(_Formula):
    """The value of an array at integer indices: Entry("x", n, h) is x[n, h]."""

    def __new__(cls, name, *index):
        return Expr.__new__(cls, Str(str(name)), *map(_integer, index))

    @property
    def array(self):
        return Array(self.args[0].name)

    @property
    def index(self):
        return self.args[1:]

    def _sympystr(self, printer):
        return f"{self.args[0].name}[{', '.join(map(affine_text, self.index))}]"

    def _latex(self, printer):
        index = ",".join(affine_latex(i, printer) for i in self.index)
        return f"{self.args[0].name}[{index}]"


class _Iverson(_Formula):
    """A statement as a number: 1 where it holds, else 0."""

    @classmethod
    def class_key(cls):
        # Behind every entry when SymPy orders the factors of a product.
        return 5, 1, cls.__name__

    def _eval_power(self, expt):
        return self if expt.is_positive else None


class Bracket(_Iverson):
    """Iverson's bracket of an equation: 1 where left = right, else 0."""

    def __new__(cls, left, right=0):
        left, right = _integer(left), _integer(right)
        difference = expand(left - right)
        if difference.is_zero is not None:
            return Integer(1 if difference.is_zero else 0)
        return Expr.__new__(cls, left, right)

    def _sympystr(self, printer):
        return f"[{affine_text(self.args[0])} = {affine_text(self.args[1])}]"

    def _latex(self, printer):
        left, right = (affine_latex(side, printer) for side in self.args)
        return f"[{left} = {right}]"


class Within(_Iverson):
    """Iverson's bracket of a range: 1 where 0 ≤ position < size, else 0."""

    def __new__(cls, position, size):
        position, size = _integer(position), _integer(size)
        beyond = expand(position - size)
        if position.is_nonnegative and beyond.is_negative:
            return Integer(1)
        if position.is_negative or beyond.is_nonnegative:
            return Integer(0)
        return Expr.__new__(cls, position, size)

    def _sympystr(self, printer):
        return f"[0 <= {affine_text(self.args[0])} < {affine_text(self.args[1])}]"

    def _latex(self, printer):
        position, size = (affine_latex(side, printer) for side in self.args)
        return f"[0 \\le {position} < {size}]"


class ZSum(_Formula):
    """The sum of a body over all integer values of its indices."""

    # Between product and power, so that SymPy's printers write (Σ x)² in parentheses.
    precedence = (PRECEDENCE["Mul"] + PRECEDENCE["Pow"]) // 2

    def __new__(cls, body, *bound):
        body = sympify(body)
        for index in bound:
            if not isinstance(index, Index):
                raise TypeError(f"ZSum: {index!r} is not an Index")
        if len(set(bound)) != len(bound):
            raise ValueError(f"ZSum: an index is bound twice in {bound}")
        if body == 0 or not bound:
            return body
        return Expr.__new__(cls, body, *bound)

    @property
    def body(self):
        return self.args[0]

    @property
    def bound(self):
        return self.args[1:]

    @property
    def free_symbols(self):
        return self.body.free_symbols - set(self.bound)

    @property
    def bound_symbols(self):
        return list(self.bound)

    def _eval_subs(self, old, new):
        if isinstance(old, Symbol):
            return substitute(self, {old: new})
        if old.free_symbols & set(self.bound):
            return self
        incoming = new.free_symbols
        taken = incoming | self.body.free_symbols
        inner = rename(self, incoming & set(self.bound), taken)
        return ZSum(inner.body._subs(old, new), *inner.bound)

    def doit(self, **hints):
        """Return the sum as it is: see `cnnref.symbolic.collapse`."""
        return self

    def _sympystr(self, printer):
        return f"Sum[{', '.join(map(str, self.bound))}]({self.body})"

    def _latex(self, printer):
        body = printer._print(self.body)
        if self.body.is_Add or body.startswith("-"):
            body = f"\\left({body}\\right)"
        below = ",".join(map(printer._print, self.bound))
        return f"\\sum_{{{below}}} {body}"


def rename(total, clashing, taken):
    """Give the clashing bound indices of a sum names that are not taken."""
    fresh = fresh_names(clashing, {*taken, *total.bound})
    bound = [fresh.get(index, index) for index in total.bound]
    return ZSum(substitute(total.body, fresh), *bound)


def fresh_names(clashing, taken):
    """Return a new index for each clashing one: its name with primes."""
    fresh = {}
    for index in sorted(clashing, key=str):
        name = index.name + "'"
        while Index(name) in {*taken, *fresh.values()}:
            name += "'"
        fresh[index] = Index(name)
    return fresh


def substitute(expression, new):
    """Replace free symbols, all at once, so that no sum captures what comes in."""
    if expression in new:
        return sympify(new[expression])
    if isinstance(expression, ZSum):
        free = expression.free_symbols
        new = {old: value for old, value in new.items() if old in free}
        incoming = set().union(*(sympify(value).free_symbols for value in new.values()))
        clashing = incoming & set(expression.bound)
        inner = rename(expression, clashing, incoming | expression.body.free_symbols)
        return ZSum(substitute(inner.body, new), *inner.bound)
    if expression.free_symbols.isdisjoint(new):
        return expression
    return expression.func(*(substitute(arg, new) for arg in expression.args))


def _integer(value):
    value = sympify(value)
    if value.is_integer is not True or value.has(Float):
        raise TypeError(f"an index or size must be an integer, got {value}")
    return value
