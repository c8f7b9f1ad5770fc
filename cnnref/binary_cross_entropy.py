"""Binary cross-entropy of probabilities and of logits, with gradients."""

from contextlib import suppress

import numpy as np

from cnnref.activation import logsigmoid, sigmoid
from cnnref.reduction import Entrywise

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_backward",
    "binary_cross_entropy_with_logits",
    "binary_cross_entropy_with_logits_backward",
]


def binary_cross_entropy(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """Return how many nats a probability x wastes on a target t, or their sum or mean.

        ℓ = −w·(t·log x + (1 − t)·log(1 − x))

    Each logarithm is at least −100, so that a loss is at most 100·w.

    Parameters
    ----------
    input : (…)
        Probabilities, from 0 to 1: floats, or symbols.
    target : the input's shape
        From 0 to 1, in the input's dtype.
    weight : broadcasts to the input's shape, optional
        The input's dtype.
    size_average, reduce, reduction
        As in `cnnref.functional.mse_loss`.  The mean is over all entries: Σ w is not
        divided by.

    Returns
    -------
    () or with "none" the input's shape, in its dtype.

    Raises
    ------
    TypeError
        If an array is not a NumPy array of floats or symbols, or the dtypes differ.
    ValueError
        If the shapes do not agree, an entry is not from 0 to 1, or the reduction has
        another name.

    Notes
    -----
    Twin: ``torch.nn.functional.binary_cross_entropy``.
    Derived in "Losses" (ledger: bce).

    Examples
    --------
    >>> binary_cross_entropy(np.array([0.5, 0.0]), np.ones(2), reduction="none")
    array([  0.69314718, 100.        ])
    """
    call = _Binary("binary_cross_entropy", input, target, weight)
    call.reduce_by(reduction, size_average, reduce)
    call.probabilities()
    return call.loss(_entropy)


def binary_cross_entropy_backward(
    grad_output,
    input,
    target,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """Return the gradients of `binary_cross_entropy` in its input and target.

        ∂ℓ/∂x = w·(x − t) / max(x·(1 − x), 10⁻¹²),   ∂ℓ/∂t = w·(log(1 − x) − log x)

    They are those of the loss without its bound; the first is kept finite in this way,
    by the float32 next to 10⁻¹² in every dtype, as in PyTorch.

    Parameters
    ----------
    grad_output : the shape of the output
        g = ∂L/∂output, in the input's dtype.
    input, target, weight, size_average, reduce, reduction
        The arguments of the forward call.

    Returns
    -------
    LossGradients
        ``.input`` and ``.target``.  PyTorch, too, gives no gradient of the weight.

    Raises
    ------
    TypeError, ValueError
        As `binary_cross_entropy`, and if ``grad_output`` has not the shape or dtype of
        its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.binary_cross_entropy``.
    Derived in "Losses" (ledger: bce).

    Examples
    --------
    >>> x, t = np.array([0.25]), np.array([1.0])
    >>> binary_cross_entropy_backward(np.array(1.0), x, t).input
    array([-4.])
    """
    call = _Binary("binary_cross_entropy_backward", input, target, weight)
    call.reduce_by(reduction, size_average, reduce)
    call.probabilities()
    least = call.number("the least variance", float(np.float32(1e-12)))

    def slopes(x, t):
        variance = np.maximum((1 - x) * x, least)
        return (x - t) / variance, np.log1p(-x) - np.log(x)

    return call.gradients(call.share(grad_output), slopes)


def binary_cross_entropy_with_logits(
    input,
    target,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
    pos_weight=None,
):
    """Return the `binary_cross_entropy` of σ(x), from the logit x itself.

        ℓ = w·((1 − t)·x − (1 + (v − 1)·t)·log σ(x))

    log σ(x) is min(x, 0) − log(1 + e^(−|x|)), which overflows nowhere.

    Parameters
    ----------
    input : (…)
        Logits: floats, or symbols.
    target : the input's shape
        Probabilities of the positive class, in the input's dtype.  Any numbers do.
    weight : broadcasts to the input's shape, optional
        w, in the input's dtype.
    size_average, reduce, reduction
        As in `cnnref.functional.mse_loss`; the mean is over all entries.
    pos_weight : broadcasts to the input's shape, optional
        v, the weight of positive targets: 1 if not given.

    Returns
    -------
    () or with "none" the input's shape, in its dtype.

    Raises
    ------
    TypeError
        If an array is not a NumPy array of floats or symbols, or the dtypes differ.
    ValueError
        If the shapes do not agree, or the reduction has another name.

    Notes
    -----
    Twin: ``torch.nn.functional.binary_cross_entropy_with_logits``, which also takes
    arrays of two dtypes, and returns that of the target for some.
    Derived in "Losses" (ledger: bce).

    Examples
    --------
    >>> x, t = np.array([-1000.0, 0.0]), np.array([1.0, 1.0])
    >>> binary_cross_entropy_with_logits(x, t, reduction="none")
    array([1.00000000e+03, 6.93147181e-01])
    """
    name = "binary_cross_entropy_with_logits"
    call = _Binary(name, input, target, weight)
    call.reduce_by(reduction, size_average, reduce)
    v = call.positive(pos_weight)

    def value(x, t):
        positive = 1 if v is None else 1 + (v - 1) * t
        return (1 - t) * x - positive * logsigmoid(x)

    return call.loss(value)


def binary_cross_entropy_with_logits_backward(
    grad_output,
    input,
    target,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
    pos_weight=None,
):
    """Return the gradients of `binary_cross_entropy_with_logits`.

        ∂ℓ/∂x = w·((1 + (v − 1)·t)·σ(x) − v·t),   σ(x) − t for v = w = 1
        ∂ℓ/∂t = w·(log σ(−x) − v·log σ(x)),   −x for v = w = 1

    Returns
    -------
    LossGradients
        ``.input`` and ``.target``.  PyTorch, too, gives no gradient of the weights.

    Raises
    ------
    TypeError, ValueError
        As the forward call, and if ``grad_output`` has not the shape or dtype of its
        output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of
    ``torch.nn.functional.binary_cross_entropy_with_logits``.
    Derived in "Losses" (ledger: bce).

    Examples
    --------
    >>> x, t = np.array([0.0, 1000.0]), np.array([1.0, 1.0])
    >>> binary_cross_entropy_with_logits_backward(np.array(2.0), x, t).input
    array([-0.5,  0. ])
    """
    name = "binary_cross_entropy_with_logits_backward"
    call = _Binary(name, input, target, weight)
    call.reduce_by(reduction, size_average, reduce)
    v = call.positive(pos_weight)

    def slopes(x, t):
        if v is None:
            return sigmoid(x) - t, -x
        dx = (1 + (v - 1) * t) * sigmoid(x) - v * t
        return dx, logsigmoid(np.asarray(-x)) - v * logsigmoid(x)

    return call.gradients(call.share(grad_output), slopes)


# The formulas -------------------------------------------------------------------------


def _entropy(x, t):
    log_x, log_rest = (np.maximum(log, -100) for log in (np.log(x), np.log1p(-x)))
    return (t - 1) * log_rest - t * log_x


# What makes a call valid --------------------------------------------------------------


class _Binary(Entrywise):
    """Input and target of one shape, and weights that broadcast to it."""

    def __init__(self, name, input, target, weight):
        super().__init__(name, input, target, weight)
        if target.shape != input.shape:
            self.fail(f"target must have the shape {input.shape}, not {target.shape}")
        self.shape, self.count = input.shape, input.size
        self.fits("weight", weight)

    def fits(self, label, weight):
        """Check that a weight broadcasts to the input, if there is one."""
        if weight is None:
            return
        shape = None
        with suppress(ValueError):  # where the two do not broadcast at all
            shape = np.broadcast_shapes(self.shape, weight.shape)
        if shape != self.shape:
            self.fail(f"{label} {weight.shape} does not broadcast to {self.shape}")

    def positive(self, pos_weight):
        """Take the weight of positive targets in, if there is one."""
        if pos_weight is None:
            return None
        v = self.entries("pos_weight", pos_weight)
        self.fits("pos_weight", pos_weight)
        return v

    def probabilities(self):
        """Refuse an entry that is no probability; NaN is none."""
        for label in ("input", "target"):
            array = self.arrays[label][0]
            wrong = np.argwhere(np.logical_not((array >= 0) & (array <= 1)))
            if len(wrong):
                at = tuple(map(int, wrong[0]))
                self.fail(f"{label} must be from 0 to 1, not {array[at]} at {at}")
