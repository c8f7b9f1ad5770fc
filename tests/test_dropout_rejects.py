"""Wrong calls of the dropouts, and what is random given twice or not at all."""

import numpy as np
import pytest
import torch
from refusals import REJECTIONS, refusal

from cnnref import functional
from cnnref.functional import dropout_mask

X = np.ones((2, 3, 4))
MASK = np.ones((2, 3, 4), bool)
RIGHT = {
    "dropout": (X, MASK),
    "dropout1d": (X, MASK[..., 0]),
    "dropout2d": (np.ones((2, 3, 4, 4)), MASK[..., 0]),
    "dropout3d": (np.ones((2, 3, 4, 4, 4)), MASK[..., 0]),
    "dropout_weight_scaling": (X, MASK),
}
INVERTED = [name for name in RIGHT if name != "dropout_weight_scaling"]
GENERATOR = np.random.default_rng(0)


def arguments_of(name, **changes):
    """Return the right call, or the right gradient's, with some of it changed."""
    x, mask = RIGHT[name.removesuffix("_backward")]
    g = {"grad_output": np.ones_like(x)} if "backward" in name else {}
    return g | {"input": x, "mask": mask} | changes


both = pytest.mark.parametrize("kind", ["", "_backward"])


@both
@pytest.mark.parametrize("name", RIGHT)
def test_the_right_call_is_accepted(name, kind):
    arguments = arguments_of(name + kind, p=0.75)
    y = getattr(functional, name + kind)(**arguments)
    expected = 1 if name == "dropout_weight_scaling" else 4
    np.testing.assert_array_equal(y, np.full(y.shape, expected * 1.0), strict=True)


@both
@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize(
    ("error", "message", "changes"),
    [
        (ValueError, "p must be between 0 and 1, got -0.1", {"p": -0.1}),
        (ValueError, "p must be between 0 and 1, got 1.5", {"p": 1.5}),
        (ValueError, "p must be between 0 and 1, got nan", {"p": float("nan")}),
        (TypeError, "p must be a number, got 'a'", {"p": "a"}),
        (TypeError, "p must be a number, got None", {"p": None}),
        (TypeError, "training must be a bool, got 1", {"training": 1}),
        (TypeError, "training must be a bool, got None", {"training": None}),
        (TypeError, "input must be a NumPy array, not list", {"input": [1.0]}),
    ],
)
def test_a_wrong_call_is_refused(name, kind, error, message, changes):
    """By PyTorch too."""
    name, twin = name + kind, getattr(torch.nn.functional, name, None)
    if twin is not None:
        x = changes.get("input", torch.from_numpy(RIGHT[twin.__name__][0]))
        rest = {k: v for k, v in changes.items() if k != "input"}
        with pytest.raises(REJECTIONS):
            twin(x, **rest)
    refusal(name, arguments_of(name, **changes), error, message)


@both
@pytest.mark.parametrize("dtype", ["i8", "c8", "?"])
@pytest.mark.parametrize("name", INVERTED)
def test_what_cannot_be_scaled_is_refused(name, dtype, kind):
    x = RIGHT[name][0].astype(dtype)
    with pytest.raises(RuntimeError):
        getattr(torch.nn.functional, name)(torch.from_numpy(x))
    arguments = arguments_of(name + kind, input=x)
    message = rf"input has dtype {x.dtype}, which cannot be scaled"
    if kind:
        arguments["grad_output"] = x
        message += "|grad_output has dtype bool, not numbers"
    refusal(name + kind, arguments, TypeError, message)


@both
def test_integers_are_not_scaled_in_evaluation(kind):
    name, x = f"dropout_weight_scaling{kind}", np.ones((2, 3, 4), int)
    arguments = arguments_of(name, input=x, training=False)
    if kind:
        arguments["grad_output"] = x
    refusal(name, arguments, TypeError, "input has dtype int64, which cannot be scaled")


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("shape", [(2, 3), (1,), (2, 3, 4, 4, 4, 1)])
def test_a_gradient_of_another_shape_is_refused(name, shape):
    arguments = arguments_of(f"{name}_backward", grad_output=np.ones(shape))
    message = "grad_output must have the output's shape"
    refusal(f"{name}_backward", arguments, ValueError, message)


# What is random -----------------------------------------------------------------------


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("random", [{"mask": None}, {"generator": GENERATOR}])
def test_exactly_one_of_mask_and_generator_is_needed(name, random):
    message = "training needs a generator or a mask, one of the two"
    refusal(name, arguments_of(name, **random), ValueError, message)


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("generator", [None, GENERATOR])
def test_a_gradient_draws_no_mask(name, generator):
    name = f"{name}_backward"
    arguments = arguments_of(name, mask=None, generator=generator)
    message = "the gradient needs the mask of the forward call"
    refusal(name, arguments, ValueError, message)


@both
@pytest.mark.parametrize("settings", [{}, {"p": 0}, {"training": False}])
@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (MASK[:1], ValueError, r"mask must have the shape \(.*\), not \(1, 3, 4\)"),
        (MASK[0, 0], ValueError, r"mask must have the shape \(.*\), not \(4,\)"),
        (np.ones(3), TypeError, "mask has dtype float64, not bool"),
        (True, TypeError, "mask must be a NumPy array, not bool"),
    ],
)
@pytest.mark.parametrize("name", RIGHT)
def test_a_wrong_mask_is_refused(name, mask, error, message, settings, kind):
    """Also where it is not needed."""
    arguments = arguments_of(name + kind, mask=mask, **settings)
    refusal(name + kind, arguments, error, message)


@both
@pytest.mark.parametrize("settings", [{}, {"p": 1}, {"training": False}])
@pytest.mark.parametrize("generator", [0, np.random, np.random.RandomState(0)])
@pytest.mark.parametrize("name", RIGHT)
def test_a_wrong_generator_is_refused(name, generator, settings, kind):
    arguments = arguments_of(name + kind, generator=generator, **settings)
    message = "generator must be a np.random.Generator, got"
    refusal(name + kind, arguments, TypeError, message)


@pytest.mark.parametrize("name", RIGHT)
def test_a_mask_is_given_by_name_only(name):
    with pytest.raises(TypeError, match="positional"):
        getattr(functional, name)(X, 0.5, True, False, GENERATOR)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3, 0.5, GENERATOR), TypeError, "shape must be a tuple or list, got 3"),
        (((2.0,), 0.5, GENERATOR), TypeError, "shape must be an integer, got 2.0"),
        (((-1,), 0.5, GENERATOR), ValueError, "shape must be at least 0, got -1"),
        (((2,), 2, GENERATOR), ValueError, "p must be between 0 and 1, got 2"),
        (((2,), "p", GENERATOR), TypeError, "p must be a number, got 'p'"),
        (((2,), 0.5, None), TypeError, "generator must be a np.random.Generator"),
    ],
)
def test_dropout_mask_refuses(arguments, error, message):
    with pytest.raises(error, match=f"^dropout_mask: {message}"):
        dropout_mask(*arguments)


# Where PyTorch would write ------------------------------------------------------------


@both
@pytest.mark.parametrize("name", INVERTED)
def test_no_array_is_overwritten(name, kind):
    arguments = arguments_of(name + kind, inplace=True)
    refusal(name + kind, arguments, ValueError, "inplace=True would overwrite")
