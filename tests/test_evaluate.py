"""Numbers for formulas: beside loops over a box, and on every kind of entry."""

from fractions import Fraction

import numpy as np
import pytest
from formulas import FREE, arrays, brute, formulas, places
from hypothesis import given
from numpy.testing import assert_allclose, assert_array_equal
from sympy import Max, Rational, Symbol, exp, floor, log, pi, sqrt

from cnnref.symbolic import (
    Array,
    Bracket,
    Index,
    Trace,
    Within,
    ZSum,
    derivative,
    evaluate,
    indices,
    polynomial_arrays,
    sizes,
)

x, w, y = map(Array, "xwy")
h, i, j, p = indices("h i j p")
s, d, N = sizes("s d N")
ENTRIES = np.array([3, -1, 4])


@given(formulas(), arrays(), places())
def test_evaluation_is_the_sum_over_a_box(formula, values, place):
    assert evaluate(formula, values | place) == brute(formula, values | place)


@given(formulas(depth=0), arrays())
def test_ranges_are_axes_in_the_order_of_the_dictionary(formula, values):
    axes = {FREE[1]: range(-1, 3), FREE[0]: range(2)}
    got = evaluate(formula, values | axes)
    expected = [
        [brute(formula, values | {FREE[1]: r, FREE[0]: h}) for h in range(2)]
        for r in range(-1, 3)
    ]
    assert_array_equal(got, np.array(expected))


def test_an_array_is_zero_outside_its_shape():
    got = evaluate(x[h], {x: ENTRIES, h: range(-2, 5)})
    assert_array_equal(got, [0, 0, 3, -1, 4, 0, 0])


def test_a_sum_of_sums_is_taken_apart():
    """Each part ends where its own arrays do."""
    total = ZSum(x[i] + 2 * w[i + 7], i)
    assert evaluate(total, {x: ENTRIES, w: np.array([10, 20])}) == 66


def test_a_range_may_be_empty():
    got = evaluate(ZSum(x[i] * w[i + h], i), {x: ENTRIES, w: ENTRIES, h: range(0)})
    assert got.shape == (0,)


def test_an_array_may_be_empty():
    assert evaluate(ZSum(x[i], i), {x: np.zeros(0)}) == 0


@pytest.mark.parametrize(("size", "expected"), [(0, 0), (1, 3), (3, 6), (9, 6)])
def test_a_range_bounds_a_sum(size, expected):
    assert evaluate(ZSum(x[i] * Within(i, N), i), {x: ENTRIES, N: size}) == expected


def test_a_range_may_depend_on_a_free_index():
    got = evaluate(ZSum(i * Within(i, h), i), {h: range(-1, 5)})
    assert_array_equal(got, [0, 0, 0, 1, 3, 6])


def test_stride_and_dilation_take_numbers():
    numbers = {x: np.arange(10), w: np.array([1, 100]), s: 3, d: 2, p: range(3)}
    got = evaluate(ZSum(x[s * p + d * i] * w[i], i), numbers)
    assert_array_equal(got, [200, 503, 806])


def test_two_limits_together_end_a_sum():
    """No factor bounds u, v or z by itself, or by the others' bounds."""
    u, v, z = indices("u v z")
    sheared = ZSum(x[u + v] * w[u + 2 * v], u, v)
    assert evaluate(sheared, {x: ENTRIES, w: ENTRIES}) == ENTRIES.sum() ** 2
    total = ZSum(x[u + v + z] * w[u - v + z] * y[u + v - z], u, v, z)
    ones = np.ones(3, int)
    threes = {x: ones, w: ones, y: ones}
    assert evaluate(total, threes) == brute(total, threes, range(-3, 4)) == 2**3 + 1
    with pytest.raises(ValueError, match="no array ends the sum over u"):
        evaluate(ZSum(x[u + v] * w[2 * u + 2 * v], u, v), {x: ones, w: ones})


def test_a_bracket_that_divides_ends_a_sum():
    got = evaluate(ZSum(Bracket(2 * p, h), p), {h: range(-4, 5)})
    assert_array_equal(got, [1, 0, 1, 0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize(
    ("position", "rule"),
    [
        (i**2, lambda a, b: a**2),
        (i * j, lambda a, b: a * b),
        (floor(i / 2), lambda a, b: a // 2),
    ],
    ids=["square", "product", "floor"],
)
def test_positions_need_not_be_affine(position, rule):
    got = evaluate(
        ZSum(y[i] * y[j] * x[position], i, j), {x: np.arange(1, 6), y: ENTRIES}
    )
    places = np.ndindex(3, 3)
    assert got == sum(ENTRIES[a] * ENTRIES[b] * (1 + rule(a, b)) for a, b in places)


# What the entries may be --------------------------------------------------------------


def test_fractions_stay_exact():
    thirds = np.array([Fraction(1, 3), Fraction(1, 6)])
    got = evaluate(ZSum(x[i], i) / 7 + 1 / ZSum(x[i], i), {x: thirds})
    assert got == Fraction(1, 14) + 2
    assert type(got) is Fraction


def test_integers_divided_are_fractions():
    got = evaluate(ZSum(x[i], i) / 4, {x: ENTRIES})
    assert (got, type(got)) == (Fraction(3, 2), Fraction)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_floats_keep_their_dtype(dtype):
    got = evaluate(x[h] / 4 + Rational(1, 2), {x: ENTRIES.astype(dtype), h: range(3)})
    assert got.dtype == dtype
    assert_array_equal(got, [1.25, 0.25, 1.5])


def test_bytes_do_not_overflow():
    pixels = np.array([200, 255], np.uint8)
    assert evaluate(ZSum(x[i] ** 2, i), {x: pixels}) == 200**2 + 255**2


def test_ring_elements_are_summed_exactly():
    xs, ws = polynomial_arrays(x=(3,), w=(2,))
    got = evaluate(ZSum(x[p + i] * w[i], i) / 2, {x: xs, w: ws, p: range(2)})
    assert_array_equal(got, [(xs[:2] @ ws) / 2, (xs[1:] @ ws) / 2])


def test_traced_elements_give_the_formula():
    xs = Trace().array("x", (3,))
    total = ZSum(exp(x[i]) * Within(i, 3), i)
    got = evaluate(exp(x[h]) / total, {x: xs, h: range(3)})
    a, b, c = (exp(element.expr) for element in xs)
    assert [g.expr for g in got] == [e / (a + b + c) for e in (a, b, c)]


# Functions of arrays ------------------------------------------------------------------


def softmax(index):
    return exp(x[index]) / ZSum(exp(x[i]) * Within(i, N), i)


def test_softmax_and_its_derivative():
    """∂softmax_p/∂x_h = softmax_p·([p = h] − softmax_h)."""
    scores = np.array([0.5, -1.0, 2.0, 0.25])
    values = {x: scores, N: 4, p: range(4)}
    expected = np.exp(scores) / np.exp(scores).sum()
    assert_allclose(evaluate(softmax(p), values), expected, rtol=1e-14)
    jacobian = evaluate(derivative(softmax(p), x[h]), values | {h: range(4)})
    assert_allclose(
        jacobian, np.diag(expected) - np.outer(expected, expected), atol=1e-15
    )


def test_a_sum_ends_where_its_range_does_though_exp_of_zero_is_one():
    total = ZSum(exp(x[i]) * Within(i, N), i)
    assert evaluate(total, {x: np.zeros(2), N: 5}) == 5


def test_log_of_a_sum():
    loss = log(ZSum(exp(x[i]) * Within(i, N), i)) - x[h]
    got = evaluate(loss, {x: np.log([1.0, 2.0, 5.0]), N: 3, h: range(3)})
    assert_allclose(got, np.log([8.0, 4.0, 1.6]), rtol=1e-14)


def test_roots_maxima_and_constants():
    numbers = {x: np.array([4.0, 0.25, -1.0]), h: range(2)}
    assert_array_equal(evaluate(sqrt(x[h]), numbers), [2, 0.5])
    assert_array_equal(evaluate(1 / sqrt(x[h]), numbers), [0.5, 2])
    assert_array_equal(evaluate(Max(x[h], 1), numbers), [4, 1])
    assert evaluate(pi, {}) == np.pi
    assert_array_equal(evaluate(pi * h, {h: range(2)}), [0, np.pi])
    assert_array_equal(
        evaluate(sqrt(2) * Bracket(h, 1), {h: range(3)}), [0, np.sqrt(2), 0]
    )


def test_a_negative_power_is_not_a_support():
    with np.errstate(divide="ignore"):
        got = evaluate(ZSum(y[i] / x[i], i), {x: ENTRIES, y: np.ones(4)})
    assert got == np.inf


# What is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "values", "message"),
    [
        (x[h] + N, {x: ENTRIES}, "no value for N, h"),
        (x[h] * w[h], {x: ENTRIES, h: 0}, "no value for w"),
        (x[h, i], {x: ENTRIES, h: 0, i: 0}, r"x\[h, i\]|2 indices .* 1 axes"),
        (ZSum(x[2 * i + j], i, j), {x: ENTRIES}, "no array ends the sum over i"),
        (ZSum(i, i), {}, r"no array ends the sum over i in Sum\[i\]\(i\)"),
        (ZSum(x[i**2], i), {x: ENTRIES}, "no array ends the sum over i"),
        (ZSum(exp(x[i]), i), {x: ENTRIES}, "no array ends the sum over i"),
        (ZSum(x[h], i), {x: ENTRIES, h: 0}, "the sum over i of .* does not end"),
    ],
    ids=str,
)
def test_what_has_no_number_is_refused(formula, values, message):
    with pytest.raises(ValueError, match=message):
        evaluate(formula, values)


def test_a_size_must_be_an_integer():
    with pytest.raises(TypeError, match="must be an integer"):
        evaluate(x[s * h], {x: ENTRIES, s: Rational(1, 2), h: 1})


def test_names_with_primes_and_assumptions_are_told_apart():
    prime, plain = Index("h'"), Symbol("h")
    numbers = {x: ENTRIES, h: 0, prime: range(1, 3), plain: 10}
    assert_array_equal(evaluate(x[h] * plain + x[prime], numbers), [29, 34])
