"""Floors of quotients, settled by division with remainder.

SymPy leaves ⌊q + r/s⌋ alone even where 0 ≤ r < s.  Here a floor is replaced by its
quotient as soon as the remainder is shown to lie in that range.  The range is carried
by the symbols: r, t ≥ 0 and s = r + 1 + t say 0 ≤ r < s with nothing left to assume.
"""

from sympy import PolynomialError, ceiling, div, floor, sympify, together

__all__ = ["divide", "settle_floors"]


def divide(numerator, denominator):
    """Return (q, r) with numerator = q·denominator + r and 0 ≤ r < denominator.

    Raises
    ------
    ValueError
        If no polynomial division leaves a remainder that is shown to be in range.

    Examples
    --------
    >>> from cnnref.symbolic import sizes
    >>> q, r, t = sizes("q r t", least=0)
    >>> divide(q * (r + 1 + t) + r, r + 1 + t)
    (q, r)
    """
    numerator, denominator = sympify(numerator), sympify(denominator)
    for quotient, rest in _divisions(numerator, denominator):
        below = (denominator - rest).expand()
        if quotient.is_integer and rest.is_nonnegative and below.is_positive:
            return quotient, rest
    raise ValueError(
        f"divide: no remainder of ({numerator}) / ({denominator}) is shown to lie "
        f"between 0 and {denominator}"
    )


def _divisions(numerator, denominator):
    """Yield quotient and rest of the polynomial division in each symbol."""
    if denominator == 0:
        return
    if numerator.is_Integer and denominator.is_Integer:
        yield divmod(numerator, denominator)
    for generator in sorted(numerator.free_symbols | denominator.free_symbols, key=str):
        try:
            yield div(numerator, denominator, generator)
        except PolynomialError:
            continue  # The symbol also stands in a power or a function.


def settle_floors(expression):
    """Replace every floor and ceiling of a quotient by its value.

    >>> from cnnref.symbolic import sizes
    >>> q, r, t = sizes("q r t", least=0)
    >>> settle_floors((q * (r + 1 + t) + r) // (r + 1 + t) + 1)
    q + 1
    """
    expression = sympify(expression).replace(ceiling, lambda a: -floor(-a))
    return expression.replace(floor, _settled)


def _settled(argument):
    numerator, denominator = together(argument).as_numer_denom()
    return divide(numerator.expand(), denominator.expand())[0]
