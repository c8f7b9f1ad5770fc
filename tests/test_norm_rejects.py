"""Wrong calls of the normalisations: PyTorch rejects each, and so do we, in words."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from refusals import (
    refusal,
    refused_by_all,
    run,
    run_torch,
    wrong,
    wrong_of,
)

ones = np.ones
X = np.arange(24.0).reshape(2, 4, 3)
STATS = {"running_mean": np.zeros(4), "running_var": ones(4)}
CHANNELS = {"weight": ones(4), "bias": ones(4)}

# A right call of each operation.
RIGHT = {
    "batch_norm": {"input": X} | STATS | CHANNELS,
    "batch_norm_running_stats": {"input": X} | STATS,
    "instance_norm": {"input": X} | STATS | CHANNELS,
    "instance_norm_running_stats": {"input": X} | STATS,
    "group_norm": {"input": X, "num_groups": 2} | CHANNELS,
    "layer_norm": {
        "input": X,
        "normalized_shape": (4, 3),
        "weight": ones((4, 3)),
        "bias": ones((4, 3)),
    },
    "rms_norm": {"input": X, "normalized_shape": (3,), "weight": ones(3)},
    "local_response_norm": {"input": X, "size": 2},
    "normalize": {"input": X},
}


def wrong_type(name, message, **changes):
    return wrong(name, message, TypeError, **changes)


STATISTICAL = ("batch_norm", "instance_norm")
UPDATES = ("batch_norm_running_stats", "instance_norm_running_stats")
WITH_EPS = ("batch_norm", "instance_norm", "group_norm", "layer_norm")


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_call_is_accepted(name):
    got, expected = run(name, RIGHT[name]), run_torch(name, RIGHT[name])
    pairs = zip(got, expected) if isinstance(got, tuple) else [(got, expected)]
    for one, other in pairs:
        np.testing.assert_allclose(one, other.numpy(), rtol=1e-12, strict=True)


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        # Axes
        *wrong_of(
            ("batch_norm", "group_norm", *UPDATES),
            "input must have at least 2 axes, not 1",
            input=ones(4),
        ),
        wrong(
            "instance_norm",
            "input must have at least 2 axes, not 1",
            input=ones(4),
            use_input_stats=False,
        ),
        wrong("local_response_norm", "at least 3 axes, not 2", input=ones((2, 4))),
        # Statistics
        wrong("batch_norm", "evaluation needs running_mean", running_mean=None),
        wrong("batch_norm", "evaluation needs running_var", running_var=None),
        wrong(
            "batch_norm",
            "running_mean and running_var must be given together",
            running_var=None,
            training=True,
        ),
        wrong("instance_norm", "must be given together", running_mean=None),
        wrong(
            "instance_norm",
            "use_input_stats=False needs running_mean",
            use_input_stats=False,
            running_mean=None,
            running_var=None,
        ),
        # One value only
        *wrong_of(
            ("batch_norm_running_stats",),
            "training needs more than one value per channel",
            input=ones((1, 4, 1)),
        ),
        wrong(
            "batch_norm",
            "training needs more than one value per channel",
            input=ones((1, 4)),
            training=True,
        ),
        *wrong_of(
            ("instance_norm", "instance_norm_running_stats"),
            "its own statistics need more than one position per channel",
            input=ones((2, 4, 1)),
        ),
        wrong("instance_norm", "more than one position", input=ones((2, 4))),
        wrong(
            "group_norm",
            "the groups need more than one value each",
            input=ones((1, 4, 1)),
            num_groups=4,
        ),
        # Shapes of what there is one of per channel, or per entry
        *(
            wrong(
                name, rf"{label} must have the shape \(4,\), not \(3,\)", **{label: a}
            )
            for name in ("batch_norm", "instance_norm", "group_norm", *UPDATES)
            for label in ("running_mean", "running_var", "weight", "bias")
            for a in [ones(3)]
            if label in RIGHT[name]
        ),
        wrong("group_norm", r"shape \(4,\), not \(4, 1\)", weight=ones((4, 1))),
        wrong("batch_norm", r"shape \(4,\), not \(\)", bias=np.array(1.0)),
        wrong("layer_norm", r"shape \(4, 3\), not \(3,\)", weight=ones(3)),
        wrong("layer_norm", r"shape \(4, 3\), not \(12,\)", bias=ones(12)),
        wrong("rms_norm", r"shape \(3,\), not \(1,\)", weight=ones(1)),
        *wrong_of(
            ("layer_norm", "rms_norm"),
            r"input must end in the shape \(4,\), not \(2, 4, 3\)",
            normalized_shape=(4,),
        ),
        *wrong_of(
            ("layer_norm", "rms_norm"),
            r"end in the shape \(1, 2, 4, 3\), not",
            normalized_shape=[1, 2, 4, 3],
        ),
        *wrong_of(("layer_norm", "rms_norm"), "at least one axis", normalized_shape=()),
        # Settings
        wrong("group_norm", "C = 4 does not split into 3 groups", num_groups=3),
        wrong("group_norm", "num_groups must be at least 1, got 0", num_groups=0),
        wrong("group_norm", "at least 1, got -2", num_groups=-2),
        wrong_type("group_norm", "integer, got 2.0", num_groups=2.0),
        wrong_type("group_norm", "integer, got True", num_groups=True),
        wrong("batch_norm", "eps must be at least 0, got -1", eps=-1),
        wrong(
            "batch_norm",
            "eps must be positive in training, got 0",
            eps=0,
            training=True,
        ),
        *wrong_of(WITH_EPS, "eps must be a number, got None", TypeError, eps=None),
        *wrong_of(WITH_EPS, "eps must be a number, got 's'", TypeError, eps="s"),
        *wrong_of(
            (*STATISTICAL, *UPDATES),
            "momentum must be a number, got None",
            TypeError,
            momentum=None,
        ),
        wrong_type("batch_norm", "training must be a bool, got 1", training=1),
        wrong_type("instance_norm", "must be a bool, got 0", use_input_stats=0),
        *wrong_of(
            ("layer_norm", "rms_norm"),
            "normalized_shape must be a tuple or list of integers, got 3",
            TypeError,
            normalized_shape=3,
        ),
        wrong_type("layer_norm", "integer, got 3.0", normalized_shape=(4, 3.0)),
        wrong_type("rms_norm", "eps must be a number, got 's'", eps="s"),
        wrong("local_response_norm", "size must be at least 1, got 0", size=0),
        wrong("local_response_norm", "at least 1, got -1", size=-1),
        wrong_type("local_response_norm", "integer, got 2.0", size=2.0),
        wrong_type("local_response_norm", "integer, got True", size=True),
        wrong_type("local_response_norm", "alpha must be a number", alpha=None),
        wrong_type("local_response_norm", "beta must be a number", beta="s"),
        wrong_type("local_response_norm", "k must be a number", k="s"),
        wrong("normalize", "dim = 3 is no axis of an array with 3 axes", dim=3),
        wrong("normalize", "dim = -4 is no axis", dim=(0, -4)),
        wrong("normalize", "dim = 1 is no axis of .* 1 axes", input=ones(3)),
        wrong("normalize", r"names an axis twice: \(0, -3\)", dim=(0, -3)),
        wrong_type("normalize", "dim must be an integer, got 1.0", dim=1.0),
        wrong_type("normalize", "dim must be an integer, got True", dim=True),
        wrong_type("normalize", "p must be a number, got 'a'", p="a"),
        wrong_type("normalize", "p must be a number, got 1j", p=1j),
        wrong_type("normalize", "eps must be a number, got None", eps=None),
        *(
            wrong("normalize", f"p = {p} of no entries", input=ones((2, 0)), p=p)
            for p in (np.inf, -np.inf, -1.0)
        ),
        # What the arrays are
        *wrong_of(
            RIGHT, "input must be a NumPy array, not list", TypeError, input=[[1.0]]
        ),
        *wrong_of(
            [name for name in RIGHT if name != "local_response_norm"],
            "input has dtype int64, not floats",
            TypeError,
            input=X.astype("i8"),
        ),
        *wrong_of(
            [name for name in RIGHT if name not in ("rms_norm", "normalize")],
            "input has dtype complex64, not floats",
            TypeError,
            input=X.astype("c8"),
        ),
        *wrong_of(RIGHT, "input has dtype bool", TypeError, input=X.astype(bool)),
        *(
            wrong_type(
                name,
                f"input is float64 but {label} is float32",
                **{label: ones(4, "f4")},
            )
            for name in ("batch_norm", "group_norm")
            for label in ("running_mean", "running_var", "weight", "bias")
            if label in RIGHT[name]
        ),
        wrong_type("layer_norm", "weight is float32", weight=ones((4, 3), "f4")),
        wrong_type("batch_norm", "weight must be a NumPy array", weight=[1.0] * 4),
    ],
)
def test_a_wrong_call_is_refused(name, changes, error, message):
    refused_by_all(name, RIGHT[name] | changes, error, message, rows=["input"])


@pytest.mark.parametrize("name", [name for name in RIGHT if name not in UPDATES])
@pytest.mark.parametrize("shape", [(2, 4), (2, 4, 2), (1, 4, 3), ()])
def test_a_gradient_of_another_shape_is_refused(name, shape):
    arguments = {"grad_output": ones(shape)} | RIGHT[name]
    with pytest.raises(RuntimeError):
        run_torch(f"{name}_backward", arguments)
    said = ", ".join(map(str, shape)) + "," * (len(shape) == 1)
    message = rf"output's shape \(2, 4, 3\), not \({said}\)"
    refusal(f"{name}_backward", arguments, ValueError, message)


@pytest.mark.parametrize("name", RIGHT)
def test_no_setting_is_read_before_the_arrays_are_checked(name):
    arguments = RIGHT[name] | {"input": "x"}
    refusal(name, arguments, TypeError, "input must be a NumPy array, not str")


# Exact numbers ------------------------------------------------------------------------


def exact(name):
    """Return the right call in fractions."""
    fraction = np.vectorize(lambda x: Fraction(x) + 1, otypes=[object])
    return {
        k: fraction(v) if isinstance(v, np.ndarray) else v
        for k, v in RIGHT[name].items()
    }


@pytest.mark.parametrize(
    ("name", "label", "changes"),
    [
        ("batch_norm", "running_var", {}),
        ("batch_norm", "input", {"training": True}),
        ("instance_norm", "running_var", {"use_input_stats": False}),
        *(
            (name, "input", {})
            for name in RIGHT
            if name not in ("batch_norm", "rms_norm", *UPDATES)
        ),
        ("rms_norm", "input", {"eps": 1}),
        ("normalize", "input", {"p": 3}),
    ],
)
def test_fractions_have_no_roots(name, label, changes):
    """A float in the place of one would be exact no more."""
    arguments = exact(name) | changes
    message = f"{label} holds Fraction: no square root"
    refusal(name, arguments, TypeError, message)
    g = {"grad_output": arguments["input"]}
    refusal(f"{name}_backward", g | arguments, TypeError, message)


def test_symbols_need_their_eps():
    arguments = exact("rms_norm")
    refusal("rms_norm", arguments, ValueError, "eps must be given beside symbols")


# Where PyTorch is more lenient --------------------------------------------------------


@pytest.mark.parametrize("name", STATISTICAL)
def test_a_column_is_no_parameter(name):
    """PyTorch's batch_norm counts its entries only."""
    arguments = RIGHT["batch_norm"] | {"weight": ones((4, 1))}
    assert run_torch("batch_norm", arguments).shape == (2, 4, 3)
    arguments = RIGHT[name] | {"weight": ones((4, 1))}
    message = r"weight must have the shape \(4,\)"
    refusal(name, arguments, ValueError, message, rows=["input"])


def test_no_parameter_is_widened():
    """PyTorch's rms_norm takes any dtype beside its input."""
    arguments = RIGHT["rms_norm"] | {"weight": ones(3, "f4")}
    assert run_torch("rms_norm", arguments).dtype == torch.float64
    message = "input is float64 but weight is float32"
    refusal("rms_norm", arguments, TypeError, message)


def test_complex_numbers_have_no_root_mean_square():
    """PyTorch squares them without their modulus."""
    x = np.array([[1.0, 1j]])
    arguments = {"input": x, "normalized_shape": (2,), "eps": 1.0}
    np.testing.assert_allclose(run_torch("rms_norm", arguments).numpy(), x)
    refusal("rms_norm", arguments, TypeError, "input has dtype complex128, not floats")


def test_integers_have_no_response():
    """PyTorch rounds the mean of their squares down."""
    x = np.array([[[1], [0]]])
    arguments = {"input": x, "size": 2, "alpha": 2.0, "beta": 1.0}
    assert run_torch("local_response_norm", arguments).flatten()[0] == 1.0
    assert run("local_response_norm", arguments | {"input": x + 0.0})[0, 0] == 0.5
    refusal("local_response_norm", arguments, TypeError, "input has dtype int64")


@pytest.mark.parametrize("p", [None, "fro"])
def test_a_norm_has_a_number(p):
    """PyTorch takes both for 2."""
    arguments = RIGHT["normalize"] | {"p": p}
    run_torch("normalize", arguments)
    refusal("normalize", arguments, TypeError, "p must be a number")


@pytest.mark.parametrize("kind", ["", "_backward"])
def test_nothing_is_written_elsewhere(kind):
    g = {"grad_output": X} if kind else {}
    arguments = g | RIGHT["normalize"] | {"out": np.empty_like(X)}
    message = "out would be overwritten; leave it out"
    refusal(f"normalize{kind}", arguments, ValueError, message)
