"""More mistakes of max pooling than the common ones: the same comparison notices each.

Most mutants are a shipped function with one of its pieces exchanged for a wrong one.
"""

import numpy as np
import pytest
from operations import calls, disagreement, noticed

from cnnref import functional, max_pool
from cnnref.verify import torch_sweep
from cnnref.verify.mistakes.max_pool import _pooling

shipped_switch = max_pool._switch


def exchange(**pieces):
    """Make a mutant of each operation by exchanging pieces of cnnref.max_pool."""

    def mutant_of(name):
        def mutant(**arguments):
            with pytest.MonkeyPatch.context() as patch:
                for piece, wrong in pieces.items():
                    patch.setattr(max_pool, piece, wrong)
                return getattr(functional, name)(**arguments)

        return mutant

    return mutant_of


def change(setting, wrong):
    """Make a mutant of each operation that changes one of its settings."""

    def mutant_of(name):
        def mutant(**arguments):
            arguments[setting] = wrong(arguments[setting])
            return getattr(functional, name)(**arguments)

        return mutant

    return mutant_of


def first_last(*settings):
    """Take the first axis before the last: of equals the first column by column."""
    return [*zip(range(-len(settings[0]), 0), *settings)]


def last_of_equals(x, line):
    """Let the last tap win that reads the maximum."""
    y = max_pool._maxima(x, line)
    won, free = [], np.ones(y.shape, bool)
    for tap in line.taps[::-1]:
        at = max_pool.along(line.axis, tap.outputs)
        new = x[max_pool.along(line.axis, tap.inputs)]
        won.append((new == y[at]) & free[at])
        free[at] &= ~won[-1]
    return y, won[::-1]


def all_equals(x, line):
    """Let every tap win that reads the maximum."""
    y = max_pool._maxima(x, line)
    read = [(max_pool.along(line.axis, t.outputs), t.inputs) for t in line.taps]
    return y, [y[at] == x[max_pool.along(line.axis, h)] for at, h in read]


def first_alone(x, line):
    """Let the first tap of each window win."""
    y, won = shipped_switch(x, line)
    return y, [np.full_like(w, tap.first) for tap, w in zip(line.taps, won)]


def set_instead_of_added(g, switch):
    line, won = switch
    dx = np.zeros(max_pool.resized(g, line.axis, line.size))
    for tap, mask in zip(line.taps, won):
        new = g[max_pool.along(line.axis, tap.outputs)]
        np.copyto(dx[max_pool.along(line.axis, tap.inputs)], new, where=mask)
    return dx


def rounded_bins(size, out):
    p = np.arange(out)
    start = np.minimum(np.round(p * size / out).astype(int), size - 1)
    end = np.round((p + 1) * size / out).astype(int)
    return start, np.maximum(start + 1, end)


def floored_bins(size, out):
    """Let no bins overlap."""
    p = np.arange(out)
    start, end = p * size // out, (p + 1) * size // out
    return start, np.maximum(start + 1, end)


class Adding:
    """NumPy, where ``add.at`` counts the last of several entries alone."""

    def __getattr__(self, name):
        return self if name == "add" else getattr(np, name)

    @staticmethod
    def at(array, index, values):
        array[index] += values


SWITCHES = {
    "the last of equals": exchange(_switch=last_of_equals),
    "the first of every window": exchange(_switch=first_alone),
}
ALL = {"every one of equals": exchange(_switch=all_equals)}
BY_COLUMNS = {"the first of equals by columns": exchange(_last_first=first_last)}
SETTINGS = {
    "the default stride is 1": change("stride", lambda s: 1 if s is None else s),
    "a dilation of 1": change("dilation", lambda d: 1),
    "no padding": change("padding", lambda p: 0),
    "ceil_mode left out": change("ceil_mode", lambda mode: False),
}
BINS = {
    "rounded bins": exchange(adaptive_bins=rounded_bins),
    "bins that do not overlap": exchange(adaptive_bins=floored_bins),
}
MUTANTS = {
    "max_pool{}d": SETTINGS | SWITCHES | ALL | BY_COLUMNS,
    "max_pool{}d_backward": SWITCHES
    | ALL
    | BY_COLUMNS
    | {"set instead of added": exchange(_let_back=set_instead_of_added)},
    "adaptive_max_pool{}d": BINS | SWITCHES | ALL | BY_COLUMNS,
    "adaptive_max_pool{}d_backward": BINS
    | SWITCHES
    | BY_COLUMNS
    | {"set instead of added": exchange(np=Adding())},
    "max_unpool{}d": {
        "output_size left out": change("output_size", lambda size: None),
        "padding left out": change("padding", lambda p: 0),
    },
}


@pytest.mark.parametrize(
    ("name", "mutant_of"),
    [
        pytest.param(name, mutant_of, id=f"{name}: {mistake}")
        for pattern, mistakes in MUTANTS.items()
        for mistake, mutant_of in mistakes.items()
        for name in map(pattern.format, (1, 2, 3))
        if "columns" not in mistake or "1d" not in name
    ],
)
def test_a_mistake_is_noticed(name, mutant_of):
    assert disagreement(name) is None
    assert noticed(torch_sweep(name, calls(name)), mutant_of(name))


@pytest.mark.parametrize("name", ["max_pool1d", "max_pool2d", "max_pool3d"])
def test_what_the_common_mistakes_change_is_right_unchanged(name):
    sweep = torch_sweep(name, calls(name))
    assert sweep.disagreement(_pooling(getattr(functional, name))) is None
