"""Calls of the operations that move entries: flatten, one-hot, shuffles, columns."""

from math import prod

import numpy as np

from cnnref.geometry import span
from cnnref.verify.calls import Call, Operation, integers

__all__ = ["OPERATIONS", "per_axis"]


def per_axis(draw, values):
    """Write a setting as one number where it can be, else one per axis."""
    if len(set(values)) == 1 and draw(0, 1):
        return values[0]
    return tuple(values) if draw(0, 2) else list(values)


# Flatten and one-hot ------------------------------------------------------------------


def flatten_call(draw, largest=4):
    """Construct a valid call: any number of axes, counted from either end."""
    shape = tuple(draw(1, max(2, largest - 1)) for _ in range(draw(0, 4)))
    if shape and draw(0, 9) == 0:
        shape = (0, *shape[1:])
    last = max(0, len(shape) - 1)
    start = draw(0, last)
    end = draw(start, last)
    settings = {
        "start_dim": start if draw(0, 1) else start - last - 1,
        "end_dim": end if draw(0, 1) else end - last - 1,
    }
    return Call({"input": integers(draw, shape)}, settings if draw(0, 4) else {})


def one_hot_call(draw, largest=4):
    """Construct a valid call: with the number of classes given, or to be counted."""
    shape = tuple(draw(1, largest) for _ in range(draw(0, 3)))
    classes = draw(1, largest + 1)
    empty = shape != () and draw(0, 9) == 0
    tensor = integers(draw, (0, *shape[1:]) if empty else shape, 0, classes - 1)
    counted = not empty and draw(0, 1)
    settings = {} if counted else {"num_classes": classes + draw(0, 1)}
    if counted and draw(0, 1):
        settings = {"num_classes": -1}
    return Call({"tensor": tensor.astype(np.int64)}, settings)


def _flatten(input, start_dim=0, end_dim=-1):
    import torch

    return torch.flatten(input, start_dim, end_dim)


def _one_hot(tensor, num_classes=-1):
    """Call PyTorch's function, whose first argument has another name than it says."""
    import torch

    return torch.nn.functional.one_hot(tensor, num_classes)


# Pixels -------------------------------------------------------------------------------


def pixel_shuffle_call(draw, largest=4):
    """Construct a valid call: draw the coarse image and the factor."""
    lead, (c, h, w), r = _coarse(draw, largest)
    x = integers(draw, (*lead, c * r**2, h, w))
    return Call({"input": x}, {"upscale_factor": r})


def pixel_unshuffle_call(draw, largest=4):
    """Construct a valid call: draw the coarse image and the factor."""
    lead, (c, h, w), r = _coarse(draw, largest)
    x = integers(draw, (*lead, c, r * h, r * w))
    return Call({"input": x}, {"downscale_factor": r})


def _coarse(draw, largest):
    """Draw the lead axes, not empty: then PyTorch forgets to shuffle the shape."""
    lead = tuple(draw(1, 2) for _ in range(draw(0, 2)))
    few = max(2, largest - 1)
    return lead, (draw(1, few), draw(1, few), draw(1, few)), draw(1, few)


def _factor(call):
    return next(iter(call.settings.values()))


# Windows as columns -------------------------------------------------------------------


def unfold_call(draw, largest=4):
    """Construct a valid call: draw the windows first, then the size that holds them."""
    lead, image, _, settings = _columns(draw, largest)
    return Call({"input": integers(draw, (*lead, *image))}, settings)


def fold_call(draw, largest=4):
    """Construct a valid call: draw the windows first, then the size that holds them."""
    lead, (c, *size), out, settings = _columns(draw, largest)
    kernel = np.broadcast_to(settings["kernel_size"], 2)
    columns = integers(draw, (*lead, c * int(prod(kernel)), prod(out)))
    return Call({"input": columns}, {"output_size": per_axis(draw, size), **settings})


def _columns(draw, largest):
    """Draw the batch, the image's shape, the number of windows and the settings."""
    names = ("kernel_size", "dilation", "padding", "stride")
    settings, size, out = {name: [] for name in names}, [], []
    for _ in range(2):
        k, d, s, few = draw(1, 3), draw(1, 2), draw(1, 3), draw(1, largest)
        covered = (few - 1) * s + span(k, d) + draw(0, s - 1)
        p = draw(0, min(2, (covered - 1) // 2))
        size.append(covered - 2 * p)
        out.append(few)
        for name, value in zip(names, (k, d, p, s)):
            settings[name].append(value)
    lead = () if draw(0, 4) == 0 else (draw(0, 9) and draw(1, 2),)
    written = {name: per_axis(draw, values) for name, values in settings.items()}
    return lead, (draw(1, 3), *size), out, written


def _setting(call, name):
    return tuple(np.broadcast_to(call.settings[name], 2))


_COLUMNS = {
    "different settings on its axes": lambda call: len({*_setting(call, "stride")}) > 1,
    "stride ≠ dilation": lambda call: (
        _setting(call, "stride") != _setting(call, "dilation")
    ),
    "overlapping windows": lambda call: any(
        k > s and d == 1
        for k, s, d in zip(
            *(_setting(call, name) for name in ("kernel_size", "stride", "dilation"))
        )
    ),
    "padding": lambda call: any(_setting(call, "padding")),
    "an empty batch": lambda call: call.arrays["input"].size == 0,
    "a kernel of different sides": lambda call: (
        len({*_setting(call, "kernel_size")}) > 1
    ),
}
_PIXELS = {
    "H ≠ W": lambda call: len({*call.arrays["input"].shape[-2:]}) > 1,
    "several channels": lambda call: (
        _factor(call) > 1 and call.arrays["input"].shape[-3] > _factor(call) ** 2
    ),
    "an image alone": lambda call: call.arrays["input"].ndim == 3,
    "nothing to do": lambda call: _factor(call) == 1,
}

OPERATIONS = {
    "flatten": Operation(
        construct=flatten_call,
        witnesses={
            "two axes longer than 1": lambda call: (
                call.settings == {}
                and sum(n > 1 for n in call.arrays["input"].shape) > 1
            ),
            "axes in the middle": lambda call: (
                call.settings.get("start_dim", 0) > 0
                and 0 < call.settings["end_dim"] < call.arrays["input"].ndim - 1
            ),
            "a number alone": lambda call: call.arrays["input"].ndim == 0,
            "an empty batch": lambda call: call.arrays["input"].size == 0,
        },
        exact=True,
        symbols="polynomial",
        twin=_flatten,
    ),
    "one_hot": Operation(
        construct=one_hot_call,
        gradients=(),
        witnesses={
            "classes to be counted": lambda call: call.settings == {},
            "a class that does not occur": lambda call: (
                call.arrays["tensor"].size > 0
                and call.settings.get("num_classes", 0)
                > call.arrays["tensor"].max() + 1
            ),
            "an empty batch": lambda call: call.arrays["tensor"].size == 0,
            "a number alone": lambda call: call.arrays["tensor"].ndim == 0,
        },
        exact=True,
        symbols=None,
        twin=_one_hot,
    ),
    "pixel_shuffle": Operation(
        construct=pixel_shuffle_call,
        witnesses=_PIXELS,
        exact=True,
        symbols="polynomial",
    ),
    "pixel_unshuffle": Operation(
        construct=pixel_unshuffle_call,
        witnesses={k: v for k, v in _PIXELS.items() if k != "several channels"},
        exact=True,
        symbols="polynomial",
    ),
    "unfold": Operation(
        construct=unfold_call, witnesses=_COLUMNS, exact=True, symbols="polynomial"
    ),
    "fold": Operation(
        construct=fold_call, witnesses=_COLUMNS, exact=True, symbols="polynomial"
    ),
}
