"""Whole networks: generated, run on symbols, and compared in every gradient.

A network is a line of text, such as ``Sequential(Linear(3, 2), ReLU())``, that
`cnnref.layers` and `torch.nn` both understand.  A `Call` holds that line, the name of
a loss, the numbers of every parameter by its name, a batch, its targets, and the
upstream gradient of the loss, a number.
"""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import sympy

from cnnref import layers
from cnnref.geometry import span
from cnnref.symbolic import Trace, gradient
from cnnref.verify.calls import Call, numbers, seeded_draw
from cnnref.verify.sweeps import Sweep

__all__ = [
    "as_polynomials",
    "autograd_sweep",
    "digits_sweep",
    "network_gradients",
    "networks",
    "on_symbols",
    "polynomial_sweep",
]


def network_gradients(**wrong):
    """Return a function that gives every gradient of a network, by name.

    Parameters
    ----------
    **wrong : callable
        Gradients to be taken in place of the shipped ones, by the names of their
        layers or of the loss, for example ``ReLU=lambda grad_output, input: …``.
    """

    def gradients(grad_output, input, target, model, loss, **parameters):
        model, loss = _built(model, parameters), getattr(layers, loss)()
        for layer in [*layers.leaves(model), loss]:
            way_back = wrong.get(layer.name, layer.operation.gradient)
            layer.operation = layer.operation._replace(gradient=way_back)
        loss.forward(model.forward(input), target)
        found = model.backward(loss.backward(grad_output))
        return {"input": found} | model.gradients()

    return gradients


def _built(text, parameters):
    model = eval(text, layers.__dict__)
    model.assign(parameters)
    return model


# The judges ---------------------------------------------------------------------------


def polynomial_sweep(calls):
    """Compare with SymPy's derivative of the loss, as polynomials.

    The calls are on symbols, see `on_symbols`, and the gradients in one ring, see
    `as_polynomials`: agreement is an identity on the region where the comparisons of
    the call come out as they did.
    """

    def expected(call):
        (loss,) = _in_ring({"": np.array([_loss(call)])}, call.arrays)[""]
        leaves = {k: call.arrays[k] for k in _leaves(call)}
        found = _in_ring(leaves, call.arrays)
        return {key: gradient(loss, array) for key, array in found.items()}

    oracle = "SymPy's derivative, as polynomials"
    return Sweep("code", oracle, tuple(calls), expected)


def digits_sweep(calls, digits=60):
    """Compare with SymPy's derivative of the loss at the samples of the symbols."""

    def expected(call):
        loss, found = _loss(call).expr, {}
        leaves = {k: call.arrays[k] for k in ("grad_output", *_leaves(call))}
        at = {e.expr: e.sample for array in leaves.values() for e in array.flat}
        for key in _leaves(call):
            found[key] = np.empty(leaves[key].shape, object)
            for index, entry in np.ndenumerate(leaves[key]):
                slope = sympy.diff(loss, entry.expr)
                found[key][index] = slope.evalf(digits + 15, subs=at)
        return found

    oracle = f"SymPy's derivative at {digits} digits"
    return Sweep("code", oracle, tuple(calls), expected, tolerance=10.0**-digits)


def autograd_sweep(calls, tolerance=1e-12):
    """Compare with PyTorch's gradients of the same line of text."""
    import torch

    def expected(call):
        tensors = {k: torch.from_numpy(v) for k, v in call.arrays.items()}
        model = eval(call.settings["model"], torch.nn.__dict__).double()
        model.load_state_dict({k: tensors[k] for k in model.state_dict()})
        x = tensors["input"].clone().requires_grad_()
        judge = getattr(torch.nn, call.settings["loss"])()
        loss = judge(model(x), tensors["target"])
        leaves = {"input": x} | dict(model.named_parameters())
        found = torch.autograd.grad(loss, [*leaves.values()], tensors["grad_output"])
        return {key: g.numpy() for key, g in zip(leaves, found)}

    return Sweep("torch", "autograd", tuple(calls), expected, tolerance)


def on_symbols(call):
    """Exchange the floats of a call for symbols that carry them: see `Traced`."""
    trace, arrays = Trace(), {}
    for key, array in call.arrays.items():
        arrays[key] = array
        if array.dtype.kind == "f":
            exact = [Fraction(value) for value in array.flat]
            arrays[key] = trace.array(key, array.shape, exact)
    return Call(arrays, call.settings)


def as_polynomials(gradients):
    """Let a function of calls on symbols return elements of one polynomial ring."""

    def run(**call):
        arrays = {k: v for k, v in call.items() if isinstance(v, np.ndarray)}
        return _in_ring(gradients(**call), arrays)

    return run


def _in_ring(found, arrays):
    names = [e.expr for a in arrays.values() if a.dtype == object for e in a.flat]
    polynomials = sympy.ring(names, sympy.QQ)[0]

    def element(entry):
        return polynomials.from_expr(sympy.sympify(getattr(entry, "expr", entry)))

    change = np.vectorize(element, otypes=[object])
    return {key: change(array) for key, array in found.items()}


def _leaves(call):
    """Name the input and the parameters."""
    return [k for k in call.arrays if k not in ("grad_output", "target")]


def _loss(call):
    """Return the loss times its upstream gradient, by the forward pass alone."""
    arrays = call.arrays
    model = _built(call.settings["model"], arrays)
    loss = getattr(layers, call.settings["loss"])()
    output = loss.forward(model.forward(arrays["input"]), arrays["target"])
    return output * arrays["grad_output"].item()


# Generated networks -------------------------------------------------------------------


def networks(cases, blocks=1, activations=("ReLU()",), loss="MSELoss", last="", seed=0):
    """Return networks of convolution blocks and a dense layer; small ones first.

    A block is a convolution, an activation and a pooling, by a maximum more often than
    by a mean.  Images are not square, strides and dilations differ, windows overlap or
    leave gaps; the numbers are multiples of 1/64.  Every network is built from its last
    layer back to its image, so that each fits.  Where no gradient reaches the image it
    is left out, because no mistake on the way would show.

    Parameters
    ----------
    cases, blocks : int
    activations : sequence of str
        As they stand in the text, to be drawn from.
    loss : "MSELoss" or "CrossEntropyLoss"
        Targets are numbers, or class indices.
    last : str
        What stands behind the dense layer, such as "Softmax(1)".
    """
    draw, found = seeded_draw(seed), []
    gradients = network_gradients()
    while len(found) < cases:
        call = _network(draw, blocks, activations, loss, last)
        if call.of(gradients)["input"].any():
            found.append(call)
    return sorted(found, key=lambda call: call.complexity)


def _network(draw, blocks, activations, loss, last):
    size, classes, batch = [draw(1, 2), draw(1, 2)], draw(2, 3), draw(1, 3)
    channels = [draw(1, 2) for _ in range(blocks + 1)]
    features = channels[-1] * size[0] * size[1]
    row = [f"Flatten(), Linear({features}, {classes})", *([last] if last else [])]
    for c_in, c_out in reversed([*pairwise(channels)]):
        window, step, kernel, stride, dilation = (_pair(draw) for _ in range(5))
        kind = ("Max", "Max", "Avg")[draw(0, 2)]
        pool = f"{kind}Pool2d({window}, {step})"
        size = _before(draw, size, window, step)
        covers = [span(k, d) for k, d in zip(kernel, dilation)]
        size = _before(draw, size, covers, stride)
        # Padding stands for what the image then need not have.
        padding = tuple(draw(0, 1) if length > 2 else 0 for length in size)
        size = [length - 2 * pad for length, pad in zip(size, padding)]
        conv = f"Conv2d({c_in}, {c_out}, {kernel}, {stride}, {padding}, {dilation})"
        act = activations[draw(0, len(activations) - 1)]
        row.insert(0, f"{conv}, {act}, {pool}")
    model = f"Sequential({', '.join(row)})"
    arrays = {
        "grad_output": numbers(draw, (), 1, 2),
        "input": numbers(draw, (batch, channels[0], *size), -2, 2),
        "target": numbers(draw, (batch, classes), -2, 2),
    }
    if loss == "CrossEntropyLoss":
        arrays["target"] = np.array([draw(0, classes - 1) for _ in range(batch)])
    shapes = {k: a.shape for k, a in _built(model, {}).parameters().items()}
    arrays |= {key: numbers(draw, shape, -2, 2) for key, shape in shapes.items()}
    return Call(arrays, {"model": model, "loss": loss})


def _pair(draw):
    return draw(1, 2), draw(1, 2)


def _before(draw, out, covers, step):
    """Return a size of which windows of this span and step leave ``out``."""
    return [
        (n - 1) * stride + spanned + draw(0, stride - 1)
        for n, spanned, stride in zip(out, covers, step)
    ]
