"""Arrays of symbols on which the shipped code runs; division; printing."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sympy import (
    Eq,
    Float,
    Ge,
    Gt,
    Le,
    Lt,
    Ne,
    Rational,
    Symbol,
    acos,
    ceiling,
    erfc,
    exp,
    floor,
    latex,
    log,
    pi,
    refine,
    sqrt,
    symbols,
    tanh,
)

from cnnref import functional
from cnnref.geometry import out_size, transposed_size
from cnnref.symbolic import (
    Array,
    Bracket,
    Index,
    Trace,
    Within,
    ZSum,
    derivative,
    divide,
    gradient,
    indices,
    polynomial_arrays,
    settle_floors,
    sizes,
    tidy,
)

# Ring elements --------------------------------------------------------------------


def test_the_entries_are_the_variables_of_one_ring():
    x, w = polynomial_arrays(x=(2, 1), w=(2,))
    assert (x.shape, w.shape) == ((2, 1), (2,))
    assert [str(v) for v in (*x.flat, *w)] == ["x[0,0]", "x[1,0]", "w[0]", "w[1]"]
    assert x[0, 0] * w[1] == w[1] * x[0, 0]
    assert len({v.ring for v in (*x.flat, *w)}) == 1


def test_division_is_exact():
    """Over the integers, x/9 would be 0 without a word."""
    (x,) = polynomial_arrays(x=(9,))
    assert x.mean() * 9 == x.sum()
    assert (x / 9 != 0).all()


def test_equality_is_an_identity_of_polynomials():
    x, w = polynomial_arrays(x=(4,), w=(4,))
    assert ((x + w) @ (x - w)) == x @ x - w @ w
    assert x @ w != x @ w[::-1]


def test_the_gradient_has_the_shape_of_the_array():
    x, w = polynomial_arrays(x=(2, 3), w=(3,))
    loss = ((x @ w) ** 2).sum()
    assert_array_equal(gradient(loss, w), 2 * (x @ w) @ x)
    assert_array_equal(gradient(loss, x), 2 * np.outer(x @ w, w))


def test_the_shipped_convolution_runs_on_ring_elements():
    x, w, b = polynomial_arrays(x=(1, 4), w=(1, 1, 2), b=(1,))
    y = functional.conv1d(x, w, b, stride=2, padding=1)
    expected = [x[0, 0] * w[0, 0, 1], x[0, 1:3] @ w[0, 0], x[0, 3] * w[0, 0, 0]]
    assert_array_equal(y, [np.array(expected) + b[0]])


# Traced elements ------------------------------------------------------------------


def traced(*samples):
    trace = Trace()
    return trace, trace.array("x", (len(samples),), samples)


def symbol(name):
    return Symbol(name, real=True)


X0, X1, X2 = (symbol(f"x[{n}]") for n in range(3))


def expressions(array):
    """The expression of each entry; a number that the code put in is its own."""
    return [getattr(element, "expr", element) for element in array.ravel()]


def test_relu_is_decided_by_the_sample_and_recorded():
    trace, x = traced(2, -3, 0)
    assert [str(e) for e in np.maximum(x, 0)] == ["x[0]", "0", "x[2]"]
    assert trace.conditions == [Ge(X0, 0), Lt(X1, 0), Ge(X2, 0)]


def test_a_condition_is_recorded_once_and_in_order():
    trace, x = traced(2, 1)
    assert [x[0] > x[1], x[0] > x[1], x[1] > 5] == [True, True, False]
    assert trace.conditions == [Gt(X0, X1), Le(X1, 5)]


@pytest.mark.parametrize(
    ("compare", "holds", "condition"),
    [
        (lambda a, b: a < b, True, Lt(X0, X1)),
        (lambda a, b: a <= b, True, Le(X0, X1)),
        (lambda a, b: a > b, False, Le(X0, X1)),
        (lambda a, b: a >= b, False, Lt(X0, X1)),
        (lambda a, b: a == b, False, Ne(X0, X1)),
        (lambda a, b: a != b, True, Ne(X0, X1)),
        (lambda a, b: a != a * 1, False, None),
        (lambda a, b: bool(b - b), False, None),
        (lambda a, b: bool(a), True, Ne(X0, 0)),
        (lambda a, b: 2 > a, True, Lt(X0, 2)),  # noqa: SIM300
    ],
)
def test_every_comparison_records_its_region(compare, holds, condition):
    trace, x = traced(1, 3)
    assert compare(*x) is holds
    assert trace.conditions == ([] if condition is None else [condition])


def test_maximum_and_argmax_find_the_entry_of_the_largest_sample():
    trace, x = traced(1, 5, 3)
    assert np.max(x).expr == X1
    assert trace.conditions
    assert np.argmax(x) == 1
    assert [c.subs({X0: 1, X1: 5, X2: 3}) for c in trace.conditions] == [True] * len(
        trace.conditions
    )
    assert abs(x[1] - x[2]).expr == X1 - X2
    assert abs(x[2] - x[1]).expr == X1 - X2


def test_a_tie_is_a_region_of_its_own():
    trace, x = traced(4, 4)
    assert np.argmax(x) == 0
    assert x[0] == x[1]
    assert Eq(X0, X1) in trace.conditions


def test_functions_of_numpy_go_to_the_expression():
    _, x = traced(4, 9)
    assert expressions(np.exp(x)) == [exp(X0), exp(X1)]
    assert expressions(np.log(x)) == [log(X0), log(X1)]
    assert expressions(np.sqrt(x)) == [sqrt(X0), sqrt(X1)]
    assert expressions(np.tanh(x)) == [tanh(X0), tanh(X1)]
    assert expressions(np.expm1(x)) == [exp(X0) - 1, exp(X1) - 1]
    assert expressions(np.log1p(x)) == [log(X0 + 1), log(X1 + 1)]
    assert expressions(np.arccos(x - 4)) == [acos(X0 - 4), acos(X1 - 4)]
    assert x[0].erfc().expr == erfc(X0)
    assert np.arccos(x - 5)[0].sample == pi
    assert np.sqrt(x)[0].sample == 2
    assert np.exp(x)[0] > np.exp(x)[1] - 10_000


def test_arithmetic_is_that_of_the_expression_and_of_the_sample():
    _, (a, b) = traced(Fraction(1, 2), 3)
    for got, expected in [
        (1 + a * b - b / 2, 1 + X0 * X1 - X1 / 2),
        (2 - a, 2 - X0),
        (1 / b, 1 / X1),
        (-((+a) ** 2), -(X0**2)),
        (7 // b, floor(7 / X1)),
        (b // 2, floor(X1 / 2)),
        (Fraction(1, 3) * a + Rational(1, 6), X0 / 3 + Rational(1, 6)),
        (np.int64(2) * a, 2 * X0),
    ]:
        assert got.expr == expected
        assert got.sample == expected.subs({X0: Rational(1, 2), X1: 3})


@pytest.mark.parametrize(
    "number",
    [0.5, 1.0, np.float64(0.5), np.float32(0.5), 1j, Float("0.5"), "1", None],
    ids=repr,
)
def test_what_is_not_exact_is_refused(number):
    _, (x,) = traced(2)
    for combine in (
        lambda: x + number,
        lambda: x * number,
        lambda: x / number,
        lambda: x - number,
        lambda: x**number,
        lambda: x < number,
        lambda: x == number,
        lambda: x != number,
    ):
        with pytest.raises(TypeError):
            combine()


def test_an_array_of_floats_is_refused():
    _, x = traced(2, 3)
    with pytest.raises(TypeError):
        x * np.array([0.5, 1.0])
    with pytest.raises(TypeError):
        np.maximum(x, 0.0)


def test_what_is_not_finite_is_refused():
    _, (x, zero) = traced(2, 0)
    for combine in (lambda: x / zero, lambda: 1 // zero, lambda: np.log(zero)):
        with pytest.raises(ZeroDivisionError, match="no finite value at"):
            combine()


def test_an_element_has_no_hash():
    with pytest.raises(TypeError, match="unhashable"):
        hash(traced(1)[1][0])


@pytest.mark.parametrize("samples", [[1, 2], [1, 2, 3, 4]])
def test_every_entry_needs_its_sample(samples):
    message = rf"array: {len(samples)} samples for x of shape \(3,\)"
    with pytest.raises(ValueError, match=message):
        Trace().array("x", (3,), samples)


def test_default_samples_are_different_in_all_arrays_of_a_trace():
    trace = Trace()
    arrays = [trace.array(name, (4, 10)) for name in "xwg"]
    samples = [element.sample for array in arrays for element in array.flat]
    assert len(set(samples)) == 120
    assert all(sample.is_Rational for sample in samples)
    assert {bool(sample > 0) for sample in samples} == {True, False}


def test_a_sample_may_not_contradict_its_symbol():
    (size,) = sizes("N")
    with pytest.raises(ValueError, match="contradicts what its symbol assumes"):
        Trace().number(size, -1) > 0  # noqa: B015


def test_relu_of_the_shipped_convolution_is_exact_on_its_region():
    """Every sample of the region gives what the formula gives."""
    trace = Trace()
    x = trace.array("x", (1, 4), [[3, -1, 2, 5]])
    w = trace.array("w", (1, 1, 2), [[[1, -2]]])
    y = np.maximum(functional.conv1d(x, w), 0)
    cells = [symbol(f"x[0,{n}]") for n in range(4)]
    taps = [symbol(f"w[0,0,{n}]") for n in range(2)]
    expected = [cells[n] * taps[0] + cells[n + 1] * taps[1] for n in range(3)]
    assert expressions(y) == [expected[0], 0, 0]
    assert trace.conditions == [
        Ge(expected[0], 0),
        Lt(expected[1], 0),
        Lt(expected[2], 0),
    ]


def test_the_shipped_size_is_the_formula_on_its_domain():
    """out_size, run on symbols: the floor, and the condition that a window fits."""
    size, kernel, stride, dilation = sizes("H K s d")
    (padding,) = sizes("P", least=0)
    trace = Trace()
    number = {
        name: trace.number(name, sample)
        for name, sample in {size: 10, kernel: 3, stride: 2, dilation: 2}.items()
    }
    windows = out_size(
        number[size],
        number[kernel],
        stride=number[stride],
        padding=trace.number(padding, 1),
        dilation=number[dilation],
    )
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    assert windows.expr == floor(room / stride) + 1
    assert windows.sample == 4
    assert [c.lhs - c.rhs - room for c in trace.conditions] == [0]
    assert trace.conditions[0].func is Ge


def test_the_shipped_size_of_a_transposed_convolution_is_its_formula():
    size, kernel, stride = sizes("H K s")
    trace = Trace()
    number = [trace.number(n, v) for n, v in {size: 4, kernel: 3, stride: 2}.items()]
    back = transposed_size(number[0], number[1], stride=number[2])
    assert (back.expr - (size - 1) * stride - kernel).expand() == 0
    assert back.sample == 9


# Division -------------------------------------------------------------------------

q, r, t = sizes("q r t", least=0)
S = r + 1 + t  # Then 0 ≤ r < S, by the symbols' own assumptions.


def test_sympy_does_not_settle_a_floor():
    plain, s = symbols("r s", integer=True, nonnegative=True)
    assert floor(q + plain / s).has(floor)
    assert refine(floor(q + plain / s), plain < s).has(floor)
    assert floor((q * S + r) / S).has(floor)


@given(st.integers(-30, 30), st.integers(1, 12))
def test_division_of_numbers(numerator, denominator):
    expected = divmod(numerator, denominator)
    assert divide(numerator, denominator) == expected


@pytest.mark.parametrize(
    ("numerator", "expected"),
    [
        (q * S + r, (q, r)),
        (q * S, (q, 0)),
        (r, (0, r)),
        (t, (0, t)),
        ((q + 3) * S + r, (q + 3, r)),
        (q * S - S + r, (q - 1, r)),
        (-1 - t, (-1, r)),
        (q**2 * S + t, (q**2, t)),
    ],
    ids=str,
)
def test_division_with_remainder(numerator, expected):
    quotient, rest = divide(numerator, S)
    assert (quotient, rest.expand()) == expected
    assert (quotient * S + rest - numerator).expand() == 0


@pytest.mark.parametrize(
    ("numerator", "denominator"),
    [
        (q * t + r, t),
        (q, r),
        (2 * q + 1, 2),
        (2**q, q),
        (floor(q / S), S),
        (symbol("z"), 1),
        (q, 0),
        (7, -3),
        (S * q + r, -S),
    ],
    ids=str,
)
def test_no_remainder_is_invented(numerator, denominator):
    with pytest.raises(ValueError, match="divide: no remainder of"):
        divide(numerator, denominator)


def test_floors_and_ceilings_are_settled():
    assert settle_floors(floor((q * S + r) / S) + 1) == q + 1
    assert settle_floors(ceiling((q * S - r) / S)) == q
    assert settle_floors(2 * floor(q + r / S) ** 2 + t) == 2 * q**2 + t
    nested = floor((floor((q * S + r) / S) * S + t) / S)
    assert settle_floors(nested) == q
    assert settle_floors(q + 1) == q + 1
    with pytest.raises(ValueError, match="no remainder"):
        settle_floors(floor(q / (t + 1)))


@given(st.fixed_dictionaries(dict.fromkeys((q, r, t), st.integers(0, 6))))
def test_a_settled_floor_has_the_value_of_the_floor(values):
    for formula in (
        floor((q * S + r) / S),
        ceiling((q * S - r) / S),
        floor((q * S - 1 - t) / S),
    ):
        assert settle_floors(formula).subs(values) == formula.subs(values)


def test_the_number_of_windows_for_all_sizes():
    """H = (p − 1)·s + d·(K − 1) + 1 + r − 2P with r < s leaves exactly p windows."""
    windows, kernel, dilation = sizes("p K d")
    (padding,) = sizes("P", least=0)
    covered = dilation * (kernel - 1) + 1
    size = (windows - 1) * S + covered + r - 2 * padding
    count = floor((size + 2 * padding - covered) / S) + 1
    assert settle_floors(count) == windows


# Printing -------------------------------------------------------------------------

a, g, w, x, y = map(Array, "agwxy")
c, h, i, j, n, o, p, u = indices("c h i j n o p u")
s, d, N = sizes("s d N")
(P,) = sizes("P", least=0)
FORWARD = ZSum(w[o, c, i] * x[n, c, s * p + d * i - P], c, i)
LOSS = ZSum(g[n, o, p] * FORWARD, n, o, p)


@pytest.mark.parametrize(
    ("formula", "text", "tex"),
    [
        (
            FORWARD,
            "Sum[c, i](w[o, c, i]*x[n, c, s*p + d*i - P])",
            r"\sum_{c,i} w[o,c,i] x[n,c,s p + d i - P]",
        ),
        (
            tidy(LOSS),
            "Sum[n, o, p, c, i](g[n, o, p]*w[o, c, i]*x[n, c, s*p + d*i - P])",
            r"\sum_{n,o,p,c,i} g[n,o,p] w[o,c,i] x[n,c,s p + d i - P]",
        ),
        (
            derivative(LOSS, x[n, c, h]),
            "Sum[o, p, i](g[n, o, p]*w[o, c, i]*[s*p + d*i - P = h])",
            r"\sum_{o,p,i} g[n,o,p] w[o,c,i] [s p + d i - P = h]",
        ),
        (
            derivative(LOSS, w[o, c, i]),
            "Sum[n, p](g[n, o, p]*x[n, c, s*p + d*i - P])",
            r"\sum_{n,p} g[n,o,p] x[n,c,s p + d i - P]",
        ),
        (x[N - 1 - u], "x[N - u - 1]", "x[N - u - 1]"),
        (x[h - N + 1 + u], "x[h + u + 1 - N]", "x[h + u + 1 - N]"),
        (x[-i], "x[-i]", "x[-i]"),
        (x[-3, 0], "x[-3, 0]", r"x[-3,0]"),
        (x[s * (p + 1)], "x[(p + 1)*s]", "x[(p + 1) s]"),
        (x[-s * (p - 1)], "x[-(p - 1)*s]", "x[-(p - 1) s]"),
        (x[s * (1 - p)], "x[(1 - p)*s]", "x[(1 - p) s]"),
        (x[2 * p - 3 * i], "x[2*p - 3*i]", "x[2 p - 3 i]"),
        (x[p**2], "x[p**2]", "x[p^{2}]"),
        (x[h] ** 2, "x[h]**2", "x[h]^{2}"),
        (Within(h - P, N), "[0 <= h - P < N]", r"[0 \le h - P < N]"),
        (-x[h] * Bracket(h, p), "-x[h]*[h = p]", "- x[h] [h = p]"),
        (
            ZSum(x[Index("i'")], Index("i'")),
            "Sum[i'](x[i'])",
            r"\sum_{i'} x[i']",
        ),
        (
            2 * y[h] - 3 * ZSum(x[i] * (y[i] + 1), i),
            "2*y[h] - 3*Sum[i]((y[i] + 1)*x[i])",
            r"2 y[h] - 3 \sum_{i} \left(y[i] + 1\right) x[i]",
        ),
        (
            ZSum(x[i], i) * (y[h] + 1),
            "(y[h] + 1)*Sum[i](x[i])",
            r"\left(y[h] + 1\right) \sum_{i} x[i]",
        ),
        (
            ZSum(x[i] - y[i], i),
            "Sum[i](x[i] - y[i])",
            r"\sum_{i} \left(x[i] - y[i]\right)",
        ),
        (ZSum(-x[i], i), "Sum[i](-x[i])", r"\sum_{i} \left(- x[i]\right)"),
        (
            -(ZSum(x[i], i) ** 2),
            "-(Sum[i](x[i]))**2",
            r"- \left(\sum_{i} x[i]\right)^{2}",
        ),
        (
            exp(x[h]) / ZSum(exp(x[i]), i),
            "exp(x[h])/Sum[i](exp(x[i]))",
            r"\frac{e^{x[h]}}{\sum_{i} e^{x[i]}}",
        ),
        (ZSum(x[i], i) / N, "Sum[i](x[i])/N", r"\frac{\sum_{i} x[i]}{N}"),
    ],
    ids=str,
)
def test_a_formula_reads_as_it_is_written(formula, text, tex):
    assert str(formula) == text
    assert latex(formula) == tex


def test_sympy_alone_would_print_another_order():
    assert str(s * p + d * i - P) == "i*d + p*s - P"
    assert str(x[s * p + d * i - P]) == "x[s*p + d*i - P]"


def test_an_array_prints_as_it_is_made():
    assert repr(a) == "Array('a')"
    assert eval(repr(a)) == a
    assert a != Array("b")
    assert len({a, Array("a")}) == 1
