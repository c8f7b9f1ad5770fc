"""The figures of the chapter "Equivariance"."""

import numpy as np
from matplotlib.patches import Rectangle

from cnnref import functional as F
from figures.drawing import (
    BLUE,
    FAINT,
    GREY,
    INK,
    TINT_BLUE,
    Drawing,
    canvas,
    grid,
    number,
    write,
)

__all__ = ["a_step_to_the_right", "three_matrices"]


def a_step_to_the_right(x, w, first, last):
    """Draw x and x ⋆ w before and after a step, with the positions of stride 2 blue."""
    x, w = np.array(x, float), np.array(w, float)
    places = np.arange(first, last + 1)
    figure, axes = canvas(len(places) + 2.9, 8.9, unit=0.5)
    left = 2.8
    for column, place in enumerate(places):
        ink = GREY if place % 2 else BLUE
        write(axes, left + column + 0.5, 0.4, number(place), ink, fontsize=9)
    for step, top in enumerate((0.9, 5.1)):
        shown = np.zeros(len(places) + len(w) - 1)
        shown[step - first : step - first + len(x)] = x
        y = F.conv1d(shown[None], w[None, None])[0]
        name = rf"$\tau_{step}\,x$" if step else "$x$"
        result = rf"$({name[1:-1]})\star w$" if step else r"$x\star w$"
        kept = places % 2 == 0
        rows = (name, shown[: len(places)], None), (result, y, TINT_BLUE)
        for row, (label, values, tint) in enumerate(rows):
            height = top + 1.15 * row
            for column, value in enumerate(values):
                quiet, blue = value == 0, tint and kept[column]
                colour = BLUE if blue else GREY if quiet else INK
                back = tint if blue else None
                cell = [[colour]], [[back]]
                grid(axes, value, left + column, height, *cell)
            write(axes, left - 0.35, height + 0.5, label, ha="right")
        seen = ", ".join(number(v) for v in y[kept] if v)
        line = f"stride 2 keeps {seen}"
        write(axes, left + len(places) / 2, top + 2.85, line, BLUE, fontsize=10)
    return Drawing(figure)


def three_matrices(size, kernel_size):
    """Number the weights of a dense, a local and a convolutional layer."""
    x, w = np.zeros((1, size)), np.arange(1.0, kernel_size + 1)[None, None]
    units = np.eye(size - kernel_size + 1)[:, None]
    shared = np.vstack([F.conv1d_backward(g, x, w).input for g in units])
    dense = 1 + np.arange(shared.size).reshape(shared.shape)
    local = np.where(shared, np.cumsum(shared != 0).reshape(shared.shape), 0)
    matrices = {"fully connected": dense, "local": local, "local and shared": shared}
    figure, axes = canvas(3 * size + 2.4, len(units) + 2.2, unit=0.38)
    for place, (name, matrix) in enumerate(matrices.items()):
        left = place * (size + 1) + 0.2
        for (row, column), value in np.ndenumerate(matrix):
            back = TINT_BLUE if value else "none"
            edge = {"ec": INK if value else FAINT, "lw": 0.9, "fc": back}
            corner = (left + column, row + 1)
            axes.add_patch(Rectangle(corner, 1, 1, zorder=1 + bool(value), **edge))
            if value:
                middle = corner[0] + 0.5, corner[1] + 0.5
                write(axes, *middle, number(value), zorder=3)
        middle = left + size / 2
        write(axes, middle, 0.5, name)
        count = f"{len(set(matrix[matrix > 0]))} weights"
        write(axes, middle, len(units) + 1.6, count, BLUE)
    return Drawing(figure)
