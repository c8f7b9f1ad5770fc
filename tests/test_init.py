"""Initialisation: the bounds of torch.nn.init exactly, and the distributions."""

import math

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from cnnref import init

SHAPES = [(3, 4), (8, 3, 5), (6, 2, 3, 5), (4, 2, 1, 2, 3), (1, 1)]
DRAWS = 100_000


class Recorded(TorchDispatchMode):
    """Keep what PyTorch's functions ask the two random distributions for."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name in ("uniform_", "normal_"):
            defaults = [a.default_value for a in function._schema.arguments[1:3]]
            self.asked = name, *args[1:], *defaults[len(args) - 1 :]
        return function(*args, **(kwargs or {}))


def asked(name, shape, **given):
    """Return the distribution that ``torch.nn.init`` draws from, and its arguments."""
    with Recorded() as record:
        getattr(torch.nn.init, f"{name}_")(torch.empty(shape), **given)
    return record.asked


def drawn(kind, low, high, shape, dtype=np.float64):
    """Draw from the distribution with NumPy alone."""
    rng = np.random.default_rng(0)
    draw = {"uniform_": rng.uniform, "normal_": rng.normal}[kind]
    return draw(low, high, shape).astype(dtype)


def generator():
    return np.random.default_rng(0)


CALLS = [
    *(("uniform", {"a": a, "b": b}) for a, b in ((0.0, 1.0), (-3, 2), (0.5, 0.5))),
    *(("normal", {"mean": m, "std": s}) for m, s in ((0.0, 1.0), (-3, 2), (2, 0))),
    *(
        (f"xavier_{kind}", {"gain": gain})
        for kind in ("uniform", "normal")
        for gain in (1.0, 5 / 3, 0)
    ),
    *(
        (f"kaiming_{kind}", {"a": a, "mode": mode, "nonlinearity": nonlinearity})
        for kind in ("uniform", "normal")
        for a in (0, 0.25, math.sqrt(5))
        for mode in ("fan_in", "fan_out", "FAN_OUT")
        for nonlinearity in ("leaky_relu", "relu", "tanh", "linear", "selu", "conv2d")
    ),
]


@pytest.mark.parametrize(("name", "given"), CALLS, ids=str)
def test_the_distribution_is_exactly_that_of_pytorch(name, given):
    """The bounds, or mean and standard deviation, to the last bit."""
    for shape in SHAPES:
        array = getattr(init, name)(shape, generator=generator(), **given)
        expected = drawn(*asked(name, shape, **given), shape)
        np.testing.assert_array_equal(array, expected, strict=True)


@pytest.mark.parametrize("name", ["xavier_uniform", "kaiming_normal"])
def test_the_defaults_are_those_of_pytorch(name):
    array = getattr(init, name)((5, 4, 3), generator=generator())
    expected = drawn(*asked(name, (5, 4, 3)), (5, 4, 3))
    np.testing.assert_array_equal(array, expected, strict=True)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: torch.nn.Linear(7, 3), (3, 7)),
        (lambda: torch.nn.Conv2d(4, 6, (3, 5), groups=2), (6, 2, 3, 5)),
        (lambda: torch.nn.ConvTranspose1d(4, 6, 3), (4, 6, 3)),
    ],
)
def test_with_the_slope_root_5_the_layers_of_pytorch_begin(make, shape):
    """Their bias, drawn last, has the bound of their weight: 1/√fan_in."""
    with Recorded() as record:
        make()
    _, low, high = record.asked
    array = init.kaiming_uniform(shape, math.sqrt(5), generator=generator())
    fan_in, _ = init.fan_in_and_fan_out(shape)
    assert -low == high == 1 / math.sqrt(fan_in)
    np.testing.assert_allclose(array, drawn("uniform_", low, high, shape), rtol=1e-12)


def test_the_fans_are_those_of_pytorch():
    for shape in (*SHAPES, (0, 3), (2, 0, 3)):
        expected = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
        assert init.fan_in_and_fan_out(shape) == expected
    assert init.fan_in_and_fan_out([8, 3, 5, 5]) == (75, 200)


NONLINEARITIES = ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
NONLINEARITIES += [f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3)]


@pytest.mark.parametrize("name", NONLINEARITIES)
@pytest.mark.parametrize("param", [None, 0, 0.2, 3])
def test_the_gains_are_those_of_pytorch(name, param):
    expected = torch.nn.init.calculate_gain(name, param)
    assert init.calculate_gain(name, param) == expected


# Distributions ------------------------------------------------------------------------


def farthest(draws, distribution):
    """Return Kolmogorov's distance to a distribution, times √n."""
    draws = np.sort(draws, axis=None)
    heights = np.array([distribution(x) for x in draws])
    steps = np.arange(draws.size + 1) / draws.size
    worst = max(abs(heights - steps[1:]).max(), abs(heights - steps[:-1]).max())
    return worst * math.sqrt(draws.size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_draws_are_distributed_as_they_say(dtype):
    """The right distribution exceeds 1.95 in one of 1000 seeds, and this seed is kept.

    A normal distribution whose σ is 2 % larger is already told apart.
    """
    shape = (DRAWS // 100, 100)
    flat = init.xavier_uniform(shape, generator=generator(), dtype=dtype)
    bound = math.sqrt(6 / sum(shape))
    assert farthest(flat, lambda x: (x / bound + 1) / 2) < 1.95
    bell = init.kaiming_normal(shape, generator=generator(), dtype=dtype)
    std = math.sqrt(2 / 100)

    def normal(x, std=std):
        return (1 + math.erf(x / std / math.sqrt(2))) / 2

    assert farthest(bell, normal) < 1.95
    assert farthest(bell, lambda x: normal(x, 1.02 * std)) > 1.5
    assert farthest(bell, lambda x: (x / bound + 1) / 2) > 1.95


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_draws_come_in_the_dtype_and_from_the_generator(dtype):
    rng = generator()
    first = init.uniform(4, generator=rng, dtype=dtype)
    second = init.uniform(4, generator=rng, dtype=dtype)
    assert first.dtype == second.dtype == dtype
    assert first.shape == (4,)
    assert (first != second).all()
    again = init.uniform((4,), generator=generator(), dtype=dtype)
    np.testing.assert_array_equal(first, again, strict=True)


def test_a_shape_without_elements_has_no_draws():
    for shape in ((0, 3), (2, 0), (2, 3, 0)):
        for name in ("kaiming_uniform", "kaiming_normal", "uniform", "normal"):
            array = getattr(init, name)(shape, generator=generator())
            assert array.shape == shape
    assert init.xavier_normal((0, 3), generator=generator()).shape == (0, 3)
    assert init.normal((), generator=generator()).shape == ()


# Wrong calls --------------------------------------------------------------------------

WRONG = [
    (
        "uniform",
        (2,),
        {"a": 2, "b": 1},
        r"the bounds are \[2.0, 1.0\], from the larger",
    ),
    (
        "uniform",
        (2,),
        {"a": -1e308, "b": 1e308},
        r"the bounds are \[-1e\+308, 1e\+308\], but float64 ends at 1.79.*e\+308",
    ),
    ("normal", (2,), {"std": -1}, "std must be at least 0, got -1"),
    ("xavier_uniform", (2,), {}, r"needs the sizes .* but the shape is \(2,\)"),
    ("xavier_normal", (), {}, r"needs the sizes .* but the shape is \(\)"),
    ("xavier_normal", (0, 0), {}, r"the shape \(0, 0\) has no inputs and no outputs"),
    ("xavier_uniform", (2, 3), {"gain": -1}, "the bounds are"),
    ("xavier_normal", (2, 3), {"gain": -1}, "std must be at least 0, got -0.6"),
    ("kaiming_uniform", (2,), {}, "needs the sizes"),
    ("kaiming_uniform", (2, 3), {"mode": "fan"}, "mode must be one of .* not 'fan'"),
    ("kaiming_normal", (2, 3), {"nonlinearity": "gelu"}, "one of .* not 'gelu'"),
    ("kaiming_normal", (2, 3), {"a": "x"}, "the slope of leaky_relu must be a number"),
    ("uniform", (2,), {"a": math.inf, "b": math.inf}, "a must be finite, got inf"),
    ("uniform", (2,), {"b": "1"}, "b must be a number, got '1'"),
    ("normal", (-1,), {}, "a size of the shape must be at least 0, got -1"),
    ("normal", (2.5,), {}, "a size of the shape must be an integer, got 2.5"),
    ("kaiming_normal", (2, 3), {"mode": 1}, "mode must be one of .* not 1"),
]
# Beside Python's own errors: PyTorch divides by 0 where there are no inputs at all.
PYTORCH = (TypeError, ValueError, RuntimeError, AttributeError, ZeroDivisionError)


@pytest.mark.parametrize(("name", "shape", "given", "message"), WRONG, ids=str)
def test_what_pytorch_refuses_is_refused(name, shape, given, message):
    with pytest.raises((TypeError, ValueError), match=message) as refusal:
        getattr(init, name)(shape, generator=generator(), **given)
    assert str(refusal.value).startswith(f"{name}: ")
    with pytest.raises(PYTORCH):
        getattr(torch.nn.init, f"{name}_")(torch.empty(shape), **given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("gelu",), "not 'gelu'"), (("leaky_relu", True), "number"), ((["relu"],), "not")],
)
def test_a_gain_that_pytorch_has_not_is_refused(arguments, message):
    with pytest.raises((TypeError, ValueError), match=f"^calculate_gain: .*{message}"):
        init.calculate_gain(*arguments)
    with pytest.raises((TypeError, ValueError)):
        torch.nn.init.calculate_gain(*arguments)


def test_bounds_lie_within_the_dtype():
    given = {"a": 0, "b": 7e4, "dtype": np.float16}
    with pytest.raises(
        ValueError, match=r"\[0.0, 70000.0\], but float16 ends at 65504"
    ):
        init.uniform((2,), generator=generator(), **given)
    with pytest.raises(RuntimeError, match="out of bounds"):
        torch.nn.init.uniform_(torch.empty(2, dtype=torch.float16), 0, 7e4)


def test_the_gains_are_listed_in_one_order():
    """That of a set would change from run to run."""
    listed = "'linear', 'conv1d', .*'conv_transpose3d', 'sigmoid', .*'leaky_relu', not"
    with pytest.raises(ValueError, match=f"must be one of {listed}"):
        init.calculate_gain("gelu")


@pytest.mark.parametrize("made", [None, 0, np.random.RandomState(0), torch.Generator()])
def test_a_generator_is_numpys(made):
    kind = type(made).__name__
    with pytest.raises(TypeError, match=f"must be a np.random.Generator, not {kind}"):
        init.uniform((2,), generator=made)


@pytest.mark.parametrize("dtype", [int, bool, object, complex, "U1"])
def test_only_floats_are_drawn(dtype):
    with pytest.raises(TypeError, match="uniform: dtype must be one of floats, not"):
        init.uniform((2,), generator=generator(), dtype=dtype)
