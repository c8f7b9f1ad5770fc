"""Common mistakes of the normalisations: W23, and what is averaged, where ε stands."""

import numpy as np

from cnnref import functional
from cnnref.verify.mistakes.mistake import Mistake
from cnnref.verify.mutants import mutant
from cnnref.verify.operations import calls_of
from cnnref.verify.sweeps import torch_sweep

__all__ = ["MISTAKES"]


def running_variance_biased(input, running_mean, running_var, momentum=0.1):
    count = input.size // max(1, input.shape[1])
    settings = (input, running_mean, running_var, momentum)
    mean, var = functional.batch_norm_running_stats(*settings)
    if not count:
        return mean, var
    kept = (1 - momentum) * running_var
    return mean, kept + (var - kept) * (count - 1) / count


def momentum_reversed(input, running_mean, running_var, momentum=0.1):
    settings = (input, running_mean, running_var, 1 - momentum)
    return functional.batch_norm_running_stats(*settings)


def statistics_of_the_batch_in_evaluation(input, running_mean, running_var, **settings):
    settings = settings | {"training": input.size != input.shape[1]}
    return functional.batch_norm(input, running_mean, running_var, **settings)


def running_statistics_in_training(input, running_mean, running_var, **settings):
    settings = settings | {"training": running_mean is None}
    return functional.batch_norm(input, running_mean, running_var, **settings)


def normalised(moments):
    """Make a batch_norm that takes x̂ from (x, axes, eps) in a way of its own."""

    def wrong(input, running_mean, running_var, weight=None, bias=None, **settings):
        right = functional.batch_norm(
            input, running_mean, running_var, weight, bias, **settings
        )
        if not settings.get("training") or not input.size:
            return right
        axes = (0, *range(2, input.ndim))
        shape = (-1, *(1,) * (input.ndim - 2))
        y = moments(input, axes, settings.get("eps", 1e-5))
        y = y if weight is None else y * weight.reshape(shape)
        return y if bias is None else y + bias.reshape(shape)

    return wrong


def eps_outside_the_root(x, axes, eps):
    return (x - x.mean(axes, keepdims=True)) / (x.std(axes, keepdims=True) + eps)


def unbiased_variance(x, axes, eps):
    var = x.var(axes, keepdims=True, ddof=1)
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(var + eps)


def variance_without_the_root(x, axes, eps):
    return (x - x.mean(axes, keepdims=True)) / (x.var(axes, keepdims=True) + eps)


def statistics_of_each_image(x, axes, eps):
    axes = axes[1:]
    var = x.var(axes, keepdims=True)
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(var + eps)


def statistics_as_constants(call, right):
    """Drop what the input moves through its mean and its variance."""
    x = call["input"]
    if not call["training"] or not x.size:
        return right.input
    axes, shape = (0, *range(2, x.ndim)), (-1, *(1,) * (x.ndim - 2))
    scale = 1 / np.sqrt(x.var(axes) + call.get("eps", 1e-5))
    scale = scale * call["weight"] if "weight" in call else scale
    return call["grad_output"] * scale.reshape(shape)


def over_the_first_axes(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Normalise over what should be apart, and leave apart the rest."""
    if not input.size:
        return input.copy()
    axes = tuple(range(input.ndim - len(normalized_shape))) or None
    mean, var = (f(axis=axes, keepdims=True) for f in (input.mean, input.var))
    y = (input - mean) / np.sqrt(var + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def over_the_last_axis_only(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    y = functional.layer_norm(input, input.shape[-1:], eps=eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def groups_dealt_in_turn(input, num_groups, weight=None, bias=None, eps=1e-5):
    """Put every channel c into the group c mod num_groups."""
    order = np.arange(input.shape[1]).reshape(-1, num_groups).T.ravel()
    y = functional.group_norm(input[:, order], num_groups, eps=eps)[
        :, np.argsort(order)
    ]
    shape = (-1, *(1,) * (input.ndim - 2))
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def centred(input, normalized_shape, weight=None, eps=None):
    eps = np.finfo(input.dtype).eps if eps is None else eps
    return functional.layer_norm(input, normalized_shape, weight, eps=eps)


def larger_half_after(input, size, alpha=1e-4, beta=0.75, k=1.0):
    turned = functional.local_response_norm(input[:, ::-1], size, alpha, beta, k)
    return turned[:, ::-1]


def sum_of_squares(input, size, alpha=1e-4, beta=0.75, k=1.0):
    return functional.local_response_norm(input, size, alpha * size, beta, k)


def _mistake(label, words, name, wrong):
    return Mistake(
        label,
        words,
        getattr(functional, name),
        wrong,
        lambda: torch_sweep(name, calls_of(name, 80)),
    )


_STATS, _NORM, _LAYER = "batch_norm_running_stats", "batch_norm", "layer_norm"

MISTAKES = (
    _mistake("W23", "the running variance is biased", _STATS, running_variance_biased),
    _mistake("W23", "momentum weighs the old statistics", _STATS, momentum_reversed),
    _mistake(
        "batch_norm",
        "evaluation normalises by the batch",
        _NORM,
        statistics_of_the_batch_in_evaluation,
    ),
    _mistake(
        "batch_norm",
        "training normalises by the running statistics",
        _NORM,
        running_statistics_in_training,
    ),
    _mistake(
        "batch_norm", "ε outside the root", _NORM, normalised(eps_outside_the_root)
    ),
    _mistake(
        "batch_norm",
        "the unbiased variance normalises",
        _NORM,
        normalised(unbiased_variance),
    ),
    _mistake("batch_norm", "no root", _NORM, normalised(variance_without_the_root)),
    _mistake(
        "batch_norm",
        "each image by its own statistics",
        _NORM,
        normalised(statistics_of_each_image),
    ),
    _mistake(
        "batch_norm_backward",
        "mean and variance as constants",
        "batch_norm_backward",
        mutant(functional.batch_norm_backward, input=statistics_as_constants),
    ),
    _mistake("layer_norm", "over the wrong axes", _LAYER, over_the_first_axes),
    _mistake("layer_norm", "over the last axis only", _LAYER, over_the_last_axis_only),
    _mistake(
        "group_norm", "channels dealt in turn", "group_norm", groups_dealt_in_turn
    ),
    _mistake("rms_norm", "the mean taken off", "rms_norm", centred),
    _mistake(
        "local_response_norm",
        "the larger half of an even size after its channel",
        "local_response_norm",
        larger_half_after,
    ),
    _mistake(
        "local_response_norm",
        "a sum of squares for their mean",
        "local_response_norm",
        sum_of_squares,
    ),
)
