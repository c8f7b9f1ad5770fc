"""Sizes: against counting by hand, against PyTorch, and as laws."""

import re
import warnings
from itertools import product

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st
from operations import noticed

from cnnref.geometry import (
    out_size,
    receptive_field,
    same_padding,
    span,
    transposed_size,
)
from cnnref.verify import RAISES, Call, Sweep
from cnnref.verify.mistakes.geometry import field_sweep

F = torch.nn.functional
SMALL = {
    "size": range(1, 9),
    "kernel_size": range(1, 5),
    "stride": range(1, 4),
    "padding": range(0, 4),
    "dilation": range(1, 4),
}


def small(**settings):
    """Every call of a size rule with settings from the given ranges."""
    return tuple(
        Call({}, dict(zip(settings, values))) for values in product(*settings.values())
    )


def size_sweep(calls, torch_size):
    """Judge a size rule by PyTorch: the size that it makes, or that it refuses."""

    def expected(call):
        try:
            return torch_size(**call.settings)
        except RuntimeError:
            return RAISES

    return Sweep("torch", "PyTorch", calls, expected)


def conv_size(size, kernel_size, **settings):
    y = F.conv1d(torch.zeros(1, 1, size), torch.zeros(1, 1, kernel_size), **settings)
    return y.shape[-1]


def transposed_conv_size(size, kernel_size, **settings):
    x, w = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel_size)
    return F.conv_transpose1d(x, w, **settings).shape[-1]


CONV = size_sweep(small(**SMALL), conv_size)
TRANSPOSED = size_sweep(
    small(**SMALL | {"size": range(1, 5), "output_padding": range(0, 4)}),
    transposed_conv_size,
)


# Counting -----------------------------------------------------------------------------


def count(size, kernel_size, stride, before, after, dilation, ceil_mode=False):
    """Count windows by laying them down one after another."""
    padded, reach = before + size + after, dilation * (kernel_size - 1)
    starts = [h for h in range(0, padded, stride) if h + reach < padded]
    if ceil_mode and starts:
        unseen = starts[-1] + reach + 1 < padded
        if unseen and starts[-1] + stride < before + size:
            starts.append(starts[-1] + stride)
    return len(starts)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_out_size_counts_the_windows(ceil_mode):
    compared = 0
    for size, k, s, before, after, d in product(
        range(0, 8), range(1, 5), range(1, 5), range(0, 4), range(0, 4), range(1, 4)
    ):
        windows = count(size, k, s, before, after, d, ceil_mode)
        if windows:
            got = out_size(size, k, s, (before, after), d, ceil_mode)
            assert got == windows, (size, k, s, before, after, d)
            compared += 1
        else:
            with pytest.raises(ValueError, match=f"spans {span(k, d)} but"):
                out_size(size, k, s, (before, after), d, ceil_mode)
    assert compared > 4000


# PyTorch ------------------------------------------------------------------------------


def test_out_size_and_its_refusals_are_those_of_conv1d():
    assert CONV.disagreement(out_size) is None
    refused = sum(CONV.expected(call) is RAISES for call in CONV.calls)
    assert 0 < refused < len(CONV.calls) / 2


def test_transposed_size_and_its_refusals_are_those_of_conv_transpose1d():
    assert TRANSPOSED.disagreement(transposed_size) is None
    refused = sum(TRANSPOSED.expected(call) is RAISES for call in TRANSPOSED.calls)
    assert 0 < refused < len(TRANSPOSED.calls)


def pool_size(size, kernel_size, stride, padding, dilation, ceil_mode):
    x = torch.zeros(1, 1, size)
    return F.max_pool1d(
        x, kernel_size, stride, padding, dilation, ceil_mode=ceil_mode
    ).shape[-1]


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_out_size_is_that_of_max_pool1d(ceil_mode):
    """Where no whole window fits, PyTorch may still make one in ceil mode."""
    without_a_window = compared = 0
    for call in small(**SMALL):
        size, k, s, p, d = call.settings.values()
        try:
            expected = pool_size(size, k, s, p, d, ceil_mode)
        except RuntimeError:
            # PyTorch pools no padding above half the kernel; the rule allows it.
            assert p > k // 2 or size + 2 * p < span(k, d)
            continue
        if size + 2 * p < span(k, d):
            assert ceil_mode
            assert expected == 1
            with pytest.raises(ValueError, match=f"has only {size + 2 * p}"):
                out_size(size, k, s, p, d, ceil_mode)
            without_a_window += 1
        else:
            assert out_size(size, k, s, p, d, ceil_mode) == expected, call
            compared += 1
    assert compared > 300
    assert bool(without_a_window) is ceil_mode


@pytest.mark.parametrize("kernel_size", range(1, 7))
@pytest.mark.parametrize("dilation", range(1, 5))
def test_same_padding_is_that_of_conv1d(kernel_size, dilation):
    before, after = same_padding(kernel_size, dilation)
    x = torch.arange(1.0, 10.0).reshape(1, 1, -1)
    # Powers of two: every placement of the taps gives other sums.
    weight = 2.0 ** torch.arange(kernel_size).reshape(1, 1, -1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using padding='same' with even")
        expected = F.conv1d(x, weight, padding="same", dilation=dilation)
    got = F.conv1d(F.pad(x, (before, after)), weight, dilation=dilation)
    assert torch.equal(got, expected)


# What an output sees ------------------------------------------------------------------

FIELDS = field_sweep()
TWO_AXES = [
    ([3, 2, 3, 2], [1, 2, 1, 2], [1, 1, 1, 1]),  # two blocks of VGG's kind
    ([5, 3], [2, 3], [1, 2]),
    ([1, 2, 2], [3, 1, 2], [1, 3, 1]),  # a stride that leaves positions unread
    ([4], [3], [2]),
]


def layer(number, kernel_size, stride, dilation):
    """A convolution with weights 1, and where it can be every other one a pooling."""
    if number % 2 and dilation == 1:
        return torch.nn.AvgPool2d(kernel_size, stride)
    conv = torch.nn.Conv2d(1, 1, kernel_size, stride, dilation=dilation, bias=False)
    torch.nn.init.ones_(conv.weight)
    return conv


@pytest.mark.parametrize(("kernel_size", "stride", "dilation"), TWO_AXES)
def test_the_receptive_field_is_where_gradients_are_not_0(
    kernel_size, stride, dilation
):
    """Through real layers; heights as given, widths with kernels one larger."""
    heights = receptive_field(kernel_size, stride, dilation)
    widths = receptive_field([k + 1 for k in kernel_size], stride, dilation)
    settings = enumerate(zip(kernel_size, stride, dilation))
    model = torch.nn.Sequential(
        *(layer(i, (k, k + 1), s, d) for i, (k, s, d) in settings)
    )
    shape = [2 * field.jump + field.size for field in (heights, widths)]
    image = torch.zeros(1, 1, *shape, requires_grad=True)
    y = model(image)[0, 0]
    corners = {}
    for p, q in [(0, 0), (1, 0), (0, 1)]:
        (g,) = torch.autograd.grad(y[p, q], image, retain_graph=True)
        seen = g[0, 0].nonzero()
        corners[p, q] = seen.min(0).values, seen.max(0).values
    first, last = corners[0, 0]
    assert (last - first + 1).tolist() == [heights.size, widths.size]
    assert (corners[1, 0][0] - first).tolist() == [heights.jump, 0]
    assert (corners[0, 1][0] - first).tolist() == [0, widths.jump]


def test_the_mistakes_sweep_has_deep_wide_and_unread():
    """Several layers, dilation beside stride, and a stride beyond the kernel."""
    calls = [call.settings for call in FIELDS.calls]
    assert FIELDS.disagreement(receptive_field) is None
    assert {len(call["kernel_size"]) for call in calls} == {1, 2, 3}
    assert any(s != d for c in calls for s, d in zip(c["stride"], c["dilation"]))
    assert any(s > k for c in calls for s, k in zip(c["stride"], c["kernel_size"]))


def test_a_setting_given_once_is_that_of_all_layers():
    assert receptive_field([3, 5], 2, 3) == receptive_field([3, 5], [2, 2], (3, 3))
    assert receptive_field(np.array([3, 5]), np.int64(2)) == (1 + 2 + 2 * 4, 4)
    assert receptive_field([]) == (1, 1)


def test_the_receptive_field_of_symbols_is_the_formula():
    k, m, s, d = sympy.symbols("k m s d", integer=True, positive=True)
    size, jump = receptive_field([k, m], [s, 2], [1, d])
    assert sympy.expand(size - (1 + (k - 1) + s * d * (m - 1))) == 0
    assert jump == 2 * s


# Laws ---------------------------------------------------------------------------------

counts = st.integers(1, 10**6)
paddings = st.integers(0, 10**6)


@given(counts, counts, counts, paddings, paddings, counts, st.integers(0, 10**6))
def test_the_last_window_ends_before_the_remainder(n, k, s, before, after, d, r):
    """n windows and r < s further positions hold n windows, whatever the padding."""
    r %= s
    padded = (n - 1) * s + span(k, d) + r
    before %= padded + 1
    after %= padded - before + 1
    size = padded - before - after
    assert out_size(size, k, s, (before, after), d) == n


@given(counts, counts, counts, paddings, counts, st.integers(0, 10**6))
def test_transposed_size_inverts_out_size_up_to_the_remainder(n, k, s, p, d, r):
    r %= s
    p %= ((n - 1) * s + span(k, d) + r - 1) // 2 + 1
    size = transposed_size(n, k, s, p, r, d)
    assert out_size(size, k, s, p, d) == n
    assert (size + 2 * p - span(k, d)) % s == r


@given(counts, counts, counts, paddings, counts)
def test_ceil_mode_adds_at_most_one_window(size, k, s, p, d):
    size += max(0, span(k, d) - 2 * p)
    floor, ceil = (out_size(size, k, s, p, d, mode) for mode in (False, True))
    assert ceil - floor in (0, 1)
    assert ceil == floor or (floor - 1) * s + span(k, d) < size + 2 * p


@given(counts, counts, counts)
def test_same_padding_keeps_the_size_and_puts_the_odd_zero_after(size, k, d):
    before, after = same_padding(k, d)
    assert out_size(size, k, 1, (before, after), d) == size
    assert after - before == d * (k - 1) % 2


layers = st.lists(st.tuples(*(st.integers(1, 9),) * 3), max_size=6)


def fields(stack):
    """The receptive field of a list of kernel size, stride and dilation."""
    return receptive_field(*zip(*stack)) if stack else receptive_field([])


@given(layers, layers)
def test_a_stack_on_a_stack_sees_through_it(below, above):
    low, high, both = fields(below), fields(above), fields(below + above)
    assert both.size == low.size + (high.size - 1) * low.jump
    assert both.jump == low.jump * high.jump


@given(layers)
def test_an_input_of_that_size_gives_one_output_and_a_jump_more_gives_two(stack):
    size, jump = fields(stack)
    for length, expected in [(size, 1), (size + jump - 1, 1), (size + jump, 2)]:
        for k, s, d in stack:
            length = out_size(length, k, s, 0, d)
        assert length == expected


def test_numpy_integers_are_integers():
    three = np.int64(3)
    assert out_size(three * 2, three, padding=(np.int32(1), 0)) == 5
    assert transposed_size(three, three) == 5
    assert same_padding(three) == (1, 1)


# A caller's mistakes ------------------------------------------------------------------


def mistake(error, message, function, *arguments):
    name = f"{function.__name__}{arguments}"
    return pytest.param(function, arguments, error, message, id=name)


@pytest.mark.parametrize(
    ("function", "arguments", "error", "message"),
    [
        mistake(ValueError, "spans 7 but the padded input has only 4", out_size, 4, 7),
        mistake(ValueError, "spans 7 .* only 5", out_size, 3, 3, 1, 1, 3),
        mistake(ValueError, "spans 1 .* only 0", out_size, 0, 1),
        mistake(ValueError, "size must be at least 0, got -1", out_size, -1, 1),
        mistake(ValueError, "kernel_size must be at least 1, got 0", out_size, 5, 0),
        mistake(ValueError, "stride must be at least 1, got 0", out_size, 5, 3, 0),
        mistake(ValueError, "padding must .* 0, got -2", out_size, 5, 3, 1, -2),
        mistake(ValueError, "padding must .* 0, got -2", out_size, 5, 3, 1, (0, -2)),
        mistake(ValueError, r"1 or 2 integers, got \(1,\)", out_size, 5, 3, 1, (1,)),
        mistake(ValueError, r"2 integers, got \(1, 2", out_size, 5, 3, 1, (1, 2, 3)),
        mistake(ValueError, "dilation must .* 1, got 0", out_size, 5, 3, 1, 0, 0),
        mistake(TypeError, r"size must be an integer, got 5\.0", out_size, 5.0, 3),
        mistake(TypeError, r"kernel_size must .* got 2\.5", out_size, 5, 2.5),
        mistake(TypeError, "stride must .* got True", out_size, 5, 3, True),
        mistake(TypeError, "stride must .* got np.True_", out_size, 5, 3, np.True_),
        mistake(TypeError, "kernel_size must .* got '3'", out_size, 5, "3"),
        mistake(TypeError, "size must .* got None", out_size, None, 3),
        mistake(TypeError, r"padding must .* \[1, 1\]", out_size, 5, 3, 1, [1, 1]),
        mistake(ValueError, "span: kernel_size must be at least 1, got 0", span, 0),
        mistake(TypeError, r"span: dilation must .* got 1\.5", span, 3, 1.5),
        mistake(ValueError, "kernel_size must be at least 1, got 0", same_padding, 0),
        mistake(ValueError, "dilation must be at least 1, got 0", same_padding, 3, 0),
        mistake(ValueError, "size must be at least 1, got 0", transposed_size, 0, 3),
        mistake(ValueError, "stride must .* 1, got 0", transposed_size, 4, 3, 0),
        mistake(ValueError, "padding must .* got -1", transposed_size, 4, 3, 1, -1),
        mistake(ValueError, "removes 4 of only 3", transposed_size, 1, 3, 1, 2),
        mistake(
            ValueError,
            "output_padding 2 must be smaller than the stride 2 or the dilation 1",
            transposed_size,
            4,
            3,
            2,
            0,
            2,
        ),
        mistake(
            ValueError,
            "output_padding must be at least 0, got -1",
            transposed_size,
            4,
            3,
            2,
            0,
            -1,
        ),
        mistake(TypeError, r"stride must .* got 1\.0", transposed_size, 4, 3, 1.0),
        mistake(
            ValueError,
            r"stride needs 1 or 2 integers, one for each kernel_size, got \[1\]",
            receptive_field,
            [3, 3],
            [1],
        ),
        mistake(ValueError, "dilation needs 1 or 1", receptive_field, [3], 1, (1, 2)),
        mistake(ValueError, "kernel_size must .* 1, got 0", receptive_field, [3, 0]),
        mistake(ValueError, "stride must .* 1, got 0", receptive_field, [3], 0),
        mistake(TypeError, r"dilation must .* got 1\.5", receptive_field, [3], 1, 1.5),
    ],
)
def test_a_mistake_is_named_in_the_callers_numbers(function, arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        function(*arguments)
    assert re.match(
        r"(out_size|receptive_field|span|transposed_size): ", str(caught.value)
    )


# Mistakes that the comparison with PyTorch must notice, beside those of the package --


def without_the_domain(size, kernel_size, stride, padding, dilation):
    return (size + 2 * padding - span(kernel_size, dilation)) // stride + 1


def stride_for_dilation(size, kernel_size, stride, padding, dilation):
    return out_size(size, kernel_size, dilation, padding, stride)


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(without_the_domain, id="a kernel larger than the input"),
        pytest.param(stride_for_dilation, id="stride and dilation exchanged"),
    ],
)
def test_a_wrong_size_is_noticed(mutant):
    assert noticed(CONV, mutant)


def without_output_padding(output_padding, **settings):
    return transposed_size(**settings)


def any_output_padding(size, kernel_size, stride, padding, output_padding, dilation):
    plain = transposed_size(size, kernel_size, stride, padding, 0, dilation)
    return plain + output_padding


@pytest.mark.parametrize("mutant", [without_output_padding, any_output_padding])
def test_a_wrong_transposed_size_is_noticed(mutant):
    assert noticed(TRANSPOSED, mutant)


@pytest.mark.parametrize("dtype", ["i1", "u1", "u8"])
def test_numpy_integers_do_not_wrap(dtype):
    number = np.dtype(dtype).type
    with pytest.raises(ValueError, match="spans 5 but the padded input has only 3"):
        out_size(number(3), number(5))
    assert span(number(100), number(2)) == 199
    assert out_size(number(100), 3, padding=number(100)) == 298
    assert transposed_size(number(100), number(3), stride=number(3)) == 300


def test_an_array_or_a_float_is_no_size():
    for size in (np.array(2.5), np.array([5, 6]), np.float64(5)):
        with pytest.raises(TypeError, match="size must be an integer"):
            out_size(size, 1)
