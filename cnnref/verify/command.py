"""``python -m cnnref verify``: every operation against the installed PyTorch.

    names_of      the functions that are asked for
    judged        one function in one dtype: its sweep, and the smallest call that fails
    reproduction  that call as a program
    main          all of them, in several processes, as a table

The exit status is 0 if all agree, 1 if one does not, 2 for a wrong command, and 130
after an interrupt.
"""

import argparse
import json
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np
import torch
from hypothesis import HealthCheck, find, strategies
from hypothesis import settings as how_to_find
from hypothesis.errors import NoSuchExample
from tqdm import tqdm

from cnnref import functional
from cnnref.verify.calls import Call, seeded_draw, with_gradient
from cnnref.verify.operations import OPERATIONS, calls_of
from cnnref.verify.sweeps import torch_sweep
from cnnref.verify.verdict import Disagreement

__all__ = ["DTYPES", "Outcome", "judged", "main", "names_of", "reproduction"]

DTYPES = ("float64", "float32")


class Outcome(NamedTuple):
    """What a sweep said of one function in one dtype."""

    name: str
    dtype: str
    calls: int
    tolerance: float
    disagreement: str | None = None
    code: str | None = None

    def __str__(self):
        said = f"within {self.tolerance:.1g}" if self.tolerance else "equal"
        said = "DIFFERS" if self.disagreement else said
        return f"{self.name:34} {self.dtype:8} {self.calls:6}  {said}"


# What is asked for --------------------------------------------------------------------


def names_of(patterns):
    """Name the functions that are asked for, in the order of OPERATIONS.

    A name stands for a forward function and its gradient, ``<name>_backward`` for the
    gradient alone, a pattern like ``conv*`` for all that match, and nothing for all.

    >>> names_of(["relu", "avg_pool?d_backward"])[:3]
    ['relu', 'relu_backward', 'avg_pool1d_backward']
    """
    names = []
    for name, operation in OPERATIONS.items():
        names += [name, f"{name}_backward"] if operation.gradients else [name]
    if not patterns:
        return names
    chosen = set()
    for pattern in patterns:
        found = {n for n in names if fnmatchcase(n, pattern)}
        if not found:
            near = get_close_matches(pattern, names, 3)
            hint = f"; near it: {', '.join(near)}" if near else ""
            raise ValueError(f"there is no operation {pattern!r}{hint}")
        chosen |= found | {f"{n}_backward" for n in found}
    return [name for name in names if name in chosen]


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m cnnref",
        description="The mathematics of convolutional networks, as NumPy code.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser(
        "verify",
        help="compare every operation with the installed PyTorch",
        description="Compare operations and their gradients with the installed "
        "PyTorch, over generated calls that contain what the classic mistakes need. "
        "Exit status 1 if one differs: then the smallest call that shows it follows, "
        "as a program.",
    )
    add = verify.add_argument
    add(
        "operation",
        nargs="*",
        help="relu: forward and gradient; relu_backward: the gradient; 'conv*': all "
        "that match; none: all there are",
    )
    add(
        "--cases",
        type=_at_least(1),
        default=300,
        help="calls of each (default 300); more, until they contain what is needed",
    )
    add("--seed", type=_at_least(0), default=0, help="of their generator (default 0)")
    add("--dtype", choices=(*DTYPES, "both"), default="both", help="default: both")
    add("--jobs", type=_at_least(1), default=os.cpu_count(), help="default: all cores")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="PyTorch's device")
    add("--json", metavar="FILE", help="write versions, options and outcomes there")
    return parser, verify


def _at_least(least):
    def integer(text):
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, not {value}")
        return value

    return integer


# One function -------------------------------------------------------------------------


def judged(name, dtype="float64", cases=300, seed=0, device="cpu"):
    """Compare one function with PyTorch's, and return the Outcome.

    A call on which either of the two raises is a disagreement too, and so is one whose
    arrays are changed.  Hypothesis makes the smallest of those that it finds.
    """
    calls = _calls(name, dtype, cases, seed)
    tolerance = torch_sweep(name, calls, device=device).tolerance
    outcome = Outcome(name, dtype, len(calls), tolerance)
    wrong = next((call for call in calls if _wrong(name, call, device)), None)
    if wrong is None:
        return outcome
    call = _smallest(name, dtype, device, wrong)
    said = f"{call}: {_wrong(name, call, device)}"
    return outcome._replace(disagreement=said, code=reproduction(name, call, device))


def _calls(name, dtype, cases, seed):
    """Draw that many calls; more, where a witness is not yet among them."""
    forward = name.removesuffix("_backward")
    while True:
        try:
            calls = calls_of(forward, cases, seed, dtype=dtype)
            break
        except ValueError:
            cases *= 2
    if name == forward:
        return calls
    draw = seeded_draw(seed)
    calls = (_extended(forward, call, draw) for call in calls)
    return sorted(calls, key=lambda call: call.complexity)


def _extended(forward, call, draw):
    """Draw an upstream gradient for PyTorch's output: ours may be wrong."""
    return with_gradient(call, torch_sweep(forward, (call,)).expected(call), draw)


def _wrong(name, call, device):
    """Say what is wrong at one call, or return None."""
    sweep = torch_sweep(name, (call,), device=device)
    try:
        expected = sweep.expected(call)
    except Exception as error:  # whatever another PyTorch may raise
        return _raised("PyTorch", error)
    given = Call({k: a.copy() for k, a in call.arrays.items()}, call.settings)
    sweep = sweep._replace(calls=(given,), expected=lambda _: expected)
    try:
        said = sweep.disagreement(getattr(functional, name))
    except Disagreement as error:
        said = str(error)
    except Exception as error:  # whatever a wrong function may raise
        said = _raised("it", error)
    if said:
        return said.removeprefix(f"{call}: ")
    arrays = call.arrays.items()
    changed = [k for k, a in arrays if a.tobytes() != given.arrays[k].tobytes()]
    return f"it changes its {changed[0]}" if changed else None


def _raised(who, error):
    return f"{who} raises {type(error).__name__}: {error}".partition("\n")[0]


def _smallest(name, dtype, device, found):
    """Let Hypothesis search for a smaller call that is wrong, and shrink it."""
    forward = name.removesuffix("_backward")

    @strategies.composite
    def calls(draw):
        def drawn(low, high):
            return draw(strategies.integers(low, high))

        call = OPERATIONS[forward].construct(drawn).astype(dtype)
        return call if name == forward else _extended(forward, call, drawn)

    slow = HealthCheck.too_slow, HealthCheck.data_too_large
    how = how_to_find(
        database=None,
        deadline=None,
        derandomize=True,
        max_examples=500,
        suppress_health_check=slow,
    )
    try:
        small = find(
            calls(), lambda call: bool(_wrong(name, call, device)), settings=how
        )
    except NoSuchExample:
        return found
    return min(small, found, key=lambda call: call.complexity)


_PROGRAM = """\
import numpy as np
import torch
from numpy import inf, nan

from cnnref import functional
from cnnref.verify import {names}

np.set_printoptions(precision=17)
torch.set_printoptions(precision=17)
arrays = {{
{arrays}}}
settings = {{
{settings}}}
print(functional.{name}(**arrays, **settings))

tensors = {{k: torch.tensor(v, device={device!r}) for k, v in arrays.items()}}
given = dict(settings)
for k, v in settings.items():
    if isinstance(v, np.dtype):
        given[k] = getattr(torch, v.name)
twin = {twin}
{rest}

call = Call(arrays, settings)
sweep = torch_sweep({name!r}, [call], device={device!r})
print(sweep.disagreement(functional.{name}))
"""
_FORWARD = "print(twin(**tensors, **given))"
_BACKWARD = """\
g = tensors.pop("grad_output")
leaves = [tensors[k].requires_grad_() for k in {leaves}]
y = twin(**tensors, **given)
y = y[0] if isinstance(y, tuple) else y
print(torch.autograd.grad(y, leaves, g, materialize_grads=True))"""


def reproduction(name, call, device="cpu"):
    """Write a call as a program: what both make of it, and what differs."""
    forward = name.removesuffix("_backward")
    operation = OPERATIONS[forward]
    twin, names = f"torch.nn.functional.{forward}", "Call, torch_sweep"
    if operation.twin:
        twin, names = f"OPERATIONS[{forward!r}].twin", f"OPERATIONS, {names}"
    rest = _FORWARD
    if name != forward:
        rest = _BACKWARD.format(leaves=operation.differentiable(call))
    return _PROGRAM.format(
        name=name,
        device=device,
        twin=twin,
        names=names,
        rest=rest,
        arrays=_entries(call.arrays),
        settings=_entries(call.settings),
    )


def _entries(values):
    return "".join(f"    {k!r}: {_written(v)},\n" for k, v in values.items())


def _written(value):
    """Write a value as Python code, to the last digit."""
    if isinstance(value, np.dtype):
        return f"np.dtype({value.name!r})"
    if not isinstance(value, np.ndarray):
        return repr(value)
    if not value.size:
        return f"np.zeros({value.shape}, {value.dtype.name!r})"
    return f"np.array({value.tolist()}, {value.dtype.name!r})"


# All of them --------------------------------------------------------------------------


def main(arguments=None):
    """Run the command, and return its exit status."""
    parser, verify = _parser()
    asked = parser.parse_args(arguments)
    try:
        names = names_of(asked.operation)
        if asked.json is not None:
            open(asked.json, "a").close()  # or hours would end in nothing written
    except (OSError, ValueError) as error:
        verify.error(str(error))
    if asked.device == "cuda" and not torch.cuda.is_available():
        verify.error("--device cuda: PyTorch sees no such device")
    versions = _versions(asked.device)
    print(", ".join(f"{k} {v}" for k, v in versions.items()), end="\n\n")
    dtypes = DTYPES if asked.dtype == "both" else [asked.dtype]
    tasks = [(name, dtype) for name in names for dtype in dtypes]
    judge = partial(_task, cases=asked.cases, seed=asked.seed, device=asked.device)
    print(f"{'function':34} {'dtype':8} {'calls':>6}  beside PyTorch")
    try:
        outcomes = _run(judge, tasks, asked.jobs)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except BrokenProcessPool:
        print("\na process died; --jobs 1 tells in which function", file=sys.stderr)
        return 1
    if asked.json is not None:
        _record(asked, versions, outcomes)
    return _report(outcomes)


def _run(judge, tasks, jobs):
    """Judge them all, and print each as it is judged."""
    outcomes = []
    with _mapping(min(jobs, len(tasks))) as mapped:
        results = mapped(judge, tasks)
        # No bar where nobody watches: `disable=None` asks whether it is a terminal.
        for outcome in tqdm(results, total=len(tasks), leave=False, disable=None):
            tqdm.write(str(outcome))
            outcomes.append(outcome)
    return outcomes


def _task(task, **options):
    """Judge a function, in the process that has been given it."""
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False  # ten bits where float32 has 23
    return judged(*task, **options)


@contextmanager
def _mapping(jobs):
    """Provide a map, over processes where there are several."""
    if jobs == 1:
        yield map
        return
    # A fork would share PyTorch's threads, which do not survive it.  An interrupt is
    # for this process alone, which then gives out no more work.
    ignore = signal.signal, (signal.SIGINT, signal.SIG_IGN)
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), *ignore)
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def _versions(device):
    versions = {"cnnref": version("cnnref"), "PyTorch": torch.__version__}
    versions |= {"NumPy": np.__version__, "Python": sys.version.split()[0]}
    chip = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    return versions | {"device": chip}


def _record(asked, versions, outcomes):
    """Write everything as JSON."""
    options = {k: v for k, v in vars(asked).items() if k not in ("command", "json")}
    rows = [outcome._asdict() for outcome in outcomes]
    record = {"versions": versions, "options": options, "outcomes": rows}
    with open(asked.json, "w", encoding="utf-8") as file:
        json.dump(record, file, indent=1)


def _report(outcomes):
    """Print what differs, as programs, and return the exit status."""
    wrong = [outcome for outcome in outcomes if outcome.disagreement]
    for outcome in wrong:
        print(f"\n# {outcome.name}, {outcome.dtype}: {outcome.disagreement}")
        print(outcome.code, end="")
    calls = sum(outcome.calls for outcome in outcomes)
    verdict = f"{len(wrong)} of them differ" if wrong else "all agree"
    sweeps = "sweep" if len(outcomes) == 1 else "sweeps"
    print(f"\n{len(outcomes)} {sweeps}, {calls:,} calls: {verdict}.")
    return 1 if wrong else 0
