"""The figures of the chapter "Dense layers"."""

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
    paint_pixels,
    write,
)

__all__ = ["digits_as_kernels", "sliding_digit", "two_orders"]


def two_orders(volume, weight):
    """Flatten one volume in both orders, under one row of weights, and add up."""
    volume, weight = np.array(volume, float), np.array(weight, float)
    channel = np.indices(volume.shape)[0].astype(float)
    tints = np.array([TINT_BLUE, FAINT])
    figure, axes = canvas(11.2, 10.2)
    for c, plane in enumerate(volume):
        fill = np.full(plane.shape, tints[c])
        label = f"channel {c}"
        grid(axes, plane, 4.1 + 3.6 * c, 0.9, fill=fill, label=label)
    for i, value in enumerate(weight):
        power = f"$10^{{{len(str(int(value))) - 1}}}$"
        write(axes, 2.9 + i, 4.4, power, GREY, fontsize=10)
    write(axes, 2.1, 4.4, "$w$", GREY, ha="right")
    orders = {"C, H, W": (0, 1, 2), "H, W, C": (1, 2, 0)}
    for row, (name, order) in enumerate(orders.items()):
        features, channels = (
            F.flatten(array.transpose(order)) for array in (volume, channel)
        )
        (total,) = F.linear(features, weight[None])
        top = 5 + 2.8 * row
        grid(axes, features, 2.4, top, fill=[tints[channels.astype(int)]])
        write(axes, 2.1, top + 0.5, name, ha="right")
        write(axes, 6.4, top + 1.6, f"$y$ = {number(total)}")
    return Drawing(figure)


def digits_as_kernels(kernels):
    """Show the rows of a weight as pictures, numbered, in two rows."""
    figure, axes = canvas(49, 24, unit=0.105)
    for o, kernel in enumerate(kernels):
        left, top = 1 + 9.75 * (o % 5), 12 * (o // 5)
        paint_pixels(axes, kernel / kernel.max(), left, top + 0.5)
        write(axes, left + 4, top + 10, f"$o={o}$", fontsize=10)
    return Drawing(figure)


def sliding_digit(strip, distances, answers, dips):
    """Show a strip, and below it how far each of its windows is from a mean digit."""
    (height, width), side = strip.shape, strip.shape[0]
    figure, axes = canvas(width + 1, height + 26, unit=0.085)
    paint_pixels(axes, strip / strip.max(), 0.5, 0.5)
    box = Rectangle((0.5, 0.5), width, height, fc="none", ec=GREY, lw=0.9)
    axes.add_patch(box)
    centres = np.arange(len(distances)) + 0.5 + side / 2
    floor, depth = height + 21, 17 / distances.max()
    curve = floor - depth * distances
    axes.plot(centres, curve, color=INK, lw=1.2)
    axes.plot([0.5, width + 0.5], [floor, floor], color=GREY, lw=0.9)
    for q in dips:
        edges = (q + 0.5, q + 0.5 + side)
        axes.plot(edges, [height + 1.2] * 2, color=BLUE, lw=2)
        foot = (centres[q], floor + 1.3)
        axes.plot([foot[0]] * 2, [curve[q], floor], color=BLUE, lw=1.2)
        write(axes, *foot, number(answers[q]), BLUE, va="top", fontsize=14)
    write(axes, 0.5, floor + 1.5, "read", GREY, ha="left", va="top", fontsize=11)
    return Drawing(figure)
