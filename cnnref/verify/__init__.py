"""Checks that can fail, and the record of what they found.

calls      valid calls, constructed, with the witnesses that kill mistakes
sweeps     calls beside an oracle: PyTorch, a formula, SymPy's derivative, a rule
checks     derived, agrees, rejects, tested: each returns a Verdict
verdict    what a check found, as a line and as data
ledger     the rows of the sources, and which Verdicts settle them
"""

from cnnref.verify.calls import Call, conv_call, conv_calls, grouped, settings_of
from cnnref.verify.checks import agrees, derived, rejects, tested
from cnnref.verify.mutants import mutant
from cnnref.verify.sweeps import (
    RAISES,
    Sweep,
    derivative_sweep,
    formula_sweep,
    rule_sweep,
    torch_sweep,
)
from cnnref.verify.verdict import Disagreement, Verdict

__all__ = [
    "RAISES",
    "Call",
    "Disagreement",
    "Sweep",
    "Verdict",
    "agrees",
    "conv_call",
    "conv_calls",
    "derivative_sweep",
    "derived",
    "formula_sweep",
    "grouped",
    "mutant",
    "rejects",
    "rule_sweep",
    "settings_of",
    "tested",
    "torch_sweep",
]
