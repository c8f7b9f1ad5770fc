"""The figures of the chapter "Where the sources contradict one another"."""

from matplotlib.patches import Rectangle

from figures.drawing import BLUE, RED, TINT_BLUE, Drawing, as_tuple, canvas, write

__all__ = ["who_turns"]


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
            write(axes, start + wide / 2 - 0.1, top + 0.65, as_tuple(value), colour)
            if column == 0:
                write(axes, left - 0.2, top + 0.65, _in_formula(reading), ha="right")
    return Drawing(figure)


def _in_formula(text):
    """Write ⋆, ∗ and rot180 as mathematics."""
    for sign, tex in {"⋆": r"\star", "∗": "*", "rot180": r"\mathrm{rot180}"}.items():
        text = text.replace(sign, tex)
    return f"${text}$"
