"""Layers that change no number, but the shape that they stand in."""

from cnnref.layers.layer import Layer

__all__ = ["Flatten", "Fold", "PixelShuffle", "PixelUnshuffle", "Unfold", "Upsample"]


def Flatten(start_dim=1, end_dim=-1):
    """Make one axis of several by `flatten`: of all but the batch, unless told."""
    return Layer("Flatten", "flatten", locals(), f"{start_dim=}, {end_dim=}")


def PixelShuffle(upscale_factor):
    """Spread channels over finer pixels by `pixel_shuffle`."""
    return Layer("PixelShuffle", "pixel_shuffle", locals(), f"{upscale_factor=}")


def PixelUnshuffle(downscale_factor):
    """Gather fine pixels into channels by `pixel_unshuffle`."""
    return Layer("PixelUnshuffle", "pixel_unshuffle", locals(), f"{downscale_factor=}")


def Unfold(kernel_size, dilation=1, padding=0, stride=1):
    """Write the windows of images as columns, by `unfold`."""
    return Layer(
        "Unfold",
        "unfold",
        locals(),
        f"{kernel_size=}, {dilation=}, {padding=}, {stride=}",
    )


def Fold(output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Add columns up to images, by `fold`."""
    return Layer(
        "Fold",
        "fold",
        locals(),
        f"{output_size=}, {kernel_size=}, {dilation=}, {padding=}, {stride=}",
    )


def Upsample(
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
):
    """Make images larger, or smaller, by `interpolate`."""
    return _upsample(**locals())


def _upsample(size, scale_factor, mode, **settings):
    if isinstance(scale_factor, tuple | list):
        scale_factor = tuple(map(float, scale_factor))
    elif scale_factor is not None:
        scale_factor = float(scale_factor)
    settings |= {"size": size, "scale_factor": scale_factor, "mode": mode}
    shown = f"{size=}" if scale_factor is None else f"{scale_factor=}"
    return Layer("Upsample", "interpolate", settings, f"{shown}, {mode=}")
