"""Activations: functions of each entry alone, and their gradients.

With y = f(x) entry by entry, the gradient is ∂L/∂x = g · f'(x).  Where f has a kink,
``<name>_backward`` takes the derivative that PyTorch takes there, and says which.

An input has any shape.  Floats keep their dtype; half precision is computed in single.
Entries of an object array stay exact: fractions where the formula has no exponential,
else numbers with the methods that NumPy calls, as `cnnref.symbolic.Traced` has them.
Infinite and undefined entries pass through as in PyTorch.  ``inplace`` is there for
PyTorch's signature: True is refused, as no array of the caller's is ever changed.
"""

import math
from operator import methodcaller
from typing import NamedTuple

import numpy as np

from cnnref.arguments import Arguments
from cnnref.floats import conj, quiet, widened

__all__ = [
    "PreluGradients",
    "celu",
    "celu_backward",
    "elu",
    "elu_backward",
    "gelu",
    "gelu_backward",
    "hardsigmoid",
    "hardsigmoid_backward",
    "hardswish",
    "hardswish_backward",
    "hardtanh",
    "hardtanh_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "logsigmoid",
    "logsigmoid_backward",
    "mish",
    "mish_backward",
    "prelu",
    "prelu_backward",
    "relu",
    "relu6",
    "relu6_backward",
    "relu_backward",
    "selu",
    "selu_backward",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "softplus",
    "softplus_backward",
    "softsign",
    "softsign_backward",
    "tanh",
    "tanh_backward",
]


class PreluGradients(NamedTuple):
    """The gradients of `prelu`, in the shapes of its arguments."""

    input: np.ndarray
    weight: np.ndarray


# Ramps --------------------------------------------------------------------------------


def relu(input, inplace=False):
    """Keep what is positive, and put 0 for the rest.

        y = max(0, x)

    Parameters
    ----------
    input : array of any shape
        Integers, floats, or object, which stays exact.
    inplace : bool
        True is refused.

    Returns
    -------
    array of the input's shape and dtype

    Raises
    ------
    TypeError
        If the input is no NumPy array of real numbers.
    ValueError
        If ``inplace`` is asked for.

    Notes
    -----
    Twin: ``torch.nn.functional.relu``.
    Derived in "Activations" (ledger: relu, relu-piecewise, relu-ramp).

    Examples
    --------
    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    call = _Call("relu", input, inplace=inplace, kinds="iufO")
    return call.map(lambda x: np.maximum(x, 0))


def relu_backward(grad_output, input, inplace=False):
    """Pass the gradient of `relu` on where the input is positive.

        ∂L/∂x = g · [x > 0]

    At the kink every slope from 0 to 1 is a subgradient; PyTorch takes 0, and so do we.

    Parameters
    ----------
    grad_output : array of the input's shape and dtype
        g = ∂L/∂y.
    input, inplace
        The arguments of the forward call.

    Returns
    -------
    array of the input's shape and dtype

    Raises
    ------
    TypeError, ValueError
        As `relu`, and if ``grad_output`` has not the shape or dtype of the input.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.relu``.
    Derived in "Activations" (ledger: relu-derivative).

    Examples
    --------
    >>> x = np.array([-2.0, 0.0, 3.0])
    >>> relu_backward(np.array([5.0, 6.0, 7.0]), x)
    array([0., 0., 7.])
    """
    call = _Call("relu_backward", input, grad_output, inplace=inplace, kinds="iufO")
    # Not x > 0: where x is undefined, PyTorch passes the gradient on.
    return call.map(lambda g, x: _gate(g, ~(x <= 0)))


def relu6(input, inplace=False):
    """Clip to the interval from 0 to 6; see `hardtanh`.

        y = min(max(0, x), 6)

    Twin: ``torch.nn.functional.relu6``.

    >>> relu6(np.array([-2.0, 3.0, 7.0]))
    array([0., 3., 6.])
    """
    call = _Call("relu6", input, inplace=inplace, kinds="iufO")
    return call.map(lambda x: _clip(x, 0, 6))


def relu6_backward(grad_output, input, inplace=False):
    """Return the gradient of `relu6`, 0 at both of its kinks.

    ∂L/∂x = g · [0 < x < 6]
    """
    call = _Call("relu6_backward", input, grad_output, inplace=inplace, kinds="iufO")
    return call.map(lambda g, x: _gate(g, (x > 0) & (x < 6)))


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """Clip to an interval.

        y = min(max(min_val, x), max_val)

    Parameters
    ----------
    input : array of any shape
        Integers, floats, or object, which stays exact.
    min_val, max_val : number
        The interval.  For integers both are cut to integers, towards 0.

    Raises
    ------
    TypeError, ValueError
        As `relu`, if min_val exceeds max_val, or if the integer dtype lacks one.

    Notes
    -----
    Twin: ``torch.nn.functional.hardtanh``.

    Examples
    --------
    >>> hardtanh(np.array([-2.0, 0.5, 3.0]), max_val=2)
    array([-1. ,  0.5,  2. ])
    """
    call = _Call("hardtanh", input, inplace=inplace, kinds="iufO")
    low, high = _interval(call, input.dtype, min_val, max_val)
    return call.map(lambda x: _clip(x, low, high))


def hardtanh_backward(grad_output, input, min_val=-1.0, max_val=1.0, inplace=False):
    """Return the gradient of `hardtanh`, 0 at both of its kinks.

    ∂L/∂x = g · [min_val < x < max_val]
    """
    call = _Call("hardtanh_backward", input, grad_output, inplace=inplace, kinds="iufO")
    low, high = _interval(call, input.dtype, min_val, max_val)
    return call.map(lambda g, x: _gate(g, (x > low) & (x < high)))


def hardsigmoid(input, inplace=False):
    """Rise from 0 at −3 to 1 at 3 along a line.

        y = min(max(0, (x + 3) / 6), 1)

    Twin: ``torch.nn.functional.hardsigmoid``.

    >>> hardsigmoid(np.array([-4.0, 0.0, 1.5]))
    array([0.  , 0.5 , 0.75])
    """
    call = _Call("hardsigmoid", input, inplace=inplace)
    return call.map(lambda x: _clip((x + 3) / 6, 0, 1))


def hardsigmoid_backward(grad_output, input, inplace=False):
    """Return the gradient of `hardsigmoid`, 0 at both of its kinks.

        ∂L/∂x = g / 6 · [−3 < x < 3]

    Notes
    -----
    PyTorch 2.13 has 1/6 in single precision even where the input has double: its
    gradient is then too large by 3·10⁻⁸ of itself.  Ours is g / 6 in every precision.
    """
    call = _Call("hardsigmoid_backward", input, grad_output, inplace=inplace)
    return call.map(lambda g, x: _gate(g / 6, (x > -3) & (x < 3)))


def hardswish(input, inplace=False):
    """Weigh the input by its `hardsigmoid`.

        y = x · min(max(0, x + 3), 6) / 6

    Twin: ``torch.nn.functional.hardswish``.

    >>> hardswish(np.array([-4.0, -1.5, 4.0]))
    array([-0.   , -0.375,  4.   ])
    """
    call = _Call("hardswish", input, inplace=inplace)
    return call.map(lambda x: x * _clip(x + 3, 0, 6) / 6)


def hardswish_backward(grad_output, input, inplace=False):
    """Return the gradient of `hardswish`: 0 at −3 and g at 3, its kinks.

    ∂L/∂x = 0 for x ≤ −3,   g · (2x + 3) / 6 between,   g for x ≥ 3
    """
    call = _Call("hardswish_backward", input, grad_output, inplace=inplace)

    def formula(g, x):
        rising = np.where(x >= 3, g, g * (2 * x + 3) / 6)
        return np.where(x <= -3, 0, rising)

    return call.map(formula)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """Keep what is positive, and scale the rest by a slope.

        y = x for x > 0,   negative_slope · x else

    Parameters
    ----------
    input : array of any shape
        Floats, or object, which stays exact.
    negative_slope : number

    Notes
    -----
    Twin: ``torch.nn.functional.leaky_relu``.
    Derived in "Activations" (ledger: leaky-relu).

    Examples
    --------
    >>> leaky_relu(np.array([-2.0, 3.0]), negative_slope=0.5)
    array([-1.,  3.])
    """
    call = _Call("leaky_relu", input, inplace=inplace)
    slope = call.number("negative_slope", negative_slope)
    return call.map(lambda x: np.where(x > 0, x, slope * x))


def leaky_relu_backward(grad_output, input, negative_slope=0.01, inplace=False):
    """Return the gradient of `leaky_relu`, which at the kink is the slope's.

        ∂L/∂x = g for x > 0,   negative_slope · g else

    Derived in "Activations" (ledger: leaky-relu).
    """
    call = _Call("leaky_relu_backward", input, grad_output, inplace=inplace)
    slope = call.number("negative_slope", negative_slope)
    return call.map(lambda g, x: np.where(x > 0, g, slope * g))


def prelu(input, weight):
    """Keep what is positive, and scale the rest by its channel's weight.

        y[n,c,…] = x[n,c,…] for x > 0,   w[c] · x[n,c,…] else

    Parameters
    ----------
    input : (N, C, …), or any shape beside one weight
        Floats, or object, which stays exact.
    weight : (C,), (1,) or ()
        The input's dtype.

    Returns
    -------
    array of the input's shape and dtype

    Raises
    ------
    TypeError
        If an array is not a NumPy array of floats, or the dtypes differ.
    ValueError
        If there is neither one weight nor one per channel.

    Notes
    -----
    Twin: ``torch.nn.functional.prelu``.

    Examples
    --------
    >>> prelu(np.array([[-2.0, -2.0, 3.0]]), np.array([0.5, 0.25, 0.0]))
    array([[-1. , -0.5,  3. ]])
    """
    call = _Call("prelu", input)
    w = _per_channel(call, input, weight)
    return call.map(lambda x: np.where(x > 0, x, w * x))


def prelu_backward(grad_output, input, weight):
    """Return the gradients of `prelu`; at the kink the input's is the weight's.

        ∂L/∂x[n,c,…] = g[n,c,…] for x > 0,   w[c] · g[n,c,…] else
        ∂L/∂w[c]     = Σ_{n,…} g[n,c,…] · x[n,c,…] · [x[n,c,…] ≤ 0]

    One weight for all channels sums over them too.

    Returns
    -------
    PreluGradients
        ``.input`` and ``.weight`` in the shapes of the arguments.
    """
    call = _Call("prelu_backward", input, grad_output)
    w = _per_channel(call, input, weight)
    dx = call.map(lambda g, x: np.where(x > 0, g, w * g))
    terms = call.evaluate(lambda g, x: np.where(x > 0, 0, g * x))
    others = tuple(n for n in range(terms.ndim) if weight.size == 1 or n != 1)
    dw = np.asarray(terms.sum(axis=others), weight.dtype)
    return PreluGradients(dx, dw.reshape(weight.shape))


# Exponential tails --------------------------------------------------------------------


def elu(input, alpha=1.0, inplace=False):
    """Keep what is positive, and let the rest fall to −alpha.

        y = x for x > 0,   alpha · (eˣ − 1) else

    Parameters
    ----------
    input : array of any shape
        Floats, or object.
    alpha : number

    Notes
    -----
    Twin: ``torch.nn.functional.elu``.

    Examples
    --------
    >>> elu(np.array([-1000.0, 2.0]), alpha=3)
    array([-3.,  2.])
    """
    call = _Call("elu", input, inplace=inplace)
    a = call.number("alpha", alpha)
    return call.map(lambda x: np.where(x > 0, x, a * np.expm1(x)))


def elu_backward(grad_output, input, alpha=1.0, inplace=False):
    """Return the gradient of `elu`, which at the kink is alpha · g.

    ∂L/∂x = g for x > 0,   g · alpha · eˣ else
    """
    call = _Call("elu_backward", input, grad_output, inplace=inplace)
    a = call.number("alpha", alpha)
    return call.map(lambda g, x: np.where(x > 0, g, g * (a * np.exp(x))))


# Klambauer et al. (2017), in the digits of PyTorch: with them, standard normal entries
# keep the mean 0 and the variance 1.
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def selu(input, inplace=False):
    """Apply a scaled `elu` that keeps standard normal entries standard.

        y = λ·x for x > 0,   λ·α · (eˣ − 1) else,   λ = 1.0507…, α = 1.6733…

    Twin: ``torch.nn.functional.selu``.

    >>> selu(np.array([-1000.0, 2.0])).round(4)
    array([-1.7581,  2.1014])
    """
    call = _Call("selu", input, inplace=inplace)
    scale, a = call.number("λ", _SELU_SCALE), call.number("α", _SELU_ALPHA)
    return call.map(lambda x: scale * np.where(x > 0, x, a * np.expm1(x)))


def selu_backward(grad_output, input, inplace=False):
    """Return the gradient of `selu`, which at the kink is λ·α · g.

    ∂L/∂x = g · λ for x > 0,   g · λ·α · eˣ else
    """
    call = _Call("selu_backward", input, grad_output, inplace=inplace)
    scale, a = call.number("λ", _SELU_SCALE), call.number("α", _SELU_ALPHA)
    return call.map(lambda g, x: scale * np.where(x > 0, g, g * (a * np.exp(x))))


def celu(input, alpha=1.0, inplace=False):
    """Keep what is positive, and let the rest fall to −alpha without a kink.

        y = x for x > 0,   alpha · (e^(x / alpha) − 1) else

    Parameters
    ----------
    input : array of any shape
        Floats, or object.
    alpha : number
        Not 0.

    Notes
    -----
    Twin: ``torch.nn.functional.celu``.

    Examples
    --------
    >>> celu(np.array([-1000.0, 2.0]), alpha=3)
    array([-3.,  2.])
    """
    call = _Call("celu", input, inplace=inplace)
    a = _not_zero(call, alpha)
    return call.map(lambda x: np.where(x > 0, x, a * np.expm1(x / a)))


def celu_backward(grad_output, input, alpha=1.0, inplace=False):
    """Return the gradient of `celu`.

    ∂L/∂x = g for x > 0,   g · e^(x / alpha) else
    """
    call = _Call("celu_backward", input, grad_output, inplace=inplace)
    a = _not_zero(call, alpha)
    return call.map(lambda g, x: np.where(x > 0, g, g * np.exp(x / a)))


# Sigmoids -----------------------------------------------------------------------------


def sigmoid(input):
    """Squash every number between 0 and 1.

        y = σ(x) = 1 / (1 + e⁻ˣ)

    Parameters
    ----------
    input : array of any shape
        Floats, complex numbers, or object; integers and bools become float32.

    Returns
    -------
    array of the input's shape

    Notes
    -----
    Far below 0 the exponential overflows to infinity, and 1 / ∞ is the right 0.
    Twin: ``torch.nn.functional.sigmoid``.
    Derived in "Activations" (ledger: sigmoid).

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    call = _Call("sigmoid", input, kinds="biufcO")
    return call.map(_sigmoid, float_result=True)


def sigmoid_backward(grad_output, input):
    """Return the gradient of `sigmoid`.

        ∂L/∂x = g · y · (1 − y),   y = σ(x)

    For complex numbers y · (1 − y) is conjugated, in PyTorch's convention.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.sigmoid``.
    Derived in "Activations" (ledger: sigmoid).

    Examples
    --------
    >>> sigmoid_backward(np.array([8.0]), np.array([0.0]))
    array([2.])
    """
    call = _Call("sigmoid_backward", input, grad_output, kinds="fcO")

    def formula(g, x):
        y = _sigmoid(x)
        return g * conj(y * (1 - y))

    return call.map(formula)


def logsigmoid(input):
    """Return the logarithm of `sigmoid`, without its underflow.

        y = ln σ(x) = min(0, x) − ln(1 + e^−|x|)

    Twin: ``torch.nn.functional.logsigmoid``.

    >>> logsigmoid(np.array([-1000.0, 1000.0]))
    array([-1000.,     0.])
    """
    call = _Call("logsigmoid", input)
    return call.map(lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))))


def logsigmoid_backward(grad_output, input):
    """Return the gradient of `logsigmoid`.

    ∂L/∂x = g · σ(−x)
    """
    call = _Call("logsigmoid_backward", input, grad_output)
    return call.map(lambda g, x: g * _sigmoid(-x))


def tanh(input):
    """Squash every number between −1 and 1.

        y = tanh x = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)

    Parameters
    ----------
    input : array of any shape
        Floats, complex numbers, or object; integers and bools become float32.

    Notes
    -----
    Twin: ``torch.nn.functional.tanh``.

    Examples
    --------
    >>> tanh(np.array([-1000.0, 0.0, 1000.0]))
    array([-1.,  0.,  1.])
    """
    call = _Call("tanh", input, kinds="biufcO")
    return call.map(np.tanh, float_result=True)


def tanh_backward(grad_output, input):
    """Return the gradient of `tanh`.

        ∂L/∂x = g · (1 − y²),   y = tanh x

    For complex numbers 1 − y² is conjugated, in PyTorch's convention.
    """
    call = _Call("tanh_backward", input, grad_output, kinds="fcO")
    return call.map(lambda g, x: g * conj(1 - np.tanh(x) ** 2))


def softsign(input):
    """Squash every number between −1 and 1, approaching both slowly.

        y = x / (1 + |x|)

    Parameters
    ----------
    input : array of any shape
        Floats, complex numbers, or object, which stays exact; integers become float32.

    Notes
    -----
    At ±∞ it is undefined, as in PyTorch.
    Twin: ``torch.nn.functional.softsign``.

    Examples
    --------
    >>> softsign(np.array([-3.0, 0.0, 1.0]))
    array([-0.75,  0.  ,  0.5 ])
    """
    call = _Call("softsign", input, kinds="iufcO")
    return call.map(lambda x: x / (1 + np.abs(x)), float_result=True)


def softsign_backward(grad_output, input):
    """Return the gradient of `softsign`.

        ∂L/∂x = g / (1 + |x|)²
              = (g − sgn(x) · Re(y̅·g)) / (1 + |x|),   y = x / (1 + |x|)

    The second form holds for complex numbers too, where sgn(x) = x / |x|.
    """
    call = _Call("softsign_backward", input, grad_output, kinds="fcO")

    def formula(g, x):
        size = 1 + np.abs(x)
        return (g - np.sign(x) * _real(conj(x / size) * g)) / size

    return call.map(formula)


# Smooth ramps -------------------------------------------------------------------------


def softplus(input, beta=1, threshold=20):
    """Round the kink of `relu` off.

        y = ln(1 + e^(beta·x)) / beta,   but x itself where beta·x > threshold

    Parameters
    ----------
    input : array of any shape
        Floats, or object.
    beta : number
        How sharp the bend is.
    threshold : number
        Where the curve is replaced by its asymptote, from which it differs there by
        ln(1 + e^−threshold) / beta.

    Notes
    -----
    Twin: ``torch.nn.functional.softplus``.

    Examples
    --------
    >>> softplus(np.array([-1000.0, 0.0, 20.5])).round(4)
    array([ 0.    ,  0.6931, 20.5   ])
    """
    call = _Call("softplus", input)
    b, limit = call.number("beta", beta), call.number("threshold", threshold)
    return call.map(lambda x: np.where(b * x > limit, x, np.log1p(np.exp(b * x)) / b))


def softplus_backward(grad_output, input, beta=1, threshold=20):
    """Return the gradient of `softplus`, still of the curve at the threshold itself.

    ∂L/∂x = g · σ(beta·x),   but g where beta·x > threshold
    """
    call = _Call("softplus_backward", input, grad_output)
    b, limit = call.number("beta", beta), call.number("threshold", threshold)
    return call.map(lambda g, x: np.where(b * x > limit, g, g * _sigmoid(b * x)))


def silu(input, inplace=False):
    """Weigh the input by its `sigmoid`.

        y = x · σ(x)

    Floats, object or complex numbers; as in PyTorch, complex ones have no gradient.
    Twin: ``torch.nn.functional.silu``.

    >>> silu(np.array([-1000.0, 0.0, 1000.0]))
    array([  -0.,    0., 1000.])
    """
    call = _Call("silu", input, inplace=inplace, kinds="fcO")
    return call.map(lambda x: x * _sigmoid(x))


def silu_backward(grad_output, input, inplace=False):
    """Return the gradient of `silu`.

    ∂L/∂x = g · s · (1 + x · (1 − s)),   s = σ(x)
    """
    call = _Call("silu_backward", input, grad_output, inplace=inplace)

    def formula(g, x):
        s = _sigmoid(x)
        return g * (s * (1 + x * (1 - s)))

    return call.map(formula)


def gelu(input, *, approximate="none"):
    """Weigh the input by the probability Φ(x) that a normal number lies below it.

        y = x · Φ(x),   Φ(x) = erfc(−x / √2) / 2
        y = x · (1 + tanh u) / 2,   u = √(2/π) · (x + 0.044715·x³)

    Parameters
    ----------
    input : array of any shape
        Floats, or object.
    approximate : "none" or "tanh"
        The first formula, or the second.

    Notes
    -----
    PyTorch writes Φ(x) = (1 + erf(x / √2)) / 2, which loses its digits far below 0.
    Twin: ``torch.nn.functional.gelu``.

    Examples
    --------
    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    call = _Call("gelu", input)
    if call.choice("approximate", approximate, ("none", "tanh")) == "none":
        return call.map(lambda x: x * _normal(x))
    cubic = call.number("cubic", 0.044715)
    return call.map(lambda x: x / 2 * (1 + np.tanh(_bend(x, cubic))))


def gelu_backward(grad_output, input, *, approximate="none"):
    """Return the gradient of `gelu`.

    ∂L/∂x = g · (Φ(x) + x · φ(x)),   φ(x) = e^(−x²/2) / √(2π)
    ∂L/∂x = g · ((1 + t) / 2 + x/2 · (1 − t²) · u'),   t = tanh u,
            u' = √(2/π) · (1 + 3 · 0.044715·x²)
    """
    call = _Call("gelu_backward", input, grad_output)
    if call.choice("approximate", approximate, ("none", "tanh")) == "none":
        return call.map(lambda g, x: g * (_normal(x) + x * _normal_density(x)))
    cubic = call.number("cubic", 0.044715)

    def formula(g, x):
        t = np.tanh(_bend(x, cubic))
        root_2, root_pi = _roots(x)
        slope = root_2 / root_pi * (1 + 3 * cubic * x * x)
        return g * ((1 + t) / 2 + x / 2 * (1 - t * t) * slope)

    return call.map(formula)


def mish(input, inplace=False):
    """Weigh the input by the tanh of its `softplus`.

        y = x · tanh(ln(1 + eˣ))

    Twin: ``torch.nn.functional.mish``.

    >>> mish(np.array([-1000.0, 0.0, 1000.0]))
    array([  -0.,    0., 1000.])
    """
    call = _Call("mish", input, inplace=inplace)
    return call.map(lambda x: x * np.tanh(np.log1p(np.exp(x))))


def mish_backward(grad_output, input, inplace=False):
    """Return the gradient of `mish`.

    ∂L/∂x = g · (t + x · σ(x) · (1 − t²)),   t = tanh(ln(1 + eˣ))
    """
    call = _Call("mish_backward", input, grad_output, inplace=inplace)

    def formula(g, x):
        t = np.tanh(np.log1p(np.exp(x)))
        return g * (t + x * _sigmoid(x) * (1 - t * t))

    return call.map(formula)


# What the formulas share --------------------------------------------------------------


def _gate(g, opened):
    """Return g where the gate is open, and 0 elsewhere.

    A product is far faster than a choice, but an infinite g would make 0 · ∞ of it.
    """
    if g.dtype == object or not np.isfinite(g).all():
        return np.where(opened, g, 0)
    return g * opened


def _clip(x, low, high):
    return np.minimum(np.maximum(x, low), high)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _normal(x):
    """Return Φ(x), the normal distribution function."""
    return _erfc(-x / _roots(x)[0]) / 2


def _normal_density(x):
    """Return φ(x) = Φ'(x)."""
    root_2, root_pi = _roots(x)
    return np.exp(-x * x / 2) / (root_2 * root_pi)


def _bend(x, cubic):
    """Return u of the tanh form of `gelu`."""
    root_2, root_pi = _roots(x)
    return root_2 / root_pi * (x + cubic * x * x * x)


def _erfc(x):
    """Return the complementary error function: NumPy has none."""
    function = methodcaller("erfc") if x.dtype == object else math.erfc
    return np.frompyfunc(function, 1, 1)(x).astype(x.dtype)


def _roots(x):
    """Return √2 and √π, as floats or as exact as the entries are."""
    if x.dtype != object:
        return math.sqrt(2), math.sqrt(math.pi)
    zero = 0 * x
    return np.sqrt(zero + 2), np.sqrt(np.arccos(zero - 1))


def _real(x):
    return x.real if np.iscomplexobj(x) else x


# What makes a call valid --------------------------------------------------------------


class _Call(Arguments):
    """The call of an elementwise function, forward or with an upstream gradient."""

    def __init__(self, name, input, *grad_output, inplace=False, kinds="fO"):
        super().__init__(name)
        self.array("input", input, ("…",), kinds)
        for g in grad_output:
            self.gradient(g, input.shape, ("…",))
        self.not_in_place(inplace)
        self.values = (*grad_output, input)
        self.shape, self.dtype = input.shape, input.dtype

    def evaluate(self, formula, float_result=False):
        """Evaluate ``formula(x)``, or ``formula(g, x)`` if there is a gradient."""
        values = self.values
        if self.dtype.kind in "biu" and float_result:
            values = (a.astype(np.float32) for a in values)
        with quiet():
            # With an axis at least: what NumPy makes of arrays without is no array.
            return formula(*(np.atleast_1d(widened(a)) for a in values))

    def map(self, formula, float_result=False):
        """Evaluate the formula into an array of the input's shape and dtype.

        With ``float_result`` integers become single floats, PyTorch's default.
        """
        y = self.evaluate(formula, float_result)
        if self.dtype == np.float16:
            y = y.astype(np.float16)
        return y.reshape(self.shape)


def _interval(call, dtype, min_val, max_val):
    """Return the two ends, in the order in which they must be."""
    low, high = call.number("min_val", min_val), call.number("max_val", max_val)
    if low > high:
        call.fail(f"min_val = {min_val} is greater than max_val = {max_val}")
    if dtype.kind in "iu":
        held = np.iinfo(dtype)
        if not (held.min - 1 < min_val and max_val < held.max + 1):
            call.fail(f"{dtype} lacks min_val = {min_val} or max_val = {max_val}")
        low, high = int(min_val), int(max_val)
    return low, high


def _not_zero(call, alpha):
    number = call.number("alpha", alpha)
    if number == 0:
        call.fail("alpha must not be 0")
    return number


def _per_channel(call, input, weight):
    """Return the weights of `prelu` in the shape in which they meet the input."""
    call.array("weight", weight, ("C",) * np.ndim(weight))
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1:
        call.fail(f"weight must have 0 or 1 axes, not {weight.ndim}")
    if weight.size not in (1, channels):
        call.fail(f"weight expects {weight.size} channels, not {channels}")
    return weight.reshape(-1, *(1,) * max(0, input.ndim - 2))
