"""The common mistakes, each beside the right function and the sweep that kills it.

MISTAKES   all of them, family by family, as `Mistake`
"""

from cnnref.verify.mistakes import (
    activation,
    average_pool,
    conv,
    dropout,
    equivariance,
    geometry,
    layers,
    loss,
    max_pool,
    networks,
    norm,
    optim,
    softmax,
)
from cnnref.verify.mistakes.mistake import Mistake

__all__ = ["MISTAKES", "Mistake"]

MISTAKES: tuple[Mistake, ...] = (
    *geometry.MISTAKES,
    *conv.MISTAKES,
    *equivariance.MISTAKES,
    *max_pool.MISTAKES,
    *average_pool.MISTAKES,
    *activation.MISTAKES,
    *softmax.MISTAKES,
    *loss.MISTAKES,
    *norm.MISTAKES,
    *dropout.MISTAKES,
    *layers.MISTAKES,
    *optim.MISTAKES,
    *networks.MISTAKES,
)
