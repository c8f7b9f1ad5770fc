"""The figures of the book: one function each, and what they share.

A function computes its numbers with `cnnref`, draws, and returns a `Drawing`.
Lines are ink, what is looked at is blue, what is wrong or flows backward is red.

`python book/figures.py` draws the figures of the Markdown pages, which run no code,
into book/_static; a test compares the files with what is drawn.
"""

import base64
import io
from collections import Counter
from fractions import Fraction
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, PathPatch, Polygon, Rectangle
from matplotlib.path import Path as Outline
from PIL import Image
from sympy import latex

from cnnref import functional as F
from cnnref import layers, optim
from cnnref.geometry import out_size, span
from cnnref.optim import adam_step, sgd_step
from cnnref.symbolic import Array, ZSum, derivative, indices, polynomial_arrays
from cnnref.verify.ledger import read_ledger, read_verdicts
from cnnref.windows import windows, windows_backward

INK, GREY, BLUE, RED = "#1f2430", "#656b76", "#1f5fa8", "#b3372f"
PAPER, FAINT = "#fdfcf9", "#e4e2dc"
TINT_BLUE, TINT_RED = "#d6e4f5", "#f6dad6"

matplotlib.rcParams |= {
    "svg.hashsalt": "cnnref",  # or element names would differ from run to run
    "font.family": "DejaVu Sans",
    "mathtext.fontset": "dejavuserif",
    "font.size": 11,
}


class Drawing:
    """A finished figure, as the SVG that the page shows."""

    def __init__(self, figure):
        file = io.StringIO()
        figure.savefig(
            file,
            format="svg",
            transparent=True,
            bbox_inches="tight",
            pad_inches=0.02,
            metadata={"Date": None, "Creator": None},
        )
        self.svg = file.getvalue()

    def __repr__(self):
        return "Drawing"

    def _repr_svg_(self):
        return self.svg


def canvas(width, height, unit=0.5):
    """Return an empty figure and its axes, measured in grid cells, y downward."""
    figure = Figure(figsize=(width * unit, height * unit))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    axes.axis("off")
    return figure, axes


def grid(axes, values, left, top, colours=None, fill=None, label=None):
    """Draw a matrix of numbers as cells; a colour per cell where one is given."""
    values = np.atleast_2d(values)
    for (row, column), value in np.ndenumerate(values):
        colour = INK if colours is None else colours[row][column] or INK
        back = "none" if fill is None else fill[row][column] or "none"
        axes.add_patch(
            Rectangle((left + column, top + row), 1, 1, fc=back, ec=colour, lw=0.9)
        )
        write(axes, left + column + 0.5, top + row + 0.5, number(value), colour)
    if label:
        write(axes, left + values.shape[1] / 2, top - 0.45, label)


def write(axes, x, y, text, colour=INK, **options):
    """Write centred text in grid coordinates."""
    options = {"ha": "center", "va": "center"} | options
    axes.text(x, y, text, color=colour, **options)


def arrow(axes, start, end, colour=INK, **options):
    """Draw a thin arrow from start to end."""
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.0, "shrinkA": 0}
    axes.annotate("", end, start, arrowprops=style | {"shrinkB": 0} | options)


def number(value):
    """Write a number as the book does: integers without a point, a true minus."""
    value = int(value) if float(value).is_integer() else value
    return f"{value}".replace("-", "−")


# Backpropagation through a convolution ------------------------------------------------


def readers_of_one_input(w, g, h):
    """Join one input to the outputs that read it, and write out its gradient."""
    w, g = np.array(w, float), np.array(g, float)
    x = np.zeros(len(g) + len(w) - 1)
    dx = F.conv1d_backward(g[None], x[None], w[None, None]).input[0]
    figure, axes = canvas(2 * len(x) + 1, 7.6, unit=0.43)
    for p in range(len(g)):
        for i in range(len(w)):
            foot, head = (2 * (p + i) + 1, 5), (2 * p + len(w), 1.7)
            axes.plot(*zip(foot, head, strict=True), color=FAINT, lw=1.2, zorder=0)
            if p + i == h:
                axes.plot(*zip(foot, head, strict=True), color=RED, lw=1.6, zorder=1)
                middle = np.average([foot, head], axis=0, weights=(1, 3))
                back = {"fc": "#fdfcf9", "ec": "none", "pad": 2}
                write(axes, *middle, f"$w[{i}]$", RED, bbox=back, fontsize=10)
    for p, value in enumerate(g):
        grid(axes, value, 2 * p + len(w) - 0.5, 0.7)
        write(axes, 2 * p + len(w), 0.25, f"$g[{p}]$", fontsize=10)
    for k in range(len(x)):
        colour = RED if k == h else INK
        grid(axes, dx[k], 2 * k + 0.5, 5, [[colour]])
        write(
            axes, 2 * k + 1, 6.4, rf"$\partial L/\partial x[{k}]$", colour, fontsize=9
        )
    read = [p for p in reversed(range(len(g))) if 0 <= h - p < len(w)]
    terms = " + ".join(f"g[{p}]\\,w[{h - p}]" for p in read)
    values = " + ".join(f"{number(g[p])}·{number(w[h - p])}" for p in read)
    line = rf"$\partial L/\partial x[{h}] = {terms}$ = {values} = {number(dx[h])}"
    write(axes, len(x) + 0.5, 7.3, line, RED)
    return Drawing(figure)


def positions_read(size, kernel_size, stride, dilation, p, i):
    """Table of the input positions s·p + d·i: rows are outputs, columns are offsets."""
    settings = ((kernel_size,), (stride,), ((0, 0),), (dilation,))
    table = windows(np.arange(size), *settings).T
    outputs, offsets = table.shape
    unread = sorted(set(range(size)) - set(table.ravel().tolist()))
    figure, axes = canvas(9.4, outputs + 4.6, unit=0.46)
    left = 3.8
    fill = np.full(table.shape, None)
    fill[p, :], fill[:, i] = TINT_BLUE, TINT_RED
    fill[p, i] = None
    grid(axes, table, left, 1, fill=fill)
    for row in range(outputs):
        write(axes, left - 0.7, row + 1.5, f"$p={row}$", BLUE if row == p else INK)
    for column in range(offsets):
        colour = RED if column == i else INK
        write(axes, left + column + 0.5, 0.5, f"$i={column}$", colour)
    notes = {
        f"forward: $y[{p}]$ reads its row, in steps of {dilation}": BLUE,
        rf"backward: $\partial L/\partial w[{i}]$ reads its column, "
        f"in steps of {stride}": RED,
        f"no entry of the table: {', '.join(map(str, unread))}": INK,
    }
    for line, (text, colour) in enumerate(notes.items()):
        write(axes, 4.7, outputs + 2 + line, text, colour, fontsize=10)
    return Drawing(figure)


# The index calculus -------------------------------------------------------------------


def support(x, w, first, last):
    """Draw x and its correlation with w on the integers, with full and valid marked."""
    x, w = np.array(x, float), np.array(w, float)
    margin = (last - first) + len(w)
    wide = np.pad(x, margin)
    y = F.conv1d(wide[None], w[None, None])[0]
    places = range(first, last + 1)
    figure, axes = canvas(len(places) + 2.4, 6.4)
    for column, place in enumerate(places):
        left = column + 2
        write(axes, left + 0.5, 0.4, number(place), GREY, fontsize=9)
        inside = 0 <= place < len(x)
        grid(axes, wide[margin + place], left, 0.8, [[INK if inside else GREY]])
        full = -len(w) < place < len(x)
        colour = BLUE if full else GREY
        grid(axes, y[margin + place], left, 2.6, [[colour]])
    write(axes, 1.4, 1.3, "$x[h]$", ha="right")
    write(axes, 1.4, 3.1, "$y[p]$", ha="right")
    spans = {"valid": (0, len(x) - len(w)), "full": (1 - len(w), len(x) - 1)}
    for row, (name, (start, end)) in enumerate(spans.items()):
        left, right, height = start - first + 2, end - first + 3, 4.2 + row
        axes.plot([left + 0.1, right - 0.1], [height, height], color=BLUE, lw=2)
        write(axes, (left + right) / 2, height + 0.45, name, BLUE, fontsize=10)
    return Drawing(figure)


# Output size --------------------------------------------------------------------------


def windows_on_a_ruler(size, kernel_size, stride=1, padding=0, dilation=1, fail=True):
    """Lay every window under the padded input, and the first one that does not fit."""
    before, after = padding if isinstance(padding, tuple) else (padding, padding)
    padded, covered = before + size + after, span(kernel_size, dilation)
    fit = out_size(size, kernel_size, stride, (before, after), dilation)
    taps = windows(
        np.arange(padded), (kernel_size,), (stride,), ((0, 0),), (dilation,)
    ).T
    unread = set(range(padded)) - set(taps.ravel().tolist())
    width = max(padded, fit * stride + covered if fail else 0)
    figure, axes = canvas(width + 3.2, fit + fail + 2.3, unit=0.4)
    left = 1.5
    for place in range(padded):
        inside = before <= place < before + size
        ink = RED if place in unread else INK if inside else GREY
        fill = TINT_RED if place in unread else "none" if inside else FAINT
        cell = Rectangle((left + place, 0.6), 1, 1, fc=fill, ec=ink, lw=0.9)
        axes.add_patch(cell)
        write(axes, left + place + 0.5, 1.1, number(place - before), ink, fontsize=10)
    write(axes, left - 0.3, 1.1, "$h$", ha="right")
    write(axes, left + width + 1, 1.1, "room", fontsize=10)
    for p in range(fit + fail):
        height, start, fits = p + 2.35, left + p * stride, p < fit
        colour, line = (BLUE, "-") if fits else (RED, "--")
        ends = [start + 0.12, start + covered - 0.12]
        axes.plot(ends, [height] * 2, color=colour, lw=1.4, ls=line, zorder=0)
        for tap in range(kernel_size):
            centre = start + dilation * tap + 0.5
            face = TINT_BLUE if fits else TINT_RED
            box = Rectangle((centre - 0.34, height - 0.3), 0.68, 0.6, fc=face)
            axes.add_patch(box)
            box.set(ec=colour, lw=1.1, ls=line)
        write(axes, left - 0.3, height, f"$p={p}$", colour, ha="right", fontsize=10)
        rest = number(padded - covered - p * stride)
        write(axes, left + width + 1, height, rest, colour, fontsize=10)
    return Drawing(figure)


# Convolution and cross-correlation ----------------------------------------------------


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


class Pictures(Drawing):
    """Pictures in two columns, pixel for pixel, each with a word on its corner.

    They are bitmaps: what a compressor makes of a picture depends on its version.
    """

    GAP, UNIT = 4, 4

    def __init__(self, pictures):
        height, width = next(iter(pictures.values())).size[::-1]
        rows = (len(pictures) + 1) // 2
        box = (2 * width + self.GAP, rows * height + (rows - 1) * self.GAP)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {box[0]} {box[1]}" '
            f'width="{self.UNIT * box[0]}" height="{self.UNIT * box[1]}" '
            f'font-family="DejaVu Sans, sans-serif" font-size="8">'
        ]
        for place, (word, picture) in enumerate(pictures.items()):
            left = place % 2 * (width + self.GAP)
            top = place // 2 * (height + self.GAP)
            parts.append(
                f'<image x="{left}" y="{top}" width="{width}" height="{height}" '
                f'style="image-rendering:pixelated" href="{_bitmap(picture)}"/>'
                f'<rect x="{left}" y="{top}" '
                f'width="{4.7 * len(word) + 6:.1f}" height="12" '
                f'fill="{PAPER}"/><text x="{left + 3}" y="{top + 9}" fill="{INK}">'
                f"{word}</text>"
            )
        self.svg = "\n".join([*parts, "</svg>"])


def edges(photograph, largest=255, **responses):
    """Show a photograph beside responses: blue above 0, red below, paper at 0."""
    shades = Image.fromarray(photograph[1:-1, 1:-1].astype(np.uint8))
    pictures = {"photograph": shades}
    for name, response in responses.items():
        pictures[name.replace("_", " ")] = _two_sided(response, largest)
    return Pictures(pictures)


def _two_sided(response, largest):
    """Colour numbers: blue above 0, red below, paper at 0."""
    level = 128 + np.rint(127 * np.clip(response / largest, -1, 1))
    picture = Image.fromarray(level.astype(np.uint8))
    picture.putpalette(_between(RED, PAPER, 129)[:-3] + _between(PAPER, BLUE, 128))
    return picture


def _between(first, last, steps):
    """Return steps colours from first to last, as the bytes of a palette."""
    ends = [[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in (first, last)]
    return np.rint(np.linspace(*ends, steps)).astype(int).ravel().tolist()


def _bitmap(picture):
    file = io.BytesIO()
    picture.save(file, "BMP")
    return f"data:image/bmp;base64,{base64.b64encode(file.getvalue()).decode()}"


# Dense layers -------------------------------------------------------------------------


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
        _pixels(axes, kernel / kernel.max(), left, top + 0.5)
        write(axes, left + 4, top + 10, f"$o={o}$", fontsize=10)
    return Drawing(figure)


def sliding_digit(strip, distances, answers, dips):
    """Show a strip, and below it how far each of its windows is from a mean digit."""
    (height, width), side = strip.shape, strip.shape[0]
    figure, axes = canvas(width + 1, height + 26, unit=0.085)
    _pixels(axes, strip / strip.max(), 0.5, 0.5)
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


def _pixels(axes, shades, left, top):
    """Paint a picture of shades from 0 to 1 in ink, one path for each of 17 greys."""
    colours = np.reshape(_between(PAPER, INK, 17), (17, 3)) / 255
    levels = np.rint(16 * shades).astype(int)
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)])
    for level in np.unique(levels[levels > 0]):
        places = np.argwhere(levels == level)[:, ::-1]
        path = Outline.make_compound_path(
            *(Outline(np.add(place, corners), closed=True) for place in places)
        )
        path.vertices += np.array([left, top])
        axes.add_patch(PathPatch(path, color=colours[level], lw=0.2))


# Images -------------------------------------------------------------------------------


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


# One tensor ---------------------------------------------------------------------------


def one_table(x, w, g, stride, padding, at):
    """Table of the weights through which p reads h; at = (p, h, i) are looked at."""
    x, w, g = (np.array(a, float) for a in (x, w, g))
    call, rule = (x[None], w[None, None]), {"stride": stride, "padding": padding}
    y, back = F.conv1d(*call, **rule)[0], F.conv1d_backward(g[None], *call, **rule)
    dx, dw = back.input[0], back.weight[0, 0]
    sides = ((len(w),), (stride,), ((padding, padding),), (1,))
    tensor = windows(np.eye(len(x), dtype=int), *sides).transpose(2, 0, 1)
    line, column, offset = at
    figure, axes = canvas(len(x) + 5.6, len(g) + 6.8)
    left, top = 3.2, 1.7
    for p, h in np.ndindex(*tensor.shape[:2]):
        fill = TINT_BLUE if p == line else TINT_RED if h == column else "none"
        fill = "none" if (p, h) == (line, column) else fill
        cell = Rectangle((left + h, top + p), 1, 1, fc=fill, ec=GREY, lw=0.6)
        axes.add_patch(cell)
    for p, h, i in np.argwhere(tensor):
        write(axes, left + h + 0.5, top + p + 0.5, number(w[i]))
        if i == offset:
            frame = Rectangle((left + h + 0.06, top + p + 0.06), 0.88, 0.88)
            axes.add_patch(frame)
            frame.set(fc="none", ec=INK, lw=2)
    for h, value in enumerate(x):
        colour, below = RED if h == column else INK, top + len(g)
        write(axes, left + h + 0.5, 0.45, f"$x[{h}]$", fontsize=10)
        write(axes, left + h + 0.5, 1.2, number(value))
        write(axes, left + h + 0.5, below + 0.5, number(dx[h]), colour)
    for p, value in enumerate(g):
        colour, height = BLUE if p == line else INK, top + p + 0.5
        write(axes, left - 1.5, height, f"$g[{p}]$", fontsize=10)
        write(axes, left - 0.5, height, number(value))
        write(axes, left + len(x) + 0.7, height, number(y[p]), colour)
        write(axes, left + len(x) + 1.8, height, f"$y[{p}]$", colour, fontsize=10)
    write(axes, left - 0.2, top + len(g) + 0.5, r"$\partial L/\partial x$", ha="right")
    sums = {
        f"y[{line}]": (w, x, tensor[line].T, y[line], BLUE),
        rf"\partial L/\partial x[{column}]": (
            *(g, w, tensor[:, column], dx[column]),
            RED,
        ),
        rf"\partial L/\partial w[{offset}]": (
            *(x, g, tensor[:, :, offset].T, dw[offset]),
            INK,
        ),
    }
    for place, (name, (a, b, met, total, colour)) in enumerate(sums.items()):
        pairs = (f"{number(a[j])}·{number(b[k])}" for j, k in np.argwhere(met))
        text = f"${name}$ = {' + '.join(pairs)} = {number(total)}"
        write(axes, (len(x) + 5.6) / 2, top + len(g) + 1.9 + place, text, colour)
    return Drawing(figure)


def legs():
    """Draw the tensor with its three legs, and what is tied to them in six sums."""
    figure, axes = canvas(13.2, 14.2, unit=0.42)
    _tensor(axes, 6.6, 1, {}, long=True)
    for word, x, y, side in (
        ("input $h$", 4.1, 1, "right"),
        ("output $p$", 9.1, 1, "left"),
        ("offset $i$", 6.6, 3.75, "center"),
    ):
        write(axes, x, y, word, ha=side)
    ties = {
        "windows": {"h": "x"},
        "forward pass": {"h": "x", "i": "w"},
        "matrix": {"i": "w"},
        "weight gradient": {"h": "x", "p": "g"},
        "input gradient,\ntransposed layer": {"p": "g", "i": "w"},
        "fold": {"pi": "a"},
    }
    for place, (word, tied) in enumerate(ties.items()):
        x, y = 2 + 4.6 * (place % 3), 6.2 + 4.9 * (place // 3)
        _tensor(axes, x, y, tied)
        write(axes, x, y + 2.9, word, fontsize=10)
    return Drawing(figure)


def _tensor(axes, x, y, tied, long=False):
    """Draw a box C; a leg ends in the array that is tied to it, or in its letter."""
    reach = 2.2 if long else 1.3
    ends = {"h": (x - reach, y), "p": (x + reach, y), "i": (x, y + reach + 0.1)}
    if "pi" in tied:
        ends["p"] = ends["i"] = ends["pi"] = (x + reach, y + reach)
        for foot in ((x + reach, y), (x, y + reach)):
            line = [(x, y), foot, ends["pi"]]
            axes.plot(*zip(*line, strict=True), color=INK, lw=1.4, zorder=0)
    for leg in "hpi":
        if "pi" in tied and leg != "h":
            continue
        axes.plot(*zip((x, y), ends[leg], strict=True), color=INK, lw=1.4, zorder=0)
        if leg not in tied and not long:
            step = {"h": (-0.4, 0), "p": (0.4, 0), "i": (0, 0.45)}[leg]
            write(axes, *np.add(ends[leg], step), f"${leg}$")
    box = Rectangle((x - 0.55, y - 0.55), 1.1, 1.1, fc=PAPER, ec=INK, lw=1.4)
    axes.add_patch(box)
    write(axes, x, y, "$C$", fontsize=13)
    for leg, name in tied.items():
        colour, tint = (RED, TINT_RED) if name in "ga" else (BLUE, TINT_BLUE)
        axes.add_patch(Circle(ends[leg], 0.5, fc=tint, ec=colour, lw=1.2))
        write(axes, *ends[leg], f"${name}$", colour)


def joined():
    """Draw two tensors, tied by a leg, and the two that make the same sum."""
    figure, axes = canvas(13.2, 5.9, unit=0.42)
    lines = {
        "left": [(0.8, 1.2), (6.2, 1.2)],
        "i": [(2.4, 1.2), (2.4, 3.2)],
        "j": [(4.6, 1.2), (4.6, 3.2)],
        "right": [(8.6, 1.2), (12.2, 1.2)],
        "u": [(10.4, 1.2), (10.4, 3.6)],
        "i'": [(10.05, 3.6), (10.05, 5)],
        "j'": [(10.75, 3.6), (10.75, 5)],
    }
    for line in lines.values():
        axes.plot(*zip(*line, strict=True), color=INK, lw=1.4, zorder=0)
    boxes = {"C_1": (2.4, 1.2), "C_2": (4.6, 1.2), "C_{12}": (10.4, 1.2)}
    for name, (x, y) in (boxes | {"D": (10.4, 3.6)}).items():
        box = Rectangle((x - 0.6, y - 0.55), 1.2, 1.1, fc=PAPER, ec=INK, lw=1.4)
        axes.add_patch(box)
        write(axes, x, y, f"${name}$", fontsize=13)
    letters = {
        "h": [(0.4, 1.2), (8.2, 1.2)],
        "q": [(6.6, 1.2), (12.6, 1.2)],
        "p": [(3.5, 0.75)],
        "u": [(10.8, 2.45)],
        "i": [(2.4, 3.65), (10.05, 5.45)],
        "j": [(4.6, 3.65), (10.75, 5.45)],
    }
    for letter, places in letters.items():
        for x, y in places:
            summed = letter in "pu"
            write(axes, x, y, f"${letter}$", BLUE if summed else INK)
    write(axes, 7.4, 1.2, "=", fontsize=15)
    return Drawing(figure)


def block_toeplitz(kernel, size, look_at):
    """Draw the matrix of a kernel on images of a size; one weight is looked at."""
    kernel, places = np.array(kernel, float), size[0] * size[1]
    units = np.eye(places).reshape(-1, 1, *size)
    results = F.conv2d(units, kernel[None, None])
    matrix = results.reshape(places, -1).T
    (rows, columns), height = matrix.shape, results.shape[-1]
    figure, axes = canvas(columns + 0.4, rows + 0.4, unit=0.46)
    for (p, h), value in np.ndenumerate(matrix):
        fill = TINT_BLUE if value == look_at else "none"
        cell = Rectangle((h + 0.2, p + 0.2), 1, 1, fc=fill, ec=FAINT, lw=0.8)
        axes.add_patch(cell)
        if value:
            colour = BLUE if value == look_at else INK
            write(axes, h + 0.7, p + 0.7, number(value), colour)
    for p in range(0, rows, height):
        for h in range(0, columns, size[1]):
            block = Rectangle((h + 0.2, p + 0.2), size[1], height, fc="none", ec=INK)
            axes.add_patch(block)
    return Drawing(figure)


# Equivariance -------------------------------------------------------------------------


def a_step_to_the_right(x, w, first, last):
    """Draw x and x ⋆ w before and after a step, with the positions of stride 2 blue."""
    x, w = np.array(x, float), np.array(w, float)
    places = np.arange(first, last + 1)
    figure, axes = canvas(len(places) + 2.9, 8.9, unit=0.5)
    left = 2.8
    for column, place in enumerate(places):
        ink = GREY if place % 2 else BLUE
        write(axes, left + column + 0.5, 0.4, number(place), ink, fontsize=9)
    for step, top in enumerate((0.9, 5.1)):
        shown = np.zeros(len(places) + len(w) - 1)
        shown[step - first : step - first + len(x)] = x
        y = F.conv1d(shown[None], w[None, None])[0]
        name = rf"$\tau_{step}\,x$" if step else "$x$"
        result = rf"$({name[1:-1]})\star w$" if step else r"$x\star w$"
        kept = places % 2 == 0
        rows = (name, shown[: len(places)], None), (result, y, TINT_BLUE)
        for row, (label, values, tint) in enumerate(rows):
            height = top + 1.15 * row
            for column, value in enumerate(values):
                quiet, blue = value == 0, tint and kept[column]
                colour = BLUE if blue else GREY if quiet else INK
                back = tint if blue else None
                cell = [[colour]], [[back]]
                grid(axes, value, left + column, height, *cell)
            write(axes, left - 0.35, height + 0.5, label, ha="right")
        seen = ", ".join(number(v) for v in y[kept] if v)
        line = f"stride 2 keeps {seen}"
        write(axes, left + len(places) / 2, top + 2.85, line, BLUE, fontsize=10)
    return Drawing(figure)


def three_matrices(size, kernel_size):
    """Number the weights of a dense, a local and a convolutional layer."""
    x, w = np.zeros((1, size)), np.arange(1.0, kernel_size + 1)[None, None]
    units = np.eye(size - kernel_size + 1)[:, None]
    shared = np.vstack([F.conv1d_backward(g, x, w).input for g in units])
    dense = 1 + np.arange(shared.size).reshape(shared.shape)
    local = np.where(shared, np.cumsum(shared != 0).reshape(shared.shape), 0)
    matrices = {"fully connected": dense, "local": local, "local and shared": shared}
    figure, axes = canvas(3 * size + 2.4, len(units) + 2.2, unit=0.38)
    for place, (name, matrix) in enumerate(matrices.items()):
        left = place * (size + 1) + 0.2
        for (row, column), value in np.ndenumerate(matrix):
            back = TINT_BLUE if value else "none"
            edge = {"ec": INK if value else FAINT, "lw": 0.9, "fc": back}
            corner = (left + column, row + 1)
            axes.add_patch(Rectangle(corner, 1, 1, zorder=1 + bool(value), **edge))
            if value:
                middle = corner[0] + 0.5, corner[1] + 0.5
                write(axes, *middle, number(value), zorder=3)
        middle = left + size / 2
        write(axes, middle, 0.5, name)
        count = f"{len(set(matrix[matrix > 0]))} weights"
        write(axes, middle, len(units) + 1.6, count, BLUE)
    return Drawing(figure)


# Pooling ------------------------------------------------------------------------------


def pooled_tiles(x, kernel_size):
    """Cut an input into tiles, and write out the maximum and the mean of the first."""
    x = np.array(x, float)
    highest, at = F.max_pool2d(x[None], kernel_size, return_indices=True)
    means = F.avg_pool2d(x[None], kernel_size)[0]
    fill = np.full(x.size, None)
    fill[at.ravel()] = TINT_BLUE
    figure, axes = canvas(9.9, 7.0)
    grid(axes, x, 0.2, 0.9, fill=fill.reshape(x.shape), label="input $x$")
    for row, column in np.ndindex(*means.shape):
        corner = (0.2 + column * kernel_size, 0.9 + row * kernel_size)
        tile = Rectangle(corner, kernel_size, kernel_size, fc="none", ec=INK, lw=2.4)
        axes.add_patch(tile)
    blue = np.full(means.shape, TINT_BLUE)
    grid(axes, highest[0], 5.0, 1.9, fill=blue, label="maxima")
    grid(axes, means, 7.7, 1.9, label="means")
    first = list(map(number, x[:kernel_size, :kernel_size].ravel()))
    values = f"max({', '.join(first)})", f"({' + '.join(first)}) / {len(first)}"
    for line, (value, pooled) in enumerate(zip(values, (highest[0], means))):
        text = f"$y[0,0]$ = {value} = {number(pooled[0, 0])}"
        write(axes, 4.95, 5.7 + 0.8 * line, text, INK if line else BLUE)
    return Drawing(figure)


def level_by_level(x, kernel_size):
    """Draw an input as blocks; below, count those in each window, level by level."""
    x = np.array(x, float)
    y = F.max_pool1d(x[None], kernel_size)[0]
    levels = np.arange(x.max(), 0, -1)
    above = (x >= levels[:, None]).astype(float)
    counts = kernel_size * F.avg_pool1d(above, kernel_size)
    height, left = len(levels), 2.4
    below = height + 2.8
    figure, axes = canvas(left + len(x) + 0.2, below + height + 2.0)

    def box(x, y, width, full):
        face = TINT_BLUE if full else "none"
        axes.add_patch(Rectangle((x, y), width, 1, fc=face, ec=FAINT, lw=0.9))

    for row, level in enumerate(levels):
        for top in (0.3, below):
            name = rf"$\theta={number(level)}$"
            write(axes, left - 0.4, row + top + 0.5, name, GREY, ha="right")
        for h, block in enumerate(above[row]):
            box(left + h, row + 0.3, 1, block)
        for p, count in enumerate(counts[row]):
            place = left + kernel_size * p
            box(place, row + below, kernel_size, count)
            middle = place + kernel_size / 2, row + below + 0.5
            write(axes, *middle, number(count), INK if count else GREY)
    for top in (0.3, below):
        for p in range(len(y) + 1):
            place = left + kernel_size * p
            axes.plot([place] * 2, [top, top + height], color=INK, lw=1.4)
        axes.plot([left, left + len(x)], [top + height] * 2, color=INK, lw=1.4)
    for h, value in enumerate(x):
        write(axes, left + h + 0.5, height + 0.8, number(value))
    rows = {"$x[h]$": INK, "levels": BLUE, "blocks": INK}
    heights = (height + 0.8, below + height + 0.5, below + height + 1.4)
    for place, (word, colour) in zip(heights, rows.items()):
        write(axes, left - 0.4, place, word, colour, ha="right")
    text = "blocks in each window"
    write(axes, left + len(x) / 2, below - 0.6, text, GREY, fontsize=10)
    for p, value in enumerate(y):
        middle = left + kernel_size * (p + 0.5)
        write(axes, middle, heights[1], number(value), BLUE)
        write(axes, middle, heights[2], number(counts[:, p].sum()))
    return Drawing(figure)


def shifted_and_pooled(x, kernel_size, shifts):
    """Pool an input and its shifts; red where the windows start off the stride."""
    x, left, step = np.array(x, float), 2.0, 3.1
    figure, axes = canvas(left + len(x) + 0.2, step * len(shifts) - 0.4)
    for line, shift in enumerate(shifts):
        moved = np.concatenate([np.zeros(shift), x[: len(x) - shift]])
        y, at = F.max_pool1d(moved[None], kernel_size, return_indices=True)
        whole, top = shift % kernel_size == 0, step * line + 0.2
        tint, colour = (TINT_BLUE, BLUE) if whole else (TINT_RED, RED)
        fill = np.full(len(x), None)
        fill[at[0][y[0] > 0]] = tint
        name = rf"\tau_{shift}x" if shift else "x"
        for row, text in enumerate((f"${name}$", "maxima")):
            ink = colour if row else INK
            write(axes, left - 0.4, top + 0.5 + 1.2 * row, text, ink, ha="right")
        grid(axes, moved, left, top, fill=[fill])
        for p, value in enumerate(y[0]):
            corner = (left + kernel_size * p, top)
            window = Rectangle(corner, kernel_size, 1, fc="none", ec=INK, lw=2.2)
            axes.add_patch(window)
            middle = left + kernel_size * (p + 0.5)
            write(axes, middle, top + 1.7, number(value), colour)
    return Drawing(figure)


# Channels -----------------------------------------------------------------------------


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
        shown[name.replace("_", " ")] = _two_sided(values, largest)
    return Pictures(shown)


# Activations --------------------------------------------------------------------------


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
        word = f"$m={_slope(m)}$"
        aside, side = (-0.2, "right") if cuts else (0.15, "left")
        write(axes, x[-1] + aside, y[-1], word, colour, ha=side, fontsize=11)
    write(axes, 0.6, 3.6, r"$\max(0,x)$", ha="left")
    return Drawing(figure)


def _slope(value):
    """Write a slope as a fraction with a small denominator, where it is one."""
    fraction = Fraction(float(value)).limit_denominator(8)
    return f"{fraction}".replace("-", "−")


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
        write(axes, place(tick), 0.35, _slope(tick), GREY, fontsize=10)
    for row, (name, (before, at, after)) in enumerate(atlas.items()):
        height = 1.1 + 0.62 * row
        colour = RED if name.startswith("SymPy") else BLUE
        write(axes, left - 0.5, height, name, colour, ha="right", fontsize=10)
        between = [place(before), place(after)]
        axes.plot(between, [height] * 2, color=GREY, lw=1.1, marker="|", ms=7)
        axes.plot(place(at), height, "o", color=colour, ms=6)
    return Drawing(figure)


# Reverse mode -------------------------------------------------------------------------


def there_and_back(x, first, second):
    """Draw dense, ReLU, dense: values in blue going right, gradients in red back."""
    x, first, second = (np.array(a, float) for a in (x, first, second))
    z = F.linear(x, first)
    a = F.relu(z)
    y = F.linear(a, second)
    above = F.linear_backward(np.ones_like(y), a, second)
    delta = F.relu_backward(above.input, z)
    columns = {
        "x": (x, F.linear_backward(delta, x, first).input),
        "z": (z, delta),
        "a": (a, above.input),
        "y": (y, np.ones_like(y)),
    }
    figure, axes = canvas(13.2, 8.2, unit=0.4)
    lefts = dict(zip(columns, (0.2, 4.3, 7.3, 11.3)))
    tops = {k: 4.6 - 2.6 * (len(v[0]) - 1) / 2 for k, v in columns.items()}

    def middle(name, unit):
        return tops[name] + 2.6 * unit

    for source, target, weight in (("x", "z", first), ("a", "y", second)):
        for (o, i), value in np.ndenumerate(weight):
            ends = np.array([middle(source, i), middle(target, o)])
            across = np.array([lefts[source] + 1.7, lefts[target]])
            colour = FAINT if value == 0 else GREY
            axes.plot(across, ends, color=colour, lw=1.1, zorder=0)
            near = np.array([0.3, 0.7] if i % 2 else [0.66, 0.34])
            back = {"fc": PAPER, "ec": "none", "pad": 1}
            at = near @ across, near @ ends
            write(axes, *at, number(value), GREY, fontsize=10, bbox=back)
    for unit, value in enumerate(z):
        ends = (lefts["z"] + 1.7, middle("z", unit)), (lefts["a"], middle("a", unit))
        arrow(axes, *ends, INK if value > 0 else FAINT)
    for name, (values, gradients) in columns.items():
        write(axes, lefts[name] + 0.85, 0.5, f"${name}$")
        for unit, (value, gradient) in enumerate(zip(values, gradients)):
            left, top = lefts[name], middle(name, unit)
            for up, word, colour, fill in (
                (0.9, value, BLUE, TINT_BLUE),
                (0.0, gradient, RED, TINT_RED),
            ):
                box = Rectangle((left, top - up), 1.7, 0.9, fc=fill, ec=GREY, lw=0.8)
                axes.add_patch(box)
                write(axes, left + 0.85, top - up + 0.45, number(word), colour)
    return Drawing(figure)


def adjoint_chain(widths):
    """Draw J₃J₂J₁v and J₁ᵀJ₂ᵀJ₃ᵀg, each matrix as large as the widths make it."""
    shapes = list(zip(widths[1:], widths))
    figure, axes = canvas(sum(widths) + 4.2, 2 * max(widths) + 3.6, unit=0.36)

    def product(words, sides, middle, colour, fill):
        left = 0.4
        for word, (rows, columns) in zip(words, sides):
            box = Rectangle((left, middle - rows / 2), columns, rows, fc=fill)
            box.set(ec=colour, lw=1.1)
            axes.add_patch(box)
            write(axes, left + columns / 2, middle, word, colour, fontsize=15)
            left += columns + 0.5

    layers = range(len(shapes), 0, -1)
    words = [*(f"$J_{k}$" for k in layers), "$v$"]
    sides = [*(shapes[k - 1] for k in layers), (widths[0], 1)]
    product(words, sides, max(widths) / 2 + 0.5, BLUE, TINT_BLUE)
    words = [*(rf"$J_{k}^\mathsf{{T}}$" for k in reversed(layers)), "$g$"]
    sides = [*((c, r) for r, c in shapes), (widths[-1], 1)]
    product(words, sides, 1.5 * max(widths) + 2.3, RED, TINT_RED)
    return Drawing(figure)


def one_row_each(a, outputs):
    """Draw ∂z[o′]/∂W, one matrix per output: its one row holds the input."""
    a = np.array(a, float)
    weight = np.zeros((outputs, len(a)))
    figure, axes = canvas(outputs * (len(a) + 1.6), outputs + 1.4)
    for o in range(outputs):
        unit = np.eye(outputs)[o]
        slab = F.linear_backward(unit, a, weight).weight
        fill = [[TINT_BLUE if row == o else ""] * len(a) for row in range(outputs)]
        colours = [[INK if row == o else GREY] * len(a) for row in range(outputs)]
        label = rf"$\partial z[{o}]/\partial W$"
        grid(axes, slab, 0.8 + o * (len(a) + 1.6), 1.2, colours, fill, label)
    return Drawing(figure)


# Backpropagation through pooling ------------------------------------------------------


def two_tables_of_shares(x, g, kernel_size, stride, h):
    """Table of what each window sends to each input: by a maximum, and by a mean."""
    x, g = np.array(x, float), np.array(g, float)
    figure, axes = canvas(len(x) + 4.2, 2 * len(g) + 8.0)
    for column, value in enumerate(x):
        write(axes, column + 4.3, 0.45, f"$x[{column}]$", fontsize=10)
        write(axes, column + 4.3, 1.2, number(value))
    kinds = (F.max_pool1d_backward, "maximum"), (F.avg_pool1d_backward, "mean")
    for table, (backward, word) in enumerate(kinds):
        top = 2.7 + table * (len(g) + 3.1)
        table_of = _shares(backward, g, x, kernel_size, stride)
        _table_of_shares(axes, top, g, *table_of, word, h)
        shares, dx = table_of
        terms = [f"{_share(m)}·{number(v)}" for m, v in zip(shares[:, h], g) if m]
        line = rf"$\partial L/\partial x[{h}]$ = {' + '.join(terms)} = {number(dx[h])}"
        write(axes, (len(x) + 4.2) / 2, top + len(g) + 1.65, line, RED)
    return Drawing(figure)


def shares_at_the_border(x, g, kernel_size, stride, padding):
    """Table of the shares of means that count their padding, and that do not."""
    x, g = np.array(x, float), np.array(g, float)
    # With the padding as part of the input, what goes there is not cut off.
    wide = _shares(F.avg_pool1d_backward, g, np.pad(x, padding), kernel_size, stride)
    rule = (kernel_size, stride, padding, False, False)
    inner = _shares(F.avg_pool1d_backward, g, x, *rule)
    inner = [np.pad(a, [(0, 0)] * (a.ndim - 1) + [(padding,) * 2]) for a in inner]
    words = {"padding counted": wide, "padding not counted": inner}
    figure, axes = canvas(len(wide[1]) + 4.2, 2 * len(g) + 4.4)
    for table, (word, (shares, dx)) in enumerate(words.items()):
        top = 0.9 + table * (len(g) + 2.3)
        _table_of_shares(axes, top, g, shares, dx, word, outside=padding)
    return Drawing(figure)


def _shares(backward, g, x, *settings):
    """Return what a 1 at each output sends to the inputs, and what all of g does."""
    ones = [backward(e[None], x[None], *settings)[0] for e in np.eye(len(g))]
    return np.array(ones), backward(g[None], x[None], *settings)[0]


def _share(value):
    return str(Fraction(value).limit_denominator(99))


def _table_of_shares(axes, top, g, shares, dx, word, h=None, outside=0):
    """Draw shares with g before their rows, and what they add up to below."""
    left, (height, width) = 3.8, shares.shape
    inside = range(outside, width - outside)
    for p, k in np.ndindex(height, width):
        tint = TINT_RED if k == h else TINT_BLUE if k in inside else FAINT
        cell = Rectangle((left + k, top + p), 1, 1, ec=GREY, lw=0.6)
        cell.set(fc=tint if shares[p, k] else "none")
        axes.add_patch(cell)
        if shares[p, k]:
            ink = INK if k in inside else GREY
            write(axes, left + k + 0.5, top + p + 0.5, _share(shares[p, k]), ink)
    for p, value in enumerate(g):
        write(axes, left - 2, top + p + 0.5, f"$g[{p}]$", fontsize=10)
        write(axes, left - 0.7, top + p + 0.5, number(value))
    for k, value in enumerate(dx):
        colour = RED if k == h else INK if k in inside else GREY
        value = number(round(value, 9))
        write(axes, left + k + 0.5, top + height + 0.5, value, colour)
    write(axes, left - 0.2, top + height + 0.5, r"$\partial L/\partial x$", ha="right")
    write(axes, left + width / 2, top - 0.4, word, GREY)


def first_or_even(picture, kernel_size):
    """Show a picture, and where a gradient of ones goes: to the first, and evenly."""
    y, tile = F.max_pool2d(picture[None], kernel_size), (kernel_size,) * 2
    ones, rule = np.ones_like(y), (tile, ((0, 0),) * 2, (1, 1))
    first = F.max_pool2d_backward(ones, picture[None], kernel_size)[0]
    equal = windows(picture[None], tile, *rule) == y[:, None, None]
    even = equal / equal.sum((1, 2), keepdims=True)
    even = windows_backward(even, picture.shape, *rule)[0]
    planes = {"the digit": picture, "to the first": first, "evenly": even}
    height, width = picture.shape
    figure, axes = canvas(3 * width + 2.4, height + 1.4, unit=0.3)
    for place, (word, plane) in enumerate(planes.items()):
        left, top = place * (width + 1.1) + 0.1, 1.2
        write(axes, left + width / 2, 0.5, word)
        _pixels(axes, plane, left, top)
        for row, column in np.ndindex(*y.shape[1:]):
            corner = (left + column * kernel_size, top + row * kernel_size)
            axes.add_patch(Rectangle(corner, *tile, fc="none", ec=GREY, lw=0.8))
    return Drawing(figure)


# Losses -------------------------------------------------------------------------------


def four_labels(scores, counts):
    """Table of e^z, softmax, target and gradient, and of what p − y says instead."""
    logits, y = np.log([scores]), np.array([counts], float)
    p, total = F.softmax(logits, 1), y.sum()
    slope = F.cross_entropy_backward(np.ones(()), logits, y).input
    rows = {
        "$e^z$": np.exp(logits),
        "$p$": p,
        "$y$": y,
        f"${number(total)}\\,p$": total * p,
        f"${number(total)}\\,p-y$": slope,
        "$p-y$": p - y,
    }
    left, wide = 2.7, 1.7
    figure, axes = canvas(left + wide * (p.size + 1) + 0.8, 1.2 * len(rows) + 1.0)
    for column in range(p.size):
        middle = left + wide * (column + 0.5)
        write(axes, middle, 0.4, f"class {column}", GREY, fontsize=10)
    write(axes, left + wide * (p.size + 0.5) + 0.5, 0.4, "sum", GREY, fontsize=10)
    colours = [INK] * 4 + [BLUE, RED]
    for row, (name, values) in enumerate(rows.items()):
        top, colour = 1.2 * row + 0.9, colours[row]
        write(axes, left - 0.35, top + 0.5, name, colour, ha="right")
        for column, value in enumerate(values[0]):
            corner = (left + wide * column, top)
            back = TINT_BLUE if colour == BLUE else "none"
            axes.add_patch(Rectangle(corner, wide, 1, fc=back, ec=colour, lw=0.9))
            write(axes, corner[0] + wide / 2, top + 0.5, _slope(value), colour)
        beside = left + wide * (p.size + 0.5) + 0.5
        write(axes, beside, top + 0.5, _slope(values.sum()), colour)
    return Drawing(figure)


def training_curves(right, wrong, classes):
    """Draw the losses of two trainings over the epochs, and what one cannot reach."""
    floor = np.log(1 + (classes - 1) / np.e)
    epochs = np.arange(1, len(right) + 1)
    figure, axes = canvas(12.4, 6.6)

    def place(epoch, loss):
        return 1.2 + 0.45 * np.asarray(epoch), 5.6 - 2.1 * np.asarray(loss)

    for level in range(3):
        axes.plot(*place([0.5, len(right)], [level] * 2), color=FAINT, lw=1, zorder=0)
        write(axes, 0.9, 5.6 - 2.1 * level, level, GREY, fontsize=10)
    for epoch in (1, len(right) // 2, len(right)):
        write(axes, place(epoch, 0)[0], 6.15, epoch, GREY, fontsize=10)
    axes.plot(*place([0.5, len(right)], [floor] * 2), color=RED, lw=1, ls="--")
    axes.plot(*place(epochs, right), color=BLUE, lw=2)
    axes.plot(*place(epochs, wrong), color=RED, lw=2)
    end = place(len(right), 0)[0] + 0.3
    notes = (right[-1], "once", BLUE), (wrong[-1] + 0.1, "twice", RED)
    for loss, word, colour in (*notes, (floor, f"{floor:.2f}", RED)):
        height = place(0, loss)[1]
        write(axes, end, height, word, colour, ha="left", fontsize=10)
    return Drawing(figure)


def binary_loss_in_floats(first, last):
    """Draw the loss of a wrong answer, from its logit and from its sigmoid."""
    z = np.linspace(first, last, 1201, dtype="f4")
    t = np.zeros_like(z)
    exact = F.binary_cross_entropy_with_logits(z, t, reduction="none")
    rounded = F.binary_cross_entropy(F.sigmoid(z), t, reduction="none")
    seen = rounded < last
    most = number(float(rounded.max()))
    figure, axes = canvas(11.6, 7.2)

    def place(logit, loss):
        across = 1.4 + 1.05 * (np.asarray(logit) - first)
        return across, 6.0 - 0.64 * (np.asarray(loss) - first)

    for tick in range(first, last + 1, 4):
        axes.plot(*place([first, last], [tick] * 2), color=FAINT, lw=1, zorder=0)
        write(axes, 1.0, place(first, tick)[1], tick, GREY, fontsize=10)
        write(axes, place(tick, first)[0], 6.5, tick, GREY, fontsize=10)
    write(axes, 10.4, 6.5, "$z$", GREY)
    axes.plot(*place(z[seen], rounded[seen]), color=RED, lw=1.6)
    axes.plot(*place(z, exact), color=BLUE, lw=1.6)
    start = place(z[seen][-1], rounded[seen][-1])
    arrow(axes, start, (start[0], 0.3), RED)
    write(axes, start[0] - 0.2, 0.6, f"to {most}", RED, ha="right", fontsize=10)
    write(axes, *place(15.2, 16.3), r"from $\sigma(z)$", RED, ha="right")
    write(axes, *place(18.3, 17.4), "from $z$", BLUE, ha="left")
    return Drawing(figure)


# Softmax ------------------------------------------------------------------------------


def shares(exponentials, factor):
    """Cut a bar of length 1 by exponentials, and by those of shifted logits."""
    logits = np.log(np.array(exponentials, float))
    figure, axes = canvas(11.3, 3.9)
    write(axes, 1.7, 0.35, "$e^{x}$", GREY)
    write(axes, 4.2, 0.35, "sum", GREY)
    write(axes, 8.2, 0.35, r"$\mathrm{softmax}(x)$", GREY)
    for row, x in enumerate((logits, logits + np.log(factor))):
        top, start = 0.9 + 1.7 * row, 5.2
        values = np.exp(x).round(6)
        grid(axes, values, 0.2, top)
        write(axes, 4.2, top + 0.5, number(values.sum().round(6)))
        for value, share in zip(values, F.softmax(x, 0), strict=True):
            wide = 6 * share
            fill = TINT_RED if value == values.max() else TINT_BLUE
            bar = Rectangle((start, top), wide, 1, fc=fill, ec=INK, lw=0.9)
            axes.add_patch(bar)
            fraction = Fraction(share).limit_denominator(99)
            write(axes, start + wide / 2, top + 0.5, fraction)
            start += wide
    return Drawing(figure)


def softmax_jacobian(exponentials):
    """Table of the Jacobian times the squared sum, with the sums of its lines."""
    x = np.log(np.array(exponentials, float))
    jacobian = [F.softmax_backward(one, x, 0) for one in np.eye(len(x))]
    jacobian = np.array(jacobian) * sum(exponentials) ** 2
    size, left, top = len(x), 2.2, 1.3
    figure, axes = canvas(size + 4.6, size + 2.9)
    own = np.eye(size, dtype=bool)
    fill = np.where(own, TINT_BLUE, TINT_RED)
    grid(axes, jacobian.round(6), left, top, fill=fill)
    write(axes, left + size + 1.2, top - 0.5, "sum", GREY)
    write(axes, left - 1, top + size + 0.7, "sum", GREY)
    for place in range(size):
        write(axes, left - 1, top + place + 0.5, f"$j={place}$")
        write(axes, left + place + 0.5, top - 0.5, f"$k={place}$", fontsize=10)
        for axis in (0, 1):
            line = number(abs(jacobian.sum(axis)[place]).round(6))
            beside = (left + size + 1.2, top + place + 0.5)
            below = (left + place + 0.5, top + size + 0.7)
            write(axes, *(beside if axis else below), line, GREY)
    return Drawing(figure)


def soft_maximum(temperatures):
    """Draw T·LSE(x/T) for x = (a, 0) over max(a, 0), and its slope, for each T."""
    a = np.linspace(-4, 4, 161)
    pairs = np.stack([a, np.zeros_like(a)])
    figure, axes = canvas(11.3, 6.2)
    foot, wide = 5.1, 0.6
    # Beside each panel's middle: how high 1 is in it.
    panels = {3.0: -0.95, 8.6: -3.5}
    for middle, high in panels.items():
        axes.plot([middle, middle], [1.0, foot + 0.3], color=FAINT, lw=1, zorder=0)
        for level in (0, 1):
            ends, at = [middle - 2.5, middle + 2.5], foot + high * level
            axes.plot(ends, [at, at], color=FAINT, lw=1, zorder=0)
            write(axes, middle - 2.8, at, level, GREY, fontsize=9)
        for end in (-4, 0, 4):
            write(axes, middle + wide * end, foot + 0.7, number(end), GREY, fontsize=9)
    (left, low), (right, steep) = panels.items()
    write(axes, left - 2.5, 0.5, r"$T\cdot\mathrm{LSE}(x/T)$", ha="left")
    write(axes, right - 2.5, 0.5, "slope", ha="left")
    axes.plot(left + wide * a, foot + low * F.relu(a), color=INK, lw=1.4)
    for place, T in enumerate(temperatures):
        value = T * F.logsumexp(pairs / T, 0)
        slope = F.logsumexp_backward(np.ones_like(a), pairs / T, 0)[0]
        style = {"lw": 1.9, "ls": "--" if place else "-"}
        axes.plot(left + wide * a, foot + low * value, color=BLUE, **style)
        axes.plot(right + wide * a, foot + steep * slope, color=RED, **style)
        key = foot - 3.4 + 0.6 * place
        axes.plot([left - 2.3, left - 1.6], [key, key], color=BLUE, **style)
        word = f"$T={_slope(T)}$"
        write(axes, left - 1.4, key, word, ha="left", fontsize=10)
    return Drawing(figure)


# Gradient descent ---------------------------------------------------------------------


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


# Adam ---------------------------------------------------------------------------------


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
        write(axes, 0.8, place(1, level)[1], _slope(level), GREY, fontsize=10)
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


# Dropout ------------------------------------------------------------------------------


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


# Weight decay -------------------------------------------------------------------------


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
        _pixels(axes, np.sqrt(picture / largest), left, top)
        write(axes, left + 4, top + 9.7, name, fontsize=10)
    return Drawing(figure)


# Transfer learning --------------------------------------------------------------------


def still_moving(w, g, momentum, frozen):
    """Table of one weight under momentum, frozen by gradients of zero and by none."""
    param, state = np.array([Fraction(w)], object), None
    rows = {
        "$g$": [""],
        "$v$": [""],
        "$w$ with $g=0$": [param[0]],
        "$w$ left out": [param[0]],
    }
    for step in range(frozen + 1):
        grad = np.array([Fraction(0 if step else g)], object)
        param, state = sgd_step(param, grad, state, lr=1, momentum=momentum)
        rows["$g$"].append(grad[0])
        rows["$v$"].append(state.momentum_buffer[0])
        rows["$w$ with $g=0$"].append(param[0])
        rows["$w$ left out"].append(rows["$w$ left out"][-1] if step else param[0])
    left, top = 3.4, 0.8
    figure, axes = canvas(left + frozen + 2.3, top + 5.6)
    for row, (name, values) in enumerate(rows.items()):
        height = top + row + (0.6 if row > 1 else 0)
        colour = {2: RED, 3: BLUE}.get(row, INK)
        write(axes, left - 0.4, height + 0.5, name, colour, ha="right")
        for column, value in enumerate(values):
            if value != "":
                grid(axes, [[value]], left + column, height, [[colour]])
    write(axes, left + 1.5, 0.35, "free", GREY)
    write(axes, left + 2 + frozen / 2, 0.35, "frozen", GREY)
    axes.plot([left + 2] * 2, [0, top + 4.8], color=GREY, lw=0.9, ls="--")
    return Drawing(figure)


def coasting(steps, frozen, lr):
    """Draw how far a weight goes on under gradients of zero, in its last steps."""
    rules = {
        "SGD": (sgd_step, {}, BLUE, "-"),
        "Adam": (adam_step, {}, RED, "-"),
        "SGD, $\\mu=0.9$": (sgd_step, {"momentum": 0.9}, RED, "-"),
        "SGD, $\\lambda=0.1$": (sgd_step, {"weight_decay": 0.1}, GREY, "--"),
    }
    figure, axes = canvas(9.8, 7.0)

    def place(step, way):
        return 0.9 + 6 * np.asarray(step) / frozen, 6.2 - 0.6 * np.asarray(way)

    for level in (0, 3, 6, 9):
        axes.plot(*place([0, frozen], [level] * 2), color=FAINT, lw=1, zorder=0)
        write(axes, 0.4, place(0, level)[1], level, GREY)
    for step in (0, frozen // 2, frozen):
        write(axes, place(step, 0)[0], 6.8, step, GREY)
    for name, (rule, settings, colour, style) in rules.items():
        path, state = [np.ones(1)], None
        for step in range(steps + frozen):
            grad = np.full(1, float(step < steps))
            param, state = rule(path[-1], grad, state, lr=lr, **settings)
            path.append(param)
        path = np.array(path)[:, 0]
        way = (path[steps] - path[steps:]) / (path[steps - 1] - path[steps])
        axes.plot(*place(np.arange(frozen + 1), way), color=colour, lw=1.8, ls=style)
        across, height = place(frozen, way[-1])
        height += -0.2 if name == "Adam" else 0.1
        write(axes, across + 0.25, height, name, colour, ha="left")
    return Drawing(figure)


def scattered_digits(old, new):
    """Show pictures of the old task above some of the new one."""
    size = old.shape[-1]
    figure, axes = canvas(len(old) * (size + 2) + 10, 2 * size + 6, unit=0.06)
    for row, (pictures, word, colour) in enumerate(
        ((old, "old", BLUE), (new, "new", RED))
    ):
        top = 1 + row * (size + 3)
        write(axes, 8, top + size / 2, word, colour, ha="right")
        for column, picture in enumerate(pictures):
            left = 10 + column * (size + 2)
            _pixels(axes, picture[0], left, top)
            box = Rectangle((left, top), size, size, fc="none", ec=GREY, lw=0.7)
            axes.add_patch(box)
    return Drawing(figure)


def few_examples(shares):
    """Draw for each way of learning the shares of several draws, and their means."""
    colours = {"frozen": BLUE, "whole": BLUE, "scratch": RED, "random": GREY}
    sizes = [*next(iter(shares.values()))]
    figure, axes = canvas(8.8, 8.2)

    def place(size, share):
        across = 1.6 + 2.4 * np.log2(np.asarray(size) / sizes[0])
        return across, 7 - 11 * (np.asarray(share) - 0.3)

    for level in (0.4, 0.6, 0.8):
        ends = np.array(place([sizes[0], sizes[-1]], [level] * 2))
        axes.plot(ends[0] + [-0.4, 0.4], ends[1], color=FAINT, lw=1, zorder=0)
        write(axes, 0.5, ends[1][0], f"{100 * level:.0f} %", GREY)
    for size in sizes:
        write(axes, place(size, 0)[0], 7.7, size, GREY)
    lowest = 0.0
    for name in sorted(shares, key=lambda name: -np.mean(shares[name][sizes[-1]])):
        colour, style = colours[name], "--" if name == "whole" else "-"
        for size, draws in shares[name].items():
            across, heights = place(np.full(len(draws), size), draws)
            axes.plot(across, heights, "o", color=colour, ms=3.5, alpha=0.5, lw=0)
        means = [np.mean(draws) for draws in shares[name].values()]
        axes.plot(*place(sizes, means), color=colour, lw=1.8, ls=style)
        end, height = place(sizes[-1], means[-1])
        lowest = max(height, lowest + 0.5)
        write(axes, end + 0.4, lowest, name, colour, ha="left")
    return Drawing(figure)


# S0's network -------------------------------------------------------------------------


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
    _pixels(axes, digit, 0.5, 9)
    box = Rectangle((0.5, 9), *digit.shape[::-1], fc="none", ec=GREY, lw=0.9)
    axes.add_patch(box)
    largest = np.abs(kernels).max()
    for place, (kernel, values) in enumerate(zip(kernels, maps, strict=True)):
        left, top = 31.5 + 9.8 * (place % 4), 1 + 23.5 * (place // 4)
        for (i, j), weight in np.ndenumerate(np.round(kernel / largest, 3)):
            ink = np.array(_between(PAPER, BLUE if weight > 0 else RED, 17))
            colour = ink.reshape(17, 3)[round(16 * abs(weight))] / 255
            cell = (left + 1.2 + 2.1 * j, top + 2.1 * i)
            axes.add_patch(Rectangle(cell, 2.1, 2.1, fc=colour, ec=GREY, lw=0.5))
        side = 8.8 / len(values)
        shades = np.rint(16 * values / maps.max()).astype(int)
        inks = np.reshape(_between(PAPER, INK, 17), (17, 3)) / 255
        for (p, q), shade in np.ndenumerate(shades):
            if shade:
                cell = (left + side * q, top + 8 + side * p)
                square = Rectangle(cell, side, side, color=inks[shade], lw=0.2)
                axes.add_patch(square)
        box = Rectangle((left, top + 8), 8.8, 8.8, fc="none", ec=GREY, lw=0.9)
        axes.add_patch(box)
    return Drawing(figure)


# Contradictions -----------------------------------------------------------------------


def who_turns(forward, backward):
    """Table of readings of a gradient; those that are the gradient are blue."""
    left, wide = 4.4, 2.9
    figure, axes = canvas(left + wide * len(forward), 1.1 + 1.5 * len(backward), 0.45)
    for column, (name, truth) in enumerate(forward.items()):
        start = left + wide * column + 0.1
        write(axes, start + wide / 2 - 0.1, 0.5, _in_formula(name))
        for row, (reading, value) in enumerate(backward.items()):
            top = 1.1 + 1.5 * row
            colour, tint = (BLUE, TINT_BLUE) if value == truth else (RED, "none")
            box = Rectangle((start, top), wide - 0.2, 1.3, fc=tint, ec=colour, lw=0.9)
            axes.add_patch(box)
            write(axes, start + wide / 2 - 0.1, top + 0.65, _tuple(value), colour)
            if column == 0:
                write(axes, left - 0.2, top + 0.65, _in_formula(reading), ha="right")
    return Drawing(figure)


def _in_formula(text):
    """Write ⋆, ∗ and rot180 as mathematics."""
    for sign, tex in {"⋆": r"\star", "∗": "*", "rot180": r"\mathrm{rot180}"}.items():
        text = text.replace(sign, tex)
    return f"${text}$"


# A whole network ----------------------------------------------------------------------


def network_on_one_page(x, w, u, target):
    """List what a small network computes, and beside each array its gradient."""
    x, w, u = (np.array(a, float) for a in (x, w, u))
    model = layers.Sequential(
        layers.Conv2d(1, 1, w.shape, bias=False, dtype="f8"),
        layers.ReLU(),
        layers.MaxPool2d((1, 2), 1),
        layers.Flatten(),
        layers.Linear(len(u), 1, bias=False, dtype="f8"),
    )
    model.assign({"0.weight": w[None, None], "4.weight": u[None]})
    values = [x[None, None]]
    for layer in model:
        values.append(layer.forward(values[-1]))
    above = [F.mse_loss_backward(np.array(1.0), values[-1], np.array([[target]])).input]
    for layer in reversed(model):
        above.append(layer.backward(above[-1]))
    gradients, found = above[::-1], model.gradients()
    rows = {
        "$x$": ("", values[0][0, 0], gradients[0][0, 0]),
        "$w$": ("", w, found["0.weight"][0, 0]),
        "$z$": (r"$x\star w$", values[1][0, 0], gradients[1][0, 0]),
        "$a$": ("ReLU", values[2][0, 0], gradients[2][0, 0]),
        "$y$": ("maxima", values[4], gradients[4]),
        "$u$": ("", u, found["4.weight"]),
        "$t$": (r"$\sum uy$", values[5], gradients[5]),
    }
    wide = x.shape[1]
    height = sum(len(np.atleast_2d(value)) + 0.45 for _, value, _ in rows.values())
    figure, axes = canvas(2 * wide + 2.7, height + 1.1, unit=0.4)
    middles = 2 + wide / 2, 2.6 + 1.5 * wide
    write(axes, middles[0], 0.4, "value", BLUE)
    write(axes, middles[1], 0.4, r"$\partial L/\partial$ value", RED)
    top = 1.0
    for name, (made, *arrays) in rows.items():
        high, across = np.atleast_2d(arrays[0]).shape
        middle = top + high / 2
        write(axes, 0.9, middle - (0.25 if made else 0), name)
        write(axes, 0.9, middle + 0.42, made, GREY, fontsize=9)
        for centre, array, tint in zip(middles, arrays, (TINT_BLUE, TINT_RED)):
            fill = np.full((high, across), tint)
            grid(axes, array, centre - across / 2, top, fill=fill)
        top += high + 0.45
    return Drawing(figure)


def what_rests_on_what(look_at):
    """Join the ledger's rows to those that their derivations use, part by part."""
    rows = {r.id: r for r in read_ledger(Path(__file__).with_name("ledger.yml")).rows}
    used = Counter(other for row in rows.values() for other in row.rests_on)
    below, new = set(), {look_at[-1]}
    while new:
        below |= new
        new = {other for name in new for other in rows[name].rests_on} - below
    shown = [name for name in rows if name in used and name not in look_at]
    lines = _in_parts(rows, shown) | {"This chapter": look_at}
    height = sum(len(names) + 1.6 for names in lines.values())
    figure, axes = canvas(22, height, unit=0.19)
    at, top = {}, 0.4
    for part, names in lines.items():
        write(axes, 0, top + 0.5, part, GREY, fontsize=9, ha="left")
        for place, name in enumerate(names, start=1):
            at[name] = top + place + 0.5
        top += len(names) + 1.6
    alone = Counter(
        other for name, row in rows.items() if name not in at for other in row.rests_on
    )
    for name, y in at.items():
        colour = BLUE if name in below else INK
        write(axes, 0.6, y, name, colour, fontsize=9, ha="left")
        if alone[name]:
            write(axes, 12.2, y, f"+{alone[name]}", GREY, fontsize=8, ha="right")
        axes.add_patch(Circle((13, y), 0.16, fc=colour, ec="none"))
        for other in rows[name].rests_on:
            reach = 13 + 11.5 * np.sqrt((y - at[other]) / height)
            corners = [(13, y), (reach, y), (reach, at[other]), (13, at[other])]
            line = Outline(corners, [Outline.MOVETO] + [Outline.CURVE4] * 3)
            blue = {name, other} <= below
            style = {"ec": BLUE, "lw": 1.1, "zorder": 1} if blue else {"ec": GREY}
            axes.add_patch(PathPatch(line, fc="none", **{"lw": 0.5} | style))
    return Drawing(figure)


def _in_parts(rows, shown):
    """Group rows so that each stands below all that it rests on."""
    left = {rows[name].part: [] for name in shown}
    for name in shown:
        left[rows[name].part].append(name)
    placed, lines = set(), {}

    def waits(name, *beside):
        return any(o not in placed and o not in beside for o in rows[name].rests_on)

    while left:
        part = next(p for p, n in left.items() if not any(waits(m, *n) for m in n))
        names, lines[part] = left.pop(part), []
        while names:
            name = next(name for name in names if not waits(name))
            lines[part].append(name)
            placed.add(name)
            names.remove(name)
    return lines


# The front page -----------------------------------------------------------------------


def worked_row():
    """Draw a row of the ledger: what is printed, and what each check found of it."""
    g, w = Array("g"), Array("w")
    h, p, i = indices("h p i")
    x = Array("x")
    loss = ZSum(g[p] * ZSum(w[i] * x[p + i], i), p)
    derived = latex(derivative(loss, x[h]), mul_symbol=r"\,")
    xs, ws, gs = polynomial_arrays(x=(1, 3), w=(1, 1, 2), g=(1, 2))
    entry = latex(F.conv1d_backward(gs, xs, ws).input[0, 1].as_expr())
    entry = entry.replace("[0,", "[").replace("w[0,", "w[")
    kernel = np.array([[[1.0, 10.0]]])
    right, wrong = (
        F.conv1d_backward(np.ones((1, 1)), np.zeros((1, 2)), k).input[0]
        for k in (kernel, np.flip(kernel, 2))
    )
    found = read_verdicts(Path(__file__).with_name("conv_backward.ipynb"))
    calls = sum(v.cases for v in found if v.check == "torch" and "conv-dX-s2" in v.rows)
    lines = {
        "as printed": (r"$\sum_j\ \delta_j * \mathrm{rot180}(K_{i,j})$", "in S2, 6.2"),
        "derived": (f"${derived}$", "for a cross-correlation: no flip"),
        "code": (f"${entry}$", "the shipped function, on symbols"),
        "PyTorch": (f"{calls} calls, all equal", "exactly, without a tolerance"),
        "control": (f"{_tuple(wrong)}, not {_tuple(right)}", "the flipped kernel"),
    }
    figure, axes = canvas(9.6, 2.4 * len(lines) - 0.4, unit=0.44)
    for row, (name, (text, note)) in enumerate(lines.items()):
        colour = {"as printed": INK, "control": RED}.get(name, BLUE)
        top = 2.4 * row + 0.1
        axes.add_patch(Rectangle((2.7, top), 6.8, 1.75, fc="none", ec=colour))
        write(axes, 2.4, top + 0.9, name, colour, ha="right")
        write(axes, 6.1, top + 0.65, text, fontsize=12)
        write(axes, 6.1, top + 1.4, note, GREY, fontsize=9)
        if row:
            arrow(axes, (6.1, top - 0.65), (6.1, top), GREY)
    return Drawing(figure)


def _tuple(values):
    return f"({', '.join(map(number, values))})"


STATIC = {"worked-row.svg": worked_row}


if __name__ == "__main__":
    for name, draw in STATIC.items():
        Path(__file__).with_name("_static").joinpath(name).write_text(draw().svg)
        print(f"book/_static/{name}")
