"""A common mistake, and what kills it."""

from collections.abc import Callable
from typing import NamedTuple

from cnnref.verify.checks import rejects
from cnnref.verify.sweeps import Sweep
from cnnref.verify.verdict import Verdict

__all__ = ["Mistake"]


class Mistake(NamedTuple):
    """A wrong variant of a function, and the sweep that tells the two apart.

    Attributes
    ----------
    label : str
        W1 to W35, or the operation's name: several variants of one mistake share a
        label.
    words : str
        What is done wrong.
    right, wrong : callable
        The shipped function, and the variant.
    sweep : callable
        Returns the `Sweep` that judges both: the one that the shipped function passes.
    of : str, optional
        The function that it is a mistake of, where ``right`` has another name because
        it runs that function several times or on something that it makes first.
    """

    label: str
    words: str
    right: Callable
    wrong: Callable
    sweep: Callable[[], Sweep]
    of: str = ""

    @property
    def function(self):
        """The public function that it is a mistake of, by its name."""
        return self.of or self.right.__name__

    def killed(self) -> Verdict:
        """Return the control: the sweep accepts the right form, and rejects this one.

        Its detail names the smallest call that shows the mistake.
        """
        return rejects(
            f"{self.label}: {self.words}", self.wrong, self.right, self.sweep()
        )
