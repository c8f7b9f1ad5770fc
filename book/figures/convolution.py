"""The figures of the chapter "Convolution and cross-correlation"."""

import numpy as np
from PIL import Image

from cnnref import functional as F
from figures.drawing import (
    BLUE,
    GREY,
    RED,
    TINT_BLUE,
    TINT_RED,
    Drawing,
    Pictures,
    canvas,
    grid,
    number,
    two_sided,
    write,
)

__all__ = ["edges", "example_of_s1", "two_ways_of_adding"]


def example_of_s1(region, kernel):
    """Write out the two sums for one window: as the kernel stands, and turned."""
    region, kernel = np.array(region, float), np.array(kernel, float)
    forms = {
        r"$x\star w$": (kernel, "kernel as it stands", BLUE, TINT_BLUE),
        r"$x*w$": (np.flip(kernel), "kernel turned by 180°", RED, TINT_RED),
    }
    figure, axes = canvas(11.4, 9.6)
    for row, (name, (weight, label, colour, tint)) in enumerate(forms.items()):
        top = 4.8 * row + 0.8
        products = region * weight
        total = F.conv2d(region[None], weight[None, None])[0, 0, 0]
        grid(axes, region, 0.1, top, label="region $x$")
        write(axes, 3.65, top + 1.5, "×", GREY, fontsize=15)
        grid(axes, weight, 4.2, top, fill=np.full(weight.shape, tint), label=label)
        write(axes, 7.75, top + 1.5, "→", GREY, fontsize=15)
        grid(axes, products, 8.3, top, label="products")
        first, *others = products[products != 0]
        terms = "".join(f" {'−' if t < 0 else '+'} {number(abs(t))}" for t in others)
        line = f"{name} = {number(first)}{terms} = {number(total)}"
        write(axes, 5.7, top + 3.5, line, colour)
    return Drawing(figure)


def two_ways_of_adding(x, w, star_at, convolve_at):
    """Table of the products x[h]·w[i]: one diagonal is added by ⋆, the other by ∗."""
    x, w = np.array(x, float), np.array(w, float)
    far = len(w) - 1
    star, true = (
        F.conv1d(x[None], kernel[None, None], padding=far)[0]
        for kernel in (w, np.flip(w))
    )
    table = np.outer(x, w)
    h, i = np.indices(table.shape)
    down, up = h - i == star_at, h + i == convolve_at
    figure, axes = canvas(8.4, len(x) + 4.2)
    left, top = 3.8, 1.9
    fill = np.where(down, TINT_BLUE, np.where(up, TINT_RED, "none"))
    grid(axes, table, left, top, fill=fill)
    for offset, value in enumerate(w):
        write(axes, left + offset + 0.5, top - 1.2, f"$w[{offset}]$", fontsize=10)
        write(axes, left + offset + 0.5, top - 0.45, number(value))
    for position, value in enumerate(x):
        write(axes, left - 1.7, top + position + 0.5, f"$x[{position}]$", fontsize=10)
        write(axes, left - 0.55, top + position + 0.5, number(value))
    for height, name, rule, at, cells, total, colour in (
        (0.7, r"x \star w", "h - i", star_at, down, star[star_at + far], BLUE),
        (1.6, "x * w", "h + i", convolve_at, up, true[convolve_at], RED),
    ):
        terms = " + ".join(map(number, table.T[cells.T]))
        line = f"${rule} = {at}$:   $({name})[{at}]$ = {terms} = {number(total)}"
        write(axes, 4.2, top + len(x) + height, line, colour)
    return Drawing(figure)


def edges(photograph, largest=255, **responses):
    """Show a photograph beside responses: blue above 0, red below, paper at 0."""
    shades = Image.fromarray(photograph[1:-1, 1:-1].astype(np.uint8))
    pictures = {"photograph": shades}
    for name, response in responses.items():
        pictures[name.replace("_", " ")] = two_sided(response, largest)
    return Pictures(pictures)
