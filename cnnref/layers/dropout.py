"""Dropout as a layer, which draws a new mask for each forward pass in training."""

from functools import partial
from numbers import Real

import numpy as np

from cnnref import functional
from cnnref.arguments import Arguments
from cnnref.layers.layer import Layer, array_shape

__all__ = ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d"]


def Dropout(p=0.5, inplace=False, *, generator=None):
    """Set numbers to 0 with probability p in training, by `dropout`.

    Parameters
    ----------
    p : float
        The probability to drop, between 0 and 1.
    inplace : bool
        True is refused.
    generator : NumPy Generator or int
        What the masks are drawn from; unless given, no two layers draw the same.

    Returns
    -------
    Layer

    Notes
    -----
    Twin: ``torch.nn.Dropout``.  The mask of the last forward pass is
    ``layer.call["mask"]``, which `Layer.backward` uses again.

    Examples
    --------
    >>> drop = Dropout(0.75, generator=0)
    >>> y = drop.forward(np.ones((2, 4)))
    >>> np.array_equal(y, 4 * drop.call["mask"])
    True
    >>> drop.eval().forward(np.ones(3))
    array([1., 1., 1.])
    """
    return _dropout("Dropout", lambda shape: shape, **locals())


def Dropout1d(p=0.5, inplace=False, *, generator=None):
    """Set channels of (N, C, L) or (C, L) to 0; see `Dropout` and `dropout1d`."""
    return _dropout("Dropout1d", partial(_channels, 1), **locals())


def Dropout2d(p=0.5, inplace=False, *, generator=None):
    """Set channels of (N, C, H, W) to 0; see `Dropout` and `dropout2d`."""
    return _dropout("Dropout2d", lambda shape: shape[:2], **locals())


def Dropout3d(p=0.5, inplace=False, *, generator=None):
    """Set channels of (N, C, D, H, W) or (C, D, H, W) to 0; see `Dropout`."""
    return _dropout("Dropout3d", partial(_channels, 3), **locals())


def _dropout(name, mask_shape, p, inplace, generator):
    check, generator = Arguments(name), np.random.default_rng(generator)
    if isinstance(p, bool) or not isinstance(p, Real):
        raise TypeError(f"{name}: p must be a number, got {p!r}")
    if not 0 <= float(p) <= 1:
        check.fail(f"p must be from 0 to 1, got {p}")
    check.not_in_place(inplace)

    def prepare(layer, call):
        mask = None
        if layer.training:
            shape = mask_shape(array_shape(layer, call))
            mask = functional.dropout_mask(shape, p, generator)
        return {"training": layer.training, "mask": mask}, layer.buffers

    settings = {"p": p, "inplace": inplace}
    return Layer(name, name.lower(), settings, f"{p=}, {inplace=}", prepare=prepare)


def _channels(axes, shape):
    """Return the axes of channels, behind that of a batch if there is one."""
    return shape[: 2 if len(shape) == axes + 2 else 1]
