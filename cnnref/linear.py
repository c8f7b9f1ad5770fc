"""The dense layer: one product with a matrix, beside its gradients."""

import math
from typing import NamedTuple

import numpy as np

from cnnref.arguments import Arguments
from cnnref.floats import conj, widened

__all__ = ["LinearGradients", "linear", "linear_backward"]


class LinearGradients(NamedTuple):
    """The gradients of `linear`; ``bias`` is None where no bias was given."""

    input: np.ndarray
    weight: np.ndarray
    bias: np.ndarray | None


def linear(input, weight, bias=None):
    """Multiply every row of the input by the weight, then add the bias.

        y[n,o] = b[o] + Σ_i x[n,i] · w[o,i]

    Parameters
    ----------
    input : (…, in_features)
        Any lead axes, also none.  Any numeric dtype, or object, which stays exact.
    weight : (out_features, in_features) or (in_features,)
        The input's dtype.  Without its first axis the output has no last one.
    bias : (out_features,) or (), optional
        The input's dtype.  Any other shape that broadcasts to the output's is added
        alike.

    Returns
    -------
    (…, out_features) or (…)
        In the input's dtype.

    Raises
    ------
    TypeError
        If an array is not a NumPy array of numbers, or the dtypes differ.
    ValueError
        If the shapes disagree.

    Notes
    -----
    Twin: ``torch.nn.functional.linear``.  PyTorch multiplies rows, y = x·Wᵀ + b; the
    sources multiply columns, z = W·a + b.  Which bias of two or more axes PyTorch takes
    depends on where the input lies in memory; beside an input of two axes and a weight
    of one it takes none.
    Derived in "Dense layers" (ledger: fc-z).

    Examples
    --------
    >>> w = np.array([[1.0, 0.0, 2.0], [0.0, -1.0, 1.0]])
    >>> linear(np.array([[1.0, 2.0, 3.0]]), w, bias=np.array([10.0, 20.0]))
    array([[17., 21.]])
    """
    call = _Check("linear", input, weight, bias)
    x, w = call.matrices()
    y = np.matmul(x, w.T).reshape(call.out)
    if bias is not None:
        y += bias
    return y


def linear_backward(grad_output, input, weight, bias=None):
    """Return the gradients of `linear` in its input, weight and bias.

        ∂L/∂x[n,i] = Σ_o g[n,o] · w[o,i]
        ∂L/∂w[o,i] = Σ_n g[n,o] · x[n,i]
        ∂L/∂b[o]   = Σ_n g[n,o]

    n runs over all positions of the lead axes.

    Parameters
    ----------
    grad_output : (…, out_features) or (…)
        g = ∂L/∂y, in the input's dtype.
    input, weight, bias
        The arguments of the forward call.

    Returns
    -------
    LinearGradients
        ``.input``, ``.weight`` and ``.bias`` in the shapes of the arguments; ``.bias``
        is None if the call had no bias.

    Raises
    ------
    TypeError, ValueError
        As `linear`, and if ``grad_output`` has not the shape or dtype of its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.linear``.
    Derived in "Reverse mode" (ledger: fc-dW, fc-db, fc-da, fc-no-sharing).

    Examples
    --------
    >>> x, w = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0]])
    >>> linear_backward(np.array([[1.0], [10.0]]), x, w).weight
    array([[31., 42.]])
    """
    call = _Check("linear_backward", input, weight, bias)
    call.gradient(grad_output, call.out, call.out_axes)
    x, w = map(conj, call.matrices())
    g = grad_output.reshape(len(x), len(w))
    dx = np.matmul(g, w).reshape(input.shape)
    dw = np.matmul(g.T, x).reshape(weight.shape)
    db = None if bias is None else _summed(grad_output, bias.shape)
    return LinearGradients(dx, dw, db)


def _summed(g, shape):
    """Sum over the axes along which an array of this shape was repeated."""
    if g.shape == shape:
        return g.copy()
    added = g.ndim - len(shape)
    repeated = [a for a, n in enumerate(shape, added) if n == 1 and g.shape[a] != 1]
    total = widened(g).sum(axis=(*range(added), *repeated), keepdims=True)
    # Without the cast small integers would stay as wide as NumPy sums them.
    return total.astype(g.dtype, copy=False).reshape(shape)


class _Check(Arguments):
    """The arguments of a dense layer."""

    def __init__(self, name, input, weight, bias):
        super().__init__(name)
        lead = max(0, getattr(input, "ndim", 2) - 1)
        lead = ("N",) if lead == 1 else tuple(f"N_{k + 1}" for k in range(lead))
        out = ("out_features",) * (getattr(weight, "ndim", 2) > 1)
        self.out_axes = (*lead, *out)
        self.array("input", input, (*lead, "in_features"))
        self.array("weight", weight, (*out, "in_features"))
        if bias is not None:
            first = max(0, len(self.out_axes) - getattr(bias, "ndim", 0))
            self.array("bias", bias, self.out_axes[first:])
        if input.ndim < 1:
            self.fail("input must have at least 1 axis, not 0")
        if weight.ndim not in (1, 2):
            self.fail(f"weight must have 1 or 2 axes, not {weight.ndim}")
        if weight.shape[-1] != input.shape[-1]:
            self.fail(
                f"weight expects {weight.shape[-1]} features, not {input.shape[-1]}"
            )
        self.out = (*input.shape[:-1], *weight.shape[:-1])
        if bias is not None:
            self._fits(bias, input, weight)

    def _fits(self, bias, input, weight):
        """Check that the bias broadcasts to the output, and does not enlarge it."""
        if weight.ndim == 1 and input.ndim == 2:
            self.fail("an input of 2 axes and a weight of 1 take no bias")
        sizes = zip(reversed(bias.shape), reversed(self.out))
        if bias.ndim > len(self.out) or any(b not in (1, n) for b, n in sizes):
            self.fail(
                f"bias must broadcast to the output's shape {self.out}, "
                f"not have {bias.shape}"
            )

    def matrices(self):
        """Return the input and the weight with two axes each."""
        input, weight = (self.arrays[k][0] for k in ("input", "weight"))
        features = input.shape[-1]
        return (
            input.reshape(math.prod(input.shape[:-1]), features),
            weight.reshape(math.prod(weight.shape[:-1]), features),
        )
