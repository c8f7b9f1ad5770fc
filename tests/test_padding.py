"""Padding: what each mode continues with, its extremes, dtypes and mutants."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from operations import calls, few_calls, noticed, with_arrays

from cnnref import functional
from cnnref.verify import Call, torch_sweep

MODES = ["constant", "reflect", "replicate", "circular"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("constant", [0, 0, 0, 1, 2, 3, 4, 0, 0]),
        ("reflect", [4, 3, 2, 1, 2, 3, 4, 3, 2]),
        ("replicate", [1, 1, 1, 1, 2, 3, 4, 4, 4]),
        ("circular", [2, 3, 4, 1, 2, 3, 4, 1, 2]),
    ],
)
def test_each_mode_by_hand(mode, expected):
    x = np.array([[1.0, 2.0, 3.0, 4.0]])
    y = functional.pad(x, (3, 2), mode)
    np.testing.assert_array_equal(y, [expected])


@pytest.mark.parametrize("mode", MODES)
def test_every_pair_of_sides_of_a_short_axis(mode):
    """Where PyTorch takes a pair we do, and the other way round, crops included.

    Circular pads that crop more than there is, or go round what a crop has left more
    than once, it fills with whatever the memory holds; those we refuse.
    """
    accepted = 0
    for h, before, after in product(range(1, 5), range(-5, 6), range(-5, 6)):
        x = np.arange(1.0, 1 + 2 * h).reshape(1, 2, h)
        left = h + min(0, before) + min(0, after)
        try:
            y = functional.pad(x, (before, after), mode)
        except ValueError:
            y = None
        if mode == "circular" and (left < 0 or max(before, after) > left):
            assert y is None
            continue
        try:
            expected = torch.nn.functional.pad(
                torch.from_numpy(x), (before, after), mode
            )
        except RuntimeError:
            expected = None
        assert (y is None) == (expected is None), (h, before, after)
        if y is not None:
            accepted += 1
            np.testing.assert_array_equal(y, expected.numpy(), strict=True)
    assert accepted > 80


def test_the_gradient_is_the_adjoint():
    """⟨g, y⟩ = ⟨∂x, x⟩ where the constant is 0, exactly on integers."""
    for call in few_calls("pad_backward"):
        arrays, settings = dict(call.arrays), call.settings | {"value": None}
        g = arrays.pop("grad_output")
        y = Call(arrays, settings).of(functional.pad)
        dx = call.of(functional.pad_backward)
        assert (g * y).sum() == (dx * arrays["input"]).sum()


def test_padding_and_then_no_padding_is_one_convolution():
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, (2, 3, 5, 4)).astype(float)
    w = rng.integers(-4, 5, (2, 3, 3, 3)).astype(float)
    expected = functional.conv2d(x, w, padding=(2, 1))
    padded = functional.pad(x, (1, 1, 2, 2))
    np.testing.assert_array_equal(functional.conv2d(padded, w), expected)


# Dtypes and extremes ------------------------------------------------------------------


def of_mode(mode):
    few = [c for c in calls("pad") if c.settings.get("mode", "constant") == mode]
    return few[: len(few) // 2]


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", "i8", "f2", "c8", "c16"])
@pytest.mark.parametrize("mode", MODES)
def test_every_dtype_of_pytorch_is_kept(mode, dtype):
    if dtype == "?" and mode in ("reflect", "replicate"):
        call = (np.ones((1, 3), bool), (1, 1), mode)
        with pytest.raises(NotImplementedError):
            torch.nn.functional.pad(torch.from_numpy(call[0]), *call[1:])
        with pytest.raises(TypeError, match="pad: input has dtype bool, not numbers"):
            functional.pad(*call)
        return
    few = [with_arrays(c, lambda a: abs(a).astype(dtype)) for c in of_mode(mode)]
    few = [c for c in few if c.settings.get("value") is None]
    assert len(few) > 10
    assert torch_sweep("pad", few).disagreement(functional.pad) is None


@pytest.mark.parametrize(
    ("dtype", "value", "stored"),
    [
        ("f8", np.inf, np.inf),
        ("f4", -np.inf, -np.inf),
        ("f2", np.nan, np.nan),
        ("f4", 1e-300, 0),
        ("i8", 1.7, 1),
        ("i8", -1.7, -1),
        ("u1", 255, 255),
        ("?", 0.5, True),
        ("?", np.nan, True),
        ("?", True, True),
        ("?", False, False),
        ("c8", 2, 2),
    ],
)
def test_the_constant_takes_the_dtype_of_the_input(dtype, value, stored):
    x = np.ones(1, dtype)
    y = functional.pad(x, (1, 0), value=value)
    expected = torch.nn.functional.pad(torch.from_numpy(x), (1, 0), value=value)
    np.testing.assert_array_equal(y, expected.numpy(), strict=True)
    np.testing.assert_array_equal(y[0], np.array(stored, dtype))


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        *(("u1", 256), ("u1", -1), ("i8", np.inf), ("i8", 1e300)),
        *(("f2", 1e5), ("f4", 1e39), ("c8", -1e300)),
    ],
)
def test_a_constant_that_does_not_fit_is_refused(dtype, value):
    x = np.ones(1, dtype)
    with pytest.raises(RuntimeError):
        torch.nn.functional.pad(torch.from_numpy(x), (1, 0), value=value)
    with pytest.raises(ValueError, match=r"pad: value = .* does not fit into"):
        functional.pad(x, (1, 0), value=value)


@pytest.mark.parametrize("half", [0.5, np.float32(0.5), Fraction(1, 2)])
def test_a_fraction_is_padded_with_a_fraction(half):
    x = np.array([Fraction(1, 3)], object)
    y = functional.pad(x, (0, 1), value=half)
    assert {type(entry) for entry in y} == {Fraction}
    assert y.tolist() == [Fraction(1, 3), Fraction(1, 2)]


@pytest.mark.parametrize("mode", MODES)
def test_arrays_may_have_their_bytes_swapped(mode):
    x = np.arange(12.0).reshape(2, 1, 6)
    g = np.arange(18.0).reshape(2, 1, 9)
    for name, arrays in (("pad", (x,)), ("pad_backward", (g, x))):
        function = getattr(functional, name)
        y = function(*(a.astype(">f8") for a in arrays), (2, 1), mode)
        np.testing.assert_array_equal(y, function(*arrays, (2, 1), mode))


@pytest.mark.parametrize("mode", MODES)
def test_special_values_stay_what_they_are(mode):
    """No entry is multiplied with a 0 on the way, there or back."""
    x = np.array([[[np.nan, 1.0, np.inf, -np.inf, 2.0]]])
    call = Call({"input": x}, {"pad": (2, 1), "mode": mode})
    assert torch_sweep("pad", [call]).disagreement(functional.pad) is None
    g = np.array([[[1.0, 2.0, np.inf, 0.0, 3.0, np.nan, 4.0, 5.0]]])
    back = call.replace(grad_output=g)
    sweep = torch_sweep("pad_backward", [back])
    assert sweep.disagreement(functional.pad_backward) is None


# Common mistakes ----------------------------------------------------------------------


def turned(pad):
    """Count the axes from the first that is padded."""
    pairs = list(zip(pad[::2], pad[1::2]))[::-1]
    return tuple(p for pair in pairs for p in pair)


def from_the_first_axis(input, pad, mode="constant", value=None):
    return functional.pad(input, turned(pad), mode, value)


def sides_exchanged(input, pad, mode="constant", value=None):
    swapped = tuple(p for pair in zip(pad[1::2], pad[::2]) for p in pair)
    return functional.pad(input, swapped, mode, value)


def border_repeated(input, pad, mode="constant", value=None):
    """Mirror at the border of the last pixel: np.pad's "symmetric"."""
    y = functional.pad(input, pad, mode, value)
    if mode != "reflect" or min(pad) < 0 or not input.size:
        return y
    sides = [*zip(pad[-2::-2], pad[::-2])]
    lead = [(0, 0)] * (input.ndim - len(sides))
    return np.pad(input, [*lead, *sides], mode="symmetric")


def border_as_reflection(input, pad, mode="constant", value=None):
    mode = {"reflect": "replicate", "replicate": "reflect"}.get(mode, mode)
    return functional.pad(input, pad, mode, value)


def wrapped_before_it_is_cropped(input, pad, mode="constant", value=None):
    y = functional.pad(input, pad, mode, value)
    if mode != "circular" or not input.size:
        return y
    for axis, (before, after) in enumerate(zip(pad[::2], pad[1::2])):
        h = input.shape[-1 - axis]
        places = np.arange(-before, h + after) % h
        input = input.take(places, -1 - axis)
    return input


def zero_for_the_value(input, pad, mode="constant", value=None):
    return functional.pad(input, pad, mode)


def no_crop(input, pad, mode="constant", value=None):
    return functional.pad(input, [max(0, p) for p in pad], mode, value)


def border_of_the_gradient_dropped(
    grad_output, input, pad, mode="constant", value=None
):
    """Crop the gradient, as if nothing had been copied."""
    lead = grad_output.ndim - len(pad) // 2
    sides = zip(pad[-2::-2], pad[::-2])
    kept = [
        slice(max(0, a), h - max(0, b))
        for h, (a, b) in zip(grad_output.shape[lead:], sides)
    ]
    cropped = grad_output[(..., *kept)]
    grown = tuple(min(0, p) for p in pad)
    return functional.pad_backward(cropped, input, grown, "constant")


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("pad", from_the_first_axis),
        ("pad", sides_exchanged),
        ("pad", border_repeated),
        ("pad", border_as_reflection),
        ("pad", wrapped_before_it_is_cropped),
        ("pad", zero_for_the_value),
        ("pad", no_crop),
        ("pad_backward", border_of_the_gradient_dropped),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_mistake_is_noticed(name, mutant):
    assert noticed(torch_sweep(name, calls(name)), mutant)
