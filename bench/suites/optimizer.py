"""A step of an optimizer over ten million parameters, against PyTorch's default.

In one array PyTorch's temporaries do not fit a cache either; that is what is judged.
"""

import numpy as np
import torch

from cnnref import optim

RATIOS = {"step / torch": ("step", 1, "torch step")}
SIZES = {"one array": (10_000_000,), "ten arrays": (1_000_000,) * 10}
CASES = tuple(f"{name}, {many}" for name in ("Adam", "AdamW", "SGD") for many in SIZES)
SETTINGS = {"SGD": {"lr": 0.01, "momentum": 0.9}}


def bounds(name, dtype):
    return {"step / torch": 0.5} if name == "Adam, one array" else {}


def means(dtype):
    return {}


def functions(case, dtype):
    name, many = case.split(", ")
    rng, settings = np.random.default_rng(0), SETTINGS.get(name, {})
    params = [rng.normal(size=n).astype(dtype) for n in SIZES[many]]
    grads = [rng.normal(size=n).astype(dtype) for n in SIZES[many]]
    leaves = [torch.tensor(p, requires_grad=True) for p in params]
    for leaf, g in zip(leaves, grads):
        leaf.grad = torch.from_numpy(g)
    ours = getattr(optim, name)(params, **settings)
    theirs = getattr(torch.optim, name)(leaves, **settings)
    timed = {"step": lambda: ours.step(grads), "torch step": theirs.step}
    for _ in range(3):
        for step in timed.values():
            step()
    eps = np.finfo(dtype).eps
    for p, leaf in zip(ours.params, leaves):
        expected = leaf.detach().numpy()
        np.testing.assert_allclose(p, expected, rtol=16 * eps, atol=16 * eps)
    return timed
