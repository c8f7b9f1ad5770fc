"""The figures of the chapter "Gradient descent"."""

import numpy as np
from matplotlib.patches import Polygon, Rectangle

from cnnref.optim import sgd_step
from figures.drawing import (
    BLUE,
    FAINT,
    GREY,
    INK,
    RED,
    TINT_BLUE,
    Drawing,
    canvas,
    number,
    write,
)

__all__ = ["descent", "four_paths", "four_rates", "losses_above", "stable_region"]


def descent(curvatures, start, lr, steps, **settings):
    """Return the iterates of `sgd_step` on ½ Σ λ·w², one row each, from the start."""
    w, state = np.array(start, float), None
    path = [w]
    for _ in range(steps):
        w, state = sgd_step(w, curvatures * w, state, lr=lr, **settings)
        path.append(w)
    return np.array(path)


def four_rates(curvature, start, rates, steps):
    """Draw the steps on ½ λ·w² at four learning rates; red where they do not close."""
    figure, axes = canvas(12, 12.4, unit=0.4)
    for place, lr in enumerate(rates):
        w = descent(np.array([curvature]), [start], float(lr), steps)[:, 0]
        left, foot = 0.3 + 6 * (place % 2), 4.6 + 6.2 * (place // 2)
        wide, high = 2.5 / np.abs(w).max(), 4 / np.abs(w).max() ** 2
        line = np.linspace(-1.05, 1.05, 61) * np.abs(w).max()
        middle = left + 2.7
        axes.plot(middle + wide * line, foot - high * line**2, color=GREY, lw=1)
        colour = BLUE if abs(w[-1]) < abs(start) else RED
        x, y = middle + wide * w, foot - high * w**2
        axes.plot(x, y, color=colour, lw=1, marker="o", ms=4.5)
        write(axes, x[0], y[0] - 0.5, number(start), colour, fontsize=9)
        write(axes, middle, foot + 0.55, rf"$\eta$ = {lr}", colour)
        write(axes, middle, foot + 1.2, ", ".join(map(number, w)), colour)
    return Drawing(figure)


def stable_region(momenta, products, steps):
    """Mark where runs with momentum come to rest, on the map of the derivation."""
    figure, axes = canvas(12, 8.6, unit=0.4)
    left, foot, wide, high = 1.3, 7.2, 2.4, 6.2
    mu = np.linspace(0, 1, 101)
    edges = {"-": 2 * (1 + mu), ":": (1 + np.sqrt(mu)) ** 2}
    below = (1 - np.sqrt(mu)) ** 2
    inside = [*zip(edges["-"], mu, strict=True), (0, 1), (0, 0)]
    inside = [(left + wide * x, foot - high * y) for x, y in inside]
    axes.add_patch(Polygon(inside, fc=TINT_BLUE, ec="none"))
    for style, edge in [*edges.items(), (":", below)]:
        colour = RED if style == "-" else INK
        axes.plot(left + wide * edge, foot - high * mu, style, color=colour, lw=1.3)
    for momentum in momenta:
        path = descent(products, np.ones_like(products), 1.0, steps, momentum=momentum)
        rest = np.abs(path[-1]) < 1e-3
        for x, rests in zip(products, rest, strict=True):
            mark = {"color": BLUE, "marker": "o", "ms": 3}
            if not rests:
                mark = {"color": RED, "marker": "x", "ms": 3.5}
            axes.plot(left + wide * x, foot - high * momentum, **mark)
    axes.plot([left, left, left + 4.2 * wide], [foot - high, foot, foot], color=INK)
    for x in range(5):
        write(axes, left + wide * x, foot + 0.45, str(x), fontsize=10)
    for y in ("0", "½", "1"):
        place = {"0": 0, "½": 0.5, "1": 1}[y]
        write(axes, left - 0.35, foot - high * place, y, fontsize=10)
    write(axes, left + 4.2 * wide, foot + 1, r"$\eta\lambda$", ha="right")
    write(axes, left - 0.85, foot - high * 0.75, r"$\mu$")
    return Drawing(figure)


def four_paths(curvatures, start, runs, steps):
    """Draw paths on level lines; each run is a pair of η·λ_max and a momentum."""
    figure, axes = canvas(12, 11.6, unit=0.4)
    angle = np.linspace(0, 2 * np.pi, 121)
    largest = max(curvatures)
    for place, (product, momentum) in enumerate(runs):
        path = descent(
            np.array(curvatures), start, product / largest, steps, momentum=momentum
        )
        middle, centre = 3 + 6 * (place % 2), 2.5 + 5.8 * (place // 2)
        inside = product < 2 * (1 + momentum)
        colour = BLUE if inside else RED
        box = Rectangle((middle - 2.85, centre - 2.4), 5.7, 4.8, fc="none", ec="none")
        axes.add_patch(box)
        for level in (0.25, 1, 2.25, 4, 6.25, 9):
            x, y = (np.sqrt(2 * level / c) * f(angle) for c, f in
                    zip(curvatures, (np.cos, np.sin), strict=True))  # fmt: skip
            ring = axes.plot(middle + x, centre + y, color=GREY, lw=0.6, alpha=0.6)
            ring[0].set_clip_path(box)
        x, y = middle + path[:, 0], centre - path[:, 1]
        line = axes.plot(x, y, color=colour, lw=1, marker="o", ms=2.6)
        line[0].set_clip_path(box)
        words = rf"$\mu$ = {number(momentum)},  $\eta\lambda_{{max}}$ = {product}"
        write(axes, middle, centre + 2.85, words, colour, fontsize=10)
    return Drawing(figure)


def losses_above(least, runs):
    """Draw by how much the losses of runs exceed the least, on a logarithmic scale."""
    figure, axes = canvas(12.4, 8, unit=0.4)
    left, foot, wide, unit = 1.7, 6.9, 6.4, 1.3
    low, high = -3, 2

    def height(loss):
        return foot - unit * (np.round(np.log10(np.array(loss) - least), 3) - low)

    for power in range(low, high + 1):
        y = foot - unit * (power - low)
        axes.plot([left, left + wide], [y, y], color=FAINT, lw=1, zorder=0)
        write(axes, left - 0.2, y, f"{10.0**power:g}", GREY, ha="right", fontsize=10)
    lowest = foot
    for name, (losses, colour) in sorted(runs.items(), key=lambda run: run[1][0][-1]):
        y = height(losses)
        x = left + wide * np.arange(len(y)) / (len(y) - 1)
        axes.plot(x, y, color=colour, lw=1.6)
        lowest = min(y[-1], lowest - 0.5)  # so that no name stands on another
        write(axes, x[-1] + 0.2, lowest, name, colour, ha="left", fontsize=9.5)
    write(axes, left, foot + 0.6, "0", GREY, fontsize=10)
    write(axes, left + wide, foot + 0.6, f"{len(y) - 1} steps", GREY, fontsize=10)
    return Drawing(figure)
