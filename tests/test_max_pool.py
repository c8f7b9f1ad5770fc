"""Max pooling and unpooling: extremes, dtypes, laws, and where windows lie."""

from fractions import Fraction
from math import inf, nan, prod

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from operations import few_calls, named, with_floats

from cnnref import functional, max_pool
from cnnref.pooling import bins, pooled_size, taps
from cnnref.verify import Call, rule_sweep, torch_sweep
from cnnref.verify.operations import OPERATIONS

REGULAR = [f"max_pool{axes}d" for axes in (1, 2, 3)]
ADAPTIVE = [f"adaptive_{name}" for name in REGULAR]
UNPOOL = [f"max_unpool{axes}d" for axes in (1, 2, 3)]
POOL = REGULAR + ADAPTIVE


def axes_of(name):
    return int(name.removesuffix("_backward")[-2])


def agrees(name, calls):
    """Check that PyTorch says the same of every call."""
    assert calls
    sweep = torch_sweep(name, calls)._replace(tolerance=0.0)
    assert sweep.disagreement(getattr(functional, name)) is None


def with_indices(call):
    return call._replace(settings=call.settings | {"return_indices": True})


# Windows ------------------------------------------------------------------------------


def torch_size(size, kernel_size, stride, padding, dilation, ceil_mode):
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return torch.nn.functional.max_pool1d(torch.zeros(1, size), *settings).shape[-1]


def test_the_sizes_are_those_of_pytorch():
    ranges = {
        "size": range(1, 7),
        "kernel_size": range(1, 5),
        "stride": range(1, 5),
        "padding": range(3),
        "dilation": range(1, 3),
        "ceil_mode": (False, True),
    }
    sweep = rule_sweep(torch_size, ranges, "torch", "max_pool1d")
    allowed = [c for c in sweep.calls if not too_much_padding(c)]
    sweep = sweep._replace(calls=tuple(allowed))
    assert sweep.disagreement(pooled_size) is None


def too_much_padding(call):
    return 2 * call.settings["padding"] > call.settings["kernel_size"]


def read_by(some_taps, size, out):
    """List the input positions that each window reads, in the order of its taps."""
    seen = [[] for _ in range(out)]
    for tap in some_taps:
        outputs, inputs = range(out)[tap.outputs], range(size)[tap.inputs]
        assert len(outputs) == len(inputs) > 0
        for p, h in zip(outputs, inputs):
            assert tap.first == (not seen[p])
            seen[p].append(h)
    return seen


@given(*(st.integers(1, n) for n in (9, 5, 5)), st.integers(0, 6), *[st.integers(1, 4)])
def test_taps_read_what_lies_inside(size, kernel_size, stride, padding, dilation):
    out = 1 + max(0, size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride
    expected = [
        [
            h
            for i in range(kernel_size)
            if 0 <= (h := stride * p + dilation * i - padding) < size
        ]
        for p in range(out)
    ]
    found = taps(size, kernel_size, stride, padding, dilation, out)
    assert read_by(found, size, out) == expected


@given(st.integers(1, 20), st.integers(0, 20))
def test_bins_cover_the_axis_in_order(size, out):
    expected = [
        [
            h
            for h in range(size)
            if h * out < (p + 1) * size and (h + 1) * out > p * size
        ]
        for p in range(out)
    ]
    assert read_by(bins(size, out), size, out) == expected


# Extremes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "maximum", "index"),
    [
        ([1, 3, 3, 2], 3, 1),
        ([-1000, -1001, -1000, -1000], -1000, 0),
        ([-inf, -inf, -inf, -inf], -inf, 0),
        ([-inf, -1000, inf, inf], inf, 2),
        ([nan, 1, inf, 2], nan, 0),
        ([1, nan, 3, nan], nan, 3),
        ([nan, nan, 0, 1], nan, 1),
    ],
)
@pytest.mark.parametrize("name", POOL)
def test_the_first_of_equals_counts_and_the_last_nan(name, entries, maximum, index):
    x = np.array(entries, float).reshape(1, *(1,) * (axes_of(name) - 1), 4)
    where = {"output_size": (1,) * axes_of(name)}
    if name in REGULAR:
        where = {"kernel_size": x.shape[1:]}
    y, at = getattr(functional, name)(x, **where, return_indices=True)
    np.testing.assert_array_equal(y.ravel(), [maximum])
    assert at.ravel().tolist() == [index]
    g = np.array([inf]).reshape(y.shape)
    dx = getattr(functional, f"{name}_backward")(g, x, **where)
    assert dx.ravel().tolist() == [inf if h == index else 0 for h in range(4)]


def test_the_first_of_equals_is_the_first_row_by_row():
    x = np.array([[[0.0, 7.0], [7.0, 7.0]]])
    assert functional.max_pool2d(x, 2, return_indices=True)[1].item() == 1
    volume = np.stack([x.swapaxes(1, 2), x], axis=1)
    assert functional.max_pool3d(volume, 2, return_indices=True)[1].item() == 1


def extreme(array):
    """Exchange some entries for NaN and the infinities."""
    values = {1: nan, 2: inf, -1: -inf, -5: nan}
    return np.vectorize(lambda entry: values.get(entry, entry), otypes=[float])(array)


@pytest.mark.parametrize("name", POOL)
def test_nan_and_the_infinities_go_where_pytorch_has_them_go(name):
    calls = [with_floats(with_indices(c), extreme) for c in few_calls(name)]
    agrees(name, calls)
    name = f"{name}_backward"
    calls = [with_floats(with_indices(c), extreme) for c in few_calls(name)]
    agrees(name, calls)


@pytest.mark.parametrize("name", UNPOOL)
def test_nan_and_the_infinities_are_put_like_numbers(name):
    agrees(name, [with_floats(c, extreme) for c in few_calls(name)])
    name = f"{name}_backward"
    agrees(name, [with_floats(c, extreme) for c in few_calls(name)])


def test_a_window_that_sticks_out_takes_what_is_there():
    x = np.array([[3.0, 1.0, 4.0, 1.0]])
    y, at = functional.max_pool1d(x, 5, 3, ceil_mode=True, return_indices=True)
    assert (y.tolist(), at.tolist()) == ([[4.0]], [[2]])


# Dtypes -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1"])
@pytest.mark.parametrize("name", REGULAR)
def test_numbers_of_every_size(name, dtype):
    """PyTorch's max_pool1d takes integers where it returns the indices."""
    calls = [
        with_floats(with_indices(c), lambda x: x.astype(int).astype(dtype))
        for c in few_calls(name)
    ]
    agrees(name, calls)
    function = getattr(functional, name)
    for call in calls:
        plain = Call(call.arrays, call.settings | {"return_indices": False})
        y, _ = call.of(function)
        np.testing.assert_array_equal(plain.of(function), y, strict=True)


@pytest.mark.parametrize("name", ADAPTIVE + UNPOOL)
def test_half_precision(name):
    for kind in (name, f"{name}_backward"):
        calls = [with_floats(c, lambda x: x.astype("f2")) for c in few_calls(kind)]
        sweep = torch_sweep(kind, calls)
        assert sweep.disagreement(getattr(functional, kind)) is None


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g", "i1", "i8", "O"])
@pytest.mark.parametrize("name", REGULAR)
def test_the_gradient_keeps_the_dtype(name, dtype):
    backward = getattr(functional, f"{name}_backward")
    for call in few_calls(f"{name}_backward"):
        dx = with_floats(call, lambda x: x.astype(dtype)).of(backward)
        np.testing.assert_array_equal(dx, call.of(backward).astype(dtype), strict=True)


def test_integers_that_no_float_holds():
    x = np.array([[2**62, 2**62 + 1, -(2**62) - 1, -(2**62)]])
    y, at = functional.max_pool1d(x, 2, return_indices=True)
    assert y.tolist() == [[2**62 + 1, -(2**62)]]
    assert at.tolist() == [[1, 3]]


@pytest.mark.parametrize("name", POOL)
def test_fractions_stay_exact(name):
    """Sevenths: no float holds them, so a float on the way would show."""
    sevenths = np.vectorize(lambda x: Fraction(x) * 8 / 7, otypes=[object])
    for kind in (name, f"{name}_backward"):
        for call in few_calls(kind):
            found = named(with_floats(call, sevenths).of(getattr(functional, kind)))
            expected = named(call.of(getattr(functional, kind)))
            assert found.keys() == expected.keys()
            for key, array in found.items():
                if array.dtype == object:
                    assert {type(entry) for entry in array.flat} <= {int, Fraction}
                    array = array * Fraction(7, 8)
                np.testing.assert_array_equal(
                    array.astype(expected[key].dtype), expected[key], strict=True
                )


# Laws ---------------------------------------------------------------------------------


@st.composite
def drawn(draw, names):
    name = draw(st.sampled_from(names))
    construct = OPERATIONS[name].construct
    return name, construct(lambda low, high: draw(st.integers(low, high)))


def flat(array, axes):
    """Return an array with its spatial axes in one."""
    return array.reshape(*array.shape[:-axes], prod(array.shape[-axes:]))


def distinct(x):
    """Return other entries, no two of them equal."""
    rng = np.random.default_rng(x.size)
    return rng.permutation(x.size).astype(float).reshape(x.shape)


@given(drawn(POOL))
def test_the_gradient_is_the_adjoint_of_reading_at_the_indices(case):
    """⟨g, v at the maxima of x⟩ = ⟨∂x, v⟩, and y is x at its own maxima."""
    name, call = case
    x, axes = call.arrays["input"], axes_of(name)
    y, at = with_indices(call).of(getattr(functional, name))

    def read(values):
        found = np.take_along_axis(flat(values, axes), flat(at, axes), axis=-1)
        return found.reshape(y.shape)

    np.testing.assert_array_equal(read(x), y)
    g, v = distinct(y), distinct(x)
    dx = call.replace(grad_output=g).of(getattr(functional, f"{name}_backward"))
    assert (g * read(v)).sum() == (dx * v).sum()


@given(drawn(UNPOOL))
def test_the_gradient_of_unpooling_is_its_adjoint(case):
    name, call = case
    y = call.of(getattr(functional, name))
    g = distinct(y)
    dx = call.replace(grad_output=g).of(getattr(functional, f"{name}_backward"))
    assert (g * y).sum() == (dx * call.arrays["input"]).sum()


@given(drawn(REGULAR))
def test_unpooling_returns_the_maxima_to_their_places(case):
    name, call = case
    axes = axes_of(name)
    x = distinct(call.arrays["input"])
    kernel, one = call.settings["kernel_size"], {"stride": None, "return_indices": True}
    kernel = np.broadcast_to(kernel, axes).tolist()
    cut = tuple(slice(h - h % k) for h, k in zip(x.shape[-axes:], kernel))
    x = x[(..., *cut)]
    if not all(x.shape[-axes:]):
        return
    y, at = getattr(functional, name)(x, kernel, **one)
    back = getattr(functional, name.replace("pool", "unpool"))(y, at, kernel)
    np.testing.assert_array_equal(np.where(back == 0, 0, x), back)
    again = getattr(functional, name)(back, kernel)
    np.testing.assert_array_equal(again, y)


# Batches ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", POOL)
def test_many_blocks_are_their_planes_one_by_one(name, monkeypatch):
    counts, cut = [], max_pool._blocks

    def counted(x):
        blocks = list(cut(x))
        counts.append(len(blocks))
        return blocks

    monkeypatch.setattr(max_pool, "_blocks", counted)
    axes = axes_of(name)
    rng = np.random.default_rng(0)
    x = rng.integers(-9, 10, (3, 5, *((9000,), (90, 100), (20, 21, 22))[axes - 1]))
    x = x.astype(float)
    settings = {"output_size": 7} if name in ADAPTIVE else {"kernel_size": 3}
    function, backward = (getattr(functional, n) for n in (name, f"{name}_backward"))
    y, at = function(x, **settings, return_indices=True)
    g = rng.integers(-9, 10, y.shape).astype(float)
    dx = backward(g, x, **settings)
    np.testing.assert_array_equal(function(x, **settings), y, strict=True)
    assert min(counts) > 1
    for n, c in np.ndindex(3, 5):
        one, index = function(x[n, c : c + 1], **settings, return_indices=True)
        np.testing.assert_array_equal(one[0], y[n, c])
        np.testing.assert_array_equal(index[0], at[n, c])
        back = backward(g[n, c : c + 1], x[n, c : c + 1], **settings)
        np.testing.assert_array_equal(back[0], dx[n, c])


@pytest.mark.parametrize("name", ADAPTIVE)
def test_no_bins_at_all(name):
    """PyTorch refuses the gradient of an empty output; it is 0."""
    axes = axes_of(name)
    x = np.ones((2, 3, *range(4, 4 + axes)))
    agrees(name, [Call({"input": x}, {"output_size": 0, "return_indices": True})])
    g = np.ones((2, 3, *(0,) * axes))
    tensor = torch.from_numpy(x).requires_grad_()
    y = getattr(torch.nn.functional, name)(tensor, 0)
    with pytest.raises(RuntimeError, match="non-zero size"):
        torch.autograd.grad(y, tensor, torch.from_numpy(g))
    dx = getattr(functional, f"{name}_backward")(g, x, 0)
    np.testing.assert_array_equal(dx, np.zeros_like(x), strict=True)


@pytest.mark.parametrize("name", ADAPTIVE + UNPOOL)
def test_one_image_may_have_no_channels(name):
    """PyTorch takes the first axis for the batch, whatever it is."""
    x = np.ones((0, *range(4, 4 + axes_of(name))))
    call = Call({"input": x}, {"output_size": 2})
    if name in UNPOOL:
        call = Call({"input": x, "indices": x.astype(int)}, {"kernel_size": 2})
    agrees(name, [call])


# Unpooling ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNPOOL)
def test_of_equal_indices_the_last_entry_stays(name):
    """In the gradient all of them count, as in PyTorch."""
    calls = [c for c in few_calls(name) if c.arrays["input"].size]
    same = [c.replace(indices=0 * c.arrays["indices"]) for c in calls]
    agrees(name, same)
    name = f"{name}_backward"
    calls = [c for c in few_calls(name) if c.arrays["input"].size]
    same = [c.replace(indices=0 * c.arrays["indices"]) for c in calls]
    agrees(name, same)


def test_an_output_size_may_name_all_axes():
    x, at = np.array([[[5.0]]]), np.array([[[4]]])
    expected = functional.max_unpool1d(x, at, 3, 3, output_size=(5,))
    assert expected.tolist() == [[[0, 0, 0, 0, 5]]]
    for output_size in ([5], (1, 1, 5), [9, 9, 5]):
        y = functional.max_unpool1d(x, at, 3, 3, output_size=output_size)
        np.testing.assert_array_equal(y, expected, strict=True)
