"""Losses as layers, which take what the network returns and what it should return."""

from cnnref.layers.layer import Layer

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "SmoothL1Loss",
]


def CrossEntropyLoss(
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """Compare logits with classes, or their probabilities, by `cross_entropy`.

    Notes
    -----
    Twin: ``torch.nn.CrossEntropyLoss``.

    Examples
    --------
    >>> import numpy as np
    >>> loss = CrossEntropyLoss()
    >>> bool(loss.forward(np.zeros((1, 4)), np.array([2])) == np.log(4))
    True
    >>> loss.backward(np.ones(()))
    array([[ 0.25,  0.25, -0.75,  0.25]])
    """
    return _loss("CrossEntropyLoss", "cross_entropy", locals())


def NLLLoss(
    weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"
):
    """Compare logarithms of probabilities with classes, by `nll_loss`."""
    return _loss("NLLLoss", "nll_loss", locals())


def BCELoss(weight=None, size_average=None, reduce=None, reduction="mean"):
    """Compare probabilities of yes with yes or no, by `binary_cross_entropy`."""
    return _loss("BCELoss", "binary_cross_entropy", locals())


def BCEWithLogitsLoss(
    weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    """Compare logits of yes with yes or no, by `binary_cross_entropy_with_logits`."""
    return _loss("BCEWithLogitsLoss", "binary_cross_entropy_with_logits", locals())


def MSELoss(size_average=None, reduce=None, reduction="mean"):
    """Take the mean of the squared differences, by `mse_loss`."""
    return _loss("MSELoss", "mse_loss", locals())


def L1Loss(size_average=None, reduce=None, reduction="mean"):
    """Take the mean of the absolute differences, by `l1_loss`."""
    return _loss("L1Loss", "l1_loss", locals())


def SmoothL1Loss(size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Square small differences, but not large ones; see `smooth_l1_loss`."""
    return _loss("SmoothL1Loss", "smooth_l1_loss", locals())


def HuberLoss(reduction="mean", delta=1.0):
    """Square small differences, and scale large ones; see `huber_loss`."""
    return _loss("HuberLoss", "huber_loss", locals())


def KLDivLoss(size_average=None, reduce=None, reduction="mean", log_target=False):
    """Compare two distributions by `kl_div`."""
    return _loss("KLDivLoss", "kl_div", locals())


def _loss(name, operation, settings):
    return Layer(name, operation, settings, inputs=("input", "target"))
