"""The figures of the chapter "Output size"."""

import numpy as np
from matplotlib.patches import Rectangle

from cnnref.geometry import out_size, span
from cnnref.windows import windows
from figures.drawing import (
    BLUE,
    FAINT,
    GREY,
    INK,
    RED,
    TINT_BLUE,
    TINT_RED,
    Drawing,
    canvas,
    number,
    write,
)

__all__ = ["windows_on_a_ruler"]


def windows_on_a_ruler(size, kernel_size, stride=1, padding=0, dilation=1, fail=True):
    """Lay every window under the padded input, and the first one that does not fit."""
    before, after = padding if isinstance(padding, tuple) else (padding, padding)
    padded, covered = before + size + after, span(kernel_size, dilation)
    fit = out_size(size, kernel_size, stride, (before, after), dilation)
    taps = windows(
        np.arange(padded), (kernel_size,), (stride,), ((0, 0),), (dilation,)
    ).T
    unread = set(range(padded)) - set(taps.ravel().tolist())
    width = max(padded, fit * stride + covered if fail else 0)
    figure, axes = canvas(width + 3.2, fit + fail + 2.3, unit=0.4)
    left = 1.5
    for place in range(padded):
        inside = before <= place < before + size
        ink = RED if place in unread else INK if inside else GREY
        fill = TINT_RED if place in unread else "none" if inside else FAINT
        cell = Rectangle((left + place, 0.6), 1, 1, fc=fill, ec=ink, lw=0.9)
        axes.add_patch(cell)
        write(axes, left + place + 0.5, 1.1, number(place - before), ink, fontsize=10)
    write(axes, left - 0.3, 1.1, "$h$", ha="right")
    write(axes, left + width + 1, 1.1, "room", fontsize=10)
    for p in range(fit + fail):
        height, start, fits = p + 2.35, left + p * stride, p < fit
        colour, line = (BLUE, "-") if fits else (RED, "--")
        ends = [start + 0.12, start + covered - 0.12]
        axes.plot(ends, [height] * 2, color=colour, lw=1.4, ls=line, zorder=0)
        for tap in range(kernel_size):
            centre = start + dilation * tap + 0.5
            face = TINT_BLUE if fits else TINT_RED
            box = Rectangle((centre - 0.34, height - 0.3), 0.68, 0.6, fc=face)
            axes.add_patch(box)
            box.set(ec=colour, lw=1.1, ls=line)
        write(axes, left - 0.3, height, f"$p={p}$", colour, ha="right", fontsize=10)
        rest = number(padded - covered - p * stride)
        write(axes, left + width + 1, height, rest, colour, fontsize=10)
    return Drawing(figure)
