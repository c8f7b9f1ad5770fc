"""The optimizers: the parameters of a network, their states, and what moves them."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from cnnref.optim.rules import (
    AdagradState,
    AdamState,
    Call,
    RMSpropState,
    SGDState,
    adagrad_step,
    adam_in_blocks,
    rmsprop_step,
    sgd_step,
)

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop"]


class Optimizer:
    """The parameters of a network, and the rule that moves them.

    `SGD`, `Adam`, `AdamW`, `RMSprop` and `Adagrad` differ in their rule and its
    settings.  Their arguments are those of ``torch.optim``, with the same names, order
    and defaults; ``foreach``, ``fused``, ``capturable`` and ``differentiable``, which
    choose among implementations, are left out, and ``maximize`` is keyword-only.

    An optimizer writes to no parameter: a step makes new arrays, and it keeps those.
    A network takes them from what `step` returns, or from `params`.

    Parameters
    ----------
    params : list of arrays, dict of arrays, or list of groups
        What to move, by place or by name.  A group is a dict with such a list or dict
        at "params", and settings of its own beside it.

    Attributes
    ----------
    params : list or dict
        The arrays of all groups, as they are now, in the order or by the names given.
    param_groups : list of dict
        The groups with all their settings.  What is changed here, for example
        ``param_groups[0]["lr"]``, holds from the next step on.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range, if there is no parameter, if one comes twice,
        or if some have names and some have none.

    Examples
    --------
    >>> optimizer = SGD({"weight": np.array([3.0]), "bias": np.array([5.0])}, lr=0.5)
    >>> optimizer.step({"weight": np.array([2.0]), "bias": None})
    {'weight': array([2.]), 'bias': array([5.])}
    >>> optimizer.param_groups[0]["lr"] = 0.25
    >>> optimizer.step({"weight": np.array([2.0]), "bias": np.array([4.0])})
    {'weight': array([1.5]), 'bias': array([4.])}
    """

    State: Any
    rule: Any

    def __init__(self, params, **defaults):
        self.defaults, self.param_groups, self._states = defaults, [], []
        name = type(self).__name__
        if isinstance(params, np.ndarray):
            raise TypeError(f"{name}: params must be a list or a dict, not one array")
        named = isinstance(params, dict)
        groups = [{"params": params}] if named else _listed(name, params)
        if not groups or params == {}:
            raise ValueError(f"{name}: there are no parameters to move")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    @property
    def params(self):
        arrays = [array for group in self.param_groups for array in group["params"]]
        names = self._names()
        return arrays if names is None else dict(zip(names, arrays))

    def add_param_group(self, param_group):
        """Move these parameters too, with settings of their own.

        Parameters
        ----------
        param_group : dict
            At "params" a list of arrays, or a dict where the others have names; beside
            it the settings that are to differ from those of the optimizer.

        Raises
        ------
        TypeError, ValueError
            As `Optimizer`.
        """
        name = type(self).__name__
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise TypeError(f"{name}: a group must be a dict with 'params' in it")
        group = self.defaults | param_group
        names, group["params"] = _names_and_arrays(name, group["params"])
        if names is not None:
            group["param_names"] = names
        for array in group["params"]:
            call = Call(name, array)
            call.settings(self.defaults)
            call.settings({k: group[k] for k in self.defaults})
        groups = [*self.param_groups, group]
        if len({"param_names" in group for group in groups}) > 1:
            raise ValueError(f"{name}: either all groups have names, or none has")
        _refuse_repetition(name, groups)
        self.param_groups.append(group)
        self._states += [None] * len(group["params"])

    def step(self, grads):
        """Move every parameter that has a gradient, and return all of them.

        Nothing moves unless the whole call is valid.  If a step of `Adam` is
        interrupted, the parameters are as before, but its moments may have changed.

        Parameters
        ----------
        grads : list or dict
            A gradient for each parameter, as `params` has them: in its shape and
            dtype.  None freezes the parameter: it and its state stay as they are.  A
            gradient of zeros does not: momentum, moments and weight decay go on.

        Returns
        -------
        list or dict
            The new `params`.

        Raises
        ------
        TypeError, ValueError
            If a gradient is missing, unknown, or does not fit its parameter.

        Notes
        -----
        Derived in "Transfer learning" (ledger: transfer-freeze).
        """
        name, places, calls = f"{type(self).__name__}.step", self._places(), []
        for index, (label, grad) in enumerate(self._in_order(name, grads)):
            if grad is not None:
                group, place = places[index]
                settings = {k: group[k] for k in self.defaults}
                call = Call(f"{name}: parameter {label!r}", group["params"][place])
                call.ready(self.State, grad, self._states[index], settings)
                calls.append((index, call))
        for index, (param, state) in [(i, call.moved(self.rule)) for i, call in calls]:
            group, place = places[index]
            group["params"][place], self._states[index] = param, state
        return self.params

    def state_dict(self):
        """Return all but the parameters, in the structure of ``torch.optim``.

        With it and the parameters, training goes on later to the same last bit.

        Returns
        -------
        dict
            "state": by the parameter's number a dict of copied arrays, among them the
            number of steps as a float32 array without axes.  "param_groups": the
            settings of each group, and at "params" the numbers of its parameters.

        Examples
        --------
        >>> optimizer = Adam([np.array([3.0])])
        >>> optimizer.step([np.array([2.0])])
        [array([2.999])]
        >>> optimizer.state_dict()["state"][0]["exp_avg"]
        array([0.2])
        """
        states = {
            index: {
                label: np.array(value, "f4") if label == "step" else value.copy()
                for label, value in state._asdict().items()
                if value is not None
            }
            for index, state in enumerate(self._states)
            if state is not None
        }
        numbers = iter(range(len(self._states)))
        groups = [
            group | {"params": [next(numbers) for _ in group["params"]]}
            for group in self.param_groups
        ]
        states = {index: state for index, state in states.items() if state}
        return {"state": states, "param_groups": groups}

    def load_state_dict(self, state_dict):
        """Take over the states and the settings of an optimizer of the same groups.

        Parameters
        ----------
        state_dict : dict
            What `state_dict` returned, or ``torch.optim`` with arrays for tensors.
            The arrays are copied, in the dtype of the parameters.  Settings that it
            does not have stay; the names of the parameters stay too.

        Raises
        ------
        TypeError, ValueError
            If groups, names of the state or shapes disagree with the parameters.
            Then nothing is changed.
        """
        name = f"{type(self).__name__}.load_state_dict"
        if not _is_state_dict(state_dict):
            raise TypeError(
                f"{name}: a dict with 'state' and 'param_groups' is needed, "
                "as state_dict returns it"
            )
        saved = state_dict["param_groups"]
        here, there = (
            [len(group["params"]) for group in groups]
            for groups in (self.param_groups, saved)
        )
        if here != there:
            raise ValueError(
                f"{name}: the groups have {here} parameters, but the saved ones {there}"
            )
        groups, states = [], []
        for group, other in zip(self.param_groups, saved):
            kept = {k: group[k] for k in ("params", "param_names") if k in group}
            groups.append(group | other | kept)
            settings = {k: groups[-1][k] for k in self.defaults}
            for array, number in zip(group["params"], other["params"]):
                call = Call(f"{name}: parameter {len(states)}", array)
                fields = state_dict["state"].get(number)
                state = fields and call.restored(self.State, fields)
                settings_now = call.settings(settings)
                states.append(state and call.state_of(self.State, state, settings_now))
        self.param_groups, self._states = groups, states

    def _names(self):
        groups = self.param_groups
        if "param_names" in groups[0]:
            return [name for group in groups for name in group["param_names"]]
        return None

    def _places(self):
        """List for each parameter its group, and its place there."""
        groups = self.param_groups
        return [(group, k) for group in groups for k in range(len(group["params"]))]

    def _in_order(self, name, grads):
        """Pair the gradients with the names of their parameters, or their numbers."""
        names, kind = self._names(), type(grads).__name__
        if names is None:
            if not isinstance(grads, list | tuple):
                raise TypeError(
                    f"{name}: grads must be a list, as params is, not {kind}"
                )
            if len(grads) != len(self._states):
                raise ValueError(
                    f"{name}: {len(grads)} grads for {len(self._states)} parameters"
                )
            return enumerate(grads)
        if not isinstance(grads, dict):
            raise TypeError(f"{name}: grads must be a dict, as params is, not {kind}")
        if grads.keys() != {*names}:
            missing = [k for k in names if k not in grads]
            unknown = [k for k in grads if k not in names]
            raise ValueError(
                f"{name}: grads has nothing for {missing}, and {unknown} are unknown"
            )
        return [(k, grads[k]) for k in names]


def _is_state_dict(given):
    """Tell whether this has the structure of what an optimizer's state_dict returns."""
    return (
        isinstance(given, dict)
        and isinstance(given.get("state"), dict)
        and isinstance(given.get("param_groups"), list | tuple)
        and all(isinstance(fields, dict) for fields in given["state"].values())
        and all(
            isinstance(group, dict) and isinstance(group.get("params"), list | tuple)
            for group in given["param_groups"]
        )
    )


def _listed(name, params):
    """Return a list of what there is to move, or refuse what is no collection."""
    if not isinstance(params, Iterable):
        kind = type(params).__name__
        raise TypeError(f"{name}: params must be a list or a dict, not {kind}")
    return list(params)


def _names_and_arrays(name, params):
    """Return the names of a group's parameters, or None, and the arrays."""
    if isinstance(params, np.ndarray):
        params = [params]
    pairs = _listed(name, params.items() if isinstance(params, dict) else params)
    named = [isinstance(pair, tuple) for pair in pairs]
    if any(named) and not all(named):
        raise ValueError(f"{name}: some parameters have names, and some have none")
    if any(named) or isinstance(params, dict):
        return [k for k, _ in pairs], [array for _, array in pairs]
    return None, pairs


def _refuse_repetition(name, groups):
    """Let no parameter and no name come twice: each would move on its own."""
    arrays = [array for group in groups for array in group["params"]]
    if len({id(array) for array in arrays}) < len(arrays):
        raise ValueError(f"{name}: a parameter comes twice")
    names = [k for group in groups for k in group.get("param_names", ())]
    twice = sorted({k for k in names if names.count(k) > 1})
    if twice:
        raise ValueError(f"{name}: the names {twice} come twice")


class SGD(Optimizer):
    """Gradient descent on every parameter, with momentum: `sgd_step`.

    Twin: ``torch.optim.SGD``.

    >>> SGD([np.array([3.0])], lr=0.5).step([np.array([2.0])])
    [array([2.])]
    """

    State, rule = SGDState, staticmethod(sgd_step.__wrapped__)

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
    ):
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
        )


class Adam(Optimizer):
    """Adam on every parameter: `adam_step`, without temporary arrays.

    Twin: ``torch.optim.Adam``.

    >>> Adam([np.array([3.0])], lr=0.5).step([np.array([2.0])])
    [array([2.5])]
    """

    State, rule = AdamState, staticmethod(adam_in_blocks)

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay: float = 0,
        amsgrad=False,
        *,
        maximize=False,
        decoupled_weight_decay=False,
    ):
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            maximize=maximize,
            decoupled_weight_decay=decoupled_weight_decay,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay on every parameter: `adamw_step`.

    Twin: ``torch.optim.AdamW``.

    >>> AdamW([np.array([4.0])], lr=0.5, weight_decay=0.5).step([np.array([0.0])])
    [array([3.])]
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
        )

    def load_state_dict(self, state_dict):
        """Take over states and settings, even of `Adam`; the decay stays decoupled."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


class RMSprop(Optimizer):
    """RMSprop on every parameter: `rmsprop_step`.

    Twin: ``torch.optim.RMSprop``.

    >>> RMSprop([np.array([1.5])], lr=0.5, alpha=0.75, eps=0).step([np.array([4.0])])
    [array([0.5])]
    """

    State, rule = RMSpropState, staticmethod(rmsprop_step.__wrapped__)

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        *,
        maximize=False,
    ):
        super().__init__(
            params,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
        )


class Adagrad(Optimizer):
    """Adagrad on every parameter: `adagrad_step`.

    As in PyTorch the sums of all groups begin with the optimizer's own
    ``initial_accumulator_value``, and when a parameter is given, not at its first step.

    Twin: ``torch.optim.Adagrad``.

    >>> Adagrad([np.array([1.0])], lr=0.5).step([np.array([3.0])])
    [array([0.5])]
    """

    State, rule = AdagradState, staticmethod(adagrad_step.__wrapped__)

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        *,
        maximize=False,
    ):
        super().__init__(
            params,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            maximize=maximize,
        )

    def add_param_group(self, param_group):
        """Move these parameters too; see `Optimizer.add_param_group`."""
        super().add_param_group(param_group)
        arrays = self.param_groups[-1]["params"]
        calls = [Call("Adagrad", array) for array in arrays]
        self._states[len(self._states) - len(arrays) :] = [
            call.state_of(AdagradState, None, call.settings(self.defaults))
            for call in calls
        ]
