"""The operations under the names, arguments and defaults of torch.nn.functional.

Each name stands beside its gradient, ``<name>_backward(grad_output, <arguments>)``.
"""

from cnnref import (
    activation,
    average_pool,
    conv,
    loss,
    max_pool,
    norm,
    padding,
    resize,
    shape,
    unit_norm,
)
from cnnref import binary_cross_entropy as binary_cross_entropy_
from cnnref import cross_entropy as cross_entropy_
from cnnref import dropout as dropout_
from cnnref import linear as linear_
from cnnref import softmax as softmax_
from cnnref.activation import *  # noqa: F403
from cnnref.average_pool import *  # noqa: F403
from cnnref.binary_cross_entropy import *  # noqa: F403
from cnnref.conv import *  # noqa: F403
from cnnref.cross_entropy import *  # noqa: F403
from cnnref.dropout import *  # noqa: F403
from cnnref.linear import *  # noqa: F403
from cnnref.loss import *  # noqa: F403
from cnnref.max_pool import *  # noqa: F403
from cnnref.norm import *  # noqa: F403
from cnnref.padding import *  # noqa: F403
from cnnref.resize import *  # noqa: F403
from cnnref.shape import *  # noqa: F403
from cnnref.softmax import *  # noqa: F403
from cnnref.unit_norm import *  # noqa: F403

__all__: list[str] = []
__all__ += activation.__all__
__all__ += average_pool.__all__
__all__ += binary_cross_entropy_.__all__
__all__ += conv.__all__
__all__ += cross_entropy_.__all__
__all__ += dropout_.__all__
__all__ += linear_.__all__
__all__ += loss.__all__
__all__ += max_pool.__all__
__all__ += norm.__all__
__all__ += padding.__all__
__all__ += resize.__all__
__all__ += shape.__all__
__all__ += softmax_.__all__
__all__ += unit_norm.__all__
