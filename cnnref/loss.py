"""Losses of entries and their targets, and the penalty on weights, with gradients.

Each loss of an entry is a small function of input and target at the end of the file,
beside its two slopes; `cnnref.reduction` weights it and makes it one number.
"""

import math
import warnings

import numpy as np

from cnnref.arguments import Arguments
from cnnref.floats import quiet, widened
from cnnref.reduction import Entrywise, LossGradients, WeightedLossGradients

__all__ = [
    "LossGradients",
    "WeightedLossGradients",
    "huber_loss",
    "huber_loss_backward",
    "kl_div",
    "kl_div_backward",
    "l1_loss",
    "l1_loss_backward",
    "l2_penalty",
    "l2_penalty_backward",
    "mse_loss",
    "mse_loss_backward",
    "smooth_l1_loss",
    "smooth_l1_loss_backward",
]


# Distances ----------------------------------------------------------------------------


def mse_loss(
    input, target, size_average=None, reduce=None, reduction="mean", weight=None
):
    """Return the squared errors of the input, or their sum or mean.

        ℓ = (x − t)²,   L = Σ ℓ / n,   and with weights L = Σ w·ℓ / Σ w

    n counts all entries, not samples: for 5 samples of 5 outputs it is 25.

    Parameters
    ----------
    input : (…)
        Floats, or object (fractions, symbols), which stays exact.
    target : (…)
        The input's dtype, and its shape or one that broadcasts with it, which warns.
    size_average, reduce : bool, optional
        Deprecated, with a warning: where one is given, ``reduction`` is not read.
        ``reduce=False`` is "none", else ``size_average=False`` is "sum".
    reduction : "none", "mean" or "sum"
        The mean of nothing is NaN.
    weight : the input's shape, optional
        The input's dtype.

    Returns
    -------
    () or with "none" the common shape of input and target, in the input's dtype.

    Raises
    ------
    TypeError
        If an array is not a NumPy array of floats or symbols, or the dtypes differ.
    ValueError
        If the shapes do not agree, the reduction has another name, or a mean of exact
        entries is over nothing.

    Notes
    -----
    Twin: ``torch.nn.functional.mse_loss``.  It also takes arrays of two dtypes.
    Derived in "Losses" (ledger: mse).

    Examples
    --------
    >>> mse_loss(np.array([1.0, 2.0]), np.array([1.0, 5.0]))
    array(4.5)
    """
    call = _Pair("mse_loss", input, target, weight)
    call.reduce_by(reduction, size_average, reduce)
    return call.over_weights().loss(_square)


def mse_loss_backward(
    grad_output,
    input,
    target,
    size_average=None,
    reduce=None,
    reduction="mean",
    weight=None,
):
    """Return the gradients of `mse_loss` in its input, target and weight.

        ∂L/∂x = 2·(x − t)·g·w / n,   ∂L/∂t = −∂L/∂x,   ∂L/∂w = g·(ℓ − L) / Σ w

    where w = 1 without weights, n is what L divides by, and without a mean
    ∂L/∂w = g·ℓ.

    Parameters
    ----------
    grad_output : the shape of the output
        g = ∂L/∂output, in the input's dtype.
    input, target, size_average, reduce, reduction, weight
        The arguments of the forward call.

    Returns
    -------
    WeightedLossGradients
        ``.input``, ``.target`` and ``.weight`` in the shapes of the arguments: summed
        where they were broadcast.  ``.weight`` is None if the call had none.

    Raises
    ------
    TypeError, ValueError
        As `mse_loss`, and if ``grad_output`` has not the shape or dtype of its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.mse_loss``.
    Derived in "Losses" (ledger: mse).

    Examples
    --------
    >>> x, t = np.array([1.0, 2.0]), np.array([1.0, 5.0])
    >>> mse_loss_backward(np.array(1.0), x, t).input
    array([ 0., -3.])
    """
    call = _Pair("mse_loss_backward", input, target, weight)
    call.reduce_by(reduction, size_average, reduce)
    g = call.over_weights().share(grad_output)
    gradients = call.gradients(g, _square_slopes)
    return WeightedLossGradients(*gradients, call.weight_gradient(g, _square))


def l1_loss(
    input, target, size_average=None, reduce=None, reduction="mean", weight=None
):
    """Return the absolute errors of the input, or their sum or mean; see `mse_loss`.

        ℓ = |x − t|

    Notes
    -----
    Twin: ``torch.nn.functional.l1_loss``, which also takes complex numbers, and
    integers where it takes no mean.

    Examples
    --------
    >>> l1_loss(np.array([1.0, 2.0]), np.array([1.0, 5.0]))
    array(1.5)
    """
    call = _Pair("l1_loss", input, target, weight)
    call.reduce_by(reduction, size_average, reduce)
    return call.over_weights().loss(_distance)


def l1_loss_backward(
    grad_output,
    input,
    target,
    size_average=None,
    reduce=None,
    reduction="mean",
    weight=None,
):
    """Return the gradients of `l1_loss`; see `mse_loss_backward`.

    ∂ℓ/∂x = sign(x − t),   0 at x = t and, as in PyTorch, at NaN
    """
    call = _Pair("l1_loss_backward", input, target, weight)
    call.reduce_by(reduction, size_average, reduce)
    g = call.over_weights().share(grad_output)
    gradients = call.gradients(g, _distance_slopes)
    return WeightedLossGradients(*gradients, call.weight_gradient(g, _distance))


def smooth_l1_loss(
    input, target, size_average=None, reduce=None, reduction="mean", beta=1.0
):
    """Return absolute errors with a parabola for a tip; see `mse_loss`.

        ℓ = (x − t)² / (2β) if |x − t| < β else |x − t| − β/2

    Parameters
    ----------
    beta : float
        Where the parabola ends: at least 0, where the loss is `l1_loss`.

    Notes
    -----
    Twin: ``torch.nn.functional.smooth_l1_loss``.

    Examples
    --------
    >>> smooth_l1_loss(np.array([1.0, 4.0]), np.zeros(2), reduction="none", beta=2.0)
    array([0.25, 3.  ])
    """
    call = _Pair("smooth_l1_loss", input, target)
    call.reduce_by(reduction, size_average, reduce)
    value, _ = _smooth(call, beta)
    return call.loss(value)


def smooth_l1_loss_backward(
    grad_output,
    input,
    target,
    size_average=None,
    reduce=None,
    reduction="mean",
    beta=1.0,
):
    """Return the gradients of `smooth_l1_loss`; see `mse_loss_backward`.

        ∂ℓ/∂x = (x − t) / β if |x − t| < β else sign(x − t)

    Returns
    -------
    LossGradients
        ``.input`` and ``.target``.
    """
    call = _Pair("smooth_l1_loss_backward", input, target)
    call.reduce_by(reduction, size_average, reduce)
    _, slopes = _smooth(call, beta)
    return call.gradients(call.share(grad_output), slopes)


def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """Return squared errors that go on as straight lines; see `mse_loss`.

        ℓ = (x − t)² / 2 if |x − t| < δ else δ·(|x − t| − δ/2)

    It is δ times `smooth_l1_loss` with β = δ.

    Parameters
    ----------
    delta : float
        Where the straight lines begin; more than 0.
    weight : the input's shape, optional
        Unlike in `mse_loss`, the mean of w·ℓ is over their number, not over Σ w.

    Notes
    -----
    Twin: ``torch.nn.functional.huber_loss``.

    Examples
    --------
    >>> huber_loss(np.array([1.0, 4.0]), np.zeros(2), reduction="none", delta=2.0)
    array([0.5, 6. ])
    """
    call = _Pair("huber_loss", input, target, weight)
    call.reduce_by(reduction)
    value, _ = _huber(call, delta)
    return call.loss(value)


def huber_loss_backward(
    grad_output, input, target, reduction="mean", delta=1.0, weight=None
):
    """Return the gradients of `huber_loss`; see `mse_loss_backward`.

    ∂ℓ/∂x = x − t if |x − t| < δ else δ·sign(x − t),   ∂L/∂w = g·ℓ / n
    """
    call = _Pair("huber_loss_backward", input, target, weight)
    call.reduce_by(reduction)
    value, slopes = _huber(call, delta)
    g = call.share(grad_output)
    gradients = call.gradients(g, slopes)
    return WeightedLossGradients(*gradients, call.weight_gradient(g, value))


# Divergence ---------------------------------------------------------------------------


def kl_div(
    input, target, size_average=None, reduce=None, reduction="mean", log_target=False
):
    """Return how far log-probabilities x are from a distribution t.

        ℓ = t·(log t − x),   and with ``log_target`` ℓ = exp(t)·(t − x)

    Parameters
    ----------
    input : (…)
        Log-probabilities: the result of `cnnref.functional.log_softmax`.
    target : (…)
        Probabilities, or their logarithms with ``log_target``.  0·log 0 is 0.  Another
        shape than the input's broadcasts, without a warning.
    size_average, reduce
        As in `cnnref.functional.mse_loss`.
    reduction : "none", "mean", "sum" or "batchmean"
        "batchmean" divides the sum by the first axis' size, and is the divergence of a
        batch; "mean" divides by the number of entries, and warns of it.
    log_target : bool

    Returns
    -------
    () or with "none" the common shape of input and target, in the input's dtype.

    Raises
    ------
    TypeError, ValueError
        As `cnnref.functional.mse_loss`; if ``log_target`` is no bool; and if a legacy
        argument stands beside "batchmean", where PyTorch divides twice.

    Notes
    -----
    Twin: ``torch.nn.functional.kl_div``.

    Examples
    --------
    >>> x, t = np.log([[0.5, 0.5]]), np.array([[1.0, 0.0]])
    >>> kl_div(x, t, reduction="batchmean") / np.log(2.0)
    np.float64(1.0)
    """
    call = _Pair("kl_div", input, target, silent=True)
    call.reduce_by(reduction, size_average, reduce, more=("batchmean",))
    _by_sample(call, reduction, size_average, reduce)
    value, _ = _divergence(call, log_target)
    return call.loss(value)


def kl_div_backward(
    grad_output,
    input,
    target,
    size_average=None,
    reduce=None,
    reduction="mean",
    log_target=False,
):
    """Return the gradients of `kl_div` in its input and target.

        ∂ℓ/∂x = −t,          ∂ℓ/∂t = log t + 1 − x
        ∂ℓ/∂x = −exp(t),     ∂ℓ/∂t = exp(t)·(t + 1 − x)   with ``log_target``

    Returns
    -------
    LossGradients
        ``.input`` and ``.target``, summed where they were broadcast.  At t = 0 the
        slope in t is −∞; as in PyTorch it is NaN.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.kl_div``.
    """
    call = _Pair("kl_div_backward", input, target, silent=True)
    call.reduce_by(reduction, size_average, reduce, more=("batchmean",))
    _by_sample(call, reduction, size_average, reduce)
    _, slopes = _divergence(call, log_target)
    return call.gradients(call.share(grad_output), slopes)


# Penalty ------------------------------------------------------------------------------


def l2_penalty(weight, weight_decay):
    """Return what a loss grows by so that a weight stays small.

        R = λ/2 · ‖W‖²,   ‖W‖² = Σ W²

    The norm is Frobenius', over all entries: the spectral norm of a matrix, often
    written ‖W‖₂ too, has another gradient.  Add one penalty for each weight; biases
    have none.

    Parameters
    ----------
    weight : (…)
        W: floats, or object, which stays exact.
    weight_decay : float
        λ, at least 0.  With the ½ the gradient is λW, so that a step of SGD with this
        penalty is one with the ``weight_decay`` λ; without it, it would be that of 2λ.

    Returns
    -------
    () : the penalty, in the weight's dtype.

    Raises
    ------
    TypeError
        If the weight is not a NumPy array of floats or symbols, or λ is no number.
    ValueError
        If λ is negative.

    Notes
    -----
    PyTorch has no such function: ``torch.optim.SGD(weight_decay=λ)`` adds λW to the
    gradient.
    Derived in "Weight decay" (ledger: l2-reg, l2-is-decay).

    Examples
    --------
    >>> l2_penalty(np.array([[1.0, 2.0], [0.0, 1.0]]), weight_decay=0.5)
    array(1.5)
    """
    decay = _decay("l2_penalty", weight, weight_decay)[1]
    with quiet():
        return np.asarray(decay * np.sum(widened(weight) ** 2 / 2), weight.dtype)


def l2_penalty_backward(grad_output, weight, weight_decay):
    """Return the gradient of `l2_penalty` in its weight.

        ∂R/∂W = g·λ·W

    Parameters
    ----------
    grad_output : ()
        g, in the weight's dtype.
    weight, weight_decay
        The arguments of the forward call.

    Returns
    -------
    (…) : the gradient, in the weight's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        As `l2_penalty`, and if ``grad_output`` is not one number of the weight's dtype.

    Notes
    -----
    Derived in "Weight decay" (ledger: l2-reg).

    Examples
    --------
    >>> l2_penalty_backward(np.array(1.0), np.array([2.0, -4.0]), weight_decay=0.5)
    array([ 1., -2.])
    """
    call, decay = _decay("l2_penalty_backward", weight, weight_decay)
    call.gradient(grad_output, (), ())
    with quiet():
        # The array first: a polynomial 0 times an array would be one 0.
        dw = widened(weight) * (decay * widened(grad_output))
        return np.asarray(dw, weight.dtype)


# The losses of one entry, and their slopes in x and t ---------------------------------


def _square(x, t):
    return (x - t) ** 2


def _square_slopes(x, t):
    slope = 2 * (x - t)
    return slope, -slope


def _distance(x, t):
    return abs(x - t)


def _distance_slopes(x, t):
    slope = _sign(x - t)
    return slope, -slope


def _smooth(call, beta):
    beta = call.number("beta", beta)
    if not beta >= 0:
        call.fail(f"beta must be at least 0, got {beta}")
    if beta == 0:
        return _distance, _distance_slopes

    def value(x, t):
        far = abs(x - t)
        return np.where(far < beta, far**2 / beta / 2, far - beta / 2)

    def slopes(x, t):
        d = x - t
        slope = np.where(abs(d) >= beta, _sign(d), d / beta)
        return slope, -slope

    return value, slopes


def _huber(call, delta):
    delta = call.number("delta", delta)
    if not delta > 0:
        call.fail(f"delta must be more than 0, got {delta}")

    def value(x, t):
        far = abs(x - t)
        return np.where(far < delta, far**2 / 2, delta * (far - delta / 2))

    def slopes(x, t):
        d = x - t
        slope = np.where(abs(d) >= delta, delta * _sign(d), d)
        return slope, -slope

    return value, slopes


def _divergence(call, log_target):
    if call.flag("log_target", log_target):
        return (
            lambda x, t: np.exp(t) * (t - x),
            lambda x, t: (-np.exp(t), np.exp(t) * (t + 1 - x)),
        )
    # log(t + 1) at t = 0, where 0·log 0 is 0; t / t is 1, and there it is NaN.
    return (
        lambda x, t: t * np.log(t + (t == 0)) - t * x,
        lambda x, t: (-t, np.log(t) + t / t - x),
    )


def _sign(d):
    """Return the sign; that of NaN is 0, as in PyTorch."""
    return np.where(d == d, np.sign(d), 0)


# What makes a call valid --------------------------------------------------------------


class _Pair(Entrywise):
    """Input and target that broadcast, and perhaps a weight of the input's shape.

    Unless ``silent``, two shapes that differ are warned of at the caller's caller.
    """

    def __init__(self, name, input, target, weight=None, silent=False):
        super().__init__(name, input, target, weight)
        shapes = input.shape, target.shape
        try:
            self.shape = np.broadcast_shapes(*shapes)
        except ValueError:
            self.fail("input {} and target {} do not broadcast".format(*shapes))
        if weight is not None and weight.shape != input.shape:
            self.fail(f"weight must have the shape {input.shape}, not {weight.shape}")
        if input.shape != target.shape and not silent:
            said = "input {} and target {} differ, and are broadcast".format(*shapes)
            warnings.warn(f"{name}: {said}", stacklevel=3)
        self.count, self.mean_of_weights = math.prod(self.shape), False

    def over_weights(self):
        """Let a mean divide by the sum of the weights, if there are any."""
        if self.w is not None:
            self.count, self.mean_of_weights = np.sum(self.w), self.reduction == "mean"
        return self

    def weight_gradient(self, g, value):
        """Return g·ℓ, and where a mean divides by Σ w too, g·(ℓ − L)."""
        if self.w is None:
            return None
        with quiet():
            losses = value(self.x, self.t)
            dw = self.summed("weight", g * losses)
            if self.mean_of_weights:
                dw = dw - g * (np.sum(losses * self.w) / self.count)
        return np.asarray(dw, self.dtype)


def _by_sample(call, reduction, size_average, reduce):
    """Let "batchmean" divide by the samples, and warn of a "mean" that does not."""
    if reduction == "mean" and size_average is None and reduce is None:
        said = "reduction='mean' divides by all entries, 'batchmean' by the samples"
        warnings.warn(f"{call.name}: {said}", stacklevel=3)
    if call.reduction == "batchmean":
        call.count = len(call.x) if call.x.ndim else 1


def _decay(name, weight, weight_decay):
    """Check a call of the penalty, and return its λ."""
    call = Arguments(name)
    call.array("weight", weight, ("…",), kinds="fO")
    decay = call.number("weight_decay", weight_decay)
    if not decay >= 0:
        call.fail(f"weight_decay must be at least 0, got {decay}")
    return call, decay
