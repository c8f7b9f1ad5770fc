"""NumPy arrays of polynomial ring elements: the shipped code, run on symbols exactly.

The entries of `polynomial_arrays` are the variables of one ring Q[…].  What the code
makes of them is in normal form, so ``==`` is a proof for arrays of that shape, and
`gradient` is the exact derivative.
"""

import numpy as np
from sympy import QQ, Symbol, ring

__all__ = ["gradient", "polynomial_arrays"]


def polynomial_arrays(**shapes):
    """Return one object array per shape, filled with the variables of one ring.

    >>> x, w = polynomial_arrays(x=(3,), w=(2,))
    >>> x[:2] @ w
    x[0]*w[0] + x[1]*w[1]
    """
    names = [
        Symbol(f"{name}[{','.join(map(str, index))}]")
        for name, shape in shapes.items()
        for index in np.ndindex(*shape)
    ]
    # Q, not Z: over Z a division would round without a word.
    variables = iter(ring(names, QQ)[1:])
    arrays = []
    for shape in shapes.values():
        array = np.empty(shape, object)
        for index in np.ndindex(*shape):
            array[index] = next(variables)
        arrays.append(array)
    return tuple(arrays)


def gradient(polynomial, array):
    """Return the derivatives of a ring element in every variable of an array.

    >>> x, w = polynomial_arrays(x=(2,), w=(2,))
    >>> gradient((x @ w) ** 2, x)[0]
    2*x[0]*w[0]**2 + 2*x[1]*w[0]*w[1]
    """
    derivatives = np.empty(array.shape, object)
    for index in np.ndindex(*array.shape):
        derivatives[index] = polynomial.diff(array[index])
    return derivatives
