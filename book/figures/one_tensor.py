"""The figures of the chapter "One tensor"."""

import numpy as np
from matplotlib.patches import Circle, Rectangle

from cnnref import functional as F
from cnnref.windows import windows
from figures.drawing import (
    BLUE,
    FAINT,
    GREY,
    INK,
    PAPER,
    RED,
    TINT_BLUE,
    TINT_RED,
    Drawing,
    canvas,
    number,
    write,
)

__all__ = ["block_toeplitz", "joined", "legs", "one_table"]


def one_table(x, w, g, stride, padding, at):
    """Table of the weights through which p reads h; at = (p, h, i) are looked at."""
    x, w, g = (np.array(a, float) for a in (x, w, g))
    call, rule = (x[None], w[None, None]), {"stride": stride, "padding": padding}
    y, back = F.conv1d(*call, **rule)[0], F.conv1d_backward(g[None], *call, **rule)
    dx, dw = back.input[0], back.weight[0, 0]
    sides = ((len(w),), (stride,), ((padding, padding),), (1,))
    tensor = windows(np.eye(len(x), dtype=int), *sides).transpose(2, 0, 1)
    line, column, offset = at
    figure, axes = canvas(len(x) + 5.6, len(g) + 6.8)
    left, top = 3.2, 1.7
    for p, h in np.ndindex(*tensor.shape[:2]):
        fill = TINT_BLUE if p == line else TINT_RED if h == column else "none"
        fill = "none" if (p, h) == (line, column) else fill
        cell = Rectangle((left + h, top + p), 1, 1, fc=fill, ec=GREY, lw=0.6)
        axes.add_patch(cell)
    for p, h, i in np.argwhere(tensor):
        write(axes, left + h + 0.5, top + p + 0.5, number(w[i]))
        if i == offset:
            frame = Rectangle((left + h + 0.06, top + p + 0.06), 0.88, 0.88)
            axes.add_patch(frame)
            frame.set(fc="none", ec=INK, lw=2)
    for h, value in enumerate(x):
        colour, below = RED if h == column else INK, top + len(g)
        write(axes, left + h + 0.5, 0.45, f"$x[{h}]$", fontsize=10)
        write(axes, left + h + 0.5, 1.2, number(value))
        write(axes, left + h + 0.5, below + 0.5, number(dx[h]), colour)
    for p, value in enumerate(g):
        colour, height = BLUE if p == line else INK, top + p + 0.5
        write(axes, left - 1.5, height, f"$g[{p}]$", fontsize=10)
        write(axes, left - 0.5, height, number(value))
        write(axes, left + len(x) + 0.7, height, number(y[p]), colour)
        write(axes, left + len(x) + 1.8, height, f"$y[{p}]$", colour, fontsize=10)
    write(axes, left - 0.2, top + len(g) + 0.5, r"$\partial L/\partial x$", ha="right")
    sums = {
        f"y[{line}]": (w, x, tensor[line].T, y[line], BLUE),
        rf"\partial L/\partial x[{column}]": (
            *(g, w, tensor[:, column], dx[column]),
            RED,
        ),
        rf"\partial L/\partial w[{offset}]": (
            *(x, g, tensor[:, :, offset].T, dw[offset]),
            INK,
        ),
    }
    for place, (name, (a, b, met, total, colour)) in enumerate(sums.items()):
        pairs = (f"{number(a[j])}·{number(b[k])}" for j, k in np.argwhere(met))
        text = f"${name}$ = {' + '.join(pairs)} = {number(total)}"
        write(axes, (len(x) + 5.6) / 2, top + len(g) + 1.9 + place, text, colour)
    return Drawing(figure)


def legs():
    """Draw the tensor with its three legs, and what is tied to them in six sums."""
    figure, axes = canvas(13.2, 14.2, unit=0.42)
    _tensor(axes, 6.6, 1, {}, long=True)
    for word, x, y, side in (
        ("input $h$", 4.1, 1, "right"),
        ("output $p$", 9.1, 1, "left"),
        ("offset $i$", 6.6, 3.75, "center"),
    ):
        write(axes, x, y, word, ha=side)
    ties = {
        "windows": {"h": "x"},
        "forward pass": {"h": "x", "i": "w"},
        "matrix": {"i": "w"},
        "weight gradient": {"h": "x", "p": "g"},
        "input gradient,\ntransposed layer": {"p": "g", "i": "w"},
        "fold": {"pi": "a"},
    }
    for place, (word, tied) in enumerate(ties.items()):
        x, y = 2 + 4.6 * (place % 3), 6.2 + 4.9 * (place // 3)
        _tensor(axes, x, y, tied)
        write(axes, x, y + 2.9, word, fontsize=10)
    return Drawing(figure)


def _tensor(axes, x, y, tied, long=False):
    """Draw a box C; a leg ends in the array that is tied to it, or in its letter."""
    reach = 2.2 if long else 1.3
    ends = {"h": (x - reach, y), "p": (x + reach, y), "i": (x, y + reach + 0.1)}
    if "pi" in tied:
        ends["p"] = ends["i"] = ends["pi"] = (x + reach, y + reach)
        for foot in ((x + reach, y), (x, y + reach)):
            line = [(x, y), foot, ends["pi"]]
            axes.plot(*zip(*line, strict=True), color=INK, lw=1.4, zorder=0)
    for leg in "hpi":
        if "pi" in tied and leg != "h":
            continue
        axes.plot(*zip((x, y), ends[leg], strict=True), color=INK, lw=1.4, zorder=0)
        if leg not in tied and not long:
            step = {"h": (-0.4, 0), "p": (0.4, 0), "i": (0, 0.45)}[leg]
            write(axes, *np.add(ends[leg], step), f"${leg}$")
    box = Rectangle((x - 0.55, y - 0.55), 1.1, 1.1, fc=PAPER, ec=INK, lw=1.4)
    axes.add_patch(box)
    write(axes, x, y, "$C$", fontsize=13)
    for leg, name in tied.items():
        colour, tint = (RED, TINT_RED) if name in "ga" else (BLUE, TINT_BLUE)
        axes.add_patch(Circle(ends[leg], 0.5, fc=tint, ec=colour, lw=1.2))
        write(axes, *ends[leg], f"${name}$", colour)


def joined():
    """Draw two tensors, tied by a leg, and the two that make the same sum."""
    figure, axes = canvas(13.2, 5.9, unit=0.42)
    lines = {
        "left": [(0.8, 1.2), (6.2, 1.2)],
        "i": [(2.4, 1.2), (2.4, 3.2)],
        "j": [(4.6, 1.2), (4.6, 3.2)],
        "right": [(8.6, 1.2), (12.2, 1.2)],
        "u": [(10.4, 1.2), (10.4, 3.6)],
        "i'": [(10.05, 3.6), (10.05, 5)],
        "j'": [(10.75, 3.6), (10.75, 5)],
    }
    for line in lines.values():
        axes.plot(*zip(*line, strict=True), color=INK, lw=1.4, zorder=0)
    boxes = {"C_1": (2.4, 1.2), "C_2": (4.6, 1.2), "C_{12}": (10.4, 1.2)}
    for name, (x, y) in (boxes | {"D": (10.4, 3.6)}).items():
        box = Rectangle((x - 0.6, y - 0.55), 1.2, 1.1, fc=PAPER, ec=INK, lw=1.4)
        axes.add_patch(box)
        write(axes, x, y, f"${name}$", fontsize=13)
    letters = {
        "h": [(0.4, 1.2), (8.2, 1.2)],
        "q": [(6.6, 1.2), (12.6, 1.2)],
        "p": [(3.5, 0.75)],
        "u": [(10.8, 2.45)],
        "i": [(2.4, 3.65), (10.05, 5.45)],
        "j": [(4.6, 3.65), (10.75, 5.45)],
    }
    for letter, places in letters.items():
        for x, y in places:
            summed = letter in "pu"
            write(axes, x, y, f"${letter}$", BLUE if summed else INK)
    write(axes, 7.4, 1.2, "=", fontsize=15)
    return Drawing(figure)


def block_toeplitz(kernel, size, look_at):
    """Draw the matrix of a kernel on images of a size; one weight is looked at."""
    kernel, places = np.array(kernel, float), size[0] * size[1]
    units = np.eye(places).reshape(-1, 1, *size)
    results = F.conv2d(units, kernel[None, None])
    matrix = results.reshape(places, -1).T
    (rows, columns), height = matrix.shape, results.shape[-1]
    figure, axes = canvas(columns + 0.4, rows + 0.4, unit=0.46)
    for (p, h), value in np.ndenumerate(matrix):
        fill = TINT_BLUE if value == look_at else "none"
        cell = Rectangle((h + 0.2, p + 0.2), 1, 1, fc=fill, ec=FAINT, lw=0.8)
        axes.add_patch(cell)
        if value:
            colour = BLUE if value == look_at else INK
            write(axes, h + 0.7, p + 0.7, number(value), colour)
    for p in range(0, rows, height):
        for h in range(0, columns, size[1]):
            block = Rectangle((h + 0.2, p + 0.2), size[1], height, fc="none", ec=INK)
            axes.add_patch(block)
    return Drawing(figure)
