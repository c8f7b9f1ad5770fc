"""The optimizers: against torch.optim, bit by bit, on symbols, and as laws."""

import inspect
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch
from operations import CASES
from optimizers import OPTIMIZERS, arrays_of, exactly, run, settings

from cnnref import optim
from cnnref.optim import rules
from cnnref.symbolic import Trace
from cnnref.verify import seeded_draw
from cnnref.verify.mistakes.optim import run_of, run_sweep

STEPS = {
    "SGD": optim.sgd_step,
    "Adam": optim.adam_step,
    "AdamW": optim.adamw_step,
    "RMSprop": optim.rmsprop_step,
    "Adagrad": optim.adagrad_step,
}
each = pytest.mark.parametrize("name", OPTIMIZERS)

# PyTorch ------------------------------------------------------------------------------


@each
def test_every_bit_is_that_of_pytorch(name):
    """Parameters and states, where PyTorch, too, rounds each operation by itself.

    Elsewhere it fuses a product and a sum, by the processor's instructions, and rounds
    once; NumPy has no such operation.
    """
    done = exactly(name, CASES)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{CASES} runs of {name} are equal\n"


@each
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
def test_on_any_processor_it_stays_within_roundings(name, dtype):
    """A centred root, a difference that cancels, is judged bit by bit alone."""
    draw, fixed = seeded_draw(1), {"centered": False} if name == "RMSprop" else {}
    for _ in range(10):
        largest = 1
        for ours, tensors, _ in run(name, draw, dtype, **fixed):
            for k, array in ours.params.items():
                largest = max(largest, abs(array).max(initial=1))
                near = {"rtol": 0, "atol": 32 * np.finfo(dtype).eps * largest}
                np.testing.assert_allclose(array, tensors[k], **near)


@each
def test_half_precision_is_that_of_pytorch_up_to_rounding(name):
    draw, fixed = seeded_draw(2), {} if name == "SGD" else {"eps": 1e-3}
    fixed |= {"centered": False} if name == "RMSprop" else {}
    for _ in range(20):
        for ours, tensors, _ in run(name, draw, "f2", steps=2, **fixed):
            for k, array in ours.params.items():
                np.testing.assert_allclose(array, tensors[k], rtol=0.02, atol=0.02)


def parameters(function):
    found = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in found}


# What chooses among PyTorch's implementations, and not what they compute.
ABSENT = {"foreach", "fused", "capturable", "differentiable"}


@each
def test_the_arguments_are_those_of_pytorch(name):
    theirs = parameters(getattr(torch.optim, name))
    ours = parameters(getattr(optim, name))
    expected = [(k, v) for k, v in theirs.items() if k not in ABSENT]
    assert sorted(ours.items()) == sorted(expected)
    positional = [k for k, _ in expected if k in ours and k != "maximize"]
    assert [k for k in ours if k != "maximize"] == positional


@each
def test_the_step_takes_the_settings_of_the_class(name):
    step = parameters(STEPS[name])
    assert list(step)[:3] == ["param", "grad", "state"]
    given = dict(list(step.items())[3:])
    expected = parameters(getattr(optim, name))
    expected.pop("params")
    assert given == expected


# The step and the class ---------------------------------------------------------------


def both(name, arrays, grads, given):
    """Return the parameters after some steps of the pure rule, and of the class."""
    optimizer = getattr(optim, name)(arrays, **given)
    moved, states = list(arrays), [None] * len(arrays)
    for step in grads:
        for k, grad in enumerate(step):
            moved[k], states[k] = STEPS[name](moved[k], grad, states[k], **given)
        optimizer.step(step)
    return moved, optimizer.params


@each
def test_the_class_makes_the_pure_step(name):
    """Bit by bit, also where Adam takes several blocks."""
    draw, rng = seeded_draw(3), np.random.default_rng(3)
    for _ in range(20):
        shapes = [(rules._BLOCK + 5,), (3, 2), ()]
        arrays = [np.asarray(rng.standard_normal(shape)) for shape in shapes]
        grads = [[np.asarray(rng.standard_normal(s)) for s in shapes] for _ in "123"]
        for pure, kept in zip(*both(name, arrays, grads, settings(name, draw))):
            np.testing.assert_array_equal(pure, kept, strict=True)


ADAM_FORMS = [
    {"betas": betas, "weight_decay": decay, **dict.fromkeys(flags, True)}
    for betas in ((0.25, 0.5), (0.75, 0.5))
    for decay in (0, 0.5)
    for flags in (
        ("amsgrad",),
        ("maximize",),
        ("decoupled_weight_decay",),
        ("amsgrad", "maximize", "decoupled_weight_decay"),
    )
]


@pytest.mark.parametrize("given", ADAM_FORMS, ids=str)
def test_adam_in_blocks_is_adam_on_symbols(given, monkeypatch):
    """The faster form gives the formulas of the plain one, block by block."""
    monkeypatch.setattr(rules, "_BLOCK", 2)
    trace = Trace()
    arrays = [trace.array("w", (3,))]
    grads = [[trace.array(f"g{t}", (3,))] for t in (1, 2)]
    eps = trace.number(sympy.Symbol("epsilon", positive=True), Fraction(1, 8))
    (plain,), (blocks,) = both("Adam", arrays, grads, given | {"eps": eps})
    for one, other in zip(plain, blocks):
        assert sympy.expand(one.expr - other.expr) == 0


# Formulas -----------------------------------------------------------------------------


def test_momentum_on_fractions_is_exact():
    """w₃ = w − η·(g₁ + (μ·g₁ + (1 − τ)·g₂)), with the decay in each g."""
    draw = seeded_draw(4)

    def sevenths(count):
        numbers = [Fraction(draw(-30, 30), 7) for _ in range(count)]
        return np.array(numbers, object)

    w, g1, g2 = (sevenths(4) for _ in range(3))
    lr, mu, tau, decay = (Fraction(n, 7) for n in (1, 5, 2, 3))
    given = dict(lr=lr, momentum=mu, dampening=tau, weight_decay=decay)
    w1, state = optim.sgd_step(w, g1, **given)
    w2, state = optim.sgd_step(w1, g2, state, **given)
    v1 = g1 + decay * w
    v2 = mu * v1 + (1 - tau) * (g2 + decay * w1)
    assert (w2 == w - lr * v1 - lr * v2).all()
    assert (state.momentum_buffer == v2).all()
    assert {type(entry) for entry in w2} == {Fraction}


def adam_on_symbols(steps, amsgrad=False):
    """Return Adam's parameter after some steps, and all that it is a formula of."""
    trace = Trace()
    names = sympy.symbols("beta1 beta2 eta epsilon", positive=True)
    samples = Fraction(3, 4), Fraction(7, 8), Fraction(1, 4), Fraction(1, 16)
    b1, b2, lr, eps = map(trace.number, names, samples)
    w, state = trace.array("w", (1,)), None
    given = dict(lr=lr, betas=(b1, b2), eps=eps, amsgrad=amsgrad)
    start, gradients = w[0].expr, []
    for t in range(steps):
        g = trace.array(f"g{t}", (1,))
        gradients.append(g[0].expr)
        w, state = optim.adam_step(w, g, state, **given)
    return start, gradients, names, w[0], state


def test_adams_first_step_on_symbols():
    """w − η·g / (|g| + ε), for any β₁ and β₂."""
    w, (g,), (b1, b2, lr, eps), moved, _ = adam_on_symbols(1)
    expected = w - lr * g / (sympy.sqrt(g**2) + eps)
    at = {b1: sympy.Rational(1, 3), b2: sympy.Rational(1, 5)}
    assert sympy.simplify((moved.expr - expected).subs(at)) == 0
    assert sympy.diff(moved.expr, w) == 1


def test_adams_moments_on_symbols():
    """m = (1 − β₁)·Σ β₁^(t−r)·g_r, and v is the same of g²."""
    _, gs, (b1, b2, *_), _, state = adam_on_symbols(4)
    sums = {"exp_avg": (b1, 1), "exp_avg_sq": (b2, 2)}
    for label, (beta, power) in sums.items():
        terms = (beta ** (3 - r) * g**power for r, g in enumerate(gs))
        found = getattr(state, label)[0].expr
        assert sympy.expand(found - (1 - beta) * sum(terms)) == 0
    assert state.step == 4


def test_the_largest_second_moment_on_symbols():
    *_, state = adam_on_symbols(3, amsgrad=True)
    assert state.max_exp_avg_sq[0].sample >= state.exp_avg_sq[0].sample


def test_rmsprop_and_adagrad_on_symbols():
    """Two steps of each, from their formulas; ε is a symbol too."""
    trace = Trace()
    epsilon = sympy.Symbol("epsilon", positive=True)
    eps = trace.number(epsilon, Fraction(1, 8))
    w0, g0, g1 = (trace.array(label, (1,)) for label in "wgh")
    w, g, h = (array[0].expr for array in (w0, g0, g1))
    half = Fraction(1, 2)
    steps = {
        optim.rmsprop_step: dict(alpha=half, momentum=half, centered=True, lr=1),
        optim.adagrad_step: dict(initial_accumulator_value=1, lr_decay=1, lr=1),
    }
    moved = []
    for step, given in steps.items():
        w1, state = step(w0, g0, eps=eps, **given)
        moved.append(step(w1, g1, state, eps=eps, **given)[0][0].expr)
    u = g / (sympy.sqrt(g**2 / 2 - (g / 2) ** 2) + epsilon)
    v = g**2 / 4 + h**2 / 2 - (g / 4 + h / 2) ** 2
    rmsprop = w - u - (u / 2 + h / (sympy.sqrt(v) + epsilon))
    adagrad = w - g / (sympy.sqrt(1 + g**2) + epsilon)
    adagrad -= h / (sympy.sqrt(1 + g**2 + h**2) + epsilon) / 2
    for found, expected in zip(moved, (rmsprop, adagrad)):
        at = {w: 3, g: sympy.Rational(2, 3), h: sympy.Rational(-5, 7), epsilon: 2}
        assert abs((found - expected).evalf(50, subs=at)) < 1e-45


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_under_a_constant_gradient_every_step_is_as_long_as_the_rate(name):
    optimizer = getattr(optim, name)([np.zeros(4)], 0.125, eps=0, weight_decay=0)
    g = np.array([1e-9, -3.0, 7e8, 1.0])
    for t in range(1, 20):
        (w,) = optimizer.step([g])
        np.testing.assert_allclose(w, -0.125 * t * np.sign(g), rtol=1e-12)


def test_decay_is_a_penalty_under_gradient_descent_and_not_under_adam():
    w, g, zero = np.array([4.0]), np.array([1.0]), np.array([0.0])
    assert optim.sgd_step(w, g, lr=0.5, weight_decay=0.5)[0] == 4 - 0.5 * 0.5 * 4 - 0.5
    # The first step divides the size of the penalty away.
    for decay in (0.25, 0.5):
        adam = optim.adam_step(w, zero, lr=0.5, weight_decay=decay, eps=0)[0]
        assert adam == 3.5
        assert optim.adamw_step(w, zero, lr=0.5, weight_decay=decay)[0] == 4 - 2 * decay


# Mistakes beside those of cnnref.verify.mistakes --------------------------------------


def among(*values):
    return lambda draw: values[draw(0, len(values) - 1)]


def rmsprop_inside(param, grad, state, *, lr, alpha, eps, momentum, centered):
    """Take ε into the root."""
    given = dict(alpha=alpha, eps=0, momentum=0, centered=centered)
    _, moved = optim.rmsprop_step(param, grad, state, **given)
    mean = moved.grad_avg if centered else 0
    u = grad / np.sqrt(moved.square_avg - mean * mean + eps)
    if momentum:
        before = np.zeros_like(param) if state is None else state.momentum_buffer
        u = momentum * before + u
    return param - lr * u, moved._replace(momentum_buffer=u)


def rmsprop_uncentred(param, grad, state, *, centered, **given):
    return optim.rmsprop_step(param, grad, state, centered=False, **given)


def adagrad_of_t(param, grad, state, *, lr, lr_decay, **given):
    """Divide by 1 + t·γ, where t − 1 belongs."""
    t = 1 if state is None else state.step + 1
    return optim.adagrad_step(param, grad, state, lr=lr / (1 + t * lr_decay), **given)


def adagrad_from_zero(param, grad, state, *, initial_accumulator_value, **given):
    return optim.adagrad_step(param, grad, state, **given)


def adam_of_largest_corrected(param, grad, state, *, lr, betas, amsgrad):
    """Keep the largest v̂, where the largest v is to be kept."""
    _, moved = optim.adam_step(param, grad, state, betas=betas, amsgrad=amsgrad)
    t, m, v, _ = moved
    before = 0 if state is None else state.max_exp_avg_sq
    largest = np.maximum(before, v / (1 - betas[1] ** t))
    step = lr * m / (1 - betas[0] ** t) / (np.sqrt(largest) + 1e-8)
    return param - step, moved._replace(max_exp_avg_sq=largest)


def sgd_without(**changes):
    def step(param, grad, state, **given):
        return optim.sgd_step(param, grad, state, **given | changes)

    return step


RMSPROP = {
    "alpha": among(0.5, 0.75),
    "eps": among(1e-8, 1e-3),
    "momentum": among(0, 0.5),
    "centered": among(False, True),
}
ADAGRAD = {"lr_decay": among(0, 0.5), "initial_accumulator_value": among(0, 0.5)}
NESTEROV = {"momentum": among(0.5, 0.75), "nesterov": among(False, True)}
CLIMB = {"weight_decay": among(0, 0.5), "maximize": among(False, True)}
MUTANTS = {
    "RMSprop with ε inside the root": ("RMSprop", RMSPROP, rmsprop_inside),
    "RMSprop that is never centred": ("RMSprop", RMSPROP, rmsprop_uncentred),
    "Adagrad's decay one step early": ("Adagrad", ADAGRAD, adagrad_of_t),
    "Adagrad from zero": ("Adagrad", ADAGRAD, adagrad_from_zero),
    "AMSGrad of the corrected moment": (
        "Adam",
        {"betas": among((0.5, 0.5), (0.5, 0.75)), "amsgrad": among(True)},
        adam_of_largest_corrected,
    ),
    "Nesterov as plain momentum": ("SGD", NESTEROV, sgd_without(nesterov=False)),
    "a climb that descends": ("SGD", CLIMB, sgd_without(maximize=False)),
    "no decay": ("SGD", CLIMB, sgd_without(weight_decay=0)),
}


@pytest.mark.parametrize("mistake", MUTANTS)
def test_the_mistake_is_noticed(mistake):
    name, given, wrong = MUTANTS[mistake]
    sweep = run_sweep(name, **given)
    assert sweep.disagreement(run_of(STEPS[name])) is None
    assert "result" in sweep.disagreement(run_of(wrong))


# Arrays -------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_a_step_keeps_the_dtype_and_writes_to_no_argument(name, dtype):
    draw = seeded_draw(5)
    for _ in range(10):
        given = settings(name, draw)
        param, grad = (np.arange(6).reshape(2, 3).T.astype(dtype) + k for k in (1, 2))
        before, state = (param.copy(), grad.copy()), None
        for _ in range(3):
            old = state
            kept = [x.copy() for x in old or () if isinstance(x, np.ndarray)]
            new, state = STEPS[name](param, grad, old, **given)
            results = [new, *(x for x in state if isinstance(x, np.ndarray))]
            assert {(x.dtype, x.shape) for x in results} == {(param.dtype, (3, 2))}
            assert not any(np.shares_memory(x, grad) for x in results)
            assert not np.shares_memory(new, param)
            after = [x for x in old or () if isinstance(x, np.ndarray)]
            for one, other in zip((param, grad, *after), (*before, *kept), strict=True):
                np.testing.assert_array_equal(one, other)


@each
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
def test_a_step_keeps_the_byte_order(name, dtype):
    """A view of the result as it lies would be of other numbers."""
    other = np.dtype(dtype).newbyteorder()
    native = swapped = np.array([1, 2]).astype(dtype), None
    for _ in range(2):
        native = STEPS[name](native[0], np.ones(2, dtype), native[1])
        swapped = STEPS[name](swapped[0].astype(other), np.ones(2, other), swapped[1])
        for array, expected in zip((swapped[0], *swapped[1]), (native[0], *native[1])):
            np.testing.assert_array_equal(array, expected)
            assert not isinstance(array, np.ndarray) or array.dtype == other


@each
def test_an_optimizer_writes_to_no_parameter(name):
    given = [np.ones(3), np.array(2.0)]
    optimizer = getattr(optim, name)(given)
    first = optimizer.step([np.ones(3), np.array(1.0)])
    kept = [array.copy() for array in first]
    optimizer.step([np.ones(3), np.array(1.0)])
    assert (given[0] == 1).all()
    assert given[1] == 2
    for one, other in zip(first, kept):
        np.testing.assert_array_equal(one, other, strict=True)


@each
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 0.0, 1e300, 1e-300])
def test_extremes_are_those_of_pytorch(name, number):
    eps = {} if name == "SGD" else {"eps": 0}
    param, grad = np.array([1.0, number, number]), np.array([number, 1.0, number])
    tensor = torch.nn.Parameter(torch.from_numpy(param.copy()))
    theirs = getattr(torch.optim, name)([tensor], **eps)
    ours = getattr(optim, name)([param], **eps)
    for _ in range(2):
        tensor.grad = torch.from_numpy(grad.copy())
        theirs.step()
        (found,) = ours.step([grad])
        np.testing.assert_allclose(found, tensor.detach().numpy(), rtol=1e-15)


# Groups, names, frozen parameters -----------------------------------------------------


@each
def test_a_frozen_parameter_keeps_its_array_and_its_state(name):
    w, b = np.ones(2), np.ones(3)
    optimizer = getattr(optim, name)({"w": w, "b": b}, lr=0.5)
    optimizer.step({"w": np.ones(2), "b": np.ones(3)})
    before, kept = optimizer.params, arrays_of(optimizer.state_dict())
    after = optimizer.step({"w": np.ones(2), "b": None})
    assert after["b"] is before["b"]
    assert after["w"] is not before["w"]
    for (k, label), array in arrays_of(optimizer.state_dict()).items():
        if k == 1:
            np.testing.assert_array_equal(array, kept[k, label], strict=True)


def test_groups_have_settings_of_their_own():
    groups = [{"params": [np.array([1.0])], "lr": 0.5}, {"params": np.array([2.0])}]
    optimizer = optim.SGD(iter(groups), lr=0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.25]
    optimizer.add_param_group({"params": iter([np.array([3.0])]), "lr": 1})
    one = np.array([1.0])
    assert np.concatenate(optimizer.step((one, one, one))).tolist() == [0.5, 1.75, 2]
    assert "params" in groups[0]
    assert "momentum" not in groups[0]


@pytest.mark.parametrize(
    "params",
    [
        {"w": np.ones(1), "b": np.ones(2)},
        [("w", np.ones(1)), ("b", np.ones(2))],
        [{"params": {"w": np.ones(1)}}, {"params": [("b", np.ones(2))]}],
    ],
    ids=["dict", "pairs", "groups"],
)
def test_parameters_may_have_names(params):
    optimizer = optim.SGD(params, lr=1)
    moved = optimizer.step({"b": np.ones(2), "w": np.ones(1)})
    assert list(moved) == ["w", "b"]
    assert not any(array.any() for array in moved.values())
    names = [k for group in optimizer.param_groups for k in group["param_names"]]
    assert names == ["w", "b"]


def test_a_group_may_be_empty():
    optimizer = optim.Adam([{"params": []}])
    assert optimizer.step([]) == []


def test_a_wrong_gradient_moves_nothing():
    optimizer = optim.Adam([np.ones(2), np.ones(3)])
    optimizer.step([np.ones(2), np.ones(3)])
    params, kept = optimizer.params, arrays_of(optimizer.state_dict())
    with pytest.raises(ValueError, match="parameter 1"):
        optimizer.step([np.ones(2), np.ones(2)])
    for one, other in zip(optimizer.params, params):
        assert one is other
    for key, array in arrays_of(optimizer.state_dict()).items():
        np.testing.assert_array_equal(array, kept[key], strict=True)


# Saving and loading -------------------------------------------------------------------


def grads_of(optimizer, seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(array.shape) for array in optimizer.params]


@each
def test_training_goes_on_from_a_state_dict_to_the_last_bit(name):
    draw = seeded_draw(6)
    for _ in range(10):
        given = settings(name, draw)
        groups = [{"params": [np.ones((2, 3))], "lr": 0.25}, {"params": [np.ones(4)]}]
        first = getattr(optim, name)(groups, **given)
        for t in range(3):
            first.step(grads_of(first, t))
        saved = first.state_dict()
        again = getattr(optim, name)([{"params": [w]} for w in first.params])
        again.load_state_dict(saved)
        for t in range(3, 6):
            one, other = (o.step(grads_of(first, t)) for o in (first, again))
            for a, b in zip(one, other):
                np.testing.assert_array_equal(a, b, strict=True)
        for array in arrays_of(saved).values():
            array[...] = 7
        assert all((a != 7).all() for a in arrays_of(again.state_dict()).values())


@each
def test_pytorch_and_cnnref_load_the_states_of_each_other(name):
    draw = seeded_draw(7)
    for _ in range(5):
        *_, (ours, tensors, theirs) = run(name, draw, "f8", 5)
        back = getattr(optim, name)(
            [
                {"params": {k: tensors[k] for k in g["param_names"]}}
                for g in ours.param_groups
            ]
        )
        saved = theirs.state_dict()
        saved["state"] = {
            k: {label: tensor.numpy() for label, tensor in state.items()}
            for k, state in saved["state"].items()
        }
        back.load_state_dict(saved)
        mine = ours.state_dict()
        states = {
            k: {label: torch.from_numpy(a) for label, a in state.items()}
            for k, state in mine["state"].items()
        }
        leaves = {
            k: torch.nn.Parameter(torch.tensor(a)) for k, a in ours.params.items()
        }
        there = getattr(torch.optim, name)(
            [
                {"params": [(k, leaves[k]) for k in g["param_names"]]}
                for g in ours.param_groups
            ]
        )
        there.load_state_dict({"state": states, "param_groups": mine["param_groups"]})
        grads = {k: np.ones_like(a) for k, a in ours.params.items()}
        for k, leaf in leaves.items():
            leaf.grad = torch.from_numpy(grads[k])
        there.step()
        ours.step(grads)
        back.step(grads)
        for k, array in ours.params.items():
            np.testing.assert_allclose(leaves[k].detach(), array, rtol=1e-12)
            np.testing.assert_allclose(back.params[k], array, rtol=1e-9, atol=1e-9)


def test_a_state_dict_has_the_keys_of_pytorch():
    """Before and after a first step, and with the same settings in the groups."""
    for name in OPTIMIZERS:
        ours = getattr(optim, name)({"w": np.ones(2)})
        tensor = torch.nn.Parameter(torch.ones(2))
        theirs = getattr(torch.optim, name)([("w", tensor)])
        for _ in range(2):
            one, other = ours.state_dict(), theirs.state_dict()
            assert arrays_of(one).keys() == arrays_of(other).keys()
            (mine,), (group,) = one["param_groups"], other["param_groups"]
            assert mine == {k: v for k, v in group.items() if k not in ABSENT}
            tensor.grad = torch.ones(2)
            theirs.step()
            ours.step({"w": np.ones(2)})


def test_adamw_keeps_its_decay_decoupled_when_it_loads_the_state_of_adam():
    adam = optim.Adam([np.ones(2)])
    adam.step([np.ones(2)])
    adamw = optim.AdamW(adam.params)
    adamw.load_state_dict(adam.state_dict())
    assert adamw.param_groups[0]["decoupled_weight_decay"] is True


def test_adagrads_sums_begin_with_the_optimizers_own_value():
    """As in PyTorch a group has no say in it; unlike there it may come later."""
    group = {"params": [np.ones(1)], "initial_accumulator_value": 3}
    optimizer = optim.Adagrad([group], initial_accumulator_value=2)
    optimizer.add_param_group({"params": [np.ones(2)]})
    states = arrays_of(optimizer.state_dict())
    assert [states[k, "sum"].tolist() for k in (0, 1)] == [[2], [2, 2]]
    optimizer.step([None, np.ones(2)])
