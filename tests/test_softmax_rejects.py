"""Wrong calls of softmax and its kin: PyTorch rejects each, and so do we, in words."""

import re

import numpy as np
import pytest
import torch
from refusals import refusal, refused_by_all, run_torch, wrong_of

ones = np.ones
SOFTMAX = ["softmax", "log_softmax", "softmin"]
NAMES = [*SOFTMAX, "logsumexp"]
RIGHT = {name: {"input": ones((2, 3)), "dim": 1} for name in NAMES}


def wrong(message, error=ValueError, names=NAMES, **changes):
    return wrong_of(names, message, error, **changes)


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        *wrong("dim = 2 is no axis of an array with 2 axes", dim=2),
        *wrong("dim = -3 is no axis of an array with 2 axes", dim=-3),
        *wrong("dim = 1 is no axis of an array with 0 axes", input=np.array(1.0)),
        *wrong(r"dim must be an integer, got 1\.0", TypeError, dim=1.0),
        *wrong("dim must be an integer, got True", TypeError, dim=True),
        *wrong("dim must be an integer, got '1'", TypeError, dim="1"),
        *wrong(r"dim must be an integer, got \(0, 1\)", TypeError, SOFTMAX, dim=(0, 1)),
        *wrong("must be a NumPy array, not list", TypeError, input=[1.0, 2.0]),
        *wrong("not NoneType", TypeError, input=None),
        *wrong("dtype int64, not floats", TypeError, SOFTMAX, input=ones((2, 3), "i8")),
        *wrong("dtype bool, not floats", TypeError, SOFTMAX, input=ones((2, 3), "?")),
        *wrong("complex64, not", TypeError, SOFTMAX, input=ones((2, 3), "c8")),
        *wrong("a float dtype, not .*int64", TypeError, SOFTMAX, dtype=np.dtype("i8")),
        *wrong("a float dtype, not .*c", TypeError, SOFTMAX, dtype=np.dtype("c8")),
        *wrong("a float dtype, not 'half-way'", TypeError, SOFTMAX, dtype="half-way"),
        *wrong("_stacklevel .* got 'a'", TypeError, SOFTMAX, dim=None, _stacklevel="a"),
        *wrong(
            "input has dtype bool",
            TypeError,
            ["softmin"],
            input=ones((2, 3), "?"),
            dtype=np.dtype("f4"),
        ),
        *wrong("dim must be an integer, got None", TypeError, ["logsumexp"], dim=None),
        *wrong("got None", TypeError, ["logsumexp"], dim=(0, None)),
        *wrong(
            r"several different ones, not \(0, 0\)", names=["logsumexp"], dim=(0, 0)
        ),
        *wrong(r"ones, not \[0, -2\]", names=["logsumexp"], dim=[0, -2]),
        *wrong(r"several different ones, not \(\)", names=["logsumexp"], dim=()),
        *wrong("keepdim .* bool, got 1", TypeError, ["logsumexp"], keepdim=1),
        *wrong("keepdim .* bool, got None", TypeError, ["logsumexp"], keepdim=None),
    ],
)
def test_a_wrong_call_is_refused(name, changes, error, message):
    refused_by_all(name, RIGHT[name] | changes, error, message)


@pytest.mark.parametrize("name", SOFTMAX)
def test_the_gradient_has_the_shape_of_the_output(name):
    arguments = RIGHT[name] | {"grad_output": ones((2, 1))}
    message = r"output's shape \(2, 3\), not \(2, 1\)"
    refusal(f"{name}_backward", arguments, ValueError, message)


@pytest.mark.parametrize(
    ("dim", "keepdim", "shape"),
    [(1, False, "(2,)"), (0, True, "(1, 3)"), ((0, -1), False, "()")],
)
def test_the_gradient_of_logsumexp_has_the_shape_of_the_sum(dim, keepdim, shape):
    arguments = {"input": ones((2, 3)), "dim": dim, "keepdim": keepdim}
    y = run_torch("logsumexp", arguments)
    assert str(tuple(y.shape)) == shape
    arguments["grad_output"] = ones((2, 3))
    message = rf"output's shape {re.escape(shape)}, not \(2, 3\)"
    refusal("logsumexp_backward", arguments, ValueError, message)


# Where PyTorch is more lenient --------------------------------------------------------


@pytest.mark.parametrize("name", SOFTMAX)
def test_complex_numbers_are_not_cast_to_floats(name):
    """PyTorch drops their imaginary parts."""
    arguments = RIGHT[name] | {"input": ones((2, 3), "c8"), "dtype": np.dtype("f4")}
    assert not run_torch(name, arguments).is_complex()
    refusal(name, arguments, TypeError, "input has dtype complex64")


def test_unsigned_integers_have_no_softmin():
    """PyTorch takes −x modulo 256, and turns the order round."""
    x = np.array([0, 1, 2], "u1")
    arguments = {"input": x, "dim": 0, "dtype": np.dtype("f4")}
    assert run_torch("softmin", arguments).argmax() == 1
    refusal("softmin", arguments, TypeError, "input has dtype uint8")


@pytest.mark.parametrize("name", SOFTMAX)
def test_symbols_are_not_cast_to_floats(name):
    arguments = {"input": np.array([1, 2], object), "dim": 0, "dtype": np.dtype("f8")}
    refusal(name, arguments, TypeError, "input has dtype object")


@pytest.mark.parametrize("name", [*SOFTMAX, "logsumexp"])
def test_integers_have_no_gradient(name):
    """In PyTorch they cannot be asked for one."""
    with pytest.raises(RuntimeError, match="floating point"):
        torch.ones(2, dtype=torch.int64).requires_grad_()
    arguments = {"grad_output": ones(2, "i8"), "input": ones(2, "i8"), "dim": 0}
    refusal(f"{name}_backward", arguments, TypeError, "input has dtype int64")


@pytest.mark.parametrize("name", SOFTMAX)
def test_a_gradient_of_another_dtype_is_refused(name):
    """PyTorch casts it.  With a dtype, the output's is that one."""
    arguments = RIGHT[name] | {"grad_output": ones((2, 3)), "dtype": np.dtype("f4")}
    message = "input is float32 but grad_output is float64"
    refusal(f"{name}_backward", arguments, TypeError, message)


def test_all_axes_are_not_meant_by_none():
    """PyTorch takes dim=() for all axes with ``keepdim``, and fails on it without."""
    arguments = {"input": ones((2, 3)), "dim": (), "keepdim": True}
    assert run_torch("logsumexp", arguments).shape == (1, 1)
    refusal("logsumexp", arguments, ValueError, "dim must name one axis or several")
