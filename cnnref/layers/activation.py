"""Activations as layers: each is the function of the same name."""

import numpy as np

from cnnref.arguments import Arguments
from cnnref.layers.layer import Layer

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softsign",
    "Tanh",
]


def ReLU(inplace=False):
    """Keep what is positive; see `relu`."""
    return Layer("ReLU", "relu", locals())


def ReLU6(inplace=False):
    """Keep what lies from 0 to 6; see `relu6`."""
    return Layer("ReLU6", "relu6", locals())


def LeakyReLU(negative_slope=0.01, inplace=False):
    """Scale down what is negative; see `leaky_relu`."""
    return Layer("LeakyReLU", "leaky_relu", locals(), f"{negative_slope=}")


def ELU(alpha=1.0, inplace=False):
    """Bend what is negative towards −α; see `elu`."""
    return Layer("ELU", "elu", locals(), f"{alpha=}")


def SELU(inplace=False):
    """Apply the self-normalising `selu`."""
    return Layer("SELU", "selu", locals())


def CELU(alpha=1.0, inplace=False):
    """Bend what is negative towards −α, smoothly at 0; see `celu`."""
    return Layer("CELU", "celu", locals(), f"{alpha=}")


def Sigmoid():
    """Apply `sigmoid`."""
    return Layer("Sigmoid", "sigmoid", locals())


def LogSigmoid():
    """Apply `logsigmoid`."""
    return Layer("LogSigmoid", "logsigmoid", locals())


def Tanh():
    """Apply `tanh`."""
    return Layer("Tanh", "tanh", locals())


def Softplus(beta=1.0, threshold=20.0):
    """Apply the smooth `softplus`."""
    return Layer("Softplus", "softplus", locals(), f"{beta=}, {threshold=}")


def Softsign():
    """Apply `softsign`."""
    return Layer("Softsign", "softsign", locals())


def SiLU(inplace=False):
    """Weigh each number by its sigmoid; see `silu`."""
    return Layer("SiLU", "silu", locals())


def GELU(approximate="none"):
    """Weigh each number by its normal probability; see `gelu`."""
    return Layer("GELU", "gelu", locals(), f"{approximate=}")


def Mish(inplace=False):
    """Apply `mish`."""
    return Layer("Mish", "mish", locals())


def Hardtanh(min_val=-1.0, max_val=1.0, inplace=False):
    """Cut off what lies outside of two bounds; see `hardtanh`."""
    return Layer("Hardtanh", "hardtanh", locals(), f"{min_val=}, {max_val=}")


def Hardsigmoid(inplace=False):
    """Apply `hardsigmoid`, a sigmoid of three straight pieces."""
    return Layer("Hardsigmoid", "hardsigmoid", locals())


def Hardswish(inplace=False):
    """Apply `hardswish`."""
    return Layer("Hardswish", "hardswish", locals())


def Softmax(dim=None):
    """Make probabilities along an axis; see `softmax`."""
    return Layer("Softmax", "softmax", locals(), f"{dim=}")


def LogSoftmax(dim=None):
    """Make logarithms of probabilities; see `log_softmax`."""
    return Layer("LogSoftmax", "log_softmax", locals(), f"{dim=}")


def Softmin(dim=None):
    """Make probabilities of the smallest; see `softmin`."""
    return Layer("Softmin", "softmin", locals(), f"{dim=}")


def PReLU(num_parameters=1, init=0.25, *, dtype=None):
    """Learn the slope of what is negative, one for all or one per channel; see `prelu`.

    Notes
    -----
    Twin: ``torch.nn.PReLU``.
    """
    count = Arguments("PReLU").integer("num_parameters", num_parameters, least=1)
    weight = np.full(count, init, dtype or "f4")
    return Layer("PReLU", "prelu", {}, f"{num_parameters=}", {"weight": weight})
