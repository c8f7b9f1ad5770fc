"""Common mistakes of max pooling: its output's size, its padding and its gradient."""

from functools import partial
from math import ceil, prod

import numpy as np

from cnnref.functional import max_pool1d, max_pool2d, max_pool2d_backward
from cnnref.geometry import span
from cnnref.pooling import PoolCheck, pooled_size
from cnnref.verify.mistakes.mistake import Mistake
from cnnref.verify.operations import calls_of
from cnnref.verify.sweeps import torch_sweep
from cnnref.windows import windows, windows_backward

__all__ = ["MISTAKES"]


def _rounded_up(size, kernel_size, stride, padding, dilation, ceil_mode):
    """Round up, and keep a window that starts beyond the input."""
    room = size + 2 * padding - span(kernel_size, dilation)
    return (ceil(room / stride) if ceil_mode else room // stride) + 1


def _rounded_up_twice(size, kernel_size, stride, padding, dilation, ceil_mode):
    """Do as the docstring of ``torch.nn.MaxPool1d`` says."""
    room = size + 2 * padding - span(kernel_size, dilation)
    if not ceil_mode:
        return room // stride + 1
    out = ceil((room + stride - 1) / stride) + 1
    return out - 1 if (out - 1) * stride >= size + padding else out


def _pooling(right, size=pooled_size, fill=-np.inf):
    """Return max pooling with another rule of its size, or another padding."""
    axes = int(right.__name__[-2])

    def wrong(input, ceil_mode, return_indices, **settings):
        check = PoolCheck(right.__name__, axes, input)
        where = check.windows(ceil_mode=ceil_mode, **settings)
        out = tuple(map(size, check.size, *where[:4], [ceil_mode] * axes))
        y, _ = _pooled(input, where._replace(out=out), fill)
        if not return_indices:
            return y
        settings |= {"ceil_mode": ceil_mode, "return_indices": True}
        return y, right(input, **settings)[1]

    return wrong


def _pooled(input, where, fill=-np.inf):
    """Return the maxima of every window, and the mask of their places in it."""
    axes = len(where.out)
    padded = np.pad(input, _sides(input, where), constant_values=fill)
    none = ((0, 0),) * axes
    seen = windows(padded, where.kernel_size, where.stride, none, where.dilation)
    seen = seen[(..., *map(slice, where.out))]
    y = seen.max(tuple(range(-2 * axes, -axes)), keepdims=True)
    return y.reshape(*input.shape[:-axes], *where.out), seen == y


def _sides(input, where):
    """Return what is padded along each axis so that all windows lie inside."""
    rules = zip(input.shape[-len(where.out) :], *where)
    ends = [max(0, s * (n - 1) + span(k, d) - h - p) for h, k, s, p, d, n in rules]
    return [(0, 0)] * (input.ndim - len(ends)) + [*zip(where.padding, ends)]


def _set_instead_of_added(grad_output, input, return_indices, **settings):
    at = max_pool2d(input, return_indices=True, **settings)[1]
    planes = prod(at.shape[:-2])
    flat = (planes, prod(at.shape[-2:]))
    dx = np.zeros((planes, prod(input.shape[-2:])))
    np.put_along_axis(dx, at.reshape(flat), grad_output.reshape(flat), axis=1)
    return dx.reshape(input.shape)


def _to_all_ties(grad_output, input, return_indices, **settings):
    where = PoolCheck("max_pool2d", 2, input).windows(**settings)
    _, mask = _pooled(input, where)
    g = np.where(mask, grad_output[..., None, None, :, :], 0)
    sides = _sides(input, where)[-2:]
    return windows_backward(g, input.shape[-2:], where.stride, sides, where.dilation)


def _mistake(label, words, right, wrong):
    sweep = partial(_sweep, right.__name__)
    return Mistake(label, words, right, wrong, sweep)


def _sweep(name):
    return torch_sweep(name, calls_of(name, 300))


MISTAKES = (
    _mistake(
        "W7",
        "ceil_mode rounds up and no more",
        max_pool1d,
        _pooling(max_pool1d, _rounded_up),
    ),
    _mistake(
        "W7",
        "ceil_mode by the formula in PyTorch's own docstring",
        max_pool1d,
        _pooling(max_pool1d, _rounded_up_twice),
    ),
    _mistake(
        "W14",
        "the backward of max pooling sets where windows overlap",
        max_pool2d_backward,
        _set_instead_of_added,
    ),
    _mistake(
        "W14",
        "the backward of max pooling gives each of several equal entries all",
        max_pool2d_backward,
        _to_all_ties,
    ),
    _mistake("W16", "max pooling pads zeros", max_pool2d, _pooling(max_pool2d, fill=0)),
)
