"""Normalisations as layers; those of batch and instance keep running statistics."""

import warnings
from functools import partial

import numpy as np

from cnnref import functional
from cnnref.arguments import Arguments
from cnnref.layers.layer import Layer, Operation, array_shape

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
]


def BatchNorm1d(
    num_features,
    eps=1e-5,
    momentum=0.1,
    affine=True,
    track_running_stats=True,
    *,
    bias=True,
    dtype=None,
):
    """Normalise (N, C) or (N, C, L) by `batch_norm`; see `BatchNorm2d`."""
    return _batch_norm("BatchNorm1d", (2, 3), **locals())


def BatchNorm2d(
    num_features,
    eps=1e-5,
    momentum=0.1,
    affine=True,
    track_running_stats=True,
    *,
    bias=True,
    dtype=None,
):
    """Normalise each channel of (N, C, H, W) by `batch_norm`.

    In training each forward pass normalises by the statistics of its batch, and lets
    them into the running ones; in evaluation it normalises by these.

    Parameters
    ----------
    num_features : int
        C.
    eps : float
        ε, inside the root.
    momentum : float or None
        The weight of the new statistics.  None makes the running ones the mean over all
        batches so far.
    affine, bias : bool
        Whether a weight, at first 1, and beside it a bias, at first 0, are learnt.
    track_running_stats : bool
        Whether there are running statistics; without, every batch has its own.
    dtype : NumPy dtype
        float32 unless given, as in PyTorch.

    Returns
    -------
    Layer
        Its buffers are running_mean, running_var and num_batches_tracked.

    Notes
    -----
    Twin: ``torch.nn.BatchNorm2d``.

    Examples
    --------
    >>> norm = BatchNorm2d(1, dtype="f8")
    >>> y = norm.forward(np.arange(4.0).reshape(1, 1, 2, 2))
    >>> norm.buffers["running_mean"], norm.buffers["num_batches_tracked"]
    (array([0.15]), array(1))
    """
    return _batch_norm("BatchNorm2d", (4,), **locals())


def BatchNorm3d(
    num_features,
    eps=1e-5,
    momentum=0.1,
    affine=True,
    track_running_stats=True,
    *,
    bias=True,
    dtype=None,
):
    """Normalise (N, C, D, H, W) by `batch_norm`; see `BatchNorm2d`."""
    return _batch_norm("BatchNorm3d", (5,), **locals())


def InstanceNorm1d(
    num_features,
    eps=1e-5,
    momentum=0.1,
    affine=False,
    track_running_stats=False,
    *,
    bias=True,
    dtype=None,
):
    """Normalise (N, C, L) or (C, L) by `instance_norm`; see `InstanceNorm2d`."""
    return _instance_norm("InstanceNorm1d", (2, 3), **locals())


def InstanceNorm2d(
    num_features,
    eps=1e-5,
    momentum=0.1,
    affine=False,
    track_running_stats=False,
    *,
    bias=True,
    dtype=None,
):
    """Normalise each channel of each image, (N, C, H, W) or (C, H, W).

    The function is `instance_norm`, and the arguments are as in `BatchNorm2d`: only
    their defaults differ.

    Notes
    -----
    Twin: ``torch.nn.InstanceNorm2d``.  As there, the batches are not counted, and
    ``momentum=None`` leaves the running statistics as they are.
    """
    return _instance_norm("InstanceNorm2d", (3, 4), **locals())


def InstanceNorm3d(
    num_features,
    eps=1e-5,
    momentum=0.1,
    affine=False,
    track_running_stats=False,
    *,
    bias=True,
    dtype=None,
):
    """Normalise (N, C, D, H, W) or (C, D, H, W); see `InstanceNorm2d`."""
    return _instance_norm("InstanceNorm3d", (4, 5), **locals())


def GroupNorm(
    num_groups, num_channels, eps=1e-5, affine=True, *, bias=True, dtype=None
):
    """Normalise groups of channels by `group_norm`.

    Notes
    -----
    Twin: ``torch.nn.GroupNorm``.
    """
    check = Arguments("GroupNorm")
    num_groups = check.integer("num_groups", num_groups, least=1)
    num_channels = check.integer("num_channels", num_channels, least=1)
    if num_channels % num_groups:
        check.fail(f"{num_groups=} does not divide {num_channels=}")
    weights = _weights((num_channels,), affine, bias, dtype)
    shown = f"{num_groups}, {num_channels}, {eps=}, {affine=}, bias={'bias' in weights}"
    settings = {"num_groups": num_groups, "eps": eps}
    return Layer("GroupNorm", "group_norm", settings, shown, weights)


def LayerNorm(
    normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, *, dtype=None
):
    """Normalise the last axes by `layer_norm`.

    Notes
    -----
    Twin: ``torch.nn.LayerNorm``.
    """
    shape = _shape("LayerNorm", normalized_shape)
    weights = _weights(shape, elementwise_affine, bias, dtype)
    shown = f"{shape}, {eps=}, {elementwise_affine=}, bias={'bias' in weights}"
    settings = {"normalized_shape": shape, "eps": eps}
    return Layer("LayerNorm", "layer_norm", settings, shown, weights)


def RMSNorm(normalized_shape, eps=None, elementwise_affine=True, *, dtype=None):
    """Divide by the root mean square of the last axes, by `rms_norm`.

    Notes
    -----
    Twin: ``torch.nn.RMSNorm``.
    """
    shape = _shape("RMSNorm", normalized_shape)
    weights = _weights(shape, elementwise_affine, False, dtype)
    settings = {"normalized_shape": shape, "eps": eps}
    shown = f"{shape}, {eps=}, {elementwise_affine=}"
    return Layer("RMSNorm", "rms_norm", settings, shown, weights)


def LocalResponseNorm(size, alpha=1e-4, beta=0.75, k=1.0):
    """Divide by what the neighbouring channels hold; see `local_response_norm`."""
    shown = f"{size}, {alpha=}, {beta=}, {k=}"
    settings = {"size": size, "alpha": alpha, "beta": beta, "k": k}
    return Layer("LocalResponseNorm", "local_response_norm", settings, shown)


def _batch_norm(name, ndims, **arguments):
    prepare = partial(_batch_statistics, ndims)
    return _tracking(name, Operation.named("batch_norm"), prepare, **arguments)


def _instance_norm(name, ndims, **arguments):
    norm = _unbatched(Operation.named("instance_norm"), min(ndims))
    prepare = partial(_instance_statistics, ndims, arguments["num_features"])
    return _tracking(name, norm, prepare, **arguments)


def _tracking(
    name,
    norm,
    prepare,
    num_features,
    eps,
    momentum,
    affine,
    track_running_stats,
    bias,
    dtype,
):
    num_features = Arguments(name).integer("num_features", num_features, least=1)
    weights = _weights((num_features,), affine, bias, dtype)
    buffers = {}
    if track_running_stats:
        buffers = {
            "running_mean": np.zeros(num_features, dtype or "f4"),
            "running_var": np.ones(num_features, dtype or "f4"),
            "num_batches_tracked": np.array(0),
        }
    shown = (
        f"{num_features}, {eps=}, {momentum=}, {affine=}, "
        f"bias={'bias' in weights}, {track_running_stats=}"
    )
    settings = {"eps": eps, "momentum": momentum}
    return Layer(name, norm, settings, shown, weights, buffers, prepare=prepare)


def _batch_statistics(ndims, layer, call):
    """Return what a batch is normalised by, and the buffers after it."""
    _expect(layer, call, ndims)
    if not layer.buffers:
        return _arguments(layer, None, training=True), {}
    if not layer.training:
        return _arguments(layer, 0.0, training=False), layer.buffers
    count = layer.buffers["num_batches_tracked"] + 1
    momentum = call["momentum"]
    momentum = 1 / int(count) if momentum is None else momentum
    update = functional.batch_norm_running_stats
    buffers = _updated(layer, update, call["input"], momentum)
    buffers["num_batches_tracked"] = np.array(count)
    return _arguments(layer, momentum, training=True), buffers


def _instance_statistics(ndims, num_features, layer, call):
    """Return what the images are normalised by, and the buffers after them."""
    _expect(layer, call, ndims)
    input, momentum = call["input"], call["momentum"] or 0.0
    channels = input.shape[-min(ndims)]
    if channels != num_features and not (layer.weights or layer.buffers):
        warnings.warn(
            f"{layer.name}: the input has {channels} channels, not {num_features}",
            stacklevel=3,
        )
    from_input = layer.training or not layer.buffers
    buffers = layer.buffers
    if layer.training and layer.buffers:
        batch = input if input.ndim == max(ndims) else input[None]
        update = functional.instance_norm_running_stats
        buffers = _updated(layer, update, batch, momentum)
    return _arguments(layer, momentum, use_input_stats=from_input), buffers


def _arguments(layer, momentum, **mode):
    mean, var = (layer.buffers.get(f"running_{name}") for name in ("mean", "var"))
    given = {"running_mean": mean, "running_var": var, "momentum": momentum or 0.0}
    return given | mode


def _updated(layer, update, input, momentum):
    """Return the buffers with the statistics of an input let in."""
    mean, var = layer.buffers["running_mean"], layer.buffers["running_var"]
    mean, var = update(input, mean, var, momentum)
    return layer.buffers | {"running_mean": mean, "running_var": var}


def _expect(layer, call, ndims):
    shape = array_shape(layer, call)
    if len(shape) not in ndims:
        expected = " or ".join(map(str, ndims))
        Arguments(layer.name).fail(
            f"input must have {expected} axes, not the {len(shape)} of {shape}"
        )


def _unbatched(norm, axes):
    """Return an operation that also takes one image alone, of so many axes."""

    def function(input, **call):
        if input.ndim > axes:
            return norm.function(input, **call)
        return norm.function(input[None], **call)[0]

    def gradient(grad_output, input, **call):
        if input.ndim > axes:
            return norm.gradient(grad_output, input, **call)
        found = norm.gradient(grad_output[None], input[None], **call)
        return found._replace(input=found.input[0])

    return Operation(function, gradient)


def _weights(shape, affine, bias, dtype):
    """Return a weight of ones and a bias of zeros, as far as they are wanted."""
    weights = {}
    if affine:
        weights["weight"] = np.ones(shape, dtype or "f4")
    if affine and bias:
        weights["bias"] = np.zeros(shape, dtype or "f4")
    return weights


def _shape(name, normalized_shape):
    """Return a shape from one number or a sequence."""
    if not isinstance(normalized_shape, tuple | list):
        normalized_shape = (normalized_shape,)
    check = Arguments(name)
    return tuple(check.integer("normalized_shape", n, 1) for n in normalized_shape)
