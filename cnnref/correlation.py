"""Cross-correlation: one sum, contracted in three ways.

What CNNs call convolution is linear in the input and in the weight, so three
contractions of the same sum serve every convolution and every gradient of one:

    correlate           Σ over c, i   the forward pass, from input and weight
    correlate_input     Σ over o, p   its adjoint in the input
    correlate_weight    Σ over n, p   its adjoint in the weight

Each takes the windows of an image as columns and is one matrix product per group.
"""

import math
from typing import NamedTuple

from cnnref.windows import windows, windows_backward

__all__ = [
    "Settings",
    "correlate",
    "correlate_input",
    "correlate_weight",
    "flat",
    "im2col",
    "in_rows",
]


class Settings(NamedTuple):
    """How windows lie: one entry per spatial axis, and the number of groups."""

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int


def im2col(input, kernel_size, settings):
    """Return what every window shows, as the columns of a matrix.

        v[n,(c,i),p] = x[n,c,s·p + d·i − P]

    Parameters
    ----------
    input : (N, C_in, *spatial)
    kernel_size : tuple of int
    settings : Settings

    Returns
    -------
    (N, groups, C_in/groups · K, *out) : one matrix per image and group.
    """
    *where, groups = settings
    view = windows(input, kernel_size, *where)
    kernel, out = view.shape[1 : -len(kernel_size)], view.shape[-len(kernel_size) :]
    return view.reshape(len(input), groups, math.prod(kernel) // groups, *out)


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
    shown = im2col(input, weight.shape[2:], settings)
    y = in_rows(weight, settings.groups) @ flat(shown)
    return y.reshape(len(input), len(weight), *shown.shape[3:])


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
    (batch, _, *out), (_, c_in, *kernel) = grad_output.shape, weight.shape
    rows = in_rows(weight, groups)
    g = flat(grad_output.reshape(batch, *rows.shape[:2], *out))
    shown = rows.swapaxes(1, 2) @ g
    shown = shown.reshape(batch, groups * c_in, *kernel, *out)
    return windows_backward(shown, size, *where)


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
    (batch, c_out, *out), groups = grad_output.shape, settings.groups
    g = flat(grad_output.reshape(batch, groups, c_out // groups, *out))
    shown = flat(im2col(input, kernel_size, settings))
    # Without the dtype NumPy would widen small integers.
    dw = (g @ shown.swapaxes(2, 3)).sum(axis=0, dtype=g.dtype.newbyteorder("="))
    return dw.reshape(c_out, input.shape[1] // groups, *kernel_size)


def in_rows(weight, groups):
    """Return the weight as one matrix per group, with a row per output channel."""
    return weight.reshape(groups, len(weight) // groups, math.prod(weight.shape[1:]))


def flat(matrices):
    """Lay the places of an array (N, groups, rows, *out) along one axis."""
    return matrices.reshape(*matrices.shape[:3], math.prod(matrices.shape[3:]))
