"""Resizing an image: along each axis a linear map with a few entries per output.

A mode is a rule for one axis: which input positions an output position reads, and with
which weights.  The weights are fractions; beside floats they are rounded once.
"""

import math
from fractions import Fraction
from functools import partial

import numpy as np

from cnnref.arguments import SPATIAL, Arguments
from cnnref.sparse import Sparse, apply, selection, transposed

__all__ = ["interpolate", "interpolate_backward"]


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """Resize every spatial axis of a batch, to a size or by a factor.

    Output position p lies over the input position

        u(p) = (p + ½)·t − ½,    t = H / H_out, or 1 / scale_factor

    the pixels being squares whose borders coincide, or with ``align_corners``

        u(p) = p·t,    t = (H − 1) / (H_out − 1)

    so that the first and the last pixel stay where they are.  With h = ⌊u⌋ and
    λ = u − h, along each axis

        nearest          y[p] = x[⌊p·t⌋]
        nearest-exact    y[p] = x[⌊(p + ½)·t⌋]
        linear           y[p] = (1 − λ)·x[h] + λ·x[h + 1],   u no less than 0
        cubic            y[p] = Σ_k κ(λ − k)·x[h + k],   k = −1 … 2
        area             y[p] = the mean of x from ⌊p·t⌋ to ⌈(p + 1)·t⌉ − 1

    where x continues with its border and κ is Keys' cubic with a = −¾.

    Parameters
    ----------
    input : (N, C, *spatial)
        One to three spatial axes.  Floats, or object, which stays exact; uint8 too for
        the two nearest modes.
    size : int or tuple of int, optional
        H_out, for all axes or for each.
    scale_factor : number or tuple of numbers, optional
        In place of the size: H_out = ⌊H·scale_factor⌋, and t as above.
    mode : str
        "nearest", "nearest-exact" or "area"; "linear" for one axis, "bilinear" or
        "bicubic" for two, "trilinear" for three.
    align_corners : bool, optional
        For the linear and cubic modes; False unless given.
    recompute_scale_factor : bool, optional
        Take t = H / H_out also where a factor is given.
    antialias : bool
        "bilinear" and "bicubic" only: where the image shrinks, widen the kernel by t,
        so that every pixel counts, and divide by the sum of the weights; a is then −½.
        As in PyTorch ``align_corners`` then changes t but leaves u(p) as it was.

    Returns
    -------
    (N, C, *out)

    Raises
    ------
    TypeError
        If the input is not a NumPy array of such numbers, or a setting is not of its
        type.
    ValueError
        If the settings contradict each other or the input, or nothing would be left.

    Notes
    -----
    Twin: ``torch.nn.functional.interpolate``.  Its mode "lanczos" and linear modes of
    uint8 images, which round on the way, are not offered.
    For the nearest modes t and its product with p are taken in single precision
    whatever the dtype, as PyTorch takes them in most of its kernels.  For "nearest" p·t
    is p itself where the size stays, and p/2 where it doubles, whatever the factor: so
    it is in PyTorch's gradients and in its images, not in its sequences and volumes,
    whose gradients are then not those of their forward.  Where p·t is near an integer,
    PyTorch's kernels differ among each other.

    Examples
    --------
    >>> x = np.array([[[0.0, 4.0]]])
    >>> interpolate(x, size=4, mode="linear")
    array([[[0., 1., 3., 4.]]])
    >>> interpolate(x, scale_factor=2)
    array([[[0., 0., 4., 4.]]])
    """
    call = _Check("interpolate", input, mode, align_corners, antialias)
    matrices = call.matrices(size, scale_factor, recompute_scale_factor)
    return _along(matrices, input)


def interpolate_backward(
    grad_output,
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """Return the gradient of `interpolate` in its input: the transposed map of g.

        ∂L/∂x[h] = Σ_p w(p, h)·g[p]

    w(p, h) is the weight with which output p reads input h.

    Raises
    ------
    TypeError, ValueError
        As `interpolate`, and if ``grad_output`` does not match its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.interpolate``.

    Examples
    --------
    >>> g, x = np.array([[[1.0, 1.0, 1.0, 1.0]]]), np.zeros((1, 1, 2))
    >>> interpolate_backward(g, x, size=4, mode="linear")
    array([[[2., 2.]]])
    """
    call = _Check("interpolate_backward", input, mode, align_corners, antialias)
    matrices = call.matrices(size, scale_factor, recompute_scale_factor)
    out = (*input.shape[:2], *(matrix.shape[0] for matrix in matrices))
    call.gradient(grad_output, out, ("N", "C", *(f"{a}_out" for a in call.axes)))
    return _along(map(transposed, matrices), grad_output)


def _along(matrices, x):
    """Multiply one matrix with each spatial axis, in single precision or better."""
    y = x.astype(np.float32) if x.dtype == np.float16 else x
    for axis, matrix in enumerate(matrices, start=2):
        if matrix.weights is not None:
            matrix = matrix._replace(weights=matrix.weights.astype(y.dtype))
        y = apply(matrix, y, axis)
    return y.astype(x.dtype, copy=False)


# The rules for one axis ---------------------------------------------------------------


def _below(h, n, scale, shift):
    """Read the position ⌊(p + shift)·t⌋, found in single precision."""
    single = np.float32
    t = single(h) / single(n) if scale is None else single(1 / scale)
    u = (np.arange(n, dtype=single) + single(shift)) * t
    return selection(np.minimum(np.floor(u).astype(int), h - 1), h)


def _nearest(h, n, scale):
    # PyTorch's gradients copy and double whatever factor has led to such a size.
    return _below(h, n, None if n in (h, 2 * h) else scale, shift=0)


def _nearest_exact(h, n, scale):
    return _below(h, n, scale, shift=0.5)


def _area(h, n, scale):
    p = np.arange(n)
    first, end = p * h // n, -(-(p + 1) * h // n)
    return _mean(first, end - first, h, lambda rows, columns: np.ones(len(rows), int))


def _linear(h, n, scale, align_corners):
    if n == h:
        return selection(np.arange(h), h)
    u = np.clip(_positions(h, n, scale, align_corners), 0, h - 1)
    return _weighted(_floor(u), 2, h, lambda rows, columns: _hat(u[rows] - columns))


def _cubic(h, n, scale, align_corners):
    u = _positions(h, n, scale, align_corners)
    return _weighted(
        _floor(u) - 1, 4, h, lambda rows, columns: _keys(u[rows] - columns, _SHARP)
    )


def _antialiased(h, n, scale, align_corners, kernel, reach):
    """Average what lies under a kernel as wide as the step, if that is over 1."""
    if n == h:
        return selection(np.arange(h), h)
    t = _step(h, n, scale, align_corners)
    u, wide = _over(n, t), max(1, t)
    first = np.maximum(_floor(u - reach * wide) + 1, 0)
    end = np.minimum(-_floor(-u - reach * wide), h)
    return _mean(
        first, end - first, h, lambda rows, columns: kernel((u[rows] - columns) / wide)
    )


def _step(h, n, scale, align_corners):
    """Return t, exactly."""
    if align_corners:
        return Fraction(h - 1, n - 1) if n > 1 else Fraction(0)
    return Fraction(h, n) if scale is None else 1 / Fraction(scale)


def _positions(h, n, scale, align_corners):
    """Return u(p) for every output position, as fractions."""
    t = _step(h, n, scale, align_corners)
    return np.arange(n) * t if align_corners else _over(n, t)


def _over(n, t):
    """Return (p + ½)·t − ½ for every output position."""
    half = Fraction(1, 2)
    return (np.arange(n) + half) * t - half


def _floor(u):
    return np.floor(u).astype(int)


def _hat(x):
    return np.maximum(1 - abs(x), 0)


# The parameter a of Keys' cubic, as PyTorch has it without and with antialiasing.
_SHARP, _SMOOTH = Fraction(-3, 4), Fraction(-1, 2)


def _keys(x, a):
    """Return Keys' cubic κ(x), which is 0 from |x| = 2 on."""
    x = abs(x)
    inner = ((a + 2) * x - (a + 3)) * x**2 + 1
    outer = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, inner, np.where(x <= 2, outer, 0))


def _weighted(first, count, h, weigh):
    """Let row p read ``count`` positions from ``first`` on; beyond h lies the border.

    ``weigh(rows, columns)`` returns the weights.
    """
    taps = np.arange(np.max(count, initial=0)) < np.reshape(count, (-1, 1))
    rows, offsets = np.nonzero(np.broadcast_to(taps, (len(first), taps.shape[1])))
    columns = first[rows] + offsets
    inside = np.clip(columns, 0, h - 1)
    return Sparse(rows, inside, weigh(rows, columns), (len(first), h))


def _mean(first, count, h, weigh):
    """Divide the weights of each row by their sum."""
    matrix = _weighted(first, count, h, weigh)
    total = apply(matrix, np.full(h, Fraction(1)), 0)
    return matrix._replace(weights=matrix.weights / total[matrix.rows])


# What makes a call valid --------------------------------------------------------------

_PLAIN = {"nearest": _nearest, "nearest-exact": _nearest_exact, "area": _area}
_ALIGNED = {
    1: {"linear": _linear},
    2: {"bilinear": _linear, "bicubic": _cubic},
    3: {"trilinear": _linear},
}
_ANTIALIASED = {
    "bilinear": partial(_antialiased, kernel=_hat, reach=1),
    "bicubic": partial(_antialiased, kernel=partial(_keys, a=_SMOOTH), reach=2),
}


class _Check(Arguments):
    """The arguments of a resizing."""

    def __init__(self, name, input, mode, align_corners, antialias):
        super().__init__(name)
        nearest = isinstance(mode, str) and mode.startswith("nearest")
        axes = getattr(input, "ndim", 0) - 2
        self.axes = SPATIAL.get(axes, ("*spatial",))
        kinds = "ufO" if nearest else "fO"
        self.array("input", input, ("N", "C", *self.axes), kinds=kinds)
        if input.dtype.kind == "u" and input.dtype != np.uint8:
            raise TypeError(
                f"{name}: input has dtype {input.dtype}, not floats or uint8"
            )
        if axes not in SPATIAL:
            self.fail(f"input must have 3, 4 or 5 axes, not {input.ndim}")
        for size, axis in zip(input.shape[1:], ("C", *self.axes)):
            if size == 0:
                self.fail(f"input has no elements along {axis}")
        self.size, self.mode = input.shape[2:], mode
        self.choice("mode", mode, (*_PLAIN, *_ALIGNED[axes]))
        self.rule = self._rule(axes, align_corners, self.flag("antialias", antialias))

    def _rule(self, axes, align_corners, antialias):
        """Return the rule of the mode for one axis: of h, n and the factor."""
        if antialias and self.mode not in _ANTIALIASED:
            self.fail(f"antialias is for 'bilinear' and 'bicubic', not {self.mode!r}")
        if antialias and self.arrays["input"][0].dtype == np.float16:
            raise TypeError(f"{self.name}: antialias needs more than float16")
        if self.mode in _PLAIN:
            if align_corners is not None:
                self.fail(f"mode {self.mode!r} takes no align_corners")
            return _PLAIN[self.mode]
        if align_corners is not None:
            align_corners = self.flag("align_corners", align_corners)
        rules = _ANTIALIASED if antialias else _ALIGNED[axes]
        return partial(rules[self.mode], align_corners=bool(align_corners))

    def matrices(self, size, scale_factor, recompute):
        """Return what the rule makes of every axis."""
        if (size is None) == (scale_factor is None):
            self.fail("give either size or scale_factor")
        if recompute is not None:
            recompute = self.flag("recompute_scale_factor", recompute)
        least = 0 if self.mode == "area" else 1
        if scale_factor is None:
            if recompute:
                self.fail("recompute_scale_factor needs a scale_factor, not a size")
            out = self.per_axis("size", size, self.axes, least, repeat=False)
            scales = (None,) * len(out)
        else:
            scales = self._factors(scale_factor)
            out = tuple(math.floor(h * s) for h, s in zip(self.size, scales))
            for axis, h, n, s in zip(self.axes, self.size, out, scales):
                if n < least:
                    self.fail(f"along {axis}, scale_factor {s} leaves nothing of {h}")
            if recompute:
                scales = (None,) * len(out)
        return [self.rule(*one) for one in zip(self.size, out, scales)]

    def _factors(self, scale_factor):
        """Return one positive factor per axis, exactly as it was given."""
        factors = scale_factor
        if not isinstance(factors, tuple | list):
            factors = (factors,) * len(self.axes)
        for factor in factors:
            self.number("scale_factor", factor)
            if not 0 < factor < math.inf:
                self.fail(f"scale_factor must be positive and finite, got {factor}")
        if len(factors) != len(self.axes):
            self.fail(
                f"scale_factor needs {len(self.axes)} numbers, got {scale_factor}"
            )
        exact = int | Fraction
        return tuple(s if isinstance(s, exact) else float(s) for s in factors)
