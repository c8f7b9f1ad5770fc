"""The dense layer, and how PyTorch draws the first weights and biases."""

import math

import numpy as np

from cnnref import init
from cnnref.arguments import Arguments
from cnnref.layers.layer import Layer

__all__ = ["Linear"]


def Linear(in_features, out_features, bias=True, *, dtype=None, generator=None):
    """Learn the weight (outputs, inputs) and the bias (outputs,) of `linear`.

    Both are at first uniform within ±1/√in_features.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
        Whether a bias is learnt.
    dtype : NumPy dtype
        float32 unless given, as in PyTorch.
    generator : NumPy Generator or int
        What the first values are drawn from; unless given, no two draws are the same.

    Returns
    -------
    Layer

    Notes
    -----
    Twin: ``torch.nn.Linear``.

    Examples
    --------
    >>> dense = Linear(3, 2, generator=0)
    >>> dense.forward(np.ones((5, 3), "f4")).shape
    (5, 2)
    """
    check = Arguments("Linear")
    in_features = check.integer("in_features", in_features, least=1)
    out_features = check.integer("out_features", out_features, least=1)
    outputs = out_features if bias else None
    weights = weight_and_bias((out_features, in_features), outputs, dtype, generator)
    shown = f"{in_features=}, {out_features=}, bias={bool(bias)}"
    return Layer("Linear", "linear", {}, shown, weights)


def weight_and_bias(shape, outputs, dtype, generator):
    """Draw a weight, and a bias unless ``outputs`` is None, as PyTorch does.

    Both are uniform within ±1/√fan_in, which is what PyTorch's √(6 / (1 + a²) / fan_in)
    with a = √5 comes to.
    """
    bound = 1 / math.sqrt(init.fan_in_and_fan_out(shape)[0])
    how = {"generator": np.random.default_rng(generator), "dtype": dtype or "f4"}
    weights = {"weight": init.uniform(shape, -bound, bound, **how)}
    if outputs is not None:
        weights["bias"] = init.uniform((outputs,), -bound, bound, **how)
    return weights
