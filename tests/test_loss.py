"""The losses: extremes, known answers, dtypes, exactness and warnings."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from operations import few_calls, named

from cnnref import functional
from cnnref.verify import Call, torch_sweep

INF, NAN = np.inf, np.nan
DISTANCES = ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"]
BINARY = ["binary_cross_entropy", "binary_cross_entropy_with_logits"]
CLASSES = ["nll_loss", "cross_entropy"]
ENTRYWISE = [*DISTANCES, "kl_div", *BINARY]
LEGACY = [n for n in [*ENTRYWISE, *CLASSES] if n != "huber_loss"]


def agree(name, **arguments):
    """Compare a call with PyTorch's, and its gradients under an uneven g."""
    arrays = {k: v for k, v in arguments.items() if isinstance(v, np.ndarray)}
    settings = {k: v for k, v in arguments.items() if k not in arrays}
    call = Call(arrays, settings)
    function = getattr(functional, name)
    assert torch_sweep(name, [call]).disagreement(function) is None
    y = call.of(function)
    g = np.asarray(2 - np.arange(y.size, dtype=y.dtype).reshape(y.shape))
    call, name = call.replace(grad_output=g), f"{name}_backward"
    assert torch_sweep(name, [call]).disagreement(getattr(functional, name)) is None


# Extremes -----------------------------------------------------------------------------

ENDS = np.array([INF, -INF, NAN, 1000.0, -1000.0, 1e300, -0.0, 0.5, 5e-324])


def pairs(first, second):
    """Return every pair, as two arrays."""
    return tuple(a.copy() for a in np.meshgrid(first, second))


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", DISTANCES)
def test_extreme_distances(name, reduction):
    x, t = pairs(ENDS, ENDS)
    agree(name, input=x, target=t, reduction=reduction)
    if name != "smooth_l1_loss":
        w = np.linspace(0, 1, x.size).reshape(x.shape)
        agree(name, input=x, target=t, weight=w, reduction=reduction)


@pytest.mark.parametrize("bend", [0.5, 1000.0, INF])
@pytest.mark.parametrize("setting", ["smooth_l1_loss beta", "huber_loss delta"])
def test_lines_that_begin_far_out(setting, bend):
    name, setting = setting.split()
    x, t = pairs(ENDS, [0.0])
    agree(name, input=x, target=t, reduction="none", **{setting: bend})


@pytest.mark.parametrize("log_target", [False, True])
def test_extreme_divergences(log_target):
    """A negative probability has no logarithm: its loss is NaN."""
    x, t = pairs(
        [-INF, NAN, -1000.0, 0.0, 1.0], [0.0, 1.0, -1.0, INF, -INF, NAN, 1e-308]
    )
    agree("kl_div", input=x, target=t, log_target=log_target, reduction="none")


def test_extreme_probabilities():
    x, t = pairs([0.0, 1.0, 5e-324, 1e-300, 1e-20, 1 - 2**-53, 0.5], [0.0, 1.0, 0.25])
    agree("binary_cross_entropy", input=x, target=t, reduction="none")
    agree("binary_cross_entropy", input=x, target=t, weight=5 * x, reduction="sum")


def test_the_logarithms_of_certain_probabilities_are_at_least_minus_100():
    x, t = np.array([0.0, 1.0]), np.array([1.0, 0.0])
    losses = functional.binary_cross_entropy(x, t, reduction="none")
    np.testing.assert_array_equal(losses, [100, 100])
    gradient = functional.binary_cross_entropy_backward(
        np.ones(2), x, t, reduction="none"
    )
    np.testing.assert_allclose(gradient.input, [-1e12, 1e12], rtol=1e-7)
    np.testing.assert_array_equal(gradient.target, [INF, -INF])


@pytest.mark.parametrize("v", [None, 0.5, 3.0])
def test_extreme_logits(v):
    x, t = pairs(ENDS, [0.0, 0.25, 1.0, 2.0, -1.0])
    weights = {} if v is None else {"pos_weight": np.array(v)}
    name = "binary_cross_entropy_with_logits"
    agree(name, input=x, target=t, reduction="none", **weights)


SCORES = np.array(
    [
        [1000.0, -1000.0, 0.0],
        [INF, 0.0, 0.0],
        [-INF, 0.0, 1.0],
        [-INF, -INF, -INF],
        [NAN, 0.0, 0.0],
    ]
)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("t", [0, 1, -100])
def test_extreme_scores(name, t):
    """An ignored row has no loss, even if it is NaN; its gradient may be NaN."""
    for row in SCORES:
        agree(name, input=row[None], target=np.array([t]), reduction="none")
    target = np.full(len(SCORES), t)
    for reduction in ("none", "mean", "sum"):
        agree(name, input=SCORES, target=target, reduction=reduction)


@pytest.mark.parametrize("smoothing", [0.0, 0.25, 1.0])
def test_extreme_scores_beside_probabilities(smoothing):
    for row in SCORES:
        for y in np.eye(3):
            call = {"input": row[None], "target": y[None], "label_smoothing": smoothing}
            agree("cross_entropy", **call, reduction="none")
            call["target"] = y[None].argmax(1)
            agree("cross_entropy", **call, reduction="none")


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("target", [[-100, -100], [0, 0], [0, -100], [0, 1]])
def test_weights_of_0_and_targets_without_a_loss(name, reduction, target):
    """Nothing by nothing is NaN; a gradient is 0 where the target is ignored."""
    x = np.array([[1.0, -1.0, 2.0], [0.0, 3.0, 1.0]])
    call = {"input": x, "target": np.array(target), "reduction": reduction}
    agree(name, **call)
    agree(name, **call, weight=np.array([0.0, 1.0, 2.0]))
    agree(name, **call, weight=np.zeros(3))


def test_a_mean_by_weights_of_0():
    x = np.array([[1.0, -1.0], [0.0, 3.0]])
    for name in ("mse_loss", "l1_loss", "huber_loss"):
        for reduction in ("none", "mean", "sum"):
            w = np.zeros((2, 2))
            agree(name, input=x, target=x + 1, weight=w, reduction=reduction)


# Known answers ------------------------------------------------------------------------


def test_known_distances():
    x, t = np.array([[1.0, 5.0], [0.0, 2.0]]), np.array([[0.0, 1.0], [0.5, 2.0]])
    w = np.array([[1.0, 2.0], [4.0, 1.0]])
    assert functional.mse_loss(x, t) == (1 + 16 + 0.25 + 0) / 4
    assert functional.mse_loss(x, t, weight=w) == (1 + 32 + 1 + 0) / 8
    assert functional.l1_loss(x, t) == (1 + 4 + 0.5 + 0) / 4
    assert functional.l1_loss(x, t, weight=w) == (1 + 8 + 2 + 0) / 8
    assert functional.smooth_l1_loss(x, t, beta=2) == (0.25 + 3 + 0.0625 + 0) / 4
    assert functional.huber_loss(x, t, delta=2) == (0.5 + 6 + 0.125 + 0) / 4
    assert functional.huber_loss(x, t, delta=2, weight=w) == (0.5 + 12 + 0.5 + 0) / 4


def test_known_entropies():
    """With probabilities that are powers of 2, losses are whole numbers of bits."""
    bit, p = np.log(2), np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]])
    t, w = np.array([1, 2]), np.array([1.0, 2.0, 4.0])
    close = pytest.approx
    assert functional.nll_loss(np.log(p), t) / bit == close((2 + 3) / 2)
    assert functional.nll_loss(np.log(p), t, w) / bit == close((4 + 12) / 6)
    assert functional.nll_loss(np.log(p), t, ignore_index=1) / bit == close(3)
    shifted = np.log(p) + np.array([[7.0], [-3.0]])
    assert functional.cross_entropy(shifted, t) / bit == close((2 + 3) / 2)
    y = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 3.0]])
    assert functional.cross_entropy(shifted, y) / bit == close((4 + 9) / 2)
    half = functional.cross_entropy(shifted[:1], t[:1], label_smoothing=0.5)
    assert half / bit == close(2 / 2 + (1 + 2 + 2) / 6)
    assert functional.binary_cross_entropy(p[0], p[0] * 0) / bit == close(
        (1 + 2 * np.log2(4 / 3)) / 3
    )
    logits = np.log(p[0] / (1 - p[0]))
    assert functional.binary_cross_entropy_with_logits(
        logits, np.ones(3), pos_weight=np.array([1.0, 2.0, 3.0])
    ) / bit == close((1 + 4 + 6) / 3)
    uniform = np.log(np.full((2, 4), 0.25))
    one_hot = np.eye(4)[:2]
    total = functional.kl_div(uniform, one_hot, reduction="batchmean")
    assert total / bit == close(2)


def test_the_l2_penalty_is_frobenius_with_a_half():
    w = np.array([[3.0, 0.0], [0.0, 4.0]])
    penalty = functional.l2_penalty(w, 0.1)
    assert penalty == pytest.approx(0.1 / 2 * np.linalg.norm(w, "fro") ** 2)
    assert penalty != pytest.approx(0.1 / 2 * np.linalg.norm(w, 2) ** 2)


def test_the_l2_penalty_is_the_weight_decay_of_sgd():
    w, gradient, lr, decay = np.array([1.0, -2.0]), np.array([0.5, 0.25]), 0.1, 0.3
    theirs = torch.tensor(w, requires_grad=True)
    theirs.grad = torch.tensor(gradient)
    torch.optim.SGD([theirs], lr=lr, weight_decay=decay).step()
    added = functional.l2_penalty_backward(np.array(1.0), w, decay)
    np.testing.assert_allclose(
        w - lr * (gradient + added), theirs.detach().numpy(), rtol=1e-15
    )


def test_a_gradient_of_cross_entropy_has_the_sum_0():
    """∂L/∂z = (Σ y)·p − y: both sides of the minus have the sum Σ y."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 5, 3, 4))
    gradient = functional.cross_entropy_backward(np.array(1.0), x, y).input
    np.testing.assert_allclose(gradient.sum(1), 0, atol=1e-15)
    p = functional.softmax(x, 1)
    expected = (y.sum(1, keepdims=True) * p - y) / 20
    np.testing.assert_allclose(gradient, expected, atol=1e-15)


def test_huber_is_delta_times_smooth_l1():
    x, t = np.random.default_rng(0).normal(size=(2, 50))
    huber = functional.huber_loss(x, t, "none", 0.75)
    smooth = functional.smooth_l1_loss(x, t, reduction="none", beta=0.75)
    np.testing.assert_allclose(huber, 0.75 * smooth, rtol=1e-15)


def test_one_number_of_one_axis_is_one_class():
    """PyTorch takes it forward, and has no gradient of it."""
    x = np.array([0.0, 1.0, 2.0])
    for name in CLASSES:
        loss = getattr(functional, name)
        for reduction in ("none", "mean"):
            y = loss(x, np.array([1]), reduction=reduction)
            twin = getattr(torch.nn.functional, name)
            expected = twin(torch.tensor(x), torch.tensor([1]), reduction=reduction)
            assert y.shape == tuple(expected.shape) == ()
            assert y == pytest.approx(expected.item())
        got = getattr(functional, f"{name}_backward")(np.array(1.0), x, np.array([1]))
        got = getattr(got, "input", got)
        right = getattr(functional, f"{name}_backward")(np.array(1.0), x, np.array(1))
        np.testing.assert_array_equal(got, getattr(right, "input", right))


# Dtypes -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ENTRYWISE, *CLASSES])
def test_half_precision_is_as_in_pytorch_up_to_rounding(name):
    for call in few_calls(name):
        arrays = {
            k: a.astype("f2") if a.dtype.kind == "f" else a
            for k, a in call.arrays.items()
        }
        call = Call(arrays, call.settings)
        expected = torch_sweep(name, [call]).expected(call)
        result = call.of(getattr(functional, name))
        assert result.dtype == expected.dtype == np.float16
        np.testing.assert_allclose(result, expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("name", [*ENTRYWISE, *CLASSES])
def test_gradients_of_half_precision_are_in_half_precision(name):
    for call in few_calls(f"{name}_backward"):
        half, single = (
            {
                k: a.astype(dtype) if a.dtype.kind == "f" else a
                for k, a in call.arrays.items()
            }
            for dtype in ("f2", "f4")
        )
        backward = getattr(functional, f"{name}_backward")
        expected = named(Call(single, call.settings).of(backward))
        for argument, array in named(Call(half, call.settings).of(backward)).items():
            assert array.dtype == np.float16
            with np.errstate(over="ignore"):
                near = expected[argument].astype("f2")
            np.testing.assert_allclose(array, near, rtol=0.02, atol=0.02)


# Exactness ----------------------------------------------------------------------------

POLYNOMIAL = ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "nll_loss"]


def is_nan(name, arrays, settings):
    """Say whether the forward call takes a mean of nothing."""
    forward = getattr(functional, name.removesuffix("_backward"))
    arrays = {k: a for k, a in arrays.items() if k != "grad_output"}
    y = Call(arrays, settings).of(forward)
    return y.ndim == 0 and bool(np.isnan(y))


@pytest.mark.parametrize("name", [n + b for n in POLYNOMIAL for b in ("", "_backward")])
def test_fractions_stay_exact(name):
    """Sevenths: no float holds them, so a float on the way would show."""
    function = getattr(functional, name)
    sevenths = np.vectorize(lambda x: Fraction(x) * 8 / 7, otypes=[object])
    compared = 0
    for call in few_calls(name):
        arrays = {
            k: sevenths(a) if a.dtype.kind == "f" else a for k, a in call.arrays.items()
        }
        near = {
            k: a.astype(float) if a.dtype == object else a for k, a in arrays.items()
        }
        expected = named(Call(near, call.settings).of(function))
        if is_nan(name, near, call.settings):
            with pytest.raises(ValueError, match="0/0, and exact entries have no NaN"):
                Call(arrays, call.settings).of(function)
            continue
        for argument, array in named(Call(arrays, call.settings).of(function)).items():
            assert array.dtype == object
            assert {type(entry) for entry in array.flat} <= {int, Fraction}
            np.testing.assert_allclose(
                array.astype(float), expected[argument], rtol=1e-12, atol=1e-12
            )
            compared += array.size
    assert compared > 100


# Warnings -----------------------------------------------------------------------------

HALF = np.full((2, 3), 0.5)
TARGETS = dict.fromkeys(ENTRYWISE, HALF) | dict.fromkeys(CLASSES, np.array([0, 2]))


def warned(name, match, target=None, **settings):
    """Call both directions, which warn at their caller's line, and PyTorch."""
    target = TARGETS[name] if target is None else target
    with pytest.warns(UserWarning, match="deprecated|broadcast|batchmean") as theirs:
        y = getattr(torch.nn.functional, name)(
            torch.tensor(HALF), torch.tensor(target), **settings
        )
    with pytest.warns(UserWarning, match=f"^{name}: {match}") as ours:
        result = getattr(functional, name)(HALF, target, **settings)
    np.testing.assert_allclose(result, y.numpy(), rtol=1e-12, strict=True)
    with pytest.warns(UserWarning, match=f"^{name}_backward: {match}") as back:
        getattr(functional, f"{name}_backward")(
            np.zeros_like(result), HALF, target, **settings
        )
    assert len(ours) == len(back) == len(theirs) == 1
    assert ours[0].filename == back[0].filename == __file__


@pytest.mark.parametrize("name", DISTANCES)
def test_what_broadcasts_is_warned_of(name):
    warned(name, r"input \(2, 3\) and target \(3,\) differ", HALF[0])


@pytest.mark.parametrize(
    ("size_average", "reduce"), list(product((False, True, None), repeat=2))[:-1]
)
@pytest.mark.parametrize("name", LEGACY)
def test_the_legacy_arguments_are_warned_of(name, size_average, reduce):
    said = "size_average and reduce are deprecated, use reduction='"
    warned(name, said, size_average=size_average, reduce=reduce)


@pytest.mark.parametrize("name", [*ENTRYWISE, *CLASSES])
def test_an_old_word_for_the_mean_is_warned_of(name):
    said = "reduction='elementwise_mean' is deprecated, use reduction='mean'"
    warned(name, said, reduction="elementwise_mean")


def test_the_mean_of_a_divergence_is_warned_of():
    warned("kl_div", "reduction='mean' divides by all entries")


def test_a_divergence_broadcasts_without_a_warning():
    """As in PyTorch; warnings are errors in these tests."""
    agree("kl_div", input=HALF, target=HALF[0], reduction="batchmean")
    functional.kl_div(HALF, HALF[0], reduction="sum")
