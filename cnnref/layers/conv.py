"""Convolutions as layers."""

from cnnref import functional
from cnnref.arguments import SPATIAL, Arguments
from cnnref.geometry import same_padding
from cnnref.layers.layer import Layer, Operation
from cnnref.layers.linear import weight_and_bias

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]


def Conv1d(
    in_channels,
    out_channels,
    kernel_size,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    bias=True,
    padding_mode="zeros",
    *,
    dtype=None,
    generator=None,
):
    """Learn the weight and bias of `conv1d`; see `Conv2d`."""
    return _conv("Conv1d", 1, **locals())


def Conv2d(
    in_channels,
    out_channels,
    kernel_size,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    bias=True,
    padding_mode="zeros",
    *,
    dtype=None,
    generator=None,
):
    """Learn the weight (C_out, C_in/groups, K_h, K_w) and bias (C_out,) of `conv2d`.

    Both are at first uniform within ±1/√(C_in/groups·K_h·K_w).

    Parameters
    ----------
    in_channels, out_channels : int
        C_in and C_out.
    kernel_size, stride, padding, dilation, groups
        As in `conv2d`; the kernel's size is one number or one per axis.
    bias : bool
        Whether a bias is learnt.
    padding_mode : "zeros", "reflect", "replicate" or "circular"
        What stands in the padding; see `pad`.
    dtype : NumPy dtype
        float32 unless given, as in PyTorch.
    generator : NumPy Generator or int
        What the first values are drawn from; unless given, no two draws are the same.

    Returns
    -------
    Layer

    Raises
    ------
    TypeError, ValueError
        If a setting is not an integer or too small, or the groups do not divide the
        channels.

    Notes
    -----
    Twin: ``torch.nn.Conv2d``.

    Examples
    --------
    >>> import numpy as np
    >>> conv = Conv2d(1, 6, 5, padding=2, generator=0)
    >>> conv
    Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))
    >>> conv.forward(np.ones((10, 1, 28, 28), "f4")).shape
    (10, 6, 28, 28)
    """
    return _conv("Conv2d", 2, **locals())


def Conv3d(
    in_channels,
    out_channels,
    kernel_size,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    bias=True,
    padding_mode="zeros",
    *,
    dtype=None,
    generator=None,
):
    """Learn the weight and bias of `conv3d`; see `Conv2d`."""
    return _conv("Conv3d", 3, **locals())


def ConvTranspose1d(
    in_channels,
    out_channels,
    kernel_size,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    bias=True,
    dilation=1,
    padding_mode="zeros",
    *,
    dtype=None,
    generator=None,
):
    """Learn the weight and bias of `conv_transpose1d`; see `ConvTranspose2d`."""
    return _conv("ConvTranspose1d", 1, **locals())


def ConvTranspose2d(
    in_channels,
    out_channels,
    kernel_size,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    bias=True,
    dilation=1,
    padding_mode="zeros",
    *,
    dtype=None,
    generator=None,
):
    """Learn the weight and bias of `conv_transpose2d`.

    The weight is (C_in, C_out/groups, K_h, K_w); both are at first uniform within
    ±1/√(C_out/groups·K_h·K_w), as PyTorch has it.  The arguments are those of `Conv2d`
    and of `conv_transpose2d`; there is no padding but with zeros.

    Notes
    -----
    Twin: ``torch.nn.ConvTranspose2d``, but that its forward takes no ``output_size``:
    the output padding says the same.
    """
    return _conv("ConvTranspose2d", 2, **locals())


def ConvTranspose3d(
    in_channels,
    out_channels,
    kernel_size,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    bias=True,
    dilation=1,
    padding_mode="zeros",
    *,
    dtype=None,
    generator=None,
):
    """Learn the weight and bias of `conv_transpose3d`; see `ConvTranspose2d`."""
    return _conv("ConvTranspose3d", 3, **locals())


def _conv(
    name,
    axes,
    in_channels,
    out_channels,
    kernel_size,
    stride,
    padding,
    dilation,
    groups,
    bias,
    padding_mode,
    dtype,
    generator,
    output_padding=None,
):
    check, spatial = Arguments(name), SPATIAL[axes]
    groups = check.integer("groups", groups, least=1)
    c_in = _channels(check, "in_channels", in_channels, groups)
    c_out = _channels(check, "out_channels", out_channels, groups)
    kernel = check.per_axis("kernel_size", kernel_size, spatial, least=1)
    settings = {
        "stride": check.per_axis("stride", stride, spatial, least=1),
        "padding": padding,
        "dilation": check.per_axis("dilation", dilation, spatial, least=1),
        "groups": groups,
    }
    if output_padding is None:
        done, shape = Operation.named(f"conv{axes}d"), (c_out, c_in // groups, *kernel)
        modes = ("zeros", "reflect", "replicate", "circular")
    else:
        added = check.per_axis("output_padding", output_padding, spatial, least=0)
        settings["output_padding"] = added
        done = Operation.named(f"conv_transpose{axes}d")
        shape, modes = (c_in, c_out // groups, *kernel), ("zeros",)
    if not isinstance(padding, str):
        settings["padding"] = check.per_axis("padding", padding, spatial, least=0)
    elif check.choice("padding", padding, ("valid", "same")) == "same" and any(
        s > 1 for s in settings["stride"]
    ):
        check.fail(f"padding='same' needs stride 1, got {settings['stride']}")
    shown = _shown(c_in, c_out, kernel, settings, bias, padding_mode)
    if check.choice("padding_mode", padding_mode, modes) != "zeros":
        sides = _sides(settings["padding"], kernel, settings["dilation"])
        done, settings["padding"] = _padded(done, sides, padding_mode), 0
    weights = weight_and_bias(shape, c_out if bias else None, dtype, generator)
    return Layer(name, done, settings, shown, weights)


def _shown(c_in, c_out, kernel_size, settings, bias, padding_mode):
    """Write the settings as PyTorch does: those at a default are left out."""
    text = f"{c_in}, {c_out}, {kernel_size=}, stride={settings['stride']}"
    for name, default in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
        value = settings.get(name, default)
        if value not in (default, (default,) * len(kernel_size)):
            text += f", {name}={value}"
    text += "" if settings["groups"] == 1 else f", groups={settings['groups']}"
    text += "" if bias else ", bias=False"
    return text + ("" if padding_mode == "zeros" else f", padding_mode={padding_mode}")


def _channels(check, label, value, groups):
    channels = check.integer(label, value, least=1)
    if channels % groups:
        check.fail(f"{label} = {channels} is not divisible by groups = {groups}")
    return channels


def _sides(padding, kernel, dilation):
    """Return the padding as `pad` takes it: both sides of each axis, the last first."""
    if padding == "valid":
        return (0, 0) * len(kernel)
    if padding == "same":
        pairs = map(same_padding, kernel, dilation)
    else:
        pairs = ((p, p) for p in padding)
    return tuple(side for pair in reversed([*pairs]) for side in pair)


def _padded(conv, sides, mode):
    """Return a convolution of what `pad` makes of the input."""

    def function(input, **call):
        return conv.function(functional.pad(input, sides, mode), **call)

    def gradient(grad_output, input, **call):
        padded = functional.pad(input, sides, mode)
        found = conv.gradient(grad_output, padded, **call)
        return found._replace(
            input=functional.pad_backward(found.input, input, sides, mode)
        )

    return Operation(function, gradient)
