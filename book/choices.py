"""What libraries choose, measured: each on an input that tells the answers apart.

A topic yields questions.  A question has possible answers, each with what it gives on
the input, and the libraries' own results, which must be one of these.  Where the answer
is a number, and not one of a few, it has None for answers.
"""

import inspect
import math
import warnings
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
import scipy.signal
import sympy
import torch
from keras_example import keras

from cnnref import optim

TORCH, KERAS = "PyTorch", "Keras 3"


class Question(NamedTuple):
    """A choice by its name, what each answer gives, and what each library gives."""

    name: str
    answers: Mapping[str, object] | None
    found: Mapping[str, object]
    tolerance: float = 1e-6

    def words(self, library: str) -> str:
        """The answer that the library gives; one for each part, if it has parts."""
        found = self.found[library]
        if not isinstance(found, dict):
            return self.answer(found)
        return "; ".join(f"{part}: {self.answer(one)}" for part, one in found.items())

    def answer(self, found) -> str:
        """The one answer that gives this."""
        if self.answers is None:
            return f"{found:g}"
        for one, other in combinations(self.answers.values(), 2):
            if self.same(one, other):
                raise ValueError(f"{self.name}: the input does not tell answers apart")
        given = [w for w, value in self.answers.items() if self.same(found, value)]
        if not given:
            raise ValueError(f"{self.name}: {found} is none of the answers")
        return given[0]

    def same(self, one, other) -> bool:
        if isinstance(one, str) or isinstance(other, str):
            return isinstance(one, str) and isinstance(other, str) and one == other
        one, other = np.asarray(one, float), np.asarray(other, float)
        close = {"rtol": self.tolerance, "atol": self.tolerance}
        return one.shape == other.shape and np.allclose(one, other, **close)


Questions = Iterator[Question]


# Rows of numbers, as each library wants them ------------------------------------------


def in_torch(function, row, *arrays):
    """Call a function of PyTorch on one row, (1, 1, L), and return a row."""
    tensors = [torch.tensor(array, dtype=torch.float64) for array in arrays]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = function(torch.tensor([[row]], dtype=torch.float64), *tensors)
    return result.flatten().tolist()


def in_keras(function, row, *arrays):
    """Call a function of Keras on one row, (1, L, 1), and return a row."""
    tensors = [np.array(array, float) for array in arrays]
    result = function(np.array(row, float)[None, :, None], *tensors)
    return keras.ops.convert_to_numpy(result).ravel().tolist()


def attempt(function, *arguments):
    """What a function returns, or that it refuses."""
    try:
        return function(*arguments)
    except RuntimeError:
        return "refused"


def torch_run(optimizer, grads, rates=None, start=1.0, **settings):
    """Where a parameter is after these gradients."""
    w = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    steps = optimizer([w], lr=1.0, **settings)
    for g, lr in zip(grads, rates or [1.0] * len(grads), strict=True):
        steps.param_groups[0]["lr"] = lr
        w.grad = torch.tensor(g, dtype=torch.float64)
        steps.step()
    return w.item()


def keras_run(optimizer, grads, rates=None, start=1.0, **settings):
    """Where a variable is after these gradients."""
    w = keras.Variable(start)
    steps = optimizer(learning_rate=1.0, **settings)
    for g, lr in zip(grads, rates or [1.0] * len(grads), strict=True):
        steps.learning_rate = lr
        steps.apply([keras.ops.convert_to_tensor(g)], [w])
    return w.numpy().item()


# The topics ---------------------------------------------------------------------------


def axes() -> Questions:
    x, w = [0, 1], [0, 1]
    yield Question(
        "layer",
        {"cross-correlation": [np.dot(x, w)], "true convolution": [np.dot(x, w[::-1])]},
        {
            TORCH: in_torch(torch.conv1d, x, [[w]]),
            KERAS: in_keras(keras.ops.conv, x, np.reshape(w, (2, 1, 1))),
            "SciPy's `convolve`": scipy.signal.convolve(x, w, "valid"),
        },
    )
    x = np.zeros((2, 3, 4, 5))
    lazy = torch.nn.LazyConv2d(1, 1, dtype=torch.float64)
    lazy(torch.tensor(x))
    layer = keras.layers.Conv2D(1, 1)
    layer(x)
    yield Question(
        "image-axes",
        {"$(N,C,H,W)$": x.shape[1], "$(N,H,W,C)$": x.shape[3]},
        {TORCH: lazy.weight.shape[1], KERAS: layer.kernel.shape[2]},
    )
    x = np.zeros((1, 9, 9, 2))
    size, read, made = (4, 5), 2, 3
    layers = keras.layers.Conv2D(made, size), keras.layers.Conv2DTranspose(made, size)
    for layer in layers:
        layer(x)
    yield Question(
        "kernel-axes",
        {
            "(out, in, $i$, $j$)": (made, read, *size),
            "($i$, $j$, in, out)": (*size, read, made),
        },
        {
            TORCH: torch.nn.Conv2d(read, made, size).weight.shape,
            KERAS: layers[0].kernel.shape,
        },
    )
    yield Question(
        "transposed-axes",
        {
            "(in, out, $i$, $j$)": (read, made, *size),
            "($i$, $j$, out, in)": (*size, made, read),
        },
        {
            TORCH: torch.nn.ConvTranspose2d(read, made, size).weight.shape,
            KERAS: layers[1].kernel.shape,
        },
    )
    x = np.array([1.0, 10, 100, 1000])
    grouped = torch.conv1d(
        torch.tensor(x[None, :, None]), torch.ones(2, 2, 1).double(), groups=2
    )
    yield Question(
        "groups",
        {"neighbouring channels": [11, 1100], "every second channel": [101, 1010]},
        {
            TORCH: grouped.flatten(),
            KERAS: keras.ops.conv(x[None, None], np.ones((1, 2, 2))).flatten(),
        },
    )
    x = np.arange(8.0).reshape(1, 2, 2, 2)
    last = np.moveaxis(x, 1, 3)
    yield Question(
        "flatten",
        {"$C,H,W$": x.ravel(), "$H,W,C$": last.ravel()},
        {
            TORCH: torch.nn.Flatten()(torch.tensor(x))[0],
            KERAS: keras.layers.Flatten()(last)[0],
        },
    )
    dense = keras.layers.Dense(3)
    dense(np.zeros((1, 2)))
    yield Question(
        "dense-axes",
        {"(out, in)": (3, 2), "(in, out)": (2, 3)},
        {TORCH: torch.nn.Linear(2, 3).weight.shape, KERAS: dense.kernel.shape},
    )


def padding() -> Questions:
    def torch_same(x, w, stride=1):
        return in_torch(
            lambda *a: torch.nn.functional.conv1d(*a, stride=stride, padding="same"),
            x,
            [[w]],
        )

    def keras_same(x, w, stride=1):
        return in_keras(
            lambda *a: keras.ops.conv(*a, stride, "same"), x, np.reshape(w, (-1, 1, 1))
        )

    def sums(x, w):
        return np.correlate(x, w)

    x, w = [1, 2], [1, 10]
    yield Question(
        "same-side",
        {"behind the last": sums([*x, 0], w), "before the first": sums([0, *x], w)},
        {TORCH: torch_same(x, w), KERAS: keras_same(x, w)},
    )
    x, w = [1, 2, 3, 4, 5, 6], [1, 1, 1]
    yield Question(
        "same-stride",
        {
            "$\\lceil H/s\\rceil$ windows, padded as little as they need": sums(
                [*x, 0], w
            )[::2],
            "every $s$-th of the windows of stride 1": sums([0, *x, 0], w)[::2],
            "refused": "refused",
        },
        {TORCH: attempt(torch_same, x, w, 2), KERAS: keras_same(x, w, 2)},
    )
    x, pools = [1, 2, 3, 4, 5], keras.layers
    yield Question(
        "last-window",
        {"left out": [2, 4], "kept, and cut off": [2, 4, 5]},
        {
            TORCH: in_torch(lambda x: torch.max_pool1d(x, 2, 2), x),
            KERAS: in_keras(pools.MaxPooling1D(2, 2), x),
        },
    )
    yield Question(
        "pool-stride",
        {"the window's size": [2, 4], "1": [2, 3, 4, 5]},
        {
            TORCH: in_torch(lambda x: torch.max_pool1d(x, 2), x),
            KERAS: in_keras(pools.MaxPooling1D(2), x),
        },
    )
    yield Question(
        "max-padding",
        {"$-\\infty$": [-1], "0": [0]},
        {
            TORCH: in_torch(lambda x: torch.max_pool1d(x, 3, 1, 1), [-1]),
            KERAS: in_keras(pools.MaxPooling1D(3, 1, "same"), [-1]),
        },
    )
    yield Question(
        "average-padding",
        {"counted": [6 / 3], "not counted": [6 / 1]},
        {
            TORCH: in_torch(lambda x: torch.nn.functional.avg_pool1d(x, 3, 1, 1), [6]),
            KERAS: in_keras(pools.AveragePooling1D(3, 1, "same"), [6]),
        },
    )


def activations() -> Questions:
    def slope(function):
        x = torch.zeros((), dtype=torch.float64, requires_grad=True)
        function(x).backward()
        return x.grad.item()

    z = sympy.Symbol("z", real=True)
    by_sympy = sympy.Max(0, z).diff(z).subs(z, 0)
    yield Question(
        "relu-at-0",
        {"0": 0, "½": 0.5, "1": 1},
        {
            TORCH: {
                "`relu`": slope(torch.relu),
                "`maximum`": slope(lambda x: torch.maximum(x, torch.zeros_like(x))),
                "`clamp`": slope(lambda x: x.clamp(min=0)),
            },
            KERAS: {"`relu`, on PyTorch": slope(keras.ops.relu)},
            "SymPy's `Max`": float(by_sympy),
        },
    )
    yield Question(
        "leaky-slope",
        None,
        {
            TORCH: -in_torch(torch.nn.functional.leaky_relu, [-1])[0],
            KERAS: {
                "layer": -in_keras(keras.layers.LeakyReLU(), [-1])[0],
                "`ops`": -in_keras(keras.ops.leaky_relu, [-1])[0],
            },
        },
    )
    tanh = math.tanh(math.sqrt(2 / math.pi) * (1 + 0.044715))
    yield Question(
        "gelu",
        {
            "exact, by erf": [(1 + math.erf(1 / math.sqrt(2))) / 2],
            "by tanh": [(1 + tanh) / 2],
        },
        {
            TORCH: in_torch(torch.nn.functional.gelu, [1]),
            KERAS: {
                "`activations`": in_keras(keras.activations.gelu, [1]),
                "`ops`": in_keras(keras.ops.gelu, [1]),
            },
        },
    )

    def normalised(function, shape):
        x = np.random.default_rng(0).normal(size=shape)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's default is deprecated
            p = keras.ops.convert_to_numpy(function(torch.tensor(x)))
        return [axis for axis in range(len(shape)) if np.allclose(p.sum(axis), 1)]

    names = {"the first": [0], "the second": [1], "the last": [2]}
    yield Question(
        "softmax-axis",
        names,
        {
            TORCH: normalised(torch.nn.functional.softmax, (2, 3, 4)),
            KERAS: normalised(keras.ops.softmax, (2, 3, 4)),
        },
    )


def losses() -> Questions:
    soft, first = np.array([[0.25, 0.75]]), np.array([[1.0, 0.0]])

    def by_torch(x, t, **settings):
        entropy = torch.nn.functional.cross_entropy
        return entropy(torch.tensor(x), torch.tensor(t), **settings).item()

    def by_keras(x, t, weights=None, **settings):
        entropy = keras.losses.CategoricalCrossentropy(**settings)
        return float(entropy(t, x, sample_weight=weights))

    def entropies(x):
        return np.log(np.exp(x).sum(1)) - x[:, 0]

    yield Question(
        "entropy-input",
        {"logits": entropies(soft)[0], "probabilities": -math.log(0.25)},
        {TORCH: by_torch(soft, first), KERAS: by_keras(soft, first)},
    )
    x, t = np.array([[0.0, 1], [2, 0]]), np.array([[1.0, 0], [1, 0]])
    each = entropies(x)
    yield Question(
        "entropy-mean",
        {"mean over the batch": each.mean(), "sum": each.sum(), "one for each": each},
        {TORCH: by_torch(x, t), KERAS: by_keras(x, t, from_logits=True)},
    )
    weights = np.array([1.0, 3.0])  # of the two samples: in PyTorch, of their classes
    x, t = np.array([[0.0, 1], [0, 2]]), np.eye(2)
    each = np.log(np.exp(x).sum(1)) - (x * t).sum(1)
    total = weights @ each
    classes = by_torch(x, np.array([0, 1]), weight=torch.tensor(weights))
    yield Question(
        "entropy-weights",
        {
            "the sum of the weights": total / weights.sum(),
            "the number of samples": total / 2,
        },
        {TORCH: classes, KERAS: by_keras(x, t, weights, from_logits=True)},
    )
    y, zero = np.array([[1.0, 3.0]]), np.zeros((1, 2))
    yield Question(
        "mse-mean",
        {"entries": (y**2).sum() / y.size, "samples": (y**2).sum() / len(y)},
        {
            TORCH: torch.nn.functional.mse_loss(torch.tensor(y), torch.tensor(zero)),
            KERAS: float(keras.losses.MeanSquaredError()(zero, y)),
        },
    )
    p, one = np.zeros(1), np.ones(1)
    yield Question(
        "bce-at-0",
        None,
        {
            TORCH: torch.nn.functional.binary_cross_entropy(
                torch.tensor(p), torch.tensor(one)
            ),
            KERAS: float(keras.losses.BinaryCrossentropy()(one, p)),
        },
    )

    def order(function):
        names = [*inspect.signature(function).parameters][:2]
        return (
            "output, then target"
            if names[0] in ("input", "y_pred")
            else "target, then output"
        )

    yield Question(
        "loss-order",
        {words: words for words in ("output, then target", "target, then output")},
        {
            TORCH: order(torch.nn.functional.mse_loss),
            KERAS: order(keras.losses.mean_squared_error),
        },
    )


def norms_and_dropout() -> Questions:
    def torch_stats(batch, **settings):
        norm = torch.nn.BatchNorm1d(1, dtype=torch.float64, **settings)
        norm(torch.tensor(batch, dtype=torch.float64)[:, None])
        return norm.running_mean.item(), norm.running_var.item()

    def keras_stats(batch, **settings):
        norm = keras.layers.BatchNormalization(**settings)
        norm(np.array(batch)[:, None], training=True)
        return float(norm.moving_mean.numpy()[0]), float(
            norm.moving_variance.numpy()[0]
        )

    batch, m = [3.0, 5.0], 0.25  # of mean 4, and the first running mean is 0
    yield Question(
        "bn-momentum",
        {"the new": m * 4, "the old": (1 - m) * 4},
        {
            TORCH: torch_stats(batch, momentum=m)[0],
            KERAS: keras_stats(batch, momentum=m)[0],
        },
    )
    yield Question(
        "bn-default",
        None,
        {TORCH: torch_stats([0.0, 2.0])[0], KERAS: keras_stats([0.0, 2.0])[0]},
    )
    yield Question(
        "bn-variance",
        {"by $n$": np.var([0, 2]), "by $n-1$": np.var([0, 2], ddof=1)},
        {
            TORCH: torch_stats([0.0, 2.0], momentum=1.0)[1],
            KERAS: keras_stats([0.0, 2.0], momentum=0.0)[1],
        },
    )
    yield Question(
        "norm-eps",
        None,
        {
            TORCH: {
                "batch": torch.nn.BatchNorm1d(1).eps,
                "layer": torch.nn.LayerNorm(1).eps,
            },
            KERAS: {
                "batch": keras.layers.BatchNormalization().epsilon,
                "layer": keras.layers.LayerNormalization().epsilon,
            },
        },
    )
    p, ones = 0.75, np.ones(4000)
    torch.manual_seed(0)
    keras.utils.set_random_seed(0)

    def dropped(y):
        y = keras.ops.convert_to_numpy(y)
        return round(4 * (y == 0).mean()) / 4, y.max()

    yield Question(
        "dropout",
        {
            "dropped; the rest is divided by $1-p$": (p, 1 / (1 - p)),
            "dropped; the rest stays": (p, 1),
            "kept, and divided by $p$": (1 - p, 1 / p),
            "kept, and stays": (1 - p, 1),
        },
        {
            TORCH: dropped(torch.nn.Dropout(p)(torch.tensor(ones))),
            KERAS: dropped(keras.layers.Dropout(p)(ones, training=True)),
        },
    )
    norm = torch.nn.functional.local_response_norm
    yield Question(
        "lrn",
        {"divided by the size": [2 / (5 / 5 * 4)], "as it is": [2 / (5 * 4)]},
        {TORCH: in_torch(lambda x: norm(x, 5, alpha=5.0, beta=1.0, k=0.0), [2])},
    )


def optimizers() -> Questions:
    grads, rates, mu = (1.0, 0.0), (1.0, 0.5), 0.5
    outside = inside = 1.0
    v = u = 0.0
    for g, lr in zip(grads, rates):
        v = mu * v + g
        outside -= lr * v
        u = mu * u - lr * g
        inside += u
    yield Question(
        "momentum",
        {
            "$v\\leftarrow\\mu v+g$, $\\theta\\leftarrow\\theta-\\eta v$": outside,
            "$v\\leftarrow\\mu v-\\eta g$, $\\theta\\leftarrow\\theta+v$": inside,
        },
        {
            TORCH: torch_run(torch.optim.SGD, grads, rates, momentum=mu),
            KERAS: keras_run(keras.optimizers.SGD, grads, rates, momentum=mu),
        },
    )
    g, eps = 1e-3, 1e-3
    adam = {TORCH: torch.optim.Adam, KERAS: keras.optimizers.Adam}
    yield Question(
        "adam-eps",
        {
            "the root of $\\hat v$, corrected": -g / (g + eps),
            "the root of $v$, uncorrected": -g / (g + eps / math.sqrt(1 - 0.999)),
            "$\\hat v$, inside the root": -g / math.sqrt(g**2 + eps),
        },
        {
            TORCH: torch_run(adam[TORCH], [g], start=0.0, eps=eps),
            KERAS: keras_run(adam[KERAS], [g], start=0.0, epsilon=eps),
        },
    )
    yield Question(
        "adam-eps-default",
        None,
        {
            TORCH: adam[TORCH]([torch.zeros(1)]).defaults["eps"],
            KERAS: adam[KERAS]().epsilon,
        },
    )
    w, decay = np.ones(1), 0.5
    step = {"lr": 0.1, "weight_decay": decay}
    coupled, _ = optim.adam_step(w, np.array([-0.25]), **step)
    decoupled, _ = optim.adamw_step(w, np.array([-0.25]), **step)
    yield Question(
        "adam-decay",
        {
            "adds $\\lambda\\theta$ to the gradient": coupled[0],
            "takes $\\eta\\lambda\\theta$ off $\\theta$": decoupled[0],
        },
        {
            TORCH: torch_run(adam[TORCH], [-0.25], [0.1], weight_decay=decay),
            KERAS: keras_run(adam[KERAS], [-0.25], [0.1], weight_decay=decay),
        },
    )
    yield Question(
        "adamw-default",
        None,
        {
            TORCH: torch.optim.AdamW([torch.zeros(1)]).defaults["weight_decay"],
            KERAS: keras.optimizers.AdamW().weight_decay,
        },
    )
    theta = torch.ones(1, dtype=torch.float64, requires_grad=True)
    keras.regularizers.L2(decay)(theta).backward()
    yield Question(
        "l2-factor",
        {
            "$\\frac\\lambda2\\lVert\\theta\\rVert^2$": decay,
            "$\\lambda\\lVert\\theta\\rVert^2$": 2 * decay,
        },
        {
            TORCH: {
                "SGD's `weight_decay`": 1
                - torch_run(torch.optim.SGD, [0.0], weight_decay=decay)
            },
            KERAS: {"`regularizers.L2`": theta.grad.item()},
        },
    )
    yield Question(
        "rate",
        None,
        {
            TORCH: {
                name: getattr(torch.optim, name)([torch.zeros(1)]).defaults["lr"]
                for name in ("SGD", "Adam")
            },
            KERAS: {
                name: float(getattr(keras.optimizers, name)().learning_rate)
                for name in ("SGD", "Adam")
            },
        },
    )


def first_weights() -> Questions:
    read, made = 300, 2000

    def uniform(largest):
        return largest, largest / math.sqrt(3)

    def spread(array):
        array = keras.ops.convert_to_numpy(array)
        return abs(array).max(), math.sqrt((array**2).mean())

    torch.manual_seed(0)
    keras.utils.set_random_seed(0)
    linear, dense = torch.nn.Linear(read, made), keras.layers.Dense(made)
    dense(np.zeros((1, read)))
    root = "1/\\sqrt{\\text{in}}"
    yield Question(
        "weights",
        {
            f"uniform in $\\pm{root}$": uniform(1 / math.sqrt(read)),
            "Glorot, uniform in $\\pm\\sqrt{6/(\\text{in}+\\text{out})}$": uniform(
                math.sqrt(6 / (read + made))
            ),
            "He, uniform in $\\pm\\sqrt{6/\\text{in}}$": uniform(math.sqrt(6 / read)),
        },
        {TORCH: spread(linear.weight.detach()), KERAS: spread(dense.kernel)},
        tolerance=1e-3,
    )
    yield Question(
        "biases",
        {"0": (0, 0), f"uniform in $\\pm{root}$": uniform(1 / math.sqrt(read))},
        {TORCH: spread(linear.bias.detach()), KERAS: spread(dense.bias)},
        tolerance=2e-3,
    )


def resizing() -> Questions:
    def by_torch(row, size, **settings):
        return in_torch(
            lambda x: torch.nn.functional.interpolate(x, size=size, **settings), row
        )

    def by_keras(row, size, **settings):
        image = np.array(row, float)[None, None, :, None]
        return keras.ops.image.resize(image, (1, size), **settings).flatten()

    row, size = [0.0, 2.0], 4
    places = {
        "centres of pixels": (np.arange(size) + 0.5) * len(row) / size - 0.5,
        "corners of pixels": np.arange(size) * len(row) / size,
        "centres of the first and last pixels": np.arange(size)
        * (len(row) - 1)
        / (size - 1),
    }
    at = {
        name: np.interp(place, range(len(row)), row) for name, place in places.items()
    }
    yield Question(
        "resize-mode",
        {"linear": at["centres of pixels"], "nearest": np.repeat(row, 2)},
        {TORCH: by_torch(row, size), KERAS: by_keras(row, size)},
    )
    yield Question(
        "resize-centres",
        at,
        {TORCH: by_torch(row, size, mode="linear"), KERAS: by_keras(row, size)},
    )
    row, size = np.arange(5.0), 3
    p = np.arange(size)
    yield Question(
        "resize-nearest",
        {
            "$\\lfloor ps\\rfloor$": p * 5 // 3,
            "$\\lfloor(p+\\frac12)s\\rfloor$": (2 * p + 1) * 5 // 6,
        },
        {
            TORCH: {
                f"`{m}`": by_torch(row, size, mode=m)
                for m in ("nearest", "nearest-exact")
            },
            KERAS: by_keras(row, size, interpolation="nearest"),
        },
    )
    row, size = [0.0, 0.0, 0.0, 8.0], 2
    near = np.array([[1, 1, 0, 0], [0, 0, 1, 1]]) / 2
    wide = np.array([[3, 3, 1, 0], [0, 1, 3, 3]]) / 7
    yield Question(
        "resize-antialias",
        {"no": near @ row, "yes": wide @ row},
        {TORCH: by_torch(row, size, mode="linear"), KERAS: by_keras(row, size)},
    )
