"""The figures of the chapter "S0's network in three libraries"."""

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
    canvas,
    colours_between,
    paint_pixels,
    write,
)

__all__ = ["learnt_kernels", "loss_gaps", "row_of_maps"]


def row_of_maps(size, kernel_size, pool):
    """Draw one row through two convolutions and poolings: who reads what, and who not.

    Blue is what the last number reads, red what none of the last row reads.
    """
    ones, x = np.ones((1, 1, kernel_size)), np.ones((1, 1, size))
    inputs, steps = [], []
    for _ in range(2):
        inputs += [x, x := F.conv1d(x, ones)]
        x = F.avg_pool1d(x, pool)
        steps += [lambda g, x: F.conv1d_backward(g, x, ones).input]
        steps += [lambda g, x: F.avg_pool1d_backward(g, x, pool)]
    one = np.zeros_like(x)
    one[..., -1] = 1
    readers = [(np.ones_like(x), one)]
    for step, x in zip(reversed(steps), reversed(inputs), strict=True):
        readers.append(tuple(step(g, x) for g in readers[-1]))
    figure, axes = canvas(size + 5.2, 2.6 * len(readers) - 1, unit=0.235)
    place, width = np.arange(size) + 4.9, 1.0
    centres = [place]
    for level in range(4):
        place = place[1:-1] if level % 2 == 0 else place[: len(place) // pool * pool]
        if level % 2:
            place = place.reshape(-1, pool).mean(1)
        centres.append(place)
    for level, (any_reader, last_reader) in enumerate(reversed(readers)):
        top = 2.6 * (len(readers) - 1 - level) + 0.2
        for at, read, blue in zip(
            centres[level], any_reader[0, 0], last_reader[0, 0], strict=True
        ):
            edge, fill = (GREY, "none") if read else (RED, TINT_RED)
            edge, fill = (BLUE, TINT_BLUE) if blue else (edge, fill)
            box = Rectangle((at - 0.42 * width, top), 0.84 * width, 1, fc=fill, ec=edge)
            axes.add_patch(box)
        write(axes, 3.7, top + 0.5, len(centres[level]), ha="right", fontsize=14)
        if level:
            word = "convolution" if level % 2 else "pooling"
            write(axes, size + 5.1, top + 1.8, word, GREY, ha="right", fontsize=12)
    return Drawing(figure)


def loss_gaps(keras, others, last):
    """Draw how far losses are from Keras's, in powers of ten from 1e-6 on.

    What is smaller runs along the floor, where rounding does not show.
    """
    figure, axes = canvas(13.6, 7)
    steps = np.arange(1, len(keras) + 1)
    floor = -6.0

    def height(gap):
        return 5.9 - 1.25 * (np.maximum(np.log10(np.maximum(gap, 1e-9)), floor) - floor)

    left = 1.6 + 0.45 * steps
    for power in range(int(floor), -1):
        y = height(10.0**power)
        axes.plot([1.7, left[-1]], [y, y], color=FAINT, lw=1, zorder=0)
        write(axes, 1.5, y, f"$10^{{{power}}}$", GREY, ha="right", fontsize=13)
    for step in (1, 5, 10, 15, 20):
        write(axes, 1.6 + 0.45 * step, 6.5, step, GREY, fontsize=13)
    curves = [*zip(others.items(), (RED, GREY), strict=True), (("ε̂", last), BLUE)]
    labels = []
    for (name, losses), colour in curves:
        gap = np.round(height(np.abs(losses - keras)), 3)
        axes.plot(left, gap, color=colour, lw=2)
        labels.append([gap[-1], name, colour])
    labels.sort()
    for place, (y, name, colour) in enumerate(labels):
        y = labels[place][0] = max(y, labels[place - 1][0] + 0.8) if place else y
        name = r"$\hat\epsilon/\sqrt{1-\beta_2^t}$" if name == "ε̂" else name
        write(axes, left[-1] + 0.2, y, name, colour, ha="left", fontsize=13)
    return Drawing(figure)


def learnt_kernels(digit, kernels, maps):
    """Show a digit, and eight kernels, each above what it makes of the digit."""
    figure, axes = canvas(70, 46, unit=0.098)
    paint_pixels(axes, digit, 0.5, 9)
    box = Rectangle((0.5, 9), *digit.shape[::-1], fc="none", ec=GREY, lw=0.9)
    axes.add_patch(box)
    largest = np.abs(kernels).max()
    for place, (kernel, values) in enumerate(zip(kernels, maps, strict=True)):
        left, top = 31.5 + 9.8 * (place % 4), 1 + 23.5 * (place // 4)
        for (i, j), weight in np.ndenumerate(np.round(kernel / largest, 3)):
            ink = np.array(colours_between(PAPER, BLUE if weight > 0 else RED, 17))
            colour = ink.reshape(17, 3)[round(16 * abs(weight))] / 255
            cell = (left + 1.2 + 2.1 * j, top + 2.1 * i)
            axes.add_patch(Rectangle(cell, 2.1, 2.1, fc=colour, ec=GREY, lw=0.5))
        side = 8.8 / len(values)
        shades = np.rint(16 * values / maps.max()).astype(int)
        inks = np.reshape(colours_between(PAPER, INK, 17), (17, 3)) / 255
        for (p, q), shade in np.ndenumerate(shades):
            if shade:
                cell = (left + side * q, top + 8 + side * p)
                square = Rectangle(cell, side, side, color=inks[shade], lw=0.2)
                axes.add_patch(square)
        box = Rectangle((left, top + 8), 8.8, 8.8, fc="none", ec=GREY, lw=0.9)
        axes.add_patch(box)
    return Drawing(figure)
