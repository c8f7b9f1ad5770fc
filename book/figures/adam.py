"""The figures of the chapter "Adam"."""

from fractions import Fraction

import numpy as np
from matplotlib.patches import Rectangle

from cnnref.optim import adam_step
from figures.drawing import (
    BLUE,
    FAINT,
    GREY,
    INK,
    RED,
    TINT_BLUE,
    Drawing,
    as_fraction,
    canvas,
    write,
)

__all__ = ["adam_by_hand", "places_of_eps", "uncorrected_steps"]


def adam_by_hand(grads):
    """Table of the moments and the corrected quotient of each step, both β one half."""
    betas, t = (0.5, 0.5), np.arange(1, len(grads) + 1)
    m, v = _moments(grads, betas)
    share = 1 - 0.5**t
    rows = {
        "$g$": np.array(grads, float),
        "$m$": m,
        "$v$": v,
        r"$1-\beta^t$": share,
        r"$\hat m$": m / share,
        r"$\sqrt{\hat v}$": np.sqrt(v / share),
        r"$\hat m/\sqrt{\hat v}$": m / share / np.sqrt(v / share),
    }
    left, wide = 2.9, 2.0
    figure, axes = canvas(left + wide * len(t) + 0.2, 1.2 * len(rows) + 1.0)
    for column, step in enumerate(t):
        middle = left + wide * (column + 0.5)
        write(axes, middle, 0.4, f"$t={step}$", GREY, fontsize=10)
    for row, (name, values) in enumerate(rows.items()):
        top, last = 1.2 * row + 0.9, row == len(rows) - 1
        colour, back = (BLUE, TINT_BLUE) if last else (INK, "none")
        write(axes, left - 0.35, top + 0.5, name, colour, ha="right")
        for column, value in enumerate(values):
            corner = (left + wide * column, top)
            axes.add_patch(Rectangle(corner, wide, 1, fc=back, ec=colour, lw=0.9))
            entry = f"{Fraction(value).limit_denominator(99)}".replace("-", "−")
            write(axes, corner[0] + wide / 2, top + 0.5, entry, colour)
    return Drawing(figure)


def _moments(grads, betas):
    """Return Adam's m and v after every step of one weight."""
    param, state, found = np.zeros(1), None, []
    for grad in grads:
        param, state = adam_step(param, np.array([grad], float), state, betas=betas)
        found.append([state.exp_avg.item(), state.exp_avg_sq.item()])
    return np.transpose(found)


def uncorrected_steps(beta1, beta2, last):
    """Draw m/√v under a constant gradient, where the corrected quotient is 1."""
    m, v = _moments(np.ones(last), (beta1, beta2))
    t, factor = np.arange(1, last + 1), m / np.sqrt(v)
    drawn = np.unique(np.geomspace(1, last, 200).round().astype(int)) - 1
    decades = round(np.log10(last))
    figure, axes = canvas(10.8, 7.2)

    def place(step, times):
        return 1.4 + 8.6 / decades * np.log10(step), 6.2 - 0.78 * np.asarray(times)

    for level in range(0, 8, 2):
        axes.plot(*place([1, last], [level] * 2), color=FAINT, lw=1, zorder=0)
        write(axes, 0.9, place(1, level)[1], level, GREY, fontsize=10)
    for decade in range(decades + 1):
        step = 10**decade
        write(axes, place(step, 0)[0], 6.8, step, GREY, fontsize=10)
    axes.plot(*place([1, last], [1, 1]), color=BLUE, lw=2)
    axes.plot(*place(t[drawn], factor[drawn]), color=RED, lw=2)
    top = int(factor.argmax())
    for step, words, side in (
        (0, rf"$\sqrt{{10}}={factor[0]:.2f}$", "left"),
        (top, f"{factor[top]:.2f} at $t={t[top]}$", "center"),
    ):
        x, y = place(t[step], factor[step])
        axes.plot(x, y, "o", color=RED, ms=5)
        shift = (0.35, 0.1) if side == "left" else (0, -0.55)
        write(axes, x + shift[0], y + shift[1], words, RED, ha=side, fontsize=10)
    write(axes, *place(last, 1.5), "corrected", BLUE, ha="right", fontsize=10)
    write(axes, *place(250, 4.6), "uncorrected", RED, ha="left", fontsize=10)
    return Drawing(figure)


def places_of_eps(eps, betas=(0.9, 0.999)):
    """Draw the length of a first step, of η = 1, with ε in three places."""
    g = np.logspace(-11, 0, 221)
    step, state = adam_step(np.zeros_like(g), g, lr=1.0, betas=betas, eps=eps)
    c1, c2 = (1 - beta for beta in betas)
    m, v = state.exp_avg, state.exp_avg_sq
    curves = {
        "after": (-step, BLUE, "-"),
        "before": (np.sqrt(c2) / c1 * m / (np.sqrt(v) + eps), GREY, "--"),
        "inside the root": (m / c1 / np.sqrt(v / c2 + eps), RED, "-"),
    }
    figure, axes = canvas(11.2, 6.0)

    def place(size, length):
        return 1.3 + 0.85 * (np.log10(size) + 11), 4.8 - 4.2 * np.asarray(length)

    for level in (0, 0.5, 1):
        axes.plot(*place([1e-11, 1], [level] * 2), color=FAINT, lw=1, zorder=0)
        write(axes, 0.8, place(1, level)[1], as_fraction(level), GREY, fontsize=10)
    for power in (-10, -8, -6, -4, -2, 0):
        at = place(10.0**power, 0)[0]
        write(axes, at, 5.4, f"$10^{{{power}}}$" if power else "1", GREY, fontsize=10)
    write(axes, place(10**-0.9, 0)[0], 5.4, "$|g|$", GREY, fontsize=10)
    for row, (name, (length, colour, line)) in enumerate(curves.items()):
        axes.plot(*place(g, length), color=colour, lw=2, ls=line)
        half = g[np.searchsorted(length, 0.5)]
        x, y = place(half, 0.5)
        side, aside = ("left", 0.35) if row else ("right", -0.5)
        write(axes, x + aside, y + 0.4, name, colour, ha=side, fontsize=10)
    return Drawing(figure)
