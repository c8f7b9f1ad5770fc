"""The index calculus: what it does is what a sum means, and the rest it refuses.

Where SymPy's own answer is wrong, the test asserts that answer beside ours: so it says
why the step is ours, and tells when SymPy has changed.
"""

import pickle
from itertools import permutations

import numpy as np
import pytest
import sympy
from formulas import FREE, arrays, brute, formulas, places, renamed
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from seeds import printed_under_hash_seeds
from sympy import (
    Abs,
    IndexedBase,
    KroneckerDelta,
    Max,
    Min,
    Piecewise,
    Rational,
    Sum,
    Symbol,
    exp,
    expand,
    floor,
    log,
    simplify,
    symbols,
)

from cnnref.symbolic import (
    Array,
    Bracket,
    Index,
    Within,
    ZSum,
    canonical,
    collapse,
    derivative,
    equal,
    evaluate,
    gradient,
    indices,
    polynomial_arrays,
    reindex,
    sizes,
    tidy,
)
from cnnref.symbolic.expressions import substitute

a, b, g, w, x, y = map(Array, "abgwxy")
c, h, i, j, n, o, p, q, u, v = indices("c h i j n o p q u v")
prime, k0 = Index("i'"), Index("k0")
s, d, t, e, N = sizes("s d t e N")
P, Q = sizes("P Q", least=0)

# SymPy's traps -------------------------------------------------------------------


def test_a_bracket_with_stride_two_keeps_its_divisibility():
    """There is no u with 2u = 3; SymPy's delta collapse forgets that."""
    m, k, size = symbols("m k N", integer=True)
    wrong = Sum(KroneckerDelta(2 * m, k), (m, 0, size)).doit()
    assert wrong.subs({k: 3, size: 5}) == 1

    kept = ZSum(Bracket(2 * u, p), u)
    assert tidy(collapse(kept)) == kept
    assert [evaluate(kept, {p: value}) for value in range(5)] == [1, 0, 1, 0, 1]


def test_the_gradient_of_a_strided_sum_is_zero_between_the_strides():
    """The same trap in a gradient: y[p] = x[2p] reads no odd position."""
    loss = ZSum(g[p] * x[2 * p], p)
    got = evaluate(derivative(loss, x[h]), {g: np.array([5, 7]), h: range(4)})
    assert_array_equal(got, [5, 0, 7, 0])


def test_a_derivative_is_not_captured_by_a_bound_index():
    """∂/∂x_i Σ_i x_i is 1; SymPy answers N."""
    m, size = symbols("m N", integer=True, positive=True)
    indexed = IndexedBase("x")
    wrong = Sum(indexed[m], (m, 0, size - 1)).diff(indexed[m]).doit()
    assert simplify(wrong - size) == 0

    assert derivative(ZSum(x[i], i), x[i]) == 1
    assert derivative(ZSum(x[i] ** 2, i), x[i]) == 2 * x[i]
    assert derivative(ZSum(w[i] * x[i + h], i), x[i]) == w[i - h]


def test_an_empty_range_is_a_sum_of_nothing():
    """By Karr's convention SymPy gives a range turned round a negative sum."""
    m = symbols("m", integer=True)
    indexed = IndexedBase("x")
    wrong = Sum(indexed[m], (m, 0, -3)).doit()
    assert wrong == -indexed[-1] - indexed[-2]

    total = ZSum(x[i] * Within(i, Symbol("M", integer=True)), i)
    assert evaluate(total, {x: np.ones(5), Symbol("M", integer=True): -2}) == 0


def test_equal_sums_cancel_whatever_their_names():
    """SymPy compares sums with their bound names."""
    m, k = symbols("m k", integer=True)
    indexed = IndexedBase("x")
    sums = [Sum(indexed[name], (name, 0, 5)) for name in (m, k)]
    assert sums[0] != sums[1]
    assert sums[0] - sums[1] != 0

    assert equal(ZSum(x[i], i), ZSum(x[j], j))
    assert canonical(ZSum(x[i], i) - ZSum(x[j], j)) == 0


def test_a_kink_has_no_derivative():
    """At a tie of three, SymPy's partial derivatives of Max sum to 3/2."""
    three = symbols("r s t", real=True)
    slopes = [Max(*three).diff(each) for each in three]
    assert sum(slopes).subs(dict.fromkeys(three, 0)).doit() == Rational(3, 2)

    for kinked in (Max(x[p], 0), Min(x[p], x[q]), Abs(x[p]), floor(x[p])):
        with pytest.raises(ValueError, match=r"derivative: .* has a kink"):
            derivative(kinked * y[p], x[h])
    step = Piecewise((x[p], x[p] > 0), (0, True))
    with pytest.raises(ValueError, match="has a kink"):
        derivative(ZSum(g[p] * step, p), x[h])


def test_a_kink_away_from_the_arrays_is_a_number():
    assert derivative(Max(N, 3) * x[p], x[h]) == Max(N, 3) * Bracket(p, h)


# What SymPy itself may do with our sums -------------------------------------------


@pytest.mark.parametrize("formula", [x[h], Bracket(h, i), ZSum(x[h + i], i)], ids=str)
def test_sympys_diff_is_refused(formula):
    with pytest.raises(TypeError, match=r"use cnnref\.symbolic\.derivative"):
        formula.diff(h)
    with pytest.raises(ValueError, match="Can't calculate derivative"):
        formula.diff(x[h])


def test_doit_and_expand_leave_a_sum_a_sum():
    total = ZSum(Bracket(2 * u, p), u)
    assert total.doit() == total
    assert expand(ZSum(x[i] * (y[i] + 1), i)) == ZSum(x[i] * y[i] + x[i], i)


def test_substitution_captures_nothing():
    total = ZSum(w[i] * x[h + i], i)
    assert total.subs(h, i) == ZSum(w[prime] * x[i + prime], prime)
    assert total.subs(i, 3) == total
    assert total.subs(x[h + i], 3) == total
    assert ZSum(w[i] * x[h], i).subs(x[h], y[i]) == ZSum(w[prime] * y[i], prime)
    assert ZSum(w[i] * x[h], i).subs(x[h], 3) == ZSum(3 * w[i], i)


def test_substitution_is_simultaneous():
    assert substitute(x[h, i], {h: i, i: h}) == x[i, h]


def test_a_bracket_knows_what_holds_for_all_sizes():
    assert Bracket(h, h) == 1
    assert Bracket(h + 1, h) == 0
    assert Bracket(s, 0) == 0
    assert Bracket(P, 0).free_symbols == {P}
    assert Bracket(h, i) ** 3 == Bracket(h, i)
    assert (Within(0, N), Within(N, N), Within(-1, N)) == (1, 0, 0)
    assert (Within(2, 3), Within(3, 3), Within(h, N).free_symbols) == (1, 0, {h, N})


def test_formulas_survive_pickling():
    formula = ZSum(x[i] * Bracket(h, 2 * i) * Within(i, N), i)
    assert pickle.loads(pickle.dumps(formula)) == formula


@pytest.mark.parametrize("position", [Symbol("m"), h / 2, 1.0, 0.0, True, "h"])
def test_a_position_is_an_integer(position):
    for make in (lambda z: x[z], lambda z: Bracket(h, z), lambda z: Within(z, N)):
        with pytest.raises(TypeError, match="an index or size must be an integer"):
            make(position)


def test_only_an_index_is_bound_and_only_once():
    assert ZSum(x[i] * w[j], i, j).bound_symbols == [i, j]  # SymPy asks for these
    with pytest.raises(TypeError, match="N is not an Index"):
        ZSum(x[i], N)
    with pytest.raises(ValueError, match="bound twice"):
        ZSum(x[i], i, i)


@pytest.mark.parametrize("step", [tidy, canonical, collapse])
@pytest.mark.parametrize(
    "endless",
    [ZSum(x[h], i), ZSum(x[i] + 1, i), ZSum(x[i] * Bracket(h, i), i, j)],
    ids=str,
)
def test_a_sum_over_an_index_that_nothing_holds_is_refused(step, endless):
    with pytest.raises(ValueError, match=r"the sum over [ij] of .* does not end"):
        step(endless)


# Captures: a bound index must never meet a free one of the same name --------------


def test_the_names_of_the_canonical_form_do_not_capture():
    assert canonical(ZSum(x[i] * w[k0], i)) == w[k0] * ZSum(x[Index("k1")], Index("k1"))
    assert not equal(ZSum(x[i] * w[k0], i), ZSum(x[i] * w[i], i))
    assert equal(ZSum(x[i + k0] * w[i], i), ZSum(x[k0 + j] * w[j], j))


def test_a_fresh_name_does_not_meet_another_factor():
    total = tidy(ZSum(x[i], i) * exp(y[i + prime]))
    assert total.free_symbols == {i, prime}
    numbers = {x: np.array([1.0, 2.0]), y: np.array([0.0, 0.0, 0.0, 1.0])}
    assert evaluate(total, numbers | {i: 1, prime: 2}) == 3 * np.e


def test_a_fresh_name_does_not_meet_an_outer_coefficient():
    total = ZSum(2 ** (i + prime) * ZSum(x[i], i) * Within(i, 3), i)
    assert tidy(total).free_symbols == {prime}
    assert evaluate(total, {x: np.array([5, 1]), prime: 1}) == 2 * (1 + 2 + 4) * 6


def test_products_of_sums_with_the_same_name_stay_apart():
    assert tidy(ZSum(x[i], i) ** 2) == ZSum(x[i] * x[prime], i, prime)
    outer = ZSum(w[i] * ZSum(x[i] * y[i], i), i)
    assert tidy(outer) == ZSum(w[i] * x[prime] * y[prime], i, prime)


# Steps ---------------------------------------------------------------------------


def test_collapse_solves_for_an_index_of_coefficient_one():
    total = ZSum(g[p] * w[i] * Bracket(p + i, h), p, i)
    assert collapse(total, p) == ZSum(g[h - i] * w[i], i)
    assert collapse(total, i) == ZSum(g[p] * w[h - p], p)
    assert collapse(ZSum(g[p] * Bracket(P - p, s * h), p), p) == g[P - s * h]


@pytest.mark.parametrize(
    "total",
    [
        ZSum(g[p] * Bracket(2 * p, h), p),
        ZSum(g[p] * Bracket(s * p, h), p),
        ZSum(g[p] * Bracket(p * p, h), p),
        ZSum(g[p] * Bracket(p + p * h, i), p),
        ZSum(g[p] * Bracket(p + floor(p / 2), h), p),
        ZSum(g[p] * w[h], p),
        g[p] * Bracket(p, h),
    ],
    ids=str,
)
def test_collapse_refuses_what_it_cannot_solve(total):
    with pytest.raises(ValueError, match="no bracket fixes p with coefficient ±1"):
        collapse(total, p)
    assert equal(collapse(total), total)


def test_collapse_names_the_index_that_stays():
    total = ZSum(x[p] * Bracket(h, p) * w[i], p, i)
    assert collapse(total, p) == x[h] * ZSum(w[i], i)
    with pytest.raises(ValueError, match="no bracket fixes i with"):
        collapse(total, p, i)


def test_reindex_states_a_change_of_variables():
    total = ZSum(g[h - i] * w[i], i)
    assert reindex(total, {i: N - 1 - u}) == ZSum(g[h - N + 1 + u] * w[N - 1 - u], u)
    assert reindex(total, {i: h - i}) == ZSum(g[i] * w[h - i], i)
    sheared = reindex(ZSum(x[i] * y[j], i, j), {i: u + 2 * v, j: v})
    assert sheared == ZSum(x[u + 2 * v] * y[v], u, v)
    assert reindex(ZSum(x[i] * y[j], i, j), {i: u - j}) == ZSum(x[u - j] * y[j], u, j)
    assert reindex(ZSum(x[i] * y[j], i, j), {i: u + s * v, j: v}).bound == (u, v)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({i: 2 * u}, "not unimodular"),
        ({i: s * u}, "not unimodular"),
        ({i: u + v, j: u - v}, "not unimodular"),
        ({i: u, j: u + 1}, "2 indices cannot become"),
        ({i: u**2}, "not unimodular"),
        ({i: u + floor(u / 2)}, "not unimodular"),
        ({i: u * v, j: v}, "not unimodular"),
        ({i: u + Rational(1, 2)}, "not unimodular"),
        ({i: u + N / 2}, "not unimodular"),
        ({i: u + v}, "1 indices cannot become"),
        ({i: 3}, "1 indices cannot become"),
        ({i: h}, "1 indices cannot become"),
        ({i: j}, "1 indices cannot become"),
        ({u: v}, "u is not bound"),
        ({h: u}, "h is not bound"),
    ],
    ids=str,
)
def test_reindex_refuses_what_is_not_one_to_one(change, message):
    total = ZSum(x[2 * i + h] * w[2 * j] * y[i, j], i, j)
    with pytest.raises(ValueError, match=message):
        reindex(total, change)


def test_reindex_takes_a_single_sum():
    with pytest.raises(TypeError, match="is not a single sum"):
        reindex(ZSum(x[i], i) + ZSum(y[i], i), {i: u})


@settings(max_examples=50)
@given(formulas(depth=0), arrays(), places(), st.data())
def test_reindex_keeps_the_value(formula, values, place, data):
    """By any product of shears, swaps and reflections, shifted."""
    matrix, steps = np.eye(2, dtype=int), ("shear", "swap", "turn")
    for step in data.draw(st.lists(st.sampled_from(steps), max_size=3)):
        change = {"shear": [[1, 1], [0, 1]], "swap": [[0, 1], [1, 0]]}
        matrix = matrix @ np.array(change.get(step, [[-1, 0], [0, 1]]))
    total = ZSum(Within(i, 2) * Within(j, 3) * (formula + x[i] * a[j, i + h]), i, j)
    shift = data.draw(st.integers(-2, 2))
    rules = {
        old: int(row[0]) * u + int(row[1]) * v + shift * FREE[0] + shift
        for old, row in zip((i, j), matrix)
    }
    changed = reindex(total, rules)
    assert set(changed.bound) == {u, v}
    numbers = values | place
    assert evaluate(changed, numbers) == evaluate(total, numbers)


# Derivatives ---------------------------------------------------------------------


def test_the_derivative_of_an_entry_is_a_bracket():
    assert derivative(x[i], x[h]) == Bracket(i, h)
    assert derivative(x[i], y[h]) == 0
    assert derivative(x[i, j], x[h, p]) == Bracket(i, h) * Bracket(j, p)
    assert derivative(Bracket(i, j) * N, x[h]) == 0


def test_the_chain_rule_goes_through_functions():
    total = ZSum(exp(x[i]) * Within(i, N), i)
    share = exp(x[h]) * Within(h, N) / total
    assert equal(derivative(log(total), x[h]), share)
    softmax = exp(x[p]) / total
    expected = softmax * (Bracket(p, h) - share)
    assert equal(derivative(softmax, x[h]), expected)


def test_sums_within_functions_have_no_names_either():
    assert equal(exp(ZSum(x[i], i)), exp(ZSum(x[j], j)))
    assert equal(1 / ZSum(x[i] * y[i, p], i), 1 / ZSum(y[j, p] * x[j], j))
    one = ZSum(w[p] / ZSum(exp(y[p, i]), i), p)
    assert equal(one, ZSum(w[i] / ZSum(exp(y[i, p]), p), i))
    assert not equal(one, ZSum(w[i] / ZSum(exp(y[p, i]), p), i))
    assert equal(ZSum(w[i] / ZSum(x[i], i), i), ZSum(w[i] / ZSum(x[j], j), i))


@pytest.mark.parametrize(
    ("entry", "error", "message"),
    [
        (h, TypeError, "h is not an entry"),
        (x, TypeError, "is not an entry"),
        (x[h] + 1, TypeError, "is not an entry"),
        (x[h, i], ValueError, "differ in rank"),
    ],
    ids=str,
)
def test_the_derivative_is_by_an_entry_of_the_same_rank(entry, error, message):
    with pytest.raises(error, match=message):
        derivative(ZSum(x[i] * w[i], i), entry)


@settings(max_examples=60)
@given(formulas(), arrays(), places(), st.sampled_from([u, h, i, prime]))
def test_the_derivative_is_that_of_the_polynomial(formula, values, place, index):
    """Also where the index of the entry is free in the formula, or bound in it."""
    (entries,) = polynomial_arrays(x=values[x].shape)
    numbers = values | {x: entries} | place
    polynomial = entries[0] * 0 + evaluate(formula, numbers)
    for position, expected in enumerate(gradient(polynomial, entries)):
        at = {index: position} if index not in place else {}
        if index in place and place[index] != position:
            continue
        assert evaluate(derivative(formula, x[index]), numbers | at) == expected


# Forms ---------------------------------------------------------------------------


@settings(max_examples=50)
@given(formulas(), arrays(), places())
def test_no_step_changes_the_value(formula, values, place):
    numbers = values | place
    expected = brute(formula, numbers)
    for step in (tidy, collapse, canonical):
        assert brute(step(formula), numbers) == expected, step.__name__
    assert canonical(canonical(formula)) == canonical(formula)


@settings(max_examples=50)
@given(formulas(), formulas(depth=0))
def test_equality_does_not_see_names_or_order(formula, other):
    assert equal(formula, renamed(formula))
    assert equal(formula + other, renamed(other) + renamed(formula))
    assert equal(formula * other, renamed(other) * renamed(formula))


@settings(max_examples=50)
@given(formulas(), st.sampled_from(FREE), st.sampled_from([h, i, j, k0]), st.data())
def test_equal_formulas_have_equal_values(formula, old, new, data):
    """A near miss: one free index exchanged, perhaps for the name of a bound one."""
    other = renamed(formula.subs(old, new))
    for _ in range(5):
        numbers = data.draw(arrays()) | data.draw(places((*FREE, i, j, k0)))
        if evaluate(formula, numbers) != evaluate(other, numbers):
            assert not equal(formula, other)
            return


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (ZSum(x[i] * w[j] * y[i, j], i, j), ZSum(x[j] * w[i] * y[i, j], i, j)),
        (ZSum(x[i] * x[j] * y[i, j], i, j), ZSum(x[i] * x[j] * y[i, i], i, j)),
        (ZSum(x[h - i] * w[i], i), ZSum(x[h + i] * w[i], i)),
        (ZSum(g[p] * Bracket(2 * p, h), p), ZSum(g[p] * Bracket(p, 2 * h), p)),
        (ZSum(x[i], i) ** 2, ZSum(x[i] ** 2, i)),
    ],
    ids=str,
)
def test_what_differs_is_not_equal(left, right):
    assert not equal(left, right)


def test_equality_does_not_guess_a_change_of_variables():
    total = ZSum(x[h - i] * w[i], i)
    turned = ZSum(x[i] * w[h - i], i)
    assert not equal(total, turned)
    assert equal(reindex(total, {i: h - i}), turned)


def test_alike_indices_are_tried_in_all_orders():
    ring = [(i, j), (j, p), (p, q), (q, u), (u, i)]
    cycle = [(q, i), (i, p), (p, u), (u, j), (j, q)]
    left, right = (
        ZSum(np.prod([a[pair] for pair in pairs]), i, j, p, q, u)
        for pairs in (ring, cycle)
    )
    assert left != right
    assert equal(left, right)
    assert not equal(
        left, ZSum(np.prod([a[pair] for pair in ring[:-1]] + [a[i, u]]), i, j, p, q, u)
    )


def test_the_sign_of_a_bracket_does_not_depend_on_names():
    names = permutations((c, h, i, j, u), 2)
    sums = [ZSum(x[k] * x[m] * Bracket(2 * k + p, 2 * m + q), k, m) for k, m in names]
    assert {canonical(total) for total in sums} == {canonical(sums[0])}


# The convolution -----------------------------------------------------------------

AT, AT2 = s * p + d * i - P, t * q + e * j - Q


def test_the_gradients_of_a_convolution_in_one_axis():
    """For every stride, dilation and padding; o and c run within group n."""
    forward = ZSum(w[n, o, c, i] * x[n, c, AT], c, i) + b[n, o]
    loss = ZSum(g[n, o, p] * forward, n, o, p)
    assert equal(
        derivative(loss, x[n, c, h]),
        ZSum(g[n, o, p] * w[n, o, c, i] * Bracket(h, AT), o, p, i),
    )
    assert equal(derivative(loss, w[n, o, c, i]), ZSum(g[n, o, p] * x[n, c, AT], p))
    assert equal(derivative(loss, b[n, o]), ZSum(g[n, o, p], p))


def test_the_input_gradient_of_stride_one_is_a_convolution():
    loss = ZSum(g[p] * ZSum(w[i] * x[p + d * i - P], i), p)
    assert derivative(loss, x[h]) == ZSum(g[h + P - d * i] * w[i], i)


def test_the_gradients_of_a_convolution_in_two_axes():
    forward = ZSum(w[o, c, i, j] * x[n, c, AT, AT2], c, i, j)
    loss = ZSum(g[n, o, p, q] * forward, n, o, p, q)
    assert equal(
        derivative(loss, x[n, c, h, v]),
        ZSum(
            g[n, o, p, q] * w[o, c, i, j] * Bracket(h, AT) * Bracket(v, AT2),
            *(o, p, q, i, j),
        ),
    )
    assert equal(
        derivative(loss, w[o, c, i, j]),
        ZSum(g[n, o, p, q] * x[n, c, AT, AT2], n, p, q),
    )


def test_the_adjoint_holds_between_the_gradients():
    """⟨∂L/∂x, x⟩ = ⟨∂L/∂w, w⟩ = L: L is linear in each."""
    loss = ZSum(g[p] * ZSum(w[i] * x[AT], i), p)
    by_x = ZSum(derivative(loss, x[h]) * x[h], h)
    by_w = ZSum(derivative(loss, w[i]) * w[i], i)
    assert equal(collapse(by_x, h), loss)
    assert equal(by_w, loss)


@pytest.mark.parametrize("padding", [0, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_gradients_are_those_of_the_polynomial(stride, dilation, padding):
    """Against the derivatives of L written out by loops over ring elements."""
    xs, ws, gs = polynomial_arrays(x=(7,), w=(3,), g=(4,))
    value = sum(
        gs[at] * ws[k] * xs[stride * at + dilation * k - padding]
        for at, k in np.ndindex(4, 3)
        if 0 <= stride * at + dilation * k - padding < 7
    )
    loss = ZSum(g[p] * ZSum(w[i] * x[AT], i), p)
    values = {x: xs, w: ws, g: gs, s: stride, d: dilation, P: padding}
    for array, entries in {x: xs, w: ws, g: gs}.items():
        found = evaluate(derivative(loss, array[h]), values | {h: range(len(entries))})
        assert_array_equal(found, gradient(value, entries))


# The same answer in every process -------------------------------------------------

SCRIPT = """
from sympy import exp, latex, log
from cnnref.symbolic import *
g, w, x = map(Array, "gwx")
c, h, i, j, n, o, p, q = indices("c h i j n o p q")
s, d, N = sizes("s d N")
P = sizes("P", 0)[0]
y = ZSum(w[o, c, i, j] * x[n, c, s * p + d * i - P, q + j], c, i, j)
loss = ZSum(g[n, o, p, q] * y ** 2, n, o, p, q) + log(ZSum(exp(x[i, j, h, p]), i, j))
for entry in (x[n, c, h, i], w[o, c, i, j], g[n, o, p, q]):
    found = derivative(loss, entry)
    print(found, latex(found), canonical(found), sep="\\n")
print(reindex(ZSum(x[h, i, j] * w[i, j], i, j), {i: p - q, j: q}))
"""


def test_the_order_of_hashes_does_not_show():
    printed = printed_under_hash_seeds(SCRIPT)
    assert len(printed) == 1
    assert len(printed.pop().splitlines()) == 10


def test_sums_that_sympy_binds_are_refused():
    x, (h, i) = Array("x"), indices("h i")
    for binder in (sympy.Sum, sympy.Product):
        foreign = binder(x[i] ** 2, (i, 0, 3))
        with pytest.raises(TypeError, match="binds an index; sums are ZSum"):
            derivative(foreign, x[h])
        with pytest.raises(TypeError, match="binds an index; sums are ZSum"):
            tidy(foreign)
