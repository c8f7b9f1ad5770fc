"""The figures of the chapter "Transfer learning"."""

from fractions import Fraction

import numpy as np
from matplotlib.patches import Rectangle

from cnnref.optim import adam_step, sgd_step
from figures.drawing import (
    BLUE,
    FAINT,
    GREY,
    INK,
    RED,
    Drawing,
    canvas,
    grid,
    paint_pixels,
    write,
)

__all__ = ["coasting", "few_examples", "scattered_digits", "still_moving"]


def still_moving(w, g, momentum, frozen):
    """Table of one weight under momentum, frozen by gradients of zero and by none."""
    param, state = np.array([Fraction(w)], object), None
    rows = {
        "$g$": [""],
        "$v$": [""],
        "$w$ with $g=0$": [param[0]],
        "$w$ left out": [param[0]],
    }
    for step in range(frozen + 1):
        grad = np.array([Fraction(0 if step else g)], object)
        param, state = sgd_step(param, grad, state, lr=1, momentum=momentum)
        rows["$g$"].append(grad[0])
        rows["$v$"].append(state.momentum_buffer[0])
        rows["$w$ with $g=0$"].append(param[0])
        rows["$w$ left out"].append(rows["$w$ left out"][-1] if step else param[0])
    left, top = 3.4, 0.8
    figure, axes = canvas(left + frozen + 2.3, top + 5.6)
    for row, (name, values) in enumerate(rows.items()):
        height = top + row + (0.6 if row > 1 else 0)
        colour = {2: RED, 3: BLUE}.get(row, INK)
        write(axes, left - 0.4, height + 0.5, name, colour, ha="right")
        for column, value in enumerate(values):
            if value != "":
                grid(axes, [[value]], left + column, height, [[colour]])
    write(axes, left + 1.5, 0.35, "free", GREY)
    write(axes, left + 2 + frozen / 2, 0.35, "frozen", GREY)
    axes.plot([left + 2] * 2, [0, top + 4.8], color=GREY, lw=0.9, ls="--")
    return Drawing(figure)


def coasting(steps, frozen, lr):
    """Draw how far a weight goes on under gradients of zero, in its last steps."""
    rules = {
        "SGD": (sgd_step, {}, BLUE, "-"),
        "Adam": (adam_step, {}, RED, "-"),
        "SGD, $\\mu=0.9$": (sgd_step, {"momentum": 0.9}, RED, "-"),
        "SGD, $\\lambda=0.1$": (sgd_step, {"weight_decay": 0.1}, GREY, "--"),
    }
    figure, axes = canvas(9.8, 7.0)

    def place(step, way):
        return 0.9 + 6 * np.asarray(step) / frozen, 6.2 - 0.6 * np.asarray(way)

    for level in (0, 3, 6, 9):
        axes.plot(*place([0, frozen], [level] * 2), color=FAINT, lw=1, zorder=0)
        write(axes, 0.4, place(0, level)[1], level, GREY)
    for step in (0, frozen // 2, frozen):
        write(axes, place(step, 0)[0], 6.8, step, GREY)
    for name, (rule, settings, colour, style) in rules.items():
        path, state = [np.ones(1)], None
        for step in range(steps + frozen):
            grad = np.full(1, float(step < steps))
            param, state = rule(path[-1], grad, state, lr=lr, **settings)
            path.append(param)
        path = np.array(path)[:, 0]
        way = (path[steps] - path[steps:]) / (path[steps - 1] - path[steps])
        axes.plot(*place(np.arange(frozen + 1), way), color=colour, lw=1.8, ls=style)
        across, height = place(frozen, way[-1])
        height += -0.2 if name == "Adam" else 0.1
        write(axes, across + 0.25, height, name, colour, ha="left")
    return Drawing(figure)


def scattered_digits(old, new):
    """Show pictures of the old task above some of the new one."""
    size = old.shape[-1]
    figure, axes = canvas(len(old) * (size + 2) + 10, 2 * size + 6, unit=0.06)
    for row, (pictures, word, colour) in enumerate(
        ((old, "old", BLUE), (new, "new", RED))
    ):
        top = 1 + row * (size + 3)
        write(axes, 8, top + size / 2, word, colour, ha="right")
        for column, picture in enumerate(pictures):
            left = 10 + column * (size + 2)
            paint_pixels(axes, picture[0], left, top)
            box = Rectangle((left, top), size, size, fc="none", ec=GREY, lw=0.7)
            axes.add_patch(box)
    return Drawing(figure)


def few_examples(shares):
    """Draw for each way of learning the shares of several draws, and their means."""
    colours = {"frozen": BLUE, "whole": BLUE, "scratch": RED, "random": GREY}
    sizes = [*next(iter(shares.values()))]
    figure, axes = canvas(8.8, 8.2)

    def place(size, share):
        across = 1.6 + 2.4 * np.log2(np.asarray(size) / sizes[0])
        return across, 7 - 11 * (np.asarray(share) - 0.3)

    for level in (0.4, 0.6, 0.8):
        ends = np.array(place([sizes[0], sizes[-1]], [level] * 2))
        axes.plot(ends[0] + [-0.4, 0.4], ends[1], color=FAINT, lw=1, zorder=0)
        write(axes, 0.5, ends[1][0], f"{100 * level:.0f} %", GREY)
    for size in sizes:
        write(axes, place(size, 0)[0], 7.7, size, GREY)
    lowest = 0.0
    for name in sorted(shares, key=lambda name: -np.mean(shares[name][sizes[-1]])):
        colour, style = colours[name], "--" if name == "whole" else "-"
        for size, draws in shares[name].items():
            across, heights = place(np.full(len(draws), size), draws)
            axes.plot(across, heights, "o", color=colour, ms=3.5, alpha=0.5, lw=0)
        means = [np.mean(draws) for draws in shares[name].values()]
        axes.plot(*place(sizes, means), color=colour, lw=1.8, ls=style)
        end, height = place(sizes[-1], means[-1])
        lowest = max(height, lowest + 0.5)
        write(axes, end + 0.4, lowest, name, colour, ha="left")
    return Drawing(figure)
