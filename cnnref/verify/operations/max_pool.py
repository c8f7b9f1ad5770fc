"""Calls of max pooling and unpooling: no window of a pooling lies in the padding."""

from functools import partial
from math import prod

import numpy as np

from cnnref.geometry import span
from cnnref.pooling import pooled_size
from cnnref.verify.calls import Call, Operation, integers, written

__all__ = ["OPERATIONS"]


def _max_pool(draw, largest=4, *, axes):
    ceil_mode, default_stride = bool(draw(0, 1)), draw(0, 3) == 0
    kernel, stride, padding, dilation, size = ([] for _ in range(5))
    for _ in range(axes):
        k, d = draw(1, 3), draw(1, 2)
        s, p = k if default_stride else draw(1, 3), draw(0, k // 2)
        # In ceil mode a window may stick out, though no whole one fits.
        room = draw(1 - s if ceil_mode else 0, (largest - 1) * s)
        # No shorter than the dilation: then every window reaches the input.
        size.append(max(d, span(k, d) - 2 * p + room))
        for values, value in zip((kernel, stride, padding, dilation), (k, s, p, d)):
            values.append(value)
    settings = {
        "kernel_size": written(draw, kernel),
        "stride": None if default_stride else written(draw, stride),
        "padding": written(draw, padding),
        "dilation": written(draw, dilation),
        "ceil_mode": ceil_mode,
        "return_indices": bool(draw(0, 1)),
    }
    # Below 0 everywhere, an entry shows whether the padding is lower still.
    low, high = (-9, -1) if draw(0, 2) == 0 else (-4, 4)
    input = integers(draw, (*_lead(draw), *size), low, high)
    return Call({"input": input}, settings)


def _adaptive_max_pool(draw, largest=4, *, axes):
    size = [draw(1, largest + 2) for _ in range(axes)]
    out = [draw(1, largest + 2) for _ in range(axes)]
    if axes > 1 and draw(0, 3) == 0:
        out[draw(0, axes - 1)] = None
    output_size = tuple(out) if draw(0, 1) else out
    if len({*out}) == 1 and None not in out and draw(0, 1):
        output_size = out[0]
    settings = {"output_size": output_size, "return_indices": bool(draw(0, 1))}
    return Call({"input": integers(draw, (*_lead(draw), *size))}, settings)


def _max_unpool(draw, largest=4, *, axes):
    default_stride, given = draw(0, 3) == 0, draw(0, 1)
    kernel, stride, padding, size, out = ([] for _ in range(5))
    for _ in range(axes):
        h, k = draw(1, largest), draw(1, 3)
        s = k if default_stride else draw(1, 3)
        whole = (h - 1) * s + k
        # The output holds the input's entries apart, and all of them.
        p = draw(0, (whole - h) // 2)
        least = max(h, whole - 2 * p - s + 1)
        out.append(draw(least, whole - 2 * p + s - 1) if given else whole - 2 * p)
        for values, value in zip((kernel, stride, padding, size), (k, s, p, h)):
            values.append(value)
    lead = _lead(draw)
    settings = {
        "kernel_size": _one_or_all(draw, kernel),
        "stride": None if default_stride else _one_or_all(draw, stride),
        "padding": _one_or_all(draw, padding),
        "output_size": None,
    }
    if given:
        settings["output_size"] = [*out] if draw(0, 1) else (*out,)
        if draw(0, 2) == 0:
            settings["output_size"] = (draw(1, 3), draw(1, 3), *out)
    rng = np.random.default_rng(draw(0, 2**32 - 1))
    planes = [rng.permutation(prod(out))[: prod(size)] for _ in range(prod(lead))]
    indices = np.array(planes, np.int64).reshape(*lead, *size)
    return Call({"input": integers(draw, indices.shape), "indices": indices}, settings)


def _lead(draw):
    """Draw the axes before the spatial ones: now and then no batch, or an empty one."""
    if draw(0, 4) == 0:
        return (draw(1, 2),)
    return 0 if draw(0, 9) == 0 else draw(1, 2), draw(1, 2)


def _one_or_all(draw, values):
    return values[0] if len({*values}) == 1 and draw(0, 1) else tuple(values)


# Witnesses ----------------------------------------------------------------------------


def _shape(call, axes):
    return call.arrays["input"].shape[-axes:]


def _per_axis(call, name, axes):
    value = call.settings[name]
    if value is None:
        return _per_axis(call, "kernel_size", axes)
    values = list(value) if isinstance(value, tuple | list) else [value]
    return values * axes if len(values) == 1 else values


def _windows(call, axes):
    """Return (size, kernel, stride, padding, dilation) along each axis."""
    names = ("kernel_size", "stride", "padding", "dilation")
    return [*zip(_shape(call, axes), *(_per_axis(call, n, axes) for n in names))]


def _ties(call):
    x = call.arrays["input"]
    return x.size > len({*x.flat})


def _added_by_ceil_mode(call, axes):
    if not call.settings["ceil_mode"]:
        return False
    rules = _windows(call, axes)
    return any(
        h + 2 * p < span(k, d)
        or pooled_size(h, k, s, p, d, True) > pooled_size(h, k, s, p, d, False)
        for h, k, s, p, d in rules
    )


def _left_by_ceil_mode(call, axes):
    """A window too many, if ceil_mode meant to round up and no more."""
    return call.settings["ceil_mode"] and any(
        -(-(h + 2 * p - span(k, d)) // s) + 1 > pooled_size(h, k, s, p, d, True)
        for h, k, s, p, d in _windows(call, axes)
    )


COMMON = {
    "ties": _ties,
    "indices": lambda call: call.settings["return_indices"],
    "no indices": lambda call: not call.settings["return_indices"],
}
LEAD = {
    "one image": lambda call, axes: call.arrays["input"].ndim == axes + 1,
    "an empty batch": lambda call, axes: not call.arrays["input"].size,
    "a batch": lambda call, axes: (
        call.arrays["input"].ndim == axes + 2 and len(call.arrays["input"]) > 1
    ),
}
DIFFERENT = {
    "axes of different size": lambda call, axes: len({*_shape(call, axes)}) > 1
}
POOLED = {
    "overlapping windows": lambda call, axes: any(
        k > s and h > s and d == 1 for h, k, s, _, d in _windows(call, axes)
    ),
    "a default stride": lambda call, axes: call.settings["stride"] is None,
    "negative entries beside padding": lambda call, axes: (
        any(_per_axis(call, "padding", axes))
        and call.arrays["input"].size
        and call.arrays["input"].max() < 0
    ),
    "a dilation": lambda call, axes: max(_per_axis(call, "dilation", axes)) > 1,
    "a window added by ceil_mode": _added_by_ceil_mode,
    "a window that ceil_mode leaves out": _left_by_ceil_mode,
}
BINNED = {
    "bins that overlap": lambda call, axes: any(
        n and h % n
        for h, n in zip(_shape(call, axes), _per_axis(call, "output_size", axes))
    ),
    "more bins than entries": lambda call, axes: any(
        n and n > h
        for h, n in zip(_shape(call, axes), _per_axis(call, "output_size", axes))
    ),
}
UNPOOLED = {
    "a default stride": lambda call, axes: call.settings["stride"] is None,
    "an output size": lambda call, axes: call.settings["output_size"] is not None,
    "a padding": lambda call, axes: max(_per_axis(call, "padding", axes)) > 0,
}


def _witnesses(axes, *tables):
    """Bind the number of axes."""
    own = {k: witness for table in tables for k, witness in table.items()}
    return {k: partial(witness, axes=axes) for k, witness in own.items()}


def _operations(axes):
    lead = LEAD if axes == 1 else LEAD | DIFFERENT
    return {
        f"max_pool{axes}d": Operation(
            construct=partial(_max_pool, axes=axes),
            witnesses=COMMON | _witnesses(axes, lead, POOLED),
            exact=True,
        ),
        f"adaptive_max_pool{axes}d": Operation(
            construct=partial(_adaptive_max_pool, axes=axes),
            witnesses=COMMON | _witnesses(axes, lead, BINNED),
            exact=True,
        ),
        f"max_unpool{axes}d": Operation(
            construct=partial(_max_unpool, axes=axes),
            witnesses=_witnesses(axes, lead, UNPOOLED),
            exact=True,
            symbols="polynomial",
        ),
    }


OPERATIONS = {k: v for axes in (1, 2, 3) for k, v in _operations(axes).items()}
