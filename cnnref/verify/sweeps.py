"""Sweeps: calls beside what an oracle says their result is.

A sweep judges a function and its mutants alike.  Its oracle is PyTorch, a formula
evaluated on the same symbols, SymPy's derivative of the forward function, or a rule.
"""

import warnings
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import sympy

from cnnref import functional
from cnnref.symbolic import Trace, Traced, gradient, polynomial_arrays
from cnnref.verify.calls import Call
from cnnref.verify.operations import OPERATIONS
from cnnref.verify.verdict import Disagreement

__all__ = [
    "RAISES",
    "Sweep",
    "derivative_sweep",
    "formula_sweep",
    "region_sweep",
    "rule_sweep",
    "torch_sweep",
]

# What an oracle says of a call that it rejects.
RAISES = "an error"
_REJECTIONS = (TypeError, ValueError, RuntimeError)


class Sweep(NamedTuple):
    """Calls, and an oracle that knows the outcome of each.

    The oracle answers RAISES where it rejects a call; then the function must raise.
    """

    check: str
    oracle: str
    calls: tuple[Call, ...]
    expected: Callable[[Call], Any]
    tolerance: float = 0.0

    def disagreement(self, function):
        """Return what is wrong at the first call that shows it, or None.

        A function that raises on a call that the oracle accepts raises Disagreement:
        as a mistake it would be a loud one, and rejecting it would show nothing.
        """
        for call in self.calls:
            expected = self.expected(call)
            try:
                difference = _difference(call.of(function), expected, self.tolerance)
            except _REJECTIONS as error:
                if expected is RAISES:
                    continue
                reason = f"{type(error).__name__}: {error}".partition("\n")[0]
                raise Disagreement(f"{call}: it raises {reason}") from error
            if difference:
                return f"{call}: {difference}"
        return None


# How many roundings a result of a generated call may collect, of the size of its
# dtype's eps: each is a sum or product of fewer terms than that, none of them large.
_ROUNDINGS = 256


def torch_sweep(name, calls, rejected=False, device="cpu"):
    """Compare with ``torch.nn.functional``, or for ``<name>_backward`` with autograd.

    Operations that are exact on integers are compared without a tolerance, others
    within 256 eps of their dtype; and so are all of them on another device than the
    CPU, where a convolution may be a transform.  With ``rejected=True`` PyTorch must
    reject every call, else none of them.
    """
    import torch

    calls = tuple(calls)
    forward = name.removesuffix("_backward")
    operation = OPERATIONS[forward]
    twin = operation.twin or getattr(torch.nn.functional, forward)

    def run(call):
        tensors = {
            k: torch.from_numpy(v.copy()).to(device) for k, v in call.arrays.items()
        }
        settings = {k: _torch_setting(v) for k, v in call.settings.items()}
        g = tensors.pop("grad_output", None)
        if g is None:
            return _numpy(twin(**tensors, **settings))
        leaves = {k: tensors[k] for k in operation.differentiable(call)}
        for tensor in leaves.values():
            tensor.requires_grad_()
        y = twin(**tensors, **settings)
        y = y[0] if isinstance(y, tuple) else y
        found = torch.autograd.grad(y, [*leaves.values()], g, materialize_grads=True)
        found = dict(zip(leaves, map(_numpy, found)))
        return found if len(operation.gradients) > 1 else found.popitem()[1]

    def expected(call):
        try:
            with warnings.catch_warnings():
                # The call shows an argument that is warned of, and `Call.of` ignores.
                warnings.simplefilter("ignore", UserWarning)
                result = run(call)
        except _REJECTIONS:
            if rejected:
                return RAISES
            raise
        if rejected:
            raise AssertionError(f"{name}: PyTorch accepts {call}")
        return result

    exact = rejected or (operation.exact and device == "cpu")
    tolerance = 0.0 if exact else _tolerance(calls)
    return Sweep("torch", "PyTorch", calls, expected, tolerance)


def _torch_setting(value):
    """Exchange a NumPy dtype for PyTorch's."""
    import torch

    if isinstance(value, np.dtype):
        return torch.from_numpy(np.empty(0, value)).dtype
    return value


def _numpy(result):
    if isinstance(result, tuple):
        return tuple(map(_numpy, result))
    return result.detach().cpu().numpy()


def _tolerance(calls):
    """Take the eps of the coarsest float among the calls' arrays."""
    dtypes = {a.dtype for call in calls for a in call.arrays.values()}
    eps = (float(np.finfo(d).eps) for d in dtypes if d.kind in "fc")
    return _ROUNDINGS * max(eps, default=float(np.finfo("f8").eps))


def formula_sweep(calls, formula, oracle="the formula"):
    """Compare with ``formula(call)``, both run on symbols in place of the numbers.

    The arrays of each call are exchanged for arrays of ring variables of the same
    shape, so agreement of one call is an identity in all its entries.
    """
    symbolic = tuple(_on_symbols(call, call.arrays) for call in calls)
    return Sweep("code", oracle, symbolic, formula)


def derivative_sweep(name, calls):
    """Compare ``<name>_backward`` with SymPy's derivative of the shipped forward.

    The loss is Σ g·y with an upstream gradient g of free symbols.
    """
    forward, operation = getattr(functional, name), OPERATIONS[name]
    gradients = operation.gradients

    def expected(call):
        loss = _loss(call, forward)
        leaves = operation.differentiable(call)
        found = {k: gradient(loss, call.arrays[k]) for k in leaves}
        return found if len(gradients) > 1 else found.popitem()[1]

    symbolic = tuple(_on_symbols(call, (*gradients, "grad_output")) for call in calls)
    return Sweep("code", f"the derivative of {name}", symbolic, expected)


def region_sweep(name, calls):
    """Compare ``<name>_backward`` with SymPy's derivative, at 50 digits.

    Where a function compares or takes roots and exponentials, its arrays become
    `Traced` numbers whose samples are the call's entries: the forward pass is then one
    expression, on the region where the comparisons come out as they did.  SymPy's
    derivative of Σ g·y and what the backward pass makes of the same symbols are both
    evaluated at the samples.
    """
    forward, operation = getattr(functional, name), OPERATIONS[name]

    def expected(call):
        loss, found = _loss(call, forward), {}
        leaves = {k: call.arrays[k] for k in operation.differentiable(call)}
        at = {e.expr: e.sample for array in leaves.values() for e in array.flat}
        for k, array in leaves.items():
            found[k] = np.empty(array.shape, object)
            for index, entry in np.ndenumerate(array):
                slope = sympy.diff(getattr(loss, "expr", loss), entry.expr)
                found[k][index] = slope.evalf(_DIGITS + 10, subs=at)
        return found if len(operation.gradients) > 1 else found.popitem()[1]

    traced = tuple(_traced(call, operation.differentiable(call)) for call in calls)
    oracle = f"the derivative of {name} at {_DIGITS} digits"
    return Sweep("code", oracle, traced, expected, tolerance=10.0**-_DIGITS)


_DIGITS = 50


def _loss(call, forward):
    arrays = {k: v for k, v in call.arrays.items() if k != "grad_output"}
    y = Call(arrays, call.settings).of(forward)
    # np.sum: the product of two object arrays without axes is an entry, not an array.
    return np.sum(call.arrays["grad_output"] * (y[0] if isinstance(y, tuple) else y))


def _traced(call, leaves):
    """Exchange floats for Traced numbers: symbols, where they have a gradient."""
    trace, arrays = Trace(), {}

    def constant(value):
        exact = sympy.Rational(Fraction(value))
        return trace.number(exact, exact)

    for name, array in call.arrays.items():
        arrays[name] = array
        if array.dtype.kind == "f":
            arrays[name] = np.vectorize(constant, otypes=[object])(array)
        if name in leaves:
            exact = np.vectorize(Fraction, otypes=[object])(array)
            arrays[name] = trace.array(name, array.shape, exact)
    return Call(arrays, call.settings)


def rule_sweep(rule, ranges, check, oracle):
    """Compare a function of settings with ``rule(**settings)``, on a whole grid.

    Where the rule raises ValueError or RuntimeError, the function must raise too.

    Parameters
    ----------
    rule : callable
        The oracle, for example the size of what PyTorch returns.
    ranges : dict
        The values of each setting, by its name; the first varies slowest.
    check, oracle : str
        What agreement shows, and of whom: "torch" only for a rule that asks PyTorch.

    Raises
    ------
    ValueError
        If the rule accepts none of the calls: agreement would show nothing.

    Examples
    --------
    >>> sizes = {"size": range(4)}
    >>> halves = rule_sweep(lambda size: size // 2, sizes, "test", "a half")
    >>> halves.disagreement(lambda size: size - size // 2)
    'size=1: the result is 1, not 0'
    """
    values = product(*ranges.values())
    calls = tuple(Call({}, dict(zip(ranges, chosen))) for chosen in values)

    def expected(call):
        try:
            return call.of(rule)
        except (ValueError, RuntimeError):
            return RAISES

    if all(expected(call) is RAISES for call in calls):
        raise ValueError(f"rule_sweep: {oracle} accepts none of {len(calls)} calls")
    return Sweep(check, oracle, calls, expected)


def _on_symbols(call, names):
    """Exchange the arrays of these names for arrays of ring variables."""
    shapes = {k: array.shape for k, array in call.arrays.items() if k in names}
    exchanged = dict(zip(shapes, polynomial_arrays(**shapes)))
    return Call(call.arrays | exchanged, call.settings)


def _parts(result):
    """Name the arrays of a result; what is None is not there."""
    if hasattr(result, "_asdict"):
        result = result._asdict()
    if isinstance(result, dict):
        return {f".{k}": v for k, v in result.items() if v is not None}
    if isinstance(result, tuple) and any(isinstance(v, np.ndarray) for v in result):
        return {f"result {k}": v for k, v in enumerate(result)}
    return {"the result": result}


def _difference(got, expected, tolerance):
    """Say how a result departs from the expected one, at its first such entry."""
    if expected is RAISES:
        return "it must raise"
    got, expected = _parts(got), _parts(expected)
    if got.keys() != expected.keys():
        return f"it has {', '.join(got)}, not {', '.join(expected)}"
    for name in expected:
        a, b = np.asarray(got[name]), np.asarray(expected[name])
        if a.shape != b.shape:
            return f"{name} has the shape {a.shape}, not {b.shape}"
        wrong = _unequal(a, b, tolerance)
        if wrong.any():
            at = tuple(map(int, np.argwhere(wrong)[0]))
            index = f"[{', '.join(map(str, at))}]" if at else ""
            return f"{name}{index} is {told_apart(a[at], b[at])}"
        if a.dtype != b.dtype:
            return f"{name} has dtype {a.dtype}, not {b.dtype}"
    return ""


def _unequal(a, b, tolerance):
    if tolerance and object in (a.dtype, b.dtype):
        a, b = (np.frompyfunc(_digits, 1, 1)(array) for array in (a, b))
        return np.array(abs(a - b) > tolerance * (1 + abs(b)), bool)
    if tolerance:
        return ~np.isclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
    nan = (a != a) & (b != b)  # the same in PyTorch's arithmetic and in NumPy's
    return np.array(a != b, bool) & ~np.array(nan, bool)


def _digits(entry):
    """Evaluate what an entry stands for, to more digits than are compared."""
    sample = entry.sample if isinstance(entry, Traced) else sympy.sympify(entry)
    return sample.evalf(_DIGITS + 10)


def told_apart(got, expected):
    """Write two values out, with as many digits as tell them apart.

    The last digits of a float depend on the processor; six are enough to know it by.

    >>> told_apart(2 / 3, 0.5), told_apart(1 + 2e-9, 1.0)
    ('0.666667, not 0.5', '1.000000002, not 1')
    """
    digits = 6
    while digits < 17 and short(got, digits) == short(expected, digits):
        digits += 1
    return f"{short(got, digits)}, not {short(expected, digits)}"


def short(value, digits=6):
    """Write a value out in a few words."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, float | np.floating):
        return str(int(value)) if value.is_integer() else f"{value:.{digits}g}"
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
