"""Calls of the activations: on their kinks, and in every region between them."""

from functools import partial

import numpy as np

from cnnref.verify.calls import Call, Operation, integers, numbers

__all__ = ["OPERATIONS", "activation_call", "kinks"]


def activation_call(draw, settings, largest=4):
    """Construct a call of an elementwise function, on an input of any shape.

    Half of the inputs hold integers, which lie on the kinks too; the entries of the
    others are odd multiples of 1/64, and lie on none.
    """
    shape = tuple(draw(1, largest) for _ in range(draw(0, 3)))
    if shape and draw(0, 9) == 0:
        shape = (*shape[:-1], 0)
    return Call({"input": _entries(draw, shape)}, settings(draw))


def _entries(draw, shape):
    if draw(0, 1):
        return integers(draw, shape, -8, 8)
    return np.asarray((2 * integers(draw, shape, -256, 255) + 1) / 64)


def prelu_call(draw, largest=4):
    """Construct a call of `prelu`: one weight, or one per channel."""
    call = activation_call(draw, _bare, largest)
    shape = call.arrays["input"].shape
    channels = shape[1] if len(shape) > 1 else 1
    weight = numbers(draw, ((), (1,), (channels,))[draw(0, 2)])
    return Call(call.arrays | {"weight": weight}, {})


def _some(draw, **settings):
    """Write each setting out, or leave it to its default."""
    return {k: v for k, v in settings.items() if draw(0, 3)}


def _bare(draw):
    return {}


def _plain(draw):
    return _some(draw, inplace=False)


def _slope(draw):
    return _some(draw, negative_slope=draw(-64, 128) / 64, inplace=False)


def _alpha(draw):
    return _some(draw, alpha=(-1) ** draw(0, 1) * draw(1, 8) / 2, inplace=False)


def _interval(draw):
    low = draw(-6, 2)
    interval = {"min_val": low / 2, "max_val": (low + draw(0, 8)) / 2}
    return (interval if draw(0, 3) else {}) | _some(draw, inplace=False)


def _bend(draw):
    return _some(draw, beta=(-1, 0.5, 1, 2)[draw(0, 3)], threshold=draw(-2, 6))


def _form(draw):
    return _some(draw, approximate=("none", "tanh")[draw(0, 1)])


def kinks(name, call):
    """Return where the pieces of the function's formula meet, in order."""
    given = call.settings
    if name == "hardtanh":
        return given.get("min_val", -1), given.get("max_val", 1)
    if name == "softplus":
        return (given.get("threshold", 20) / given.get("beta", 1),)
    return _KINKS.get(name, ())


_KINKS = dict.fromkeys(
    ("relu", "leaky_relu", "prelu", "elu", "selu", "celu", "logsigmoid", "softsign"),
    (0,),
) | {"relu6": (0, 6), "hardsigmoid": (-3, 3), "hardswish": (-3, 3)}


def _smooth(call, name):
    """Whether no entry lies on a kink."""
    return not np.isin(call.arrays["input"], kinks(name, call)).any()


def _at_kink(call, name, place):
    return (call.arrays["input"] == kinks(name, call)[place]).any()


def _in_region(call, name, region):
    ends = (-np.inf, *kinks(name, call), np.inf)
    x = call.arrays["input"]
    return ((ends[region] < x) & (x < ends[region + 1])).any() and _smooth(call, name)


def _witnesses(name):
    pieces = len(kinks(name, Call({}, {})))
    found = {
        "no axes": lambda call: call.arrays["input"].ndim == 0,
        "three axes": lambda call: call.arrays["input"].ndim == 3,
        "no entries": lambda call: call.arrays["input"].size == 0,
    }
    for k in range(pieces):
        found[f"an entry on kink {k}"] = partial(_at_kink, name=name, place=k)
    for k in range(pieces + 1):
        found[f"an entry in region {k}"] = partial(_in_region, name=name, region=k)
    return found


def _operation(name, settings=_plain, more=None, exact=False, twin=None):
    return Operation(
        construct=partial(activation_call, settings=settings),
        witnesses=_witnesses(name) | (more or {}),
        exact=exact,
        twin=twin,
        smooth=partial(_smooth, name=name),
    )


def _is(setting, value):
    """Say whether a call has this value for a setting; None stands for the default."""
    return lambda call: call.settings.get(setting) == value


def _differs(setting, *values):
    """Say whether a call has another value than these for a setting it writes out."""
    return lambda call: call.settings.get(setting, values[0]) not in values


def _hardsigmoid(input, inplace=False):
    """Divide by 6, where PyTorch's gradient has 1/6 in single precision always."""
    import torch

    return torch.nn.functional.relu6(input + 3) / 6


_ALPHA = {"an alpha that is not 1": _differs("alpha", 1)}
_PRELU = {
    "one weight": lambda call: call.arrays["weight"].shape == (1,),
    "a weight without axes": lambda call: call.arrays["weight"].shape == (),
    "channels": lambda call: len(set(np.atleast_1d(call.arrays["weight"]))) > 1,
}
_SOFTPLUS = {
    "a beta that is not 1": _differs("beta", 1),
    "the default threshold": _is("threshold", None),
}
_GELU = {form: _is("approximate", form) for form in ("none", "tanh")}

OPERATIONS = {
    "relu": _operation("relu", exact=True),
    "relu6": _operation("relu6", exact=True),
    "leaky_relu": _operation(
        "leaky_relu",
        _slope,
        {"the default slope": _is("negative_slope", None)},
        exact=True,
    ),
    "prelu": _operation("prelu", _bare, _PRELU, exact=True)._replace(
        construct=prelu_call, gradients=("input", "weight")
    ),
    "elu": _operation("elu", _alpha, _ALPHA),
    "selu": _operation("selu"),
    "celu": _operation("celu", _alpha, _ALPHA),
    "sigmoid": _operation("sigmoid", _bare),
    "logsigmoid": _operation("logsigmoid", _bare),
    "tanh": _operation("tanh", _bare),
    "softplus": _operation("softplus", _bend, _SOFTPLUS),
    "softsign": _operation("softsign", _bare),
    "silu": _operation("silu"),
    "gelu": _operation("gelu", _form, _GELU),
    "mish": _operation("mish"),
    "hardtanh": _operation("hardtanh", _interval, exact=True),
    "hardsigmoid": _operation("hardsigmoid", twin=_hardsigmoid),
    "hardswish": _operation("hardswish"),
}
