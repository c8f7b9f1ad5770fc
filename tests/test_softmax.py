"""Softmax and its kin: infinities, laws, dtypes and the warning, beside PyTorch."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnref import functional
from cnnref.symbolic import Trace
from cnnref.verify import Call, torch_sweep

SOFTMAX = ["softmax", "log_softmax", "softmin"]
ALL = [*SOFTMAX, "logsumexp"]
INF, NAN = np.inf, np.nan


def agree(name, *calls):
    sweep = torch_sweep(name, calls)
    assert sweep.disagreement(getattr(functional, name)) is None


# Values -------------------------------------------------------------------------------

ROWS = [
    [1000.0, -1000.0, 0.0],
    [-1000.0, -1000.0, -1000.0],
    [1e308, -1e308, 1e308],
    [INF, 1.0, 2.0],
    [-INF, 1.0, 2.0],
    [INF, INF, 1.0],
    [INF, -INF, 0.0],
    [-INF, -INF, -INF],
    [INF, INF, INF],
    [NAN, 1.0, 2.0],
    [NAN, INF, -INF],
    [2.0, 2.0, 2.0],
    [-0.0, 0.0, 5e-324],
]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("name", ALL)
def test_extreme_rows_are_as_in_pytorch(name, row, dtype):
    with np.errstate(over="ignore"):
        x = np.array([row], dtype)
    call = Call({"input": x}, {"dim": 1})
    agree(name, call)
    y = call.of(getattr(functional, name))
    g = np.arange(1, y.size + 1, dtype=dtype).reshape(y.shape)
    agree(f"{name}_backward", call.replace(grad_output=g))


@pytest.mark.parametrize(
    ("shape", "dim"),
    [((0,), 0), ((2, 0), 1), ((0, 3), 1), ((0, 3), 0), ((2, 0, 3), -1), ((), -1)],
)
@pytest.mark.parametrize("name", ALL)
def test_nothing_to_sum(name, shape, dim):
    call = Call({"input": np.ones(shape)}, {"dim": dim})
    agree(name, call)
    y = call.of(getattr(functional, name))
    agree(f"{name}_backward", call.replace(grad_output=np.ones_like(y)))


def test_known_answers():
    """Of the logits log 1, log 2, log 5, whose exponentials add up to 8."""
    x = np.log([1.0, 2.0, 5.0])
    close = {"rtol": 1e-15, "atol": 1e-15}
    np.testing.assert_allclose(functional.softmax(x, 0), [1 / 8, 2 / 8, 5 / 8], **close)
    np.testing.assert_allclose(
        functional.log_softmax(x, 0), np.log([1 / 8, 2 / 8, 5 / 8]), **close
    )
    np.testing.assert_allclose(
        functional.softmin(x, 0), [10 / 17, 5 / 17, 2 / 17], **close
    )
    np.testing.assert_allclose(functional.logsumexp(x, 0), np.log(8), **close)


# Laws ---------------------------------------------------------------------------------


@st.composite
def matrices(draw):
    shape = draw(st.integers(1, 4)), draw(st.integers(2, 4))
    seed = draw(st.integers(0, 2**32 - 1))
    return np.random.default_rng(seed).integers(-512, 513, (2, *shape)) / 64


@given(matrices())
def test_softmax_is_a_distribution_that_no_shift_moves(pair):
    x, _ = pair
    p = functional.softmax(x, 1)
    assert (p > 0).all()
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-15)
    np.testing.assert_array_equal(functional.softmax(x + 64, 1), p)


@given(matrices())
def test_its_gradient_is_symmetric_and_has_the_sum_0(pair):
    """⟨u, Jv⟩ = ⟨Ju, v⟩ for the Jacobian J of each row, and J·1 = 0."""
    x, u = pair
    v = u[:, ::-1] ** 2
    ju, jv = (functional.softmax_backward(g.copy(), x, 1) for g in (u, v))
    np.testing.assert_allclose((u * jv).sum(1), (v * ju).sum(1), atol=1e-11)
    np.testing.assert_allclose(ju.sum(1), 0, atol=1e-13)


@given(matrices())
def test_the_four_are_one(pair):
    x, _ = pair
    p, close = functional.softmax(x, 1), {"rtol": 1e-13, "atol": 1e-13}
    np.testing.assert_allclose(np.exp(functional.log_softmax(x, 1)), p, **close)
    np.testing.assert_allclose(functional.softmin(-x, 1), p, **close)
    total = functional.logsumexp(x, 1, keepdim=True)
    np.testing.assert_allclose(x - total, functional.log_softmax(x, 1), **close)
    gradient = functional.logsumexp_backward(np.ones_like(total), x, 1, keepdim=True)
    np.testing.assert_allclose(gradient, p, **close)


def test_softmax_of_two_symbols_is_a_sigmoid_of_their_difference():
    x = Trace().array("x", (2,), [1, 3])
    e = functional.softmax(x, 0)[0]
    assert str(e) == "exp(x[0] - x[1])/(exp(x[0] - x[1]) + 1)"


# Dtypes -------------------------------------------------------------------------------

DTYPES = ["f2", "f4", "f8"]


def cast_calls(name, given, dtype):
    x = np.arange(-3, 5).reshape(2, 4).astype(given)
    return Call({"input": x}, {"dim": 1, "dtype": np.dtype(dtype)})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "given"),
    [
        (name, given)
        for name in SOFTMAX
        for given in [*DTYPES, "i1", "i2", "i4", "i8", "u1", "?"]
        # Of those softmin takes no negative: they are in test_softmax_rejects.
        if name != "softmin" or given not in ("u1", "?")
    ],
)
def test_the_input_is_cast_first(name, given, dtype):
    call = cast_calls(name, given, dtype)
    result = call.of(getattr(functional, name))
    expected = torch_sweep(name, [call]).expected(call)
    assert result.dtype == expected.dtype == dtype
    coarse = max(np.finfo(d).eps for d in (given, dtype) if d in DTYPES)
    np.testing.assert_allclose(result, expected, rtol=4 * coarse, atol=4 * coarse)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", DTYPES)
@pytest.mark.parametrize("name", SOFTMAX)
def test_the_gradient_is_cast_back(name, given, dtype):
    g = np.array([[1, 2, -1, 0], [3, 0, 0, 1]], dtype)
    call = cast_calls(name, given, dtype).replace(grad_output=g)
    name = f"{name}_backward"
    result = call.of(getattr(functional, name))
    expected = torch_sweep(name, [call]).expected(call)
    assert result.dtype == expected.dtype == given
    coarse = max(np.finfo(given).eps, np.finfo(dtype).eps)
    np.testing.assert_allclose(result, expected, rtol=8 * coarse, atol=8 * coarse)


@pytest.mark.parametrize("spelt", [np.float32, "float32", "f4", np.dtype("f4")])
def test_a_dtype_may_be_spelt_as_numpy_does(spelt):
    assert functional.softmax(np.ones(2), 0, dtype=spelt).dtype == np.float32


@pytest.mark.parametrize("dtype", ["f2", "i1", "i8", "u1", "?", "c8", "c16"])
def test_logsumexp_takes_every_number(dtype):
    x = np.array([[-3, 0, 2], [1, 1, 5]]).astype(dtype)
    if x.dtype.kind == "c":
        x = x + np.array([2j, -1j, 3j], dtype)
    expected = torch.logsumexp(torch.from_numpy(x), 1).numpy()
    result = functional.logsumexp(x, 1)
    assert result.dtype == expected.dtype
    coarse = np.finfo(expected.dtype).eps
    np.testing.assert_allclose(result, expected, rtol=4 * coarse)


@pytest.mark.parametrize("dtype", ["f2", "c8", "c16"])
def test_the_gradient_of_logsumexp_keeps_its_dtype(dtype):
    x = np.array([[-3, 0, 2], [1, 1, 5]]).astype(dtype)
    if x.dtype.kind == "c":
        x = x + np.array([2j, -1j, 3j], dtype)
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    g = np.array([1, 2], dtype)
    y = torch.logsumexp(leaf, 1)
    (expected,) = torch.autograd.grad(y, leaf, torch.from_numpy(g))
    result = functional.logsumexp_backward(g, x, 1)
    assert result.dtype == dtype
    coarse = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(result, expected.numpy(), rtol=coarse, atol=coarse)


def test_exact_entries_have_no_exponential_unless_they_are_symbols():
    with pytest.raises(TypeError, match="no callable exp method"):
        functional.softmax(np.array([Fraction(1, 3)], object), 0)


# The warning --------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOFTMAX)
def test_a_dim_left_out_is_warned_of_at_the_call(name):
    x = np.ones((2, 3))
    with pytest.warns(UserWarning, match=f"^{name}: dim .* taken for 1") as caught:
        getattr(functional, name)(x)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=f"^{name}_backward: dim") as caught:
        getattr(functional, f"{name}_backward")(x, x)
    assert caught[0].filename == __file__


def test_the_warning_names_another_caller_if_asked():
    def layer(x):
        return functional.softmax(x, _stacklevel=2)

    with pytest.warns(UserWarning, match="dim is left out") as caught:
        layer(np.ones(2))
    assert caught[0].filename == functional.softmax.__code__.co_filename
