"""Linear maps along one axis, held as the entries of a matrix that are not 0.

Padding by what the input holds and resizing both let every output position read a few
input positions along each axis.  The gradient is the same map transposed: each entry
has its row and its column exchanged.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["Sparse", "apply", "selection", "transposed"]


class Sparse(NamedTuple):
    """The entries of an (n, h) matrix: row, column and weight of each.

    ``weights`` is None where each is 1.
    """

    rows: np.ndarray
    columns: np.ndarray
    weights: np.ndarray | None
    shape: tuple[int, int]


def selection(columns, size):
    """Return the matrix whose row p reads the input position ``columns[p]`` alone."""
    columns = np.asarray(columns, int)
    return Sparse(np.arange(len(columns)), columns, None, (len(columns), size))


def transposed(matrix):
    """Return the transposed matrix."""
    rows, columns, weights, shape = matrix
    return Sparse(columns, rows, weights, shape[::-1])


def apply(matrix, x, axis):
    """Multiply the matrix with an array along one axis.

        y[…, p, …] = Σ_e [p = row_e] · w_e · x[…, column_e, …]

    Parameters
    ----------
    matrix : Sparse
        Its weights are numbers of the array's kind.
    x : array
        Any dtype, which the result keeps.
    axis : int
        Of the matrix' second size; the result has there the first.

    Examples
    --------
    >>> twice = Sparse(np.array([0, 0, 2]), np.array([0, 1, 1]), None, (3, 2))
    >>> apply(twice, np.array([1.0, 10.0]), axis=0)
    array([11.,  0., 10.])
    """
    order = np.argsort(matrix.rows, kind="stable")
    rows, starts = np.unique(matrix.rows[order], return_index=True)
    y = x.take(matrix.columns[order], axis)
    rest = (1,) * (x.ndim - axis % x.ndim - 1)
    if matrix.weights is not None:
        y *= matrix.weights[order].reshape(-1, *rest)
    if len(rows) < len(order):
        y = np.add.reduceat(y, starts, axis).astype(x.dtype, copy=False)
    if len(rows) == matrix.shape[0]:
        return y
    shape = list(x.shape)
    shape[axis] = matrix.shape[0]
    result = np.zeros(shape, x.dtype)
    result[(slice(None),) * (axis % x.ndim) + (rows,)] = y
    return result
