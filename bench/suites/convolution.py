"""conv2d and its gradients, against matrix products and against PyTorch.

Once the windows lie ready as columns of K = C_in/groups · K_h · K_w numbers, a
convolution is one product (C_out, K) @ (K, N · H_out · W_out), and its two gradients
are two products of as many operations.  So the forward time is divided by that of one
such ``np.matmul``, and the backward time by twice that.  A layer is

    dense     one group, and a weight matrix (C_out, K) with no side below 32
    thin      one group, but a shorter side: to write the columns or the output takes
              about as long as to multiply them
    grouped   many small products instead of one
"""

import math
from functools import partial

import numpy as np
import torch
from torch.autograd import grad
from torch.nn import functional as F

from cnnref.functional import conv2d, conv2d_backward

RATIOS = {
    "forward / matmul": ("forward", 1, "matmul"),
    "forward / torch": ("forward", 1, "torch forward"),
    "backward / 2 matmul": ("backward", 2, "matmul"),
    "backward / torch": ("backward", 1, "torch backward"),
}
LAYERS = {  # the shapes of the input and the weight, the settings
    "lenet_conv1": ((32, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}),
    "keras_conv1": ((32, 1, 28, 28), (32, 1, 3, 3), {}),
    "keras_conv2": ((32, 32, 13, 13), (64, 32, 3, 3), {}),
    "alexnet_conv1": ((4, 3, 224, 224), (64, 3, 11, 11), {"stride": 4, "padding": 2}),
    "resnet_stem": ((4, 3, 224, 224), (64, 3, 7, 7), {"stride": 2, "padding": 3}),
    "resnet_56": ((4, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
    "resnet_28": ((4, 128, 28, 28), (128, 128, 3, 3), {"padding": 1}),
    "resnet_14": ((8, 256, 14, 14), (256, 256, 3, 3), {"padding": 1}),
    "resnet_7": ((8, 512, 7, 7), (512, 512, 3, 3), {"padding": 1}),
    "strided": ((4, 128, 56, 56), (128, 128, 3, 3), {"stride": 2, "padding": 1}),
    "expand_1x1": ((4, 64, 56, 56), (256, 64, 1, 1), {}),
    "dilated": ((4, 256, 28, 28), (256, 256, 3, 3), {"padding": 2, "dilation": 2}),
    "depthwise": ((4, 128, 28, 28), (128, 1, 3, 3), {"padding": 1, "groups": 128}),
}
CASES = tuple(LAYERS)


def kind(name):
    """Say whether a layer is dense, thin or grouped."""
    _, (c_out, *kernel), settings = LAYERS[name]
    if "groups" in settings:
        return "grouped"
    return "thin" if min(c_out, math.prod(kernel)) < 32 else "dense"


def bounds(name, dtype):
    if name == "lenet_conv1":
        return {"backward / 2 matmul": 2.4}
    if kind(name) != "dense":
        return {}
    backward = 2.4 if name == "resnet_stem" else 1.6
    return {"forward / matmul": 1.3, "backward / 2 matmul": backward}


def means(dtype):
    """Bound the geometric means over the dense layers."""
    bound = {"float32": 1.7, "float64": 1.0}[dtype]
    return {"forward / torch": bound, "backward / torch": bound}


def functions(name, dtype):
    shape, kernel, settings = LAYERS[name]
    draw = np.random.default_rng(0).integers
    x, w, b = (draw(-3, 4, s).astype(dtype) for s in (shape, kernel, kernel[0]))
    leaves = [torch.from_numpy(array).requires_grad_() for array in (x, w, b)]
    ty = F.conv2d(*leaves, **settings)
    y = ty.detach().numpy()
    g = draw(-3, 4, y.shape).astype(dtype)
    tg = torch.from_numpy(g)

    where = {key: value for key, value in settings.items() if key != "groups"}
    rows = w.reshape(settings.get("groups", 1), -1, math.prod(kernel[1:]))
    columns = F.unfold(leaves[0].detach(), kernel[2:], **where).numpy()
    columns = np.concatenate(columns.reshape(len(x), *rows.shape[::2], -1), axis=-1)
    timed = {
        "matmul": lambda: np.matmul(rows, columns),
        "forward": lambda: conv2d(x, w, b, **settings),
        "torch forward": lambda: F.conv2d(*leaves, **settings),
        "backward": lambda: conv2d_backward(g, x, w, b, **settings),
        "torch backward": lambda: grad(ty, leaves, tg, retain_graph=True),
    }
    product = timed["matmul"]().reshape(len(w), len(x), -1).swapaxes(0, 1)
    agree = partial(np.testing.assert_array_equal, err_msg=f"{name} {dtype}")
    agree(product.reshape(y.shape) + b.reshape(-1, 1, 1), y)
    agree(timed["forward"](), y)
    expected = timed["torch backward"]()
    for ours, theirs in zip(timed["backward"](), expected, strict=True):
        agree(ours, theirs.numpy())
    return timed
