"""The figures of the chapter "The gradient of a whole network"."""

from collections import Counter
from pathlib import Path

import numpy as np
from matplotlib.patches import Circle, PathPatch
from matplotlib.path import Path as Outline

from cnnref import functional as F
from cnnref import layers
from cnnref.verify.ledger import read_ledger
from figures.drawing import (
    BLUE,
    GREY,
    INK,
    RED,
    TINT_BLUE,
    TINT_RED,
    Drawing,
    canvas,
    grid,
    write,
)

__all__ = ["network_on_one_page", "what_rests_on_what"]


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
    ledger = read_ledger(Path(__file__).parents[1] / "ledger.yml")
    rows = {row.id: row for row in ledger.rows}
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
