"""Common mistakes of the convolutions and their gradients: W1, W6, W8 to W13, W30."""

from functools import partial

import numpy as np

from cnnref import functional
from cnnref.functional import (
    conv2d,
    conv2d_backward,
    conv_transpose2d,
)
from cnnref.geometry import same_padding
from cnnref.verify.mistakes.mistake import Mistake
from cnnref.verify.mutants import mutant
from cnnref.verify.operations import calls_of
from cnnref.verify.sweeps import torch_sweep

__all__ = ["MISTAKES"]


def _flip(weight):
    return np.flip(weight, (2, 3))


# The forward pass ---------------------------------------------------------------------


def _true_convolution(weight, **call):
    return conv2d(weight=_flip(weight), **call)


def _first_axis_for_both(input, weight, stride=1, padding=0, dilation=1, **call):
    """Read only what is given for the height."""
    first = {"stride": stride, "padding": padding, "dilation": dilation}
    first = {k: np.ravel(v)[0].item() for k, v in first.items() if v != "same"}
    return conv2d(input, weight, **{"padding": padding} | first | call)


def _same_with_the_odd_zero_in_front(input, weight, padding=0, dilation=1, **call):
    if padding != "same":
        return conv2d(input, weight, padding=padding, dilation=dilation, **call)
    spread = np.broadcast_to(dilation, 2).tolist()
    sides = [same_padding(k, d)[::-1] for k, d in zip(weight.shape[2:], spread)]
    x = np.pad(input, [(0, 0)] * (input.ndim - 2) + sides)
    return conv2d(x, weight, dilation=dilation, **call)


# The gradients ------------------------------------------------------------------------


def _of_flipped(call, right):
    return conv2d_backward(**call | {"weight": _flip(call["weight"])}).input


def _turned(call, right):
    return _flip(right.weight)


def _in_one_place(call, right):
    """Let every kernel offset have the gradient of the first."""
    return np.broadcast_to(right.weight[:, :, :1, :1], right.weight.shape)


def _full_correlation(call, right):
    """Correlate the padded gradient with the turned kernel, whatever the stride."""
    # The gradients one beside the other, as if the windows had been neighbours.
    shift = call | {"stride": 1}
    y = conv2d(**{k: v for k, v in shift.items() if k != "grad_output"})
    g = np.zeros(y.shape)
    rows, columns = call["grad_output"].shape[-2:]
    g[..., :rows, :columns] = call["grad_output"]
    return conv2d_backward(**shift | {"grad_output": g}).input


def _first_image(call, right):
    g = call["grad_output"]
    return (g if g.ndim == 3 else g[0]).sum(axis=(1, 2))


def _first_position(call, right):
    g = call["grad_output"][..., 0, 0]
    return g if g.ndim == 1 else g.sum(axis=0)


def _mean(call, right):
    g = call["grad_output"]
    return right.bias / (g.size // len(right.bias))


# Transposed convolution ---------------------------------------------------------------


def _inverse(input, weight, bias=None, **settings):
    """Undo the convolution, as well as can be, where it should be transposed."""
    shape = conv_transpose2d(input, weight, **settings).shape
    image = input.shape[-3:]
    basis = np.eye(np.prod(image)).reshape(-1, *image)
    matrix = conv_transpose2d(basis, weight, **settings).reshape(len(basis), -1)
    y = (input.reshape(-1, len(basis)) @ np.linalg.pinv(matrix.T)).reshape(shape)
    return y if bias is None else y + bias.reshape(-1, 1, 1)


def _sweep(name):
    return torch_sweep(name, calls_of(name, 120, largest=3))


def _forward(label, words, wrong, name="conv2d"):
    return Mistake(
        label, words, getattr(functional, name), wrong, partial(_sweep, name)
    )


def _backward(label, words, **changes):
    wrong = mutant(conv2d_backward, **changes)
    sweep = partial(_sweep, "conv2d_backward")
    return Mistake(label, words, conv2d_backward, wrong, sweep)


MISTAKES: tuple[Mistake, ...] = (
    _forward("W1", "true convolution for cross-correlation", _true_convolution),
    _forward("W6", "the first axis' settings for both axes", _first_axis_for_both),
    _forward(
        "W8",
        "'same' with the odd zero in front",
        _same_with_the_odd_zero_in_front,
    ),
    _backward("W9", "dX without the half turn of the kernel", input=_of_flipped),
    _backward("W10", "dW turned", weight=_turned),
    _backward("W11", "dW without the shift", weight=_in_one_place),
    _backward("W12", "the dX of stride 1 at every stride", input=_full_correlation),
    _backward("W13", "db of the first image", bias=_first_image),
    _backward("W13", "db of the first position", bias=_first_position),
    _backward("W13", "db as a mean", bias=_mean),
    _forward("W30", "the inverse for the transpose", _inverse, "conv_transpose2d"),
)
