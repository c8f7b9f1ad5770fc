"""PyTorch's own sample calls, right and wrong, from the database of its test suite."""

import inspect
import warnings
from collections import Counter
from functools import cache

import numpy as np
import pytest
import torch
from operations import FORWARD, named, operation

from cnnref import functional
from cnnref.verify import Call, Sweep
from cnnref.verify.operations.dropout import tosses, units

# Operations that the database has no entry for.
WITHOUT_ENTRY = {
    "batch_norm_running_stats",
    "dropout1d",
    "dropout_weight_scaling",
    "fold",
    "instance_norm_running_stats",
    "l2_penalty",
    *("lp_pool1d", "lp_pool2d", "lp_pool3d"),
}
WITH_ENTRY = [name for name in FORWARD if name not in WITHOUT_ENTRY]

# Samples that are left out: by operation, a reason and what tells them.
SKIPPED = {
    "batch_norm": {
        "one axis and no element: PyTorch finds no channels, and looks no further": (
            lambda sample: sample.input.ndim < 2
        ),
    },
}

# Wrong samples that cannot come up here, by operation: PyTorch's message, the reason.
NOT_OURS = {}

# Operations with a defect in PyTorch's gradient, by name: the gradient of the twin is
# compared instead.
GRADIENT_OF_TWIN = {"hardsigmoid": "1/6 has single precision, whatever the input has"}

# Sums of up to some hundred terms, none of them above 100.
TOLERANCE = 2.0**14 * np.finfo("f8").eps


# Operations that the database lists without "nn.functional.".
OF_TORCH = {"flatten", "log_softmax", "logsumexp", "sigmoid", "softmax", "tanh"}


@cache
def database():
    """Return the entries by the name of our function: one, or one per variant."""
    from torch.testing._internal.common_methods_invocations import op_db

    entries = {}
    for entry in op_db:
        space, _, name = entry.name.rpartition(".")
        known = name in OF_TORCH if not space else space == "nn.functional"
        if known and name in FORWARD and dtype_of(entry):
            entries.setdefault(name, []).append(entry)
    return entries


def dtype_of(entry):
    chosen = (torch.float64, torch.complex128, torch.int64)
    return next((d for d in chosen if entry.supports_dtype(d, "cpu")), None)


def as_numpy(value):
    if isinstance(value, torch.Tensor):
        return value.detach().resolve_conj().numpy()
    if isinstance(value, torch.dtype):
        return torch.empty(0, dtype=value).numpy().dtype
    return value


def call_of(name, sample):
    """Bind a sample to our function's arguments; its tensors by name, and the call."""
    signature = inspect.signature(getattr(functional, name))
    given = signature.bind(sample.input, *sample.args, **sample.kwargs).arguments
    tensors = {k: v for k, v in given.items() if isinstance(v, torch.Tensor)}
    arrays = {k: as_numpy(tensor) for k, tensor in tensors.items()}
    settings = {k: as_numpy(v) for k, v in given.items() if k not in tensors}
    return tensors, Call(arrays, settings)


def right_samples(name):
    """Yield the entries' samples that are not left out, each with its entry."""
    left_out = SKIPPED.get(name, {})
    seen = Counter()
    for entry in database()[name]:
        dtype = dtype_of(entry)
        grad = entry.supports_autograd and dtype != torch.int64
        for sample in entry.sample_inputs("cpu", dtype, requires_grad=grad):
            reasons = [why for why, tells in left_out.items() if tells(sample)]
            seen.update(reasons)
            if not reasons:
                yield entry, sample
    assert {*seen} == {*left_out}, "a reason that no sample gives"


def assert_equal(function, call, expected):
    sweep = Sweep("torch", "its sample", (call,), lambda _: expected, TOLERANCE)
    assert sweep.disagreement(function) is None


def compare(name, entry, sample):
    """Compare one sample, and its gradients in everything that PyTorch has one for."""
    tensors, call = call_of(name, sample)
    with tosses() as drawn:
        y = entry.op(sample.input, *sample.args, **sample.kwargs)
    if drawn.mask is not None:
        axes = 0 if name == "dropout" else int(name[-2])
        shape = units(axes, call.arrays["input"].shape)
        call = call.replace(mask=drawn.mask.numpy().reshape(shape))
    first = y[0] if isinstance(y, tuple) else y
    expected = tuple(map(as_numpy, y)) if isinstance(y, tuple) else as_numpy(y)
    assert_equal(getattr(functional, name), call, expected)
    leaves = {k: t for k, t in tensors.items() if t.requires_grad}
    gradients = operation(name).gradients
    assert leaves.keys() <= {*gradients}, "a gradient that we do not give"
    if not leaves or not first.requires_grad:
        return
    if name in GRADIENT_OF_TWIN:
        first = operation(name).twin(sample.input, *sample.args, **sample.kwargs)
    g = torch.randn_like(first)
    found = torch.autograd.grad(first, [*leaves.values()], g, materialize_grads=True)
    backward = getattr(functional, f"{name}_backward")
    got = call.replace(grad_output=as_numpy(g)).of(backward)
    got = named(got) if len(gradients) > 1 else {gradients[0]: got}
    for argument, gradient in zip(leaves, found):
        np.testing.assert_allclose(
            got[argument], as_numpy(gradient), rtol=TOLERANCE, atol=TOLERANCE
        )


def test_every_operation_has_an_entry_or_is_listed():
    assert {*FORWARD} - {*database()} == WITHOUT_ENTRY


@pytest.mark.parametrize("name", WITH_ENTRY)
def test_every_sample_agrees(name):
    """All of them, forward and backward."""
    torch.manual_seed(0)
    compared = 0
    with warnings.catch_warnings():
        # Both sides warn of broadcasting and old arguments: tested by family.
        warnings.simplefilter("ignore")
        for entry, sample in right_samples(name):
            compare(name, entry, sample)
            compared += 1
    assert compared


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", WITH_ENTRY)
def test_every_wrong_sample_is_refused(name):
    function, not_ours = getattr(functional, name), dict(NOT_OURS.get(name, {}))
    for entry in database()[name]:
        if entry.error_inputs_func is None:
            continue
        for error in entry.error_inputs("cpu"):
            sample = error.sample_input
            with pytest.raises(error.error_type, match=error.error_regex):
                entry.op(sample.input, *sample.args, **sample.kwargs)
            if not_ours.pop(error.error_regex, None):
                continue
            # Without our words only where Python refuses the arguments themselves.
            refused = rf"^{name}: |missing a required argument|unexpected keyword"
            with pytest.raises((TypeError, ValueError), match=refused):
                call_of(name, sample)[1].of(function)
    assert not not_ours, "a wrong sample that is not there"
