"""The six convolutions and their gradients: against PyTorch, SymPy and their laws."""

import tracemalloc

import numpy as np
import pytest
from convolutions import BACKWARD, FORWARD, axes_of, is_batch, with_images
from hypothesis import assume, given
from hypothesis import strategies as st
from operations import few_calls, named, with_arrays

from cnnref import functional
from cnnref.verify import Call, conv_call, torch_sweep

# Laws ---------------------------------------------------------------------------------


@st.composite
def drawn(draw, kinds=("", "_transpose"), backward=False):
    """Draw the name of a convolution, in 1, 2 or 3 axes, and a call of it."""
    axes, kind = draw(st.integers(1, 3)), draw(st.sampled_from(kinds))
    call = conv_call(
        lambda low, high: draw(st.integers(low, high)), axes, bool(kind), backward
    )
    return f"conv{kind}{axes}d", call


@given(drawn(backward=True))
def test_the_gradients_are_the_adjoints(case):
    """⟨g, y⟩ = ⟨∂x, x⟩ + ⟨∂b, b⟩ = ⟨∂w, w⟩ + ⟨∂b, b⟩, exactly on integers."""
    name, call = case
    gradients = named(call.of(getattr(functional, f"{name}_backward")))
    arrays = dict(call.arrays)
    g = arrays.pop("grad_output")
    y = Call(arrays, call.settings).of(getattr(functional, name))
    paired = {k: (gradients[k] * array).sum() for k, array in arrays.items()}
    for argument in ("input", "weight"):
        assert (g * y).sum() == paired[argument] + paired.get("bias", 0)


@given(drawn(kinds=("_transpose",)))
def test_transposed_is_the_input_gradient_of_the_convolution(case):
    name, call = case
    settings = dict(call.settings)
    added = np.broadcast_to(settings.pop("output_padding"), axes_of(name))
    # From the stride on, the convolution makes one more window.
    assume((added < settings["stride"]).all())
    arrays = {k: call.arrays[k] for k in ("input", "weight")}
    y = Call(arrays, call.settings).of(getattr(functional, name))
    backward = getattr(functional, name.replace("_transpose", "") + "_backward")
    image = np.zeros_like(y)
    gradient = backward(arrays["input"], image, arrays["weight"], **settings).input
    np.testing.assert_array_equal(y, gradient, strict=True)


# Batches ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORWARD + BACKWARD)
def test_one_image_is_a_batch_of_one(name):
    function = getattr(functional, name)
    images = [call for call in few_calls(name) if not is_batch(call)]
    assert images
    for call in images:
        batch = named(with_images(call, lambda image: image[None]).of(function))
        for argument, array in named(call.of(function)).items():
            expected = batch[argument]
            if argument in ("output", "input"):
                (expected,) = expected
            np.testing.assert_array_equal(array, expected, strict=True)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", FORWARD + BACKWARD)
def test_a_batch_may_be_empty(name, dtype):
    """No images: no outputs, no input gradients, and zeros for the rest."""
    calls = [
        with_arrays(
            with_images(call, lambda batch: batch[:0]), lambda a: a.astype(dtype)
        )
        for call in few_calls(name)
        if is_batch(call)
    ]
    assert calls
    assert torch_sweep(name, calls).disagreement(getattr(functional, name)) is None


@pytest.mark.parametrize("shape", [(512, 8, 30, 30), (16, 16, 62, 62)])
def test_conv2d_never_holds_the_columns_of_a_whole_batch(shape):
    images, channels, height, width = shape
    x, weight = np.ones(shape, "f4"), np.ones((8, channels, 3, 3), "f4")
    tracemalloc.start()
    try:
        y = functional.conv2d(x, weight, padding=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    padded = channels * (height + 2) * (width + 2) * x.itemsize
    allowed = y.nbytes + max(9 * padded, 2**22)
    assert peak <= allowed
    assert allowed < y.nbytes + images * 9 * padded / 2
