"""Poolings as layers: each is the function of the same name."""

from cnnref.arguments import SPATIAL, Arguments
from cnnref.layers.layer import Layer

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


def MaxPool1d(
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    return_indices=False,
    ceil_mode=False,
):
    """Keep the largest number of each window, by `max_pool1d`; see `MaxPool2d`."""
    return _max_pool(1, locals())


def MaxPool2d(
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    return_indices=False,
    ceil_mode=False,
):
    """Keep the largest number of each window, by `max_pool2d`.

    The stride is the kernel's size unless given.  With ``return_indices`` the forward
    pass also returns where each number stood.

    Notes
    -----
    Twin: ``torch.nn.MaxPool2d``.

    Examples
    --------
    >>> import numpy as np
    >>> MaxPool2d(2).forward(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    return _max_pool(2, locals())


def MaxPool3d(
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    return_indices=False,
    ceil_mode=False,
):
    """Keep the largest number of each window, by `max_pool3d`; see `MaxPool2d`."""
    return _max_pool(3, locals())


def AvgPool1d(
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
):
    """Take the mean of each window; see `avg_pool1d`."""
    return _avg_pool(1, locals())


def AvgPool2d(
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Take the mean of each window; see `avg_pool2d`."""
    return _avg_pool(2, locals())


def AvgPool3d(
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Take the mean of each window; see `avg_pool3d`."""
    return _avg_pool(3, locals())


def AdaptiveAvgPool1d(output_size):
    """Take the mean of each part; see `adaptive_avg_pool1d`."""
    return Layer(
        "AdaptiveAvgPool1d", "adaptive_avg_pool1d", locals(), f"{output_size=}"
    )


def AdaptiveAvgPool2d(output_size):
    """Take the mean of each part; see `adaptive_avg_pool2d`."""
    return Layer(
        "AdaptiveAvgPool2d", "adaptive_avg_pool2d", locals(), f"{output_size=}"
    )


def AdaptiveAvgPool3d(output_size):
    """Take the mean of each part; see `adaptive_avg_pool3d`."""
    return Layer(
        "AdaptiveAvgPool3d", "adaptive_avg_pool3d", locals(), f"{output_size=}"
    )


def AdaptiveMaxPool1d(output_size, return_indices=False):
    """Take the largest number of each part; see `adaptive_max_pool1d`."""
    return Layer(
        "AdaptiveMaxPool1d", "adaptive_max_pool1d", locals(), f"{output_size=}"
    )


def AdaptiveMaxPool2d(output_size, return_indices=False):
    """Take the largest number of each part; see `adaptive_max_pool2d`."""
    return Layer(
        "AdaptiveMaxPool2d", "adaptive_max_pool2d", locals(), f"{output_size=}"
    )


def AdaptiveMaxPool3d(output_size, return_indices=False):
    """Take the largest number of each part; see `adaptive_max_pool3d`."""
    return Layer(
        "AdaptiveMaxPool3d", "adaptive_max_pool3d", locals(), f"{output_size=}"
    )


def LPPool1d(norm_type, kernel_size, stride=None, ceil_mode=False):
    """Take the p-norm of each window, by `lp_pool1d`."""
    return _lp_pool(1, locals())


def LPPool2d(norm_type, kernel_size, stride=None, ceil_mode=False):
    """Take the p-norm of each window, by `lp_pool2d`."""
    return _lp_pool(2, locals())


def LPPool3d(norm_type, kernel_size, stride=None, ceil_mode=False):
    """Take the p-norm of each window, by `lp_pool3d`."""
    return _lp_pool(3, locals())


def MaxUnpool1d(kernel_size, stride=None, padding=0):
    """Put numbers back to where `max_pool1d` found them; see `max_unpool1d`."""
    return _max_unpool(1, **locals())


def MaxUnpool2d(kernel_size, stride=None, padding=0):
    """Put numbers back to where `max_pool2d` found them; see `max_unpool2d`."""
    return _max_unpool(2, **locals())


def MaxUnpool3d(kernel_size, stride=None, padding=0):
    """Put numbers back to where `max_pool3d` found them; see `max_unpool3d`."""
    return _max_unpool(3, **locals())


def _max_pool(axes, settings):
    _stride_of_the_kernel(settings)
    shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    return Layer(
        f"MaxPool{axes}d", f"max_pool{axes}d", settings, _text(settings, shown)
    )


def _avg_pool(axes, settings):
    _stride_of_the_kernel(settings)
    shown = ("kernel_size", "stride", "padding")
    if axes == 1:
        for name in shown:
            call = Arguments("AvgPool1d")
            settings[name] = call.per_axis(name, settings[name], SPATIAL[1])
    return Layer(
        f"AvgPool{axes}d", f"avg_pool{axes}d", settings, _text(settings, shown)
    )


def _lp_pool(axes, settings):
    return Layer(
        f"LPPool{axes}d", f"lp_pool{axes}d", settings, _text(settings, settings)
    )


def _max_unpool(axes, kernel_size, stride, padding):
    name, spatial = f"MaxUnpool{axes}d", SPATIAL[axes]
    check = Arguments(name)
    stride = kernel_size if stride is None else stride
    settings = {
        "kernel_size": check.per_axis("kernel_size", kernel_size, spatial, least=1),
        "stride": check.per_axis("stride", stride, spatial, least=1),
        "padding": check.per_axis("padding", padding, spatial, least=0),
    }
    text, inputs = _text(settings, settings), ("input", "indices")
    return Layer(name, f"max_unpool{axes}d", settings, text, inputs=inputs)


def _stride_of_the_kernel(settings):
    if settings["stride"] is None:
        settings["stride"] = settings["kernel_size"]


def _text(settings, names):
    return ", ".join(f"{name}={settings[name]!r}" for name in names)
