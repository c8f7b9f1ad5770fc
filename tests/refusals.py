"""Wrong calls: how PyTorch and cnnref are run on them, and what a refusal must say."""

import warnings

import numpy as np
import pytest
import torch
from operations import operation

from cnnref import functional

# How PyTorch rejects a call: lists, rows and zeros fail somewhere in its Python code.
REJECTIONS = (
    *(RuntimeError, TypeError, ValueError),
    *(AttributeError, IndexError, ZeroDivisionError),
)
ARRAYS = ("input", "weight", "bias", "tensor")
ONE = np.ones(1)  # a gradient whose shape is wrong too, and is judged last


def run(name, arguments):
    return getattr(functional, name)(**arguments)


def run_torch(name, arguments):
    """Run PyTorch on the same arguments; what is no array goes there as it is."""
    tensors = {k: _tensor(v) for k, v in arguments.items()}
    g = tensors.pop("grad_output", None)
    forward = name.removesuffix("_backward")
    twin = operation(name).twin or getattr(torch.nn.functional, forward)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        if g is None:
            return twin(**tensors)
        tensors["input"].requires_grad_()
        return torch.autograd.grad(twin(**tensors), tensors["input"], g)


def _tensor(value):
    if isinstance(value, np.dtype):
        return torch.from_numpy(np.ones(1, value)).dtype
    return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value


def gradient_call(name, arguments, **changes):
    """Extend a right call of a forward operation by a right upstream gradient."""
    return {"grad_output": np.ones_like(run(name, arguments))} | arguments | changes


def refusal(name, arguments, error, message, rows=ARRAYS):
    """Return the text with which a call is refused, once that is checked.

    It names the function, and its rows the shapes of these arrays.
    """
    with pytest.raises(error, match=message) as caught:
        run(name, arguments)
    text = str(caught.value)
    assert text.startswith(f"{name}: ")
    if error is ValueError:
        for label in rows:
            array = arguments.get(label)
            if array is not None:
                assert f"\n  {label:11} {array.shape}  =  (" in text
    return text


def refused_by_all(name, arguments, error, message, **how):
    """Check that PyTorch refuses a call, and that we do, forward and backward."""
    with pytest.raises(REJECTIONS):
        run_torch(name, arguments)
    refused(name, arguments, error, message, **how)


def refused(name, arguments, error, message, g=ONE, rows=ARRAYS):
    """Check that we refuse a call, forward and backward, and return the last text."""
    text = refusal(name, arguments, error, message, rows)
    if not operation(name).gradients:
        return text
    arguments = {"grad_output": g} | arguments
    return refusal(f"{name}_backward", arguments, error, message, rows)


def wrong(name, message, error=ValueError, **changes):
    """Name what is changed of the right call, and what must be said of it."""
    said = ", ".join(
        f"{k} {v.dtype}{v.shape}" if isinstance(v, np.ndarray) else f"{k}={v!r}"
        for k, v in changes.items()
    )
    return pytest.param(name, changes, error, message, id=f"{name} {said}")


def wrong_of(names, message, error=ValueError, **changes):
    """Name the same change of several right calls."""
    return [wrong(name, message, error, **changes) for name in names]


def not_integer(name, setting, value, said):
    message = rf"{setting} must be an integer, got {said}"
    return wrong(name, message, TypeError, **{setting: value})
