"""The figures of the chapter "Dropout"."""

from fractions import Fraction

import numpy as np
from matplotlib.patches import Circle, Rectangle

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
    canvas,
    write,
)

__all__ = ["fraction_dropped", "masks_of_two_units", "relu_of_mean"]


def masks_of_two_units(a, p):
    """Cut a square of area 1 by two tosses, and write out the mean of the sums."""
    a, p, side, left, top = np.array(a), Fraction(p), 7.2, 1.9, 1.0
    kept, figure_width = float(1 - p), 11.0
    figure, axes = canvas(figure_width, 11.2, unit=0.44)
    terms, total = [], Fraction(0)
    words = "kept", "dropped"
    for first, second in ((1, 1), (0, 1), (1, 0), (0, 0)):
        r = np.array([first, second], bool)
        y = int(F.dropout_weight_scaling(a, float(p), mask=r).sum())
        area = np.prod([1 - p if keep else p for keep in r])
        total, terms = total + y * area, [*terms, rf"{y}\cdot{_over(area)}"]
        wide, high = (side * (kept if keep else 1 - kept) for keep in r)
        x, down = (0 if keep else side * kept for keep in r)
        fill = {2: TINT_BLUE, 0: TINT_RED}.get(first + second, "none")
        corner = left + x, top + down
        axes.add_patch(Rectangle(corner, wide, high, fc=fill, ec=INK, lw=0.9))
        middle = corner[0] + wide / 2, corner[1] + high / 2
        write(axes, middle[0], middle[1] - 0.35, y, BLUE, fontsize=13)
        write(axes, middle[0], middle[1] + 0.5, f"{area}", GREY, fontsize=10)
    for place, word in zip((kept / 2, (1 + kept) / 2), words, strict=True):
        write(axes, left + side * place, top - 0.4, f"{a[0]} {word}", fontsize=10)
        note = f"{a[1]} {word}"
        write(axes, left - 0.4, top + side * place, note, fontsize=10, rotation=90)
    line = rf"$\mathbb{{E}} = {' + '.join(terms)} = {_over(total)}$"
    write(axes, figure_width / 2, top + side + 1.2, line, fontsize=13)
    share = rf"$= {_over(1 - p)}\cdot{a.sum()}$"
    write(axes, figure_width / 2, top + side + 2.5, share, BLUE, fontsize=13)
    return Drawing(figure)


def _over(value):
    """Write a fraction as LaTeX."""
    value = Fraction(value)
    if value.denominator == 1:
        return f"{value.numerator}"
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def fraction_dropped(widths, p):
    """Draw the distribution of the fraction dropped, for layers of several widths."""
    figure, axes = canvas(12.2, 6.6)
    left, wide, foot, high = 0.8, 10.4, 5.4, 4.4
    for tick in (0, Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), 1):
        at = left + wide * float(tick)
        axes.plot([at, at], [foot, foot + 0.15], color=GREY, lw=1)
        write(axes, at, foot + 0.55, f"{tick}", GREY, fontsize=10)
    axes.plot([left, left + wide], [foot, foot], color=GREY, lw=1)
    write(axes, left + wide / 2, foot + 1.05, "fraction dropped", GREY, fontsize=10)
    mean = left + wide * p
    axes.plot([mean, mean], [foot, foot - high - 0.3], color=RED, lw=1.2, zorder=0)
    write(axes, mean, foot - high - 0.7, "$p$", RED)
    notes = iter(((0.45, 0.4), (0.325, 0.8), (0.325, 0.95)))
    styles = iter(((GREY, 1.0), (INK, 1.4), (BLUE, 1.8)))
    for n, (at, up), (colour, thick) in zip(widths, notes, styles, strict=False):
        law = np.ones(1)
        for _ in range(n):  # one more unit: multiply by q + p z
            law = F.conv1d(law[None], np.array([[[p, 1 - p]]]), padding=1)[0]
        fraction, height = np.arange(n + 1) / n, law / law.max()
        shown = height > 1e-3
        across, up_to = left + wide * fraction[shown], foot - high * height[shown]
        if n < 20:
            for x, y in zip(across, up_to, strict=True):
                corner = x - wide / n / 2 + 0.06, y
                size = wide / n - 0.12, foot - y
                axes.add_patch(Rectangle(corner, *size, fc=FAINT, ec="none", zorder=-1))
        else:
            axes.plot(across, up_to, color=colour, lw=thick)
        place = left + wide * at, foot - high * up
        write(axes, *place, f"$n={n}$", colour, ha="left", fontsize=10)
    return Drawing(figure)


def relu_of_mean(weights, p):
    """Mark the outcomes under every mask on the graph of ReLU, and both means."""
    w, p = np.array(weights), Fraction(p)
    keep = 1 - p
    figure, axes = canvas(11.2, 7.4)

    def place(v, height):
        return 4.1 + 2.6 * float(v), 5.9 - 2.3 * float(height)

    ends = [place(v, F.relu(np.array(float(v)))) for v in (-1.25, 0, 2.25)]
    axes.plot(*zip(*ends, strict=True), color=INK, lw=1.4)
    total, heights = Fraction(0), Fraction(0)
    for mask in np.ndindex(2, 2):
        r = np.array(mask, bool)
        v = int(w @ F.dropout_weight_scaling(np.ones(2, int), float(p), mask=r))
        height = int(F.relu(np.array(v)))
        area = np.prod([keep if kept else p for kept in r])
        total, heights = total + area * v, heights + area * height
        x, y = place(v, height)
        axes.add_patch(Circle((x, y), 0.17, fc=INK, ec="none", zorder=2))
        label = f"$r=({mask[0]},{mask[1]})$"
        lower = (x + 0.75, y + 0.35) if height else (x, y + 0.65)
        write(axes, *lower, label, fontsize=11)
        write(axes, lower[0], lower[1] + 0.6, f"$v={v}$", GREY, fontsize=11)
    scaled = Fraction(float(F.relu(np.array(float(total)))))
    (x, low), (_, high) = place(total, scaled), place(total, heights)
    axes.plot([x, x], [low, high], color=RED, lw=1.2, zorder=0)
    for y, value, colour, words in (
        (low, scaled, BLUE, r"\mathrm{ReLU}(\mathbb{E}\,v)"),
        (high, heights, RED, r"\mathbb{E}\,\mathrm{ReLU}(v)"),
    ):
        axes.add_patch(Circle((x, y), 0.17, fc=colour, ec="none", zorder=3))
        text = rf"${words} = {_over(value)}$"
        write(axes, x - 0.4, y - 0.3, text, colour, ha="right", fontsize=13)
    return Drawing(figure)
