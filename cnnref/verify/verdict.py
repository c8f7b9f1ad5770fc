"""What a check found.  Only a check can make a Verdict, and only by having passed."""

import html

__all__ = ["KINDS", "MIME", "Disagreement", "Verdict"]

# What a check can show of a formula, in the order in which a chapter shows it.
KINDS = ("derived", "code", "torch", "control", "test")
MIME = "application/vnd.cnnref.verdict+json"


class Disagreement(AssertionError):
    """A check failed; the message names the smallest call that shows it."""


class Verdict:
    """The outcome of a check that passed: one line for a reader, data for the ledger.

    Attributes
    ----------
    claim : str
        What was checked, in words.
    check : str
        One of `KINDS`.
    rows : tuple of str
        The ledger rows that the claim settles, as far as this kind of check can.
    cases : int
        How many comparisons were made.
    exact : bool
        Whether they were made without a tolerance.
    detail : str
        How it was shown; for a control, the message that rejected the mistake.
    """

    __slots__ = ("cases", "check", "claim", "detail", "exact", "rows")

    def __init__(self):
        raise TypeError("a Verdict is returned by a check of cnnref.verify, never made")

    def __setattr__(self, name, value):
        raise AttributeError("a Verdict does not change")

    def __delattr__(self, name):
        raise AttributeError("a Verdict does not change")

    def __repr__(self):
        return f"✓ {self.claim} — {self.detail}"

    def as_data(self):
        """Return the facts as a JSON-ready dictionary."""
        data = {name: getattr(self, name) for name in self.__slots__}
        return data | {"rows": list(self.rows)}

    def _repr_mimebundle_(self, include=None, exclude=None):
        claim, detail = html.escape(self.claim), html.escape(self.detail)
        return {
            "text/plain": repr(self),
            "text/html": (
                f'<p class="verdict verdict-{self.check}"><span class="verdict-mark">✓'
                f'</span> <span class="verdict-claim">{claim}</span> '
                f'<span class="verdict-detail">{detail}</span></p>'
            ),
            MIME: self.as_data(),
        }


def passed(claim, check, rows, cases, detail, exact=True):
    """Make the Verdict of a check that has passed: for `cnnref.verify.checks` alone."""
    if isinstance(rows, str):
        raise TypeError(f"verdict: rows must be a list of ids, not {rows!r}")
    if check not in KINDS:
        raise ValueError(f"verdict: {check!r} is not one of {KINDS}")
    if cases < 1:
        raise Disagreement(f"{claim}: nothing was compared")
    verdict = object.__new__(Verdict)
    facts = {
        "claim": claim,
        "check": check,
        "rows": tuple(rows),
        "cases": cases,
        "exact": exact,
        "detail": detail,
    }
    for name, value in facts.items():
        object.__setattr__(verdict, name, value)
    return verdict
