"""Operations that move entries to another place: none computes with their values.

Flattening and the shuffles of pixels are permutations of the entries, so the gradient
of each is the permutation back.  `unfold` copies every window into a column; its
adjoint `fold` adds the columns back.
"""

import math

import numpy as np

from cnnref.arguments import SPATIAL, Arguments
from cnnref.geometry import out_size
from cnnref.windows import windows, windows_backward

__all__ = [
    "flatten",
    "flatten_backward",
    "fold",
    "fold_backward",
    "one_hot",
    "pixel_shuffle",
    "pixel_shuffle_backward",
    "pixel_unshuffle",
    "pixel_unshuffle_backward",
    "unfold",
    "unfold_backward",
]

# Where nothing is computed, bool stands beside the numbers.
_ANY = "biufcO"

# Flatten and one-hot ------------------------------------------------------------------


def flatten(input, start_dim=0, end_dim=-1):
    """Join the axes from ``start_dim`` to ``end_dim``, the last varying fastest.

        y[…, (h·W + w), …] = x[…, h, w, …]

    Parameters
    ----------
    input : array
        Any dtype.
    start_dim, end_dim : int
        The first and the last axis that are joined.

    Returns
    -------
    array
        A copy, also where PyTorch returns a view.

    Raises
    ------
    TypeError
        If the input is not a NumPy array of numbers or bool, or an axis not an integer.
    ValueError
        If an axis is none of the input's, or the last comes before the first.

    Notes
    -----
    Twin: ``torch.flatten``.  A batch of images (N, C, H, W) is flattened from axis 1
    on: its features come in the order C, H, W.
    Derived in "Dense layers" (ledger: flatten-4x4x128).

    Examples
    --------
    >>> flatten(np.arange(12).reshape(2, 3, 2), start_dim=1)
    array([[ 0,  1,  2,  3,  4,  5],
           [ 6,  7,  8,  9, 10, 11]])
    """
    _, out = _flatten("flatten", input, start_dim, end_dim)
    return input.copy().reshape(out)


def flatten_backward(grad_output, input, start_dim=0, end_dim=-1):
    """Return the gradient of `flatten` in its input: g with the axes taken apart.

    Raises
    ------
    TypeError, ValueError
        As `flatten`, and if ``grad_output`` has not the shape or dtype of its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.flatten``.

    Examples
    --------
    >>> flatten_backward(np.arange(4.0), np.zeros((2, 2)))
    array([[0., 1.],
           [2., 3.]])
    """
    call, out = _flatten("flatten_backward", input, start_dim, end_dim)
    call.gradient(grad_output, out, _axes(len(out)))
    return grad_output.copy().reshape(input.shape)


def one_hot(tensor, num_classes=-1):
    """Write each class as a row with a 1 in its place and 0 in every other.

        y[…, k] = [k = t[…]]

    Parameters
    ----------
    tensor : (…) of int64
        The class of each position, from 0 on.
    num_classes : int
        How many classes there are; −1 takes one more than the largest class.

    Returns
    -------
    (…, num_classes) of int64

    Raises
    ------
    TypeError
        If ``tensor`` is not a NumPy array of int64, or ``num_classes`` no integer.
    ValueError
        If a class is negative or too large, or there is none to count.

    Notes
    -----
    Twin: ``torch.nn.functional.one_hot``.

    Examples
    --------
    >>> one_hot(np.array([2, 0]))
    array([[0, 0, 1],
           [1, 0, 0]])
    """
    call = Arguments("one_hot")
    call.array("tensor", tensor, _axes(getattr(tensor, "ndim", 0)))
    if tensor.dtype != np.int64:
        raise TypeError(f"one_hot: tensor has dtype {tensor.dtype}, not int64")
    num_classes = call.integer("num_classes", num_classes)
    if num_classes == -1:
        if not tensor.size:
            call.fail("no class is there to count; give num_classes")
        num_classes = int(tensor.max()) + 1
    elif num_classes < 1:
        call.fail(f"num_classes must be −1 or at least 1, got {num_classes}")
    if tensor.size and tensor.min() < 0:
        call.fail(f"a class must be at least 0, but tensor holds {tensor.min()}")
    if tensor.size and tensor.max() >= num_classes:
        call.fail(
            f"a class must be below num_classes = {num_classes}, but tensor holds "
            f"{tensor.max()}"
        )
    return (tensor[..., None] == np.arange(num_classes)).astype(np.int64)


# Pixels -------------------------------------------------------------------------------


def pixel_shuffle(input, upscale_factor):
    """Deal r² channels out to the r × r pixels of a finer image.

        y[…, c, r·h + i, r·w + j] = x[…, c·r² + r·i + j, h, w]

    Parameters
    ----------
    input : (…, C·r², H, W)
        Any dtype and any lead axes, also none.
    upscale_factor : int
        r, whose square divides the channels.

    Returns
    -------
    (…, C, r·H, r·W)

    Raises
    ------
    TypeError, ValueError
        If the input is not an array of three axes or more, or r does not fit it.

    Notes
    -----
    Twin: ``torch.nn.functional.pixel_shuffle``.  ONNX calls this order of the channels
    CRD, for column, row, depth; the order DCR gives another result.

    Examples
    --------
    >>> pixel_shuffle(np.arange(8).reshape(4, 1, 2), 2)
    array([[[0, 2, 1, 3],
            [4, 6, 5, 7]]])
    """
    r = _Shuffle("pixel_shuffle", input).upscale(upscale_factor)
    return _shuffled(input, r)


def pixel_shuffle_backward(grad_output, input, upscale_factor):
    """Return the gradient of `pixel_shuffle` in its input: g, shuffled back.

        ∂L/∂x[…, c·r² + r·i + j, h, w] = g[…, c, r·h + i, r·w + j]

    Raises
    ------
    TypeError, ValueError
        As `pixel_shuffle`, and if ``grad_output`` does not match its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.pixel_shuffle``.

    Examples
    --------
    >>> pixel_shuffle_backward(np.eye(2)[None], np.zeros((4, 1, 1)), 2).ravel()
    array([1., 0., 0., 1.])
    """
    call = _Shuffle("pixel_shuffle_backward", input)
    r = call.upscale(upscale_factor)
    *lead, c, h, w = input.shape
    call.gradient(grad_output, (*lead, c // r**2, r * h, r * w), call.axes)
    return _unshuffled(grad_output, r)


def pixel_unshuffle(input, downscale_factor):
    """Gather each r × r pixels of an image into r² channels of a coarser one.

        y[…, c·r² + r·i + j, h, w] = x[…, c, r·h + i, r·w + j]

    The inverse of `pixel_shuffle`.

    Parameters
    ----------
    input : (…, C, r·H, r·W)
        Any dtype and any lead axes, also none.
    downscale_factor : int
        r, which divides the height and the width.

    Returns
    -------
    (…, C·r², H, W)

    Raises
    ------
    TypeError, ValueError
        If the input is not an array of three axes or more, or r does not fit it.

    Notes
    -----
    Twin: ``torch.nn.functional.pixel_unshuffle``.

    Examples
    --------
    >>> pixel_unshuffle(np.arange(4).reshape(1, 2, 2), 2).ravel()
    array([0, 1, 2, 3])
    """
    r = _Shuffle("pixel_unshuffle", input).downscale(downscale_factor)
    return _unshuffled(input, r)


def pixel_unshuffle_backward(grad_output, input, downscale_factor):
    """Return the gradient of `pixel_unshuffle` in its input: g, shuffled.

        ∂L/∂x[…, c, r·h + i, r·w + j] = g[…, c·r² + r·i + j, h, w]

    Raises
    ------
    TypeError, ValueError
        As `pixel_unshuffle`, and if ``grad_output`` does not match its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.pixel_unshuffle``.

    Examples
    --------
    >>> g = np.arange(4.0).reshape(4, 1, 1)
    >>> pixel_unshuffle_backward(g, np.zeros((1, 2, 2)), 2)
    array([[[0., 1.],
            [2., 3.]]])
    """
    call = _Shuffle("pixel_unshuffle_backward", input)
    r = call.downscale(downscale_factor)
    *lead, c, h, w = input.shape
    call.gradient(grad_output, (*lead, c * r**2, h // r, w // r), call.axes)
    return _shuffled(grad_output, r)


def _shuffled(x, r):
    """Deal channels out to pixels, in a copy."""
    *lead, c, h, w = x.shape
    blocks = x.reshape(*lead, c // r**2, r, r, h, w)
    pixels = np.moveaxis(blocks, (-4, -3), (-3, -1)).copy()
    return pixels.reshape(*lead, c // r**2, r * h, r * w)


def _unshuffled(x, r):
    """Gather pixels into channels, in a copy."""
    *lead, c, h, w = x.shape
    blocks = x.reshape(*lead, c, h // r, r, w // r, r)
    channels = np.moveaxis(blocks, (-3, -1), (-4, -3)).copy()
    return channels.reshape(*lead, c * r**2, h // r, w // r)


# Windows as columns -------------------------------------------------------------------


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Write every window of an image as a column.

        y[n, (c, i, j), (p, q)] = x[n,c,s·p + d·i − P,s·q + d·j − P]

    x is 0 outside its shape.  A convolution is then one product of matrices.

    Parameters
    ----------
    input : (N, C, H, W) or (C, H, W)
        Floats, complex numbers, bool or object, which stays exact.
    kernel_size, dilation, padding, stride : int or (int, int)
        K, d, P and s, for each of the two axes.

    Returns
    -------
    (N, C·K_h·K_w, H_out·W_out) or (C·K_h·K_w, H_out·W_out)
        H_out = ⌊(H + 2P − d·(K_h − 1) − 1) / s⌋ + 1.

    Raises
    ------
    TypeError
        If the input is not such an array, or a setting not an integer.
    ValueError
        If shapes or settings disagree, or the kernel does not fit.

    Notes
    -----
    Twin: ``torch.nn.functional.unfold``.

    Examples
    --------
    >>> unfold(np.arange(6.0).reshape(1, 2, 3), kernel_size=2)
    array([[0., 1.],
           [1., 2.],
           [3., 4.],
           [4., 5.]])
    """
    call = _Columns("unfold", kernel_size, dilation, padding, stride)
    call.image(input)
    return call.columns(input)


def unfold_backward(grad_output, input, kernel_size, dilation=1, padding=0, stride=1):
    """Return the gradient of `unfold` in its input: `fold` of g.

        ∂L/∂x[n,c,h] = Σ_{i,p} g[n, (c, i), p] · [h = s·p + d·i − P],   h, i, p in Z²

    Raises
    ------
    TypeError, ValueError
        As `unfold`, and if ``grad_output`` has not the shape or dtype of its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.unfold``.

    Examples
    --------
    >>> unfold_backward(np.ones((2, 2)), np.zeros((1, 1, 3)), kernel_size=(1, 2))
    array([[[1., 2., 1.]]])
    """
    call = _Columns("unfold_backward", kernel_size, dilation, padding, stride)
    *lead, c, _, _ = call.image(input)
    out = (*lead, c * math.prod(call.kernel), math.prod(call.out))
    call.gradient(grad_output, out, (*"N" * len(lead), *_COLUMN_AXES))
    return call.image_of(grad_output)


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Add columns back to the image positions whose windows they are.

        y[n,c,h] = Σ_{i,p} x[n, (c, i), p] · [h = s·p + d·i − P],   h, i, p in Z²

    It is the adjoint of `unfold`, not its inverse: where windows overlap, the sum has
    several terms.

    Parameters
    ----------
    input : (N, C·K_h·K_w, L) or (C·K_h·K_w, L)
        One column for each of the L windows.  Floats, complex numbers, bool or object.
    output_size : int or (int, int)
        H and W of the image.
    kernel_size, dilation, padding, stride : int or (int, int)
        As in `unfold`.

    Returns
    -------
    (N, C, H, W) or (C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `unfold`, and if the columns are not those of such an image.

    Notes
    -----
    Twin: ``torch.nn.functional.fold``.

    Examples
    --------
    >>> fold(np.ones((2, 2)), output_size=(1, 3), kernel_size=(1, 2))
    array([[[1., 2., 1.]]])
    """
    call = _Columns("fold", kernel_size, dilation, padding, stride)
    call.columns_of_image(input, output_size)
    return call.image_of(input)


def fold_backward(
    grad_output, input, output_size, kernel_size, dilation=1, padding=0, stride=1
):
    """Return the gradient of `fold` in its input: `unfold` of g.

        ∂L/∂x[n, (c, i), p] = g[n,c,s·p + d·i − P],   i, p in Z²

    Raises
    ------
    TypeError, ValueError
        As `fold`, and if ``grad_output`` has not the shape or dtype of its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.fold``.

    Examples
    --------
    >>> g = np.array([[[1.0, 2.0, 3.0]]])
    >>> fold_backward(g, np.zeros((2, 2)), output_size=(1, 3), kernel_size=(1, 2))
    array([[1., 2.],
           [2., 3.]])
    """
    call = _Columns("fold_backward", kernel_size, dilation, padding, stride)
    *lead, rows, _ = call.columns_of_image(input, output_size)
    out = (*lead, rows // math.prod(call.kernel), *call.size)
    call.gradient(grad_output, out, (*"N" * len(lead), "C", *SPATIAL[2]))
    return call.columns(grad_output)


# What makes a call valid --------------------------------------------------------------

_COLUMN_AXES = ("C·K_h·K_w", "H_out·W_out")
_IN_COLUMNS = "bfcO"  # what PyTorch has columns of


def _axes(ndim):
    """Name axes that have no meaning of their own."""
    return tuple(f"axis {k}" for k in range(ndim))


def _flatten(name, input, start_dim, end_dim):
    """Return the checked call, and the shape of its output."""
    call = Arguments(name)
    call.array("input", input, _axes(getattr(input, "ndim", 0)), kinds=_ANY)
    start = call.axis("start_dim", start_dim, input.ndim)
    end = call.axis("end_dim", end_dim, input.ndim)
    if start > end:
        call.fail(f"start_dim = {start_dim} comes after end_dim = {end_dim}")
    shape = input.shape or (1,)
    joined = math.prod(shape[start : end + 1])
    return call, (*shape[:start], joined, *shape[end + 1 :])


class _Shuffle(Arguments):
    """The arguments of a shuffle of pixels."""

    def __init__(self, name, input):
        super().__init__(name)
        lead = max(0, getattr(input, "ndim", 3) - 3)
        lead = ("N",) if lead == 1 else tuple(f"N_{k + 1}" for k in range(lead))
        self.axes = (*lead, "C", *SPATIAL[2])
        self.array("input", input, self.axes, kinds=_ANY)
        if input.ndim < 3:
            self.fail(f"input must have at least 3 axes, not {input.ndim}")
        self.shape = input.shape

    def upscale(self, factor):
        """Return a factor whose square divides the channels."""
        r = self.integer("upscale_factor", factor, least=1)
        if self.shape[-3] % r**2:
            c = self.shape[-3]
            self.fail(f"C = {c} is no multiple of upscale_factor² = {r**2}")
        return r

    def downscale(self, factor):
        """Return a factor that divides the height and the width."""
        r = self.integer("downscale_factor", factor, least=1)
        for axis, size in zip(SPATIAL[2], self.shape[-2:]):
            if size % r:
                self.fail(f"{axis} = {size} is no multiple of downscale_factor = {r}")
        return r


class _Columns(Arguments):
    """The arguments of `unfold` and `fold`."""

    def __init__(self, name, kernel_size, dilation, padding, stride):
        super().__init__(name)
        self.given = {
            "kernel_size": (kernel_size, 1),
            "dilation": (dilation, 1),
            "padding": (padding, 0),
            "stride": (stride, 1),
        }

    def image(self, input):
        """Take an image in; return its shape."""
        lead = "N" * (getattr(input, "ndim", 3) != 3)
        self._take(input, (*lead, "C", *SPATIAL[2]))
        self.size = input.shape[-2:]
        self._settle()
        return input.shape

    def columns_of_image(self, input, output_size):
        """Take the columns of an image of this size in; return their shape."""
        lead = "N" * (getattr(input, "ndim", 2) != 2)
        self._take(input, (*lead, *_COLUMN_AXES))
        self.size = self.per_axis(
            "output_size", output_size, SPATIAL[2], least=1, repeat=False
        )
        self._settle()
        rows, columns = input.shape[-2:]
        if rows % math.prod(self.kernel):
            self.fail(
                f"the {rows} rows are no multiple of the {math.prod(self.kernel)} "
                f"offsets into the kernel {self.kernel}"
            )
        if columns != math.prod(self.out):
            self.fail(
                f"{self.out[0]} · {self.out[1]} windows need as many columns, "
                f"not {columns}"
            )
        return input.shape

    def columns(self, image):
        """Copy every window into a column."""
        view = windows(image, self.kernel, *self.where)
        *lead, c = image.shape[:-2]
        rows = c * math.prod(self.kernel)
        return view.copy().reshape(*lead, rows, math.prod(self.out))

    def image_of(self, columns):
        """Add every column back to the window that it came from."""
        *lead, rows, _ = columns.shape
        c = rows // math.prod(self.kernel)
        taken = columns.reshape(*lead, c, *self.kernel, *self.out)
        return windows_backward(taken, self.size, *self.where)

    def _take(self, input, axes):
        self.array("input", input, axes, kinds=_IN_COLUMNS)
        least = len(axes) - ("N" in axes)
        if input.ndim not in (least, least + 1):
            self.fail(f"input must have {least} or {least + 1} axes, not {input.ndim}")
        for size, axis in zip(input.shape, axes):
            if size == 0 and axis != "N":
                self.fail(f"input has no elements along {axis}")

    def _settle(self):
        """Check the settings, and count the windows."""
        checked = {
            label: self.per_axis(label, value, SPATIAL[2], least, repeat=False)
            for label, (value, least) in self.given.items()
        }
        self.kernel, dilation, padding, stride = checked.values()
        sides = tuple((p, p) for p in padding)
        self.where = (stride, sides, dilation)
        rule = (self.size, self.kernel, stride, sides, dilation)
        self.out = self.along(SPATIAL[2], out_size, *rule)
