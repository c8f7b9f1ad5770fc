"""Dropout: what a Generator draws, what the two scalings keep, what PyTorch says."""

import math
import warnings
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from operations import few_calls

from cnnref import functional
from cnnref.functional import dropout_mask, dropout_weight_scaling
from cnnref.verify import Call, torch_sweep
from cnnref.verify.operations.dropout import tosses

UNITS = ("dropout", "dropout_weight_scaling")
CHANNELS = ("dropout1d", "dropout2d", "dropout3d")
# The shape of an image batch, and of one mask for it.
SHAPES = {
    "dropout": ((3, 4), (3, 4)),
    "dropout_weight_scaling": ((3, 4), (3, 4)),
    "dropout1d": ((3, 4, 2), (3, 4)),
    "dropout2d": ((3, 4, 2, 5), (3, 4)),
    "dropout3d": ((3, 4, 2, 5, 2), (3, 4)),
}
rng = np.random.default_rng(0)


# What is drawn ------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.75, 1.0])
def test_a_mask_keeps_as_often_as_it_should(p):
    """Hoeffding: a fair coin strays further than this once in a million runs."""
    tosses = 100_000
    kept = dropout_mask((tosses,), p, np.random.default_rng(1)).sum()
    stray = math.sqrt(tosses * math.log(2 / 1e-6) / 2)
    assert abs(kept - (1 - p) * tosses) <= (stray if 0 < p < 1 else 0)


@pytest.mark.parametrize("apart", [1, 7, 400])
def test_no_toss_knows_of_another(apart):
    """Pairs at a distance are both kept as often as (1 − p)²; in a million runs once
    they are not, by Hoeffding, of two halves without a toss in common."""
    p, tosses = 0.25, 100_000
    kept = dropout_mask((tosses,), p, np.random.default_rng(2))
    blocks = kept[: tosses // (2 * apart) * 2 * apart].reshape(-1, 2, apart)
    pairs = (blocks[:, 0] & blocks[:, 1]).ravel()
    stray = math.sqrt(pairs.size * math.log(2 / 1e-6) / 2)
    assert abs(pairs.sum() - (1 - p) ** 2 * pairs.size) <= stray


@pytest.mark.parametrize("name", SHAPES)
def test_a_generator_draws_the_mask_that_dropout_mask_draws(name):
    shape, units = SHAPES[name]
    x, function = rng.normal(size=shape), getattr(functional, name)
    mask = dropout_mask(units, 0.3, np.random.default_rng(3))
    assert 0 < mask.sum() < mask.size
    expected = function(x, 0.3, mask=mask)
    got = function(x, 0.3, generator=np.random.default_rng(3))
    np.testing.assert_array_equal(got, expected, strict=True)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("settings", [{"p": 0.0}, {"p": 1.0}, {"training": False}])
def test_what_is_not_random_draws_nothing(name, settings):
    generator = np.random.default_rng(4)
    before = generator.bit_generator.state
    x = rng.normal(size=SHAPES[name][0])
    drawn = getattr(functional, name)(x, **settings, generator=generator)
    assert generator.bit_generator.state == before
    np.testing.assert_array_equal(drawn, getattr(functional, name)(x, **settings))
    backward = getattr(functional, f"{name}_backward")
    expected = getattr(functional, name)(np.ones_like(x), **settings)
    got = backward(np.ones_like(x), x, **settings, generator=generator)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", CHANNELS)
def test_channels_are_kept_or_dropped_as_a_whole(name):
    y = getattr(functional, name)(
        np.ones((20, 10, *SHAPES[name][0][2:])), generator=np.random.default_rng(5)
    )
    channels = y.reshape(200, -1)
    assert (channels == channels[:, :1]).all()
    assert {*channels[:, 0]} == {0, 2}


@pytest.mark.parametrize("name", [n for n in SHAPES if n != "dropout_weight_scaling"])
def test_pytorch_draws_as_many_coins(name):
    """The mask that it drew, given to us, gives what it returned."""
    shape, units = SHAPES[name]
    x = rng.normal(size=shape)
    torch.manual_seed(0)
    with tosses() as drawn:
        y = getattr(torch.nn.functional, name)(torch.from_numpy(x), 0.4)
    mask = drawn.mask.numpy().reshape(units)
    assert 0 < mask.sum() < mask.size
    got = getattr(functional, name)(x, 0.4, mask=mask)
    np.testing.assert_allclose(got, y.numpy(), rtol=1e-15, strict=True)


# Expectations -------------------------------------------------------------------------


def over_all_masks(function, x, p):
    """Yield each mask's probability, and what it makes of x."""
    for kept in product((False, True), repeat=x.size):
        dropped = kept.count(False)
        probability = p**dropped * (1 - p) ** (x.size - dropped)
        yield probability, function(x, p, mask=np.array(kept))


def moments(function, x, p):
    outcomes = [*over_all_masks(function, x, p)]
    mean = sum(weight * y for weight, y in outcomes)
    return mean, sum(weight * (y - mean) ** 2 for weight, y in outcomes)


@pytest.mark.parametrize("p", [Fraction(1, 3), Fraction(4, 5)])
def test_mean_and_variance_of_the_two_scalings(p):
    x = np.array([Fraction(2), Fraction(-1, 7), Fraction(3, 2)], object)
    mean, var = moments(functional.dropout, x, p)
    np.testing.assert_array_equal(mean, x)
    np.testing.assert_array_equal(var, x**2 * p / (1 - p))
    mean, var = moments(dropout_weight_scaling, x, p)
    np.testing.assert_array_equal(mean, dropout_weight_scaling(x, p, training=False))
    np.testing.assert_array_equal(var, x**2 * p * (1 - p))


def test_scaled_weights_are_the_mean_of_a_linear_layer_alone():
    p, x = Fraction(1, 3), np.array([Fraction(1), Fraction(2)], object)
    w, b = np.array([[3, -2]]), np.array([Fraction(1, 2)], object)

    def linear(x, p, mask):
        return w @ dropout_weight_scaling(x, p, mask=mask) + b

    def relu(x, p, mask):
        return np.maximum(linear(x, p, mask), 0)

    expected = (1 - p) * w @ x + b
    assert moments(linear, x, p)[0] == expected
    assert moments(relu, x, p)[0] != np.maximum(expected, 0)


@pytest.mark.parametrize("name", UNITS)
def test_fractions_are_scaled_exactly(name):
    x = np.array([[Fraction(1, 3), Fraction(2, 7)]], object)
    mask = np.array([[True, False]])
    y = getattr(functional, name)(x, Fraction(1, 3), mask=mask)
    assert y.tolist() == [[Fraction(1, 2 if name == "dropout" else 3), 0]]


# Dtypes and odd numbers ---------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("name", [n for n in SHAPES if n != "dropout_weight_scaling"])
def test_any_p_is_as_in_pytorch(name, dtype, p):
    shape, units = SHAPES[name]
    mask = dropout_mask(units, p, rng)
    call = Call({"input": rng.normal(size=shape).astype(dtype), "mask": mask}, {"p": p})
    sweep = torch_sweep(name, [call])._replace(tolerance=2 * np.finfo(dtype).eps)
    assert sweep.disagreement(getattr(functional, name)) is None


@pytest.mark.parametrize("settings", [{"p": 0}, {"p": 1}, {"training": False}])
@pytest.mark.parametrize("dtype", ["?", "u1", "i4", "i8", "c8", "c16", "f2"])
@pytest.mark.parametrize("name", [n for n in SHAPES if n != "dropout_weight_scaling"])
def test_any_number_is_kept_where_nothing_is_scaled(name, dtype, settings):
    x = (rng.integers(0, 9, SHAPES[name][0]) * 1.0).astype(dtype)
    y = getattr(functional, name)(x, **settings)
    expected = getattr(torch.nn.functional, name)(torch.from_numpy(x), **settings)
    np.testing.assert_array_equal(y, expected.numpy(), strict=True)
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize("dtype", ["?", "u1", "i8", "c8", "f2"])
def test_any_number_is_multiplied_by_a_mask(dtype):
    x, mask = np.array([1, 1, 0]).astype(dtype), np.array([True, False, True])
    expected = np.array([1, 0, 0]).astype(dtype)
    y = dropout_weight_scaling(x, mask=mask)
    np.testing.assert_array_equal(y, expected, strict=True)


@pytest.mark.parametrize("settings", [{}, {"p": 1}, {"p": 0}, {"training": False}])
@pytest.mark.parametrize("name", ["dropout", "dropout_backward"])
def test_what_is_dropped_is_multiplied_by_0(name, settings):
    """So that 0 · ∞ is NaN, as in PyTorch."""
    x = np.array([np.inf, -np.inf, np.nan, 1.0, -1.0] * 2)
    arrays = {"input": x, "mask": np.arange(10) < 5}
    g = {"grad_output": x} if "backward" in name else {}
    sweep = torch_sweep(name, [Call(g | arrays, settings)])
    assert sweep.disagreement(getattr(functional, name)) is None


def test_a_dropped_entry_keeps_its_sign():
    y = functional.dropout(np.array([-1.0]), mask=np.array([False]))
    assert np.signbit(y).all()


# Axes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{"p": 0.25}, {"p": 1.0}, {"training": False}])
@pytest.mark.parametrize("axes", range(7))
@pytest.mark.parametrize("name", CHANNELS)
def test_any_number_of_axes_is_taken_as_pytorch_takes_it(name, axes, settings):
    """Refused where it refuses, with a warning where it warns."""
    shape = (2, 3, 2, 2, 2, 2)[:axes]
    x, twin = rng.normal(size=shape), getattr(torch.nn.functional, name)
    with warnings.catch_warnings(record=True) as theirs, tosses() as drawn:
        warnings.simplefilter("always")
        try:
            expected = twin(torch.from_numpy(x), **settings).numpy()
        except RuntimeError:
            expected = None
    if drawn.mask is not None:
        mask = drawn.mask.numpy().ravel()
        units = shape[:2] if len(mask) == 6 else shape[:1]
        settings = settings | {"mask": mask.reshape(units)}
    elif expected is None:
        settings = settings | {"generator": rng}
    with warnings.catch_warnings(record=True) as ours:
        warnings.simplefilter("always")
        if expected is None:
            with pytest.raises(ValueError, match=f"{name}: input must have .* not"):
                getattr(functional, name)(x, **settings)
            return
        y = getattr(functional, name)(x, **settings)
    np.testing.assert_array_equal(y, expected, strict=True)
    assert len(ours) == len(theirs)
    for warning in ours:
        assert warning.category is UserWarning
        assert str(warning.message).startswith(f"{name}: input has {axes} axes, not 4")
        assert warning.filename == __file__


def test_every_sweep_has_single_images_and_empty_ones():
    for name in CHANNELS:
        calls = few_calls(name)
        assert len({call.arrays["input"].ndim for call in calls}) == 2
        assert any(not call.arrays["input"].size for call in calls)
