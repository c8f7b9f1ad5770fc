"""Mistakes in counting what a layer learns."""

from cnnref import layers
from cnnref.verify.mistakes.mistake import Mistake
from cnnref.verify.sweeps import rule_sweep

__all__ = ["MISTAKES"]


def _count(**settings):
    return layers.parameter_count(layers.Conv2d(**settings))


def _torch_count(**settings):
    import torch

    return sum(p.numel() for p in torch.nn.Conv2d(**settings).parameters())


def _sweep():
    """Ask PyTorch for the count of every small convolution."""
    settings = {
        "in_channels": (1, 2, 3, 4),
        "out_channels": (1, 2, 4, 6),
        "kernel_size": (1, 3, (2, 3)),
        "groups": (1, 2, 4),
        "bias": (True, False),
    }
    return rule_sweep(_torch_count, settings, "torch", "PyTorch")


def _weights(in_channels, out_channels, kernel_size, groups):
    """Count the weights; what PyTorch refuses is refused."""
    settings = (in_channels, out_channels, kernel_size)
    return layers.Conv2d(*settings, groups=groups).weights["weight"].size


def _without_bias(in_channels, out_channels, kernel_size, groups, bias):
    return _weights(in_channels, out_channels, kernel_size, groups)


def _one_bias(in_channels, out_channels, kernel_size, groups, bias):
    return _weights(in_channels, out_channels, kernel_size, groups) + bias


def _bias_of_the_input(in_channels, out_channels, kernel_size, groups, bias):
    weights = _weights(in_channels, out_channels, kernel_size, groups)
    return weights + bias * in_channels


def _groups_ignored(in_channels, out_channels, kernel_size, groups, bias):
    weights = _weights(in_channels, out_channels, kernel_size, groups)
    return groups * weights + bias * out_channels


def _groups_twice(in_channels, out_channels, kernel_size, groups, bias):
    weights = _weights(in_channels, out_channels, kernel_size, groups)
    return weights // groups + bias * out_channels


def _mistake(words, wrong):
    return Mistake("W32", words, _count, wrong, _sweep, of="parameter_count")


MISTAKES: tuple[Mistake, ...] = (
    _mistake("a convolution's parameters counted without its biases", _without_bias),
    _mistake("one bias counted for all output channels", _one_bias),
    _mistake("a bias counted per input channel", _bias_of_the_input),
    _mistake("every output channel said to see all input channels", _groups_ignored),
    _mistake("both channels divided by the groups", _groups_twice),
)
