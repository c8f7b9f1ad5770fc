"""The convolutions under test, and the calls on which they and mutants are judged.

The environment variable CNNREF_CASES sets how many calls PyTorch judges (300).
"""

import os
from functools import cache

import numpy as np

from cnnref import functional
from cnnref.verify import conv_calls, torch_sweep

CASES = int(os.environ.get("CNNREF_CASES", "300"))
FORWARD = [f"conv{kind}{axes}d" for kind in ("", "_transpose") for axes in (1, 2, 3)]
BACKWARD = [f"{name}_backward" for name in FORWARD]


def axes_of(name):
    """Return the number of spatial axes that an operation works on."""
    return int(name.removesuffix("_backward")[-2])


@cache
def calls_of(name, cases=CASES, largest=4):
    """Return valid calls of an operation, simplest first, with every witness."""
    transposed, backward = "transpose" in name, name.endswith("_backward")
    return conv_calls(axes_of(name), cases, transposed, backward, largest=largest)


def few_calls_of(name):
    return calls_of(name, 80, largest=3)


@cache
def disagreement(name):
    """Return what PyTorch says of the shipped function: None, if all is well."""
    sweep = torch_sweep(name, calls_of(name))
    return sweep.disagreement(getattr(functional, name))


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
    return call.replace(**{k: change(array) for k, array in call.arrays.items()})


def with_images(call, change):
    """Return the call with the arrays changed that a batch has an axis for."""
    images = call.arrays.keys() & {"input", "grad_output"}
    return call.replace(**{k: change(call.arrays[k]) for k in images})


def is_batch(call):
    return call.arrays["input"].ndim == call.arrays["weight"].ndim


def named(result):
    """Name the arrays of a result; what is None is not there."""
    if isinstance(result, np.ndarray):
        return {"output": result}
    return {k: array for k, array in result._asdict().items() if array is not None}


def rounding_bounds(function, call, dtype):
    """Bound the error of sums of products in floating point, added in any order.

    A sum of n products is off by at most n·u / (1 − n·u) times the sum of their sizes.
    The function itself tells both: n from arrays of ones, the sizes from |entries|.
    """
    unit = float(np.finfo(dtype).eps) / 2
    terms = named(with_arrays(call, np.ones_like).of(function))
    sizes = named(with_arrays(call, abs).of(function))
    return {k: n * unit / (1 - n * unit) * sizes[k] for k, n in terms.items()}
