"""Sweeps: calls beside what an oracle says their result is.

A sweep judges a function and its mutants alike.  Its oracle is PyTorch, a formula
evaluated on the same symbols, SymPy's derivative of the forward function, or a rule.
"""

import warnings
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from cnnref import functional
from cnnref.symbolic import gradient, polynomial_arrays
from cnnref.verify.calls import Call
from cnnref.verify.verdict import Disagreement

__all__ = [
    "RAISES",
    "Sweep",
    "derivative_sweep",
    "formula_sweep",
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


def torch_sweep(name, calls, rejected=False):
    """Compare with ``torch.nn.functional``, or for ``<name>_backward`` with autograd.

    With ``rejected=True`` PyTorch must reject every call, else none of them.
    """
    import torch

    forward = getattr(torch.nn.functional, name.removesuffix("_backward"))

    def run(call):
        tensors = {k: torch.from_numpy(v.copy()) for k, v in call.arrays.items()}
        g = tensors.pop("grad_output", None)
        if g is None:
            return forward(**tensors, **call.settings).numpy()
        for tensor in tensors.values():
            tensor.requires_grad_()
        y = forward(**tensors, **call.settings)
        gradients = torch.autograd.grad(y, list(tensors.values()), g)
        return dict(zip(tensors, (t.numpy() for t in gradients)))

    def expected(call):
        try:
            with warnings.catch_warnings():
                # PyTorch says that it copies the input to pad its two sides apart.
                warnings.filterwarnings("ignore", "Using padding='same' with even")
                result = run(call)
        except _REJECTIONS:
            if rejected:
                return RAISES
            raise
        if rejected:
            raise AssertionError(f"{name}: PyTorch accepts {call}")
        return result

    return Sweep("torch", "PyTorch", tuple(calls), expected)


def formula_sweep(calls, formula, oracle="the formula"):
    """Compare with ``formula(call)``, both run on symbols in place of the numbers.

    The arrays of each call are exchanged for arrays of ring variables of the same
    shape, so agreement of one call is an identity in all its entries.
    """
    symbolic = tuple(map(_on_symbols, calls))
    return Sweep("code", oracle, symbolic, formula)


def derivative_sweep(name, calls):
    """Compare ``<name>_backward`` with SymPy's derivative of the shipped forward.

    The loss is Σ g·y with an upstream gradient g of free symbols.
    """
    forward = getattr(functional, name)

    def expected(call):
        arrays = {k: v for k, v in call.arrays.items() if k != "grad_output"}
        y = Call(arrays, call.settings).of(forward)
        loss = (call.arrays["grad_output"] * y).sum()
        return {k: gradient(loss, array) for k, array in arrays.items()}

    symbolic = tuple(map(_on_symbols, calls))
    return Sweep("code", f"the derivative of {name}", symbolic, expected)


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


def _on_symbols(call):
    shapes = {name: array.shape for name, array in call.arrays.items()}
    return Call(dict(zip(shapes, polynomial_arrays(**shapes))), call.settings)


def _parts(result):
    """Name the arrays of a result; what is None is not there."""
    if hasattr(result, "_asdict"):
        result = result._asdict()
    if isinstance(result, dict):
        return {f".{k}": v for k, v in result.items() if v is not None}
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
        if a.dtype != b.dtype:
            return f"{name} has dtype {a.dtype}, not {b.dtype}"
        wrong = _unequal(a, b, tolerance)
        if wrong.any():
            at = tuple(map(int, np.argwhere(wrong)[0]))
            index = f"[{', '.join(map(str, at))}]" if at else ""
            return f"{name}{index} is {_short(a[at])}, not {_short(b[at])}"
    return ""


def _unequal(a, b, tolerance):
    if tolerance:
        return ~np.isclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
    return np.array(a != b, bool)


def _short(value):
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
