"""Common mistakes: the comparison that the shipped functions pass notices each.

Most mutants are a shipped function with one of its pieces exchanged for a wrong one.
W2 to W5, the sizes, are in test_geometry.
"""

import inspect

import numpy as np
import pytest
from convolutions import axes_of
from operations import calls, disagreement, few_calls, noticed, with_arrays

from cnnref import conv, functional
from cnnref.geometry import same_padding
from cnnref.tiles import correlate, correlate_input, correlate_weight
from cnnref.verify import torch_sweep


def exchange(**pieces):
    """Make a mutant of each operation by exchanging pieces of cnnref.conv."""

    def mutant_of(name):
        def mutant(**arguments):
            with pytest.MonkeyPatch.context() as patch:
                for piece, wrong in pieces.items():
                    patch.setattr(conv, piece, wrong)
                return getattr(functional, name)(**arguments)

        return mutant

    return mutant_of


def change(piece, **changes):
    """Exchange a contraction for itself, called with some of its arguments changed."""
    shipped = getattr(conv, piece)

    def wrong(*arguments):
        given = inspect.signature(shipped).bind(*arguments).arguments
        return shipped(**given | {k: make(given[k]) for k, make in changes.items()})

    return exchange(**{piece: wrong})


# Wrong arguments ----------------------------------------------------------------------


def flip(weight):
    return np.flip(weight, range(2, weight.ndim))


def swap(weight):
    """Read the two channel axes in the other order."""
    return weight.swapaxes(0, 1).reshape(weight.shape)


def deal(weight, groups):
    """Deal the channels of the first axis to the groups in turn, not in blocks."""
    blocks = weight.reshape(groups, -1, *weight.shape[1:])
    return blocks.swapaxes(0, 1).reshape(weight.shape)


def at_stride_1(settings):
    return settings._replace(stride=(1,) * len(settings.stride))


def exchanged(settings):
    return settings._replace(stride=settings.dilation, dilation=settings.stride)


def as_first(settings):
    """Take the first axis' settings for every axis."""
    axes, groups = len(settings.stride), settings.groups
    return type(settings)(*(values[:1] * axes for values in settings[:3]), groups)


def uncut(settings):
    """Let windows read the positions that output_padding has added."""
    sides = tuple((before, before) for before, _ in settings.padding)
    return settings._replace(padding=sides)


def in_one_place(gradient):
    """Let every kernel offset have the gradient of the first."""
    first = gradient[(..., *(slice(1),) * (gradient.ndim - 2))]
    return np.broadcast_to(first, gradient.shape)


# Wrong functions ----------------------------------------------------------------------


def without_output_padding(name):
    def mutant(output_padding, **arguments):
        return getattr(functional, name)(**arguments)

    return mutant


def zeros_as_output_padding(name):
    def mutant(output_padding, **arguments):
        plain = getattr(functional, name)(**arguments)
        added = np.broadcast_to(output_padding, axes_of(name))
        lead = [(0, 0)] * (plain.ndim - len(added))
        return np.pad(plain, [*lead, *((0, r) for r in added)])

    return mutant


def inverse(name):
    """Undo the convolution, as well as can be, where it should be transposed."""

    def mutant(input, weight, bias=None, **settings):
        transposed = getattr(functional, name)
        shape = transposed(input, weight, **settings).shape
        image = input.shape[-axes_of(name) - 1 :]
        basis = np.eye(np.prod(image)).reshape(-1, *image)
        matrix = transposed(basis, weight, **settings).reshape(len(basis), -1)
        y = (input.reshape(-1, len(basis)) @ np.linalg.pinv(matrix.T)).reshape(shape)
        return y if bias is None else y + bias.reshape(-1, *(1,) * axes_of(name))

    return mutant


def bias_gradient(total):
    """Total the bias gradient in another way over (images, channels, positions)."""

    def mutant_of(name):
        def mutant(grad_output, **arguments):
            gradients = getattr(functional, name)(grad_output, **arguments)
            if gradients.bias is None:
                return gradients
            channels = grad_output.shape[: grad_output.ndim - axes_of(name)]
            g = grad_output.reshape(*channels, -1)
            return gradients._replace(bias=total(g if g.ndim == 3 else g[None]))

        return mutant

    return mutant_of


# The comparison -----------------------------------------------------------------------

CONV = {
    "W1 a flipped kernel": change("correlate", weight=flip),
    "W6 one axis' settings for all": change("correlate", settings=as_first),
    "W8 the odd zero of 'same' in front": exchange(
        same_padding=lambda k, d: same_padding(k, d)[::-1]
    ),
    "stride and dilation exchanged": change("correlate", settings=exchanged),
    "channels swapped": change("correlate", weight=swap),
    "groups dealt in turn": exchange(
        correlate=lambda x, w, where, bias: correlate(
            x, deal(w, where.groups), where, bias
        )
    ),
}
BIAS = {
    "W13 the bias gradient of one image": bias_gradient(lambda g: g[0].sum(axis=1)),
    "W13 the bias gradient of one position": bias_gradient(
        lambda g: g[:, :, 0].sum(axis=0)
    ),
    "W13 the bias gradient as a mean": bias_gradient(lambda g: g.mean(axis=(0, 2))),
}
CONV_BACKWARD = BIAS | {
    "W9 dX without rot180": change("correlate_input", weight=flip),
    "W10 dW with a flip": exchange(
        correlate_weight=lambda *call: flip(correlate_weight(*call))
    ),
    "W11 dW without the shift": exchange(
        correlate_weight=lambda *call: in_one_place(correlate_weight(*call))
    ),
    "W12 dX of stride 1": change("correlate_input", settings=at_stride_1),
    "dW of stride 1": change("correlate_weight", settings=at_stride_1),
    "dX, stride and dilation exchanged": change("correlate_input", settings=exchanged),
    "dW, stride and dilation exchanged": change("correlate_weight", settings=exchanged),
    "dX, groups dealt in turn": exchange(
        correlate_input=lambda g, w, size, where: correlate_input(
            g, deal(w, where.groups), size, where
        )
    ),
}
TRANSPOSED = {
    "W30 the inverse": inverse,
    "output_padding left out": without_output_padding,
    "output_padding as zeros": zeros_as_output_padding,
    "a flipped kernel": change("correlate_input", weight=flip),
    "no zeros inserted": change("correlate_input", settings=at_stride_1),
    "stride and dilation exchanged": change("correlate_input", settings=exchanged),
    "channels swapped": change("correlate_input", weight=swap),
}
TRANSPOSED_BACKWARD = BIAS | {
    "dX with a flipped kernel": change("correlate", weight=flip),
    "dW with a flip": exchange(
        correlate_weight=lambda *call: flip(correlate_weight(*call))
    ),
    "dX from the added positions": change("correlate", settings=uncut),
}
MUTANTS = {
    "conv{}d": CONV,
    "conv{}d_backward": CONV_BACKWARD,
    "conv_transpose{}d": TRANSPOSED,
    "conv_transpose{}d_backward": TRANSPOSED_BACKWARD,
}


@pytest.mark.parametrize(
    ("name", "mutant_of"),
    [
        pytest.param(name, mutant_of, id=f"{name}: {mistake}")
        for pattern, mistakes in MUTANTS.items()
        for mistake, mutant_of in mistakes.items()
        for name in map(pattern.format, (1, 2, 3))
        if "axis" not in mistake or axes_of(name) > 1
    ],
)
def test_a_mistake_is_noticed(name, mutant_of):
    assert disagreement(name) is None
    assert noticed(torch_sweep(name, calls(name)), mutant_of(name))


@pytest.mark.parametrize(
    ("mistake", "part"),
    [
        ("W9 dX without rot180", ".input"),
        ("W10 dW with a flip", ".weight"),
        ("W11 dW without the shift", ".weight"),
        ("W12 dX of stride 1", ".input"),
        ("W13 the bias gradient as a mean", ".bias"),
    ],
)
def test_the_message_names_the_gradient_that_is_wrong(mistake, part):
    sweep = torch_sweep("conv2d_backward", calls("conv2d_backward"))
    message = sweep.disagreement(CONV_BACKWARD[mistake]("conv2d_backward"))
    assert f" {part}[" in message


@pytest.mark.parametrize(
    "mutant_of",
    [
        pytest.param(change("correlate_input", weight=np.conj), id="dX"),
        pytest.param(change("correlate_weight", input=np.conj), id="dW"),
    ],
)
def test_a_missing_conjugate_is_noticed(mutant_of):
    name = "conv2d_backward"
    calls = [
        with_arrays(call, lambda array: array + 1j * np.roll(array, 1))
        for call in few_calls(name)
    ]
    sweep = torch_sweep(name, calls)
    assert sweep.disagreement(functional.conv2d_backward) is None
    assert sweep.disagreement(mutant_of(name))
