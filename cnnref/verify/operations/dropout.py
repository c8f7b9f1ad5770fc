"""Calls of the dropouts: with a ready mask, which PyTorch's own function gets too."""

from functools import partial

import numpy as np

from cnnref.verify.calls import Call, Operation, integers

__all__ = ["OPERATIONS", "tosses", "units"]


def dropout_call(draw, axes, inplace=True, largest=4):
    """Construct a call of a dropout of units (``axes`` is 0) or of channels."""
    if axes == 0:
        shape = tuple(draw(1, largest) for _ in range(draw(0, 3)))
    else:
        shape = tuple(draw(1, largest) for _ in range(axes))
        lead = (draw(1, 3),) if draw(0, 3) == 0 else (draw(0, 3), draw(1, 3))
        shape = (*lead, *shape)
    settings = {"p": draw(0, 8) / 8, "training": bool(draw(0, 3))}
    arrays = {"input": integers(draw, shape)}
    if (settings["training"] and 0 < settings["p"] < 1) or draw(0, 1):
        arrays["mask"] = np.array(integers(draw, units(axes, shape), 0, 2) > 0)
    if inplace and draw(0, 3) == 0:
        settings["inplace"] = False
    return Call(arrays, settings)


def units(axes, shape):
    """Return the shape of a mask: one toss per unit, or per channel.

    A single image is none to dropout2d, which takes its first axes as N and C.
    """
    if axes == 0:
        return shape
    return shape[:2] if axes == 2 or len(shape) == axes + 2 else shape[:1]


def tosses(mask=None):
    """Return a context in which PyTorch's dropouts draw this mask.

    Without a mask they draw as ever, and what they drew is its attribute ``mask``.
    """
    from torch.utils._python_dispatch import TorchDispatchMode

    class Tosses(TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.mask = mask

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            drawn = func(*args, **kwargs or {})
            if func.overloadpacket.__name__ == "bernoulli_":
                if self.mask is None:
                    self.mask = drawn.bool()
                drawn.copy_(self.mask.reshape(drawn.shape))
            return drawn

    return Tosses()


def _twin(name):
    """Return PyTorch's own function, with its tosses of a coin given by the mask."""

    def twin(input, mask=None, **settings):
        import torch

        with tosses(mask):
            return getattr(torch.nn.functional, name)(input, **settings)

    return twin


def _dropout_weight_scaling(input, p=0.5, training=True, *, generator=None, mask=None):
    """Return 1 − p times PyTorch's dropout."""
    return (1 - p) * _twin("dropout")(input, mask, p=p, training=training)


def _random(call):
    return call.settings["training"] and 0 < call.settings["p"] < 1


WITNESSES = {
    "evaluation": lambda call: not call.settings["training"],
    "p = 0": lambda call: call.settings["training"] and call.settings["p"] == 0,
    "p = 1": lambda call: call.settings["training"] and call.settings["p"] == 1,
    "a p that is not ½, and both kept and dropped": lambda call: (
        _random(call)
        and call.settings["p"] != 0.5
        and len(np.unique(call.arrays["mask"])) == 2
        and call.arrays["input"].any()
    ),
}


def _operation(axes):
    name = f"dropout{axes}d" if axes else "dropout"
    return Operation(
        partial(dropout_call, axes=axes),
        witnesses=WITNESSES,
        exact=True,
        symbols="polynomial",
        twin=_twin(name),
    )


OPERATIONS = {
    "dropout": _operation(0),
    "dropout1d": _operation(1),
    "dropout2d": _operation(2),
    "dropout3d": _operation(3),
    "dropout_weight_scaling": Operation(
        partial(dropout_call, axes=0, inplace=False),
        witnesses=WITNESSES,
        symbols="polynomial",
        twin=_dropout_weight_scaling,
    ),
}
