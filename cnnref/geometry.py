"""Sizes along one spatial axis: how many windows fit, and where they lie.

Every function takes integers or SymPy symbols known to be integers, so the code that
sizes arrays is the code that the book runs on symbols.
"""

import operator
from typing import NamedTuple

__all__ = [
    "ReceptiveField",
    "out_size",
    "receptive_field",
    "same_padding",
    "span",
    "transposed_size",
]


def span(kernel_size, dilation=1):
    """Return how many neighbouring positions a dilated kernel covers.

        d·(K − 1) + 1

    >>> span(3, dilation=2)
    5
    """
    sizes = {"kernel_size": kernel_size, "dilation": dilation}
    kernel_size, dilation = _integers("span", 1, **sizes)
    return dilation * (kernel_size - 1) + 1


def out_size(size, kernel_size, stride=1, padding=0, dilation=1, ceil_mode=False):
    """Count the windows that fit along one axis.

        H_out = ⌊(H + 2P − d·(K − 1) − 1) / s⌋ + 1

    The numerator is the room left beside the first window.  It must not be negative:
    without a single window there is no output.

    Parameters
    ----------
    size, kernel_size, stride, dilation : int
        H, K, s and d.
    padding : int or (int, int)
        P on each side, or the two sides before and after the input.
    ceil_mode : bool
        Also count a last window that leaves the padded input at its end, provided
        that it starts inside the input or the padding before it (PyTorch's rule).

    Raises
    ------
    TypeError, ValueError
        If an argument is not an integer, is too small, or no window fits.

    Notes
    -----
    Twin: the output shape of ``torch.nn.functional.conv1d`` and ``max_pool1d``.
    Derived in "Output size" (ledger: outsize-s2, outsize-s3, outsize-dilation,
    outsize-domain, outsize-pool).

    Examples
    --------
    >>> out_size(6, 3)
    4
    >>> out_size(7, 3, stride=2, padding=1, dilation=2)
    3
    """
    sides = padding if isinstance(padding, tuple) else (padding, padding)
    if len(sides) != 2:
        raise ValueError(f"out_size: padding needs 1 or 2 integers, got {padding}")
    before, after = sides
    (stride,) = _integers("out_size", 1, stride=stride)
    size, before = _integers("out_size", 0, size=size, padding=before)
    (after,) = _integers("out_size", 0, padding=after)
    covered = span(kernel_size, dilation)
    room = size + before + after - covered
    if room < 0:
        raise ValueError(
            f"out_size: the kernel spans {covered} but the padded input has only "
            f"{size + before + after}"
        )
    windows = room // stride + 1
    if ceil_mode and room % stride and windows * stride < size + before:
        windows += 1
    return windows


def transposed_size(
    size, kernel_size, stride=1, padding=0, output_padding=0, dilation=1
):
    """Return the input size that a convolution of these settings maps to ``size``.

        H = (H_out − 1)·s − 2P + d·(K − 1) + 1 + r

    A convolution forgets the remainder r of its division by the stride;
    ``output_padding`` supplies it.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an integer or too small, if ``output_padding`` is neither
        below the stride nor below the dilation, or if nothing is left of the output.

    Notes
    -----
    Twin: the output shape of ``torch.nn.functional.conv_transpose1d``.

    Examples
    --------
    >>> transposed_size(4, 3)
    6
    >>> transposed_size(3, 3, stride=2, padding=1, output_padding=1)
    6
    """
    name = "transposed_size"
    size, stride = _integers(name, 1, size=size, stride=stride)
    (padding,) = _integers(name, 0, padding=padding)
    (output_padding,) = _integers(name, 0, output_padding=output_padding)
    covered = span(kernel_size, dilation)
    if output_padding >= stride and output_padding >= dilation:
        raise ValueError(
            f"{name}: output_padding {output_padding} must be smaller than the stride "
            f"{stride} or the dilation {dilation}"
        )
    full = (size - 1) * stride + covered + output_padding
    if full - 2 * padding < 1:
        raise ValueError(
            f"{name}: the padding removes {2 * padding} of only {full} positions"
        )
    return full - 2 * padding


def same_padding(kernel_size, dilation=1):
    """Split the padding that keeps the size at stride 1 into (before, after).

        before = ⌊d·(K − 1) / 2⌋,   before + after = d·(K − 1)

    An odd total puts the larger half after the input, at the right and the bottom.

    Notes
    -----
    Twin: ``padding="same"`` of ``torch.nn.functional.conv1d``.

    Examples
    --------
    >>> same_padding(3), same_padding(4)
    ((1, 1), (1, 2))
    """
    total = span(kernel_size, dilation) - 1
    return total // 2, total - total // 2


class ReceptiveField(NamedTuple):
    """What an output sees of the input, along one axis.

    Attributes
    ----------
    size : int
        From the first position that it depends on to the last.
    jump : int
        How far the first position of the next output is from its own.
    """

    size: int
    jump: int


def receptive_field(kernel_size, stride=1, dilation=1):
    """Return what an output of stacked layers sees of the input: its extent and step.

        R_l = R_{l−1} + d_l·(K_l − 1)·J_{l−1},   J_l = J_{l−1}·s_l,   R_0 = J_0 = 1

    A step of a layer's own input is J_{l−1} steps of the image, so its kernel reaches
    d_l·(K_l − 1)·J_{l−1} further.  Its own stride moves its neighbours apart and widens
    nothing.  Padding decides where a field lies, and cuts those at the border.

    Parameters
    ----------
    kernel_size : sequence of int
        K_1, K_2, … from the image upwards.
    stride, dilation : int or sequence of int
        One for all layers, or one for each.

    Raises
    ------
    TypeError, ValueError
        If a number is not an integer or is below 1, or if there are not as many
        strides or dilations as kernels.

    Notes
    -----
    Twin: where the gradient of an output through layers of ``torch.nn.Conv1d`` is not
    0.

    Examples
    --------
    Two 3×3 kernels see what one 5×5 kernel does; with pooling between them, 8.

    >>> receptive_field([3, 3])
    ReceptiveField(size=5, jump=1)
    >>> receptive_field([3, 2, 3], stride=[1, 2, 1])
    ReceptiveField(size=8, jump=2)
    """
    name, kernel_size = "receptive_field", tuple(kernel_size)
    stride = _for_each_layer(name, len(kernel_size), stride=stride)
    dilation = _for_each_layer(name, len(kernel_size), dilation=dilation)
    size, jump = 1, 1
    for k, s, d in zip(kernel_size, stride, dilation):
        settings = {"kernel_size": k, "stride": s, "dilation": d}
        k, s, d = _integers(name, 1, **settings)
        size += d * (k - 1) * jump
        jump *= s
    return ReceptiveField(size, jump)


def _for_each_layer(function, layers, **setting):
    """Return a setting of every layer; given once, it is that of all."""
    ((name, given),) = setting.items()
    try:
        found = tuple(given)
    except TypeError:
        return (given,) * layers
    if len(found) != layers:
        raise ValueError(
            f"{function}: {name} needs 1 or {layers} integers, one for each "
            f"kernel_size, got {given}"
        )
    return found


def _integers(function, least, **values):
    """Return the values as Python integers, which do not wrap, or as symbols."""
    checked = []
    for name, value in values.items():
        # SymPy's symbols answer is_integer with True, numbers with a method or not.
        if getattr(value, "is_integer", None) is not True:
            try:
                if isinstance(value, bool):
                    raise TypeError
                value = operator.index(value)
            except TypeError:
                reason = f"{function}: {name} must be an integer, got {value!r}"
                raise TypeError(reason) from None
        if value < least:
            raise ValueError(
                f"{function}: {name} must be at least {least}, got {value}"
            )
        checked.append(value)
    return checked
