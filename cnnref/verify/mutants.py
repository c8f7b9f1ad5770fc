"""Mistakes, made on purpose: a gradient function with one of its results exchanged."""

__all__ = ["mutant"]


def mutant(function, **changes):
    """Return the function with some of its gradients exchanged for a mistake.

    Parameters
    ----------
    function : a ``<name>_backward`` that returns a NamedTuple
    changes : callable
        By the gradient's name: ``change(call, right)`` takes the call's arguments, by
        name, and the right gradients, and returns the wrong one.  A gradient that is
        None stays None.
    """

    def wrong(**call):
        right = function(**call)
        return right._replace(
            **{
                name: change(call, right)
                for name, change in changes.items()
                if getattr(right, name) is not None
            }
        )

    return wrong
