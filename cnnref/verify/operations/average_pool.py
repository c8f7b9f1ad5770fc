"""Calls of the average poolings: draw the windows first, then the size they cover."""

import math
from functools import partial

import numpy as np

from cnnref.pooling import pooled_size
from cnnref.verify.calls import Call, Operation, integers, numbers, written

__all__ = ["OPERATIONS"]


def _regular(draw, axes, largest, padded=True):
    """Draw windows, ``ceil_mode`` and the size of an input that they fit.

    With ``ceil_mode`` the last window may stick out, in 1 and 2 axes also where it is
    the only one: PyTorch wants volumes to be as large as the kernel.
    """
    ceil_mode = bool(draw(0, 1))
    kernel, stride, padding, size = [], [], [], []
    same = draw(0, 3) == 0
    for _ in range(axes):
        k, few = draw(1, 3), draw(1, largest)
        s = k if same else draw(1, 3)
        p = draw(0, k // 2) if padded else 0
        covered = (few - 1) * s + k + draw((1 - s) * ceil_mode, s - 1)
        kernel.append(k)
        stride.append(s)
        padding.append(p)
        size.append(max(1 if axes < 3 else k, covered - 2 * p))
    return kernel, stride, padding, ceil_mode, tuple(size), same


def _stride(draw, stride, same):
    """Leave the stride out where it is the kernel's size, in one of three ways."""
    return (None, (), [])[draw(0, 2)] if same else written(draw, stride)


def _lead(draw):
    """Draw the axes before the spatial ones: channels, mostly after a batch."""
    batch = ((), (0,), (1,), (2,), (3,))[draw(0, 4)]
    return (*batch, draw(1, 3))


def _avg_pool(draw, axes, largest=4):
    kernel, stride, padding, ceil_mode, size, same = _regular(draw, axes, largest)
    settings = {
        "kernel_size": written(draw, kernel),
        "stride": _stride(draw, stride, same),
        "padding": written(draw, padding),
        "ceil_mode": ceil_mode,
        "count_include_pad": bool(draw(0, 1)),
    }
    if axes > 1:
        divisor = draw(-2, 5)
        settings["divisor_override"] = divisor if divisor and draw(0, 1) else None
    return Call({"input": integers(draw, (*_lead(draw), *size))}, settings)


def _adaptive(draw, axes, largest=4):
    size = tuple(draw(1, 2 * largest) for _ in range(axes))
    out = [draw(1, largest + 1) for _ in range(axes)]
    if axes > 1:
        sizes = [None if draw(0, 7) == 0 else n for n in out]
        same = len(set(sizes)) == 1 and sizes[0] is not None and draw(0, 1)
        output_size = sizes[0] if same else (tuple, list)[draw(0, 1)](sizes)
    else:
        output_size = written(draw, out)
    arrays = {"input": integers(draw, (*_lead(draw), *size))}
    return Call(arrays, {"output_size": output_size})


def _lp_pool(draw, axes, largest=4):
    """Construct entries whose sums have roots: not 0, and positive for most norms."""
    drawn = _regular(draw, axes, largest, padded=False)
    kernel, stride, _, ceil_mode, size, same = drawn
    norm = (1, 2, 2.0, 3, 4, 0.75, 2.5, -1, -2, math.inf, -math.inf)[draw(0, 10)]
    x = numbers(draw, (*_lead(draw), *size), low=0) + 1 / 64
    if norm in (1, 2, 4, -2, math.inf, -math.inf):
        x *= np.where(integers(draw, x.shape, 0, 1), 1, -1)
    settings = {
        "norm_type": norm,
        "kernel_size": kernel[0] if axes == 1 else _kernel(draw, kernel),
        "stride": _stride(draw, stride, same),
        "ceil_mode": ceil_mode,
    }
    return Call({"input": x}, settings)


def _kernel(draw, kernel):
    """Write a kernel size as lp_pool takes it: a number, or one for each axis."""
    same = len(set(kernel)) == 1 and draw(0, 1)
    return kernel[0] if same else (tuple, list)[draw(0, 1)](kernel)


# What a sweep must contain ------------------------------------------------------------


def _axes(call, axes):
    """Return size, K, s, P and ``ceil_mode`` of each axis."""
    size = call.arrays["input"].shape[-axes:]

    def each(value):
        values = list(np.ravel(value))
        return values * axes if len(values) == 1 else values

    kernel, stride = call.settings["kernel_size"], call.settings["stride"]
    stride = each(stride) if stride not in (None, (), []) else each(kernel)
    padding = each(call.settings.get("padding", 0))
    mode = [call.settings["ceil_mode"]] * axes
    return list(zip(size, each(kernel), stride, padding, mode))


def _out(axis):
    size, k, s, p, ceil_mode = axis
    return pooled_size(size, k, s, p, 1, ceil_mode)


def _sticks_out(axis):
    size, k, s, p, _ = axis
    return (_out(axis) - 1) * s + k > size + 2 * p


BATCHES = {
    "an unbatched input": lambda call, axes: call.arrays["input"].ndim == axes + 1,
    "a batch": lambda call, axes: (
        call.arrays["input"].ndim == axes + 2 and len(call.arrays["input"]) > 1
    ),
    "an empty batch": lambda call, axes: call.arrays["input"].size == 0,
}
WINDOWS = {
    "overlapping windows": lambda call, axes: any(
        k > s and _out((h, k, s, *rest)) > 1 for h, k, s, *rest in _axes(call, axes)
    ),
    "positions that no window reads": lambda call, axes: any(
        k < s and _out((h, k, s, *rest)) > 1 for h, k, s, *rest in _axes(call, axes)
    ),
    "a window that sticks out": lambda call, axes: any(
        map(_sticks_out, _axes(call, axes))
    ),
    "no stride": lambda call, axes: call.settings["stride"] in (None, (), []),
}
PADDING = {
    "padding that is counted": lambda call, axes: (
        any(p for *_, p, _ in _axes(call, axes)) and call.settings["count_include_pad"]
    ),
    "padding that is not counted": lambda call, axes: (
        any(p for *_, p, _ in _axes(call, axes))
        and not call.settings["count_include_pad"]
    ),
    "padding, and a window that sticks out of it": lambda call, axes: any(
        axis[3] and _sticks_out(axis) for axis in _axes(call, axes)
    ),
}
DIVISORS = {
    "a divisor of its own": lambda call, axes: call.settings["divisor_override"],
}
BINS = {
    "bins of different size": lambda call, axes: any(
        n and h % n for h, n in _bins(call, axes)
    ),
    "more bins than positions": lambda call, axes: any(
        n > h for h, n in _bins(call, axes)
    ),
}
KEPT = {
    "an axis that keeps its size": lambda call, axes: (
        None in np.ravel(call.settings["output_size"])
    ),
}
NORMS = {
    f"the norm {p}": lambda call, axes, p=p: call.settings["norm_type"] == p
    for p in (1, 2, 0.75, 2.5, -1, math.inf, -math.inf)
}


def _bins(call, axes):
    """Return the size and the number of bins of each axis."""
    size, out = call.arrays["input"].shape[-axes:], call.settings["output_size"]
    out = out if isinstance(out, tuple | list) else [out] * axes
    return [(h, h if n is None else n) for h, n in zip(size, out)]


# These need two axes.
SEVERAL = {
    "axes of different size": lambda call, axes: (
        len(set(call.arrays["input"].shape[-axes:])) > 1
    ),
}
SETTINGS = {
    "different settings on its axes": lambda call, axes: (
        len({axis[1:] for axis in _axes(call, axes)}) > 1
    ),
}


def _operation(construct, axes, witnesses, several, **how):
    """Return an operation; only in ``several`` axes it has all the witnesses."""
    witnesses = BATCHES | witnesses | (SEVERAL | several if axes > 1 else {})
    shows = {name: partial(show, axes=axes) for name, show in witnesses.items()}
    return Operation(partial(construct, axes=axes), witnesses=shows, **how)


OPERATIONS = {}
for _n in (1, 2, 3):
    OPERATIONS |= {
        f"avg_pool{_n}d": _operation(
            _avg_pool, _n, WINDOWS | PADDING, SETTINGS | DIVISORS, symbols="polynomial"
        ),
        f"adaptive_avg_pool{_n}d": _operation(
            _adaptive, _n, BINS, KEPT, symbols="polynomial"
        ),
        f"lp_pool{_n}d": _operation(_lp_pool, _n, WINDOWS | NORMS, SETTINGS),
    }
