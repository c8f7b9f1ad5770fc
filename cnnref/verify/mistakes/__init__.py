"""The common mistakes, each beside the right function and the sweep that kills it.

MISTAKES   all of them, family by family, as `Mistake`
"""

from cnnref.verify.mistakes import (
    activation,
    average_pool,
    conv,
    dropout,
    geometry,
    layers,
    loss,
    max_pool,
    norm,
    optim,
    softmax,
)
from cnnref.verify.mistakes.mistake import Mistake

__all__ = ["MISTAKES", "Mistake"]

MISTAKES: tuple[Mistake, ...] = (
    *activation.MISTAKES,
    *average_pool.MISTAKES,
    *conv.MISTAKES,
    *dropout.MISTAKES,
    *geometry.MISTAKES,
    *layers.MISTAKES,
    *loss.MISTAKES,
    *max_pool.MISTAKES,
    *norm.MISTAKES,
    *optim.MISTAKES,
    *softmax.MISTAKES,
)
