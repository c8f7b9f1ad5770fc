"""Numbers for formulas: evaluate an expression on concrete arrays.

Every array is zero outside its shape, so every sum that the arrays bound is finite; its
range is found from the supports.  The arrays may hold floats, fractions or symbols.
"""

import math
from fractions import Fraction
from itertools import product

import numpy as np
from sympy import Add, Dummy, Mul, Pow, Symbol, expand, lambdify, sympify

from cnnref.symbolic.calculus import tidy
from cnnref.symbolic.expressions import Array, Bracket, Entry, Within, ZSum, substitute

__all__ = ["evaluate"]


def evaluate(expression, values):
    """Return an expression's value, or the array of its values over free indices.

    Parameters
    ----------
    expression : SymPy expression of arrays, brackets and sums
    values : dict
        What the names mean: for an `Array` a NumPy array, for a symbol an integer,
        for a free `Index` an integer or a range.  Each range is an axis of the
        result, in the order of the dictionary.

    Raises
    ------
    ValueError
        If a name has no value, an array has another rank, or no array ends a sum.

    Examples
    --------
    >>> from cnnref.symbolic import indices
    >>> x, w, (p, i) = Array("x"), Array("w"), indices("p i")
    >>> numbers = {x: np.array([1, 2, 3, 4]), w: np.array([1, 10]), p: range(3)}
    >>> evaluate(ZSum(x[p + i] * w[i], i), numbers)
    array([21, 32, 43])
    """
    arrays = {k: _wide(v) for k, v in values.items() if isinstance(k, Array)}
    ranges = {k: v for k, v in values.items() if isinstance(v, range)}
    fixed = {
        k: v for k, v in values.items() if isinstance(k, Symbol) and k not in ranges
    }
    expression = tidy(substitute(sympify(expression), fixed))
    missing = expression.free_symbols - set(ranges)
    if missing:
        raise ValueError(
            f"evaluate: no value for {', '.join(sorted(map(str, missing)))}"
        )
    shape = tuple(map(len, ranges.values()))
    grid = np.meshgrid(*map(np.array, ranges.values()), indexing="ij")
    points = {k: axis.ravel() for k, axis in zip(ranges, grid)}
    result = _value(expression, arrays, points, math.prod(shape)).reshape(shape)
    return result if ranges else result[()]


def _wide(array):
    """Widen small integers, such as the bytes of an image, whose products overflow."""
    array = np.asarray(array)
    return array.astype(np.int64) if array.dtype.kind in "iub" else array


def _value(node, arrays, points, count):
    """Return the node's value at each of ``count`` points, as a 1-D array."""
    if isinstance(node, Add):
        terms = _alike([_value(arg, arrays, points, count) for arg in node.args])
        return sum(terms[1:], terms[0])
    if isinstance(node, Mul):
        return _product(node.args, arrays, points, count)
    if isinstance(node, ZSum):
        return _sum(node, arrays, points, count)
    if isinstance(node, Entry):
        array, at, inside = _positions(node, arrays, points, count)
        value = np.zeros(count, array.dtype)
        value[inside] = array[tuple(a[inside] for a in at)]
        return value
    if isinstance(node, Bracket | Within):
        return _holds(node, arrays, points, count).astype(int)
    if isinstance(node, Pow) and node.exp.is_Integer:
        value = _value(node.base, arrays, points, count) ** abs(int(node.exp))
        return value if node.exp > 0 else 1 / value
    # A function, such as exp: its arguments with arrays stand for one variable each.
    formulas = [arg for arg in node.args if arg.has(Entry, Bracket, Within, ZSum)]
    names = {arg: Dummy() for arg in formulas}
    outer = node.func(*(names.get(arg, arg) for arg in node.args)) if names else node
    at = {name: _value(arg, arrays, points, count) for arg, name in names.items()}
    return _numbers(outer, points | at, count)


def _alike(values):
    """Let exact fractions be floats where they stand beside floats."""
    inexact = [value.dtype for value in values if value.dtype.kind in "fc"]
    if not inexact:
        return values
    dtype = np.result_type(*inexact)
    return [v.astype(dtype) if v.dtype == object else v for v in values]


def _product(factors, arrays, points, count):
    """Multiply only where every bracket holds and every entry is inside its array."""
    alive = np.ones(count, bool)
    for factor in factors:
        if isinstance(factor, Bracket | Within | Entry):
            alive &= _holds(factor, arrays, points, count)
    where = {name: position[alive] for name, position in points.items()}
    left = int(alive.sum())
    rest = [f for f in factors if not isinstance(f, Bracket | Within)]
    if not rest:
        return alive.astype(int)
    value = math.prod(_alike([_value(factor, arrays, where, left) for factor in rest]))
    result = np.zeros(count, value.dtype)
    result[alive] = value
    return result


def _sum(node, arrays, points, count):
    """Sum over the finite grid outside of which the body vanishes."""
    sides = _supports(node, arrays, points)
    grid = np.meshgrid(*(np.arange(lo, hi + 1) for lo, hi in sides), indexing="ij")
    inner = math.prod(max(0, hi - lo + 1) for lo, hi in sides)
    where = {name: np.repeat(position, inner) for name, position in points.items()}
    for index, axis in zip(node.bound, grid):
        where[index] = np.tile(axis.ravel(), count)
    body = _value(node.body, arrays, where, count * inner)
    return body.reshape(count, inner).sum(axis=1)


def _supports(node, arrays, points):
    """Bound each index by the limits that the arrays and brackets set."""
    known = {k: (int(v.min()), int(v.max())) for k, v in points.items() if v.size}
    known = dict.fromkeys(points, (0, 0)) | known
    known |= dict.fromkeys(node.bound, (-math.inf, math.inf))
    limits = [_slopes(limit) for limit in _limits(node.body, arrays)]
    limits = [limit for limit in limits if limit]
    _tighten(known, limits, node.bound)
    if not all(_finite(known[index]) for index in node.bound):
        # As after a shear: only two limits together bound an index.
        system = limits
        for index in node.bound[:-1]:
            system = list(_eliminate(index, system))
            limits = limits + system
        _tighten(known, limits, node.bound)
    for index in node.bound:
        if not _finite(known[index]):
            raise ValueError(f"evaluate: no array ends the sum over {index} in {node}")
    return [known[index] for index in node.bound]


def _finite(ends):
    return all(map(math.isfinite, ends))


def _tighten(known, limits, bound):
    """Bound each index of each limit by what is known of the others."""
    for slopes, constant in limits * len(bound):  # A round for each index to wait for.
        for index in filter(slopes.get, bound):
            most = constant + sum(
                max(slope * end for end in known[other])
                for other, slope in slopes.items()
                if other != index
            )
            low, high = known[index]
            if slopes[index] > 0:
                low = max(low, _whole(math.ceil, -most / slopes[index]))
            else:
                high = min(high, _whole(math.floor, -most / slopes[index]))
            known[index] = low, high


def _eliminate(index, system):
    """Add limits in pairs so that an index cancels: Fourier and Motzkin's method."""
    yield from (limit for limit in system if index not in limit[0])
    for (up, a), (down, b) in product(system, repeat=2):
        m, n = up.get(index, 0), -down.get(index, 0)
        if m > 0 and n > 0:
            total = {k: n * up.get(k, 0) + m * down.get(k, 0) for k in up | down}
            yield {k: slope for k, slope in total.items() if slope}, n * a + m * b


def _limits(body, arrays):
    """Yield what must be at least 0 where the body does not vanish."""
    for factor in Mul.make_args(body):
        power = isinstance(factor, Pow) and factor.exp.is_positive
        node = factor.base if power else factor
        if isinstance(node, Entry):
            for position, size in zip(node.index, _array(node, arrays).shape):
                yield from (position, size - 1 - position)
        elif isinstance(node, Bracket):
            left, right = node.args
            yield from (left - right, right - left)
        elif isinstance(node, Within):
            position, size = node.args
            yield from (position, size - 1 - position)


def _slopes(expression):
    """Return the slopes and the constant of an affine expression, else None."""
    expression = expand(expression)
    slopes = {k: expression.coeff(k) for k in expression.free_symbols}
    constant = expression - sum(slope * k for k, slope in slopes.items())
    if not all(number.is_Integer for number in [constant, *slopes.values()]):
        return None
    return {k: int(slope) for k, slope in slopes.items()}, int(constant)


def _whole(rounding, end):
    return rounding(end) if math.isfinite(end) else end


def _holds(node, arrays, points, count):
    """Return where a bracket is 1, or where an entry lies inside its array."""
    if isinstance(node, Entry):
        return _positions(node, arrays, points, count)[2]
    left, right = (_numbers(side, points, count) for side in node.args)
    return left == right if isinstance(node, Bracket) else (left >= 0) & (left < right)


def _positions(node, arrays, points, count):
    """Return the array, the positions that are read, and whether they are inside."""
    array = _array(node, arrays)
    at = [_numbers(position, points, count) for position in node.index]
    inside = np.ones(count, bool)
    for position, size in zip(at, array.shape):
        inside &= (position >= 0) & (position < size)
    return array, at, inside


def _array(node, arrays):
    if node.array not in arrays:
        raise ValueError(f"evaluate: no value for {node.array.name}")
    array = arrays[node.array]
    if array.ndim != len(node.index):
        raise ValueError(
            f"evaluate: {node} has {len(node.index)} indices but the array given for "
            f"{node.array.name} has {array.ndim} axes"
        )
    return array


def _numbers(node, points, count):
    """Evaluate an expression of numbers and indices at every point."""
    if node.is_Rational:
        number = int(node) if node.is_Integer else Fraction(int(node.p), int(node.q))
        return np.full(count, number)
    numbers = np.full(count, lambdify(list(points), node, "numpy")(*points.values()))
    return numbers.astype(int) if node.is_integer else numbers
