"""Calls of the padding, in every mode and every number of axes that PyTorch takes."""

from typing import Any

from cnnref.verify.calls import Call, Operation, integers

__all__ = ["OPERATIONS"]


def pad_call(draw, largest=4):
    """Construct a valid call: draw the mode, then sides that the input can give."""
    mode = ("constant", "reflect", "replicate", "circular")[draw(0, 3)]
    axes = draw(1, 3)
    size = [draw(1, max(3, largest)) for _ in range(axes)]
    sides = {
        "constant": _constant,
        "reflect": _reflect,
        "replicate": _replicate,
        "circular": _circular,
    }[mode]
    pad = [p for h in reversed(size) for p in sides(draw, h)]
    lead = (draw(1, 2),) if draw(0, 2) == 0 else (draw(1, 2), draw(1, 2))
    if len(lead) == 2 and draw(0, 9) == 0:
        lead = (0, lead[1])
    if mode == "constant":
        # Here any axis may be left as it is, and there need be no others.
        pad, lead = pad[: 2 * draw(0, axes)], lead if draw(0, 1) else ()
    settings: dict[str, Any] = {"pad": tuple(pad) if draw(0, 1) else pad}
    if mode != "constant" or draw(0, 1):
        settings["mode"] = mode
    if mode == "constant" and draw(0, 1):
        settings["value"] = draw(-4, 4) / (1 + draw(0, 1))
    elif draw(0, 5) == 0:
        settings["value"] = 0
    return Call({"input": integers(draw, (*lead, *size))}, settings)


def _constant(draw, h):
    cropped = draw(0, h)
    sides = [draw(0, 2) or -draw(0, cropped), draw(0, 2) or cropped - h]
    return sides if draw(0, 2) == 0 else [draw(0, 3), draw(0, 3)]


def _reflect(draw, h):
    """Draw sides below h; a cropped one leaves one position or more."""
    one = draw(1 - h, h - 1)
    other = draw(max(1 - h, 1 - h - one), h - 1)
    return [one, other] if draw(0, 1) else [other, one]


def _replicate(draw, h):
    """Draw any sides that leave one position or more."""
    one = draw(-h - 1, h + 2)
    other = draw(1 - h - one, max(1 - h - one, 3))
    return [one, other] if draw(0, 1) else [other, one]


def _circular(draw, h):
    """Crop no more than there is; then wrap around what is left at most once."""
    before = -draw(0, h) if draw(0, 3) == 0 else None
    after = -draw(0, h + (before or 0)) if draw(0, 3) == 0 else None
    left = h + (before or 0) + (after or 0)
    return [draw(0, left) if side is None else side for side in (before, after)]


def _mode(call):
    return call.settings.get("mode", "constant")


def _sides(call):
    return zip(call.settings["pad"][::2], call.settings["pad"][1::2])


_WITNESSES = {
    f"{mode} {what}": lambda call, mode=mode, shows=shows: (
        _mode(call) == mode and any(shows(*sides) for sides in _sides(call))
    )
    for mode in ("constant", "reflect", "replicate", "circular")
    for what, shows in {
        "by different sides": lambda before, after: 0 < max(before, after) != after,
        "after a crop": lambda before, after: min(before, after) < 0,
    }.items()
} | {
    f"{axes} axes": lambda call, axes=axes: len(call.settings["pad"]) == 2 * axes
    for axes in (0, 1, 2, 3)
}

OPERATIONS = {
    "pad": Operation(
        construct=pad_call,
        witnesses={
            **_WITNESSES,
            "a mirrored stretch longer than 1": lambda call: (
                _mode(call) == "reflect" and max(call.settings["pad"]) > 1
            ),
            "a value": lambda call: call.settings.get("value", 0) != 0,
            "an empty batch": lambda call: call.arrays["input"].size == 0,
            "axes of different sides": lambda call: (
                len(call.settings["pad"]) > 2
                and [*call.settings["pad"][:2]] != [*call.settings["pad"][2:4]]
            ),
        },
        exact=True,
        symbols="polynomial",
    ),
}
