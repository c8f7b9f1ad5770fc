r"""Index expressions in reading order: s p + d i − P, not SymPy's −P + d i + p s."""

from sympy import Add, Mul, latex

__all__ = ["affine_latex", "affine_text"]

# The book's letters, in the order in which a reader expects them.
_ORDER = "n o c h w p q i j"


def affine_latex(expression, printer=None):
    """Print an index as LaTeX: terms with an index letter first, then the rest."""
    show = printer._print if printer else latex
    return _terms(expression, show, " ")


def affine_text(expression):
    """Print an index as text, in the same order."""
    return _terms(expression, str, "*")


def _terms(expression, show, times):
    text = ""
    for term in sorted(Add.make_args(expression), key=_rank):
        minus = term.could_extract_minus_sign()
        factors = sorted(Mul.make_args(-term if minus else term), key=_place)
        shown = times.join(f"({show(f)})" if f.is_Add else show(f) for f in factors)
        sign = (" - " if text else "-") if minus else (" + " if text else "")
        text += sign + shown
    return text


def _rank(term):
    """Positive terms with an index first, in the book's order; then sizes, numbers."""
    letters = [_letter(s) for s in term.free_symbols if _is_index(s)]
    return (
        term.could_extract_minus_sign(),
        not letters,
        min(letters, default=""),
        term.is_number,
        str(term),
    )


def _place(factor):
    """Numbers, then sizes, then the index."""
    return not factor.is_number, _is_index(factor), str(factor)


def _is_index(symbol):
    return type(symbol).__name__ == "Index"


def _letter(symbol):
    name = symbol.name.strip("'")
    order = _ORDER.split()
    return f"{order.index(name):02}" if name in order else f"99{name}"
