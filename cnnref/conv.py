"""Convolution and transposed convolution in 1, 2 and 3 spatial axes, with gradients.

What CNNs call convolution is cross-correlation.  It is linear in the input and in the
weight, so three contractions of the same sum serve everything in this file:

    correlate           Σ over c, i   the forward pass, from input and weight
    correlate_input     Σ over o, p   its adjoint in the input
    correlate_weight    Σ over n, p   its adjoint in the weight

A transposed convolution is `correlate_input`, and its two gradients are the other two.
Each public function checks its call, then is one or two of these contractions.
"""

import math
import operator
from typing import NamedTuple

import numpy as np

from cnnref.geometry import out_size, same_padding, transposed_size
from cnnref.windows import windows, windows_backward

__all__ = [
    "ConvGradients",
    "Settings",
    "conv1d",
    "conv1d_backward",
    "conv2d",
    "conv2d_backward",
    "conv3d",
    "conv3d_backward",
    "conv_transpose1d",
    "conv_transpose1d_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "conv_transpose3d",
    "conv_transpose3d_backward",
    "correlate",
    "correlate_input",
    "correlate_weight",
]


class ConvGradients(NamedTuple):
    """The gradients of a convolution; ``bias`` is None where no bias was given."""

    input: np.ndarray
    weight: np.ndarray
    bias: np.ndarray | None


class Settings(NamedTuple):
    """How windows lie: one entry per spatial axis, and the number of groups."""

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int


# The three contractions ---------------------------------------------------------------


def correlate(input, weight, settings):
    """Slide the weight over the input and sum the products.

        y[n,o,p] = Σ_{c,i} w[o,c,i] · x[n,c,s·p + d·i − P]

    Parameters
    ----------
    input : (N, C_in, *spatial)
    weight : (C_out, C_in/groups, *kernel)
    settings : Settings

    Returns
    -------
    (N, C_out, *out)
    """
    *where, groups = settings
    kernel = weight.shape[2:]
    out = windows(input[:0], kernel, *where).shape[-len(kernel) :]
    rows = weight.reshape(groups, len(weight) // groups, -1)
    result = np.empty((len(input), *rows.shape[:2], math.prod(out)), input.dtype)
    for block in _blocks(input, kernel, out):
        columns = windows(input[block], kernel, *where)
        columns = columns.reshape(-1, groups, rows.shape[2], math.prod(out))
        np.matmul(rows, columns, out=result[block])
    return result.reshape(len(input), len(weight), *out)


def correlate_input(grad_output, weight, size, settings):
    """Send every output's gradient back through the weight to the inputs it read.

        ∂L/∂x[n,c,h] = Σ_{o,p,i} g[n,o,p] · w[o,c,i] · [h = s·p + d·i − P]

    Parameters
    ----------
    grad_output : (N, C_out, *out)
    weight : (C_out, C_in/groups, *kernel)
    size : tuple of int
        The spatial shape of the input.
    settings : Settings

    Returns
    -------
    (N, C_in, *size)
    """
    *where, groups = settings
    kernel, out = weight.shape[2:], grad_output.shape[2:]
    rows = weight.reshape(groups, len(weight) // groups, -1)
    channels = groups * weight.shape[1]
    result = np.empty((len(grad_output), channels, *size), grad_output.dtype)
    for block in _blocks(result, kernel, out):
        g = grad_output[block].reshape(-1, *rows.shape[:2], math.prod(out))
        columns = rows.swapaxes(1, 2) @ g
        columns = columns.reshape(-1, channels, *kernel, *out)
        result[block] = windows_backward(columns, size, *where)
    return result


def correlate_weight(grad_output, input, kernel_size, settings):
    """Correlate the input with the gradient: stride and dilation change places.

        ∂L/∂w[o,c,i] = Σ_{n,p} g[n,o,p] · x[n,c,s·p + d·i − P]

    Parameters
    ----------
    grad_output : (N, C_out, *out)
    input : (N, C_in, *spatial)
    kernel_size : tuple of int
    settings : Settings

    Returns
    -------
    (C_out, C_in/groups, *kernel_size)
    """
    *where, groups = settings
    out = grad_output.shape[2:]
    c_out, c_in = grad_output.shape[1] // groups, input.shape[1] // groups
    total = np.zeros((groups, c_out, c_in * math.prod(kernel_size)), input.dtype)
    for block in _blocks(input, kernel_size, out):
        columns = windows(input[block], kernel_size, *where)
        columns = columns.reshape(-1, groups, total.shape[2], math.prod(out))
        g = grad_output[block].reshape(-1, groups, c_out, math.prod(out))
        total += (g @ columns.swapaxes(2, 3)).sum(axis=0)
    return total.reshape(groups * c_out, c_in, *kernel_size)


def _blocks(images, kernel_size, out):
    """Cut the batch where the columns of its images would leave a cache of 1 MiB."""
    columns = images.shape[1] * math.prod(kernel_size) * math.prod(out)
    step = max(1, 2**20 // (columns * images.itemsize))
    return (slice(n, n + step) for n in range(0, len(images), step))


# Convolution --------------------------------------------------------------------------


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Correlate a batch of sequences with a bank of kernels; see `conv2d`.

        y[n,o,p] = b[o] + Σ_{c,i} w[o,c,i] · x[n,c,s·p + d·i − P]

    Shapes: input (N, C_in, L) or (C_in, L), weight (C_out, C_in/groups, K).
    Twin: ``torch.nn.functional.conv1d``.
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Correlate a batch of images with a bank of kernels, then add the bias.

        y[n,o,p,q] = b[o] + Σ_{c,i,j} w[o,c,i,j] · x[n,c,s·p + d·i − P,s·q + d·j − P]

    x is 0 outside its shape, and stride, dilation and padding may differ per axis.
    With groups, output channel o sums over the input channels of its own group.

    Parameters
    ----------
    input : (N, C_in, H, W) or (C_in, H, W)
        Any numeric dtype, or object (fractions, symbols), which stays exact.
    weight : (C_out, C_in/groups, K_h, K_w)
        The input's dtype.
    bias : (C_out,), optional
        The input's dtype.
    stride, dilation : int or tuple of int
        One number for all axes, or one per axis.
    padding : int, tuple of int, "valid" or "same"
        Zeros on each side of each axis.  "valid" is 0.  "same" keeps the size at
        stride 1; an odd total puts the extra zero after the input.
    groups : int
        Divides both C_in and C_out.

    Returns
    -------
    (N, C_out, H_out, W_out) or (C_out, H_out, W_out)
        H_out = ⌊(H + 2P − d·(K_h − 1) − 1) / s⌋ + 1, in the input's dtype.

    Raises
    ------
    TypeError
        If an array is not a NumPy array of numbers, the dtypes differ, or a setting
        is not an integer.
    ValueError
        If shapes or settings disagree, or the kernel does not fit.

    Notes
    -----
    Twin: ``torch.nn.functional.conv2d``.  An input without channels is rejected: the
    sum is empty, and PyTorch returns an output without channels.
    Derived in "Convolution" (ledger: conv-def-s1, conv-label-conv-s2).

    Examples
    --------
    >>> x = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    >>> prewitt = np.array([[[[1.0, 0.0, -1.0]] * 3]])
    >>> conv2d(x, prewitt.reshape(1, 1, 3, 3))
    array([[[[-6.]]]])
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Correlate a batch of volumes with a bank of kernels; see `conv2d`.

        y[n,o,p] = b[o] + Σ_{c,i} w[o,c,i] · x[n,c,s·p + d·i − P],   p, i in Z³

    Shapes: input (N, C_in, D, H, W) or (C_in, D, H, W), weight
    (C_out, C_in/groups, K_d, K_h, K_w).  Twin: ``torch.nn.functional.conv3d``.
    """
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def conv1d_backward(
    grad_output, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1
):
    """Return the gradients of `conv1d`; see `conv2d_backward`.

    ∂L/∂x[n,c,h] = Σ_{o,p,i} g[n,o,p] · w[o,c,i] · [h = s·p + d·i − P]
    ∂L/∂w[o,c,i] = Σ_{n,p} g[n,o,p] · x[n,c,s·p + d·i − P]
    ∂L/∂b[o]     = Σ_{n,p} g[n,o,p]
    """
    call = (input, weight, bias, stride, padding, dilation, groups)
    return _conv_backward("conv1d", 1, grad_output, *call)


def conv2d_backward(
    grad_output, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1
):
    """Return the gradients of `conv2d` in its input, weight and bias.

    With p = (p, q), i = (i, j) and h = (h, w) read as pairs,

        ∂L/∂x[n,c,h] = Σ_{o,p,i} g[n,o,p] · w[o,c,i] · [h = s·p + d·i − P]
        ∂L/∂w[o,c,i] = Σ_{n,p} g[n,o,p] · x[n,c,s·p + d·i − P]
        ∂L/∂b[o]     = Σ_{n,p} g[n,o,p]

    Parameters
    ----------
    grad_output : (N, C_out, H_out, W_out) or (C_out, H_out, W_out)
        g = ∂L/∂y, in the input's dtype.
    input, weight, bias, stride, padding, dilation, groups
        The arguments of the forward call.

    Returns
    -------
    ConvGradients
        ``.input``, ``.weight`` and ``.bias`` in the shapes of the arguments; ``.bias``
        is None if the call had no bias.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`, and if ``grad_output`` has not the shape or dtype of its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.conv2d``.
    Derived in "Backpropagation through a convolution" (ledger: conv-grad-general,
    conv-dK-s1, conv-dK-s2, conv-dX-s2, conv-db).

    Examples
    --------
    >>> x = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    >>> w = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> g = np.array([[[[1.0, 0.0], [0.0, 0.0]]]])
    >>> conv2d_backward(g, x, w).weight
    array([[[[1., 2.],
             [4., 5.]]]])
    """
    call = (input, weight, bias, stride, padding, dilation, groups)
    return _conv_backward("conv2d", 2, grad_output, *call)


def conv3d_backward(
    grad_output, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1
):
    """Return the gradients of `conv3d`; see `conv2d_backward`, with p, i, h in Z³."""
    call = (input, weight, bias, stride, padding, dilation, groups)
    return _conv_backward("conv3d", 3, grad_output, *call)


def _conv(name, axes, input, weight, bias, stride, padding, dilation, groups):
    check = _Check(name, axes, input, weight, bias, groups)
    settings, _ = check.conv(stride, padding, dilation)
    x = input if check.batched else input[None]
    y = correlate(x, weight, settings)
    return _output(check, y, bias)


def _conv_backward(
    name, axes, grad_output, input, weight, bias, stride, padding, dilation, groups
):
    check = _Check(f"{name}_backward", axes, input, weight, bias, groups)
    settings, out = check.conv(stride, padding, dilation)
    check.gradient(grad_output, len(weight), out)
    x, g = (a if check.batched else a[None] for a in (input, grad_output))
    dx = correlate_input(g, _conj(weight), x.shape[2:], settings)
    dw = correlate_weight(g, _conj(x), weight.shape[2:], settings)
    return _gradients(check, dx, dw, g, bias)


# Transposed convolution ---------------------------------------------------------------


def conv_transpose1d(
    input,
    weight,
    bias=None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
):
    """Apply the transpose of `conv1d` to a batch; see `conv_transpose2d`.

        y[n,o,h] = b[o] + Σ_{c,p,i} x[n,c,p] · w[c,o,i] · [h = s·p + d·i − P]

    Shapes: input (N, C_in, L) or (C_in, L), weight (C_in, C_out/groups, K).
    Twin: ``torch.nn.functional.conv_transpose1d``.
    """
    call = (input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _conv_transpose("conv_transpose1d", 1, *call)


def conv_transpose2d(
    input,
    weight,
    bias=None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
):
    """Apply the transpose of `conv2d` to a batch of images, then add the bias.

    With p = (p, q), i = (i, j) and h = (h, w) read as pairs,

        y[n,o,h] = b[o] + Σ_{c,p,i} x[n,c,p] · w[c,o,i] · [h = s·p + d·i − P]

    It is the transpose of a convolution as a matrix, not its inverse: the input
    gradient of the convolution from C_out to C_in channels with the same weight.

    Parameters
    ----------
    input : (N, C_in, H, W) or (C_in, H, W)
        Any numeric dtype, or object, which stays exact.
    weight : (C_in, C_out/groups, K_h, K_w)
        The input's dtype.
    bias : (C_out,), optional
        The input's dtype.
    stride, dilation : int or tuple of int
    padding : int or tuple of int
        Positions cut from each side of the output.
    output_padding : int or tuple of int
        Positions added at the end of each axis; below the stride or the dilation.
    groups : int
        Divides both C_in and C_out.

    Returns
    -------
    (N, C_out, H_out, W_out) or (C_out, H_out, W_out)
        H_out = (H − 1)·s − 2P + d·(K_h − 1) + 1 + output_padding.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`, and if nothing is left of the output.

    Notes
    -----
    Twin: ``torch.nn.functional.conv_transpose2d``.

    Examples
    --------
    >>> x = np.array([[[[1.0, 10.0]]]])
    >>> conv_transpose2d(x, np.array([[[[1.0, 2.0, 3.0]]]]), stride=(1, 2))
    array([[[[ 1.,  2., 13., 20., 30.]]]])
    """
    call = (input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _conv_transpose("conv_transpose2d", 2, *call)


def conv_transpose3d(
    input,
    weight,
    bias=None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
):
    """Apply the transpose of `conv3d` to a batch; see `conv_transpose2d`.

    Shapes: input (N, C_in, D, H, W) or (C_in, D, H, W), weight
    (C_in, C_out/groups, K_d, K_h, K_w).
    Twin: ``torch.nn.functional.conv_transpose3d``.
    """
    call = (input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _conv_transpose("conv_transpose3d", 3, *call)


def conv_transpose1d_backward(
    grad_output,
    input,
    weight,
    bias=None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
):
    """Return the gradients of `conv_transpose1d`; see `conv_transpose2d_backward`."""
    call = (input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _conv_transpose_backward("conv_transpose1d", 1, grad_output, *call)


def conv_transpose2d_backward(
    grad_output,
    input,
    weight,
    bias=None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
):
    """Return the gradients of `conv_transpose2d` in its input, weight and bias.

    With p = (p, q) and i = (i, j) read as pairs,

        ∂L/∂x[n,c,p] = Σ_{o,i} w[c,o,i] · g[n,o,s·p + d·i − P]
        ∂L/∂w[c,o,i] = Σ_{n,p} x[n,c,p] · g[n,o,s·p + d·i − P]
        ∂L/∂b[o]     = Σ_{n,h} g[n,o,h]

    Parameters
    ----------
    grad_output : (N, C_out, H_out, W_out) or (C_out, H_out, W_out)
        g = ∂L/∂y, in the input's dtype.
    input, weight, bias, stride, padding, output_padding, groups, dilation
        The arguments of the forward call.

    Returns
    -------
    ConvGradients
        As `conv2d_backward`.

    Raises
    ------
    TypeError, ValueError
        As `conv_transpose2d`, and if ``grad_output`` does not match its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.conv_transpose2d``.
    """
    call = (input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _conv_transpose_backward("conv_transpose2d", 2, grad_output, *call)


def conv_transpose3d_backward(
    grad_output,
    input,
    weight,
    bias=None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
):
    """Return the gradients of `conv_transpose3d`; see `conv_transpose2d_backward`."""
    call = (input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _conv_transpose_backward("conv_transpose3d", 3, grad_output, *call)


def _conv_transpose(
    name,
    axes,
    input,
    weight,
    bias,
    stride,
    padding,
    output_padding,
    groups,
    dilation,
):
    check = _Check(name, axes, input, weight, bias, groups, transposed=True)
    settings, out, _ = check.conv_transpose(stride, padding, output_padding, dilation)
    x = input if check.batched else input[None]
    y = correlate_input(x, weight, out, settings)
    return _output(check, y, bias)


def _conv_transpose_backward(
    name,
    axes,
    grad_output,
    input,
    weight,
    bias,
    stride,
    padding,
    output_padding,
    groups,
    dilation,
):
    name = f"{name}_backward"
    check = _Check(name, axes, input, weight, bias, groups, transposed=True)
    settings, out, added = check.conv_transpose(
        stride, padding, output_padding, dilation
    )
    check.gradient(grad_output, groups * weight.shape[1], out)
    x, g = (a if check.batched else a[None] for a in (input, grad_output))
    # Positions added at the end were written by no window, so none may read them.
    cut = tuple((p, p - r) for (p, _), r in zip(settings.padding, added))
    settings = settings._replace(padding=cut)
    dx = correlate(g, _conj(weight), settings)
    dw = correlate_weight(_conj(x), g, weight.shape[2:], settings)
    return _gradients(check, dx, dw, g, bias)


def _output(check, y, bias):
    """Add the bias, and drop the batch that the caller did not give."""
    if bias is not None:
        y += bias.reshape(-1, *(1,) * (y.ndim - 2))
    return y if check.batched else y[0]


def _gradients(check, dx, dw, g, bias):
    """Sum the bias gradient, and drop the batch that the caller did not give."""
    db = None
    if bias is not None:
        # Without the cast NumPy would widen small integers.
        db = g.sum(axis=(0, *range(2, g.ndim))).astype(g.dtype, copy=False)
    return ConvGradients(dx if check.batched else dx[0], dw, db)


def _conj(array):
    """Conjugate a complex array, as gradients in PyTorch's convention need."""
    return array.conj() if np.iscomplexobj(array) else array


# What makes a call valid --------------------------------------------------------------

_AXES = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}


class _Check:
    """The arrays of one call, checked, with the words for what is wrong with them."""

    def __init__(self, name, axes, input, weight, bias, groups, transposed=False):
        self.name, self.axes = name, _AXES[axes]
        kernel = tuple("K" if axes == 1 else f"K_{a.lower()}" for a in self.axes)
        channels = ("C_in", "C_out/groups") if transposed else ("C_out", "C_in/groups")
        batched = getattr(input, "ndim", None) != axes + 1
        self.arrays = {
            "input": (input, (*("N",) * batched, "C_in", *self.axes)),
            "weight": (weight, (*channels, *kernel)),
        }
        if bias is not None:
            self.arrays["bias"] = (bias, ("C_out",))
        self.batched = batched
        for label in self.arrays:
            self._numbers(label)
        if input.ndim not in (axes + 1, axes + 2):
            self.fail(
                f"input must have {axes + 1} or {axes + 2} axes, not {input.ndim}"
            )
        if weight.ndim != axes + 2:
            self.fail(f"weight must have {axes + 2} axes, not {weight.ndim}")
        groups = _integer(self.name, "groups", groups)
        if groups < 1:
            self.fail(f"groups must be at least 1, not {groups}")
        for label in ("input", "weight"):
            array, meanings = self.arrays[label]
            for size, meaning in zip(array.shape, meanings):
                if size == 0 and meaning != "N":
                    self.fail(f"{label} has no elements along {meaning}")
        self.groups, self.kernel = groups, weight.shape[2:]
        self.size = input.shape[-axes:]
        c_in = input.shape[-axes - 1]
        if c_in % groups:
            self.fail(f"C_in = {c_in} does not split into {groups} groups")
        if transposed:
            c_out = weight.shape[1] * groups
            if len(weight) != c_in:
                self.fail(f"weight expects {len(weight)} input channels, not {c_in}")
        else:
            c_out = len(weight)
            if c_out % groups:
                self.fail(f"C_out = {c_out} does not split into {groups} groups")
            if weight.shape[1] * groups != c_in:
                self.fail(
                    f"weight expects {weight.shape[1]} · {groups} input channels, "
                    f"not {c_in}"
                )
        if bias is not None and bias.shape != (c_out,):
            self.fail(f"bias must have the shape ({c_out},), not {bias.shape}")

    def conv(self, stride, padding, dilation):
        """Return the settings of a convolution and its output's spatial shape."""
        stride = self._per_axis("stride", stride, 1)
        dilation = self._per_axis("dilation", dilation, 1)
        if not isinstance(padding, str):
            padding = tuple((p, p) for p in self._per_axis("padding", padding, 0))
        elif padding == "valid":
            padding = ((0, 0),) * len(self.axes)
        elif padding != "same":
            self.fail(f"padding must be 'same', 'valid' or integers, not {padding!r}")
        elif any(s != 1 for s in stride):
            self.fail(f"padding 'same' needs stride 1, not {stride}")
        else:
            padding = tuple(map(same_padding, self.kernel, dilation))
        rule = (self.size, self.kernel, stride, padding, dilation)
        return Settings(stride, padding, dilation, self.groups), self._sizes(
            out_size, rule
        )

    def conv_transpose(self, stride, padding, output_padding, dilation):
        """Return the settings, the output's spatial shape and the added positions."""
        stride = self._per_axis("stride", stride, 1)
        dilation = self._per_axis("dilation", dilation, 1)
        padding = self._per_axis("padding", padding, 0)
        added = self._per_axis("output_padding", output_padding, 0)
        rule = (self.size, self.kernel, stride, padding, added, dilation)
        sides = tuple((p, p) for p in padding)
        settings = Settings(stride, sides, dilation, self.groups)
        return settings, self._sizes(transposed_size, rule), added

    def gradient(self, grad_output, c_out, out):
        """Check the upstream gradient against the output that it belongs to."""
        meanings = self.arrays["input"][1]
        labels = (*meanings[: self.batched], "C_out", *(f"{a}_out" for a in self.axes))
        self.arrays["grad_output"] = (grad_output, labels)
        self._numbers("grad_output")
        batch = self.arrays["input"][0].shape[: self.batched]
        if grad_output.shape != (expected := (*batch, c_out, *out)):
            self.fail(
                f"grad_output must have the output's shape {expected}, "
                f"not {grad_output.shape}"
            )

    def fail(self, reason):
        """Raise ValueError with the reason, then every shape beside its meaning."""
        lines = [f"{self.name}: {reason}"]
        for label, (array, meanings) in self.arrays.items():
            lines.append(f"  {label:11} {array.shape}  =  ({', '.join(meanings)})")
        raise ValueError("\n".join(lines))

    def _numbers(self, label):
        array = self.arrays[label][0]
        if not isinstance(array, np.ndarray) or np.ma.isMaskedArray(array):
            kind = type(array).__name__
            raise TypeError(f"{self.name}: {label} must be a NumPy array, not {kind}")
        if array.dtype.kind not in "iufcO":
            raise TypeError(
                f"{self.name}: {label} has dtype {array.dtype}, not numbers"
            )
        dtype = self.arrays["input"][0].dtype
        if array.dtype != dtype:
            raise TypeError(
                f"{self.name}: input is {dtype} but {label} is {array.dtype}"
            )

    def _per_axis(self, label, value, least):
        """Return one integer per spatial axis, from one number or a sequence."""
        values = tuple(value) if isinstance(value, tuple | list) else (value,)
        values = tuple(_integer(self.name, label, v) for v in values)
        if len(values) == 1:
            values *= len(self.axes)
        if len(values) != len(self.axes):
            self.fail(f"{label} needs 1 or {len(self.axes)} integers, got {value}")
        if min(values) < least:
            self.fail(f"{label} must be at least {least}, got {value}")
        return values

    def _sizes(self, rule, arguments):
        """Apply a rule of geometry along each axis and name the axis it fails on."""
        sizes = []
        for axis, *values in zip(self.axes, *arguments):
            try:
                sizes.append(rule(*values))
            except ValueError as error:
                reason = str(error).partition(": ")[2]
                self.fail(f"along {axis}, {reason}")
        return tuple(sizes)


def _integer(name, label, value):
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        reason = f"{name}: {label} must be an integer, got {value!r}"
        raise TypeError(reason) from None
