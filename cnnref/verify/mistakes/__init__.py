"""The common mistakes, each beside the right function and the sweep that kills it.

MISTAKES   all of them, family by family, as `Mistake`
"""

from cnnref.verify.mistakes.mistake import Mistake

__all__ = ["MISTAKES", "Mistake"]

MISTAKES: tuple[Mistake, ...] = ()
