"""Common mistakes of the activations: W27, the derivative at a kink."""

from functools import partial

import numpy as np

from cnnref import functional
from cnnref.verify.mistakes.mistake import Mistake
from cnnref.verify.operations import calls_of
from cnnref.verify.sweeps import torch_sweep

__all__ = ["MISTAKES"]


def relu_passed_on_at_0(grad_output, input, inplace=False):
    return grad_output * (input >= 0)


def relu_halved_at_0(grad_output, input, inplace=False):
    return grad_output * np.heaviside(input, 0.5)


def leaky_relu_passed_on_at_0(grad_output, input, negative_slope=0.01, inplace=False):
    return np.where(input >= 0, grad_output, negative_slope * grad_output)


def prelu_passed_on_at_0(grad_output, input, weight):
    right = functional.prelu_backward(grad_output, input, weight)
    return right._replace(input=np.where(input == 0, grad_output, right.input))


def elu_passed_on_at_0(grad_output, input, alpha=1.0, inplace=False):
    tail = grad_output * (alpha * np.exp(np.minimum(input, 0)))
    return np.where(input >= 0, grad_output, tail)


def relu6_passed_on_at_0_and_6(grad_output, input, inplace=False):
    return grad_output * ((input >= 0) & (input <= 6))


def hardtanh_passed_on_at_its_ends(
    grad_output, input, min_val=-1.0, max_val=1.0, inplace=False
):
    return grad_output * ((input >= min_val) & (input <= max_val))


def hardsigmoid_passed_on_at_its_ends(grad_output, input, inplace=False):
    return grad_output / 6 * ((input >= -3) & (input <= 3))


def hardswish_from_the_left_at_3(grad_output, input, inplace=False):
    right = functional.hardswish_backward(grad_output, input)
    return np.where(input == 3, grad_output * 1.5, right)


def _sweep(name):
    return torch_sweep(name, calls_of(name, 80))


def _mistake(name, words, wrong):
    right = getattr(functional, name)
    return Mistake("W27", words, right, wrong, partial(_sweep, name))


MISTAKES: tuple[Mistake, ...] = (
    _mistake("relu_backward", "relu'(0) = 1", relu_passed_on_at_0),
    _mistake("relu_backward", "relu'(0) = 1/2", relu_halved_at_0),
    _mistake("leaky_relu_backward", "leaky_relu'(0) = 1", leaky_relu_passed_on_at_0),
    _mistake("prelu_backward", "prelu'(0) = 1", prelu_passed_on_at_0),
    _mistake("elu_backward", "elu'(0) = 1", elu_passed_on_at_0),
    _mistake("relu6_backward", "relu6'(0) = relu6'(6) = 1", relu6_passed_on_at_0_and_6),
    _mistake("hardtanh_backward", "hardtanh'(±1) = 1", hardtanh_passed_on_at_its_ends),
    _mistake(
        "hardsigmoid_backward",
        "hardsigmoid'(±3) = 1/6",
        hardsigmoid_passed_on_at_its_ends,
    ),
    _mistake("hardswish_backward", "hardswish'(3) = 3/2", hardswish_from_the_left_at_3),
)
