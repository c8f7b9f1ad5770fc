"""Calls of the dense layer."""

from cnnref.verify.calls import Call, Operation, integers

__all__ = ["OPERATIONS"]


def linear_call(draw, largest=4):
    """Construct a valid call: any lead axes, a weight of one or two, any bias."""
    features = draw(1, largest) if draw(0, 9) else 0
    lead = tuple(draw(1, largest - 1) for _ in range(draw(0, 3)))
    if lead and draw(0, 9) == 0:
        lead = (0, *lead[1:])
    out = (draw(1, largest),) if draw(0, 4) else ()
    arrays = {
        "input": integers(draw, (*lead, features)),
        "weight": integers(draw, (*out, features)),
    }
    # PyTorch takes other shapes too, depending on where the input lies in memory.
    shapes = [(), out] if out or len(lead) != 1 else []
    if len(lead) == 1:
        shapes += [(1, *out), (*lead, 1), (*lead, *out)] if out else []
    if shapes and draw(0, 2):
        arrays["bias"] = integers(draw, shapes[draw(0, len(shapes) - 1)])
    return Call(arrays, {})


OPERATIONS = {
    "linear": Operation(
        construct=linear_call,
        gradients=("input", "weight", "bias"),
        witnesses={
            "rows ≠ features": lambda call: (
                call.arrays["weight"].ndim > 1
                and len(call.arrays["weight"]) != call.arrays["weight"].shape[1] > 0
            ),
            "a square weight that its transpose is not": lambda call: (
                call.arrays["weight"].ndim > 1
                and call.arrays["weight"].tolist() != call.arrays["weight"].T.tolist()
                and len({*call.arrays["weight"].shape}) == 1
            ),
            "several lead axes": lambda call: call.arrays["input"].ndim > 2,
            "no lead axis": lambda call: call.arrays["input"].ndim == 1,
            "an empty batch": lambda call: call.arrays["input"].size == 0,
            "a weight of one axis": lambda call: call.arrays["weight"].ndim == 1,
            "a bias": lambda call: "bias" in call.arrays,
            "no bias": lambda call: "bias" not in call.arrays,
            "a bias for all outputs": lambda call: (
                "bias" in call.arrays and call.arrays["bias"].size == 1
            ),
            "a bias for every row": lambda call: (
                "bias" in call.arrays and call.arrays["bias"].ndim > 1
            ),
        },
        exact=True,
        symbols="polynomial",
    ),
}
