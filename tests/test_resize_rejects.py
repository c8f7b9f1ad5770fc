"""Wrong calls of the resizing: PyTorch rejects each, and so do we, in words."""

import numpy as np
import pytest
import torch
from refusals import (
    gradient_call,
    not_integer,
    refusal,
    refused,
    refused_by_all,
    run,
    run_torch,
    wrong,
)

ones = np.ones
X = {axes: ones((2, 3, 5, 4, 6)[: 2 + axes]) for axes in (1, 2, 3)}
SIZE = {"input": X[2], "size": (3, 2)}
FACTOR = {"input": X[2], "scale_factor": 1.5}


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        # The input
        wrong("interpolate", "3, 4 or 5 axes, not 2", input=ones((2, 3))),
        wrong("interpolate", "3, 4 or 5 axes, not 6", input=ones((1,) * 6), size=2),
        wrong("interpolate", "no elements along C", input=ones((2, 0, 5, 4))),
        wrong("interpolate", "no elements along W", input=ones((2, 3, 5, 0))),
        wrong("interpolate", "not NoneType", TypeError, input=None),
        wrong(
            "interpolate", "int64, not floats or", TypeError, input=X[2].astype("i8")
        ),
        wrong("interpolate", "uint16, not floats", TypeError, input=X[2].astype("u2")),
        wrong("interpolate", "complex128, not", TypeError, input=X[2] + 1j),
        wrong("interpolate", "bool, not", TypeError, input=X[2].astype(bool)),
        # The mode
        wrong("interpolate", "mode must be one of .* not 'linear'", mode="linear"),
        wrong("interpolate", "not 'trilinear'", mode="trilinear"),
        wrong("interpolate", "not 'bilinear'", mode="bilinear", input=X[1], size=2),
        wrong("interpolate", "not 'bicubic'", mode="bicubic", input=X[3], size=2),
        wrong("interpolate", "not 'bilinear'", mode="bilinear", input=X[3], size=2),
        wrong("interpolate", "not 'cubic'", mode="cubic"),
        wrong("interpolate", "not None", mode=None),
        wrong("interpolate", "not 'lanczos'", mode="lanczos"),
        *(
            wrong(
                "interpolate",
                f"mode '{mode}' takes no align_corners",
                mode=mode,
                align_corners=False,
            )
            for mode in ("nearest", "nearest-exact", "area")
        ),
        wrong(
            "interpolate",
            "align_corners must be a bool, got 'yes'",
            TypeError,
            mode="bilinear",
            align_corners="yes",
        ),
        wrong("interpolate", "for 'bilinear' and .* not 'nearest'", antialias=True),
        wrong(
            "interpolate",
            "antialias is for .* not 'linear'",
            antialias=True,
            input=X[1],
            size=2,
            mode="linear",
        ),
        wrong(
            "interpolate",
            "antialias needs more than float16",
            TypeError,
            antialias=True,
            input=X[2].astype("f2"),
            mode="bicubic",
        ),
        # The size
        wrong("interpolate", "give either size or scale_factor", size=None),
        wrong("interpolate", "give either size or scale_factor", scale_factor=2),
        wrong("interpolate", "size must be at least 1, got 0", size=0),
        wrong("interpolate", r"size must be at least 1, got \(3, -1\)", size=(3, -1)),
        wrong("interpolate", r"size needs 2 integers, got \(3,\)", size=(3,)),
        wrong("interpolate", r"size needs 2 integers, got \[3, 3, 3\]", size=[3] * 3),
        not_integer("interpolate", "size", 3.0, r"3\.0"),
        not_integer("interpolate", "size", (3, 2.0), r"2\.0"),
        not_integer("interpolate", "size", True, "True"),
        wrong(
            "interpolate",
            "recompute_scale_factor needs a scale_factor",
            recompute_scale_factor=True,
        ),
    ],
)
def test_a_wrong_size_is_refused(name, changes, error, message):
    run(name, SIZE)
    refused_by_all(name, SIZE | changes, error, message)


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        wrong("interpolate", "must be positive and finite, got 0", scale_factor=0),
        wrong("interpolate", "positive and finite, got -2", scale_factor=-2),
        wrong("interpolate", "positive .*, got inf", scale_factor=float("inf")),
        wrong("interpolate", "positive .*, got nan", scale_factor=float("nan")),
        wrong("interpolate", "along H, scale_factor 0.1 .* of 5", scale_factor=0.1),
        wrong("interpolate", "along W, scale_factor 0.2 .* of 4", scale_factor=0.2),
        wrong("interpolate", "needs 2 numbers", scale_factor=(2.0,)),
        wrong("interpolate", "needs 2 numbers", scale_factor=(2, 2, 2)),
        wrong("interpolate", "must be a number, got '2'", TypeError, scale_factor="2"),
        wrong(
            "interpolate",
            "along W, .* leaves nothing",
            scale_factor=0.2,
            recompute_scale_factor=True,
        ),
    ],
)
def test_a_wrong_factor_is_refused(name, changes, error, message):
    run(name, FACTOR)
    refused_by_all(name, FACTOR | changes, error, message)


@pytest.mark.parametrize("shape", [(2, 3, 2, 3), (2, 3, 3), (1, 3, 3, 2)])
def test_a_gradient_of_another_shape_is_refused(shape):
    arguments = gradient_call("interpolate", SIZE, grad_output=ones(shape))
    with pytest.raises(RuntimeError):
        run_torch("interpolate_backward", arguments)
    message = r"output's shape \(2, 3, 3, 2\), not"
    text = refusal("interpolate_backward", arguments, ValueError, message)
    assert f"\n  grad_output {shape}  =  (N, C, H_out, W_out)" in text


# Where PyTorch is more lenient --------------------------------------------------------


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_linear_modes_of_bytes_are_refused(mode):
    """PyTorch computes them with weights rounded to integers."""
    arguments = SIZE | {"input": X[2].astype("u1"), "mode": mode}
    assert run_torch("interpolate", arguments).dtype == torch.uint8
    refused("interpolate", arguments, TypeError, "dtype uint8, not floats")


def test_the_windowed_sine_is_refused():
    arguments = SIZE | {"mode": "lanczos", "antialias": True}
    assert run_torch("interpolate", arguments).shape == (2, 3, 3, 2)
    refused("interpolate", arguments, ValueError, "mode must be one of .*'lanczos'")


@pytest.mark.parametrize("axes", [1, 2])
def test_an_average_over_no_channels_is_refused(axes):
    arguments = {"input": X[axes][:, :0], "size": 2, "mode": "area"}
    assert run_torch("interpolate", arguments).shape[1] == 0
    refused("interpolate", arguments, ValueError, "input has no elements along C")


@pytest.mark.parametrize("setting", ["antialias", "recompute_scale_factor"])
def test_what_stands_for_a_bool_is_none(setting):
    arguments = FACTOR | {"mode": "bilinear", setting: 1}
    assert run_torch("interpolate", arguments).shape == (2, 3, 7, 6)
    refused("interpolate", arguments, TypeError, f"{setting} must be a bool, got 1")


def test_a_truth_value_is_no_factor():
    arguments = FACTOR | {"scale_factor": True}
    assert run_torch("interpolate", arguments).shape == (2, 3, 5, 4)
    refused("interpolate", arguments, TypeError, "must be a number, got True")
