"""Wrong calls of the average poolings: PyTorch rejects each, and so do we, in words."""

import math

import numpy as np
import pytest
from refusals import REJECTIONS, refusal, run, run_torch, wrong

ones = np.ones

WINDOWS = {"kernel_size": 3, "stride": 2}
RIGHT = {
    "avg_pool1d": {"input": ones((2, 4, 7)), **WINDOWS, "padding": 1},
    "avg_pool2d": {"input": ones((2, 4, 7, 6)), **WINDOWS, "padding": 1},
    "avg_pool3d": {"input": ones((2, 4, 7, 6, 5)), **WINDOWS, "padding": 1},
    "adaptive_avg_pool1d": {"input": ones((2, 4, 7)), "output_size": 3},
    "adaptive_avg_pool2d": {"input": ones((2, 4, 7, 6)), "output_size": 3},
    "adaptive_avg_pool3d": {"input": ones((2, 4, 7, 6, 5)), "output_size": 3},
    "lp_pool1d": {"input": ones((2, 4, 7)), "norm_type": 2, **WINDOWS},
    "lp_pool2d": {"input": ones((2, 4, 7, 6)), "norm_type": 2, **WINDOWS},
    "lp_pool3d": {"input": ones((2, 4, 7, 6, 5)), "norm_type": 2, **WINDOWS},
}


def of_type(name, message, **changes):
    return wrong(name, message, TypeError, **changes)


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_call_is_accepted(name):
    expected = run_torch(name, RIGHT[name]).numpy()
    y = run(name, RIGHT[name])
    np.testing.assert_allclose(y, expected, rtol=1e-14, strict=True)
    assert run(f"{name}_backward", {"grad_output": y} | RIGHT[name]).any()


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        # Axes
        wrong("avg_pool1d", "input must have 2 or 3 axes, not 1", input=ones(7)),
        wrong("avg_pool1d", "2 or 3 axes, not 4", input=ones((2, 4, 7, 6))),
        wrong("avg_pool2d", "input must have 3 or 4 axes, not 2", input=ones((7, 6))),
        wrong("avg_pool2d", "3 or 4 axes, not 5", input=ones((2, 4, 7, 6, 5))),
        wrong("avg_pool3d", "4 or 5 axes, not 3", input=ones((7, 6, 5))),
        wrong("adaptive_avg_pool1d", "2 or 3 axes, not 1", input=ones(7)),
        wrong("adaptive_avg_pool2d", "3 or 4 axes, not 2", input=ones((7, 6))),
        wrong("adaptive_avg_pool3d", "4 or 5 axes, not 3", input=ones((7, 6, 5))),
        wrong("lp_pool1d", "2 or 3 axes, not 1", input=ones(7)),
        wrong("lp_pool2d", "3 or 4 axes, not 2", input=ones((7, 6))),
        wrong("lp_pool3d", "4 or 5 axes, not 3", input=ones((7, 6, 5))),
        # Nothing along an axis
        wrong("avg_pool1d", "no elements along L", input=ones((2, 4, 0))),
        wrong("avg_pool2d", "no elements along C", input=ones((2, 0, 7, 6))),
        wrong("avg_pool2d", "no elements along C", input=ones((0, 7, 6))),
        wrong("avg_pool3d", "no elements along W", input=ones((2, 4, 7, 6, 0))),
        wrong("adaptive_avg_pool1d", "no elements along L", input=ones((2, 4, 0))),
        wrong("adaptive_avg_pool2d", "along H", input=ones((2, 4, 0, 6))),
        wrong("adaptive_avg_pool3d", "along D", input=ones((2, 4, 0, 6, 5))),
        wrong("adaptive_avg_pool3d", "along C", input=ones((2, 0, 7, 6, 5))),
        wrong("lp_pool2d", "no elements along C", input=ones((2, 0, 7, 6))),
        # Windows that do not fit
        wrong("avg_pool1d", "along L, .* spans 10 .* only 9", kernel_size=10),
        wrong("avg_pool2d", "along W, .* spans 9 .* only 8", kernel_size=(2, 9)),
        wrong("avg_pool3d", "along W, .* spans 8 .* only 7", kernel_size=8),
        wrong("avg_pool3d", "along H, the kernel spans 7 but the .* 6", kernel_size=7),
        wrong(
            "lp_pool3d",
            "along W, the kernel spans 6 but the input only 5",
            kernel_size=(1, 1, 6),
            ceil_mode=True,
        ),
        wrong("lp_pool1d", "along L, .* spans 8 .* only 7", kernel_size=8),
        wrong("lp_pool2d", "spans 9 .* only 7", kernel_size=9, norm_type=math.inf),
        # Settings: their range, their number, their type
        wrong("avg_pool1d", "kernel_size must be at least 1, got 0", kernel_size=0),
        wrong("avg_pool2d", "kernel_size must .* got -1", kernel_size=-1),
        wrong("avg_pool2d", r"kernel_size .* got \(3, 0\)", kernel_size=(3, 0)),
        wrong("avg_pool1d", "stride must be at least 1, got 0", stride=0),
        wrong("avg_pool3d", r"stride must .* got \(1, 1, -1\)", stride=(1, 1, -1)),
        wrong("avg_pool2d", "padding must be at least 0, got -1", padding=-1),
        wrong("avg_pool2d", "along H, padding 2 is .* kernel size 3", padding=2),
        wrong("avg_pool2d", "along W, padding 2 is .* size 3", padding=(1, 2)),
        wrong("avg_pool1d", r"1 or 1 integers, got \(3, 3\)", kernel_size=(3, 3)),
        wrong("avg_pool2d", r"or 2 integers, got \(\)", kernel_size=()),
        wrong("avg_pool2d", r"or 2 integers, got \(1, 2, 3\)", stride=(1, 2, 3)),
        wrong("avg_pool3d", r"or 3 integers, got \(1, 1\)", padding=(1, 1)),
        wrong("avg_pool2d", r"padding .* integers, got \[\]", padding=[]),
        wrong("avg_pool2d", "divisor_override must not be 0", divisor_override=0),
        wrong("avg_pool3d", "divisor_override must not be 0", divisor_override=0),
        of_type("avg_pool1d", r"kernel_size .* integer, got 3\.0", kernel_size=3.0),
        of_type("avg_pool2d", "kernel_size .* got None", kernel_size=None),
        of_type("avg_pool2d", "kernel_size .* got True", kernel_size=True),
        of_type("avg_pool2d", r"stride .* got 2\.0", stride=(2, 2.0)),
        of_type("avg_pool2d", "padding .* got None", padding=None),
        of_type("avg_pool2d", "ceil_mode must be a bool, got 1", ceil_mode=1),
        of_type("avg_pool1d", "ceil_mode must be a bool, got None", ceil_mode=None),
        of_type("avg_pool2d", "pad must be a bool, got 0", count_include_pad=0),
        of_type("avg_pool3d", r"override .* got 2\.0", divisor_override=2.0),
        of_type("avg_pool2d", "override .* got True", divisor_override=True),
        # Bins
        wrong("adaptive_avg_pool1d", "output_size must .* got -1", output_size=-1),
        wrong("adaptive_avg_pool2d", r"must .* got \(3, -1\)", output_size=(3, -1)),
        wrong("adaptive_avg_pool1d", r"needs 1 .* got \(3, 3\)", output_size=(3, 3)),
        wrong("adaptive_avg_pool2d", r"needs 2 .* got \(3,\)", output_size=(3,)),
        wrong("adaptive_avg_pool2d", r"needs 2 .* got \[\]", output_size=[]),
        wrong("adaptive_avg_pool3d", r"needs 3 .* got \(3, 3\)", output_size=(3, 3)),
        of_type("adaptive_avg_pool1d", "integer, got None", output_size=(None,)),
        of_type("adaptive_avg_pool2d", "integer, got None", output_size=None),
        of_type("adaptive_avg_pool2d", r"integer, got 3\.0", output_size=3.0),
        of_type("adaptive_avg_pool3d", "integer, got True", output_size=True),
        # Power averages
        of_type("lp_pool2d", "norm_type must be a number, got None", norm_type=None),
        of_type("lp_pool1d", "norm_type must be a number, got '2'", norm_type="2"),
        of_type("lp_pool1d", "norm_type must be a number, got 2j", norm_type=2j),
        of_type("lp_pool1d", r"integer, got \(3,\)", kernel_size=(3,)),
        wrong("lp_pool2d", r"needs 2 integers, got \(3,\)", kernel_size=(3,)),
        wrong("lp_pool3d", r"needs 3 integers, got \(3, 3\)", kernel_size=(3, 3)),
        wrong("lp_pool2d", "kernel_size must be at least 1, got", kernel_size=0),
        wrong("lp_pool2d", "stride must be at least 1, got 0", stride=0),
        of_type("lp_pool2d", "ceil_mode must be a bool, got 1", ceil_mode=1),
        # What the arrays are
        *(
            of_type(name, "must be a NumPy array, not list", input=[1.0])
            for name in RIGHT
        ),
        *(
            of_type(name, "input has dtype bool", input=RIGHT[name]["input"] > 0)
            for name in RIGHT
            if "lp" not in name
        ),
        of_type("avg_pool1d", "int32, not int64", input=ones((2, 4, 7), "i4")),
        of_type("avg_pool2d", "uint8, not", input=ones((2, 4, 7, 6), "u1")),
        of_type("avg_pool2d", "complex128, not", input=ones((2, 4, 7, 6), "c16")),
        of_type(
            "adaptive_avg_pool1d", "int64, not floats", input=ones((2, 4, 7), "i8")
        ),
        of_type("adaptive_avg_pool3d", "complex", input=ones((2, 4, 7, 6, 5), "c8")),
        of_type("lp_pool2d", "complex64, not floats", input=ones((2, 4, 7, 6), "c8")),
    ],
)
def test_a_wrong_call_is_refused(name, changes, error, message):
    arguments = RIGHT[name] | changes
    with pytest.raises(REJECTIONS):
        run_torch(name, arguments)
    refusal(name, arguments, error, message)
    message = message.replace("int32, not int64", "int32, not floats")
    arguments = {"grad_output": ones(1)} | arguments
    refusal(f"{name}_backward", arguments, error, message)


@pytest.mark.parametrize("name", ["lp_pool1d", "lp_pool2d", "lp_pool3d"])
def test_the_norm_0_is_refused(name):
    with pytest.raises(ZeroDivisionError):
        run_torch(name, RIGHT[name] | {"norm_type": 0})
    for norm in (0, 0.0):
        arguments = RIGHT[name] | {"norm_type": norm}
        refusal(name, arguments, ValueError, "norm_type must not be 0")


@pytest.mark.parametrize("name", RIGHT)
def test_a_gradient_of_another_shape_is_refused(name):
    y = run(name, RIGHT[name])
    for g in (y[..., :1], y[0], y[:1], np.array(1.0)):
        arguments = RIGHT[name] | {"grad_output": g}
        with pytest.raises(RuntimeError):
            run_torch(f"{name}_backward", arguments)
        shapes = f"{y.shape}, not {g.shape}".replace("(", r"\(").replace(")", r"\)")
        refusal(f"{name}_backward", arguments, ValueError, f"shape {shapes}")


@pytest.mark.parametrize("name", ["avg_pool1d", "avg_pool2d", "avg_pool3d"])
def test_integers_have_no_gradient(name):
    arguments = RIGHT[name] | {"input": RIGHT[name]["input"].astype("i8")}
    arguments["grad_output"] = run(name, arguments)
    with pytest.raises(RuntimeError):
        run_torch(f"{name}_backward", arguments)
    message = "input has dtype int64, not floats"
    refusal(f"{name}_backward", arguments, TypeError, message)


@pytest.mark.parametrize(
    ("name", "shape", "output_size", "axis"),
    [
        ("adaptive_avg_pool1d", (2, 4, 7), 0, "L_out"),
        ("adaptive_avg_pool1d", (2, 0, 7), 3, "C"),
        ("adaptive_avg_pool2d", (2, 4, 7, 6), (3, 0), "W_out"),
        ("adaptive_avg_pool3d", (4, 7, 6, 5), (0, 3, 3), "D_out"),
    ],
)
def test_an_empty_gradient_is_refused(name, shape, output_size, axis):
    arguments = {"input": ones(shape), "output_size": output_size}
    g = run(name, arguments)
    arguments |= {"grad_output": g}
    with pytest.raises(RuntimeError):
        run_torch(f"{name}_backward", arguments)
    message = f"grad_output has no elements along {axis}"
    refusal(f"{name}_backward", arguments, ValueError, message)


# Where PyTorch is more lenient --------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("adaptive_avg_pool2d", (5, 4), "3 or 4 axes, not 2"),
        ("adaptive_avg_pool2d", (1, 1, 2, 5, 4), "3 or 4 axes, not 5"),
        ("adaptive_avg_pool2d", (2, 0, 4), "no elements along H"),
        ("adaptive_avg_pool3d", (5, 4, 3), "4 or 5 axes, not 3"),
        ("adaptive_avg_pool3d", (2, 0, 5, 4, 3), "no elements along C"),
    ],
)
def test_one_bin_is_no_reason_to_take_what_no_other_output_takes(name, shape, message):
    arguments = {"input": ones(shape), "output_size": 1}
    run_torch(name, arguments)
    with pytest.raises(RuntimeError):
        run_torch(name, arguments | {"output_size": 2})
    refusal(name, arguments, ValueError, message)


def test_one_bin_of_complex_numbers_is_refused():
    arguments = {"input": ones((2, 5, 4), "c8"), "output_size": 1}
    run_torch("adaptive_avg_pool2d", arguments)
    refusal("adaptive_avg_pool2d", arguments, TypeError, "complex64, not floats")


@pytest.mark.parametrize("dtype", ["i8", "i4", "?"])
def test_power_averages_of_integers_are_refused(dtype):
    """PyTorch truncates their mean before it takes the root, and takes no int32."""
    x = np.array([[0, 1]], dtype)
    arguments = {"input": x, "norm_type": 2, "kernel_size": 2}
    if dtype == "i4":
        with pytest.raises(NotImplementedError):
            run_torch("lp_pool1d", arguments)
    else:
        assert run_torch("lp_pool1d", arguments) == 0
    assert run("lp_pool1d", arguments | {"input": x.astype(float)}) == 1
    refusal("lp_pool1d", arguments, TypeError, "not floats")


def test_a_bool_is_no_norm():
    arguments = RIGHT["lp_pool2d"] | {"norm_type": True}
    run_torch("lp_pool2d", arguments)
    refusal("lp_pool2d", arguments, TypeError, "must be a number, got True")


def test_a_tuple_is_no_kernel_size_in_one_axis():
    """PyTorch multiplies by it, except where the norm is infinite."""
    arguments = RIGHT["lp_pool1d"] | {"kernel_size": (3,), "norm_type": math.inf}
    run_torch("lp_pool1d", arguments)
    refusal("lp_pool1d", arguments, TypeError, r"must be an integer, got \(3,\)")


@pytest.mark.parametrize("name", RIGHT)
def test_a_gradient_of_another_dtype_is_refused(name):
    """PyTorch casts it."""
    arguments = RIGHT[name] | {"grad_output": run(name, RIGHT[name]).astype("f4")}
    run_torch(f"{name}_backward", arguments)
    message = "input is float64 but grad_output is float32"
    refusal(f"{name}_backward", arguments, TypeError, message)
