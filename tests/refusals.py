"""Wrong calls: how PyTorch and cnnref are run on them, and what a refusal must say."""

import numpy as np
import pytest
import torch
from operations import operation

from cnnref import functional


def run(name, arguments):
    return getattr(functional, name)(**arguments)


def run_torch(name, arguments):
    """Run PyTorch on the same arguments; what is no array goes there as it is."""
    tensors = {
        k: torch.from_numpy(v.copy()) if isinstance(v, np.ndarray) else v
        for k, v in arguments.items()
    }
    g = tensors.pop("grad_output", None)
    forward = name.removesuffix("_backward")
    twin = operation(name).twin or getattr(torch.nn.functional, forward)
    if g is None:
        return twin(**tensors)
    tensors["input"].requires_grad_()
    return torch.autograd.grad(twin(**tensors), tensors["input"], g)


def gradient_call(name, arguments, **changes):
    """Extend a right call of a forward operation by a right upstream gradient."""
    return {"grad_output": np.ones_like(run(name, arguments))} | arguments | changes


def refusal(name, arguments, error, message):
    """Return the text with which a call is refused, once that is checked."""
    with pytest.raises(error, match=message) as caught:
        run(name, arguments)
    text = str(caught.value)
    assert text.startswith(f"{name}: ")
    if error is ValueError:
        for label in ("input", "weight", "bias", "tensor"):
            array = arguments.get(label)
            if array is not None:
                assert f"\n  {label:11} {array.shape}  =  (" in text
    return text


def refused_by_all(name, arguments, error, message):
    """Check that PyTorch refuses a call, and that we do, forward and backward."""
    rejections = (RuntimeError, TypeError, ValueError, IndexError, AttributeError)
    with pytest.raises(rejections):
        run_torch(name, arguments)
    refused(name, arguments, error, message)


def refused(name, arguments, error, message):
    """Check that we refuse a call, forward and backward."""
    refusal(name, arguments, error, message)
    if operation(name).gradients:
        g = {"grad_output": np.ones(1)}
        refusal(f"{name}_backward", g | arguments, error, message)


def wrong(name, message, error=ValueError, **changes):
    """Name what is changed of the right call, and what must be said of it."""
    said = ", ".join(
        f"{k} {v.dtype}{v.shape}" if isinstance(v, np.ndarray) else f"{k}={v!r}"
        for k, v in changes.items()
    )
    return pytest.param(name, changes, error, message, id=f"{name} {said}")


def not_integer(name, setting, value, said):
    message = rf"{setting} must be an integer, got {said}"
    return wrong(name, message, TypeError, **{setting: value})
