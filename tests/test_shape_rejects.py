"""Wrong calls of what moves entries: PyTorch rejects each, and so do we, in words."""

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
RIGHT = {
    "flatten": {"input": ones((2, 3, 4))},
    "one_hot": {"tensor": np.array([0, 2, 1])},
    "pixel_shuffle": {"input": ones((2, 8, 3, 2)), "upscale_factor": 2},
    "pixel_unshuffle": {"input": ones((2, 3, 4, 6)), "downscale_factor": 2},
    "unfold": {"input": ones((2, 3, 5, 4)), "kernel_size": 2},
    "fold": {"input": ones((2, 12, 12)), "output_size": (5, 4), "kernel_size": 2},
}


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        # Flatten
        wrong("flatten", "start_dim = 3 is no axis .* 3 axes", start_dim=3),
        wrong("flatten", "start_dim = -4 is no axis", start_dim=-4),
        wrong("flatten", "end_dim = 3 is no axis", end_dim=3),
        wrong("flatten", "end_dim = 1 is no .* 0 axes", input=np.array(1.0), end_dim=1),
        wrong(
            "flatten", "start_dim = 2 comes after end_dim = 1", start_dim=2, end_dim=1
        ),
        wrong("flatten", "start_dim = -1 comes after", start_dim=-1, end_dim=0),
        not_integer("flatten", "start_dim", 1.0, r"1\.0"),
        not_integer("flatten", "end_dim", True, "True"),
        wrong("flatten", "input must be .* not list", TypeError, input=[[1.0]]),
        # One-hot
        wrong("one_hot", "at least 0, but tensor holds -1", tensor=np.array([0, -1])),
        wrong("one_hot", "below num_classes = 2, but tensor holds 2", num_classes=2),
        wrong("one_hot", "must be −1 or at least 1, got 0", num_classes=0),
        wrong("one_hot", "must be −1 or at least 1, got -2", num_classes=-2),
        wrong("one_hot", "no class is there to count", tensor=ones(0, "i8")),
        not_integer("one_hot", "num_classes", 3.0, r"3\.0"),
        not_integer("one_hot", "num_classes", None, "None"),
        wrong("one_hot", "int32, not int64", TypeError, tensor=ones(3, "i4")),
        wrong("one_hot", "float64, not int64", TypeError, tensor=ones(3)),
        wrong("one_hot", "dtype bool", TypeError, tensor=ones(3, "?")),
        wrong("one_hot", "must be .* not list", TypeError, tensor=[0, 1]),
        # Pixels
        wrong("pixel_shuffle", "at least 3 axes, not 2", input=ones((8, 3))),
        wrong("pixel_shuffle", "C = 8 .* upscale_factor² = 9", upscale_factor=3),
        wrong("pixel_shuffle", "must be at least 1, got 0", upscale_factor=0),
        wrong("pixel_shuffle", "must be at least 1, got -2", upscale_factor=-2),
        not_integer("pixel_shuffle", "upscale_factor", 2.0, r"2\.0"),
        not_integer("pixel_shuffle", "upscale_factor", (2, 2), r"\(2, 2\)"),
        wrong("pixel_shuffle", "not NoneType", TypeError, input=None),
        wrong("pixel_unshuffle", "at least 3 axes, not 0", input=np.array(1.0)),
        wrong("pixel_unshuffle", "H = 4 .* downscale_factor = 3", downscale_factor=3),
        wrong("pixel_unshuffle", "W = 6 .* downscale_factor = 4", downscale_factor=4),
        wrong("pixel_unshuffle", "must be at least 1, got 0", downscale_factor=0),
        not_integer("pixel_unshuffle", "downscale_factor", 2.0, r"2\.0"),
        # Columns
        wrong("unfold", "input must have 3 or 4 axes, not 2", input=ones((5, 4))),
        wrong("unfold", "3 or 4 axes, not 5", input=ones((1, 2, 3, 5, 4))),
        wrong("unfold", "no elements along C", input=ones((2, 0, 5, 4))),
        wrong("unfold", "no elements along C", input=ones((0, 5, 4))),
        wrong("unfold", "along H", input=ones((2, 3, 0, 4)), padding=2),
        wrong("unfold", "along H, the kernel spans 6 .* only 5", kernel_size=6),
        wrong("unfold", "along W, the kernel spans 5 .* only 4", kernel_size=(2, 5)),
        wrong("unfold", "along W, the kernel spans 5 .* only 4", dilation=(1, 4)),
        wrong("unfold", "kernel_size must be at least 1, got 0", kernel_size=0),
        wrong("unfold", "dilation must be at least 1, got 0", dilation=0),
        wrong("unfold", "padding must be at least 0, got -1", padding=-1),
        wrong("unfold", "stride must be at least 1, got 0", stride=0),
        wrong("unfold", r"kernel_size needs 2 integers, got \(2,\)", kernel_size=(2,)),
        wrong("unfold", r"stride needs 2 integers, got \[1, 1, 1\]", stride=[1, 1, 1]),
        wrong("unfold", r"dilation needs 2 integers, got \(\)", dilation=()),
        not_integer("unfold", "kernel_size", 2.0, r"2\.0"),
        not_integer("unfold", "padding", None, "None"),
        not_integer("unfold", "stride", (True, 1), "True"),
        wrong(
            "unfold",
            "int64, not floats, complex numbers or bool",
            TypeError,
            input=ones((2, 3, 5, 4), "i8"),
        ),
        wrong("fold", "input must have 2 or 3 axes, not 1", input=ones(12)),
        wrong("fold", "2 or 3 axes, not 4", input=ones((1, 2, 12, 12))),
        wrong("fold", "11 rows are no multiple of the 4", input=ones((2, 11, 12))),
        wrong(
            "fold", "4 · 3 windows need as many columns, not 11", input=ones((12, 11))
        ),
        wrong("fold", "no elements along C·K_h·K_w", input=ones((2, 0, 12))),
        wrong("fold", "no elements along H_out·W_out", input=ones((2, 12, 0))),
        wrong("fold", "output_size must be at least 1, got 0", output_size=0),
        wrong("fold", r"at least 1, got \(-5, 4\)", output_size=(-5, 4)),
        wrong("fold", r"output_size needs 2 integers, got \(5,\)", output_size=(5,)),
        wrong("fold", "along H, the kernel spans 2 .* only 1", output_size=(1, 13)),
        wrong("fold", "4 · 4 windows need .* not 12", output_size=5),
        wrong("fold", "kernel_size must be at least 1, got 0", kernel_size=0),
        not_integer("fold", "output_size", (5.0, 4), r"5\.0"),
        wrong("fold", "dtype int8, not", TypeError, input=ones((2, 12, 12), "i1")),
    ],
)
def test_a_wrong_call_is_refused(name, changes, error, message):
    run(name, RIGHT[name])
    refused_by_all(name, RIGHT[name] | changes, error, message)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("flatten", (2, 3, 4), r"\(24,\), not \(2, 3, 4\)"),
        ("pixel_shuffle", (2, 2, 4, 6), r"\(2, 2, 6, 4\), not \(2, 2, 4, 6\)"),
        ("pixel_unshuffle", (2, 12, 3, 2), r"\(2, 12, 2, 3\), not"),
        ("unfold", (2, 12, 11), r"\(2, 12, 12\), not \(2, 12, 11\)"),
        ("fold", (2, 3, 4, 5), r"\(2, 3, 5, 4\), not \(2, 3, 4, 5\)"),
    ],
)
def test_a_gradient_of_another_shape_is_refused(name, shape, message):
    arguments = gradient_call(name, RIGHT[name], grad_output=ones(shape))
    with pytest.raises(RuntimeError):
        run_torch(f"{name}_backward", arguments)
    text = refusal(f"{name}_backward", arguments, ValueError, message)
    assert f"\n  grad_output {shape}  =  (" in text


# Where PyTorch is more lenient --------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in RIGHT if name != "one_hot"])
def test_a_tensor_is_refused(name):
    arguments = RIGHT[name] | {"input": torch.ones(1)}
    refused(name, arguments, TypeError, "input must be a NumPy array, not Tensor")
