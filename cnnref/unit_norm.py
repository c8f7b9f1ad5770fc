"""Division by the size of what lies around: local response and unit norm.

Floats are computed in double precision and rounded once, at the end.
"""

from fractions import Fraction

import numpy as np

from cnnref.arguments import SPATIAL, Arguments
from cnnref.floats import conj, doubled, quiet, rounded
from cnnref.windows import windows, windows_backward

__all__ = [
    "local_response_norm",
    "local_response_norm_backward",
    "normalize",
    "normalize_backward",
]

# Local response normalisation ---------------------------------------------------------


@quiet()
def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """Divide each entry by a power of the squares in the channels around it.

        y[n,c,p] = x[n,c,p] / d[n,c,p]^β
        d[n,c,p] = k + α/size · Σ_i x[n,i,p]²,   c − ⌊size/2⌋ ≤ i ≤ c + ⌊(size − 1)/2⌋

    x is 0 outside its channels, and an even size has its larger half before c.

    Parameters
    ----------
    input : (N, C, *), with at least one axis of positions
        Floats, fractions or symbols.
    size : int
        How many channels a sum covers.
    alpha, beta, k : float

    Returns
    -------
    (N, C, *) : in the input's dtype.

    Raises
    ------
    TypeError
        If the input does not hold floats, a setting has the wrong type, or fractions
        would be taken to a power that is no integer.
    ValueError
        If the input has too few axes, or ``size`` is below 1.

    Notes
    -----
    Twin: ``torch.nn.functional.local_response_norm``, which also takes integers, and
    rounds the mean of their squares down.

    Examples
    --------
    >>> x = np.array([[[1.0], [2.0], [3.0]]])
    >>> local_response_norm(x, 2, alpha=2.0, beta=1.0, k=0.0).ravel()
    array([1.        , 0.4       , 0.23076923])
    """
    check = _Check("local_response_norm", input)
    size, alpha, beta, k = check.response(size, alpha, beta, k)
    if not input.size:
        return input.copy()
    x = doubled(input)
    return rounded(x / _response(x, size, alpha, k) ** beta, input)


@quiet()
def local_response_norm_backward(
    grad_output, input, size, alpha=1e-4, beta=0.75, k=1.0
):
    """Return the gradient of `local_response_norm`.

        ∂L/∂x[n,i,p] = g[n,i,p]/d[n,i,p]^β
                       − 2αβ/size · x[n,i,p] · Σ_c g[n,c,p]·x[n,c,p]/d[n,c,p]^(β+1)

    over the channels c whose sum covers i.
    """
    check = _Check("local_response_norm_backward", input)
    size, alpha, beta, k = check.response(size, alpha, beta, k)
    check.upstream(grad_output)
    if not input.size:
        return input.copy()
    x, g = doubled(input), doubled(grad_output)
    d = _response(x, size, alpha, k)
    pull = np.moveaxis(g * x / d ** (beta + 1), 1, -1)
    pull = np.broadcast_to(pull[..., None, :], (*pull.shape[:-1], size, x.shape[1]))
    back = windows_backward(pull, (x.shape[1],), (1,), (_around(size),), (1,))
    dx = g / d**beta - 2 * alpha * beta * x * np.moveaxis(back, -1, 1) / size
    return rounded(dx, input)


def _response(x, size, alpha, k):
    squares = np.moveaxis(x * x, 1, -1)
    covered = windows(squares, (size,), (1,), (_around(size),), (1,))
    # Divided at the end: an integer alpha over size would be a float beside fractions.
    return k + alpha * np.moveaxis(covered.sum(axis=-2), -1, 1) / size


def _around(size):
    """Return how many channels before and after its own a sum covers."""
    return size // 2, (size - 1) // 2


# Unit norm ----------------------------------------------------------------------------


@quiet()
def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """Divide by the p-norm along an axis, or by ε where that is larger.

        y = x / max(‖x‖_p, ε),   ‖x‖_p = (Σ |x_i|^p)^(1/p)

    ‖x‖_∞ is the largest modulus, ‖x‖_−∞ the smallest, ‖x‖_0 counts what is not 0.

    Parameters
    ----------
    input : any shape
        Floats or complex numbers, or symbols.  Fractions where the norm is one: p = 0,
        1, inf or -inf.
    p : float
    dim : int or tuple of int
        The axes of one norm; () or None for all.
    eps : float
    out : None
        PyTorch would write the result there; refused.

    Returns
    -------
    y : in the input's shape and dtype.

    Raises
    ------
    TypeError
        If the input does not hold floats, a setting has the wrong type, or a norm of
        fractions is no fraction.
    ValueError
        If an axis is not there or comes twice, or a norm of nothing is not defined
        (p < 0 or p = inf).

    Notes
    -----
    Twin: ``torch.nn.functional.normalize``.

    Examples
    --------
    >>> normalize(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    >>> normalize(np.array([[3.0, 5.0]]), p=1)
    array([[0.375, 0.625]])
    """
    check = _Check("normalize", input, "fcO")
    p, axes, eps = check.unit(p, dim, eps, out)
    x = doubled(input)
    return rounded(x / np.maximum(_norm(x, p, axes), eps), input)


@quiet()
def normalize_backward(grad_output, input, p=2.0, dim=1, eps=1e-12, out=None):
    """Return the gradient of `normalize`.

        ∂L/∂x_i = (g_i − ∂‖x‖_p/∂x_i · [‖x‖_p ≥ ε] · Σ_j g_j·y_j) / max(‖x‖_p, ε)
        ∂‖x‖_p/∂x_i = x_i·|x_i|^(p−2) / ‖x‖_p^(p−1), and 0 where x_i = 0

    For p = ±inf the derivative of the norm is x_i/|x_i| at the entries that attain it,
    divided by their number.
    """
    check = _Check("normalize_backward", input, "fcO")
    p, axes, eps = check.unit(p, dim, eps, out)
    check.upstream(grad_output)
    x, g = doubled(input), doubled(grad_output)
    norm = _norm(x, p, axes)
    bound = np.maximum(norm, eps)
    # The number of entries, ‖x‖_0, moves with none of them.
    moves = (norm >= eps) & (p != 0)
    products = g * conj(x)
    products = products.real if np.iscomplexobj(x) else products
    along = products.sum(axes, keepdims=True) / bound
    through_norm = np.where(moves, _norm_slope(x, norm, p, axes) * along, 0)
    return rounded((g - through_norm) / bound, input)


def _norm(x, p, axes):
    size = abs(x)
    if p in (np.inf, -np.inf):
        return (size.max if p > 0 else size.min)(axes, keepdims=True)
    if p == 0:
        return _number_of(size != 0, size, axes)
    if p == 2:
        return np.sqrt((size * size).sum(axes, keepdims=True))
    return (size**p).sum(axes, keepdims=True) ** (1 / p)


def _norm_slope(x, norm, p, axes):
    """Return ∂‖x‖_p/∂x."""
    if p == 0:
        return np.zeros_like(x)
    size = abs(x)
    # Where x is 0 the slope is 0; 1 in its place keeps the powers defined.
    safe = np.where(size == 0, 1, size)
    if p in (np.inf, -np.inf):
        attains = size == norm
        return np.where(attains, x / (safe * _number_of(attains, size, axes)), 0)
    return x * safe ** (p - 2) / np.where(norm == 0, 1, norm) ** (p - 1)


def _number_of(holds, like, axes):
    return np.where(holds, 1, 0).astype(like.dtype).sum(axes, keepdims=True)


# What makes a call valid --------------------------------------------------------------


class _Check(Arguments):
    """The arguments of a division of the input."""

    def __init__(self, name, input, kinds="fO"):
        super().__init__(name)
        self.input = input
        axes = getattr(input, "ndim", 0)
        spatial = SPATIAL.get(axes - 2, ("*",) * (axes - 2))
        self.array("input", input, ("N", "C", *spatial)[:axes], kinds)

    def response(self, size, alpha, beta, k):
        """Return the settings of local_response_norm as numbers."""
        if self.input.ndim < 3:
            self.fail(f"input must have at least 3 axes, not {self.input.ndim}")
        size = self.integer("size", size, least=1)
        named = {"alpha": alpha, "beta": beta, "k": k}
        alpha, beta, k = (self.number(label, value) for label, value in named.items())
        if beta % 1 != 0:
            self.has_roots("input")
        return size, alpha, beta, k

    def unit(self, p, dim, eps, out):
        """Return p, the axes and eps of normalize."""
        if out is not None:
            self.fail("out would be overwritten; leave it out")
        p, eps = self.number("p", p), self.number("eps", eps)
        if p not in (0, 1, np.inf, -np.inf):
            self.has_roots("input")
        ndim = self.input.ndim
        dims = () if dim is None else dim if isinstance(dim, tuple | list) else (dim,)
        axes = tuple(self.axis("dim", one, ndim) for one in dims)
        if len({*axes}) < len(axes):
            self.fail(f"dim names an axis twice: {dim}")
        axes = (axes or tuple(range(ndim))) if ndim else ()
        empty = not all(self.input.shape[axis] for axis in axes)
        if (p < 0 or p == np.inf) and empty:
            self.fail(f"a norm with p = {p} of no entries is not defined")
        # As an integer its reciprocal would be a float.
        return Fraction(p) if isinstance(p, int) else p, axes, eps

    def upstream(self, grad_output):
        """Check the upstream gradient against the output, which is like the input."""
        array, meanings = self.arrays["input"]
        self.gradient(grad_output, array.shape, meanings)
