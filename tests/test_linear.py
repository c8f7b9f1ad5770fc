"""The dense layer: its adjoints, its dtypes, its conventions and its mutants."""

import numpy as np
import pytest
from operations import calls, few_calls, named, noticed, with_arrays

from cnnref import functional
from cnnref.linear import LinearGradients
from cnnref.verify import Call, torch_sweep


def test_the_gradients_are_the_adjoints():
    """⟨g, y⟩ = ⟨∂x, x⟩ + ⟨∂b, b⟩ = ⟨∂w, w⟩ + ⟨∂b, b⟩, exactly on integers."""
    for call in few_calls("linear_backward"):
        gradients = named(call.of(functional.linear_backward))
        arrays = dict(call.arrays)
        g = arrays.pop("grad_output")
        y = Call(arrays, {}).of(functional.linear)
        paired = {k: (gradients[k] * array).sum() for k, array in arrays.items()}
        for argument in ("input", "weight"):
            assert (g * y).sum() == paired[argument] + paired.get("bias", 0)


def test_rows_and_columns_are_two_ways_to_write_one_layer():
    """PyTorch's y = x·Wᵀ + b on rows is z = W·a + b on columns."""
    rng = np.random.default_rng(0)
    x, w, b = (rng.integers(-4, 5, s).astype(float) for s in ((5, 3), (4, 3), (4,)))
    columns = w @ x.T + b[:, None]
    np.testing.assert_array_equal(functional.linear(x, w, b), columns.T)


def test_it_is_a_convolution_with_a_kernel_as_large_as_the_image():
    rng = np.random.default_rng(1)
    x = rng.integers(-4, 5, (2, 3, 4, 5)).astype(float)
    w = rng.integers(-4, 5, (6, 3, 4, 5)).astype(float)
    flat = functional.flatten(x, 1), functional.flatten(w, 1)
    expected = functional.conv2d(x, w)[:, :, 0, 0]
    np.testing.assert_array_equal(functional.linear(*flat), expected)


@pytest.mark.parametrize("dtype", ["f2", "i1", "u1", "i4", "i8", "c8", "c16"])
def test_every_dtype_of_pytorch_is_kept(dtype):
    """Small integers wrap, as PyTorch's do."""
    scale = 50 if dtype[0] in "iu" else 1
    few = [
        with_arrays(call, lambda array: (scale * array).astype("i8").astype(dtype))
        for call in few_calls("linear")
    ]
    sweep = torch_sweep("linear", few)
    assert sweep.disagreement(functional.linear) is None


def test_a_bias_gradient_in_half_precision_is_summed_in_single():
    """In half precision the sum of 4096 hundredths would stop at 32, not at 41."""
    arrays = {"grad_output": (4096, 3), "input": (4096, 2), "weight": (3, 2)}
    arrays = {k: np.full(shape, 0.01, "f2") for k, shape in arrays.items()}
    call = Call(arrays | {"bias": np.zeros(3, "f2")}, {})
    sweep = torch_sweep("linear_backward", [call])
    assert sweep.disagreement(functional.linear_backward) is None


def test_arrays_may_have_their_bytes_swapped():
    for call in few_calls("linear_backward"):
        swapped = with_arrays(call, lambda array: array.astype(">f8"))
        got, expected = (
            named(c.of(functional.linear_backward)) for c in (swapped, call)
        )
        for argument, array in got.items():
            np.testing.assert_array_equal(array, expected[argument])


def test_complex_gradients_are_conjugate():
    few = [
        with_arrays(call, lambda array: array + 1j * np.roll(array, 1))
        for call in few_calls("linear_backward")
    ]
    sweep = torch_sweep("linear_backward", few)
    assert sweep.disagreement(functional.linear_backward) is None

    def plain(grad_output, input, weight, bias=None):
        call = (grad_output, input.conj(), weight.conj(), bias)
        return functional.linear_backward(*call)

    assert noticed(sweep, plain)


# Common mistakes ----------------------------------------------------------------------


def rows_as_columns(input, weight, bias=None):
    return functional.linear(input, weight.T, bias)


def bias_twice(input, weight, bias=None):
    y = functional.linear(input, weight, bias)
    return y if bias is None else y + bias


def bias_of_one_row(grad_output, **arguments):
    dx, dw, db = functional.linear_backward(grad_output, **arguments)
    if db is not None and db.ndim == 1 and grad_output.ndim == 2 and len(grad_output):
        db = np.broadcast_to(grad_output[0], db.shape)
    return LinearGradients(dx, dw, db)


def bias_of_all_outputs(grad_output, **arguments):
    """Sum the bias gradient over the outputs too."""
    gradients = functional.linear_backward(grad_output, **arguments)
    if gradients.bias is None:
        return gradients
    return gradients._replace(
        bias=np.broadcast_to(grad_output.sum(), gradients.bias.shape)
    )


def weight_of_the_mean(grad_output, **arguments):
    gradients = functional.linear_backward(grad_output, **arguments)
    rows = max(1, grad_output.size // max(1, len(gradients.weight)))
    return gradients._replace(weight=gradients.weight / rows)


def weight_transposed(grad_output, input, weight, bias=None):
    gradients = functional.linear_backward(grad_output, input, weight, bias)
    return gradients._replace(weight=gradients.weight.T)


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("linear", rows_as_columns),
        ("linear", bias_twice),
        ("linear_backward", bias_of_one_row),
        ("linear_backward", bias_of_all_outputs),
        ("linear_backward", weight_of_the_mean),
        ("linear_backward", weight_transposed),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_mistake_is_noticed(name, mutant):
    assert noticed(torch_sweep(name, calls(name)), mutant)
