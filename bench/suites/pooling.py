"""Max and average pooling, forward and backward, against PyTorch.

PyTorch's max pooling remembers which inputs were the largest; our gradient is a
function of the call alone and finds them again.  So it is divided by what PyTorch
takes from the same call to the same gradient, forward and backward; the last column
has the ratio to its backward pass alone, which is not judged for max pooling.

Average pooling reads every input once and adds little to that: where windows do not
overlap, reading alone takes a third of PyTorch's time, and 0.3 cannot be reached.
"""

import numpy as np
import torch
from torch.autograd import grad

from cnnref import functional

RATIOS = {
    "forward / torch": ("forward", 1, "torch forward"),
    "backward / torch both": ("backward", 1, "torch both"),
    "backward / torch": ("backward", 1, "torch backward"),
}
SHAPE = (32, 64, 56, 56)
CALLS = {  # the function and its settings
    "max_2x2": ("max_pool2d", {"kernel_size": 2}),
    "max_3x3_s2": ("max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}),
    "max_3x3_s1": ("max_pool2d", {"kernel_size": 3, "stride": 1, "padding": 1}),
    "avg_2x2": ("avg_pool2d", {"kernel_size": 2}),
    "avg_3x3_s1": ("avg_pool2d", {"kernel_size": 3, "stride": 1, "padding": 1}),
    "avg_3x3_s2": ("avg_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}),
    "avg_global": ("adaptive_avg_pool2d", {"output_size": 1}),
    "max_global": ("adaptive_max_pool2d", {"output_size": 1}),
}
CASES = tuple(CALLS)


def bounds(name, dtype):
    if "global" in name:
        return {}
    if "max" in name:
        return {"forward / torch": 0.3, "backward / torch both": 2.5}
    forward = 0.3 if name == "avg_3x3_s1" else 1.0
    return {"forward / torch": forward, "backward / torch": 2.5}


def means(dtype):
    return {}


def functions(name, dtype):
    function, settings = CALLS[name]
    draw = np.random.default_rng(0).integers
    x = draw(-99, 100, SHAPE).astype(dtype)
    leaf = torch.from_numpy(x).requires_grad_()
    twin = getattr(torch.nn.functional, function)
    ty = twin(leaf, **settings)
    g = draw(-3, 4, ty.shape).astype(dtype)
    tg = torch.from_numpy(g)
    forward = getattr(functional, function)
    backward = getattr(functional, f"{function}_backward")
    timed = {
        "forward": lambda: forward(x, **settings),
        "torch forward": lambda: twin(leaf, **settings),
        "backward": lambda: backward(g, x, **settings),
        "torch both": lambda: grad(twin(leaf, **settings), leaf, tg),
        "torch backward": lambda: grad(ty, leaf, tg, retain_graph=True),
    }
    close = {"rtol": 1e-4, "atol": 1e-4} if "avg" in name else {"rtol": 0}
    for ours, theirs in (
        (timed["forward"](), ty.detach()),
        (timed["backward"](), timed["torch backward"]()[0]),
    ):
        np.testing.assert_allclose(ours, theirs.numpy(), err_msg=name, **close)
    return timed
