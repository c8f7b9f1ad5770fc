"""Wrong calls of the losses: PyTorch rejects each, and so do we, in words."""

import re

import numpy as np
import pytest
from refusals import refusal, refused_by_all, run, run_torch, wrong_of

from cnnref import functional

ones = np.ones
PAIR = {"input": ones((2, 3)) / 2, "target": ones((2, 3)) / 4}
DISTANCES = ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"]
WEIGHTED = ["mse_loss", "l1_loss", "huber_loss"]
PROBABILITY, LOGIT = "binary_cross_entropy", "binary_cross_entropy_with_logits"
BINARY = [PROBABILITY, LOGIT]
ENTRYWISE = [*DISTANCES, "kl_div", *BINARY]
CLASSES = ["nll_loss", "cross_entropy"]
SCORES = {"input": ones((2, 3)), "target": np.array([0, 2])}
RIGHT = dict.fromkeys(ENTRYWISE, PAIR) | dict.fromkeys(CLASSES, SCORES)
ALL = [*ENTRYWISE, *CLASSES]


def wrong(message, error=ValueError, names=ALL, **changes):
    names = [names] if isinstance(names, str) else names
    return wrong_of(names, message, error, **changes)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ALL)
def test_the_right_call_is_accepted(name):
    expected = run_torch(name, RIGHT[name])
    np.testing.assert_allclose(run(name, RIGHT[name]), expected, rtol=1e-12)
    gradient = run(f"{name}_backward", {"grad_output": np.array(1.0)} | RIGHT[name])
    assert getattr(gradient, "input", gradient).shape == (2, 3)


BAD = np.array([[0.5, 1.5, 0.0], [0.0, 1.0, 0.5]])
BELOW = np.array([[0.5, 0.5, 0.0], [0.0, -0.25, 0.5]])
UNKNOWN = np.array([[0.5, 0.5, np.nan], [0.0, 1.0, 0.5]])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        # Reductions
        *wrong("one of 'none', 'mean', 'sum'.* not 'abc'", reduction="abc"),
        *wrong("reduction must be one of .* not None", reduction=None),
        *wrong("not 'batchmean'", names=[*DISTANCES, *BINARY], reduction="batchmean"),
        # Shapes
        *wrong(
            r"input \(2, 3\) and target \(2, 2\) do not broadcast",
            names=[*DISTANCES, "kl_div"],
            target=ones((2, 2)),
        ),
        *wrong(
            r"weight must have the shape \(2, 3\), not \(3,\)",
            names=WEIGHTED,
            weight=ones(3),
        ),
        *wrong(
            r"weight must have the shape \(2, 3\), not \(1, 3\)",
            names=WEIGHTED,
            weight=ones((1, 3)),
        ),
        *wrong(
            r"target must have the shape \(2, 3\), not \(3,\)",
            names=BINARY,
            target=ones(3),
        ),
        *wrong(
            r"weight \(2,\) does not broadcast to \(2, 3\)",
            names=BINARY,
            weight=ones(2),
        ),
        *wrong(
            r"weight \(4, 2, 3\) does not broadcast to \(2, 3\)",
            names=BINARY,
            weight=ones((4, 2, 3)),
        ),
        *wrong(
            r"pos_weight \(2,\) does not broadcast to \(2, 3\)",
            names=LOGIT,
            pos_weight=ones(2),
        ),
        *wrong(
            r"target must have the shape \(2,\), not \(1,\)",
            names=CLASSES,
            target=np.array([1]),
        ),
        *wrong(r"shape \(2,\), not \(\)", names=CLASSES, target=np.array(1)),
        *wrong(
            r"target must have the shape \(2, 4\), not \(2, 5\)",
            names=CLASSES,
            input=ones((2, 3, 4)),
            target=ones((2, 5), "i8"),
        ),
        *wrong(
            r"target must have the shape \(\), not \(2,\)",
            names=CLASSES,
            input=ones(3),
        ),
        *wrong(
            r"weight must have the shape \(3,\), not \(2,\)",
            names=CLASSES,
            weight=ones(2),
        ),
        *wrong(r"shape \(3,\), not \(1, 3\)", names=CLASSES, weight=ones((1, 3))),
        *wrong(
            r"shape \(3,\), not \(\)",
            names="cross_entropy",
            target=ones((2, 3)),
            weight=np.array(1.0),
        ),
        *wrong("needs an axis of classes", names=CLASSES, input=np.array(1.0)),
        *wrong("no elements along C", names=CLASSES, input=ones((2, 0))),
        # Targets
        *wrong(
            r"target 3 at \(1,\) is none of the 3 classes",
            names=CLASSES,
            target=np.array([0, 3]),
        ),
        *wrong(
            r"target -1 at \(0,\) is none of the 3 classes",
            names=CLASSES,
            target=np.array([-1, 3]),
        ),
        *wrong(
            r"target 2 at \(0, 1\) is none of the 2 classes",
            names=CLASSES,
            input=ones((1, 2, 2)),
            target=np.array([[0, 2]]),
        ),
        *wrong(
            "target -100 at",
            names=CLASSES,
            target=np.array([0, -100]),
            ignore_index=0,
        ),
        *wrong(
            "indices of int64 or uint8, not int32",
            TypeError,
            CLASSES,
            target=np.array([0, 2], "i4"),
        ),
        *wrong("has dtype float64, not int", TypeError, CLASSES, target=ones(2)),
        *wrong("has dtype bool, not int", TypeError, CLASSES, target=ones(2, "?")),
        *wrong(
            "has dtype float64, not int", TypeError, "nll_loss", target=ones((2, 3))
        ),
        *wrong(
            "target has dtype int64, not floats",
            TypeError,
            "cross_entropy",
            target=ones((2, 3), "i8"),
        ),
        *wrong(
            "ignore_index = 1 does not go with probabilities",
            names="cross_entropy",
            target=ones((2, 3)),
            ignore_index=1,
        ),
        # Probabilities
        *wrong(
            r"input must be .* 1, not 1\.5 at \(0, 1\)", names=PROBABILITY, input=BAD
        ),
        *wrong(r"not -0\.25 at \(1, 1\)", names=PROBABILITY, input=BELOW),
        *wrong(r"input must .* not nan", names=PROBABILITY, input=UNKNOWN),
        *wrong(r"target must .* not 1\.5", names=PROBABILITY, target=BAD),
        *wrong(r"target must .* not -0\.25", names=PROBABILITY, target=BELOW),
        *wrong(r"target must .* not nan", names=PROBABILITY, target=UNKNOWN),
        # Settings
        *wrong("beta must be at least 0, got -1", names="smooth_l1_loss", beta=-1),
        *wrong("beta must .* got nan", names="smooth_l1_loss", beta=np.nan),
        *wrong("a number, got None", TypeError, "smooth_l1_loss", beta=None),
        *wrong("delta must be more than 0, got 0", names="huber_loss", delta=0),
        *wrong("delta must be more than 0, got -1", names="huber_loss", delta=-1),
        *wrong("delta must .* got nan", names="huber_loss", delta=np.nan),
        *wrong("delta must be a number, got 'a'", TypeError, "huber_loss", delta="a"),
        *wrong("log_target .* bool, got 1", TypeError, "kl_div", log_target=1),
        *wrong("log_target .* got None", TypeError, "kl_div", log_target=None),
        *wrong(
            r"label_smoothing must be from 0 to 1, got 1\.5",
            names="cross_entropy",
            label_smoothing=1.5,
        ),
        *wrong(
            "label_smoothing must be a number, got 'a'",
            TypeError,
            "cross_entropy",
            label_smoothing="a",
        ),
        *wrong(r"integer, got 1\.0", TypeError, CLASSES, ignore_index=1.0),
        *wrong("integer, got True", TypeError, CLASSES, ignore_index=True),
        *wrong("integer, got None", TypeError, CLASSES, ignore_index=None),
        # What the arrays are
        *wrong("input must be a NumPy array, not list", TypeError, input=[1.0]),
        *wrong("target must be a NumPy array, not list", TypeError, target=[1.0]),
        *wrong("target must be .* not NoneType", TypeError, target=None),
        *wrong(
            "weight must be .* not list",
            TypeError,
            [*WEIGHTED, *BINARY, *CLASSES],
            weight=[1.0, 1.0, 1.0],
        ),
        *wrong(
            "has dtype int64, not floats",
            TypeError,
            [n for n in ALL if n not in ("l1_loss", LOGIT)],
            input=ones((2, 3), "i8"),
            target=ones((2, 3), "i8"),
        ),
        *wrong(
            "input has dtype complex128, not floats",
            TypeError,
            ["nll_loss", "cross_entropy"],
            input=ones((2, 3), "c16"),
        ),
        *wrong(
            "input is float64 but target is float32",
            TypeError,
            PROBABILITY,
            target=ones((2, 3), "f4"),
        ),
        *wrong(
            "input is float64 but weight is float32",
            TypeError,
            CLASSES,
            weight=ones(3, "f4"),
        ),
    ],
)
def test_a_wrong_call_is_refused(name, changes, error, message):
    refused_by_all(name, RIGHT[name] | changes, error, message)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ALL)
def test_the_gradient_has_the_shape_of_the_output(name):
    backward = f"{name}_backward"
    shape = run_torch(name, RIGHT[name] | {"reduction": "none"}).shape
    one, many = np.array(1.0), ones(tuple(shape))
    said = re.escape(str(tuple(shape)))
    arguments = RIGHT[name] | {"grad_output": one, "reduction": "none"}
    refusal(backward, arguments, ValueError, rf"shape {said}, not \(\)")
    arguments = RIGHT[name] | {"grad_output": many, "reduction": "sum"}
    refusal(backward, arguments, ValueError, rf"shape \(\), not {said}")
    arguments = RIGHT[name] | {"grad_output": np.array(1.0, "f4")}
    refusal(backward, arguments, TypeError, "float64 but grad_output is float32")


# The penalty, which is ours alone -----------------------------------------------------


@pytest.mark.parametrize(
    ("weight", "decay", "error", "message"),
    [
        ([1.0], 0.5, TypeError, "weight must be a NumPy array, not list"),
        (ones(2, "i8"), 0.5, TypeError, "weight has dtype int64, not floats"),
        (ones(2), -0.5, ValueError, r"weight_decay must be at least 0, got -0\.5"),
        (ones(2), np.nan, ValueError, "weight_decay must be at least 0, got nan"),
        (ones(2), None, TypeError, "weight_decay must be a number, got None"),
    ],
)
def test_a_wrong_penalty_is_refused(weight, decay, error, message):
    with pytest.raises(error, match=f"^l2_penalty: {message}"):
        functional.l2_penalty(weight, decay)
    with pytest.raises(error, match=f"^l2_penalty_backward: {message}"):
        functional.l2_penalty_backward(np.array(1.0), weight, decay)


def test_the_gradient_of_a_penalty_is_of_one_number():
    with pytest.raises(ValueError, match=r"output's shape \(\), not \(2,\)"):
        functional.l2_penalty_backward(ones(2), ones(2), 0.5)


# Where PyTorch is more lenient --------------------------------------------------------


@pytest.mark.parametrize("name", [*DISTANCES, "kl_div", LOGIT])
def test_two_dtypes_are_refused(name):
    """PyTorch promotes some pairs, and returns for others the dtype of one of them."""
    arguments = RIGHT[name] | {"target": PAIR["target"].astype("f4")}
    run_torch(name, arguments)
    refusal(name, arguments, TypeError, "input is float64 but target is float32")


def test_a_matrix_whose_square_is_another_is_refused():
    """A difference of np.matrix would be squared as a matrix, not entry by entry."""
    x = np.ones((2, 2)).view(np.matrix)
    refusal("mse_loss", {"input": x, "target": x}, TypeError, "NumPy array, not matrix")


def test_only_float_distances():
    """PyTorch has the l1_loss of integers, without a mean, and of complex numbers."""
    for dtype in ("i8", "c16"):
        arguments = {k: ones((2, 3), dtype) for k in ("input", "target")}
        arguments["reduction"] = "sum"
        assert run_torch("l1_loss", arguments) == 0
        refusal("l1_loss", arguments, TypeError, "input has dtype .*, not floats")


def test_probabilities_of_another_dtype_are_refused():
    arguments = RIGHT["cross_entropy"] | {"target": ones((2, 3), "f4")}
    run_torch("cross_entropy", arguments)
    refusal("cross_entropy", arguments, TypeError, "float64 but target is float32")


def test_a_negative_label_smoothing_is_refused():
    """PyTorch takes it for 0."""
    right = RIGHT["cross_entropy"]
    arguments = right | {"label_smoothing": -0.1}
    assert run_torch("cross_entropy", arguments) == run_torch("cross_entropy", right)
    message = r"label_smoothing must be from 0 to 1, got -0\.1"
    refusal("cross_entropy", arguments, ValueError, message)


def test_a_divergence_is_not_divided_twice():
    """PyTorch divides by what ``size_average`` says, and by the batch once more."""
    arguments = RIGHT["kl_div"] | {"reduction": "batchmean", "size_average": True}
    mean = run_torch("kl_div", RIGHT["kl_div"] | {"reduction": "mean"})
    assert run_torch("kl_div", arguments) == mean / 2
    message = "size_average and reduce exclude reduction='batchmean'"
    refusal("kl_div", arguments, ValueError, message)


@pytest.mark.parametrize("name", ["mse_loss", "nll_loss"])
def test_an_exact_mean_of_nothing_is_refused(name):
    """Of floats it is NaN."""
    empty = {k: a[:0] for k, a in RIGHT[name].items()}
    assert np.isnan(getattr(functional, name)(**empty))
    exact = {k: a.astype(object) if a.dtype == float else a for k, a in empty.items()}
    refusal(name, exact, ValueError, "a mean over nothing is 0/0")


# Where PyTorch is less lenient --------------------------------------------------------


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", WEIGHTED)
def test_the_old_word_for_the_mean_goes_with_weights_too(name):
    arguments = RIGHT[name] | {"weight": ones((2, 3)), "reduction": "elementwise_mean"}
    with pytest.raises(ValueError, match="Invalid reduction mode: elementwise_mean"):
        run_torch(name, arguments)
    expected = getattr(functional, name)(**arguments | {"reduction": "mean"})
    assert getattr(functional, name)(**arguments) == expected


@pytest.mark.parametrize("name", CLASSES)
def test_indices_of_uint8_go_with_positions_too(name):
    target = np.array([[0, 2], [1, 1]], "u1")[:, :, None]
    arguments = {"input": np.random.default_rng(0).normal(size=(2, 3, 2, 1))}
    with pytest.raises(RuntimeError, match="expected scalar type Long but found Byte"):
        run_torch(name, arguments | {"target": target})
    expected = getattr(functional, name)(**arguments, target=target.astype("i8"))
    assert getattr(functional, name)(**arguments, target=target) == expected
