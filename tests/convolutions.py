"""The convolutions under test, and what is particular to their calls."""

import numpy as np
from operations import named, with_arrays

FORWARD = [f"conv{kind}{axes}d" for kind in ("", "_transpose") for axes in (1, 2, 3)]
BACKWARD = [f"{name}_backward" for name in FORWARD]


def axes_of(name):
    """Return the number of spatial axes that an operation works on."""
    return int(name.removesuffix("_backward")[-2])


def with_images(call, change):
    """Return the call with the arrays changed that a batch has an axis for."""
    images = call.arrays.keys() & {"input", "grad_output"}
    return call.replace(**{k: change(call.arrays[k]) for k in images})


def is_batch(call):
    return call.arrays["input"].ndim == call.arrays["weight"].ndim


def rounding_bounds(function, call, dtype):
    """Bound the error of sums of products in floating point, added in any order.

    A sum of n products is off by at most n·u / (1 − n·u) times the sum of their sizes.
    The function itself tells both: n from arrays of ones, the sizes from |entries|.
    """
    unit = float(np.finfo(dtype).eps) / 2
    terms = named(with_arrays(call, np.ones_like).of(function))
    sizes = named(with_arrays(call, abs).of(function))
    return {k: n * unit / (1 - n * unit) * sizes[k] for k, n in terms.items()}
