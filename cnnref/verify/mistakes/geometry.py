"""Common mistakes in the size of an output: W2 to W5."""

from functools import partial

from cnnref.geometry import out_size, span
from cnnref.verify.mistakes.mistake import Mistake
from cnnref.verify.sweeps import rule_sweep

__all__ = ["MISTAKES"]

# Every kernel fits, so no call is rejected: a mistake is a wrong number.
_SETTINGS = {
    "size": range(5, 10),
    "kernel_size": range(1, 4),
    "stride": range(1, 4),
    "padding": range(3),
    "dilation": range(1, 3),
}


def _torch_size(size, kernel_size, **settings):
    import torch

    x, w = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel_size)
    return torch.nn.functional.conv1d(x, w, **settings).shape[-1]


def _without_floor(size, kernel_size, stride, padding, dilation):
    room = size + 2 * padding - span(kernel_size, dilation)
    return room // stride + 1 if room % stride == 0 else room / stride + 1


def _rounded_up(size, kernel_size, stride, padding, dilation):
    return -(-(size + 2 * padding - span(kernel_size, dilation)) // stride) + 1


def _wrong_brackets(size, kernel_size, stride, padding, dilation):
    return (size - span(kernel_size, dilation) + 2 * padding) // (stride + 1)


def _dilation_times_kernel(size, kernel_size, stride, padding, dilation):
    return (size + 2 * padding - dilation * kernel_size) // stride + 1


def _total_padding(size, kernel_size, stride, padding, dilation):
    return out_size(size, kernel_size, stride, 2 * padding, dilation)


def _mistake(label, words, wrong):
    sweep = partial(rule_sweep, _torch_size, _SETTINGS, "torch", "PyTorch")
    return Mistake(label, words, out_size, wrong, sweep)


MISTAKES: tuple[Mistake, ...] = (
    _mistake("W2", "the output size without the floor", _without_floor),
    _mistake("W2", "the output size rounded up", _rounded_up),
    _mistake("W3", "the brackets ((W − F) + 2P) / (S + 1)", _wrong_brackets),
    _mistake("W4", "dilation as k·d", _dilation_times_kernel),
    _mistake("W5", "the total padding on each side", _total_padding),
)
