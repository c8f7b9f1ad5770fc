"""What holds of every operation: PyTorch's results, SymPy's derivatives, exactness."""

import inspect
import re
from fractions import Fraction

import numpy as np
import pytest
import torch
from operations import (
    BACKWARD,
    FORWARD,
    calls,
    disagreement,
    few_calls,
    named,
    operation,
    with_arrays,
    with_floats,
)

from cnnref import functional
from cnnref.verify import Operation, derivative_sweep, region_sweep, torch_sweep

POLYNOMIAL = [n for n in FORWARD + BACKWARD if operation(n).symbols == "polynomial"]
every_operation = pytest.mark.parametrize("name", FORWARD + BACKWARD)

# The oracles --------------------------------------------------------------------------


@every_operation
def test_it_is_what_pytorch_computes(name):
    assert disagreement(name) is None


@every_operation
def test_it_is_what_pytorch_computes_in_single_precision(name):
    single = torch_sweep(name, few_calls(name, "float32"))
    assert single.disagreement(getattr(functional, name)) is None


@pytest.mark.parametrize("name", [n.removesuffix("_backward") for n in BACKWARD])
def test_its_backward_is_the_derivative_of_its_forward(name):
    """As polynomials in every entry, or at 50 digits on a region of the kinks."""
    backward, kind = f"{name}_backward", operation(name).symbols
    judge = {"polynomial": derivative_sweep, "region": region_sweep}[kind]
    cases = 50 if kind == "polynomial" else 12
    few = [
        call
        for call in calls(backward, 80, largest=2)
        if call.arrays["grad_output"].size and operation(name).smooth(call)
    ]
    assert len(few) >= 12
    sweep = judge(name, few[:cases])
    assert sweep.disagreement(getattr(functional, backward)) is None


# The interface ------------------------------------------------------------------------

# Arguments that PyTorch's functions do not have, all of them keyword-only.
OURS = {
    "dropout": ["generator", "mask"],
    "dropout1d": ["generator", "mask"],
    "dropout2d": ["generator", "mask"],
    "dropout3d": ["generator", "mask"],
}


def documented(name):
    """Return the parameters of PyTorch's function: their names and defaults."""
    twin = getattr(torch.nn.functional, name, operation(name).twin)
    twin = getattr(torch.nn.functional, f"_{name}", twin)
    try:
        signature = inspect.signature(twin)
    except ValueError:
        text = re.search(rf"{name}(\(.*?\)) -> ", twin.__doc__)[1].replace("*, ", "")
        return text[1:-1].replace(" = ", "=").split(", ")
    return [str(p.replace(annotation=p.empty)) for p in signature.parameters.values()]


def parameters(function):
    found = inspect.signature(function).parameters.values()
    return [str(p.replace(annotation=p.empty)) for p in found]


@pytest.mark.parametrize("name", FORWARD)
def test_its_arguments_are_those_of_pytorch(name):
    forward = getattr(functional, name)
    added = [p for p in parameters(forward) if p.split("=")[0] in OURS.get(name, [])]
    given = [p for p in parameters(forward) if p not in added]
    assert given == documented(name)
    assert len(added) == len(OURS.get(name, []))


@pytest.mark.parametrize("name", BACKWARD)
def test_its_backward_takes_the_same_arguments(name):
    forward = getattr(functional, name.removesuffix("_backward"))
    expected = ["grad_output", *parameters(forward)]
    assert parameters(getattr(functional, name)) == expected


def test_every_name_of_the_facade_is_judged():
    """What is not an operation or its gradient stands here, with what judges it."""
    classes = {n for n in functional.__all__ if inspect.isclass(getattr(functional, n))}
    drawn = {"dropout_mask"}  # at random, and judged in test_dropout
    assert {*functional.__all__} - classes - drawn == {*FORWARD, *BACKWARD}
    assert all(isinstance(operation(n), Operation) for n in FORWARD)


@pytest.mark.parametrize("name", BACKWARD)
def test_the_gradients_come_by_name(name):
    expected = operation(name).gradients
    for call in few_calls(name):
        gradients = call.of(getattr(functional, name))
        if len(expected) == 1:
            assert gradients.shape == call.arrays[expected[0]].shape
            continue
        assert gradients._fields == expected
        present = named(gradients)
        assert present.keys() == {*operation(name).differentiable(call)}
        for argument, gradient in present.items():
            assert gradient.shape == call.arrays[argument].shape


# Arrays -------------------------------------------------------------------------------


def scattered(array):
    """Return an equal array that is contiguous in no order."""
    spread = np.empty((*(2 * n for n in array.shape[::-1]), 2), array.dtype).T
    view = spread[(0, *(slice(None, None, -2),) * array.ndim, ...)]
    view[...] = array
    return view


@every_operation
def test_arrays_are_read_wherever_they_lie_and_left_alone(name):
    function = getattr(functional, name)
    tolerance = 0 if operation(name).exact else 1e-12
    for call in few_calls(name):
        before = with_arrays(call, np.copy)
        lying = with_arrays(call, scattered)
        expected, got = named(call.of(function)), named(lying.of(function))
        for argument, array in expected.items():
            np.testing.assert_allclose(
                got[argument], array, rtol=tolerance, atol=tolerance, strict=True
            )
        for one in (call, lying):
            for argument, array in before.arrays.items():
                np.testing.assert_array_equal(one.arrays[argument], array, strict=True)


@every_operation
def test_numbers_in_the_other_byte_order_are_the_same(name):
    function = getattr(functional, name)
    tolerance = 0 if operation(name).exact else 1e-12
    for call in few_calls(name):
        swapped = with_floats(call, lambda a: a.astype(a.dtype.newbyteorder()))
        got = named(swapped.of(function))
        for argument, array in named(call.of(function)).items():
            np.testing.assert_allclose(
                got[argument], array, rtol=tolerance, atol=tolerance
            )


@every_operation
def test_no_result_shares_memory_with_an_argument(name):
    """Else to change the one would change the other without a word."""
    for call in few_calls(name):
        for result in named(call.of(getattr(functional, name))).values():
            for array in call.arrays.values():
                assert not np.shares_memory(result, array)


@pytest.mark.parametrize("name", POLYNOMIAL)
def test_fractions_stay_exact(name):
    """Sevenths: no float holds them, so a float on the way would show."""
    function = getattr(functional, name)

    sevenths = np.vectorize(lambda x: Fraction(x) * 8 / 7, otypes=[object])

    for call in few_calls(name):
        exact = with_floats(call, sevenths)
        near = with_floats(call, lambda a: np.asarray(a * 8 / 7))
        expected = named(near.of(function))
        for argument, array in named(exact.of(function)).items():
            assert {type(entry) for entry in array.flat} <= {int, Fraction}
            np.testing.assert_allclose(
                array.astype(float), expected[argument], rtol=1e-12, atol=1e-12
            )
