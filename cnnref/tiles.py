"""The contractions of `cnnref.correlation`, a tile at a time.

The columns of a large batch would fill the memory, and written there and read again
they cost more time than their product.  So each function here, under the name and with
the arguments of the contraction that it calls, cuts the work into tiles whose columns
stay in a cache: some images, or some rows of one image, and some channels.  Sums over
tiles are sums over parts of one index set, so the results are equal on symbols.

Images that are too small for a fast product are laid side by side: along one more axis
of a single image, on which windows are one wide.
"""

import math
from itertools import pairwise

import numpy as np

from cnnref import correlation
from cnnref.geometry import span
from cnnref.windows import windows, zero_pad

__all__ = ["correlate", "correlate_input", "correlate_weight"]

_BYTES = 2**21  # what the columns of a tile, and their results, may take
_FEW, _ENOUGH, _MANY = 192, 512, 2048  # columns: how many make a product fast


def correlate(input, weight, settings, bias=None):
    """Return `correlation.correlate`, with the bias added while a tile is at hand."""
    kernel, bare = weight.shape[2:], _bare(settings)
    out = windows(input[:0], kernel, *settings[:3]).shape[-len(kernel) :]
    y = np.empty((len(input), len(weight), *out), input.dtype)
    if small := _small(input, y, kernel):
        wide = weight[..., None], _wide(settings), bias
        for images in small:
            y[images] = _apart(correlate(_beside(input[images]), *wide))
        return y
    start = 0 if bias is None else bias.reshape(-1, *(1,) * len(kernel))
    for images, channels, strips in _tiles(input, y, kernel, settings):
        x = zero_pad(input[images, channels], settings.padding)
        for rows, slab in strips:
            part = correlation.correlate(x[:, :, slab], weight[:, channels], bare)
            part += y[images, :, rows] if channels.start else start
            y[images, :, rows] = part
    return y


def correlate_input(grad_output, weight, size, settings):
    """Return `correlation.correlate_input`."""
    kernel, bare = weight.shape[2:], _bare(settings)
    channels = settings.groups * weight.shape[1]
    dx = np.empty((len(grad_output), channels, *size), grad_output.dtype)
    if small := _small(dx, grad_output, kernel):
        for images in small:
            g = _beside(grad_output[images])
            wide = weight[..., None], (*size, g.shape[-1]), _wide(settings)
            dx[images] = _apart(correlate_input(g, *wide))
        return dx
    padded = [h + sum(p) for h, p in zip(size, settings.padding)]
    inside = [slice(p, p + h) for h, (p, _) in zip(size, settings.padding)]
    for images, channels, strips in _tiles(dx, grad_output, kernel, settings):
        x = np.zeros((*dx[images, channels].shape[:2], *padded), dx.dtype)
        w = weight[:, channels]
        for rows, slab in strips:
            g, strip = grad_output[images, :, rows], x[:, :, slab]
            strip += correlation.correlate_input(g, w, strip.shape[2:], bare)
        dx[images, channels] = x[(..., *inside)]
    return dx


def correlate_weight(grad_output, input, kernel_size, settings):
    """Return `correlation.correlate_weight`."""
    c_out, c_in = grad_output.shape[1], input.shape[1] // settings.groups
    dw = np.zeros((c_out, c_in, *kernel_size), input.dtype)
    if small := _small(input, grad_output, kernel_size):
        wide = (*kernel_size, 1), _wide(settings)
        for images in small:
            g, x = _beside(grad_output[images]), _beside(input[images])
            dw += correlate_weight(g, x, *wide)[..., 0]
        return dw
    bare = _bare(settings)
    for images, channels, strips in _tiles(input, grad_output, kernel_size, settings):
        x = zero_pad(input[images, channels], settings.padding)
        for rows, slab in strips:
            g, strip = grad_output[images, :, rows], x[:, :, slab]
            part = correlation.correlate_weight(g, strip, kernel_size, bare)
            dw[:, channels] += part
    return dw


# Tiles --------------------------------------------------------------------------------


def _column(input, output, kernel):
    """Return what one column takes beside its results, and how many fill a tile."""
    numbers = input.shape[1] * math.prod(kernel) + output.shape[1]
    return numbers * input.itemsize, max(_FEW, _BYTES // (numbers * input.itemsize))


def _tiles(input, output, kernel, settings):
    """Yield some images, some input channels, and strips of what is to be done there.

    A strip is some output rows, and the rows of the padded input that they read.
    Together the tiles visit every combination once, the first channels first.
    """
    (batch, channels), (first, *rest) = input.shape[:2], output.shape[2:]
    inner, (column, columns) = math.prod(rest), _column(input, output, kernel)
    together = max(1, columns // (inner * first))
    rows = min(first, max(1, columns // inner))
    parts = 1
    if settings.groups == 1:
        parts = min(channels, max(1, together * rows * inner * column // _BYTES))
    stride, covered = settings.stride[0], span(kernel[0], settings.dilation[0])
    strips = [
        (p, slice(stride * p.start, stride * (p.stop - 1) + covered))
        for p in _cuts(first, -(-first // rows))
    ]
    for images in _cuts(batch, -(-batch // together)):
        for c in _cuts(channels, parts):
            yield images, c, strips


def _cuts(length, parts):
    """Cut a range into that many slices of nearly the same length."""
    ends = [length * part // max(1, parts) for part in range(max(1, parts) + 1)]
    return [slice(*pair) for pair in pairwise(ends)]


def _bare(settings):
    """Return the settings for an input that has its padding."""
    return settings._replace(padding=((0, 0),) * len(settings.padding))


# Small images -------------------------------------------------------------------------


def _small(input, output, kernel):
    """Return which images to lay side by side, or nothing for images large enough."""
    _, columns = _column(input, output, kernel)
    places, batch = math.prod(output.shape[2:]), len(input)
    together = min(batch, min(columns, _MANY) // places) if places < _ENOUGH else 1
    return _cuts(batch, -(-batch // together)) if together > 1 else []


def _beside(images):
    """Make a batch one image: (N, C, *spatial) becomes (1, C, *spatial, N)."""
    return np.ascontiguousarray(np.moveaxis(images, 0, -1))[None]


def _apart(image):
    """Make one image the batch that it was."""
    return np.moveaxis(image[0], -1, 0)


def _wide(settings):
    """Return the settings with one more axis, on which windows are one wide."""
    stride, padding, dilation, groups = settings
    return type(settings)((*stride, 1), (*padding, (0, 0)), (*dilation, 1), groups)
