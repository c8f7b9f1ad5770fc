"""Wrong calls of the convolutions: PyTorch rejects each, and so do we, in words."""

import numpy as np
import pytest
import torch
from refusals import (
    gradient_call,
    not_integer,
    refusal,
    refused_by_all,
    run,
    run_torch,
    wrong,
)

from cnnref import functional

ones = np.ones

# A right call of each operation: two images, 4 → 6 channels in two groups.
RIGHT = {
    "conv1d": {"input": ones((2, 4, 7)), "weight": ones((6, 2, 3))},
    "conv2d": {"input": ones((2, 4, 7, 6)), "weight": ones((6, 2, 3, 2))},
    "conv3d": {"input": ones((2, 4, 7, 6, 5)), "weight": ones((6, 2, 3, 2, 1))},
    "conv_transpose1d": {"input": ones((2, 4, 7)), "weight": ones((4, 3, 3))},
    "conv_transpose2d": {"input": ones((2, 4, 7, 6)), "weight": ones((4, 3, 3, 2))},
    "conv_transpose3d": {
        "input": ones((2, 4, 7, 6, 5)),
        "weight": ones((4, 3, 3, 2, 1)),
    },
}
for arguments in RIGHT.values():
    arguments |= {"bias": ones(6), "groups": 2}


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_call_is_accepted(name):
    expected = run_torch(name, RIGHT[name]).numpy()
    np.testing.assert_array_equal(run(name, RIGHT[name]), expected, strict=True)
    assert run(f"{name}_backward", gradient_call(name, RIGHT[name])).bias.shape == (6,)


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        # Axes
        wrong("conv1d", "input must have 2 or 3 axes, not 1", input=ones(7)),
        wrong("conv1d", "2 or 3 axes, not 4", input=ones((2, 4, 7, 6))),
        wrong("conv2d", "input must have 3 or 4 axes, not 2", input=ones((7, 6))),
        wrong("conv2d", "3 or 4 axes, not 5", input=ones((1, 2, 4, 7, 6))),
        wrong("conv3d", "4 or 5 axes, not 3", input=ones((4, 7, 6))),
        wrong("conv2d", "weight must have 4 axes, not 3", weight=ones((6, 2, 3))),
        wrong("conv2d", "4 axes, not 5", weight=ones((6, 2, 3, 2, 1))),
        wrong("conv_transpose2d", "3 or 4 axes, not 2", input=ones((7, 6))),
        wrong("conv_transpose2d", "weight must have 4 axes", weight=ones((4, 3, 3))),
        # Channels and groups
        wrong("conv1d", r"expects 3 · 2 .* not 4", weight=ones((6, 3, 3))),
        wrong("conv2d", r"expects 2 · 2 .* not 6", input=ones((2, 6, 7, 6))),
        wrong("conv3d", r"expects 2 · 1 .* not 4", groups=1),
        wrong("conv2d", "C_in = 4 does not split into 3 groups", groups=3),
        wrong("conv2d", "C_out = 5 .* into 2 groups", weight=ones((5, 2, 3, 2))),
        wrong("conv2d", "groups must be at least 1, got 0", groups=0),
        wrong("conv2d", "groups must be at least 1, got -2", groups=-2),
        wrong("conv_transpose1d", "expects 6 .* not 4", weight=ones((6, 3, 3))),
        wrong("conv_transpose2d", "C_in = 4 .* 3 groups", groups=3),
        wrong("conv_transpose3d", "groups must .* got 0", groups=0),
        # Bias
        wrong("conv1d", r"must have the shape \(6,\), not \(5,\)", bias=ones(5)),
        wrong("conv2d", r"shape \(6,\), not \(1,\)", bias=ones(1)),
        wrong("conv2d", r"shape \(6,\), not \(6, 1\)", bias=ones((6, 1))),
        wrong("conv2d", r"shape \(6,\), not \(\)", bias=np.array(1.0)),
        wrong("conv_transpose2d", r"shape \(6,\), not \(3,\)", bias=ones(3)),
        # Nothing along an axis
        wrong("conv2d", "no elements along H", input=ones((2, 4, 0, 6)), padding=2),
        wrong("conv3d", "input .* along W", input=ones((2, 4, 7, 6, 0)), padding=2),
        wrong("conv2d", "weight has .* along K_h", weight=ones((6, 2, 0, 2))),
        wrong("conv1d", "weight has .* along K", weight=ones((6, 2, 0))),
        wrong("conv2d", "along C_out", weight=ones((0, 2, 3, 2)), bias=None),
        wrong("conv_transpose1d", "no elements along L", input=ones((2, 4, 0))),
        wrong(
            "conv_transpose2d",
            "no elements along C_out/groups",
            weight=ones((4, 0, 3, 2)),
            bias=None,
        ),
        wrong(
            "conv_transpose2d",
            "input has no elements along C_in",
            input=ones((2, 0, 7, 6)),
            weight=ones((0, 3, 3, 2)),
        ),
        # Kernels that do not fit
        wrong("conv1d", "along L, .* spans 8 .* only 7", weight=ones((6, 2, 8))),
        wrong("conv2d", "along H, .* spans 9 .* only 7", dilation=4),
        wrong("conv2d", "along W, .* spans 7 .* only 6", dilation=(1, 6)),
        wrong("conv2d", "along H, .* spans 11 .* only 9", dilation=5, padding=1),
        wrong("conv3d", "along W, .* spans 6 .* only 5", weight=ones((6, 2, 1, 1, 6))),
        # Settings: their range, their number, their type
        wrong("conv1d", "stride must be at least 1, got 0", stride=0),
        wrong("conv2d", r"stride must be at least 1, got \(1, 0\)", stride=(1, 0)),
        wrong("conv3d", "stride must be at least 1, got -1", stride=-1),
        wrong("conv2d", "padding must be at least 0, got -1", padding=-1),
        wrong("conv2d", r"padding must .* got \(0, -2\)", padding=(0, -2)),
        wrong("conv2d", "dilation must be at least 1, got 0", dilation=0),
        wrong("conv_transpose1d", "stride must be at least 1, got 0", stride=0),
        wrong("conv_transpose2d", "padding must be at least 0, got -1", padding=-1),
        wrong("conv_transpose3d", "dilation must be at least 1, got 0", dilation=0),
        wrong("conv2d", "stride must fit into 64 bits, got 9223", stride=2**63),
        wrong("conv_transpose2d", r"fit into 64 bits, got 9223", padding=(0, 2**63)),
        wrong("conv1d", r"1 or 1 integers, got \(1, 1\)", stride=(1, 1)),
        wrong("conv2d", r"1 or 2 integers, got \(1, 1, 1\)", stride=(1, 1, 1)),
        wrong("conv2d", r"1 or 2 integers, got \[1, 1, 1\]", padding=[1, 1, 1]),
        wrong("conv3d", r"1 or 3 integers, got \(1, 1\)", dilation=(1, 1)),
        wrong("conv2d", r"stride needs 1 or 2 integers, got \(\)", stride=()),
        wrong("conv2d", r"padding needs 1 or 2 integers, got \[\]", padding=[]),
        wrong("conv_transpose2d", r"or 2 integers, got \(\)", output_padding=()),
        not_integer("conv1d", "stride", 2.0, r"2\.0"),
        not_integer("conv2d", "padding", (1, 1.0), r"1\.0"),
        not_integer("conv2d", "dilation", "2", "'2'"),
        not_integer("conv2d", "stride", None, "None"),
        not_integer("conv2d", "stride", True, "True"),
        not_integer("conv2d", "padding", (True, 1), "True"),
        not_integer("conv2d", "groups", 2.0, r"2\.0"),
        not_integer("conv2d", "groups", True, "True"),
        not_integer("conv3d", "groups", None, "None"),
        not_integer("conv_transpose2d", "output_padding", 0.0, r"0\.0"),
        not_integer("conv_transpose2d", "padding", "same", "'same'"),
        # Words for padding
        wrong("conv1d", "'same', 'valid' or integers, not 'SAME'", padding="SAME"),
        wrong("conv2d", "not 'full'", padding="full"),
        wrong("conv2d", r"stride 1, not \(2, 2\)", padding="same", stride=2),
        wrong("conv2d", r"stride 1, not \(1, 2\)", padding="same", stride=(1, 2)),
        # Transposed: positions added and taken away
        wrong(
            "conv_transpose1d",
            "along L, output_padding 1 must be .* stride 1 or the dilation 1",
            output_padding=1,
        ),
        wrong(
            "conv_transpose2d",
            "along W, output_padding 3 must be .* stride 2 or the dilation 3",
            output_padding=(2, 3),
            stride=(3, 2),
            dilation=(1, 3),
        ),
        wrong(
            "conv_transpose2d",
            "output_padding must be at least 0, got -1",
            output_padding=-1,
            stride=2,
        ),
        wrong("conv_transpose1d", "along L, .* removes 10 of only 9", padding=5),
        wrong("conv_transpose2d", "along W, .* removes 8 of only 7", padding=(0, 4)),
        # What the arrays are
        wrong(
            "conv2d",
            "weight must be a NumPy array, not list",
            TypeError,
            weight=[[[[1.0]]]],
        ),
        wrong("conv2d", "input must be .* not list", TypeError, input=[[[1.0]], [[]]]),
        wrong("conv2d", "bias must be .* not float", TypeError, bias=1.0),
        wrong("conv2d", "input must be .* not NoneType", TypeError, input=None),
        wrong(
            "conv2d",
            "input is float64 but weight is float32",
            TypeError,
            weight=ones((6, 2, 3, 2), "f4"),
        ),
        wrong(
            "conv2d",
            "input is float64 but bias is float32",
            TypeError,
            bias=ones(6, "f4"),
        ),
        wrong(
            "conv_transpose3d",
            "input is float32 but weight is float64",
            TypeError,
            input=ones((2, 4, 7, 6, 5), "f4"),
        ),
        *(
            wrong(
                name,
                "input has dtype bool, not numbers",
                TypeError,
                **{k: RIGHT[name][k].astype(bool) for k in ("input", "weight", "bias")},
            )
            for name in RIGHT
        ),
    ],
)
def test_a_wrong_call_is_refused(name, changes, error, message):
    refused_by_all(name, RIGHT[name] | changes, error, message)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("conv1d", (2, 6, 4), r"shape \(2, 6, 5\), not \(2, 6, 4\)"),
        ("conv2d", (2, 5, 5, 5), r"shape \(2, 6, 5, 5\), not \(2, 5, 5, 5\)"),
        ("conv2d", (1, 6, 5, 5), r"shape \(2, 6, 5, 5\), not \(1, 6, 5, 5\)"),
        ("conv2d", (6, 5, 5), r"shape \(2, 6, 5, 5\), not \(6, 5, 5\)"),
        ("conv2d", (), r"shape \(2, 6, 5, 5\), not \(\)"),
        ("conv3d", (2, 6, 5, 5, 1), r"\(2, 6, 5, 5, 5\), not \(2, 6, 5, 5, 1\)"),
        ("conv_transpose1d", (2, 6, 7), r"shape \(2, 6, 9\), not \(2, 6, 7\)"),
        ("conv_transpose2d", (2, 3, 9, 7), r"\(2, 6, 9, 7\), not \(2, 3, 9, 7\)"),
    ],
)
def test_a_gradient_of_another_shape_is_refused(name, shape, message):
    arguments = gradient_call(name, RIGHT[name], grad_output=ones(shape))
    name = f"{name}_backward"
    with pytest.raises(RuntimeError):
        run_torch(name, arguments)
    text = refusal(name, arguments, ValueError, message)
    assert f"\n  grad_output {shape}  =  (N, C_out, " in text


def test_a_gradient_that_is_no_array_is_refused():
    arguments = gradient_call("conv2d", RIGHT["conv2d"], grad_output=[1.0])
    with pytest.raises(TypeError):
        run_torch("conv2d_backward", arguments)
    refusal(
        "conv2d_backward", arguments, TypeError, "grad_output must be a NumPy array"
    )


def test_what_is_left_of_one_image_has_no_batch_axis_in_the_message():
    x, weight = ones((4, 7, 6)), ones((6, 2, 3, 2))
    with pytest.raises(ValueError, match=r"input       \(4, 7, 6\)  =  \(C_in, H, W\)"):
        functional.conv2d(x, weight, groups=3)


# Where PyTorch is more lenient --------------------------------------------------------


@pytest.mark.parametrize("name", ["conv1d", "conv2d", "conv3d"])
def test_an_input_without_channels_is_refused(name):
    """PyTorch returns an output without channels, whatever the weight's C_out."""
    right = RIGHT[name]
    arguments = {
        "input": right["input"][:, :0],
        "weight": right["weight"][:, :0],
        "bias": None,
    }
    assert run_torch(name, arguments).shape[1] == 0
    refusal(name, arguments, ValueError, "input has no elements along C_in")


@pytest.mark.parametrize("dtype", ["f4", "i8", "?"])
def test_a_gradient_of_another_dtype_is_refused(dtype):
    """PyTorch casts it."""
    shape = (2, 6, 5, 5)
    arguments = gradient_call("conv2d", RIGHT["conv2d"], grad_output=ones(shape, dtype))
    run_torch("conv2d_backward", arguments)
    said = "has dtype bool" if dtype == "?" else "input is float64 but grad_output is"
    refusal("conv2d_backward", arguments, TypeError, said)


@pytest.mark.parametrize("label", ["input", "weight", "bias"])
def test_a_tensor_is_refused(label):
    arguments = RIGHT["conv2d"] | {label: torch.from_numpy(RIGHT["conv2d"][label])}
    refusal("conv2d", arguments, TypeError, f"{label} must be .* not Tensor")


@pytest.mark.parametrize("setting", ["stride", "padding", "dilation", "groups"])
def test_an_array_is_no_setting(setting):
    """PyTorch, too, takes arrays in some places only."""
    arguments = RIGHT["conv2d"] | {setting: np.array([2, 2])}
    message = rf"{setting} must be an integer, got array\(\[2, 2\]\)"
    refusal("conv2d", arguments, TypeError, message)


@pytest.mark.parametrize("dtype", ["U1", "M8[s]", "m8[s]", "V8"])
def test_what_is_no_number_is_refused(dtype):
    arrays = {k: RIGHT["conv2d"][k] for k in ("input", "weight", "bias")}
    changes = {k: np.zeros(array.shape, dtype) for k, array in arrays.items()}
    refusal("conv2d", RIGHT["conv2d"] | changes, TypeError, "dtype .*, not numbers")


@pytest.mark.parametrize("name", RIGHT)
def test_numpy_integers_are_integers(name):
    arguments = RIGHT[name] | {"stride": np.int64(2), "groups": np.int32(2)}
    expected = run(name, RIGHT[name] | {"stride": 2})
    np.testing.assert_array_equal(run(name, arguments), expected, strict=True)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_small_integers_as_groups_do_not_wrap(dtype):
    x = np.ones((1, 256, 3, 3))
    y = functional.conv2d(x, np.ones((2, 128, 1, 1)), groups=dtype(2))
    assert (y == 128).all()
    w = np.ones((4, 100, 1, 1))
    assert functional.conv_transpose2d(x[:, :4], w, groups=dtype(4)).shape[1] == 400


def test_a_mask_is_not_ignored():
    x = np.ma.masked_equal(np.eye(3)[None], 0)
    with pytest.raises(TypeError, match="input must be a NumPy array, not MaskedArray"):
        functional.conv1d(x, np.ones((1, 3, 1)))
