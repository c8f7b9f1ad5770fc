"""The checks themselves: they pass on what is right and fail on what is wrong."""

import copy
import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from seeds import printed_under_hash_seeds
from sympy import ceiling, exp, floor, log, symbols

from cnnref import functional, verify
from cnnref.correlation import correlate
from cnnref.symbolic import (
    Array,
    Bracket,
    Within,
    ZSum,
    derivative,
    evaluate,
    indices,
    sizes,
)
from cnnref.verify import (
    RAISES,
    Call,
    Disagreement,
    Sweep,
    Verdict,
    agrees,
    calls_of,
    conv_call,
    conv_calls,
    derivative_sweep,
    derived,
    formula_sweep,
    grouped,
    mutant,
    rejects,
    rule_sweep,
    seeded_draw,
    settings_of,
    torch_sweep,
)
from cnnref.verify.operations.conv import WITNESSES
from cnnref.verify.verdict import KINDS, MIME, passed

g, w, x = map(Array, "gwx")
h, i, j, p, u = indices("h i j p u")
s, N = sizes("s N")

# Calls ----------------------------------------------------------------------------


def in_torch(call, transposed=False):
    """Run a convolution's call in PyTorch, which raises if it does not accept it."""
    axes = call.arrays["weight"].ndim - 2
    name = f"conv_transpose{axes}d" if transposed else f"conv{axes}d"
    tensors = {k: torch.from_numpy(v) for k, v in call.arrays.items()}
    tensors.pop("grad_output", None)
    return getattr(torch.nn.functional, name)(**tensors, **call.settings)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even")
@settings(max_examples=150)
@given(st.data(), st.integers(1, 3), st.booleans())
def test_every_constructed_call_is_valid(data, axes, transposed):
    def draw(low, high):
        return data.draw(st.integers(low, high))

    call = conv_call(draw, axes, transposed, backward=True, largest=3)
    assert in_torch(call, transposed).shape == call.arrays["grad_output"].shape
    for array in call.arrays.values():
        assert array.dtype == np.float64
        assert_array_equal(array, array.round())
        assert abs(array).max() <= 4


def same_calls(ours, theirs):
    return len(ours) == len(theirs) and all(
        str(a) == str(b)
        and all(map(np.array_equal, a.arrays.values(), b.arrays.values()))
        for a, b in zip(ours, theirs)
    )


def test_the_calls_are_determined_by_the_seed():
    calls = conv_calls(2, 60, seed=3)
    assert same_calls(calls, conv_calls(2, 60, seed=3))
    assert not same_calls(calls, conv_calls(2, 60, seed=4))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_sweep_contains_every_witness_simplest_first(axes, transposed):
    calls = conv_calls(axes, 80, transposed)
    missing = {
        name
        for name, witness in WITNESSES.items()
        if not any(witness(call, transposed) for call in calls)
    }
    assert missing == ({n for n in WITNESSES if "axes" in n} if axes == 1 else set())
    order = [call.complexity for call in calls]
    assert order == sorted(order)


def test_a_sweep_without_a_witness_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="conv_calls: no call in 2 has "):
        conv_calls(2, 2)
    monkeypatch.setitem(WITNESSES, "nine axes", lambda call, transposed: False)
    with pytest.raises(ValueError, match="conv_calls: no call in 80 has nine axes"):
        conv_calls(2, 80)


def test_a_sweep_of_any_operation_needs_its_witnesses():
    with pytest.raises(ValueError, match="no call of relu in 1 has "):
        calls_of("relu", 1)


def test_a_witness_may_be_in_the_upstream_gradient(monkeypatch):
    def has_nine(call):
        return 9 in call.arrays.get("grad_output", [9])

    relu = verify.OPERATIONS["relu"]._replace(witnesses={"a nine": has_nine})
    monkeypatch.setitem(verify.OPERATIONS, "relu", relu)
    assert len(calls_of("relu", 5)) == 5
    with pytest.raises(ValueError, match="no call of relu_backward in 5 has a nine"):
        calls_of("relu_backward", 5)


def test_the_oracle_names_what_is_too_long_to_print():
    calls = (Call({"input": np.ones(2)}, {}),)
    long = np.array(["x" * 61], object)
    sweep = Sweep("test", "a rule", calls, lambda call: long)
    wrong = sweep.disagreement(lambda input: np.array(["y"], object))
    assert wrong == f"input (2,): the result[0] is y, not {'x' * 57}…"


def test_an_array_is_named_by_its_shape():
    with pytest.raises(Disagreement, match=r"^one: an array of shape \(2,\), not 1$"):
        verify.tested("one", np.ones(2), 1)


def test_a_call_says_its_shapes_and_settings():
    call = Call({"input": np.zeros((1, 2)), "bias": np.zeros(3)}, {"stride": (2,)})
    assert str(call) == "input (1, 2), bias (3,), stride=(2,)"
    assert call.of(lambda input, bias, stride: (input.size, bias.size, stride)) == (
        *(2, 3),
        (2,),
    )
    other = call.replace(bias=np.ones(1), grad_output=np.ones(4))
    assert {k: v.shape for k, v in other.arrays.items()} == {
        "bias": (1,),
        "grad_output": (4,),
        "input": (1, 2),
    }
    assert call.arrays["bias"].shape == (3,)


@pytest.mark.parametrize("axes", [1, 2])
def test_settings_and_groups_are_those_of_the_operation(axes):
    """Each group is a convolution of its own, with the settings as resolved."""
    conv = getattr(functional, f"conv{axes}d")
    for call in conv_calls(axes, 60, backward=True):
        arrays, rule = grouped(call), settings_of(call)
        y = call.replace().of(lambda grad_output, **rest: conv(**rest))
        y = y.reshape(-1, *y.shape[-axes - 1 :])
        groups = [
            correlate(
                arrays["input"][:, k], arrays["weight"][k], rule._replace(groups=1)
            )
            + arrays.get("bias", np.zeros((rule.groups, 1)))[k].reshape(-1, *[1] * axes)
            for k in range(rule.groups)
        ]
        assert_array_equal(np.concatenate(groups, axis=1), y)
        assert arrays["grad_output"].shape == np.stack(groups, axis=1).shape


# A Verdict ------------------------------------------------------------------------


def a_verdict(**changes):
    facts = {"claim": "2 < 3", "check": "test", "rows": ["a", "b"], "cases": 7}
    return passed(**facts | {"detail": "computed & shown"} | changes)


def test_a_verdict_is_not_made_by_hand():
    with pytest.raises(TypeError, match="returned by a check"):
        Verdict()
    with pytest.raises(TypeError):
        Verdict("claim", "test")


def test_a_verdict_does_not_change():
    verdict = a_verdict()
    with pytest.raises(AttributeError, match="does not change"):
        verdict.cases = 9
    with pytest.raises(AttributeError, match="does not change"):
        del verdict.claim
    with pytest.raises(AttributeError, match="does not change"):
        verdict.other = 1
    with pytest.raises((AttributeError, TypeError)):
        copy.copy(verdict)
    verdict.as_data()["rows"].append("c")
    assert verdict.rows == ("a", "b")


def test_a_verdict_is_one_line_and_the_same_facts_as_data():
    bundle = a_verdict()._repr_mimebundle_()
    assert bundle["text/plain"] == "✓ 2 < 3 — computed & shown"
    assert json.loads(json.dumps(bundle[MIME])) == {
        "claim": "2 < 3",
        "check": "test",
        "rows": ["a", "b"],
        "cases": 7,
        "exact": True,
        "detail": "computed & shown",
    }


def test_the_html_of_a_verdict_is_escaped():
    html = a_verdict(claim="<b>&</b>")._repr_mimebundle_()["text/html"]
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in html
    assert "computed &amp; shown" in html
    assert "<b>" not in html


def test_a_verdict_needs_a_known_check_and_a_comparison():
    with pytest.raises(ValueError, match="'proved' is not one of"):
        a_verdict(check="proved")
    with pytest.raises(Disagreement, match="2 < 3: nothing was compared"):
        a_verdict(cases=0)
    with pytest.raises(TypeError, match="rows must be a list of ids, not 'conv-def'"):
        a_verdict(rows="conv-def")
    assert set(KINDS) == {"derived", "code", "torch", "control", "test"}


# derived --------------------------------------------------------------------------

GRADIENT = derivative(ZSum(g[p] * ZSum(x[p + i] * w[i], i), p), x[h])


def test_derived_accepts_what_is_equal():
    verdict = derived("∂L/∂x", GRADIENT, ZSum(g[h - j] * w[j], j), ["row"])
    assert (verdict.check, verdict.rows, verdict.exact) == ("derived", ("row",), True)
    assert verdict.cases > 20
    assert verdict.detail.startswith("derived for all sizes; equal at ")


def test_derived_says_of_what_the_identity_holds():
    """Of all sizes only where there are any: a letter for an integer, or an array."""
    number = symbols("z", positive=True)
    for left, right, said in (
        (N * (N + 1), N**2 + N, "sizes"),
        (ZSum(w[i], i), ZSum(w[j], j), "sizes"),
        ((number + 1) ** 2, number**2 + 2 * number + 1, "values"),
    ):
        assert derived("", left, right).detail.startswith(f"derived for all {said}; ")


def test_derived_rejects_a_wrong_formula_with_a_counterexample():
    wrong = ZSum(g[h + i] * w[i], i)
    with pytest.raises(Disagreement, match=r"∂L/∂x: at h = -?\d+, g = \[") as raised:
        derived("∂L/∂x", GRADIENT, wrong)
    found = re.search(
        r"at h = (.*), g = (.*), w = (.*): (.*), not (.*)", str(raised.value)
    )
    at, upstream, kernel, left, right = map(json.loads, found.groups())
    numbers = {g: np.array(upstream), w: np.array(kernel), h: at}
    assert evaluate(GRADIENT, numbers) == left
    assert evaluate(wrong, numbers) == right
    assert left != right


def test_derived_does_not_guess_a_change_of_variables():
    turned = ZSum(g[p] * w[h - p], p)
    with pytest.raises(Disagreement, match="is a change of variables missing between"):
        derived("∂L/∂x", GRADIENT, turned)


def test_derived_is_not_content_with_nothing():
    with pytest.raises(Disagreement, match="0 = 0 and show nothing"):
        derived("nothing", ZSum(x[i], i) * 0, 0)


def test_derived_settles_floors():
    q, r, t = sizes("q r t", least=0)
    stride = r + 1 + t
    derived("windows", floor((q * stride + r) / stride) + 1, q + 1)
    with pytest.raises(Disagreement, match=r"ceiling: at q = \d, r = \d, t = \d: "):
        derived("ceiling", ceiling((q * stride + r) / stride), q)


def test_derived_says_when_it_cannot_settle_floors():
    """The two halves of a whole: true, and a sum that no division shows."""
    (a,) = sizes("a", least=0)
    with pytest.raises(Disagreement, match="is a change of variables missing"):
        derived("halves", floor(a / 2) + floor((a + 1) / 2), a)


def test_derived_rounds_only_functions():
    total = ZSum(exp(x[i]) * Within(i, N), i)
    share = exp(x[h]) * Within(h, N) / total
    derived("log-sum-exp", derivative(log(total), x[h]), share)
    with pytest.raises(Disagreement, match="at "):
        derived(
            "log-sum-exp", derivative(log(total), x[h]), share * (1 + share / 10**6)
        )


def test_derived_compares_expressions_without_arrays():
    a, b = symbols("a b", integer=True)
    derived("square", (a + b) ** 2, a**2 + 2 * a * b + b**2)
    with pytest.raises(Disagreement, match="square: at a = 1, b = 1: 4, not 1"):
        derived("square", (a + b) ** 2, a**2)


# agrees ---------------------------------------------------------------------------

CALLS = conv_calls(1, 60, backward=True, largest=3)
FORWARD_CALLS = conv_calls(1, 60)


def no_stride(input, weight, bias=None, stride=1, **rest):
    return functional.conv1d(input, weight, bias, **rest)


def flipped(input, weight, *args, **rest):
    return functional.conv1d(input, np.flip(weight, -1), *args, **rest)


def test_agrees_counts_its_calls():
    sweep = torch_sweep("conv1d", FORWARD_CALLS)
    verdict = agrees("conv1d", functional.conv1d, sweep, rows=["row"])
    assert verdict.as_data() == {
        "claim": "conv1d",
        "check": "torch",
        "rows": ["row"],
        "cases": 60,
        "exact": True,
        "detail": "60 calls equal to PyTorch, exactly",
    }
    assert len(CALLS) == 60


@pytest.mark.parametrize("wrong", [no_stride, flipped])
def test_a_disagreement_names_the_simplest_call(wrong):
    def fails(call):
        try:
            return not np.array_equal(call.of(wrong), call.of(functional.conv1d))
        except ValueError:
            return True

    simplest = min(filter(fails, FORWARD_CALLS), key=lambda call: call.complexity)
    with pytest.raises(Disagreement) as raised:
        agrees("conv1d", wrong, torch_sweep("conv1d", FORWARD_CALLS))
    assert str(raised.value).startswith(f"conv1d: {simplest}: ")


def test_no_calls_are_no_agreement():
    empty = torch_sweep("conv1d", ())
    with pytest.raises(Disagreement, match="conv1d: nothing was compared"):
        agrees("conv1d", functional.conv1d, empty)
    with pytest.raises(Disagreement, match="conv1d: the check does not notice"):
        rejects("conv1d", flipped, functional.conv1d, empty)


def test_a_function_that_raises_on_a_valid_call_disagrees():
    def lazy(**call):
        raise ValueError("not today\nnor tomorrow")

    sweep = torch_sweep("conv1d", FORWARD_CALLS)
    for check in (
        lambda: agrees("lazy", lazy, sweep),
        lambda: rejects("lazy", lazy, functional.conv1d, sweep),
    ):
        with pytest.raises(Disagreement, match=r"it raises ValueError: not today$"):
            check()
    with pytest.raises(NameError):
        sweep.disagreement(lambda **call: unknown_name)  # noqa: F821


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y[..., :-1], r"the result has the shape \(.*\), not \("),
        (lambda y: y.astype(np.float32), "the result has dtype float32, not float64"),
        (lambda y: y + 1, r"the result\[0.*\] is -?\d+, not -?\d+"),
        (lambda y: y * np.nan, r"the result\[0.*\] is nan, not"),
        (lambda y: {"input": y}, "it has .input, not the result"),
    ],
    ids=["shape", "dtype", "value", "nan", "name"],
)
def test_a_disagreement_says_what_is_wrong(change, message):
    sweep = torch_sweep("conv1d", FORWARD_CALLS)
    wrong = sweep.disagreement(lambda **call: change(functional.conv1d(**call)))
    assert re.search(message, wrong)


def test_a_missing_gradient_disagrees():
    sweep = torch_sweep("conv1d_backward", [c for c in CALLS if "bias" in c.arrays])
    assert sweep.disagreement(functional.conv1d_backward) is None

    def forgetful(**call):
        return functional.conv1d_backward(**call)._replace(weight=None)

    assert sweep.disagreement(forgetful).endswith(
        ": it has .input, .bias, not .input, .weight, .bias"
    )


def test_calls_that_pytorch_rejects():
    invalid = [
        Call(call.arrays, call.settings | {"stride": 0}) for call in FORWARD_CALLS[:5]
    ]
    sweep = torch_sweep("conv1d", invalid, rejected=True)
    agrees("stride 0", functional.conv1d, sweep)
    with pytest.raises(Disagreement, match=r"stride 0: .*stride=0.*: it must raise"):
        agrees("stride 0", lambda **call: call["input"], sweep)
    with pytest.raises(RuntimeError, match="stride"):
        torch_sweep("conv1d", invalid).disagreement(functional.conv1d)
    accepted = torch_sweep("conv1d", FORWARD_CALLS, rejected=True)
    with pytest.raises(AssertionError, match="conv1d: PyTorch accepts input"):
        accepted.disagreement(functional.conv1d)


def test_a_tolerance_is_kept_and_told():
    sweep = torch_sweep("conv1d", FORWARD_CALLS)._replace(tolerance=1e-9)

    def noisy(noise):
        return lambda **call: functional.conv1d(**call) * (1 + noise)

    verdict = agrees("conv1d", noisy(1e-12), sweep)
    assert verdict.exact is False
    assert verdict.detail == "60 calls equal to PyTorch, within 1e-09"
    with pytest.raises(Disagreement, match="the result"):
        agrees("conv1d", noisy(1e-6), sweep)
    with pytest.raises(Disagreement, match="the result"):
        agrees("conv1d", noisy(1e-12), sweep._replace(tolerance=0.0))


def test_a_rule_judges_a_grid():
    sweep = rule_sweep(
        lambda size, step: len(range(0, size, step)),
        {"size": range(5), "step": range(3)},
        "test",
        "the range",
    )
    assert len(sweep.calls) == 15
    assert sweep.expected(sweep.calls[0]) is RAISES

    def ceil(size, step):
        if step == 0:
            raise ValueError("no step")
        return -(-size // step)

    assert sweep.disagreement(ceil) is None
    assert sweep.disagreement(lambda size, step: size // max(step, 1)) == (
        "size=0, step=0: it must raise"
    )
    assert sweep._replace(calls=sweep.calls[1:3]).disagreement(
        lambda size, step: size + 1
    ) == ("size=0, step=1: the result is 1, not 0")


def test_a_rule_that_accepts_nothing_judges_nothing():
    def never(size):
        raise ValueError("never")

    with pytest.raises(ValueError, match="never accepts none of 3 calls"):
        rule_sweep(never, {"size": range(3)}, "test", "never")


# Sweeps on symbols ----------------------------------------------------------------

MISTAKES = {
    "flip": {
        "input": lambda call, right: (
            functional.conv1d_backward(
                **call | {"weight": np.flip(call["weight"], -1)}
            ).input
        )
    },
    "sign": {"weight": lambda call, right: -right.weight},
    "twice": {"bias": lambda call, right: 2 * right.bias},
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_derivative_sweep_kills_a_mutant(mistake):
    sweep = derivative_sweep("conv1d", CALLS)
    assert (sweep.check, sweep.oracle) == ("code", "the derivative of conv1d")
    assert sweep.disagreement(functional.conv1d_backward) is None
    wrong = mutant(functional.conv1d_backward, **MISTAKES[mistake])
    (name,) = MISTAKES[mistake]
    assert f": .{name}[" in sweep.disagreement(wrong)


def test_a_formula_sweep_kills_a_mutant():
    """One symbolic call is an identity: even a single call kills the mistake."""
    call = Call(
        {"input": np.zeros((1, 3)), "weight": np.zeros((1, 1, 2))}, {"stride": 1}
    )

    def formula(call):
        numbers = {x: call.arrays["input"][0], w: call.arrays["weight"][0, 0]}
        total = ZSum(x[p + i] * w[i], i)
        return evaluate(total, numbers | {p: range(2)})[None]

    sweep = formula_sweep([call], formula)
    verdict = agrees("conv1d", functional.conv1d, sweep)
    assert verdict.detail == "1 call equal to the formula, exactly"
    assert sweep.disagreement(flipped) == (
        "input (1, 3), weight (1, 1, 2), stride=1: the result[0, 0] is "
        "input[0,0]*weight[0,0,1] + input[0,1]*weight[0,0,0], not "
        "input[0,0]*weight[0,0,0] + input[0,1]*weight[0,0,1]"
    )


# rejects and tested ---------------------------------------------------------------


def test_rejects_shows_why_the_mistake_fails():
    sweep = torch_sweep("conv1d", FORWARD_CALLS)
    verdict = rejects("flip", flipped, functional.conv1d, sweep, ["row"])
    assert (verdict.check, verdict.rows, verdict.cases) == ("control", ("row",), 1)
    assert verdict.detail == f"rejected: {sweep.disagreement(flipped)}"


def test_rejects_fails_if_the_check_does_not_notice():
    symmetric = [
        call.replace(weight=np.ones_like(call.arrays["weight"]))
        for call in FORWARD_CALLS
    ]
    sweep = torch_sweep("conv1d", symmetric)
    with pytest.raises(Disagreement, match="flip: the check does not notice"):
        rejects("flip", flipped, functional.conv1d, sweep)


def test_rejects_fails_if_the_right_form_is_rejected_too():
    sweep = torch_sweep("conv1d", FORWARD_CALLS)
    with pytest.raises(Disagreement, match="stride: the check rejects the right form"):
        rejects("stride", flipped, no_stride, sweep)


def test_rejects_judges_expressions():
    verdict = rejects("h + i", ZSum(g[h + i] * w[i], i), GRADIENT)
    assert re.match(r"rejected: at h = .*: -?\d+, not -?\d+$", verdict.detail)
    with pytest.raises(Disagreement, match="renamed: the check does not notice"):
        rejects("renamed", ZSum(g[h - u] * w[u], u), GRADIENT)
    with pytest.raises(Disagreement, match="nothing: the check does not notice"):
        rejects("nothing", 0, ZSum(x[i], i) * 0)
    rejects("a bracket", Bracket(2 * h, p), Bracket(h, 2 * p))


@pytest.mark.parametrize("got", [True, 1.0, 2, [1], (1,), "1", None])
def test_tested_compares_type_and_value(got):
    assert verify.tested("one", 1, 1, ["row"]).detail == "computed: 1"
    with pytest.raises(Disagreement, match=r"^one: .*, not 1$"):
        verify.tested("one", got, 1)


def test_long_values_are_cut():
    verdict = verify.tested("long", "a" * 100, "a" * 100)
    assert verdict.detail == f"computed: {'a' * 57}…"


# The same words in every process --------------------------------------------------

SCRIPT = """
from cnnref.symbolic import *
from cnnref.verify import *
g, w, x = map(Array, "gwx")
h, i, j, p, q = indices("h i j p q")
s, d = sizes("s d")
loss = ZSum(g[p, q] * ZSum(x[s * p + i, d * q + j] * w[i, j], i, j), p, q)
found = derivative(loss, w[i, j])
right = ZSum(g[p, q] * x[s * p + i, d * q + j], p, q)
print(derived("∂L/∂w", found, right))
print(rejects("exchanged", ZSum(g[p, q] * x[d * p + i, s * q + j], p, q), right))
print(*conv_calls(3, 80, backward=True), sep="\\n")
"""


def test_the_order_of_hashes_does_not_show():
    printed = printed_under_hash_seeds(SCRIPT)
    assert len(printed) == 1
    assert len(printed.pop().splitlines()) == 82


def test_a_seed_determines_the_draw():
    one, two = seeded_draw(5), seeded_draw(5)
    drawn = [one(-2, 2) for _ in range(50)]
    assert drawn == [two(-2, 2) for _ in range(50)]
    assert set(drawn) == {-2, -1, 0, 1, 2}
