"""Each layer beside its class in torch.nn: names, state, both passes, both modes."""

import inspect
from fractions import Fraction

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cnnref import checkpoint, layers
from cnnref.symbolic import Trace
from cnnref.verify.calls import integers, seeded_draw

# PyTorch says that it copies the input to pad its two sides apart.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even")

# A layer's arguments, and the shape of what goes through it.
CASES = [
    ("Conv1d", (3, 4, 2), {"stride": 2, "padding": 1}, (2, 3, 7)),
    ("Conv1d", (3, 4, 3), {"padding": 2, "padding_mode": "circular"}, (2, 3, 7)),
    ("Conv2d", (4, 6, (3, 2)), {"groups": 2, "dilation": (1, 2)}, (2, 4, 7, 6)),
    ("Conv2d", (3, 4, (2, 3)), {"padding": "same", "bias": False}, (2, 3, 5, 6)),
    ("Conv2d", (3, 4, 3), {"padding": (2, 1), "padding_mode": "reflect"}, (2, 3, 5, 6)),
    (
        "Conv2d",
        (3, 4, (4, 3)),
        {"padding": "same", "padding_mode": "replicate", "dilation": (1, 2)},
        (2, 3, 5, 6),
    ),
    (
        "Conv2d",
        (3, 4, 3),
        {"padding": "valid", "padding_mode": "circular"},
        (3, 5, 6),
    ),
    ("Conv3d", (2, 3, 2), {"stride": (1, 2, 1)}, (2, 2, 3, 4, 5)),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "output_padding": 1}, (2, 4, 5)),
    (
        "ConvTranspose2d",
        (4, 6, (3, 2)),
        {"groups": 2, "padding": 1, "dilation": 2, "bias": False},
        (2, 4, 5, 3),
    ),
    ("ConvTranspose3d", (2, 3, 2), {"stride": 2}, (2, 2, 2, 3, 2)),
    ("Linear", (5, 3), {}, (2, 4, 5)),
    ("Linear", (5, 3), {"bias": False}, (5,)),
    ("MaxPool1d", (2,), {}, (2, 3, 7)),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1, "dilation": (1, 2)}, (2, 3, 7, 8)),
    ("MaxPool2d", ((2, 3),), {"ceil_mode": True}, (2, 3, 7, 8)),
    ("MaxPool3d", (2,), {}, (2, 2, 4, 5, 6)),
    ("AvgPool1d", (2,), {}, (2, 3, 7)),
    ("AvgPool2d", (3, 2, 1), {"count_include_pad": False}, (2, 3, 7, 8)),
    ("AvgPool2d", (2,), {"divisor_override": 3}, (2, 3, 6, 8)),
    ("AvgPool3d", (2,), {"ceil_mode": True}, (2, 2, 4, 5, 6)),
    ("AdaptiveAvgPool1d", (2,), {}, (2, 3, 7)),
    ("AdaptiveAvgPool2d", ((2, None),), {}, (2, 3, 7, 5)),
    ("AdaptiveAvgPool3d", (2,), {}, (2, 2, 3, 4, 5)),
    ("AdaptiveMaxPool1d", (2,), {}, (2, 3, 7)),
    ("AdaptiveMaxPool2d", ((2, None),), {}, (2, 3, 7, 5)),
    ("AdaptiveMaxPool3d", (2,), {}, (2, 2, 3, 4, 5)),
    ("LPPool1d", (2, 3), {}, (2, 3, 7)),
    ("LPPool2d", (2.0, 2), {"stride": 1}, (2, 3, 7, 6)),
    ("LPPool3d", (2, 2), {"ceil_mode": True}, (2, 2, 4, 5, 6)),
    ("BatchNorm1d", (3,), {}, (4, 3)),
    ("BatchNorm1d", (3,), {"momentum": None}, (4, 3, 5)),
    ("BatchNorm2d", (3,), {"eps": 0.25, "momentum": 0.3}, (4, 3, 5, 2)),
    ("BatchNorm2d", (3,), {"affine": False}, (4, 3, 5, 2)),
    ("BatchNorm2d", (3,), {"track_running_stats": False}, (4, 3, 5, 2)),
    ("BatchNorm3d", (3,), {"bias": False}, (2, 3, 2, 3, 4)),
    ("InstanceNorm1d", (3,), {}, (2, 3, 5)),
    ("InstanceNorm2d", (3,), {"affine": True}, (3, 5, 4)),
    (
        "InstanceNorm2d",
        (3,),
        {"affine": True, "track_running_stats": True},
        (2, 3, 5, 4),
    ),
    ("InstanceNorm2d", (3,), {"track_running_stats": True}, (3, 5, 4)),
    (
        "InstanceNorm3d",
        (2,),
        {"track_running_stats": True, "momentum": None},
        (2, 2, 3, 2, 2),
    ),
    ("GroupNorm", (2, 4), {}, (3, 4, 5)),
    ("GroupNorm", (2, 4), {"affine": False}, (3, 4, 5)),
    ("LayerNorm", (5,), {}, (3, 4, 5)),
    ("LayerNorm", ([4, 5],), {"bias": False, "eps": 0.5}, (3, 4, 5)),
    ("LayerNorm", (5,), {"elementwise_affine": False}, (3, 4, 5)),
    ("RMSNorm", ((4, 5),), {}, (3, 4, 5)),
    ("LocalResponseNorm", (3,), {"k": 2.0}, (2, 5, 4)),
    ("Dropout", (0.0,), {}, (2, 3, 4)),
    ("Dropout1d", (1.0,), {}, (2, 3, 4)),
    ("Dropout2d", (0.0,), {}, (2, 3, 4, 5)),
    ("Dropout3d", (1.0,), {}, (2, 3, 4, 5, 2)),
    ("Flatten", (), {}, (2, 3, 4)),
    ("Flatten", (0, 1), {}, (2, 3, 4)),
    ("PixelShuffle", (2,), {}, (2, 8, 3, 4)),
    ("PixelUnshuffle", (2,), {}, (2, 3, 4, 6)),
    ("Upsample", (), {"scale_factor": 2}, (2, 3, 4, 5)),
    ("Upsample", (), {"scale_factor": (2, 1.5)}, (2, 3, 4, 5)),
    (
        "Upsample",
        ((5, 7),),
        {"mode": "bilinear", "align_corners": True},
        (2, 3, 4, 5),
    ),
    ("Unfold", ((2, 3),), {"padding": 1, "stride": (1, 2)}, (2, 3, 4, 5)),
    ("Fold", ((4, 5), (2, 3)), {}, (2, 12, 9)),
    ("ReLU", (), {}, (2, 3, 4)),
    ("ReLU6", (), {}, (2, 3, 4)),
    ("LeakyReLU", (0.2,), {}, (2, 3, 4)),
    ("PReLU", (), {}, (2, 3, 4)),
    ("PReLU", (3,), {"init": 0.5}, (2, 3, 4)),
    ("ELU", (2.0,), {}, (2, 3, 4)),
    ("SELU", (), {}, (2, 3, 4)),
    ("CELU", (2.0,), {}, (2, 3, 4)),
    ("Sigmoid", (), {}, (2, 3, 4)),
    ("LogSigmoid", (), {}, (2, 3, 4)),
    ("Tanh", (), {}, (2, 3, 4)),
    ("Softplus", (2.0, 3.0), {}, (2, 3, 4)),
    ("Softsign", (), {}, (2, 3, 4)),
    ("SiLU", (), {}, (2, 3, 4)),
    ("GELU", ("tanh",), {}, (2, 3, 4)),
    ("Mish", (), {}, (2, 3, 4)),
    ("Hardtanh", (-2.0, 0.5), {}, (2, 3, 4)),
    ("Hardsigmoid", (), {}, (2, 3, 4)),
    ("Hardswish", (), {}, (2, 3, 4)),
    ("Softmax", (1,), {}, (2, 3, 4)),
    ("LogSoftmax", (-1,), {}, (2, 3, 4)),
    ("Softmin", (0,), {}, (2, 3, 4)),
]
CLASSES = np.array([0, 2, -100, 1])
ODDS = np.array([[0.25, 0.5, 1.0], [1.0, 0.0, 0.75]])
LOSSES = [
    ("CrossEntropyLoss", {"weight": np.array([1.0, 2.0, 4.0])}, (4, 3), CLASSES),
    ("CrossEntropyLoss", {"label_smoothing": 0.25}, (4, 3), CLASSES),
    ("NLLLoss", {"ignore_index": 1, "reduction": "sum"}, (3, 3), CLASSES[[0, 1, 3]]),
    ("BCELoss", {}, (2, 3), ODDS),
    ("BCEWithLogitsLoss", {"pos_weight": np.array([2.0, 3.0, 4.0])}, (2, 3), ODDS),
    ("MSELoss", {}, (2, 3), ODDS),
    ("L1Loss", {"reduction": "none"}, (2, 3), ODDS),
    ("SmoothL1Loss", {"beta": 0.5}, (2, 3), ODDS),
    ("HuberLoss", {"delta": 0.5}, (2, 3), ODDS),
    ("KLDivLoss", {"log_target": True, "reduction": "batchmean"}, (2, 3), ODDS),
]
NOT_LAYERS = {"Layer", "Operation", "Sequential", "leaves", "parameter_count"}

every_case = pytest.mark.parametrize(
    ("name", "args", "kwargs", "shape"),
    CASES,
    ids=[f"{k} {c[0]}" for k, c in enumerate(CASES)],
)


def tensors(given):
    return {
        k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v
        for k, v in given.items()
    }


def arrays(module):
    return {k: v.numpy().copy() for k, v in module.state_dict().items()}


def takes_dtype(name):
    return "dtype" in inspect.signature(getattr(layers, name)).parameters


def pair(name, args, kwargs):
    """Return a layer and its twin in float64, with one state of random numbers."""
    own, theirs = ({"dtype": "f8"}, {"dtype": torch.float64})
    if not takes_dtype(name):
        own, theirs = {}, {}
    layer = getattr(layers, name)(*args, **kwargs, **own)
    twin = getattr(torch.nn, name)(*args, **kwargs, **theirs)
    rng = np.random.default_rng(0)
    for tensor in twin.state_dict().values():
        if tensor.dtype == torch.float64:
            tensor.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, tensor.shape)))
    layer.load_state_dict(arrays(twin))
    return layer, twin


def image(shape, seed=1):
    """Return quarters, with ties, but none on a bend of an activation."""
    return (integers(seeded_draw(seed), shape, -9, 9) + 0.5) / 4


def close(got, expected, tolerance=1e-12):
    np.testing.assert_allclose(
        got, expected, rtol=tolerance, atol=tolerance, strict=True
    )


def passes_agree(layer, twin, x, seed=2):
    """Run both passes of both; return the twin's output."""
    theirs = torch.from_numpy(x.copy()).requires_grad_()
    expected = twin(theirs)
    close(layer.forward(x), expected.detach().numpy())
    g = integers(seeded_draw(seed), tuple(expected.shape))
    twin.zero_grad()
    expected.backward(torch.from_numpy(g))
    # PyTorch's slope of hardsigmoid is 1/6 in single precision, also for doubles.
    tolerance = 1e-7 if isinstance(twin, torch.nn.Hardsigmoid) else 1e-12
    close(layer.backward(g), theirs.grad.numpy(), tolerance)
    found = layer.gradients()
    assert found.keys() == dict(twin.named_parameters()).keys()
    for name, parameter in twin.named_parameters():
        close(found[name], parameter.grad.numpy())
    for name, array in arrays(twin).items():
        close(layer.state_dict()[name], array)


# One layer ----------------------------------------------------------------------------


def test_every_layer_has_a_case():
    unpooling = {f"MaxUnpool{axes}d" for axes in (1, 2, 3)}
    assert {c[0] for c in CASES + LOSSES} | unpooling == {*layers.__all__} - NOT_LAYERS


@pytest.mark.parametrize("name", sorted({*layers.__all__} - NOT_LAYERS))
def test_its_arguments_are_those_of_pytorch(name):
    """But for the device, which there is none of, and what is drawn from."""
    theirs = inspect.signature(getattr(torch.nn, name).__init__).parameters.values()
    left_out = ("self", "device", "dtype", "args", "kwargs")
    if name == "Hardtanh":
        left_out += ("min_value", "max_value")  # deprecated since PyTorch 0.4
    expected = [(p.name, p.default) for p in theirs if p.name not in left_out]
    ours = inspect.signature(getattr(layers, name)).parameters.values()
    added = [p for p in ours if p.name in ("dtype", "generator")]
    assert all(p.kind == p.KEYWORD_ONLY for p in added)
    assert [(p.name, p.default) for p in ours if p not in added] == expected


@every_case
def test_it_is_written_as_in_pytorch(name, args, kwargs, shape):
    layer, twin = pair(name, args, kwargs)
    assert repr(layer) == repr(twin)


@every_case
def test_its_first_state_is_that_of_pytorch(name, args, kwargs, shape):
    """Names, shapes and dtypes, and the values too where none is drawn."""
    state = getattr(layers, name)(*args, **kwargs).state_dict()
    expected = arrays(getattr(torch.nn, name)(*args, **kwargs))
    assert [*state] == [*expected]
    for key, array in expected.items():
        assert (state[key].shape, state[key].dtype) == (array.shape, array.dtype)
        if "Conv" not in name and name != "Linear":
            np.testing.assert_array_equal(state[key], array)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@every_case
def test_both_passes_are_those_of_pytorch(name, args, kwargs, shape, training):
    """Twice: what the first pass leaves behind is there in the second."""
    layer, twin = pair(name, args, kwargs)
    assert layer.train(training) is layer
    twin.train(training)
    passes_agree(layer, twin, image(shape), seed=2)
    passes_agree(layer, twin, image(shape, seed=3), seed=4)


@pytest.mark.parametrize(("name", "kwargs", "shape", "target"), LOSSES)
def test_a_loss_is_that_of_pytorch(name, kwargs, shape, target):
    layer = getattr(layers, name)(**kwargs)
    twin = getattr(torch.nn, name)(**tensors(kwargs))
    assert repr(layer) == repr(twin)
    x = np.random.default_rng(0).uniform(0.1, 0.9, shape)
    theirs = torch.from_numpy(x.copy()).requires_grad_()
    expected = twin(theirs, torch.from_numpy(target))
    close(np.asarray(layer.forward(x, target)), expected.detach().numpy())
    g = np.full(tuple(expected.shape), 3.0)
    expected.backward(torch.from_numpy(g))
    close(layer.backward(g), theirs.grad.numpy())
    assert layer.gradients() == {}


def test_pooling_may_return_where_the_largest_stood():
    x = image((2, 3, 6, 6))
    layer, twin = pair("MaxPool2d", (2,), {"return_indices": True})
    for got, expected in zip(layer.forward(x), twin(torch.from_numpy(x))):
        np.testing.assert_array_equal(got, expected.numpy(), strict=True)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_unpooling_takes_numbers_and_where_they_stood(axes):
    x = image((2, 3, 7, 5, 6)[: 2 + axes])
    settings = {"kernel_size": 2, "stride": (2, 3, 2)[:axes]}
    pool = getattr(layers, f"MaxPool{axes}d")(**settings, return_indices=True)
    layer, twin = pair(f"MaxUnpool{axes}d", (), settings)
    assert repr(layer) == repr(twin)
    pooled, indices = pool.forward(x)
    theirs = torch.from_numpy(pooled).requires_grad_()
    expected = twin(theirs, torch.from_numpy(indices))
    y = layer.forward(pooled, indices)
    close(y, expected.detach().numpy())
    expected.backward(torch.from_numpy(y * y))
    close(layer.backward(y * y), theirs.grad.numpy())


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_dropout_draws_a_mask_for_each_pass_in_training(axes):
    """One for each number, or with a number of axes for each channel."""
    x = np.ones((8, 16, *(4,) * axes))
    for name, mask_shape in ((f"Dropout{axes}d", (8, 16)), ("Dropout", x.shape)):
        layer = getattr(layers, name)(0.75, generator=0)
        first, mask = layer.forward(x), layer.call["mask"]
        assert mask.shape == mask_shape
        wide = mask.reshape(mask_shape + (1,) * (x.ndim - mask.ndim))
        np.testing.assert_array_equal(first, 4 * wide * x)
        np.testing.assert_array_equal(layer.backward(x), first)
        assert not np.array_equal(layer.forward(x), first)
        again = getattr(layers, name)(0.75, generator=0)
        np.testing.assert_array_equal(again.forward(x), first)
        np.testing.assert_array_equal(layer.eval().forward(x), x)
        np.testing.assert_array_equal(layer.backward(x), x)


@pytest.mark.parametrize(("name", "axes"), [("Dropout1d", 1), ("Dropout3d", 3)])
def test_dropout_takes_one_image_alone(name, axes):
    layer = getattr(layers, name)(0.5, generator=0)
    y = layer.forward(np.ones((64, *(2,) * axes)))
    channels = y.reshape(64, -1)
    assert (channels == channels[:, :1]).all()
    assert {*channels[:, 0]} == {0.0, 2.0}


# The first values ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args", "fan"),
    [
        ("Linear", (100, 60), 100),
        ("Conv2d", (10, 30, (3, 5)), 150),
        ("Conv1d", (12, 40, 5, 1, 0, 1, 4), 15),
        ("ConvTranspose2d", (10, 30, 3, 1, 0, 0, 2), 135),
    ],
)
def test_the_first_values_are_uniform_within_pytorchs_bound(name, args, fan):
    """Of n numbers in ±b the largest is above b·(1 − 20/n) but once in e²⁰."""
    layer = getattr(layers, name)(*args, generator=0)
    twin = getattr(torch.nn, name)(*args)
    for key, array in layer.parameters().items():
        bound = np.float32(1 / fan**0.5)
        for values in (array, dict(twin.named_parameters())[key].detach().numpy()):
            assert abs(values).max() <= bound
            assert abs(values).max() > bound * (1 - 20 / values.size)
        assert array.dtype == np.float32
        assert abs(array.mean()) < 4 * bound / (3 * array.size) ** 0.5


def test_the_generator_alone_decides_the_first_values():
    def weight(**how):
        return layers.Conv2d(1, 2, 3, **how).parameters()["weight"]

    generator = np.random.default_rng(5)
    np.testing.assert_array_equal(weight(generator=5), weight(generator=generator))
    assert not np.array_equal(weight(generator=5), weight(generator=generator))
    assert not np.array_equal(weight(), weight())


# Rows of layers -----------------------------------------------------------------------


def network(module, **dtype):
    """Build the same network of cnnref.layers or torch.nn."""
    return module.Sequential(
        module.Conv2d(1, 4, 3, padding=1, **dtype),
        module.BatchNorm2d(4, **dtype),
        module.ReLU(),
        module.MaxPool2d(2),
        module.Sequential(
            module.Conv2d(4, 6, 3, groups=2, bias=False, **dtype),
            module.LeakyReLU(0.1),
        ),
        module.AvgPool2d(2),
        module.Flatten(),
        module.Dropout(0.0),
        module.Linear(6, 3, **dtype),
    )


def both_networks():
    model = network(layers, dtype="f8")
    twin = network(torch.nn, dtype=torch.float64)
    model.load_state_dict(arrays(twin))
    return model, twin


def test_a_network_is_that_of_pytorch():
    model, twin = both_networks()
    assert repr(model) == repr(twin)
    assert [*model.state_dict()] == [*twin.state_dict()]
    assert [*model.parameters()] == [k for k, _ in twin.named_parameters()]
    for step in range(3):
        passes_agree(model, twin, image((5, 1, 8, 8), seed=step), seed=step)
    passes_agree(model.eval(), twin.eval(), image((5, 1, 8, 8), seed=7))


def test_the_state_of_a_network_in_torch_loads_from_its_file(tmp_path):
    model, twin = both_networks()
    twin(torch.ones((2, 1, 8, 8), dtype=torch.float64))
    save_file(twin.state_dict(), tmp_path / "net.safetensors")
    model.load_state_dict(checkpoint.load(tmp_path / "net.safetensors"))
    passes_agree(model.eval(), twin.eval(), image((5, 1, 8, 8)))


def test_torch_loads_the_state_of_a_network():
    model, twin = both_networks()
    model.forward(image((5, 1, 8, 8)))
    report = twin.load_state_dict(tensors(model.state_dict()))
    assert report.missing_keys == report.unexpected_keys == []
    passes_agree(model.eval(), twin.eval(), image((5, 1, 8, 8)))


def test_layers_may_have_names():
    model = layers.Sequential({"first": layers.Linear(2, 3), "act": layers.ReLU()})
    assert [*model.parameters()] == ["first.weight", "first.bias"]
    assert repr(model).splitlines()[2] == "  (act): ReLU()"
    assert len(model) == 2
    assert model[1] is model[-1] is model.layers["act"]
    assert repr(layers.Sequential()) == repr(torch.nn.Sequential())


def test_a_part_of_a_row_is_a_row_of_the_same_layers():
    model, twin = both_networks()
    assert repr(model[2:5]) == repr(twin[2:5])
    assert model[2:5][0] is model[2]
    assert [*model[:-1].parameters()] == [*dict(twin[:-1].named_parameters())]


def test_both_modes_reach_every_layer():
    model, _ = both_networks()
    assert [layer.training for layer in layers.leaves(model.eval())] == [False] * 10
    assert [layer.training for layer in layers.leaves(model.train())] == [True] * 10


@pytest.mark.parametrize(
    ("name", "args", "count"),
    [
        ("Conv2d", (32, 64, 3), 18496),
        ("Linear", (1600, 128), 204928),
        ("Conv2d", (4, 8, 3, 1, 0, 1, 4), 80),
        ("ReLU", (), 0),
        ("BatchNorm2d", (7,), 14),
    ],
)
def test_learnt_numbers_are_counted(name, args, count):
    """The counts of a small network that Keras prints, and others by hand."""
    assert layers.parameter_count(getattr(layers, name)(*args)) == count


def test_the_count_of_a_network_is_that_of_pytorch():
    model, twin = both_networks()
    expected = sum(p.numel() for p in twin.parameters())
    assert layers.parameter_count(model) == expected


# State --------------------------------------------------------------------------------


def test_backward_may_be_called_again_and_after_new_parameters():
    """The gradient is that of the forward call, whatever happened since."""
    layer, _ = pair("Linear", (3, 2), {})
    x, g = image((4, 3)), image((4, 2))
    layer.forward(x)
    first = layer.backward(g)
    layer.assign({"weight": np.zeros((2, 3))})
    np.testing.assert_array_equal(layer.backward(g), first)
    assert not layer.forward(x)[:, 0].std()


def test_what_is_handed_out_is_not_what_is_kept():
    model, _ = both_networks()
    before = {k: array.copy() for k, array in model.state_dict().items()}
    for array in model.state_dict().values():
        array[...] = 7
    given = model.state_dict()
    model.load_state_dict(given)
    for array in given.values():
        array[...] = 7
    model.parameters().clear()
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name], strict=True)


def test_a_state_is_taken_in_the_layers_own_dtype():
    layer = layers.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1.5, 2]]), "bias": np.array([3])})
    assert {array.dtype for array in layer.parameters().values()} == {np.dtype("f4")}
    np.testing.assert_array_equal(layer.forward(np.ones((1, 2), "f4")), [[6.5]])


def test_old_files_have_no_count_of_batches():
    """So PyTorch loads them too."""
    layer, twin = pair("BatchNorm2d", (3,), {})
    state = {k: v + 1 for k, v in arrays(twin).items() if "num_batches" not in k}
    twin.load_state_dict(tensors(state))
    layer.load_state_dict(state)
    passes_agree(layer, twin, image((2, 3, 4, 4)))


def test_a_failed_forward_forgets_the_one_before():
    layer, _ = pair("Linear", (3, 2), {})
    layer.forward(image((4, 3)))
    with pytest.raises(ValueError, match="linear: "):
        layer.forward(image((4, 5)))
    with pytest.raises(ValueError, match="Linear: backward needs a forward before it"):
        layer.backward(image((4, 2)))


def test_running_statistics_stay_when_a_pass_fails():
    layer, _ = pair("BatchNorm2d", (3,), {})
    before = layer.state_dict()
    with pytest.raises(ValueError, match="batch_norm"):
        layer.forward(np.ones((2, 4, 5, 5)))
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_whole_network_runs_on_symbols():
    """conv → ReLU → max-pool → dense: every gradient is SymPy's derivative."""
    model = layers.Sequential(
        layers.Conv2d(1, 2, 2),
        layers.ReLU(),
        layers.MaxPool2d(2),
        layers.Flatten(),
        layers.Linear(2, 1),
    )
    trace = Trace()
    shapes = {k: array.shape for k, array in model.parameters().items()}
    symbols = {k: trace.array(k, shape) for k, shape in shapes.items()}
    model.assign(symbols)
    loss = layers.MSELoss()
    target = trace.array("t", (1, 1))
    value = loss.forward(model.forward(trace.array("x", (1, 1, 3, 3))), target)
    model.backward(loss.backward(np.array(Fraction(1), object)))
    value = np.asarray(value).item().expr
    for name, gradient in model.gradients().items():
        for entry, symbol in zip(gradient.flat, symbols[name].flat):
            difference = getattr(entry, "expr", entry) - value.diff(symbol.expr)
            assert difference.expand() == 0
