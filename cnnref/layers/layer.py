"""What a layer is: an operation with its settings and parameters; and a row of them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from cnnref import functional
from cnnref.arguments import Arguments

__all__ = ["Layer", "Operation", "Sequential", "leaves", "parameter_count"]


class Operation(NamedTuple):
    """A function, and the function that returns its gradients."""

    function: Callable
    gradient: Callable

    @classmethod
    def named(cls, name):
        """Return the operation of this name in `cnnref.functional`."""
        return cls(getattr(functional, name), getattr(functional, f"{name}_backward"))


class Layer:
    """An operation with all but its inputs decided: settings, parameters and buffers.

    `forward` calls the operation, and keeps the arguments of that call; `backward`
    calls its gradient with the same arguments.  Nothing else is remembered, and arrays
    are replaced, never modified.

    Every layer of `cnnref.layers` is made by a function that has the name and the
    arguments of the class in torch.nn, for example `Conv2d`.

    Attributes
    ----------
    name : str
        The name of that function.
    operation : Operation
    settings : dict
        The arguments that are the same in each call.
    weights : dict of str to array
        The arguments that are learnt: what `parameters` returns.
    buffers : dict of str to array
        What is kept beside them from call to call, such as running statistics.
    training : bool
        How dropout and normalisation behave; True at first.
    call : dict or None
        All arguments of the last `forward`, from which `backward` works.
    grads : dict or None
        What the last `backward` found for the weights.

    Notes
    -----
    Twin: ``torch.nn.Module``.
    """

    def __init__(
        self,
        name: str,
        operation: Operation | str,
        settings: dict[str, Any],
        shown: str = "",
        weights: dict[str, np.ndarray] | None = None,
        buffers: dict[str, np.ndarray] | None = None,
        inputs: tuple[str, ...] = ("input",),
        prepare: Callable[["Layer", dict], tuple[dict, dict]] | None = None,
    ):
        if isinstance(operation, str):
            operation = Operation.named(operation)
        self.name, self.operation, self.settings = name, operation, settings
        self.weights, self.buffers = weights or {}, buffers or {}
        self.training = True
        self.call: dict | None = None
        self.grads: dict | None = None
        self._shown, self._inputs, self._prepare = shown, inputs, prepare

    def __repr__(self):
        return f"{self.name}({self._shown})"

    def forward(self, *inputs):
        """Return what the operation makes of its inputs: most layers take one."""
        if len(inputs) != len(self._inputs):
            names = " and ".join(self._inputs)
            raise TypeError(f"{self.name}: forward takes {names}, got {len(inputs)}")
        self.call = None
        call = dict(zip(self._inputs, inputs)) | self.weights | self.settings
        buffers = self.buffers
        if self._prepare:
            # What depends on the mode and changes from call to call.
            more, buffers = self._prepare(self, call)
            call |= more
        output = self.operation.function(**call)
        self.call, self.buffers = call, buffers
        return output

    def backward(self, grad_output):
        """Return the gradient of the input, and keep those of the parameters.

        Raises
        ------
        ValueError
            If no `forward` came before.
        """
        if self.call is None:
            raise ValueError(f"{self.name}: backward needs a forward before it")
        found = self.operation.gradient(grad_output, **self.call)
        if not isinstance(found, tuple):
            self.grads = {}
            return found
        self.grads = {name: getattr(found, name) for name in self.weights}
        return found[0]

    def parameters(self):
        """Return what is learnt, by the names that PyTorch gives it."""
        return dict(self.weights)

    def gradients(self):
        """Return the gradient of each parameter, as the last `backward` found it.

        Raises
        ------
        ValueError
            If no `backward` came before.
        """
        if self.grads is None:
            raise ValueError(f"{self.name}: gradients needs a backward before it")
        return dict(self.grads)

    def state_dict(self):
        """Return copies of the parameters and buffers, by PyTorch's names."""
        return {k: array.copy() for k, array in (self.weights | self.buffers).items()}

    def load_state_dict(self, state_dict):
        """Take parameters and buffers over, in copies of the layer's own dtypes.

        Raises
        ------
        TypeError, ValueError
            If a name is missing or unknown, or an array has another shape or kind than
            the layer's; then nothing is taken over.
        """
        self.assign(_matching(self.name, self.state_dict(), state_dict))

    def assign(self, arrays):
        """Exchange parameters and buffers for others, by name, as they are."""
        self.weights = {k: arrays.get(k, a) for k, a in self.weights.items()}
        self.buffers = {k: arrays.get(k, a) for k, a in self.buffers.items()}

    def train(self, mode=True):
        """Behave as in training, or with False as in evaluation."""
        self.training = mode
        return self

    def eval(self):
        """Behave as in evaluation."""
        return self.train(False)


class Sequential:
    """Layers in a row: each takes what the one before it returns.

    Parameters
    ----------
    *layers : Layer or Sequential
        Or one dict of them, by their names; else they are named "0", "1", …

    Notes
    -----
    Twin: ``torch.nn.Sequential``.  A parameter is called by its layer's name, a dot,
    and its name there, as in PyTorch.

    Examples
    --------
    >>> from cnnref.layers import Flatten, Linear
    >>> model = Sequential(Flatten(), Linear(4, 2))
    >>> model
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): Linear(in_features=4, out_features=2, bias=True)
    )
    >>> {name: array.shape for name, array in model.parameters().items()}
    {'1.weight': (2, 4), '1.bias': (2,)}
    >>> model.forward(np.ones((3, 2, 2), "f4")).shape
    (3, 2)
    """

    def __init__(self, *layers):
        if len(layers) == 1 and isinstance(layers[0], dict):
            self.layers = dict(layers[0])
        else:
            self.layers = {str(place): layer for place, layer in enumerate(layers)}
        for name, layer in self.layers.items():
            if not isinstance(layer, Layer | Sequential):
                kind = type(layer).__name__
                raise TypeError(f"Sequential: {name} must be a layer, not {kind}")
            if not isinstance(name, str):
                raise TypeError(f"Sequential: the name {name!r} must be a string")
            if not name or "." in name:
                raise ValueError(
                    f"Sequential: {name!r} is no name: empty or with a dot"
                )
        row = leaves(self)
        for place, layer in enumerate(row):
            # It would remember the later of its two calls only.
            if any(layer is other for other in row[:place]):
                raise ValueError(f"Sequential: {layer} stands in two places; make two")

    def __repr__(self):
        rows = (f"({k}): {layer!r}" for k, layer in self.layers.items())
        inner = "".join("\n  " + row.replace("\n", "\n  ") for row in rows)
        return f"Sequential({inner}\n)" if inner else "Sequential()"

    def __len__(self):
        return len(self.layers)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return Sequential(dict([*self.layers.items()][place]))
        return [*self.layers.values()][place]

    def forward(self, input):
        """Return what the last layer makes of all the others made."""
        for layer in self:
            input = layer.forward(input)
        return input

    def backward(self, grad_output):
        """Return the gradient of the input, and keep those of the parameters."""
        for layer in reversed(self):
            grad_output = layer.backward(grad_output)
        return grad_output

    def parameters(self):
        """Return what is learnt, by the names that PyTorch gives it."""
        return self._named(lambda layer: layer.parameters())

    def gradients(self):
        """Return the gradient of each parameter, as the last `backward` found it."""
        return self._named(lambda layer: layer.gradients())

    def state_dict(self):
        """Return copies of the parameters and buffers, by PyTorch's names."""
        return self._named(lambda layer: layer.state_dict())

    def load_state_dict(self, state_dict):
        """Take parameters and buffers over; see `Layer.load_state_dict`."""
        self.assign(_matching("Sequential", self.state_dict(), state_dict))

    def assign(self, arrays):
        """Exchange parameters and buffers for others, by name, as they are."""
        for name, layer in self.layers.items():
            inside = (k for k in arrays if k.startswith(f"{name}."))
            layer.assign({k.removeprefix(f"{name}."): arrays[k] for k in inside})

    def train(self, mode=True):
        """Behave as in training, or with False as in evaluation."""
        for layer in self:
            layer.train(mode)
        return self

    def eval(self):
        """Behave as in evaluation."""
        return self.train(False)

    def _named(self, arrays_of):
        return {
            f"{name}.{key}": array
            for name, layer in self.layers.items()
            for key, array in arrays_of(layer).items()
        }


def leaves(layer):
    """List the layers of a row, and of the rows in it, in their order.

    >>> from cnnref.layers import ReLU, Tanh
    >>> leaves(Sequential(ReLU(), Sequential(Tanh())))
    [ReLU(), Tanh()]
    """
    if isinstance(layer, Layer):
        return [layer]
    return [leaf for inner in layer for leaf in leaves(inner)]


def parameter_count(layer):
    """Count the numbers that a layer learns.

    A convolution has C_out·(C_in/groups)·K_h·K_w weights and C_out biases, whatever the
    size of its image; a dense layer has out_features·(in_features + 1) numbers.

    Examples
    --------
    >>> from cnnref.layers import Conv2d
    >>> parameter_count(Conv2d(32, 64, 3))
    18496
    """
    return sum(array.size for array in layer.parameters().values())


def array_shape(layer, call):
    """Return the shape of the input, once it is known to be an array."""
    Arguments(layer.name).array("input", call["input"], ())
    return call["input"].shape


def _matching(name, own, given):
    """Return the given arrays in the dtypes of the layer's own, once all agree."""
    if not isinstance(given, Mapping):
        kind = type(given).__name__
        raise TypeError(f"{name}: load_state_dict needs a dict of arrays, not {kind}")
    # Files from before PyTorch counted the batches have no count: it stays.
    uncounted = {k for k in own if k.endswith("num_batches_tracked")} - given.keys()
    problems = [f"{k} is missing" for k in own.keys() - given.keys() - uncounted]
    problems += [f"{k} is not known" for k in given.keys() - own.keys()]
    for key in own.keys() & given.keys():
        if not isinstance(given[key], np.ndarray):
            kind = type(given[key]).__name__
            raise TypeError(f"{name}: {key} must be a NumPy array, not {kind}")
        if given[key].shape != own[key].shape:
            shapes = f"{given[key].shape}, not {own[key].shape}"
            problems.append(f"{key} has the shape {shapes}")
        elif not np.can_cast(given[key].dtype, own[key].dtype, "same_kind"):
            kinds = f"{given[key].dtype}, which is no {own[key].dtype}"
            problems.append(f"{key} has dtype {kinds}")
    if problems:
        raise ValueError("\n  ".join([f"{name}: load_state_dict", *sorted(problems)]))
    return {k: given[k].astype(own[k].dtype) for k in own.keys() & given.keys()}
