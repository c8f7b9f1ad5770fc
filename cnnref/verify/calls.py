"""Calls, and what is needed to construct and to judge those of one function.

A constructor takes ``draw(low, high)``, which returns an integer of that closed range.
A seeded NumPy generator draws the sweeps of the book; Hypothesis draws the same calls
in the tests and shrinks them.
"""

import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

__all__ = [
    "Call",
    "Operation",
    "integers",
    "numbers",
    "seeded_draw",
    "with_gradient",
    "written",
]


class Call(NamedTuple):
    """One call of a function: its arrays and its settings, by argument name."""

    arrays: dict[str, np.ndarray]
    settings: dict[str, Any]

    def of(self, function):
        """Call the function, and let it warn: the call is made to show the argument."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return function(**self.arrays, **self.settings)

    def replace(self, **arrays):
        """Return the call with some arrays exchanged or added in front."""
        return Call(
            arrays | {k: v for k, v in self.arrays.items() if k not in arrays},
            self.settings,
        )

    def astype(self, dtype):
        """Return the call with its floats in another dtype; indices and masks stay."""
        arrays = self.arrays.items()
        floats = {k: a.astype(dtype) for k, a in arrays if a.dtype.kind == "f"}
        return self._replace(arrays=self.arrays | floats)

    @property
    def complexity(self):
        """How hard the call is to follow as a counterexample."""
        settings = (np.ravel(v) for v in self.settings.values() if v is not None)
        numbers = (abs(n) for v in settings if v.dtype.kind in "iu" for n in v)
        return sum(array.size for array in self.arrays.values()) + int(sum(numbers))

    def __str__(self):
        shapes = [f"{name} {array.shape}" for name, array in self.arrays.items()]
        return ", ".join([*shapes, *(f"{k}={v!r}" for k, v in self.settings.items())])


class Operation(NamedTuple):
    """What is needed to judge one function of `cnnref.functional` and its gradient.

    Attributes
    ----------
    construct : callable
        ``construct(draw, largest=4)`` returns a valid forward call in float64.
        ``largest`` bounds its sizes.
    gradients : tuple of str
        The arrays that have a gradient, in the order of ``<name>_backward``.
    constants : callable
        Those of them that have none in a given call: class indices, where there might
        be probabilities.
    witnesses : mapping
        What a sweep must contain, because a classic mistake passes without it: a name,
        and a function that says whether a call shows it.
    exact : bool
        The results are sums and products of the call's small integers: equal to
        PyTorch's without a tolerance, whatever the order of summation.
    symbols : "polynomial", "region" or None
        How its gradient is compared with SymPy's derivative: as polynomials, which is
        exact, or with `Traced` numbers, at 50 digits on the region where they lie.
        None only where there is no derivative.
    twin : callable, optional
        PyTorch's function, on tensors; ``torch.nn.functional.<name>`` unless given.
    smooth : callable
        Whether a call lies off every kink, so that SymPy has a derivative to compare
        with; what is right on a kink, PyTorch says.
    """

    construct: Callable[..., Call]
    gradients: tuple[str, ...] = ("input",)
    witnesses: Mapping[str, Callable[[Call], bool]] = {}
    exact: bool = False
    symbols: Literal["polynomial", "region"] | None = "region"
    twin: Callable | None = None
    smooth: Callable[[Call], bool] = lambda call: True
    constants: Callable[[Call], Collection[str]] = lambda call: ()

    def differentiable(self, call):
        """Name the arrays of a call that have a gradient."""
        constants = self.constants(call)
        present = (k for k in self.gradients if k in call.arrays)
        return tuple(k for k in present if k not in constants)


def seeded_draw(seed):
    """Return a ``draw`` that is determined by its seed."""
    rng = np.random.default_rng(seed)
    return lambda low, high: int(rng.integers(low, high + 1))


def integers(draw, shape, low=-4, high=4):
    """Draw an array of small integers in float64: sums of them are exact."""
    rng = np.random.default_rng(draw(0, 2**32 - 1))
    return np.asarray(rng.integers(low, high + 1, shape), float)


def numbers(draw, shape, low=-4, high=4):
    """Draw an array of multiples of 1/64 in float64: exact as fractions too."""
    return np.asarray(integers(draw, shape, 64 * low, 64 * high) / 64)


def with_gradient(call, output, draw):
    """Extend a forward call by an upstream gradient of its output, small integers."""
    y = output[0] if isinstance(output, tuple) else output
    return call.replace(grad_output=integers(draw, y.shape).astype(y.dtype))


def written(draw, values):
    """Write a setting as one number where it can be, or as a tuple or list."""
    if len(set(values)) == 1 and draw(0, 1):
        return values[0] if draw(0, 3) else (values[0],)
    return tuple(values) if draw(0, 3) else list(values)
