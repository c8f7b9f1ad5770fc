"""Common mistakes of the losses: W25, by what a mean divides."""

import numpy as np

from cnnref import functional
from cnnref.verify.mistakes.mistake import Mistake
from cnnref.verify.operations import calls_of
from cnnref.verify.sweeps import torch_sweep

__all__ = ["MISTAKES"]


def rescaled(name, factor):
    """Make a loss whose means are too large by ``factor(input, target, weight, …)``.

    The mistake of ``<name>_backward`` is the same one, in the upstream gradient.
    """
    right = getattr(functional, name)

    def forward(input, target, **settings):
        y = right(input, target, **settings)
        wrong = _averaged(settings)
        return np.asarray(y * factor(input, target, **settings)) if wrong else y

    def backward(grad_output, input, target, **settings):
        g = grad_output
        if _averaged(settings):
            g = np.asarray(g * factor(input, target, **settings))
        return right(g, input, target, **settings)

    return backward if name.endswith("_backward") else forward


def _averaged(settings):
    """Say whether a call's settings mean a mean."""
    size_average, reduce = settings.get("size_average"), settings.get("reduce")
    if size_average is None and reduce is None:
        return settings.get("reduction", "mean") == "mean"
    return size_average is not False and reduce is not False


# By how much --------------------------------------------------------------------------


def entries(input, target, **settings):
    """Divide by nothing."""
    return np.broadcast(input, target).size


def outputs(input, target, weight=None, **settings):
    """Divide by the samples, not by their outputs too; by the weights if there are."""
    size = entries(input, target)
    return size / len(input) if weight is None and input.ndim else 1


def weights_by_entries(input, target, weight=None, **settings):
    """Divide by the entries, not by the sum of their weights."""
    return 1 if weight is None else weight.sum() / input.size


def entries_by_weights(input, target, weight=None, **settings):
    """Divide by the sum of the weights, not by the entries."""
    return 1 if weight is None else 1 / np.broadcast_to(weight, input.shape).mean()


def by_classes(input, target, **settings):
    """Divide by the classes too."""
    return 1 / input.shape[min(1, input.ndim - 1)]


def counted_by_all(input, target, weight=None, ignore_index=-100, **settings):
    """Divide by all samples, also by those that are ignored or weigh something else."""
    if target.dtype.kind == "f":
        return 1
    kept = target[target != ignore_index]
    return (len(kept) if weight is None else weight[kept].sum()) / target.size


# The mistakes -------------------------------------------------------------------------


def _mistake(words, name, factor):
    right, wrong = getattr(functional, name), rescaled(name, factor)
    return Mistake("W25", words, right, wrong, lambda: _sweep(name))


def _sweep(name):
    """Leave out means of nothing, which are NaN and not to be rescaled."""
    calls = calls_of(name, 120)
    return torch_sweep(name, [call for call in calls if call.arrays["input"].size])


MISTAKES = (
    _mistake("MSE averaged over samples, not entries", "mse_loss", outputs),
    _mistake("MSE's gradient averaged over samples", "mse_loss_backward", outputs),
    _mistake("MSE's gradient not averaged at all", "mse_loss_backward", entries),
    _mistake("weighted MSE averaged over entries", "mse_loss", weights_by_entries),
    _mistake("weighted Huber loss by its weights", "huber_loss", entries_by_weights),
    _mistake(
        "weighted binary cross-entropy by its weights",
        "binary_cross_entropy",
        entries_by_weights,
    ),
    _mistake("cross-entropy averaged over classes too", "cross_entropy", by_classes),
    _mistake(
        "cross-entropy averaged over ignored samples too, and not by weights",
        "cross_entropy",
        counted_by_all,
    ),
    _mistake(
        "its gradient averaged over ignored samples too, and not by weights",
        "cross_entropy_backward",
        counted_by_all,
    ),
    _mistake("a divergence averaged over samples, not entries", "kl_div", outputs),
)
