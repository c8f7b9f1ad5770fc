"""One training step of a small network at batch 32, against PyTorch.

The network has two convolutions, two poolings and two dense layers, 223 873 numbers in
all; a step is its forward pass, binary cross-entropy, backward pass and Adam.
"""

import numpy as np
import torch
from torch import nn

from cnnref import layers, optim

RATIOS = {"step / torch": ("step", 1, "torch step")}
CASES = ("two_convolutions",)


def bounds(name, dtype):
    return {"step / torch": {"float32": 1.4, "float64": 1.0}[dtype]}


def means(dtype):
    return {}


def network(module, **more):
    """Build the same network from `cnnref.layers` or from ``torch.nn``."""
    return module.Sequential(
        module.Conv2d(1, 32, 3, **more),
        module.ReLU(),
        module.MaxPool2d(2),
        module.Conv2d(32, 64, 3, **more),
        module.ReLU(),
        module.MaxPool2d(2),
        module.Flatten(),
        module.Linear(1600, 128, **more),
        module.ReLU(),
        module.Linear(128, 1, **more),
        module.Sigmoid(),
    )


def functions(name, dtype):
    rng = np.random.default_rng(0)
    x = rng.random((32, 1, 28, 28)).astype(dtype)
    target = rng.integers(0, 2, (32, 1)).astype(dtype)
    model, loss = network(layers, dtype=np.dtype(dtype)), layers.BCELoss()
    twin, twin_loss = network(nn, dtype=getattr(torch, dtype)), nn.BCELoss()
    weights = {k: torch.from_numpy(v) for k, v in model.state_dict().items()}
    twin.load_state_dict(weights)
    ours = optim.Adam(model.parameters())
    theirs = torch.optim.Adam(twin.parameters())
    tx, ttarget = torch.from_numpy(x), torch.from_numpy(target)

    def step():
        value = loss.forward(model.forward(x), target)
        model.backward(loss.backward(np.ones_like(value)))
        model.assign(ours.step(model.gradients()))
        return value

    def twin_step():
        theirs.zero_grad()
        value = twin_loss(twin(tx), ttarget)
        value.backward()
        theirs.step()
        return value.detach().numpy()

    close = 1e-3 if dtype == "float32" else 1e-9
    for _ in range(3):
        np.testing.assert_allclose(step(), twin_step(), rtol=close)
    return {"step": step, "torch step": twin_step}
