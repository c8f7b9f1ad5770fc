"""The figures of the chapter "Losses"."""

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
    Drawing,
    arrow,
    as_fraction,
    canvas,
    number,
    write,
)

__all__ = ["binary_loss_in_floats", "four_labels", "training_curves"]


def four_labels(scores, counts):
    """Table of e^z, softmax, target and gradient, and of what p − y says instead."""
    logits, y = np.log([scores]), np.array([counts], float)
    p, total = F.softmax(logits, 1), y.sum()
    slope = F.cross_entropy_backward(np.ones(()), logits, y).input
    rows = {
        "$e^z$": np.exp(logits),
        "$p$": p,
        "$y$": y,
        f"${number(total)}\\,p$": total * p,
        f"${number(total)}\\,p-y$": slope,
        "$p-y$": p - y,
    }
    left, wide = 2.7, 1.7
    figure, axes = canvas(left + wide * (p.size + 1) + 0.8, 1.2 * len(rows) + 1.0)
    for column in range(p.size):
        middle = left + wide * (column + 0.5)
        write(axes, middle, 0.4, f"class {column}", GREY, fontsize=10)
    write(axes, left + wide * (p.size + 0.5) + 0.5, 0.4, "sum", GREY, fontsize=10)
    colours = [INK] * 4 + [BLUE, RED]
    for row, (name, values) in enumerate(rows.items()):
        top, colour = 1.2 * row + 0.9, colours[row]
        write(axes, left - 0.35, top + 0.5, name, colour, ha="right")
        for column, value in enumerate(values[0]):
            corner = (left + wide * column, top)
            back = TINT_BLUE if colour == BLUE else "none"
            axes.add_patch(Rectangle(corner, wide, 1, fc=back, ec=colour, lw=0.9))
            write(axes, corner[0] + wide / 2, top + 0.5, as_fraction(value), colour)
        beside = left + wide * (p.size + 0.5) + 0.5
        write(axes, beside, top + 0.5, as_fraction(values.sum()), colour)
    return Drawing(figure)


def training_curves(right, wrong, classes):
    """Draw the losses of two trainings over the epochs, and what one cannot reach."""
    floor = np.log(1 + (classes - 1) / np.e)
    epochs = np.arange(1, len(right) + 1)
    figure, axes = canvas(12.4, 6.6)

    def place(epoch, loss):
        return 1.2 + 0.45 * np.asarray(epoch), 5.6 - 2.1 * np.asarray(loss)

    for level in range(3):
        axes.plot(*place([0.5, len(right)], [level] * 2), color=FAINT, lw=1, zorder=0)
        write(axes, 0.9, 5.6 - 2.1 * level, level, GREY, fontsize=10)
    for epoch in (1, len(right) // 2, len(right)):
        write(axes, place(epoch, 0)[0], 6.15, epoch, GREY, fontsize=10)
    axes.plot(*place([0.5, len(right)], [floor] * 2), color=RED, lw=1, ls="--")
    axes.plot(*place(epochs, right), color=BLUE, lw=2)
    axes.plot(*place(epochs, wrong), color=RED, lw=2)
    end = place(len(right), 0)[0] + 0.3
    notes = (right[-1], "once", BLUE), (wrong[-1] + 0.1, "twice", RED)
    for loss, word, colour in (*notes, (floor, f"{floor:.2f}", RED)):
        height = place(0, loss)[1]
        write(axes, end, height, word, colour, ha="left", fontsize=10)
    return Drawing(figure)


def binary_loss_in_floats(first, last):
    """Draw the loss of a wrong answer, from its logit and from its sigmoid."""
    z = np.linspace(first, last, 1201, dtype="f4")
    t = np.zeros_like(z)
    exact = F.binary_cross_entropy_with_logits(z, t, reduction="none")
    rounded = F.binary_cross_entropy(F.sigmoid(z), t, reduction="none")
    seen = rounded < last
    most = number(float(rounded.max()))
    figure, axes = canvas(11.6, 7.2)

    def place(logit, loss):
        across = 1.4 + 1.05 * (np.asarray(logit) - first)
        return across, 6.0 - 0.64 * (np.asarray(loss) - first)

    for tick in range(first, last + 1, 4):
        axes.plot(*place([first, last], [tick] * 2), color=FAINT, lw=1, zorder=0)
        write(axes, 1.0, place(first, tick)[1], tick, GREY, fontsize=10)
        write(axes, place(tick, first)[0], 6.5, tick, GREY, fontsize=10)
    write(axes, 10.4, 6.5, "$z$", GREY)
    axes.plot(*place(z[seen], rounded[seen]), color=RED, lw=1.6)
    axes.plot(*place(z, exact), color=BLUE, lw=1.6)
    start = place(z[seen][-1], rounded[seen][-1])
    arrow(axes, start, (start[0], 0.3), RED)
    write(axes, start[0] - 0.2, 0.6, f"to {most}", RED, ha="right", fontsize=10)
    write(axes, *place(15.2, 16.3), r"from $\sigma(z)$", RED, ha="right")
    write(axes, *place(18.3, 17.4), "from $z$", BLUE, ha="left")
    return Drawing(figure)
