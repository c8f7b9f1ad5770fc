"""The figures of the chapter "Channels"."""

import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image

from cnnref import functional as F
from figures.drawing import (
    BLUE,
    FAINT,
    GREY,
    INK,
    TINT_BLUE,
    TINT_RED,
    Drawing,
    Pictures,
    canvas,
    number,
    two_sided,
    write,
)

__all__ = ["channels_add_up", "feature_maps", "who_reads_whom"]


def channels_add_up(x, w, b):
    """Correlate each channel with its kernel, add the results up, and the bias."""
    x, w, b = (np.array(array, float) for array in (x, w, b))
    alone = F.conv1d(x, w[:, None], groups=len(x))
    total = F.conv1d(x, w[None], b)[0]
    size, taps, out = x.shape[1], w.shape[1], len(total)
    figure, axes = canvas(1.9 * (size + taps + out), 3 * len(x) + 3, unit=0.46)

    def wide(values, left, top, fill=None, width=1.0):
        for column, value in enumerate(values):
            at = (left + column * width, top)
            axes.add_patch(Rectangle(at, width, 1, fc=fill or "none", ec=INK, lw=0.9))
            write(axes, at[0] + width / 2, top + 0.5, number(value))

    kernel_at = size + 1.3
    sum_at = kernel_at + 1.4 * taps + 1.1
    for c, (plane, kernel, part) in enumerate(zip(x, w, alone)):
        top, tint = 2.6 * c + 0.9, (TINT_BLUE, FAINT)[c % 2]
        wide(plane, 0.1, top, tint)
        write(axes, 0.1 + size / 2, top - 0.45, f"$x[{c}]$", fontsize=10)
        write(axes, size + 0.7, top + 0.5, r"$\star$", GREY, fontsize=14)
        wide(kernel, kernel_at, top, tint, 1.4)
        at = kernel_at + 0.7 * taps
        write(axes, at, top - 0.45, f"$w[0,{c}]$", fontsize=10)
        write(axes, sum_at - 0.55, top + 0.5, "=", GREY, fontsize=14)
        wide(part, sum_at, top, tint, 1.7)
    top = 2.6 * len(x) + 0.4
    rows = {"$b[0]$": np.repeat(b, out), "$y[0]$": total}
    axes.plot([sum_at, sum_at + 1.7 * out], [top + 1.4] * 2, color=INK, lw=1.2)
    for row, (name, values) in enumerate(rows.items()):
        write(axes, sum_at - 0.5, top + 0.5 + 1.8 * row, name, ha="right")
        wide(values, sum_at, top + 1.8 * row, TINT_RED if row == 0 else None, 1.7)
    return Drawing(figure)


def who_reads_whom(c_in, c_out, groups):
    """Tables of output against input channels for some numbers of groups."""
    step = c_in + 1
    figure, axes = canvas(len(groups) * step + 0.9, c_out + 2.6, unit=0.36)
    for place, count in enumerate(groups):
        # Channel c is 1 at position c alone, so y[o, c] says whether o reads c.
        weight = np.ones((c_out, c_in // count, 1))
        reads = F.conv1d(np.eye(c_in), weight, groups=count)
        left = place * step + 1.6
        for (o, c), value in np.ndenumerate(reads):
            fill = BLUE if value else "none"
            box = Rectangle((left + c, 1.2 + o), 1, 1, fc=fill, ec=GREY, lw=0.9)
            axes.add_patch(box)
        name = "1 group" if count == 1 else f"{count} groups"
        write(axes, left + c_in / 2, 0.5, name)
        write(axes, left + c_in / 2, c_out + 1.8, "$c$", GREY)
    write(axes, 0.8, 1.2 + c_out / 2, "$o$", GREY)
    return Drawing(figure)


def feature_maps(photograph, largest, **maps):
    """Show a photograph in colour beside what filters make of it: blue above 0."""
    last = np.moveaxis(photograph[:, 1:-1, 1:-1], 0, -1)
    shown = {"photograph": Image.fromarray(np.ascontiguousarray(last, np.uint8))}
    for name, values in maps.items():
        shown[name.replace("_", " ")] = two_sided(values, largest)
    return Pictures(shown)
