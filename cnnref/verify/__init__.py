"""Checks that can fail, and the record of what they found.

calls      a call, and what is needed to construct and to judge those of a function
operations OPERATIONS: that for every function, with the witnesses that kill mistakes
sweeps     calls beside an oracle: PyTorch, a formula, SymPy's derivative, a rule
networks   whole networks: generated, and judged in every gradient
checks     derived, agrees, rejects, tested: each returns a Verdict
verdict    what a check found, as a line and as data
ledger     the rows of the sources, and which Verdicts settle them
"""

from cnnref.verify.calls import Call, Operation, integers, numbers, seeded_draw
from cnnref.verify.checks import agrees, derived, rejects, tested
from cnnref.verify.mutants import mutant
from cnnref.verify.operations import OPERATIONS, calls_of
from cnnref.verify.operations.conv import (
    conv_call,
    conv_calls,
    grouped,
    settings_of,
)
from cnnref.verify.sweeps import (
    RAISES,
    Sweep,
    derivative_sweep,
    formula_sweep,
    region_sweep,
    rule_sweep,
    torch_sweep,
)
from cnnref.verify.verdict import Disagreement, Verdict

__all__ = [
    "OPERATIONS",
    "RAISES",
    "Call",
    "Disagreement",
    "Operation",
    "Sweep",
    "Verdict",
    "agrees",
    "calls_of",
    "conv_call",
    "conv_calls",
    "derivative_sweep",
    "derived",
    "formula_sweep",
    "grouped",
    "integers",
    "mutant",
    "numbers",
    "region_sweep",
    "rejects",
    "rule_sweep",
    "seeded_draw",
    "settings_of",
    "tested",
    "torch_sweep",
]
