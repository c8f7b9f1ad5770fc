"""Initialisation: random arrays to begin the training of a network with.

Each function takes a shape and a NumPy Generator, and returns a new array; it draws in
float64 and rounds.  The distributions are those of ``torch.nn.init``.
"""

import math

import numpy as np

from cnnref.arguments import Arguments

__all__ = [
    "calculate_gain",
    "fan_in_and_fan_out",
    "kaiming_normal",
    "kaiming_uniform",
    "normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
]


# Two distributions --------------------------------------------------------------------


def uniform(shape, a=0.0, b=1.0, *, generator, dtype=np.float64):
    """Draw numbers that are equally likely anywhere between a and b.

    Parameters
    ----------
    shape : int or tuple of int
    a, b : float
        The bounds; rounding to a dtype can reach b itself.
    generator : np.random.Generator
    dtype : dtype of floats

    Returns
    -------
    (shape) in dtype

    Raises
    ------
    TypeError, ValueError
        If a bound is no finite number, if a is above b, or if the generator or the
        dtype is of another kind.

    Notes
    -----
    Twin: ``torch.nn.init.uniform_``.

    Examples
    --------
    >>> uniform((2, 3), -1, 1, generator=np.random.default_rng(0)).round(3)
    array([[ 0.274, -0.46 , -0.918],
           [-0.967,  0.627,  0.826]])
    """
    return _uniform(Arguments("uniform"), shape, a, b, generator, dtype)


def normal(shape, mean=0.0, std=1.0, *, generator, dtype=np.float64):
    """Draw numbers from the normal distribution N(mean, std²).

    Parameters
    ----------
    shape, generator, dtype
        As for `uniform`.
    mean, std : float

    Returns
    -------
    (shape) in dtype

    Raises
    ------
    TypeError, ValueError
        If std is negative, and as `uniform`.

    Notes
    -----
    Twin: ``torch.nn.init.normal_``.

    Examples
    --------
    >>> normal((3,), generator=np.random.default_rng(0)).round(3)
    array([ 0.126, -0.132,  0.64 ])
    """
    return _normal(Arguments("normal"), shape, mean, std, generator, dtype)


# Scaled by the layer's size -----------------------------------------------------------


def fan_in_and_fan_out(shape):
    """Count the inputs of one output, and the outputs of one input.

        fan_in = C_in · K_h · K_w,   fan_out = C_out · K_h · K_w

    Parameters
    ----------
    shape : tuple of int
        (C_out, C_in, K_h, K_w) of a convolution, or (C_out, C_in) of a dense layer.

    Returns
    -------
    (int, int)

    Raises
    ------
    TypeError, ValueError
        If the shape has less than two sizes, or one that is no size.

    Notes
    -----
    Twin: ``torch.nn.init._calculate_fan_in_and_fan_out``.

    Examples
    --------
    >>> fan_in_and_fan_out((8, 3, 5, 5))
    (75, 200)
    """
    return _fans(Arguments("fan_in_and_fan_out"), shape)


def calculate_gain(nonlinearity, param=None):
    """Return the factor by which weights make up for what an activation takes away.

        1 for linear and convolution layers and sigmoid,   5/3 for tanh,   √2 for relu,
        √(2 / (1 + a²)) for leaky_relu with slope a,   3/4 for selu

    Parameters
    ----------
    nonlinearity : str
        The name of the function in ``torch.nn.functional``.
    param : float, optional
        The slope a of leaky_relu; 0.01 unless given.

    Raises
    ------
    TypeError, ValueError
        If the nonlinearity has no gain, or the slope is no number.

    Notes
    -----
    Twin: ``torch.nn.init.calculate_gain``.

    Examples
    --------
    >>> calculate_gain("leaky_relu", 1)
    1.0
    """
    return _gain(Arguments("calculate_gain"), nonlinearity, param)


def xavier_uniform(shape, gain=1.0, *, generator, dtype=np.float64):
    """Draw weights from U(−b, b), to keep the variance both forward and backward.

        b = gain · √(6 / (fan_in + fan_out))

    Parameters
    ----------
    shape, generator, dtype
        As for `uniform`; the shape as for `fan_in_and_fan_out`.
    gain : float

    Raises
    ------
    TypeError, ValueError
        If the shape has less than two sizes, or no inputs and no outputs; if the gain
        is negative; and as `uniform`.

    Notes
    -----
    Twin: ``torch.nn.init.xavier_uniform_``.

    Examples
    --------
    >>> w = xavier_uniform((2, 4), generator=np.random.default_rng(0))
    >>> bool(abs(w).max() <= 1)
    True
    """
    call = Arguments("xavier_uniform")
    bound = math.sqrt(3) * _xavier_std(call, shape, gain)
    return _uniform(call, shape, -bound, bound, generator, dtype)


def xavier_normal(shape, gain=1.0, *, generator, dtype=np.float64):
    """Draw weights from N(0, σ²); see `xavier_uniform`.

        σ = gain · √(2 / (fan_in + fan_out))

    Twin: ``torch.nn.init.xavier_normal_``.

    >>> w = xavier_normal((500, 300), generator=np.random.default_rng(0))
    >>> w.std().round(3)
    np.float64(0.05)
    """
    call = Arguments("xavier_normal")
    std = _xavier_std(call, shape, gain)
    return _normal(call, shape, 0.0, std, generator, dtype)


def kaiming_uniform(
    shape,
    a=0,
    mode="fan_in",
    nonlinearity="leaky_relu",
    *,
    generator,
    dtype=np.float64,
):
    """Draw weights from U(−b, b), to keep the variance through an activation.

        b = gain · √(3 / fan)

    Parameters
    ----------
    shape, generator, dtype
        As for `xavier_uniform`.
    a : float
        The slope of leaky_relu.
    mode : 'fan_in' or 'fan_out'
        The fan: 'fan_in' keeps the variance forward, 'fan_out' backward.
    nonlinearity : str
        The activation that gives the gain; see `calculate_gain`.

    Raises
    ------
    TypeError, ValueError
        As `xavier_uniform` and `calculate_gain`, and if there is no such mode.

    Notes
    -----
    Twin: ``torch.nn.init.kaiming_uniform_``.  With a = √5 the bound is 1/√fan_in: so
    begin ``torch.nn.Linear`` and ``Conv2d``.  A shape without elements gives an array
    without elements.

    Examples
    --------
    >>> w = kaiming_uniform((4, 6), generator=np.random.default_rng(0))
    >>> bool(abs(w).max() <= 1)
    True
    """
    call = Arguments("kaiming_uniform")
    bound = math.sqrt(3) * _kaiming_std(call, shape, a, mode, nonlinearity)
    return _uniform(call, shape, -bound, bound, generator, dtype)


def kaiming_normal(
    shape,
    a=0,
    mode="fan_in",
    nonlinearity="leaky_relu",
    *,
    generator,
    dtype=np.float64,
):
    """Draw weights from N(0, σ²); see `kaiming_uniform`.

        σ = gain / √fan

    Twin: ``torch.nn.init.kaiming_normal_``.

    >>> w = kaiming_normal((500, 800), generator=np.random.default_rng(0))
    >>> w.std().round(3)
    np.float64(0.05)
    """
    call = Arguments("kaiming_normal")
    std = _kaiming_std(call, shape, a, mode, nonlinearity)
    return _normal(call, shape, 0.0, std, generator, dtype)


# What makes a call valid --------------------------------------------------------------

_LINEAR = (
    "linear",
    *(f"conv{axes}d" for axes in (1, 2, 3)),
    *(f"conv_transpose{axes}d" for axes in (1, 2, 3)),
)
_GAINS = dict.fromkeys(_LINEAR, 1) | {
    "sigmoid": 1,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def _uniform(call, shape, a, b, generator, dtype):
    shape, dtype = _checked(call, shape, generator, dtype)
    a, b = (_finite(call, label, bound) for label, bound in (("a", a), ("b", b)))
    if a > b:
        call.fail(f"the bounds are [{a}, {b}], from the larger to the smaller")
    largest = float(min(np.finfo(dtype).max, np.finfo(float).max))
    if max(b - a, -a, b) > largest:
        call.fail(f"the bounds are [{a}, {b}], but {dtype} ends at {largest}")
    return generator.uniform(a, b, shape).astype(dtype)


def _normal(call, shape, mean, std, generator, dtype):
    shape, dtype = _checked(call, shape, generator, dtype)
    mean, std = _finite(call, "mean", mean), _finite(call, "std", std)
    if std < 0:
        call.fail(f"std must be at least 0, got {std}")
    return generator.normal(mean, std, shape).astype(dtype)


def _checked(call, shape, generator, dtype):
    if not isinstance(generator, np.random.Generator):
        kind = type(generator).__name__
        raise TypeError(
            f"{call.name}: generator must be a np.random.Generator, not {kind}"
        )
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise TypeError(f"{call.name}: dtype must be one of floats, not {dtype}")
    return tuple(_sizes(call, shape)), dtype


def _sizes(call, shape):
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    return [call.integer("a size of the shape", size, least=0) for size in sizes]


def _finite(call, label, value):
    number = call.number(label, value)
    if not math.isfinite(number):
        call.fail(f"{label} must be finite, got {value}")
    return number


def _fans(call, shape):
    sizes = _sizes(call, shape)
    if len(sizes) < 2:
        call.fail(f"a fan needs the sizes (C_out, C_in, …), but the shape is {shape}")
    return math.prod(sizes[1:]), sizes[0] * math.prod(sizes[2:])


def _gain(call, nonlinearity, param):
    if nonlinearity == "leaky_relu":
        slope = (
            0.01 if param is None else _finite(call, "the slope of leaky_relu", param)
        )
        return math.sqrt(2 / (1 + slope**2))
    names = (*_GAINS, "leaky_relu")
    return _GAINS[call.choice("nonlinearity", nonlinearity, names)]


def _xavier_std(call, shape, gain):
    fans = _fans(call, shape)
    if not any(fans):
        call.fail(f"the shape {shape} has no inputs and no outputs")
    return _finite(call, "gain", gain) * math.sqrt(2 / sum(fans))


def _kaiming_std(call, shape, a, mode, nonlinearity):
    if 0 in _sizes(call, shape):
        return 0.0
    modes = ("fan_in", "fan_out")
    name = mode.lower() if isinstance(mode, str) else mode
    fan = _fans(call, shape)[modes.index(call.choice("mode", name, modes))]
    return _gain(call, nonlinearity, a) / math.sqrt(fan)
