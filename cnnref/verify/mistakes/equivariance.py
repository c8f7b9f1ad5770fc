"""The common mistake about shifts: W28, invariance for equivariance."""

from operator import mul

import numpy as np

from cnnref.functional import conv2d, pad
from cnnref.verify.calls import Call, integers, seeded_draw
from cnnref.verify.mistakes.mistake import Mistake
from cnnref.verify.sweeps import Sweep

__all__ = ["MISTAKES", "shift_sweep"]

_CASES = 120


def _on_torus(input, weight, bias, stride):
    """Convolve an image that goes on at its other end, so that no border interferes."""
    ends = [(0, taps - 1) for taps in reversed(weight.shape[2:])]
    return conv2d(pad(input, sum(ends, ()), "circular"), weight, bias, stride)


def output_moves(shift, **call):
    """Give the output for an image moved by stride·shift without moving the image."""
    return np.roll(_on_torus(**call), shift, (1, 2))


def output_stays(shift, **call):
    return _on_torus(**call)


def output_moves_as_far(shift, stride, **call):
    """Move the output by as many positions as the image."""
    far = tuple(map(mul, stride, shift))
    return np.roll(_on_torus(stride=stride, **call), far, (1, 2))


def shift_sweep():
    """Compare with what PyTorch's layer makes of the moved image."""
    draw = seeded_draw(0)
    calls = sorted((_call(draw) for _ in range(_CASES)), key=lambda c: c.complexity)
    return Sweep("torch", "PyTorch, image moved", tuple(calls), _moved)


def _moved(call):
    import torch

    image, weight, bias = map(torch.from_numpy, call.arrays.values())
    stride, shift = call.settings.values()
    moved = torch.roll(image, tuple(map(mul, stride, shift)), (1, 2))
    ends = sum([(0, taps - 1) for taps in reversed(weight.shape[2:])], ())
    torus = torch.nn.functional.pad(moved[None], ends, mode="circular")
    return torch.nn.functional.conv2d(torus, weight, bias, stride)[0].numpy()


def _call(draw):
    stride, out = ((draw(1, 3), draw(1, 3)) for _ in range(2))
    size = tuple(map(mul, stride, out))
    kernel = tuple(draw(1, min(3, length)) for length in size)
    c_in, c_out = draw(1, 2), draw(1, 2)
    arrays = {
        "input": integers(draw, (c_in, *size)),
        "weight": integers(draw, (c_out, c_in, *kernel)),
        "bias": integers(draw, (c_out,)),
    }
    return Call(arrays, {"stride": stride, "shift": (draw(-1, 1), draw(-1, 1))})


def _mistake(words, wrong):
    return Mistake("W28", words, output_moves, wrong, shift_sweep, of="conv2d")


MISTAKES: tuple[Mistake, ...] = (
    _mistake("invariance for equivariance: the output stays", output_stays),
    _mistake("the output moves as far as the image", output_moves_as_far),
)
