"""Convolution and transposed convolution in 1, 2 and 3 spatial axes, with gradients.

Each public function checks its call, then is one or two of the contractions of
`cnnref.correlation`.  A convolution is `correlate`, its gradients are `correlate_input`
and `correlate_weight`; a transposed convolution is `correlate_input`, and its gradients
are the other two.
"""

from typing import NamedTuple

import numpy as np

from cnnref.arguments import SPATIAL, Arguments
from cnnref.correlation import Settings
from cnnref.floats import conj, widened
from cnnref.geometry import out_size, same_padding, transposed_size
from cnnref.tiles import correlate, correlate_input, correlate_weight

__all__ = [
    "ConvGradients",
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
]


class ConvGradients(NamedTuple):
    """The gradients of a convolution; ``bias`` is None where no bias was given."""

    input: np.ndarray
    weight: np.ndarray
    bias: np.ndarray | None


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
    Derived in "Convolution and cross-correlation" (ledger: conv-def-s1,
    conv-label-conv-s2).

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
    y = correlate(x, weight, settings, bias)
    return y if check.batched else y[0]


def _conv_backward(
    name, axes, grad_output, input, weight, bias, stride, padding, dilation, groups
):
    check = _Check(f"{name}_backward", axes, input, weight, bias, groups)
    settings, out = check.conv(stride, padding, dilation)
    check.upstream(grad_output, len(weight), out)
    x, g = (a if check.batched else a[None] for a in (input, grad_output))
    dx = correlate_input(g, conj(weight), x.shape[2:], settings)
    dw = correlate_weight(g, conj(x), weight.shape[2:], settings)
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
    if bias is not None:
        y += bias.reshape(-1, *(1,) * axes)
    return y if check.batched else y[0]


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
    check.upstream(grad_output, groups * weight.shape[1], out)
    x, g = (a if check.batched else a[None] for a in (input, grad_output))
    # Positions added at the end were written by no window, so none may read them.
    cut = tuple((p, p - r) for (p, _), r in zip(settings.padding, added))
    settings = settings._replace(padding=cut)
    dx = correlate(g, conj(weight), settings)
    dw = correlate_weight(conj(x), g, weight.shape[2:], settings)
    return _gradients(check, dx, dw, g, bias)


def _gradients(check, dx, dw, g, bias):
    """Sum the bias gradient, and drop the batch that the caller did not give."""
    db = None
    if bias is not None:
        # Without the cast NumPy would widen small integers.
        total = widened(g).sum(axis=(0, *range(2, g.ndim)))
        db = total.astype(g.dtype, copy=False)
    return ConvGradients(dx if check.batched else dx[0], dw, db)


# What makes a call valid --------------------------------------------------------------


class _Check(Arguments):
    """The arguments of a convolution, or of a transposed one."""

    def __init__(self, name, axes, input, weight, bias, groups, transposed=False):
        super().__init__(name)
        self.axes = SPATIAL[axes]
        kernel = tuple("K" if axes == 1 else f"K_{a.lower()}" for a in self.axes)
        channels = ("C_in", "C_out/groups") if transposed else ("C_out", "C_in/groups")
        self.batched = getattr(input, "ndim", None) != axes + 1
        self.array("input", input, (*("N",) * self.batched, "C_in", *self.axes))
        self.array("weight", weight, (*channels, *kernel))
        if bias is not None:
            self.array("bias", bias, ("C_out",))
        if input.ndim not in (axes + 1, axes + 2):
            self.fail(
                f"input must have {axes + 1} or {axes + 2} axes, not {input.ndim}"
            )
        if weight.ndim != axes + 2:
            self.fail(f"weight must have {axes + 2} axes, not {weight.ndim}")
        groups = self.integer("groups", groups, least=1)
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
        stride = self.per_axis("stride", stride, self.axes, least=1)
        dilation = self.per_axis("dilation", dilation, self.axes, least=1)
        if not isinstance(padding, str):
            padding = tuple(
                (p, p) for p in self.per_axis("padding", padding, self.axes, least=0)
            )
        elif padding == "valid":
            padding = ((0, 0),) * len(self.axes)
        elif padding != "same":
            self.fail(f"padding must be 'same', 'valid' or integers, not {padding!r}")
        elif any(s != 1 for s in stride):
            self.fail(f"padding 'same' needs stride 1, not {stride}")
        else:
            padding = tuple(map(same_padding, self.kernel, dilation))
        rule = (self.size, self.kernel, stride, padding, dilation)
        return Settings(stride, padding, dilation, self.groups), self.along(
            self.axes, out_size, *rule
        )

    def conv_transpose(self, stride, padding, output_padding, dilation):
        """Return the settings, the output's spatial shape and the added positions."""
        stride = self.per_axis("stride", stride, self.axes, least=1)
        dilation = self.per_axis("dilation", dilation, self.axes, least=1)
        padding = self.per_axis("padding", padding, self.axes, least=0)
        added = self.per_axis("output_padding", output_padding, self.axes, least=0)
        rule = (self.size, self.kernel, stride, padding, added, dilation)
        sides = tuple((p, p) for p in padding)
        settings = Settings(stride, sides, dilation, self.groups)
        return settings, self.along(self.axes, transposed_size, *rule), added

    def upstream(self, grad_output, c_out, out):
        """Check the upstream gradient against the output that it belongs to."""
        batch = self.arrays["input"][0].shape[: self.batched]
        labels = ("C_out", *(f"{a}_out" for a in self.axes))
        labels = (*("N",) * self.batched, *labels)
        self.gradient(grad_output, (*batch, c_out, *out), labels)
