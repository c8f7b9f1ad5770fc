"""The figure of the front page."""

from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle
from sympy import latex

from cnnref import functional as F
from cnnref.symbolic import Array, ZSum, derivative, indices, polynomial_arrays
from cnnref.verify.ledger import read_verdicts
from figures.drawing import (
    BLUE,
    GREY,
    INK,
    RED,
    Drawing,
    arrow,
    as_tuple,
    canvas,
    write,
)

__all__ = ["worked_row"]


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
    found = read_verdicts(Path(__file__).parents[1] / "conv_backward.ipynb")
    calls = sum(v.cases for v in found if v.check == "torch" and "conv-dX-s2" in v.rows)
    lines = {
        "as printed": (r"$\sum_j\ \delta_j * \mathrm{rot180}(K_{i,j})$", "in S2, 6.2"),
        "derived": (f"${derived}$", "for a cross-correlation: no flip"),
        "code": (f"${entry}$", "the shipped function, on symbols"),
        "PyTorch": (f"{calls} calls, all equal", "exactly, without a tolerance"),
        "control": (f"{as_tuple(wrong)}, not {as_tuple(right)}", "the flipped kernel"),
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
