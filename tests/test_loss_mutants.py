"""Mistakes in the losses beyond the common ones: the sweeps notice each.

Most are a shipped function with one of its pieces exchanged for a wrong one.  W24 to
W26 and W35 are in cnnref.verify.mistakes.
"""

import numpy as np
import pytest
from operations import disagreement, noticed, sweep

from cnnref import binary_cross_entropy as binary
from cnnref import cross_entropy as classes
from cnnref import functional, loss, reduction


def exchange(place, piece, wrong):
    """Make a mutant of an operation by exchanging a piece of its module or class."""

    def mutant_of(name):
        def mutant(**arguments):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(place, piece, wrong)
                return getattr(functional, name)(**arguments)

        return mutant

    return mutant_of


def change(argument, wrong):
    """Make a mutant that changes one argument, where it is given."""

    def mutant_of(name):
        def mutant(**arguments):
            if argument in arguments:
                arguments[argument] = wrong(arguments[argument])
            return getattr(functional, name)(**arguments)

        return mutant

    return mutant_of


# Wrong pieces -------------------------------------------------------------------------


def first_of_broadcast(self, label, gradient):
    """Take one copy's gradient for that of all copies."""
    shape = self.arrays[label][0].shape
    gradient = np.broadcast_to(gradient, self.shape)
    if not gradient.size:
        return np.zeros(shape, self.dtype)
    own = (0,) * (gradient.ndim - len(shape)) + tuple(map(slice, shape))
    return np.array(gradient[own], self.dtype).reshape(shape)


def without_the_mean(self, g, value):
    """Take a weight's gradient as if a mean did not divide by the weights."""
    if self.w is None:
        return None
    return self.summed("weight", g * value(self.x, self.t))


class KeepsEvery(classes._Chosen):
    """Count ignored targets too."""

    def count(self):
        return self.kept.size if self.w is None else super().count()


def smoothed(rest, share):
    """Share out the smoothed part of a target in another way."""

    class Wrong(classes._Chosen):
        def losses(self, x):
            e, w = self.smoothing, classes._along(self.w, x)
            chosen = np.take_along_axis(-x * w, self.t[:, None], 1)[:, 0]
            losses = rest(e) * chosen
            if e:
                losses = losses - share(e, x.shape[1]) * (x * w).sum(1)
            return np.where(self.kept, losses, 0)

    return exchange(classes, "_Chosen", Wrong)


def as_if_of_sum_1(name):
    """Take p − y for (Σ y)·p − y, in the sums of losses that nothing else scales."""

    def mutant(grad_output, input, target, **settings):
        right = getattr(functional, name)(grad_output, input, target, **settings)
        scaled = {"weight", "label_smoothing"} & settings.keys()
        if target.dtype.kind != "f" or settings.get("reduction") != "sum" or scaled:
            return right
        axis = min(1, input.ndim - 1)
        p = functional.softmax(input, axis)
        excess = 1 - target.sum(axis, keepdims=True)
        return right._replace(input=right.input + grad_output * excess * p)

    return mutant


def clamped_at(least):
    def entropy(x, t):
        log_x, log_rest = (np.maximum(a, least) for a in (np.log(x), np.log1p(-x)))
        return (t - 1) * log_rest - t * log_x

    return entropy


def reweighted(name):
    """Weigh positive and negative targets alike."""

    def mutant(pos_weight=None, weight=None, **arguments):
        both = [w for w in (weight, pos_weight) if w is not None]
        if both:
            arguments["weight"] = np.asarray(
                np.prod(np.broadcast_arrays(*both), axis=0)
            )
        return getattr(functional, name)(**arguments)

    return mutant


def summed_over_entries(name):
    """Forget the square root of the norm, twice: (Σ |W|)² for Σ W²."""

    def mutant(weight, weight_decay):
        return np.asarray(weight_decay / 2 * abs(weight).sum() ** 2)

    return mutant


def spectral(name):
    """Take ‖W‖₂ for the spectral norm, where W is a matrix."""

    def mutant(weight, weight_decay):
        order = 2 if weight.ndim == 2 else None
        return np.asarray(weight_decay / 2 * np.linalg.norm(weight, order) ** 2)

    return mutant


# The comparison -----------------------------------------------------------------------

BROADCAST = {
    "one copy's gradient for all": exchange(
        reduction.Entrywise, "summed", first_of_broadcast
    )
}
AT_THE_TARGET = {
    "a slope at the target": exchange(
        loss, "_sign", lambda d: np.where(d >= 0, 1.0, -1.0)
    )
}
MEAN_OF_WEIGHTS = {
    "a weight's gradient without the mean": exchange(
        loss._Pair, "weight_gradient", without_the_mean
    )
}
MUTANTS = {
    "mse_loss": {
        "half the square": exchange(loss, "_square", lambda x, t: (x - t) ** 2 / 2)
    },
    "mse_loss_backward": BROADCAST
    | MEAN_OF_WEIGHTS
    | {
        "the gradient of half the square": exchange(
            loss, "_square_slopes", lambda x, t: (x - t, t - x)
        ),
        "one sign for input and target": exchange(
            loss, "_square_slopes", lambda x, t: (2 * (x - t), 2 * (x - t))
        ),
    },
    "l1_loss_backward": BROADCAST | MEAN_OF_WEIGHTS | AT_THE_TARGET,
    "smooth_l1_loss": {"beta doubled": change("beta", lambda beta: 2 * beta)},
    "smooth_l1_loss_backward": BROADCAST
    | AT_THE_TARGET
    | {"beta doubled": change("beta", lambda beta: 2 * beta)},
    "huber_loss": {
        "as smooth_l1_loss": lambda name: (
            lambda delta=1.0, **arguments: (
                functional.huber_loss(delta=delta, **arguments) / delta
            )
        )
    },
    "huber_loss_backward": BROADCAST,
    "kl_div": {
        "the target's own entropy left out": exchange(
            loss,
            "_divergence",
            lambda call, log: (lambda x, t: -x * (np.exp(t) if log else t), None),
        ),
        "batchmean as mean": change(
            "reduction", lambda word: "mean" if word == "batchmean" else word
        ),
    },
    "kl_div_backward": BROADCAST,
    "binary_cross_entropy": {
        "logarithms clamped at −10": exchange(binary, "_entropy", clamped_at(-10))
    },
    "binary_cross_entropy_with_logits": {"pos_weight for both": reweighted},
    "binary_cross_entropy_with_logits_backward": {"pos_weight for both": reweighted},
    "nll_loss": {
        "ignored targets counted": exchange(classes, "_Chosen", KeepsEvery),
        "weights left out": change("weight", lambda weight: np.ones_like(weight)),
    },
    "nll_loss_backward": {
        "ignored targets counted": exchange(classes, "_Chosen", KeepsEvery)
    },
    "cross_entropy": {
        "ignored targets counted": exchange(classes, "_Chosen", KeepsEvery),
        "only 1 − ε of a smoothed label": smoothed(lambda e: 1 - e, lambda e, c: 0),
        "all of a label, and ε more": smoothed(lambda e: 1, lambda e, c: e / c),
        "ε shared among the other classes": smoothed(
            lambda e: 1 - e, lambda e, c: e / max(1, c - 1)
        ),
    },
    "cross_entropy_backward": {
        "ignored targets counted": exchange(classes, "_Chosen", KeepsEvery),
        "p − y": as_if_of_sum_1,
    },
    "l2_penalty": {
        "without the half": change("weight_decay", lambda decay: 2 * decay),
        "the sum of sizes, squared": summed_over_entries,
        "the spectral norm": spectral,
    },
    "l2_penalty_backward": {
        "of the norm without the half": change("weight_decay", lambda decay: 2 * decay)
    },
}


@pytest.mark.parametrize(
    ("name", "mutant_of"),
    [
        pytest.param(name, mutant_of, id=f"{name}: {mistake}")
        for name, mistakes in MUTANTS.items()
        for mistake, mutant_of in mistakes.items()
    ],
)
def test_a_mistake_is_noticed(name, mutant_of):
    assert disagreement(name) is None
    assert noticed(sweep(name), mutant_of(name))
