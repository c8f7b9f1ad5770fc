"""The operations under the names, arguments and defaults of torch.nn.functional.

Each name stands beside its gradient, ``<name>_backward(grad_output, <arguments>)``.
"""

from cnnref import conv
from cnnref.conv import *  # noqa: F403

__all__: list[str] = []
__all__ += conv.__all__
