"""The figures of the chapter "Pooling"."""

import numpy as np
from matplotlib.patches import Rectangle

from cnnref import functional as F
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
    grid,
    number,
    write,
)

__all__ = ["level_by_level", "pooled_tiles", "shifted_and_pooled"]


def pooled_tiles(x, kernel_size):
    """Cut an input into tiles, and write out the maximum and the mean of the first."""
    x = np.array(x, float)
    highest, at = F.max_pool2d(x[None], kernel_size, return_indices=True)
    means = F.avg_pool2d(x[None], kernel_size)[0]
    fill = np.full(x.size, None)
    fill[at.ravel()] = TINT_BLUE
    figure, axes = canvas(9.9, 7.0)
    grid(axes, x, 0.2, 0.9, fill=fill.reshape(x.shape), label="input $x$")
    for row, column in np.ndindex(*means.shape):
        corner = (0.2 + column * kernel_size, 0.9 + row * kernel_size)
        tile = Rectangle(corner, kernel_size, kernel_size, fc="none", ec=INK, lw=2.4)
        axes.add_patch(tile)
    blue = np.full(means.shape, TINT_BLUE)
    grid(axes, highest[0], 5.0, 1.9, fill=blue, label="maxima")
    grid(axes, means, 7.7, 1.9, label="means")
    first = list(map(number, x[:kernel_size, :kernel_size].ravel()))
    values = f"max({', '.join(first)})", f"({' + '.join(first)}) / {len(first)}"
    for line, (value, pooled) in enumerate(zip(values, (highest[0], means))):
        text = f"$y[0,0]$ = {value} = {number(pooled[0, 0])}"
        write(axes, 4.95, 5.7 + 0.8 * line, text, INK if line else BLUE)
    return Drawing(figure)


def level_by_level(x, kernel_size):
    """Draw an input as blocks; below, count those in each window, level by level."""
    x = np.array(x, float)
    y = F.max_pool1d(x[None], kernel_size)[0]
    levels = np.arange(x.max(), 0, -1)
    above = (x >= levels[:, None]).astype(float)
    counts = kernel_size * F.avg_pool1d(above, kernel_size)
    height, left = len(levels), 2.4
    below = height + 2.8
    figure, axes = canvas(left + len(x) + 0.2, below + height + 2.0)

    def box(x, y, width, full):
        face = TINT_BLUE if full else "none"
        axes.add_patch(Rectangle((x, y), width, 1, fc=face, ec=FAINT, lw=0.9))

    for row, level in enumerate(levels):
        for top in (0.3, below):
            name = rf"$\theta={number(level)}$"
            write(axes, left - 0.4, row + top + 0.5, name, GREY, ha="right")
        for h, block in enumerate(above[row]):
            box(left + h, row + 0.3, 1, block)
        for p, count in enumerate(counts[row]):
            place = left + kernel_size * p
            box(place, row + below, kernel_size, count)
            middle = place + kernel_size / 2, row + below + 0.5
            write(axes, *middle, number(count), INK if count else GREY)
    for top in (0.3, below):
        for p in range(len(y) + 1):
            place = left + kernel_size * p
            axes.plot([place] * 2, [top, top + height], color=INK, lw=1.4)
        axes.plot([left, left + len(x)], [top + height] * 2, color=INK, lw=1.4)
    for h, value in enumerate(x):
        write(axes, left + h + 0.5, height + 0.8, number(value))
    rows = {"$x[h]$": INK, "levels": BLUE, "blocks": INK}
    heights = (height + 0.8, below + height + 0.5, below + height + 1.4)
    for place, (word, colour) in zip(heights, rows.items()):
        write(axes, left - 0.4, place, word, colour, ha="right")
    text = "blocks in each window"
    write(axes, left + len(x) / 2, below - 0.6, text, GREY, fontsize=10)
    for p, value in enumerate(y):
        middle = left + kernel_size * (p + 0.5)
        write(axes, middle, heights[1], number(value), BLUE)
        write(axes, middle, heights[2], number(counts[:, p].sum()))
    return Drawing(figure)


def shifted_and_pooled(x, kernel_size, shifts):
    """Pool an input and its shifts; red where the windows start off the stride."""
    x, left, step = np.array(x, float), 2.0, 3.1
    figure, axes = canvas(left + len(x) + 0.2, step * len(shifts) - 0.4)
    for line, shift in enumerate(shifts):
        moved = np.concatenate([np.zeros(shift), x[: len(x) - shift]])
        y, at = F.max_pool1d(moved[None], kernel_size, return_indices=True)
        whole, top = shift % kernel_size == 0, step * line + 0.2
        tint, colour = (TINT_BLUE, BLUE) if whole else (TINT_RED, RED)
        fill = np.full(len(x), None)
        fill[at[0][y[0] > 0]] = tint
        name = rf"\tau_{shift}x" if shift else "x"
        for row, text in enumerate((f"${name}$", "maxima")):
            ink = colour if row else INK
            write(axes, left - 0.4, top + 0.5 + 1.2 * row, text, ink, ha="right")
        grid(axes, moved, left, top, fill=[fill])
        for p, value in enumerate(y[0]):
            corner = (left + kernel_size * p, top)
            window = Rectangle(corner, kernel_size, 1, fc="none", ec=INK, lw=2.2)
            axes.add_patch(window)
            middle = left + kernel_size * (p + 0.5)
            write(axes, middle, top + 1.7, number(value), colour)
    return Drawing(figure)
