"""Formulas on paper, and the shipped code run on them.

expressions   Array, Bracket, Within, ZSum: sums over Z of arrays on Zⁿ
calculus      derivative, collapse, reindex, tidy, canonical, equal
evaluate      numbers for a formula, on concrete arrays
division      floors settled by division with remainder
arrays        NumPy arrays of ring elements, and their exact derivatives
traced        numbers that carry their expression and decide comparisons
printing      index expressions in reading order
"""

from cnnref.symbolic.arrays import gradient, polynomial_arrays
from cnnref.symbolic.calculus import (
    canonical,
    collapse,
    derivative,
    equal,
    reindex,
    tidy,
)
from cnnref.symbolic.division import divide, settle_floors
from cnnref.symbolic.evaluate import evaluate
from cnnref.symbolic.expressions import (
    Array,
    Bracket,
    Entry,
    Index,
    Within,
    ZSum,
    indices,
    sizes,
)
from cnnref.symbolic.traced import Trace, Traced

__all__ = [
    "Array",
    "Bracket",
    "Entry",
    "Index",
    "Trace",
    "Traced",
    "Within",
    "ZSum",
    "canonical",
    "collapse",
    "derivative",
    "divide",
    "equal",
    "evaluate",
    "gradient",
    "indices",
    "polynomial_arrays",
    "reindex",
    "settle_floors",
    "sizes",
    "tidy",
]
