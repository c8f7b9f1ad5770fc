"""How to construct the calls of every function of `cnnref`, family by family.

OPERATIONS   the function's name: how to construct its calls and how to judge them
calls_of     calls of one function, simplest first, with every witness among them
"""

from cnnref import functional
from cnnref.verify.calls import Operation, seeded_draw, with_gradient
from cnnref.verify.operations import (
    activation,
    average_pool,
    conv,
    dropout,
    linear,
    loss,
    max_pool,
    norm,
    padding,
    resize,
    shape,
    softmax,
)

__all__ = ["OPERATIONS", "calls_of"]

OPERATIONS: dict[str, Operation] = {
    **activation.OPERATIONS,
    **average_pool.OPERATIONS,
    **conv.OPERATIONS,
    **dropout.OPERATIONS,
    **linear.OPERATIONS,
    **loss.OPERATIONS,
    **max_pool.OPERATIONS,
    **norm.OPERATIONS,
    **padding.OPERATIONS,
    **resize.OPERATIONS,
    **shape.OPERATIONS,
    **softmax.OPERATIONS,
}


def calls_of(name, cases, seed=0, largest=4, dtype="float64"):
    """Return that many calls, simplest first, with every witness among them.

    Their floats have this dtype.  For ``<name>_backward`` each call has a
    ``grad_output`` of small random integers, in the dtype of its output.

    Raises
    ------
    ValueError
        If some witness of the operation is missing: then the sweep is too small to
        kill the mistake that it is there for.

    Examples
    --------
    >>> calls = calls_of("conv1d_backward", 80)
    >>> len(calls), "grad_output" in calls[0].arrays
    (80, True)
    """
    forward = name.removesuffix("_backward")
    operation, draw = OPERATIONS[forward], seeded_draw(seed)
    calls = [operation.construct(draw, largest=largest) for _ in range(cases)]
    calls = [call.astype(dtype) for call in calls]
    if name != forward:
        function = getattr(functional, forward)
        calls = [with_gradient(call, call.of(function), draw) for call in calls]
    for witness, shows in operation.witnesses.items():
        # Calls of at most 2 are for symbols, which stand for all numbers at once.
        if largest > 2 and not any(map(shows, calls)):
            raise ValueError(f"calls_of: no call of {name} in {cases} has {witness}")
    return tuple(sorted(calls, key=lambda call: call.complexity))
