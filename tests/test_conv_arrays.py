"""The convolutions on arrays of every kind: dtypes, rounding, memory layouts."""

from fractions import Fraction

import numpy as np
import pytest
from convolutions import BACKWARD, FORWARD, rounding_bounds
from operations import few_calls, named, with_arrays

from cnnref import functional
from cnnref.verify import torch_sweep

FLOATS = ["f2", "f4", "f8", "c8", "c16"]
INTEGERS = ["u1", "i1", "i2", "i4"]

every_operation = pytest.mark.parametrize("name", FORWARD + BACKWARD)

# Exact numbers ------------------------------------------------------------------------


def as_dtype(call, dtype):
    """Cast a call's small integers, with an imaginary part where there can be one."""
    dtype = np.dtype(dtype)

    def cast(array):
        if dtype.kind == "u":
            array = abs(array)
        elif dtype.kind == "c":
            array = array + 1j * np.roll(array, 1)
        return array.astype(dtype)

    return with_arrays(call, cast)


def disagreement(name, calls, dtype):
    calls = [as_dtype(call, dtype) for call in calls]
    assert calls
    return torch_sweep(name, calls).disagreement(getattr(functional, name))


@every_operation
@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_are_those_of_pytorch(name, dtype):
    assert disagreement(name, few_calls(name), dtype) is None


@pytest.mark.parametrize("name", FORWARD)
def test_integers_are_those_of_pytorch(name):
    assert disagreement(name, few_calls(name), "i8") is None


@pytest.mark.parametrize("name", ["conv1d", "conv2d", "conv3d"])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_small_integers_are_those_of_pytorch(name, dtype):
    """PyTorch spreads no kernel of small integers, and transposes none."""
    plain = [c for c in few_calls(name) if np.all(np.equal(c.settings["dilation"], 1))]
    assert disagreement(name, plain, dtype) is None


@every_operation
@pytest.mark.parametrize("dtype", [*INTEGERS, "i8", "u2", "u4", "u8", "g", "O"])
def test_the_result_keeps_the_dtype(name, dtype):
    function, dtype = getattr(functional, name), np.dtype(dtype)
    for call in few_calls(name):
        call = as_dtype(call, dtype)
        exact = named(with_arrays(call, lambda array: array.astype("f8")).of(function))
        for argument, array in named(call.of(function)).items():
            expected = exact[argument]
            if dtype.kind in "iu":  # NumPy's integers wrap around
                expected = expected.astype("i8")
            np.testing.assert_array_equal(array, expected.astype(dtype), strict=True)


@every_operation
def test_fractions_stay_exact(name):
    """Thirds and fifths: no float holds them, so a float on the way would show."""
    arguments = {"input": 3, "weight": 5, "bias": 15, "grad_output": 7}
    results = {"output": 15, "input": 35, "weight": 21, "bias": 7}

    def over(denominator, array):
        exact = np.empty(array.shape, object)
        exact.flat = [Fraction(int(entry), denominator) for entry in array.flat]
        return exact

    function = getattr(functional, name)
    for call in few_calls(name):
        fractions = {k: over(arguments[k], array) for k, array in call.arrays.items()}
        expected = named(call.of(function))
        for argument, array in named(call.replace(**fractions).of(function)).items():
            assert {type(entry) for entry in array.flat} <= {int, Fraction}
            exact = over(results[argument], expected[argument])
            np.testing.assert_array_equal(array, exact, strict=True)


# Rounding -----------------------------------------------------------------------------


def random_numbers(call, dtype):
    """Replace the entries by numbers of both signs and sizes from ½ to 2."""
    rng = np.random.default_rng(0)

    def numbers(array):
        signs = rng.choice([-1.0, 1.0], array.shape)
        return (signs * rng.uniform(0.5, 2, array.shape)).astype(dtype)

    return with_arrays(call, numbers)


def errors_and_bounds(name, call, dtype):
    """Return how far each result is off, and how far it may be in the given dtype."""
    function = getattr(functional, name)
    exact = with_arrays(call, lambda array: array.astype("f8"))
    bounds, expected = rounding_bounds(function, exact, dtype), exact.of(function)
    got, expected = named(call.of(function)), named(expected)
    return {k: (abs(got[k] - expected[k]), bounds[k]) for k in got}


@every_operation
@pytest.mark.parametrize("dtype", ["f2", "f4"])
def test_rounding_errors_stay_below_their_bound(name, dtype):
    rounded = False
    for call in few_calls(name):
        call = random_numbers(call, dtype)
        for errors, bounds in errors_and_bounds(name, call, dtype).values():
            assert (errors <= bounds).all()
            rounded |= errors.any()
    assert rounded


@every_operation
@pytest.mark.parametrize("dtype", ["f2", "f4"])
def test_pytorch_rounds_within_the_same_bound(name, dtype):
    function = getattr(functional, name)
    for call in few_calls(name):
        call = random_numbers(call, dtype)
        bounds = rounding_bounds(
            function, with_arrays(call, lambda array: array.astype("f8")), dtype
        )
        twin = torch_sweep(name, [call]).expected(call)
        twin = twin if isinstance(twin, dict) else named(twin)
        for argument, array in named(call.of(function)).items():
            apart = abs(array.astype("f8") - twin[argument].astype("f8"))
            assert (apart <= 2 * bounds[argument]).all()


@every_operation
def test_float16_exceeds_the_bound_of_float32(name):
    """The bound is no wide net."""
    call = random_numbers(few_calls(name)[-1], "f2")
    results = errors_and_bounds(name, call, "f4").values()
    assert any((errors > bounds).any() for errors, bounds in results)


# Memory -------------------------------------------------------------------------------


def unaligned(array):
    shifted = np.frombuffer(b"?" + array.tobytes(), array.dtype, offset=1)
    return shifted.reshape(array.shape)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


@every_operation
@pytest.mark.parametrize(
    "lay",
    [
        pytest.param(np.asfortranarray, id="Fortran order"),
        pytest.param(lambda a: np.flip(np.flip(a).copy()), id="negative strides"),
        pytest.param(lambda a: a.repeat(2, axis=-1)[..., ::2], id="every second"),
        pytest.param(lambda a: a.astype(">f8"), id="big-endian"),
        pytest.param(unaligned, id="unaligned"),
        pytest.param(read_only, id="read-only"),
    ],
)
def test_arrays_may_lie_anyhow_in_memory(name, lay):
    function = getattr(functional, name)
    for call in few_calls(name):
        laid = with_arrays(call, lay)
        got, expected = named(laid.of(function)), named(call.of(function))
        for argument, array in got.items():
            assert array.dtype == laid.arrays["input"].dtype
            np.testing.assert_array_equal(array, expected[argument])


@every_operation
def test_the_callers_arrays_stay_as_they_are(name):
    function = getattr(functional, name)
    for call in few_calls(name):
        kept = with_arrays(call, np.copy)
        for result in named(call.of(function)).values():
            assert not any(np.shares_memory(result, a) for a in call.arrays.values())
            result += 1
        for argument, array in call.arrays.items():
            np.testing.assert_array_equal(array, kept.arrays[argument], strict=True)


@pytest.mark.parametrize("name", ["conv2d_backward", "conv_transpose2d_backward"])
def test_a_bias_gradient_in_half_precision_is_summed_in_single(name):
    """In half precision the sum of 4096 hundredths would stop at 32, not at 41."""
    x, weight = np.ones((4096, 2, 1, 1), "f2"), np.ones((2, 2, 1, 1), "f2")
    g, bias = np.full_like(x, 0.01), np.zeros(2, "f2")
    db = getattr(functional, name)(g, x, weight, bias).bias
    expected = np.full(2, 4096 * float(np.float16(0.01)))
    np.testing.assert_array_equal(db, expected.astype("f2"), strict=True)


def test_a_kernel_of_one_copies_too():
    """The identity could be a view of its input; it is not."""
    x, weight = np.ones((1, 1, 3)), np.ones((1, 1, 1))
    y = functional.conv1d(x, weight)
    gradients = functional.conv1d_backward(y, x, weight)
    for result in (y, functional.conv_transpose1d(x, weight), *gradients[:2]):
        result += 1
    np.testing.assert_array_equal(x, np.ones((1, 1, 3)))
    np.testing.assert_array_equal(weight, np.ones((1, 1, 1)))
