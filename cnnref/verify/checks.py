"""The checks.  Each returns a Verdict if it has passed, and raises Disagreement else.

derived    two expressions are one, for all sizes (SymPy), and on random numbers
agrees     a function gives what a sweep's oracle says (symbols or PyTorch)
rejects    the same sweep, or the same derivation, fails on a mistake
tested     a statement in words or code holds as computed
"""

from collections.abc import Sequence

import numpy as np
import sympy

from cnnref.symbolic import Entry, Index, ZSum, equal, evaluate, settle_floors
from cnnref.symbolic.expressions import Bracket, Within
from cnnref.verify.calls import seeded_draw
from cnnref.verify.sweeps import short, told_apart
from cnnref.verify.verdict import Disagreement, Verdict, passed

__all__ = ["agrees", "derived", "rejects", "tested"]

# How many sets of random arrays and sizes stand beside a symbolic derivation.
_SAMPLES = 12


def derived(claim, left, right, rows: Sequence[str] = ()) -> Verdict:
    """Check that a derived expression is the stated one, for all sizes.

    First both are brought to canonical form, where equal sums cancel.  Then both are
    evaluated on random integers: a second judge, which knows nothing of the calculus.
    """
    left, right = sympy.sympify(left), sympy.sympify(right)
    compared, nonzero, counterexample = _counterexample(left, right)
    if counterexample:
        raise Disagreement(f"{claim}: {counterexample}")
    if not nonzero:
        raise Disagreement(
            f"{claim}: all of {compared} evaluations are 0 = 0 and show nothing"
        )
    if not _equal(left, right):
        raise Disagreement(
            f"{claim}: not shown to be equal, though {compared} evaluations agree; "
            f"is a change of variables missing between {left} and {right}?"
        )
    detail = f"derived for all {_range(left, right)}; equal at {compared} random points"
    return passed(claim, "derived", rows, compared, detail)


def agrees(claim, function, sweep, rows: Sequence[str] = ()) -> Verdict:
    """Check that a function gives what the sweep's oracle says, on every call."""
    wrong = sweep.disagreement(function)
    if wrong:
        raise Disagreement(f"{claim}: {wrong}")
    how = f"within {sweep.tolerance:.0e}" if sweep.tolerance else "exactly"
    calls = f"{len(sweep.calls)} call{'s' if len(sweep.calls) > 1 else ''}"
    detail = f"{calls} equal to {sweep.oracle}, {how}"
    exact = not sweep.tolerance
    return passed(claim, sweep.check, rows, len(sweep.calls), detail, exact)


def rejects(claim, wrong, right, sweep=None, rows: Sequence[str] = ()) -> Verdict:
    """Check that a mistake fails the very check that the right form passes.

    With a sweep, ``right`` and ``wrong`` are functions that it judges; without one,
    they are expressions, and the wrong one must differ from the right one somewhere.
    """
    if sweep is None:
        _, _, message = _counterexample(sympy.sympify(wrong), sympy.sympify(right))
    else:
        unfair = sweep.disagreement(right)
        if unfair:
            raise Disagreement(
                f"{claim}: the check rejects the right form too: {unfair}"
            )
        message = sweep.disagreement(wrong)
    if not message:
        raise Disagreement(f"{claim}: the check does not notice")
    return passed(claim, "control", rows, 1, f"rejected: {message}")


def tested(claim, got, expected, rows: Sequence[str] = ()) -> Verdict:
    """Check a statement of words or code: what was computed is what it says."""
    if type(got) is not type(expected) or got != expected:
        raise Disagreement(f"{claim}: {told_apart(got, expected)}")
    return passed(claim, "test", rows, 1, f"computed: {short(got)}")


def _range(left, right):
    """Say of what an identity holds: of values alone, where nothing has a size."""
    letters = left.free_symbols | right.free_symbols
    sized = left.has(ZSum, Entry) or right.has(ZSum, Entry)
    return "sizes" if sized or any(s.is_integer for s in letters) else "values"


def _equal(left, right):
    if (left - right).has(Entry, Bracket, Within, ZSum):
        return equal(left, right)
    difference = left - right
    if difference.has(sympy.floor, sympy.ceiling):
        try:
            difference = settle_floors(left) - settle_floors(right)
        except ValueError:
            return sympy.simplify(difference) == 0
    return sympy.simplify(difference) == 0


def _counterexample(left, right):
    """Evaluate both sides on random integers, small ones first.

    Returns how many values were compared, how many of them were not 0, and words for
    the first that differ or "".
    """
    draw = seeded_draw(0)
    compared = nonzero = 0
    for sample in range(_SAMPLES):
        values = _random_values((left, right), draw, largest=1 + sample // 4)
        got, expected = (np.asarray(evaluate(e, values)) for e in (left, right))
        wrong = np.argwhere(_differ(got, expected))
        if len(wrong):
            at = tuple(wrong[0])
            given = ", ".join(_given(values, at))
            reason = told_apart(got[at], expected[at])
            return compared, nonzero, f"at {given}: {reason}"
        compared += got.size
        nonzero += np.count_nonzero(got)
    return compared, nonzero, ""


def _differ(got, expected):
    """Integers and fractions must be equal; exp and its like are rounded."""
    if np.result_type(got, expected).kind in "fc":
        return ~np.isclose(got, expected, rtol=1e-9, atol=1e-9)
    return got != expected


def _random_values(expressions, draw, largest):
    """Give every name a small integer, an array of them, or for an index its range."""
    values = {}
    names = set().union(*(e.free_symbols for e in expressions))
    for symbol in sorted(names, key=str):
        least = 1 if symbol.is_positive else 0
        values[symbol] = draw(least, least + largest)
        if isinstance(symbol, Index):
            values[symbol] = range(largest, -2, -1)
    ranks = {
        node.array: len(node.index)
        for expression in expressions
        for node in sympy.preorder_traversal(expression)
        if isinstance(node, Entry)
    }
    for array in sorted(ranks, key=lambda array: array.name):
        shape = [draw(1, largest) for _ in range(ranks[array])]
        entries = [draw(-4, 4) for _ in range(int(np.prod(shape)))]
        values[array] = np.array(entries).reshape(shape)
    return values


def _given(values, at):
    """Write out what was given, with the place in each range that is meant."""
    place = iter(at)
    for name, value in values.items():
        if isinstance(value, range):
            value = value[next(place)]
        elif isinstance(value, np.ndarray):
            value = value.tolist()
        yield f"{name.name} = {value}"
