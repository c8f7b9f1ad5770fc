"""Wrong calls of the optimizers: PyTorch rejects each, cnnref says what is wrong."""

import re

import numpy as np
import pytest
import torch

from cnnref import optim


def tensors(params, made):
    """Exchange the arrays of a call for parameters of PyTorch, each for its own."""
    if isinstance(params, np.ndarray):
        leaf = torch.nn.Parameter(torch.from_numpy(params.copy()))
        return made.setdefault(id(params), leaf)
    if isinstance(params, dict):
        return {k: tensors(v, made) for k, v in params.items()}
    if isinstance(params, list | tuple):
        return type(params)(tensors(v, made) for v in params)
    return params


def refuses(name, params, given, error, message, theirs=True):
    """See a constructor refuse, with this message; and PyTorch's too."""
    with pytest.raises(error, match=message) as refusal:
        getattr(optim, name)(params, **given)
    assert str(refusal.value).startswith(f"{name}: ")
    if theirs:
        with pytest.raises((TypeError, ValueError, KeyError, IndexError, RuntimeError)):
            getattr(torch.optim, name)(tensors(params, {}), **given)


# Settings -----------------------------------------------------------------------------

SETTINGS = [
    ("SGD", {"lr": -0.5}, "lr must be at least 0, got -0.5"),
    ("SGD", {"momentum": -1}, "momentum must be at least 0, got -1"),
    ("SGD", {"weight_decay": -2}, "weight_decay must be at least 0, got -2"),
    ("SGD", {"nesterov": True}, "a momentum and no dampening, got momentum=0.0 and"),
    (
        "SGD",
        {"nesterov": True, "momentum": 0.5, "dampening": 0.25},
        "got momentum=0.5 and dampening=0.25",
    ),
    ("Adam", {"lr": -1}, "lr must be at least 0, got -1"),
    ("Adam", {"lr": float("nan")}, "lr must be at least 0, got nan"),
    ("Adam", {"eps": -3}, "eps must be at least 0, got -3"),
    ("Adam", {"weight_decay": -1}, "weight_decay must be at least 0, got -1"),
    ("Adam", {"betas": (1.0, 0.5)}, r"betas\[0\] must be in \[0, 1\), got 1.0"),
    ("Adam", {"betas": (0.5, -0.5)}, r"betas\[1\] must be in \[0, 1\), got -0.5"),
    ("Adam", {"betas": (0, 0.5)}, r"betas must be two floats, got \(0, 0.5\)"),
    ("AdamW", {"lr": -1}, "lr must be at least 0, got -1"),
    ("AdamW", {"eps": float("nan")}, "eps must be at least 0, got nan"),
    ("RMSprop", {"lr": -1}, "lr must be at least 0, got -1"),
    ("RMSprop", {"alpha": -0.5}, "alpha must be at least 0, got -0.5"),
    ("RMSprop", {"eps": -1}, "eps must be at least 0, got -1"),
    ("RMSprop", {"momentum": -1}, "momentum must be at least 0, got -1"),
    ("RMSprop", {"weight_decay": -1}, "weight_decay must be at least 0, got -1"),
    ("Adagrad", {"lr": -1}, "lr must be at least 0, got -1"),
    ("Adagrad", {"lr_decay": -1}, "lr_decay must be at least 0, got -1"),
    ("Adagrad", {"weight_decay": -1}, "weight_decay must be at least 0, got -1"),
    ("Adagrad", {"eps": -1}, "eps must be at least 0, got -1"),
    (
        "Adagrad",
        {"initial_accumulator_value": -0.5},
        "initial_accumulator_value must be at least 0, got -0.5",
    ),
]
KINDS = [
    ("SGD", {"lr": "0.1"}, "lr must be a number, got '0.1'"),
    ("SGD", {"lr": None}, "lr must be a number, got None"),
    ("Adam", {"betas": 0.9}, "betas must be two numbers, got 0.9"),
    ("Adam", {"betas": (0.9,)}, r"betas must be two numbers, got \(0.9,\)"),
    ("Adam", {"betas": ("a", 0.9)}, r"betas\[0\] must be a number, got 'a'"),
    ("Adam", {"eps": "x"}, "eps must be a number, got 'x'"),
]


@pytest.mark.parametrize(("name", "given", "message"), SETTINGS, ids=str)
def test_a_setting_out_of_range_is_refused(name, given, message):
    refuses(name, [np.ones(2)], given, ValueError, message)
    if not given.get("nesterov"):
        step = getattr(optim, f"{name.lower()}_step")
        with pytest.raises(ValueError, match=message):
            step(np.ones(2), np.ones(2), **given)


@pytest.mark.parametrize(("name", "given", "message"), KINDS, ids=str)
def test_a_setting_that_is_no_number_is_refused(name, given, message):
    refuses(name, [np.ones(2)], given, TypeError, message)


@pytest.mark.parametrize("name", ["foreach", "fused", "capturable", "differentiable"])
def test_there_is_no_choice_of_an_implementation(name):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        optim.Adam([np.ones(2)], **{name: False})
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        optim.adam_step(np.ones(2), np.ones(2), **{name: 0})


# Parameters ---------------------------------------------------------------------------

W, B = np.ones(2), np.ones(3)
PARAMS = {
    "none": ([], ValueError, "there are no parameters"),
    "one array": (W, TypeError, "params must be a list or a dict, not one array"),
    "nothing": (None, TypeError, "params must be a list or a dict, not NoneType"),
    "a group of a number": ([{"params": 3}], TypeError, "a list or a dict, not int"),
    "numbers": ([W, 2.0], TypeError, "param must be a NumPy array, not float"),
    "a group among arrays": ([W, {"params": B}], TypeError, "not dict"),
    "a group without": ([{"lr": 1}], TypeError, "a group must be a dict with 'params'"),
    "an array among groups": ([{"params": W}, B], TypeError, "a group must be a dict"),
    "in two groups": (
        [{"params": W}, {"params": W}],
        ValueError,
        "a parameter comes twice",
    ),
    "some pairs": ([("w", W), B], ValueError, "some parameters have names, and some"),
    "some named groups": (
        [{"params": [("w", W)]}, {"params": B}],
        ValueError,
        "either all groups have names, or none has",
    ),
    "integers": ([np.ones(2, int)], TypeError, "param has dtype int64, not floats"),
}


@pytest.mark.parametrize("case", PARAMS)
def test_wrong_parameters_are_refused(case):
    params, error, message = PARAMS[case]
    refuses("SGD", params, {}, error, message)


def test_a_wrong_group_is_not_added():
    optimizer = optim.SGD([W])
    with pytest.raises(ValueError, match="SGD: a parameter comes twice"):
        optimizer.add_param_group({"params": [W]})
    with pytest.raises(ValueError, match="lr must be at least 0, got -1"):
        optimizer.add_param_group({"params": [B], "lr": -1})
    with pytest.raises(TypeError, match="SGD: a group must be a dict with 'params'"):
        optimizer.add_param_group([B])
    assert len(optimizer.param_groups) == len(optimizer.params) == 1


# Gradients ----------------------------------------------------------------------------

GRADS = [
    ([np.ones(2)], ValueError, "1 grads for 2 parameters"),
    ({}, TypeError, "grads must be a list, as params is, not dict"),
    (np.ones((2, 2)), TypeError, "grads must be a list, as params is, not ndarray"),
    (
        [np.ones(2), np.ones(4)],
        ValueError,
        r"parameter 1: param has the shape \(3,\) but grad \(4,\)",
    ),
    (
        [np.ones(2, "f4"), None],
        TypeError,
        "parameter 0: param is float64 but grad is float32",
    ),
    ([[1, 1], None], TypeError, "parameter 0: grad must be a NumPy array, not list"),
]


@pytest.mark.parametrize(("grads", "error", "message"), GRADS, ids=str)
def test_wrong_gradients_are_refused(grads, error, message):
    with pytest.raises(error, match=f"^SGD.step: {message}"):
        optim.SGD([W, B]).step(grads)


def test_gradients_of_other_names_are_refused():
    optimizer = optim.SGD({"w": W, "b": B})
    message = r"grads has nothing for \['w'\], and \['v'\] are unknown"
    with pytest.raises(ValueError, match=f"^SGD.step: {message}"):
        optimizer.step({"b": B, "v": W})
    with pytest.raises(TypeError, match="grads must be a dict, as params is, not list"):
        optimizer.step([W, B])
    with pytest.raises(ValueError, match="parameter 'w': param has the shape"):
        optimizer.step({"w": B, "b": B})


def test_pytorch_too_refuses_a_gradient_of_another_shape_or_dtype():
    """Of another number or name it cannot be: there a gradient is in its parameter."""
    parameter = torch.nn.Parameter(torch.ones(2))
    for grad in (torch.ones(3), torch.ones(2, dtype=torch.float64)):
        with pytest.raises(RuntimeError, match="attempting to assign a gradient"):
            parameter.grad = grad


# States -------------------------------------------------------------------------------

STATES = [
    ((), TypeError, "state must be AdamState or None, not tuple"),
    (optim.SGDState(), TypeError, "state must be AdamState or None, not SGDState"),
    (optim.AdamState(-1, W, W), ValueError, "the state's step must be at least 0"),
    (optim.AdamState(1.5, W, W), TypeError, "the state's step must be an integer"),
    (optim.AdamState(1, B, W), ValueError, r"the state's exp_avg \(3,\)"),
    (optim.AdamState(1, W, W.astype("f4")), TypeError, "exp_avg_sq is float32"),
    (optim.AdamState(1, W), ValueError, "was begun without exp_avg_sq, which"),
]


@pytest.mark.parametrize(("state", "error", "message"), STATES, ids=str)
def test_a_wrong_state_is_refused(state, error, message):
    with pytest.raises(error, match=f"^adam_step: .*{message}"):
        optim.adam_step(W, W, state)


@pytest.mark.parametrize(
    ("name", "setting", "array"),
    [
        ("Adam", {"amsgrad": True}, "max_exp_avg_sq"),
        ("RMSprop", {"momentum": 0.5}, "momentum_buffer"),
        ("RMSprop", {"centered": True}, "grad_avg"),
    ],
)
def test_what_a_state_was_not_begun_with_is_missed(name, setting, array):
    ours, parameter = getattr(optim, name)([W]), torch.nn.Parameter(torch.ones(2))
    theirs = getattr(torch.optim, name)([parameter])
    parameter.grad = torch.ones(2)
    theirs.step()
    ours.step([W])
    theirs.param_groups[0].update(setting)
    ours.param_groups[0].update(setting)
    with pytest.raises(KeyError, match=array):
        theirs.step()
    with pytest.raises(ValueError, match=f"was begun without {array}, which"):
        ours.step([W])


def saved(**changes):
    optimizer = optim.Adam([W, B])
    optimizer.step([W, B])
    state_dict = optimizer.state_dict()
    state_dict["state"][1] |= changes
    return state_dict


LOADED = [
    ({"step": None}, TypeError, "the state's step must be an integer, got None"),
    ({"step": np.array(1.5)}, TypeError, "must be an integer, got 1.5"),
    ({"step": np.array(-1.0)}, ValueError, "must be at least 0, got -1"),
    ({"step": np.ones(2)}, TypeError, r"must be an integer, got array\("),
    ({"exp_avg": W}, ValueError, r"the state's exp_avg \(2,\)"),
    ({"exp_avg": [1, 2, 3]}, TypeError, "exp_avg must be a NumPy array, not list"),
    ({"exp_avg": 1j * B}, ValueError, "param is float64 but .* exp_avg is complex128"),
    ({"exp_avg": None}, ValueError, "was begun without exp_avg"),
    ({"sum": B}, ValueError, "the state has step, exp_avg, exp_avg_sq, sum, where"),
]


@pytest.mark.parametrize(("changes", "error", "message"), LOADED, ids=str)
def test_a_wrong_state_is_not_loaded(changes, error, message):
    optimizer = optim.Adam([W, B])
    start = f"^Adam.load_state_dict: parameter 1: .*{message}"
    with pytest.raises(error, match=start):
        optimizer.load_state_dict(saved(**changes))
    assert optimizer.state_dict()["state"] == {}


def test_a_state_without_its_number_of_steps_is_not_loaded():
    state_dict = saved()
    del state_dict["state"][0]["step"]
    message = "the state has exp_avg, exp_avg_sq, where step, exp_avg,"
    with pytest.raises(ValueError, match=message):
        optim.Adam([W, B]).load_state_dict(state_dict)


def test_what_is_no_state_dict_is_not_loaded():
    leaf = torch.nn.Parameter(torch.ones(2))
    for wrong in (
        *({}, {"state": {}}, [], None),
        {"state": None, "param_groups": [{"params": [0]}]},
        {"state": {0: 3}, "param_groups": [{"params": [0]}]},
        *({"state": {}, "param_groups": groups} for groups in (None, [None], [{}])),
        {"state": {}, "param_groups": [{"params": 0}]},
    ):
        with pytest.raises(TypeError, match="a dict with 'state' and 'param_groups'"):
            optim.Adam([W]).load_state_dict(wrong)
        with pytest.raises((KeyError, TypeError, AttributeError)):
            torch.optim.Adam([leaf]).load_state_dict(wrong)


def test_other_groups_are_not_loaded():
    message = re.escape("the groups have [2, 1] parameters, but the saved ones [2]")
    groups = [{"params": [W, B]}, {"params": [np.ones(1)]}]
    with pytest.raises(ValueError, match=f"^Adam.load_state_dict: {message}"):
        optim.Adam(groups).load_state_dict(saved())
    leaves = [torch.nn.Parameter(torch.ones(2)) for _ in "12"]
    one, two = (
        torch.optim.Adam([{"params": [leaf]} for leaf in leaves[:count]])
        for count in (1, 2)
    )
    with pytest.raises(ValueError, match="different number of parameter groups"):
        two.load_state_dict(one.state_dict())


# Where PyTorch is more lenient --------------------------------------------------------


def test_a_number_that_is_not_one_is_no_learning_rate():
    """PyTorch's SGD takes it, and its Adam does not."""
    torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=float("nan"))
    refuses("SGD", [W], {"lr": float("nan")}, ValueError, "got nan", theirs=False)


def test_a_group_is_judged_as_the_optimizer_is():
    """PyTorch looks at the settings of the optimizer alone."""
    for given in ({"lr": -1}, {"nesterov": True}, {"weight_decay": -1}):
        leaf = torch.nn.Parameter(torch.ones(2))
        torch.optim.SGD([{"params": [leaf], **given}])
        with pytest.raises(ValueError, match=next(iter(given))):
            optim.SGD([{"params": [W], **given}])


def test_a_changed_setting_is_judged_at_the_next_step():
    """In PyTorch it is not judged at all."""
    optimizer = optim.SGD([W])
    optimizer.param_groups[0]["lr"] = -1
    with pytest.raises(ValueError, match="parameter 0: lr must be at least 0"):
        optimizer.step([W])


def test_nothing_comes_twice():
    """In one group PyTorch warns of it, and moves the parameter twice."""
    leaf = torch.nn.Parameter(torch.ones(2))
    with pytest.warns(UserWarning, match="duplicate parameters"):
        torch.optim.SGD([leaf, leaf])
    refuses("SGD", [W, W], {}, ValueError, "a parameter comes twice", theirs=False)
    names = [("w", W), ("w", B)]
    refuses("SGD", names, {}, ValueError, r"names \['w'\] come twice", theirs=False)


def test_a_flag_is_true_or_false():
    for name, flag in (("Adam", "amsgrad"), ("SGD", "maximize")):
        getattr(torch.optim, name)([torch.nn.Parameter(torch.ones(1))], **{flag: 1})
        refuses(name, [W], {flag: 1}, TypeError, f"{flag} must be a bool", theirs=False)
