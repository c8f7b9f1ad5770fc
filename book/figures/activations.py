"""The figures of the chapter "Activations"."""

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
    as_fraction,
    canvas,
    number,
    write,
)

__all__ = [
    "activation_curves",
    "atlas_of_kinks",
    "gradient_by_hand",
    "lines_below_the_ramp",
]


def gradient_by_hand(x, g):
    """Write x, max(0, x), g, the slope and their product; at the kink, m is open."""
    x, g = np.array(x, float), np.array(g, float)
    y, ones = F.relu(x), np.ones_like(x)
    rows = {
        "$x$": [number(v) for v in x],
        r"$\max(0,x)$": [number(v) for v in y],
        "$g$": [number(v) for v in g],
        "slope": [number(v) for v in F.relu_backward(ones, x)],
        r"$g\cdot$slope": [number(v) for v in F.relu_backward(g, x)],
    }
    for place in np.flatnonzero(x == 0):
        rows["slope"][place] = "$m$"
        rows[r"$g\cdot$slope"][place] = f"${number(g[place])}\\,m$"
    figure, axes = canvas(len(x) * 1.5 + 3.2, 6.2)
    for row, (name, words) in enumerate(rows.items()):
        top = 1.2 * row + 0.1
        write(axes, 2.7, top + 0.5, name, ha="right")
        for column, word in enumerate(words):
            back = TINT_BLUE if x[column] > 0 else "none"
            colour = RED if x[column] == 0 else INK
            box = Rectangle((3.1 + 1.5 * column, top), 1.5, 1, fc=back, ec=GREY)
            box.set(lw=0.9)
            axes.add_patch(box)
            write(axes, 3.85 + 1.5 * column, top + 0.5, word, colour)
    return Drawing(figure)


def lines_below_the_ramp(slopes, too_steep):
    """Draw max(0, x), lines through its kink that stay below it, and one that cuts."""
    figure, axes = canvas(10.2, 5.9)
    ends = np.array([-2.0, 0.0, 2.0])
    axes.plot(4.6 + 2 * ends, 4.0 - 1.8 * F.relu(ends), color=INK, lw=2.8)
    for m in (*slopes, too_steep):
        cuts = m == too_steep
        colour, line = (RED, "--") if cuts else (BLUE, "-")
        reach = np.array([-1.0, 1.25 if cuts else 2.0])
        x, y = 4.6 + 2 * reach, 4.0 - 1.8 * m * reach
        axes.plot(x, y, color=colour, lw=1.3, ls=line)
        word = f"$m={as_fraction(m)}$"
        aside, side = (-0.2, "right") if cuts else (0.15, "left")
        write(axes, x[-1] + aside, y[-1], word, colour, ha=side, fontsize=11)
    write(axes, 0.6, 3.6, r"$\max(0,x)$", ha="left")
    return Drawing(figure)


def activation_curves(negative_slope):
    """Draw four activations in blue and their derivatives in red, as computed."""
    settings = {"leaky_relu": {"negative_slope": negative_slope}}
    figure, axes = canvas(12.6, 11.0, unit=0.45)
    for panel, name in enumerate(("relu", "leaky_relu", "sigmoid", "tanh")):
        left, middle = 3.0 + 6.6 * (panel % 2), 3.5 + 5.6 * (panel // 2)
        kinked, given = name.endswith("relu"), settings.get(name, {})
        y, slope = getattr(F, name), getattr(F, f"{name}_backward")
        x = np.linspace(-4, 4, 161)
        x = x[y(x, **given) <= 2]

        def draw(x, values, colour, left=left, middle=middle, **style):
            axes.plot(left + 0.7 * x, middle - 1.6 * values, color=colour, **style)

        for level in (0, 1):
            ends = np.array([-4.0, 4.0])
            draw(ends, np.full(2, level), FAINT, lw=1, zorder=0)
            write(axes, left - 3, middle - 1.6 * level, level, GREY, fontsize=9)
        draw(np.zeros(2), np.array([-1, 2]), FAINT, lw=1, zorder=0)
        draw(x, y(x, **given), BLUE, lw=1.9)
        for part in (x[x < 0], x[x > 0]) if kinked else (x,):
            draw(part, slope(np.ones_like(part), part, **given), RED, lw=1.5)
        if kinked:
            kink = np.zeros(1)
            draw(kink, slope(kink + 1, kink, **given), RED, marker="o", ms=5)
        write(axes, left - 2.8, middle - 2.7, name.replace("_", " "), ha="left")
    return Drawing(figure)


def atlas_of_kinks(atlas):
    """Draw for each function the slopes beside its kink, and the one taken on it."""
    low = min(min(slopes) for slopes in atlas.values())
    high = max(max(slopes) for slopes in atlas.values())
    left, wide = 6.2, 2.3

    def place(slope):
        return left + wide * (slope - low)

    figure, axes = canvas(place(high) + 0.5, 0.62 * len(atlas) + 1.0, unit=0.44)
    for tick in np.arange(low, high + 0.01, 0.5):
        ends = [0.75, 0.62 * len(atlas) + 0.75]
        axes.plot([place(tick)] * 2, ends, color=FAINT, lw=1, zorder=0)
        write(axes, place(tick), 0.35, as_fraction(tick), GREY, fontsize=10)
    for row, (name, (before, at, after)) in enumerate(atlas.items()):
        height = 1.1 + 0.62 * row
        colour = RED if name.startswith("SymPy") else BLUE
        write(axes, left - 0.5, height, name, colour, ha="right", fontsize=10)
        between = [place(before), place(after)]
        axes.plot(between, [height] * 2, color=GREY, lw=1.1, marker="|", ms=7)
        axes.plot(place(at), height, "o", color=colour, ms=6)
    return Drawing(figure)
