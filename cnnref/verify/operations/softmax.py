"""Calls of softmax and its kin: along any axis, with entries in reach of exp or not."""

import numpy as np

from cnnref.verify.calls import Call, Operation, numbers

__all__ = ["OPERATIONS", "logsumexp_call", "softmax_call"]


def softmax_call(draw, largest=4):
    """Construct a call of a softmax, some without ``dim``.

    A dtype is given with ``largest`` above 3 alone: symbols have none.
    """
    x = _entries(draw, largest)
    axes, settings = max(1, x.ndim), {}
    if draw(0, 3):
        settings["dim"] = draw(-axes, axes - 1)
    if draw(0, 3) == 0:
        settings["_stacklevel"] = draw(2, 4)
    if largest > 3 and draw(0, 3) == 0:
        settings["dtype"] = np.dtype("float64")
    return Call({"input": x}, settings)


def logsumexp_call(draw, largest=4):
    """Construct a call of `logsumexp`, along one axis or several."""
    x = _entries(draw, largest)
    axes = list(range(max(1, x.ndim)))
    chosen = [axes.pop(draw(0, len(axes) - 1)) for _ in range(draw(1, len(axes)))]
    chosen = [k - draw(0, 1) * max(1, x.ndim) for k in chosen]
    dim = tuple(chosen) if draw(0, 1) else chosen
    if len(chosen) == 1 and draw(0, 1):
        (dim,) = chosen
    settings = {"dim": dim}
    if draw(0, 2):
        settings["keepdim"] = bool(draw(0, 1))
    return Call({"input": x}, settings)


def _entries(draw, largest):
    """Draw an array of any shape; symbols get few entries, and some."""
    symbols = largest < 3
    shape = tuple(draw(1, largest) for _ in range(draw(0, 2 if symbols else 3)))
    if shape and not symbols and draw(0, 9) == 0:
        shape = (*shape[:-1], 0)
    scale = 1 if symbols or draw(0, 3) else 256
    return np.asarray(scale * numbers(draw, shape))


def _logsumexp(input, dim, keepdim=False):
    import torch

    return torch.logsumexp(input, dim, keepdim)


WITNESSES = {
    "axes of different size": lambda call: len(set(call.arrays["input"].shape)) > 1,
    "an entry that exp overflows on": lambda call: (
        abs(call.arrays["input"]).max(initial=0) > 710
    ),
    "no axes": lambda call: call.arrays["input"].ndim == 0,
    "three axes": lambda call: call.arrays["input"].ndim == 3,
}

LEFT_OUT = {
    f"dim left out of {axes} axes": lambda call, axes=axes: (
        call.arrays["input"].ndim == axes and "dim" not in call.settings
    )
    for axes in range(4)
}

OPERATIONS = {
    name: Operation(construct=softmax_call, witnesses=WITNESSES | LEFT_OUT)
    for name in ("softmax", "log_softmax", "softmin")
}
OPERATIONS["logsumexp"] = Operation(
    construct=logsumexp_call,
    twin=_logsumexp,
    witnesses=WITNESSES
    | {
        "several axes": lambda call: np.size(call.settings["dim"]) > 1,
        "an axis kept": lambda call: call.settings.get("keepdim", False),
    },
)
