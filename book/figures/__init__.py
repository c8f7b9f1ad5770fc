"""The figures of the book: one file for each chapter, one function for each figure.

A function computes its numbers with `cnnref`, draws, and returns a `Drawing`; what the
figures share is in `drawing`.
"""

from figures.activations import *  # noqa: F403
from figures.adam import *  # noqa: F403
from figures.channels import *  # noqa: F403
from figures.contradictions import *  # noqa: F403
from figures.conv_backward import *  # noqa: F403
from figures.convolution import *  # noqa: F403
from figures.dense import *  # noqa: F403
from figures.drawing import *  # noqa: F403
from figures.dropout import *  # noqa: F403
from figures.equivariance import *  # noqa: F403
from figures.gradient_descent import *  # noqa: F403
from figures.images import *  # noqa: F403
from figures.index import *  # noqa: F403
from figures.index_calculus import *  # noqa: F403
from figures.keras_network import *  # noqa: F403
from figures.losses import *  # noqa: F403
from figures.one_tensor import *  # noqa: F403
from figures.output_size import *  # noqa: F403
from figures.pooling import *  # noqa: F403
from figures.pooling_backward import *  # noqa: F403
from figures.reverse_mode import *  # noqa: F403
from figures.softmax import *  # noqa: F403
from figures.transfer_learning import *  # noqa: F403
from figures.weight_decay import *  # noqa: F403
from figures.whole_network_gradient import *  # noqa: F403
