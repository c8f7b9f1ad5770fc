"""The figures of the chapter "Reverse mode"."""

import numpy as np
from matplotlib.patches import Rectangle

from cnnref import functional as F
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
    arrow,
    canvas,
    grid,
    number,
    write,
)

__all__ = ["adjoint_chain", "one_row_each", "there_and_back"]


def there_and_back(x, first, second):
    """Draw dense, ReLU, dense: values in blue going right, gradients in red back."""
    x, first, second = (np.array(a, float) for a in (x, first, second))
    z = F.linear(x, first)
    a = F.relu(z)
    y = F.linear(a, second)
    above = F.linear_backward(np.ones_like(y), a, second)
    delta = F.relu_backward(above.input, z)
    columns = {
        "x": (x, F.linear_backward(delta, x, first).input),
        "z": (z, delta),
        "a": (a, above.input),
        "y": (y, np.ones_like(y)),
    }
    figure, axes = canvas(13.2, 8.2, unit=0.4)
    lefts = dict(zip(columns, (0.2, 4.3, 7.3, 11.3)))
    tops = {k: 4.6 - 2.6 * (len(v[0]) - 1) / 2 for k, v in columns.items()}

    def middle(name, unit):
        return tops[name] + 2.6 * unit

    for source, target, weight in (("x", "z", first), ("a", "y", second)):
        for (o, i), value in np.ndenumerate(weight):
            ends = np.array([middle(source, i), middle(target, o)])
            across = np.array([lefts[source] + 1.7, lefts[target]])
            colour = FAINT if value == 0 else GREY
            axes.plot(across, ends, color=colour, lw=1.1, zorder=0)
            near = np.array([0.3, 0.7] if i % 2 else [0.66, 0.34])
            back = {"fc": PAPER, "ec": "none", "pad": 1}
            at = near @ across, near @ ends
            write(axes, *at, number(value), GREY, fontsize=10, bbox=back)
    for unit, value in enumerate(z):
        ends = (lefts["z"] + 1.7, middle("z", unit)), (lefts["a"], middle("a", unit))
        arrow(axes, *ends, INK if value > 0 else FAINT)
    for name, (values, gradients) in columns.items():
        write(axes, lefts[name] + 0.85, 0.5, f"${name}$")
        for unit, (value, gradient) in enumerate(zip(values, gradients)):
            left, top = lefts[name], middle(name, unit)
            for up, word, colour, fill in (
                (0.9, value, BLUE, TINT_BLUE),
                (0.0, gradient, RED, TINT_RED),
            ):
                box = Rectangle((left, top - up), 1.7, 0.9, fc=fill, ec=GREY, lw=0.8)
                axes.add_patch(box)
                write(axes, left + 0.85, top - up + 0.45, number(word), colour)
    return Drawing(figure)


def adjoint_chain(widths):
    """Draw J₃J₂J₁v and J₁ᵀJ₂ᵀJ₃ᵀg, each matrix as large as the widths make it."""
    shapes = list(zip(widths[1:], widths))
    figure, axes = canvas(sum(widths) + 4.2, 2 * max(widths) + 3.6, unit=0.36)

    def product(words, sides, middle, colour, fill):
        left = 0.4
        for word, (rows, columns) in zip(words, sides):
            box = Rectangle((left, middle - rows / 2), columns, rows, fc=fill)
            box.set(ec=colour, lw=1.1)
            axes.add_patch(box)
            write(axes, left + columns / 2, middle, word, colour, fontsize=15)
            left += columns + 0.5

    layers = range(len(shapes), 0, -1)
    words = [*(f"$J_{k}$" for k in layers), "$v$"]
    sides = [*(shapes[k - 1] for k in layers), (widths[0], 1)]
    product(words, sides, max(widths) / 2 + 0.5, BLUE, TINT_BLUE)
    words = [*(rf"$J_{k}^\mathsf{{T}}$" for k in reversed(layers)), "$g$"]
    sides = [*((c, r) for r, c in shapes), (widths[-1], 1)]
    product(words, sides, 1.5 * max(widths) + 2.3, RED, TINT_RED)
    return Drawing(figure)


def one_row_each(a, outputs):
    """Draw ∂z[o′]/∂W, one matrix per output: its one row holds the input."""
    a = np.array(a, float)
    weight = np.zeros((outputs, len(a)))
    figure, axes = canvas(outputs * (len(a) + 1.6), outputs + 1.4)
    for o in range(outputs):
        unit = np.eye(outputs)[o]
        slab = F.linear_backward(unit, a, weight).weight
        fill = [[TINT_BLUE if row == o else ""] * len(a) for row in range(outputs)]
        colours = [[INK if row == o else GREY] * len(a) for row in range(outputs)]
        label = rf"$\partial z[{o}]/\partial W$"
        grid(axes, slab, 0.8 + o * (len(a) + 1.6), 1.2, colours, fill, label)
    return Drawing(figure)
