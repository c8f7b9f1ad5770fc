"""Losses of entries, weighted, and made one number: by "none", "mean" or "sum".

    "none" ℓ    "sum" Σ ℓ    "mean" Σ ℓ / n

What n counts is the loss's own: entries, samples, or their weights.
"""

import warnings
from typing import NamedTuple

import numpy as np

from cnnref.arguments import Arguments
from cnnref.floats import quiet, widened

__all__ = [
    "REDUCTIONS",
    "Entrywise",
    "LossGradients",
    "Losses",
    "WeightedLossGradients",
]

REDUCTIONS = ("none", "mean", "sum")


class LossGradients(NamedTuple):
    """The gradients of a loss in its input and its target."""

    input: np.ndarray
    target: np.ndarray


class WeightedLossGradients(NamedTuple):
    """The gradients of a loss; ``weight`` is None where no weight was given.

    `cross_entropy_backward` gives ``target`` as None too where it holds class indices.
    """

    input: np.ndarray
    target: np.ndarray | None
    weight: np.ndarray | None


class Losses(Arguments):
    """The arguments of a loss, and how it reduces what it computes."""

    def reduce_by(self, reduction, size_average=None, reduce=None, more=()):
        """Settle the reduction, from its word or from the two legacy arguments."""
        said = None
        if size_average is not None or reduce is not None:
            if reduction in more:
                self.fail(f"size_average and reduce exclude reduction={reduction!r}")
            reduction = _legacy(size_average, reduce)
            said = "size_average and reduce are deprecated"
        elif reduction == "elementwise_mean":
            reduction, said = "mean", "reduction='elementwise_mean' is deprecated"
        self.reduction = self.choice("reduction", reduction, (*REDUCTIONS, *more))
        if said:
            said = f"{self.name}: {said}, use reduction={reduction!r}"
            # The caller of the public function that calls this.
            warnings.warn(said, stacklevel=3)

    @property
    def dtype(self):
        """The dtype of the input, and so of the result."""
        return self.arrays["input"][0].dtype

    def upstream(self, grad_output, shape, meanings):
        """Check the upstream gradient: one number, unless nothing was reduced."""
        if self.reduction != "none":
            shape = meanings = ()
        self.gradient(grad_output, shape, meanings)
        return widened(grad_output)

    def reduced(self, losses, count):
        """Return the losses, their sum, or their sum by the count."""
        if self.reduction != "none":
            losses = self.shared(np.sum(losses), count)
        # The sum of object entries is no array, and that of float16 is a float32.
        return np.asarray(losses, self.dtype)

    def shared(self, total, count):
        """Divide what all losses have in common, if their mean is taken."""
        if self.reduction in ("none", "sum"):
            return total
        if self.dtype == object and count == 0:
            self.fail("a mean over nothing is 0/0, and exact entries have no NaN")
        with quiet():
            return total / count


def _legacy(size_average, reduce):
    """Return what the two legacy arguments stand for."""
    if reduce is not None and not reduce:
        return "none"
    return "mean" if size_average is None or size_average else "sum"


class Entrywise(Losses):
    """A loss of each entry and its target, weighted and reduced.

    Attributes
    ----------
    x, t, w : arrays
        Input, target and weight (or None), with float16 widened to float32.
    shape : tuple of int
        The shape of the losses.
    count
        What a mean divides by.
    """

    shape: tuple[int, ...]
    count: object

    def __init__(self, name, input, target, weight=None):
        super().__init__(name)
        self.x, self.t = self.entries("input", input), self.entries("target", target)
        self.w = None if weight is None else self.entries("weight", weight)

    def entries(self, label, array):
        """Take an array of floats or symbols in."""
        self.array(label, array, ("…",), kinds="fO")
        return widened(array)

    def loss(self, value):
        """Weight and reduce the losses ``value(x, t)``."""
        with quiet():
            losses = value(self.x, self.t)
            if self.w is not None:
                losses = losses * self.w
            return self.reduced(losses, self.count)

    def share(self, grad_output):
        """Check the upstream gradient, and return what each loss gets of it."""
        g = self.upstream(grad_output, self.shape, ("…",))
        return self.shared(g, self.count)

    def gradients(self, g, slopes):
        """Return both gradients, from ``slopes(x, t)`` = (∂ℓ/∂x, ∂ℓ/∂t)."""
        with quiet():
            if self.w is not None:
                g = g * self.w
            dx, dt = (g * slope for slope in slopes(self.x, self.t))
            return LossGradients(self.summed("input", dx), self.summed("target", dt))

    def summed(self, label, gradient):
        """Add a gradient up over the axes along which its argument was broadcast."""
        array = self.arrays[label][0]
        added = len(self.shape) - array.ndim
        ones = (added + k for k, n in enumerate(array.shape) if n == 1)
        gradient = np.broadcast_to(gradient, self.shape)
        total = np.sum(gradient, axis=(*range(added), *ones), keepdims=True)
        return np.array(total, self.dtype).reshape(array.shape)
