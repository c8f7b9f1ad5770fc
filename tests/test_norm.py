"""The normalisations: rounding, dtypes, their laws, and where nothing is to average."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from operations import few_calls, named, with_floats

from cnnref import functional
from cnnref.verify import OPERATIONS, Call, torch_sweep

STATISTICAL = ("batch_norm", "instance_norm", "group_norm", "layer_norm")
NORMS = (*STATISTICAL, "rms_norm", "local_response_norm", "normalize")
BOTH = [f"{name}{kind}" for name in NORMS for kind in ("", "_backward")]
SHAPE = (4, 6, 5, 3)

rng = np.random.default_rng(0)


def call_of(name, x):
    """Return a call on these images, in training, with every array it can have."""
    statistics = {"running_mean": np.zeros(x.shape[1]), "running_var": np.ones(6)}
    params = {k: rng.normal(size=x.shape[1]) for k in ("weight", "bias")}
    layer = {k: rng.normal(size=x.shape[2:]) for k in ("weight", "bias")}
    arrays, settings = {
        "batch_norm": (statistics | params, {"training": True}),
        "instance_norm": (statistics | params, {}),
        "group_norm": (params, {"num_groups": 3}),
        "layer_norm": (layer, {"normalized_shape": x.shape[2:]}),
        "rms_norm": ({"weight": layer["weight"]}, {"normalized_shape": x.shape[2:]}),
        "local_response_norm": ({}, {"size": 4, "alpha": 0.5, "k": 2.0}),
        "normalize": ({}, {}),
    }[name.removesuffix("_backward")]
    g = {"grad_output": rng.normal(size=x.shape)} if "backward" in name else {}
    return Call(g | {"input": x} | arrays, settings)


def assert_pytorch_agrees(name, call):
    assert torch_sweep(name, [call]).disagreement(getattr(functional, name)) is None


# Rounding and dtypes ------------------------------------------------------------------


@pytest.mark.parametrize("name", BOTH)
def test_the_defaults_are_pytorchs_on_many_entries(name):
    assert_pytorch_agrees(name, call_of(name, rng.normal(size=SHAPE)))


@pytest.mark.parametrize("mean", [0.0, 1e4])
@pytest.mark.parametrize(
    "name", [f"{name}{kind}" for name in STATISTICAL for kind in ("", "_backward")]
)
def test_a_large_mean_costs_single_precision_no_digits(name, mean):
    """One rounding of what double precision gives: PyTorch loses 4 digits of it."""
    single = with_floats(
        call_of(name, rng.normal(mean, size=SHAPE)), lambda a: a.astype("f4")
    )
    double = with_floats(single, lambda a: a.astype("f8"))
    function = getattr(functional, name)
    expected = named(double.of(function))
    for argument, array in named(single.of(function)).items():
        rounded = expected[argument].astype("f4")
        np.testing.assert_array_equal(array, rounded, strict=True)


@pytest.mark.parametrize("name", BOTH)
def test_half_precision_is_pytorchs_up_to_its_own_rounding(name):
    # PyTorch has no response of half precision with more axes.
    shape = SHAPE[:3] if "response" in name else SHAPE
    half = with_floats(call_of(name, rng.normal(size=shape)), lambda a: a.astype("f2"))
    sweep = torch_sweep(name, [half])._replace(tolerance=8 * np.finfo("f2").eps)
    assert sweep.disagreement(getattr(functional, name)) is None


@pytest.mark.parametrize(
    "name", [f"{name}{kind}" for name in STATISTICAL for kind in ("", "_backward")]
)
def test_half_precision_may_have_parameters_in_single(name):
    call = with_floats(call_of(name, rng.normal(size=SHAPE)), lambda a: a.astype("f4"))
    images = call.arrays.keys() & {"input", "grad_output"}
    call = call.replace(**{k: call.arrays[k].astype("f2") for k in images})
    sweep = torch_sweep(name, [call])._replace(tolerance=8 * np.finfo("f2").eps)
    assert sweep.disagreement(getattr(functional, name)) is None


@pytest.mark.parametrize("name", BOTH)
def test_long_doubles_stay(name):
    call = with_floats(call_of(name, rng.normal(size=SHAPE)), lambda a: a.astype("g"))
    near = with_floats(call, lambda a: a.astype("f8"))
    expected = named(near.of(getattr(functional, name)))
    for argument, array in named(call.of(getattr(functional, name))).items():
        assert array.dtype == "g"
        np.testing.assert_allclose(array, expected[argument], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("p", [2.0, 1, 3, 0.5, np.inf, 0])
@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_complex_numbers_are_normalised_by_their_moduli(p, dtype):
    x, g = ((rng.normal(size=(3, 4, 2)) @ [1, 1j]).astype(dtype) for _ in range(2))
    call = Call({"input": x}, {"p": p})
    assert_pytorch_agrees("normalize", call)
    assert_pytorch_agrees("normalize_backward", call.replace(grad_output=g))


@pytest.mark.parametrize("p", [-1.0, -2.5])
@pytest.mark.parametrize("name", ["normalize", "normalize_backward"])
def test_a_norm_may_have_a_negative_order(name, p):
    """Far from 1: what it divides by is small, and digits are lost on both sides."""
    call = call_of(name, rng.normal(size=SHAPE))
    sweep = torch_sweep(name, [Call(call.arrays, {"p": p})])._replace(tolerance=1e-10)
    assert sweep.disagreement(getattr(functional, name)) is None


# What has no number -------------------------------------------------------------------


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 0.0])
@pytest.mark.parametrize("name", BOTH)
def test_extremes_are_as_in_pytorch(name, odd):
    """One entry of this kind, and one whole image of it."""
    x = rng.normal(size=SHAPE)
    x[0, 1, 2, 1] = x[1] = odd
    assert_pytorch_agrees(name, call_of(name, x))


@pytest.mark.parametrize("p", [0, -1, -np.inf, 1, 2, np.inf])
@pytest.mark.parametrize("eps", [1e-12, 1.0])
def test_a_norm_that_does_not_move_has_no_gradient_at_infinity(p, eps):
    """0 times what comes through the norm would be NaN, where that is infinite."""
    call = Call({"input": np.array([[-np.inf, 0.0, 0.0]])}, {"p": p, "eps": eps})
    call = call.replace(grad_output=np.array([[1.0, -1.0, -3.0]]))
    assert_pytorch_agrees("normalize_backward", call)


@pytest.mark.parametrize("eps", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("name", ["group_norm", "layer_norm", "rms_norm", "normalize"])
def test_an_odd_eps_is_as_in_pytorch(name, eps):
    x = np.stack([np.zeros(SHAPE[1:]), rng.normal(size=SHAPE[1:])])
    call = call_of(name, x)
    assert_pytorch_agrees(name, Call(call.arrays, call.settings | {"eps": eps}))


@pytest.mark.parametrize("name", ["instance_norm", "instance_norm_backward"])
def test_what_does_not_vary_is_still_without_eps(name):
    call = call_of(name, np.ones(SHAPE))
    assert_pytorch_agrees(name, Call(call.arrays, call.settings | {"eps": 0}))


@pytest.mark.parametrize("var", [0.0, -1.0])
def test_evaluation_takes_the_statistics_as_they_are(var):
    """No error: inf without variance and ε, where PyTorch has inf − inf, and NaN."""
    arrays = (np.array([[-2.0, 2.0]]), np.zeros(2), np.full(2, var))
    tensors = map(torch.from_numpy, arrays)
    assert torch.nn.functional.batch_norm(*tensors, eps=0).isnan().all()
    expected = [[-np.inf, np.inf]] if var == 0 else [[np.nan, np.nan]]
    np.testing.assert_array_equal(functional.batch_norm(*arrays, eps=0), expected)


# Empty arrays -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0, 6, 3), (2, 6, 0)])
@pytest.mark.parametrize("name", ["batch_norm", "instance_norm", "group_norm"])
def test_from_nothing_come_gradients_of_0(name, shape):
    """PyTorch's instance_norm fails without images, and its group_norm gives NaN."""
    call = call_of(name, np.ones(shape))
    assert call.of(getattr(functional, name)).shape == shape
    call = call.replace(grad_output=np.ones(shape))
    gradients = call.of(getattr(functional, f"{name}_backward"))
    assert gradients.input.shape == shape
    np.testing.assert_array_equal(gradients.weight, np.zeros(6), strict=True)
    np.testing.assert_array_equal(gradients.bias, np.zeros(6), strict=True)


@pytest.mark.parametrize("shape", [(2, 0, 4), (2, 3, 0), (0, 3, 4)])
@pytest.mark.parametrize(
    "name", ["local_response_norm", "local_response_norm_backward"]
)
def test_a_response_of_nothing_is_nothing(name, shape):
    g = {"grad_output": np.ones(shape)} if "backward" in name else {}
    assert_pytorch_agrees(name, Call(g | {"input": np.ones(shape)}, {"size": 2}))


@pytest.mark.parametrize("p", [2.0, 1, 0])
def test_a_norm_of_nothing(p):
    assert_pytorch_agrees("normalize", Call({"input": np.ones((2, 0, 3))}, {"p": p}))


@pytest.mark.parametrize("dim", [0, -1, (), None, (0,)])
@pytest.mark.parametrize("x", [3.0, 0.0, -2.0])
def test_a_number_alone_has_a_norm(x, dim):
    call = Call({"input": np.array(x)}, {"dim": dim})
    assert_pytorch_agrees("normalize", call)
    assert_pytorch_agrees("normalize_backward", call.replace(grad_output=np.array(2.0)))


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
@pytest.mark.parametrize("shape", [(2, 3, 0), (0, 3, 2)])
def test_nothing_updates_no_running_statistics(name, shape):
    """PyTorch's instance_norm writes NaN; here it is refused."""
    update = getattr(functional, f"{name}_running_stats")
    arrays = (np.ones(shape), np.arange(3.0), np.ones(3))
    if name == "instance_norm":
        with pytest.raises(ValueError, match="input has no elements, and so no stat"):
            update(*arrays)
        return
    for new, old in zip(update(*arrays), arrays[1:]):
        np.testing.assert_array_equal(new, old, strict=True)
        assert not np.shares_memory(new, old)


# Laws ---------------------------------------------------------------------------------


def assert_near(got, expected):
    for argument, array in named(expected).items():
        np.testing.assert_allclose(named(got)[argument], array, rtol=1e-12, atol=1e-12)


def test_training_is_evaluation_with_the_statistics_of_the_batch():
    x = rng.normal(3, 2, SHAPE)
    given = x.mean((0, 2, 3)), x.var((0, 2, 3))
    own = functional.batch_norm(x, None, None, training=True)
    assert_near(own, functional.batch_norm(x, *given))


@pytest.mark.parametrize("kind", ["", "_backward"])
def test_groups_of_all_channels_of_one_and_of_one_image(kind):
    x, g = rng.normal(size=(2, *SHAPE))
    w, b = rng.normal(size=(2, 6))
    group, instance, batch, layer = (
        getattr(functional, f"{name}{kind}")
        for name in ("group_norm", "instance_norm", "batch_norm", "layer_norm")
    )
    call = (g, x) if kind else (x,)
    assert_near(group(*call, 6, w, b), instance(*call, weight=w, bias=b))
    assert_near(group(*call, 1), layer(*call, x.shape[1:]))
    one = tuple(array[:1] for array in call)
    expected = batch(*one, None, None, w, b, training=True)
    assert_near(instance(*one, weight=w, bias=b), expected)


@pytest.mark.parametrize("kind", ["", "_backward"])
def test_rms_norm_is_layer_norm_of_what_has_mean_0(kind):
    """In the gradient, of what the mean is taken off again."""
    x, g, w = rng.normal(size=(3, 4, 5))
    x -= x.mean(axis=1, keepdims=True)
    call = (g, x) if kind else (x,)
    layer, rms = (getattr(functional, n + kind) for n in ("layer_norm", "rms_norm"))
    expected, got = layer(*call, (5,), w[0]), rms(*call, (5,), w[0], eps=1e-5)
    if kind:
        got = got._replace(input=got.input - got.input.mean(axis=1, keepdims=True))
        assert_near(got.weight, expected.weight)
        got, expected = got.input, expected.input
    assert_near(got, expected)


@pytest.mark.parametrize("name", STATISTICAL)
def test_no_gradient_along_a_shift_or_a_scaling(name):
    """The output does not move with either, for ε = 0."""
    call = call_of(f"{name}_backward", rng.normal(5, 3, SHAPE))
    call = Call(call.arrays, call.settings | {"eps": 1e-30})
    dx = call.of(getattr(functional, f"{name}_backward")).input
    assert abs(dx.sum()) < 1e-12
    assert abs((dx * call.arrays["input"]).sum()) < 1e-12


def test_a_bias_needs_no_weight():
    """PyTorch's own gradient of group_norm fails on a bias alone."""
    x, g = rng.normal(size=(2, *SHAPE))
    tensors = [torch.from_numpy(a).requires_grad_() for a in (x, np.ones(6))]
    y = torch.nn.functional.group_norm(tensors[0], 2, bias=tensors[1])
    with pytest.raises(RuntimeError, match="tensor does not have a device"):
        torch.autograd.grad(y.sum(), tensors)
    alone = functional.group_norm_backward(g, x, 2, bias=np.ones(6))
    both = functional.group_norm_backward(g, x, 2, np.ones(6), np.ones(6))
    assert alone.weight is None
    assert_near(alone, both._replace(weight=None))


# Running statistics -------------------------------------------------------------------


def test_running_statistics_by_hand():
    x = np.array([[[1.0, 3.0]], [[0.0, 8.0]]])
    old = np.array([10.0]), np.array([100.0])
    mean, var = functional.batch_norm_running_stats(x, *old, momentum=0.25)
    assert (mean, var) == (7.5 + 0.25 * 3, 75 + 0.25 * 38 / 3)
    mean, var = functional.instance_norm_running_stats(x, *old, momentum=0.25)
    assert (mean, var) == (7.5 + 0.25 * 3, 75 + 0.25 * (2 + 32) / 2)


def test_they_approach_those_of_the_data():
    x = rng.normal(3, 2, (64, 2))
    mean, var = np.zeros(2), np.ones(2)
    for _ in range(400):
        mean, var = functional.batch_norm_running_stats(x, mean, var)
    assert_near(mean, x.mean(0))
    assert_near(var, x.var(0, ddof=1))


def test_half_precision_may_have_statistics_in_single():
    x = rng.normal(size=SHAPE).astype("f2")
    new = functional.batch_norm_running_stats(x, np.zeros(6, "f4"), np.ones(6, "f4"))
    twin = OPERATIONS["batch_norm_running_stats"].twin
    tensors = map(torch.from_numpy, (x, np.zeros(6, "f4"), np.ones(6, "f4")))
    for got, expected in zip(new, twin(*tensors)):
        np.testing.assert_allclose(got, expected.numpy(), rtol=1e-3, strict=True)


# Exact numbers ------------------------------------------------------------------------


def exact(array):
    return np.vectorize(lambda x: Fraction(x) * 8 / 7, otypes=[object])(array)


def over_7(array):
    return np.asarray(array * 8 / 7)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("batch_norm_running_stats", {"momentum": 0.25}),
        ("instance_norm_running_stats", {"momentum": Fraction(1, 3)}),
        *(
            (f"{name}{kind}", settings)
            for kind in ("", "_backward")
            for name, settings in [
                ("local_response_norm", {"size": 2, "alpha": 1, "beta": 1, "k": 2}),
                ("local_response_norm", {"size": 3, "alpha": 0.5, "beta": 2.0}),
                ("normalize", {"p": 1}),
                ("normalize", {"p": 0, "dim": (0, 2)}),
                ("normalize", {"p": np.inf, "dim": None}),
                ("normalize", {"p": -np.inf, "eps": 1}),
            ]
        ),
    ],
)
def test_fractions_stay_exact(name, settings):
    x, g = rng.integers(1, 9, (2, 2, 3, 4)).astype(float)
    arrays = {"input": x}
    if "stats" in name:
        arrays |= {"running_mean": np.arange(3.0), "running_var": np.ones(3)}
    elif "backward" in name:
        arrays = {"grad_output": g} | arrays
    call = Call(arrays, settings)
    floats = with_floats(call, over_7)
    settings = {k: float(v) if type(v) is Fraction else v for k, v in settings.items()}
    expected = named(Call(floats.arrays, settings).of(getattr(functional, name)))
    for argument, array in named(
        with_floats(call, exact).of(getattr(functional, name))
    ).items():
        assert {type(entry) for entry in array.flat} <= {int, Fraction}
        np.testing.assert_allclose(array.astype(float), expected[argument], rtol=1e-12)


def test_every_sweep_has_calls_without_images():
    for name in ("batch_norm", "instance_norm", "group_norm"):
        assert any(not len(call.arrays["input"]) for call in few_calls(name))
