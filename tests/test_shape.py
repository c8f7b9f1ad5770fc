"""Flatten, one-hot, the shuffles of pixels and columns: laws, dtypes and mutants."""

import numpy as np
import pytest
import torch
from operations import calls, few_calls, noticed, operation, with_arrays

from cnnref import functional
from cnnref.verify import Call, torch_sweep
from cnnref.windows import windows

MOVES = ["flatten", "pixel_shuffle", "pixel_unshuffle"]
COLUMNS = ["unfold", "fold"]


def differently(call):
    """Return the call with entries that all differ."""
    return with_arrays(call, lambda a: np.arange(float(a.size)).reshape(a.shape))


# Laws ---------------------------------------------------------------------------------


def test_flatten_has_the_defaults_that_pytorch_documents():
    """Its twin here is a function of ours around PyTorch's."""
    assert "flatten(input, start_dim=0, end_dim=-1)" in torch.flatten.__doc__


@pytest.mark.parametrize("name", MOVES)
def test_the_gradient_of_a_permutation_is_its_inverse(name):
    for call in map(differently, few_calls(name)):
        y = call.of(getattr(functional, name))
        back = getattr(functional, f"{name}_backward")
        np.testing.assert_array_equal(
            call.replace(grad_output=y).of(back), call.arrays["input"], strict=True
        )


def test_the_shuffles_are_inverse_to_each_other():
    for call in map(differently, few_calls("pixel_shuffle")):
        y = call.of(functional.pixel_shuffle)
        r = call.settings["upscale_factor"]
        x = functional.pixel_unshuffle(y, r)
        np.testing.assert_array_equal(x, call.arrays["input"], strict=True)


@pytest.mark.parametrize("name", COLUMNS)
def test_the_gradient_is_the_adjoint(name):
    """⟨g, y⟩ = ⟨∂x, x⟩, exactly on integers."""
    for call in few_calls(f"{name}_backward"):
        arrays = dict(call.arrays)
        g = arrays.pop("grad_output")
        y = Call(arrays, call.settings).of(getattr(functional, name))
        dx = call.of(getattr(functional, f"{name}_backward"))
        assert (g * y).sum() == (dx * arrays["input"]).sum()


def test_fold_counts_how_often_unfold_has_read_each_position():
    settings = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}
    x = np.arange(1.0, 31.0).reshape(1, 5, 6)
    again = functional.fold(functional.unfold(x, **settings), (5, 6), **settings)
    ones = np.ones_like(x)
    count = functional.fold(functional.unfold(ones, **settings), (5, 6), **settings)
    assert set(count.ravel()) == {1, 2, 4}
    np.testing.assert_array_equal(again, count * x)


def test_a_convolution_is_one_product_with_the_columns():
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, (2, 3, 6, 5)).astype(float)
    w = rng.integers(-4, 5, (4, 3, 3, 2)).astype(float)
    where = {"stride": (2, 1), "padding": 1, "dilation": (1, 2)}
    y = functional.conv2d(x, w, **where)
    product = w.reshape(4, -1) @ functional.unfold(x, (3, 2), **where)
    np.testing.assert_array_equal(product.reshape(y.shape), y)


def test_flattened_features_come_in_the_order_of_channel_row_column():
    """Channels last, they come in another order: the weights must follow."""
    x = np.arange(4 * 4 * 128.0).reshape(1, 128, 4, 4)
    features = functional.flatten(x, start_dim=1)
    assert features.shape == (1, 2048)
    last = functional.flatten(np.moveaxis(x, 1, -1), start_dim=1)
    assert features[0, 1] == x[0, 0, 0, 1]
    assert last[0, 1] == x[0, 1, 0, 0]


def test_one_hot_rows_select_rows():
    t, table = np.array([[2, 0], [1, 2]]), np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(functional.one_hot(t) @ table, table[t])


# Dtypes and empty batches -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dtypes"),
    [
        *((name, ["?", "u1", "i2", "i8", "f2", "c8", "c16"]) for name in MOVES),
        *((name, ["?", "f2", "c8", "c16"]) for name in COLUMNS),
    ],
)
def test_every_dtype_of_pytorch_is_kept(name, dtypes):
    for dtype in dtypes:
        few = [
            with_arrays(call, lambda a, dtype=dtype: abs(a).astype(dtype))
            for call in few_calls(name)
        ]
        sweep = torch_sweep(name, few)
        assert sweep.disagreement(getattr(functional, name)) is None


@pytest.mark.parametrize("shape", [(0, 4, 2, 6), (4, 0, 2), (0, 2, 2), (3, 0, 4, 2, 2)])
def test_an_empty_image_has_the_shape_of_a_shuffled_one(shape):
    """PyTorch returns it as it came, and its own gradient then fails."""
    x = np.ones(shape)
    y = functional.pixel_unshuffle(x, 2)
    *lead, c, h, w = shape
    assert y.shape == (*lead, 4 * c, h // 2, w // 2)
    assert functional.pixel_shuffle(y, 2).shape == shape
    assert functional.pixel_shuffle_backward(x, y, 2).shape == y.shape
    assert functional.pixel_unshuffle_backward(y, x, 2).shape == shape
    assert torch.nn.functional.pixel_unshuffle(torch.ones(shape), 2).shape == shape
    assert torch.nn.functional.pixel_shuffle(torch.ones(y.shape), 2).shape == shape


def test_special_values_are_moved_like_others():
    x = np.array([[[np.nan, np.inf], [-np.inf, -0.0]]])
    for y in (
        functional.flatten(x),
        functional.unfold(x, 1),
        functional.fold(x.reshape(1, 4), (2, 2), 1),
    ):
        np.testing.assert_array_equal(y.ravel(), x.ravel())


# Common mistakes ----------------------------------------------------------------------


def flatten_by_columns(input, start_dim=0, end_dim=-1):
    y = functional.flatten(input, start_dim, end_dim)
    first, ndim = start_dim % max(1, input.ndim), y.ndim
    joined = input.ndim - ndim + 1 if input.ndim else 0
    order = [*range(first), *reversed(range(first, first + joined))]
    return input.transpose(*order, *range(first + joined, input.ndim)).reshape(y.shape)


def one_hot_from_1(tensor, num_classes=-1):
    """Number the classes from 1 on."""
    return np.roll(functional.one_hot(tensor, num_classes), 1, axis=-1)


def depth_to_space(input, upscale_factor):
    """Take the channels in the order row, column, depth (ONNX: DCR)."""
    r, (*lead, c, h, w) = upscale_factor, input.shape
    blocks = input.reshape(*lead, r, r, c // r**2, h, w)
    return functional.pixel_shuffle(np.moveaxis(blocks, -3, -5).reshape(input.shape), r)


def offsets_swapped(input, upscale_factor):
    """Let the channel's offsets into the block be (j, i)."""
    r, (*lead, c, h, w) = upscale_factor, input.shape
    blocks = input.reshape(*lead, c // r**2, r, r, h, w).swapaxes(-3, -4)
    return functional.pixel_shuffle(blocks.reshape(input.shape), r)


def unshuffle_swapped(input, downscale_factor):
    y, r = functional.pixel_unshuffle(input, downscale_factor), downscale_factor
    *lead, c, h, w = y.shape
    return y.reshape(*lead, c // r**2, r, r, h, w).swapaxes(-3, -4).reshape(y.shape)


def columns_by_offset(input, kernel_size, dilation=1, padding=0, stride=1):
    """Let the kernel offset vary slower than the channel."""
    y = functional.unfold(input, kernel_size, dilation, padding, stride)
    split = (*y.shape[:-2], input.shape[-3], -1, y.shape[-1])
    return y.reshape(split).swapaxes(-2, -3).reshape(y.shape)


def columns_as_rows(input, kernel_size, dilation=1, padding=0, stride=1):
    y = functional.unfold(input, kernel_size, dilation, padding, stride)
    return y.swapaxes(-1, -2).reshape(y.shape)


def stride_and_dilation_exchanged(input, kernel_size, dilation=1, padding=0, stride=1):
    return functional.unfold(input, kernel_size, stride, padding, dilation)


def averaged(input, output_size, **settings):
    """Divide by how many windows overlap, as if fold were the inverse."""
    total = functional.fold(input, output_size, **settings)
    count = functional.fold(np.ones_like(input), output_size, **settings)
    return total / np.maximum(count, 1)


def overwritten(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Write = for +=: the last window wins."""
    y = functional.fold(input, output_size, kernel_size, dilation, padding, stride)
    pairs = [
        tuple(np.broadcast_to(v, 2)) for v in (kernel_size, stride, padding, dilation)
    ]
    kernel, stride, padding, dilation = pairs
    size = y.shape[-2:]
    places = np.arange(1, 1 + np.prod(size)).reshape(size)
    sides = tuple((p, p) for p in padding)
    read = windows(places, kernel, stride, sides, dilation)
    order = read.reshape(np.prod(kernel), -1).T
    flat = np.zeros((*y.shape[:-2], 1 + places.size))
    columns = input.reshape(*y.shape[:-2], *order.T.shape).swapaxes(-1, -2)
    for place, column in zip(order, np.moveaxis(columns, -2, 0)):
        flat[..., place] = column
    return flat[..., 1:].reshape(y.shape)


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("flatten", flatten_by_columns),
        ("one_hot", one_hot_from_1),
        ("pixel_shuffle", depth_to_space),
        ("pixel_shuffle", offsets_swapped),
        ("pixel_unshuffle", unshuffle_swapped),
        ("unfold", columns_by_offset),
        ("unfold", columns_as_rows),
        ("unfold", stride_and_dilation_exchanged),
        ("fold", averaged),
        ("fold", overwritten),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_mistake_is_noticed(name, mutant):
    assert noticed(torch_sweep(name, calls(name)), mutant)


@pytest.mark.parametrize("name", [*MOVES, *COLUMNS])
def test_the_gradient_of_another_place_is_noticed(name):
    backward = getattr(functional, f"{name}_backward")

    def mutant(grad_output, **arguments):
        return backward(grad_output[..., ::-1], **arguments)

    assert operation(name).gradients == ("input",)
    assert noticed(torch_sweep(f"{name}_backward", calls(f"{name}_backward")), mutant)
