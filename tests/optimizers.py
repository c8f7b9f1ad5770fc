"""Training runs of every optimizer: generated, and made by PyTorch and by cnnref.

As a script it compares the two bit by bit, for which PyTorch must neither fuse
multiplications with additions nor round square roots as MKL does: `exactly` starts it.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from cnnref import optim
from cnnref.verify import seeded_draw

OPTIMIZERS = ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad")
STEPS = 50


def settings(name, draw):
    """Draw settings of an optimizer; each of them takes several values."""

    def between(low, high):
        return low + (high - low) * draw(0, 1000) / 1000

    def one_of(*values):
        return values[draw(0, len(values) - 1)]

    drawn = {
        "lr": between(0.001, 0.5),
        "weight_decay": one_of(0, between(0, 0.5)),
        "maximize": one_of(False, True),
    }
    if name == "SGD":
        momentum = one_of(0, between(0.1, 1))
        nesterov = bool(momentum) and one_of(False, True)
        dampening = 0 if nesterov else one_of(0, between(-0.5, 1))
        return drawn | dict(momentum=momentum, nesterov=nesterov, dampening=dampening)
    if name in ("Adam", "AdamW"):
        betas = between(0, 0.999), between(0, 0.999)
        eps, amsgrad = one_of(0, 1e-8, 1e-3), one_of(False, True)
        drawn |= dict(betas=betas, eps=eps, amsgrad=amsgrad)
        if name == "Adam":
            drawn["decoupled_weight_decay"] = one_of(False, True)
        return drawn
    if name == "RMSprop":
        alpha, eps = between(0, 1.1), one_of(1e-8, 1e-3)
        momentum, centered = one_of(0, between(0.1, 1)), one_of(False, True)
        return drawn | dict(alpha=alpha, eps=eps, momentum=momentum, centered=centered)
    start, eps = one_of(0, 0.5), one_of(1e-10, 1e-3)
    decay = one_of(0, between(0, 0.5))
    return drawn | dict(lr_decay=decay, initial_accumulator_value=start, eps=eps)


def run(name, draw, dtype, steps=STEPS, **fixed):
    """Yield after each step what PyTorch and cnnref have: parameters and states.

    There are two groups with settings of their own, parameters of any shape, steps at
    which some are frozen, and learning rates that change.
    """
    rng = np.random.default_rng(draw(0, 2**32 - 1))

    def array(shape):
        values = rng.standard_normal((2, *shape))
        return (values[0] + 1j * values[1] if dtype[0] == "c" else values[0]).astype(
            dtype
        )

    first, second = settings(name, draw) | fixed, settings(name, draw) | fixed
    shapes = (draw(1, 4), draw(1, 20)), (), (0, 2), (draw(1, 5),)
    arrays = {"w": array(shapes[0]), "scale": np.asarray(array(shapes[1]))}
    others = {"none": array(shapes[2]), "b": array(shapes[3])[::-1]}
    ours = getattr(optim, name)(
        [{"params": arrays}, {"params": others, **second}], **first
    )
    tensors = {
        k: torch.nn.Parameter(torch.from_numpy(np.array(a)))
        for k, a in (arrays | others).items()
    }
    theirs = getattr(torch.optim, name)(
        [
            {"params": [(k, tensors[k]) for k in arrays]},
            {"params": [(k, tensors[k]) for k in others], **second},
        ],
        **first,
    )
    for _ in range(steps):
        if draw(0, 9) == 0:
            for optimizer in (ours, theirs):
                optimizer.param_groups[1]["lr"] = second["lr"] / 2
        grads = {k: np.asarray(array(a.shape)) for k, a in ours.params.items()}
        grads = {k: a if draw(0, 7) else None for k, a in grads.items()}
        for k, grad in grads.items():
            tensors[k].grad = None if grad is None else torch.from_numpy(grad.copy())
        theirs.step()
        ours.step(grads)
        yield ours, {k: t.detach().numpy() for k, t in tensors.items()}, theirs


def arrays_of(state_dict):
    """Return the states of a ``state_dict`` as arrays, by (parameter, label)."""
    return {
        (k, label): np.asarray(value)
        for k, state in state_dict["state"].items()
        for label, value in state.items()
    }


class _Rounded(TorchDispatchMode):
    """PyTorch, but with square roots rounded correctly: MKL's may be an ulp away."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        with np.errstate(invalid="ignore"):
            if function is torch.ops.aten.sqrt.default:
                return torch.from_numpy(np.asarray(np.sqrt(args[0].numpy())))
            if function is torch.ops.aten.sqrt_.default:
                np.sqrt(args[0].numpy(), out=args[0].numpy())
                return args[0]
        return function(*args, **(kwargs or {}))


def _judge(name, cases):
    """Compare runs bit by bit, in every dtype in turn; each fifth has all its steps."""
    draw = seeded_draw(0)
    for case in range(cases):
        dtype, steps = ("f8", "f4", "c16")[case % 3], 5 if case % 5 else STEPS
        with _Rounded():
            for ours, tensors, theirs in run(name, draw, dtype, steps):
                found = ours.params | arrays_of(ours.state_dict())
                expected = tensors | arrays_of(theirs.state_dict())
                assert found.keys() == expected.keys()
                for k, array in expected.items():
                    np.testing.assert_array_equal(found[k], array, strict=True)
    print(f"{cases} runs of {name} are equal")


def exactly(name, cases):
    """Run `_judge` where PyTorch takes its kernels without fused operations."""
    return subprocess.run(
        [sys.executable, "-W", "error", __file__, name, str(cases)],
        env={**os.environ, "ATEN_CPU_CAPABILITY": "default"},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    _judge(sys.argv[1], int(sys.argv[2]))
