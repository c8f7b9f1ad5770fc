"""Training: PyTorch's losses, step by step; stopped, it keeps what it has learnt."""

import io
import os
import signal
import threading
import time
from itertools import chain

import numpy as np
import pytest
import torch

from cnnref import checkpoint, data, layers, optim
from cnnref.train import History, accuracy, evaluate, fit


def network(module, **dtype):
    """Build the same network of cnnref.layers or torch.nn."""
    return module.Sequential(
        module.Conv2d(1, 8, 3, padding=1, **dtype),
        module.BatchNorm2d(8, **dtype),
        module.ReLU(),
        module.MaxPool2d(2),
        module.Conv2d(8, 16, 3, **dtype),
        module.ReLU(),
        module.Flatten(),
        module.Linear(64, 10, **dtype),
    )


def arrays(module):
    return {k: v.detach().numpy().copy() for k, v in module.state_dict().items()}


def few_digits(count=100, dtype="f8"):
    images, labels = data.digits()
    return images[:count].astype(dtype), labels[:count]


def small(generator=0):
    """Return what fit takes first: a model, a loss and an optimizer."""
    model = layers.Sequential(
        layers.Flatten(), layers.Linear(64, 10, dtype="f8", generator=generator)
    )
    optimizer = optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    return model, layers.CrossEntropyLoss(), optimizer


def states(model, optimizer):
    return model.state_dict() | {
        f"optimizer.{k}": a for k, a in optimizer.params.items()
    }


def same(got, expected):
    assert got.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array)


# Training -----------------------------------------------------------------------------


def test_a_small_network_learns_the_digits():
    """The same on every machine but for rounding: at least 96 of 100 in four epochs."""
    (x, y), held_out = data.split(data.digits(), 297)
    rng = np.random.default_rng(0)
    model = layers.Sequential(
        layers.Conv2d(1, 16, 3, padding=1, generator=rng),
        layers.BatchNorm2d(16),
        layers.ReLU(),
        layers.MaxPool2d(2),
        layers.Flatten(),
        layers.Linear(256, 10, generator=rng),
    )
    history = fit(
        model,
        layers.CrossEntropyLoss(),
        optim.Adam(model.parameters(), lr=0.01),
        x,
        y,
        batch_size=32,
        epochs=4,
        validation=held_out,
        metrics=[accuracy],
        generator=rng,
    )
    assert len(history.losses) == 4 * 47
    assert [*history.epochs] == [
        *("loss", "accuracy", "validation_loss", "validation_accuracy")
    ]
    assert {len(values) for values in history.epochs.values()} == {4}
    assert history.epochs["loss"] == sorted(history.epochs["loss"], reverse=True)
    assert history.epochs["validation_accuracy"][-1] > 0.96
    assert not history.interrupted
    assert {a.dtype for a in model.parameters().values()} == {np.dtype("f4")}


@pytest.mark.parametrize("rule", ["SGD", "Adam"])
def test_the_losses_are_those_of_pytorch(rule):
    """From the same first values, on the same batches: both modes, every step."""
    x, y = few_digits(90)
    twin = network(torch.nn, dtype=torch.float64)
    model = network(layers, dtype="f8")
    model.load_state_dict(arrays(twin))
    history = fit(
        model,
        layers.CrossEntropyLoss(label_smoothing=0.1),
        getattr(optim, rule)(model.parameters(), lr=0.01, weight_decay=0.1),
        x,
        y,
        batch_size=20,
        epochs=3,
        validation=(x[:30], y[:30]),
        generator=4,
    )
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    optimizer = getattr(torch.optim, rule)(twin.parameters(), lr=0.01, weight_decay=0.1)
    loss = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    rng, losses, means, validation = np.random.default_rng(4), [], [], []
    for _ in range(3):
        order = torch.from_numpy(rng.permutation(90))
        for chosen in order.split(20):
            optimizer.zero_grad()
            value = loss(twin.train()(x[chosen]), y[chosen])
            value.backward()
            optimizer.step()
            losses.append(value.item())
        means.append(np.average(losses[-5:], weights=[20, 20, 20, 20, 10]))
        validation.append(loss(twin.eval()(x[:30]), y[:30]).item())
    np.testing.assert_allclose(history.losses, losses, rtol=1e-9)
    np.testing.assert_allclose(history.epochs["loss"], means, rtol=1e-9)
    np.testing.assert_allclose(history.epochs["validation_loss"], validation, rtol=1e-9)
    for name, array in arrays(twin).items():
        np.testing.assert_allclose(
            model.state_dict()[name], array, rtol=1e-7, atol=1e-9
        )


def test_each_epoch_takes_every_example_once_in_a_new_order():
    seen = []

    class Watched(np.ndarray):
        def __getitem__(self, chosen):
            seen.append([*map(int, chosen)])
            return np.asarray(self)[chosen]

    x, y = few_digits(10)
    fit(*small(), x.view(Watched), y, batch_size=4, epochs=2, generator=0)
    assert [len(chosen) for chosen in seen] == [4, 4, 2] * 2
    first, second = [*chain(*seen[:3])], [*chain(*seen[3:])]
    assert sorted(first) == sorted(second) == [*range(10)]
    assert first != second


def test_the_generator_alone_decides_a_run():
    def losses(**how):
        x, y = few_digits(20)
        return fit(*small(), x, y, batch_size=5, epochs=2, **how).losses

    assert losses(generator=1) == losses(generator=np.random.default_rng(1))
    assert losses(generator=1) != losses(generator=2)
    assert losses() != losses()


def test_a_frozen_part_stays_as_it_is():
    """What the optimizer has not, and a layer set to evaluation, change in nothing."""
    x, y = few_digits(40)
    model = network(layers, dtype="f8")
    model[1].eval()
    before = model.state_dict()
    moved = {k: v for k, v in model.parameters().items() if k.startswith("7.")}
    optimizer = optim.SGD(moved, lr=0.1, momentum=0.9, weight_decay=0.1)
    call = (model, layers.CrossEntropyLoss(), optimizer, x, y)
    fit(*call, batch_size=10, epochs=2, validation=(x, y))
    changed = {k for k, v in model.state_dict().items() if (v != before[k]).any()}
    assert changed == {"7.weight", "7.bias"}
    assert [layer.training for layer in model] == [True, False, *[True] * 6]


def test_a_run_goes_on_from_its_files(tmp_path):
    """The state of the model and of the optimizer: the losses are those of one run."""
    x, y = few_digits(40)
    settings = {"batch_size": 10, "epochs": 2}
    whole = small()
    one_run = fit(*whole, x, y, generator=(rng := np.random.default_rng(3)), **settings)
    one_run = [*one_run.losses, *fit(*whole, x, y, generator=rng, **settings).losses]

    first, rng = small(), np.random.default_rng(3)
    losses = fit(*first, x, y, generator=rng, **settings).losses
    checkpoint.save(tmp_path / "model", first[0].state_dict())
    state = first[2].state_dict()
    velocities = {
        f"{name}.{key}": array
        for name, kept in state["state"].items()
        for key, array in kept.items()
        if isinstance(array, np.ndarray)
    }
    checkpoint.save(tmp_path / "optimizer", velocities)

    second = small(generator=9)
    second[0].load_state_dict(checkpoint.load(tmp_path / "model"))
    optimizer = optim.SGD(second[0].parameters(), lr=0.5, momentum=0.9)
    for name, array in checkpoint.load(tmp_path / "optimizer").items():
        place, _, key = name.rpartition(".")
        kept = {str(k): v for k, v in state["state"].items()}[place]
        kept[key] = array
    optimizer.load_state_dict(state)
    losses += fit(*second[:2], optimizer, x, y, generator=rng, **settings).losses
    assert losses == one_run


# Evaluation ---------------------------------------------------------------------------


def test_evaluation_is_the_mean_over_all_examples_whatever_the_batches():
    x, y = few_digits(50)
    model, loss, _ = small()
    whole = evaluate(model, loss, x, y, metrics=[accuracy])
    assert whole["loss"] == float(loss.forward(model.forward(x), y))
    assert whole["accuracy"] == accuracy(model.forward(x), y)
    parts = evaluate(model, loss, x, y, batch_size=7, metrics=[accuracy])
    np.testing.assert_allclose([*parts.values()], [*whole.values()], rtol=1e-12)


def test_evaluation_leaves_the_modes_and_the_state_as_they_are():
    x, y = few_digits(20)
    model = network(layers, dtype="f8")
    model[0].eval()
    before = model.state_dict()
    evaluate(model, layers.CrossEntropyLoss(), x, y)
    same(model.state_dict(), before)
    assert [layer.training for layer in model] == [False, *[True] * 7]
    with pytest.raises(ValueError, match="conv2d: "):
        evaluate(model, layers.CrossEntropyLoss(), x[:, [0, 0]], y)
    assert [layer.training for layer in model] == [False, *[True] * 7]


def test_one_layer_alone_is_a_model():
    x = np.linspace(-1, 1, 20)[:, None]
    model = layers.Linear(1, 1, dtype="f8")
    optimizer = optim.SGD(model.parameters(), lr=0.3)
    fit(model, layers.MSELoss(), optimizer, x, 3 * x - 2, batch_size=5, epochs=60)
    np.testing.assert_allclose(model.weights["weight"], [[3]], rtol=1e-6)
    np.testing.assert_allclose(model.weights["bias"], [-2], rtol=1e-6)


# Stopping early -----------------------------------------------------------------------


def interrupted_by(act, at):
    """Train and let ``act`` happen in the forward pass of one step."""
    x, y = few_digits(40)
    model, loss, optimizer = small()
    seen = []

    def function(**call):
        seen.append(states(model, optimizer))
        if len(seen) == at:
            act()
        return cross_entropy.function(**call)

    cross_entropy = loss.operation
    loss.operation = cross_entropy._replace(function=function)
    history = fit(model, loss, optimizer, x, y, batch_size=10, epochs=3, generator=0)
    return model, optimizer, history, seen


def uninterrupted(epochs=3):
    x, y = few_digits(40)
    call = small()
    return call, fit(*call, x, y, batch_size=10, epochs=epochs, generator=0)


def press():
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_stops_after_the_whole_step():
    _, whole = uninterrupted()
    handler = signal.getsignal(signal.SIGINT)
    model, optimizer, history, seen = interrupted_by(press, at=6)
    assert history.interrupted
    assert history.losses == whole.losses[:6]
    assert history.epochs == {"loss": whole.epochs["loss"][:1]}
    assert len(seen) == 6
    for name, array in optimizer.params.items():
        assert model.parameters()[name] is array
        assert (array != seen[-1][name]).any()
    assert signal.getsignal(signal.SIGINT) is handler


def test_what_goes_on_after_ctrl_c_is_the_same_run():
    """The optimizer's velocities are those of six whole steps too."""
    model, optimizer, _, _ = interrupted_by(press, at=6)
    call, _ = uninterrupted(epochs=1)
    x, y = few_digits(40)
    rng = np.random.default_rng(0)
    rng.permutation(40)
    order = rng.permutation(40)
    for chosen in (order[:10], order[10:20]):
        only = (x[chosen], y[chosen])
        fit(*call, *only, batch_size=10, epochs=1)
    np.testing.assert_allclose(
        model.parameters()["1.weight"], call[0].parameters()["1.weight"], rtol=1e-12
    )
    fit(*call, x, y, batch_size=40, epochs=1)
    fit(model, layers.CrossEntropyLoss(), optimizer, x, y, batch_size=40, epochs=1)
    np.testing.assert_allclose(
        model.parameters()["1.weight"], call[0].parameters()["1.weight"], rtol=1e-12
    )


def test_ctrl_c_in_the_last_step_of_an_epoch_waits_for_its_validation():
    x, y = few_digits(40)
    model, loss, optimizer = small()
    cross_entropy, calls = loss.operation, []

    def function(**call):
        calls.append(len(call["target"]))
        if len(calls) == 4:
            press()
        return cross_entropy.function(**call)

    loss.operation = cross_entropy._replace(function=function)
    settings = {"batch_size": 10, "epochs": 3, "validation": (x[:5], y[:5])}
    history = fit(model, loss, optimizer, x, y, **settings)
    assert calls == [10, 10, 10, 10, 5]
    assert history.interrupted
    assert {k: len(v) for k, v in history.epochs.items()} == {
        "loss": 1,
        "validation_loss": 1,
    }


def test_a_second_ctrl_c_stops_at_once():
    def twice():
        press()
        press()
        time.sleep(5)  # a signal is handled before it ends

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interrupted_by(twice, at=2)
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_callback_may_stop_the_training():
    x, y = few_digits(40)
    model, loss, optimizer = small()
    called = []

    def callback(history):
        called.append({k: [*v] for k, v in history.epochs.items()})
        if len(called) == 2:
            raise KeyboardInterrupt

    settings = {"batch_size": 10, "epochs": 5, "generator": 0}
    history = fit(model, loss, optimizer, x, y, callback=callback, **settings)
    call, whole = uninterrupted(epochs=2)
    assert called == [{"loss": whole.epochs["loss"][:k]} for k in (1, 2)]
    assert history == whole._replace(interrupted=True)
    same(states(model, optimizer), states(call[0], call[2]))


def test_examples_may_stop_the_training():
    """What loads them may be interrupted, or interrupt."""

    class Loading(np.ndarray):
        left = 5

        def __getitem__(self, chosen):
            Loading.left -= 1
            if Loading.left < 0:
                raise KeyboardInterrupt
            return np.asarray(self)[chosen]

    x, y = few_digits(40)
    model, loss, optimizer = small()
    call = (model, loss, optimizer, x.view(Loading), y)
    history = fit(*call, batch_size=10, epochs=3, generator=0)
    _, whole = uninterrupted()
    assert history == History(
        whole.losses[:5], {"loss": whole.epochs["loss"][:1]}, True
    )


def test_any_other_error_is_raised():
    def fail():
        raise OSError("no examples")

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(OSError, match="no examples"):
        interrupted_by(fail, at=2)
    assert signal.getsignal(signal.SIGINT) is handler


def test_another_thread_may_train():
    """Only the main one may say what Ctrl-C does."""
    found = []
    thread = threading.Thread(target=lambda: found.append(uninterrupted()[1]))
    thread.start()
    thread.join()
    assert found == [uninterrupted()[1]]


# The bar ------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "progress", "shown"),
    [
        (Terminal, True, True),
        (Terminal, False, False),
        (io.StringIO, True, False),
    ],
)
def test_a_bar_is_for_terminals_only(monkeypatch, stream, progress, shown):
    x, y = few_digits(40)
    monkeypatch.setattr("sys.stderr", error := stream())
    monkeypatch.setattr("sys.stdout", output := stream())
    fit(*small(), x, y, batch_size=10, epochs=3, progress=progress)
    assert ("12/12" in error.getvalue()) == bool(error.getvalue()) == shown
    assert output.getvalue() == ""


# Wrong calls --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "fit: batch_size must be at least 1, got 0"),
        ({"batch_size": 2.5}, TypeError, "fit: batch_size must be an integer, got 2.5"),
        ({"epochs": 0}, ValueError, "fit: epochs must be at least 1, got 0"),
        ({"y": np.zeros(7, int)}, ValueError, "fit: there are 20 inputs but 7 targets"),
        (
            {"x": np.ones((0, 64)), "y": np.zeros(0, int)},
            ValueError,
            "fit: there are no examples",
        ),
        (
            {"validation": np.ones((3, 64))},
            TypeError,
            "fit: validation must be two arrays, inputs and targets",
        ),
        (
            {"validation": (np.ones((3, 64)),)},
            TypeError,
            "fit: validation must be two arrays, inputs and targets",
        ),
        (
            {"validation": (np.ones((3, 64)), np.zeros(2, int))},
            ValueError,
            "fit: validation: there are 3 inputs but 2 targets",
        ),
        (
            {"loss": layers.CrossEntropyLoss(reduction="none")},
            ValueError,
            r"CrossEntropyLoss: training needs one number, not .* shape \(5,\)",
        ),
    ],
)
def test_a_wrong_call_is_refused_before_any_step(changes, error, message):
    x, y = few_digits(20)
    model, loss, optimizer = small()
    before = states(model, optimizer)
    arguments = {
        **{"model": model, "loss": loss, "optimizer": optimizer, "x": x, "y": y},
        **{"batch_size": 5, "epochs": 2},
    }
    with pytest.raises(error, match=message):
        fit(**arguments | changes)
    same(states(model, optimizer), before)


def test_evaluation_refuses_what_fit_refuses():
    x, y = few_digits(20)
    model, loss, _ = small()
    with pytest.raises(
        ValueError, match="evaluate: there are 20 inputs but 10 targets"
    ):
        evaluate(model, loss, x, y[:10])
    with pytest.raises(ValueError, match="evaluate: there are no examples"):
        evaluate(model, loss, x[:0], y[:0])
    with pytest.raises(
        ValueError, match="evaluate: batch_size must be at least 1, got 0"
    ):
        evaluate(model, loss, x, y, batch_size=0)


def test_the_optimizer_must_move_the_models_own_parameters():
    x, y = few_digits(20)
    model, loss, optimizer = small()
    settings = {"batch_size": 5, "epochs": 1}
    by_place = optim.SGD([*model.parameters().values()])
    with pytest.raises(ValueError, match="must know the parameters by name"):
        fit(model, loss, by_place, x, y, **settings)
    unknown = optim.SGD({"2.weight": np.ones(3)})
    with pytest.raises(ValueError, match=r"moves 2\.weight, which the model has not"):
        fit(model, loss, unknown, x, y, **settings)
    model.load_state_dict(model.state_dict())
    with pytest.raises(ValueError, match=r"another array for 1\.weight than the model"):
        fit(model, loss, optimizer, x, y, **settings)
