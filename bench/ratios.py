"""Measure conv2d and its gradients against PyTorch and against one matrix product.

    python bench/ratios.py [--json FILE] [--rounds R] [--layers NAME …] [--gate]

Once the windows of N images lie ready as columns of K = C_in/groups · K_h · K_w
numbers, a convolution is one product (C_out, K) @ (K, N · H_out · W_out), and its two
gradients are two products of as many operations.  So the forward time is divided by
the time of one such ``np.matmul``, the backward time by twice that time, and both by
PyTorch's.  Every call has a bias, one thread, and an untimed run before each timed one;
the calls take turns within a round.  The numbers are small integers, and nothing is
timed before all results agree exactly.

The table shows the median of a ratio over the rounds, then the ratio of the fastest
runs; the smaller one counts.  ``--gate`` exits 1 and names the layer where a dense
layer leaves a bound in each of three attempts.  A layer is

    dense     one group, and a weight matrix (C_out, K) with no side below 32
    thin      one group, but a shorter side: to write the columns or the output takes
              about as long as to multiply them, and no form that builds columns can
              stay within the bounds
    grouped   many small products instead of one

Where the processor has AVX-512, all is measured again with OpenBLAS's kernels for it.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from cnnref.functional import conv2d, conv2d_backward

ATTEMPTS = 3
BOUNDS = {"forward / matmul": 2.0, "backward / 2 matmul": 2.5}
RATIOS = {  # ratio: (what is timed, how often its yardstick, the yardstick)
    "forward / matmul": ("forward", 1, "matmul"),
    "forward / torch": ("forward", 1, "torch forward"),
    "backward / 2 matmul": ("backward", 2, "matmul"),
    "backward / torch": ("backward", 1, "torch backward"),
}
ONE_THREAD = {
    f"{pool}_NUM_THREADS": "1" for pool in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM")
}
HEADER = "{:9}{:15}{:8} {:7}" + " {:>19}" * len(RATIOS)


class Layer(NamedTuple):
    """A square kernel on a batch of square images."""

    batch: int
    c_in: int
    size: int
    c_out: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1

    @property
    def column(self):
        return self.c_in // self.groups * self.kernel_size**2

    @property
    def kind(self):
        if self.groups > 1:
            return "grouped"
        return "thin" if min(self.c_out, self.column) < 32 else "dense"


LAYERS = {
    "lenet_conv1": Layer(32, 1, 28, 6, 5, padding=2),
    "keras_conv1": Layer(32, 1, 28, 32, 3),
    "keras_conv2": Layer(32, 32, 13, 64, 3),
    "alexnet_conv1": Layer(4, 3, 224, 64, 11, stride=4, padding=2),
    "resnet_stem": Layer(4, 3, 224, 64, 7, stride=2, padding=3),
    "resnet_56": Layer(4, 64, 56, 64, 3, padding=1),
    "resnet_28": Layer(4, 128, 28, 128, 3, padding=1),
    "resnet_14": Layer(8, 256, 14, 256, 3, padding=1),
    "resnet_7": Layer(8, 512, 7, 512, 3, padding=1),
    "resnet_strided": Layer(4, 128, 56, 128, 3, stride=2, padding=1),
    "expand_1x1": Layer(4, 64, 56, 256, 1),
    "dilated": Layer(4, 256, 28, 256, 3, padding=2, dilation=2),
    "depthwise": Layer(4, 128, 28, 128, 3, padding=1, groups=128),
}


def functions(layer, dtype):
    """Return what is to be timed, by name, after checking that the numbers agree."""
    n, c_in, size, c_out, k, stride, padding, dilation, groups = layer
    rng = np.random.default_rng(0)

    def integers(*shape):
        return rng.integers(-3, 4, shape).astype(dtype)

    x, b = integers(n, c_in, size, size), integers(c_out)
    w = integers(c_out, c_in // groups, k, k)
    leaves = [torch.from_numpy(array).requires_grad_() for array in (x, w, b)]
    settings = (stride, padding, dilation, groups)
    torch_y = torch.nn.functional.conv2d(*leaves, *settings)
    y = torch_y.detach().numpy()
    g = integers(*y.shape)

    unfold = torch.nn.Unfold(k, dilation, padding, stride)
    ready = unfold(torch.from_numpy(x)).reshape(n, groups, layer.column, -1)
    ready = ready.permute(1, 2, 0, 3).reshape(groups, layer.column, -1).numpy()
    rows = w.reshape(groups, c_out // groups, -1)

    timed = {
        "matmul": lambda: rows @ ready,
        "forward": lambda: conv2d(x, w, b, *settings),
        "torch forward": lambda: torch.nn.functional.conv2d(*leaves, *settings),
        "backward": lambda: conv2d_backward(g, x, w, b, *settings),
        "torch backward": lambda: torch.autograd.grad(
            torch_y, leaves, torch.from_numpy(g), retain_graph=True
        ),
    }
    product = timed["matmul"]().reshape(c_out, n, -1).swapaxes(0, 1).reshape(y.shape)
    np.testing.assert_array_equal(product + b.reshape(-1, 1, 1), y)
    np.testing.assert_array_equal(timed["forward"](), y)
    for ours, theirs in zip(timed["backward"](), timed["torch backward"](), strict=True):
        np.testing.assert_array_equal(ours, theirs.numpy())
    return timed


def measure(layer, dtype, rounds):
    """Return the ratios and the fastest runs in seconds, from interleaved rounds."""
    timed = functions(layer, dtype)
    seconds = {name: [] for name in timed}
    for _ in range(rounds):
        for name, function in timed.items():
            function()
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    row = {"seconds": {name: min(runs) for name, runs in seconds.items()}}
    for ratio, (ours, count, yardstick) in RATIOS.items():
        pairs = zip(seconds[ours], seconds[yardstick], strict=True)
        row[ratio] = {
            "median": statistics.median(a / (count * b) for a, b in pairs),
            "min/min": min(seconds[ours]) / (count * min(seconds[yardstick])),
        }
    return row


def misses(row):
    """Say which bounds a row leaves."""
    least = {ratio: min(row[ratio].values()) for ratio in BOUNDS}
    return [
        f"{row['layer']} {row['dtype']} ({row['blas']}): {ratio} is {least[ratio]:.2f}, "
        f"above {bound}"
        for ratio, bound in BOUNDS.items()
        if least[ratio] > bound
    ]


def measure_here(blas, names, rounds):
    """Measure in this process and print one row of JSON per layer and dtype."""
    for name in names:
        layer = LAYERS[name]
        for dtype in ("float32", "float64"):
            facts = {"blas": blas, "layer": name, "dtype": dtype, "kind": layer.kind}
            for attempt in range(1, ATTEMPTS + 1):
                row = {**facts, "attempt": attempt, **measure(layer, dtype, rounds)}
                if layer.kind != "dense" or not misses(row):
                    break
            print(json.dumps(row), flush=True)


def measure_apart(blas, environment, arguments):
    """Yield the rows that a fresh process measures with one flavour of BLAS."""
    command = [sys.executable, __file__, *arguments, "--measure-here", blas]
    environment = {**os.environ, **ONE_THREAD, **environment}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        yield from map(json.loads, process.stdout)
    if process.returncode:
        sys.exit(f"{blas}: the measurement ended with {process.returncode}")


def flavours():
    """Return the BLAS flavours that this processor can run, as environments."""
    found = {"default": {}}
    cpu = Path("/proc/cpuinfo")
    if cpu.exists() and "avx512f" in cpu.read_text():
        found["SkylakeX"] = {"OPENBLAS_CORETYPE": "SkylakeX"}
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows")
    parser.add_argument("--rounds", type=int, default=7, metavar="R", help="7 or more")
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--gate", action="store_true", help="exit 1 outside a bound")
    parser.add_argument("--measure-here", metavar="BLAS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rounds < 7:
        parser.error(f"--rounds must be at least 7, not {options.rounds}")
    dense = [name for name in options.layers if LAYERS[name].kind == "dense"]
    if options.gate and not dense:
        parser.error("--gate judges dense layers, and none is named")
    if options.measure_here:
        return measure_here(options.measure_here, options.layers, options.rounds)

    arguments = ["--rounds", str(options.rounds), "--layers", *options.layers]
    print(HEADER.format("BLAS", "layer", "dtype", "kind", *RATIOS))
    rows = []
    for blas, environment in flavours().items():
        for row in measure_apart(blas, environment, arguments):
            pairs = ["{median:.2f}  {min/min:.2f}".format(**row[r]) for r in RATIOS]
            print(HEADER.format(*list(row.values())[:4], *pairs), flush=True)
            rows.append(row)
    if options.json:
        machine = {"python": platform.python_version(), "numpy": np.__version__}
        machine |= {"torch": torch.__version__, "processor": platform.processor()}
        text = json.dumps({**machine, "rounds": options.rounds, "rows": rows}, indent=1)
        options.json.write_text(text + "\n")
    outside = [line for row in rows if row["kind"] == "dense" for line in misses(row)]
    if options.gate:
        print(*outside or ["every dense layer is within its bounds"], sep="\n")
        return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
