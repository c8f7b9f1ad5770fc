"""Layers under the names of torch.nn: operations with their settings and parameters.

    layer         what a layer is, a row of them, and how many numbers it learns
    activation, conv, dropout, linear, loss, norm, pool, shape
                  functions that make the layers of these families

Each takes the arguments of its class in torch.nn and returns a `Layer`.
"""

from cnnref.layers import (
    activation,
    conv,
    dropout,
    layer,
    linear,
    loss,
    norm,
    pool,
    shape,
)
from cnnref.layers.activation import *  # noqa: F403
from cnnref.layers.conv import *  # noqa: F403
from cnnref.layers.dropout import *  # noqa: F403
from cnnref.layers.layer import *  # noqa: F403
from cnnref.layers.linear import *  # noqa: F403
from cnnref.layers.loss import *  # noqa: F403
from cnnref.layers.norm import *  # noqa: F403
from cnnref.layers.pool import *  # noqa: F403
from cnnref.layers.shape import *  # noqa: F403

__all__: list[str] = []
__all__ += layer.__all__
__all__ += conv.__all__
__all__ += linear.__all__
__all__ += activation.__all__
__all__ += pool.__all__
__all__ += norm.__all__
__all__ += dropout.__all__
__all__ += shape.__all__
__all__ += loss.__all__
