"""Calls of the resizing, in every mode."""

from cnnref.verify.calls import Call, Operation, numbers

__all__ = ["OPERATIONS"]

_MODES = {
    1: ("nearest", "nearest-exact", "area", "linear"),
    2: ("nearest", "nearest-exact", "area", "bilinear", "bicubic"),
    3: ("nearest", "nearest-exact", "area", "trilinear"),
}
_FACTORS = (0.35, 0.5, 0.6, 0.75, 1.0, 1.25, 1.3, 1.5, 1.7, 2.0, 2.4, 3.0)


def interpolate_call(draw, largest=4):
    """Construct a valid call: draw the mode, then a size or a factor for each axis."""
    axes = draw(1, 3)
    mode = _MODES[axes][draw(0, len(_MODES[axes]) - 1)]
    most = largest + 2 if axes < 3 else max(2, largest - 1)
    image = [draw(1, most) for _ in range(axes)]
    least = [1] * axes
    settings = {"mode": mode} if mode != "nearest" or draw(0, 1) else {}
    if "linear" in mode or mode == "bicubic":
        if draw(0, 2):
            settings["align_corners"] = bool(draw(0, 1))
        if axes == 2 and draw(0, 1):
            settings["antialias"] = True
            least[-1] = 2  # one pixel wide PyTorch repeats the first row
    if draw(0, 1):
        size = [draw(n, most) for n in least]
        settings["size"] = tuple(size) if draw(0, 2) else size[-1]
    else:
        drawn = [_FACTORS[draw(0, len(_FACTORS) - 1)] for _ in image]
        factors = [max(s, n / h) for s, n, h in zip(drawn, least, image)]
        settings["scale_factor"] = factors if draw(0, 1) else max(factors)
        if draw(0, 2) == 0:
            settings["recompute_scale_factor"] = bool(draw(0, 1))
        if not settings.get("recompute_scale_factor"):
            settings["scale_factor"] = _settled(image, settings)
    lead = (0 if draw(0, 19) == 0 else draw(1, 2), draw(1, 2))
    return Call({"input": numbers(draw, (*lead, *image))}, settings)


def _settled(image, settings):
    """Exchange factors with which PyTorch does not do as its own gradient says.

    For the nearest mode and with antialiasing it sometimes copies or doubles an image
    whose factor is only near 1 or 2; the bicubic gradient copies where no size changes.
    """
    factors = settings["scale_factor"]
    factors = factors if isinstance(factors, list) else [factors] * len(image)
    mode, sizes = settings.get("mode", "nearest"), _scaled(image, factors)
    near = mode == "nearest" or "antialias" in settings
    copied = mode == "bicubic" and sizes == tuple(image)
    return tuple(
        n / h if copied or (near and n in (h, 2 * h)) else s
        for h, n, s in zip(image, sizes, factors)
    )


def _scaled(image, factors):
    return tuple(int(h * s) for h, s in zip(image, factors))


def _outputs(call):
    """Return the size of the image and of what it becomes."""
    image = call.arrays["input"].shape[2:]
    size = call.settings.get("size")
    if size is None:
        return image, _scaled(image, _factors(call))
    return image, size if isinstance(size, tuple) else (size,) * len(image)


def _factors(call):
    """Return the factor of each axis; none where a size is given."""
    factors = call.settings.get("scale_factor", ())
    axes = call.arrays["input"].ndim - 2
    return (factors,) * axes if isinstance(factors, float) else factors


def _grows(call):
    return any(h < n for h, n in zip(*_outputs(call)))


def _shrinks(call):
    return any(h > n for h, n in zip(*_outputs(call)))


def _shows(mode, **settings):
    """Return a witness: an image shrunk in this mode and by these settings."""

    def witness(call):
        given = {"mode": "nearest", **call.settings}
        return mode in given["mode"] and given | settings == given and _shrinks(call)

    return witness


_WITNESSES = {
    mode: _shows(mode)
    for mode in ("nearest", "nearest-exact", "area", "bilinear", "bicubic", "trilinear")
} | {
    f"{mode} with {word}": _shows(mode, **settings)
    for mode in ("linear", "bicubic")
    for word, settings in {
        "aligned corners": {"align_corners": True},
        "borders that coincide": {"align_corners": False},
        "antialiasing": {"antialias": True},
    }.items()
}

OPERATIONS = {
    "interpolate": Operation(
        construct=interpolate_call,
        witnesses={
            **_WITNESSES,
            "an image that grows": _grows,
            "a factor that is not the ratio of the sizes": lambda call: any(
                n != h * s
                for h, n, s in zip(*_outputs(call), _factors(call))
                if not call.settings.get("recompute_scale_factor")
            ),
            "a factor to be recomputed": lambda call: (
                call.settings.get("recompute_scale_factor") is True
            ),
            "one position from several": lambda call: any(
                h > n == 1 for h, n in zip(*_outputs(call))
            ),
            "an empty batch": lambda call: call.arrays["input"].size == 0,
        },
        symbols="polynomial",
    ),
}
