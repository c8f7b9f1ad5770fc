"""Windows and their adjoint: against loops, against PyTorch, and as a pair."""

from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import find, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from cnnref.geometry import span
from cnnref.windows import windows, windows_backward

F = torch.nn.functional


class Settings(NamedTuple):
    """How windows lie on an input: one entry per spatial axis."""

    size: tuple[int, ...]
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]

    @property
    def out(self):
        """Count the windows along each axis."""
        return tuple(
            len(range(0, h + before + after - d * (k - 1), s))
            for h, k, s, (before, after), d in zip(*self)
        )

    def pairs(self):
        """Yield (i, p, h): window p shows input position h at kernel offset i."""
        for i, p in product(np.ndindex(*self.kernel_size), np.ndindex(*self.out)):
            h = tuple(
                s * p + d * i - before
                for i, p, s, d, (before, _) in zip(
                    i, p, self.stride, self.dilation, self.padding
                )
            )
            if all(0 <= at < size for at, size in zip(h, self.size)):
                yield i, p, h


@st.composite
def settings(draw, axes=(1, 2, 3), symmetric=False):
    """Construct settings whose windows fit; padding after may cut, so be negative."""
    columns = []
    for _ in range(draw(st.sampled_from(axes))):
        k, s, d, few = (draw(st.integers(1, 3)) for _ in range(4))
        padded = (few - 1) * s + span(k, d) + draw(st.integers(0, s - 1))
        if symmetric:
            before = after = draw(st.integers(0, min(3, (padded - 1) // 2)))
        else:
            before = draw(st.integers(0, min(4, padded + 2)))
            after = draw(st.integers(-3, min(3, padded - before - 1)))
        columns.append((padded - before - after, k, s, (before, after), d))
    return Settings(*zip(*columns))


seeds = st.integers(0, 2**32 - 1)
leads = st.sampled_from([(), (2,), (2, 3)])


def integers(seed, shape):
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(float)


# Loops --------------------------------------------------------------------------------


@given(settings(), leads, seeds)
def test_windows_shows_every_pair_of_the_definition(where, lead, seed):
    x = integers(seed, (*lead, *where.size))
    expected = np.zeros((*lead, *where.kernel_size, *where.out))
    for i, p, h in where.pairs():
        expected[(..., *i, *p)] = x[(..., *h)]
    np.testing.assert_array_equal(windows(x, *where[1:]), expected, strict=True)


@given(settings(), leads, seeds)
def test_windows_backward_adds_every_pair_of_the_definition(where, lead, seed):
    g = integers(seed, (*lead, *where.kernel_size, *where.out))
    expected = np.zeros((*lead, *where.size))
    for i, p, h in where.pairs():
        expected[(..., *h)] += g[(..., *i, *p)]
    got = windows_backward(g, where.size, *where[2:])
    np.testing.assert_array_equal(got, expected, strict=True)


@given(settings(), leads, seeds)
def test_the_two_are_adjoint(where, lead, seed):
    """⟨windows(x), g⟩ = ⟨x, windows_backward(g)⟩, exactly on integers."""
    x = integers(seed, (*lead, *where.size))
    v = windows(x, *where[1:])
    g = integers(seed + 1, v.shape)
    assert (v * g).sum() == (x * windows_backward(g, where.size, *where[2:])).sum()


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(lambda h, k, s, after, d: after < 0, id="cut"),
        pytest.param(lambda h, k, s, after, d: -after > h, id="cut into the padding"),
        pytest.param(lambda h, k, s, after, d: s < k and d == 1, id="overlap"),
        pytest.param(lambda h, k, s, after, d: s > span(k, d), id="gaps"),
        pytest.param(lambda h, k, s, after, d: 1 < s != d > 1 < k, id="s and d"),
    ],
)
def test_the_settings_drawn_hold_the_hard_cases(case):
    def found(where):
        return any(case(h, k, s, after, d) for h, k, s, (_, after), d in zip(*where))

    find(settings(), found, settings=profile(max_examples=2000))


# PyTorch ------------------------------------------------------------------------------


def one_side(padding):
    return tuple(before for before, _ in padding)


@given(settings(axes=(2,), symmetric=True), seeds)
def test_windows_is_unfold(where, seed):
    _, kernel_size, stride, padding, dilation = where
    x = integers(seed, (2, 3, *where.size))
    rules = {"dilation": dilation, "padding": one_side(padding), "stride": stride}
    expected = F.unfold(torch.from_numpy(x), kernel_size, **rules).numpy()
    columns = windows(x, *where[1:]).reshape(expected.shape)
    np.testing.assert_array_equal(columns, expected, strict=True)


@given(settings(axes=(2,), symmetric=True), seeds)
def test_windows_backward_is_fold(where, seed):
    size, kernel_size, stride, padding, dilation = where
    g = integers(seed, (2, 3, *kernel_size, *where.out))
    columns = torch.from_numpy(g.reshape(2, 3 * np.prod(kernel_size), -1))
    rules = {"dilation": dilation, "padding": one_side(padding), "stride": stride}
    expected = F.fold(columns, size, kernel_size, **rules).numpy()
    got = windows_backward(g, *where[:1], stride, padding, dilation)
    np.testing.assert_array_equal(got, expected, strict=True)


# Arrays of every kind -----------------------------------------------------------------

WHERE = Settings((5, 4), (3, 2), (2, 1), ((1, 0), (0, 2)), (1, 2))


@pytest.mark.parametrize("dtype", ["i1", "u2", "f2", ">f4", "c8", "?", object])
def test_the_dtype_is_the_inputs(dtype):
    x = np.arange(20).reshape(5, 4).astype(dtype)
    v = windows(x, *WHERE[1:])
    assert v.dtype == x.dtype
    expected = windows(np.arange(20.0).reshape(5, 4), *WHERE[1:])
    np.testing.assert_array_equal(v, expected.astype(dtype))
    assert windows_backward(v, WHERE.size, *WHERE[2:]).dtype == x.dtype


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(lambda a: a[:, ::-1], id="negative strides"),
        pytest.param(lambda a: np.asfortranarray(a), id="Fortran order"),
        pytest.param(lambda a: a.repeat(2, axis=-1)[..., ::2], id="every second"),
        pytest.param(lambda a: np.broadcast_to(a[:, :1], a.shape), id="broadcast"),
    ],
)
@pytest.mark.parametrize("padding", [WHERE.padding, ((0, 0), (0, 0)), ((2, -1),) * 2])
def test_an_input_may_lie_anyhow_in_memory(of, padding):
    where = WHERE._replace(padding=padding)
    x = of(integers(0, where.size))
    v = windows(x, *where[1:])
    np.testing.assert_array_equal(v, windows(x.copy(order="C"), *where[1:]))
    g = of(integers(1, v.shape))
    got = windows_backward(g, where.size, *where[2:])
    expected = windows_backward(g.copy(order="C"), where.size, *where[2:])
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    "padding", [((0, 0), (0, 0)), ((1, 1), (0, 2)), ((0, -1),) * 2]
)
def test_the_callers_arrays_stay_as_they_are(padding):
    where = WHERE._replace(padding=padding)
    x = integers(0, where.size)
    before = x.copy()
    v = windows(x, *where[1:])
    assert not v.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        v[...] = 0
    g = integers(1, v.shape)
    kept = g.copy()
    result = windows_backward(g, where.size, *where[2:])
    result += 1
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(g, kept)


def test_nothing_is_copied_without_padding():
    x = integers(0, WHERE.size)
    where = WHERE._replace(padding=((0, 0), (0, 0)))
    assert np.shares_memory(windows(x, *where[1:]), x)


def test_a_batch_may_be_empty():
    v = windows(np.zeros((0, 3, *WHERE.size), "f4"), *WHERE[1:])
    assert v.shape == (0, 3, *WHERE.kernel_size, *WHERE.out)
    x = windows_backward(v, WHERE.size, *WHERE[2:])
    assert x.shape == (0, 3, *WHERE.size)
    assert x.dtype == np.float32


def test_a_kernel_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="span 5 but the padded input has only 4"):
        windows(np.zeros(4), (3,), (1,), ((0, 0),), (2,))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (((3,), (-1,), ((0, 0),), (1,)), "stride -1 or padding 0 is too small"),
        (((3,), (1,), ((-1, 0),), (1,)), "stride 1 or padding -1 is too small"),
        (((3,), (1, 1), ((0, 0),), (1,)), "differ in length"),
        (((3,), (1,), ((0, 0),), (3,)), "span 7 but the padded input has only 5"),
    ],
)
def test_windows_that_do_not_lie_inside_are_refused(settings, message):
    with pytest.raises(ValueError, match=f"windows: .*{message}"):
        windows(np.arange(5), *settings)
    kernel_size, *rule = settings
    with pytest.raises(ValueError, match=f"windows_backward: .*{message}"):
        windows_backward(np.ones((*kernel_size, 1)), (5,), *rule)
