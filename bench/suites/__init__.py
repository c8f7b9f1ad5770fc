"""What is measured: one module per suite.

Each has

    CASES      the names of what is measured
    RATIOS     by their names: what is timed, how many yardsticks it is divided by, and
               the yardstick
    functions  functions(case, dtype) returns what is to be timed, by name, after
               checking that the results agree: a wrong result has no time
    bounds     bounds(case, dtype) returns the largest ratios that pass, by their names
    means      the largest geometric means over the bounded cases, by ratio and dtype
"""

from suites import convolution, network, optimizer, pooling

SUITES = {
    "convolution": convolution,
    "pooling": pooling,
    "optimizer": optimizer,
    "network": network,
}
