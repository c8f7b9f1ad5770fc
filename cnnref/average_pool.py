"""Average pooling in 1, 2 and 3 spatial axes, over regular and over adaptive windows.

A mean is a sum over a box of inputs, divided by a count.  The box is a product of
intervals, so it is summed along one axis after the other, tap by tap: see
`cnnref.pooling`.  The gradient divides first, and exchanges what each tap reads and
writes.  Power-average pooling is the same mean between a power and its root.
"""

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from cnnref.floats import quiet, rounded, widened
from cnnref.max_pool import (
    max_pool1d,
    max_pool1d_backward,
    max_pool2d,
    max_pool2d_backward,
    max_pool3d,
    max_pool3d_backward,
)
from cnnref.pooling import Line, PoolCheck, Pooling, along, bins, resized, taps

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool1d_backward",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_backward",
    "adaptive_avg_pool3d",
    "adaptive_avg_pool3d_backward",
    "avg_pool1d",
    "avg_pool1d_backward",
    "avg_pool2d",
    "avg_pool2d_backward",
    "avg_pool3d",
    "avg_pool3d_backward",
    "lp_pool1d",
    "lp_pool1d_backward",
    "lp_pool2d",
    "lp_pool2d_backward",
    "lp_pool3d",
    "lp_pool3d_backward",
]


# Regular windows ----------------------------------------------------------------------


def avg_pool1d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):
    """Average the windows of a batch of sequences; see `avg_pool2d`.

        y[n,c,p] = Σ_i x[n,c,s·p + i − P] / D[p]

    Shapes: input (N, C, L) or (C, L).  Twin: ``torch.nn.functional.avg_pool1d``.
    """
    call = (kernel_size, stride, padding, ceil_mode, count_include_pad)
    return _avg_pool("avg_pool1d", 1, input, *call)


def avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Average the windows of a batch of images.

        y[n,c,p,q] = Σ_{i,j} x[n,c,s·p + i − P,s·q + j − P] / D[p,q]

    x is 0 outside its shape.  D counts the positions of the window: those inside the
    padded input, or with ``count_include_pad=False`` those inside the input.  What a
    last window of ``ceil_mode`` covers beyond the padded input is never counted.

    Parameters
    ----------
    input : (N, C, H, W) or (C, H, W)
        Floats, object (fractions, symbols), which stays exact, or int64, whose means
        are truncated towards 0.
    kernel_size : int or tuple of int
        One number for all axes, or one per axis.
    stride : int or tuple of int, optional
        The kernel size unless given.
    padding : int or tuple of int
        Zeros on each side of each axis, at most half the kernel size.
    ceil_mode : bool
        Also take a last window that leaves the padded input at its end.
    count_include_pad : bool
        Whether D counts the zeros of the padding.
    divisor_override : int, optional
        D for every window.

    Returns
    -------
    (N, C, H_out, W_out) or (C, H_out, W_out)
        H_out = ⌊(H + 2P − K_h) / s⌋ + 1 in the input's dtype; ⌈·⌉ with ``ceil_mode``,
        unless the last window would start in the padding after the input.

    Raises
    ------
    TypeError
        If the input is not a NumPy array of floats, exact entries or int64, or a
        setting has another type.
    ValueError
        If no window fits, or a setting is out of range.

    Notes
    -----
    Twin: ``torch.nn.functional.avg_pool2d``.
    Derived in "Pooling" (ledger: avgpool-s2, avgpool-s3, avgpool-is-conv,
    pool-per-depth).

    Examples
    --------
    >>> x = np.arange(1.0, 10.0).reshape(1, 3, 3)
    >>> avg_pool2d(x, 2, stride=1)
    array([[[3., 4.],
            [6., 7.]]])
    >>> avg_pool2d(x, 2, ceil_mode=True)
    array([[[3. , 4.5],
            [7.5, 9. ]]])
    """
    call = (kernel_size, stride, padding, ceil_mode, count_include_pad)
    return _avg_pool("avg_pool2d", 2, input, *call, divisor_override)


def avg_pool3d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Average the windows of a batch of volumes; see `avg_pool2d`.

        y[n,c,p] = Σ_i x[n,c,s·p + i − P] / D[p],   p, i in Z³

    Shapes: input (N, C, D, H, W) or (C, D, H, W).
    Twin: ``torch.nn.functional.avg_pool3d``.
    """
    call = (kernel_size, stride, padding, ceil_mode, count_include_pad)
    return _avg_pool("avg_pool3d", 3, input, *call, divisor_override)


def avg_pool1d_backward(
    grad_output,
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
):
    """Return the gradient of `avg_pool1d`; see `avg_pool2d_backward`.

    ∂L/∂x[n,c,h] = Σ_{p,i} g[n,c,p] / D[p] · [h = s·p + i − P]
    """
    call = (kernel_size, stride, padding, ceil_mode, count_include_pad)
    return _avg_pool_backward("avg_pool1d_backward", 1, grad_output, input, *call)


def avg_pool2d_backward(
    grad_output,
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Return the gradient of `avg_pool2d` in its input.

    With p = (p, q), i = (i, j) and h = (h, w) read as pairs,

        ∂L/∂x[n,c,h] = Σ_{p,i} g[n,c,p] / D[p] · [h = s·p + i − P]

    Every window hands its positions equal shares; where windows overlap they add up,
    and what falls on the padding is lost.

    Parameters
    ----------
    grad_output : (N, C, H_out, W_out) or (C, H_out, W_out)
        g = ∂L/∂y, in the input's dtype.
    input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        The arguments of the forward call; integers have no gradient.

    Returns
    -------
    (N, C, H, W) or (C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `avg_pool2d`, and if ``grad_output`` has not the shape or dtype of its
        output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.avg_pool2d``.
    Derived in "Backpropagation through pooling" (ledger: avgpool-bwd,
    pool-bwd-upsample).

    Examples
    --------
    >>> g, x = np.array([[[4.0, 8.0]]]), np.ones((1, 2, 3))
    >>> avg_pool2d_backward(g, x, 2, stride=1)
    array([[[1., 3., 2.],
            [1., 3., 2.]]])
    """
    call = (kernel_size, stride, padding, ceil_mode, count_include_pad)
    name = "avg_pool2d_backward"
    return _avg_pool_backward(name, 2, grad_output, input, *call, divisor_override)


def avg_pool3d_backward(
    grad_output,
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Return the gradient of `avg_pool3d`; see `avg_pool2d_backward`."""
    call = (kernel_size, stride, padding, ceil_mode, count_include_pad)
    name = "avg_pool3d_backward"
    return _avg_pool_backward(name, 3, grad_output, input, *call, divisor_override)


def _avg_pool(name, axes, input, *settings):
    check = _Check(name, axes, input, kinds="ifO")
    if input.dtype.kind == "i" and input.dtype != np.int64:
        raise TypeError(f"{name}: input has dtype {input.dtype}, not int64 or floats")
    return _mean(input, _regular(check, *settings))


def _avg_pool_backward(name, axes, grad_output, input, *settings):
    check = _Check(name, axes, input)
    how = _regular(check, *settings)
    check.upstream(grad_output, how.out)
    return _mean_backward(grad_output, how)


def _regular(check, kernel_size, stride, padding, ceil_mode, *divisor):
    """Return how the means over regular windows are taken."""
    windows = check.windows(kernel_size, stride, padding, 1, ceil_mode)
    check.contains(windows)
    return check.means(windows, *divisor)


# Adaptive windows ---------------------------------------------------------------------


def adaptive_avg_pool1d(input, output_size):
    """Average a given number of bins of each sequence; see `adaptive_avg_pool2d`.

        y[n,c,p] = the mean of x[n,c,h] over ⌊p·H/H_out⌋ ≤ h < ⌈(p + 1)·H/H_out⌉

    Shapes: input (N, C, L) or (C, L).
    Twin: ``torch.nn.functional.adaptive_avg_pool1d``.
    """
    return _adaptive("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input, output_size):
    """Average a given number of bins of each image.

        y[n,c,p,q] = the mean of x[n,c,h,w] over the bin (p, q),
        ⌊p·H/H_out⌋ ≤ h < ⌈(p + 1)·H/H_out⌉,   and so with w, q, W

    Bins overlap by one position where H_out does not divide H.  One bin is the mean of
    the whole image.

    Parameters
    ----------
    input : (N, C, H, W) or (C, H, W)
        Floats, or object, which stays exact.
    output_size : int or tuple of (int or None)
        H_out and W_out; None keeps the input's size.

    Returns
    -------
    (N, C, H_out, W_out) or (C, H_out, W_out)

    Raises
    ------
    TypeError, ValueError
        If the input is no array of floats or exact entries, has no elements to
        average, or ``output_size`` does not name a size for each axis.

    Notes
    -----
    Twin: ``torch.nn.functional.adaptive_avg_pool2d``.  For an output of 1 × 1 it calls
    ``mean``, and so takes arrays that it takes for no other output: complex ones, those
    with other numbers of axes, and without elements.  They are rejected.

    Examples
    --------
    >>> x = np.arange(10.0).reshape(1, 2, 5)
    >>> adaptive_avg_pool2d(x, (1, 2))
    array([[[3.5, 5.5]]])
    """
    return _adaptive("adaptive_avg_pool2d", 2, input, output_size)


def adaptive_avg_pool3d(input, output_size):
    """Average a given number of bins of each volume; see `adaptive_avg_pool2d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W).
    Twin: ``torch.nn.functional.adaptive_avg_pool3d``.
    """
    return _adaptive("adaptive_avg_pool3d", 3, input, output_size)


def adaptive_avg_pool1d_backward(grad_output, input, output_size):
    """Return the gradient of `adaptive_avg_pool1d`; see `adaptive_avg_pool2d_backward`.

    ∂L/∂x[n,c,h] = Σ_p g[n,c,p] / D[p] · [h in bin p]
    """
    name = "adaptive_avg_pool1d_backward"
    return _adaptive_backward(name, 1, grad_output, input, output_size)


def adaptive_avg_pool2d_backward(grad_output, input, output_size):
    """Return the gradient of `adaptive_avg_pool2d` in its input.

        ∂L/∂x[n,c,h,w] = Σ_{p,q} g[n,c,p,q] / D[p,q] · [(h, w) in bin (p, q)]

    D counts the positions of a bin.

    Parameters
    ----------
    grad_output : (N, C, H_out, W_out) or (C, H_out, W_out)
        g = ∂L/∂y, in the input's dtype.
    input, output_size
        The arguments of the forward call.

    Returns
    -------
    (N, C, H, W) or (C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `adaptive_avg_pool2d`, and if ``grad_output`` has not the shape or dtype of
        its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.adaptive_avg_pool2d``.

    Examples
    --------
    >>> g, x = np.array([[[6.0, 12.0]]]), np.ones((1, 1, 5))
    >>> adaptive_avg_pool2d_backward(g, x, (1, 2))
    array([[[2., 2., 6., 4., 4.]]])
    """
    name = "adaptive_avg_pool2d_backward"
    return _adaptive_backward(name, 2, grad_output, input, output_size)


def adaptive_avg_pool3d_backward(grad_output, input, output_size):
    """Return the gradient of `adaptive_avg_pool3d`; see `adaptive_avg_pool2d_backward`.

    Shapes: grad_output (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out).
    """
    name = "adaptive_avg_pool3d_backward"
    return _adaptive_backward(name, 3, grad_output, input, output_size)


def _adaptive(name, axes, input, output_size):
    check = _Check(name, axes, input)
    return _mean(input, check.adaptive(output_size))


def _adaptive_backward(name, axes, grad_output, input, output_size):
    check = _Check(name, axes, input)
    how = check.adaptive(output_size)
    check.upstream(grad_output, how.out)
    check.filled(1, "grad_output")
    return _mean_backward(grad_output, how)


# Power averages -----------------------------------------------------------------------


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Take the p-norm of the windows of a batch of sequences; see `lp_pool2d`.

        y[n,c,q] = (K/D[q] · Σ_i x[n,c,s·q + i]^p)^{1/p}

    Shapes: input (N, C, L) or (C, L); ``kernel_size`` is an integer.
    Twin: ``torch.nn.functional.lp_pool1d``.
    """
    call = (norm_type, kernel_size, stride, ceil_mode)
    return _lp_pool("lp_pool1d", 1, input, *call)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Take the p-norm of the windows of a batch of images, p = ``norm_type``.

    With q, i = (i, j) and K read as pairs, and D the number of positions that the
    window q has inside the input,

        y[n,c,q] = (K_h·K_w/D[q] · Σ_i x[n,c,s·q + i]^p)^{1/p}

    p = ∞ takes the largest |x| of each window, p = −∞ the smallest.

    Parameters
    ----------
    input : (N, C, H, W) or (C, H, W)
        Floats, or object entries that have powers.
    norm_type : int or float
        p, not 0.
    kernel_size : int or tuple of int
        One number for all axes, or one per axis.
    stride : int or tuple of int, optional
        The kernel size unless given.
    ceil_mode : bool
        Also take a last window that leaves the input at its end.

    Returns
    -------
    (N, C, H_out, W_out) or (C, H_out, W_out)
        In the input's dtype.

    Raises
    ------
    TypeError, ValueError
        As `avg_pool2d`, and if the norm is 0 or no number.

    Notes
    -----
    Twin: ``torch.nn.functional.lp_pool2d``.  As there, powers are of x and not of |x|,
    so the root of a negative sum is NaN, and K/D is 1 except in a last window of
    ``ceil_mode``, whose sum is scaled up to a whole window's.  Integers are rejected:
    PyTorch truncates their mean before it takes the root.  Powers ±½ of −0 and −∞ are
    NumPy's: PyTorch takes square roots.  The root of a `Fraction` is a float to Python,
    unless p is 1.

    Examples
    --------
    >>> lp_pool2d(np.array([[[3.0, 4.0]]]), 2, (1, 2))
    array([[[5.]]])
    """
    call = (norm_type, kernel_size, stride, ceil_mode)
    return _lp_pool("lp_pool2d", 2, input, *call)


def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Take the p-norm of the windows of a batch of volumes; see `lp_pool2d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W).
    Twin: ``torch.nn.functional.lp_pool3d``.
    """
    call = (norm_type, kernel_size, stride, ceil_mode)
    return _lp_pool("lp_pool3d", 3, input, *call)


def lp_pool1d_backward(
    grad_output, input, norm_type, kernel_size, stride=None, ceil_mode=False
):
    """Return the gradient of `lp_pool1d`; see `lp_pool2d_backward`."""
    call = (norm_type, kernel_size, stride, ceil_mode)
    return _lp_pool_backward("lp_pool1d_backward", 1, grad_output, input, *call)


def lp_pool2d_backward(
    grad_output, input, norm_type, kernel_size, stride=None, ceil_mode=False
):
    """Return the gradient of `lp_pool2d` in its input.

    With q, i and h read as pairs, K and D as in `lp_pool2d` and p = ``norm_type``,

        ∂L/∂x[n,c,h] = x[n,c,h]^{p−1} · Σ_{q,i} g[n,c,q] · y[n,c,q]^{1−p} ·
                       K_h·K_w/D[q] · [h = s·q + i]

    A window whose sum is 0 hands nothing back.  With p = ±∞ all of g goes to the first
    position of the extreme |x|, times the sign of x, which is 0 at 0.

    Parameters
    ----------
    grad_output : (N, C, H_out, W_out) or (C, H_out, W_out)
        g = ∂L/∂y, in the input's dtype.
    input, norm_type, kernel_size, stride, ceil_mode
        The arguments of the forward call.

    Returns
    -------
    (N, C, H, W) or (C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `lp_pool2d`, and if ``grad_output`` has not the shape or dtype of its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.lp_pool2d``.

    Examples
    --------
    >>> g, x = np.array([[[5.0]]]), np.array([[[3.0, 4.0]]])
    >>> lp_pool2d_backward(g, x, 2, (1, 2))
    array([[[3., 4.]]])
    """
    call = (norm_type, kernel_size, stride, ceil_mode)
    return _lp_pool_backward("lp_pool2d_backward", 2, grad_output, input, *call)


def lp_pool3d_backward(
    grad_output, input, norm_type, kernel_size, stride=None, ceil_mode=False
):
    """Return the gradient of `lp_pool3d`; see `lp_pool2d_backward`."""
    call = (norm_type, kernel_size, stride, ceil_mode)
    return _lp_pool_backward("lp_pool3d_backward", 3, grad_output, input, *call)


@quiet()
def _lp_pool(name, axes, input, norm_type, kernel_size, stride, ceil_mode):
    check = _Check(name, axes, input)
    p, windows = check.power(norm_type, kernel_size, stride, ceil_mode)
    if abs(p) == math.inf:
        pool, sign = _MAX_POOL[axes][0], 1 if p > 0 else -1
        x = sign * abs(input)
        return sign * pool(x, kernel_size, stride, ceil_mode=ceil_mode)
    volume, how = math.prod(windows.kernel_size), check.means(windows)
    # As in PyTorch −0 becomes 0, which shows in the root of a negative p.
    return (volume * _mean(input**p, how) + 0) ** (Fraction(1) / p)


@quiet()
def _lp_pool_backward(
    name, axes, grad_output, input, norm_type, kernel_size, stride, ceil_mode
):
    check = _Check(name, axes, input)
    p, windows = check.power(norm_type, kernel_size, stride, ceil_mode)
    check.upstream(grad_output, windows.out)
    if abs(p) == math.inf:
        pool_backward, sign = _MAX_POOL[axes][1], 1 if p > 0 else -1
        x = rounded(sign * abs(input), input)
        call = (grad_output, x, kernel_size, stride)
        return pool_backward(*call, ceil_mode=ceil_mode) * _sign(input)
    volume, how = math.prod(windows.kernel_size), check.means(windows)
    z, root = _mean(input**p, how), Fraction(1) / p
    g = grad_output * (root * (volume * z) ** (root - 1)) * volume
    # PyTorch sends z through sign(z)·relu(|z|): that of NaN is 0, too.
    g = np.where(z == 0, 0, g * _sign(z) ** 2)
    return _mean_backward(g, how) * (p * input ** (p - 1))


_MAX_POOL = {
    1: (max_pool1d, max_pool1d_backward),
    2: (max_pool2d, max_pool2d_backward),
    3: (max_pool3d, max_pool3d_backward),
}


def _sign(x):
    """Return 1, −1 or 0; 0 also for NaN."""
    return np.where(x > 0, 1, np.where(x < 0, -1, 0)).astype(x.dtype)


# Means --------------------------------------------------------------------------------


class _Means(NamedTuple):
    """The windows along each axis, and what their sums are divided by.

    ``divisor`` is one integer, or an array of the output's spatial shape.
    """

    lines: tuple[Line, ...]
    divisor: int | np.ndarray

    @property
    def size(self):
        return tuple(line.size for line in self.lines)

    @property
    def out(self):
        return tuple(line.out for line in self.lines)


@quiet()
def _mean(x, how):
    """Sum each window, then divide."""

    def mean(x):
        for line in how.lines:
            x = _sum(x, line)
        return _divide(x, how.divisor)

    return _in_blocks(mean, x, how.size, how.out)


@quiet()
def _mean_backward(g, how):
    """Divide, then hand each window's share to every position that it reads."""

    def spread(g):
        g = _divide(g, how.divisor)
        for line in reversed(how.lines):
            g = _sum_backward(g, line)
        return g

    return _in_blocks(spread, g, how.out, how.size)


def _sum(x, line):
    """Sum along one axis: y[p] = Σ_i x[s·p + i − P]."""
    if line.out == 1:
        # One window is summed at once, which is faster.
        window = x[along(line.axis, _window(line))]
        return window.sum(axis=line.axis, keepdims=True)
    y = np.empty(resized(x, line.axis, line.out), x.dtype)
    for tap in line.taps:
        sums, read = y[along(line.axis, tap.outputs)], x[along(line.axis, tap.inputs)]
        if tap.first:
            sums[...] = read
        else:
            sums += read
    return y


def _sum_backward(g, line):
    """Go back along one axis: ∂L/∂x[h] = Σ_{p,i} g[p] · [h = s·p + i − P]."""
    x = np.zeros(resized(g, line.axis, line.size), g.dtype)
    if line.out == 1:
        x[along(line.axis, _window(line))] = g
        return x
    for tap in line.taps:
        x[along(line.axis, tap.inputs)] += g[along(line.axis, tap.outputs)]
    return x


def _window(line):
    """Return the positions that the only window reads."""
    return slice(line.taps[0].inputs.start, line.taps[-1].inputs.start + 1)


def _divide(x, divisor):
    """Divide in the dtype of x: integers towards 0, exact entries exactly."""
    if x.dtype == object:
        # Not by Python's integers, whose quotients are floats.
        return x / (divisor * np.array(Fraction(1)))
    divisor = np.asarray(divisor, x.dtype)
    if x.dtype.kind == "i":
        return (x - np.fmod(x, divisor)) // divisor
    return x / divisor


def _in_blocks(function, x, size, out):
    """Apply a function to as many images at a time as stay in a cache of 1 MiB."""
    lead = x.shape[: x.ndim - len(size)]
    images = x.reshape(math.prod(lead), *size)
    y = np.empty((len(images), *out), x.dtype)
    step = max(1, 2**20 // max(1, math.prod(size) * x.itemsize))
    for n in range(0, len(images), step):
        y[n : n + step] = function(widened(images[n : n + step]))
    return y.reshape(*lead, *out)


# What makes a call valid --------------------------------------------------------------


class _Check(PoolCheck):
    """The arguments of an average pooling."""

    def __init__(self, name, axes, input, kinds="fO"):
        super().__init__(name, axes, input, kinds)

    def contains(self, windows):
        """Refuse a volume smaller than the kernel: padding makes up for images only."""
        for axis, h, k in zip(self.axes, self.size, windows.kernel_size):
            if len(self.axes) == 3 and h < k:
                self.fail(f"along {axis}, the kernel spans {k} but the input only {h}")

    def means(self, windows, count_include_pad=True, divisor_override=None):
        """Return how the means over regular windows are taken."""
        counted = self.flag("count_include_pad", count_include_pad)
        if divisor_override is None:
            rule = (self.size, *windows[:3], windows.out, [counted] * len(self.axes))
            divisor = _product(map(_counts, *rule))
        else:
            divisor = self.integer("divisor_override", divisor_override)
            if divisor == 0:
                self.fail("divisor_override must not be 0")
        lists = map(taps, self.size, *windows)
        return _Means(_lines(self.size, windows.out, lists), divisor)

    def adaptive(self, output_size):
        """Return how the means over bins are taken."""
        # PyTorch wants channels of volumes alone.
        self.filled(1 if len(self.axes) == 3 else len(self.lead))
        out = self.bins(output_size)
        divisor = _product(map(_bin_counts, self.size, out))
        return _Means(_lines(self.size, out, map(bins, self.size, out)), divisor)

    def power(self, norm_type, kernel_size, stride, ceil_mode) -> tuple[Any, Pooling]:
        """Return p and the windows of a power average."""
        p = self.number("norm_type", norm_type)
        if p == 0:
            self.fail("norm_type must not be 0")
        if len(self.axes) == 1:
            kernel_size = self.integer("kernel_size", kernel_size)
        kernel_size = self.per_axis("kernel_size", kernel_size, self.axes, repeat=False)
        windows = self.windows(kernel_size, stride, 0, 1, ceil_mode)
        if abs(p) != math.inf:
            self.contains(windows)
        return p, windows


def _counts(size, kernel_size, stride, padding, out, include_pad):
    """Count each window's positions inside the padded input, or inside the input."""
    start = stride * np.arange(out) - padding
    end = np.minimum(start + kernel_size, size + padding)
    if not include_pad:
        start, end = np.maximum(start, 0), np.minimum(end, size)
    return end - start


def _bin_counts(size, out):
    """Count each bin's positions: ⌈(p + 1)·H/H_out⌉ − ⌊p·H/H_out⌋."""
    p = np.arange(out)
    return -(-(p + 1) * size // out) - p * size // out


def _lines(size, out, lists):
    """Return the windows of each axis, given a list of taps for each."""
    return tuple(map(Line, range(-len(out), 0), size, out, map(tuple, lists)))


def _product(counts):
    """Multiply one count per axis: a single number, if all windows have the same."""
    product = np.array(1)
    for count in counts:
        product = product[..., None] * count
    same = product.size and (product == product.flat[0]).all()
    return int(product.flat[0]) if same else product
