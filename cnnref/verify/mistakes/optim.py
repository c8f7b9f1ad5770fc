"""The common mistakes in optimizers: each goes wrong within a few steps.

One call is a run: a parameter, the gradients it meets, and the learning rate of each
step.  The result is where the parameter is after every step.
"""

from functools import partial
from types import SimpleNamespace

import numpy as np

from cnnref.optim import SGDState, adam_step, adamw_step, sgd_step
from cnnref.verify.calls import Call, numbers, seeded_draw
from cnnref.verify.mistakes.mistake import Mistake
from cnnref.verify.sweeps import Sweep, _tolerance

__all__ = ["MISTAKES", "run_of", "run_sweep"]

_CASES = 60


def run_of(step, at_rest=lambda grad: None):
    """Make a run of a pure step; ``at_rest`` gives the gradient while frozen."""

    def run(param, grads, rates, thawed, **settings):
        state, path = None, []
        for grad, lr, moves in zip(grads, rates, thawed):
            grad = grad if moves else at_rest(grad)
            if grad is not None:
                param, state = step(param, grad, state, lr=lr.item(), **settings)
            path.append(param)
        return np.stack(path)

    return run


def run_sweep(name, **settings):
    """Compare runs with those of an optimizer of ``torch.optim``.

    ``settings`` maps each setting to a function of ``draw``.  Every run has several
    learning rates, and at some steps the parameter is frozen: its gradient is None.
    """
    import torch

    draw = seeded_draw(0)
    calls = tuple(_run_call(draw, settings) for _ in range(_CASES))

    def expected(call):
        given = SimpleNamespace(**call.arrays)
        param = torch.nn.Parameter(torch.from_numpy(given.param.copy()))
        optimizer = getattr(torch.optim, name)([param], **call.settings)
        path = []
        for grad, lr, moves in zip(given.grads, given.rates, given.thawed):
            optimizer.param_groups[0]["lr"] = lr.item()
            param.grad = torch.from_numpy(grad.copy()) if moves else None
            optimizer.step()
            path.append(param.detach().numpy().copy())
        return np.stack(path)

    calls = tuple(sorted(calls, key=lambda call: call.complexity))
    return Sweep("torch", "PyTorch", calls, expected, _tolerance(calls))


def _run_call(draw, settings):
    size, steps = draw(1, 3), draw(2, 5)
    thawed = np.array([True, *(draw(0, 3) > 0 for _ in range(steps - 1))])
    arrays = {
        "param": numbers(draw, (size,)),
        "grads": numbers(draw, (steps, size)),
        "rates": np.array([draw(1, 32) / 64 for _ in range(steps)]),
        "thawed": thawed,
    }
    return Call(arrays, {k: setting(draw) for k, setting in settings.items()})


# Adam ---------------------------------------------------------------------------------

_ADAM = {
    "betas": lambda draw: (draw(32, 60) / 64, draw(32, 63) / 64),
    "eps": lambda draw: (1e-8, 1e-3)[draw(0, 1)],
    "weight_decay": lambda draw: (0, draw(1, 16) / 64)[draw(0, 1)],
}


def _adam_with(ratio):
    """Make Adam with another ratio of the moments m and v after t steps."""

    def step(param, grad, state, *, lr, betas, eps, weight_decay):
        settings = {"betas": betas, "eps": eps, "weight_decay": weight_decay}
        _, state = adam_step(param, grad, state, **settings)
        t, m, v, _ = state
        return param - lr * ratio(m, v, t, *betas, eps), state

    return run_of(step)


def _eps_inside(m, v, t, b1, b2, eps):
    return m / (1 - b1**t) / np.sqrt(v / (1 - b2**t) + eps)


def _uncorrected(m, v, t, b1, b2, eps):
    return m / (np.sqrt(v) + eps)


def _without_power(m, v, t, b1, b2, eps):
    return m / (1 - b1) / (np.sqrt(v / (1 - b2)) + eps)


def _multiplied(m, v, t, b1, b2, eps):
    return m * (1 - b1**t) / (np.sqrt(v * (1 - b2**t)) + eps)


def _rootless(m, v, t, b1, b2, eps):
    """Take v̂ itself for its root: what one popular implementation prints."""
    return m / (1 - b1**t) / (v / (1 - b2**t) + eps)


def _eps_before_correction(m, v, t, b1, b2, eps):
    """Add ε as it is before the correction, where ε·√(1 − β₂ᵗ) belongs."""
    return m * np.sqrt(1 - b2**t) / (1 - b1**t) / (np.sqrt(v) + eps)


def _eps_hat_rootless(m, v, t, b1, b2, eps):
    eps_hat = eps * (1 - b2**t)
    return m * np.sqrt(1 - b2**t) / (1 - b1**t) / (np.sqrt(v) + eps_hat)


def _decay_without_lr(param, grad, state, *, weight_decay, **settings):
    shrunk = (1 - weight_decay) * param
    return adamw_step(shrunk, grad, state, weight_decay=0, **settings)


# Momentum -----------------------------------------------------------------------------

_SGD = {
    "momentum": lambda draw: draw(16, 60) / 64,
    "dampening": lambda draw: (0, draw(1, 48) / 64)[draw(0, 1)],
    "weight_decay": lambda draw: (0, draw(1, 16) / 64)[draw(0, 1)],
}


def _rate_inside(param, grad, state, *, lr, momentum, dampening, weight_decay):
    """Keep v ← μ·v + η·g, which a new learning rate does not reach."""
    pull = lr * (grad + weight_decay * param)
    v = pull if state is None else momentum * state[0] + (1 - dampening) * pull
    return param - v, SGDState(v)


def _damped_first(param, grad, state, *, lr, momentum, dampening, weight_decay):
    g = (1 - dampening) * (grad + weight_decay * param)
    v = g if state is None else momentum * state[0] + g
    return param - lr * v, SGDState(v)


_STEPS = {"Adam": adam_step, "AdamW": adamw_step, "SGD": sgd_step}
_SETTINGS = {"Adam": _ADAM, "AdamW": _ADAM, "SGD": _SGD}


def _mistake(name, label, words, wrong):
    step, sweep = _STEPS[name], partial(run_sweep, name, **_SETTINGS[name])
    return Mistake(label, words, run_of(step), wrong, sweep, of=step.__name__)


MISTAKES: tuple[Mistake, ...] = (
    *(
        _mistake("Adam", label, words, _adam_with(ratio))
        for label, words, ratio in (
            ("W17", "ε inside the root", _eps_inside),
            ("W17", "no bias correction", _uncorrected),
            ("W17", "a bias correction without the power t", _without_power),
            ("W17", "bias corrections multiplied", _multiplied),
            ("W17", "v̂ without the root", _rootless),
            ("W18", "ε before the correction, as it is", _eps_before_correction),
            ("W18", "ε̂ = (1 − β₂ᵗ)·ε, without the root", _eps_hat_rootless),
        )
    ),
    _mistake(
        "Adam",
        "W19",
        "Adam's weight_decay decoupled",
        run_of(partial(adam_step, decoupled_weight_decay=True)),
    ),
    _mistake(
        "AdamW",
        "W19",
        "AdamW's decay without the learning rate",
        run_of(_decay_without_lr),
    ),
    _mistake(
        "SGD", "W20", "the learning rate inside the velocity", run_of(_rate_inside)
    ),
    _mistake("SGD", "W20", "a damped first step", run_of(_damped_first)),
    *(
        _mistake(
            name,
            "W34",
            f"{name} frozen by a gradient of zeros",
            run_of(step, at_rest=np.zeros_like),
        )
        for name, step in _STEPS.items()
    ),
)
