"""The windows that a kernel sees, and the adjoint of taking them.

For one axis let C[h,p,i] = [h = s·p + d·i − P]: input position h is read by output
position p through kernel offset i.  `windows` contracts C with the input over h,
`windows_backward` contracts it with a gradient over p and i.  Everything a convolution
does is one of these two beside a matrix product.
"""

from operator import mul

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnref.geometry import span

__all__ = ["windows", "windows_backward", "zero_pad"]


def windows(x, kernel_size, stride, padding, dilation):
    """Return every window of the zero-padded input, as a read-only view.

        v[…, i, p] = x[…, s·p + d·i − P]

    Parameters
    ----------
    x : (…, *spatial)
        Any dtype; the last ``len(kernel_size)`` axes are spatial.
    kernel_size, stride, dilation : tuple of int
        One entry per spatial axis.
    padding : tuple of (int, int)
        Zeros before and after each spatial axis; a negative number after cuts
        positions off the end.

    Returns
    -------
    (…, *kernel_size, *out) : kernel offsets first, output positions last.

    Notes
    -----
    ``windows(x, …).reshape(N, C·K, -1)`` is ``torch.nn.functional.unfold``.

    Examples
    --------
    >>> windows(np.arange(5), (3,), (2,), ((0, 0),), (1,))
    array([[0, 2],
           [1, 3],
           [2, 4]])
    """
    lead = x.ndim - len(kernel_size)
    _check("windows", x.shape[lead:], kernel_size, stride, padding, dilation)
    x = zero_pad(x, padding)
    skips, steps = x.strides[:lead], x.strides[lead:]
    reach = map(span, kernel_size, dilation)
    out = ((h - r) // s + 1 for h, r, s in zip(x.shape[lead:], reach, stride))
    # One step along i moves d positions on, one step along p moves s.
    shape = (*x.shape[:lead], *kernel_size, *out)
    strides = (*skips, *map(mul, dilation, steps), *map(mul, stride, steps))
    return as_strided(x, shape, strides, writeable=False)


def windows_backward(grad_windows, size, stride, padding, dilation):
    """Add every window's gradient back to the input positions that it showed.

        ∂L/∂x[…, h] = Σ_{p,i} g[…, i, p] · [h = s·p + d·i − P]

    Parameters
    ----------
    grad_windows : (…, *kernel_size, *out)
        The gradient of `windows`.
    size : tuple of int
        The spatial shape of the input.
    stride, padding, dilation
        As in `windows`.

    Returns
    -------
    (…, *size) : positions that no window shows get 0.

    Notes
    -----
    Twin: ``torch.nn.functional.fold``.

    Examples
    --------
    >>> windows_backward(np.ones((3, 2)), (5,), (2,), ((0, 0),), (1,))
    array([1., 1., 2., 1., 1.])
    """
    axes = len(size)
    out = grad_windows.shape[grad_windows.ndim - axes :]
    kernel_size = grad_windows.shape[grad_windows.ndim - 2 * axes :][:axes]
    rule = (kernel_size, stride, padding, dilation)
    _check("windows_backward", size, *rule, out)
    total, kernel = grad_windows, grad_windows.ndim - 2 * axes
    rules = zip(size, stride, padding, dilation)
    # C is a product over the axes, so they are summed one after the other.
    for axis, (h, s, (before, after), d) in enumerate(rules, start=-axes):
        taps, rest = np.moveaxis(total, kernel, 0), (slice(None),) * (-axis - 1)
        shape, reach = list(taps.shape[1:]), s * (taps.shape[axis] - 1) + 1
        shape[axis] = h + before + max(0, after)
        total = np.zeros(shape, total.dtype)
        for i, tap in enumerate(taps):
            total[(..., slice(d * i, d * i + reach, s), *rest)] += tap
        total = total[(..., slice(before, before + h), *rest)]
    return total


def _check(name, size, kernel_size, stride, padding, dilation, out=None):
    """Raise unless there is one setting per axis and the windows lie inside."""
    lengths = {len(v) for v in (size, kernel_size, stride, padding, dilation)}
    if len(lengths) > 1 or (out is not None and len(out) != len(size)):
        raise ValueError(
            f"{name}: size {size}, kernel_size {kernel_size}, stride {stride}, "
            f"padding {padding} and dilation {dilation} differ in length"
        )
    windows_ = (1,) * len(size) if out is None else out
    rules = zip(size, kernel_size, stride, padding, dilation, windows_)
    for h, k, s, (before, after), d, p in rules:
        if s < 1 or before < 0:
            raise ValueError(f"{name}: stride {s} or padding {before} is too small")
        reach = s * (p - 1) + d * (k - 1) + 1
        if reach > h + before + after:
            raise ValueError(
                f"{name}: the windows span {reach} but the padded input has only "
                f"{h + before + after}"
            )


def zero_pad(x, padding):
    """Surround the last axes with zeros of the input's own dtype, or cut their end."""
    if not any(before or after for before, after in padding):
        return x
    lead = x.shape[: x.ndim - len(padding)]
    size = x.shape[x.ndim - len(padding) :]
    padded = np.zeros((*lead, *(h + sum(p) for h, p in zip(size, padding))), x.dtype)
    kept = [max(0, h + min(0, after)) for h, (_, after) in zip(size, padding)]
    inside = (slice(before, before + h) for h, (before, _) in zip(kept, padding))
    padded[(..., *inside)] = x[(..., *map(slice, kept))]
    return padded
