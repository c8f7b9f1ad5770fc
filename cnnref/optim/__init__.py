"""Optimizers: how the gradients of a loss move the parameters of a network.

A rule is a pure function of one parameter: `sgd_step`, `adam_step`, `adamw_step`,
`rmsprop_step` and `adagrad_step` return the new parameter and the new state, in new
arrays.  A class keeps the parameters of a whole network, in groups, with their states:
`SGD`, `Adam`, `AdamW`, `RMSprop` and `Adagrad` move all of them by ``step(grads)``.
Both do the arithmetic of ``torch.optim``, in its order.
"""

from cnnref.optim.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from cnnref.optim.rules import (
    AdagradState,
    AdamState,
    RMSpropState,
    SGDState,
    adagrad_step,
    adam_step,
    adamw_step,
    rmsprop_step,
    sgd_step,
)

__all__ = [
    "SGD",
    "Adagrad",
    "AdagradState",
    "Adam",
    "AdamState",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "RMSpropState",
    "SGDState",
    "adagrad_step",
    "adam_step",
    "adamw_step",
    "rmsprop_step",
    "sgd_step",
]
