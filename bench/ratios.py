"""Measure cnnref against PyTorch, and convolutions against one matrix product.

    python bench/ratios.py [SUITE …] [--cases NAME …] [--rounds R] [--json FILE]
                           [--gate]

The suites are in `bench/suites`: convolution, pooling, optimizer, network.  Everything
runs on one thread, with an untimed run before each timed one; calls take turns within
a round, and nothing is timed before its numbers are right.

A cell holds the median of a ratio over the rounds, then the ratio of the fastest runs;
the smaller one counts.  ``--gate`` exits 1 and names each case that is outside its
bounds in all of three attempts; what has no bounds is shown and not judged.

NumPy's OpenBLAS may choose older kernels than the processor allows, and PyTorch does
not.  Where the processor has AVX-512, all is measured again with the kernels for it:
what is divided by PyTorch's time is judged there, with the same instructions on both
sides.  What is divided by a matrix product is judged as NumPy is installed; a faster
product only makes the copying beside it weigh more.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from suites import SUITES

DTYPES = ("float32", "float64")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def flavours():
    """Return the environment of each flavour of the BLAS, the one for AVX-512 last."""
    processor = Path("/proc/cpuinfo")
    chosen = {"default": {}}
    if processor.exists() and "avx512f" in processor.read_text():
        chosen["SkylakeX"] = {"OPENBLAS_CORETYPE": "SkylakeX"}
    return chosen


def measure(suite, case, dtype, rounds):
    """Return the fastest runs in seconds, and the ratios, from interleaved rounds."""
    timed = SUITES[suite].functions(case, dtype)
    runs = {call: [] for call in timed}
    for _ in range(rounds):
        for call, function in timed.items():
            function()
            start = time.perf_counter()
            function()
            runs[call].append(time.perf_counter() - start)
    seconds = {call: min(times) for call, times in runs.items()}
    ratios = {}
    for ratio, (call, count, yardstick) in SUITES[suite].RATIOS.items():
        ours, theirs = np.array(runs[call]), count * np.array(runs[yardstick])
        ratios[ratio] = {
            "median": float(np.median(ours / theirs)),
            "min/min": float(ours.min() / theirs.min()),
        }
    return {"seconds": seconds, "ratios": ratios}


def best(row, ratio):
    return min(row["ratios"][ratio].values())


def judged(row, ratio):
    """Say whether the ratio counts in this flavour of the BLAS."""
    kinds = [*flavours()]
    return row["blas"] == (kinds[-1] if "torch" in ratio else kinds[0])


def misses(row):
    """Say which bounds a row is outside of."""
    bounds = SUITES[row["suite"]].bounds(row["case"], row["dtype"])
    who = "{case} {dtype} ({blas})".format(**row)
    return [
        f"{who}: {ratio} is {best(row, ratio):.2f}, above {bound}"
        for ratio, bound in bounds.items()
        if judged(row, ratio) and best(row, ratio) > bound
    ]


def means(rows):
    """Yield each geometric mean over the bounded cases of a suite, with its bound."""
    for suite, module in SUITES.items():
        for dtype in DTYPES:
            chosen = [
                row
                for row in rows
                if (row["suite"], row["dtype"]) == (suite, dtype)
                and len(module.bounds(row["case"], dtype)) == 2
            ]
            for ratio, bound in module.means(dtype).items():
                here = [best(r, ratio) for r in chosen if judged(r, ratio)]
                if here:
                    mean = math.exp(sum(map(math.log, here)) / len(here))
                    yield f"{suite} {dtype}: mean of {ratio}", mean, bound


def measure_here(blas, suites, cases, rounds):
    """Measure in this process and print one row of JSON per case and dtype."""
    for suite in suites:
        for case in SUITES[suite].CASES:
            if cases and case not in cases:
                continue
            for dtype in DTYPES:
                row = {"blas": blas, "suite": suite, "case": case, "dtype": dtype}
                for attempt in (1, 2, 3):
                    row |= {"attempts": attempt} | measure(suite, case, dtype, rounds)
                    if not misses(row):
                        break
                print(json.dumps(row), flush=True)


def measure_apart(suites, cases, rounds):
    """Yield the rows of every BLAS flavour, each measured in a process of its own."""
    for blas, chosen in flavours().items():
        command = [sys.executable, __file__, *suites, "--measure-here", blas]
        command += ["--rounds", str(rounds), "--cases", *cases]
        environment = {**os.environ, **dict.fromkeys(THREADS, "1"), **chosen}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as run:
            yield from map(json.loads, run.stdout)
        if run.returncode:
            sys.exit(f"measuring with the {blas} BLAS ended with {run.returncode}")


def show(row, suite):
    """Print a row, below a heading where a suite or a flavour begins."""
    ratios = row["ratios"]
    if (row["suite"], row["blas"]) != suite:
        heading = f"\n{row['suite']}, BLAS {row['blas']}"
        print(f"{heading:26}", *(f"{ratio:>20}" for ratio in ratios))
    cells = (f"{r['median']:.2f}  {r['min/min']:.2f}" for r in ratios.values())
    print(f"{row['case']:17}{row['dtype']:8}", *(f"{c:>20}" for c in cells), flush=True)


def main():
    every = [case for suite in SUITES.values() for case in suite.CASES]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], metavar="SUITE")
    parser.add_argument("--cases", nargs="*", choices=every, default=[], metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--rounds", type=int, default=7, metavar="R", help="at least 7")
    parser.add_argument("--gate", action="store_true", help="exit 1 outside the bounds")
    parser.add_argument("--measure-here", metavar="BLAS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    suites = options.suites or list(SUITES)
    if options.rounds < 7:
        parser.error(f"--rounds must be at least 7, not {options.rounds}")
    if options.json and not options.json.absolute().parent.is_dir():
        parser.error(f"--json: there is no folder for {options.json}")
    if options.measure_here:
        return measure_here(options.measure_here, suites, options.cases, options.rounds)

    rows, last = [], ("", "")
    for row in measure_apart(suites, options.cases, options.rounds):
        rows.append(row)
        show(row, last)
        last = row["suite"], row["blas"]
    print()
    outside = [line for row in rows for line in misses(row)]
    for words, mean, bound in means(rows):
        print(f"{words} is {mean:.2f}")
        if mean > bound:
            outside.append(f"{words} is {mean:.2f}, above {bound}")
    if options.json:
        report = {"numpy": np.__version__, "torch": torch.__version__, "rows": rows}
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.gate:
        bounded = any(SUITES[r["suite"]].bounds(r["case"], r["dtype"]) for r in rows)
        if not bounded:
            parser.error("--gate: nothing that was measured has bounds")
        print(*outside or ["everything is within its bounds"], sep="\n")
        return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
