"""Calls of the losses: every reduction, weights, broadcasting, and both kinds of class.

Where ``largest`` is below 3 the calls are for symbols: with few entries, with some, and
with none where a logarithm or a mean has no value.
"""

from functools import partial

import numpy as np

from cnnref.verify.calls import Call, Operation, integers, numbers

__all__ = [
    "OPERATIONS",
    "binary_call",
    "cross_entropy_call",
    "distance_call",
    "divergence_call",
    "nll_call",
    "penalty_call",
]


# Losses of entries --------------------------------------------------------------------


def distance_call(draw, largest=4, weighted=True, legacy=True, bend=None):
    """Construct a call on input and target, of integers or not, that broadcast.

    ``bend`` is the setting that says where the loss becomes a straight line.
    """
    draw_entries = integers if draw(0, 1) else numbers
    arrays, settings = _pair(draw, largest, draw_entries), _reduction(draw, legacy)
    if weighted and draw(0, 1):
        arrays["weight"] = _weights(draw, arrays["input"].shape)
    if bend and draw(0, 3):
        least = 0 if bend == "beta" else 1
        settings[bend] = draw(least, 6) / 2
    return Call(arrays, settings)


def divergence_call(draw, largest=4):
    """Construct a call of `kl_div`; a target may hold 0, but not for symbols."""
    log_target = bool(draw(0, 1))
    arrays = _pair(draw, largest, numbers)
    if not log_target:
        arrays["target"] = _positive(draw, arrays["target"].shape)
        if largest > 2 and arrays["input"].size and draw(0, 1):
            arrays["target"] = np.asarray(np.floor(arrays["target"]))
    settings = _reduction(draw, more=("batchmean",))
    if log_target or draw(0, 1):
        settings["log_target"] = log_target
    return Call(arrays, settings)


def binary_call(draw, largest=4, logits=False):
    """Construct a call of a binary cross-entropy, some with certain probabilities."""
    shape = _shape(draw, largest)
    x = _share(draw, shape, largest)
    if logits:
        x = numbers(draw, shape) * (256 if largest > 2 and draw(0, 3) == 0 else 1)
    arrays = {"input": np.asarray(x), "target": _share(draw, shape, largest)}
    for label in ("weight", "pos_weight")[: 1 + logits]:
        if draw(0, 1):
            arrays[label] = _weights(draw, _smaller(draw, shape))
    return Call(arrays, _reduction(draw))


def _pair(draw, largest, draw_entries):
    """Draw input and target of one shape, or of two that broadcast."""
    shape = _shape(draw, largest)
    shapes = [shape, shape if draw(0, 2) else _smaller(draw, shape)]
    if draw(0, 1):
        shapes.reverse()
    return {
        label: draw_entries(draw, own, -2, 2)
        for label, own in zip(("input", "target"), shapes)
    }


def _shape(draw, largest):
    axes = draw(0, 2 if largest < 3 else 3)
    shape = tuple(draw(1, largest) for _ in range(axes))
    if shape and largest > 2 and draw(0, 9) == 0:
        shape = (*shape[:-1], 0)
    return shape


def _smaller(draw, shape):
    """Return a shape that broadcasts to this one."""
    kept = shape[draw(0, len(shape)) :]
    return tuple(n if draw(0, 2) else 1 for n in kept)


def _weights(draw, shape):
    """Draw weights from 1 to 4: a quotient of their sums magnifies no rounding."""
    return numbers(draw, shape, 1, 4)


def _positive(draw, shape):
    return np.asarray((integers(draw, shape, 0, 255) + 1) / 64)


def _share(draw, shape, largest):
    """Draw numbers between 0 and 1; some are 0 or 1, but not for symbols."""
    if largest > 2 and draw(0, 2) == 0:
        return np.asarray(integers(draw, shape, 0, 2) / 2)
    return np.asarray(integers(draw, shape, 1, 63) / 64)


def _reduction(draw, legacy=True, more=()):
    """Draw a reduction, by its word or by the arguments that it replaced."""
    if legacy and draw(0, 5) == 0:
        values = {"size_average": draw(0, 2), "reduce": draw(0, 2)}
        given = {k: (None, False, True)[v] for k, v in values.items()}
        return given if any(values.values()) else {"reduce": False}
    if draw(0, 3) == 0:
        return {}
    words = ("none", "mean", "sum", *more)
    return {"reduction": words[draw(0, len(words) - 1)]}


def _bent(setting, value):
    """Find a setting's value, and an error on either side of where the line begins."""

    def error(call):
        return abs(call.arrays["input"] - call.arrays["target"])

    return {
        f"{setting} = {value}": lambda call: call.settings.get(setting) == value,
        "errors on both sides of the bend": lambda call: (
            error(call).size > 1
            and error(call).min() < call.settings.get(setting, 1) < error(call).max()
        ),
        "an error where it bends": lambda call: bool(
            (error(call) == call.settings.get(setting, 1)).any()
        ),
    }


def _unequal(call):
    """Say whether no entry lies where the absolute error has its kink."""
    return bool((call.arrays["input"] != call.arrays["target"]).all())


# Losses of classes --------------------------------------------------------------------


def nll_call(draw, largest=4):
    """Construct a call with class indices, some of which are ignored."""
    x = _scores(draw, largest)
    classes, symbols = x.shape[min(1, x.ndim - 1)], largest < 3
    settings = _reduction(draw)
    if draw(0, 2) == 0:
        settings["ignore_index"] = draw(-1, classes)
    ignored = settings.get("ignore_index", -100)
    shape = (*x.shape[: x.ndim > 1], *x.shape[2:])
    t = integers(draw, shape, 0, classes - 1).astype(np.int64)
    if draw(0, 1):
        t = np.where(integers(draw, shape, 0, 3) == 0, ignored, t)
    if symbols and (t == ignored).all():
        settings, t = settings | {"ignore_index": classes}, np.zeros_like(t)
    if x.ndim < 3 and t.min(initial=0) >= 0 and draw(0, 3) == 0:
        t = t.astype(np.uint8)
    arrays = {"input": x, "target": np.asarray(t)}
    if draw(0, 1):
        arrays["weight"] = _weights(draw, (classes,))
    return Call(arrays, settings)


def cross_entropy_call(draw, largest=4):
    """Construct a call with class indices, or with shares that need not add up to 1."""
    call = nll_call(draw, largest)
    settings, arrays = dict(call.settings), dict(call.arrays)
    if arrays["target"].dtype == np.int64 and draw(0, 1):
        settings["label_smoothing"] = draw(0, 8) / 8
    if draw(0, 1) or arrays["target"].shape == arrays["input"].shape:
        arrays["target"] = _share(draw, arrays["input"].shape, largest)
        if "ignore_index" in settings:
            settings["ignore_index"] = -1
    return Call(arrays, settings)


def _scores(draw, largest):
    """Draw scores of classes: of one sample, or of a batch at any positions."""
    classes = draw(1, largest)
    if draw(0, 4) == 0:
        return numbers(draw, (classes,))
    inner = [draw(1, largest) for _ in range(0 if largest < 3 else draw(0, 3))]
    batch = 0 if largest > 2 and draw(0, 9) == 0 else draw(1, largest)
    return numbers(draw, (batch, classes, *inner))


def _classes(call):
    return call.arrays["target"].dtype.kind in "iu"


def _ignored(call):
    t, ignored = call.arrays["target"], call.settings.get("ignore_index", -100)
    return _classes(call) and bool((t == ignored).any() and (t != ignored).any())


# The penalty --------------------------------------------------------------------------


def penalty_call(draw, largest=4):
    """Construct a call of `l2_penalty`: a weight of any rank, and λ in quarters."""
    shape = tuple(draw(1, largest) for _ in range(draw(0, 4)))
    return Call({"weight": integers(draw, shape)}, {"weight_decay": draw(0, 8) / 4})


def _l2_penalty(weight, weight_decay):
    return weight_decay / 2 * (weight**2).sum()


# What a sweep must contain ------------------------------------------------------------


def _reduced_by(word):
    """Say whether a call of several entries is reduced by this word or its default."""
    return lambda call: (
        call.arrays["input"].size > 1
        and "reduce" not in call.settings
        and call.settings.get("reduction", "mean") == word
    )


REDUCED = {f"reduction {word}": _reduced_by(word) for word in ("none", "mean", "sum")}
LEGACY = {"legacy arguments": lambda call: "reduce" in call.settings}
PAIR = REDUCED | {
    "several samples of several outputs, averaged": lambda call: (
        call.arrays["input"].ndim > 1
        and call.arrays["target"].shape == call.arrays["input"].shape
        and min(call.arrays["input"].shape[:2]) > 1
        and _reduced_by("mean")(call)
    ),
    "an input that is broadcast": lambda call: (
        call.arrays["input"].size < call.arrays["target"].size
    ),
    "a target that is broadcast": lambda call: (
        call.arrays["input"].size > call.arrays["target"].size
    ),
    "no axes": lambda call: call.arrays["input"].ndim == 0,
    "no entries": lambda call: call.arrays["input"].size == 0,
}
WEIGHT = {
    f"weights, reduction {word}": lambda call, word=word: (
        "weight" in call.arrays and _reduced_by(word)(call)
    )
    for word in ("none", "mean", "sum")
}
TIES = {"an entry on its target": lambda call: not _unequal(call)}
CLASSES = (
    REDUCED
    | LEGACY
    | WEIGHT
    | {
        "one sample": lambda call: call.arrays["input"].ndim == 1,
        "positions": lambda call: call.arrays["input"].ndim > 2,
        "an ignored target beside others, averaged": lambda call: (
            _ignored(call) and _reduced_by("mean")(call)
        ),
        "indices of uint8": lambda call: call.arrays["target"].dtype == np.uint8,
    }
)

BINARY = (
    REDUCED
    | LEGACY
    | WEIGHT
    | {
        "a weight that is broadcast": lambda call: (
            "weight" in call.arrays
            and call.arrays["weight"].size < call.arrays["input"].size
        ),
        "no axes": lambda call: call.arrays["input"].ndim == 0,
        "no entries": lambda call: call.arrays["input"].size == 0,
    }
)
CERTAIN = {
    "a certain probability that is wrong": lambda call: bool(
        (abs(call.arrays["input"] - call.arrays["target"]) == 1).any()
    )
}
FAR = {
    "a logit that exp overflows on": lambda call: (
        abs(call.arrays["input"]).max(initial=0) > 710
    ),
    "a weight of positive targets": lambda call: "pos_weight" in call.arrays,
}


def _with_probabilities(*conditions):
    return lambda call: not _classes(call) and all(shows(call) for shows in conditions)


def _smoothed(call):
    return 0 < call.settings.get("label_smoothing", 0) < 1


SHARES = CLASSES | {
    "probabilities, averaged": _with_probabilities(_reduced_by("mean")),
    "weighted probabilities": _with_probabilities(lambda call: "weight" in call.arrays),
    "smoothed probabilities": _with_probabilities(_smoothed),
    "smoothed classes": lambda call: _classes(call) and _smoothed(call),
    "a smoothed class that is ignored": lambda call: _ignored(call) and _smoothed(call),
}

# The operations -----------------------------------------------------------------------

_BOTH = ("input", "target")
_WEIGHTED = (*_BOTH, "weight")

OPERATIONS = {
    "mse_loss": Operation(
        construct=distance_call,
        gradients=_WEIGHTED,
        witnesses=PAIR | LEGACY | WEIGHT,
    ),
    "l1_loss": Operation(
        construct=distance_call,
        gradients=_WEIGHTED,
        witnesses=PAIR | LEGACY | WEIGHT | TIES,
        smooth=_unequal,
    ),
    "smooth_l1_loss": Operation(
        construct=partial(distance_call, weighted=False, bend="beta"),
        gradients=_BOTH,
        witnesses=PAIR | LEGACY | TIES | _bent("beta", 0),
        smooth=lambda call: call.settings.get("beta") != 0 or _unequal(call),
    ),
    "huber_loss": Operation(
        construct=partial(distance_call, legacy=False, bend="delta"),
        gradients=_WEIGHTED,
        witnesses=PAIR | WEIGHT | TIES | _bent("delta", 2),
    ),
    "kl_div": Operation(
        construct=divergence_call,
        gradients=_BOTH,
        witnesses=PAIR
        | LEGACY
        | {
            "reduction batchmean": _reduced_by("batchmean"),
            "logarithms": lambda call: call.settings.get("log_target", False),
            "a probability of 0": lambda call: (
                not call.settings.get("log_target", False)
                and bool((call.arrays["target"] == 0).any())
            ),
        },
    ),
    "binary_cross_entropy": Operation(
        construct=binary_call,
        gradients=_BOTH,
        witnesses=BINARY | CERTAIN,
    ),
    "binary_cross_entropy_with_logits": Operation(
        construct=partial(binary_call, logits=True),
        gradients=_BOTH,
        witnesses=BINARY | FAR,
        smooth=lambda call: bool(call.arrays["input"].all()),
    ),
    "nll_loss": Operation(construct=nll_call, witnesses=CLASSES),
    "cross_entropy": Operation(
        construct=cross_entropy_call,
        gradients=_WEIGHTED,
        witnesses=SHARES,
        constants=lambda call: _WEIGHTED[1:] if _classes(call) else (),
    ),
    "l2_penalty": Operation(
        construct=penalty_call,
        gradients=("weight",),
        exact=True,
        symbols="polynomial",
        twin=_l2_penalty,
        witnesses={
            "a matrix with more than one singular value": lambda call: (
                call.arrays["weight"].ndim == 2
                and np.linalg.matrix_rank(call.arrays["weight"]) > 1
            )
        },
    ),
}
