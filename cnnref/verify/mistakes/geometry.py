"""Common mistakes in sizes: of outputs, W2 to W5 and W29; of what they see, W31."""

from functools import partial
from itertools import accumulate
from math import prod
from operator import mul

from cnnref.geometry import ReceptiveField, out_size, receptive_field, span
from cnnref.verify.calls import Call, seeded_draw
from cnnref.verify.mistakes.mistake import Mistake
from cnnref.verify.sweeps import Sweep, rule_sweep

__all__ = ["MISTAKES"]

# Every kernel fits, so no call is rejected: a mistake is a wrong number.
_SETTINGS = {
    "size": range(5, 10),
    "kernel_size": range(1, 4),
    "stride": range(1, 4),
    "padding": range(3),
    "dilation": range(1, 3),
}


def _torch_size(size, kernel_size, **settings):
    import torch

    x, w = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel_size)
    return torch.nn.functional.conv1d(x, w, **settings).shape[-1]


def _without_floor(size, kernel_size, stride, padding, dilation):
    room = size + 2 * padding - span(kernel_size, dilation)
    return room // stride + 1 if room % stride == 0 else room / stride + 1


def _rounded_up(size, kernel_size, stride, padding, dilation):
    return -(-(size + 2 * padding - span(kernel_size, dilation)) // stride) + 1


def _wrong_brackets(size, kernel_size, stride, padding, dilation):
    return (size - span(kernel_size, dilation) + 2 * padding) // (stride + 1)


def _dilation_times_kernel(size, kernel_size, stride, padding, dilation):
    return (size + 2 * padding - dilation * kernel_size) // stride + 1


def _total_padding(size, kernel_size, stride, padding, dilation):
    return out_size(size, kernel_size, stride, 2 * padding, dilation)


def _mistake(label, words, wrong):
    sweep = partial(rule_sweep, _torch_size, _SETTINGS, "torch", "PyTorch")
    return Mistake(label, words, out_size, wrong, sweep)


# W29: the side of a pooled map --------------------------------------------------------

_POOLS = {"size": range(4, 13), "kernel_size": (2, 3), "stride": (2, 3)}


def _torch_pooled_side(size, kernel_size, stride):
    import torch

    x = torch.zeros(1, size, size)
    return torch.nn.functional.max_pool2d(x, kernel_size, stride).shape[-1]


def _side_by_the_area(size, kernel_size, stride):
    """Divide the side by s², which is what the area is divided by."""
    return size // stride**2


def _pool_sweep():
    return rule_sweep(_torch_pooled_side, _POOLS, "torch", "PyTorch")


# W31: the receptive field -------------------------------------------------------------


def field_sweep(cases=120):
    """Compare with the positions at which PyTorch's gradients are not 0.

    The layers are convolutions with positive weights.  The positions that reach an
    entry of the last output, and its neighbour, show the extent and the step.
    """
    draw = seeded_draw(0)
    calls = (_field_call(draw) for _ in range(cases))
    calls = tuple(sorted(calls, key=lambda call: (_layers(call), call.complexity)))
    return Sweep("torch", "PyTorch", calls, lambda call: _reached(**call.settings))


def _layers(call):
    return len(call.settings["kernel_size"])


def _field_call(draw):
    layers = draw(1, 3)
    ranges = {"kernel_size": 3, "stride": 3, "dilation": 2}
    settings = {
        name: tuple(draw(1, largest) for _ in range(layers))
        for name, largest in ranges.items()
    }
    return Call({}, settings)


def _reached(kernel_size, stride, dilation):
    import torch

    extent = 2 * prod(stride) + sum(
        d * k * prod(stride) for d, k in zip(dilation, kernel_size)
    )
    image = torch.zeros(1, 1, extent, requires_grad=True)
    y = image
    for k, s, d in zip(kernel_size, stride, dilation):
        y = torch.nn.functional.conv1d(y, torch.ones(1, 1, k), stride=s, dilation=d)
    ones = (y[0, 0, p] for p in (0, 1))
    slopes = (torch.autograd.grad(one, image, retain_graph=True)[0] for one in ones)
    first, second = (slope[0, 0].nonzero().flatten() for slope in slopes)
    size = first[-1] - first[0] + 1
    return ReceptiveField(int(size), int(second[0] - first[0]))


def _jumps(stride):
    return [1, *accumulate(stride, mul)]


def _sum_of_kernels(kernel_size, stride, dilation):
    return ReceptiveField(sum(kernel_size), prod(stride))


def _with_its_own_stride(kernel_size, stride, dilation):
    """Let each kernel's reach count in steps of its output, not of its input."""
    after = _jumps(stride)[1:]
    reach = (d * (k - 1) * j for k, d, j in zip(kernel_size, dilation, after))
    return ReceptiveField(1 + sum(reach), prod(stride))


def _without_strides(kernel_size, stride, dilation):
    field = receptive_field(kernel_size, 1, dilation)
    return field._replace(jump=prod(stride))


def _last_stride_only(kernel_size, stride, dilation):
    """Forget that strides multiply: take that of the layer before alone."""
    before = (1, *stride)
    reach = (d * (k - 1) * s for k, d, s in zip(kernel_size, dilation, before))
    return ReceptiveField(1 + sum(reach), prod(stride))


def _field(words, wrong):
    return Mistake("W31", words, receptive_field, wrong, field_sweep)


MISTAKES: tuple[Mistake, ...] = (
    _mistake("W2", "the output size without the floor", _without_floor),
    _mistake("W2", "the output size rounded up", _rounded_up),
    _mistake("W3", "the brackets ((W − F) + 2P) / (S + 1)", _wrong_brackets),
    _mistake("W4", "dilation as k·d", _dilation_times_kernel),
    _mistake("W5", "the total padding on each side", _total_padding),
    Mistake(
        "W29",
        "the factor of the area for each side",
        out_size,
        _side_by_the_area,
        _pool_sweep,
    ),
    _field("the receptive field as the sum of the kernel sizes", _sum_of_kernels),
    _field("a receptive field widened by the layer's own stride", _with_its_own_stride),
    _field("a receptive field that no stride widens", _without_strides),
    _field("the stride of the layer before, and of none below it", _last_stride_only),
)
