"""Numbers that carry their expression: code that compares, run on symbols.

A `Traced` element is a SymPy expression beside an exact sample of its value.
Arithmetic goes to both; a comparison is decided by the sample and recorded.  So the
shipped code runs unmodified, and its result is the exact formula on the region where
the recorded conditions hold.  Samples should be generic: a tie is a region of its own.
"""

from itertools import count, islice
from math import prod

import numpy as np
import sympy
from sympy import Rational, Symbol, sympify

__all__ = ["Trace", "Traced"]


class Trace:
    """The comparisons that one run decided, in order, without repetition.

    >>> trace = Trace()
    >>> x = trace.array("x", (2,), [1, 3])
    >>> np.maximum(x[0], x[1])
    x[1]
    >>> trace.conditions
    [x[0] < x[1]]
    """

    def __init__(self):
        self.conditions = []
        self._samples = _generic()

    def array(self, name, shape, samples=None):
        """Return an object array of fresh symbols with the given or default samples."""
        if samples is None:
            samples = list(islice(self._samples, prod(shape)))
        samples = np.array(samples, object)
        if samples.size != prod(shape):
            raise ValueError(
                f"array: {samples.size} samples for {name} of shape {shape}"
            )
        array = np.empty(shape, object)
        for index, sample in zip(np.ndindex(*shape), samples.flat):
            symbol = Symbol(f"{name}[{','.join(map(str, index))}]", real=True)
            array[index] = Traced(symbol, Rational(sample), self)
        return array

    def number(self, symbol, sample):
        """Return a given SymPy symbol, to be decided by the sample."""
        return Traced(symbol, Rational(sample), self)

    def decide(self, condition, holds):
        """Record the condition, or its negation, as the sample has it."""
        condition = condition if holds else sympy.Not(condition)
        if condition == sympy.false:
            raise ValueError("decide: a sample contradicts what its symbol assumes")
        if condition not in (sympy.true, *self.conditions):
            self.conditions.append(condition)
        return holds


def _generic():
    """Yield exact, pairwise different samples of both signs, in no order of size."""
    return (Rational((-1) ** (k // 2) * (7 * k % 31 + 1), 5 + k) for k in count(1))


class Traced:
    """An expression and an exact sample of its value."""

    __slots__ = ("expr", "sample", "trace")
    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __init__(self, expr, sample, trace):
        self.expr, self.sample, self.trace = expr, sample, trace

    def __repr__(self):
        return str(self.expr)

    @property
    def is_integer(self):
        return self.expr.is_integer

    def _apply(self, function, *others):
        operands = [self, *(_lift(other, self.trace) for other in others)]
        if any(operand is None for operand in operands):
            return NotImplemented
        sample = function(*(o.sample for o in operands))
        if sample.has(sympy.zoo, sympy.nan):
            raise ZeroDivisionError(
                f"no finite value at {[o.sample for o in operands]}"
            )
        return Traced(function(*(o.expr for o in operands)), sample, self.trace)

    def _compare(self, relation, other):
        number = _lift(other, self.trace)
        if number is None:
            # Not NotImplemented: Python would answer x == 0.5 by identity, False.
            raise TypeError(f"{self} is compared with {other!r}, which is not exact")
        holds = bool(relation(self.sample, number.sample))
        return self.trace.decide(relation(self.expr, number.expr), holds)

    def __add__(self, other):
        return self._apply(lambda a, b: a + b, other)

    def __sub__(self, other):
        return self._apply(lambda a, b: a - b, other)

    def __rsub__(self, other):
        return self._apply(lambda a, b: b - a, other)

    def __mul__(self, other):
        return self._apply(lambda a, b: a * b, other)

    def __truediv__(self, other):
        return self._apply(lambda a, b: a / b, other)

    def __rtruediv__(self, other):
        return self._apply(lambda a, b: b / a, other)

    def __floordiv__(self, other):
        return self._apply(lambda a, b: sympy.floor(a / b), other)

    def __rfloordiv__(self, other):
        return self._apply(lambda a, b: sympy.floor(b / a), other)

    def __pow__(self, other):
        return self._apply(lambda a, b: a**b, other)

    def __neg__(self):
        return self._apply(lambda a: -a)

    def __pos__(self):
        return self

    def __abs__(self):
        return -self if self < 0 else self

    __radd__, __rmul__ = __add__, __mul__

    def __lt__(self, other):
        return self._compare(sympy.Lt, other)

    def __le__(self, other):
        return self._compare(sympy.Le, other)

    def __gt__(self, other):
        return self._compare(sympy.Gt, other)

    def __ge__(self, other):
        return self._compare(sympy.Ge, other)

    def __eq__(self, other):
        return self._compare(sympy.Eq, other)

    def __ne__(self, other):
        return not self._compare(sympy.Eq, other)

    def __bool__(self):
        return self != 0

    # NumPy calls these methods for its functions on object arrays.
    def exp(self):
        return self._apply(sympy.exp)

    def log(self):
        return self._apply(sympy.log)

    def sqrt(self):
        return self._apply(sympy.sqrt)

    def tanh(self):
        return self._apply(sympy.tanh)

    def expm1(self):
        return self._apply(lambda a: sympy.exp(a) - 1)

    def log1p(self):
        return self._apply(lambda a: sympy.log(1 + a))

    def arccos(self):
        return self._apply(sympy.acos)

    def erfc(self):  # NumPy has no such function; cnnref.activation calls it
        return self._apply(sympy.erfc)


def _lift(value, trace):
    """Return a number as a constant, or None for what is not exact."""
    if isinstance(value, Traced):
        return value
    if isinstance(value, int | np.integer | sympy.Rational):
        number = sympify(int(value)) if not isinstance(value, Rational) else value
        return Traced(number, number, trace)
    if hasattr(value, "numerator") and not isinstance(value, float):
        number = Rational(value.numerator, value.denominator)
        return Traced(number, number, trace)
    return None
