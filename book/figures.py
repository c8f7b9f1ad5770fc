"""The figures of the book: one function each, and what they share.

A function computes its numbers with `cnnref`, draws, and returns a `Drawing`.
Lines are ink, what is looked at is blue, what is wrong or flows backward is red.

`python book/figures.py` draws the figures of the Markdown pages, which run no code,
into book/_static; a test compares the files with what is drawn.
"""

import base64
import io
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from sympy import latex

from cnnref import functional as F
from cnnref.geometry import out_size, span
from cnnref.symbolic import Array, ZSum, derivative, indices, polynomial_arrays
from cnnref.verify.ledger import read_verdicts
from cnnref.windows import windows

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
        level = 128 + np.rint(127 * np.clip(response / largest, -1, 1))
        picture = Image.fromarray(level.astype(np.uint8))
        picture.putpalette(_between(RED, PAPER, 129)[:-3] + _between(PAPER, BLUE, 128))
        pictures[name.replace("_", " ")] = picture
    return Pictures(pictures)


def _between(first, last, steps):
    """Return steps colours from first to last, as the bytes of a palette."""
    ends = [[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in (first, last)]
    return np.rint(np.linspace(*ends, steps)).astype(int).ravel().tolist()


def _bitmap(picture):
    file = io.BytesIO()
    picture.save(file, "BMP")
    return f"data:image/bmp;base64,{base64.b64encode(file.getvalue()).decode()}"


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
