"""Random formulas, and a judge that knows nothing of the calculus: Python loops."""

from fractions import Fraction
from itertools import chain, count, product
from math import prod

import numpy as np
from hypothesis import strategies as st
from sympy import Mul, Rational

from cnnref.symbolic import Array, Bracket, Entry, Index, Within, ZSum

FREE = tuple(map(Index, "hr"))
BOUND = tuple(map(Index, "ij"))
RANKS = {"x": 1, "w": 1, "a": 2}
# No formula of `formulas` has a term other than 0 outside of this box.
BOX = range(-7, 8)


def brute(node, values, box=BOX):
    """Evaluate an expression by its definition: loops over a box of Zⁿ."""
    if node.is_Rational:
        return Fraction(int(node.p), int(node.q))
    if node in values:
        return values[node]
    if isinstance(node, Entry):
        array = values[node.array]
        at = tuple(int(brute(position, values)) for position in node.index)
        inside = all(0 <= a < size for a, size in zip(at, array.shape, strict=True))
        return array[at] if inside else 0
    if isinstance(node, Bracket):
        left, right = (brute(side, values) for side in node.args)
        return int(left == right)
    if isinstance(node, Within):
        position, size = (brute(side, values) for side in node.args)
        return int(0 <= position < size)
    if isinstance(node, ZSum):
        points = product(box, repeat=len(node.bound))
        places = (values | dict(zip(node.bound, point)) for point in points)
        return sum(brute(node.body, place, box) for place in places)
    if node.is_Add:
        return sum(brute(arg, values, box) for arg in node.args)
    if node.is_Pow:
        return brute(node.base, values, box) ** int(node.exp)
    assert node.is_Mul, node
    value = 1
    for arg in node.args:
        value = value * brute(arg, values, box)
        if isinstance(value, int | Fraction) and value == 0:
            return 0
    return value


@st.composite
def formulas(draw, free=FREE, depth=1):
    """A polynomial in sums of entries, brackets and ranges at affine positions.

    An inner sum may use the outer indices, and may bind the same names again.
    """
    terms = [_term(draw, free, depth) for _ in range(draw(st.integers(1, 2)))]
    return sum(terms[1:], terms[0])


def _term(draw, free, depth):
    bound = draw(st.permutations(BOUND))[: draw(st.integers(0, 1 + depth))]
    seen = [*free, *bound]
    # A sum ends because each of its indices has a factor that bounds it.
    factors = [
        draw(st.sampled_from((_entry_at, _within_at)))(draw, _near(draw, index))
        for index in bound
    ]
    for _ in range(draw(st.integers(0 if factors else 1, 2))):
        factors.append(draw(st.sampled_from((_entry, _bracket, _square)))(draw, seen))
    if depth and draw(st.booleans()):
        inner = draw(formulas(tuple(seen), depth - 1))
        factors.append(inner ** draw(st.integers(1, 2)))
    coefficient = draw(st.sampled_from((1, 1, -2, 3, Rational(1, 2))))
    body = Mul(*draw(st.permutations(factors)))
    return coefficient * ZSum(body, *(b for b in bound if b in body.free_symbols))


def _near(draw, index):
    return draw(st.sampled_from((-1, 1))) * index + draw(st.integers(-1, 2))


def _affine(draw, seen):
    chosen = draw(st.lists(st.sampled_from(seen), max_size=2)) if seen else []
    slopes = (draw(st.sampled_from((-2, -1, 1, 2))) for _ in chosen)
    start = draw(st.integers(-1, 2))
    return sum((c * index for c, index in zip(slopes, chosen)), start)


def _entry_at(draw, position):
    return Entry(draw(st.sampled_from("xw")), position)


def _within_at(draw, position):
    return Within(position, draw(st.integers(1, 3)))


def _entry(draw, seen):
    name = draw(st.sampled_from(sorted(RANKS)))
    return Entry(name, *(_affine(draw, seen) for _ in range(RANKS[name])))


def _bracket(draw, seen):
    return Bracket(_affine(draw, seen), _affine(draw, seen))


def _square(draw, seen):
    return _entry(draw, seen) ** 2


@st.composite
def arrays(draw):
    """A small array of integers for each name."""
    values = {}
    for name, rank in RANKS.items():
        shape = tuple(draw(st.integers(1, 3)) for _ in range(rank))
        entries = draw(st.lists(st.integers(-3, 3), min_size=9, max_size=9))
        values[Array(name)] = np.array(entries[: prod(shape)]).reshape(shape)
    return values


def places(free=FREE):
    """An integer for each free index."""
    return st.fixed_dictionaries({index: st.integers(-2, 3) for index in free})


def renamed(node, names=None):
    """Give every bound index a name of its own, and reverse their order."""
    if names is None:
        names = chain(("k1", "i'", "k0", "h'"), (f"t{n}" for n in count()))
    if isinstance(node, ZSum):
        fresh = {index: Index(next(names)) for index in node.bound}
        body = renamed(node.body, names)
        return ZSum(_placed(body, fresh), *reversed(fresh.values()))
    return node.func(*(renamed(arg, names) for arg in node.args)) if node.args else node


def _placed(node, fresh):
    """Put the fresh names where the old ones stand free."""
    if isinstance(node, ZSum):
        fresh = {old: new for old, new in fresh.items() if old not in node.bound}
        return ZSum(_placed(node.body, fresh), *node.bound)
    if node in fresh:
        return fresh[node]
    return node.func(*(_placed(arg, fresh) for arg in node.args)) if node.args else node
