"""Common mistakes of average pooling: by what a sum is divided, and where bins lie."""

from math import prod

import numpy as np

from cnnref.functional import (
    adaptive_avg_pool2d,
    avg_pool2d,
    avg_pool2d_backward,
)
from cnnref.verify.mistakes.mistake import Mistake
from cnnref.verify.operations import calls_of
from cnnref.verify.sweeps import torch_sweep

__all__ = ["MISTAKES"]


def _backward_by_whole_windows(
    grad_output, input, kernel_size, divisor_override=None, **settings
):
    """Divide by F² even where the border cuts a window and padding is not counted."""
    divisor = divisor_override or _whole(kernel_size)
    settings |= {"kernel_size": kernel_size, "divisor_override": divisor}
    return avg_pool2d_backward(grad_output, input, **settings)


def _by_whole_windows(input, kernel_size, divisor_override=None, **settings):
    """Count also what ``ceil_mode`` adds beyond the padded input."""
    if settings["count_include_pad"]:
        divisor_override = divisor_override or _whole(kernel_size)
    return avg_pool2d(input, kernel_size, divisor_override=divisor_override, **settings)


def _padding_always_counted(input, count_include_pad=True, **settings):
    return avg_pool2d(input, count_include_pad=True, **settings)


def _padding_never_counted(input, count_include_pad=True, **settings):
    return avg_pool2d(input, count_include_pad=False, **settings)


def _whole(kernel_size):
    return prod(np.broadcast_to(kernel_size, 2).tolist())


def _rounded(p, size, out):
    start = min(round(p * size / out), size - 1)
    return start, max(start + 1, round((p + 1) * size / out))


def _regular(p, size, out):
    """Take regular windows: stride ⌊H/H_out⌋, and a kernel that covers the rest."""
    stride = size // out
    return p * stride, size - (out - 1 - p) * stride


def _binned(bounds):
    """Return adaptive pooling with the bins that a rule bounds."""

    def adaptive(input, output_size):
        sizes = np.broadcast_to(np.array(output_size, object), 2)
        rows, columns = (
            [slice(*bounds(p, h, n or h)) for p in range(n or h)]
            for h, n in zip(input.shape[-2:], sizes)
        )
        means = [[input[..., r, c].mean((-2, -1)) for c in columns] for r in rows]
        return np.moveaxis(np.array(means), (0, 1), (-2, -1))

    return adaptive


def _sweep(name):
    return lambda: torch_sweep(name, calls_of(name, 300))


MISTAKES = (
    Mistake(
        "W15",
        "the backward divides by F² at borders with count_include_pad=False",
        avg_pool2d_backward,
        _backward_by_whole_windows,
        _sweep("avg_pool2d_backward"),
    ),
    Mistake(
        "W15",
        "what ceil_mode adds beyond the padded input is counted",
        avg_pool2d,
        _by_whole_windows,
        _sweep("avg_pool2d"),
    ),
    Mistake(
        "W15",
        "the padding is counted with count_include_pad=False",
        avg_pool2d,
        _padding_always_counted,
        _sweep("avg_pool2d"),
    ),
    Mistake(
        "W15",
        "the padding is not counted with count_include_pad=True",
        avg_pool2d,
        _padding_never_counted,
        _sweep("avg_pool2d"),
    ),
    Mistake(
        "adaptive_avg_pool2d",
        "adaptive bins bounded by rounding instead of floor and ceiling",
        adaptive_avg_pool2d,
        _binned(_rounded),
        _sweep("adaptive_avg_pool2d"),
    ),
    Mistake(
        "adaptive_avg_pool2d",
        "adaptive bins as regular windows of stride ⌊H/H_out⌋",
        adaptive_avg_pool2d,
        _binned(_regular),
        _sweep("adaptive_avg_pool2d"),
    ),
)
