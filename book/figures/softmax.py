"""The figures of the chapter "Softmax"."""

from fractions import Fraction

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
    as_fraction,
    canvas,
    grid,
    number,
    write,
)

__all__ = ["shares", "soft_maximum", "softmax_jacobian"]


def shares(exponentials, factor):
    """Cut a bar of length 1 by exponentials, and by those of shifted logits."""
    logits = np.log(np.array(exponentials, float))
    figure, axes = canvas(11.3, 3.9)
    write(axes, 1.7, 0.35, "$e^{x}$", GREY)
    write(axes, 4.2, 0.35, "sum", GREY)
    write(axes, 8.2, 0.35, r"$\mathrm{softmax}(x)$", GREY)
    for row, x in enumerate((logits, logits + np.log(factor))):
        top, start = 0.9 + 1.7 * row, 5.2
        values = np.exp(x).round(6)
        grid(axes, values, 0.2, top)
        write(axes, 4.2, top + 0.5, number(values.sum().round(6)))
        for value, share in zip(values, F.softmax(x, 0), strict=True):
            wide = 6 * share
            fill = TINT_RED if value == values.max() else TINT_BLUE
            bar = Rectangle((start, top), wide, 1, fc=fill, ec=INK, lw=0.9)
            axes.add_patch(bar)
            fraction = Fraction(share).limit_denominator(99)
            write(axes, start + wide / 2, top + 0.5, fraction)
            start += wide
    return Drawing(figure)


def softmax_jacobian(exponentials):
    """Table of the Jacobian times the squared sum, with the sums of its lines."""
    x = np.log(np.array(exponentials, float))
    jacobian = [F.softmax_backward(one, x, 0) for one in np.eye(len(x))]
    jacobian = np.array(jacobian) * sum(exponentials) ** 2
    size, left, top = len(x), 2.2, 1.3
    figure, axes = canvas(size + 4.6, size + 2.9)
    own = np.eye(size, dtype=bool)
    fill = np.where(own, TINT_BLUE, TINT_RED)
    grid(axes, jacobian.round(6), left, top, fill=fill)
    write(axes, left + size + 1.2, top - 0.5, "sum", GREY)
    write(axes, left - 1, top + size + 0.7, "sum", GREY)
    for place in range(size):
        write(axes, left - 1, top + place + 0.5, f"$j={place}$")
        write(axes, left + place + 0.5, top - 0.5, f"$k={place}$", fontsize=10)
        for axis in (0, 1):
            line = number(abs(jacobian.sum(axis)[place]).round(6))
            beside = (left + size + 1.2, top + place + 0.5)
            below = (left + place + 0.5, top + size + 0.7)
            write(axes, *(beside if axis else below), line, GREY)
    return Drawing(figure)


def soft_maximum(temperatures):
    """Draw T·LSE(x/T) for x = (a, 0) over max(a, 0), and its slope, for each T."""
    a = np.linspace(-4, 4, 161)
    pairs = np.stack([a, np.zeros_like(a)])
    figure, axes = canvas(11.3, 6.2)
    foot, wide = 5.1, 0.6
    # Beside each panel's middle: how high 1 is in it.
    panels = {3.0: -0.95, 8.6: -3.5}
    for middle, high in panels.items():
        axes.plot([middle, middle], [1.0, foot + 0.3], color=FAINT, lw=1, zorder=0)
        for level in (0, 1):
            ends, at = [middle - 2.5, middle + 2.5], foot + high * level
            axes.plot(ends, [at, at], color=FAINT, lw=1, zorder=0)
            write(axes, middle - 2.8, at, level, GREY, fontsize=9)
        for end in (-4, 0, 4):
            write(axes, middle + wide * end, foot + 0.7, number(end), GREY, fontsize=9)
    (left, low), (right, steep) = panels.items()
    write(axes, left - 2.5, 0.5, r"$T\cdot\mathrm{LSE}(x/T)$", ha="left")
    write(axes, right - 2.5, 0.5, "slope", ha="left")
    axes.plot(left + wide * a, foot + low * F.relu(a), color=INK, lw=1.4)
    for place, T in enumerate(temperatures):
        value = T * F.logsumexp(pairs / T, 0)
        slope = F.logsumexp_backward(np.ones_like(a), pairs / T, 0)[0]
        style = {"lw": 1.9, "ls": "--" if place else "-"}
        axes.plot(left + wide * a, foot + low * value, color=BLUE, **style)
        axes.plot(right + wide * a, foot + steep * slope, color=RED, **style)
        key = foot - 3.4 + 0.6 * place
        axes.plot([left - 2.3, left - 1.6], [key, key], color=BLUE, **style)
        word = f"$T={as_fraction(T)}$"
        write(axes, left - 1.4, key, word, ha="left", fontsize=10)
    return Drawing(figure)
