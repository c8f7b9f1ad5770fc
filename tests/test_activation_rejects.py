"""Wrong calls of the activations: PyTorch rejects each, and so do we, in words."""

import numpy as np
import pytest
import torch
from refusals import REJECTIONS, refused, refused_by_all, run, run_torch, wrong

from cnnref import functional
from cnnref.verify.operations.activation import OPERATIONS

ones = np.ones
NAMES = list(OPERATIONS)
RIGHT = {name: {"input": ones((2, 3))} for name in NAMES}
RIGHT["prelu"] |= {"weight": ones(3)}
WITH_INPLACE = [
    *("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "silu", "mish"),
    *("hardtanh", "hardsigmoid", "hardswish"),
]


def upstream(arguments):
    """Return a right gradient: it is judged before the settings are."""
    return ones((2, 3), getattr(arguments["input"], "dtype", "f8"))


def no_number(name, setting, value):
    message = rf"{setting} must be a number, got {value!r}"
    return wrong(name, message, TypeError, **{setting: value})


@pytest.mark.parametrize("name", NAMES)
def test_the_right_call_is_accepted(name):
    expected = run_torch(name, RIGHT[name]).numpy()
    np.testing.assert_allclose(run(name, RIGHT[name]), expected, strict=True)


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        *(
            wrong(name, "input must be a NumPy array, not list", TypeError, input=[1.0])
            for name in NAMES
        ),
        wrong("relu", "input must be .* not float", TypeError, input=1.0),
        wrong("sigmoid", "input must be .* not NoneType", TypeError, input=None),
        # Dtypes; all of them are judged in test_activation.
        wrong("relu", "bool, not real numbers", TypeError, input=ones((2, 3), "?")),
        wrong("relu", "complex128, not real", TypeError, input=ones((2, 3), "c16")),
        wrong("elu", "int64, not floats", TypeError, input=ones((2, 3), "i8")),
        wrong("gelu", "complex64, not floats", TypeError, input=ones((2, 3), "c8")),
        wrong("softsign", "dtype bool", TypeError, input=ones((2, 3), "?")),
        # Settings
        no_number("leaky_relu", "negative_slope", None),
        no_number("leaky_relu", "negative_slope", "0.1"),
        no_number("elu", "alpha", None),
        no_number("elu", "alpha", "1"),
        wrong("elu", "alpha must be a number, got 1j", TypeError, alpha=1j),
        no_number("celu", "alpha", None),
        no_number("softplus", "beta", None),
        no_number("softplus", "threshold", "20"),
        no_number("hardtanh", "min_val", None),
        no_number("hardtanh", "max_val", "1"),
        wrong("celu", "alpha must not be 0", alpha=0),
        wrong("celu", "alpha must not be 0", alpha=0.0),
        wrong(
            "hardtanh",
            "min_val = 2 is greater than max_val = 1.5",
            min_val=2,
            max_val=1.5,
        ),
        wrong("hardtanh", r"min_val = -1\.0 is greater than max_val = -2", max_val=-2),
        wrong(
            "hardtanh",
            r"uint8 lacks min_val = -1\.0 or max_val = 1\.0",
            input=ones((2, 3), "u1"),
        ),
        wrong(
            "hardtanh",
            "int8 lacks min_val = 0 or max_val = 128",
            input=ones((2, 3), "i1"),
            min_val=0,
            max_val=128,
        ),
        wrong(
            "hardtanh",
            "int64 lacks min_val = -inf or max_val = 0",
            input=ones((2, 3), "i8"),
            min_val=-np.inf,
            max_val=0,
        ),
        wrong("gelu", "one of 'none', 'tanh', not 'Tanh'", approximate="Tanh"),
        wrong("gelu", "one of 'none', 'tanh', not ''", approximate=""),
        wrong("gelu", "one of 'none', 'tanh', not None", approximate=None),
    ],
)
def test_a_wrong_call_is_refused(name, changes, error, message):
    arguments = RIGHT[name] | changes
    refused_by_all(name, arguments, error, message, g=upstream(arguments))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"weight": ones(2)}, ValueError, "weight expects 2 channels, not 3"),
        ({"weight": ones(0)}, ValueError, "weight expects 0 channels, not 3"),
        ({"weight": ones((1, 3))}, ValueError, "must have 0 or 1 axes, not 2"),
        ({"weight": ones((1, 1))}, ValueError, "must have 0 or 1 axes, not 2"),
        ({"input": ones(3)}, ValueError, "weight expects 3 channels, not 1"),
        ({"input": np.array(1.0)}, ValueError, "weight expects 3 channels, not 1"),
        (
            {"weight": ones(3, "f4")},
            TypeError,
            "input is float64 but weight is float32",
        ),
        ({"weight": 0.25}, TypeError, "weight must be a NumPy array, not float"),
        ({"weight": None}, TypeError, "weight must be a NumPy array, not NoneType"),
    ],
    ids=str,
)
def test_a_wrong_weight_is_refused(changes, error, message):
    arguments = RIGHT["prelu"] | changes
    with pytest.raises(REJECTIONS):
        run_torch("prelu", arguments)
    for kind in ("", "_backward"):
        g = {"grad_output": ones(np.shape(arguments["input"]))} if kind else {}
        with pytest.raises(error, match=rf"^prelu{kind}: .*{message}") as caught:
            run(f"prelu{kind}", g | arguments)
        if error is ValueError:
            weight = arguments["weight"]
            assert f"\n  weight      {weight.shape}  =  (C" in str(caught.value)


def test_the_form_of_gelu_is_given_by_name():
    for function in (functional.gelu, torch.nn.functional.gelu):
        x = ones(3) if function is functional.gelu else torch.ones(3)
        with pytest.raises(TypeError, match="positional argument"):
            function(x, "tanh")


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_of_another_shape_is_refused(name):
    arguments = {"grad_output": ones((3, 2))} | RIGHT[name]
    with pytest.raises(RuntimeError):
        run_torch(f"{name}_backward", arguments)
    message = (
        rf"^{name}_backward: grad_output must have the output's shape \(2, 3\), "
        r"not \(3, 2\)"
    )
    with pytest.raises(ValueError, match=message):
        run(f"{name}_backward", arguments)


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_that_is_no_array_is_refused(name):
    """None too: the backward pass never takes itself for the forward."""
    with pytest.raises(TypeError):
        run_torch(f"{name}_backward", {"grad_output": [1.0]} | RIGHT[name])
    for g, kind in (([1.0], "list"), (None, "NoneType")):
        message = f"^{name}_backward: grad_output must be a NumPy array, not {kind}"
        with pytest.raises(TypeError, match=message):
            run(f"{name}_backward", {"grad_output": g} | RIGHT[name])


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softsign", "elu"])
def test_what_becomes_a_float_has_no_gradient_as_integers(name):
    x = ones((2, 3), "i8")
    with pytest.raises(RuntimeError):
        run_torch(f"{name}_backward", {"grad_output": x, "input": x})
    with pytest.raises(TypeError, match=rf"^{name}_backward: .* int64, not floats"):
        run(f"{name}_backward", {"grad_output": x, "input": x})


# Where PyTorch is more lenient --------------------------------------------------------


@pytest.mark.parametrize("name", WITH_INPLACE)
def test_to_overwrite_the_input_is_refused(name):
    x = -ones((2, 3))
    assert run_torch(name, {"input": x, "inplace": True}).shape == (2, 3)
    arguments = {"input": x, "inplace": True}
    text = refused(name, arguments, ValueError, "inplace=True would overwrite", g=x)
    assert "\n  input       (2, 3)  =  (…,)" in text
    assert (x == -1).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_of_another_dtype_is_refused(name):
    """PyTorch casts it."""
    arguments = {"grad_output": ones((2, 3), "f4")} | RIGHT[name]
    run_torch(f"{name}_backward", arguments)
    message = f"^{name}_backward: input is float64 but grad_output is float32"
    with pytest.raises(TypeError, match=message):
        run(f"{name}_backward", arguments)


def test_a_number_too_large_for_a_float_is_refused():
    arguments = RIGHT["elu"] | {"alpha": 10**400}
    with pytest.raises(OverflowError):
        run_torch("elu", arguments)
    message = "alpha must fit into a float, got 1000"
    refused("elu", arguments, ValueError, message, g=upstream(arguments))


@pytest.mark.parametrize(
    ("name", "setting"), [("elu", "alpha"), ("softplus", "beta"), ("celu", "alpha")]
)
def test_a_bool_is_no_number(name, setting):
    """PyTorch takes True for 1."""
    arguments = RIGHT[name] | {setting: True}
    run_torch(name, arguments)
    message = f"{setting} must be a number, got True"
    refused(name, arguments, TypeError, message, g=upstream(arguments))
