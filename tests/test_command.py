"""``python -m cnnref verify``: what it prints, writes and returns."""

import json
import os
import runpy
import subprocess
import sys
import warnings
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
import torch
from hypothesis.errors import NoSuchExample
from operations import BACKWARD, FORWARD, few_calls

from cnnref import __main__, functional
from cnnref.verify import Call, calls_of, command

SMALL = ["--jobs", "1", "--cases", "80"]


def verify(*arguments):
    return command.main(["verify", *arguments])


# What is asked for --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["relu"], ["relu", "relu_backward"]),
        (["relu_backward"], ["relu_backward"]),
        (["one_hot"], ["one_hot"]),
        (
            ["tanh", "relu", "relu_backward"],
            ["relu", "relu_backward", "tanh", "tanh_backward"],
        ),
        (["dropout?d_backward"], [f"dropout{n}d_backward" for n in (1, 2, 3)]),
    ],
)
def test_the_functions_asked_for_come_in_one_order(patterns, expected):
    found = command.names_of(patterns)
    assert sorted(found) == sorted(expected)
    assert found == [name for name in command.names_of([]) if name in expected]


def test_nothing_asks_for_everything():
    assert sorted(command.names_of([])) == sorted(FORWARD + BACKWARD)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convd2d"], "there is no operation 'convd2d'; near it: conv2d, "),
        (["zzz*"], "there is no operation 'zzz*'\n"),
        (["--cases", "0"], "--cases: must be at least 1, not 0"),
        (["--seed", "-1"], "--seed: must be at least 0, not -1"),
        (["--jobs", "two"], "--jobs: invalid integer value: 'two'"),
        (["--dtype", "float16"], "invalid choice: 'float16'"),
        (["relu", "--device", "tpu"], "invalid choice: 'tpu'"),
        (["relu", "--json", "/no/such/folder/x"], "No such file or directory"),
        (["relu", "--json", ""], "No such file or directory"),
    ],
)
def test_a_wrong_command_is_explained(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        verify(*arguments)
    assert stopped.value.code == 2
    said = capsys.readouterr()
    assert said.err.startswith("usage: python -m cnnref verify [-h] [--cases CASES]")
    assert message in said.err
    assert said.out == ""


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_a_wrong_command(capsys):
    with pytest.raises(SystemExit) as stopped:
        verify("relu", "--device", "cuda")
    assert stopped.value.code == 2
    assert "--device cuda: PyTorch sees no such device" in capsys.readouterr().err


# Agreement ----------------------------------------------------------------------------


def test_what_agrees_is_a_line_each(capsys):
    assert verify("relu", "tanh_backward", *SMALL, "--seed", "3") == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert f"PyTorch {torch.__version__}" in head
    assert f"NumPy {np.__version__}" in head
    assert [line.split() for line in lines[2:8]] == [
        ["relu", "float64", "80", "equal"],
        ["relu", "float32", "80", "equal"],
        ["relu_backward", "float64", "80", "equal"],
        ["relu_backward", "float32", "80", "equal"],
        ["tanh_backward", "float64", "80", "within", "6e-14"],
        ["tanh_backward", "float32", "80", "within", "3e-05"],
    ]
    assert lines[-1] == "6 sweeps, 480 calls: all agree."


def test_several_processes_say_the_same(capsys):
    asked = ["relu", "linear", "--cases", "80"]
    printed = []
    for jobs in ("1", "2"):
        assert verify(*asked, "--jobs", jobs) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_everything_is_written_as_json(tmp_path, capsys):
    path = tmp_path / "outcomes.json"
    assert verify(*SMALL, "--dtype", "float32", "relu", "--json", str(path)) == 0
    record = json.loads(path.read_text())
    assert record["versions"]["PyTorch"] == torch.__version__
    assert record["options"] == {
        "operation": ["relu"],
        "cases": 80,
        "seed": 0,
        "dtype": "float32",
        "jobs": 1,
        "device": "cpu",
    }
    assert [row["name"] for row in record["outcomes"]] == ["relu", "relu_backward"]
    assert {row["disagreement"] for row in record["outcomes"]} == {None}


def test_cases_too_few_for_their_witnesses_become_more(capsys):
    """Whatever the seed: a sweep without them would show less than it says."""
    assert verify("interpolate", "--jobs", "1", "--cases", "3", "--seed", "11") == 0
    row = capsys.readouterr().out.splitlines()[3].split()
    assert row[:2] == ["interpolate", "float64"]
    assert len(calls_of("interpolate", int(row[2]), seed=11)) > 3


def test_an_interrupt_ends_it(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "judged", interrupted)
    assert verify("relu", *SMALL) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


# Disagreement -------------------------------------------------------------------------


def test_what_differs_is_shown_by_the_smallest_call(capsys, monkeypatch):
    """The gradient of relu at 0 is 0: a call of one entry shows it."""

    def with_a_kink(grad_output, input, inplace=False):
        return grad_output * (input >= 0)

    monkeypatch.setattr(functional, "relu_backward", with_a_kink)
    assert verify("relu", *SMALL) == 1
    printed = capsys.readouterr().out
    table, *programs = printed.split("\n\n# ")
    assert "relu_backward                      float32      80  DIFFERS" in table
    assert len(programs) == 2
    assert programs[0].startswith("relu_backward, float64: grad_output (), input ():")
    assert printed.endswith("\n4 sweeps, 320 calls: 2 of them differ.\n")
    program = programs[0].partition("\n")[2].partition("\n4 sweeps")[0]
    ours, pytorch, said = printed_by(program)
    assert float(ours) != 0
    assert pytorch == "(tensor(0., dtype=torch.float64),)"
    assert said.endswith(f": the result is {float(ours):g}, not 0")


def printed_by(program):
    """Run a program here, where a function may be exchanged; return what it prints."""
    lines = []
    scope = {"print": lambda value: lines.append(str(value)), "__name__": "program"}
    with np.printoptions():
        exec(program, scope)
    torch.set_printoptions(profile="default")
    return lines


def test_the_smallest_call_is_small(monkeypatch):
    """Hypothesis shrinks it: one pixel, one weight."""
    right = functional.conv2d

    def wrong(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        y = right(input, weight, bias, stride, padding, dilation, groups)
        return y + (np.max(dilation) > 2)

    monkeypatch.setattr(functional, "conv2d", wrong)
    said = command.judged("conv2d").disagreement
    assert said.startswith("input (1, 1, 1), weight (1, 1, 1, 1), stride=")


def test_a_mistake_in_the_last_digits_is_printed(monkeypatch):
    right = functional.tanh
    monkeypatch.setattr(functional, "tanh", lambda input: right(input) + 1e-12)
    ours, pytorch, said = printed_by(command.judged("tanh", cases=80).code)
    assert ours != pytorch.removeprefix("tensor(").partition(",")[0]
    assert "the result" in said


def test_where_hypothesis_finds_nothing_the_drawn_call_stays(monkeypatch):
    seen = []

    def wrong(input, inplace=False):
        seen.append(input.shape)
        return np.maximum(input, 0) + (len(seen) in (40, 41))

    def find(*_, **__):
        del seen[39:]
        raise NoSuchExample("none")

    monkeypatch.setattr(functional, "relu", wrong)
    monkeypatch.setattr(command, "find", find)
    said = command.judged("relu", cases=80).disagreement
    assert said.startswith(f"input {seen[39]}")


def test_a_function_that_changes_its_arrays_differs(monkeypatch):
    def doubles(input, inplace=False):
        input *= 2
        return np.maximum(input, 0) / 2

    monkeypatch.setattr(functional, "relu", doubles)
    assert command.judged("relu", cases=80).disagreement.endswith("changes its input")


@pytest.mark.parametrize("kind", ["relu", "relu_backward"])
def test_a_broken_forward_pass_is_reported_and_its_gradient_judged(
    kind, monkeypatch, capsys
):
    def broken(input, inplace=False):
        raise ZeroDivisionError("today")

    monkeypatch.setattr(functional, "relu", broken)
    assert verify(kind, *SMALL) == (kind == "relu")
    said = capsys.readouterr().out
    assert ("it raises ZeroDivisionError: today" in said) == (kind == "relu")
    assert "relu_backward                      float64      80  equal" in said


def test_a_process_that_dies_is_told(monkeypatch, capsys):
    def died(*_):
        raise BrokenProcessPool

    monkeypatch.setattr(command, "_run", died)
    assert verify("relu") == 1
    assert "a process died; --jobs 1 tells" in capsys.readouterr().err


@pytest.mark.parametrize("name", FORWARD + BACKWARD)
def test_every_call_can_be_written_as_a_program(name):
    """And the program gives both functions the call, to the last digit."""
    for call in few_calls(name, "float32")[::20]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of arguments' old names
            ours, pytorch, differs = printed_by(command.reproduction(name, call))
        with np.printoptions(precision=17):
            assert ours == str(call.of(getattr(functional, name)))
        assert "tensor(" in pytorch
        assert differs == "None"


def test_a_dtype_is_written_as_pytorchs():
    call = Call({"input": np.array([1.5, -2.0])}, {"dim": 0, "dtype": np.dtype("f4")})
    ours, pytorch, differs = printed_by(command.reproduction("softmax", call))
    assert ours.startswith("[0.9706")
    assert pytorch.startswith("tensor([0.9706")
    assert differs == "None"


def test_a_program_keeps_what_repr_would_lose():
    x = np.array([0.1, -0.0, np.inf, np.nan], "f4")
    for array in (x, x[:0].reshape(0, 3), np.arange(2000) > 3, np.array(2)):
        scope = {"np": np, "inf": np.inf, "nan": np.nan}
        again = eval(command._written(array), scope)
        np.testing.assert_array_equal(again, array, strict=True)
        assert again.tobytes() == array.tobytes()


def test_what_raises_differs(monkeypatch):
    def refuses(input, inplace=False):
        raise ValueError("relu: not today")

    monkeypatch.setattr(functional, "relu", refuses)
    outcome = command.judged("relu", cases=80)
    assert outcome.disagreement.endswith(": it raises ValueError: relu: not today")


def test_where_pytorch_raises_is_said(monkeypatch):
    """Another PyTorch may refuse what this one takes."""
    call = Call({"input": np.ones((2, 3))}, {"dim": 7})
    monkeypatch.setattr(command, "calls_of", lambda *_, **__: (call,))
    monkeypatch.setattr(command, "_smallest", lambda *given: given[-1])
    said = command.judged("softmax").disagreement
    assert "dim=7: PyTorch raises IndexError: Dimension out of range" in said


# The program itself -------------------------------------------------------------------


def test_it_is_a_module_to_be_run(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["cnnref", "verify", "relu", *SMALL])
    monkeypatch.delitem(sys.modules, "cnnref.__main__")
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("cnnref", run_name="__main__")
    assert stopped.value.code == 0
    assert "all agree" in capsys.readouterr().out


def test_without_a_command_it_says_what_there_is(capsys):
    with pytest.raises(SystemExit) as stopped:
        __main__.main([])
    assert stopped.value.code == 2
    assert "verify" in capsys.readouterr().err


def test_without_pytorch_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "cnnref.verify.command", raising=False)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert __main__.main(["verify"]) == 2
    assert "tqdm is missing: pip install 'cnnref[verify]'" in capsys.readouterr().err


def test_a_program_runs_by_itself():
    """In a fresh interpreter, as a reader would run it."""
    call = few_calls("conv2d_backward")[40]
    program = command.reproduction("conv2d_backward", call)
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, capture_output=True, text=True, env=os.environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Gradients(" in done.stdout
    assert done.stdout.endswith("\nNone\n")
