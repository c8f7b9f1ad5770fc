"""Cross-correlation: one sum, contracted in three ways.

What CNNs call convolution is linear in the input and in the weight, so three
contractions of the same sum serve every convolution and every gradient of one:

    correlate           Σ over c, i   the forward pass, from input and weight
    correlate_input     Σ over o, p   its adjoint in the input
    correlate_weight    Σ over n, p   its adjoint in the weight
"""

import math
from typing import NamedTuple

import numpy as np

from cnnref.windows import windows, windows_backward

__all__ = ["Settings", "correlate", "correlate_input", "correlate_weight"]


class Settings(NamedTuple):
    """How windows lie: one entry per spatial axis, and the number of groups."""

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int


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
