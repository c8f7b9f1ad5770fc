"""What all poolings share: the check of a call, and the windows along each axis.

The windows are boxes, so a maximum or a sum over one is taken along one axis after the
other.  Along an axis the windows are a list of taps: each says, for one offset into the
windows, which output positions read which input positions.  Both are slices, so that a
pooling is a few strided operations, and so is its gradient.
"""

from math import gcd
from typing import NamedTuple

import numpy as np

from cnnref.arguments import SPATIAL, Arguments
from cnnref.geometry import out_size, span

__all__ = [
    "Line",
    "PoolCheck",
    "Pooling",
    "Tap",
    "adaptive_bins",
    "along",
    "bins",
    "pooled_size",
    "resized",
    "taps",
]


class Pooling(NamedTuple):
    """How the windows lie: one entry per spatial axis."""

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    out: tuple[int, ...]


class Tap(NamedTuple):
    """The output positions whose windows read the input positions at one offset.

    ``first`` says that no earlier tap has reached these windows.
    """

    offset: int
    first: bool
    outputs: slice
    inputs: slice


class Line(NamedTuple):
    """The windows along one axis, counted from the end: how many, and their taps."""

    axis: int
    size: int
    out: int
    taps: tuple[Tap, ...]


# Windows ------------------------------------------------------------------------------


def pooled_size(size, kernel_size, stride, padding, dilation, ceil_mode):
    """Count the windows along one axis: `out_size`, where one window fits.

    Where none does, ``ceil_mode`` leaves one window that sticks out at the end, if by
    less than the stride.

    Notes
    -----
    Twin: the output shape of ``torch.nn.functional.max_pool1d``.

    Examples
    --------
    >>> pooled_size(4, 5, stride=3, padding=0, dilation=1, ceil_mode=True)
    1
    """
    room = size + 2 * padding - span(kernel_size, dilation)
    if ceil_mode and -stride < room < 0:
        return 1
    return out_size(size, kernel_size, stride, padding, dilation, ceil_mode)


def taps(size, kernel_size, stride, padding, dilation, out):
    """Yield the taps of regular windows: offset i reads h = s·p + d·i − P.

    Only positions of the input are read.  A window's taps come in the order of h.

    >>> for tap in taps(5, 2, 2, 1, 1, 3):
    ...     print(tap.offset, tap.first, tap.outputs, tap.inputs)
    0 True slice(1, 3, None) slice(1, 4, 2)
    1 True slice(0, 1, None) slice(0, 1, 2)
    1 False slice(1, 3, None) slice(2, 5, 2)
    """
    reached = out
    for i in range(kernel_size):
        start = dilation * i - padding
        low = max(0, -(start // stride))
        high = min(out, (size - 1 - start) // stride + 1)
        for first, p, end in (
            (True, low, min(reached, high)),
            (False, max(low, reached), high),
        ):
            if p < end:
                h = slice(stride * p + start, stride * (end - 1) + start + 1, stride)
                yield Tap(i, first, slice(p, end), h)
        reached = min(reached, low)


def bins(size, out):
    """Yield the taps of adaptive windows, which read the `adaptive_bins`.

    The bins repeat with the period of the greatest common divisor, so each bin of the
    first period stands for a row of regular windows.

    >>> for tap in bins(6, 4):
    ...     print(tap.offset, tap.first, tap.outputs, tap.inputs)
    0 True slice(0, None, 2) slice(0, None, 3)
    1 False slice(0, None, 2) slice(1, None, 3)
    0 True slice(1, None, 2) slice(1, None, 3)
    1 False slice(1, None, 2) slice(2, None, 3)
    """
    periods = gcd(size, out)
    starts, ends = adaptive_bins(size, out)
    for p in range(out // periods):
        for i, h in enumerate(range(starts[p], ends[p])):
            inputs = slice(h, None, size // periods)
            yield Tap(i, i == 0, slice(p, None, out // periods), inputs)


def adaptive_bins(size, out):
    """Return where each bin starts and ends: ⌊p·H/H_out⌋ ≤ h < ⌈(p+1)·H/H_out⌉.

    >>> adaptive_bins(5, 3)
    (array([0, 1, 3]), array([2, 4, 5]))
    """
    p = np.arange(out)
    return p * size // out, -(-(p + 1) * size // out)


def along(axis, where):
    """Return the index of ``where`` along an axis counted from the end."""
    return (..., where, *(slice(None),) * (-axis - 1))


def resized(array, axis, size):
    """Return the shape of an array with another size along an axis."""
    shape = list(array.shape)
    shape[axis] = size
    return shape


# What makes a call valid --------------------------------------------------------------


class PoolCheck(Arguments):
    """The arguments of a pooling.

    ``kinds`` are the dtypes allowed, as in `Arguments.array`.
    """

    def __init__(self, name, axes, input, kinds="iufO"):
        super().__init__(name)
        self.axes = SPATIAL[axes]
        self.batched = getattr(input, "ndim", None) != axes + 1
        self.meanings = (*("N",) * self.batched, "C", *self.axes)
        self.array("input", input, self.meanings, kinds)
        if input.ndim not in (axes + 1, axes + 2):
            self.fail(
                f"input must have {axes + 1} or {axes + 2} axes, not {input.ndim}"
            )
        self.lead, self.size = input.shape[:-axes], input.shape[-axes:]

    def filled(self, start, label="input"):
        """Refuse an array without elements along its axes from ``start`` on."""
        array, meanings = self.arrays[label]
        for size, meaning in zip(array.shape[start:], meanings[start:]):
            if size == 0:
                self.fail(f"{label} has no elements along {meaning}")

    def windows(self, kernel_size, stride, padding, dilation, ceil_mode):
        """Return how regular windows lie; the stride is the kernel unless given."""
        self.filled(self.batched)
        kernel_size = self.per_axis("kernel_size", kernel_size, self.axes, least=1)
        if stride is None or (isinstance(stride, tuple | list) and not stride):
            stride = kernel_size
        stride = self.per_axis("stride", stride, self.axes, least=1)
        padding = self.per_axis("padding", padding, self.axes, least=0)
        dilation = self.per_axis("dilation", dilation, self.axes, least=1)
        ceil_mode = self.flag("ceil_mode", ceil_mode)
        for axis, k, p in zip(self.axes, kernel_size, padding):
            if 2 * p > k:
                self.fail(
                    f"along {axis}, padding {p} is more than half the kernel size {k}"
                )
        rule = (self.size, kernel_size, stride, padding, dilation)
        modes = (ceil_mode,) * len(self.axes)
        out = self.along(self.axes, pooled_size, *rule, modes)
        return Pooling(kernel_size, stride, padding, dilation, out)

    def bins(self, output_size):
        """Return the number of bins along each axis; None keeps the input's size."""
        if isinstance(output_size, tuple | list) and len(self.axes) > 1:
            own = dict(enumerate(self.size))
            sizes = enumerate(output_size)
            sizes = [own.get(k) if n is None else n for k, n in sizes]
            output_size = tuple(sizes) if isinstance(output_size, tuple) else sizes
        return self.per_axis("output_size", output_size, self.axes, 0, repeat=False)

    def upstream(self, grad_output, out):
        """Check the upstream gradient against the output that it belongs to."""
        labels = (*self.meanings[: len(self.lead)], *(f"{a}_out" for a in self.axes))
        self.gradient(grad_output, (*self.lead, *out), labels)
