"""Padding: an image continued beyond its border, or cropped.

Along each axis every output position reads one input position, or the constant.
"""

import math

import numpy as np

from cnnref.arguments import SPATIAL, Arguments
from cnnref.sparse import apply, selection, transposed

__all__ = ["pad", "pad_backward"]


def pad(input, pad, mode="constant", value=None):
    """Continue the last axes of the input beyond their ends.

        y[…, p] = x[…, h(p − before)]

    h(k) is k inside the input, 0 ≤ k < H.  Outside of it

        constant    y is the value
        replicate   h = 0 before and H − 1 after the input
        reflect     h = −k before and 2(H − 1) − k after it: the border is not repeated
        circular    h = k mod H

    Parameters
    ----------
    input : array
        Any numeric dtype, bool for "constant" and "circular", or object.  Modes other
        than "constant" continue one, two or three spatial axes of (N, C, *spatial) or
        (C, *spatial), and all of them.
    pad : tuple of int
        Positions before and after the last axis, then the last but one, and so on.
        A negative number crops.
    mode : "constant", "reflect", "replicate" or "circular"
    value : float, optional
        The constant, 0 unless given.  Beside bool also True or False.

    Returns
    -------
    array
        H + before + after positions along each axis.

    Raises
    ------
    TypeError
        If the input is not a NumPy array of numbers or bool, or ``pad`` and ``value``
        are not of the right types.
    ValueError
        If ``pad`` does not fit the input, an axis is cropped by more than it has, or
        the mode finds nothing to continue with.

    Notes
    -----
    Twin: ``torch.nn.functional.pad``.  A circular pad that crops first continues with
    what is left, and may be no longer than that: PyTorch then reads memory that it has
    not written.

    Examples
    --------
    >>> x = np.array([[1.0, 2.0, 3.0]])
    >>> pad(x, (2, 1))
    array([[0., 0., 1., 2., 3., 0.]])
    >>> pad(x, (2, 1), mode="reflect")
    array([[3., 2., 1., 2., 3., 2.]])
    """
    call = _Check("pad", input, pad, mode, value)
    if mode == "constant":
        y = np.full(call.out, call.value, input.dtype)
        y[call.written] = input[call.kept]
        return y
    for axis, matrix in call.matrices.items():
        input = apply(matrix, input, axis)
    return input


def pad_backward(grad_output, input, pad, mode="constant", value=None):
    """Return the gradient of `pad` in its input: each entry's copies, summed.

        ∂L/∂x[…, k] = Σ_p g[…, p] · [h(p − before) = k]

    Raises
    ------
    TypeError, ValueError
        As `pad`, and if ``grad_output`` has not the shape or dtype of its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.pad``.

    Examples
    --------
    >>> pad_backward(np.ones((1, 6)), np.zeros((1, 3)), (2, 1), mode="replicate")
    array([[3., 1., 2.]])
    """
    call = _Check("pad_backward", input, pad, mode, value)
    call.gradient(grad_output, call.out, call.axes)
    if mode == "constant":
        dx = np.zeros(input.shape, input.dtype)
        dx[call.kept] = grad_output[call.written]
        return dx
    for axis, matrix in call.matrices.items():
        grad_output = apply(transposed(matrix), grad_output, axis)
    return grad_output


# Where each position of a padded axis comes from --------------------------------------


def _reflected(size, before, after):
    if max(before, after) >= size:
        raise ValueError(
            f"reflect: padding ({before}, {after}) must be smaller than the {size} "
            f"positions of the input"
        )
    return size - 1 - abs(size - 1 - abs(_continued(size, before, after)))


def _replicated(size, before, after):
    return np.clip(_continued(size, before, after), 0, size - 1)


def _wrapped(size, before, after):
    low, left = _cropped(size, before, after)
    before, after = max(0, before), max(0, after)
    if max(before, after) > left:
        raise ValueError(
            f"circular: padding ({before}, {after}) wraps more than once around the "
            f"{left} positions that there are"
        )
    return low + np.arange(-before, left + after) % max(1, left)


def _continued(size, before, after):
    """Number the positions of the output from where the input begins."""
    if size + before + after < 1:
        raise ValueError(f"padding: ({before}, {after}) leaves nothing of {size}")
    return np.arange(-before, size + after)


def _cropped(size, before, after):
    """Return the first position that negative padding leaves, and how many."""
    low, end = max(0, -before), size - max(0, -after)
    if end < low:
        raise ValueError(f"padding: ({before}, {after}) crops more than {size}")
    return low, end - low


_RULES = {"reflect": _reflected, "replicate": _replicated, "circular": _wrapped}


class _Check(Arguments):
    """The arguments of a padding."""

    def __init__(self, name, input, pad, mode, value):
        super().__init__(name)
        ndim = getattr(input, "ndim", 0)
        self.axes = tuple(f"axis {k}" for k in range(ndim))
        kinds = "biufcO" if mode in ("constant", "circular") else "iufcO"
        self.array("input", input, self.axes, kinds=kinds)
        self.choice("mode", mode, ("constant", *_RULES))
        if not isinstance(pad, tuple | list):
            kind = type(pad).__name__
            raise TypeError(f"{name}: pad must be a tuple of integers, not {kind}")
        pad = tuple(self.integer("pad", p) for p in pad)
        if len(pad) % 2 or len(pad) > 2 * ndim:
            self.fail(
                f"pad needs two integers for each of at most {ndim} axes, got {pad}"
            )
        # The caller counts from the last axis.
        sides = tuple(zip(pad[-2::-2], pad[::-2]))
        if mode == "constant":
            self.value = self._stored(value)
            self._constant(sides)
        else:
            self._others(sides, mode, value)

    def _constant(self, sides):
        """Note the shape of the output, and which part of it is the input's."""
        input, _ = self.arrays["input"]
        first = input.ndim - len(sides)
        size = input.shape[first:]
        names = [f"axis {k}" for k in range(first, input.ndim)]
        cropped = self.along(names, _cropped, size, *zip(*sides))
        written, kept = [], []
        for (before, _), (low, left) in zip(sides, cropped):
            start = max(0, before)
            written.append(slice(start, start + left))
            kept.append(slice(low, low + left))
        self.written, self.kept = (..., *written), (..., *kept)
        grown = (h + sum(side) for h, side in zip(size, sides))
        self.out = (*input.shape[:first], *grown)

    def _others(self, sides, mode, value):
        """Note which input position each output position reads, along each axis."""
        input, _ = self.arrays["input"]
        axes, given = len(sides), (0 if value is None else value)
        if given != 0:
            self.fail(f"mode {mode!r} takes no value, got {value!r}")
        if axes not in SPATIAL or input.ndim not in (axes + 1, axes + 2):
            self.fail(
                f"mode {mode!r} pads 1, 2 or 3 axes of an input of one or two more, "
                f"not {axes} of {input.ndim}"
            )
        self.axes = ("N", "C", *SPATIAL[axes])[-input.ndim :]
        self.arrays["input"] = (input, self.axes)
        for size, axis in zip(input.shape, self.axes):
            if size == 0 and axis != "N" and mode != "circular":
                self.fail(f"input has no elements along {axis}")
        size = input.shape[-axes:]
        columns = self.along(SPATIAL[axes], _RULES[mode], size, *zip(*sides))
        matrices = map(selection, columns, size)
        self.matrices = dict(zip(range(-axes, 0), matrices))
        self.out = (*input.shape[:-axes], *map(len, columns))

    def _stored(self, value):
        """Return the constant in the input's dtype, if it holds it."""
        dtype = self.arrays["input"][0].dtype
        if dtype.kind == "b" and isinstance(value, bool | np.bool_):
            return bool(value)
        value = self.number("value", 0 if value is None else value)
        if dtype.kind in "Ob" or (dtype.kind in "fc" and not math.isfinite(value)):
            return value
        limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
        # As Python's integers: NumPy would round the value to the limit's dtype.
        if not int(limits.min) <= value <= int(limits.max):
            self.fail(f"value = {value} does not fit into {dtype}")
        return value
