"""Maximum pooling, regular and adaptive, and its partial inverse, with gradients.

The maximum over a box is the maximum over its rows of their own maxima, so a pooling
runs along one axis after the other, the last axis first.  Which tap has won a window
along an axis is a mask, its switch.  The indices are positions that the switches let
through to the output, the gradient is g that they let back to the input.
"""

import math
from functools import reduce

import numpy as np

from cnnref.floats import quiet
from cnnref.pooling import Line, PoolCheck, Tap, adaptive_bins, along, resized, taps

__all__ = [
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_backward",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_backward",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_backward",
    "max_pool1d",
    "max_pool1d_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "max_pool3d",
    "max_pool3d_backward",
    "max_unpool1d",
    "max_unpool1d_backward",
    "max_unpool2d",
    "max_unpool2d_backward",
    "max_unpool3d",
    "max_unpool3d_backward",
]


# Regular windows ----------------------------------------------------------------------


def max_pool1d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """Take the maximum of every window of a batch of sequences; see `max_pool2d`.

        y[n,c,p] = max_i x[n,c,s·p + d·i − P]

    Shapes: input (N, C, L) or (C, L).  Twin: ``torch.nn.functional.max_pool1d``, which
    takes integers with ``return_indices`` only.
    """
    call = (input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _max_pool("max_pool1d", 1, *call)


def max_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """Take the maximum of every window of a batch of images, channel by channel.

        y[n,c,p,q] = max_{i,j} x[n,c,s·p + d·i − P,s·q + d·j − P]

    x is −∞ outside its shape, and every setting may differ per axis.  Of equal entries
    the first counts, row by row; NaN is larger than any number, and the last counts.

    Parameters
    ----------
    input : (N, C, H, W) or (C, H, W)
        Integers, floats, or object (fractions, traced symbols), which stays exact.
    kernel_size : int or tuple of int
        One number for all axes, or one per axis.
    stride : int or tuple of int, optional
        The kernel's size unless given.
    padding : int or tuple of int
        Positions on each side of each axis; at most half the kernel.
    dilation : int or tuple of int
    ceil_mode : bool
        Also take a last window that leaves the padded input, if it starts inside the
        input or the padding before it.
    return_indices : bool
        Also return where the maxima are.

    Returns
    -------
    (N, C, H_out, W_out) or (C, H_out, W_out)
        H_out = ⌊(H + 2P − d·(K_h − 1) − 1) / s⌋ + 1, in the input's dtype.  With
        ``return_indices`` a tuple of it and int64 indices h·W + w of the same shape.

    Raises
    ------
    TypeError
        If the input is not a NumPy array of real numbers or a setting has not its type.
    ValueError
        If a setting is out of its range, the kernel does not fit, or a window lies
        wholly in the padding.

    Notes
    -----
    Twin: ``torch.nn.functional.max_pool2d``.  With padding and dilation a window can
    lie wholly in the padding: PyTorch then returns −∞ and an index outside the input,
    and its gradient writes out of bounds.
    Derived in "Pooling" (ledger: maxpool-s0, maxpool-s1, maxpool-s2, maxpool-s3,
    pool-per-depth, pool-robust).

    Examples
    --------
    >>> x = np.array([[[[1, 2, 5], [4, 3, 0], [0, 9, 9]]]])
    >>> y, indices = max_pool2d(x, 2, stride=1, return_indices=True)
    >>> y
    array([[[[4, 5],
             [9, 9]]]])
    >>> indices
    array([[[[3, 2],
             [7, 7]]]])
    """
    call = (input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _max_pool("max_pool2d", 2, *call)


def max_pool3d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """Take the maximum of every window of a batch of volumes; see `max_pool2d`.

        y[n,c,p] = max_i x[n,c,s·p + d·i − P],   p, i in Z³

    Shapes: input (N, C, D, H, W) or (C, D, H, W).
    Twin: ``torch.nn.functional.max_pool3d``.
    """
    call = (input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _max_pool("max_pool3d", 3, *call)


def max_pool1d_backward(
    grad_output,
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """Return the gradient of `max_pool1d`; see `max_pool2d_backward`.

    ∂L/∂x[n,c,h] = Σ_p g[n,c,p] · [h is where window p has its maximum]
    """
    call = (input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _max_pool_backward("max_pool1d", 1, grad_output, *call)


def max_pool2d_backward(
    grad_output,
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """Return the gradient of `max_pool2d` in its input.

        ∂L/∂x[n,c,h,w] = Σ_{p,q} g[n,c,p,q] · [(h,w) is where window (p,q) has its max]

    Windows that overlap may share their maximum: there the gradients add up.

    Parameters
    ----------
    grad_output : (N, C, H_out, W_out) or (C, H_out, W_out)
        g = ∂L/∂y, in the input's dtype.
    input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
        The arguments of the forward call.

    Returns
    -------
    (N, C, H, W) or (C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `max_pool2d`, and if ``grad_output`` has not the shape or dtype of its
        output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.max_pool2d``.
    Derived in "Backpropagation through pooling" (ledger: maxpool-bwd,
    pool-bwd-upsample).

    Examples
    --------
    >>> x = np.array([[[1.0, 5.0, 2.0, 2.0]]])
    >>> g = np.array([[[10.0, 20.0, 30.0]]])
    >>> max_pool2d_backward(g, x, (1, 2), stride=1)
    array([[[ 0., 30., 30.,  0.]]])
    """
    call = (input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _max_pool_backward("max_pool2d", 2, grad_output, *call)


def max_pool3d_backward(
    grad_output,
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """Return the gradient of `max_pool3d`; see `max_pool2d_backward`."""
    call = (input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _max_pool_backward("max_pool3d", 3, grad_output, *call)


def _max_pool(name, axes, input, *settings):
    *settings, return_indices = settings
    check = PoolCheck(name, axes, input)
    return _pool(check, input, *_regular(check, *settings), return_indices)


def _max_pool_backward(name, axes, grad_output, input, *settings):
    *settings, _ = settings
    check = PoolCheck(f"{name}_backward", axes, input)
    out, lines = _regular(check, *settings)
    check.upstream(grad_output, out)
    x, g = _planes(input, check.size), _planes(grad_output, out)
    dx = np.empty_like(x)
    with quiet():
        for block in _blocks(x):
            _, switches = _switched(x[block], lines)
            dx[block] = reduce(_let_back, switches[::-1], g[block])
    return dx.reshape(input.shape)


def _regular(check, *settings):
    """Return the output's spatial shape, and the lines that lead to it."""
    where = check.windows(*settings)
    check.along(check.axes, _refuse_hollow, check.size, *where)
    rules = _last_first(check.size, *where)
    return where.out, [Line(k, r[0], r[-1], tuple(taps(*r))) for k, *r in rules]


def _refuse_hollow(size, kernel_size, stride, padding, dilation, out):
    """Raise if a window lies wholly in the padding."""
    start = stride * np.arange(out) - padding
    inside = start + dilation * np.maximum(0, -(start // dilation))
    if inside.max() >= size:
        p = int(np.argmax(inside >= size))
        raise ValueError(f"max_pool: window {p} lies wholly in the padding")


# Adaptive windows ---------------------------------------------------------------------


def adaptive_max_pool1d(input, output_size, return_indices=False):
    """Take the maxima of L_out bins of every sequence; see `adaptive_max_pool2d`.

        y[n,c,p] = max x[n,c,h]   over   ⌊p·L/L_out⌋ ≤ h < ⌈(p+1)·L/L_out⌉

    Shapes: input (N, C, L) or (C, L).
    Twin: ``torch.nn.functional.adaptive_max_pool1d``.
    """
    return _adaptive("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Take the maxima of H_out × W_out bins that cover every image.

        y[n,c,p,q] = max x[n,c,h,w]   over   ⌊p·H/H_out⌋ ≤ h < ⌈(p+1)·H/H_out⌉,
                                             ⌊q·W/W_out⌋ ≤ w < ⌈(q+1)·W/W_out⌉

    Bins overlap where H_out does not divide H.  Ties and NaN are as in `max_pool2d`.

    Parameters
    ----------
    input : (N, C, H, W) or (C, H, W)
        Floats, or object (fractions, traced symbols), which stays exact.
    output_size : int or tuple of int or None
        H_out and W_out, or one number for both; None in their place keeps the size.
    return_indices : bool
        Also return where the maxima are.

    Returns
    -------
    (N, C, H_out, W_out) or (C, H_out, W_out)
        In the input's dtype.  With ``return_indices`` a tuple of it and int64 indices
        h·W + w of the same shape.

    Raises
    ------
    TypeError
        If the input is not a NumPy array of floats or exact numbers, or an output size
        is not an integer.
    ValueError
        If an output size is negative, or the input is empty but for its first axis.

    Notes
    -----
    Twin: ``torch.nn.functional.adaptive_max_pool2d``.

    Examples
    --------
    >>> adaptive_max_pool2d(np.array([[[3.0, 2.0, 4.0, 1.0, 0.0]]]), (1, 3))
    array([[[3., 4., 1.]]])
    """
    return _adaptive("adaptive_max_pool2d", 2, input, output_size, return_indices)


def adaptive_max_pool3d(input, output_size, return_indices=False):
    """Take the maxima of bins that cover every volume; see `adaptive_max_pool2d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W).
    Twin: ``torch.nn.functional.adaptive_max_pool3d``.
    """
    return _adaptive("adaptive_max_pool3d", 3, input, output_size, return_indices)


def adaptive_max_pool1d_backward(grad_output, input, output_size, return_indices=False):
    """Return the gradient of `adaptive_max_pool1d`; see `max_pool2d_backward`."""
    return _adaptive_backward("adaptive_max_pool1d", 1, grad_output, input, output_size)


def adaptive_max_pool2d_backward(grad_output, input, output_size, return_indices=False):
    """Return the gradient of `adaptive_max_pool2d` in its input.

        ∂L/∂x[n,c,h,w] = Σ_{p,q} g[n,c,p,q] · [(h,w) is where bin (p,q) has its max]

    Parameters
    ----------
    grad_output : (N, C, H_out, W_out) or (C, H_out, W_out)
        g = ∂L/∂y, in the input's dtype.
    input, output_size, return_indices
        The arguments of the forward call.

    Returns
    -------
    (N, C, H, W) or (C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `adaptive_max_pool2d`, and if ``grad_output`` has not the shape or dtype of
        its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.adaptive_max_pool2d``.

    Examples
    --------
    >>> x = np.array([[[3.0, 2.0, 4.0, 1.0]]])
    >>> adaptive_max_pool2d_backward(np.array([[[1.0, 10.0, 100.0]]]), x, (1, 3))
    array([[[  1.,   0., 110.,   0.]]])
    """
    return _adaptive_backward("adaptive_max_pool2d", 2, grad_output, input, output_size)


def adaptive_max_pool3d_backward(grad_output, input, output_size, return_indices=False):
    """Return the gradient of `adaptive_max_pool3d`; see `max_pool2d_backward`."""
    return _adaptive_backward("adaptive_max_pool3d", 3, grad_output, input, output_size)


def _adaptive(name, axes, input, output_size, return_indices):
    check = PoolCheck(name, axes, input, "fO")
    return _pool(check, input, *_binned(check, output_size), return_indices)


def _adaptive_backward(name, axes, grad_output, input, output_size):
    check = PoolCheck(f"{name}_backward", axes, input, "fO")
    out, lines = _binned(check, output_size)
    check.upstream(grad_output, out)
    _, at = _pool(check, input, out, lines, return_indices=True)
    g, at = _rows(grad_output, out), _rows(at, out)
    dx = np.zeros((len(g), math.prod(check.size)), g.dtype)
    with quiet():
        # Bins that share their maximum add to the same place.
        np.add.at(dx, (np.arange(len(g))[:, None], at), g)
    return dx.reshape(input.shape)


def _binned(check, output_size):
    """Return the output's spatial shape, and the lines that lead to it."""
    check.filled(1)
    out = check.bins(output_size)
    return out, [line for rule in _last_first(check.size, out) for line in _bins(*rule)]


def _bins(axis, size, out):
    """Lay the bins along an axis one after the other, and halve them until one is left.

    Repeated, its last entry makes each bin as long as a power of two: it is where the
    maximum is found only if it was so before.
    """
    start, end = adaptive_bins(size, out)
    length = 1 << int((end - start).max(initial=1) - 1).bit_length()
    inputs = np.minimum(start[:, None] + np.arange(length), end[:, None] - 1).ravel()
    yield Line(axis, size, len(inputs), (Tap(0, True, slice(None), inputs),))
    for n in range(length.bit_length() - 2, -1, -1):
        size, half = out << (n + 1), out << n
        yield Line(axis, size, half, tuple(taps(size, 2, 2, 0, 1, half)))


# The maxima, and the switches that lead to them ---------------------------------------


def _last_first(*settings):
    """Return each axis and its settings, from the last axis to the first.

    So the first of equal entries, row by row, is the first along each axis in turn.
    """
    return [*zip(range(-len(settings[0]), 0), *settings)][::-1]


def _pool(check, input, out, lines, return_indices):
    """Return the maxima of all windows, and where they are if that is asked."""
    x, shape = _planes(input, check.size), (*check.lead, *out)
    y = np.empty((len(x), *out), x.dtype)
    if not return_indices:
        for block in _blocks(x):
            y[block] = reduce(_maxima, lines, x[block])
        return y.reshape(shape)
    indices = np.empty(y.shape, np.int64)
    positions = np.arange(math.prod(check.size)).reshape(check.size)
    for block in _blocks(x):
        y[block], switches = _switched(x[block], lines)
        at = np.broadcast_to(positions, x[block].shape)
        indices[block] = reduce(_let_through, switches, at)
    return y.reshape(shape), indices.reshape(shape)


def _maxima(x, line):
    """Return the maxima of all windows along one axis."""
    y = _empty(x, line.axis, line.out)
    for tap in line.taps:
        best, new = y[along(line.axis, tap.outputs)], x[along(line.axis, tap.inputs)]
        if tap.first:
            best[...] = new
        else:
            np.maximum(best, new, out=best)
    return y


def _switched(x, lines):
    """Return the maxima along all axes, and the switches of each."""
    switches = []
    for line in lines:
        x, won = _switch(x, line)
        switches.append((line, won))
    return x, switches


def _switch(x, line):
    """Return the maxima along one axis, and for each tap the windows it has won.

    An equal entry does not take the lead; NaN does, and loses it to another NaN alone.
    """
    y, won = _empty(x, line.axis, line.out), []
    for tap in line.taps:
        best, new = y[along(line.axis, tap.outputs)], x[along(line.axis, tap.inputs)]
        if tap.first:
            best[...] = new
            won.append(np.ones(new.shape, bool))
        else:
            new = new.copy()  # in one piece it is read faster, three times
            won.append((new > best) | (new != new))
            np.maximum(best, new, out=best)
    # Who has taken the lead last has won.
    free = np.ones(y.shape, bool)
    for tap, lead in zip(line.taps[::-1], won[::-1]):
        left = free[along(line.axis, tap.outputs)]
        lead &= left
        left ^= lead
    return y, won


def _let_through(values, switch):
    """Return along one axis what lies where each window has its maximum."""
    line, won = switch
    y = np.zeros(resized(values, line.axis, line.out), values.dtype)
    for tap, mask in zip(line.taps, won):
        new = _kept(values[along(line.axis, tap.inputs)], mask)
        y[along(line.axis, tap.outputs)] += new
    return y


def _let_back(g, switch):
    """Add along one axis what each window gets to where it has its maximum."""
    line, won = switch
    dx = np.zeros(resized(g, line.axis, line.size), g.dtype)
    for tap, mask in zip(line.taps, won):
        new = _kept(g[along(line.axis, tap.outputs)], mask)
        dx[along(line.axis, tap.inputs)] += new
    return dx


def _kept(array, mask):
    """Return the array where the mask is set, and 0 elsewhere.

    This is ``np.where``, ten times faster on numbers of up to 8 bytes: their bits are
    and-ed with all ones or all zeros.
    """
    if array.dtype.kind not in "iuf" or array.itemsize > 8:
        return np.where(mask, array, 0)
    bits = f"i{array.itemsize}"
    ones = np.negative(mask.view("i1")).astype(bits)
    return (array.view(bits) & ones).view(array.dtype)


def _empty(x, axis, size):
    return np.empty(resized(x, axis, size), x.dtype)


def _planes(array, size):
    """Return an array with one axis before the spatial ones."""
    return array.reshape(math.prod(array.shape[: -len(size)]), *size)


def _rows(array, size):
    """Return an array with its spatial axes in one, and the others in one."""
    return array.reshape(math.prod(array.shape[: -len(size)]), math.prod(size))


def _blocks(x):
    """Cut the planes where what is made of them would leave a cache of 1 MiB."""
    step = max(1, 2**19 // (math.prod(x.shape[1:]) * x.itemsize))
    return (slice(n, n + step) for n in range(0, len(x), step))


# The partial inverse ------------------------------------------------------------------


def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put the entries of sequences where the indices say; see `max_unpool2d`.

        y[n,c,l] = Σ_p x[n,c,p] · [l = index[n,c,p]]

    Shapes: input (N, C, L) or (C, L).  Twin: ``torch.nn.functional.max_unpool1d``.
    """
    call = (input, indices, kernel_size, stride, padding, output_size)
    return _max_unpool("max_unpool1d", 1, *call)


def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put the entries of images where the indices say, and 0 elsewhere.

        y[n,c,h,w] = Σ_{p,q} x[n,c,p,q] · [h·W_out + w = index[n,c,p,q]]

    With the indices of `max_pool2d` every maximum returns to its place.

    Parameters
    ----------
    input : (N, C, H, W) or (C, H, W)
        Floats, or object (fractions, symbols), which stays exact.
    indices : int64, the input's shape
        Flat positions in an output plane.  Where two are equal, the last entry stays.
    kernel_size, stride, padding : int or tuple of int
        The settings of the pooling, which the output's size follows from.  The stride
        is the kernel's size unless given.
    output_size : tuple of int, optional
        The spatial axes of the output, or all of them; each less than one stride away
        from where the settings lead.

    Returns
    -------
    (N, C, H_out, W_out) or (C, H_out, W_out)
        H_out = (H − 1)·s + K_h − 2P unless given, in the input's dtype.

    Raises
    ------
    TypeError
        If the input is not a NumPy array of floats or exact numbers, the indices are
        not int64, or a setting is not an integer.
    ValueError
        If the shapes differ, an index lies outside the output, a setting is out of its
        range, or the input is empty but for its first axis.

    Notes
    -----
    Twin: ``torch.nn.functional.max_unpool2d``.

    Examples
    --------
    >>> x = np.array([[[5.0, 7.0]]])
    >>> max_unpool2d(x, np.array([[[1, 6]]]), 2)
    array([[[0., 5., 0., 0.],
            [0., 0., 7., 0.]]])
    """
    call = (input, indices, kernel_size, stride, padding, output_size)
    return _max_unpool("max_unpool2d", 2, *call)


def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put the entries of volumes where the indices say; see `max_unpool2d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W).
    Twin: ``torch.nn.functional.max_unpool3d``.
    """
    call = (input, indices, kernel_size, stride, padding, output_size)
    return _max_unpool("max_unpool3d", 3, *call)


def max_unpool1d_backward(
    grad_output,
    input,
    indices,
    kernel_size,
    stride=None,
    padding=0,
    output_size=None,
):
    """Return the gradient of `max_unpool1d`; see `max_unpool2d_backward`."""
    call = (input, indices, kernel_size, stride, padding, output_size)
    return _max_unpool_backward("max_unpool1d", 1, grad_output, *call)


def max_unpool2d_backward(
    grad_output,
    input,
    indices,
    kernel_size,
    stride=None,
    padding=0,
    output_size=None,
):
    """Return the gradient of `max_unpool2d` in its input.

        ∂L/∂x[n,c,p,q] = g[n,c,h,w],   h·W_out + w = index[n,c,p,q]

    Parameters
    ----------
    grad_output : (N, C, H_out, W_out) or (C, H_out, W_out)
        g = ∂L/∂y, in the input's dtype.
    input, indices, kernel_size, stride, padding, output_size
        The arguments of the forward call.

    Returns
    -------
    (N, C, H, W) or (C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `max_unpool2d`, and if ``grad_output`` has not the shape or dtype of its
        output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.max_unpool2d``.  As there,
    entries of equal indices get the same gradient, though one of them alone stays.

    Examples
    --------
    >>> g = np.arange(8.0).reshape(1, 2, 4)
    >>> max_unpool2d_backward(g, np.array([[[5.0, 7.0]]]), np.array([[[1, 6]]]), 2)
    array([[[1., 6.]]])
    """
    call = (input, indices, kernel_size, stride, padding, output_size)
    return _max_unpool_backward("max_unpool2d", 2, grad_output, *call)


def max_unpool3d_backward(
    grad_output,
    input,
    indices,
    kernel_size,
    stride=None,
    padding=0,
    output_size=None,
):
    """Return the gradient of `max_unpool3d`; see `max_unpool2d_backward`."""
    call = (input, indices, kernel_size, stride, padding, output_size)
    return _max_unpool_backward("max_unpool3d", 3, grad_output, *call)


def _max_unpool(name, axes, input, *arguments):
    check = _UnpoolCheck(name, axes, input, *arguments)
    x, at = _rows(input, check.size), _rows(check.indices, check.size)
    y = np.zeros((len(x), math.prod(check.out)), x.dtype)
    np.put_along_axis(y, at, x, axis=1)
    return y.reshape(*check.lead, *check.out)


def _max_unpool_backward(name, axes, grad_output, input, *arguments):
    check = _UnpoolCheck(f"{name}_backward", axes, input, *arguments)
    check.upstream(grad_output, check.out)
    g, at = _rows(grad_output, check.out), _rows(check.indices, check.size)
    return np.take_along_axis(g, at, axis=1).reshape(input.shape)


class _UnpoolCheck(PoolCheck):
    """The arguments of an unpooling."""

    def __init__(
        self, name, axes, input, indices, kernel_size, stride, padding, output_size
    ):
        super().__init__(name, axes, input, "fO")
        self.array("indices", indices, self.meanings, "iu", same=False)
        if indices.dtype != np.int64:
            raise TypeError(f"{name}: indices must be int64, not {indices.dtype}")
        if indices.shape != input.shape:
            self.fail("indices must have the input's shape")
        self.filled(1)
        self.indices = indices
        self.out = self._out(kernel_size, stride, padding, output_size)
        wrong = indices[(indices < 0) | (indices >= math.prod(self.out))]
        if wrong.size:
            self.fail(f"index {wrong.flat[0]} lies outside the output {self.out}")

    def _out(self, kernel_size, stride, padding, output_size):
        """Return the output's spatial shape."""
        stride = kernel_size if stride is None else stride
        rule = {"kernel_size": (kernel_size, 1), "stride": (stride, 1)}
        rule["padding"] = (padding, 0)
        k, s, p = (
            self.per_axis(label, value, self.axes, least, repeat=False)
            for label, (value, least) in rule.items()
        )
        sizes = self.along(self.axes, _unpooled_size, self.size, k, s, p)
        if output_size is None:
            return sizes
        if not isinstance(output_size, tuple | list):
            raise TypeError(
                f"{self.name}: output_size must be a tuple of integers, "
                f"got {output_size!r}"
            )
        if len(output_size) == len(self.axes) + 2:
            output_size = output_size[2:]
        out = self.per_axis("output_size", output_size, self.axes, 0, repeat=False)
        for axis, h, default, step in zip(self.axes, out, sizes, s):
            if abs(h - default) >= step:
                self.fail(
                    f"along {axis}, output_size {h} must lie between "
                    f"{default - step} and {default + step}"
                )
        return out


def _unpooled_size(size, kernel_size, stride, padding):
    """Return (H − 1)·s + K − 2P, the size that a pooling maps to H."""
    out = (size - 1) * stride + kernel_size - 2 * padding
    if out < 0:
        raise ValueError(f"max_unpool: the padding leaves {out} positions")
    return out
