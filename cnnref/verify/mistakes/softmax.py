"""Common mistakes of softmax: W24, twice; W26, its Jacobian; W35, one logit for two."""

import numpy as np

from cnnref import functional
from cnnref.verify.mistakes.mistake import Mistake
from cnnref.verify.operations import calls_of
from cnnref.verify.sweeps import torch_sweep

__all__ = ["MISTAKES"]


def softmax_twice(input, dim=None, _stacklevel=3, dtype=None):
    once = functional.softmax(input, dim, _stacklevel, dtype)
    return functional.softmax(once, dim)


def cross_entropy_of_probabilities(input, target, **settings):
    """Apply softmax before a loss that applies it."""
    probabilities = functional.softmax(input, min(1, input.ndim - 1))
    return functional.cross_entropy(probabilities, target, **settings)


def softmax_backward_elementwise(
    grad_output, input, dim=None, _stacklevel=3, dtype=None
):
    """Take the diagonal of the Jacobian for all of it, as if it were σ′."""
    p = functional.softmax(input, dim, _stacklevel, dtype)
    return grad_output * p * (1 - p)


def log_softmax_backward_elementwise(
    grad_output, input, dim=None, _stacklevel=3, dtype=None
):
    return grad_output * (1 - functional.softmax(input, dim, _stacklevel, dtype))


def of_two_logits(first):
    """Read one logit z as the second of two, of which the first is not 0."""

    def mutant(input, target, **settings):
        log_p = functional.log_softmax(np.stack([first(input), input]), 0)
        odds = np.asarray(log_p[1] - log_p[0])
        return functional.binary_cross_entropy_with_logits(odds, target, **settings)

    return mutant


def _mistake(label, words, name, wrong):
    right = getattr(functional, name)
    return Mistake(
        label, words, right, wrong, lambda: torch_sweep(name, calls_of(name, 80))
    )


_BINARY = "binary_cross_entropy_with_logits"

MISTAKES = (
    _mistake("W24", "softmax twice", "softmax", softmax_twice),
    _mistake(
        "W24",
        "softmax before a loss that applies it",
        "cross_entropy",
        cross_entropy_of_probabilities,
    ),
    _mistake(
        "W26",
        "the Jacobian of softmax taken for its diagonal",
        "softmax_backward",
        softmax_backward_elementwise,
    ),
    _mistake(
        "W26",
        "the Jacobian of log_softmax taken for its diagonal",
        "log_softmax_backward",
        log_softmax_backward_elementwise,
    ),
    _mistake(
        "W35",
        "one logit z as the softmax of (z, z), which is ½",
        _BINARY,
        of_two_logits(lambda z: z),
    ),
    _mistake(
        "W35",
        "one logit z as the softmax of (−z, z), which is σ(2z)",
        _BINARY,
        of_two_logits(lambda z: -z),
    ),
)
