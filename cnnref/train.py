"""Training: mini-batches, in a new order in each epoch, until all epochs are done.

fit         train a model, and return what happened
evaluate    its loss and metrics on examples, as it is
accuracy    a metric: the share of the right classes
"""

import signal
import threading
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from cnnref.arguments import Arguments
from cnnref.layers import leaves

__all__ = ["History", "accuracy", "evaluate", "fit"]


class History(NamedTuple):
    """What happened in training.

    Attributes
    ----------
    losses : list of float
        The loss of each batch, one per step.
    epochs : dict of str to list of float
        What each whole epoch gave: the mean ``"loss"`` and the metrics over its
        batches, and the same beginning with ``"validation_"``.
    interrupted : bool
        Whether training was stopped before its end.
    """

    losses: list[float]
    epochs: dict[str, list[float]]
    interrupted: bool = False


def accuracy(output, target):
    """Return the share of rows whose largest entry stands at the target's class.

    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    return float(np.mean(output.argmax(1) == target))


def fit(
    model,
    loss,
    optimizer,
    x,
    y,
    *,
    batch_size,
    epochs,
    validation=None,
    metrics=(),
    generator=None,
    progress=True,
    callback=None,
):
    """Train a model on examples, and return what happened.

    Each epoch takes all examples once, in a random order, ``batch_size`` at a time;
    what is left over is a smaller batch.  Each step is

        θ ← step(θ, ∂L/∂θ),   L = loss(model(x_batch), y_batch)

    Layers behave as they are set, so one may be frozen with ``eval()``; only the
    validation sets all of them for itself.

    Ctrl-C lets the step that is running come to its end, and the epoch with its
    validation if that was the last step.  Then the history so far is returned; model
    and optimizer keep what the whole steps have taught them.  A second Ctrl-C raises
    KeyboardInterrupt at once.

    Parameters
    ----------
    model : Layer or Sequential
    loss : Layer
        For example ``CrossEntropyLoss()``; it must return a mean.
    optimizer : Optimizer
        Made for ``model.parameters()`` as they are, by name, or for some of them:
        the others stay as they are.
    x, y : arrays of one length
        Inputs and what the model should make of them.
    batch_size, epochs : int
    validation : (array, array), optional
        Inputs and targets that are evaluated after each epoch.
    metrics : sequence of callable
        Each takes a batch's output and target and returns a mean, such as `accuracy`.
        The history names it by its ``__name__``.
    generator : NumPy Generator or int
        What the orders are drawn from; unless given, no two runs are the same.
    progress : bool
        Show a bar, where the errors go to a terminal.
    callback : callable, optional
        ``callback(history)`` after each epoch.  A KeyboardInterrupt that it raises
        stops the training as Ctrl-C does.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        If arguments disagree; and whatever the model, loss or optimizer refuses.

    Examples
    --------
    >>> from cnnref.layers import Linear, MSELoss
    >>> from cnnref.optim import SGD
    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = Linear(1, 1, dtype="f8", generator=0)
    >>> optimizer = SGD(model.parameters(), lr=0.1)
    >>> history = fit(
    ...     model, MSELoss(), optimizer, x, 2 * x + 1,
    ...     batch_size=2, epochs=200, generator=0,
    ... )
    >>> len(history.losses), history.epochs["loss"][-1] < 1e-6
    (400, True)
    """
    _check("fit", x, y, batch_size, epochs=epochs)
    if validation is not None:
        if not isinstance(validation, tuple | list) or len(validation) != 2:
            raise TypeError("fit: validation must be two arrays, inputs and targets")
        _check("fit: validation", *validation, batch_size=batch_size)
    _check_parameters(model, optimizer)
    generator = np.random.default_rng(generator)
    history = History([], {})
    bar = tqdm(
        total=epochs * -(-len(x) // batch_size), disable=None if progress else True
    )
    with bar, _patient_interrupt() as interrupts:
        try:
            for _ in range(epochs):
                means = _Means(metrics)
                for chosen in _batches(generator.permutation(len(x)), batch_size):
                    if interrupts:
                        raise KeyboardInterrupt
                    examples, targets = x[chosen], y[chosen]
                    output, value = _step(model, loss, optimizer, examples, targets)
                    history.losses.append(value)
                    means.add(value, output, targets)
                    bar.update()
                _record(history, "", means.result())
                if validation is not None:
                    how = {"batch_size": batch_size, "metrics": metrics}
                    found = evaluate(model, loss, *validation, **how)
                    _record(history, "validation_", found)
                if callback is not None:
                    callback(history)
        except KeyboardInterrupt:
            if len(interrupts) > 1:
                raise
            history = history._replace(interrupted=True)
    return history


def evaluate(model, loss, x, y, *, batch_size=None, metrics=()):
    """Return the mean loss and metrics of a model on examples, in evaluation mode.

    Parameters
    ----------
    model, loss, x, y, metrics
        As in `fit`.
    batch_size : int, optional
        How many examples go through the model at once; all of them unless given.

    Returns
    -------
    dict of str to float
        ``"loss"``, and each metric by its ``__name__``.

    Examples
    --------
    >>> from cnnref.layers import Flatten, MSELoss
    >>> evaluate(Flatten(), MSELoss(), np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]))
    {'loss': 2.0}
    """
    batch_size = len(x) if batch_size is None else batch_size
    _check("evaluate", x, y, batch_size)
    means = _Means(metrics)
    with _evaluating(model):
        for chosen in _batches(np.arange(len(x)), batch_size):
            output = model.forward(x[chosen])
            means.add(_value(loss, output, y[chosen]), output, y[chosen])
    return means.result()


def _step(model, loss, optimizer, x, y):
    """Move the parameters once; return what the model and the loss gave before."""
    output = model.forward(x)
    value = _value(loss, output, y)
    model.backward(loss.backward(np.ones((), output.dtype)))
    gradients = model.gradients()
    model.assign(optimizer.step({name: gradients[name] for name in optimizer.params}))
    return output, value


def _value(loss, output, target):
    value = loss.forward(output, target)
    if np.shape(value) != ():
        Arguments(loss.name).fail(
            f"training needs one number, not an array of shape {np.shape(value)}; "
            "take reduction='mean'"
        )
    return float(value)


class _Means:
    """The means of loss and metrics over batches, which may differ in size."""

    def __init__(self, metrics):
        self.metrics, self.count, self.sums = metrics, 0, {}

    def add(self, loss, output, target):
        found = {"loss": loss} | {m.__name__: m(output, target) for m in self.metrics}
        for name, value in found.items():
            self.sums[name] = self.sums.get(name, 0.0) + len(target) * value
        self.count += len(target)

    def result(self):
        return {name: float(total / self.count) for name, total in self.sums.items()}


def _record(history, prefix, found):
    for name, value in found.items():
        history.epochs.setdefault(prefix + name, []).append(value)


def _batches(order, batch_size):
    return (order[k : k + batch_size] for k in range(0, len(order), batch_size))


@contextmanager
def _evaluating(model):
    """Put every layer into evaluation, and then back into its own mode."""
    layers = leaves(model)
    modes = [layer.training for layer in layers]
    model.eval()
    try:
        yield
    finally:
        for layer, mode in zip(layers, modes):
            layer.train(mode)


@contextmanager
def _patient_interrupt():
    """Collect the first Ctrl-C in a list, which is empty before; raise the second."""
    interrupts = []

    def interrupt(signum, frame):
        interrupts.append(signum)
        if len(interrupts) > 1:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield interrupts  # Ctrl-C is for the main thread, which alone may catch it
        return
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)


def _check(name, x, y, batch_size, **counts):
    check = Arguments(name)
    if len(x) != len(y):
        check.fail(f"there are {len(x)} inputs but {len(y)} targets")
    if not len(x):
        check.fail("there are no examples")
    for label, count in {"batch_size": batch_size, **counts}.items():
        check.integer(label, count, least=1)


def _check_parameters(model, optimizer):
    """See that each step of the optimizer goes on from what the model has."""
    check, own = Arguments("fit"), model.parameters()
    if not isinstance(optimizer.params, dict):
        check.fail(
            "the optimizer must know the parameters by name: give it model.parameters()"
        )
    for name, array in optimizer.params.items():
        if name not in own:
            check.fail(f"the optimizer moves {name}, which the model has not")
        if array is not own[name]:
            check.fail(
                f"the optimizer has another array for {name} than the model: make it "
                "after the model's state was loaded"
            )
