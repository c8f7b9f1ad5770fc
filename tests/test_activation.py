"""The activations: extremes, kinks, dtypes, accuracy, their laws, and mutants."""

from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest
import torch
from operations import calls, disagreement, few_calls, named, noticed, sweep

from cnnref import activation, functional
from cnnref.verify import OPERATIONS, Call, region_sweep, torch_sweep
from cnnref.verify.operations.activation import OPERATIONS as ACTIVATIONS
from cnnref.verify.operations.activation import kinks

NAMES = list(ACTIVATIONS)
# One call of each formula; `prelu` needs its weight.
CALLS = {name: Call({}, {}) for name in NAMES} | {
    "gelu tanh": Call({}, {"approximate": "tanh"}),
    "prelu": Call({"weight": np.array([0.25])}, {}),
}
every_formula = pytest.mark.parametrize("formula", CALLS)
every_dtype = pytest.mark.parametrize("dtype", ["f4", "f8"])


def call_of(formula, x, g=None):
    """Return the name of the function, and its call on an input."""
    call, name = CALLS[formula], formula.partition(" ")[0]
    arrays = {"input": x} | {k: a.astype(x.dtype) for k, a in call.arrays.items()}
    if g is None:
        return name, Call(arrays, call.settings)
    return f"{name}_backward", Call({"grad_output": g} | arrays, call.settings)


def run(name, call):
    return call.of(getattr(functional, name))


def agrees(name, call):
    """Whether a function gives what PyTorch gives, to the tolerance of its dtype."""
    return torch_sweep(name, [call]).disagreement(getattr(functional, name)) is None


# Extremes and kinks -------------------------------------------------------------------


def extremes(dtype):
    """Return zeros, kinks, tiny, huge, infinite and undefined numbers."""
    info = np.finfo(dtype)
    sizes = [info.smallest_subnormal, info.tiny, 1, 3, 6, 20, 88, 700, 1000, info.max]
    values = np.array([0, *sizes, np.inf], dtype)
    return np.concatenate([values, -values, [np.nan]]).astype(dtype)


def many(x):
    """Repeat an input until PyTorch takes its vector instructions.

    Entry by entry its gradient at NaN is another one, for relu6, hardtanh, hardswish,
    elu, selu and celu.
    """
    return np.tile(x, 64)


@every_dtype
@every_formula
def test_extremes_are_those_of_pytorch(formula, dtype):
    x = extremes(dtype)
    if formula == "gelu":
        # One by one: in single precision PyTorch's vector instructions overflow at the
        # largest float, and know nothing of infinity.
        assert all(agrees(*call_of(formula, entry)) for entry in x.reshape(-1, 1))
        return
    assert agrees(*call_of(formula, many(x)))


@every_dtype
@every_formula
def test_the_gradient_at_extremes_is_that_of_pytorch(formula, dtype):
    x = many(extremes(dtype))
    if formula == "prelu":  # the sum over all entries is undefined
        x = x[np.isfinite(x) & (abs(x) < 1e30)]
    for g in (2, -0.5):
        assert agrees(*call_of(formula, x, np.full_like(x, g)))


@pytest.mark.parametrize("g", [np.inf, -np.inf, np.nan])
@every_formula
def test_an_undefined_gradient_passes_as_in_pytorch(formula, g):
    """Where a ramp is flat the gradient is 0, whatever comes from above."""
    x = many(np.arange(-8.0, 9))
    assert agrees(*call_of(formula, x, np.full_like(x, g)))


def test_what_is_undefined_stays_undefined_through_a_ramp():
    undefined = np.array([np.nan, -np.nan])
    for name in ("relu", "relu6", "hardtanh", "hardsigmoid"):
        assert np.isnan(run(name, Call({"input": undefined}, {}))).all()


def test_pytorch_has_a_sixth_in_single_precision_only():
    """Hence the twin of hardsigmoid, whose gradient is right in double precision."""
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.hardsigmoid(x).backward()
    assert x.grad.item() == float(np.float32(1 / 6)) != 1 / 6
    assert functional.hardsigmoid_backward(np.ones(1), np.zeros(1)) == 1 / 6


def test_the_twin_of_hardsigmoid_is_pytorchs_but_for_its_gradient():
    name = "hardsigmoid"
    twin = torch.nn.functional.hardsigmoid
    for call in calls(name):
        x = torch.from_numpy(call.arrays["input"].copy())
        expected = OPERATIONS[name].twin(x).numpy()
        np.testing.assert_allclose(twin(x).numpy(), expected, rtol=1e-15, atol=1e-16)
    single = [Call({"grad_output": g, "input": g}, {}) for g in (np.ones(3, "f4"),)]
    expected = torch.autograd.grad(
        twin(x := torch.ones(3, requires_grad=True)), x, torch.ones(3)
    )
    got = run("hardsigmoid_backward", single[0])
    np.testing.assert_array_equal(got, expected[0].numpy(), strict=True)


@pytest.mark.parametrize(
    ("name", "settings", "x", "expected"),
    [
        ("relu", {}, [0], [0]),
        ("relu6", {}, [0, 6], [0, 0]),
        ("leaky_relu", {"negative_slope": 0.25}, [0], [0.25]),
        ("elu", {"alpha": 3}, [0], [3]),
        ("celu", {"alpha": 3}, [0], [1]),
        ("hardtanh", {}, [-1, 1], [0, 0]),
        ("hardtanh", {"min_val": 1, "max_val": 1}, [1], [0]),
        ("hardsigmoid", {}, [-3, 3], [0, 0]),
        ("hardswish", {}, [-3, 3], [0, 1]),
        ("softplus", {"threshold": 0}, [0], [0.5]),
    ],
)
def test_the_derivative_at_a_kink(name, settings, x, expected):
    x = np.array(x, float)
    gradient = getattr(functional, f"{name}_backward")(np.ones_like(x), x, **settings)
    np.testing.assert_array_equal(gradient, expected)


# Regions ------------------------------------------------------------------------------


@every_formula
def test_the_gradient_is_the_derivative_in_every_region(formula):
    """Two entries in each region between the kinks, and one of all calls' settings."""
    name = formula.partition(" ")[0]
    given = {str(c.settings): c.settings for c in few_calls(name)}.values()
    for settings in [CALLS[formula].settings, *list(given)[:4]]:
        at = kinks(name, Call({}, settings))
        ends = sorted([-9, *map(Fraction, at), 25])
        inside = [
            low + (high - low) * Fraction(part, 7)
            for low, high in pairwise(ends)
            for part in (2, 5)
            if low < high
        ]
        _, call = call_of(formula, np.array(inside, float))
        call = Call(call.arrays, settings).replace(
            grad_output=np.arange(1.0, len(inside) + 1)
        )
        assert (
            region_sweep(name, [call]).disagreement(
                getattr(functional, f"{name}_backward")
            )
            is None
        )


# Accuracy -----------------------------------------------------------------------------


def logistic(x):
    return 1 / (1 + mpmath.exp(-x))


EXACT = {
    "elu": lambda x: x if x > 0 else mpmath.expm1(x),
    "celu": lambda x: x if x > 0 else mpmath.expm1(x),
    "sigmoid": logistic,
    "logsigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "tanh": mpmath.tanh,
    "softplus": lambda x: x if x > 20 else mpmath.log1p(mpmath.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "silu": lambda x: x * logistic(x),
    "gelu": lambda x: x * mpmath.ncdf(x),
    "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
}


def points(dtype):
    rng = np.random.default_rng(0)
    ranges = [(3, 60), (30, 60), (700, 20)]
    return np.concatenate([rng.uniform(-r, r, n) for r, n in ranges]).astype(dtype)


def digits_lost(got, expected):
    """Return the largest error, in eps of numbers of the size of 1 or above."""
    errors = [
        abs(mpmath.mpf(float(a)) - b) / max(1, abs(b)) for a, b in zip(got, expected)
    ]
    return float(max(errors)) / np.finfo(got.dtype).eps


@every_dtype
@pytest.mark.parametrize("name", EXACT)
def test_results_are_right_to_a_few_units_in_the_last_place(name, dtype):
    """Against 50 digits: forward within 2 eps, gradients within 16."""
    x = points(dtype)
    with mpmath.workdps(50):
        exact = [mpmath.mpf(float(entry)) for entry in x]
        values = [EXACT[name](entry) for entry in exact]
        slopes = [mpmath.diff(EXACT[name], entry) for entry in exact]
        got = run(name, Call({"input": x}, {}))
        gradient = run(
            f"{name}_backward", Call({"grad_output": np.ones_like(x), "input": x}, {})
        )
        assert digits_lost(got, values) < 2
        assert digits_lost(gradient, slopes) < 16


def test_gelu_keeps_its_digits_far_below_0_where_pytorch_loses_them():
    x = np.linspace(-30, -6, 25)
    with mpmath.workdps(50):
        exact = [float(EXACT["gelu"](mpmath.mpf(entry))) for entry in x]
    np.testing.assert_allclose(functional.gelu(x), exact, rtol=1e-12)
    theirs = torch.nn.functional.gelu(torch.from_numpy(x)).numpy()
    assert (theirs[x < -9] == 0).all()
    np.testing.assert_allclose(theirs, exact, rtol=0, atol=1e-14)


# Dtypes -------------------------------------------------------------------------------

DTYPES = ["?", "u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "c16"]


def run_torch(name, call):
    tensors = {k: torch.from_numpy(a.copy()) for k, a in call.arrays.items()}
    g = tensors.pop("grad_output", None)
    twin = getattr(torch.nn.functional, name.removesuffix("_backward"))
    if g is None:
        return twin(**tensors, **call.settings).numpy()
    leaves = [tensor.requires_grad_() for tensor in tensors.values()]
    y = twin(**tensors, **call.settings)
    found = torch.autograd.grad(y, leaves, g)
    return tuple(gradient.numpy() for gradient in found)


def assert_same_or_refused(name, call):
    """Compare with PyTorch to half a dozen roundings, or let both refuse the call."""
    try:
        expected = run_torch(name, call)
    except RuntimeError:
        with pytest.raises((TypeError, ValueError), match=f"^{name}: "):
            run(name, call)
        return False
    eps = 0
    if call.arrays["input"].dtype.kind in "fc":
        eps = 6 * np.finfo(call.arrays["input"].dtype).eps
    elif isinstance(expected, np.ndarray) and expected.dtype == np.float32:
        eps = 6 * np.finfo(np.float32).eps
    expected = expected if isinstance(expected, tuple) else (expected,)
    for got, wanted in zip(named(run(name, call)).values(), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=eps, atol=eps, strict=True)
    return True


@pytest.mark.parametrize("dtype", DTYPES)
@every_formula
def test_each_dtype_gives_what_pytorch_gives_or_is_refused_too(formula, dtype):
    x = np.arange(9).astype(dtype)
    if np.dtype(dtype).kind not in "b?u":
        x = x - x.dtype.type(4)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * np.roll(x, 2)
    assert_same_or_refused(*call_of(formula, x.reshape(3, 3)))


@pytest.mark.parametrize("dtype", ["f2", "c8", "c16"])
@every_formula
def test_gradients_in_other_dtypes_are_those_of_pytorch_or_refused(formula, dtype):
    x = (np.arange(9) - 4).astype(dtype)
    g = (np.arange(9) % 4 - 1).astype(dtype)
    if np.dtype(dtype).kind == "c":
        x, g = x + 1j * np.roll(x, 2), g - 2j * np.roll(g, 3)
    compared = assert_same_or_refused(*call_of(formula, x, g))
    assert compared or np.dtype(dtype).kind == "c"


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softsign"])
def test_a_missing_conjugate_is_noticed(name, monkeypatch):
    rng = np.random.default_rng(0)
    x, g = rng.integers(-3, 4, (2, 20)) + 1j * rng.integers(-3, 4, (2, 20))
    sweep = torch_sweep(f"{name}_backward", [Call({"grad_output": g, "input": x}, {})])
    backward = getattr(functional, f"{name}_backward")
    assert sweep.disagreement(backward) is None
    monkeypatch.setattr(activation, "conj", lambda array: array)
    assert sweep.disagreement(backward)


@pytest.mark.parametrize("name", ["relu", "relu6", "hardtanh"])
def test_integers_have_gradients_where_they_stay_integers(name):
    x = np.arange(-8, 9)
    got = run(f"{name}_backward", Call({"grad_output": x, "input": x}, {}))
    expected = run(
        f"{name}_backward",
        Call({"grad_output": x.astype(float), "input": x.astype(float)}, {}),
    )
    assert got.dtype == x.dtype
    np.testing.assert_array_equal(got, expected)


RATIONAL = [
    *("relu", "relu6", "leaky_relu", "prelu", "hardtanh", "hardsigmoid"),
    *("hardswish", "softsign"),
]


@pytest.mark.parametrize("name", RATIONAL + [f"{name}_backward" for name in RATIONAL])
def test_fractions_stay_exact(name):
    """Sevenths: no float holds them, so a float on the way would show."""
    sevenths = np.vectorize(lambda x: Fraction(x) * 8 / 7, otypes=[object])
    for call in few_calls(name):
        exact = Call({k: sevenths(a) for k, a in call.arrays.items()}, call.settings)
        near = Call({k: a * 8 / 7 for k, a in call.arrays.items()}, call.settings)
        near = Call({k: np.asarray(a) for k, a in near.arrays.items()}, call.settings)
        expected = named(near.of(getattr(functional, name)))
        for argument, array in named(exact.of(getattr(functional, name))).items():
            assert {type(entry) for entry in array.flat} <= {int, Fraction}
            np.testing.assert_allclose(
                array.astype(float), expected[argument], rtol=1e-12, atol=1e-12
            )


# Laws ---------------------------------------------------------------------------------

GRID = np.linspace(-40, 40, 641)


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-14, strict=True)


def test_relu_is_the_positive_part():
    x = np.arange(-8.0, 9)
    close(functional.relu(x) - functional.relu(-x), x)
    close(functional.relu(x) + functional.relu(-x), abs(x))


@pytest.mark.parametrize(("slope", "holds"), [(0.25, True), (1, True), (1.5, False)])
def test_leaky_relu_is_a_maximum_up_to_slope_1(slope, holds):
    y = functional.leaky_relu(GRID, slope)
    assert np.array_equal(y, np.maximum(GRID, slope * GRID)) is holds


def test_the_sigmoids_are_one_curve():
    σ = functional.sigmoid
    close(σ(-GRID), 1 - σ(GRID))
    close(functional.tanh(GRID), 2 * σ(2 * GRID) - 1)
    curve = functional.softplus(GRID, threshold=50)
    close(curve - curve[::-1], GRID)
    close(functional.logsigmoid(GRID), -curve[::-1])


def test_the_slope_of_softplus_is_the_sigmoid():
    ones = np.ones_like(GRID)
    slope = functional.softplus_backward(ones, GRID, threshold=50)
    close(slope, functional.sigmoid(GRID))


def test_celu_has_no_kink_and_elu_has_one_unless_alpha_is_1():
    x, ones = np.array([0.0, np.nextafter(0, 1)]), np.ones(2)
    for alpha in (0.5, 1, 2):
        assert (functional.celu_backward(ones, x, alpha) == 1).all()
        np.testing.assert_array_equal(
            functional.elu_backward(ones, x, alpha), [alpha, 1]
        )


def test_selu_keeps_standard_normal_entries_standard():
    """That defines its two constants: mean 0 and variance 1 are a fixed point."""
    scale, alpha = (
        mpmath.mpf(number)
        for number in (activation._SELU_SCALE, activation._SELU_ALPHA)
    )

    def curve(x):
        return scale * (x if x > 0 else alpha * mpmath.expm1(x))

    def moment(power):
        return mpmath.quad(
            lambda x: curve(x) ** power * mpmath.npdf(x), [-mpmath.inf, 0, mpmath.inf]
        )

    assert abs(moment(1)) < 1e-15
    assert abs(moment(2) - 1) < 1e-15
    x = np.array([-2.0, 3.0])
    expected = [float(curve(entry)) for entry in x]
    np.testing.assert_allclose(functional.selu(x), expected, rtol=1e-15)


# Mistakes -----------------------------------------------------------------------------
# The derivative at a kink, W27, is in cnnref.verify.mistakes.


def leaky_relu_on_the_wrong_side(input, negative_slope=0.01, inplace=False):
    return np.where(input < 0, input, negative_slope * input)


def leaky_relu_as_a_maximum(input, negative_slope=0.01, inplace=False):
    return np.maximum(input, negative_slope * input)


def leaky_relu_backward_of_the_wrong_side(
    grad_output, input, negative_slope=0.01, inplace=False
):
    return np.where(input < 0, grad_output, negative_slope * grad_output)


def prelu_with_the_weights_of_the_last_axis(input, weight):
    return np.where(input > 0, input, weight * input)


def prelu_weight_gradient(change):
    def mutant(grad_output, input, weight):
        right = functional.prelu_backward(grad_output, input, weight)
        return right._replace(weight=change(grad_output, input, right.weight))

    return mutant


def elu_without_alpha(input, alpha=1.0, inplace=False):
    return functional.elu(input)


def celu_as_elu(input, alpha=1.0, inplace=False):
    return functional.elu(input, alpha)


def celu_backward_as_that_of_elu(grad_output, input, alpha=1.0, inplace=False):
    return functional.elu_backward(grad_output, input, alpha)


def sigmoid_of_the_other_sign(input):
    return functional.sigmoid(-input)


def sigmoid_backward_of_the_output(grad_output, input):
    """Take the output for the input: σ(x)(1 − σ(x)), with x for σ(x)."""
    return grad_output * input * (1 - input)


def tanh_backward_without_a_square(grad_output, input):
    return grad_output * (1 - np.tanh(input))


def softplus_without_division(input, beta=1, threshold=20):
    return functional.softplus(input * beta, 1, threshold)


def softplus_with_the_threshold_on_x(input, beta=1, threshold=20):
    smooth = functional.softplus(input, beta, np.inf)
    return np.where(input > threshold, input, smooth)


def softplus_backward_at_beta_1(grad_output, input, beta=1, threshold=20):
    return functional.softplus_backward(grad_output, input, 1, threshold)


def silu_backward_without_the_product_rule(grad_output, input, inplace=False):
    return grad_output * functional.sigmoid(input)


def gelu_always_in_the_tanh_form(input, *, approximate="none"):
    return functional.gelu(input, approximate="tanh")


def gelu_backward_without_the_density(grad_output, input, *, approximate="none"):
    return grad_output * functional.gelu(input) / np.where(input == 0, 1, input)


def mish_without_softplus(input, inplace=False):
    return input * np.tanh(np.exp(input))


def hardtanh_of_the_defaults(input, min_val=-1.0, max_val=1.0, inplace=False):
    return functional.hardtanh(input)


def hardswish_without_a_sixth(input, inplace=False):
    return input * functional.relu6(input + 3)


MUTANTS = {
    "leaky_relu": [leaky_relu_on_the_wrong_side, leaky_relu_as_a_maximum],
    "leaky_relu_backward": [leaky_relu_backward_of_the_wrong_side],
    "prelu": [prelu_with_the_weights_of_the_last_axis],
    "prelu_backward": [
        prelu_weight_gradient(lambda g, x, right: right / max(1, len(np.ravel(x)))),
        prelu_weight_gradient(lambda g, x, right: right * 0 + (g * x).sum()),
        prelu_weight_gradient(lambda g, x, right: right[::-1] if right.ndim else right),
    ],
    "elu": [elu_without_alpha],
    "celu": [celu_as_elu],
    "celu_backward": [celu_backward_as_that_of_elu],
    "sigmoid": [sigmoid_of_the_other_sign],
    "sigmoid_backward": [sigmoid_backward_of_the_output],
    "tanh_backward": [tanh_backward_without_a_square],
    "softplus": [softplus_without_division, softplus_with_the_threshold_on_x],
    "softplus_backward": [softplus_backward_at_beta_1],
    "silu_backward": [silu_backward_without_the_product_rule],
    "gelu": [gelu_always_in_the_tanh_form],
    "gelu_backward": [gelu_backward_without_the_density],
    "mish": [mish_without_softplus],
    "hardtanh": [hardtanh_of_the_defaults],
    "hardswish": [hardswish_without_a_sixth],
}


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        pytest.param(name, mutant, id=f"{name}: {mutant.__name__} {number}")
        for name, mutants in MUTANTS.items()
        for number, mutant in enumerate(mutants)
    ],
)
def test_a_mistake_is_noticed(name, mutant):
    assert disagreement(name) is None
    assert noticed(sweep(name), mutant)
