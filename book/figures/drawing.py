"""What the figures share: the palette, a canvas, and how numbers are written on it.

Lines are ink, what is looked at is blue, what is wrong or flows backward is red.
"""

import base64
import io
from fractions import Fraction

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline
from PIL import Image

__all__ = ["BLUE", "GREY", "INK", "RED", "number"]  # what a chapter's cell names

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


def two_sided(response, largest):
    """Colour numbers: blue above 0, red below, paper at 0."""
    level = 128 + np.rint(127 * np.clip(response / largest, -1, 1))
    picture = Image.fromarray(level.astype(np.uint8))
    picture.putpalette(
        colours_between(RED, PAPER, 129)[:-3] + colours_between(PAPER, BLUE, 128)
    )
    return picture


def colours_between(first, last, steps):
    """Return steps colours from first to last, as the bytes of a palette."""
    ends = [[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in (first, last)]
    return np.rint(np.linspace(*ends, steps)).astype(int).ravel().tolist()


def _bitmap(picture):
    file = io.BytesIO()
    picture.save(file, "BMP")
    return f"data:image/bmp;base64,{base64.b64encode(file.getvalue()).decode()}"


def paint_pixels(axes, shades, left, top):
    """Paint a picture of shades from 0 to 1 in ink, one path for each of 17 greys."""
    colours = np.reshape(colours_between(PAPER, INK, 17), (17, 3)) / 255
    levels = np.rint(16 * shades).astype(int)
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)])
    for level in np.unique(levels[levels > 0]):
        places = np.argwhere(levels == level)[:, ::-1]
        path = Outline.make_compound_path(
            *(Outline(np.add(place, corners), closed=True) for place in places)
        )
        path.vertices += np.array([left, top])
        axes.add_patch(PathPatch(path, color=colours[level], lw=0.2))


def as_fraction(value):
    """Write a slope as a fraction with a small denominator, where it is one."""
    fraction = Fraction(float(value)).limit_denominator(8)
    return f"{fraction}".replace("-", "−")


def as_tuple(values):
    return f"({', '.join(map(number, values))})"
