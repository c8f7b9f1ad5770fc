"""Softmax and its kin: log_softmax, softmin and logsumexp, with gradients.

All of them subtract the largest entry first, which changes no result and keeps every
exponential at most 1.
"""

import warnings
from contextlib import suppress

import numpy as np

from cnnref.arguments import Arguments
from cnnref.floats import conj, quiet, widened

__all__ = [
    "log_softmax",
    "log_softmax_backward",
    "logsumexp",
    "logsumexp_backward",
    "softmax",
    "softmax_backward",
    "softmin",
    "softmin_backward",
]


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """Make the entries along one axis positive numbers of the sum 1.

        p[j] = exp(x[j] − max x) / Σ_k exp(x[k] − max x)

    Parameters
    ----------
    input : (…)
        Floats or symbols; any numbers if ``dtype`` is given.
    dim : int, optional
        The axis.  Left out it is 0 for 0, 1 or 3 axes and else 1, with a warning.
    _stacklevel : int
        Which caller that warning names.
    dtype : NumPy dtype, optional
        A float dtype, to which the input is cast first.

    Returns
    -------
    (…)
        In the input's dtype, or the given one.  An axis that holds NaN or ∞, or −∞
        alone, is all NaN.

    Raises
    ------
    TypeError
        If the input is not a NumPy array of such entries, ``dim`` is not an integer,
        or ``dtype`` is not a float dtype.
    ValueError
        If the input has no axis ``dim``.

    Notes
    -----
    Twin: ``torch.nn.functional.softmax``.
    Derived in "Softmax" (ledger: softmax, softmax-distribution, softmax-vs-sigmoid).

    Examples
    --------
    >>> softmax(np.array([0.0, 0.0, 1000.0, 1000.0]), dim=0)
    array([0. , 0. , 0.5, 0.5])
    """
    check = _Check("softmax", input, dim, _stacklevel, dtype)
    return check.along_axis(_softmax, check.x)


def softmax_backward(grad_output, input, dim=None, _stacklevel=3, dtype=None):
    """Return the gradient of `softmax` in its input.

        ∂L/∂x[j] = p[j] · (g[j] − Σ_k g[k] · p[k])

    The Jacobian p[j]·([j = k] − p[k]) is not diagonal: every output reads every input.

    Parameters
    ----------
    grad_output : (…)
        g = ∂L/∂p, in the dtype of the output.
    input, dim, _stacklevel, dtype
        The arguments of the forward call.

    Returns
    -------
    (…) : the gradient, in the input's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        As `softmax`; if the input holds integers, which have no gradient; and if
        ``grad_output`` has not the shape or dtype of the output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.softmax``.
    Derived in "Softmax" (ledger: softmax).

    Examples
    --------
    >>> softmax_backward(np.array([1.0, 0.0]), np.array([0.0, 0.0]), dim=0)
    array([ 0.25, -0.25])
    """
    check = _Check("softmax_backward", input, dim, _stacklevel, dtype)
    g = check.upstream(grad_output)
    return check.along_axis(_softmax_backward, g, check.x)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """Return the logarithm of `softmax`, which stays finite where that is 0.

        y[j] = x[j] − max x − log Σ_k exp(x[k] − max x)

    Parameters, errors and dtypes are those of `softmax`.

    Notes
    -----
    Twin: ``torch.nn.functional.log_softmax``.

    Examples
    --------
    >>> log_softmax(np.array([0.0, 1000.0]), dim=0)
    array([-1000.,     0.])
    """
    check = _Check("log_softmax", input, dim, _stacklevel, dtype)
    return check.along_axis(_log_softmax, check.x)


def log_softmax_backward(grad_output, input, dim=None, _stacklevel=3, dtype=None):
    """Return the gradient of `log_softmax` in its input; see `softmax_backward`.

        ∂L/∂x[j] = g[j] − p[j] · Σ_k g[k]

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.log_softmax``.
    Derived in "Losses" (ledger: ce-softmax-grad).

    Examples
    --------
    >>> log_softmax_backward(np.array([1.0, 0.0]), np.array([0.0, 0.0]), dim=0)
    array([ 0.5, -0.5])
    """
    check = _Check("log_softmax_backward", input, dim, _stacklevel, dtype)
    g = check.upstream(grad_output)
    return check.along_axis(_log_softmax_backward, g, check.x)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """Return the `softmax` of −x: the smallest entry has the largest share.

    Parameters, errors and dtypes are those of `softmax`.

    Notes
    -----
    Twin: ``torch.nn.functional.softmin``.

    Examples
    --------
    >>> softmin(np.array([0.0, 0.0, 1000.0, 1000.0]), dim=0)
    array([0.5, 0.5, 0. , 0. ])
    """
    check = _Check("softmin", input, dim, _stacklevel, dtype)
    return check.along_axis(_softmax, -check.x)


def softmin_backward(grad_output, input, dim=None, _stacklevel=3, dtype=None):
    """Return the gradient of `softmin` in its input; see `softmax_backward`.

        ∂L/∂x[j] = −p[j] · (g[j] − Σ_k g[k] · p[k])

    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.softmin``.
    """
    check = _Check("softmin_backward", input, dim, _stacklevel, dtype)
    g = check.upstream(grad_output)
    return check.along_axis(_softmax_backward, -g, -check.x)


def logsumexp(input, dim, keepdim=False):
    """Return the logarithm of the sum of exponentials along some axes.

        y = m + log Σ_k exp(x[k] − m),   m = max x

    Parameters
    ----------
    input : (…)
        Any numeric dtype, or symbols.
    dim : int, or tuple or list of int
        The axes that are summed.
    keepdim : bool
        Keep each of them, with size 1.

    Returns
    -------
    (…)
        Without those axes.  float32 for integers, else in the input's dtype; −∞ for a
        sum of nothing.

    Raises
    ------
    TypeError
        If the input is not a NumPy array of numbers, ``dim`` holds no integers, or
        ``keepdim`` is no bool.
    ValueError
        If ``dim`` names no axis of the input, the same one twice, or none at all.

    Notes
    -----
    Twin: ``torch.logsumexp``, which takes ``dim=()`` for all axes if ``keepdim`` is
    True and fails on it if not.

    Examples
    --------
    >>> logsumexp(np.array([[1000.0, 1000.0], [0.0, 0.0]]), dim=1) - np.log(2.0)
    array([1000.,    0.])
    """
    call = Arguments("logsumexp")
    call.array("input", input, ("…",), kinds="biufcO")
    axes, keepdim = _axes(call, dim), call.flag("keepdim", keepdim)
    x = input.astype(np.float32) if input.dtype.kind in "biu" else input
    y = _logsumexp(_sized(x), axes).reshape(_shape(input, axes, keepdim))
    return y.astype(x.dtype, copy=False)


def logsumexp_backward(grad_output, input, dim, keepdim=False):
    """Return the gradient of `logsumexp` in its input, which is `softmax`.

        ∂L/∂x[j] = g · exp(x[j] − y)

    Parameters
    ----------
    grad_output : (…)
        g = ∂L/∂y, in the input's dtype.
    input, dim, keepdim
        The arguments of the forward call.

    Returns
    -------
    (…) : the gradient, in the input's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        As `logsumexp`; if the input holds integers, which have no gradient; and if
        ``grad_output`` has not the shape or dtype of the output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.logsumexp``.

    Examples
    --------
    >>> logsumexp_backward(np.array(4.0), np.array([0.0, 0.0]), dim=0)
    array([2., 2.])
    """
    call = Arguments("logsumexp_backward")
    call.array("input", input, ("…",), kinds="fcO")
    axes, keepdim = _axes(call, dim), call.flag("keepdim", keepdim)
    call.gradient(grad_output, _shape(input, axes, keepdim), ("…",))
    x = _sized(input)
    g = widened(grad_output).reshape(_shape(x, axes, keepdim=True))
    with quiet():
        share = np.exp(x - _logsumexp(x, axes))
        dx = g * conj(share)
    return dx.reshape(input.shape).astype(input.dtype, copy=False)


# The formulas -------------------------------------------------------------------------


def _softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _softmax_backward(g, x, axis):
    p = _softmax(x, axis)
    return p * (g - (g * p).sum(axis, keepdims=True))


def _log_softmax(x, axis):
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def _log_softmax_backward(g, x, axis):
    return g - _softmax(x, axis) * g.sum(axis, keepdims=True)


def _logsumexp(x, axes):
    """Sum, and keep the axes.  An infinite largest entry is not subtracted."""
    largest = 0
    if x.size:
        largest = np.max(x.real if np.iscomplexobj(x) else x, axes, keepdims=True)
    if x.size and x.dtype != object:
        largest = np.where(np.isinf(largest), 0, largest)
    with quiet():
        return largest + np.log(np.exp(x - largest).sum(axes, keepdims=True))


# What makes a call valid --------------------------------------------------------------


class _Check(Arguments):
    """The arguments of a softmax: ``x`` is what it is taken of, ``place`` the axis."""

    def __init__(self, name, input, dim, stacklevel, dtype):
        super().__init__(name)
        self.array("input", input, ("…",), kinds=self._kinds(dtype))
        if dim is None:
            dim = 0 if input.ndim in (0, 1, 3) else 1
            said = f"{name}: dim is left out, and taken for {dim}"
            # With 3, the caller of the public function, which is two calls above.
            warnings.warn(said, stacklevel=self.integer("_stacklevel", stacklevel))
        self.place = self.axis("dim", dim, input.ndim)
        x = input if dtype is None else self._cast(input, dtype)
        self.x, self.into = _sized(x), input.dtype if self._backward else x.dtype
        self.shape = input.shape

    @property
    def _backward(self):
        return self.name.endswith("_backward")

    def _kinds(self, dtype):
        """What is cast may hold integers, unless a gradient is asked for."""
        if dtype is None:
            return "fO"
        if self._backward:
            return "f"
        # PyTorch's softmin has no −x of bools, and takes that of uint8 modulo 256.
        return "if" if self.name == "softmin" else "biuf"

    def _cast(self, input, dtype):
        with suppress(TypeError):  # where it is no dtype at all
            dtype = np.dtype(dtype)
        if getattr(dtype, "kind", None) != "f":
            raise TypeError(f"{self.name}: dtype must be a float dtype, not {dtype!r}")
        self.array("input", input.astype(dtype, copy=False), ("…",), same=False)
        return self.arrays["input"][0]

    def upstream(self, grad_output):
        """Check the upstream gradient, which has the dtype of the output."""
        self.gradient(grad_output, self.shape, ("…",))
        return _sized(grad_output)

    def along_axis(self, formula, *arrays):
        """Apply a formula along the axis, unless there is nothing to apply it to."""
        if not self.x.size:
            return np.empty(self.shape, self.into)
        with quiet():
            y = formula(*arrays, self.place)
        return y.reshape(self.shape).astype(self.into, copy=False)


def _sized(x):
    """Give a number an axis to sum along, and float16 room for the sum."""
    return widened(x if x.ndim else x.reshape(1))


def _axes(call, dim):
    """Return the axes of a sum, none of them twice."""
    ndim = call.arrays["input"][0].ndim
    given = dim if isinstance(dim, tuple | list) else (dim,)
    axes = tuple(call.axis("dim", place, ndim) for place in given)
    if not axes or len({*axes}) < len(axes):
        call.fail(f"dim must name one axis or several different ones, not {dim}")
    return axes


def _shape(x, axes, keepdim):
    """Return the shape of a sum."""
    if keepdim:
        return tuple(1 if k in axes else n for k, n in enumerate(x.shape))
    return tuple(n for k, n in enumerate(x.shape) if k not in axes)
