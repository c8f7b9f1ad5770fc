"""Wrong layers, and wrong states: what PyTorch refuses is refused, in words."""

import numpy as np
import pytest
import torch

from cnnref import layers

ones = np.ones


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "error", "message"),
    [
        (
            "Conv2d",
            (3, 4, 3),
            {"groups": 2},
            ValueError,
            "in_channels = 3 is not divis",
        ),
        ("Conv2d", (4, 3, 3), {"groups": 2}, ValueError, "out_channels = 3 is not div"),
        ("Conv2d", (4, 4, 3), {"groups": 0}, ValueError, "groups must be at least 1"),
        (
            "Conv2d",
            (3, 4, "3"),
            {},
            TypeError,
            "kernel_size must be an integer, got '3'",
        ),
        (
            "Conv2d",
            (3, 4.0, 3),
            {},
            TypeError,
            "out_channels must be an integer, got 4",
        ),
        (
            "Conv2d",
            (-3, 4, 3),
            {},
            ValueError,
            "in_channels must be at least 1, got -3",
        ),
        (
            "Conv2d",
            (3, 4, 3),
            {"padding": "full"},
            ValueError,
            "padding must be one of 'valid', 'same', not 'full'",
        ),
        (
            "Conv2d",
            (3, 4, 3),
            {"padding": "same", "stride": (1, 2)},
            ValueError,
            r"padding='same' needs stride 1, got \(1, 2\)",
        ),
        (
            "Conv2d",
            (3, 4, 3),
            {"padding_mode": "edge"},
            ValueError,
            "padding_mode must be one of 'zeros', 'reflect', .* not 'edge'",
        ),
        (
            "ConvTranspose2d",
            (3, 4, 3),
            {"padding_mode": "reflect"},
            ValueError,
            "padding_mode must be one of 'zeros', not 'reflect'",
        ),
        ("Linear", (3.0, 2), {}, TypeError, "in_features must be an integer, got 3.0"),
        ("Linear", (3, -2), {}, ValueError, "out_features must be at least 1, got -2"),
        ("PReLU", (1.5,), {}, TypeError, "num_parameters must be an integer, got 1.5"),
        ("BatchNorm2d", (-1,), {}, ValueError, "num_features must be at least 1"),
        ("GroupNorm", (2, 5), {}, ValueError, "num_groups=2 does not divide num_chann"),
        (
            "LayerNorm",
            ((4, 2.5),),
            {},
            TypeError,
            "normalized_shape must be an integer",
        ),
        ("RMSNorm", ((4, -2),), {}, ValueError, "normalized_shape must be at least 1"),
        ("Dropout", (1.5,), {}, ValueError, "p must be from 0 to 1, got 1.5"),
        ("Dropout2d", (-0.5,), {}, ValueError, "p must be from 0 to 1, got -0.5"),
        ("Dropout", ("half",), {}, TypeError, "p must be a number, got 'half'"),
    ],
)
def test_a_wrong_layer_is_refused(name, args, kwargs, error, message):
    with pytest.raises((ValueError, TypeError, RuntimeError)):
        getattr(torch.nn, name)(*args, **kwargs)
    with pytest.raises(error, match=f"^{name}: {message}"):
        getattr(layers, name)(*args, **kwargs)


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "shape", "message"),
    [
        (
            "BatchNorm1d",
            (3,),
            {},
            (3,),
            r"BatchNorm1d: input must have 2 or 3 axes, no",
        ),
        (
            "BatchNorm2d",
            (3,),
            {},
            (3, 5, 5),
            "BatchNorm2d: input must have 4 axes, not the 3 of",
        ),
        ("BatchNorm3d", (3,), {}, (1, 3, 5, 5), "BatchNorm3d: input must have 5 axes"),
        (
            "InstanceNorm2d",
            (3,),
            {},
            (3, 5),
            "InstanceNorm2d: input must have 3 or 4 ax",
        ),
        ("InstanceNorm2d", (3,), {"affine": True}, (2, 4, 5, 5), "instance_norm: "),
        ("BatchNorm2d", (3,), {}, (1, 3, 1, 1), "batch_norm_running_stats: "),
        ("Conv2d", (3, 4, 3), {}, (2, 4, 5, 5), "conv2d: "),
        ("Linear", (3, 2), {}, (2, 4), "linear: "),
        ("PReLU", (3,), {}, (2, 4), "prelu: "),
        ("GroupNorm", (2, 4), {}, (2, 6, 5), "group_norm: "),
        ("MaxPool2d", (6,), {}, (1, 1, 5, 5), "max_pool2d: "),
    ],
)
def test_an_input_that_does_not_fit_is_refused(name, args, kwargs, shape, message):
    with pytest.raises((ValueError, RuntimeError)):
        getattr(torch.nn, name)(*args, **kwargs)(torch.ones(shape))
    layer = getattr(layers, name)(*args, **kwargs)
    with pytest.raises(ValueError, match=f"^{message}"):
        layer.forward(ones(shape, "f4"))


def test_an_input_of_another_dtype_is_refused():
    with pytest.raises(RuntimeError, match="dtype"):
        torch.nn.Linear(3, 2)(torch.ones(2, 3, dtype=torch.float64))
    with pytest.raises(
        TypeError, match="linear: input is float64 but weight is float32"
    ):
        layers.Linear(3, 2).forward(ones((2, 3)))


@pytest.mark.parametrize(("name", "args"), [("BatchNorm1d", (2,)), ("Dropout", ())])
def test_an_input_that_is_no_array_is_refused(name, args):
    with pytest.raises((TypeError, AttributeError)):
        getattr(torch.nn, name)(*args)([[1.0, 2.0]])
    with pytest.raises(
        TypeError, match=f"{name}: input must be a NumPy array, not list"
    ):
        getattr(layers, name)(*args).forward([[1.0, 2.0]])


def test_channels_without_an_effect_draw_a_warning():
    x = np.random.default_rng(0).normal(size=(2, 4, 5))
    message = "input's size at dim=1 does not match num_features"
    with pytest.warns(UserWarning, match=message):
        expected = torch.nn.InstanceNorm1d(3)(torch.from_numpy(x))
    message = "InstanceNorm1d: the input has 4 channels, not 3"
    with pytest.warns(UserWarning, match=message) as caught:
        y = layers.InstanceNorm1d(3).forward(x)
    assert caught[0].filename == __file__
    np.testing.assert_allclose(y, expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", ["ReLU", "ELU", "Hardtanh", "Dropout", "SiLU"])
def test_no_layer_overwrites_its_input(name):
    """PyTorch's do, with inplace=True."""
    with pytest.raises(ValueError, match="inplace=True would overwrite"):
        getattr(layers, name)(inplace=True).forward(ones(3))


# Passes -------------------------------------------------------------------------------


def test_the_inputs_are_counted():
    with pytest.raises(
        TypeError, match="MSELoss: forward takes input and target, got 1"
    ):
        layers.MSELoss().forward(ones(3))
    with pytest.raises(TypeError, match="ReLU: forward takes input, got 2"):
        layers.ReLU().forward(ones(3), ones(3))


def test_there_is_no_backward_before_a_forward():
    with pytest.raises(ValueError, match="Linear: backward needs a forward before it"):
        layers.Linear(3, 2).backward(ones((2, 2)))
    with pytest.raises(ValueError, match="Linear: backward needs a forward before it"):
        layers.Sequential(layers.ReLU(), layers.Linear(3, 2)).backward(ones((2, 2)))


def test_there_are_no_gradients_before_a_backward():
    layer = layers.Linear(3, 2)
    layer.forward(ones((2, 3), "f4"))
    with pytest.raises(
        ValueError, match="Linear: gradients needs a backward before it"
    ):
        layer.gradients()


def test_a_gradient_that_does_not_fit_is_refused():
    layer = layers.Linear(3, 2)
    layer.forward(ones((2, 3), "f4"))
    with pytest.raises(ValueError, match="linear_backward: grad_output must have the"):
        layer.backward(ones((2, 3), "f4"))


# Rows ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (("relu",), TypeError, "0 must be a layer, not str"),
        (({"a": 3},), TypeError, "a must be a layer, not int"),
        ((np.tanh,), TypeError, "0 must be a layer, not ufunc"),
    ],
)
def test_what_is_no_layer_is_refused(args, error, message):
    with pytest.raises(TypeError):
        torch.nn.Sequential(*args)
    with pytest.raises(error, match=f"^Sequential: {message}"):
        layers.Sequential(*args)


def test_a_name_is_a_string():
    with pytest.raises(TypeError, match="name should be a string"):
        torch.nn.Sequential().add_module(5, torch.nn.ReLU())
    with pytest.raises(TypeError, match="Sequential: the name 5 must be a string"):
        layers.Sequential({5: layers.ReLU()})


@pytest.mark.parametrize("name", ["", "a.b"])
def test_a_name_that_would_be_ambiguous_is_refused(name):
    with pytest.raises((KeyError, ValueError)):
        torch.nn.Sequential().add_module(name, torch.nn.ReLU())
    with pytest.raises(ValueError, match="is no name: empty or with a dot"):
        layers.Sequential({name: layers.ReLU()})


def test_one_layer_stands_in_one_place():
    """PyTorch allows two; here the second call would hide the first from backward."""
    relu = layers.ReLU()
    with pytest.raises(ValueError, match=r"ReLU\(\) stands in two places; make two"):
        layers.Sequential(relu, layers.Tanh(), layers.Sequential(relu))


# States -------------------------------------------------------------------------------

RIGHT = {"0.weight": ones((2, 3)), "0.bias": ones(2)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"0.bias": None}, "0.bias is missing"),
        ({"1.bias": ones(2)}, "1.bias is not known"),
        ({"0.bias": ones(3)}, r"0.bias has the shape \(3,\), not \(2,\)"),
        (
            {"0.weight": ones((3, 2)), "0.bias": None, "weight": ones(1)},
            r"0.bias is missing\n  0.weight has the shape \(3, 2\), not \(2, 3\)"
            r"\n  weight is not known",
        ),
    ],
)
def test_a_wrong_state_is_refused_as_a_whole(changes, message):
    model, twin = layers.Sequential(layers.Linear(3, 2)), torch.nn.Linear(3, 2)
    state = {k: v for k, v in (RIGHT | changes).items() if v is not None}
    with pytest.raises(RuntimeError):
        torch.nn.Sequential(twin).load_state_dict(
            {k: torch.from_numpy(v) for k, v in state.items()}
        )
    before = model.state_dict()
    with pytest.raises(ValueError, match=f"^Sequential: load_state_dict\n  {message}$"):
        model.load_state_dict(state)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_state_of_another_kind_is_refused():
    """PyTorch drops what is after the point, or the imaginary part."""
    with pytest.raises(
        ValueError, match="bias has dtype complex128, which is no float32"
    ):
        layers.Linear(1, 1).load_state_dict(
            {"weight": ones((1, 1)), "bias": ones(1, "c16")}
        )
    state = layers.BatchNorm1d(1).state_dict() | {"num_batches_tracked": np.array(1.5)}
    with pytest.raises(ValueError, match="num_batches_tracked has dtype float64"):
        layers.BatchNorm1d(1).load_state_dict(state)


@pytest.mark.parametrize("state", [None, [ones((1, 1)), ones(1)]])
def test_a_state_that_is_no_dict_is_refused(state):
    with pytest.raises(TypeError):
        torch.nn.Linear(1, 1).load_state_dict(state)
    kind = type(state).__name__
    message = f"^Linear: load_state_dict needs a dict of arrays, not {kind}"
    with pytest.raises(TypeError, match=message):
        layers.Linear(1, 1).load_state_dict(state)


def test_a_state_of_tensors_is_refused():
    state = dict(torch.nn.Linear(1, 1).state_dict())
    with pytest.raises(
        TypeError, match="Linear: bias must be a NumPy array, not Tensor"
    ):
        layers.Linear(1, 1).load_state_dict(state | {"weight": ones((1, 1))})


# Where PyTorch is more lenient --------------------------------------------------------


@pytest.mark.parametrize("name", ["kernel_size", "stride", "padding", "dilation"])
def test_a_setting_for_other_axes_is_refused(name):
    """PyTorch waits for the first input."""
    arguments = {"in_channels": 1, "out_channels": 1, "kernel_size": 3, name: (1, 1, 1)}
    torch.nn.Conv2d(**arguments)
    with pytest.raises(ValueError, match=f"Conv2d: {name} needs 1 or 2 integers, got"):
        layers.Conv2d(**arguments)
