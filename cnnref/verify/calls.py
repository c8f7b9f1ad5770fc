"""Valid calls, constructed: draw the windows first, then the size that holds them.

A constructor takes ``draw(low, high)``, which returns an integer of that closed range.
A seeded NumPy generator draws the sweeps of the book; Hypothesis draws the same calls
in the tests and shrinks them.
"""

from typing import Any, NamedTuple

import numpy as np

from cnnref.conv import Settings
from cnnref.geometry import same_padding, span

__all__ = [
    "WITNESSES",
    "Call",
    "conv_call",
    "conv_calls",
    "grouped",
    "seeded_draw",
    "settings_of",
]


class Call(NamedTuple):
    """One call of a function: its arrays and its settings, by argument name."""

    arrays: dict[str, np.ndarray]
    settings: dict[str, Any]

    def of(self, function):
        """Call the function."""
        return function(**self.arrays, **self.settings)

    def replace(self, **arrays):
        """Return the call with some arrays exchanged or added in front."""
        return Call(
            arrays | {k: v for k, v in self.arrays.items() if k not in arrays},
            self.settings,
        )

    @property
    def complexity(self):
        """How hard the call is to follow as a counterexample."""
        settings = (np.ravel(v) for v in self.settings.values() if v is not None)
        numbers = (abs(n) for v in settings if v.dtype.kind in "iu" for n in v)
        return sum(array.size for array in self.arrays.values()) + int(sum(numbers))

    def __str__(self):
        shapes = [f"{name} {array.shape}" for name, array in self.arrays.items()]
        return ", ".join([*shapes, *(f"{k}={v!r}" for k, v in self.settings.items())])


def seeded_draw(seed):
    """Return a ``draw`` that is determined by its seed."""
    rng = np.random.default_rng(seed)
    return lambda low, high: int(rng.integers(low, high + 1))


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
        "stride": _written(draw, stride),
        "padding": "same" if same else _written(draw, padding),
        "dilation": _written(draw, dilation),
        "groups": groups,
    }
    if transposed:
        settings["output_padding"] = _written(draw, extra)
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


def _written(draw, values):
    """Write a setting as one number where it can be, or as a tuple or list."""
    if len(set(values)) == 1 and draw(0, 1):
        return values[0] if draw(0, 3) else (values[0],)
    return tuple(values) if draw(0, 3) else list(values)


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
    "axes of different size": lambda call, _: (
        len(set(call.arrays["input"].shape[-(call.arrays["weight"].ndim - 2) :])) > 1
    ),
    "different settings on its axes": lambda call, _: (
        len(set(_per_axis(call, "stride"))) > 1
    ),
    "C_in ≠ C_out": lambda call, transposed: len(set(_channels(call, transposed))) > 1,
    "stride ≠ dilation": lambda call, _: (
        _per_axis(call, "stride") != _per_axis(call, "dilation")
    ),
    "a remainder": _remainder,
    "a kernel that a flip changes": lambda call, _: (
        not np.array_equal(
            call.arrays["weight"],
            np.flip(call.arrays["weight"], tuple(range(2, call.arrays["weight"].ndim))),
        )
    ),
    "an upstream gradient that a flip changes": lambda call, _: (
        "grad_output" not in call.arrays
        or not np.array_equal(
            call.arrays["grad_output"], call.arrays["grad_output"][..., ::-1]
        )
    ),
    "overlapping windows": lambda call, _: any(
        k > s and d == 1
        for k, s, d in zip(
            call.arrays["weight"].shape[2:],
            _per_axis(call, "stride"),
            _per_axis(call, "dilation"),
        )
    ),
    "groups": lambda call, _: call.settings["groups"] > 1,
    "a bias": lambda call, _: "bias" in call.arrays,
    "no bias": lambda call, _: "bias" not in call.arrays,
    "an unbatched input": lambda call, _: (
        call.arrays["input"].ndim < call.arrays["weight"].ndim
    ),
    "a batch": lambda call, _: (
        call.arrays["input"].ndim == call.arrays["weight"].ndim
        and len(call.arrays["input"]) > 1
    ),
}
