"""Calls of the normalisations: own statistics and given ones, and an ε that counts."""

from functools import partial

import numpy as np

from cnnref.verify.calls import Call, Operation, integers, numbers

__all__ = ["OPERATIONS"]


def batch_norm_call(draw, largest=4):
    """Construct a call of `batch_norm`, in training with two entries at least."""
    training = bool(draw(0, 1))
    shape = _shape(draw, largest)
    if training and np.prod(shape) == shape[1]:
        shape = (2, *shape[1:])
    statistics = _statistics(draw, shape[1], needed=not training)
    arrays = {"input": integers(draw, shape)} | statistics
    settings = {} if statistics else {"running_mean": None, "running_var": None}
    settings |= {"training": training} | _momentum(draw) | _eps(draw, always=training)
    return Call(arrays | _parameters(draw, shape[1:2]), settings)


def instance_norm_call(draw, largest=4):
    """Construct a call of `instance_norm`, with two positions at least.

    Without images it has no weight and no bias: PyTorch fails on them.
    """
    own = bool(draw(0, 2))
    shape = _shape(draw, largest)
    if own and np.prod(shape[2:]) == 1:
        shape = (*shape[:2], 2, *shape[3:])
    statistics = _statistics(draw, shape[1], needed=not own)
    arrays = {"input": integers(draw, shape)} | statistics
    if shape[0]:
        arrays |= _parameters(draw, shape[1:2])
    settings = {"use_input_stats": own} | _momentum(draw) | _eps(draw, always=own)
    return Call(arrays, settings)


def running_stats_call(draw, instance, largest=4):
    """Construct a call that updates running statistics."""
    shape = (draw(1, 3), draw(1, 3), draw(2, largest), *_some_axes(draw, largest, 1))
    arrays = {"input": integers(draw, shape)}
    arrays |= _statistics(draw, shape[1], needed=True)
    if not instance and draw(0, 9) == 0:
        arrays["input"] = arrays["input"][:0]
    return Call(arrays, _momentum(draw))


def group_norm_call(draw, largest=4):
    """Construct a call of `group_norm` with 1 to 3 groups.

    It has no bias alone: PyTorch's gradient fails on it.
    """
    groups, each = draw(1, 3), draw(1, 3)
    shape = _shape(draw, largest)
    if shape[0] * each * np.prod(shape[2:]) == 1:
        each = 2
    shape = (shape[0], groups * each, *shape[2:])
    arrays = {"input": integers(draw, shape)} | _parameters(draw, shape[1:2])
    if "weight" not in arrays:
        arrays.pop("bias", None)
    return Call(arrays, {"num_groups": groups} | _eps(draw, always=True))


def layer_norm_call(draw, largest=4):
    """Construct a call of `layer_norm`, over one axis or two."""
    lead, shape = _some_axes(draw, largest, 2), (draw(1, largest + 1),)
    shape = (*_some_axes(draw, largest, 1), *shape)
    if lead and draw(0, 9) == 0:
        lead = (0, *lead[1:])
    arrays = {"input": integers(draw, (*lead, *shape))} | _parameters(draw, shape)
    written = {"normalized_shape": shape if draw(0, 2) else list(shape)}
    return Call(arrays, written | _eps(draw))


def rms_norm_call(draw, largest=4):
    """Construct a call of `rms_norm`; symbols need their eps given."""
    call = layer_norm_call(draw, largest)
    arrays = {k: v for k, v in call.arrays.items() if k != "bias"}
    settings = {"eps": draw(1, 8) / 8} | call.settings
    if largest > 2 and draw(0, 2) == 0:
        settings["eps"] = None
    return Call(arrays, settings)


def local_response_norm_call(draw, largest=4):
    """Construct a call of `local_response_norm`, wider than the channels at times."""
    shape = (draw(1, 2), draw(1, largest + 1), *_some_axes(draw, largest, 2))
    shape = (*shape, draw(1, max(1, largest - 2)))
    if draw(0, 9) == 0:
        shape = (0, *shape[1:])
    settings = {"size": draw(1, largest + 2)}
    if draw(0, 5):
        settings |= {"alpha": draw(1, 8) / 4, "beta": draw(1, 8) / 4}
        settings |= {"k": draw(1, 8) / 4}
    return Call({"input": integers(draw, shape)}, settings)


def normalize_call(draw, largest=4):
    """Construct a call of `normalize` with a norm of any kind."""
    axes = draw(1, 3)
    shape = tuple(draw(1, largest) for _ in range(axes))
    some = [one for one in range(axes) if draw(0, 1)]
    dim = (draw(-axes, axes - 1), tuple(some), some, None)[min(3, draw(0, 5) // 2)]
    if draw(0, 9) == 0:
        shape, dim = (0, *shape), -1
    settings = {"p": _ORDERS[draw(0, len(_ORDERS) - 1)], "dim": dim}
    if abs(settings["p"]) == np.inf or draw(0, 1):
        x = integers(draw, shape, -2, 2)
    else:
        x = numbers(draw, shape)
    if draw(0, 9) == 0:
        x = np.zeros(shape)
    if len(shape) == 2 and draw(0, 1):
        settings.pop("dim")
    if draw(0, 2) == 0:
        settings["eps"] = draw(1, 16) + 0.3
    return Call({"input": x}, settings)


_ORDERS = (2.0, 2, 1, 1.5, 3, 0.5, np.inf, -np.inf, 0)


def _off_every_kink(call):
    """The moduli are different, and none of them is 0."""
    sizes = abs(call.arrays["input"])
    return sizes.all() and len(np.unique(sizes)) == sizes.size


def _ties(call):
    """The largest modulus is that of two entries."""
    sizes, dim = abs(call.arrays["input"]), call.settings.get("dim", 1)
    if call.settings["p"] != np.inf or not sizes.size:
        return False
    axes = dim if isinstance(dim, int) else tuple(dim or range(sizes.ndim))
    top = sizes.max(axes, keepdims=True)
    return ((sizes == top) & (top > 0)).sum(axes).max() > 1


def _shape(draw, largest):
    """Draw (N, C, *), with no images at times."""
    images = 0 if draw(0, 9) == 0 else draw(1, 3 if largest > 2 else 2)
    most = 3 if largest > 2 else 1
    return (images, draw(1, largest), *_some_axes(draw, largest, most))


def _some_axes(draw, largest, most):
    return tuple(draw(1, largest) for _ in range(draw(0, most)))


def _statistics(draw, channels, needed):
    if not needed and draw(0, 1):
        return {}
    return {
        "running_mean": numbers(draw, (channels,)),
        "running_var": integers(draw, (channels,), 1, 16) / 4,
    }


def _parameters(draw, shape):
    """Draw a weight and a bias, both, one or neither."""
    return {k: numbers(draw, shape) for k in ("weight", "bias") if draw(0, 2)}


def _momentum(draw):
    return {"momentum": draw(0, 8) / 8} if draw(0, 2) else {}


def _eps(draw, always=False):
    """Draw an ε; always, where PyTorch would lose digits on what does not vary.

    There it scales by 1/√ε before it takes the mean off.
    """
    return {"eps": draw(1, 16) / 8} if always or draw(0, 3) else {}


# PyTorch's functions write into the statistics that they are given.


def _batch_norm_running_stats(input, running_mean, running_var, momentum=0.1):
    import torch

    mean, var = running_mean.clone(), running_var.clone()
    settings = {"training": True, "momentum": momentum}
    torch.nn.functional.batch_norm(input, mean, var, **settings)
    return mean, var


def _instance_norm_running_stats(input, running_mean, running_var, momentum=0.1):
    import torch

    mean, var = running_mean.clone(), running_var.clone()
    torch.nn.functional.instance_norm(input, mean, var, momentum=momentum)
    return mean, var


def _is(setting, value):
    return lambda call: call.settings.get(setting) == value


def _has(name):
    return lambda call: name in call.arrays


def _varies(name):
    """The parameter's entries are not all alike, so that their place shows."""
    return lambda call: len(np.unique(call.arrays.get(name, 0))) > 1


_PARAMETERS = {
    "a weight that varies": _varies("weight"),
    "a bias that varies": _varies("bias"),
    "no weight": lambda call: "weight" not in call.arrays,
    "no bias": lambda call: "bias" not in call.arrays,
}
_EPS = {"an ε that counts": lambda call: (call.settings.get("eps") or 0) >= 1}
_IMAGES = {
    "several images and positions": lambda call: (
        call.arrays["input"].ndim > 2
        and len(call.arrays["input"]) > 1
        and call.arrays["input"][0, 0].size > 1
    ),
    "no images": lambda call: len(call.arrays["input"]) == 0,
}
_STATISTICS = {
    "statistics": _has("running_mean"),
    "no statistics": lambda call: "running_mean" not in call.arrays,
}
_MOMENTUM = {"a momentum that is not ½": lambda c: c.settings.get("momentum") == 0.25}
_AFFINE = ("input", "weight", "bias")

OPERATIONS = {
    "batch_norm": Operation(
        batch_norm_call,
        _AFFINE,
        {
            "training": _is("training", True),
            "evaluation": _is("training", False),
            **_PARAMETERS,
            **_EPS,
            **_IMAGES,
            **_STATISTICS,
        },
    ),
    "batch_norm_running_stats": Operation(
        partial(running_stats_call, instance=False),
        (),
        _IMAGES | _MOMENTUM,
        symbols=None,
        twin=_batch_norm_running_stats,
    ),
    "instance_norm": Operation(
        instance_norm_call,
        _AFFINE,
        {
            "own statistics": _is("use_input_stats", True),
            "given statistics": _is("use_input_stats", False),
            **_PARAMETERS,
            **_EPS,
            **_IMAGES,
            **_STATISTICS,
        },
    ),
    "instance_norm_running_stats": Operation(
        partial(running_stats_call, instance=True),
        (),
        {"several images": lambda call: len(call.arrays["input"]) > 1} | _MOMENTUM,
        symbols=None,
        twin=_instance_norm_running_stats,
    ),
    "group_norm": Operation(
        group_norm_call,
        _AFFINE,
        {
            "groups of several channels": lambda call: (
                1 < call.settings["num_groups"] < call.arrays["input"].shape[1]
            ),
            **_PARAMETERS,
            **_EPS,
            **_IMAGES,
        },
    ),
    "layer_norm": Operation(
        layer_norm_call,
        _AFFINE,
        {
            "one axis of several": lambda call: (
                len(call.settings["normalized_shape"]) == 1
                and call.arrays["input"].ndim > 1
                and len(call.arrays["input"]) > 1
            ),
            "two axes": lambda call: len(call.settings["normalized_shape"]) == 2,
            **_PARAMETERS,
            **_EPS,
        },
    ),
    "rms_norm": Operation(
        rms_norm_call,
        ("input", "weight"),
        {
            "a weight that varies": _varies("weight"),
            "no weight": lambda call: "weight" not in call.arrays,
            **_EPS,
        },
    ),
    "local_response_norm": Operation(
        local_response_norm_call,
        witnesses={
            "an even size within the channels": lambda call: (
                call.settings["size"] % 2 == 0
                and call.settings["size"] < call.arrays["input"].shape[1]
            ),
            "an odd size": lambda call: call.settings["size"] % 2 == 1,
            "the default settings": lambda call: "alpha" not in call.settings,
        },
    ),
    "normalize": Operation(
        normalize_call,
        witnesses={
            **{f"p = {p}": _is("p", p) for p in _ORDERS},
            "a norm below ε": lambda call: call.settings.get("eps", 0) > 4,
            "two largest entries": _ties,
            "nothing but zeros": lambda call: (
                call.arrays["input"].size > 0 and not call.arrays["input"].any()
            ),
        },
        smooth=_off_every_kink,
    ),
}
