"""Measure conv2d and its gradients against PyTorch and against one matrix product.

    python bench/ratios.py [--json FILE] [--rounds R] [--layers NAME …] [--gate]

Once the windows lie ready as columns of K = C_in/groups · K_h · K_w numbers, a
convolution is one product (C_out, K) @ (K, N · H_out · W_out), and its two gradients
are two products of as many operations.  So the forward time is divided by that of one
such ``np.matmul``, the backward time by twice that, and both by PyTorch's.  Every call
has a bias, one thread, and an untimed run before each timed one; calls take turns
within a round.  The numbers are integers, and nothing is timed before all are equal.

A cell holds the median of a ratio over the rounds, then the ratio of the fastest runs;
the smaller one counts.  ``--gate`` exits 1 and names each dense layer that is outside
its bounds in all of three attempts.  A layer is

    dense     one group, and a weight matrix (C_out, K) with no side below 32
    thin      one group, but a shorter side: to write the columns or the output takes
              about as long as to multiply them, so it is shown and not judged
    grouped   many small products instead of one; shown, not judged

Where the processor has AVX-512, all is measured again with OpenBLAS's kernels for it.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.autograd import grad
from torch.nn import functional as F

from cnnref.functional import conv2d, conv2d_backward

BOUNDS = {"forward / matmul": 2.0, "backward / 2 matmul": 2.5}
RATIOS = {  # what is timed, how many yardsticks it is divided by, the yardstick
    "forward / matmul": ("forward", 1, "matmul"),
    "forward / torch": ("forward", 1, "torch forward"),
    "backward / 2 matmul": ("backward", 2, "matmul"),
    "backward / torch": ("backward", 1, "torch backward"),
}
LINE = "{:9}{:15}{:8} {:7}" + " {:>19}" * len(RATIOS)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

LAYERS = {  # the shapes of the input and the weight, the settings
    "lenet_conv1": ((32, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}),
    "keras_conv1": ((32, 1, 28, 28), (32, 1, 3, 3), {}),
    "keras_conv2": ((32, 32, 13, 13), (64, 32, 3, 3), {}),
    "alexnet_conv1": ((4, 3, 224, 224), (64, 3, 11, 11), {"stride": 4, "padding": 2}),
    "resnet_stem": ((4, 3, 224, 224), (64, 3, 7, 7), {"stride": 2, "padding": 3}),
    "resnet_56": ((4, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
    "resnet_28": ((4, 128, 28, 28), (128, 128, 3, 3), {"padding": 1}),
    "resnet_14": ((8, 256, 14, 14), (256, 256, 3, 3), {"padding": 1}),
    "resnet_7": ((8, 512, 7, 7), (512, 512, 3, 3), {"padding": 1}),
    "strided": ((4, 128, 56, 56), (128, 128, 3, 3), {"stride": 2, "padding": 1}),
    "expand_1x1": ((4, 64, 56, 56), (256, 64, 1, 1), {}),
    "dilated": ((4, 256, 28, 28), (256, 256, 3, 3), {"padding": 2, "dilation": 2}),
    "depthwise": ((4, 128, 28, 28), (128, 1, 3, 3), {"padding": 1, "groups": 128}),
}


def kind(name):
    """Say whether a layer is dense, thin or grouped."""
    _, (c_out, *kernel), settings = LAYERS[name]
    if "groups" in settings:
        return "grouped"
    return "thin" if min(c_out, math.prod(kernel)) < 32 else "dense"


def functions(name, dtype):
    """Return what is to be timed, by name, after checking that the results agree."""
    shape, kernel, settings = LAYERS[name]
    draw = np.random.default_rng(0).integers
    x, w, b = (draw(-3, 4, s).astype(dtype) for s in (shape, kernel, kernel[0]))
    leaves = [torch.from_numpy(array).requires_grad_() for array in (x, w, b)]
    ty = F.conv2d(*leaves, **settings)
    y = ty.detach().numpy()
    g = draw(-3, 4, y.shape).astype(dtype)
    tg = torch.from_numpy(g)

    where = {key: value for key, value in settings.items() if key != "groups"}
    rows = w.reshape(settings.get("groups", 1), -1, math.prod(kernel[1:]))
    columns = F.unfold(leaves[0].detach(), kernel[2:], **where).numpy()
    columns = np.concatenate(columns.reshape(len(x), *rows.shape[::2], -1), axis=-1)
    timed = {
        "matmul": lambda: np.matmul(rows, columns),
        "forward": lambda: conv2d(x, w, b, **settings),
        "torch forward": lambda: F.conv2d(*leaves, **settings),
        "backward": lambda: conv2d_backward(g, x, w, b, **settings),
        "torch backward": lambda: grad(ty, leaves, tg, retain_graph=True),
    }
    product = timed["matmul"]().reshape(len(w), len(x), -1).swapaxes(0, 1)
    agree = partial(np.testing.assert_array_equal, err_msg=f"{name} {dtype}")
    agree(product.reshape(y.shape) + b.reshape(-1, 1, 1), y)
    agree(timed["forward"](), y)
    expected = timed["torch backward"]()
    for ours, theirs in zip(timed["backward"](), expected, strict=True):
        agree(ours, theirs.numpy())
    return timed


def measure(name, dtype, rounds):
    """Return the fastest runs in seconds, and the ratios, from interleaved rounds."""
    timed = functions(name, dtype)
    runs = {call: [] for call in timed}
    for _ in range(rounds):
        for call, function in timed.items():
            function()
            start = time.perf_counter()
            function()
            runs[call].append(time.perf_counter() - start)
    row = {"seconds": {call: min(seconds) for call, seconds in runs.items()}}
    for ratio, (call, count, yardstick) in RATIOS.items():
        ours, theirs = np.array(runs[call]), count * np.array(runs[yardstick])
        row[ratio] = {
            "median": float(np.median(ours / theirs)),
            "min/min": float(ours.min() / theirs.min()),
        }
    return row


def misses(row):
    """Say which bounds a row is outside of; only dense layers have bounds."""
    who = f"{row['layer']} {row['dtype']} ({row['blas']})"
    return [
        f"{who}: {ratio} is {best:.2f}, above {bound}"
        for ratio, bound in BOUNDS.items()
        if row["kind"] == "dense" and (best := min(row[ratio].values())) > bound
    ]


def measure_here(blas, names, rounds):
    """Measure in this process and print one row of JSON per layer and dtype."""
    for name in names:
        for dtype in ("float32", "float64"):
            row = {"blas": blas, "layer": name, "dtype": dtype, "kind": kind(name)}
            for attempt in (1, 2, 3):
                row |= {"attempts": attempt, **measure(name, dtype, rounds)}
                if not misses(row):
                    break
            print(json.dumps(row), flush=True)


def measure_apart(names, rounds):
    """Yield the rows of every BLAS flavour, each measured in a process of its own."""
    flavours = {"default": {}}
    processor = Path("/proc/cpuinfo")
    if processor.exists() and "avx512f" in processor.read_text():
        flavours["SkylakeX"] = {"OPENBLAS_CORETYPE": "SkylakeX"}
    for blas, chosen in flavours.items():
        command = [sys.executable, __file__, "--measure-here", blas]
        command += ["--rounds", str(rounds), "--layers", *names]
        environment = {**os.environ, **dict.fromkeys(THREADS, "1"), **chosen}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as run:
            yield from map(json.loads, run.stdout)
        if run.returncode:
            sys.exit(f"measuring with the {blas} BLAS ended with {run.returncode}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--rounds", type=int, default=7, metavar="R", help="at least 7")
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--gate", action="store_true", help="exit 1 outside the bounds")
    parser.add_argument("--measure-here", metavar="BLAS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rounds < 7:
        parser.error(f"--rounds must be at least 7, not {options.rounds}")
    if options.gate and "dense" not in map(kind, options.layers):
        parser.error("--gate judges dense layers, and --layers names none")
    if options.json and not options.json.absolute().parent.is_dir():
        parser.error(f"--json: there is no folder for {options.json}")
    if options.measure_here:
        return measure_here(options.measure_here, options.layers, options.rounds)

    print(LINE.format("BLAS", "layer", "dtype", "kind", *RATIOS))
    rows = []
    for row in measure_apart(options.layers, options.rounds):
        rows.append(row)
        cells = ["{median:.2f}  {min/min:.2f}".format(**row[ratio]) for ratio in RATIOS]
        print(LINE.format(*list(row.values())[:4], *cells), flush=True)
    if options.json:
        report = {"numpy": np.__version__, "torch": torch.__version__, "rows": rows}
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.gate:
        outside = [line for row in rows for line in misses(row)]
        print(*outside or ["every dense layer is within its bounds"], sep="\n")
        return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
