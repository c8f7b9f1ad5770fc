"""Wrong calls of max pooling and unpooling: PyTorch rejects each, and so do we."""

import re

import numpy as np
import pytest
import torch
from refusals import (
    not_integer,
    refusal,
    refused,
    refused_by_all,
    run,
    run_torch,
    wrong,
)

ones = np.ones
IMAGE = {1: (2, 3, 7), 2: (2, 3, 7, 6), 3: (2, 3, 7, 6, 5)}
RIGHT = {
    **{f"max_pool{n}d": {"input": ones(IMAGE[n]), "kernel_size": 3} for n in IMAGE},
    **{
        f"adaptive_max_pool{n}d": {"input": ones(IMAGE[n]), "output_size": 3}
        for n in IMAGE
    },
    **{
        f"max_unpool{n}d": {
            "input": ones(IMAGE[n]),
            "indices": np.zeros(IMAGE[n], int),
            "kernel_size": 2,
        }
        for n in IMAGE
    },
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_call_is_accepted(name):
    expected = run_torch(name, RIGHT[name]).numpy()
    y = run(name, RIGHT[name])
    np.testing.assert_array_equal(y, expected, strict=True)
    dx = run(f"{name}_backward", RIGHT[name] | {"grad_output": ones(y.shape)})
    assert dx.shape == RIGHT[name]["input"].shape


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        # Axes, and what is empty along them
        wrong("max_pool1d", "input must have 2 or 3 axes, not 1", input=ones(7)),
        wrong("max_pool2d", "3 or 4 axes, not 5", input=ones((1, 2, 3, 7, 6))),
        wrong("max_pool3d", "4 or 5 axes, not 3", input=ones((3, 7, 6))),
        wrong("adaptive_max_pool2d", "3 or 4 axes, not 2", input=ones((7, 6))),
        wrong(
            "max_unpool2d",
            "3 or 4 axes, not 2",
            input=ones((7, 6)),
            indices=np.zeros((7, 6), int),
        ),
        wrong("max_pool1d", "no elements along C", input=ones((2, 0, 7))),
        wrong("max_pool1d", "no elements along C", input=ones((0, 7))),
        wrong("max_pool2d", "no elements along H", input=ones((2, 3, 0, 6))),
        wrong("max_pool3d", "no elements along W", input=ones((2, 3, 7, 6, 0))),
        wrong("adaptive_max_pool1d", "elements along L", input=ones((2, 3, 0))),
        wrong("adaptive_max_pool2d", "elements along C", input=ones((2, 0, 7, 6))),
        wrong("adaptive_max_pool3d", "elements along H", input=ones((3, 7, 0, 5))),
        wrong(
            "max_unpool2d",
            "no elements along C",
            input=ones((2, 0, 7, 6)),
            indices=np.zeros((2, 0, 7, 6), int),
        ),
        wrong(
            "max_unpool1d",
            "no elements along L",
            input=ones((2, 3, 0)),
            indices=np.zeros((2, 3, 0), int),
        ),
        # Windows that do not fit
        wrong("max_pool1d", "along L, .* spans 8 .* only 7", kernel_size=8),
        wrong("max_pool2d", "along W, .* spans 7 .* only 6", kernel_size=(2, 7)),
        wrong("max_pool2d", "along H, .* spans 9 .* only 7", dilation=(4, 1)),
        wrong("max_pool3d", "along W, .* spans 6 .* only 5", kernel_size=(1, 1, 6)),
        wrong(
            "max_pool1d",
            "along L, .* spans 10 .* only 7",
            kernel_size=10,
            stride=3,
            ceil_mode=True,
        ),
        wrong("max_pool1d", "L, padding 2 is more than half the .* 3", padding=2),
        wrong("max_pool2d", "W, padding 2 is more than half", padding=(1, 2)),
        wrong("max_pool2d", "half the kernel size 3", padding=2, dilation=2),
        # Settings: their range, their number, their type
        wrong("max_pool1d", "kernel_size must be at least 1, got 0", kernel_size=0),
        wrong("max_pool2d", r"at least 1, got \(2, -1\)", kernel_size=(2, -1)),
        wrong("max_pool1d", "stride must be at least 1, got 0", stride=0),
        wrong("max_pool2d", r"stride must be .* got \(1, 0\)", stride=(1, 0)),
        wrong("max_pool3d", "padding must be at least 0, got -1", padding=-1),
        wrong("max_pool2d", "dilation must be at least 1, got 0", dilation=0),
        wrong("max_pool1d", r"1 or 1 integers, got \(2, 2\)", kernel_size=(2, 2)),
        wrong("max_pool2d", r"1 or 2 integers, got \(1, 1, 1\)", stride=(1, 1, 1)),
        wrong("max_pool2d", r"kernel_size needs .* got \(\)", kernel_size=()),
        wrong("max_pool3d", r"1 or 3 integers, got \[1, 1\]", dilation=[1, 1]),
        wrong("max_pool2d", r"padding needs 1 or 2 .* got \(\)", padding=()),
        not_integer("max_pool1d", "kernel_size", 2.0, r"2\.0"),
        not_integer("max_pool2d", "kernel_size", None, "None"),
        not_integer("max_pool2d", "kernel_size", True, "True"),
        not_integer("max_pool2d", "stride", (1, 1.0), r"1\.0"),
        not_integer("max_pool3d", "padding", "same", "'same'"),
        wrong("max_pool1d", "ceil_mode must be a bool, got 1", TypeError, ceil_mode=1),
        wrong("max_pool2d", "bool, got None", TypeError, ceil_mode=None),
        # How many bins
        wrong("adaptive_max_pool1d", "at least 0, got -1", output_size=-1),
        wrong("adaptive_max_pool2d", r"0, got \(2, -1\)", output_size=(2, -1)),
        wrong("adaptive_max_pool1d", r"needs 1 .* \(2, 2\)", output_size=(2, 2)),
        wrong("adaptive_max_pool2d", r"needs 2 .* got \(2,\)", output_size=(2,)),
        wrong("adaptive_max_pool3d", r"needs 3 .* got \(\)", output_size=()),
        not_integer("adaptive_max_pool1d", "output_size", None, "None"),
        not_integer("adaptive_max_pool1d", "output_size", (None,), "None"),
        not_integer("adaptive_max_pool2d", "output_size", None, "None"),
        not_integer("adaptive_max_pool2d", "output_size", True, "True"),
        not_integer("adaptive_max_pool3d", "output_size", 2.0, r"2\.0"),
        # Where entries go
        wrong(
            "max_unpool1d",
            r"index 14 lies outside the output \(14,\)",
            indices=np.full((2, 3, 7), 14),
        ),
        wrong(
            "max_unpool2d",
            r"index -1 lies outside the output \(14, 12\)",
            indices=np.full((2, 3, 7, 6), -1),
        ),
        wrong(
            "max_unpool2d",
            "indices must have the input's shape",
            indices=np.zeros((2, 3, 6, 7), int),
        ),
        wrong(
            "max_unpool2d",
            "indices must be int64, not int32",
            TypeError,
            indices=np.zeros(IMAGE[2], "i4"),
        ),
        wrong(
            "max_unpool3d",
            "indices has dtype float64, not integers",
            TypeError,
            indices=np.zeros(IMAGE[3]),
        ),
        wrong(
            "max_unpool1d",
            "along L, output_size 16 must lie between 12 and 16",
            output_size=(16,),
        ),
        wrong(
            "max_unpool2d",
            "along W, output_size 10 must lie between 10 and 14",
            output_size=(14, 10),
        ),
        wrong("max_unpool2d", r"needs 2 .* got \(14,\)", output_size=(14,)),
        wrong("max_unpool2d", r"kernel_size needs 2 .* \(2,\)", kernel_size=(2,)),
        wrong("max_unpool3d", r"stride needs 3 .* \(2, 2\)", stride=(2, 2)),
        wrong(
            "max_unpool1d",
            "output_size must be a tuple of integers, got 14",
            TypeError,
            output_size=14,
        ),
        wrong("max_unpool1d", "along L, the padding leaves -6 ", padding=10),
        # What the arrays are
        wrong("max_pool2d", "input must be .* not list", TypeError, input=[[[1.0]]]),
        wrong("max_unpool2d", "indices must be .* not list", TypeError, indices=[0]),
        *(
            wrong(name, said, TypeError, input=ones(IMAGE[2], dtype))
            for dtype in ("?", "c8", "c16")
            for name, said in (
                ("max_pool2d", "not real numbers"),
                ("adaptive_max_pool2d", "not floats"),
                ("max_unpool2d", "not floats"),
            )
        ),
        *(
            wrong(name, "dtype int64, not floats", TypeError, input=ones(IMAGE[3], int))
            for name in ("adaptive_max_pool3d", "max_unpool3d")
        ),
    ],
)
def test_a_wrong_call_is_refused(name, changes, error, message):
    refused_by_all(name, RIGHT[name] | changes, error, message)


@pytest.mark.parametrize("name", RIGHT)
def test_a_gradient_of_another_shape_is_refused(name):
    y = run(name, RIGHT[name])
    for shape in (y.shape[1:], (*y.shape[:-1], y.shape[-1] + 1), (1, *y.shape[1:])):
        arguments = RIGHT[name] | {"grad_output": ones(shape)}
        with pytest.raises(RuntimeError):
            run_torch(f"{name}_backward", arguments)
        message = re.escape(f"the output's shape {y.shape}, not {shape}")
        text = refusal(f"{name}_backward", arguments, ValueError, message)
        assert f"\n  grad_output {shape}  =  (N, C, " in text


# Where PyTorch is more lenient --------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape", "settings", "axis", "window"),
    [
        ("max_pool1d", (1, 1), {}, "L", 0),
        ("max_pool2d", (1, 1, 1), {}, "H", 0),
        ("max_pool2d", (1, 4, 1), {"padding": (0, 1)}, "W", 0),
        ("max_pool3d", (1, 3, 3, 2), {"dilation": (1, 1, 3), "stride": 1}, "W", 0),
    ],
)
def test_a_window_in_the_padding_is_refused(name, shape, settings, axis, window):
    """PyTorch returns −∞ from outside the input, and may write there."""
    settings = {"kernel_size": 2, "padding": 1, "dilation": 2} | settings
    arguments = {"input": ones(shape)} | settings
    assert torch.isneginf(run_torch(name, arguments)).any()
    message = f"along {axis}, window {window} lies wholly in the padding"
    refused(name, arguments, ValueError, message)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"kernel_size": 0, "stride": 2}, ValueError, "at least 1, got 0"),
        ({"stride": 0}, ValueError, "stride must be at least 1, got 0"),
        ({"padding": -1}, ValueError, "padding must be at least 0, got -1"),
        ({"kernel_size": True}, TypeError, "kernel_size must be an integer, got True"),
    ],
)
def test_settings_that_no_pooling_has_are_refused(changes, error, message):
    arguments = RIGHT["max_unpool2d"] | changes
    run_torch("max_unpool2d", arguments)
    refused("max_unpool2d", arguments, error, message)


@pytest.mark.parametrize("name", RIGHT)
def test_a_gradient_of_another_dtype_is_refused(name):
    """PyTorch casts it."""
    g = ones(run(name, RIGHT[name]).shape, "f4")
    arguments = RIGHT[name] | {"grad_output": g}
    run_torch(f"{name}_backward", arguments)
    message = "input is float64 but grad_output is float32"
    refusal(f"{name}_backward", arguments, TypeError, message)


# Where PyTorch is stricter ------------------------------------------------------------


def test_integers_need_no_indices():
    """PyTorch's max_pool1d takes integers where it returns the indices, only."""
    x = np.array([[3, 1, 2, 2]])
    with pytest.raises(NotImplementedError, match="Long"):
        run_torch("max_pool1d", {"input": x, "kernel_size": 2})
    y = run("max_pool1d", {"input": x, "kernel_size": 2})
    np.testing.assert_array_equal(y, [[3, 2]], strict=True)
