"""Average poolings: exact where they can be, at their extremes, and by their laws."""

import math
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch
from operations import FORWARD, calls, few_calls, with_arrays

from cnnref import average_pool, functional
from cnnref.pooling import along
from cnnref.verify import Call, Sweep, seeded_draw, torch_sweep
from cnnref.verify.calls import integers

AVERAGE = [name for name in FORWARD if "avg_pool" in name]
REGULAR = [name for name in AVERAGE if "adaptive" not in name]
POWER = [name for name in FORWARD if name.startswith("lp_pool")]
INF, NAN = math.inf, math.nan


def axes_of(name):
    return int(name.removesuffix("_backward")[-2])


def with_gradient(name, call, draw):
    y = call.of(getattr(functional, name.removesuffix("_backward")))
    return call.replace(grad_output=integers(draw, y.shape)) if "_b" in name else call


def agrees_with_torch(name, calls, tolerance=None):
    sweep = torch_sweep(name, calls)
    if tolerance is not None:
        sweep = sweep._replace(tolerance=tolerance)
    return sweep.disagreement(getattr(functional, name)) is None


# Without a tolerance ------------------------------------------------------------------


@pytest.mark.parametrize("name", REGULAR)
def test_a_mean_of_integers_is_rounded_once_as_pytorch_rounds_it(name):
    assert agrees_with_torch(name, calls(name), tolerance=0)


# Every number of positions that a window or a bin of the sweeps has divides it.
MULTIPLE = {1: 2520, 2: 2520**2, 3: 2520**3}


@pytest.mark.parametrize("name", [*AVERAGE, *(f"{n}_backward" for n in AVERAGE)])
def test_where_the_divisors_divide_all_is_exact(name):
    multiple = MULTIPLE[axes_of(name)]
    divisible = [with_arrays(call, lambda a: a * multiple) for call in calls(name)]
    assert agrees_with_torch(name, divisible, tolerance=0)


# Known answers ------------------------------------------------------------------------

ONES = np.ones((1, 5), object)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # Windows of 3 at −1, 1 and 3; the last has 4 and the zero at 5.
        ({"kernel_size": 3, "stride": 2, "padding": 1}, "2/3 1 2/3"),
        (
            {
                "kernel_size": 3,
                "stride": 2,
                "padding": 1,
                "count_include_pad": False,
            },
            "1 1 1",
        ),
        # Windows of 4 at −1 and 2; the last sticks out to nothing.
        ({"kernel_size": 4, "stride": 3, "padding": 1}, "3/4 3/4"),
        # Windows of 4 at −2, 1 and 4; the last counts the zeros at 5 and 6, not at 7.
        (
            {"kernel_size": 4, "stride": 3, "padding": 2, "ceil_mode": True},
            "1/2 1 1/3",
        ),
        (
            {
                "kernel_size": 4,
                "stride": 3,
                "padding": 2,
                "ceil_mode": True,
                "count_include_pad": False,
            },
            "1 1 1",
        ),
    ],
)
def test_what_a_window_is_divided_by(settings, expected):
    means = functional.avg_pool1d(ONES, **settings)
    assert [*means[0]] == [*map(Fraction, expected.split())]


def test_a_divisor_of_ones_own_divides_every_window():
    settings = {"kernel_size": (1, 3), "stride": 2, "padding": (0, 1)}
    sums = functional.avg_pool2d(ONES[None], **settings, divisor_override=-7)
    assert [*sums[0, 0]] == [Fraction(-2, 7), Fraction(-3, 7), Fraction(-2, 7)]


def test_python_integers_have_exact_means():
    x = np.array([[1, 2, 4]], object)
    assert functional.avg_pool1d(x, 2, 1).tolist() == [[Fraction(3, 2), 3]]
    assert functional.adaptive_avg_pool1d(x, 1).tolist() == [[Fraction(7, 3)]]


def test_adaptive_bins_overlap_or_repeat_positions():
    """⌊5p/3⌋ to ⌈5(p+1)/3⌉: 0–1, 1–3, 3–4; and ⌊2p/3⌋ to ⌈2(p+1)/3⌉: 0, 0–1, 1."""
    x = np.array([[1.0, 2, 4, 8, 16]])
    assert functional.adaptive_avg_pool1d(x, 3).tolist() == [[1.5, 14 / 3, 12]]
    assert functional.adaptive_avg_pool1d(x[:, :2], 3).tolist() == [[1, 1.5, 2]]


def test_a_power_average_scales_a_window_that_sticks_out():
    x = np.array([[3.0, 4, 6]])
    expected = [[5, math.sqrt(2 * 36)]]
    assert functional.lp_pool1d(x, 2, 2, ceil_mode=True).tolist() == expected


def test_a_power_average_of_exponent_1_stays_exact():
    thirds = np.array([[Fraction(1, 3), Fraction(1, 3), Fraction(2)]])
    y = functional.lp_pool1d(thirds, 1, 2, 1)
    assert y.tolist() == [[Fraction(2, 3), Fraction(7, 3)]]
    g = functional.lp_pool1d_backward(y, thirds, 1, 2, 1)
    assert g.tolist() == [[Fraction(2, 3), 3, Fraction(7, 3)]]


# Laws ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AVERAGE)
def test_the_gradient_is_the_adjoint(name):
    """⟨g, Jx⟩ = ⟨Jᵀg, x⟩, exactly on fractions."""
    backward = f"{name}_backward"
    fractions = np.vectorize(Fraction, otypes=[object])
    for call in few_calls(backward):
        exact = with_arrays(call, fractions)
        arrays = dict(exact.arrays)
        g = arrays.pop("grad_output")
        y = Call(arrays, call.settings).of(getattr(functional, name))
        dx = exact.of(getattr(functional, backward))
        assert (g * y).sum() == (dx * arrays["input"]).sum()


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_it_is_a_convolution_of_each_channel_with_a_constant_kernel(axes):
    size, kernel = (7, 6, 5)[:axes], (3, 2, 2)[:axes]
    x = integers(seeded_draw(0), (2, 3, *size))
    settings = {"stride": (2, 1, 3)[:axes], "padding": (1, 1, 0)[:axes]}
    sums = getattr(functional, f"conv{axes}d")(
        x, np.ones((3, 1, *kernel)), groups=3, **settings
    )
    means = getattr(functional, f"avg_pool{axes}d")(x, kernel, **settings)
    np.testing.assert_array_equal(means, sums / math.prod(kernel), strict=True)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_bins_that_divide_the_input_are_regular_windows(axes):
    x = integers(seeded_draw(0), (2, 3, *(6, 4, 8)[:axes]))
    adaptive = getattr(functional, f"adaptive_avg_pool{axes}d")(x, 2)
    kernel = (3, 2, 4)[:axes]
    regular = getattr(functional, f"avg_pool{axes}d")(x, kernel)
    np.testing.assert_array_equal(adaptive, regular, strict=True)


def test_one_bin_is_the_mean_of_the_image():
    x = integers(seeded_draw(0), (2, 3, 5, 7))
    y = functional.adaptive_avg_pool2d(x, 1)
    np.testing.assert_array_equal(y, x.mean((2, 3), keepdims=True), strict=True)


# Mistakes beside those of cnnref.verify.mistakes --------------------------------------


def spread_without_adding(g, line):
    """Let the last window that reads a position set its gradient."""
    shape = list(g.shape)
    shape[line.axis] = line.size
    x = np.zeros(shape, g.dtype)
    for tap in line.taps:
        x[along(line.axis, tap.inputs)] = g[along(line.axis, tap.outputs)]
    return x


@pytest.mark.parametrize("name", [f"{n}_backward" for n in AVERAGE])
def test_shares_that_do_not_add_up_are_noticed(name, monkeypatch):
    sweep = torch_sweep(name, calls(name))
    assert sweep.disagreement(getattr(functional, name)) is None
    monkeypatch.setattr(average_pool, "_sum_backward", spread_without_adding)
    assert sweep.disagreement(getattr(functional, name))


def powers_of_the_absolute_value(function, input, **settings):
    return function(abs(input), **settings)


def a_mean_for_a_sum(function, input, norm_type, kernel_size, **settings):
    y = function(input, norm_type, kernel_size, **settings)
    positions = math.prod(np.broadcast_to(kernel_size, input.ndim - 2).tolist())
    return y / positions ** (1 / norm_type)


@pytest.mark.parametrize("mistake", [powers_of_the_absolute_value, a_mean_for_a_sum])
@pytest.mark.parametrize("name", POWER)
def test_another_norm_is_noticed(name, mistake):
    batches = [c for c in calls(name) if c.arrays["input"].ndim == axes_of(name) + 2]
    sweep, function = torch_sweep(name, batches), getattr(functional, name)
    assert sweep.disagreement(function) is None
    assert sweep.disagreement(partial(mistake, function))


# Extremes -----------------------------------------------------------------------------

# Powers of two: sums of their reciprocals are exact, so 0 is 0 in any order.
EXTREMES = [0.0, 1.0, -1.0, 2.0, 1024.0, -1024.0, INF, -INF, NAN]


def extreme_calls(name, cases=150):
    """Fill calls of the sweep with infinities, NaN and ties."""
    draw = seeded_draw(1)
    for call in calls(name)[-cases:]:
        rng = np.random.default_rng(draw(0, 2**32 - 1))
        x = call.arrays["input"]
        yield Call(
            call.arrays | {"input": rng.choice(EXTREMES, x.shape)}, call.settings
        )


@pytest.mark.parametrize("name", [*AVERAGE, *(f"{n}_backward" for n in AVERAGE)])
def test_infinities_and_nan_spread_as_in_pytorch(name):
    if name.endswith("_backward"):
        extreme = [
            call.replace(grad_output=np.where(g > 3, INF, np.where(g < -3, NAN, g)))
            for call in calls(name)
            for g in [call.arrays["grad_output"]]
        ]
    else:
        extreme = list(extreme_calls(name))
    assert agrees_with_torch(name, extreme)


@pytest.mark.parametrize("norm", [1, 2, 3, 4, 1.5, 2.5, -1, -2, -3, INF, -INF, NAN])
@pytest.mark.parametrize("name", [*POWER, *(f"{n}_backward" for n in POWER)])
def test_powers_at_their_extremes_are_those_of_pytorch(name, norm):
    """Of negative numbers, 0, ±1024, infinities and NaN, for every kind of norm."""
    extreme = [
        Call(call.arrays, call.settings | {"norm_type": norm})
        for call in extreme_calls(name, cases=40)
    ]
    assert agrees_with_torch(name, extreme)


@pytest.mark.parametrize("norm", [-1, -3, 1, 3])
def test_the_root_of_a_negative_zero_is_that_of_zero(norm):
    x = np.array([[[-0.0, -0.0], [-INF, -INF]]])
    y = torch.nn.functional.lp_pool1d(torch.from_numpy(x), norm, 2).numpy()
    ours = functional.lp_pool1d(x, norm, 2)
    np.testing.assert_array_equal(ours, y, strict=True)


@pytest.mark.parametrize("p", [1, 2, 3, INF, -INF])
def test_arrays_may_have_their_bytes_swapped(p):
    x, g = np.array([[1.0, -3.0, 2.0, 0.5]]), np.array([[5.0, 7.0]])
    swapped = (a.astype(">f8") for a in (g, x))
    dx = functional.lp_pool1d_backward(*swapped, p, 2)
    expected = functional.lp_pool1d_backward(g, x, p, 2)
    np.testing.assert_array_equal(dx, expected)


@pytest.mark.parametrize("p", [1, 2, 3, INF, -INF])
def test_a_window_of_zeros_hands_nothing_back(p):
    x, g = np.zeros((1, 4)), np.ones((1, 2))
    assert not functional.lp_pool1d_backward(g, x, p, 2).any()


# Dtypes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("avg_pool1d", {"kernel_size": 3}),
        ("avg_pool2d", {"kernel_size": 3, "padding": 1, "count_include_pad": False}),
        ("adaptive_avg_pool1d", {"output_size": 4}),
        ("adaptive_avg_pool2d", {"output_size": (4, 3)}),
        ("adaptive_avg_pool3d", {"output_size": (4, 3, 2)}),
        ("lp_pool1d", {"norm_type": 2, "kernel_size": 3}),
        ("lp_pool2d", {"norm_type": 3, "kernel_size": 2}),
    ],
)
def test_half_precision_is_that_of_pytorch_up_to_a_rounding(name, settings):
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 2, (2, 3, *(9, 8, 7)[: axes_of(name)])).astype("f2")
    call = Call({"input": x}, settings)
    g = np.ones_like(call.of(getattr(functional, name)))
    for n, c in ((name, call), (f"{name}_backward", call.replace(grad_output=g))):
        assert agrees_with_torch(n, [c], tolerance=4 * float(np.finfo("f2").eps))


def test_sums_of_half_precision_do_not_overflow():
    x = np.full((1, 4, 4), 3e4, "f2")
    y = torch.nn.functional.avg_pool2d(torch.from_numpy(x), 4).numpy()
    np.testing.assert_array_equal(functional.avg_pool2d(x, 4), y, strict=True)


@pytest.mark.parametrize("name", REGULAR)
def test_means_of_integers_are_truncated_towards_zero(name):
    function, twin = getattr(functional, name), getattr(torch.nn.functional, name)

    def expected(call):
        return twin(torch.from_numpy(call.arrays["input"]), **call.settings).numpy()

    def floored(input, **settings):
        means = function(input.astype(float), **settings)
        return np.floor(means).astype(input.dtype)

    whole = tuple(with_arrays(call, lambda a: a.astype("i8")) for call in calls(name))
    sweep = Sweep("torch", "PyTorch", whole, expected)
    assert sweep.disagreement(function) is None
    assert sweep.disagreement(floored)


# Sizes --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in AVERAGE if "adaptive" in n])
def test_no_bins_make_an_empty_output(name):
    x = integers(seeded_draw(0), (2, 3, *(5, 4, 3)[: axes_of(name)]))
    assert agrees_with_torch(name, [Call({"input": x}, {"output_size": 0})])


@pytest.mark.parametrize("name", ["adaptive_avg_pool1d", "adaptive_avg_pool2d"])
def test_no_channels_make_an_empty_output(name):
    x = np.ones((2, 0, *(5, 4)[: axes_of(name)]))
    assert agrees_with_torch(name, [Call({"input": x}, {"output_size": 2})])


def test_a_volume_may_be_smaller_than_the_kernel_if_the_norm_is_infinite():
    call = Call(
        {"input": np.ones((1, 2, 3, 3))},
        {"norm_type": INF, "kernel_size": 3, "stride": 2, "ceil_mode": True},
    )
    assert agrees_with_torch("lp_pool3d", [call])


@pytest.mark.parametrize("name", [*AVERAGE, *POWER])
def test_a_batch_of_many_blocks_is_its_images_one_by_one(name):
    axes = axes_of(name)
    size = {1: (20000,), 2: (150, 140), 3: (30, 28, 26)}[axes]
    settings = {"kernel_size": 3, "stride": 2}
    if "adaptive" in name:
        settings = {"output_size": 7}
    elif name in POWER:
        settings["norm_type"] = 1
    x = integers(seeded_draw(0), (5, 4, *size))
    for n in (name, f"{name}_backward"):
        function = getattr(functional, n)
        whole = with_gradient(n, Call({"input": x}, settings), seeded_draw(1))
        parts = [
            with_arrays(whole, lambda a, k=k: a[k : k + 1]).of(function)
            for k in range(len(x))
        ]
        expected = np.concatenate(parts)
        np.testing.assert_array_equal(whole.of(function), expected, strict=True)
