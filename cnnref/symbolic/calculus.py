"""The index calculus: what may be done to a sum over Z, and nothing else.

    derivative(L, x[h])        ∂L/∂x[h], without capturing h
    collapse(Σ, p)             remove a bracket through an index of coefficient ±1
    reindex(Σ, {i: u - h})     a change of variables that maps Zⁿ onto Zⁿ
    tidy(E)                    one sum per term, brackets and names in order
    canonical(E), equal(A, B)  names normalised: equal sums cancel

Each raises where its step would be unsound, so a derivation that runs is a derivation.
"""

from itertools import count, groupby, islice, permutations, product

from sympy import (
    Abs,
    Add,
    Dummy,
    Heaviside,
    Integer,
    Matrix,
    Max,
    Min,
    Mul,
    Piecewise,
    Pow,
    S,
    ceiling,
    expand,
    floor,
    preorder_traversal,
    sign,
    sympify,
)
from sympy.concrete.expr_with_limits import ExprWithLimits

from cnnref.symbolic.expressions import (
    Bracket,
    Entry,
    Index,
    Within,
    ZSum,
    fresh_names,
    rename,
    substitute,
)

__all__ = ["canonical", "collapse", "derivative", "equal", "reindex", "tidy"]

# Functions without a derivative everywhere, to which SymPy gives one all the same.
_KINKED = (Abs, Heaviside, Max, Min, Piecewise, ceiling, floor, sign)


def derivative(expression, entry):
    """Differentiate an expression with respect to one entry of an array.

        ∂x[a]/∂x[h] = [a = h],   ∂/∂x[h] Σ_i f(i) = Σ_i ∂f(i)/∂x[h]

    The entry's indices are free.  A bound index of the same name is another variable
    and is renamed first, so it cannot capture them.

    Raises
    ------
    TypeError, ValueError
        If ``entry`` is no entry or has another rank than the array, or if a function
        of arrays has a kink: what holds there is a convention, not a derivative.

    Examples
    --------
    >>> h, i = Index("h"), Index("i")
    >>> derivative(ZSum(Entry("x", i) ** 2, i), Entry("x", h))
    2*x[h]
    """
    if not isinstance(entry, Entry):
        raise TypeError(f"derivative: {entry} is not an entry of an array")
    return tidy(collapse(_derivative(sympify(expression), entry)))


def _derivative(expression, entry):
    if isinstance(expression, Entry):
        if expression.array != entry.array:
            return S.Zero
        if len(expression.index) != len(entry.index):
            raise ValueError(f"derivative: {expression} and {entry} differ in rank")
        return Mul(*map(Bracket, expression.index, entry.index))
    if isinstance(expression, ZSum):
        clashing = set(expression.bound) & entry.free_symbols
        taken = expression.body.free_symbols | entry.free_symbols
        inner = rename(expression, clashing, taken)
        return ZSum(_derivative(inner.body, entry), *inner.bound)
    if expression.has(ExprWithLimits):
        raise TypeError(f"derivative: {expression} binds an index; sums are ZSum")
    # The chain rule: every array or sum inside stands for one variable.
    inside = {node: Dummy() for node in _outermost(expression)}
    back = {dummy: node for node, dummy in inside.items()}
    outer = expression.xreplace(inside)
    if any(_symbols(outer.atoms(*_KINKED)) & set(back)):
        raise ValueError(f"derivative: {expression} has a kink")
    return Add(
        *(
            outer.diff(dummy).xreplace(back) * _derivative(node, entry)
            for node, dummy in inside.items()
        )
    )


def _outermost(expression):
    """Return the entries and sums that no other of them contains."""
    if isinstance(expression, Entry | ZSum):
        return {expression}
    if isinstance(expression, Bracket | Within):
        return set()
    return set().union(*map(_outermost, expression.args))


def collapse(expression, *through):
    """Remove brackets [a = b] from sums by solving them for a bound index.

        Σ_p f(p) · [h = p + e] = f(h − e)

    It is sound only if the index occurs in a − b with coefficient +1 or −1: then every
    integer value of the rest gives exactly one integer p.  For [h = s·p] with a
    symbolic or larger s, divisibility decides, and the bracket stays.

    Parameters
    ----------
    through : Index
        The indices to solve for.  Each must be solvable in some term, else ValueError;
        with none named, every bracket is removed that can be.
    """
    terms = [_collapse(term, through) for term in _terms(sympify(expression))]
    solved = set().union(*(indices for _, indices in terms))
    for index in through:
        if index not in solved:
            raise ValueError(
                f"collapse: no bracket fixes {index} with coefficient ±1 "
                f"in {expression}"
            )
    return Add(*(term for term, _ in terms))


def _collapse(term, through):
    coefficient, factors, bound = term
    solved = set()
    while True:
        solution = next(_solutions(factors, through or bound, bound), None)
        if solution is None:
            return _assemble(coefficient, factors, bound), solved
        bracket, index, value = solution
        solved.add(index)
        factors = [substitute(f, {index: value}) for f in factors if f is not bracket]
        bound = tuple(b for b in bound if b != index)
        factors = [g for f in factors for g in Mul.make_args(f)]


def _solutions(factors, candidates, bound):
    """Yield every (bracket, index, value) with the bracket solved for the index."""
    for factor in factors:
        if isinstance(factor, Bracket):
            difference = expand(factor.args[0] - factor.args[1])
            for index in candidates:
                slope = difference.coeff(index, 1)
                rest = expand(difference - slope * index)
                if index in bound and slope in (1, -1) and not rest.has(index):
                    yield factor, index, expand(-slope * rest)


def reindex(total, change):
    """Change the variables of a sum: each key is a bound index, each value its rule.

    The new indices are those in the rules that the sum does not already use freely.
    The rules must be affine with integer coefficients and determinant ±1 in the new
    indices, and integer constants: only then do they map Zⁿ onto Zⁿ, each point once.

    >>> h, i, u = map(Index, "hiu")
    >>> reindex(ZSum(Entry("x", h + i), i), {i: u - h})
    Sum[u](x[u])
    """
    if not isinstance(total, ZSum):
        raise TypeError(f"reindex: {total} is not a single sum")
    old = tuple(change)
    rules = [expand(sympify(rule)) for rule in change.values()]
    for index in old:
        if index not in total.bound:
            raise ValueError(f"reindex: {index} is not bound in {total}")
    kept = [index for index in total.bound if index not in old]
    used = set().union(*(rule.free_symbols for rule in rules))
    new = sorted(
        (s for s in used - total.free_symbols - set(kept) if isinstance(s, Index)),
        key=str,
    )
    if len(new) != len(old):
        raise ValueError(f"reindex: {len(old)} indices cannot become {new}")
    jacobian = Matrix([[rule.coeff(n, 1) for n in new] for rule in rules])
    shifts = [
        expand(rule - sum(c * n for c, n in zip(row, new)))
        for rule, row in zip(rules, jacobian.tolist())
    ]
    affine = all(c.is_integer and not c.has(*new) for c in [*jacobian, *shifts])
    if not affine or expand(jacobian.det()) not in (1, -1):
        raise ValueError(
            f"reindex: {dict(change)} is not unimodular in {new}, so it does not map "
            "the integers onto the integers"
        )
    body = substitute(total.body, dict(zip(old, rules)))
    names = dict(zip(old, new))
    return ZSum(_in_order(body), *(names.get(index, index) for index in total.bound))


def tidy(expression):
    """Expand into one sum per term, constants in front, keeping the author's names."""
    return Add(*(_assemble(*term) for term in _terms(sympify(expression))))


def canonical(expression):
    """Return the form that depends on no bound name: equal sums become identical."""
    return Add(*(_normalised(*term) for term in _terms(tidy(expression))))


def equal(left, right):
    """Decide whether two expressions agree after renaming their bound indices.

    A False answer may mean that a change of variables is still to be stated.
    """
    return canonical(sympify(left) - sympify(right)) == 0


# Terms: (coefficient, factors, bound indices) -----------------------------------------


def _terms(expression):
    """Expand an expression into a sum of products under one ZSum each."""
    if isinstance(expression, ExprWithLimits):
        raise TypeError(f"{expression} binds an index; sums are ZSum")
    if isinstance(expression, Add):
        return [term for arg in expression.args for term in _terms(arg)]
    if isinstance(expression, ZSum):
        return [_bind(*term, expression.bound) for term in _terms(expression.body)]
    if isinstance(expression, Mul):
        parts = [_terms(arg) for arg in expression.args]
        return [_multiply(chosen) for chosen in product(*parts)]
    if isinstance(expression, Pow) and expression.exp.is_Integer:
        base, exponent = expression.base, int(expression.exp)
        if exponent > 1 and (base.has(ZSum) or isinstance(base, Add)):
            parts = [_terms(base)] * exponent
            return [_multiply(chosen) for chosen in product(*parts)]
    if expression.has(Entry, Bracket, Within, ZSum):
        return [(S.One, [_inside(expression)], ())]
    return [(expression, [], ())]


def _inside(expression):
    """Tidy the sums within a function, such as exp or 1/…, that holds arrays."""
    if isinstance(expression, Entry | Bracket | Within):
        return _in_order(expression)
    return expression.xreplace(
        {node: tidy(node) for node in _outermost(expression) if node.has(ZSum)}
    )


def _bind(coefficient, factors, inner, outer):
    """Put outer indices around a term whose inner ones may carry the same names."""
    factors, inner = _renamed(factors, inner, {*outer, *coefficient.free_symbols})
    outside, depends = _split(Mul.make_args(coefficient), outer)
    return Mul(*outside), [*factors, *depends], (*outer, *inner)


def _multiply(terms):
    """Multiply terms, keeping their bound indices apart."""
    coefficient, factors, bound = S.One, [], ()
    for other, more, inner in terms:
        more, inner = _renamed(more, inner, {*bound, *_symbols(factors)})
        factors, bound = _renamed(factors, bound, {*inner, *_symbols(more)})
        coefficient, factors = coefficient * other, [*factors, *more]
        bound = (*bound, *inner)
    return coefficient, factors, bound


def _renamed(factors, bound, taken):
    """Rename the bound indices of a term that are taken elsewhere."""
    if taken.isdisjoint(bound):
        return factors, bound
    names = fresh_names(taken.intersection(bound), {*taken, *bound, *_symbols(factors)})
    return (
        [substitute(f, names) for f in factors],
        tuple(names.get(index, index) for index in bound),
    )


def _symbols(factors):
    return set().union(*(f.free_symbols for f in factors))


def _split(factors, bound):
    """Split factors into those free of the bound indices and the others."""
    outside, inside = [], []
    for factor in factors:
        free = factor.free_symbols.isdisjoint(bound)
        (outside if free else inside).append(factor)
    return outside, inside


def _assemble(coefficient, factors, bound):
    """Return coefficient · Σ factors; an index that no factor holds diverges."""
    body = Mul(*factors)
    if body == 0 or coefficient == 0:
        return S.Zero
    for index in bound:
        if index not in body.free_symbols:
            raise ValueError(f"the sum over {index} of {body} does not end")
    outside, inside = _split(Mul.make_args(body), bound)
    return coefficient * Mul(*outside) * ZSum(Mul(*inside), *bound)


def _in_order(expression):
    """Expand every index, so that equal positions look equal."""
    nodes = [n for n in preorder_traversal(expression) if isinstance(n, Entry)]
    return expression.xreplace(
        {n: Entry(n.args[0], *map(expand, n.index)) for n in nodes}
    )


def _normalised(coefficient, factors, bound):
    """Rename bound indices by how they occur; those alike are tried in all orders."""
    factors = [_in_order(_signed(f)) for f in factors]
    look = {index: _occurrences(index, factors, bound) for index in bound}
    ranked = sorted(bound, key=look.get)
    classes = [list(group) for _, group in groupby(ranked, key=look.get)]
    free = _symbols(factors) - set(bound)
    unused = (name for n in count() if (name := Index(f"k{n}")) not in free)
    names = tuple(islice(unused, len(bound)))
    forms = []
    for orders in product(*map(permutations, classes)):
        order = [index for group in orders for index in group]
        renaming = dict(zip(order, names))
        body = [_canonical_inside(_signed(substitute(f, renaming))) for f in factors]
        forms.append(_assemble(coefficient, body, names))
    return min(forms, key=str)


def _canonical_inside(factor):
    """Normalise the sums within a function, whose free indices have their names."""
    return factor.xreplace(
        {node: canonical(node) for node in _outermost(factor) if node.has(ZSum)}
    )


def _signed(factor):
    """Write [a = b] as [a − b = 0], in the one of two signs that SymPy prefers."""
    if not isinstance(factor, Bracket):
        return factor
    difference = expand(factor.args[0] - factor.args[1])
    if difference.could_extract_minus_sign():
        difference = -difference
    return Bracket(difference, Integer(0))


def _occurrences(index, factors, bound):
    """Describe where an index stands, in words free of any bound name."""
    others = {other: Dummy("_") for other in bound if other != index}
    words = []
    for factor in factors:
        for node in _around(index, factor):
            if isinstance(node, Entry | Bracket | Within):
                places = node.index if isinstance(node, Entry) else node.args
                kind = node.args[0] if isinstance(node, Entry) else type(node).__name__
                for place, position in enumerate(places):
                    slope = expand(position).coeff(index, 1)
                    if position.has(index):
                        if isinstance(node, Bracket):
                            slope = abs(slope)
                        slope = slope.xreplace(others)
                        words.append(f"{kind} {place} {slope}")
    return tuple(sorted(words))


def _around(index, node):
    """Yield the nodes in which an index stands free."""
    if index in node.free_symbols:
        yield node
        for arg in node.args:
            yield from _around(index, arg)
