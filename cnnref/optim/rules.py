"""The rules: how one parameter moves, given its gradient and its state.

Each rule is a pure function, written for rows of numbers; `_checked` checks its calls
and lets it take any shape.  `adam_in_blocks` is the one faster form.
"""

from fractions import Fraction
from functools import partial, wraps
from typing import Any, NamedTuple

import numpy as np

from cnnref.arguments import Arguments
from cnnref.floats import quiet

__all__ = [
    "AdagradState",
    "AdamState",
    "Call",
    "RMSpropState",
    "SGDState",
    "adagrad_step",
    "adam_in_blocks",
    "adam_step",
    "adamw_step",
    "rmsprop_step",
    "sgd_step",
]


# States -------------------------------------------------------------------------------


class SGDState(NamedTuple):
    """What SGD keeps of a parameter: its velocity, once there is momentum."""

    momentum_buffer: np.ndarray | None = None

    @staticmethod
    def needs(**settings):
        """Name the arrays that a first step starts from."""
        return ()


class AdamState(NamedTuple):
    """What Adam keeps of a parameter: the number of steps, and the moments m and v."""

    step: int = 0
    exp_avg: Any = None
    exp_avg_sq: Any = None
    max_exp_avg_sq: Any = None

    @staticmethod
    def needs(*, amsgrad, **settings):
        """Name the arrays that a first step starts from."""
        return ("exp_avg", "exp_avg_sq", *("max_exp_avg_sq",) * amsgrad)


class RMSpropState(NamedTuple):
    """What RMSprop keeps of a parameter."""

    step: int = 0
    square_avg: Any = None
    momentum_buffer: Any = None
    grad_avg: Any = None

    @staticmethod
    def needs(*, momentum, centered, **settings):
        """Name the arrays that a first step starts from."""
        velocity = ("momentum_buffer",) * bool(momentum)
        return ("square_avg", *velocity, *("grad_avg",) * centered)


class AdagradState(NamedTuple):
    """What Adagrad keeps of a parameter: the sum of its squared gradients."""

    step: int = 0
    sum: Any = None

    @staticmethod
    def needs(**settings):
        """Name the arrays that a first step starts from."""
        return ("sum",)


# What makes a step valid --------------------------------------------------------------

_FLAGS = {"nesterov", "maximize", "amsgrad", "centered", "decoupled_weight_decay"}


class Call(Arguments):
    """A parameter, and what it is moved with."""

    def __init__(self, name, param):
        super().__init__(name)
        self.array("param", param, (), kinds="fcO")
        self.param = param

    def fail(self, reason):
        """Raise ValueError: a parameter may have any axes, so none is listed."""
        raise ValueError(f"{self.name}: {reason}")

    def ready(self, State, grad, state, settings):
        """Return the call with all that its rule takes, once that is checked."""
        self.array("grad", grad, (), kinds="fcO")
        if grad.shape != self.param.shape:
            self.fail(f"param has the shape {self.param.shape} but grad {grad.shape}")
        self.grad, self.given = grad, self.settings(settings)
        self.state = self.state_of(State, state, self.given)
        return self

    def moved(self, rule):
        """Apply a rule, which is written for rows, and return what it returns."""
        rows = _each_array(self.state, _row)
        with quiet():
            param, state = rule(_row(self.param), _row(self.grad), rows, **self.given)
        shaped = partial(_shaped, param=self.param)
        return shaped(param), _each_array(state, shaped)

    def number(self, label, value):
        """Return a number; beside exact entries its quotients, too, are exact."""
        number: Any = super().number(label, value)
        whole = isinstance(number, int | np.integer)
        return Fraction(int(number)) if whole else number

    def settings(self, given):
        """Return the settings as numbers that suit the parameter."""
        checked = {}
        for label, value in given.items():
            if label == "betas":
                checked[label] = self.betas(value)
            elif label in _FLAGS:
                checked[label] = self.flag(label, value)
            else:
                checked[label] = self.number(label, value)
                if label != "dampening" and not checked[label] >= 0:
                    self.fail(f"{label} must be at least 0, got {value}")
        if checked.get("nesterov"):
            momentum, dampening = checked["momentum"], checked["dampening"]
            if not momentum or dampening:
                self.fail(
                    "nesterov needs a momentum and no dampening, got "
                    f"momentum={momentum} and dampening={dampening}"
                )
        return checked

    def betas(self, betas):
        """Return β₁ and β₂; beside floats an integer is refused, as by PyTorch."""
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise TypeError(f"{self.name}: betas must be two numbers, got {betas!r}")
        for index, beta in enumerate(betas):
            number = self.number(f"betas[{index}]", beta)
            if not 0 <= number < 1:
                self.fail(f"betas[{index}] must be in [0, 1), got {beta}")
            if isinstance(beta, int) and self.param.dtype != object:
                self.fail(f"betas must be two floats, got {betas}")
        return tuple(self.number("betas", beta) for beta in betas)

    def state_of(self, State, state, settings):
        """Return the state that a step goes on from, or the first one."""
        needs = State.needs(**settings)
        if state is None:
            row = _row(self.param)
            first = settings.get("initial_accumulator_value", 0)
            begun = (np.full(row.shape, first, row.dtype) for _ in needs)
            begun = (_shaped(row, self.param) for row in begun)
            return State(**dict(zip(needs, begun)))
        if not isinstance(state, State):
            kind = type(state).__name__
            raise TypeError(
                f"{self.name}: state must be {State.__name__} or None, not {kind}"
            )
        for label, value in state._asdict().items():
            if label == "step":
                self.integer("the state's step", value, least=0)
            elif value is not None:
                self.array(f"the state's {label}", value, (), kinds="fcO")
                if value.shape != self.param.shape:
                    self.fail(
                        f"param has the shape {self.param.shape} but the state's "
                        f"{label} {value.shape}"
                    )
            elif label in needs:
                self.fail(f"the state was begun without {label}, which is needed now")
        return state

    def restored(self, State, fields):
        """Return a state from a dictionary of arrays, which are copied."""
        unknown = [k for k in fields if k not in State._fields]
        if unknown or ("step" in State._fields and "step" not in fields):
            names = ", ".join(State._fields)
            self.fail(f"the state has {', '.join(fields)}, where {names} are expected")
        values = {}
        for label, value in fields.items():
            if label == "step":
                values[label] = self.count(value)
            elif value is not None:
                self.array(f"the state's {label}", value, (), kinds="fcO", same=False)
                if not np.can_cast(value.dtype, self.param.dtype, "same_kind"):
                    self.fail(
                        f"param is {self.param.dtype} but the state's {label} is "
                        f"{value.dtype}"
                    )
                values[label] = np.array(value, self.param.dtype, order="C")
        return State(**values)

    def count(self, value):
        """Return the number of steps, which PyTorch keeps as a float."""
        if isinstance(value, np.ndarray | np.generic) and value.size == 1:
            value = value.item()
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return self.integer("the state's step", value, least=0)


def _row(array):
    """Lay an array out as one row of real numbers or objects."""
    row = np.ascontiguousarray(array).reshape(-1)
    return row.view(array.real.dtype) if np.iscomplexobj(row) else row


def _shaped(row, param):
    """Lay a row out as the parameter is, and in its byte order."""
    dtype = param.dtype.newbyteorder(row.dtype.byteorder)
    return row.view(dtype).astype(param.dtype, copy=False).reshape(param.shape)


def _each_array(state, change):
    """Change what is an array in a state, and leave the rest."""
    arrays = (change(x) if isinstance(x, np.ndarray) else x for x in state)
    return type(state)(*arrays)


def _checked(State):
    """Let a rule, written for rows, take any valid call, and refuse the others."""

    def decorate(rule):
        @wraps(rule)
        def step(param, grad, state=None, **settings):
            settings = rule.__kwdefaults__ | settings
            call = Call(rule.__name__, param).ready(State, grad, state, settings)
            return call.moved(rule)

        return step

    return decorate


# Rules --------------------------------------------------------------------------------


@_checked(SGDState)
def sgd_step(
    param,
    grad,
    state: Any = None,
    *,
    lr=1e-3,
    momentum=0,
    dampening=0,
    weight_decay=0,
    nesterov=False,
    maximize=False,
):
    """Move a parameter against its gradient, with momentum.

        g ← g + λ·w
        v ← g at the first step, then μ·v + (1 − τ)·g
        w ← w − η·v,   or with nesterov   w ← w − η·(g + μ·v)

    The learning rate stands outside the velocity v, and the first v is the gradient
    itself, whatever the dampening.  Without momentum v = g.

    Parameters
    ----------
    param, grad : arrays of one shape
        w and g = ∂L/∂w, of one dtype: floats, or object, which stays exact.
    state : SGDState, optional
        What the step before returned; None at the first step.
    lr, momentum, dampening, weight_decay : float
        η, μ, τ and λ.
    nesterov : bool
        Look ahead along the velocity; needs a momentum and no dampening.
    maximize : bool
        Take −g for g: climb instead of descending.

    Returns
    -------
    param : array
        A new array.
    state : SGDState
        The velocity, in a new array; the state as it was, where momentum is 0.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes disagree, if a setting other than the dampening is negative
        or no number, or if ``nesterov`` is given without what it needs.

    Notes
    -----
    Twin: ``torch.optim.SGD``.
    Derived in "Gradient descent" (ledger: sgd, gd-s1, gd-s3).

    Examples
    --------
    >>> w, g = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    >>> w, state = sgd_step(w, g, lr=0.5, momentum=0.5)
    >>> w
    array([0.75, 2.25])
    >>> w, state = sgd_step(w, g, state, lr=0.5, momentum=0.5)
    >>> w
    array([0.375, 2.625])
    """
    g = _downhill(param, grad, weight_decay, maximize)
    velocity = state.momentum_buffer
    if momentum and velocity is None:
        velocity = g.copy()
    elif momentum:
        velocity = momentum * velocity + (1 - dampening) * g
    if momentum:
        g = g + momentum * velocity if nesterov else velocity
    return param - lr * g, SGDState(velocity)


@_checked(AdamState)
def adam_step(
    param,
    grad,
    state: Any = None,
    *,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0,
    amsgrad=False,
    maximize=False,
    decoupled_weight_decay=False,
):
    """Move a parameter by the ratio of its gradient's moments, in step t = 1, 2, …

        g ← g + λ·w
        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        w ← w − η · m̂ / (√v̂ + ε),   m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)

    ε stands outside the root and is added after the correction.

    Parameters
    ----------
    param, grad : arrays of one shape
        w and g = ∂L/∂w, of one dtype: floats, or object, whose entries then need a
        method ``sqrt`` and stay exact.
    state : AdamState, optional
        What the step before returned; None at the first step.
    lr, eps, weight_decay : float
        η, ε and λ.
    betas : (float, float)
        β₁ and β₂.
    amsgrad : bool
        Take for v̂ the largest v so far, with the same correction.
    maximize : bool
        Take −g for g: climb instead of descending.
    decoupled_weight_decay : bool
        Leave g as it is, and begin by w ← (1 − η·λ)·w: AdamW.

    Returns
    -------
    param : array
        A new array.
    state : AdamState
        The number of steps and the moments, in new arrays.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes disagree, if a setting is negative or no number, if a β is
        not below 1, or if ``amsgrad`` begins when steps have been made without it.

    Notes
    -----
    Twin: ``torch.optim.Adam``.
    Derived in "Adam" (ledger: adam-moments, adam-bias-correction, adam-update,
    adam-eps, adam-betas, adam-first-step).

    Examples
    --------
    The first step is as long as the learning rate, whatever the gradient:

    >>> w, state = adam_step(np.zeros(3), np.array([0.001, -2.0, 500.0]), lr=0.5)
    >>> w.round(4)
    array([-0.5,  0.5, -0.5])
    """
    if decoupled_weight_decay:
        param, weight_decay = param * (1 - lr * weight_decay), 0
    g = _downhill(param, grad, weight_decay, maximize)
    (t, m, v, v_max), (beta1, beta2) = state, betas
    t += 1
    m = _average(m, g, 1 - beta1)
    v = beta2 * v + (1 - beta2) * g * g
    if amsgrad:
        v_max = np.maximum(v_max, v)
    root = _corrected_root(v_max if amsgrad else v, 1 - beta2**t)
    param = param - lr / (1 - beta1**t) * m / (root + eps)
    return param, AdamState(t, m, v, v_max)


@_checked(AdamState)
def adamw_step(
    param,
    grad,
    state: Any = None,
    *,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=1e-2,
    amsgrad=False,
    maximize=False,
):
    """Move a parameter as `adam_step` does, with the weight decay outside the ratio.

        w ← (1 − η·λ)·w − η · m̂ / (√v̂ + ε)

    Twin: ``torch.optim.AdamW``.
    Derived in "Weight decay" (ledger: l2-is-decay).

    >>> adamw_step(np.array([4.0]), np.array([0.0]), lr=0.5, weight_decay=0.5)[0]
    array([3.])
    """
    return adam_step.__wrapped__(
        param,
        grad,
        state,
        lr=lr,
        betas=betas,
        eps=eps,
        weight_decay=weight_decay,
        amsgrad=amsgrad,
        maximize=maximize,
        decoupled_weight_decay=True,
    )


@_checked(RMSpropState)
def rmsprop_step(
    param,
    grad,
    state: Any = None,
    *,
    lr=1e-2,
    alpha=0.99,
    eps=1e-8,
    weight_decay=0,
    momentum=0,
    centered=False,
    maximize=False,
):
    """Move a parameter by its gradient, divided by the gradient's recent size.

        g ← g + λ·w
        v ← α·v + (1 − α)·g²
        u ← g / (√v + ε),   or with momentum   u ← μ·u + g / (√v + ε)
        w ← w − η·u

    With ``centered`` the mean ḡ ← α·ḡ + (1 − α)·g is kept too, and the root is taken
    of v − ḡ², the variance.

    Parameters
    ----------
    param, grad : arrays of one shape
        As for `adam_step`.
    state : RMSpropState, optional
        What the step before returned; None at the first step.
    lr, alpha, eps, weight_decay, momentum : float
        η, α, ε, λ and μ.
    centered, maximize : bool

    Returns
    -------
    param : array
        A new array.
    state : RMSpropState
        The number of steps, v, u and ḡ, in new arrays.

    Raises
    ------
    TypeError, ValueError
        As `adam_step`; momentum and ``centered``, too, must be there from the start.

    Notes
    -----
    Twin: ``torch.optim.RMSprop``.

    Examples
    --------
    >>> rmsprop_step(np.array([1.5]), np.array([4.0]), lr=0.5, alpha=0.75)[0].round(6)
    array([0.5])
    """
    g = _downhill(param, grad, weight_decay, maximize)
    t, v, velocity, mean = state
    v = alpha * v + (1 - alpha) * g * g
    variance = v
    if centered:
        mean = _average(mean, g, 1 - alpha)
        variance = v - mean * mean
    root = np.sqrt(variance) + eps
    if momentum:
        velocity = momentum * velocity + g / root
        param = param - lr * velocity
    else:
        param = param - lr * g / root
    return param, RMSpropState(t + 1, v, velocity, mean)


@_checked(AdagradState)
def adagrad_step(
    param,
    grad,
    state: Any = None,
    *,
    lr=1e-2,
    lr_decay=0,
    weight_decay=0,
    initial_accumulator_value=0,
    eps=1e-10,
    maximize=False,
):
    """Move a parameter by its gradient, divided by the size of all gradients so far.

        g ← g + λ·w
        G ← G + g²
        w ← w − η / (1 + (t − 1)·γ) · g / (√G + ε)

    Parameters
    ----------
    param, grad : arrays of one shape
        As for `adam_step`.
    state : AdagradState, optional
        What the step before returned; None at the first step.
    lr, lr_decay, weight_decay, eps : float
        η, γ, λ and ε.
    initial_accumulator_value : float
        What G begins with; of no effect after the first step.
    maximize : bool

    Returns
    -------
    param : array
        A new array.
    state : AdagradState
        The number of steps and G, in a new array.

    Raises
    ------
    TypeError, ValueError
        As `adam_step`.

    Notes
    -----
    Twin: ``torch.optim.Adagrad``.

    Examples
    --------
    >>> w, state = adagrad_step(np.array([1.0]), np.array([3.0]), lr=0.5)
    >>> adagrad_step(w, np.array([4.0]), state, lr=0.5)[0].round(6)
    array([0.1])
    """
    g = _downhill(param, grad, weight_decay, maximize)
    t = state.step + 1
    total = state.sum + g * g
    rate = lr / (1 + (t - 1) * lr_decay)
    return param - rate * g / (np.sqrt(total) + eps), AdagradState(t, total)


def _downhill(param, grad, weight_decay, maximize):
    """Return the gradient of what is to fall: of L or −L, and of λ/2·|w|²."""
    g = -grad if maximize else grad
    return g + weight_decay * param if weight_decay else g


def _average(old, new, weight):
    """Return (1 − weight)·old + weight·new, rounded as ``torch.lerp`` rounds it."""
    weight = old.dtype.type(weight)
    if 2 * weight < 1:
        return old + weight * (new - old)
    return new - (1 - weight) * (new - old)


def _corrected_root(v, correction, out=None):
    """Return √(v / correction); of floats PyTorch takes the two roots apart."""
    if v.dtype == object:
        return np.sqrt(np.divide(v, correction, out=out), out=out)
    root = np.sqrt(v, out=out)
    root /= correction**0.5
    return root


# How many numbers of a few arrays stay in the cache while they are worked on.
_BLOCK = 32768


def adam_in_blocks(
    param,
    grad,
    state,
    *,
    lr,
    betas,
    eps,
    weight_decay,
    amsgrad,
    maximize,
    decoupled_weight_decay,
):
    """Do what `adam_step` does, on the state's own arrays and without temporaries.

    A network's parameters are larger than the cache: one pass over all of them for
    every sum and product takes several times as long.
    """
    t, (beta1, beta2) = state.step + 1, betas
    weight = param.dtype.type(1 - beta1)
    new = np.empty_like(param)
    spare = np.empty((2, min(_BLOCK, param.size)), param.dtype)
    for first in range(0, param.size, _BLOCK):
        block = slice(first, first + _BLOCK)
        w, g, out = param[block], grad[block], new[block]
        m, v = state.exp_avg[block], state.exp_avg_sq[block]
        down, part = spare[:, : len(w)]
        if maximize:
            g = np.negative(g, out=down)
        if decoupled_weight_decay:
            w = np.multiply(w, 1 - lr * weight_decay, out=out)
        elif weight_decay:
            g = np.add(g, np.multiply(w, weight_decay, out=part), out=down)
        # m ← (1 − weight)·m + weight·g, as in `_average`
        np.subtract(g, m, out=part)
        if 2 * weight < 1:
            part *= weight
            m += part
        else:
            part *= 1 - weight
            np.subtract(g, part, out=m)
        # v ← β₂·v + (1 − β₂)·g²
        np.multiply(g, 1 - beta2, out=part)
        part *= g
        v *= beta2
        v += part
        if amsgrad:
            largest = state.max_exp_avg_sq[block]
            v = np.maximum(largest, v, out=largest)
        root = _corrected_root(v, 1 - beta2**t, out=part)
        root += eps
        # w ← w − η · m̂ / (√v̂ + ε)
        np.multiply(m, lr / (1 - beta1**t), out=down)
        down /= root
        np.subtract(w, down, out=out)
    return new, state._replace(step=t)
