"""Cross-entropy of class scores, from log-probabilities or logits, with gradients.

`cross_entropy` is the loss of log_softmax(x) in every class, with the shares q that the
target gives to them; `nll_loss` is that of log-probabilities, where one class has all.
"""

from typing import Any

import numpy as np

from cnnref.floats import quiet, widened
from cnnref.reduction import Losses, WeightedLossGradients
from cnnref.softmax import log_softmax, log_softmax_backward

__all__ = [
    "cross_entropy",
    "cross_entropy_backward",
    "nll_loss",
    "nll_loss_backward",
]


def nll_loss(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
):
    """Return the negative log-probability of each target class, or their sum or mean.

        ℓ[n] = −w[t[n]] · x[n,t[n]],   L = Σ ℓ / Σ_n w[t[n]]

    Samples whose target is ``ignore_index`` count in neither sum.

    Parameters
    ----------
    input : (N, C, …) or (C,)
        Log-probabilities of C classes at any number of positions: floats, or object
        (fractions, symbols), which stays exact.
    target : (N, …) or ()
        Class indices, of int64 or uint8.  (1,) stands for () too.
    weight : (C,), optional
        w, in the input's dtype: 1 if not given.
    size_average, reduce, reduction
        As in `cnnref.functional.mse_loss`.
    ignore_index : int
        A target without a loss, which may lie outside the classes.

    Returns
    -------
    () or with "none" the target's shape, in the input's dtype.

    Raises
    ------
    TypeError
        If an array is not a NumPy array of such entries, the dtypes differ, or
        ``ignore_index`` is no integer.
    ValueError
        If the shapes do not agree, there are no classes, a target is none of them, or
        the reduction has another name.

    Notes
    -----
    Twin: ``torch.nn.functional.nll_loss``.

    Examples
    --------
    >>> x = np.log([[0.5, 0.5], [0.75, 0.25]])
    >>> nll_loss(x, np.array([0, 1]), reduction="none") / np.log(2.0)
    array([1., 2.])
    """
    call = _Classes("nll_loss", input, target, weight)
    call.reduce_by(reduction, size_average, reduce)
    return call.loss(call.chosen(ignore_index), call.x)


def nll_loss_backward(
    grad_output,
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
):
    """Return the gradient of `nll_loss` in its input.

        ∂L/∂x[n,c] = −g[n] · w[c] · [c = t[n]] / Σ_n w[t[n]]

    Parameters
    ----------
    grad_output : the shape of the output
        g = ∂L/∂output, in the input's dtype.
    input, target, weight, size_average, ignore_index, reduce, reduction
        The arguments of the forward call.

    Returns
    -------
    (N, C, …) or (C,) : the gradient.  PyTorch, too, gives none of the weight.

    Raises
    ------
    TypeError, ValueError
        As `nll_loss`, and if ``grad_output`` has not the shape or dtype of its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.nll_loss``.

    Examples
    --------
    >>> x = np.log([[0.5, 0.5], [0.75, 0.25]])
    >>> nll_loss_backward(np.array(1.0), x, np.array([0, 1]))
    array([[-0.5,  0. ],
           [ 0. , -0.5]])
    """
    call = _Classes("nll_loss_backward", input, target, weight)
    call.reduce_by(reduction, size_average, reduce)
    shares = call.chosen(ignore_index)
    g = call.share(grad_output, shares)
    with quiet():
        return call.like_input(shares.slope(g, call.x))


def cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """Return the cross-entropy of softmax(x) and each target, or their sum or mean.

        ℓ[n] = −Σ_c w[c] · q[n,c] · log softmax(x[n])[c]
        q[n,c] = (1 − ε)·y[n,c] + ε/C

    The target is y itself, probabilities of the classes, or one class of each sample:
    then y[n,c] = [c = t[n]] and samples whose target is ``ignore_index`` are left out.
    "mean" divides Σ ℓ by the number of samples and positions for probabilities, by the
    weights of the target classes, Σ_n w[t[n]], for classes.

    Parameters
    ----------
    input : (N, C, …) or (C,)
        Logits of C classes at any number of positions, as softmax takes them: it is
        not to be applied before.
    target : (N, …) or (), or the input's shape
        Class indices, of int64 or uint8, or probabilities in the input's dtype.
    weight : (C,), optional
        w, in the input's dtype: 1 if not given.
    size_average, reduce, reduction
        As in `cnnref.functional.mse_loss`.
    ignore_index : int
        A target without a loss.  Negative beside probabilities.
    label_smoothing : float
        ε, from 0 to 1: how much of each target all classes share alike.

    Returns
    -------
    () or with "none" the shape of the class indices, in the input's dtype.

    Raises
    ------
    TypeError
        If an array is not a NumPy array of such entries, the dtypes differ,
        ``ignore_index`` is no integer or ``label_smoothing`` no number.
    ValueError
        If the shapes do not agree, there are no classes, a target is none of them, a
        setting is out of its range, or the reduction has another name.

    Notes
    -----
    Twin: ``torch.nn.functional.cross_entropy``, which also takes a negative ε, for 0,
    and probabilities of another dtype.
    Derived in "Losses" (ledger: ce-s1, ce-s2).

    Examples
    --------
    >>> logits = np.array([[0.0, 0.0], [1000.0, 0.0]])
    >>> cross_entropy(logits, np.array([0, 1]), reduction="none")
    array([6.93147181e-01, 1.00000000e+03])
    """
    call = _Classes("cross_entropy", input, target, weight)
    call.reduce_by(reduction, size_average, reduce)
    shares = call.shares(ignore_index, label_smoothing)
    return call.loss(shares, log_softmax(call.x, dim=1))


def cross_entropy_backward(
    grad_output,
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """Return the gradients of `cross_entropy` in its input, target and weight.

        ∂ℓ/∂x[n,c] = (Σ_k w[k]·q[n,k])·p[n,c] − w[c]·q[n,c],   p = softmax(x)
        ∂ℓ/∂y[n,c] = −(1 − ε)·w[c]·log p[n,c]
        ∂ℓ/∂w[c]   = −q[n,c]·log p[n,c]

    each times g / n, where n is what the loss divides by.  The well-known p − y is the
    case of weights 1 and targets of the sum 1.

    Parameters
    ----------
    grad_output : the shape of the output
        g = ∂L/∂output, in the input's dtype.
    input, target, weight, size_average, ignore_index, reduce, reduction,
    label_smoothing
        The arguments of the forward call.

    Returns
    -------
    WeightedLossGradients
        ``.input``, ``.target`` and ``.weight``.  As in PyTorch the last two are there
        for probabilities alone: beside class indices both are None.

    Raises
    ------
    TypeError, ValueError
        As `cross_entropy`, and if ``grad_output`` has not the shape or dtype of its
        output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.cross_entropy``.
    Derived in "Losses" (ledger: ce-softmax-grad).

    Examples
    --------
    >>> logits, target = np.array([[0.0, 0.0]]), np.array([1])
    >>> cross_entropy_backward(np.array(1.0), logits, target).input
    array([[ 0.5, -0.5]])
    """
    call = _Classes("cross_entropy_backward", input, target, weight)
    call.reduce_by(reduction, size_average, reduce)
    shares = call.shares(ignore_index, label_smoothing)
    g = call.share(grad_output, shares)
    with quiet():
        # In the input's byte order too, which a product may change.
        slope = shares.slope(g, call.x).astype(call.x.dtype, copy=False)
        dx = call.like_input(log_softmax_backward(slope, call.x, dim=1))
        if isinstance(shares, _Chosen):
            return WeightedLossGradients(dx, None, None)
        dy, dw = shares.gradients(g, log_softmax(call.x, dim=1))
    dw = None if weight is None else dw.astype(call.dtype, copy=False)
    return WeightedLossGradients(dx, call.like_input(dy), dw)


# What the target gives to the classes -------------------------------------------------


class _Chosen:
    """One class of each sample: ``t`` (N, …), and which of them are ``kept``."""

    def __init__(self, t, kept, w, smoothing):
        self.t, self.kept, self.w, self.smoothing = t, kept, w, smoothing

    def count(self):
        if self.w is None:
            return int(self.kept.sum())
        return np.where(self.kept, self.w[self.t], 0).sum()

    def losses(self, x):
        losses = -np.take_along_axis(x, self.t[:, None], 1)[:, 0]
        if self.w is not None:
            losses = losses * self.w[self.t]
        # Without smoothing, −∞ in another class counts nothing: 0 · −∞ would be NaN.
        if self.smoothing != 0:
            alike = (x * _along(self.w, x)).sum(1) / x.shape[1]
            losses = (1 - self.smoothing) * losses - self.smoothing * alike
        return np.where(self.kept, losses, 0)

    def slope(self, g, x):
        """Return what each score gets of the losses' gradient."""
        g, t = np.broadcast_to(g, self.t.shape)[:, None], self.t[:, None]
        chosen = g if self.w is None else g * self.w[t]
        dx = np.zeros(x.shape, x.dtype)
        np.put_along_axis(dx, t, -(1 - self.smoothing) * chosen, 1)
        if self.smoothing != 0:
            dx -= self.smoothing * g * _along(self.w, x) / x.shape[1]
        return np.where(self.kept[:, None], dx, 0)


class _Shared:
    """Probabilities ``y`` (N, C, …) of all classes, before they are smoothed."""

    def __init__(self, y, w, smoothing):
        self.w, self.rest = w, 1 - smoothing
        self.q = self.rest * y + smoothing / y.shape[1]

    def count(self):
        return self.q.size // self.q.shape[1]

    def losses(self, x):
        return -(x * self.q * _along(self.w, x)).sum(1)

    def slope(self, g, x):
        """Return what each score gets of the losses' gradient."""
        return -self._spread(g) * self.q * _along(self.w, x)

    def gradients(self, g, x):
        """Return the gradients of the probabilities and of the weight."""
        dq = -self._spread(g) * x
        dw = (dq * self.q).sum(axis=(0, *range(2, x.ndim)))
        return dq * self.rest * _along(self.w, x), dw

    def _spread(self, g):
        """Let all classes of a sample have its gradient."""
        return np.broadcast_to(g, np.delete(self.q.shape, 1))[:, None]


def _along(w, x):
    """Give the weight the axes of the input, along the second of which it lies."""
    return 1 if w is None else w.reshape(-1, *(1,) * (x.ndim - 2))


# What makes a call valid --------------------------------------------------------------


class _Classes(Losses):
    """Scores of classes, a target and perhaps a weight of each class.

    ``x`` are the scores with a batch axis, and with float16 widened to float32.
    """

    def __init__(self, name, input, target, weight):
        super().__init__(name)
        ndim = getattr(input, "ndim", 0)
        self.batched = ndim > 1
        inner = [f"d{k}" for k in range(1, ndim - 1)]
        self.positions = (*("N",) * self.batched, *inner)
        self.meanings = (*("N",) * self.batched, "C", *inner)[:ndim]
        self.array("input", input, self.meanings, kinds="fO")
        if not ndim:
            self.fail("input needs an axis of classes")
        self.x = widened(input if self.batched else input[None])
        self.target, self.w = target, None
        if not self.x.shape[1]:
            self.fail("input has no elements along C")
        if weight is not None:
            self.array("weight", weight, ("C",), kinds="fO")
            self.w, shape = widened(weight), self.x.shape[1:2]
            if weight.shape != shape:
                self.fail(f"weight must have the shape {shape}, not {weight.shape}")

    def chosen(self, ignore_index, smoothing: Any = 0):
        """Check a target of class indices, and return what it gives to the classes."""
        ignore_index = self.integer("ignore_index", ignore_index)
        t, classes = self.target, self.x.shape[1]
        self.array("target", t, self.positions, kinds="iu", same=False)
        if t.dtype not in (np.int64, np.uint8):
            reason = f"class indices of int64 or uint8, not {t.dtype}"
            raise TypeError(f"{self.name}: target must hold {reason}")
        shape = (*self.x.shape[: self.batched], *self.x.shape[2:])
        if t.shape != shape and (self.batched or t.shape != (1,)):
            self.fail(f"target must have the shape {shape}, not {t.shape}")
        kept = t != ignore_index
        wrong = np.argwhere(kept & ((t < 0) | (t >= classes)))
        if len(wrong):
            at = tuple(map(int, wrong[0]))
            self.fail(f"target {t[at]} at {at} is none of the {classes} classes")
        t, kept = (a.reshape(len(self.x), *shape[1:]) for a in (t, kept))
        return _Chosen(np.where(kept, t, 0), kept, self.w, smoothing)

    def shares(self, ignore_index, label_smoothing):
        """Check a target of either kind, and return what it gives to the classes."""
        smoothing = self.number("label_smoothing", label_smoothing)
        if not 0 <= smoothing <= 1:
            self.fail(f"label_smoothing must be from 0 to 1, got {label_smoothing}")
        # An integer beside exact entries becomes a fraction, which division leaves one.
        smoothing = smoothing * self.number("1", 1.0)
        if getattr(self.target, "shape", None) != self.arrays["input"][0].shape:
            return self.chosen(ignore_index, smoothing)
        if self.integer("ignore_index", ignore_index) >= 0:
            self.fail(f"ignore_index = {ignore_index} does not go with probabilities")
        self.array("target", self.target, self.meanings, kinds="fO")
        y = widened(self.target)
        return _Shared(y if self.batched else y[None], self.w, smoothing)

    def loss(self, shares, scores):
        """Reduce the losses of the scores, and drop a batch that was not given."""
        with quiet():
            losses = shares.losses(scores)
            return self.reduced(self.given(losses), shares.count())

    def share(self, grad_output, shares):
        """Check the upstream gradient, and return what each loss gets of it."""
        shape = self.given(np.broadcast_to(0, self.x.shape)[:, 0]).shape
        g = self.upstream(grad_output, shape, self.positions)
        return self.shared(g, shares.count())

    def given(self, batch):
        """Drop the batch axis that the caller did not give."""
        return batch if self.batched else batch.reshape(batch.shape[1:])

    def like_input(self, gradient):
        return self.given(gradient).astype(self.dtype, copy=False)
