"""Calls of the convolutions: draw the windows first, then the size that holds them."""

from functools import partial

import numpy as np

from cnnref.correlation import Settings
from cnnref.geometry import same_padding, span
from cnnref.verify.calls import Call, Operation, seeded_draw, written

__all__ = [
    "OPERATIONS",
    "WITNESSES",
    "conv_call",
    "conv_calls",
    "grouped",
    "settings_of",
]


def conv_call(draw, axes, transposed=False, backward=False, largest=4):
    """Construct a valid call of a convolution in 1, 2 or 3 axes.

    Entries are small integers in float64, so that every sum is exact in any order.
    ``largest`` bounds the output counts (for a transposed call, the input's size).
    """
    groups = draw(1, 3) if draw(0, 2) == 0 else 1
    c_in, c_out = groups * draw(1, 2), groups * draw(1, 3)
    same = not transposed and draw(0, 7) == 0
    kernel, stride, dilation, padding, extra, size, out = ([] for _ in range(7))
    for _ in range(axes):
        k, d, few = draw(1, 3), draw(1, 3), draw(1, largest)
        s = 1 if same else draw(1, 3)
        # One convolution in both readings: `few` windows cover `covered` positions,
        # and r more are read by none.
        covered = (few - 1) * s + span(k, d)
        r = draw(0, max(s, d) - 1) if transposed else draw(0, s - 1)
        p = draw(0, min(3, (covered + r - 1) // 2))
        image = few if same else covered + r - 2 * p
        size.append(few if transposed else image)
        out.append(image if transposed else few)
        for values, value in zip(
            (kernel, stride, dilation, padding, extra), (k, s, d, p, r)
        ):
            values.append(value)
    settings = {
        "stride": written(draw, stride),
        "padding": "same" if same else written(draw, padding),
        "dilation": written(draw, dilation),
        "groups": groups,
    }
    if transposed:
        settings["output_padding"] = written(draw, extra)
    elif not same and not any(padding) and draw(0, 1):
        settings["padding"] = "valid"
    batch = () if draw(0, 5) == 0 else (draw(1, 3),)
    first, second = (c_in, c_out) if transposed else (c_out, c_in)
    shapes = {"grad_output": (*batch, c_out, *out)} if backward else {}
    shapes |= {
        "input": (*batch, c_in, *size),
        "weight": (first, second // groups, *kernel),
    }
    if draw(0, 2):
        shapes["bias"] = (c_out,)
    rng = np.random.default_rng(draw(0, 2**32 - 1))
    arrays = {
        name: rng.integers(-4, 5, shape).astype(float) for name, shape in shapes.items()
    }
    return Call(arrays, settings)


def conv_calls(axes, cases, transposed=False, backward=False, seed=0, largest=4):
    """Return that many calls, simplest first, with every witness among them.

    Raises
    ------
    ValueError
        If some witness of `WITNESSES` is missing: then the sweep is too small to
        kill the mistake that it is there for.
    """
    draw = seeded_draw(seed)
    calls = [conv_call(draw, axes, transposed, backward, largest) for _ in range(cases)]
    for name, witness in WITNESSES.items():
        if axes == 1 and "axes" in name:
            continue
        if not any(witness(call, transposed) for call in calls):
            raise ValueError(f"conv_calls: no call in {cases} has {name}")
    return tuple(sorted(calls, key=lambda call: call.complexity))


def settings_of(call):
    """Return the call's settings as the operation resolves them, one per axis."""
    axes = call.arrays["weight"].ndim - 2
    padding = call.settings["padding"]
    if padding == "same":
        pairs = map(
            same_padding, call.arrays["weight"].shape[2:], _per_axis(call, "dilation")
        )
    elif padding == "valid":
        pairs = [(0, 0)] * axes
    else:
        pairs = [(p, p) for p in _per_axis(call, "padding")]
    return Settings(
        tuple(_per_axis(call, "stride")),
        tuple(pairs),
        tuple(_per_axis(call, "dilation")),
        call.settings["groups"],
    )


def grouped(call):
    """Return the arrays of a convolution with a batch and an axis for the groups.

    input (N, G, C_in/G, *spatial), weight (G, C_out/G, C_in/G, *kernel),
    bias (G, C_out/G), grad_output (N, G, C_out/G, *out).
    """
    groups, axes = call.settings["groups"], call.arrays["weight"].ndim - 2
    arrays = {}
    for name, array in call.arrays.items():
        tail = array.shape[array.ndim - axes :] if array.ndim > 1 else ()
        inner = array.shape[1 : array.ndim - axes] if name == "weight" else ()
        lead = () if name in ("weight", "bias") else (-1,)
        channels = len(array) if name in ("weight", "bias") else array.shape[-axes - 1]
        arrays[name] = array.reshape(*lead, groups, channels // groups, *inner, *tail)
    return arrays


def _per_axis(call, setting):
    axes = call.arrays["weight"].ndim - 2
    value = call.settings[setting]
    values = list(value) if isinstance(value, tuple | list) else [value]
    return values * axes if len(values) == 1 else values


def _channels(call, transposed):
    weight, groups = call.arrays["weight"], call.settings["groups"]
    first, second = weight.shape[0], weight.shape[1] * groups
    return (first, second) if transposed else (second, first)


def _remainder(call, transposed):
    """The rows at the end of an axis that no window reads (or writes)."""
    if transposed:
        return any(_per_axis(call, "output_padding"))
    if isinstance(call.settings["padding"], str):
        return False
    image = call.arrays["input"].shape[-(call.arrays["weight"].ndim - 2) :]
    rule = zip(
        image,
        call.arrays["weight"].shape[2:],
        *(_per_axis(call, name) for name in ("stride", "padding", "dilation")),
    )
    return any((h + 2 * p - span(k, d)) % s for h, k, s, p, d in rule)


# What a sweep must contain, because a classic mistake passes without it.
WITNESSES = {
    "axes of different size": lambda call, transposed: (
        len(set(call.arrays["input"].shape[-(call.arrays["weight"].ndim - 2) :])) > 1
    ),
    "different settings on its axes": lambda call, transposed: (
        len(set(_per_axis(call, "stride"))) > 1
    ),
    "C_in ≠ C_out": lambda call, transposed: len(set(_channels(call, transposed))) > 1,
    "stride ≠ dilation": lambda call, transposed: (
        _per_axis(call, "stride") != _per_axis(call, "dilation")
    ),
    "a remainder": _remainder,
    "a kernel that a flip changes": lambda call, transposed: (
        not np.array_equal(
            call.arrays["weight"],
            np.flip(call.arrays["weight"], tuple(range(2, call.arrays["weight"].ndim))),
        )
    ),
    "an upstream gradient that a flip changes": lambda call, transposed: (
        "grad_output" not in call.arrays
        or not np.array_equal(
            call.arrays["grad_output"], call.arrays["grad_output"][..., ::-1]
        )
    ),
    "overlapping windows": lambda call, transposed: any(
        k > s and d == 1
        for k, s, d in zip(
            call.arrays["weight"].shape[2:],
            _per_axis(call, "stride"),
            _per_axis(call, "dilation"),
        )
    ),
    "groups": lambda call, transposed: call.settings["groups"] > 1,
    "a bias": lambda call, transposed: "bias" in call.arrays,
    "no bias": lambda call, transposed: "bias" not in call.arrays,
    "an unbatched input": lambda call, transposed: (
        call.arrays["input"].ndim < call.arrays["weight"].ndim
    ),
    "a batch": lambda call, transposed: (
        call.arrays["input"].ndim == call.arrays["weight"].ndim
        and len(call.arrays["input"]) > 1
    ),
}


def _operation(axes, transposed):
    witnesses = {
        name: partial(witness, transposed=transposed)
        for name, witness in WITNESSES.items()
        if axes > 1 or "axes" not in name
    }
    return Operation(
        construct=partial(conv_call, axes=axes, transposed=transposed),
        gradients=("input", "weight", "bias"),
        witnesses=witnesses,
        exact=True,
        symbols="polynomial",
    )


OPERATIONS = {
    f"conv{kind}{axes}d": _operation(axes, bool(kind))
    for kind in ("", "_transpose")
    for axes in (1, 2, 3)
}
