"""S0's network in Keras, PyTorch and cnnref, for its chapter and for a longer run.

    python book/keras_example.py [--examples N] [--unseen M] [--epochs E] [--seed S]

trains all three on handwritten digits, in double precision, from the same first weights
on the same mini-batches of 32.  Beside PyTorch with its own ε runs one with
ε̂/√(1 − β₂ᵗ), which is what Keras computes.  For each epoch it prints the mean loss of
each, and how many of M other digits each reads right.
"""

import argparse
import contextlib
import io
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from sympy import Symbol

from cnnref import data, layers, optim
from cnnref import functional as F
from cnnref.geometry import out_size
from cnnref.symbolic import Trace
from cnnref.verify import Call, numbers, seeded_draw

# When Keras is imported it writes its settings into a folder, unless told otherwise
# that of the reader: this one is gone at once.
with tempfile.TemporaryDirectory() as _folder:
    os.environ |= {"KERAS_BACKEND": "torch", "KERAS_HOME": _folder}
    import keras
    from keras.src.backend.common import dtypes

# Told to compute in double precision, Keras still rounds every product to single, as
# JAX would unless told otherwise.  Without this entry of its table it does as told.
keras.config.set_floatx("float64")
_TABLE = dtypes.BIT64_TO_BIT32_DTYPE
_ENTRY = {"float64": _TABLE.pop("float64")}


@contextlib.contextmanager
def as_shipped():
    """Let Keras round to single precision."""
    _TABLE.update(_ENTRY)
    try:
        yield
    finally:
        del _TABLE["float64"]


EXAMPLE = Path(__file__).with_suffix(".txt").read_text()
BUILD, _ = EXAMPLE.split("# Train the model")


@contextlib.contextmanager
def quietly():
    """Let Keras print its progress to nobody; yield a list for what it warns of."""
    told = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                yield told
            finally:
                own = (w for w in caught if w.category is UserWarning)
                told += [str(w.message) for w in own]


# Data ---------------------------------------------------------------------------------


def as_mnist(images):
    """Bring images of digits to 28 × 28: 20 × 20 inside a border of 4."""
    larger = F.interpolate(images, size=20, mode="bilinear")
    return F.pad(larger, (4, 4, 4, 4))


def channels_last(images):
    """Put the channels behind height and width, where Keras has them."""
    return np.moveaxis(images, 1, 3)


def odd_digits():
    """Return all digits in one random order, and 1 where the digit is odd, else 0."""
    images, labels = data.digits()
    order = np.random.default_rng(0).permutation(len(labels))
    images = as_mnist(images[order].astype("f8"))
    return images, (labels[order] % 2).astype("f8")[:, None]


# The network --------------------------------------------------------------------------


def keras_model(seed):
    """Run S0's lines up to the training, and return its model."""
    keras.utils.set_random_seed(seed)
    names = {}
    with quietly():
        exec(BUILD, names)
    return names["model"]


def pooled(size):
    """Return what S0's two convolutions and two poolings leave of a side."""
    for _ in range(2):
        size = out_size(out_size(size, 3), 2, stride=2)
    return size


def network(library, height=28, width=28, channels=1, filters=(32, 64), hidden=128):
    """Return S0's layers in double precision, from torch.nn or cnnref.layers."""
    first, second = filters
    features = second * pooled(height) * pooled(width)
    double = {"dtype": torch.float64 if library is torch.nn else "f8"}
    return library.Sequential(
        library.Conv2d(channels, first, 3, **double),
        library.ReLU(),
        library.MaxPool2d(2),
        library.Conv2d(first, second, 3, **double),
        library.ReLU(),
        library.MaxPool2d(2),
        library.Flatten(),
        library.Linear(features, hidden, **double),
        library.ReLU(),
        library.Linear(hidden, 1, **double),
        library.Sigmoid(),
    )


def carried(weights, side=5):
    """Sort the axes of Keras's eight arrays as PyTorch and cnnref have them."""
    k1, b1, k2, b2, d1, c1, d2, c2 = weights
    volumes = d1.reshape(side, side, -1, d1.shape[1])  # h, w, channel, out
    return {
        "0.weight": k1.transpose(3, 2, 0, 1),  # i, j, in, out → out, in, i, j
        "0.bias": b1,
        "3.weight": k2.transpose(3, 2, 0, 1),
        "3.bias": b2,
        "7.weight": volumes.transpose(3, 2, 0, 1).reshape(d1.shape[::-1]),
        "7.bias": c1,
        "9.weight": d2.T,
        "9.bias": c2,
    }


def shapes_in(library):
    """Return a function of sizes: all shapes on the way, and what the layers learn."""

    def measured(height, width, channels, filters, hidden):
        model = network(library, height, width, channels, filters, hidden)
        x, found = np.zeros((1, channels, height, width)), []
        x = torch.from_numpy(x) if library is torch.nn else x
        for layer in model:
            x = layer(x) if library is torch.nn else layer.forward(x)
            found += x.shape[1:]
        if library is torch.nn:
            return (*found, sum(p.numel() for p in model.parameters()))
        return (*found, layers.parameter_count(model))

    return measured


# Training: each makes the steps one by one, and yields the loss before each -----------


def train_keras(model, batches):
    """Make the steps of ``fit``."""
    for x, t in batches:
        model.reset_metrics()  # or the loss is the mean of all so far
        loss, _ = model.train_on_batch(channels_last(x), t)
        yield float(loss)


def train_torch(model, batches, eps=lambda step: 1e-8):
    """Train a model of torch.nn; ``eps`` is a function of the step 1, 2, …"""
    optimizer = torch.optim.Adam(model.parameters())
    for step, batch in enumerate(batches, 1):
        x, t = map(torch.from_numpy, batch)
        loss = torch.nn.functional.binary_cross_entropy(model(x), t)
        optimizer.param_groups[0]["eps"] = eps(step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def train_cnnref(model, batches):
    """Train a model of cnnref.layers."""
    optimizer, entropy = optim.Adam(model.parameters()), layers.BCELoss()
    for x, t in batches:
        loss = entropy.forward(model.forward(x), t)
        model.backward(entropy.backward(np.ones(())))
        model.assign(optimizer.step(model.gradients()))
        yield float(loss)


def equivalent_eps(step, eps=1e-7, beta2=0.999):
    """Return the ε with which PyTorch makes Keras's step."""
    return eps / np.sqrt(1 - beta2**step)


# Adam, step by step: where one parameter is after each step ---------------------------


def keras_adam(param, grads, rates, betas, eps):
    """Run Keras's Adam, which takes ε̂."""
    (beta_1, beta_2), path = betas, []
    variable = keras.Variable(param)
    adam = keras.optimizers.Adam(beta_1=beta_1, beta_2=beta_2, epsilon=eps)
    for g, lr in zip(grads, rates):
        adam.learning_rate = lr.item()
        adam.apply([torch.from_numpy(g)], [variable])
        path.append(variable.numpy().copy())
    return np.stack(path)


def torch_adam(eps_of):
    """Return a run of PyTorch's Adam with ε = eps_of(ε̂, 1 − β₂ᵗ) in step t."""

    def run(param, grads, rates, betas, eps):
        w = torch.nn.Parameter(torch.from_numpy(param.copy()))
        adam, path = torch.optim.Adam([w], betas=betas), []
        for t, (g, lr) in enumerate(zip(grads, rates), 1):
            now = {"lr": lr.item(), "eps": eps_of(eps, 1 - betas[1] ** t)}
            adam.param_groups[0] |= now
            w.grad = torch.from_numpy(g)
            adam.step()
            path.append(w.detach().numpy().copy())
        return np.stack(path)

    return run


def cnnref_adam(param, grads, rates, betas, eps):
    """Run the shipped step with ε = ε̂ / √(1 − β₂ᵗ), on numbers or symbols."""
    state, path = None, []
    for t, (g, lr) in enumerate(zip(grads, rates), 1):
        root = np.sqrt(1 - betas[1] ** t)
        settings = {"lr": lr, "betas": betas, "eps": eps / root}
        param, state = optim.adam_step(param, g, state, **settings)
        path.append(param)
    return np.stack(path)


def adam_runs(count):
    """Return runs of 2 to 5 steps with changing learning rates, the simplest first."""
    draw, calls = seeded_draw(0), []
    for _ in range(count):
        size, steps = draw(1, 3), draw(2, 5)
        arrays = {
            "param": numbers(draw, (size,)),
            "grads": numbers(draw, (steps, size)),
            "rates": np.array([draw(1, 32) / 64 for _ in range(steps)]),
        }
        betas = draw(32, 60) / 64, draw(32, 63) / 64
        settings = {"betas": betas, "eps": (1e-3, 1e-7)[draw(0, 1)]}
        calls.append(Call(arrays, settings))
    return tuple(sorted(calls, key=lambda c: (-c.settings["eps"], c.complexity)))


def symbolic_adam_runs():
    """Yield runs of three steps in which all is a symbol, for two sets of samples."""
    for samples in (("1/2", "3/4", "1/10"), ("9/10", "999/1000", "1/10000000")):
        trace = Trace()
        *betas, eps = (
            trace.number(Symbol(name, positive=True), sample)
            for name, sample in zip(("beta_1", "beta_2", "eps"), samples)
        )
        arrays = {
            "param": trace.array("w", (2,)),
            "grads": trace.array("g", (3, 2)),
            "rates": trace.array("lr", (3,), ("1/2", "1/4", "1/8")),
        }
        yield Call(arrays, {"betas": tuple(betas), "eps": eps})


# The longer run -----------------------------------------------------------------------


def models(seed):
    """Return the four models, all with the first weights of Keras's."""
    model = keras_model(seed)
    state = carried([array.copy() for array in model.get_weights()])
    twins = {}
    for name in ("PyTorch", "PyTorch, ε̂"):
        twins[name] = network(torch.nn)
        tensors = {k: torch.tensor(array) for k, array in state.items()}
        twins[name].load_state_dict(tensors)
    ours = network(layers)
    ours.load_state_dict(state)
    return {"Keras": model, **twins, "cnnref": ours}


def read_right(name, model, x, t):
    """Count the answers on the right side of one half."""
    if name == "Keras":
        found = model.predict(channels_last(x), verbose=0)
    elif name == "cnnref":
        found = np.concatenate(
            [model.forward(x[k : k + 64]) for k in range(0, len(x), 64)]
        )
    else:
        with torch.no_grad():
            found = model(torch.from_numpy(x)).numpy()
    return np.count_nonzero((found > 0.5) == t)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=1500, metavar="N")
    parser.add_argument("--unseen", type=int, default=297, metavar="M")
    parser.add_argument("--epochs", type=int, default=10, metavar="E")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    args = parser.parse_args()
    images, odd = odd_digits()
    if min(args.examples, args.unseen) < 1 or args.examples + args.unseen > len(odd):
        parser.error(f"there are {len(odd)} digits for --examples and --unseen")
    unseen = tuple(all_[-args.unseen :] for all_ in (images, odd))

    def batches():
        generator = np.random.default_rng(args.seed)
        for _ in range(args.epochs):
            order = generator.permutation(args.examples)
            for k in range(0, args.examples, 32):
                yield images[order[k : k + 32]], odd[order[k : k + 32]]

    trained = models(args.seed)
    runs = {
        "Keras": train_keras(trained["Keras"], batches()),
        "PyTorch": train_torch(trained["PyTorch"], batches()),
        "PyTorch, ε̂": train_torch(trained["PyTorch, ε̂"], batches(), equivalent_eps),
        "cnnref": train_cnnref(trained["cnnref"], batches()),
    }
    print(f"mean loss, and how many of {args.unseen} are read right")
    for epoch in range(1, args.epochs + 1):
        found = []
        for name, run in runs.items():
            loss = np.mean([next(run) for _ in range(0, args.examples, 32)])
            right = read_right(name, trained[name], *unseen)
            found.append(f"{name} {loss:.7f} {right}")
        print(f"epoch {epoch:2}:  {',  '.join(found)}", flush=True)


if __name__ == "__main__":
    main()
