"""The figures of the chapter "Weight decay"."""

import numpy as np
from matplotlib.patches import Rectangle

from cnnref import optim
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
    paint_pixels,
    write,
)

__all__ = ["forgetting", "one_decayed_step", "resting_places", "weight_sizes"]


def one_decayed_step(w, g, lr, weight_decay):
    """Table of a first step of SGD and Adam, with the penalty and with the decay."""
    w, g = np.array(w, float), np.array(g, float)
    rates = {"lr": lr, "weight_decay": weight_decay}
    sharp = {"betas": (0.5, 0.75), "eps": 0.0}
    rows = {
        "$w$": w,
        "$g$": g,
        r"$g+\lambda w$": g + weight_decay * w,
        "SGD, L2": optim.sgd_step(w, g, **rates)[0],
        "SGD, decay": optim.sgd_step((1 - lr * weight_decay) * w, g, lr=lr)[0],
        "Adam, L2": optim.adam_step(w, g, **rates, **sharp)[0],
        "AdamW": optim.adamw_step(w, g, **rates, **sharp)[0],
    }
    colours = {"Adam, L2": (RED, TINT_RED), "AdamW": (BLUE, TINT_BLUE)}
    left, wide = 3.6, 1.8
    figure, axes = canvas(left + wide * w.size + 0.2, 1.15 * len(rows) + 0.5)
    for row, (name, values) in enumerate(rows.items()):
        top = 1.15 * row + (0.1 if row < 3 else 0.4)
        colour, back = colours.get(name, (INK, "none"))
        write(axes, left - 0.35, top + 0.5, name, colour, ha="right")
        for column, value in enumerate(values):
            corner = (left + wide * column, top)
            axes.add_patch(Rectangle(corner, wide, 1, fc=back, ec=colour, lw=0.9))
            write(axes, corner[0] + wide / 2, top + 0.5, number(value), colour)
    return Drawing(figure)


def forgetting(sizes, lr, weight_decay, steps):
    """Draw weights that start at 1, under noise of several sizes, step by step."""
    noise, rates = np.array(sizes), {"lr": lr, "weight_decay": weight_decay}
    figure, axes = canvas(12.9, 7.2)
    panels = {
        "Adam, L2": (0.8, RED, optim.adam_step),
        "AdamW": (7.2, BLUE, optim.adamw_step),
    }
    for name, (left, colour, step) in panels.items():
        weight, state, path = np.ones_like(noise), None, [np.ones_like(noise)]
        for t in range(steps):
            weight, state = step(weight, (-1) ** t * noise, state, **rates)
            path.append(weight)
        shown = np.round(path[:: steps // 50], 3)
        heights, end = 6.0 - 4.8 * shown, left + 4.0
        write(axes, left + 2.0, 0.4, name, colour)
        for level in (0, 1):
            axes.plot([left, end], [6.0 - 4.8 * level] * 2, color=FAINT, lw=1, zorder=0)
            write(axes, left - 0.4, 6.0 - 4.8 * level, level, GREY, fontsize=10)
        for t in (0, steps):
            write(axes, left + 4.0 * t / steps, 6.7, t, GREY, fontsize=10)
        axes.plot(np.linspace(left, end, 51), heights, color=colour, lw=1.7)
        same = np.ptp(shown[-1]) < 0.01
        words = ["every $s$"] if same else [f"$s={size}$" for size in sizes]
        for height, word in zip(heights[-1], words):
            write(axes, end + 0.15, height, word, colour, ha="left", fontsize=10)
    return Drawing(figure)


def resting_places(largest, weight_decay, steps):
    """Draw where three optimizers come to rest on ½ (w − u)², over the minimum u."""
    target = np.linspace(-largest, largest, 4 * largest + 1)
    found = {}
    brief = {"betas": (0.9, 0.9)}  # or the first, large gradients count for too long
    for step in (optim.sgd_step, optim.adam_step, optim.adamw_step):
        weight, state = np.zeros_like(target), None
        for t in range(steps):
            rates = {"lr": 0.5 / (1 + t / 20), "weight_decay": weight_decay}
            rates |= {} if step is optim.sgd_step else brief
            weight, state = step(weight, weight - target, state, **rates)
        found[step.__name__] = np.round(weight, 2)
    figure, axes = canvas(12.0, 8.6)

    def place(u, w):
        return 6.0 + 1.2 * np.asarray(u), 4.2 - 1.2 * np.asarray(w)

    for level in (-2, 0, 2):
        axes.plot(*place([-largest, largest], [level] * 2), color=FAINT, lw=1, zorder=0)
        write(axes, 0.6, place(0, level)[1], number(level), GREY, fontsize=10)
    for tick in (-largest, 0, largest):
        write(axes, place(tick, 0)[0], 8.1, number(tick), GREY, fontsize=10)
    write(axes, place(largest / 2, 0)[0], 8.1, "$u$", GREY)
    write(axes, 0.6, 0.4, "$w$", GREY)
    ends = np.array([-largest, largest])
    bound = 1 / weight_decay
    bend = np.array([-largest, -bound, bound, largest])
    axes.plot(*place(ends, ends / (1 + weight_decay)), color=RED, lw=1.4)
    axes.plot(*place(bend, bend.clip(-bound, bound)), color=BLUE, lw=1.4)
    dots = {"ls": "none", "marker": "o"}
    axes.plot(*place(target, found["sgd_step"]), color=RED, ms=3.5, **dots)
    axes.plot(
        *place(target, found["adam_step"]), mfc="none", mec=RED, ms=8, mew=1, **dots
    )
    axes.plot(*place(target, found["adamw_step"]), color=BLUE, ms=4.5, **dots)
    write(axes, *place(2.6, 2.5), "SGD and Adam, L2", RED, ha="right", fontsize=10)
    write(axes, *place(3.4, 1.55), "AdamW", BLUE, fontsize=10)
    return Drawing(figure)


def weight_sizes(weights):
    """Show the mean size of each pixel's weights, in one scale for all pictures."""
    means = {name: abs(w).mean(0).reshape(8, 8) for name, w in weights.items()}
    largest = max(picture.max() for picture in means.values())
    figure, axes = canvas(29.2, 12.4 * -(-len(means) // 3), unit=0.17)
    for place, (name, picture) in enumerate(means.items()):
        left, top = 9.7 * (place % 3) + 0.9, 12.4 * (place // 3) + 0.4
        axes.add_patch(Rectangle((left, top), 8, 8, fc=PAPER, ec=GREY, lw=0.8))
        paint_pixels(axes, np.sqrt(picture / largest), left, top)
        write(axes, left + 4, top + 9.7, name, fontsize=10)
    return Drawing(figure)
