"""The arguments of one call: checked before any work, and named in every error."""

import math
import operator
from fractions import Fraction
from numbers import Real
from typing import Any, NoReturn

import numpy as np

__all__ = ["SPATIAL", "Arguments"]

# What the spatial axes are called, by their number.
SPATIAL = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}


class Arguments:
    """The arrays of one call, each beside the meaning of its axes.

    >>> call = Arguments("linear")
    >>> call.array("input", np.ones((2, 3)), ("N", "in_features"))
    >>> call.fail("weight expects 4 features, not 3")
    Traceback (most recent call last):
        ...
    ValueError: linear: weight expects 4 features, not 3
      input       (2, 3)  =  (N, in_features)
    """

    def __init__(self, name):
        self.name, self.arrays = name, {}

    def array(self, label, array, meanings, kinds="iufcO", same=True):
        """Take an array in, once it is known to hold numbers.

        ``kinds`` are the dtypes allowed, as in ``np.dtype.kind``.  With ``same`` its
        dtype must be that of the first array.
        """
        # The two kinds of arrays whose products and sums are others.
        other = isinstance(array, np.ma.MaskedArray | np.matrix)
        if not isinstance(array, np.ndarray) or other:
            kind = type(array).__name__
            raise TypeError(f"{self.name}: {label} must be a NumPy array, not {kind}")
        if array.dtype.kind not in kinds:
            expected = _KINDS.get(kinds, "numbers")
            raise TypeError(
                f"{self.name}: {label} has dtype {array.dtype}, not {expected}"
            )
        if same and self.arrays:
            first, (other, _) = next(iter(self.arrays.items()))
            if array.dtype != other.dtype:
                raise TypeError(
                    f"{self.name}: {first} is {other.dtype} but {label} is "
                    f"{array.dtype}"
                )
        self.arrays[label] = (array, tuple(meanings))

    def gradient(self, grad_output, shape, meanings):
        """Take the upstream gradient in, which has the shape of the output."""
        self.array("grad_output", grad_output, meanings)
        if grad_output.shape != shape:
            self.fail(
                f"grad_output must have the output's shape {shape}, "
                f"not {grad_output.shape}"
            )

    def fail(self, reason) -> NoReturn:
        """Raise ValueError with the reason, then every shape beside its meaning."""
        lines = [f"{self.name}: {reason}"]
        for label, (array, meanings) in self.arrays.items():
            axes = ", ".join(meanings) + "," * (len(meanings) == 1)
            lines.append(f"  {label:11} {array.shape}  =  ({axes})")
        raise ValueError("\n".join(lines))

    def integer(self, label, value, least=None):
        """Return a Python integer, which does not wrap."""
        try:
            if isinstance(value, bool):
                raise TypeError
            value = operator.index(value)
        except TypeError:
            reason = f"{self.name}: {label} must be an integer, got {value!r}"
            raise TypeError(reason) from None
        if least is not None and value < least:
            self.fail(f"{label} must be at least {least}, got {value}")
        if not -(2**63) <= value < 2**63:
            self.fail(f"{label} must fit into 64 bits, got {value}")
        return value

    def number(self, label, value) -> Any:
        """Return a real number in the arrays' kind.

        Beside floats it is a float, which widens no float32; beside exact entries a
        float becomes the fraction that it is, and fractions and symbols stay.
        """
        exact = any(array.dtype == object for array, _ in [*self.arrays.values()][:1])
        # SymPy's expressions, and what carries one, are no Reals to Python.
        if isinstance(value, bool) or not (
            isinstance(value, Real) or (exact and hasattr(value, "is_integer"))
        ):
            raise TypeError(f"{self.name}: {label} must be a number, got {value!r}")
        if not exact:
            try:
                return float(value)  # pyright: ignore[reportArgumentType]
            except OverflowError:
                self.fail(f"{label} must fit into a float, got {value}")
        if isinstance(value, float | np.floating) and math.isfinite(value):
            return Fraction(*value.as_integer_ratio())
        return value

    def flag(self, label, value):
        """Return True or False, and nothing that only stands for one of them."""
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{self.name}: {label} must be a bool, got {value!r}")
        return bool(value)

    def choice(self, label, value, choices):
        """Return a value that is one of the choices."""
        if value not in choices:
            words = ", ".join(map(repr, choices))
            self.fail(f"{label} must be one of {words}, not {value!r}")
        return value

    def axis(self, label, value, ndim):
        """Return the place of an axis, counted from the end where it is negative."""
        place = self.integer(label, value)
        if not -max(1, ndim) <= place < max(1, ndim):
            self.fail(f"{label} = {place} is no axis of an array with {ndim} axes")
        return place % max(1, ndim)

    def not_in_place(self, inplace):
        """Refuse what no function of cnnref does."""
        if inplace:
            self.fail("inplace=True would overwrite the caller's array; leave it out")

    def has_roots(self, label):
        """Refuse entries of an array of objects that have no square root."""
        array, _ = self.arrays[label]
        for entry in array.flat if array.dtype == object else ():
            if not hasattr(entry, "sqrt"):
                kind = type(entry).__name__
                raise TypeError(f"{self.name}: {label} holds {kind}: no square root")

    def per_axis(self, label, value, axes, least=None, repeat=True):
        """Return one integer per axis, from one number or a sequence.

        With ``repeat`` a sequence of one stands for all axes, as one number does.
        """
        values = tuple(value) if isinstance(value, tuple | list) else value
        if not isinstance(values, tuple):
            values = (values,) * len(axes)
        values = tuple(self.integer(label, v) for v in values)
        if repeat and len(values) == 1:
            values *= len(axes)
        if len(values) != len(axes):
            count = "1 or " if repeat else ""
            self.fail(f"{label} needs {count}{len(axes)} integers, got {value}")
        if least is not None and min(values) < least:
            self.fail(f"{label} must be at least {least}, got {value}")
        return values

    def along(self, axes, rule, *arguments):
        """Apply a rule of geometry along each axis, and name the axis it fails on."""
        results = []
        for axis, *values in zip(axes, *arguments):
            try:
                results.append(rule(*values))
            except ValueError as error:
                reason = str(error).partition(": ")[2]
                self.fail(f"along {axis}, {reason}")
        return tuple(results)


_KINDS = {
    "iu": "integers",
    "b": "bool",
    "iufO": "real numbers",
    "fO": "floats",
    "fcO": "floats or complex numbers",
    "ufO": "floats or uint8",
    "bfcO": "floats, complex numbers or bool",
    "biufcO": "numbers or bool",
}
