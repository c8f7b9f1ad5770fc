"""The figures of the chapter "The index calculus"."""

import numpy as np

from cnnref import functional as F
from figures.drawing import BLUE, GREY, INK, Drawing, canvas, grid, number, write

__all__ = ["support"]


def support(x, w, first, last):
    """Draw x and its correlation with w on the integers, with full and valid marked."""
    x, w = np.array(x, float), np.array(w, float)
    margin = (last - first) + len(w)
    wide = np.pad(x, margin)
    y = F.conv1d(wide[None], w[None, None])[0]
    places = range(first, last + 1)
    figure, axes = canvas(len(places) + 2.4, 6.4)
    for column, place in enumerate(places):
        left = column + 2
        write(axes, left + 0.5, 0.4, number(place), GREY, fontsize=9)
        inside = 0 <= place < len(x)
        grid(axes, wide[margin + place], left, 0.8, [[INK if inside else GREY]])
        full = -len(w) < place < len(x)
        colour = BLUE if full else GREY
        grid(axes, y[margin + place], left, 2.6, [[colour]])
    write(axes, 1.4, 1.3, "$x[h]$", ha="right")
    write(axes, 1.4, 3.1, "$y[p]$", ha="right")
    spans = {"valid": (0, len(x) - len(w)), "full": (1 - len(w), len(x) - 1)}
    for row, (name, (start, end)) in enumerate(spans.items()):
        left, right, height = start - first + 2, end - first + 3, 4.2 + row
        axes.plot([left + 0.1, right - 0.1], [height, height], color=BLUE, lw=2)
        write(axes, (left + right) / 2, height + 0.45, name, BLUE, fontsize=10)
    return Drawing(figure)
