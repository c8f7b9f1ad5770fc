"""The figures of the chapter "Backpropagation through pooling"."""

from fractions import Fraction

import numpy as np
from matplotlib.patches import Rectangle

from cnnref import functional as F
from cnnref.windows import windows, windows_backward
from figures.drawing import (
    FAINT,
    GREY,
    INK,
    RED,
    TINT_BLUE,
    TINT_RED,
    Drawing,
    canvas,
    number,
    paint_pixels,
    write,
)

__all__ = ["first_or_even", "shares_at_the_border", "two_tables_of_shares"]


def two_tables_of_shares(x, g, kernel_size, stride, h):
    """Table of what each window sends to each input: by a maximum, and by a mean."""
    x, g = np.array(x, float), np.array(g, float)
    figure, axes = canvas(len(x) + 4.2, 2 * len(g) + 8.0)
    for column, value in enumerate(x):
        write(axes, column + 4.3, 0.45, f"$x[{column}]$", fontsize=10)
        write(axes, column + 4.3, 1.2, number(value))
    kinds = (F.max_pool1d_backward, "maximum"), (F.avg_pool1d_backward, "mean")
    for table, (backward, word) in enumerate(kinds):
        top = 2.7 + table * (len(g) + 3.1)
        table_of = _shares(backward, g, x, kernel_size, stride)
        _table_of_shares(axes, top, g, *table_of, word, h)
        shares, dx = table_of
        terms = [f"{_share(m)}·{number(v)}" for m, v in zip(shares[:, h], g) if m]
        line = rf"$\partial L/\partial x[{h}]$ = {' + '.join(terms)} = {number(dx[h])}"
        write(axes, (len(x) + 4.2) / 2, top + len(g) + 1.65, line, RED)
    return Drawing(figure)


def shares_at_the_border(x, g, kernel_size, stride, padding):
    """Table of the shares of means that count their padding, and that do not."""
    x, g = np.array(x, float), np.array(g, float)
    # With the padding as part of the input, what goes there is not cut off.
    wide = _shares(F.avg_pool1d_backward, g, np.pad(x, padding), kernel_size, stride)
    rule = (kernel_size, stride, padding, False, False)
    inner = _shares(F.avg_pool1d_backward, g, x, *rule)
    inner = [np.pad(a, [(0, 0)] * (a.ndim - 1) + [(padding,) * 2]) for a in inner]
    words = {"padding counted": wide, "padding not counted": inner}
    figure, axes = canvas(len(wide[1]) + 4.2, 2 * len(g) + 4.4)
    for table, (word, (shares, dx)) in enumerate(words.items()):
        top = 0.9 + table * (len(g) + 2.3)
        _table_of_shares(axes, top, g, shares, dx, word, outside=padding)
    return Drawing(figure)


def _shares(backward, g, x, *settings):
    """Return what a 1 at each output sends to the inputs, and what all of g does."""
    ones = [backward(e[None], x[None], *settings)[0] for e in np.eye(len(g))]
    return np.array(ones), backward(g[None], x[None], *settings)[0]


def _share(value):
    return str(Fraction(value).limit_denominator(99))


def _table_of_shares(axes, top, g, shares, dx, word, h=None, outside=0):
    """Draw shares with g before their rows, and what they add up to below."""
    left, (height, width) = 3.8, shares.shape
    inside = range(outside, width - outside)
    for p, k in np.ndindex(height, width):
        tint = TINT_RED if k == h else TINT_BLUE if k in inside else FAINT
        cell = Rectangle((left + k, top + p), 1, 1, ec=GREY, lw=0.6)
        cell.set(fc=tint if shares[p, k] else "none")
        axes.add_patch(cell)
        if shares[p, k]:
            ink = INK if k in inside else GREY
            write(axes, left + k + 0.5, top + p + 0.5, _share(shares[p, k]), ink)
    for p, value in enumerate(g):
        write(axes, left - 2, top + p + 0.5, f"$g[{p}]$", fontsize=10)
        write(axes, left - 0.7, top + p + 0.5, number(value))
    for k, value in enumerate(dx):
        colour = RED if k == h else INK if k in inside else GREY
        value = number(round(value, 9))
        write(axes, left + k + 0.5, top + height + 0.5, value, colour)
    write(axes, left - 0.2, top + height + 0.5, r"$\partial L/\partial x$", ha="right")
    write(axes, left + width / 2, top - 0.4, word, GREY)


def first_or_even(picture, kernel_size):
    """Show a picture, and where a gradient of ones goes: to the first, and evenly."""
    y, tile = F.max_pool2d(picture[None], kernel_size), (kernel_size,) * 2
    ones, rule = np.ones_like(y), (tile, ((0, 0),) * 2, (1, 1))
    first = F.max_pool2d_backward(ones, picture[None], kernel_size)[0]
    equal = windows(picture[None], tile, *rule) == y[:, None, None]
    even = equal / equal.sum((1, 2), keepdims=True)
    even = windows_backward(even, picture.shape, *rule)[0]
    planes = {"the digit": picture, "to the first": first, "evenly": even}
    height, width = picture.shape
    figure, axes = canvas(3 * width + 2.4, height + 1.4, unit=0.3)
    for place, (word, plane) in enumerate(planes.items()):
        left, top = place * (width + 1.1) + 0.1, 1.2
        write(axes, left + width / 2, 0.5, word)
        paint_pixels(axes, plane, left, top)
        for row, column in np.ndindex(*y.shape[1:]):
            corner = (left + column * kernel_size, top + row * kernel_size)
            axes.add_patch(Rectangle(corner, *tile, fc="none", ec=GREY, lw=0.8))
    return Drawing(figure)
