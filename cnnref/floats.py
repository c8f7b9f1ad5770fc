"""What floats need and exact entries do not: quiet infinities, and room for float16."""

import numpy as np

__all__ = ["conj", "doubled", "quiet", "rounded", "widened"]


def conj(array):
    """Conjugate complex numbers, as gradients in PyTorch's convention need.

    >>> conj(np.array([1 + 2j]))
    array([1.-2.j])
    """
    return array.conj() if np.iscomplexobj(array) else array


def quiet():
    """Let infinities and NaN come about as they do in PyTorch, without a warning.

    >>> with quiet():
    ...     np.float64(0.0) / 0
    np.float64(nan)
    """
    return np.errstate(over="ignore", divide="ignore", invalid="ignore")


def widened(array):
    """Return float16 as float32, in which its sums are computed; leave the rest alone.

    >>> widened(np.ones(1, np.float16)).dtype, widened(np.ones(1)).dtype
    (dtype('float32'), dtype('float64'))
    """
    return array.astype(np.float32) if array.dtype == np.float16 else array


def doubled(array):
    """Return floats in double precision at least; leave what is exact alone.

    >>> doubled(np.ones(1, np.float32)).dtype, doubled(np.ones(1, np.complex64)).dtype
    (dtype('float64'), dtype('complex128'))
    """
    if array.dtype.kind not in "fc":
        return array
    return array.astype(np.promote_types(array.dtype, np.float64), copy=False)


def rounded(result, array):
    """Return a result in the shape and dtype of an argument.

    >>> rounded(np.ones((2, 1)) / 3, np.zeros(2, np.float32))
    array([0.33333334, 0.33333334], dtype=float32)
    """
    # The result of a sum of object entries is an entry, no array.
    return np.asarray(result, array.dtype).reshape(array.shape)
