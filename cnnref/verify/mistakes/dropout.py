"""Common mistakes of dropout: W21, and W22, which are what its two scalings are for."""

from itertools import product

import numpy as np

from cnnref import functional
from cnnref.verify.calls import Call, integers, seeded_draw
from cnnref.verify.mistakes.mistake import Mistake
from cnnref.verify.operations import calls_of
from cnnref.verify.sweeps import Sweep, torch_sweep

__all__ = ["MISTAKES", "all_masks", "expectation_sweep", "expected_response"]


# W21: the scaling ---------------------------------------------------------------------


def _scaled(scale):
    """Make a dropout that scales what is kept by another function of p."""

    def wrong(input, p=0.5, training=True, inplace=False, *, generator=None, mask=None):
        if not training or p in (0, 1):
            return functional.dropout(input, p, training)
        y = functional.dropout_weight_scaling(input, p, mask=mask)
        return y * scale(p)

    return wrong


def kept_dropped(input, p=0.5, training=True, inplace=False, *, mask=None):
    """Drop what the mask keeps."""
    mask = None if mask is None else np.asarray(~mask)
    return functional.dropout(input, p, training, mask=mask)


def p_to_keep(input, p=0.5, training=True, inplace=False, *, mask=None):
    """Take p for the probability to keep, as the original paper has it."""
    return functional.dropout(input, 1 - p, training, mask=mask)


def scaled_in_evaluation_too(input, p=0.5, training=True, inplace=False, *, mask=None):
    y = functional.dropout(input, p, training, mask=mask)
    return y if training else y * (1 - p)


def random_in_evaluation(input, p=0.5, training=True, inplace=False, *, mask=None):
    return functional.dropout(input, p, mask is not None or training, mask=mask)


def gradient_past_the_mask(grad_output, input, p=0.5, training=True, **rest):
    return grad_output.copy()


def gradient_unscaled(grad_output, input, p=0.5, training=True, *, mask=None, **rest):
    settings = {"p": p, "training": training, "mask": mask}
    if not training:
        return grad_output.copy()
    return functional.dropout_weight_scaling_backward(grad_output, input, **settings)


# W22: the expectation through a nonlinearity ------------------------------------------


def all_masks(units, p):
    """Yield every mask of so many units, with its probability."""
    for kept in product((False, True), repeat=units):
        r = np.array(kept)
        yield r, p ** (~r).sum() * (1 - p) ** r.sum()


def expected_response(input, weight, p):
    """Return E[relu(w·(r ⊙ x))], from every mask and its probability."""
    total = 0
    for r, probability in all_masks(input.size, p):
        y = functional.dropout_weight_scaling(input, p, mask=r)
        total = total + probability * functional.relu(weight @ y)
    return total


def response_of_the_expectation(input, weight, p):
    """Take relu(w·((1 − p)·x)) for it: scale at test time, as if relu were linear."""
    y = functional.dropout_weight_scaling(input, p, training=False)
    return functional.relu(weight @ y)


def expectation_sweep():
    """Compare with PyTorch: the same average, of its own dropout."""
    draw = seeded_draw(0)
    calls = [
        Call(
            {"input": integers(draw, (n,)), "weight": integers(draw, (2, n))},
            {"p": draw(1, 3) / 4},
        )
        for n in (1, 2, 3, 4)
    ]

    def average(call):
        import torch

        from cnnref.verify.operations.dropout import tosses

        x, weight = (torch.from_numpy(call.arrays[k]) for k in ("input", "weight"))
        p, total = call.settings["p"], torch.zeros(2, dtype=x.dtype)
        for r, probability in all_masks(len(x), p):
            with tosses(torch.from_numpy(r)):
                y = (1 - p) * torch.nn.functional.dropout(x, p)
            total += probability * torch.relu(weight @ y)
        return total.numpy()

    return Sweep(
        "torch", "PyTorch's average over all masks", tuple(calls), average, 1e-14
    )


def _mistake(words, name, wrong):
    return Mistake(
        "W21",
        words,
        getattr(functional, name),
        wrong,
        lambda: torch_sweep(name, calls_of(name, 80)),
    )


MISTAKES = (
    _mistake("what the mask keeps is dropped", "dropout", kept_dropped),
    _mistake("p is the probability to keep", "dropout", p_to_keep),
    _mistake("divided by p", "dropout", _scaled(lambda p: 1 / p)),
    _mistake("multiplied by 1 − p", "dropout", _scaled(lambda p: 1 - p)),
    _mistake("not scaled", "dropout", _scaled(lambda p: 1)),
    _mistake("scaled twice", "dropout", _scaled(lambda p: 1 / (1 - p) ** 2)),
    _mistake("scaled in evaluation too", "dropout", scaled_in_evaluation_too),
    _mistake("random in evaluation", "dropout", random_in_evaluation),
    _mistake(
        "the gradient passes the mask", "dropout_backward", gradient_past_the_mask
    ),
    _mistake("the gradient is not scaled", "dropout_backward", gradient_unscaled),
    Mistake(
        "W22",
        "scaling at test time as the expectation through a ReLU",
        expected_response,
        response_of_the_expectation,
        expectation_sweep,
        of="dropout_weight_scaling",
    ),
)
