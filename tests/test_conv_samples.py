"""PyTorch's own sample calls, right and wrong, from the database of its test suite."""

import pytest
import torch
from convolutions import FORWARD, rounding_bounds
from operations import named, with_arrays

from cnnref import functional
from cnnref.verify import Call


@pytest.fixture(scope="module")
def database():
    """The samples by operation."""
    from torch.testing._internal.common_methods_invocations import op_db

    return {op.name.removeprefix("nn.functional."): op for op in op_db}


def samples(operation, requires_grad):
    return list(operation.sample_inputs("cpu", torch.float64, requires_grad))


def call_of(sample):
    """Turn a sample into a call: its arguments in order are input, weight and bias."""
    tensors = dict(zip(("input", "weight", "bias"), (sample.input, *sample.args)))
    arrays = {k: t.detach().numpy() for k, t in tensors.items() if t is not None}
    return Call(arrays, sample.kwargs)


def assert_close(name, call, expected):
    """Compare within what rounding can make of sums in two orders."""
    function = getattr(functional, name)
    bounds = rounding_bounds(function, call, "f8")
    got = named(call.of(function))
    assert got.keys() == expected.keys()
    for argument, array in got.items():
        assert array.shape == expected[argument].shape
        assert (abs(array - expected[argument]) <= 2 * bounds[argument]).all()


@pytest.mark.parametrize("name", FORWARD)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even")
def test_every_sample_agrees(name, database):
    """All of them, forward and backward."""
    twin, chosen = getattr(torch.nn.functional, name), database[name]
    right = samples(chosen, requires_grad=True)
    assert len(right) >= 10
    for sample in right:
        call = call_of(sample)
        y = twin(sample.input, *sample.args, **sample.kwargs)
        assert_close(name, call, {"output": y.detach().numpy()})
        g = torch.randn_like(y)
        leaves = (sample.input, *(t for t in sample.args if t is not None))
        gradients = torch.autograd.grad(y, leaves, g)
        expected = dict(zip(call.arrays, (t.numpy() for t in gradients)))
        assert_close(f"{name}_backward", call.replace(grad_output=g.numpy()), expected)


@pytest.mark.parametrize("name", ["conv1d", "conv2d", "conv3d"])
def test_every_wrong_sample_is_refused(name, database):
    function, twin = getattr(functional, name), getattr(torch.nn.functional, name)
    seen = 0
    for error in database[name].error_inputs("cpu"):
        sample = error.sample_input
        with pytest.raises(error.error_type, match=error.error_regex):
            twin(sample.input, *sample.args, **sample.kwargs)
        call = call_of(sample)
        with pytest.raises((TypeError, ValueError), match=rf"^{name}: "):
            call.of(function)
        # Most mix dtypes beside the mistake that they are there for.
        if error.error_regex != "should be the same":
            with pytest.raises(ValueError, match=rf"^{name}: "):
                with_arrays(call, lambda array: array.astype("f8")).of(function)
        seen += 1
    assert seen >= 10
