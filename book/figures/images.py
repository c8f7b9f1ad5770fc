"""The figures of the chapter "Images"."""

import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image

from figures.drawing import (
    FAINT,
    GREY,
    INK,
    PAPER,
    RED,
    TINT_BLUE,
    TINT_RED,
    Drawing,
    Pictures,
    canvas,
    number,
    write,
)

__all__ = ["memory", "pictures", "pixels_and_planes"]


def pixels_and_planes(patch):
    """Show a patch (C, H, W) of bytes in its colours, and each channel's matrix."""
    channels, height, width = patch.shape
    figure, axes = canvas(2 * width + 0.6, 2 * height + 0.6, unit=0.44)
    alone = [patch * (np.arange(channels) == c)[:, None, None] for c in range(channels)]
    for place, shown in enumerate([patch, *alone]):
        left = place % 2 * (width + 0.6)
        top = place // 2 * (height + 0.6)
        for h, v in np.ndindex(height, width):
            at, colour = (left + v, top + h), shown[:, h, v]
            axes.add_patch(Rectangle(at, 1, 1, fc=colour / 255, ec=PAPER, lw=0.9))
            if place:
                dark = colour @ (0.3, 0.6, 0.1) < 128
                value = number(patch[place - 1, h, v])
                ink = PAPER if dark else INK
                write(axes, at[0] + 0.5, at[1] + 0.5, value, ink, fontsize=10)
    return Drawing(figure)


def memory(channels, height, width, entry):
    """Lay an image along memory in two orders, with the address of one entry."""
    c, h, v = entry
    shape, last = (channels, height, width), (1, 2, 0)
    names, tints = ("red", "green", "blue"), (TINT_RED, FAINT, TINT_BLUE)
    size = np.prod(shape)
    figure, axes = canvas(size + 0.2, 7.8, unit=0.42)
    rules = {
        "channels first": ((0, 1, 2), f"({c} · {height} + {h}) · {width} + {v}"),
        "channels last": (last, f"({h} · {width} + {v}) · {channels} + {c}"),
    }
    for row, (order, (axes_, rule)) in enumerate(rules.items()):
        top = 3.9 * row + 1.2
        places = [index.transpose(axes_).ravel() for index in np.indices(shape)]
        entries = list(zip(*(place.tolist() for place in places)))
        address = entries.index(entry)
        for a, (channel, *pixel) in enumerate(entries):
            ink = RED if a == address else INK
            box = Rectangle((a + 0.1, top), 1, 1, fc=tints[channel], ec=INK, lw=0.9)
            axes.add_patch(box)
            text = names[channel][0] + "".join(map(str, pixel))
            write(axes, a + 0.6, top + 0.5, text, ink, fontsize=10)
            colour = RED if a == address else GREY
            write(axes, a + 0.6, top + 1.4, str(a), colour, fontsize=9)
        write(axes, 0.1, top - 0.5, order, ha="left")
        write(axes, size, top + 2.3, f"{rule} = {address}", RED, ha="right")
    return Drawing(figure)


def pictures(**arrays):
    """Show arrays of bytes, (H, W) in grey and (3, H, W) in colour, in two columns."""
    shown = {}
    for name, array in arrays.items():
        last = np.moveaxis(array, 0, -1) if array.ndim == 3 else array
        bytes_ = np.ascontiguousarray(last, np.uint8)
        shown[name.replace("_", " ")] = Image.fromarray(bytes_)
    return Pictures(shown)
