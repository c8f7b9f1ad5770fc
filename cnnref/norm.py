"""Normalisation by mean and variance: batch, instance, group, layer, root mean square.

The first four are one formula, y = w·(x − μ)/√(σ² + ε) + b; they differ in the axes
that μ and σ² are taken over.  A `_Layout` says so, and how weight and bias meet the
input.

Floats are computed in double precision and rounded once, at the end: statistics in
float32 would cost a large mean its digits.
"""

from typing import NamedTuple

import numpy as np

from cnnref.arguments import SPATIAL, Arguments
from cnnref.floats import doubled, quiet, rounded

__all__ = [
    "NormGradients",
    "RMSNormGradients",
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_running_stats",
    "group_norm",
    "group_norm_backward",
    "instance_norm",
    "instance_norm_backward",
    "instance_norm_running_stats",
    "layer_norm",
    "layer_norm_backward",
    "rms_norm",
    "rms_norm_backward",
]


class NormGradients(NamedTuple):
    """The gradients of a normalisation; None for what was not given."""

    input: np.ndarray
    weight: np.ndarray | None
    bias: np.ndarray | None


class RMSNormGradients(NamedTuple):
    """The gradients of `rms_norm`; ``weight`` is None where none was given."""

    input: np.ndarray
    weight: np.ndarray | None


# Batch normalisation ------------------------------------------------------------------


def batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    """Shift and scale each channel to mean 0 and variance 1, then by weight and bias.

        y[n,c,p] = w[c] · (x[n,c,p] − μ[c]) / √(σ²[c] + ε) + b[c]

    In training μ[c] and σ²[c] are the mean and the biased variance, Σ (x − μ)² / m, of
    the m entries of channel c; in evaluation they are the running statistics.

    Parameters
    ----------
    input : (N, C, *)
        Floats, or symbols with a square root.
    running_mean, running_var : (C,) or None
        Needed in evaluation.  They are left as they are:
        `batch_norm_running_stats` returns the updated ones.
    weight, bias : (C,), optional
        w = 1 and b = 0 unless given.  All arrays have the input's dtype; beside float16
        they may be float32.
    training : bool
    momentum : float
        Only checked here; see `batch_norm_running_stats`.
    eps : float
        ε, inside the root: positive in training, not negative in evaluation.

    Returns
    -------
    (N, C, *) : in the input's dtype.

    Raises
    ------
    TypeError
        If an array does not hold floats, the dtypes differ, or a setting has the wrong
        type.
    ValueError
        If shapes or settings disagree, statistics are missing, or training has one
        value per channel only.

    Notes
    -----
    Twin: ``torch.nn.functional.batch_norm``, which updates the caller's running
    statistics in place.  It computes x·s + (b − μ·s) with s = w/√(σ² + ε), and so loses
    digits where μ is much larger than √(σ² + ε).

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [3.0, 4.0]])
    >>> batch_norm(x, None, None, training=True, eps=3.0)
    array([[-0.5       , -0.75592895],
           [ 0.5       ,  0.75592895]])
    >>> batch_norm(x, np.array([1.0, 0.0]), np.array([4.0, 1.0]), eps=0)
    array([[0., 0.],
           [1., 4.]])
    """
    check = _Check("batch_norm", input, running_mean, running_var, weight, bias)
    layout = check.batch(training, momentum, eps)
    return _normalise(layout, input, weight, bias)


def batch_norm_backward(
    grad_output,
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    """Return the gradients of `batch_norm` in its input, weight and bias.

    With x̂ = (x − μ)/√(σ² + ε) and means over the entries of a channel,

        ∂L/∂x = w / √(σ² + ε) · (g − mean(g) − x̂ · mean(g·x̂))    in training
        ∂L/∂x = w / √(σ² + ε) · g                                in evaluation
        ∂L/∂w[c] = Σ_{n,p} g[n,c,p] · x̂[n,c,p]
        ∂L/∂b[c] = Σ_{n,p} g[n,c,p]

    The two means are what x moves through μ and σ².

    Parameters
    ----------
    grad_output : (N, C, *)
        g = ∂L/∂y, in the input's dtype.
    input, running_mean, running_var, weight, bias, training, momentum, eps
        The arguments of the forward call.

    Returns
    -------
    NormGradients
        ``.input``, ``.weight`` and ``.bias`` in the shapes and dtypes of the arguments;
        None for what was not given.

    Raises
    ------
    TypeError, ValueError
        As `batch_norm`, and if ``grad_output`` does not match its output.

    Notes
    -----
    Twin: ``torch.autograd.grad`` of ``torch.nn.functional.batch_norm``, which has no
    gradient in the running statistics either.

    Examples
    --------
    >>> x = np.array([[1.0], [3.0]])
    >>> g = np.array([[1.0], [0.0]])
    >>> batch_norm_backward(g, x, None, None, training=True, eps=3.0).input
    array([[ 0.1875],
           [-0.1875]])
    """
    arrays = (input, running_mean, running_var, weight, bias)
    check = _Check("batch_norm_backward", *arrays)
    layout = check.batch(training, momentum, eps)
    check.upstream(grad_output)
    return NormGradients(*_normalise_backward(layout, grad_output, input, weight, bias))


def batch_norm_running_stats(input, running_mean, running_var, momentum=0.1):
    """Return the running statistics after one training step of `batch_norm`.

        μ_run ← (1 − m)·μ_run + m·μ
        σ²_run ← (1 − m)·σ²_run + m·Σ (x − μ)² / (M − 1)

    The variance that is stored is the unbiased one of the M entries of a channel, not
    the biased one that normalises.  An empty batch changes nothing.

    Parameters
    ----------
    input : (N, C, *)
    running_mean, running_var : (C,)
    momentum : float
        m, the weight of the new statistics.

    Returns
    -------
    running_mean, running_var : (C,)

    Raises
    ------
    TypeError, ValueError
        As `batch_norm` in training.

    Notes
    -----
    Twin: what ``torch.nn.functional.batch_norm`` writes into its arguments.
    Derived in "Transfer learning" (ledger: bn-frozen).

    Examples
    --------
    >>> x = np.array([[1.0], [3.0]])
    >>> batch_norm_running_stats(x, np.zeros(1), np.ones(1), momentum=0.25)
    (array([0.5]), array([1.25]))
    """
    check = _Check("batch_norm_running_stats", input, running_mean, running_var)
    check.per_channel()
    check.needs_statistics("an update")
    axes = check.batch_axes()
    if not input.size:
        check.number("momentum", momentum)
        return running_mean.copy(), running_var.copy()
    return check.running(_moments(doubled(input), axes), momentum)


# Instance, group and layer normalisation ----------------------------------------------


def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """Shift and scale each channel of each image on its own; see `batch_norm`.

        y[n,c,p] = w[c] · (x[n,c,p] − μ[n,c]) / √(σ²[n,c] + ε) + b[c]

    μ and σ² are taken over the positions p, or without ``use_input_stats`` are the
    running statistics of c.

    Parameters
    ----------
    input : (N, C, *)
        With at least two positions for each channel, unless statistics are given.
    running_mean, running_var, weight, bias, momentum
        As in `batch_norm`; see `instance_norm_running_stats`.
    use_input_stats : bool
        Whether to normalise by the statistics of the input itself.
    eps : float
        Where it is 0, what does not vary becomes 0.

    Returns
    -------
    (N, C, *) : in the input's dtype.

    Raises
    ------
    TypeError, ValueError
        As `batch_norm`.

    Notes
    -----
    Twin: ``torch.nn.functional.instance_norm``, which fails on a weight without images.

    Examples
    --------
    >>> x = np.array([[[1.0, 3.0], [0.0, 4.0]]])
    >>> instance_norm(x, eps=0)
    array([[[-1.,  1.],
            [-1.,  1.]]])
    """
    check = _Check("instance_norm", input, running_mean, running_var, weight, bias)
    layout = check.instance(use_input_stats, momentum, eps)
    return _normalise(layout, input, weight, bias)


def instance_norm_backward(
    grad_output,
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """Return the gradients of `instance_norm`; see `batch_norm_backward`.

    The means are over the positions of one channel of one image.
    """
    arrays = (input, running_mean, running_var, weight, bias)
    check = _Check("instance_norm_backward", *arrays)
    layout = check.instance(use_input_stats, momentum, eps)
    check.upstream(grad_output)
    return NormGradients(*_normalise_backward(layout, grad_output, input, weight, bias))


def instance_norm_running_stats(input, running_mean, running_var, momentum=0.1):
    """Return the running statistics after one training step of `instance_norm`.

    The new statistics of a channel are the means over the images of their own ones,
    the variances unbiased; see `batch_norm_running_stats`.

    Notes
    -----
    Twin: what ``torch.nn.functional.instance_norm`` writes into its arguments.  An
    input without elements is rejected: PyTorch writes NaN.
    """
    check = _Check("instance_norm_running_stats", input, running_mean, running_var)
    check.per_channel()
    check.needs_statistics("an update")
    axes = check.position_axes()
    if not input.size:
        check.fail("input has no elements, and so no statistics")
    new = [_mean(one, (0,)) for one in _moments(doubled(input), axes)]
    return check.running(new, momentum)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """Shift and scale each group of channels of each image; see `batch_norm`.

        y[n,c,p] = w[c] · (x[n,c,p] − μ[n,G]) / √(σ²[n,G] + ε) + b[c],   c in group G

    Parameters
    ----------
    input : (N, C, *)
    num_groups : int
        Divides C; the groups are consecutive channels.
    weight, bias : (C,), optional
    eps : float

    Returns
    -------
    (N, C, *) : in the input's dtype.

    Raises
    ------
    TypeError, ValueError
        As `batch_norm`; and if N·C/num_groups and all positions are one value.

    Notes
    -----
    Twin: ``torch.nn.functional.group_norm``, whose own gradient fails on a bias without
    a weight.

    Examples
    --------
    >>> group_norm(np.array([[1.0, 3.0, 0.0, 4.0]]), 2, eps=0)
    array([[-1.,  1., -1.,  1.]])
    """
    check = _Check("group_norm", input, weight=weight, bias=bias)
    return _normalise(check.group(num_groups, eps), input, weight, bias)


def group_norm_backward(
    grad_output, input, num_groups, weight=None, bias=None, eps=1e-5
):
    """Return the gradients of `group_norm`; see `batch_norm_backward`.

    The means are over one group of channels of one image, of g·w in place of g:

        ∂L/∂x = (g·w − mean(g·w) − x̂ · mean(g·w·x̂)) / √(σ² + ε)
    """
    check = _Check("group_norm_backward", input, weight=weight, bias=bias)
    layout = check.group(num_groups, eps)
    check.upstream(grad_output)
    return NormGradients(*_normalise_backward(layout, grad_output, input, weight, bias))


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Shift and scale over the last axes, then by a weight and a bias of their shape.

        y[n,i] = w[i] · (x[n,i] − μ[n]) / √(σ²[n] + ε) + b[i]

    Parameters
    ----------
    input : (*, *normalized_shape)
    normalized_shape : tuple or list of int
        The shape i ranges over.
    weight, bias : (*normalized_shape,), optional
    eps : float

    Returns
    -------
    (*, *normalized_shape) : in the input's dtype.

    Raises
    ------
    TypeError, ValueError
        As `batch_norm`; and if the input's last axes are not ``normalized_shape``.

    Notes
    -----
    Twin: ``torch.nn.functional.layer_norm``.

    Examples
    --------
    >>> layer_norm(np.array([[1.0, 3.0], [0.0, 4.0]]), (2,), eps=0)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    check = _LayerCheck("layer_norm", input, normalized_shape, weight, bias)
    return _normalise(check.layer(eps), input, weight, bias)


def layer_norm_backward(
    grad_output, input, normalized_shape, weight=None, bias=None, eps=1e-5
):
    """Return the gradients of `layer_norm`; see `group_norm_backward`.

    The means are over the last axes; weight and bias sum over all others.
    """
    check = _LayerCheck("layer_norm_backward", input, normalized_shape, weight, bias)
    layout = check.layer(eps)
    check.upstream(grad_output)
    return NormGradients(*_normalise_backward(layout, grad_output, input, weight, bias))


def rms_norm(input, normalized_shape, weight=None, eps=None):
    """Scale the last axes to a root mean square of 1, then by a weight of their shape.

        y[n,i] = w[i] · x[n,i] / √(mean_j x[n,j]² + ε)

    Parameters
    ----------
    input : (*, *normalized_shape)
    normalized_shape : tuple or list of int
    weight : (*normalized_shape,), optional
    eps : float, optional
        The machine epsilon of the input's dtype (that of float32 for float16) unless
        given; symbols need it given.

    Returns
    -------
    (*, *normalized_shape) : in the input's dtype.

    Raises
    ------
    TypeError, ValueError
        As `layer_norm`.

    Notes
    -----
    Twin: ``torch.nn.functional.rms_norm``, which also takes complex arrays, and squares
    them without their modulus.

    Examples
    --------
    >>> rms_norm(np.array([[1.0, 7.0]]), (2,), eps=0)
    array([[0.2, 1.4]])
    """
    check = _LayerCheck("rms_norm", input, normalized_shape, weight)
    return _normalise(check.rms(eps), input, weight)


def rms_norm_backward(grad_output, input, normalized_shape, weight=None, eps=None):
    """Return the gradients of `rms_norm`; see `layer_norm_backward`.

    ∂L/∂x = (g·w − x̂ · mean(g·w·x̂)) / √(mean(x²) + ε)
    ∂L/∂w[i] = Σ_n g[n,i] · x̂[n,i]
    """
    check = _LayerCheck("rms_norm_backward", input, normalized_shape, weight)
    layout = check.rms(eps)
    check.upstream(grad_output)
    found = _normalise_backward(layout, grad_output, input, weight)
    return RMSNormGradients(*found[:2])


class _Layout(NamedTuple):
    """How a normalisation reads its arrays.

    shape      the input's shape, the groups of channels apart
    axes       what one mean is taken over
    params     the shape in which weight and bias meet the input
    eps        ε
    moments    μ and σ² in that shape, where they are given
    centred    whether the mean is taken off
    still      what does not vary becomes 0, though ε = 0
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    params: tuple[int, ...]
    eps: float
    moments: tuple | None = None
    centred: bool = True
    still: bool = False


@quiet()
def _normalise(layout, input, weight, bias=None):
    y, _ = _standardise(layout, input)
    if weight is not None:
        y *= doubled(weight).reshape(layout.params)
    if bias is not None:
        y += doubled(bias).reshape(layout.params)
    return rounded(y, input)


@quiet()
def _normalise_backward(layout, grad_output, input, weight, bias=None):
    x_hat, scale = _standardise(layout, input)
    g = doubled(grad_output).reshape(layout.shape)
    dw = None if weight is None else _total(g * x_hat, layout.params, weight)
    db = None if bias is None else _total(g, layout.params, bias)
    dx = g if weight is None else g * doubled(weight).reshape(layout.params)
    if layout.moments is None:
        x_hat *= _mean(dx * x_hat, layout.axes)
        dx = dx - (_mean(dx, layout.axes) if layout.centred else 0)
        dx -= x_hat
    return rounded(dx * scale, input), dw, db


def _standardise(layout, input):
    """Return x̂ = (x − μ) / √(σ² + ε), and 1 / √(σ² + ε)."""
    x = doubled(input).reshape(layout.shape)
    if layout.moments is None:
        x_hat, var = _centre(x, layout.axes, layout.centred)
    else:
        mean, var = layout.moments
        x_hat = x - mean
    scale = 1 / np.sqrt(var + layout.eps)
    if layout.still and layout.eps == 0:
        scale = np.where(var == 0, 0, scale)
    x_hat *= scale
    return x_hat, scale


def _centre(x, axes, centred=True):
    """Return x − μ and σ² = mean((x − μ)²), in two passes; μ = 0 unless centred."""
    apart = x - (_mean(x, axes) if centred else 0)
    return apart, _mean(apart * apart, axes)


def _moments(x, axes):
    """Return the mean and the unbiased variance, Σ (x − μ)² / (M − 1)."""
    count = _count(x, axes)
    return _mean(x, axes), _centre(x, axes)[1] * count / (count - 1)


def _mean(x, axes):
    """Average over axes that stay; where there is nothing, nothing comes of it."""
    count = max(1, _count(x, axes))
    return x.sum(axes, keepdims=True) / count


def _count(x, axes):
    return int(np.prod([x.shape[axis] for axis in axes]))


def _total(g, params, like):
    """Sum a gradient over what a parameter was broadcast along."""
    lead = g.ndim - len(params)
    spread = [lead + k for k, size in enumerate(params) if size == 1]
    return rounded(g.sum((*range(lead), *spread)), like)


# What makes a call valid --------------------------------------------------------------


class _Check(Arguments):
    """The arguments of a normalisation over an input (N, C, *)."""

    def __init__(
        self,
        name,
        input,
        running_mean=None,
        running_var=None,
        weight=None,
        bias=None,
    ):
        super().__init__(name)
        self.input = input
        axes = getattr(input, "ndim", 0)
        spatial = SPATIAL.get(axes - 2, ("*",) * (axes - 2))
        self.array("input", input, ("N", "C", *spatial)[:axes], kinds="fO")
        self.given = {"running_mean": running_mean, "running_var": running_var}
        self.params = {"weight": weight, "bias": bias}

    def parameter(self, label, array, shape, meanings):
        """Take in a parameter of this shape, which float16 may have in float32."""
        half = self.input.dtype == "f2" and getattr(array, "dtype", None) == "f4"
        self.array(label, array, meanings, kinds="fO", same=not half)
        if array.shape != shape:
            self.fail(f"{label} must have the shape {shape}, not {array.shape}")

    def per_channel(self):
        """Check what has one entry per channel; return its shape beside the input."""
        if self.input.ndim < 2:
            self.fail(f"input must have at least 2 axes, not {self.input.ndim}")
        channels = self.input.shape[1]
        for label, array in (self.given | self.params).items():
            if array is not None:
                self.parameter(label, array, (channels,), ("C",))
        return (channels, *(1,) * (self.input.ndim - 2))

    def needs_statistics(self, what):
        """Refuse a call without both running statistics."""
        for label, array in self.given.items():
            if array is None:
                self.fail(f"{what} needs {label}, which is None")

    def moments(self, params):
        """Return the running statistics in the shape in which they meet the input."""
        self.has_roots("running_var")
        given = (array for array in self.given.values() if array is not None)
        return tuple(doubled(array).reshape(params) for array in given)

    def statistics(self, own, what, momentum):
        """Check that both statistics are given, or none where the input has its own."""
        self.number("momentum", momentum)
        if not own:
            self.needs_statistics(what)
        elif len([a for a in self.given.values() if a is None]) == 1:
            self.fail("running_mean and running_var must be given together")

    def batch_axes(self):
        """Return the axes of a channel's statistics, of more than one value."""
        axes = (0, *range(2, self.input.ndim))
        if _count(self.input, axes) == 1:
            self.fail("training needs more than one value per channel")
        return axes

    def position_axes(self):
        """Return the axes of the statistics of one channel of one image."""
        axes = tuple(range(2, self.input.ndim))
        if _count(self.input, axes) == 1:
            self.fail("its own statistics need more than one position per channel")
        return axes

    def batch(self, training, momentum, eps):
        """Return the layout of batch_norm."""
        params = self.per_channel()
        training = self.flag("training", training)
        self.statistics(training, "evaluation", momentum)
        eps = self.number("eps", eps)
        if eps < 0 or (training and eps == 0):
            least = "positive in training" if training else "at least 0"
            self.fail(f"eps must be {least}, got {eps}")
        if not training:
            moments = self.moments(params)
            return _Layout(self.input.shape, (), params, eps, moments)
        self.has_roots("input")
        return _Layout(self.input.shape, self.batch_axes(), params, eps)

    def instance(self, use_input_stats, momentum, eps):
        """Return the layout of instance_norm."""
        params = self.per_channel()
        own = self.flag("use_input_stats", use_input_stats)
        self.statistics(own, "use_input_stats=False", momentum)
        eps = self.number("eps", eps)
        if not own:
            moments = self.moments(params)
            return _Layout(self.input.shape, (), params, eps, moments)
        self.has_roots("input")
        return _Layout(self.input.shape, self.position_axes(), params, eps, still=True)

    def group(self, num_groups, eps):
        """Return the layout of group_norm."""
        groups = self.integer("num_groups", num_groups, least=1)
        self.per_channel()
        self.has_roots("input")
        images, channels, *positions = self.input.shape
        if channels % groups:
            self.fail(f"C = {channels} does not split into {groups} groups")
        shape = (images, groups, channels // groups, *positions)
        if _count(self.input, range(self.input.ndim)) == groups:
            self.fail("the groups need more than one value each")
        axes = tuple(range(2, len(shape)))
        params = (*shape[1:3], *(1,) * len(positions))
        return _Layout(shape, axes, params, self.number("eps", eps))

    def upstream(self, grad_output):
        """Check the upstream gradient against the output, which is like the input."""
        array, meanings = self.arrays["input"]
        self.gradient(grad_output, array.shape, meanings)

    def running(self, new, momentum):
        """Mix the new statistics into the running ones."""
        m = self.number("momentum", momentum)
        return tuple(
            rounded((1 - m) * doubled(old) + m * one.ravel(), old)
            for old, one in zip(self.given.values(), new)
        )


class _LayerCheck(_Check):
    """The arguments of a normalisation over the last axes of an input."""

    def __init__(self, name, input, normalized_shape, weight=None, bias=None):
        super().__init__(name, input, weight=weight, bias=bias)
        if not isinstance(normalized_shape, tuple | list):
            raise TypeError(
                f"{name}: normalized_shape must be a tuple or list of integers, "
                f"got {normalized_shape!r}"
            )
        shape = tuple(self.integer("normalized_shape", n) for n in normalized_shape)
        lead = input.ndim - len(shape)
        meanings = (*("*",) * lead, *("normalized",) * len(shape))
        self.arrays["input"] = (input, meanings[: input.ndim])
        if not shape:
            self.fail("normalized_shape needs at least one axis")
        if input.shape[max(0, lead) :] != shape:
            self.fail(f"input must end in the shape {shape}, not {input.shape}")
        for label, array in self.params.items():
            if array is not None:
                self.parameter(label, array, shape, ("normalized",) * len(shape))
        self.shape = shape

    def layer(self, eps):
        """Return the layout of layer_norm."""
        self.has_roots("input")
        axes = tuple(range(self.input.ndim - len(self.shape), self.input.ndim))
        eps = self.number("eps", eps)
        return _Layout(self.input.shape, axes, self.shape, eps)

    def rms(self, eps):
        """Return the layout of rms_norm."""
        if eps is None:
            if self.input.dtype == object:
                self.fail("eps must be given beside symbols")
            dtype = np.promote_types(self.input.dtype, "f4")
            eps = float(np.finfo(dtype).eps)
        return self.layer(eps)._replace(centred=False)
