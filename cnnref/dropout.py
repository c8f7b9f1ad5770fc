"""Dropout: each unit, or each channel, is kept with probability 1 − p, or set to 0.

The random part is a mask, which the caller gives or lets a NumPy Generator draw: there
is no hidden state.  The gradient needs the mask of the forward call; to have it, draw
it with `dropout_mask` and give it to both.
"""

import warnings

import numpy as np

from cnnref.arguments import Arguments

__all__ = [
    "dropout",
    "dropout1d",
    "dropout1d_backward",
    "dropout2d",
    "dropout2d_backward",
    "dropout3d",
    "dropout3d_backward",
    "dropout_backward",
    "dropout_mask",
    "dropout_weight_scaling",
    "dropout_weight_scaling_backward",
]


def dropout_mask(shape, p, generator):
    """Draw a mask: True, for a unit that is kept, with probability 1 − p.

    Parameters
    ----------
    shape : tuple or list of int
        The input's shape for `dropout`; (N, C) for channels.
    p : float
        The probability to drop, between 0 and 1.
    generator : np.random.Generator

    Returns
    -------
    bool array of that shape

    Raises
    ------
    TypeError, ValueError
        If p is no probability, or an argument has the wrong type.

    Notes
    -----
    Derived in "Dropout" (ledger: dropout-fraction, dropout-mask).

    Examples
    --------
    >>> dropout_mask((6,), 0.5, np.random.default_rng(0))
    array([ True, False, False, False,  True,  True])
    """
    check = Arguments("dropout_mask")
    if not isinstance(shape, tuple | list):
        raise TypeError(f"dropout_mask: shape must be a tuple or list, got {shape!r}")
    shape = tuple(check.integer("shape", size, least=0) for size in shape)
    p = _probability(check, p)
    _check_generator(check, generator)
    return _draw(shape, p, generator)


def dropout(input, p=0.5, training=True, inplace=False, *, generator=None, mask=None):
    """Set units to 0 with probability p, and scale up those that are kept.

        y = r ⊙ x / (1 − p),   r ~ Bernoulli(1 − p) for each entry, in training
        y = x                                                     in evaluation

    So E[y] = x, and evaluation needs no scaling: dropout "inverted" against the form of
    `dropout_weight_scaling`.

    Parameters
    ----------
    input : any shape
        Floats, fractions or symbols; any numbers where nothing is scaled (in
        evaluation, and for p = 0 or 1).
    p : float
        The probability to drop, between 0 and 1.
    training : bool
    inplace : bool
        True is refused.
    generator : np.random.Generator
        Draws the mask; or
    mask : bool array of the input's shape
        r itself: True where a unit is kept.  Exactly one of the two is needed in
        training with 0 < p < 1.

    Returns
    -------
    y : in the input's shape and dtype.

    Raises
    ------
    TypeError
        If the input does not hold numbers that can be scaled, or a setting has the
        wrong type.
    ValueError
        If p is not between 0 and 1, ``inplace`` is True, the mask has not its shape, or
        what is random is given twice or not at all.

    Notes
    -----
    Twin: ``torch.nn.functional.dropout``, which draws from PyTorch's global generator.
    As there, what is dropped is multiplied by 0: an infinite entry becomes NaN.
    Derived in "Dropout" (ledger: dropout-mask, dropout-test, dropout-variance).

    Examples
    --------
    >>> x, r = np.array([1.0, 2.0, 3.0]), np.array([True, False, True])
    >>> dropout(x, p=0.75, mask=r)
    array([ 4.,  0., 12.])
    >>> dropout(x, p=0.75, training=False)
    array([1., 2., 3.])
    """
    call = (input, p, training, inplace, generator, mask)
    return _dropout("dropout", 0, *call)


def dropout1d(input, p=0.5, training=True, inplace=False, *, generator=None, mask=None):
    """Set whole channels to 0 with probability p; see `dropout`.

        y[n,c] = r[n,c] · x[n,c] / (1 − p)

    Shapes: input (N, C, L) with a mask (N, C), or (C, L) with a mask (C,).
    Twin: ``torch.nn.functional.dropout1d``.
    """
    call = (input, p, training, inplace, generator, mask)
    return _dropout("dropout1d", 1, *call)


def dropout2d(input, p=0.5, training=True, inplace=False, *, generator=None, mask=None):
    """Set whole channels to 0 with probability p; see `dropout`.

        y[n,c] = r[n,c] · x[n,c] / (1 − p)

    Shapes: input (N, C, H, W) with a mask (N, C).

    Notes
    -----
    Twin: ``torch.nn.functional.dropout2d``.  As there, another number of axes draws a
    warning, and the first two count as N and C: also for (C, H, W).
    """
    call = (input, p, training, inplace, generator, mask)
    return _dropout("dropout2d", 2, *call)


def dropout3d(input, p=0.5, training=True, inplace=False, *, generator=None, mask=None):
    """Set whole channels to 0 with probability p; see `dropout`.

        y[n,c] = r[n,c] · x[n,c] / (1 − p)

    Shapes: input (N, C, D, H, W) with a mask (N, C), or (C, D, H, W) with a mask (C,).

    Notes
    -----
    Twin: ``torch.nn.functional.dropout3d``.  As there, another number of axes draws a
    warning, and the first counts as C.
    """
    call = (input, p, training, inplace, generator, mask)
    return _dropout("dropout3d", 3, *call)


def dropout_backward(
    grad_output,
    input,
    p=0.5,
    training=True,
    inplace=False,
    *,
    generator=None,
    mask=None,
):
    """Return the gradient of `dropout`, by the same mask.

        ∂L/∂x = r ⊙ g / (1 − p)   in training,   g   in evaluation

    Parameters
    ----------
    grad_output : the input's shape and dtype
    input, p, training, inplace, mask
        The arguments of the forward call.
    generator : None
        Refused where it would draw: it has moved on since the forward call.

    Returns
    -------
    ∂L/∂x : in the input's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        As `dropout`, and if ``grad_output`` has not the shape or dtype of its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.dropout``.
    Derived in "Dropout" (ledger: dropout-backward).

    Examples
    --------
    >>> x, r = np.array([1.0, 2.0, 3.0]), np.array([True, False, True])
    >>> dropout_backward(np.ones(3), x, p=0.75, mask=r)
    array([4., 0., 4.])
    """
    call = (input, p, training, inplace, generator, mask)
    return _dropout_backward("dropout", 0, grad_output, *call)


def dropout1d_backward(
    grad_output,
    input,
    p=0.5,
    training=True,
    inplace=False,
    *,
    generator=None,
    mask=None,
):
    """Return the gradient of `dropout1d`; see `dropout_backward`."""
    call = (input, p, training, inplace, generator, mask)
    return _dropout_backward("dropout1d", 1, grad_output, *call)


def dropout2d_backward(
    grad_output,
    input,
    p=0.5,
    training=True,
    inplace=False,
    *,
    generator=None,
    mask=None,
):
    """Return the gradient of `dropout2d`; see `dropout_backward`."""
    call = (input, p, training, inplace, generator, mask)
    return _dropout_backward("dropout2d", 2, grad_output, *call)


def dropout3d_backward(
    grad_output,
    input,
    p=0.5,
    training=True,
    inplace=False,
    *,
    generator=None,
    mask=None,
):
    """Return the gradient of `dropout3d`; see `dropout_backward`."""
    call = (input, p, training, inplace, generator, mask)
    return _dropout_backward("dropout3d", 3, grad_output, *call)


def dropout_weight_scaling(input, p=0.5, training=True, *, generator=None, mask=None):
    """Set units to 0 with probability p; scale all of them in evaluation instead.

        y = r ⊙ x,   r ~ Bernoulli(1 − p)   in training
        y = (1 − p) · x                     in evaluation

    The form of the original paper.  To scale x is to scale the weights that read it,
    W_test = (1 − p)·W: E[W(r ⊙ x) + b] = (1 − p)·Wx + b, with b as it is.  Through a
    nonlinearity it is no expectation.

    Parameters
    ----------
    input, p, training, generator, mask
        As in `dropout`.

    Returns
    -------
    y : in the input's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        As `dropout`.

    Notes
    -----
    (1 − p) times `dropout`, in training as in evaluation.
    Derived in "Dropout" (ledger: dropout-mask, dropout-test, dropout-variance).

    Examples
    --------
    >>> x, r = np.array([1.0, 2.0, 3.0]), np.array([True, False, True])
    >>> dropout_weight_scaling(x, p=0.75, mask=r)
    array([1., 0., 3.])
    >>> dropout_weight_scaling(x, p=0.75, training=False)
    array([0.25, 0.5 , 0.75])
    """
    check = _Check("dropout_weight_scaling", input)
    return _scaled(input, check.unscaled(p, training, generator, mask))


def dropout_weight_scaling_backward(
    grad_output, input, p=0.5, training=True, *, generator=None, mask=None
):
    """Return the gradient of `dropout_weight_scaling`, by the same mask.

    ∂L/∂x = r ⊙ g   in training,   (1 − p) · g   in evaluation
    """
    check = _Check("dropout_weight_scaling_backward", input, 0, grad_output)
    return _scaled(grad_output, check.unscaled(p, training, generator, mask))


def _dropout(name, axes, input, p, training, inplace, generator, mask):
    check = _Check(name, input, axes)
    check.not_in_place(inplace)
    factor = check.inverted(p, training, generator, mask)
    check.warn_of_axes()
    return _scaled(input, factor)


def _dropout_backward(name, axes, grad_output, input, p, training, inplace, *random):
    check = _Check(f"{name}_backward", input, axes, grad_output)
    check.not_in_place(inplace)
    return _scaled(grad_output, check.inverted(p, training, *random))


def _scaled(array, factor):
    """Multiply, which is all that dropout does, and all that its gradient does."""
    with np.errstate(invalid="ignore"):  # 0 · ∞
        # Without the cast a result without axes would be no array.
        return np.asarray(array * factor, array.dtype)


def _draw(shape, p, generator):
    return generator.random(shape) >= float(p)


# What makes a call valid --------------------------------------------------------------


class _Check(Arguments):
    """The arguments of a dropout of units, or of channels with this many axes."""

    def __init__(self, name, input, axes=0, grad_output=None):
        super().__init__(name)
        self.input, self.axes = input, axes
        self.is_gradient = name.endswith("_backward")
        ndim = getattr(input, "ndim", 0)
        self.array("input", input, ("N", "C", *("*",) * ndim)[:ndim], kinds="biufcO")
        if self.is_gradient:
            self.gradient(grad_output, input.shape, self.arrays["input"][1])
        if axes == 1 and ndim not in (2, 3):
            self.fail(f"input must have 2 or 3 axes, not {ndim}")

    @property
    def lead(self):
        """Count the axes that tell one channel from another: N and C, or C."""
        return 2 if self.axes == 2 or self.input.ndim == self.axes + 2 else 1

    def warn_of_axes(self):
        """Warn where PyTorch does: other axes than the name says are taken for it."""
        usual = {2: (4,), 3: (4, 5)}.get(self.axes, (self.input.ndim,))
        if self.input.ndim not in usual:
            warnings.warn(
                f"{self.name}: input has {self.input.ndim} axes, not "
                f"{' or '.join(map(str, usual))}; one channel lies at each place of "
                f"the first {self.lead}",
                stacklevel=4,
            )

    def inverted(self, p, training, generator, mask):
        """Return r/(1 − p), or 1 in evaluation."""
        p, training = _probability(self, p), self.flag("training", training)
        random = training and 0 < p < 1 and self.input.size > 0
        kept = self.mask(p, random, generator, mask)
        if kept is None:
            kept = np.array(p < 1 or not training)
        return self.factor(kept, 1 / (1 - p) if random else 1)

    def unscaled(self, p, training, generator, mask):
        """Return r, or 1 − p in evaluation."""
        p, training = _probability(self, p), self.flag("training", training)
        random = training and 0 < p < 1 and self.input.size > 0
        kept = self.mask(p, random, generator, mask)
        if kept is None:
            kept = np.array(p < 1)
        return self.factor(kept, 1 if training else 1 - p)

    def mask(self, p, random, generator, mask):
        """Return the mask in a shape that meets the input, or None without need."""
        ndim = self.input.ndim
        shape = self.input.shape[: self.lead] if self.axes else self.input.shape
        if mask is not None:
            meanings = self.arrays["input"][1][: len(shape)]
            self.array("mask", mask, meanings, kinds="b", same=False)
            if mask.shape != shape:
                self.fail(f"mask must have the shape {shape}, not {mask.shape}")
        if generator is not None:
            _check_generator(self, generator)
        if not random:
            return None
        if self.axes and ndim < self.lead:
            self.fail(f"input must have at least {self.lead} axes, not {ndim}")
        if self.is_gradient and mask is None:
            self.fail("the gradient needs the mask of the forward call")
        if (generator is None) == (mask is None):
            self.fail("training needs a generator or a mask, one of the two")
        kept = _draw(shape, p, generator) if mask is None else mask
        return kept.reshape(shape + (1,) * (ndim - len(shape)))

    def factor(self, kept, scale):
        """Return the scale where a unit is kept, and 0 elsewhere."""
        dtype = self.input.dtype
        if dtype.kind not in "fO" and scale != 1:
            raise TypeError(
                f"{self.name}: input has dtype {dtype}, which cannot be scaled"
            )
        factor = np.zeros(kept.shape, dtype)
        factor[kept] = scale
        return factor


def _probability(check, p):
    p = check.number("p", p)
    if not 0 <= p <= 1:
        check.fail(f"p must be between 0 and 1, got {p}")
    return p


def _check_generator(check, generator):
    if not isinstance(generator, np.random.Generator):
        raise TypeError(
            f"{check.name}: generator must be a np.random.Generator, got {generator!r}"
        )
