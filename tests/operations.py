"""Every operation under test, and the calls on which it and its mutants are judged."""

import os
from functools import cache

import numpy as np

from cnnref import functional
from cnnref.verify import OPERATIONS, calls_of, torch_sweep

# `pytest --cases N` sets it: how many calls of each operation PyTorch judges.
CASES = int(os.environ["CNNREF_CASES"])
FORWARD = list(OPERATIONS)
BACKWARD = [f"{name}_backward" for name in FORWARD if OPERATIONS[name].gradients]


def operation(name):
    return OPERATIONS[name.removesuffix("_backward")]


@cache
def calls(name, cases=CASES, largest=4, dtype="float64"):
    """Return valid calls of an operation, simplest first, with every witness."""
    return calls_of(name, cases, largest=largest, dtype=dtype)


def few_calls(name, dtype="float64"):
    return calls(name, 80, largest=3, dtype=dtype)


@cache
def sweep(name):
    return torch_sweep(name, calls(name))


@cache
def disagreement(name):
    """Return what PyTorch says of the shipped function: None, if all is well."""
    return sweep(name).disagreement(getattr(functional, name))


def noticed(sweep, mutant):
    """Return the wrong value by which a sweep notices a mistake.

    Calls on which the mistake raises are left out: there it would notice itself.
    """
    silent = tuple(call for call in sweep.calls if runs(mutant, call))
    return sweep._replace(calls=silent).disagreement(mutant)


def runs(function, call):
    try:
        call.of(function)
    except (TypeError, ValueError):
        return False
    return True


def with_arrays(call, change):
    """Return the call with every array changed."""
    changed = {k: np.asarray(change(array)) for k, array in call.arrays.items()}
    return call.replace(**changed)


def with_floats(call, change):
    """Return the call with its arrays of floats changed; indices and masks stay."""
    return with_arrays(call, lambda a: change(a) if a.dtype.kind == "f" else a)


def named(result):
    """Name the arrays of a result; what is None is not there."""
    if hasattr(result, "_asdict"):
        return {k: a for k, a in result._asdict().items() if a is not None}
    if isinstance(result, tuple):
        return {f"output {k}": array for k, array in enumerate(result)}
    return {"output": result}
