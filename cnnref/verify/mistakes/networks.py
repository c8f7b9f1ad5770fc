"""The common mistake between two dense layers: W33, an error δ without f′."""

from functools import partial

from cnnref import functional
from cnnref.verify.calls import Call, numbers, seeded_draw
from cnnref.verify.mistakes.mistake import Mistake
from cnnref.verify.networks import autograd_sweep, network_gradients

__all__ = ["MISTAKES", "dense_networks"]

_ACTIVATIONS = {"ReLU": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh"}


def dense_networks(cases=60):
    """Return networks of two dense layers with an activation between them."""
    draw = seeded_draw(0)
    calls = (_network(draw) for _ in range(cases))
    return sorted(calls, key=lambda call: call.complexity)


def _network(draw):
    batch, features, hidden, outputs = (draw(1, 3) for _ in range(4))
    activation = [*_ACTIVATIONS][draw(0, len(_ACTIVATIONS) - 1)]
    layers = (
        f"Linear({features}, {hidden}), {activation}(), Linear({hidden}, {outputs})"
    )
    shapes = {
        "input": (batch, features),
        "target": (batch, outputs),
        "0.weight": (hidden, features),
        "0.bias": (hidden,),
        "2.weight": (outputs, hidden),
        "2.bias": (outputs,),
    }
    arrays = {"grad_output": numbers(draw, (), 1, 2)}
    arrays |= {name: numbers(draw, shape, -2, 2) for name, shape in shapes.items()}
    return Call(arrays, {"model": f"Sequential({layers})", "loss": "MSELoss"})


def _passed_on(grad_output, input, **settings):
    """Take ∂L/∂a for the error δ = ∂L/∂z."""
    return grad_output


def _slope_at_the_output(name, grad_output, input, **settings):
    """Take f′ at a = f(z), where it belongs at z."""
    output = getattr(functional, name)(input)
    return getattr(functional, f"{name}_backward")(grad_output, output)


def _sweep():
    return autograd_sweep(dense_networks())


def _mistake(words, **wrong):
    right, wrong = network_gradients(), network_gradients(**wrong)
    return Mistake("W33", words, right, wrong, _sweep, of="Sequential")


MISTAKES: tuple[Mistake, ...] = (
    _mistake("an error δ without f′", **dict.fromkeys(_ACTIVATIONS, _passed_on)),
    _mistake(
        "f′ taken at a = f(z) instead of z",
        **{k: partial(_slope_at_the_output, v) for k, v in _ACTIVATIONS.items()},
    ),
)
