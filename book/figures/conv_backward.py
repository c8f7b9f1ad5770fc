"""The figures of the chapter "Backpropagation through a convolution"."""

import numpy as np

from cnnref import functional as F
from cnnref.windows import windows
from figures.drawing import (
    BLUE,
    FAINT,
    INK,
    RED,
    TINT_BLUE,
    TINT_RED,
    Drawing,
    canvas,
    grid,
    number,
    write,
)

__all__ = ["positions_read", "readers_of_one_input"]


def readers_of_one_input(w, g, h):
    """Join one input to the outputs that read it, and write out its gradient."""
    w, g = np.array(w, float), np.array(g, float)
    x = np.zeros(len(g) + len(w) - 1)
    dx = F.conv1d_backward(g[None], x[None], w[None, None]).input[0]
    figure, axes = canvas(2 * len(x) + 1, 7.6, unit=0.43)
    for p in range(len(g)):
        for i in range(len(w)):
            foot, head = (2 * (p + i) + 1, 5), (2 * p + len(w), 1.7)
            axes.plot(*zip(foot, head, strict=True), color=FAINT, lw=1.2, zorder=0)
            if p + i == h:
                axes.plot(*zip(foot, head, strict=True), color=RED, lw=1.6, zorder=1)
                middle = np.average([foot, head], axis=0, weights=(1, 3))
                back = {"fc": "#fdfcf9", "ec": "none", "pad": 2}
                write(axes, *middle, f"$w[{i}]$", RED, bbox=back, fontsize=10)
    for p, value in enumerate(g):
        grid(axes, value, 2 * p + len(w) - 0.5, 0.7)
        write(axes, 2 * p + len(w), 0.25, f"$g[{p}]$", fontsize=10)
    for k in range(len(x)):
        colour = RED if k == h else INK
        grid(axes, dx[k], 2 * k + 0.5, 5, [[colour]])
        write(
            axes, 2 * k + 1, 6.4, rf"$\partial L/\partial x[{k}]$", colour, fontsize=9
        )
    read = [p for p in reversed(range(len(g))) if 0 <= h - p < len(w)]
    terms = " + ".join(f"g[{p}]\\,w[{h - p}]" for p in read)
    values = " + ".join(f"{number(g[p])}·{number(w[h - p])}" for p in read)
    line = rf"$\partial L/\partial x[{h}] = {terms}$ = {values} = {number(dx[h])}"
    write(axes, len(x) + 0.5, 7.3, line, RED)
    return Drawing(figure)


def positions_read(size, kernel_size, stride, dilation, p, i):
    """Table of the input positions s·p + d·i: rows are outputs, columns are offsets."""
    settings = ((kernel_size,), (stride,), ((0, 0),), (dilation,))
    table = windows(np.arange(size), *settings).T
    outputs, offsets = table.shape
    unread = sorted(set(range(size)) - set(table.ravel().tolist()))
    figure, axes = canvas(9.4, outputs + 4.6, unit=0.46)
    left = 3.8
    fill = np.full(table.shape, None)
    fill[p, :], fill[:, i] = TINT_BLUE, TINT_RED
    fill[p, i] = None
    grid(axes, table, left, 1, fill=fill)
    for row in range(outputs):
        write(axes, left - 0.7, row + 1.5, f"$p={row}$", BLUE if row == p else INK)
    for column in range(offsets):
        colour = RED if column == i else INK
        write(axes, left + column + 0.5, 0.5, f"$i={column}$", colour)
    notes = {
        f"forward: $y[{p}]$ reads its row, in steps of {dilation}": BLUE,
        rf"backward: $\partial L/\partial w[{i}]$ reads its column, "
        f"in steps of {stride}": RED,
        f"no entry of the table: {', '.join(map(str, unread))}": INK,
    }
    for line, (text, colour) in enumerate(notes.items()):
        write(axes, 4.7, outputs + 2 + line, text, colour, fontsize=10)
    return Drawing(figure)
