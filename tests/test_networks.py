"""Whole networks: the sweeps accept the shipped gradients and reject mistakes."""

import numpy as np
import pytest

from cnnref.verify import agrees, rejects
from cnnref.verify.networks import (
    as_polynomials,
    autograd_sweep,
    digits_sweep,
    network_gradients,
    networks,
    on_symbols,
    polynomial_sweep,
)

SMOOTH = ("Tanh()", "Sigmoid()", "ReLU()")
shipped = network_gradients()
without_slope = network_gradients(ReLU=lambda g, input, **_: g)
twice = network_gradients(CrossEntropyLoss=lambda g, input, **_: (g * input,))


@pytest.mark.parametrize("loss", ["MSELoss", "CrossEntropyLoss"])
@pytest.mark.parametrize("blocks", [1, 2])
def test_every_gradient_is_autograds(blocks, loss):
    calls = networks(40, blocks, SMOOTH, loss, seed=1)
    assert agrees("networks", shipped, autograd_sweep(calls)).cases == 40


def test_every_gradient_is_the_derivative():
    sweep = polynomial_sweep(map(on_symbols, networks(40)[:6]))
    shown = agrees("squares", as_polynomials(shipped), sweep)
    assert (shown.check, shown.cases, shown.exact) == ("code", 6, True)
    rejects("squares", as_polynomials(without_slope), as_polynomials(shipped), sweep)


def test_every_gradient_is_the_derivative_to_sixty_digits():
    calls = networks(40, loss="CrossEntropyLoss")[:2]
    sweep = digits_sweep(map(on_symbols, calls))
    assert agrees("logarithms", shipped, sweep).detail.endswith("within 1e-60")
    rejects("logarithms", twice, shipped, sweep)


def test_a_missing_slope_is_noticed():
    rejects("slopes", without_slope, shipped, autograd_sweep(networks(40)))


def test_the_networks_are_what_the_docstring_says():
    calls = networks(60, 2, loss="CrossEntropyLoss")
    texts = " ".join(call.settings["model"] for call in calls)
    assert all(name in texts for name in ("MaxPool2d", "AvgPool2d", "ReLU()"))
    images = [call.arrays["input"].shape for call in calls]
    assert {shape[0] for shape in images} == {1, 2, 3}
    assert {shape[1] for shape in images} == {1, 2}
    assert any(height != width for *_, height, width in images)
    assert all(call.arrays["target"].dtype.kind == "i" for call in calls)
    sizes = [call.complexity for call in calls]
    assert sizes == sorted(sizes)
    again = networks(60, 2, loss="CrossEntropyLoss")
    assert all(
        np.array_equal(one.arrays[key], two.arrays[key])
        for one, two in zip(calls, again)
        for key in one.arrays
    )
